//! The frame of a chart with two axes, and where its labels go so that they do not cover one another.

use super::scale::Scale;
use super::svg::{Anchor, Canvas, LINE, text_width};

/// A plotting area with its two scales.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Left and upper edge.
    pub(super) corner: [f64; 2],
    /// Width and height.
    pub(super) size: [f64; 2],
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Frame {
    /// Where a pair of values stands.
    pub(super) fn point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, top] = self.corner;
        let [width, height] = self.size;
        [left + width * self.x.at(x), top + height * (1.0 - self.y.at(y))]
    }

    /// Grid lines, ticks and the names of both axes. The vertical axis is named above itself, where
    /// the name can be read without turning the head.
    pub(super) fn draw(&self, canvas: &mut Canvas, x_title: &str, y_title: &str) {
        let [left, top] = self.corner;
        let [right, bottom] = [left + self.size[0], top + self.size[1]];
        for (value, label) in self.y.labels() {
            let y = top + self.size[1] * (1.0 - self.y.at(value));
            canvas.line("grid", [left, y], [right, y]);
            canvas.text("tick", Anchor::End, [left - 6.0, y], &label);
        }
        let mut free_from = f64::NEG_INFINITY;
        for (value, label) in self.x.labels() {
            let x = left + self.size[0] * self.x.at(value);
            canvas.line("axis", [x, bottom], [x, bottom + 4.0]);
            let half = text_width(&label) / 2.0;
            if x - half > free_from {
                canvas.text("tick", Anchor::Middle, [x, bottom + 13.0], &label);
                free_from = x + half + 6.0;
            }
        }
        canvas.line("axis", [left, bottom], [right, bottom]);
        canvas.text("axis-title", Anchor::Start, [2.0, top - 16.0], y_title);
        canvas.text("axis-title", Anchor::End, [right, bottom + 13.0 + LINE], x_title);
    }
}

/// Moves heights apart until neighbours are `gap` apart, all within `[top, bottom]` where there is room,
/// and each as near to where it was as its neighbours let it.
pub(super) fn spread(heights: &[f64], gap: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|&a, &b| heights[a].total_cmp(&heights[b]));
    let mut moved = heights.to_vec();
    let mut least = top;
    for &index in &order {
        moved[index] = moved[index].max(least);
        least = moved[index] + gap;
    }
    let mut most = bottom;
    for &index in order.iter().rev() {
        moved[index] = moved[index].min(most);
        most = moved[index] - gap;
    }
    moved
}

/// A text to be set beside a point, and where it went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) at: [f64; 2],
    pub(super) anchor: Anchor,
}

/// Where to set a text beside each point: right, left, above or below, wherever it covers least of
/// the other points and of the texts before it and stays between the edges `[0, width]`.
pub(super) fn beside(points: &[([f64; 2], f64)], width: f64) -> Vec<Place> {
    let mut taken: Vec<[f64; 4]> = points.iter().map(|&([x, y], _)| [x - 6.0, y - 6.0, x + 6.0, y + 6.0]).collect();
    let mut places = Vec::new();
    for (own, &([x, y], text)) in points.iter().enumerate() {
        let half = LINE / 2.0;
        let candidates = [
            (Anchor::Start, [x + 9.0, y]),
            (Anchor::End, [x - 9.0, y]),
            (Anchor::Middle, [x, y - 14.0]),
            (Anchor::Middle, [x, y + 14.0]),
            (Anchor::Start, [x + 7.0, y - 12.0]),
            (Anchor::Start, [x + 7.0, y + 12.0]),
            (Anchor::End, [x - 7.0, y - 12.0]),
            (Anchor::End, [x - 7.0, y + 12.0]),
        ];
        let boxed = |anchor, [x, y]: [f64; 2]| {
            let left = match anchor {
                Anchor::Start => x,
                Anchor::Middle => x - text / 2.0,
                Anchor::End => x - text,
            };
            [left, y - half, left + text, y + half]
        };
        let cost = |&(anchor, at): &(Anchor, [f64; 2])| {
            let area = boxed(anchor, at);
            let outside = (-area[0]).max(0.0) + (area[2] - width).max(0.0);
            let others = taken.iter().enumerate().filter(|(index, _)| *index != own);
            others.map(|(_, other)| overlap(area, *other)).sum::<f64>() + outside * 100.0
        };
        let best = candidates.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(candidates[0]);
        taken.push(boxed(best.0, best.1));
        places.push(Place { at: best.1, anchor: best.0 });
    }
    places
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_give_way_to_one_another() {
        assert_eq!(spread(&[50.0, 51.0, 10.0], 10.0, [0.0, 100.0]), [50.0, 60.0, 10.0]);
        assert_eq!(spread(&[95.0, 99.0], 10.0, [0.0, 100.0]), [90.0, 100.0]);
        let places = beside(&[([50.0, 50.0], 30.0), ([60.0, 50.0], 30.0)], 200.0);
        assert_eq!(places.iter().map(|place| place.anchor).collect::<Vec<_>>(), [Anchor::End, Anchor::Start]);
    }

    proptest! {
        #[test]
        fn spread_heights_keep_their_order_and_their_gap(heights in prop::collection::vec(0_f64..100.0, 1..8)) {
            let moved = spread(&heights, 12.0, [0.0, 100.0]);
            let mut pairs: Vec<(f64, f64)> = heights.into_iter().zip(moved).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            for pair in pairs.windows(2) {
                prop_assert!(pair[1].1 - pair[0].1 >= 12.0 - 1e-9, "{pairs:?}");
            }
            prop_assert!(pairs.iter().all(|(_, moved)| (-1e-9..=100.0 + 1e-9).contains(moved)));
        }
    }
}
