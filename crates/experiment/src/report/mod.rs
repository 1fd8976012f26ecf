//! The report: one HTML file with everything in it, for a browser, a printer or a screen reader.
//!
//! It asks nothing of any other machine, reads the same with scripts off, and follows the reader's
//! light or dark setting. Charts are SVG with classes; all colours are in `templates/report.css`. It
//! shows what is in [`Results`] and computes nothing new but means, differences and shares of it.

mod charts;
mod curves;
mod frame;
mod look;
mod number;
mod scale;
mod slices;
mod summary;
mod svg;
mod table;

use askama::Template;
use gnnrec_eval::Metric;

use self::charts::Figure;
use self::curves::{Curve, Over};
use self::look::{FAMILIES, Shown, family_glyph, family_name};
use self::scale::Scale;
use self::table::Table;
use crate::{DatasetFacts, ModelResults, Results};

/// The page; its text is in `templates/report.html`.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    results: &'a Results,
    /// The experiment's name.
    name: &'a str,
    summary: String,
    /// What was run, in a line of short facts.
    facts: Vec<String>,
    /// Name, which is also the class, and character of each family that was run.
    families: Vec<[&'static str; 2]>,
    table: Table,
    more: Option<Table>,
    comparison: Vec<Figure>,
    learning: Vec<Figure>,
    losses: Vec<Figure>,
    slices: Vec<Table>,
    trade_offs: Vec<Figure>,
    dataset: Vec<[String; 2]>,
    dropped: Option<Table>,
    seeds: Vec<Table>,
    spec: String,
}

/// The report as the text of one HTML file.
///
/// # Errors
/// The template could not be written; it does not happen with results that an experiment left behind.
pub fn render(results: &Results) -> Result<String, askama::Error> {
    let main = results.protocol.main_metric;
    let ranked = ranked(results);
    let models = Shown::all(&ranked);
    let families = FAMILIES.into_iter().filter(|family| models.iter().any(|shown| shown.model.family == *family));
    let curves: Vec<Curve<'_>> = models.iter().filter_map(|shown| Curve::of(*shown, main)).collect();
    let quality = [("quality-epochs", Over::Epochs), ("quality-seconds", Over::Seconds)];
    Page {
        results,
        name: results.spec.get("name").and_then(serde_json::Value::as_str).unwrap_or(&results.dataset.name),
        summary: summary::summary(&ranked, &results.comparisons, main),
        facts: facts(results),
        families: families.map(|family| [family_name(family), family_glyph(family)]).collect(),
        table: table::results(&models, &results.comparisons, main),
        more: table::more_metrics(&models, main),
        comparison: comparison(results, &models),
        learning: quality.into_iter().filter_map(|(id, over)| curves::quality(id, &curves, main, over)).collect(),
        losses: curves.iter().enumerate().map(|(index, curve)| curves::loss(&format!("loss-{index}"), curve)).collect(),
        slices: slices::slices(&models),
        trade_offs: trade_offs(results, &models),
        dataset: dataset(&results.dataset),
        dropped: table::rows_dropped(&results.dataset.report),
        seeds: models.iter().map(table::seeds).collect(),
        spec: spec(&results.spec),
    }
    .render()
}

/// The models from best to worst by the main metric, those without it last; equals in the order of the spec.
fn ranked(results: &Results) -> Vec<&ModelResults> {
    let main = results.protocol.main_metric;
    let mut ranked: Vec<&ModelResults> = results.models.iter().collect();
    ranked.sort_by(|a, b| main.order(b.mean(main), a.mean(main)));
    ranked
}

fn facts(results: &Results) -> Vec<String> {
    let plural =
        |count: usize, what: &str| format!("{} {what}{}", number::count(count), if count == 1 { "" } else { "s" });
    let seeds = results.models.iter().map(|model| model.runs.len()).max().unwrap_or(0);
    let mut facts = vec![
        plural(results.models.len(), "model"),
        plural(seeds, "seed"),
        plural(results.dataset.users, "user"),
        plural(results.dataset.items, "item"),
        plural(results.dataset.train, "training interaction"),
    ];
    let environment = &results.environment;
    facts.extend([&environment.device, &environment.started].into_iter().filter(|text| !text.is_empty()).cloned());
    facts
}

fn comparison(results: &Results, models: &[Shown<'_>]) -> Vec<Figure> {
    let main = results.protocol.main_metric;
    let second = main.k().map(Metric::Ndcg).filter(|ndcg| *ndcg != main);
    let figures = [
        charts::bars("bars-main", models, main),
        second.and_then(|metric| charts::bars("bars-second", models, metric)),
        charts::differences("differences", models, &results.comparisons, main),
    ];
    figures.into_iter().flatten().collect()
}

fn trade_offs(results: &Results, models: &[Shown<'_>]) -> Vec<Figure> {
    let main = results.protocol.main_metric;
    let (first, _) = table::metrics(models, main);
    let coverage = first.into_iter().find(|metric| matches!(metric, Metric::Coverage(_)));
    let against_coverage = coverage.and_then(|coverage| {
        let x = |shown: &Shown<'_>| shown.model.metrics.get(&coverage).map(|spread| spread.mean);
        charts::scatter("coverage", models, main, &coverage.to_string(), |values| Scale::from_zero(values, 5), x)
    });
    let seconds = |shown: &Shown<'_>| Some(shown.model.train_seconds).filter(|seconds| *seconds > 0.0);
    let against_time = charts::scatter("time", models, main, "training seconds", Scale::log, seconds);
    let splits: Vec<_> = models.iter().filter_map(|shown| Some((*shown, curves::time_split(*shown)?))).collect();
    [against_coverage, against_time, charts::split("split", &splits)].into_iter().flatten().collect()
}

fn dataset(dataset: &DatasetFacts) -> Vec<[String; 2]> {
    let DatasetFacts { name, sha256, users, items, train, validation, test, ties, triples, report: _ } = dataset;
    let counts = [
        ("users", users),
        ("items", items),
        ("training interactions", train),
        ("validation interactions", validation),
        ("test interactions", test),
        ("social ties", ties),
        ("facts", triples),
    ];
    let words = [("name", name), ("SHA-256", sha256)].map(|(what, text)| [what.to_owned(), text.clone()]);
    words.into_iter().chain(counts.map(|(what, count)| [what.to_owned(), number::count(*count)])).collect()
}

/// The spec as TOML, to be run again as it stands; as JSON where it holds what TOML cannot.
fn spec(value: &serde_json::Value) -> String {
    toml::to_string_pretty(value).unwrap_or_else(|_| format!("{value:#}"))
}
