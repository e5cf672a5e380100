//! GitLab's Code Quality report: a list of issues that a merge request shows beside the changed lines.
//!
//! GitLab takes two issues with one fingerprint for the same, so each has its own. There is no place for anything that
//! is no issue: findings that point at nothing are not in it.

use serde::Serialize;

use crate::review::Severity;

use super::issue::issues;
use super::{Report, visible};

#[derive(Serialize)]
struct IssueDocument {
    r#type: &'static str,
    check_name: String,
    description: String,
    content: ContentDocument,
    categories: [&'static str; 1],
    severity: &'static str,
    fingerprint: String,
    location: LocationDocument,
}

#[derive(Serialize)]
struct ContentDocument {
    body: String,
}

#[derive(Serialize)]
struct LocationDocument {
    path: String,
    lines: LinesDocument,
}

#[derive(Serialize)]
struct LinesDocument {
    begin: u32,
    end: u32,
}

pub(super) fn render(report: &Report) -> Vec<u8> {
    let documents: Vec<IssueDocument> = issues(report)
        .into_iter()
        .map(|issue| IssueDocument {
            r#type: "issue",
            description: issue.title.clone(),
            content: ContentDocument {
                body: issue.message.clone(),
            },
            categories: ["Bug Risk"],
            severity: severity(issue.severity),
            fingerprint: issue.fingerprint.clone(),
            location: LocationDocument {
                lines: LinesDocument {
                    begin: issue.first_line(),
                    end: issue.lines.map_or(1, crate::review::LineRange::end),
                },
                path: issue.path,
            },
            check_name: issue.rule,
        })
        .collect();
    let document =
        serde_json::to_string_pretty(&documents).expect("strings and numbers always serialise");
    format!("{}\n", visible::json_document(&document)).into_bytes()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
    }
}
