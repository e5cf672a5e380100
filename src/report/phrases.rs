//! Sentences and numbers that the formats for people share, already safe to show.

use std::time::Duration;

use crate::review::{
    Exclusion, Finding, NotJudgedReason, Outcome, Placement, RemarkKind, Severity, Verdict,
};

use super::model::TokenUsage;
use super::{Report, Standing, visible};

/// The outcome in capitals, for the one place where everybody looks.
pub(super) fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Passed => "PASSED",
        Standing::Findings => "FINDINGS",
        Standing::NotJudged => "NOT JUDGED",
        Standing::Empty => "NOTHING TO REVIEW",
    }
}

/// What the outcome means, as a fragment that follows the word.
pub(super) fn standing_detail(report: &Report) -> String {
    match &report.outcome {
        Outcome::Judged(judgement) => {
            let shown = report.shown_findings();
            match (shown.is_empty(), judgement.verdict) {
                (true, _) if !report.excluded_findings().is_empty() => {
                    format!(
                        "{} that the reviewer had {} not count",
                        counted(report.excluded_findings().len(), "finding"),
                        if report.excluded_findings().len() == 1 {
                            "does"
                        } else {
                            "do"
                        }
                    )
                }
                (true, Verdict::Approve) => "the reviewer approves and has no findings".to_owned(),
                (true, Verdict::NeedsAttention) if judgement.findings.is_empty() => {
                    format!(
                        "the reviewer holds the {} and names no finding",
                        report.subject()
                    )
                }
                (true, Verdict::NeedsAttention) => {
                    format!(
                        "the reviewer holds the {}, and none of its findings points at anything here",
                        report.subject()
                    )
                }
                (false, verdict) => format!(
                    "{} (the reviewer's verdict is {})",
                    counted_findings(&shown),
                    verdict.as_str()
                ),
            }
        }
        Outcome::NotJudged(not_judged) => format!(
            "{}; this is no pass",
            not_judged_fragment(not_judged.reason)
        ),
        Outcome::Empty => "the target holds no change".to_owned(),
    }
}

pub(super) fn not_judged_fragment(reason: NotJudgedReason) -> &'static str {
    match reason {
        NotJudgedReason::EngineUnavailable => "the engine is not available",
        NotJudgedReason::NotLoggedIn => "the engine wants a login first",
        NotJudgedReason::TimedOut => "the review ran out of time",
        NotJudgedReason::EngineLost => "the engine went away before it was done",
        NotJudgedReason::TurnFailed => "the engine reported a failure",
        NotJudgedReason::UnclearAnswer => "the engine's answer is not a review",
        NotJudgedReason::Cancelled => "the review was cancelled",
        NotJudgedReason::NoWhole => "the saved results are not those of the whole change",
    }
}

/// What people can do about a review that could not be judged.
pub(super) fn not_judged_hint(reason: NotJudgedReason) -> &'static str {
    match reason {
        NotJudgedReason::EngineUnavailable => {
            "`codex-review setup` says what is missing; `--engine builtin` needs nothing"
        }
        NotJudgedReason::NotLoggedIn => "`codex login` logs in; `codex-review setup` checks it",
        NotJudgedReason::TimedOut => {
            "allow more time with the `limits` settings (`codex-review config list`), or review less at once"
        }
        NotJudgedReason::EngineLost | NotJudgedReason::TurnFailed => {
            "run it again; `codex-review logs` shows what happened before"
        }
        NotJudgedReason::UnclearAnswer => {
            "run it again; the answer as it came is kept with the job"
        }
        NotJudgedReason::Cancelled => "run it again when it suits",
        NotJudgedReason::NoWhole => {
            "review what is missing, and hand over results of one and the same change"
        }
    }
}

/// `1 critical, 2 low`.
pub(super) fn counted_findings(findings: &[&Finding]) -> String {
    let parts: Vec<String> = Severity::ALL
        .into_iter()
        .filter_map(|severity| {
            let count = findings
                .iter()
                .filter(|finding| finding.severity == severity)
                .count();
            (count > 0).then(|| format!("{count} {severity}"))
        })
        .collect();
    parts.join(", ")
}

