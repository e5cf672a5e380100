//! One self-contained page: findings beside their hunks.
//!
//! The page has no script and loads nothing: a content security policy forbids both, and one nonce admits the one style
//! sheet. Filtering by severity is CSS over checkboxes; where a browser cannot do that, everything is shown. Everything
//! that others wrote is escaped as text ([`escape`]); what Markdown it holds is read by a small subset ([`prose`]) that
//! knows neither links nor HTML.

mod code;
mod escape;
mod prose;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::review::{Finding, Outcome, Placement, Severity};

use super::hunk::beside;
use super::{Report, phrases, visible};
use escape::{line, text};

const STYLE: &str = include_str!("style.css");
/// What stands for the lines of a finding that the report has not got.
const NOT_SHOWN: &str =
    "its lines are not shown: the report holds only a part of so large a change";

pub(super) fn render(report: &Report) -> Vec<u8> {
    let mut body = String::new();
    write_body(&mut body, report).expect("a string takes all text");
    // Nothing in the page can hold the digest of the page: whoever wrote a part of it cannot know the nonce.
    let nonce: String = Sha256::digest(body.as_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let title = format!(
        "{} · {}",
        phrases::standing_word(report.standing()),
        visible::line(&report.target.label)
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        line(&title)
    )
    .into_bytes()
}

fn write_body(out: &mut String, report: &Report) -> std::fmt::Result {
    let standing = report.standing();
    let findings = report.shown_findings();
    writeln!(out, "<header class=\"top\">\n<div class=\"wrap\">")?;
    writeln!(
        out,
        "<p class=\"eyebrow\">codex-review</p>\n<h1>{}</h1>",
        line(&report.kind)
    )?;
    writeln!(
        out,
        "<p class=\"standing {}\"><strong>{}</strong> <span>{}</span></p>",
        standing.as_str(),
        phrases::standing_word(standing),
        line(&phrases::standing_detail(report))
    )?;
    write_facts(out, report)?;
    writeln!(out, "</div>\n</header>\n<main class=\"wrap\">")?;
    match &report.outcome {
        Outcome::Judged(judgement) => {
            write_quote(out, &judgement.summary)?;
            if !findings.is_empty() {
                write_overview(out, &findings)?;
            }
            for (index, finding) in findings.iter().enumerate() {
                write_finding(out, report, index + 1, finding)?;
            }
            if !findings.is_empty() {
                writeln!(
                    out,
                    "<p class=\"none-shown\">Every finding is hidden by the filter.</p>"
                )?;
            }
            write_list(out, "Next steps", &judgement.next_steps)?;
        }
        Outcome::NotJudged(not_judged) => {
            write_quote(out, &not_judged.detail)?;
            writeln!(
                out,
                "<p class=\"hint\">Hint: {}.</p>",
                prose::inline(phrases::not_judged_hint(not_judged.reason))
            )?;
            write_answer(out, report)?;
        }
        Outcome::Empty => {}
    }
    write_list(out, "Not shown", &phrases::not_shown(report))?;
    write_list(out, "Notes", &report.notes)?;
    writeln!(
        out,
        "</main>\n<footer class=\"wrap\"><p>{}</p></footer>",
        line(&phrases::footer_facts(report).join(" · "))
    )
}

fn write_facts(out: &mut String, report: &Report) -> std::fmt::Result {
    let facts = [
        ("Target", Some(report.target.label.clone())),
        ("Base", phrases::base_line(report)),
        ("Branch", report.branch.clone()),
        ("Engine", Some(phrases::engine_line(report))),
        ("Context", phrases::context_line(report)),
        ("Redacted", phrases::redaction_line(report)),
    ];
    writeln!(out, "<dl class=\"facts\">")?;
    for (label, value) in facts {
        if let Some(value) = value {
            writeln!(out, "<dt>{label}</dt><dd>{}</dd>", line(&value))?;
        }
    }
    writeln!(out, "</dl>")
}

/// What the reviewer says about the whole.
fn write_quote(out: &mut String, said: &str) -> std::fmt::Result {
    if said.trim().is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<blockquote class=\"summary\">\n{}</blockquote>",
        prose::blocks(said)
    )
}

