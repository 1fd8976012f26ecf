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

/// Every model against the best by the main metric, over the users of the first seed.
pub(crate) fn comparisons(
    models: &[ModelResults],
    measured: &[Measured],
    metric: Metric,
) -> Result<Vec<Comparison>, ExperimentError> {
    let value = |position: usize| models[position].metrics.get(&metric).map_or(f64::MIN, |spread| spread.mean);
    let Some(best) = (0..models.len()).rev().max_by(|&a, &b| value(a).total_cmp(&value(b))) else {
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
