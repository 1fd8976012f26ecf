//! Learning curves: a thin line for each seed, a thick one for their mean, drawn from the run records.

use std::collections::BTreeMap;

use gnnrec_eval::Metric;
use gnnrec_train::{EpochRecord, Seconds};

use super::charts::{Figure, PARTS, WIDTH};
use super::frame::{Frame, spread};
use super::look::Shown;
use super::number;
use super::scale::Scale;
use super::svg::{Anchor, Canvas, Marker, fit, text_width};

/// A line with more points is thinned: nobody sees more, and the file stays small.
const MAX_POINTS: usize = 240;
/// Lines with at most so many points show them.
const FEW_POINTS: usize = 12;

/// One epoch of one seed, as far as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    epoch: f64,
    /// Training seconds until the end of this epoch.
    seconds: f64,
    loss: f64,
    /// The main metric on the validation part, in epochs that were validated.
    quality: Option<f64>,
}

/// The epochs of one model, seed by seed.
#[derive(Clone, Debug)]
pub(super) struct Curve<'a> {
    shown: Shown<'a>,
    seeds: Vec<Seed>,
}

/// The epochs of one seed, and which of them was kept.
#[derive(Clone, Debug)]
struct Seed {
    points: Vec<Point>,
    best_epoch: Option<f64>,
}

/// One seed as it is drawn: epochs with their coordinates.
#[derive(Clone, Debug)]
struct Line {
    points: Vec<(f64, [f64; 2])>,
    best_epoch: Option<f64>,
}

/// What a learning curve is drawn over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Epochs,
    Seconds,
}

impl<'a> Curve<'a> {
    /// The curve of a trained model; nothing for one that is solved for.
    #[expect(clippy::cast_precision_loss, reason = "epochs stay far below 2^52")]
    pub(super) fn of(shown: Shown<'a>, metric: Metric) -> Option<Self> {
        let records: Vec<_> = shown.model.runs.iter().filter_map(|run| run.training.as_ref()).collect();
        let seeds: Vec<Seed> = records
            .iter()
            .map(|record| {
                let mut seconds = 0.0;
                let point = |epoch: &EpochRecord| {
                    seconds += epoch.seconds;
                    let quality = epoch.metrics.get(&metric).copied();
                    Point { epoch: epoch.epoch as f64, seconds, loss: epoch.loss, quality }
                };
                let points = record.epochs.iter().map(point).collect();
                Seed { points, best_epoch: record.best_epoch.map(|epoch| epoch as f64) }
            })
            .filter(|seed| !seed.points.is_empty())
            .collect();
        (!seeds.is_empty()).then_some(Self { shown, seeds })
    }

    /// A line for each seed through what `point` makes of its epochs; seeds without any are left out.
    fn lines(&self, point: impl Fn(&Point) -> Option<[f64; 2]>) -> Vec<Line> {
        let line = |seed: &Seed| Line {
            points: seed.points.iter().filter_map(|p| Some((p.epoch, point(p)?))).collect(),
            best_epoch: seed.best_epoch,
        };
        self.seeds.iter().map(line).filter(|line| !line.points.is_empty()).collect()
    }

    fn quality(&self, over: Over) -> Vec<Line> {
        self.lines(|p| Some([if over == Over::Epochs { p.epoch } else { p.seconds }, p.quality?]))
    }
}

fn points(lines: &[Line]) -> impl Iterator<Item = [f64; 2]> {
    lines.iter().flat_map(|line| line.points.iter().map(|(_, point)| *point))
}

/// The mean line over seeds: at each epoch that every seed has, the mean of both coordinates.
fn mean(lines: &[Line]) -> Vec<[f64; 2]> {
    let mut epochs: BTreeMap<u64, Vec<[f64; 2]>> = BTreeMap::new();
    for (epoch, point) in lines.iter().flat_map(|line| &line.points) {
        // Whole numbers of one sign sort by their bits.
        epochs.entry(epoch.to_bits()).or_default().push(*point);
    }
    #[expect(clippy::cast_precision_loss, reason = "seeds are few")]
    let count = lines.len() as f64;
    let full = epochs.into_values().filter(|points| points.len() == lines.len());
    full.map(|points| points.iter().fold([0.0; 2], |sum, p| [sum[0] + p[0] / count, sum[1] + p[1] / count])).collect()
}

