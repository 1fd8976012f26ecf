//! Scores of single pairs, for predictions that are measured pair by pair: the same bits as in whole rows.

use gnnrec_graph::{ItemId, UserId};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::product::{dot, six_dots};
use crate::{InnerProduct, Scorer};

/// Pairs of a block, at least; a block ends with a user, so that no user's row is scored twice.
const BLOCK: usize = 1_024;

/// The scores of pairs that are sorted by user, 4 bytes a pair, from many threads.
pub(crate) fn scores_of(scorer: &dyn Scorer, pairs: &[(UserId, ItemId)]) -> Vec<f32> {
    let mut scores = vec![0.0; pairs.len()];
    let (mut pairs, mut places, mut blocks) = (pairs, &mut scores[..], Vec::new());
    while let Some(&(last, _)) = pairs.get(BLOCK.min(pairs.len()).wrapping_sub(1)) {
        let (block, rest) = pairs.split_at(pairs.partition_point(|pair| pair.0 <= last));
        let (own, others) = std::mem::take(&mut places).split_at_mut(block.len());
        blocks.push((block, own));
        (pairs, places) = (rest, others);
    }
    blocks.into_par_iter().for_each(|(pairs, scores)| scorer.score_pairs(pairs, scores));
    scores
}

/// The provided method behind [`Scorer::score_pairs`].
pub(crate) fn score_pairs<S: Scorer + ?Sized>(scorer: &S, pairs: &[(UserId, ItemId)], scores: &mut [f32]) {
    assert_eq!(scores.len(), pairs.len(), "one score for each pair");
    if let Some(tables) = scorer.inner_product() {
        Arch::new().dispatch(Dots { tables, pairs, scores });
        return;
    }
    let mut row = vec![0.0; scorer.num_items()];
    let mut scores = scores.iter_mut();
    for pairs in pairs.chunk_by(|left, right| left.0 == right.0) {
        scorer.score(&[pairs[0].0], &mut row);
        for ((_, item), score) in pairs.iter().zip(&mut scores) {
            *score = row[item.index()];
        }
    }
}

/// Compiled for the running machine, so that a fused multiply-add is one instruction.
struct Dots<'a> {
    tables: InnerProduct<'a>,
    pairs: &'a [(UserId, ItemId)],
    scores: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let InnerProduct { users, items, dim } = self.tables;
        let rows = |&(user, item): &(UserId, ItemId)| {
            (&users[user.index() * dim..][..dim], &items[item.index() * dim..][..dim])
        };
        let (sixes, rest) = self.pairs.as_chunks::<6>();
        let (scores, last) = self.scores.split_at_mut(sixes.len() * 6);
        for (pairs, scores) in sixes.iter().zip(scores.chunks_exact_mut(6)) {
            scores.copy_from_slice(&six_dots(pairs.each_ref().map(rows)));
        }
        for (pair, score) in rest.iter().zip(last) {
            let (user, item) = rows(pair);
            *score = dot(user, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::EmbeddingScorer;
    use crate::tests::{Matrix, RowsOnly};

    #[test]
    fn pairs_by_hand() {
        let scorer = EmbeddingScorer::new(vec![1.0, 2.0, 0.0, -1.0], vec![3.0, 1.0, 0.5, 0.5, -1.0, 4.0], 2).unwrap();
        let pairs = [(1, 2), (0, 0), (0, 2), (1, 2)].map(|(user, item)| (UserId(user), ItemId(item)));
        let mut scores = [0.0; 4];
        scorer.score_pairs(&pairs, &mut scores);
        assert_eq!(scores, [-4.0, 5.0, 7.0, -4.0]);
        RowsOnly(scorer).score_pairs(&pairs, &mut scores);
        assert_eq!(scores, [-4.0, 5.0, 7.0, -4.0]);
    }

    #[test]
    fn a_block_ends_with_a_user() {
        // Users with few pairs and with more than a block.
        let degrees = [1, 700, 400, 2_500, 0, 1_024, 3];
        let pairs: Vec<_> = (0..)
            .zip(degrees)
            .flat_map(|(user, degree)| (0..degree).map(move |item| (UserId(user), ItemId(item))))
            .collect();
        let scorer = Matrix::new(2_500, (0u16..7 * 2_500).map(f32::from).collect());
        let expected: Vec<f32> =
            pairs.iter().map(|(user, item)| scorer.scores[user.index() * 2_500 + item.index()]).collect();
        assert_eq!(scores_of(&scorer, &pairs), expected);
        // A row for each user, none twice.
        assert_eq!(scorer.num_rows.load(std::sync::atomic::Ordering::Relaxed), 6);
        assert!(scores_of(&scorer, &[]).is_empty());
    }

    #[test]
    #[should_panic(expected = "one score for each pair")]
    fn every_pair_has_a_place() {
        let scorer = EmbeddingScorer::new(vec![1.0], vec![1.0], 1).unwrap();
        scorer.score_pairs(&[(UserId(0), ItemId(0))], &mut [0.0; 2]);
    }

    proptest! {
        #[test]
        fn a_pair_has_the_bits_of_its_row_in_any_company(
            pairs in prop::collection::vec((0u32..5, 0u32..9), 0..40),
            dim in 1usize..20,
            values in prop::collection::vec(-1.0f32..1.0, 97),
            cut in 0usize..40,
        ) {
            let table = |rows: usize, skip: usize| values.iter().copied().cycle().skip(skip).take(rows * dim).collect();
            let scorer = EmbeddingScorer::new(table(5, 0), table(9, 31), dim).unwrap();
            let mut rows = vec![0.0; 5 * 9];
            scorer.score(&(0..5).map(UserId).collect::<Vec<_>>(), &mut rows);
            let expected: Vec<u32> = pairs.iter().map(|&(user, item)| rows[(user * 9 + item) as usize].to_bits()).collect();
            let pairs: Vec<_> = pairs.into_iter().map(|(user, item)| (UserId(user), ItemId(item))).collect();
            let cut = cut.min(pairs.len());
            let rows_only = RowsOnly(scorer.clone());
            for scorer in [&scorer as &dyn Scorer, &rows_only] {
                let mut scores = vec![f32::NAN; pairs.len()];
                let (first, second) = scores.split_at_mut(cut);
                scorer.score_pairs(&pairs[..cut], first);
                scorer.score_pairs(&pairs[cut..], second);
                prop_assert!(scores.iter().map(|score| score.to_bits()).eq(expected.iter().copied()));
            }
        }
    }
}
