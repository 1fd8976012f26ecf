//! The results as a table, and the sentence under it. The numbers are the experiment's; nothing is
//! measured here.

use std::collections::BTreeSet;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use gnnrec::eval::Metric;
use gnnrec::experiment::{Comparison, ModelResults, Results, Spread};
use gnnrec::model::Family;

use super::words;

/// A difference with a greater p-value is not called one.
const SIGNIFICANCE: f64 = 0.05;

/// The order of the families in tables.
const FAMILIES: [Family; 3] = [Family::Interaction, Family::Social, Family::Knowledge];

/// A table that is Markdown as well: `num_words` columns of words, then numbers.
pub(crate) fn table(header: Vec<String>, rows: Vec<Vec<String>>, num_words: usize) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(num_words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A row for each model: family after family, in each the best by the main metric first.
pub(crate) fn results(results: &Results) -> String {
    let main = results.protocol.main_metric;
    let measured: BTreeSet<Metric> = results.models.iter().flat_map(|model| model.metrics.keys().copied()).collect();
    let others = measured.into_iter().filter(|&metric| metric != main);
    let metrics: Vec<Metric> = std::iter::once(main).chain(others).collect();
    let mut header = vec!["model".to_owned(), "family".to_owned()];
    header.extend(metrics.iter().map(ToString::to_string));
    header.extend(["train s", "eval s", "epochs", "memory"].map(str::to_owned));
    let mut models: Vec<&ModelResults> = results.models.iter().collect();
    let family = |model: &ModelResults| FAMILIES.iter().position(|&family| family == model.family);
    models.sort_by(|a, b| family(a).cmp(&family(b)).then(main.order(b.mean(main), a.mean(main))));
    table(header, models.into_iter().map(|model| row(model, &metrics)).collect(), 2)
}

fn row(model: &ModelResults, metrics: &[Metric]) -> Vec<String> {
    let mut row = vec![model.label.clone(), words::family(model.family).to_owned()];
    row.extend(metrics.iter().map(|metric| model.metrics.get(metric).map_or_else(|| "-".to_owned(), spread)));
    let epochs = if model.epochs > 0.0 { format!("{:.0}", model.epochs) } else { "-".to_owned() };
    let seconds = |seconds: f64| format!("{seconds:.2}");
    row.extend([seconds(model.train_seconds), seconds(model.eval_seconds), epochs, words::bytes(model.peak_bytes)]);
    row
}

/// The mean and, over several seeds, the standard deviation.
fn spread(spread: &Spread) -> String {
    let mean = words::value(spread.mean);
    if spread.per_seed.len() > 1 { format!("{mean} ± {}", words::value(spread.std)) } else { mean }
}

/// The best model, and which of the others it is really better than.
pub(crate) fn verdict(results: &Results) -> String {
    let main = results.protocol.main_metric;
    let Some(best) = best(results) else { return String::new() };
    let reached = best.mean(main).map_or_else(|| "-".to_owned(), words::value);
    let mut text = format!("best by {main}: {} with {reached}", best.label);
    let labels = |holds: &dyn Fn(&Comparison) -> bool| {
        let which = results.comparisons.iter().filter(|comparison| holds(comparison) && comparison.label != best.label);
        which.map(|comparison| comparison.label.as_str()).collect::<Vec<_>>().join(", ")
    };
    // A difference is that of the other model to the best.
    let is_worse = |comparison: &Comparison| comparison.metric.advantage(comparison.difference, 0.0) < 0.0;
    let better = labels(&|comparison| comparison.p_value < SIGNIFICANCE && is_worse(comparison));
    let worse = labels(&|comparison| comparison.p_value < SIGNIFICANCE && !is_worse(comparison));
    let unclear = labels(&|comparison| comparison.p_value >= SIGNIFICANCE || comparison.p_value.is_nan());
    for (what, labels) in
        [("better than", better), ("on the first seed worse than", worse), ("not told apart from", unclear)]
    {
        if !labels.is_empty() {
            text += &format!("; {what} {labels}");
        }
    }
    if !results.comparisons.is_empty() {
        text += &format!(
            "\n(paired over the users of the first seed: Wilcoxon signed-rank, Holm-corrected, p < {SIGNIFICANCE})"
        );
    }
    text
}

/// The model that the others are compared with.
fn best(results: &Results) -> Option<&ModelResults> {
    let main = results.protocol.main_metric;
    let named = results.comparisons.first().map(|comparison| comparison.best.as_str());
    let named = named.and_then(|label| results.models.iter().find(|model| model.label == label));
    // Of equals the first.
    let by_mean = || results.models.iter().rev().max_by(|a, b| main.order(a.mean(main), b.mean(main)));
    named.or_else(by_mean)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn model(label: &str, family: Family, recall: &[f64]) -> ModelResults {
        let spread = Spread::of(recall.to_vec());
        ModelResults {
            label: label.to_owned(),
            model: label.to_owned(),
            family,
            config: serde_json::Value::Null,
            metrics: BTreeMap::from([(Metric::Recall(20), spread), (Metric::Coverage(20), Spread::of(vec![0.5]))]),
            train_seconds: 1.234,
            eval_seconds: 0.1,
            epochs: if label == "popularity" { 0.0 } else { 12.0 },
            peak_bytes: 3 << 20,
            slices: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn comparison(label: &str, difference: f64, p_value: f64) -> Comparison {
        let (best, metric) = ("lightgcn".to_owned(), Metric::Recall(20));
        Comparison { label: label.to_owned(), best, metric, difference, interval: [0.0, 0.0], p_value }
    }

    fn example() -> Results {
        let text = r#"{"schema":1,"spec":{},"environment":{"version":"","commit":"","device":"","threads":1,"started":"",
            "command":""},"dataset":{"name":"","sha256":"","users":0,"items":0,"train":0,"validation":0,"test":0,
            "ties":0,"triples":0,"report":{"steps":[]}},"protocol":{"split":"","candidates":"","ties":"",
            "main_metric":"recall@20","users":0,"users_without_test_items":0},"models":[],"comparisons":[]}"#;
        let mut results: Results = serde_json::from_str(text).unwrap();
        results.models = vec![
            model("kgcn", Family::Knowledge, &[0.2]),
            model("popularity", Family::Interaction, &[0.1, 0.3]),
            model("lightgcn", Family::Interaction, &[0.4, 0.4]),
        ];
        results
    }

    #[test]
    fn families_stand_together_and_the_best_of_each_first() {
        insta::assert_snapshot!(super::results(&example()), @r"
        | model      | family      |       recall@20 | coverage@20 | train s | eval s | epochs | memory |
        |------------|-------------|-----------------|-------------|---------|--------|--------|--------|
        | lightgcn   | interaction | 0.4000 ± 0.0000 |      0.5000 |    1.23 |   0.10 |     12 |  3 MiB |
        | popularity | interaction | 0.2000 ± 0.1414 |      0.5000 |    1.23 |   0.10 |      - |  3 MiB |
        | kgcn       | knowledge   |          0.2000 |      0.5000 |    1.23 |   0.10 |     12 |  3 MiB |
        ");
    }

    #[test]
    fn the_verdict_claims_only_what_the_test_says() {
        let mut results = example();
        assert_eq!(verdict(&results), "best by recall@20: lightgcn with 0.4000");
        results.comparisons = vec![comparison("kgcn", -0.2, 0.2), comparison("popularity", -0.2, 0.01)];
        let first = "best by recall@20: lightgcn with 0.4000; better than popularity; not told apart from kgcn\n";
        assert!(verdict(&results).starts_with(first), "{}", verdict(&results));
        results.comparisons[0] = comparison("kgcn", 0.1, 0.0);
        assert!(verdict(&results).contains("on the first seed worse than kgcn"));
    }

    #[test]
    fn of_an_error_the_lowest_is_best() {
        let mut results = example();
        results.protocol.main_metric = Metric::Rmse;
        for model in &mut results.models {
            model.metrics.insert(Metric::Rmse, model.metrics[&Metric::Recall(20)].clone());
        }
        // Of two equals the first.
        assert_eq!(verdict(&results), "best by rmse: kgcn with 0.2000");
        let text = super::results(&results);
        assert!(text.find("popularity") < text.find("lightgcn"), "{text}");
        let against = |label: &str, difference| {
            let comparison = comparison(label, difference, 0.01);
            Comparison { best: "kgcn".to_owned(), metric: Metric::Rmse, ..comparison }
        };
        results.comparisons = vec![against("popularity", -0.1), against("lightgcn", 0.2)];
        let first = "best by rmse: kgcn with 0.2000; better than lightgcn; on the first seed worse than popularity\n";
        assert!(verdict(&results).starts_with(first), "{}", verdict(&results));
    }
}
