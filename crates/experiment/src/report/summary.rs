//! The result in words: which model is best, by how much, and whether that is more than chance.
//!
//! It claims no more than the numbers say: a difference within the spread over seeds is called so.

use gnnrec_eval::Metric;

use super::charts::mean_and_spread;
use super::look::family_name;
use super::number;
use crate::{Comparison, ModelResults, Spread};

/// Below it, a p-value is called significant.
const LEVEL: f64 = 0.05;

/// One or two sentences on `ranked`, the models from best to worst by `metric`.
pub(super) fn summary(ranked: &[&ModelResults], comparisons: &[Comparison], metric: Metric) -> String {
    let value = |model: &ModelResults| model.metrics.get(&metric).cloned().unwrap_or_default();
    let named = |model: &ModelResults| format!("{} ({})", model.label, family_name(model.family));
    let [best, others @ ..] = ranked else {
        return "No model was run.".to_owned();
    };
    let top = value(best);
    let over_seeds = match top.per_seed.len() {
        0 | 1 => "with one seed".to_owned(),
        seeds => format!("over {seeds} seeds"),
    };
    let Some(runner_up) = others.first() else {
        let reached = mean_and_spread(&top);
        return format!("{} reaches {metric} of {reached} {over_seeds}; nothing ran beside it.", named(best));
    };
    if top.mean <= 0.0 && !metric.lower_is_better() {
        return format!("No model found anything: {metric} is 0 for all {} of them.", ranked.len());
    }
    let rival = others.iter().find(|other| other.family != best.family).unwrap_or(runner_up);
    let whose = if rival.family == best.family { "the next best" } else { "the best of the other families" };
    let side = if metric.lower_is_better() { "below" } else { "above" };
    let distance = |other: &ModelResults| {
        let other = value(other);
        let difference = metric.advantage(top.mean, other.mean);
        match (difference > 0.0, other.mean > 0.0) {
            (false, _) => "level with".to_owned(),
            (true, false) => format!("{} {side}", number::metric(difference)),
            (true, true) => {
                format!("{} ({}) {side}", number::metric(difference), number::percent(difference / other.mean))
            }
        }
    };
    let verdict = |other: &ModelResults| {
        let comparison =
            comparisons.iter().find(|c| c.metric == metric && c.best == best.label && c.label == other.label);
        verdict(metric, &top, &value(other), comparison)
    };
    let mut text = format!(
        "{} is best by {metric}: {} {over_seeds}, {} {}, {whose}. {}",
        named(best),
        mean_and_spread(&top),
        distance(rival),
        named(rival),
        verdict(rival)
    );
    if runner_up.label != rival.label {
        let next = &runner_up.label;
        text += &format!(" Within its own family it is {} {next}. {}", distance(runner_up), verdict(runner_up));
    }
    text
}

