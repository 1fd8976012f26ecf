//! Where each model is good, and whether the best one is better than the others by more than luck.

use gnnrec_eval::{
    Evaluation, Metric, Slice, activity_groups, bootstrap, holm, popularity_groups, tie_groups, wilcoxon,
};
use gnnrec_graph::{Holdout, World};
use serde::{Deserialize, Serialize};

use crate::ExperimentError;
use crate::results::{Comparison, ModelResults, SliceResults};

/// What is kept of an evaluation beside its means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    /// The main metric of every evaluated user; users are those of the test part, for every model.
    pub(crate) per_user: Vec<f64>,
    pub(crate) slices: Vec<SliceResults>,
}

impl Measured {
    pub(crate) fn of(
        evaluation: &Evaluation,
        metric: Metric,
        world: &World,
        test: &Holdout,
    ) -> Result<Self, ExperimentError> {
        let seen = world.interactions().by_user();
        let mut slices =
            rows("user activity", metric, false, evaluation.by_user_group(metric, &activity_groups(seen))?);
        if let Some(social) = world.social() {
            let ties = evaluation.by_user_group(metric, &tie_groups(social))?;
            slices.extend(rows("social ties", metric, false, ties));
        }
        if let Metric::Recall(k) = metric {
            let items = evaluation.by_item_group(k, test, &popularity_groups(seen))?;
            slices.extend(rows("item popularity", metric, true, items));
        }
        Ok(Self { per_user: evaluation.per_user(metric).unwrap_or_default().to_vec(), slices })
    }
}

fn rows<G: Serialize>(by: &str, metric: Metric, items: bool, slices: Vec<Slice<G>>) -> Vec<SliceResults> {
    let row = |slice: Slice<G>| SliceResults {
        by: by.to_owned(),
        group: match serde_json::to_value(&slice.group) {
            Ok(serde_json::Value::String(name)) => name,
            other => unreachable!("groups are written as names, not {other:?}"),
        },
        count: if items { slice.num_relevant } else { slice.num_users },
        metric,
        mean: slice.mean,
    };
    slices.into_iter().map(row).collect()
}

/// The position of the best model by a metric: of equals the first, and none without the metric before one
/// that has it.
pub(crate) fn best(models: &[ModelResults], metric: Metric) -> Option<usize> {
    (0..models.len()).rev().max_by(|&a, &b| metric.order(models[a].mean(metric), models[b].mean(metric)))
}

/// Every model against the best by the main metric, over the users of the first seed.
///
/// A difference is the model less the best: of an error, which is to be low, a worse model's is positive.
pub(crate) fn comparisons(
    models: &[ModelResults],
    measured: &[Measured],
    metric: Metric,
) -> Result<Vec<Comparison>, ExperimentError> {
    let Some(best) = best(models, metric) else {
        return Ok(Vec::new());
    };
    let mut comparisons = Vec::new();
    for (position, model) in models.iter().enumerate().filter(|&(position, _)| position != best) {
        let pairs = measured[position].per_user.iter().zip(&measured[best].per_user);
        let differences: Vec<f64> = pairs.map(|(model, best)| model - best).collect();
        let interval = bootstrap(&differences, 0.95, 0)?;
        comparisons.push(Comparison {
            label: model.label.clone(),
            best: models[best].label.clone(),
            metric,
            difference: interval.mean,
            interval: [interval.low, interval.high],
            p_value: wilcoxon(&differences)?.p_value,
        });
    }
    let corrected = holm(&comparisons.iter().map(|comparison| comparison.p_value).collect::<Vec<_>>())?;
    for (comparison, p_value) in comparisons.iter_mut().zip(corrected) {
        comparison.p_value = p_value;
    }
    Ok(comparisons)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gnnrec_model::Family;

    use super::*;
    use crate::Spread;

    fn model(label: &str, mean: Option<f64>, metric: Metric) -> ModelResults {
        ModelResults {
            label: label.to_owned(),
            model: label.to_owned(),
            family: Family::Interaction,
            config: serde_json::Value::Null,
            metrics: mean.map_or_else(BTreeMap::new, |mean| BTreeMap::from([(metric, Spread::of(vec![mean]))])),
            train_seconds: 0.0,
            eval_seconds: 0.0,
            epochs: 0.0,
            peak_bytes: 0,
            slices: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn measured(per_user: &[f64]) -> Measured {
        Measured { per_user: per_user.to_vec(), slices: Vec::new() }
    }

    #[test]
    fn the_best_has_the_highest_metric_or_the_lowest_error() {
        for (metric, expected) in [(Metric::Recall(20), 2), (Metric::Rmse, 1), (Metric::Mae, 1), (Metric::PairAuc, 2)] {
            let models = |means: [Option<f64>; 5]| means.map(|mean| model("", mean, metric));
            // Of equals the first; a model that was not measured is never the best.
            let models = models([None, Some(0.2), Some(0.9), Some(0.9), Some(0.2)]);
            assert_eq!(best(&models, metric), Some(expected), "{metric}");
        }
        assert_eq!(best(&[], Metric::Rmse), None);
    }

    #[test]
    fn a_higher_error_is_a_positive_difference_to_the_best() {
        let models = [("a", 1.5), ("b", 1.0), ("c", 1.25)].map(|(label, mean)| model(label, Some(mean), Metric::Rmse));
        let measured = [measured(&[2.0, 3.0, 1.0]), measured(&[1.0, 1.0, 1.0]), measured(&[1.0, 1.5, 1.0])];
        let found = comparisons(&models, &measured, Metric::Rmse).unwrap();
        let found: Vec<_> = found.iter().map(|c| (c.label.as_str(), c.best.as_str(), c.difference)).collect();
        assert_eq!(found, [("a", "b", 1.0), ("c", "b", 0.5 / 3.0)]);
    }
}
