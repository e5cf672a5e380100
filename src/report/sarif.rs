//! SARIF 2.1.0, for code scanning.
//!
//! A finding of a builtin rule has that rule; a finding of a model has one rule per severity, because models name no
//! rules. Paths are relative to the repository root. A finding about the whole change has no location, which code
//! scanning refuses: it becomes a notification of the run, as does one whose path would lead out of the repository. A change that could not be judged is a run whose
//! `executionSuccessful` is false, with no results: an empty list alone would read as a pass.
//!
//! Code scanning refuses a file that is too large and shows only so many results of a run. The gravest findings that fit
//! are results; a notification says how many do not.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::review::{Finding, Outcome, Severity};

use super::issue::{clipped, fingerprint, message_of, rule_id};
use super::{Report, phrases, uri, visible};

/// Where results of the same defect are matched across runs; the fingerprint's own version is in its value.
const FINGERPRINT_KEY: &str = "codexReviewFinding/v1";

/// GitHub shows no more results of a run than this, and takes five times as many. It takes as many rules, too.
const MAX_RESULTS: usize = 5000;

/// GitHub takes 10 MB after compression. What is smaller before compression is smaller after it.
const MAX_BYTES: usize = 9_000_000;

/// What the document may take apart from results and rules.
const MAX_FRAME_BYTES: usize = 500_000;

/// GitHub's bound on a notification's or a rule's text is lower than on a message's.
const MAX_ABOUT_BYTES: usize = 1000;

/// Notifications beyond this many are left out.
const MAX_NOTIFICATIONS: usize = 200;

pub(super) fn render(report: &Report) -> Vec<u8> {
    let findings = report.shown_findings();
    let (placed, unplaced): (Vec<&Finding>, Vec<&Finding>) = findings
        .into_iter()
        .partition(|finding| uri::is_inside(&finding.file));
    let kept = &placed[..fitting(report, &placed)];

    let mut rules: BTreeMap<String, Severity> = BTreeMap::new();
    for finding in kept {
        let gravest = rules.entry(rule_id(finding)).or_insert(finding.severity);
        *gravest = (*gravest).max(finding.severity);
    }
    let rule_index: BTreeMap<&str, usize> = rules
        .keys()
        .enumerate()
        .map(|(index, id)| (id.as_str(), index))
        .collect();

    let sarif = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "codex-review",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(|(id, severity)| rule(id, *severity)).collect::<Vec<_>>(),
                },
            },
            "automationDetails": { "id": format!("codex-review/{}/", slug(&report.kind)) },
            "invocations": [{
                "executionSuccessful": !matches!(report.outcome, Outcome::NotJudged(_)),
                "exitCode": report.exit.code(),
                "toolExecutionNotifications": notifications(report, &unplaced, placed.len() - kept.len()),
            }],
            "columnKind": "unicodeCodePoints",
            "results": kept
                .iter()
                .map(|finding| result(report, finding, rule_index.get(rule_id(finding).as_str())))
                .collect::<Vec<_>>(),
            "properties": {
                "outcome": report.standing().as_str(),
                "engine": clipped(phrases::engine_line(report), MAX_ABOUT_BYTES),
                "target": clipped(visible::line(&report.target.label).into_owned(), MAX_ABOUT_BYTES),
            },
        }],
    });
    let document = serde_json::to_string_pretty(&sarif).expect("a JSON value always serialises");
    let mut bytes = visible::json_document(&document).into_bytes();
    bytes.push(b'\n');
    bytes
}

/// How many of the findings, gravest first, a run can hold.
fn fitting(report: &Report, placed: &[&Finding]) -> usize {
    /// What each line of a result is moved in by.
    const INDENT_BYTES: usize = 10;
    let mut room = MAX_BYTES - MAX_FRAME_BYTES;
    let size = |value: &Value| {
        let text = serde_json::to_string_pretty(value).expect("a JSON value always serialises");
        let text = visible::json_document(&text);
        text.len() + INDENT_BYTES * text.lines().count()
    };
    placed
        .iter()
        .take(MAX_RESULTS)
        .take_while(|finding| {
            // Its rule may be one that no other finding has.
            let rule = rule(&rule_id(finding), finding.severity);
            let needed = size(&result(report, finding, Some(&0))) + size(&rule);
            room.checked_sub(needed)
                .inspect(|left| room = *left)
                .is_some()
        })
        .count()
}

