//! The charts of final results: comparison bars, differences to the best model, trade-offs, and where
//! the training time went. Learning curves are in `curves.rs`.

use askama::Template;
use gnnrec_eval::Metric;

use super::frame::{Frame, beside};
use super::look::{FAMILIES, Shown, family_glyph, family_name};
use super::number;
use super::scale::Scale;
use super::svg::{Anchor, Canvas, LINE, Marker, fit, text_width};
use crate::{Comparison, Spread};

/// Width of a chart of full size, in units that are about CSS pixels.
pub(super) const WIDTH: f64 = 480.0;
const ROW: f64 = 24.0;

/// A chart with what stands above and below it.
#[derive(Clone, Debug, Template)]
#[template(path = "figure.html")]
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) svg: String,
}

/// Width of the column of labels left of a bar chart.
fn gutter(models: &[Shown<'_>]) -> f64 {
    models.iter().map(|shown| text_width(shown.label())).fold(76.0, f64::max).min(150.0) + 12.0
}

/// `.1849 ± .0006`, without the second half for a single seed.
pub(super) fn mean_and_spread(spread: &Spread) -> String {
    let mean = number::metric(spread.mean);
    if spread.per_seed.len() > 1 { format!("{mean} ± {}", number::deviation(spread.std, spread.mean)) } else { mean }
}

/// Bars of one metric, grouped by family, with the spread over seeds and a dot for each seed.
/// `models` come best first. Nothing without a model that has the metric.
pub(super) fn bars(id: &str, models: &[Shown<'_>], metric: Metric) -> Option<Figure> {
    let rows: Vec<(Shown<'_>, &Spread)> =
        models.iter().filter_map(|shown| Some((*shown, shown.model.metrics.get(&metric)?))).collect();
    let num_families = FAMILIES.iter().filter(|f| rows.iter().any(|(shown, _)| shown.model.family == **f)).count();
    if rows.is_empty() {
        return None;
    }
    let values = rows.iter().map(|(_, spread)| mean_and_spread(spread)).collect::<Vec<_>>();
    let right = values.iter().map(|value| text_width(value)).fold(0.0, f64::max) + 20.0;
    let left = gutter(models);
    let reach = || rows.iter().flat_map(|(_, s)| s.per_seed.iter().copied().chain([s.mean + s.std]));
    let scale = Scale::from_zero(reach(), 4).until(reach().fold(0.0, f64::max));
    let width = WIDTH - left - right;
    let x = |value: f64| left + width * scale.at(value);
    #[expect(clippy::cast_precision_loss, reason = "models are few")]
    let height = rows.len() as f64 * ROW + num_families as f64 * 22.0 + 30.0;
    let mut canvas = Canvas::new(WIDTH, height);
    let bottom = height - 26.0;
    for (value, label) in scale.labels() {
        canvas.line("grid", [x(value), 4.0], [x(value), bottom]);
        canvas.text("tick", Anchor::Middle, [x(value), bottom + 12.0], &label);
    }
    let mut y = 4.0;
    for family in FAMILIES {
        let members = rows.iter().zip(&values).filter(|((shown, _), _)| shown.model.family == family);
        for (position, ((shown, spread), value)) in members.enumerate() {
            if position == 0 {
                let heading = format!("{} {}", family_glyph(family), family_name(family));
                canvas.text(&format!("family {}", family_name(family)), Anchor::Start, [2.0, y + 11.0], &heading);
                y += 22.0;
            }
            let seeds: Vec<String> = spread.per_seed.iter().map(|&v| number::metric(v)).collect();
            let title = format!("{}: {value}; per seed {}", shown.label(), seeds.join(", "));
            canvas.group(&shown.class(), &title, |canvas| {
                bar(canvas, spread, y + ROW / 2.0, x);
                canvas.text("label", Anchor::End, [left - 8.0, y + ROW / 2.0], &fit(shown.label(), left - 12.0));
                canvas.text("value", Anchor::End, [WIDTH - 2.0, y + ROW / 2.0], value);
            });
            y += ROW;
        }
    }
    canvas.line("axis", [x(0.0), 4.0], [x(0.0), bottom]);
    let listed: Vec<String> =
        rows.iter().zip(&values).map(|((s, _), value)| format!("{} {value}", s.label())).collect();
    let title = metric.to_string();
    let description = format!("Bars of {metric} on the test part, grouped by family: {}.", listed.join("; "));
    let svg = canvas.finish(id, &title, &description);
    Some(Figure { title, caption: String::new(), svg })
}

fn bar(canvas: &mut Canvas, spread: &Spread, y: f64, x: impl Fn(f64) -> f64) {
    canvas.rect("fill", [x(0.0), y - 8.0], [x(spread.mean) - x(0.0), 16.0]);
    if spread.per_seed.len() < 2 || spread.std <= spread.mean * 1e-12 {
        return;
    }
    let [low, high] = [x((spread.mean - spread.std).max(0.0)), x(spread.mean + spread.std)];
    canvas.line("error", [low, y], [high, y]);
    canvas.line("error", [low, y - 4.0], [low, y + 4.0]);
    canvas.line("error", [high, y - 4.0], [high, y + 4.0]);
    for (seed, &value) in spread.per_seed.iter().enumerate() {
        // Dots of equal values stand beside one another, so that two seeds are seen to be two.
        #[expect(clippy::cast_precision_loss, reason = "a remainder below 3")]
        let offset = (seed % 3) as f64 * 5.0 - 5.0;
        canvas.marker("dot", Marker::Circle, [x(value), y + offset], 1.9);
    }
}

/// The difference of each model to the best one with its interval; nothing without a comparison.
pub(super) fn differences(
    id: &str,
    models: &[Shown<'_>],
    comparisons: &[Comparison],
    metric: Metric,
) -> Option<Figure> {
    let of = |label: &str| models.iter().find(|shown| shown.label() == label);
    let mut rows: Vec<(&Comparison, Shown<'_>)> = comparisons
        .iter()
        .filter(|c| c.metric == metric && c.label != c.best)
        .filter_map(|c| Some((c, *of(&c.label)?)))
        .collect();
    let order = |a: &Comparison, b: &Comparison| metric.order(Some(b.difference), Some(a.difference));
    rows.sort_by(|a, b| order(a.0, b.0).then(a.0.label.cmp(&b.0.label)));
    let best = &rows.first()?.0.best;
    let [left, right] = [gutter(models), 62.0];
    let scale = Scale::from_zero(rows.iter().flat_map(|(c, _)| [c.interval[0], c.interval[1], c.difference]), 4);
    let x = |value: f64| left + (WIDTH - left - right) * scale.at(value);
    #[expect(clippy::cast_precision_loss, reason = "models are few")]
    let height = rows.len() as f64 * ROW + 34.0;
    let bottom = height - 26.0;
    let mut canvas = Canvas::new(WIDTH, height);
    for (value, label) in scale.labels() {
        canvas.line("grid", [x(value), 4.0], [x(value), bottom]);
        canvas.text("tick", Anchor::Middle, [x(value), bottom + 12.0], &label);
    }
    canvas.line("axis", [x(0.0), 4.0], [x(0.0), bottom]);
    let mut y = 8.0 + ROW / 2.0;
    let mut listed = Vec::new();
    for (comparison, shown) in &rows {
        let [low, high] = comparison.interval;
        let p = number::p_is(comparison.p_value);
        let [difference, least, most] = [comparison.difference, low, high].map(number::signed);
        let words = format!("{} {difference} ({least} to {most}, {p})", shown.label());
        canvas.group(&shown.class(), &words, |canvas| {
            canvas.line("interval", [x(low), y], [x(high), y]);
            canvas.line("interval", [x(low), y - 4.0], [x(low), y + 4.0]);
            canvas.line("interval", [x(high), y - 4.0], [x(high), y + 4.0]);
            canvas.marker("fill ring", shown.marker(), [x(comparison.difference), y], 5.0);
            canvas.text("label", Anchor::End, [left - 8.0, y], &fit(shown.label(), left - 12.0));
            canvas.text("value", Anchor::End, [WIDTH - 2.0, y], &p);
        });
        listed.push(words);
        y += ROW;
    }
    let title = format!("{metric}: difference to {best}");
    let description = format!("Difference of each model to {best}, mean over users: {}.", listed.join("; "));
    let caption = "Mean over users of the first seed with its 95 % interval (paired bootstrap). An interval that \
                   crosses the line at 0 leaves the order open. p: Wilcoxon signed-rank, Holm-corrected."
        .to_owned();
    let svg = canvas.finish(id, &title, &description);
    Some(Figure { title, caption, svg })
}

/// A point for each model: `x` against the mean of `metric`; nothing with fewer than two points.
pub(super) fn scatter(
    id: &str,
    models: &[Shown<'_>],
    metric: Metric,
    x_title: &str,
    x_scale: fn(Vec<f64>) -> Scale,
    x: impl Fn(&Shown<'_>) -> Option<f64>,
) -> Option<Figure> {
    let points: Vec<(Shown<'_>, [f64; 2])> =
        models.iter().filter_map(|s| Some((*s, [x(s)?, s.model.metrics.get(&metric)?.mean]))).collect();
    if points.len() < 2 {
        return None;
    }
    let frame = Frame {
        corner: [46.0, 34.0],
        size: [WIDTH - 46.0 - 24.0, 226.0],
        x: x_scale(points.iter().map(|(_, [x, _])| *x).collect()),
        y: Scale::linear(points.iter().map(|(_, [_, y])| *y), 4),
    };
    let mut canvas = Canvas::new(WIDTH, 300.0);
    frame.draw(&mut canvas, x_title, &metric.to_string());
    let labels: Vec<String> = points.iter().map(|(shown, _)| fit(shown.label(), 150.0)).collect();
    let positions: Vec<[f64; 2]> = points.iter().map(|(_, values)| frame.point(*values)).collect();
    let boxes: Vec<([f64; 2], f64)> =
        positions.iter().zip(&labels).map(|(at, label)| (*at, text_width(label))).collect();
    for ((((shown, [_, y]), position), place), label) in
        points.iter().zip(&positions).zip(beside(&boxes, WIDTH)).zip(&labels)
    {
        let title = format!("{}: {metric} {}", shown.label(), number::metric(*y));
        canvas.group(&shown.class(), &title, |canvas| {
            canvas.marker("fill ring", shown.marker(), *position, 5.5);
            canvas.text("label", place.anchor, place.at, label);
        });
    }
    let title = format!("{metric} against {x_title}");
    let names: Vec<&str> = points.iter().map(|(shown, _)| shown.label()).collect();
    let svg = canvas.finish(id, &title, &format!("A point for each of {}.", names.join(", ")));
    Some(Figure { title, caption: String::new(), svg })
}

/// What training time is spent on. Sampling is what the model had to wait for; the rest of it hides
/// behind the model's computing.
pub(super) const PARTS: [&str; 6] = ["sampling", "forward", "backward", "optimiser", "evaluation", "other"];

/// Where the training time went, as shares of each model's total; `rows` are seconds for each part.
pub(super) fn split(id: &str, rows: &[(Shown<'_>, [f64; PARTS.len()])]) -> Option<Figure> {
    let rows: Vec<_> = rows.iter().filter(|(_, parts)| parts.iter().sum::<f64>() > 0.0).collect();
    if rows.is_empty() {
        return None;
    }
    let shown: Vec<Shown<'_>> = rows.iter().map(|(shown, _)| *shown).collect();
    let [left, right] = [gutter(&shown), 78.0];
    let width = WIDTH - left - right;
    #[expect(clippy::cast_precision_loss, reason = "models are few")]
    let mut canvas = Canvas::new(WIDTH, rows.len() as f64 * ROW + 34.0);
    let mut legend_x = 2.0;
    for (part, name) in PARTS.iter().enumerate() {
        canvas.rect(&format!("part{part}"), [legend_x, 4.0], [12.0, 12.0]);
        canvas.text("tick", Anchor::Start, [legend_x + 17.0, 10.0], name);
        legend_x += 17.0 + text_width(name) + 14.0;
    }
    let mut listed = Vec::new();
    for (position, (shown, parts)) in rows.iter().enumerate() {
        let total: f64 = parts.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "models are few")]
        let y = 28.0 + position as f64 * ROW;
        let shares = PARTS.iter().zip(parts).map(|(name, part)| format!("{name} {}", number::percent(part / total)));
        let words = format!("{}: {}", shown.label(), shares.collect::<Vec<_>>().join(", "));
        canvas.group("stack", &words, |canvas| {
            let mut x = left;
            for (part, seconds) in parts.iter().enumerate() {
                let size = width * seconds / total;
                canvas.rect(&format!("part{part}"), [x, y], [size, ROW - 5.0]);
                if size > 32.0 {
                    let text = format!("{:.0} %", seconds / total * 100.0);
                    canvas.text(&format!("on-part{part}"), Anchor::Middle, [x + size / 2.0, y + LINE / 1.6], &text);
                }
                x += size;
            }
            canvas.text("label", Anchor::End, [left - 8.0, y + LINE / 1.6], &fit(shown.label(), left - 12.0));
            canvas.text("value", Anchor::End, [WIDTH - 2.0, y + LINE / 1.6], &number::seconds(total));
        });
        listed.push(words);
    }
    let title = "Where the training time went".to_owned();
    let caption =
        "Shares of the seconds of fitting, the mean over seeds; the total stands at the right. Sampling is what \
                   of it the model had to wait for."
            .to_owned();
    let svg = canvas.finish(id, &title, &format!("{}.", listed.join("; ")));
    Some(Figure { title, caption, svg })
}
