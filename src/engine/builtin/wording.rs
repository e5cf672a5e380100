//! How an examination is told: Codex's review JSON, its review text, our structured answer, and the gate's line.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::checks::Examination;
use crate::review::{Finding, FindingOrigin, LineRange, Severity, Verdict};

/// Findings of this severity and above hold a change up at the gate and make the verdict.
const HOLDS: Severity = Severity::High;

/// The verdict: something grave, or something at all worth attention.
pub(super) fn verdict(examination: &Examination) -> Verdict {
    let attention = examination
        .findings
        .iter()
        .any(|finding| finding.severity >= Severity::Medium);
    if attention {
        Verdict::NeedsAttention
    } else {
        Verdict::Approve
    }
}

/// One or two sentences on the whole, which always say what kind of engine speaks.
pub(super) fn summary(examination: &Examination) -> String {
    let count = examination.findings.len() + examination.beyond_bound;
    let mut text = match count {
        0 => "The builtin checks found nothing".to_owned(),
        1 => "The builtin checks found one thing".to_owned(),
        many => format!("The builtin checks found {many} things"),
    };
    let _ = write!(
        text,
        " in {} and {}.",
        counted(examination.files, "changed file", "changed files"),
        counted(examination.lines, "new line", "new lines"),
    );
    text.push_str(" They are fixed rules, not a model: they judge patterns, not logic.");
    if examination.beyond_bound > 0 {
        let _ = write!(
            text,
            " Only the {} gravest are listed.",
            examination.findings.len()
        );
    }
    if !examination.not_seen.is_empty() {
        let _ = write!(
            text,
            " Not looked at: {}",
            counted(examination.not_seen.len(), "thing", "things")
        );
        let shown: Vec<&str> = examination
            .not_seen
            .iter()
            .take(3)
            .map(String::as_str)
            .collect();
        let _ = write!(text, " ({}", shown.join("; "));
        text.push_str(if examination.not_seen.len() > 3 {
            "; …)."
        } else {
            ")."
        });
    }
    text
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("one {one}"),
        _ => format!("{count} {many}"),
    }
}

/// The priority that Codex gives a severity.
fn priority(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 0,
        Severity::High => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
    }
}

fn rule(finding: &Finding) -> Option<&str> {
    match &finding.origin {
        FindingOrigin::Rule(id) => Some(id),
        FindingOrigin::Model => None,
    }
}

/// The reviewer's raw answer, in Codex's shape. `rule` and `recommendation` are ours.
pub(super) fn review_json(examination: &Examination, root: &Path) -> Value {
    let findings: Vec<Value> = examination
        .findings
        .iter()
        .map(|finding| {
            json!({
                "title": format!("[P{}] {}", priority(finding.severity), finding.title),
                "body": finding.body,
                "confidence_score": finding.confidence,
                "priority": priority(finding.severity),
                "code_location": {
                    "absolute_file_path": root.join(&finding.file).to_string_lossy(),
                    "line_range": finding.lines.map(|lines| json!({"start": lines.start(), "end": lines.end()})),
                },
                "recommendation": finding.recommendation,
                "rule": rule(finding),
            })
        })
        .collect();
    let correct = match verdict(examination) {
        Verdict::Approve => "patch is correct",
        Verdict::NeedsAttention => "patch is incorrect",
    };
    json!({
        "findings": findings,
        "overall_correctness": correct,
        "overall_explanation": summary(examination),
        "overall_confidence_score": 1.0,
    })
}

/// The review as text, in Codex's form.
pub(super) fn review_text(examination: &Examination, root: &Path) -> String {
    let mut text = summary(examination);
    if examination.findings.is_empty() {
        // What readers of the text alone take for an approval.
        text.push_str(" The patch is correct as far as these rules can tell.");
        return text;
    }
    text.push_str(if examination.findings.len() == 1 {
        "\n\nReview comment:\n"
    } else {
        "\n\nFull review comments:\n"
    });
    for finding in &examination.findings {
        let path = root.join(&finding.file);
        let lines = finding.lines.map_or(String::new(), |lines| {
            format!(":{}-{}", lines.start(), lines.end())
        });
        let _ = write!(
            text,
            "\n- [P{}] {} — {}{lines}\n",
            priority(finding.severity),
            finding.title,
            one_line(&path.to_string_lossy())
        );
        for line in finding.body.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// The answer by the findings schema. `rule` is ours.
pub(super) fn structured(examination: &Examination) -> Value {
    let findings: Vec<Value> = examination
        .findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.as_str(),
                "title": finding.title,
                "body": finding.body,
                "file": finding.file,
                "line_start": finding.lines.map(LineRange::start),
                "line_end": finding.lines.map(LineRange::end),
                "confidence": finding.confidence,
                "recommendation": finding.recommendation.as_deref().unwrap_or_default(),
                "rule": rule(finding),
            })
        })
        .collect();
    let mut next_steps = Vec::new();
    if findings
        .iter()
        .any(|finding| finding["severity"] == "critical")
    {
        next_steps.push("Mend the critical findings before this leaves the machine.");
    }
    next_steps.push("Have a model or a person review the logic: the builtin rules cannot.");
    json!({
        "verdict": verdict(examination).as_str(),
        "summary": summary(examination),
        "findings": findings,
        "next_steps": next_steps,
    })
}

/// The gate's answer: its first line is `ALLOW: …` or `BLOCK: …`.
pub(super) fn gate(examination: &Examination) -> String {
    let holding: Vec<&Finding> = examination
        .findings
        .iter()
        .filter(|finding| finding.severity >= HOLDS)
        .collect();
    let Some(first) = holding.first() else {
        return one_line(&format!("ALLOW: {}", summary(examination)));
    };
    let more = match holding.len() - 1 {
        0 => String::new(),
        1 => " (and one more finding)".to_owned(),
        many => format!(" (and {many} more findings)"),
    };
    let first = format!("BLOCK: {} in {}{more}", first.title, place(first));
    let mut text = one_line(&first);
    text.push('\n');
    for finding in holding.iter().take(20) {
        let _ = write!(
            text,
            "\n- {}",
            one_line(&format!("{} — {}", finding.title, place(finding)))
        );
        if let Some(advice) = &finding.recommendation {
            let _ = write!(text, "\n  {advice}");
        }
    }
    text
}

fn place(finding: &Finding) -> String {
    match finding.lines {
        Some(lines) => format!("{}:{}", finding.file, lines.start()),
        None => finding.file.clone(),
    }
}

/// A file name may hold a line end; a line of text may not.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
