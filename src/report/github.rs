//! Workflow commands: what GitHub Actions shows as annotations beside the changed lines.
//!
//! GitHub keeps ten errors, ten warnings and ten notices of a step. The gravest findings become annotations; the rest is
//! counted. Every value is escaped, so that no finding can begin a command of its own.

use std::fmt::Write as _;

use crate::review::{Finding, Outcome, Severity};

use super::{Report, phrases, visible};

/// Annotations of one level that GitHub keeps for a step.
const MAX_PER_LEVEL: usize = 10;

pub(super) fn render(report: &Report) -> Vec<u8> {
    let mut out = String::new();
    write_report(&mut out, report).expect("a string takes all text");
    out.into_bytes()
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    let standing = report.standing();
    writeln!(
        out,
        "codex-review: {}: {}",
        phrases::standing_word(standing),
        phrases::standing_detail(report)
    )?;
    if let Outcome::NotJudged(not_judged) = &report.outcome {
        let message = format!(
            "{}: {}",
            phrases::not_judged_fragment(not_judged.reason),
            not_judged.detail
        );
        return command(
            out,
            "error",
            &[(
                "title",
                format!("codex-review could not judge the {}", report.subject()),
            )],
            &message,
        );
    }

    let mut left_over = 0;
    for level in ["error", "warning", "notice"] {
        let findings: Vec<&Finding> = report
            .shown_findings()
            .into_iter()
            .filter(|finding| self::level(finding.severity) == level)
            .collect();
        left_over += findings.len().saturating_sub(MAX_PER_LEVEL);
        for finding in findings.into_iter().take(MAX_PER_LEVEL) {
            annotate(out, level, finding)?;
        }
    }
    if left_over > 0 {
        writeln!(
            out,
            "codex-review: {} not shown as annotations: a step holds {MAX_PER_LEVEL} of each level",
            phrases::counted(left_over, "more finding")
        )?;
    }
    for line in phrases::rejected_line(report)
        .into_iter()
        .chain(phrases::excluded_lines(report))
    {
        writeln!(out, "codex-review: {line}")?;
    }
    Ok(())
}

fn annotate(out: &mut String, level: &str, finding: &Finding) -> std::fmt::Result {
    let mut properties = Vec::new();
    if !finding.file.is_empty() {
        properties.push(("file", visible::path(&finding.file).into_owned()));
        if let Some(lines) = finding.lines {
            properties.push(("line", lines.start().to_string()));
            properties.push(("endLine", lines.end().to_string()));
        }
    }
    let title = format!("[{}] {}", finding.severity, visible::line(&finding.title));
    properties.push(("title", title));
    let recommendation = finding.recommendation.as_deref().unwrap_or_default();
    let message = [finding.body.trim(), recommendation.trim()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n");
    // GitHub drops a command without a message.
    let message = if message.is_empty() {
        &finding.title
    } else {
        &message
    };
    command(out, level, &properties, message)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "notice",
    }
}

fn command(
    out: &mut String,
    name: &str,
    properties: &[(&str, String)],
    message: &str,
) -> std::fmt::Result {
    write!(out, "::{name}")?;
    for (index, (key, value)) in properties.iter().enumerate() {
        let before = if index == 0 { ' ' } else { ',' };
        write!(out, "{before}{key}={}", escaped_property(value))?;
    }
    writeln!(
        out,
        "::{}",
        escaped(visible::lines(message.trim()).as_ref())
    )
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escaped_property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
