//! Pairs of a user and an item with the answer yes or no: what click-through prediction is tested on.
//!
//! Where the negatives come from is the business of whoever drew them; here they are as given as the
//! positives. A [`Holdout`](crate::Holdout), by contrast, holds positives alone.

use crate::{GraphError, ItemId, UserId};

/// Distinct pairs inside a `num_users x num_items` matrix, sorted by user and item, each with a label.
///
/// Held in 9 bytes a pair.
///
/// ```
/// use gnnrec_graph::{ItemId, LabelledPairs, UserId};
/// let pairs = [(UserId(1), ItemId(0), false), (UserId(0), ItemId(2), true)];
/// let labelled = LabelledPairs::new(2, 3, &pairs)?;
/// assert_eq!(labelled.pairs()[0], (UserId(0), ItemId(2)));
/// assert_eq!((labelled.labels(), labelled.num_positive()), (&[true, false][..], 1));
/// # Ok::<(), gnnrec_graph::GraphError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPairs {
    num_users: usize,
    num_items: usize,
    pairs: Vec<(UserId, ItemId)>,
    labels: Vec<bool>,
}

impl LabelledPairs {
    /// Sorts the pairs, in `n log n`, with 4 bytes a pair beside what is kept; `true` is a positive, a
    /// click or a listening.
    ///
    /// # Errors
    /// A pair outside the matrix, the same pair twice (whatever its labels), or more users, items or pairs
    /// than a `u32` can count.
    pub fn new(num_users: usize, num_items: usize, labelled: &[(UserId, ItemId, bool)]) -> Result<Self, GraphError> {
        for (what, count) in [("users", num_users), ("items", num_items), ("labelled pairs", labelled.len())] {
            if u32::try_from(count).is_err() {
                return Err(GraphError::TooMany { what, count });
            }
        }
        for (edge, &(user, item, _)) in labelled.iter().enumerate() {
            if user.index() >= num_users || item.index() >= num_items {
                let (row, col) = (user.0, item.0);
                return Err(GraphError::OutOfBounds { edge, row, col, num_rows: num_users, num_cols: num_items });
            }
        }
        let pair = |&position: &u32| {
            let (user, item, _) = labelled[position as usize];
            (user, item)
        };
        let mut order: Vec<u32> = (0..).take(labelled.len()).collect();
        order.sort_unstable_by_key(|position| (pair(position), *position));
        let repeated = order.windows(2).filter(|two| pair(&two[0]) == pair(&two[1])).map(|two| two[1]);
        if let Some(edge) = repeated.min() {
            let (row, col) = pair(&edge);
            return Err(GraphError::DuplicateEdge { edge: edge as usize, row: row.0, col: col.0 });
        }
        let labels = order.iter().map(|&position| labelled[position as usize].2).collect();
        Ok(Self { num_users, num_items, pairs: order.iter().map(pair).collect(), labels })
    }

    /// Number of users, with and without pairs.
    #[must_use]
    pub fn num_users(&self) -> usize {
        self.num_users
    }

    /// Number of items of the catalogue.
    #[must_use]
    pub fn num_items(&self) -> usize {
        self.num_items
    }

    /// Number of pairs.
    #[must_use]
    pub fn num_pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Number of pairs labelled `true`.
    #[must_use]
    pub fn num_positive(&self) -> usize {
        self.labels.iter().filter(|&&label| label).count()
    }

    /// Every pair, ascending by user and then item.
    #[must_use]
    pub fn pairs(&self) -> &[(UserId, ItemId)] {
        &self.pairs
    }

    /// The label of each pair, in the order of [`LabelledPairs::pairs`].
    #[must_use]
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// The pairs with their labels, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (UserId, ItemId, bool)> + '_ {
        self.pairs.iter().zip(&self.labels).map(|(&(user, item), &label)| (user, item, label))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn labelled(rows: &[(u32, u32, bool)]) -> Result<LabelledPairs, String> {
        let rows: Vec<_> = rows.iter().map(|&(user, item, label)| (UserId(user), ItemId(item), label)).collect();
        LabelledPairs::new(6, 4, &rows).map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn they_are_a_sorted_map(rows in prop::collection::vec((0u32..6, 0u32..4, any::<bool>()), 0..20)) {
            let mut map = BTreeMap::new();
            let mut repeated = None;
            for (position, &(user, item, label)) in rows.iter().enumerate() {
                if map.insert((UserId(user), ItemId(item)), label).is_some() {
                    repeated = repeated.or(Some((position, user, item)));
                }
            }
            match (labelled(&rows), repeated) {
                (Ok(labelled), None) => {
                    prop_assert!(labelled.pairs().iter().eq(map.keys()));
                    prop_assert!(labelled.labels().iter().eq(map.values()));
                    prop_assert_eq!((labelled.num_users(), labelled.num_items()), (6, 4));
                    prop_assert_eq!(labelled.num_pairs(), rows.len());
                    prop_assert_eq!(labelled.num_positive(), rows.iter().filter(|row| row.2).count());
                }
                (Err(error), Some((position, user, item))) => {
                    let named = format!("edge {position}: ({user}, {item}) was given before");
                    prop_assert!(error.starts_with(&named), "{}", error);
                }
                (found, repeated) => prop_assert!(false, "{:?} where {:?} is repeated", found, repeated),
            }
        }
    }

    #[test]
    fn what_lies_outside_is_named() {
        let outside = |edge: &str| Err(format!("{edge} lies outside a 6 x 4 matrix"));
        assert_eq!(labelled(&[(5, 3, true), (6, 0, false)]), outside("edge 1: (6, 0)"));
        assert_eq!(labelled(&[(0, 4, true)]), outside("edge 0: (0, 4)"));
    }
}
