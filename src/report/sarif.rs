//! SARIF 2.1.0, for code scanning.
//!
//! A finding of a builtin rule has that rule; a finding of a model has one rule per severity, because models name no
//! rules. Paths are relative to the repository root. A finding about the whole change has no location, which code
//! scanning refuses: it becomes a notification of the run. A change that could not be judged is a run whose
//! `executionSuccessful` is false, with no results: an empty list alone would read as a pass.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::review::{Finding, FindingOrigin, Outcome, Severity};

use super::{Report, phrases, visible};

/// Where results of the same defect are matched across runs; the fingerprint's own version is in its value.
const FINGERPRINT_KEY: &str = "codexReviewFinding/v1";

/// GitHub shows no more results of a run than this.
const MAX_RESULTS: usize = 5000;

pub(super) fn render(report: &Report) -> Vec<u8> {
    let findings = report.shown_findings();
    let (placed, unplaced): (Vec<&Finding>, Vec<&Finding>) = findings
        .into_iter()
        .partition(|finding| !finding.file.is_empty());
    let kept = &placed[..placed.len().min(MAX_RESULTS)];

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

    let mut notifications: Vec<Value> = unplaced
        .iter()
        .map(|finding| notification(level(finding.severity), &message_of(finding)))
        .collect();
    if placed.len() > kept.len() {
        let text = format!(
            "{} less grave findings were left out: one run holds {MAX_RESULTS}",
            placed.len() - kept.len()
        );
        notifications.push(notification("warning", &text));
    }
    for text in phrases::rejected_line(report)
        .into_iter()
        .chain(phrases::excluded_lines(report))
    {
        notifications.push(notification("note", &text));
    }
    if let Outcome::NotJudged(not_judged) = &report.outcome {
        let text = format!(
            "the change could not be judged: {}: {}",
            phrases::not_judged_fragment(not_judged.reason),
            not_judged.detail
        );
        notifications.push(notification("error", &text));
    }
    for note in &report.notes {
        notifications.push(notification("note", note));
    }

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
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": kept.iter().map(|finding| result(finding, &rule_index)).collect::<Vec<_>>(),
            "properties": {
                "outcome": report.standing().as_str(),
                "engine": phrases::engine_line(report),
                "target": visible::line(&report.target.label),
            },
        }],
    });
    let document = serde_json::to_string_pretty(&sarif).expect("a JSON value always serialises");
    let mut bytes = visible::json_document(&document).into_bytes();
    bytes.push(b'\n');
    bytes
}

fn rule_id(finding: &Finding) -> String {
    match &finding.origin {
        FindingOrigin::Rule(rule) => visible::line(rule).into_owned(),
        FindingOrigin::Model => format!("review-{}", finding.severity),
    }
}

fn rule(id: &str, severity: Severity) -> Value {
    let about = match id.strip_prefix("review-") {
        Some(severity) => format!("A reviewer's finding of {severity} severity"),
        None => format!("Check {id} of the builtin engine"),
    };
    json!({
        "id": id,
        "shortDescription": { "text": about },
        "defaultConfiguration": { "level": level(severity) },
        "properties": {
            "tags": ["review"],
            "security-severity": security_severity(severity),
        },
    })
}

fn result(finding: &Finding, rule_index: &BTreeMap<&str, usize>) -> Value {
    let id = rule_id(finding);
    let mut physical = Map::new();
    physical.insert(
        "artifactLocation".to_owned(),
        json!({ "uri": uri(&finding.file), "uriBaseId": "%SRCROOT%" }),
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
        "ruleIndex": rule_index[id.as_str()],
        "ruleId": id,
        "level": level(finding.severity),
        "message": { "text": message_of(finding) },
        "locations": [{ "physicalLocation": physical }],
        "partialFingerprints": partial_fingerprints(finding),
        "properties": properties,
    })
}

fn message_of(finding: &Finding) -> String {
    let mut text = visible::line(&finding.title).into_owned();
    let recommendation = finding.recommendation.as_deref().unwrap_or_default();
    for part in [finding.body.trim(), recommendation.trim()] {
        if !part.is_empty() {
            text.push_str("\n\n");
            text.push_str(&visible::lines(part));
        }
    }
    text
}

fn notification(level: &str, text: &str) -> Value {
    json!({ "level": level, "message": { "text": visible::lines(text.trim()) } })
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

/// The finding's fingerprint; a document of an earlier version has none.
fn partial_fingerprints(finding: &Finding) -> Value {
    match finding.fingerprint {
        Some(fingerprint) => json!({ FINGERPRINT_KEY: fingerprint.to_string() }),
        None => json!({}),
    }
}

/// A relative URI reference: everything but unreserved characters and slashes is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
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
