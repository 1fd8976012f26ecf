//! The report as a reader's browser gets it: well-formed, self-contained, complete, and unmoved by hostile names.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod sample;

use std::collections::BTreeSet;
use std::fmt::Write;

use gnnrec_eval::Metric;

use gnnrec_experiment::{Results, Spread, render};
use gnnrec_model::Family;
use roxmltree::{Document, Node, ParsingOptions};
use sample::{SIX, Sketch, TWELVE, results};

/// Parses the page and checks what holds of every report.
fn with_page(results: &Results, check: impl FnOnce(&Document<'_>)) {
    let html = render(results).unwrap();
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let page = Document::parse_with_options(&html, options).unwrap();
    let mut ids = BTreeSet::new();
    for node in page.descendants().filter(Node::is_element) {
        if let Some(id) = node.attribute("id") {
            assert!(ids.insert(id), "two elements are called {id}");
        }
    }
    for node in page.descendants().filter(Node::is_element) {
        for id in node.attribute("aria-labelledby").unwrap_or_default().split_whitespace() {
            assert!(ids.contains(id), "nothing is called {id}");
        }
        assert!(node.attribute("src").is_none());
        if let Some(target) = node.attribute("href") {
            assert!(target.strip_prefix('#').is_some_and(|id| ids.contains(id)), "{target} leads out of the page");
        }
    }
    assert_eq!(elements(&page, "script").count(), 1);
    assert!(!html.contains("url(") && !html.contains("@import"));
    for svg in elements(&page, "svg") {
        within_its_canvas(svg);
    }
    for table in elements(&page, "table") {
        let rows = table.descendants().filter(|node| node.has_tag_name("tr"));
        let widths: BTreeSet<usize> = rows.map(|row| row.children().filter(Node::is_element).count()).collect();
        assert_eq!(widths.len(), 1, "a ragged table: {}", text(table));
        let heads = table.descendants().filter(|node| tag(*node) == "th");
        assert!(heads.map(|head| head.attribute("scope")).all(|scope| matches!(scope, Some("col" | "row"))));
    }
    check(&page);
}

/// Every coordinate is a number between the edges of its drawing.
fn within_its_canvas(svg: Node<'_, '_>) {
    let size: Vec<f64> = svg.attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
    for node in svg.descendants().filter(Node::is_element) {
        for (names, limit) in
            [(["x", "x1", "x2", "cx", "width"], size[2]), (["y", "y1", "y2", "cy", "height"], size[3])]
        {
            for value in names.into_iter().filter_map(|name| node.attribute(name)) {
                let value: f64 = value.parse().unwrap();
                assert!((-0.1..=limit + 0.1).contains(&value), "{value} is outside of {limit}: {node:?}");
            }
        }
        let points = node.attribute("points").unwrap_or_default();
        for point in points.split_whitespace().map(|point| point.split_once(',').unwrap()) {
            let [x, y]: [f64; 2] = [point.0.parse().unwrap(), point.1.parse().unwrap()];
            assert!((-0.1..=size[2] + 0.1).contains(&x) && (-0.1..=size[3] + 0.1).contains(&y), "{x},{y}");
        }
    }
}

fn tag<'a>(node: Node<'a, '_>) -> &'a str {
    node.tag_name().name()
}

fn elements<'a, 'input>(page: &'a Document<'input>, name: &'a str) -> impl Iterator<Item = Node<'a, 'input>> {
    page.descendants().filter(move |node| node.is_element() && tag(*node) == name)
}

fn text(node: Node<'_, '_>) -> String {
    let words: String = node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn svg<'a, 'input>(page: &'a Document<'input>, id: &str) -> Option<Node<'a, 'input>> {
    let name = format!("{id}-title");
    page.descendants().find(|node| node.attribute("id") == Some(&name)).and_then(|title| title.parent())
}

/// The names of the rows of the `index`th table.
fn row_names(page: &Document<'_>, index: usize) -> Vec<String> {
    let table = elements(page, "table").nth(index).unwrap();
    let heads = table.descendants().filter(|node| node.attribute("scope") == Some("row"));
    heads.map(|head| text(head).trim_start_matches(['●', '■', '▲', ' ']).to_owned()).collect()
}

#[test]
fn every_model_stands_once_in_every_place() {
    with_page(&results(&SIX, 2), |page| {
        let ranked = ["Social LightGCN", "LightGCN", "KGCN", "ItemKNN", "MF-BPR", "Popularity"];
        assert_eq!(row_names(page, 0), ranked);
        let all = BTreeSet::from(ranked);
        let trained = BTreeSet::from(["Social LightGCN", "LightGCN", "KGCN", "MF-BPR"]);
        let compared = all.iter().copied().filter(|label| *label != "Social LightGCN").collect();
        for (id, expected) in [
            ("bars-main", &all),
            ("bars-second", &all),
            ("differences", &compared),
            ("quality-epochs", &trained),
            ("quality-seconds", &trained),
            ("coverage", &all),
            ("time", &all),
            ("split", &trained),
        ] {
            let labels: Vec<String> = svg(page, id)
                .unwrap_or_else(|| panic!("no chart {id}"))
                .descendants()
                .filter(|node| node.attribute("class") == Some("label"))
                .map(text)
                .collect();
            assert_eq!(labels.len(), expected.len(), "{id}: {labels:?}");
            assert_eq!(&labels.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{id}");
        }
        assert_eq!((0..9).filter(|index| svg(page, &format!("loss-{index}")).is_some()).count(), trained.len());
    });
}

#[test]
fn the_outline_of_the_sample() {
    with_page(&results(&SIX, 2), |page| {
        let mut outline = String::new();
        for node in page.descendants().filter(Node::is_element) {
            match tag(node) {
                name @ ("h1" | "h2" | "h3" | "caption" | "summary" | "dt" | "dd" | "desc") => {
                    writeln!(outline, "{name}: {}", text(node)).unwrap();
                }
                "p" if node.attribute("class") == Some("summary") => writeln!(outline, "p: {}", text(node)).unwrap(),
                "tr" => {
                    let bold = |cell: Node<'_, '_>| cell.children().any(|node| tag(node) == "strong");
                    let cell = |node| if bold(node) { format!("*{}", text(node)) } else { text(node) };
                    let cells: Vec<String> = node.children().filter(Node::is_element).map(cell).collect();
                    writeln!(outline, "  {}", cells.join(" | ")).unwrap();
                }
                _ => {}
            }
        }
        insta::assert_snapshot!(outline);
    });
}

#[test]
fn lengths_and_heights_say_what_the_numbers_say() {
    let number = |node: Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let results = results(&SIX[..4], 1);
    let mut recalls: Vec<f64> = results.models.iter().map(|model| model.metrics[&Metric::Recall(20)].mean).collect();
    recalls.sort_by(|a, b| b.total_cmp(a));
    with_page(&results, |page| {
        let shapes = |id: &str, class: &str, name: &str| {
            let svg = svg(page, id).unwrap();
            let shapes = svg.descendants().filter(|node| node.attribute("class") == Some(class));
            shapes.map(|node| number(node, name)).collect::<Vec<f64>>()
        };
        let bars = shapes("bars-main", "fill", "width");
        let points = shapes("coverage", "fill ring", "cy");
        assert_eq!([bars.len(), points.len()], [4, 4]);
        for other in 1..4 {
            assert!((bars[other] / bars[0] - recalls[other] / recalls[0]).abs() < 0.001, "{bars:?}");
            let (rise, reach) = (points[other] - points[0], points[3] - points[0]);
            let share = (recalls[0] - recalls[other]) / (recalls[0] - recalls[3]);
            assert!(reach > 0.0 && (rise / reach - share).abs() < 0.005, "{points:?}");
        }
    });
}

#[test]
fn of_an_error_the_lowest_comes_first() {
    // The same models with their shortfall as an error: the order is the same.
    let by_recall = results(&SIX[..4], 2);
    let mut by_error = by_recall.clone();
    by_error.protocol.main_metric = Metric::Rmse;
    for model in &mut by_error.models {
        let shortfall = model.metrics[&Metric::Recall(20)].per_seed.iter().map(|recall| 1.0 - recall).collect();
        model.metrics.insert(Metric::Rmse, Spread::of(shortfall));
    }
    for comparison in &mut by_error.comparisons {
        let [low, high] = comparison.interval;
        (comparison.metric, comparison.difference, comparison.interval) =
            (Metric::Rmse, -comparison.difference, [-high, -low]);
    }
    let order = |results: &Results| {
        let mut order = Vec::new();
        with_page(results, |page| {
            let labels = |node: &Node<'_, '_>| tag(*node) == "text" && node.attribute("class") == Some("label");
            let differences = svg(page, "differences").unwrap();
            order = vec![row_names(page, 0), differences.descendants().filter(labels).map(text).collect()];
            let first = elements(page, "table").next().unwrap();
            let bold: Vec<_> = first.descendants().filter(|node| tag(*node) == "strong").map(text).collect();
            order.push(bold.into_iter().take(1).collect());
        });
        order
    };
    let (recall, error) = (order(&by_recall), order(&by_error));
    assert_eq!(error[..2], recall[..2]);
    let lowest = by_error.models.iter().map(|model| model.metrics[&Metric::Rmse].mean).fold(f64::INFINITY, f64::min);
    assert_eq!(error[2], [format!("{lowest:.4}").trim_start_matches('0')]);
}

#[test]
fn names_cannot_become_markup() {
    let nasty = "</title></svg><script>alert(\"1\")</script> 'a' & <b onload=x>";
    let mut results = results(&[SIX[3], Sketch { label: nasty, ..SIX[4] }], 2);
    results.dataset.name = nasty.to_owned();
    results.protocol.split = nasty.to_owned();
    results.environment.command = nasty.to_owned();
    results.models[0].slices[0].by = nasty.to_owned();
    results.models[0].slices[0].group = nasty.to_owned();
    results.dataset.report.steps[0].name = nasty.to_owned();
    results.dataset.report.steps[2].noted[0].what = nasty.to_owned();
    results.spec = serde_json::json!({ "name": nasty, "toml": null });
    with_page(&results, |page| {
        assert!(page.descendants().all(|node| node.attribute("onload").is_none()));
        assert_eq!(row_names(page, 0), [nasty, "LightGCN"]);
        assert_eq!(text(elements(page, "h1").next().unwrap()), nasty);
        assert!(text(elements(page, "code").next().unwrap()).contains(nasty));
    });
}

#[test]
fn twelve_models_with_long_names_fit() {
    with_page(&results(&TWELVE, 3), |page| {
        assert_eq!(row_names(page, 0).len(), TWELVE.len());
        let long = "LightGCN, 4 layers, 256 wide, slower rate";
        let bars = svg(page, "bars-main").unwrap();
        assert!(bars.descendants().any(|node| tag(node) == "text" && text(node).ends_with('…')));
        assert!(bars.descendants().any(|node| tag(node) == "title" && text(node).starts_with(long)));
    });
}

#[test]
fn a_single_model_with_a_single_seed() {
    with_page(&results(&SIX[3..4], 1), |page| {
        assert!(svg(page, "differences").is_none() && svg(page, "coverage").is_none());
        assert!(svg(page, "quality-epochs").is_some());
        assert_eq!(elements(page, "strong").count(), 0, "the best of one is not worth a word");
        assert!(!text(elements(page, "table").next().unwrap()).contains('±'));
    });
}

#[test]
fn without_training_there_are_no_curves() {
    with_page(&results(&SIX[..2], 2), |page| {
        assert!(svg(page, "quality-epochs").is_none() && svg(page, "split").is_none());
        assert!(elements(page, "a").all(|link| link.attribute("href") != Some("#learning")));
    });
    with_page(&results(&[], 1), |page| assert!(text(page.root()).contains("No model was run.")));
}

#[test]
fn a_curve_of_one_epoch_is_a_point() {
    let mut results = results(&[Sketch { epochs: 1, ..SIX[4] }], 1);
    let record = results.models[0].runs[0].training.as_mut().unwrap();
    record.epochs.truncate(1);
    record.epochs[0].metrics = [(Metric::Recall(20), 0.1)].into();
    record.best_epoch = Some(1);
    with_page(&results, |page| {
        let chart = svg(page, "quality-epochs").unwrap();
        assert!(chart.descendants().any(|node| tag(node) == "rect" && node.attribute("class") == Some("fill")));
        assert!(chart.descendants().any(|node| node.attribute("class") == Some("best")));
    });
    results.models[0].runs[0].training.as_mut().unwrap().epochs[0].metrics.clear();
    with_page(&results, |page| assert!(svg(page, "quality-epochs").is_none() && svg(page, "loss-0").is_some()));
    results.models[0].runs[0].training.as_mut().unwrap().epochs.clear();
    with_page(&results, |page| assert!(svg(page, "loss-0").is_none()));
}

#[test]
fn metrics_of_zero_and_missing_ones_are_shown() {
    let nothing = Sketch { recall: 0.0, coverage: 0.0, seconds: 0.0, ..SIX[0] };
    let mut results = results(&[nothing, Sketch { label: "other", family: Family::Social, ..nothing }], 2);
    with_page(&results, |page| assert!(text(page.root()).contains("No model found anything")));
    results.models[0].metrics.clear();
    results.models[1].metrics.insert(Metric::Recall(20), Spread::of(vec![0.25]));
    with_page(&results, |page| {
        assert_eq!(row_names(page, 0), ["other", "Popularity"]);
        assert!(svg(page, "bars-main").is_some_and(|bars| !text(bars).contains("Popularity")));
    });
}
