//! The Reviewdog Diagnostic Format, for everything that reviewdog comments on.
//!
//! There is no place for anything that is no diagnostic: findings that point at nothing are not in it.

use serde::Serialize;

use crate::review::Severity;

use super::issue::issues;
use super::{Report, visible};

#[derive(Serialize)]
struct ResultDocument {
    source: SourceDocument,
    diagnostics: Vec<DiagnosticDocument>,
}

#[derive(Serialize)]
struct SourceDocument {
    name: &'static str,
}

#[derive(Serialize)]
struct DiagnosticDocument {
    message: String,
    location: LocationDocument,
    severity: &'static str,
    code: CodeDocument,
}

#[derive(Serialize)]
struct LocationDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<RangeDocument>,
}

/// Without columns the end line belongs to the range.
#[derive(Serialize)]
struct RangeDocument {
    start: PositionDocument,
    end: PositionDocument,
}

#[derive(Serialize)]
struct PositionDocument {
    line: u32,
}

#[derive(Serialize)]
struct CodeDocument {
    value: String,
}

pub(super) fn render(report: &Report) -> Vec<u8> {
    let document = ResultDocument {
        source: SourceDocument {
            name: "codex-review",
        },
        diagnostics: issues(report)
            .into_iter()
            .map(|issue| DiagnosticDocument {
                message: issue.message,
                location: LocationDocument {
                    path: issue.path,
                    range: issue.lines.map(|lines| RangeDocument {
                        start: PositionDocument {
                            line: lines.start(),
                        },
                        end: PositionDocument { line: lines.end() },
                    }),
                },
                severity: severity(issue.severity),
                code: CodeDocument { value: issue.rule },
            })
            .collect(),
    };
    let document =
        serde_json::to_string_pretty(&document).expect("strings and numbers always serialise");
    format!("{}\n", visible::json_document(&document)).into_bytes()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "ERROR",
        Severity::Medium => "WARNING",
        Severity::Low => "INFO",
    }
}
