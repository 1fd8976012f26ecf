//! Numbers as people read them: `.1849`, `3 min 12 s`, `1.4 GiB`, `p < .001`.

/// A metric: four decimals and no leading zero below 1, fewer decimals above.
pub(super) fn metric(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 {
        "0".to_owned()
    } else if size < 0.000_05 {
        format!("{value:.0e}")
    } else if size < 1.0 {
        without_zero(&format!("{value:.4}"))
    } else if size < 100.0 {
        format!("{value:.2}")
    } else if size < 1000.0 {
        format!("{value:.1}")
    } else {
        grouped(&format!("{value:.0}"))
    };
    minus(&text)
}

/// A metric that says its sign.
pub(super) fn signed(value: f64) -> String {
    let text = metric(value);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// A duration.
pub(super) fn seconds(value: f64) -> String {
    if value <= 0.0 {
        "0 s".to_owned()
    } else if value < 0.000_95 {
        "< 1 ms".to_owned()
    } else if value < 0.995 {
        format!("{:.0} ms", value * 1000.0)
    } else if value < 9.95 {
        format!("{value:.1} s")
    } else if value < 59.5 {
        format!("{value:.0} s")
    } else if value < 3599.5 {
        let whole = value.round();
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    } else {
        let minutes = (value / 60.0).round();
        format!("{} h {:02.0} min", grouped(&format!("{:.0}", (minutes / 60.0).floor())), minutes % 60.0)
    }
}

/// A size of memory; a dash for 0, which stands for "the system does not tell".
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(value: u64) -> String {
    if value == 0 {
        return "–".to_owned();
    }
    let mut size = value as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 999.5 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit == "B" || size >= 9.95 { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") }
}

/// A count, with thousands set apart.
pub(super) fn count(value: usize) -> String {
    grouped(&value.to_string())
}

/// A mean of counts.
pub(super) fn mean_count(value: f64) -> String {
    if (value - value.round()).abs() < 0.05 { grouped(&format!("{value:.0}")) } else { format!("{value:.1}") }
}

/// A p-value: `< .001` or the number.
pub(super) fn p_value(value: f64) -> String {
    match value {
        value if value < 0.001 => "<\u{a0}.001".to_owned(),
        value if value < 0.095 => without_zero(&format!("{value:.3}")),
        value if value < 0.995 => without_zero(&format!("{value:.2}")),
        _ => "1".to_owned(),
    }
}

/// A p-value in a sentence: `p < .001` or `p = .031`, not to be torn apart at the end of a line.
pub(super) fn p_is(value: f64) -> String {
    let text = p_value(value);
    if text.starts_with('<') { format!("p\u{a0}{text}") } else { format!("p\u{a0}=\u{a0}{text}") }
}

/// A share in percent, not to be torn apart at the end of a line.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value.abs() < 9.95 { format!("{value:.1}\u{a0}%") } else { format!("{value:.0}\u{a0}%") }
}

/// A standard deviation; what is no more than rounding of the mean is 0.
pub(super) fn deviation(std: f64, mean: f64) -> String {
    metric(if std < mean.abs() * 1e-12 { 0.0 } else { std })
}

/// The number at a tick, with as many decimals as the step between ticks needs.
pub(super) fn tick(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    let decimals = (0_usize..).take(12).find(|&n| step * 10_f64.powi(i32::try_from(n).unwrap_or(12)) >= 0.999);
    let Some(decimals) = decimals.filter(|_| value.abs() < 1e7) else {
        return minus(&format!("{value:.0e}"));
    };
    let text = format!("{value:.decimals$}");
    minus(&if decimals == 0 { grouped(&text) } else { without_zero(&text) })
}

fn without_zero(text: &str) -> String {
    match text.strip_prefix("-0.") {
        Some(rest) => format!("-.{rest}"),
        None => text.strip_prefix("0.").map_or_else(|| text.to_owned(), |rest| format!(".{rest}")),
    }
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn minus(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_owned(), |rest| format!("−{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(
            [0.0, 0.18493, -0.0024, 0.99999, 1.0, 12.345, 812.34, 70839.0, 0.000_001, -0.000_049].map(metric),
            ["0", ".1849", "−.0024", "1.0000", "1.00", "12.35", "812.3", "70,839", "1e-6", "−5e-5"]
        );
        assert_eq!([0.0012, 0.0, -0.0012].map(signed), ["+.0012", "0", "−.0012"]);
        assert_eq!(
            [0.0, 0.0001, 0.0123, 0.999, 9.94, 59.4, 59.6, 192.0, 3599.6, 7500.0].map(seconds),
            [
                "0 s",
                "< 1 ms",
                "12 ms",
                "1.0 s",
                "9.9 s",
                "59 s",
                "1 min 00 s",
                "3 min 12 s",
                "1 h 00 min",
                "2 h 05 min"
            ]
        );
        assert_eq!(
            [0, 900, 2048, 1_048_576 * 310, 1_024_000 * 1500, 3_650_722_202].map(bytes),
            ["–", "900 B", "2.0 KiB", "310 MiB", "1.4 GiB", "3.4 GiB"]
        );
        assert_eq!([0, 999, 1000, 1_620_256].map(count), ["0", "999", "1,000", "1,620,256"]);
        assert_eq!([20.0, 1234.0, 17.5].map(mean_count), ["20", "1,234", "17.5"]);
        assert_eq!([0.0, 0.0312, 0.0955, 0.21, 1.0].map(p_value), ["<\u{a0}.001", ".031", ".10", ".21", "1"]);
        assert_eq!([0.0, 0.031].map(p_is), ["p\u{a0}<\u{a0}.001", "p\u{a0}=\u{a0}.031"]);
        assert_eq!([deviation(7e-17, 0.18), deviation(0.0006, 0.18)], ["0", ".0006"]);
        assert_eq!([0.0134, 0.25].map(percent), ["1.3\u{a0}%", "25\u{a0}%"]);
    }

    #[test]
    fn a_tick_has_the_decimals_of_its_step() {
        let cases = [(0.05, 0.05), (0.2, 0.05), (-0.5, 0.5), (0.0, 0.1), (1.5, 0.5), (20.0, 20.0), (15000.0, 5000.0)];
        assert_eq!(cases.map(|(value, step)| tick(value, step)), [".05", ".20", "−.5", "0", "1.5", "20", "15,000"]);
        assert_eq!(tick(5e12, 1e12), "5e12");
    }
}
