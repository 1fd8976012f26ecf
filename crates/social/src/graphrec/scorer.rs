//! Predicted ratings of single pairs and whole rows, in plain Rust over vectors that are computed once.
//!
//! The vectors of all users and items come from the model's own layers, a block of nodes at a time, over whole
//! neighbourhoods whatever the cap in training. A pair then costs `dim · 17` products.

use gnnrec_eval::Scorer;
use gnnrec_graph::{ItemId, UserId};
use rayon::prelude::*;

use super::rating::{Folded, LAST_WIDTH};

/// Pairs a task.
const PAIRS_A_TASK: usize = 256;

/// A snapshot of a GraphRec model that scores.
pub(super) struct GraphRecScorer {
    dim: usize,
    folded: Folded,
}

impl GraphRecScorer {
    pub(super) fn new(dim: usize, folded: Folded) -> Self {
        Self { dim, folded }
    }

    /// A rating, in one order of summation.
    fn rating(&self, user: UserId, item: ItemId) -> f32 {
        let Folded { users, items, second, shift, output, bias } = &self.folded;
        let user = &users[user.index() * self.dim..][..self.dim];
        let item = &items[item.index() * self.dim..][..self.dim];
        let mut last = [0f32; LAST_WIDTH];
        last.copy_from_slice(shift);
        let (second, _) = second.as_chunks::<LAST_WIDTH>();
        for ((user, item), weights) in user.iter().zip(item).zip(second) {
            let first = (user + item).max(0.0);
            for (last, weight) in last.iter_mut().zip(weights) {
                *last += first * weight;
            }
        }
        last.iter().zip(output).fold(*bias, |sum, (last, weight)| sum + last.max(0.0) * weight)
    }
}

impl Scorer for GraphRecScorer {
    fn num_users(&self) -> usize {
        self.folded.users.len() / self.dim
    }

    fn num_items(&self) -> usize {
        self.folded.items.len() / self.dim
    }

    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        let num_items = self.num_items();
        assert_eq!(scores.len(), users.len() * num_items, "one score for each user and item");
        for (&user, scores) in users.iter().zip(scores.chunks_mut(num_items.max(1))) {
            scores.par_chunks_mut(PAIRS_A_TASK).enumerate().for_each(|(task, scores)| {
                for (item, score) in (task * PAIRS_A_TASK..).zip(scores) {
                    *score = self.rating(user, ItemId(u32::try_from(item).expect("items are counted by a u32")));
                }
            });
        }
    }

    fn score_pairs(&self, pairs: &[(UserId, ItemId)], scores: &mut [f32]) {
        assert_eq!(scores.len(), pairs.len(), "one score for each pair");
        pairs.par_chunks(PAIRS_A_TASK).zip(scores.par_chunks_mut(PAIRS_A_TASK)).for_each(|(pairs, scores)| {
            for (&(user, item), score) in pairs.iter().zip(scores) {
                *score = self.rating(user, item);
            }
        });
    }
}