/// The filter, and what there is to jump to.
fn write_overview(out: &mut String, findings: &[&Finding]) -> std::fmt::Result {
    writeln!(out, "<section class=\"overview\">")?;
    writeln!(
        out,
        "<h2>Findings</h2>\n<fieldset class=\"filter\"><legend>Show</legend>"
    )?;
    for severity in Severity::ALL {
        let count = findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count();
        if count > 0 {
            writeln!(
                out,
                "<label class=\"pill {severity}\"><input type=\"checkbox\" id=\"show-{severity}\" checked> {severity} <b>{count}</b></label>"
            )?;
        }
    }
    writeln!(out, "</fieldset>")?;
    if findings.len() > 1 {
        writeln!(out, "<ol class=\"contents\">")?;
        for (index, finding) in findings.iter().enumerate() {
            writeln!(
                out,
                "<li class=\"{severity}\" value=\"{number}\"><a href=\"#f{number}\"><span class=\"chip {severity}\">{severity}</span> <bdi>{}</bdi> <code>{}</code></a></li>",
                prose::inline(&finding.title),
                line(&phrases::place(finding)),
                severity = finding.severity,
                number = index + 1,
            )?;
        }
        writeln!(out, "</ol>")?;
    }
    writeln!(out, "</section>")
}

fn write_finding(
    out: &mut String,
    report: &Report,
    number: usize,
    finding: &Finding,
) -> std::fmt::Result {
    let severity = finding.severity;
    let hunks = beside(&report.hunks, finding);
    let shape = if hunks.is_empty() { "alone" } else { "paired" };
    writeln!(
        out,
        "<article class=\"finding {severity} {shape}\" id=\"f{number}\">\n<header>"
    )?;
    writeln!(
        out,
        "<h3><span class=\"chip {severity}\">{severity}</span> <bdi>{}</bdi></h3>",
        prose::inline(&finding.title)
    )?;
    write!(
        out,
        "<p class=\"place\"><a href=\"#f{number}\" class=\"number\">#{number}</a> <code>{}</code>",
        line(&phrases::place(finding))
    )?;
    for remark in phrases::remarks(finding) {
        write!(out, " <span class=\"remark\">{}</span>", line(&remark))?;
    }
    let is_expected = finding.lines.is_some() && finding.placement == Placement::OnChange;
    if hunks.is_empty() && is_expected && report.hunks_cut {
        write!(out, " <span class=\"remark\">{NOT_SHOWN}</span>")?;
    }
    writeln!(out, "</p>\n</header>\n<div class=\"columns\">")?;
    let recommendation = finding.recommendation.as_deref().unwrap_or_default().trim();
    if !finding.body.trim().is_empty() || !recommendation.is_empty() {
        writeln!(
            out,
            "<div class=\"prose\">\n{}",
            prose::blocks(&finding.body)
        )?;
        if !recommendation.is_empty() {
            writeln!(
                out,
                "<div class=\"instead\"><h4>Instead</h4>\n{}</div>",
                prose::blocks(recommendation)
            )?;
        }
        writeln!(out, "</div>")?;
    }
    if !hunks.is_empty() {
        writeln!(out, "<div class=\"hunks\">")?;
        for hunk in &hunks {
            code::write_hunk(out, hunk, finding.lines)?;
        }
        writeln!(out, "</div>")?;
    }
    writeln!(out, "</div>\n</article>")
}

fn write_answer(out: &mut String, report: &Report) -> std::fmt::Result {
    if let Some(parse_error) = &report.parse_error {
        writeln!(out, "<p>Why it is not a review: {}</p>", line(parse_error))?;
    }
    if report.raw_output.trim().is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>The engine's answer, as it came</h2>\n<pre class=\"answer\">{}</pre>",
        text(report.raw_output.trim())
    )
}

fn write_list(out: &mut String, heading: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"list\">\n<h2>{heading}</h2>\n<ul>")?;
    for item in items {
        writeln!(out, "<li>{}</li>", prose::inline(item))?;
    }
    writeln!(out, "</ul>\n</section>")
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    #[test]
    fn every_standing_and_severity_has_a_style() {
        let standings = [
            Standing::Passed,
            Standing::Findings,
            Standing::NotJudged,
            Standing::Empty,
        ];
        for standing in standings {
            let rule = format!(".standing.{}", standing.as_str());
            assert!(STYLE.contains(&rule), "no rule for {rule}");
        }
        for severity in Severity::ALL {
            for rule in [
                format!(".{severity}"),
                format!("#show-{severity}:not(:checked)"),
            ] {
                assert!(STYLE.contains(&rule), "no rule for {rule}");
            }
        }
        assert!(!STYLE.contains("</") && !STYLE.contains("url("));
    }
}