fn thinned(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let stride = points.len().div_ceil(MAX_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points.into_iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last).map(|(_, point)| point).collect()
}

/// All models in one chart of the main metric on the validation part; nothing when none was validated.
pub(super) fn quality(id: &str, curves: &[Curve<'_>], metric: Metric, over: Over) -> Option<Figure> {
    let lines: Vec<_> =
        curves.iter().map(|curve| (curve, curve.quality(over))).filter(|(_, l)| !l.is_empty()).collect();
    if lines.is_empty() {
        return None;
    }
    let all = || lines.iter().flat_map(|(_, lines)| points(lines));
    let labels: Vec<String> = lines.iter().map(|(curve, _)| fit(curve.shown.label(), 110.0)).collect();
    let gutter = labels.iter().map(|label| text_width(label)).fold(0.0, f64::max) + 24.0;
    let x = match over {
        Over::Epochs => from_zero_until(all().map(|[x, _]| x).collect()),
        Over::Seconds => time_scale(lines.iter().map(|(_, lines)| lines.as_slice())),
    };
    let y = Scale::linear(all().map(|[_, y]| y), 5).until(all().map(|[_, y]| y).fold(f64::NEG_INFINITY, f64::max));
    let frame = Frame { corner: [46.0, 34.0], size: [WIDTH - 46.0 - gutter, 226.0], x, y };
    let mut canvas = Canvas::new(WIDTH, 300.0);
    let x_title = if over == Over::Epochs { "epoch" } else { "training seconds" };
    frame.draw(&mut canvas, x_title, &format!("validation {metric}"));
    let ends: Vec<[f64; 2]> = lines
        .iter()
        .map(|(_, lines)| {
            let end = mean(lines).last().copied().or_else(|| points(lines).last());
            frame.point(end.unwrap_or_default())
        })
        .collect();
    let heights: Vec<f64> = ends.iter().map(|[_, y]| *y).collect();
    let heights = spread(&heights, 14.0, [frame.corner[1], frame.corner[1] + frame.size[1]]);
    let label_x = WIDTH - gutter + 16.0;
    let mut listed = Vec::new();
    for ((((curve, lines), label), end), height) in lines.iter().zip(&labels).zip(&ends).zip(heights) {
        canvas.group(&format!("curve {}", curve.shown.class()), curve.shown.label(), |canvas| {
            canvas.polyline("leader", "1 3", &[*end, [label_x - 12.0, height], [label_x - 4.0, height]]);
            draw(canvas, &frame, curve, lines);
            canvas.text("label", Anchor::Start, [label_x, height], label);
        });
        let best = points(lines).map(|[_, y]| y).fold(f64::NEG_INFINITY, f64::max);
        listed.push(format!("{} reaches {}", curve.shown.label(), number::metric(best)));
    }
    let title = match over {
        Over::Epochs => format!("Validation {metric} by epoch"),
        Over::Seconds => format!("Validation {metric} by time"),
    };
    let svg = canvas.finish(id, &title, &format!("{}.", listed.join("; ")));
    Some(Figure { title, caption: String::new(), svg })
}

/// Linear, unless the slowest model takes so much longer that the fastest would be a line at the edge.
fn time_scale<'a>(models: impl Iterator<Item = &'a [Line]>) -> Scale {
    let times: Vec<Vec<f64>> = models.map(|lines| points(lines).map(|[x, _]| x).collect()).collect();
    let totals = || times.iter().map(|times| times.iter().copied().fold(0.0, f64::max));
    let [fastest, slowest] = [totals().fold(f64::INFINITY, f64::min), totals().fold(0.0, f64::max)];
    let all: Vec<f64> = times.iter().flatten().copied().collect();
    if slowest > 6.0 * fastest { Scale::log(all).until(slowest) } else { from_zero_until(all) }
}

