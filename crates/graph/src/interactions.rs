//! The bipartite graph of users and the items they chose, held from both sides.

use crate::{Csr, Duplicates, GraphError, ItemId, UserId};

/// Interactions by user and, transposed, by item; weights are ratings or strengths where there are any.
#[derive(Clone, Debug, PartialEq)]
pub struct InteractionGraph {
    by_user: Csr,
    by_item: Csr,
}

impl InteractionGraph {
    /// Wraps a `num_users x num_items` matrix and computes its transpose.
    #[must_use]
    pub fn new(by_user: Csr) -> Self {
        let by_item = by_user.transpose();
        Self { by_user, by_item }
    }

    /// Builds the unweighted graph from pairs.
    ///
    /// # Errors
    /// As [`Csr::from_edges`].
    pub fn from_pairs(
        num_users: usize,
        num_items: usize,
        pairs: &[(UserId, ItemId)],
        duplicates: Duplicates,
    ) -> Result<Self, GraphError> {
        let edges: Vec<(u32, u32)> = pairs.iter().map(|&(user, item)| (user.0, item.0)).collect();
        Ok(Self::new(Csr::from_edges(num_users, num_items, &edges, duplicates)?))
    }

    /// Number of users, active or not.
    #[must_use]
    pub fn num_users(&self) -> usize {
        self.by_user.num_rows()
    }

    /// Number of items of the catalogue, seen or not.
    #[must_use]
    pub fn num_items(&self) -> usize {
        self.by_user.num_cols()
    }

    /// Number of interactions.
    #[must_use]
    pub fn num_interactions(&self) -> usize {
        self.by_user.num_edges()
    }

    /// `num_users x num_items`.
    #[must_use]
    pub fn by_user(&self) -> &Csr {
        &self.by_user
    }

    /// `num_items x num_users`.
    #[must_use]
    pub fn by_item(&self) -> &Csr {
        &self.by_item
    }

    /// Items of one user, ascending.
    #[must_use]
    pub fn items_of(&self, user: UserId) -> &[ItemId] {
        ItemId::wrap_slice(self.by_user.row(user.index()))
    }

    /// Users of one item, ascending.
    #[must_use]
    pub fn users_of(&self, item: ItemId) -> &[UserId] {
        UserId::wrap_slice(self.by_item.row(item.index()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_sides_tell_the_same(pairs in prop::collection::btree_set((0u32..6, 0u32..4), 0..20)) {
            let typed: Vec<_> = pairs.iter().rev().map(|&(user, item)| (UserId(user), ItemId(item))).collect();
            let graph = InteractionGraph::from_pairs(6, 4, &typed, Duplicates::Error).unwrap();
            prop_assert_eq!((graph.num_users(), graph.num_items(), graph.num_interactions()), (6, 4, pairs.len()));
            for user in (0..6).map(UserId) {
                let items = pairs.iter().filter(|pair| pair.0 == user.0).map(|pair| ItemId(pair.1));
                prop_assert!(graph.items_of(user).iter().copied().eq(items));
            }
            for item in (0..4).map(ItemId) {
                let users = pairs.iter().filter(|pair| pair.1 == item.0).map(|pair| UserId(pair.0));
                prop_assert!(graph.users_of(item).iter().copied().eq(users));
            }
            prop_assert_eq!(graph.by_item(), &graph.by_user().transpose());
        }
    }

    #[test]
    fn ratings_stay_beside_their_pair() {
        let by_user =
            Csr::from_weighted_edges(2, 3, &[(1, 2, 5.0), (0, 2, 3.0), (1, 0, 1.0)], Duplicates::Error).unwrap();
        let graph = InteractionGraph::new(by_user);
        assert_eq!(graph.by_user().row_weights(1), Some(&[1.0, 5.0][..]));
        assert_eq!(graph.by_item().row_weights(2), Some(&[3.0, 5.0][..]));
    }

    #[test]
    fn an_item_that_does_not_exist_is_named() {
        let error = InteractionGraph::from_pairs(2, 3, &[(UserId(1), ItemId(3))], Duplicates::First).unwrap_err();
        assert_eq!(error.to_string(), "edge 0: (1, 3) lies outside a 2 x 3 matrix");
    }
}