fn notifications(report: &Report, unplaced: &[&Finding], left_out: usize) -> Vec<Value> {
    let mut notifications = Vec::new();
    if let Outcome::NotJudged(not_judged) = &report.outcome {
        let text = format!(
            "the {} could not be judged: {}: {}",
            report.subject(),
            phrases::not_judged_fragment(not_judged.reason),
            not_judged.detail
        );
        notifications.push(notification("error", &text));
    }
    if left_out > 0 {
        let text = format!(
            "{} left out, the least grave: code scanning takes {MAX_RESULTS} results of a run, and {} in a file",
            phrases::counted(left_out, "finding"),
            phrases::size(MAX_BYTES as u64),
        );
        notifications.push(notification("warning", &text));
    }
    if let Some(text) = phrases::rejected_line(report) {
        notifications.push(notification("note", &text));
    }
    let excluded = phrases::excluded_lines(report);
    let of_the_whole = unplaced
        .iter()
        .map(|finding| notification(level(finding.severity), &message_of(finding)));
    let notes = excluded.iter().chain(&report.notes);
    let notes = notes.map(|note| notification("note", note));
    let total = unplaced.len() + excluded.len() + report.notes.len();
    notifications.extend(of_the_whole.chain(notes).take(MAX_NOTIFICATIONS));
    if total > MAX_NOTIFICATIONS {
        let text = format!(
            "{} left out",
            phrases::counted(total - MAX_NOTIFICATIONS, "notification")
        );
        notifications.push(notification("note", &text));
    }
    notifications
}

fn rule(id: &str, severity: Severity) -> Value {
    let (name, about, help) = match id.strip_prefix("review-") {
        Some(severity) => (
            format!("Reviewer/{severity}"),
            format!("A reviewer's finding of {severity} severity"),
            "A model reviewed the change and judged so. Its message says what is wrong and what to do instead.",
        ),
        None => (
            format!("Check/{id}"),
            format!("Check {id} of the builtin engine"),
            "A deterministic check of the builtin engine found this. Its message says what to do instead.",
        ),
    };
    json!({
        "id": id,
        "name": name,
        "shortDescription": { "text": about },
        "fullDescription": { "text": about },
        "help": { "text": help },
        "defaultConfiguration": { "level": level(severity) },
        "properties": {
            "tags": ["review"],
            "security-severity": security_severity(severity),
        },
    })
}

fn result(report: &Report, finding: &Finding, rule_index: Option<&usize>) -> Value {
    let mut physical = Map::new();
    physical.insert(
        "artifactLocation".to_owned(),
        json!({ "uri": report.uri_of(&finding.file), "uriBaseId": "%SRCROOT%" }),
    );
    if let Some(lines) = finding.lines {
        physical.insert(
            "region".to_owned(),
            json!({ "startLine": lines.start(), "endLine": lines.end() }),
        );
    }
    let mut properties = Map::new();
    properties.insert("severity".to_owned(), json!(finding.severity.as_str()));
    properties.insert("placement".to_owned(), json!(finding.placement.as_str()));
    if let Some(confidence) = finding.confidence.filter(|value| value.is_finite()) {
        properties.insert("confidence".to_owned(), json!(confidence));
    }
    json!({
        "ruleIndex": rule_index,
        "ruleId": rule_id(finding),
        "level": level(finding.severity),
        "message": { "text": message_of(finding) },
        "locations": [{ "physicalLocation": physical }],
        "partialFingerprints": { FINGERPRINT_KEY: fingerprint(finding) },
        "properties": properties,
    })
}

fn notification(level: &str, text: &str) -> Value {
    let text = clipped(visible::lines(text.trim()).into_owned(), MAX_ABOUT_BYTES);
    json!({ "level": level, "message": { "text": text } })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The score that GitHub derives its own words from: above 9.0 critical, above 7.0 high, above 4.0 medium.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn slug(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scores_are_in_the_ranges_that_bear_our_words_at_github() {
        let score = |severity| security_severity(severity).parse::<f64>().unwrap();
        assert!(score(Severity::Critical) >= 9.0 && score(Severity::Critical) <= 10.0);
        assert!((7.0..9.0).contains(&score(Severity::High)));
        assert!((4.0..7.0).contains(&score(Severity::Medium)));
        assert!((0.1..4.0).contains(&score(Severity::Low)));
    }
}
