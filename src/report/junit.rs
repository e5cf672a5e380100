//! JUnit's report: the review as a suite of tests, for systems that show nothing but tests.
//!
//! A finding at or above the threshold is a failed case, one below it is a skipped case, so that neither passes for the
//! other nor for a case that passed. Without a finding the review itself is the one case: it passes, fails or is skipped
//! (held by the reviewer), is an error (could not be judged) or is skipped (nothing was there).

use crate::review::{Finding, Outcome, Severity};

use super::issue::{message_of, rule_id};
use super::xml::Document;
use super::{Report, Standing, phrases, uri, visible};

/// What a change counts as that the reviewer holds without saying where, as for the exit code.
const HELD: Severity = Severity::High;

pub(super) fn render(report: &Report) -> Vec<u8> {
    let findings = report.shown_findings();
    let standing = report.standing();
    let failing = findings
        .iter()
        .filter(|finding| report.fail_on.is_reached_by(finding.severity))
        .count();
    let held = findings.is_empty() && standing == Standing::Findings;
    let held_fails = held && report.fail_on.is_reached_by(HELD);
    let failures = failing + usize::from(held_fails);
    let errors = usize::from(standing == Standing::NotJudged);
    let skipped = findings.len() - failing
        + usize::from(held && !held_fails)
        + usize::from(standing == Standing::Empty);

    let time = format!("{:.3}", report.timings.total.as_secs_f64());
    let tests = findings.len().max(1).to_string();
    let failures = failures.to_string();
    let errors = errors.to_string();
    let mut document = Document::new();
    document.open(
        "testsuites",
        &[
            ("name", "codex-review"),
            ("time", &time),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", &errors),
        ],
    );
    let name = format!("{}: {}", report.kind.trim(), report.target.label.trim());
    document.open(
        "testsuite",
        &[
            ("name", &visible::line(&name)),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", &errors),
            ("skipped", &skipped.to_string()),
            ("time", &time),
        ],
    );
    document.open("properties", &[]);
    document.empty(
        "property",
        &[("name", "outcome"), ("value", standing.as_str())],
    );
    document.empty(
        "property",
        &[("name", "engine"), ("value", &phrases::engine_line(report))],
    );
    document.empty(
        "property",
        &[("name", "fail-on"), ("value", report.fail_on.as_str())],
    );
    document.close();
    if findings.is_empty() {
        write_review(&mut document, report);
    }
    for finding in findings {
        write_finding(&mut document, report, finding);
    }
    let remarks: Vec<String> = phrases::not_shown(report)
        .into_iter()
        .chain(report.notes.iter().map(|note| visible::line(note).into()))
        .collect();
    if !remarks.is_empty() {
        document.text("system-out", &[], &remarks.join("\n"));
    }
    document.finish()
}

/// The case of a review without a finding.
fn write_review(document: &mut Document, report: &Report) {
    document.open(
        "testcase",
        &[("name", "review"), ("classname", "codex-review")],
    );
    let detail = phrases::standing_detail(report);
    match &report.outcome {
        Outcome::Judged(judgement) if report.standing() == Standing::Findings => document.text(
            element(report, HELD),
            &[("type", "held"), ("message", &detail)],
            &judgement.summary,
        ),
        Outcome::Judged(_) => {}
        Outcome::NotJudged(not_judged) => document.text(
            "error",
            &[("type", not_judged.reason.as_str()), ("message", &detail)],
            &not_judged.detail,
        ),
        Outcome::Empty => document.empty("skipped", &[("message", &detail)]),
    }
    document.close();
}

fn write_finding(document: &mut Document, report: &Report, finding: &Finding) {
    let title = visible::line(&finding.title);
    let place = phrases::place(finding);
    let class = if uri::is_inside(&finding.file) {
        visible::path(&finding.file)
    } else {
        "codex-review".into()
    };
    let name = format!("[{}] {title} ({place})", finding.severity);
    document.open("testcase", &[("name", &name), ("classname", &class)]);
    let text = format!("{place}\n\n{}", message_of(finding));
    document.text(
        element(report, finding.severity),
        &[("type", &rule_id(finding)), ("message", &title)],
        &text,
    );
    document.close();
}

fn element(report: &Report, severity: Severity) -> &'static str {
    if report.fail_on.is_reached_by(severity) {
        "failure"
    } else {
        "skipped"
    }
}
