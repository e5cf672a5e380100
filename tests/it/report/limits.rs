//! Claims about reports that are larger than who reads them can take.

use codex_review::report::{Report, job_summary};
use codex_review::review::{Finding, Outcome, Severity};
use serde_json::Value;

use super::{finding, passed, rendered, unclear, with_findings};

fn with(findings: Vec<Finding>) -> Report {
    let mut report = passed();
    let Outcome::Judged(judgement) = &mut report.outcome else {
        unreachable!("passed is judged")
    };
    judgement.findings = findings;
    report
}

fn many(count: usize, body: &str) -> Report {
    let findings = (0..count).map(|index| {
        let severity = Severity::ALL[index % 4];
        let file = format!("src/{index}.rs");
        Finding {
            body: body.to_owned(),
            ..finding(severity, &format!("number {index}"), &file, Some((1, 1)))
        }
    });
    with(findings.collect())
}

fn sarif(report: &Report) -> (usize, Value) {
    let text = rendered("sarif", report);
    (text.len(), serde_json::from_str(&text).unwrap())
}

#[track_caller]
fn assert_ranked(results: &[Value], left_out: &str, sarif: &Value) {
    let gravity = |result: &Value| {
        Severity::ALL
            .iter()
            .position(|severity| result["properties"]["severity"] == severity.as_str())
            .unwrap()
    };
    assert!(results.is_sorted_by_key(gravity), "the gravest come first");
    let notifications =
        sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notifications.contains(left_out), "{notifications}");
}

#[test]
fn sarif_keeps_the_gravest_results_that_code_scanning_shows() {
    let (_, document) = sarif(&many(5003, ""));
    let results = document["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 5000);
    assert_ranked(results, "3 findings left out", &document);
    assert_eq!(results[4999]["properties"]["severity"], "low");
}

#[test]
fn sarif_stays_below_the_size_that_code_scanning_takes() {
    // Each character takes six bytes once it is escaped.
    let (size, document) = sarif(&many(2000, &"\u{202e}".repeat(4000)));
    assert!(size < 10_000_000, "{size}");
    let results = document["runs"][0]["results"].as_array().unwrap();
    assert!((100..2000).contains(&results.len()), "{}", results.len());
    let left_out = format!("{} findings left out", grouped(2000 - results.len()));
    assert_ranked(results, &left_out, &document);
}

fn grouped(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

#[test]
fn sarif_bounds_rules_and_notifications() {
    let mut report = with(
        (0..300)
            .map(|index| {
                let mut finding = finding(Severity::Low, &"t".repeat(5000), "", None);
                finding.origin = codex_review::review::FindingOrigin::Rule(format!(
                    "{index}{}",
                    "r".repeat(900)
                ));
                finding
            })
            .collect(),
    );
    report.notes = vec!["n".repeat(100_000)];
    let (size, document) = sarif(&report);
    assert!(size < 500_000, "{size}");
    let text = document.to_string();
    assert!(text.contains("101 notifications left out"), "{text}");
}

#[test]
fn a_step_keeps_ten_annotations_of_each_level() {
    let shown = rendered("github", &many(100, ""));
    for (level, first) in [
        ("error", "[critical] number 0"),
        ("warning", "[medium] number 2"),
        ("notice", "[low] number 3"),
    ] {
        let lines: Vec<&str> = shown
            .lines()
            .filter(|line| line.starts_with(&format!("::{level} ")))
            .collect();
        assert_eq!(lines.len(), 10, "{level}");
        assert!(lines[0].contains(first), "{}", lines[0]);
    }
    assert!(shown.contains("70 more findings not shown"), "{shown}");
}

#[test]
fn a_job_summary_is_the_markdown_report_where_that_fits() {
    for report in [passed(), with_findings(), unclear()] {
        let summary = String::from_utf8(job_summary(&report, 1 << 20)).unwrap();
        assert_eq!(summary, rendered("markdown", &report));
    }
}

#[test]
fn a_job_summary_is_cut_between_findings_and_says_so() {
    let report = many(1000, "```rust\nlet a = 1;\n```\n\nAnd more.");
    let whole = rendered("markdown", &report).len();
    for room in [0, 100, 1000, 3000, 20_000, whole - 1, whole + 199] {
        let summary = String::from_utf8(job_summary(&report, room)).unwrap();
        assert!(summary.len() <= room, "{} of {room}", summary.len());
        assert_eq!(
            summary.matches("```").count() % 2,
            0,
            "no fence is left open"
        );
        let shown = summary.matches("And more.").count();
        if room >= 3000 {
            assert!(summary.contains("FINDINGS"));
            assert!(
                summary.contains("exit 0 at fail-on"),
                "the facts of the run are kept"
            );
            let note = match 1000 - shown {
                1 => "1 finding not in this summary".to_owned(),
                count => format!("{} findings not in this summary", grouped(count)),
            };
            assert!(summary.contains(&note), "{note}");
        }
    }
    let summary = String::from_utf8(job_summary(&report, whole + 200)).unwrap();
    assert_eq!(summary.matches("And more.").count(), 1000);
}

#[test]
fn a_job_summary_without_room_for_the_raw_answer_says_so() {
    let mut report = unclear();
    report.raw_output = "x".repeat(2 << 20);
    let summary = String::from_utf8(job_summary(&report, 1 << 20)).unwrap();
    assert!(summary.contains("NOT JUDGED") && summary.len() < 10_000);
    assert!(summary.contains("Parts of the report are not in this summary"));
}