/// `1 finding`, `2 findings`, `1,000 findings`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{} {noun}s", grouped(count as u64))
    }
}

/// The base and how it was chosen, or `None` for a target without one.
pub(super) fn base_line(report: &Report) -> Option<String> {
    let base = visible::line(report.target.base_ref.as_deref()?);
    Some(match &report.target.base_note {
        Some(note) => format!("{base} ({})", visible::line(note)),
        None => base.into_owned(),
    })
}

/// The engine, its version, model and effort.
pub(super) fn engine_line(report: &Report) -> String {
    let engine = &report.engine;
    let mut line = visible::line(&engine.name).into_owned();
    if let Some(version) = &engine.version {
        line.push_str(&format!(" {}", visible::line(version)));
    }
    if let Some(model) = &engine.model {
        line.push_str(&format!(", model {}", visible::line(model)));
    }
    if let Some(effort) = &engine.effort {
        line.push_str(&format!(", effort {}", visible::line(effort)));
    }
    line
}

/// Strategy, reason and size, or `None` without a context.
pub(super) fn context_line(report: &Report) -> Option<String> {
    let context = report.context.as_ref()?;
    let mut line = visible::line(&context.strategy).into_owned();
    if !context.reason.is_empty() {
        line.push_str(&format!(" ({})", visible::line(&context.reason)));
    }
    if !context.summary.is_empty() {
        line.push_str(&format!("; {}", visible::line(&context.summary)));
    }
    line.push_str(&format!(
        "; about {} tokens in {}",
        grouped(context.tokens),
        size(context.bytes)
    ));
    Some(line)
}

/// `3 secrets were replaced before anything was sent`, or `None` without any.
pub(super) fn redaction_line(report: &Report) -> Option<String> {
    let count = report.context.as_ref()?.redactions;
    let verb = if count == 1 { "was" } else { "were" };
    (count > 0).then(|| {
        let secrets = counted(count as usize, "secret");
        format!("{secrets} {verb} replaced before anything was sent")
    })
}

/// What the reviewer was not shown and what the reader is not shown, one line each.
pub(super) fn not_shown(report: &Report) -> Vec<String> {
    let left_out = report
        .context
        .iter()
        .flat_map(|context| &context.left_out)
        .map(|line| visible::line(line).into_owned());
    left_out
        .chain(rejected_line(report))
        .chain(excluded_lines(report))
        .collect()
}

/// Where a finding points: `src/a.rs:3-4`, or `the whole change`.
pub(super) fn place(finding: &Finding) -> String {
    if finding.file.is_empty() {
        return "the whole change".to_owned();
    }
    place_of(&finding.file, finding.lines)
}

fn place_of(file: &str, lines: Option<crate::review::LineRange>) -> String {
    let file = visible::path(file);
    match lines {
        None => file.into_owned(),
        Some(lines) if lines.start() == lines.end() => format!("{file}:{}", lines.start()),
        Some(lines) => format!("{file}:{}-{}", lines.start(), lines.end()),
    }
}

/// What a reader should know about a finding's place and certainty, as fragments; empty for a plain one.
pub(super) fn remarks(finding: &Finding) -> Vec<String> {
    let mut remarks = Vec::new();
    if let crate::review::FindingOrigin::Rule(rule) = &finding.origin {
        remarks.push(format!("rule {}", visible::line(rule)));
    }
    if let Some(confidence) = finding.confidence.filter(|value| value.is_finite()) {
        remarks.push(format!(
            "confidence {:.0} %",
            confidence.clamp(0.0, 1.0) * 100.0
        ));
    }
    if let Some(job) = &finding.carried_from {
        remarks.push(format!(
            "still open from job {}: its code is unchanged",
            visible::line(job)
        ));
    }
    match &finding.placement {
        Placement::Unchecked | Placement::OnChange | Placement::Rejected => {}
        Placement::OffChange => remarks.push("on lines that were not changed".to_owned()),
        Placement::OutsideChange => {
            remarks.push("in a file that is not part of the change".to_owned())
        }
        Placement::Relocated {
            from_file,
            from_lines,
        } => remarks.push(format!(
            "the reviewer wrote {}",
            place_of(from_file.trim(), *from_lines)
        )),
    }
    if let Some(fingerprint) = finding.fingerprint {
        remarks.push(fingerprint.short());
    }
    remarks
}