/// What the paired test and the spread over seeds say of a difference.
fn verdict(metric: Metric, best: &Spread, other: &Spread, comparison: Option<&Comparison>) -> String {
    let over_users = match comparison {
        None => None,
        // The difference is that of the other model to the best.
        Some(c) if metric.advantage(c.difference, 0.0) > 0.0 => {
            return "On the users of the first seed the order is the other way round: take the two as level."
                .to_owned();
        }
        Some(c) => Some((c.p_value < LEVEL, format!("({})", number::p_is(c.p_value)))),
    };
    let within = metric.advantage(best.mean, other.mean) <= best.std + other.std;
    let over_seeds = (best.per_seed.len() > 1 && other.per_seed.len() > 1).then_some(within);
    match (over_users, over_seeds) {
        (None, None) => "With one seed and no paired test, whether this is chance is not known.".to_owned(),
        (None, Some(true)) => "That is within the spread over seeds; no paired test was made.".to_owned(),
        (None, Some(false)) => "That is more than the spread over seeds; no paired test was made.".to_owned(),
        (Some((true, p)), None) => {
            format!("The difference is significant over users {p}; with one seed its spread over seeds is not known.")
        }
        (Some((false, p)), None) => format!("The difference is not significant over users {p}."),
        (Some((true, p)), Some(true)) => {
            format!("The difference is significant over users {p} but within the spread over seeds.")
        }
        (Some((true, p)), Some(false)) => {
            format!("The difference is significant over users {p} and more than the spread over seeds.")
        }
        (Some((false, p)), Some(true)) => {
            format!("The difference is not significant over users {p} and within the spread over seeds.")
        }
        (Some((false, p)), Some(false)) => {
            format!("The difference is not significant over users {p}, though more than the spread over seeds.")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gnnrec_model::Family;

    use super::*;

    const METRIC: Metric = Metric::Recall(20);

    fn model(label: &str, family: Family, per_seed: &[f64]) -> ModelResults {
        ModelResults {
            label: label.to_owned(),
            model: label.to_lowercase(),
            family,
            config: serde_json::Value::Null,
            metrics: BTreeMap::from([(METRIC, Spread::of(per_seed.to_vec()))]),
            train_seconds: 1.0,
            eval_seconds: 1.0,
            epochs: 0.0,
            peak_bytes: 0,
            slices: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn against(label: &str, difference: f64, p_value: f64) -> Comparison {
        let (label, best) = (label.to_owned(), "A".to_owned());
        Comparison {
            label,
            best,
            metric: METRIC,
            difference,
            interval: [difference - 0.01, difference + 0.01],
            p_value,
        }
    }

    fn say(models: &[ModelResults], comparisons: &[Comparison]) -> String {
        summary(&models.iter().collect::<Vec<_>>(), comparisons, METRIC).replace('\u{a0}', " ")
    }

    #[test]
    fn the_best_stands_against_the_other_families_and_its_own() {
        let models = [
            model("A", Family::Social, &[0.21, 0.19]),
            model("B", Family::Social, &[0.19, 0.18]),
            model("C", Family::Interaction, &[0.16, 0.16]),
        ];
        let comparisons = [against("B", -0.015, 0.2), against("C", -0.04, 0.000_2)];
        assert_eq!(
            say(&models, &comparisons),
            "A (social) is best by recall@20: .2000 ± .0141 over 2 seeds, .0400 (25 %) above C (interaction), the best of \
             the other families. The difference is significant over users (p < .001) and more than the spread over seeds. \
             Within its own family it is .0150 (8.1 %) above B. The difference is not significant over users (p = .20) \
             and within the spread over seeds."
        );
    }

    #[test]
    fn it_claims_no_more_than_the_numbers_say() {
        let two = |best: &[f64], other: &[f64]| [model("A", Family::Social, best), model("B", Family::Social, other)];
        let one_seed = two(&[0.2], &[0.1]);
        assert!(
            say(&one_seed, &[])
                .ends_with("the next best. With one seed and no paired test, whether this is chance is not known.")
        );
        assert!(say(&one_seed, &[against("B", -0.1, 0.06)]).ends_with("not significant over users (p = .060)."));
        assert!(
            say(&one_seed, &[against("B", -0.1, 0.04)]).contains("is significant over users (p = .040); with one seed")
        );
        assert!(say(&one_seed, &[against("B", 0.1, 0.04)]).ends_with("take the two as level."));
        let noisy = two(&[0.1, 0.3], &[0.1, 0.2]);
        assert!(say(&noisy, &[against("B", -0.1, 0.04)]).ends_with("but within the spread over seeds."));
        assert!(say(&noisy, &[]).ends_with("within the spread over seeds; no paired test was made."));
        assert!(say(&two(&[0.2], &[0.2]), &[]).contains("with one seed, level with B"));
    }

    #[test]
    fn of_an_error_the_lowest_is_best() {
        let of = |label, per_seed: &[f64]| {
            let spread = Spread::of(per_seed.to_vec());
            ModelResults { metrics: BTreeMap::from([(Metric::Rmse, spread)]), ..model(label, Family::Interaction, &[]) }
        };
        let say = |models: &[ModelResults; 2], difference| {
            let comparison = Comparison { metric: Metric::Rmse, ..against("B", difference, 0.01) };
            summary(&models.iter().collect::<Vec<_>>(), &[comparison], Metric::Rmse).replace('\u{a0}', " ")
        };
        let models = [of("A", &[0.9]), of("B", &[1.2])];
        assert_eq!(
            say(&models, 0.3),
            "A (interaction) is best by rmse: .9000 with one seed, .3000 (25 %) below B (interaction), the next best. \
             The difference is significant over users (p = .010); with one seed its spread over seeds is not known."
        );
        assert!(say(&models, -0.3).ends_with("take the two as level."));
        let models = [of("A", &[0.0, 0.0]), of("B", &[0.4, 0.6])];
        assert!(say(&models, 0.3).ends_with("and more than the spread over seeds."));
    }

    #[test]
    fn without_rivals_or_without_hits() {
        assert_eq!(say(&[], &[]), "No model was run.");
        assert_eq!(
            say(&[model("A", Family::Knowledge, &[0.1849])], &[]),
            "A (knowledge) reaches recall@20 of .1849 with one seed; nothing ran beside it."
        );
        let nothing = [model("A", Family::Social, &[0.0]), model("B", Family::Social, &[0.0])];
        assert_eq!(say(&nothing, &[]), "No model found anything: recall@20 is 0 for all 2 of them.");
        let one_hit = [model("A", Family::Social, &[0.1]), model("B", Family::Social, &[0.0])];
        assert!(say(&one_hit, &[]).contains(".1000 above B"));
    }
}
