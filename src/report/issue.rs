//! The report as a flat list of issues, for formats that know nothing else.
//!
//! Such a format cannot say "could not be judged": an empty list reads as a pass. So a change that could not be judged,
//! and one that the reviewer holds without saying where, are an issue of their own.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::review::{Finding, FindingOrigin, LineRange, Outcome, Severity};

use super::{Report, Standing, phrases, uri, visible};

/// Where an issue points that is about the change as a whole: the repository's root.
const WHOLE: &str = ".";

/// No text of an issue is longer, in bytes.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// One thing to show, safe to show.
pub(super) struct Issue {
    pub(super) severity: Severity,
    /// A stable word for the check that found it.
    pub(super) rule: String,
    /// One line.
    pub(super) title: String,
    /// Title, body and recommendation.
    pub(super) message: String,
    /// Relative to the repository's root.
    pub(super) path: String,
    pub(super) lines: Option<LineRange>,
    /// Distinct within the report, and the same for the same defect in the next one.
    pub(super) fingerprint: String,
}

impl Issue {
    /// Its first line; the first of the file when it has none.
    pub(super) fn first_line(&self) -> u32 {
        self.lines.map_or(1, LineRange::start)
    }
}

/// Every issue of the report, gravest first. Empty means: judged, and nothing was found; or nothing was there.
pub(super) fn issues(report: &Report) -> Vec<Issue> {
    let mut issues: Vec<Issue> = Vec::new();
    match &report.outcome {
        Outcome::NotJudged(not_judged) => issues.push(Issue::of_the_run(
            Severity::Critical,
            "not-judged",
            &format!("codex-review could not judge the {}", report.subject()),
            &format!(
                "{}: {}",
                phrases::not_judged_fragment(not_judged.reason),
                not_judged.detail
            ),
        )),
        Outcome::Judged(judgement) => {
            let shown = report.shown_findings();
            if shown.is_empty() && report.standing() == Standing::Findings {
                issues.push(Issue::of_the_run(
                    Severity::High,
                    "held",
                    &format!("the reviewer holds the {}", report.subject()),
                    &judgement.summary,
                ));
            }
            issues.extend(shown.into_iter().map(Issue::of));
        }
        Outcome::Empty => {}
    }
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for issue in &mut issues {
        let times = seen.entry(issue.fingerprint.clone()).or_insert(0);
        if *times > 0 {
            issue.fingerprint = digest(&[&issue.fingerprint, &times.to_string()]);
        }
        *times += 1;
    }
    issues
}

impl Issue {
    fn of(finding: &Finding) -> Issue {
        let inside = uri::is_inside(&finding.file);
        Issue {
            severity: finding.severity,
            rule: rule_id(finding),
            title: clipped(visible::line(&finding.title).into_owned(), MAX_TEXT_BYTES),
            message: message_of(finding),
            path: if inside {
                visible::path(&finding.file).into_owned()
            } else {
                WHOLE.to_owned()
            },
            lines: finding.lines.filter(|_| inside),
            fingerprint: fingerprint(finding),
        }
    }

    fn of_the_run(severity: Severity, rule: &str, title: &str, detail: &str) -> Issue {
        let message = format!("{title}: {}", visible::lines(detail.trim()));
        Issue {
            severity,
            rule: rule.to_owned(),
            title: title.to_owned(),
            message: clipped(message, MAX_TEXT_BYTES),
            path: WHOLE.to_owned(),
            lines: None,
            fingerprint: digest(&[rule]),
        }
    }
}

/// The rule that found it; one per severity for a model, which names no rules.
pub(super) fn rule_id(finding: &Finding) -> String {
    const MAX_BYTES: usize = 200;
    match &finding.origin {
        FindingOrigin::Rule(rule) => clipped(visible::line(rule).into_owned(), MAX_BYTES),
        FindingOrigin::Model => format!("review-{}", finding.severity),
    }
}

/// The finding's own fingerprint. A document of an earlier version has none: rule, file and title stand in for it.
pub(super) fn fingerprint(finding: &Finding) -> String {
    match finding.fingerprint {
        Some(fingerprint) => fingerprint.to_string(),
        None => digest(&[&rule_id(finding), &finding.file, &finding.title]),
    }
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Title, body and recommendation, with a blank line between them.
pub(super) fn message_of(finding: &Finding) -> String {
    let mut text = visible::line(&finding.title).into_owned();
    let recommendation = finding.recommendation.as_deref().unwrap_or_default();
    for part in [finding.body.trim(), recommendation.trim()] {
        if !part.is_empty() {
            text.push_str("\n\n");
            text.push_str(&visible::lines(part));
        }
    }
    clipped(text, MAX_TEXT_BYTES)
}

/// At most `max_bytes` of a text, cut between characters, with an ellipsis where it was cut.
pub(super) fn clipped(mut text: String, max_bytes: usize) -> String {
    const MARK: char = '…';
    if text.len() > max_bytes {
        let end = text.floor_char_boundary(max_bytes.saturating_sub(MARK.len_utf8()));
        text.truncate(end);
        text.push(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(clipped("größe".to_owned(), 7), "größe");
        assert_eq!(clipped("größer".to_owned(), 7), "grö…");
        assert_eq!(clipped("日本語".to_owned(), 5), "…");
    }
}
