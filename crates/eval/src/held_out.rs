//! What a model is measured on, whichever task it was asked.

use std::ops::RangeInclusive;

use gnnrec_graph::{Csr, Holdout, LabelledPairs};

use crate::{EvalError, Evaluation, Metric, Scorer, Task, evaluate, evaluate_pairs, evaluate_ratings};

/// A part of the data that no model sees, with the task it is there for.
#[derive(Clone, Debug)]
pub enum HeldOut<'a> {
    /// The relevant items of each user, to be ranked above all others.
    Relevant(&'a Holdout),
    /// Ratings to be predicted, and the scale on which users rate.
    Ratings(&'a Holdout, RangeInclusive<f32>),
    /// Pairs whose clicks are to be predicted.
    Clicks(&'a LabelledPairs),
}

impl<'a> From<&'a Holdout> for HeldOut<'a> {
    fn from(holdout: &'a Holdout) -> Self {
        Self::Relevant(holdout)
    }
}

impl HeldOut<'_> {
    /// The task it is there for.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Relevant(_) => Task::Rank,
            Self::Ratings(..) => Task::Rate,
            Self::Clicks(_) => Task::ClickThrough,
        }
    }

    /// Number of users, with and without anything held out.
    #[must_use]
    pub fn num_users(&self) -> usize {
        match self {
            Self::Relevant(holdout) | Self::Ratings(holdout, _) => holdout.num_users(),
            Self::Clicks(pairs) => pairs.num_users(),
        }
    }

    /// Number of items of the catalogue.
    #[must_use]
    pub fn num_items(&self) -> usize {
        match self {
            Self::Relevant(holdout) | Self::Ratings(holdout, _) => holdout.num_items(),
            Self::Clicks(pairs) => pairs.num_items(),
        }
    }

    /// Number of pairs held out.
    #[must_use]
    pub fn num_pairs(&self) -> usize {
        match self {
            Self::Relevant(holdout) | Self::Ratings(holdout, _) => holdout.num_interactions(),
            Self::Clicks(pairs) => pairs.num_pairs(),
        }
    }

    /// Measures a model on it. `seen` is what was trained on (and validated on): never ranked, and what makes users
    /// and items unseen where ratings are predicted.
    ///
    /// # Errors
    /// As [`evaluate`], [`evaluate_ratings`] and [`evaluate_pairs`].
    pub fn evaluate(&self, scorer: &dyn Scorer, seen: &Csr, metrics: &[Metric]) -> Result<Evaluation, EvalError> {
        match self {
            Self::Relevant(holdout) => evaluate(scorer, seen, holdout, metrics),
            Self::Ratings(holdout, range) => evaluate_ratings(scorer, seen, holdout, range.clone(), metrics),
            Self::Clicks(pairs) => evaluate_pairs(scorer, pairs, metrics),
        }
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Duplicates, ItemId, UserId};

    use super::*;
    use crate::EmbeddingScorer;

    /// One user, three items scored 3, 1 and 2; the first was seen, the last is relevant.
    #[test]
    fn each_task_is_measured_as_itself() {
        let scorer = EmbeddingScorer::new(vec![1.0], vec![3.0, 1.0, 2.0], 1).unwrap();
        let seen = Csr::from_edges(1, 3, &[(0, 0)], Duplicates::Error).unwrap();
        let holdout = Holdout::new(Csr::from_weighted_edges(1, 3, &[(0, 2, 4.0)], Duplicates::Error).unwrap());
        let pairs = [(UserId(0), ItemId(1), false), (UserId(0), ItemId(2), true)];
        let pairs = LabelledPairs::new(1, 3, &pairs).unwrap();
        for (held_out, task, metric, expected) in [
            (HeldOut::from(&holdout), Task::Rank, Metric::Recall(1), 1.0),
            (HeldOut::Ratings(&holdout, 1.0..=5.0), Task::Rate, Metric::Rmse, 2.0),
            (HeldOut::Clicks(&pairs), Task::ClickThrough, Metric::PairAuc, 1.0),
        ] {
            let evaluation = held_out.evaluate(&scorer, &seen, &[metric]).unwrap();
            assert_eq!((held_out.task(), evaluation.mean(metric)), (task, Some(expected)));
            assert_eq!((held_out.num_users(), held_out.num_items()), (1, 3));
        }
        assert_eq!((HeldOut::from(&holdout).num_pairs(), HeldOut::Clicks(&pairs).num_pairs()), (1, 2));
    }
}