/// From 0 to the greatest value.
fn from_zero_until(values: Vec<f64>) -> Scale {
    let most = values.iter().copied().fold(0.0, f64::max);
    Scale::from_zero(values, 4).until(most)
}

fn draw(canvas: &mut Canvas, frame: &Frame, curve: &Curve<'_>, lines: &[Line]) {
    let place = |points: Vec<[f64; 2]>| thinned(points).into_iter().map(|p| frame.point(p)).collect::<Vec<_>>();
    let mean = place(mean(lines));
    for line in lines {
        if lines.len() > 1 {
            canvas.polyline("seed", "none", &place(line.points.iter().map(|(_, point)| *point).collect()));
        }
        let is_best = |epoch: f64| line.best_epoch.is_some_and(|best| (epoch - best).abs() < 0.5);
        if let Some((_, point)) = line.points.iter().find(|(epoch, _)| is_best(*epoch)) {
            canvas.marker("best", Marker::Circle, frame.point(*point), 3.2);
        }
    }
    canvas.polyline("mean", curve.shown.dash(), &mean);
    if mean.len() <= FEW_POINTS {
        for point in mean {
            canvas.marker("fill", curve.shown.marker(), point, 3.0);
        }
    }
}

/// The training loss of one model in a small chart of its own: losses of different models are
/// different quantities and share no axis.
pub(super) fn loss(id: &str, curve: &Curve<'_>) -> Figure {
    let lines = curve.lines(|p| Some([p.epoch, p.loss]));
    let all = || points(&lines);
    let frame = Frame {
        corner: [46.0, 30.0],
        size: [178.0, 96.0],
        x: from_zero_until(all().map(|[x, _]| x).collect()),
        y: Scale::linear(all().map(|[_, y]| y), 3),
    };
    let mut canvas = Canvas::new(236.0, 160.0);
    frame.draw(&mut canvas, "epoch", "loss");
    canvas.group(&format!("curve {}", curve.shown.class()), curve.shown.label(), |canvas| {
        draw(canvas, &frame, curve, &lines);
    });
    let title = curve.shown.label().to_owned();
    let first_seed = &curve.seeds[0].points;
    let [first, last] = [first_seed[0], first_seed[first_seed.len() - 1]].map(|point| number::metric(point.loss));
    let svg = canvas.finish(
        id,
        &format!("Loss of {title} by epoch"),
        &format!("From {first} to {last} with the first seed."),
    );
    Figure { title, caption: String::new(), svg }
}

/// Seconds for each of [`PARTS`], the mean over seeds; nothing for a model that is solved for.
#[expect(clippy::cast_precision_loss, reason = "seeds are few")]
pub(super) fn time_split(shown: Shown<'_>) -> Option<[f64; PARTS.len()]> {
    let records: Vec<_> = shown.model.runs.iter().filter_map(|run| run.training.as_ref()).collect();
    let mut parts = [0.0; PARTS.len()];
    for Seconds { sampling_wait, forward, backward, optimiser, evaluation, checkpoint, other } in
        records.iter().map(|record| record.seconds)
    {
        let seconds = [sampling_wait, forward, backward, optimiser, evaluation, checkpoint + other];
        for (sum, seconds) in parts.iter_mut().zip(seconds) {
            *sum += seconds / records.len() as f64;
        }
    }
    (!records.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_ends_with_the_shortest_seed() {
        let line = |values: &[f64]| Line {
            points: values.iter().zip(1_u32..).map(|(v, e)| (f64::from(e), [f64::from(e), *v])).collect(),
            best_epoch: None,
        };
        assert_eq!(mean(&[line(&[1.0, 2.0, 9.0]), line(&[3.0, 4.0])]), [[1.0, 2.0], [2.0, 3.0]]);
        assert_eq!(mean(&[]), [[0.0; 2]; 0]);
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let points: Vec<[f64; 2]> = (0..1001).map(|x| [f64::from(x), 0.0]).collect();
        let thin = thinned(points);
        assert!(thin.len() <= MAX_POINTS + 1);
        assert_eq!((thin[0], thin[thin.len() - 1]), ([0.0, 0.0], [1000.0, 0.0]));
    }
}
