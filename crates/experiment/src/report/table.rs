//! Tables of the report: results, seeds, and what happened to the rows of the files. Heat tables are in `slices.rs`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use askama::Template;
use gnnrec_eval::Metric;
use gnnrec_train::Stop;

use super::charts::mean_and_spread;
use super::look::{Shown, family_glyph, family_name};
use super::number;
use crate::{Comparison, ModelResults, RunResults, Spread};

/// How many metrics the first table has, besides coverage; the rest are in a second one.
const NUM_ACCURACY: usize = 2;

/// A table, ready to be set.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "table.html")]
pub(super) struct Table {
    pub(super) caption: String,
    /// Names of all columns, that of the rows first.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row: its name and its cells.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) name: String,
    /// Classes and character of the model's family; empty where the row is no model.
    pub(super) class: String,
    pub(super) glyph: &'static str,
    pub(super) cells: Vec<Cell>,
}

/// A cell: what it says, and what is said in small beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) detail: String,
    /// Whether that stands below rather than behind.
    pub(super) stacked: bool,
    /// The value to sort by.
    pub(super) sort: String,
    pub(super) best: bool,
    /// How dark the cell of a heat table is, in percent.
    pub(super) heat: u32,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, sort: f64) -> Self {
        Self { text: text.into(), sort: sort.to_string(), ..Self::default() }
    }

    /// A cell of words.
    pub(super) fn words(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { sort: text.clone(), text, ..Self::default() }
    }

    pub(super) fn absent() -> Self {
        Self { text: "–".to_owned(), ..Self::default() }
    }
}

impl Row {
    pub(super) fn of(shown: &Shown<'_>, cells: Vec<Cell>) -> Self {
        let family = shown.model.family;
        Self { name: shown.label().to_owned(), class: shown.class(), glyph: family_glyph(family), cells }
    }
}

/// Which of two values is better; `None` where more is neither better nor worse.
pub(super) fn better(metric: Metric) -> Option<Ordering> {
    if metric.lower_is_better() {
        return Some(Ordering::Less);
    }
    (metric.is_accuracy() || matches!(metric, Metric::Coverage(_))).then_some(Ordering::Greater)
}

/// Marks every cell that reads like the best of its column, so that two equal numbers are equally bold;
/// none where all read the same.
pub(super) fn mark_best(rows: &mut [Row], column: usize, better: Ordering) {
    let value = |row: &Row| row.cells[column].sort.parse::<f64>().ok();
    let best = rows.iter().filter(|row| value(row).is_some()).max_by(|a, b| {
        let order = value(a).partial_cmp(&value(b)).unwrap_or(Ordering::Equal);
        if better == Ordering::Greater { order } else { order.reverse() }
    });
    let best = best.map(|row| row.cells[column].text.clone());
    if rows.iter().all(|row| Some(&row.cells[column].text) == best.as_ref()) {
        return;
    }
    for row in rows {
        row.cells[column].best = Some(&row.cells[column].text) == best.as_ref();
    }
}

