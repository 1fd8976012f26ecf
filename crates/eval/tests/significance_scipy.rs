//! The paired tests give SciPy's and statsmodels' numbers. `benches/rivals/significance.py` made the file.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gnnrec_eval::{bootstrap, holm, wilcoxon};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    wilcoxon: Vec<WilcoxonCase>,
    bootstrap: Vec<BootstrapCase>,
    holm: HolmCase,
}

#[derive(Deserialize)]
struct WilcoxonCase {
    name: String,
    differences: Vec<f64>,
    rank_sum_plus: f64,
    rank_sum_minus: f64,
    p_value: f64,
    exact: bool,
}

#[derive(Deserialize)]
struct BootstrapCase {
    values: Vec<f64>,
    confidence: f64,
    low: f64,
    high: f64,
    standard_error: f64,
}

#[derive(Deserialize)]
struct HolmCase {
    p_values: Vec<f64>,
    corrected: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("data/significance.json")).unwrap()
}

#[test]
fn wilcoxon_is_scipys() {
    let cases = reference().wilcoxon;
    assert!(cases.iter().any(|case| case.exact) && cases.iter().any(|case| !case.exact));
    for case in cases {
        let test = wilcoxon(&case.differences).unwrap();
        assert_eq!(
            (test.rank_sum_plus, test.rank_sum_minus),
            (case.rank_sum_plus, case.rank_sum_minus),
            "{}",
            case.name
        );
        assert_eq!(test.exact, case.exact, "{}", case.name);
        let relative = (test.p_value - case.p_value).abs() / case.p_value;
        assert!(relative < 1e-9, "{}: {} is not {}", case.name, test.p_value, case.p_value);
    }
}

/// Two sets of random resamples: the ends agree within a tenth of the mean's standard error, several
/// times the noise of a quantile over 10,000 resamples.
#[test]
fn the_bootstrap_is_scipys_within_its_noise() {
    for case in reference().bootstrap {
        let interval = bootstrap(&case.values, case.confidence, 11).unwrap();
        for (found, expected) in [(interval.low, case.low), (interval.high, case.high)] {
            assert!((found - expected).abs() < case.standard_error / 10.0, "{found} is not {expected}");
        }
    }
}

#[test]
fn holm_is_statsmodels() {
    let case = reference().holm;
    for (found, expected) in holm(&case.p_values).unwrap().iter().zip(&case.corrected) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }
}