/// `2 findings that point at nothing in the repository are not shown`, or `None` without any.
pub(super) fn rejected_line(report: &Report) -> Option<String> {
    match report.rejected_findings().len() {
        0 => None,
        1 => Some("1 finding that points at nothing in the repository is not shown".to_owned()),
        count => Some(format!(
            "{} findings that point at nothing in the repository are not shown",
            grouped(count as u64)
        )),
    }
}

/// What took findings out, one line for each finding that somebody accepted, one for all that the filter took out, and one
/// for each oddity of what was accepted.
pub(super) fn excluded_lines(report: &Report) -> Vec<String> {
    let mut filtered = 0;
    let mut lines = Vec::new();
    for finding in report.excluded_findings() {
        let by = match &finding.exclusion {
            None | Some(Exclusion::Filter(_)) => {
                filtered += 1;
                continue;
            }
            Some(Exclusion::Baseline { reason, author }) => format!(
                "accepted by {}: {}",
                visible::line(author),
                visible::line(reason)
            ),
            Some(Exclusion::Marker { line, reason }) => {
                format!("excused in line {line}: {}", visible::line(reason))
            }
        };
        lines.push(format!(
            "{} {}: {} ({by})",
            finding.severity,
            place(finding),
            visible::line(&finding.title)
        ));
    }
    if filtered > 0 {
        lines.push(format!(
            "{} outside `--filter {}`",
            counted(filtered, "finding"),
            report.noise.filter
        ));
    }
    for remark in &report.noise.remarks {
        lines.push(format!(
            "{} {}: {}",
            match remark.kind {
                RemarkKind::Attempted => "does not count, because the change brings it:",
                RemarkKind::Expired => "expired:",
                RemarkKind::Graver => "not excused:",
                RemarkKind::Unmatched => "unused:",
                RemarkKind::WithoutReason => "without a reason:",
            },
            visible::line(&remark.subject),
            visible::line(&remark.text)
        ));
    }
    lines
}

/// Job, thread, time, tokens and exit code, in that order, for the last line.
pub(super) fn footer_facts(report: &Report) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(job_id) = &report.job_id {
        facts.push(format!("job {}", visible::line(job_id)));
    }
    if let Some(thread_id) = &report.thread_id {
        facts.push(format!("thread {}", visible::line(thread_id)));
    }
    facts.push(duration(report.timings.total));
    if let Some(usage) = &report.usage {
        facts.push(tokens(usage));
    }
    facts.push(format!(
        "exit {} at fail-on {}",
        report.exit.code(),
        report.fail_on
    ));
    facts
}

fn tokens(usage: &TokenUsage) -> String {
    format!(
        "{} tokens in ({} cached), {} out",
        grouped(usage.input),
        grouped(usage.cached_input),
        grouped(usage.output)
    )
}

/// `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `24.0 KiB`, `1.5 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit after the point is shown"
    )]
    let mut value = bytes as f64;
    let mut unit = UNITS[0];
    for name in UNITS {
        value /= 1024.0;
        unit = name;
        if value < 1023.95 {
            break;
        }
    }
    format!("{value:.1} {unit}")
}

/// `85 ms`, `12.3 s`, `2 min 5 s`.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        format!("{millis} ms")
    } else if millis < 60_000 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        let seconds = duration.as_secs();
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn sizes_and_durations_carry_their_unit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(24 * 1024), "24.0 KiB");
        assert_eq!(size(1024 * 1024), "1.0 MiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
        assert_eq!(duration(Duration::from_millis(85)), "85 ms");
        assert_eq!(duration(Duration::from_millis(12_345)), "12.3 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