/// The metrics of the first table and those of the second: the main metric, the others of accuracy,
/// coverage; then all that is left.
pub(super) fn metrics(models: &[Shown<'_>], main: Metric) -> (Vec<Metric>, Vec<Metric>) {
    let all: BTreeSet<Metric> = models.iter().flat_map(|shown| shown.model.metrics.keys().copied()).collect();
    let mut accuracy: Vec<Metric> = all.iter().copied().filter(|metric| metric.is_accuracy()).collect();
    accuracy.sort_by_key(|metric| (*metric != main, metric.name() != "ndcg" || metric.k() != main.k()));
    let late = accuracy.split_off(accuracy.len().min(NUM_ACCURACY));
    accuracy.extend(all.iter().copied().find(|metric| matches!(metric, Metric::Coverage(_))));
    let rest = all.into_iter().filter(|m| !m.is_accuracy() && !accuracy.contains(m));
    let rest = late.into_iter().chain(rest).collect();
    (accuracy, rest)
}

fn metric_cell(model: &ModelResults, metric: Metric) -> Cell {
    let Some(spread) = model.metrics.get(&metric) else {
        return Cell::absent();
    };
    let detail = if spread.per_seed.len() > 1 {
        format!("± {}", number::deviation(spread.std, spread.mean))
    } else {
        String::new()
    };
    Cell { detail, ..Cell::new(number::metric(spread.mean), spread.mean) }
}

/// The difference to the best model with its interval, and its p-value.
fn difference_cells(model: &ModelResults, comparisons: &[Comparison], main: Metric) -> [Cell; 2] {
    let of_main = || comparisons.iter().filter(|c| c.metric == main);
    if of_main().any(|c| c.best == model.label) {
        return [Cell::new("best", 0.0), Cell::default()];
    }
    let Some(comparison) = of_main().find(|c| c.label == model.label) else {
        return [Cell::absent(), Cell::absent()];
    };
    let [low, high] = comparison.interval.map(number::signed);
    let difference = Cell::new(number::signed(comparison.difference), comparison.difference);
    let difference = Cell { detail: format!("{low} to {high}"), stacked: true, ..difference };
    [difference, Cell::new(number::p_value(comparison.p_value), comparison.p_value)]
}

/// The table of results, best model first as `models` are.
pub(super) fn results(models: &[Shown<'_>], comparisons: &[Comparison], main: Metric) -> Table {
    let (metrics, _) = metrics(models, main);
    let compared = comparisons.iter().any(|c| c.metric == main);
    let mut columns = vec!["model".to_owned(), "family".to_owned()];
    columns.extend(metrics.iter().map(Metric::to_string));
    if compared {
        columns.extend(["difference", "p"].map(str::to_owned));
    }
    columns.extend(["train", "evaluate", "epochs", "memory"].map(str::to_owned));
    let row = |shown: &Shown<'_>| {
        let model = shown.model;
        let mut cells = vec![Cell::words(family_name(model.family))];
        cells.extend(metrics.iter().map(|&metric| metric_cell(model, metric)));
        if compared {
            cells.extend(difference_cells(model, comparisons, main));
        }
        cells.push(Cell::new(number::seconds(model.train_seconds), model.train_seconds));
        cells.push(Cell::new(number::seconds(model.eval_seconds), model.eval_seconds));
        cells.push(match model.epochs {
            epochs if epochs > 0.0 => Cell::new(number::mean_count(epochs), epochs),
            _ => Cell { detail: "solved".to_owned(), ..Cell::default() },
        });
        #[expect(clippy::cast_precision_loss, reason = "it is only sorted by")]
        cells.push(match model.peak_bytes {
            0 => Cell::absent(),
            bytes => Cell::new(number::bytes(bytes), bytes as f64),
        });
        Row::of(shown, cells)
    };
    let mut rows: Vec<Row> = models.iter().map(row).collect();
    for (position, &metric) in metrics.iter().enumerate() {
        if let Some(better) = better(metric) {
            mark_best(&mut rows, 1 + position, better);
        }
    }
    let train = 1 + metrics.len() + if compared { 2 } else { 0 };
    for column in [train, train + 1, train + 3] {
        mark_best(&mut rows, column, Ordering::Less);
    }
    Table { caption: String::new(), columns, rows }
}

/// The metrics that have no place in the first table.
pub(super) fn more_metrics(models: &[Shown<'_>], main: Metric) -> Option<Table> {
    let (_, metrics) = metrics(models, main);
    let columns = std::iter::once("model".to_owned()).chain(metrics.iter().map(Metric::to_string)).collect();
    let cells = |shown: &Shown<'_>| metrics.iter().map(|&metric| metric_cell(shown.model, metric)).collect();
    let mut rows: Vec<Row> = models.iter().map(|shown| Row::of(shown, cells(shown))).collect();
    for (position, &metric) in metrics.iter().enumerate() {
        if let Some(better) = better(metric) {
            mark_best(&mut rows, position, better);
        }
    }
    (!metrics.is_empty()).then(|| Table { caption: "Other metrics".to_owned(), columns, rows })
}

/// One row for each seed of a model.
pub(super) fn seeds(shown: &Shown<'_>) -> Table {
    let metrics: BTreeSet<Metric> = shown.model.runs.iter().flat_map(|run| run.metrics.keys().copied()).collect();
    let mut columns = vec!["seed".to_owned()];
    columns.extend(metrics.iter().map(Metric::to_string));
    columns.extend(["train", "evaluate", "memory", "epochs"].map(str::to_owned));
    let row = |run: &RunResults| {
        let value = |metric| run.metrics.get(metric).map_or_else(Cell::absent, |v| Cell::new(number::metric(*v), *v));
        let mut cells: Vec<Cell> = metrics.iter().map(value).collect();
        cells.push(Cell::words(number::seconds(run.train_seconds)));
        cells.push(Cell::words(number::seconds(run.eval_seconds)));
        cells.push(Cell::words(number::bytes(run.peak_bytes)));
        cells.push(Cell::words(run.training.as_ref().map_or_else(
            || "solved".to_owned(),
            |record| {
                let stopped = match record.stopped {
                    Stop::MaxEpochs => "all done",
                    Stop::Patience => "stopped by patience",
                    Stop::Interrupted => "interrupted",
                };
                let best = record.best_epoch.map_or_else(String::new, |epoch| format!(", best {epoch}"));
                format!("{}{best}, {stopped}", record.epochs.len())
            },
        )));
        Row { name: run.seed.to_string(), cells, ..Row::default() }
    };
    let mean = |metric: &Metric| shown.model.metrics.get(metric).map(mean_of).unwrap_or_default();
    let mut rows: Vec<Row> = shown.model.runs.iter().map(row).collect();
    if rows.len() > 1 {
        let mut cells: Vec<Cell> = metrics.iter().map(mean).collect();
        cells.resize_with(columns.len() - 1, Cell::default);
        rows.push(Row { name: "all".to_owned(), cells, ..Row::default() });
    }
    Table { caption: shown.label().to_owned(), columns, rows }
}

fn mean_of(spread: &Spread) -> Cell {
    Cell::words(mean_and_spread(spread))
}

/// What happened to the rows of each file and in each later step.
pub(super) fn rows_dropped(report: &gnnrec_data::Report) -> Option<Table> {
    let words = |step: &gnnrec_data::Step| {
        let dropped =
            step.dropped.iter().map(|(why, d)| format!("{} {why} (first: line {})", grouped(d.count), d.first.line));
        dropped.chain(step.noted.iter().map(|n| format!("{} {}", grouped(n.count), n.what))).collect::<Vec<_>>()
    };
    let row = |step: &gnnrec_data::Step| Row {
        name: step.name.clone(),
        cells: vec![
            Cell::words(grouped(step.read)),
            Cell::words(grouped(step.kept)),
            Cell::words(if step.dropped.is_empty() && step.noted.is_empty() {
                "–".to_owned()
            } else {
                words(step).join("; ")
            }),
        ],
        ..Row::default()
    };
    let columns = ["file or step", "rows", "kept", "dropped and noted"].map(str::to_owned).to_vec();
    let rows: Vec<Row> = report.steps.iter().map(row).collect();
    (!rows.is_empty()).then_some(Table { caption: "Rows read, kept and dropped".to_owned(), columns, rows })
}

fn grouped(count: u64) -> String {
    usize::try_from(count).map_or_else(|_| count.to_string(), number::count)
}
