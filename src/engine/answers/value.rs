//! Members as models write them: numbers as strings, severities by other names, lines that are not there.

use serde_json::Value;

use crate::review::{LineRange, Severity};

/// A number, or a string that holds one.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_end_matches('%').parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// A confidence from 0 to 1. Percentages are taken for what they are.
pub(super) fn confidence(value: &Value) -> Option<f64> {
    let number = number(value)?;
    let share = if number > 1.0 { number / 100.0 } else { number };
    Some(share.clamp(0.0, 1.0))
}

/// A line number, from 1. Zero, negative and absent mean none.
fn line(value: &Value) -> Option<u32> {
    let number = number(value)?;
    if number < 1.0 {
        return None;
    }
    // A float that is too large becomes the largest line number, which no file has.
    Some(number as u32)
}

/// A range of lines; one end stands for both.
pub(super) fn lines(start: &Value, end: &Value) -> Option<LineRange> {
    match (line(start), line(end)) {
        (Some(start), Some(end)) => Some(LineRange::new(start, end)),
        (Some(only), None) | (None, Some(only)) => Some(LineRange::new(only, only)),
        (None, None) => None,
    }
}

/// A text that is not blank.
pub(super) fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A severity by our words, or by the ones that other tools use for the same.
pub(super) fn severity(word: &str) -> Option<Severity> {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" | "blocker" | "p0" => Some(Severity::Critical),
        "high" | "major" | "p1" => Some(Severity::High),
        "medium" | "moderate" | "p2" => Some(Severity::Medium),
        "low" | "minor" | "info" | "nit" | "p3" => Some(Severity::Low),
        _ => None,
    }
}

/// Codex's priorities: 0 is the gravest.
pub(super) fn severity_of_priority(priority: f64) -> Severity {
    match priority {
        p if p < 0.5 => Severity::Critical,
        p if p < 1.5 => Severity::High,
        p if p < 2.5 => Severity::Medium,
        _ => Severity::Low,
    }
}

/// Splits `[P1] Title` into the severity and the title. Without such a prefix there is none.
pub(super) fn split_priority(title: &str) -> (Option<Severity>, &str) {
    let title = title.trim();
    let priority = title
        .strip_prefix("[P")
        .or_else(|| title.strip_prefix("[p"))
        .and_then(|rest| rest.split_once(']'))
        .and_then(|(digits, rest)| Some((digits.parse::<u8>().ok()?, rest)));
    match priority {
        Some((priority, rest)) => (
            Some(severity_of_priority(f64::from(priority))),
            rest.trim_start_matches([':', ' ']).trim(),
        ),
        None => (None, title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odd_numbers_are_understood_or_left_out() {
        assert_eq!(confidence(&json!("0.5")), Some(0.5));
        assert_eq!(confidence(&json!("85%")), Some(0.85));
        assert_eq!(confidence(&json!(-3)), Some(0.0));
        assert_eq!(confidence(&json!("high")), None);
        assert_eq!(lines(&json!("7"), &json!(null)), Some(LineRange::new(7, 7)));
        assert_eq!(lines(&json!(9), &json!(3)), Some(LineRange::new(3, 9)));
        assert_eq!(lines(&json!(0), &json!(0)), None);
        assert_eq!(
            lines(&json!(1e30), &json!(null)),
            Some(LineRange::new(u32::MAX, u32::MAX))
        );
    }

    #[test]
    fn a_priority_prefix_becomes_a_severity_and_leaves_the_title() {
        for (title, expected) in [
            ("[P0] Data loss", (Some(Severity::Critical), "Data loss")),
            ("[p3]: Typo", (Some(Severity::Low), "Typo")),
            ("[P9] Odd", (Some(Severity::Low), "Odd")),
            ("[PX] Kept", (None, "[PX] Kept")),
            ("Plain", (None, "Plain")),
        ] {
            assert_eq!(split_priority(title), expected);
        }
    }
}
