//! How a model looks in every chart and table: colour by family, shade and dash within it.
//!
//! Colours themselves are in the style sheet, once for light and once for dark.

use gnnrec_model::Family;

use super::svg::Marker;
use crate::ModelResults;

/// Every family, in the order of charts.
pub(super) const FAMILIES: [Family; 3] = [Family::Interaction, Family::Social, Family::Knowledge];

const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// A model with its place among the models of its family, which gives it a shade and a dash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) model: &'a ModelResults,
    place: usize,
}

impl<'a> Shown<'a> {
    /// Every model, in the order given.
    pub(super) fn all(models: &[&'a ModelResults]) -> Vec<Self> {
        let before = |index: usize, family| models[..index].iter().filter(|other| other.family == family).count();
        models.iter().enumerate().map(|(index, model)| Self { model, place: before(index, model.family) }).collect()
    }

    /// What tables and charts call it.
    pub(super) fn label(&self) -> &'a str {
        &self.model.label
    }

    /// The classes that colour it.
    pub(super) fn class(&self) -> String {
        format!("{} shade{}", family_name(self.model.family), self.place % 4)
    }

    /// Its line, as in `stroke-dasharray`: no two of the first sixteen of a family share shade and dash.
    pub(super) fn dash(&self) -> &'static str {
        DASHES[(self.place + self.place / 4) % 4]
    }

    /// Its point.
    pub(super) fn marker(&self) -> Marker {
        match self.model.family {
            Family::Interaction => Marker::Circle,
            Family::Social => Marker::Square,
            Family::Knowledge => Marker::Triangle,
        }
    }
}

/// The family as specs and results name it.
pub(super) fn family_name(family: Family) -> &'static str {
    match family {
        Family::Interaction => "interaction",
        Family::Social => "social",
        Family::Knowledge => "knowledge",
    }
}

/// The family's point as a character.
pub(super) fn family_glyph(family: Family) -> &'static str {
    match family {
        Family::Interaction => "●",
        Family::Social => "■",
        Family::Knowledge => "▲",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Spread;

    const STYLE: &str = include_str!("../../templates/report.css");

    /// Relative luminance of `#rrggbb`, as WCAG 2 defines it.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(theme: &str, a: &str, b: &str) -> f64 {
        let colour = |name: &str| {
            let (_, rest) = theme.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("no colour {name}"));
            luminance(rest.split(';').next().unwrap())
        };
        let [a, b] = [colour(a), colour(b)];
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn colours_stand_out_from_the_page_in_light_and_in_dark() {
        let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
        for theme in [light, dark] {
            for name in ["text", "muted", "accent"] {
                assert!(contrast(theme, name, "page") >= 4.5, "{name}");
            }
            for family in FAMILIES.map(family_name) {
                for shade in 0..4 {
                    let name = format!("{family}{shade}");
                    assert!(contrast(theme, &name, "page") >= 3.0, "{name}");
                    assert!(STYLE.contains(&format!(".{family}.shade{shade} {{ --c: var(--{name}); }}")));
                }
            }
            for part in 0..super::super::charts::PARTS.len() {
                let [on, part] = [format!("on-part{part}"), format!("part{part}")];
                assert!(contrast(theme, &on, &part) >= 4.5, "{on}");
            }
        }
    }

    #[test]
    fn sixteen_models_of_a_family_look_different() {
        let model = |family| ModelResults {
            label: String::new(),
            model: String::new(),
            family,
            config: serde_json::Value::Null,
            metrics: [(gnnrec_eval::Metric::Auc, Spread::default())].into(),
            train_seconds: 0.0,
            eval_seconds: 0.0,
            epochs: 0.0,
            peak_bytes: 0,
            slices: Vec::new(),
            runs: Vec::new(),
        };
        let models: Vec<ModelResults> = (0..48).map(|index| model(FAMILIES[index % 3])).collect();
        let shown = Shown::all(&models.iter().collect::<Vec<_>>());
        let looks: BTreeSet<_> = shown.iter().map(|shown| (shown.class(), shown.dash())).collect();
        assert_eq!(looks.len(), 48);
    }
}
