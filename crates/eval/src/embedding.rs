//! Final embedding tables as a scorer: what a trained inner-product model leaves behind.

use gnnrec_graph::UserId;
use pulp::{Arch, Simd, WithSimd};

use crate::product::dot;
use crate::{EvalError, InnerProduct, Scorer};

/// Owns a user and an item table; `score(u, i) = users[u] . items[i]` in `f32`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingScorer {
    users: Vec<f32>,
    items: Vec<f32>,
    dim: usize,
}

impl EmbeddingScorer {
    /// Takes the tables, row-major, `num_users x dim` and `num_items x dim`.
    ///
    /// # Errors
    /// A width of 0, a table that is not a whole number of rows, or more rows than a `u32` counts.
    /// Values that are not finite are found where they reach a score.
    pub fn new(users: Vec<f32>, items: Vec<f32>, dim: usize) -> Result<Self, EvalError> {
        for (table, found) in [("user", users.len()), ("item", items.len())] {
            let rows = found.checked_div(dim).unwrap_or(0);
            if dim == 0 || rows * dim != found || u32::try_from(rows).is_err() {
                return Err(EvalError::TableShape { table, found, rows, dim });
            }
        }
        Ok(Self { users, items, dim })
    }

    /// Width of both tables.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }
}

impl Scorer for EmbeddingScorer {
    fn num_users(&self) -> usize {
        self.users.len() / self.dim
    }

    fn num_items(&self) -> usize {
        self.items.len() / self.dim
    }

    /// The same bits as full ranking through [`Scorer::inner_product`].
    ///
    /// # Panics
    /// If a user lies outside the table or `scores` is not `users.len() x num_items`.
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        assert_eq!(scores.len(), users.len() * self.num_items(), "scores are users x items");
        Arch::new().dispatch(Rows { scorer: self, users, scores });
    }

    fn inner_product(&self) -> Option<InnerProduct<'_>> {
        Some(InnerProduct { users: &self.users, items: &self.items, dim: self.dim })
    }
}

/// Compiled for the running machine, so that a fused multiply-add is one instruction.
struct Rows<'a> {
    scorer: &'a EmbeddingScorer,
    users: &'a [UserId],
    scores: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let EmbeddingScorer { users, items, dim } = self.scorer;
        for (user, scores) in self.users.iter().zip(self.scores.chunks_exact_mut((items.len() / dim).max(1))) {
            let user = &users[user.index() * dim..][..*dim];
            for (score, item) in scores.iter_mut().zip(items.chunks_exact(*dim)) {
                *score = dot(user, item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let scorer = EmbeddingScorer::new(vec![1.0, 2.0, 0.0, -1.0], vec![3.0, 1.0, 0.5, 0.5, -1.0, 4.0], 2).unwrap();
        assert_eq!((scorer.num_users(), scorer.num_items()), (2, 3));
        let mut scores = [0.0; 6];
        scorer.score(&[UserId(1), UserId(0)], &mut scores);
        assert_eq!(scores, [-1.0, -0.5, -4.0, 5.0, 1.5, 7.0]);
    }

    #[test]
    fn tables_that_are_no_tables_are_refused() {
        let shape =
            |users: usize, items: usize, dim| EmbeddingScorer::new(vec![0.0; users], vec![0.0; items], dim).map(|_| ());
        assert_eq!(shape(6, 4, 0), Err(EvalError::TableShape { table: "user", found: 6, rows: 0, dim: 0 }));
        assert_eq!(shape(6, 5, 2), Err(EvalError::TableShape { table: "item", found: 5, rows: 2, dim: 2 }));
    }
}
