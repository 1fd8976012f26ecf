//! Heat tables: how good each model is for some users and for some items.

use gnnrec_eval::Metric;

use super::look::Shown;
use super::number;
use super::table::{Cell, Row, Table, better, mark_best};

/// A heat table for each way of grouping and each metric, in the order of their first appearance.
pub(super) fn slices(models: &[Shown<'_>]) -> Vec<Table> {
    let all = || models.iter().flat_map(|shown| &shown.model.slices);
    let mut kinds: Vec<(&str, Metric)> = Vec::new();
    for slice in all() {
        if !kinds.contains(&(slice.by.as_str(), slice.metric)) {
            kinds.push((&slice.by, slice.metric));
        }
    }
    kinds.into_iter().map(|(by, metric)| slice_table(models, by, metric)).collect()
}

fn slice_table(models: &[Shown<'_>], by: &str, metric: Metric) -> Table {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    let of = |shown: &Shown<'_>, group: &str| {
        let mut slices = shown.model.slices.iter();
        slices.find(|s| s.by == by && s.metric == metric && s.group == group).map(|s| s.mean)
    };
    for slice in models.iter().flat_map(|shown| &shown.model.slices) {
        if slice.by == by && slice.metric == metric && groups.iter().all(|(group, _)| *group != slice.group) {
            groups.push((&slice.group, slice.count));
        }
    }
    let mut rows: Vec<Row> = models.iter().map(|shown| Row::of(shown, Vec::new())).collect();
    for (column, (group, _)) in groups.iter().enumerate() {
        let values: Vec<Option<f64>> = models.iter().map(|shown| of(shown, group)).collect();
        let most = values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = values.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        for (row, value) in rows.iter_mut().zip(values) {
            row.cells.push(value.map_or_else(Cell::absent, |value| Cell {
                heat: heat(value, least, most),
                ..Cell::new(number::metric(value), value)
            }));
        }
        if let Some(better) = better(metric) {
            mark_best(&mut rows, column, better);
        }
    }
    let columns = std::iter::once("model".to_owned());
    let columns = columns.chain(groups.iter().map(|(group, count)| format!("{group} ({})", number::count(*count))));
    Table { caption: format!("{metric} by {by}"), columns: columns.collect(), rows }
}

/// Darkness in percent: 0 for the least of the column, and for its most what text is still easy to read on.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number from 0 to 45")]
fn heat(value: f64, least: f64, most: f64) -> u32 {
    if most > least { ((value - least) / (most - least) * 45.0).clamp(0.0, 45.0) as u32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::heat;

    #[test]
    fn the_least_is_plain_and_the_most_is_darkest() {
        let column = [0.1, 0.2, 0.3];
        assert_eq!(column.map(|value| heat(value, 0.1, 0.3)), [0, 22, 45]);
        assert_eq!(heat(0.1, 0.1, 0.1), 0);
    }
}
