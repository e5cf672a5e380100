//! Markdown, for chats, pull requests and job summaries.
//!
//! Bodies and recommendations are Markdown by contract and stay so, but each lives inside its own list item: a heading in
//! it ends with the item and cannot pass for a part of the report. HTML is shown and not used.

use std::fmt::Write as _;

use crate::review::{Finding, NotJudged, Outcome};

use super::markdown_text::{block, code_span, fence_for, inline};
use super::{Report, Standing, phrases, visible};

pub(super) fn render(report: &Report) -> Vec<u8> {
    let mut out = String::new();
    write_report(&mut out, report).expect("a string takes all text");
    out.into_bytes()
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    write_head(out, report)?;
    match &report.outcome {
        Outcome::Judged(judgement) => {
            quoted(out, &judgement.summary)?;
            let findings = report.shown_findings();
            if !findings.is_empty() {
                writeln!(out, "\n## Findings")?;
            }
            for (index, finding) in findings.into_iter().enumerate() {
                write_finding(out, index + 1, finding)?;
            }
            write_list(out, "Next steps", &judgement.next_steps)?;
        }
        Outcome::NotJudged(not_judged) => write_not_judged(out, report, not_judged)?,
        Outcome::Empty => {}
    }
    write_tail(out, report)
}

/// What was reviewed, and what came of it.
pub(super) fn write_head(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "# {}\n", inline(&report.kind))?;
    writeln!(out, "- Target: {}", inline(&report.target.label))?;
    if let Some(base) = phrases::base_line(report) {
        writeln!(out, "- Base: {}", inline(&base))?;
    }
    writeln!(out, "- Engine: {}", inline(&phrases::engine_line(report)))?;
    if let Some(context) = phrases::context_line(report) {
        writeln!(out, "- Context: {}", inline(&context))?;
    }
    if let Some(redactions) = phrases::redaction_line(report) {
        writeln!(out, "- Redacted: {}", inline(&redactions))?;
    }

    let standing = report.standing();
    let label = match standing {
        Standing::Passed | Standing::Findings => "Verdict",
        Standing::NotJudged | Standing::Empty => "Outcome",
    };
    writeln!(
        out,
        "\n**{label}: {}** — {}.",
        phrases::standing_word(standing),
        phrases::standing_detail(report)
    )
}

/// Why it could not be judged, and the answer as it came.
pub(super) fn write_not_judged(
    out: &mut String,
    report: &Report,
    not_judged: &NotJudged,
) -> std::fmt::Result {
    quoted(out, &not_judged.detail)?;
    writeln!(
        out,
        "\nHint: {}.",
        phrases::not_judged_hint(not_judged.reason)
    )?;
    if let Some(parse_error) = &report.parse_error {
        writeln!(out, "\nWhy it is not a review: {}", inline(parse_error))?;
    }
    let answer = visible::lines(report.raw_output.trim());
    if !answer.is_empty() {
        let fence = fence_for(&answer);
        writeln!(
            out,
            "\n## The engine's answer, as it came\n\n{fence}text\n{answer}\n{fence}"
        )?;
    }
    Ok(())
}

/// What is not shown, what is to be known, and the facts of the run.
pub(super) fn write_tail(out: &mut String, report: &Report) -> std::fmt::Result {
    write_list(out, "Not shown", &phrases::not_shown(report))?;
    write_list(out, "Notes", &report.notes)?;
    writeln!(
        out,
        "\n---\n{}",
        inline(&phrases::footer_facts(report).join(" · "))
    )
}

pub(super) fn write_finding(
    out: &mut String,
    number: usize,
    finding: &Finding,
) -> std::fmt::Result {
    let lead = format!("{number}. ");
    let indent = " ".repeat(lead.len());
    let place = if finding.file.is_empty() {
        phrases::place(finding)
    } else {
        code_span(&phrases::place(finding))
    };
    writeln!(
        out,
        "\n{lead}**[{}]** {} — {place}",
        finding.severity,
        inline(&finding.title)
    )?;
    let remarks = phrases::remarks(finding);
    if !remarks.is_empty() {
        writeln!(out, "{indent}({})", inline(&remarks.join("; ")))?;
    }
    indented(out, &indent, "", &finding.body)?;
    if let Some(recommendation) = &finding.recommendation {
        indented(out, &indent, "Instead: ", recommendation)?;
    }
    Ok(())
}

/// A paragraph below a list item; nothing when `text` is blank.
fn indented(out: &mut String, indent: &str, lead: &str, text: &str) -> std::fmt::Result {
    let lines = block(text);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut lead = lead;
    for line in lines {
        writeln!(out, "{}", format!("{indent}{lead}{line}").trim_end())?;
        lead = "";
    }
    Ok(())
}

/// What the reviewer or the engine says about the whole: a block quote, so that nothing in it passes for ours.
pub(super) fn quoted(out: &mut String, text: &str) -> std::fmt::Result {
    let lines = block(text);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for line in lines {
        writeln!(out, "{}", format!("> {line}").trim_end())?;
    }
    Ok(())
}

pub(super) fn write_list(out: &mut String, heading: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {heading}\n")?;
    for item in items {
        writeln!(out, "- {}", inline(item))?;
    }
    Ok(())
}
