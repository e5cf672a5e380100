//! Checkstyle's report, which many CI systems and editors read: files with errors.
//!
//! There is no place for anything that is no error of a file: findings that point at nothing are not in it.

use crate::review::Severity;

use super::Report;
use super::issue::{Issue, issues};
use super::xml::Document;

/// The version of the format, which readers look for.
const FORMAT_VERSION: &str = "4.3";

pub(super) fn render(report: &Report) -> Vec<u8> {
    let issues = issues(report);
    // A file is one element; files stand in the order of their gravest issue.
    let mut files: Vec<(&str, Vec<&Issue>)> = Vec::new();
    for issue in &issues {
        match files.iter_mut().find(|(path, _)| *path == issue.path) {
            Some((_, of_file)) => of_file.push(issue),
            None => files.push((&issue.path, vec![issue])),
        }
    }
    let mut document = Document::new();
    document.open("checkstyle", &[("version", FORMAT_VERSION)]);
    for (path, issues) in files {
        document.open("file", &[("name", path)]);
        for issue in issues {
            document.empty(
                "error",
                &[
                    ("line", &issue.first_line().to_string()),
                    ("severity", severity(issue.severity)),
                    ("message", &issue.message),
                    ("source", &format!("codex-review.{}", issue.rule)),
                ],
            );
        }
        document.close();
    }
    document.finish()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}
