//! Who knows or trusts whom.

use crate::{Csr, Duplicates, GraphError, UserId};

/// Whether a tie counts one way or both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieDirection {
    /// `a -> b` says that `a` trusts or follows `b`, and nothing about `b`.
    Directed,
    /// A friendship: `a -> b` implies `b -> a`.
    Symmetric,
}

/// Ties between users; row `u` lists whom `u` knows, trusts or follows. Never a tie to oneself.
#[derive(Clone, Debug, PartialEq)]
pub struct SocialGraph {
    ties: Csr,
    direction: TieDirection,
}

impl SocialGraph {
    /// Builds the graph from `(truster, trustee)` pairs. Repeated ties count once, ties to oneself are
    /// left out (the data crate counts both for its report); a symmetric graph gets every tie both ways.
    ///
    /// # Errors
    /// A user outside `0 .. num_users`.
    pub fn from_ties(num_users: usize, ties: &[(UserId, UserId)], direction: TieDirection) -> Result<Self, GraphError> {
        let mut edges = Vec::with_capacity(ties.len() * 2);
        for (edge, &(truster, trustee)) in ties.iter().enumerate() {
            let (row, col) = (truster.0, trustee.0);
            if truster.index() >= num_users || trustee.index() >= num_users {
                return Err(GraphError::OutOfBounds { edge, row, col, num_rows: num_users, num_cols: num_users });
            }
            if row == col {
                continue;
            }
            edges.push((row, col));
            if direction == TieDirection::Symmetric {
                edges.push((col, row));
            }
        }
        let ties = Csr::from_edges(num_users, num_users, &edges, Duplicates::First)?;
        Ok(Self { ties, direction })
    }

    /// Number of users, with and without ties.
    #[must_use]
    pub fn num_users(&self) -> usize {
        self.ties.num_rows()
    }

    /// Number of stored ties; a symmetric tie counts twice.
    #[must_use]
    pub fn num_ties(&self) -> usize {
        self.ties.num_edges()
    }

    /// `num_users x num_users`, row `u` lists whom `u` trusts.
    #[must_use]
    pub fn ties(&self) -> &Csr {
        &self.ties
    }

    /// Whether ties count both ways.
    #[must_use]
    pub fn direction(&self) -> TieDirection {
        self.direction
    }

    /// Whom one user knows, trusts or follows, ascending.
    #[must_use]
    pub fn friends_of(&self, user: UserId) -> &[UserId] {
        UserId::wrap_slice(self.ties.row(user.index()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_ties_against_a_set(pairs in prop::collection::vec((0u32..6, 0u32..6), 0..25), symmetric: bool) {
            let direction = if symmetric { TieDirection::Symmetric } else { TieDirection::Directed };
            let ties: Vec<_> = pairs.iter().map(|&(a, b)| (UserId(a), UserId(b))).collect();
            let graph = SocialGraph::from_ties(6, &ties, direction).unwrap();
            let mut expected = BTreeSet::new();
            for &(a, b) in pairs.iter().filter(|(a, b)| a != b) {
                expected.insert((a, b));
                if symmetric {
                    expected.insert((b, a));
                }
            }
            prop_assert!(graph.ties().edges().eq(expected.iter().copied()));
            prop_assert_eq!((graph.num_users(), graph.num_ties()), (6, expected.len()));
            prop_assert_eq!(graph.direction(), direction);
            for user in (0..6).map(UserId) {
                let friends = expected.iter().filter(|tie| tie.0 == user.0).map(|tie| UserId(tie.1));
                prop_assert!(graph.friends_of(user).iter().copied().eq(friends));
            }
        }
    }

    #[test]
    fn a_tie_to_nobody_is_named() {
        for tie in [(UserId(2), UserId(0)), (UserId(0), UserId(2))] {
            let error = SocialGraph::from_ties(2, &[(UserId(0), UserId(1)), tie], TieDirection::Symmetric).unwrap_err();
            let expected = format!("edge 1: ({}, {}) lies outside a 2 x 2 matrix", tie.0, tie.1);
            assert_eq!(error.to_string(), expected);
        }
    }
}
