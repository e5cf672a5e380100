//! Markdown, for chats, pull requests and job summaries.
//!
//! Bodies and recommendations are Markdown by contract and stay so, but each lives inside its own list item: a heading or
//! an unclosed fence in it ends with the item and cannot pass for a part of the report.

use std::fmt::Write as _;

use crate::review::{Finding, Outcome};

use super::{Report, Standing, phrases, visible};

pub(super) fn render(report: &Report) -> Vec<u8> {
    let mut out = String::new();
    write_report(&mut out, report).expect("a string takes all text");
    out.into_bytes()
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
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
    )?;
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
        Outcome::NotJudged(not_judged) => {
            quoted(out, &not_judged.detail)?;
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
        }
        Outcome::Empty => {}
    }

    write_list(out, "Not shown", &phrases::not_shown(report))?;
    write_list(out, "Notes", &report.notes)?;
    writeln!(
        out,
        "\n---\n{}",
        inline(&phrases::footer_facts(report).join(" · "))
    )
}

fn write_finding(out: &mut String, number: usize, finding: &Finding) -> std::fmt::Result {
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
    let text = visible::lines(text.trim());
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut lead = lead;
    for line in text.lines() {
        if line.is_empty() {
            writeln!(out)?;
        } else {
            writeln!(out, "{indent}{lead}{line}")?;
        }
        lead = "";
    }
    Ok(())
}

/// What the reviewer or the engine says about the whole: a block quote, so that nothing in it passes for ours.
fn quoted(out: &mut String, text: &str) -> std::fmt::Result {
    let text = visible::lines(text.trim());
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for line in text.lines() {
        writeln!(out, "{}", format!("> {line}").trim_end())?;
    }
    Ok(())
}

fn write_list(out: &mut String, heading: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {heading}\n")?;
    for item in items {
        writeln!(out, "- {}", inline(item))?;
    }
    Ok(())
}

/// One line that may hold emphasis and code, but no HTML and no code span that runs on into what follows.
fn inline(text: &str) -> String {
    let text = visible::line(text);
    let spans_are_closed = text.matches('`').count().is_multiple_of(2);
    let mut out = String::with_capacity(text.len());
    let mut in_code = false;
    for character in text.chars() {
        match character {
            '`' if spans_are_closed => {
                in_code = !in_code;
                out.push('`');
            }
            '`' => out.push_str("\\`"),
            '<' if !in_code => out.push_str("\\<"),
            other => out.push(other),
        }
    }
    out
}

/// `text` as code, whatever backticks it holds.
fn code_span(text: &str) -> String {
    let run = longest_run(text);
    if run == 0 {
        return format!("`{text}`");
    }
    let fence = "`".repeat(run + 1);
    format!("{fence} {text} {fence}")
}

fn fence_for(text: &str) -> String {
    "`".repeat(longest_run(text).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_spans_hold_any_backtick() {
        assert_eq!(code_span("a.rs:1"), "`a.rs:1`");
        assert_eq!(code_span("a`b"), "`` a`b ``");
        assert_eq!(code_span("a``b"), "``` a``b ```");
        assert_eq!(fence_for("x"), "```");
        assert_eq!(fence_for("```\nx\n````"), "`````");
    }

    #[test]
    fn inline_text_holds_no_html_and_no_open_code() {
        assert_eq!(inline("`a<b>` and <img>"), "`a<b>` and \\<img>");
        assert_eq!(inline("an odd ` one"), "an odd \\` one");
        assert_eq!(inline("two\nlines"), "two lines");
    }
}
