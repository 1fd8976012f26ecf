//! One plot, of how the time of an edge grows with the number of edges, as SVG text.
//!
//! It is not a library of charts: reports have theirs in `gnnrec-experiment`.

use std::fmt::Write;

/// One size.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Edges, both directions counted; above 0.
    pub num_edges: f64,
    /// Nanoseconds of a training step for each edge.
    pub edge_ns: f64,
}

// The drawing, and the room for labels on its left and below.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const BELOW: f64 = 44.0;

/// The points over a logarithmic axis of edges and a linear one of time, which begins at 0.
///
/// # Panics
/// Without a point.
#[must_use]
pub fn growth(points: &[Point]) -> String {
    let extent = |value: fn(&Point) -> f64| {
        points.iter().map(value).fold((f64::INFINITY, 0f64), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((fewest, most), (_, slowest)) = (extent(|point| point.num_edges), extent(|point| point.edge_ns));
    assert!(fewest.is_finite(), "a plot needs a point");
    // One point stands in the middle of an axis that has a length.
    let (fewest, most) = if fewest < most { (fewest, most) } else { (fewest / 2.0, most * 2.0) };
    let step = 10f64.powf((slowest.max(1e-9) / 2.0).log10().floor());
    let top = (slowest / step).ceil() * step;
    let x = |edges: f64| LEFT + 12.0 + (edges / fewest).ln() / (most / fewest).ln() * (WIDTH - LEFT - 40.0);
    let y = |ns: f64| (HEIGHT - BELOW) - ns / top * (HEIGHT - BELOW - 24.0);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#444\">\n<title>Nanoseconds of a training step for each \
         edge, by the number of edges</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut put = |element: std::fmt::Arguments<'_>| writeln!(svg, "{element}").expect("a string takes any text");
    let mut tick = 0.0;
    while tick <= top * 1.001 {
        let (at, right) = (y(tick), WIDTH - 16.0);
        put(format_args!("<path stroke=\"#ddd\" d=\"M{LEFT} {at:.1}H{right:.1}\"/>"));
        let (left, base) = (LEFT - 6.0, at + 4.0);
        put(format_args!("<text x=\"{left:.1}\" y=\"{base:.1}\" text-anchor=\"end\">{tick:.3}</text>"));
        tick += step * (top / step / 5.0).ceil();
    }
    let line: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.num_edges), y(p.edge_ns))).collect();
    put(format_args!("<polyline fill=\"none\" stroke=\"#27c\" stroke-width=\"2\" points=\"{}\"/>", line.join(" ")));
    for point in points {
        let (at, over) = (x(point.num_edges), y(point.edge_ns));
        put(format_args!("<circle cx=\"{at:.1}\" cy=\"{over:.1}\" r=\"4\" fill=\"#27c\"/>"));
        let (above, below) = (over - 9.0, HEIGHT - BELOW + 18.0);
        put(format_args!("<text x=\"{at:.1}\" y=\"{above:.1}\" text-anchor=\"middle\">{:.1}</text>", point.edge_ns));
        let millions = point.num_edges / 1e6;
        put(format_args!("<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{millions:.0} M</text>"));
    }
    let (middle, bottom) = (f64::midpoint(LEFT, WIDTH), HEIGHT - 8.0);
    put(format_args!("<text x=\"{middle:.1}\" y=\"{bottom:.1}\" text-anchor=\"middle\">edges</text>"));
    put(format_args!("<text x=\"8\" y=\"16\">ns an edge</text>"));
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_time_stands_twice_as_high_and_a_hundredfold_is_the_whole_width() {
        let point = |num_edges, edge_ns| Point { num_edges, edge_ns };
        let svg = growth(&[point(1e6, 20.0), point(1e7, 40.0), point(1e8, 40.0)]);
        let places: Vec<[f64; 2]> = svg
            .lines()
            .filter_map(|line| {
                let numbers = line.strip_prefix("<circle cx=\"")?.split('"');
                let numbers: Vec<f64> = numbers.filter_map(|text| text.parse().ok()).collect();
                Some([numbers[0], numbers[1]])
            })
            .collect();
        let bottom = HEIGHT - BELOW;
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 0.2, "{found} {expected}");
        close(2.0 * (bottom - places[0][1]), bottom - places[1][1]);
        close(places[1][0] - places[0][0], places[2][0] - places[1][0]);
        assert!(svg.contains(">100 M<") && growth(&[point(5.0, 1.0)]).contains("circle"));
    }
}
