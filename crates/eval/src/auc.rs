//! The area under one user's ROC curve, counted while scores stream by.
//!
//! ```text
//! AUC = mean over (relevant r, other o), both unseen, of 1 if score(r) > score(o), 1/2 if equal, else 0
//! ```
//!
//! Nothing is sorted: each relevant score is compared with every unseen score, `|R| x items`
//! vectorised comparisons. Compared with all unseen items, relevant ones included, the relevant items
//! meet one another in both directions; that adds exactly `|R|^2 / 2`, which is taken off at the end.

/// Counts for one user.
#[derive(Debug)]
pub(crate) struct Auc {
    /// Scores of the user's relevant items that are unseen.
    relevant: Vec<f32>,
    /// Twice the pairs won, in halves: 2 for a win, 1 for a tie.
    halves: u64,
    num_unseen: u64,
}

impl Auc {
    pub(crate) fn new(relevant: Vec<f32>) -> Self {
        Self { relevant, halves: 0, num_unseen: 0 }
    }

    /// Takes scores of unseen items, each item once.
    #[inline(always)]
    pub(crate) fn extend(&mut self, scores: &[f32]) {
        self.num_unseen += scores.len() as u64;
        for &relevant in &self.relevant {
            let count = |count: u32, &score: &f32| count + u32::from(score < relevant) + u32::from(score <= relevant);
            self.halves += scores.chunks(1 << 20).map(|part| u64::from(part.iter().fold(0, count))).sum::<u64>();
        }
    }

    /// The area, in `[0, 1]`. Where no relevant item is unseen the user cannot be served and the value
    /// is 0; where no other item is unseen, none stands above a relevant one and the value is 1.
    #[expect(clippy::cast_precision_loss, reason = "pairs of one user stay far below 2^53")]
    pub(crate) fn finish(&self) -> f64 {
        let num_relevant = self.relevant.len() as u64;
        let num_others = self.num_unseen - num_relevant;
        match (num_relevant, num_others) {
            (0, _) => 0.0,
            (_, 0) => 1.0,
            _ => (self.halves - num_relevant * num_relevant) as f64 / (2 * num_relevant * num_others) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_cases_by_hand() {
        let auc = |relevant: &[f32], all: &[f32]| {
            let mut auc = Auc::new(relevant.to_vec());
            auc.extend(all);
            auc.finish()
        };
        // Relevant 3 and 1 against 2, 1, 0: wins 3 + 1, one tie, of 6 pairs.
        assert_eq!(auc(&[3.0, 1.0], &[3.0, 1.0, 2.0, 1.0, 0.0]), 4.5 / 6.0);
        assert_eq!(auc(&[0.5], &[0.5; 9]), 0.5);
        assert_eq!(auc(&[], &[0.5; 9]), 0.0);
        assert_eq!(auc(&[1.0, 0.0], &[0.0, 1.0]), 1.0);
    }

    proptest! {
        #[test]
        fn it_is_the_plain_double_loop(
            scores in prop::collection::vec((-4i8..4).prop_map(f32::from), 2..60),
            num_relevant in 1usize..20,
            cut in 0usize..60,
        ) {
            prop_assume!(num_relevant < scores.len());
            let (relevant, others) = scores.split_at(num_relevant);
            let mut won = 0.0;
            for r in relevant {
                for o in others {
                    won += if r > o { 1.0 } else if r == o { 0.5 } else { 0.0 };
                }
            }
            let mut auc = Auc::new(relevant.to_vec());
            let (first, second) = scores.split_at(cut.min(scores.len()));
            auc.extend(first);
            auc.extend(second);
            prop_assert!((auc.finish() - won / (relevant.len() * others.len()) as f64).abs() < 1e-12);
        }
    }
}
