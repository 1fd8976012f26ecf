//! A drawing as SVG text: shapes with classes, whose colours and fonts the page's style sheet gives.
//!
//! It knows no charts. Every text is escaped here, and only here.

use std::fmt::{Display, Write};

use askama::filters::{Html, escape};

/// Height of a line of text in a chart.
pub(super) const LINE: f64 = 15.0;

/// A drawing of a given size, in units that are about CSS pixels.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

/// The shape of a point; each family has its own, so that colour is not all that tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
}

/// Which end of a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// Draws inside a group of a class; `title` is what a pointer and a screen reader find there.
    pub(super) fn group(&mut self, class: &str, title: &str, draw: impl FnOnce(&mut Self)) {
        self.push(format_args!("<g class=\"{}\"><title>{}</title>", escaped(class), escaped(title)));
        draw(self);
        self.push("</g>");
    }

    pub(super) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub(super) fn rect(&mut self, class: &str, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
        let (width, height) = (width.max(0.0), height.max(0.0));
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    /// A line through the points, dashed as in `stroke-dasharray`; fewer than two points draw nothing.
    pub(super) fn polyline(&mut self, class: &str, dash: &str, points: &[[f64; 2]]) {
        if points.len() < 2 {
            return;
        }
        self.push(format_args!("<polyline class=\"{class}\" stroke-dasharray=\"{dash}\" points=\""));
        for [x, y] in points {
            self.push(format_args!("{x:.1},{y:.1} "));
        }
        self.push("\"/>");
    }

    pub(super) fn marker(&mut self, class: &str, marker: Marker, [x, y]: [f64; 2], radius: f64) {
        match marker {
            Marker::Circle => {
                self.push(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"));
            }
            Marker::Square => {
                let half = radius * 0.9;
                self.rect(class, [x - half, y - half], [2.0 * half, 2.0 * half]);
            }
            Marker::Triangle => {
                let [top, base, half] = [y - radius * 1.15, y + radius * 0.85, radius * 1.15];
                let [left, right] = [x - half, x + half];
                self.push(format_args!(
                    "<path class=\"{class}\" d=\"M{x:.1},{top:.1} {right:.1},{base:.1} {left:.1},{base:.1}Z\"/>"
                ));
            }
        }
    }

    /// Text whose middle line passes through the point.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, [x, y]: [f64; 2], text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        let y = y + 4.0;
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// The finished element. `id` is unique in the page; `title` names the chart, `description` says
    /// in words what it shows.
    pub(super) fn finish(self, id: &str, title: &str, description: &str) -> String {
        let Self { width, height, body } = self;
        let (title, description) = (escaped(title), escaped(description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-desc\">{description}</desc>{body}</svg>"
        )
    }

    fn push(&mut self, text: impl Display) {
        write!(self.body, "{text}").expect("a string takes any text");
    }
}

/// Text for a place between tags or inside a quoted attribute, control characters made visible.
fn escaped(text: &str) -> impl Display {
    let visible: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    escape(visible, Html).expect("escaping for HTML does not fail")
}

/// How wide a text is at the charts' font size, estimated from above.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().map(char_width).sum()
}

/// The text, or as much of it as fits before an ellipsis.
pub(super) fn fit(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let mut left = width - char_width('…');
    let fitting = text.chars().take_while(|&c| {
        left -= char_width(c);
        left >= 0.0
    });
    let mut short = fitting.collect::<String>().trim_end().to_owned();
    short.push('…');
    short
}

fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | '.' | ',' | ' ' | '\'' | '|' | '(' | ')' | '-' => 4.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 11.0,
        'A'..='Z' => 8.6,
        c if c.is_ascii() || c == '…' || c == '±' || c == '−' => 7.0,
        _ => 12.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_escaped() {
        let nasty = "</svg><script>alert('\"&')</script>\u{7}";
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.group(nasty, nasty, |canvas| canvas.text("label", Anchor::Middle, [5.0, 5.0], nasty));
        let svg = canvas.finish("id", nasty, nasty);
        assert!(!svg.contains("<script"), "{svg}");
        let document = roxmltree::Document::parse(&svg).unwrap();
        let shown = nasty.replace('\u{7}', "\u{fffd}");
        let texts = document.descendants().filter(|node| node.text() == Some(&shown) && node.is_element());
        assert_eq!(texts.count(), 4);
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fit("LightGCN", 100.0), "LightGCN");
        assert_eq!(fit("LightGCN", 40.0), "Light…");
        assert_eq!(fit("Light GCN", 44.0), "Light…");
        assert_eq!(fit("LightGCN", 0.0), "…");
        assert!(text_width(&fit(&"模型".repeat(40), 150.0)) <= 150.0);
    }
}
