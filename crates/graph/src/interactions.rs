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
