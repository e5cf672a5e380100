//! JSON by our own schema.

use serde_json::{Map, Value};

use crate::review::{Finding, Judgement, Placement, Verdict};

use super::review_json::origin;
use super::{AnswerFrom, json_text, value};

/// What some briefs ask for beyond a finding's own members. A reader of any report finds it in the finding's text.
const LABELLED: [(&str, &str); 4] = [
    ("evidence", "Evidence"),
    ("expected_effect", "Expected effect"),
    ("risk", "Risk"),
    ("how_to_measure", "How to measure"),
];

pub(super) fn parse(text: &str, from: AnswerFrom) -> Result<Judgement, String> {
    let approves = |answer: &Map<String, Value>| {
        read(answer, from).is_ok_and(|judgement| {
            judgement.verdict == Verdict::Approve && judgement.findings.is_empty()
        })
    };
    read(&json_text::find(text, "verdict", approves)?, from)
}

/// Reads an object that has a `verdict`.
pub(super) fn read(answer: &Map<String, Value>, from: AnswerFrom) -> Result<Judgement, String> {
    let member = |name: &str| answer.get(name).unwrap_or(&Value::Null);
    let word = value::text(member("verdict")).ok_or("`verdict` is not a word")?;
    let verdict = match word.to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
        "approve" | "approved" => Verdict::Approve,
        "needs-attention" => Verdict::NeedsAttention,
        _ => return Err(format!("`verdict` is `{word}`")),
    };
    let items = match member("findings") {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        _ => return Err("`findings` is not a list".to_owned()),
    };
    let findings = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            finding(item, from).map_err(|problem| format!("`findings[{index}]`{problem}"))
        })
        .collect::<Result<_, _>>()?;
    let next_steps = match member("next_steps") {
        Value::Array(steps) => steps.iter().filter_map(value::text).collect(),
        step => value::text(step).into_iter().collect(),
    };
    Ok(Judgement {
        verdict,
        summary: value::text(member("summary")).unwrap_or_default(),
        findings,
        next_steps,
    })
}

fn finding(item: &Value, from: AnswerFrom) -> Result<Finding, String> {
    let body = value::text(&item["body"]);
    let title = value::text(&item["title"])
        .or_else(|| Some(body.as_deref()?.lines().next()?.to_owned()))
        .ok_or(" has neither a title nor a body")?;
    let (by_title, title) = value::split_priority(&title);
    let severity = match value::text(&item["severity"]) {
        Some(word) => value::severity(&word).ok_or(format!(".severity is `{word}`"))?,
        None => by_title.ok_or(" has no severity")?,
    };
    let labelled = LABELLED.iter().filter_map(|(member, label)| {
        let text = value::text(&item[*member])?;
        Some(format!("**{label}:** {text}"))
    });
    let paragraphs: Vec<String> = body.into_iter().chain(labelled).collect();
    Ok(Finding {
        severity,
        title: title.to_owned(),
        body: paragraphs.join("\n\n"),
        file: value::text(&item["file"]).unwrap_or_default(),
        lines: value::lines(&item["line_start"], &item["line_end"]),
        confidence: value::confidence(&item["confidence"]),
        recommendation: value::text(&item["recommendation"]),
        origin: origin(item, from),
        placement: Placement::Unchecked,
        fingerprint: None,
        exclusion: None,
        carried_from: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{LineRange, Severity};
    use serde_json::json;

    fn answered(value: &Value) -> Result<Judgement, String> {
        parse(&value.to_string(), AnswerFrom::Model)
    }

    #[test]
    fn an_answer_by_the_schema_is_read_whole() {
        let judgement = answered(&json!({
            "verdict": "needs-attention", "summary": "Do not ship.",
            "findings": [{
                "severity": "high", "title": "Retry loses data", "body": "B", "file": "src/a.rs",
                "line_start": 3, "line_end": 4, "confidence": 0.8, "recommendation": "Check both.",
            }],
            "next_steps": ["Add a test."],
        }))
        .unwrap();
        assert_eq!(judgement.verdict, Verdict::NeedsAttention);
        assert_eq!(judgement.next_steps, ["Add a test."]);
        let finding = &judgement.findings[0];
        assert_eq!(finding.lines, Some(LineRange::new(3, 4)));
        assert_eq!(finding.recommendation.as_deref(), Some("Check both."));
    }

    #[test]
    fn what_a_brief_asks_for_beyond_a_finding_stands_in_its_text() {
        let judgement = answered(&json!({
            "verdict": "needs-attention", "findings": [{
                "severity": "high", "title": "T", "body": "B", "evidence": "E", "expected_effect": "X",
                "risk": " ", "how_to_measure": "M",
            }, {"severity": "low", "title": "U", "risk": "R"}],
        }))
        .unwrap();
        let bodies: Vec<&str> = judgement.findings.iter().map(|it| &*it.body).collect();
        assert_eq!(
            bodies,
            [
                "B\n\n**Evidence:** E\n\n**Expected effect:** X\n\n**How to measure:** M",
                "**Risk:** R"
            ]
        );
    }

    #[test]
    fn what_real_models_write_instead_is_understood() {
        let judgement = parse(
            "Sure, here it is:\n```json\n{\"verdict\":\"Needs Attention\",\"findings\":[{\"severity\":\"P1\",\
             \"body\":\"It leaks.\\nAlways.\",\"line_start\":\"12\",\"confidence\":\"90%\",\"file\":null}]}\n```",
            AnswerFrom::Model,
        )
        .unwrap();
        let finding = &judgement.findings[0];
        assert_eq!(finding.title, "It leaks.");
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.lines, Some(LineRange::new(12, 12)));
        assert_eq!(finding.confidence, Some(0.9));
        assert_eq!(finding.file, "");
    }

    #[test]
    fn anything_else_is_unclear_and_says_why() {
        for (answer, problem) in [
            (json!({"verdict": "maybe"}), "`verdict` is `maybe`"),
            (json!({"verdict": 1}), "not a word"),
            (
                json!({"verdict": "approve", "findings": "none"}),
                "not a list",
            ),
            (
                json!({"verdict": "approve", "findings": [{"title": "x", "severity": "weird"}]}),
                "`findings[0]`.severity is `weird`",
            ),
            (
                json!({"verdict": "approve", "findings": [{"title": "x"}]}),
                "no severity",
            ),
            (json!({"verdict": "approve", "findings": [3]}), "neither"),
            (json!({"summary": "fine"}), "no JSON object with `verdict`"),
        ] {
            let error = answered(&answer).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
