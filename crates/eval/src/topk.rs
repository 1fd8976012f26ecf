//! The K best items of one user, from scores that arrive in pieces of any size.
//!
//! A buffer of twice K keys takes what beats the threshold; when it is full, a partial selection
//! halves it and raises the threshold. Keys are distinct, so the result is the same for every cut.

use gnnrec_graph::ItemId;

use crate::order::Key;

/// How many scores are compared with the threshold before anybody looks at one of them.
const CHUNK: usize = 64;

/// A growing list of the best items of one user.
#[derive(Debug)]
pub(crate) struct TopK {
    k: usize,
    keys: Vec<Key>,
    /// The worst key that still belongs to the list, once `k` are known.
    threshold: Option<Key>,
    /// Its score, or minus infinity.
    threshold_score: f32,
    /// First item whose score is not a number.
    nan: Option<ItemId>,
}

impl TopK {
    /// An empty list that will hold at most `k` items; with `k` of 0 it only looks for NaN.
    pub(crate) fn new(k: usize) -> Self {
        let threshold_score = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { k, keys: Vec::with_capacity(2 * k), threshold: None, threshold_score, nan: None }
    }

    /// Takes the scores of the items `first ..`; pieces come in ascending order of items.
    #[inline(always)]
    pub(crate) fn extend(&mut self, first: u32, scores: &[f32]) {
        let (chunks, rest) = scores.as_chunks::<CHUNK>();
        let mut item = first;
        for chunk in chunks {
            if may_enter(chunk, self.threshold_score) {
                self.insert(item, chunk);
            }
            item += offset(CHUNK);
        }
        if may_enter(rest, self.threshold_score) {
            self.insert(item, rest);
        }
    }

    #[inline(never)]
    fn insert(&mut self, first: u32, scores: &[f32]) {
        for (item, &score) in (first..).map(ItemId).zip(scores) {
            if score.is_nan() {
                self.nan.get_or_insert(item);
            } else if self.k > 0 && score >= self.threshold_score {
                self.offer(item, score);
            }
        }
    }

    /// What a score, which is a number, has to reach; minus infinity at first.
    pub(crate) fn threshold_score(&self) -> f32 {
        self.threshold_score
    }

    /// Takes the score of one unseen item, a number that reaches [`Self::threshold_score`].
    pub(crate) fn offer(&mut self, item: ItemId, score: f32) {
        let key = Key::new(score, item);
        if self.threshold.is_some_and(|threshold| key < threshold) {
            return;
        }
        self.keys.push(key);
        if self.keys.len() == 2 * self.k {
            self.shrink();
        }
    }

    /// Keeps the best `k` of at least `k` keys.
    fn shrink(&mut self) {
        let (_, worst, _) = self.keys.select_nth_unstable_by(self.k - 1, |a, b| b.cmp(a));
        self.threshold = Some(*worst);
        self.threshold_score = worst.score();
        self.keys.truncate(self.k);
    }

    /// The list, best first.
    ///
    /// # Errors
    /// The first item whose score was not a number.
    pub(crate) fn finish(mut self) -> Result<Vec<Key>, ItemId> {
        if let Some(item) = self.nan {
            return Err(item);
        }
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.truncate(self.k);
        self.keys.shrink_to_fit();
        Ok(self.keys)
    }
}

/// Whether any score reaches the threshold or is NaN: one comparison finds both.
#[inline(always)]
fn may_enter(scores: &[f32], threshold: f32) -> bool {
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "true for NaN as well is what is wanted")]
    let reached = |score: f32| !(score < threshold);
    scores.iter().fold(false, |any, &score| any | reached(score))
}

/// Calls `piece(first, scores)` for each run of unseen items among the items `first ..` whose scores
/// these are. `seen` is sorted.
#[inline(always)]
pub(crate) fn for_unseen(first: u32, scores: &[f32], seen: &[u32], mut piece: impl FnMut(u32, &[f32])) {
    let mut seen = seen[seen.partition_point(|&item| item < first)..].iter();
    let mut start = 0;
    loop {
        let end = seen.next().map_or(scores.len(), |&item| scores.len().min((item - first) as usize));
        if end > start {
            piece(first + offset(start), &scores[start..end]);
        }
        if end == scores.len() {
            return;
        }
        start = end + 1;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a position among items, which are counted by a u32")]
fn offset(position: usize) -> u32 {
    position as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The specification: score everything, drop the seen, sort, cut.
    fn naive(scores: &[f32], seen: &[u32], k: usize) -> Vec<Key> {
        let items = (0..).zip(scores).filter(|(item, _)| !seen.contains(item));
        let mut keys: Vec<Key> = items.map(|(item, &score)| Key::new(score, ItemId(item))).collect();
        keys.sort_by(|a, b| b.cmp(a));
        keys.truncate(k);
        keys
    }

    fn streamed(scores: &[f32], seen: &[u32], k: usize, tile: usize) -> Result<Vec<Key>, ItemId> {
        let mut top = TopK::new(k);
        for (tile_number, piece) in scores.chunks(tile).enumerate() {
            for_unseen(offset(tile_number * tile), piece, seen, |first, piece| top.extend(first, piece));
        }
        top.finish()
    }

    /// Few distinct values, so that ties abound.
    fn score() -> impl Strategy<Value = f32> {
        prop_oneof![
            (-3i8..3).prop_map(f32::from),
            any::<f32>().prop_filter("a number", |score| !score.is_nan()),
            Just(f32::NEG_INFINITY),
        ]
    }

    proptest! {
        #[test]
        fn streaming_equals_sorting(
            scores in prop::collection::vec(score(), 1..400),
            seen in prop::collection::btree_set(0u32..400, 0..100),
            k in 1usize..50,
            tile in 1usize..500,
        ) {
            let seen: Vec<u32> = seen.into_iter().filter(|&item| (item as usize) < scores.len()).collect();
            prop_assert_eq!(streamed(&scores, &seen, k, tile), Ok(naive(&scores, &seen, k)));
        }
    }

    #[test]
    fn the_first_nan_is_reported_unless_it_was_seen() {
        let mut scores = vec![1.0; 300];
        scores[7] = f32::NAN;
        scores[260] = f32::NAN;
        for tile in [1, 64, 100, 300] {
            assert_eq!(streamed(&scores, &[], 3, tile), Err(ItemId(7)));
            assert_eq!(streamed(&scores, &[7], 3, tile), Err(ItemId(260)));
            assert_eq!(streamed(&scores, &[], 0, tile), Err(ItemId(7)));
            assert_eq!(streamed(&scores, &[7, 260], 3, tile).unwrap().len(), 3);
        }
    }
}
