//! Plain text with roles, for terminals and logs.

use crate::review::{Finding, Outcome};

use super::styled::{Document, Role, span, wrapped};
use super::{Report, Standing, phrases, visible};

/// The width of text that is not shown in a terminal, in characters.
const PLAIN_WIDTH: usize = 100;

/// How far labels and findings are moved in: the longest severity and two blanks.
const INDENT: usize = 10;

pub(super) fn render(report: &Report) -> Vec<u8> {
    document(report, PLAIN_WIDTH).plain().into_bytes()
}

/// The report as lines of at most `width` characters (code is not broken).
#[must_use]
pub fn document(report: &Report, width: usize) -> Document {
    let mut document = Document::default();
    let out = &mut document;
    out.push([span(Role::Heading, visible::line(&report.kind))]);
    let target = visible::line(&report.target.label).into_owned();
    let labelled = [
        ("target", Some(target)),
        ("base", phrases::base_line(report)),
        ("engine", Some(phrases::engine_line(report))),
        ("context", phrases::context_line(report)),
        ("redacted", phrases::redaction_line(report)),
    ];
    for (label, value) in labelled {
        let Some(value) = value else { continue };
        block(out, Some(span(Role::Minor, label)), &value, width);
    }

    out.gap();
    let standing = report.standing();
    out.push([
        span(standing_role(standing), phrases::standing_word(standing)),
        span(
            Role::Plain,
            format!(": {}", phrases::standing_detail(report)),
        ),
    ]);
    match &report.outcome {
        Outcome::Judged(judgement) => {
            paragraph(out, &judgement.summary, width);
            for finding in report.shown_findings() {
                push_finding(out, finding, width);
            }
            bullets(out, "Next steps", &judgement.next_steps, width);
        }
        Outcome::NotJudged(not_judged) => {
            paragraph(out, &not_judged.detail, width);
            let hint = format!("hint: {}", phrases::not_judged_hint(not_judged.reason));
            paragraph(out, &hint, width);
            push_raw_answer(out, report);
        }
        Outcome::Empty => {}
    }

    bullets(out, "Not shown", &phrases::not_shown(report), width);
    bullets(out, "Notes", &report.notes, width);
    out.gap();
    out.push([span(Role::Minor, phrases::footer_facts(report).join(" · "))]);
    document
}

fn standing_role(standing: Standing) -> Role {
    match standing {
        Standing::Passed => Role::Passed,
        Standing::Findings => Role::Findings,
        Standing::NotJudged => Role::NotJudged,
        Standing::Empty => Role::Heading,
    }
}

fn push_finding(out: &mut Document, finding: &Finding, width: usize) {
    out.gap();
    let severity = span(Role::Severity(finding.severity), finding.severity.as_str());
    block(out, Some(severity), &visible::line(&finding.title), width);
    out.push([
        span(Role::Plain, " ".repeat(INDENT)),
        span(Role::Place, phrases::place(finding)),
    ]);
    let remarks = phrases::remarks(finding);
    if !remarks.is_empty() {
        block(out, None, &format!("({})", remarks.join("; ")), width);
    }
    if !finding.body.trim().is_empty() {
        block(
            out,
            None,
            visible::lines(finding.body.trim()).as_ref(),
            width,
        );
    }
    if let Some(recommendation) = &finding.recommendation
        && !recommendation.trim().is_empty()
    {
        let text = format!("Instead: {}", visible::lines(recommendation.trim()));
        block(out, None, &text, width);
    }
}

/// Text in the indented column, with an optional label before its first line.
fn block(out: &mut Document, label: Option<super::styled::Span>, text: &str, width: usize) {
    let mut label = label;
    for line in wrapped(text, width.saturating_sub(INDENT)) {
        let mut spans = Vec::with_capacity(3);
        let used = label.as_ref().map_or(0, |label| label.text.len());
        spans.extend(label.take());
        spans.push(span(Role::Plain, " ".repeat(INDENT.saturating_sub(used))));
        spans.push(span(Role::Plain, line));
        out.push(spans);
    }
}

fn paragraph(out: &mut Document, text: &str, width: usize) {
    let text = visible::lines(text.trim());
    if text.is_empty() {
        return;
    }
    for line in wrapped(&text, width) {
        out.push([span(Role::Plain, line)]);
    }
}

fn bullets(out: &mut Document, heading: &str, items: &[String], width: usize) {
    if items.is_empty() {
        return;
    }
    out.gap();
    out.push([span(Role::Heading, heading)]);
    for item in items {
        for line in wrapped(
            &format!("- {}", visible::line(item)),
            width.saturating_sub(2),
        ) {
            out.push([span(Role::Plain, format!("  {line}"))]);
        }
    }
}

fn push_raw_answer(out: &mut Document, report: &Report) {
    if let Some(parse_error) = &report.parse_error {
        out.push([span(
            Role::Plain,
            format!("why it is not a review: {}", visible::line(parse_error)),
        )]);
    }
    let answer = visible::lines(report.raw_output.trim());
    if answer.is_empty() {
        return;
    }
    out.gap();
    out.push([span(Role::Heading, "The engine's answer, as it came")]);
    for line in answer.lines() {
        out.push([span(Role::Minor, "  | "), span(Role::Plain, line)]);
    }
}
