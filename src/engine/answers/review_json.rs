//! The raw JSON of Codex's own reviewer.

use serde_json::{Map, Value};

use crate::review::{Finding, FindingOrigin, Judgement, Placement, Severity, Verdict};

use super::{AnswerFrom, json_text, structured, value};

pub(super) fn parse(raw: &str, from: AnswerFrom) -> Result<Judgement, String> {
    let approves = |review: &Map<String, Value>| {
        read(review, from).is_ok_and(|judgement| {
            judgement.verdict == Verdict::Approve && judgement.findings.is_empty()
        })
    };
    read(&json_text::find(raw, "findings", approves)?, from)
}

/// Reads an object that has `findings`.
fn read(review: &Map<String, Value>, from: AnswerFrom) -> Result<Judgement, String> {
    if review.contains_key("verdict") && !review.contains_key("overall_correctness") {
        // Some reviewers answer by our schema whatever they are asked.
        return structured::read(review, from);
    }
    let member = |name: &str| review.get(name).unwrap_or(&Value::Null);
    let items = member("findings")
        .as_array()
        .ok_or("`findings` is not a list")?;
    let mut findings = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let finding = finding(item, from)
            .ok_or_else(|| format!("`findings[{index}]` has neither a title nor a body"))?;
        findings.push(finding);
    }
    let verdict = match value::text(member("overall_correctness")) {
        Some(words) if findings.is_empty() => {
            correctness(&words).ok_or_else(|| format!("`overall_correctness` is `{words}`"))?
        }
        // A reviewer that lists findings and leaves the verdict out, or words it in its own way, has given one.
        Some(words) => correctness(&words).unwrap_or(Verdict::NeedsAttention),
        None if !findings.is_empty() => Verdict::NeedsAttention,
        None => return Err("`overall_correctness` is missing".to_owned()),
    };
    Ok(Judgement {
        verdict,
        summary: value::text(member("overall_explanation")).unwrap_or_default(),
        findings,
        next_steps: Vec::new(),
    })
}

/// `patch is correct`, `incorrect`, and the like.
fn correctness(words: &str) -> Option<Verdict> {
    const FILLERS: [&str; 11] = [
        "the", "this", "patch", "code", "change", "changes", "is", "are", "looks", "appears",
        "diff",
    ];
    let words = words.to_ascii_lowercase();
    let words = words.split(|letter: char| letter.is_whitespace() || "_.".contains(letter));
    let said: Vec<&str> = words
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .collect();
    match said.as_slice() {
        ["correct"] => Some(Verdict::Approve),
        ["incorrect"] | ["not", "correct"] => Some(Verdict::NeedsAttention),
        _ => None,
    }
}

fn finding(item: &Value, from: AnswerFrom) -> Option<Finding> {
    let body = value::text(&item["body"]);
    let title = value::text(&item["title"])
        .or_else(|| Some(body.as_deref()?.lines().next()?.to_owned()))?;
    let (by_title, title) = value::split_priority(&title);
    let by_number = value::number(&item["priority"]).map(value::severity_of_priority);
    let by_word = value::text(&item["severity"]).and_then(|word| value::severity(&word));
    let place = &item["code_location"];
    let path = ["absolute_file_path", "file_path", "path"]
        .iter()
        .find_map(|name| value::text(&place[*name]))
        .or_else(|| value::text(&item["file"]));
    let range = &place["line_range"];
    Some(Finding {
        severity: by_number
            .or(by_title)
            .or(by_word)
            .unwrap_or(Severity::Medium),
        title: title.to_owned(),
        body: body.unwrap_or_default(),
        file: path.unwrap_or_default(),
        lines: value::lines(&range["start"], &range["end"])
            .or_else(|| value::lines(&item["line_start"], &item["line_end"])),
        confidence: value::confidence(&item["confidence_score"])
            .or_else(|| value::confidence(&item["confidence"])),
        recommendation: value::text(&item["recommendation"]),
        origin: origin(item, from),
        placement: Placement::Unchecked,
        fingerprint: None,
        exclusion: None,
        carried_from: None,
    })
}

/// The rule behind a finding of the builtin engine's.
pub(super) fn origin(item: &Value, from: AnswerFrom) -> FindingOrigin {
    match (from, value::text(&item["rule"])) {
        (AnswerFrom::Builtin, Some(rule)) => FindingOrigin::Rule(rule),
        _ => FindingOrigin::Model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::LineRange;
    use serde_json::json;

    fn sample() -> Value {
        json!({
            "findings": [{
                "title": "[P1] Off by one", "body": "Reads past the end.", "confidence_score": 0.9, "priority": 1,
                "code_location": {"absolute_file_path": "/x/src/a.rs", "line_range": {"start": 3, "end": 4}},
            }],
            "overall_correctness": "patch is incorrect", "overall_explanation": "One bug.",
            "overall_confidence_score": 0.8,
        })
    }

    #[test]
    fn a_review_becomes_findings() {
        let judgement = parse(&sample().to_string(), AnswerFrom::Model).unwrap();
        assert_eq!(judgement.verdict, Verdict::NeedsAttention);
        assert_eq!(judgement.summary, "One bug.");
        assert_eq!(
            judgement.findings,
            [Finding {
                severity: Severity::High,
                title: "Off by one".into(),
                body: "Reads past the end.".into(),
                file: "/x/src/a.rs".into(),
                lines: Some(LineRange::new(3, 4)),
                confidence: Some(0.9),
                recommendation: None,
                origin: FindingOrigin::Model,
                placement: Placement::Unchecked,
                fingerprint: None,
                exclusion: None,
                carried_from: None,
            }]
        );
    }

    #[test]
    fn an_answer_by_our_own_schema_loses_nothing() {
        let answer = json!({
            "verdict": "needs-attention", "summary": "One bug.", "findings": [{
                "severity": "critical", "title": "Loses data", "body": "B", "file": "src/a.rs",
                "line_start": 3, "line_end": 4, "confidence": 0.8, "recommendation": "R",
            }],
        });
        let judgement = parse(&answer.to_string(), AnswerFrom::Model).unwrap();
        let finding = &judgement.findings[0];
        assert_eq!(
            (finding.severity, finding.file.as_str(), finding.lines),
            (Severity::Critical, "src/a.rs", Some(LineRange::new(3, 4)))
        );
        // Members of both kinds in one finding.
        let mixed = json!({
            "overall_correctness": "patch is incorrect", "findings": [{
                "severity": "high", "title": "T", "file": "src/a.rs", "line_start": 3, "confidence": 0.5,
            }],
        });
        let judgement = parse(&mixed.to_string(), AnswerFrom::Model).unwrap();
        let finding = &judgement.findings[0];
        assert_eq!(
            (
                finding.severity,
                finding.file.as_str(),
                finding.lines,
                finding.confidence
            ),
            (
                Severity::High,
                "src/a.rs",
                Some(LineRange::new(3, 3)),
                Some(0.5)
            )
        );
    }

    #[test]
    fn only_the_builtin_engine_is_believed_about_rules() {
        let mut review = sample();
        review["findings"][0]["rule"] = json!("merge-conflict-marker");
        let origin = |from| {
            let judgement = parse(&review.to_string(), from).unwrap();
            judgement.findings[0].origin.clone()
        };
        assert_eq!(origin(AnswerFrom::Model), FindingOrigin::Model);
        assert_eq!(
            origin(AnswerFrom::Builtin),
            FindingOrigin::Rule("merge-conflict-marker".into())
        );
    }

    #[test]
    fn an_answer_without_a_verdict_is_no_approval() {
        let problem = |review: Value| parse(&review.to_string(), AnswerFrom::Model).unwrap_err();
        assert!(problem(json!({"findings": []})).contains("overall_correctness"));
        assert!(
            problem(json!({"findings": [], "overall_correctness": "unsure"})).contains("unsure")
        );
        for words in [
            "not incorrect",
            "partly correct",
            "it is unclear whether the patch is correct",
        ] {
            let review = json!({"findings": [], "overall_correctness": words});
            assert!(problem(review).contains(words));
        }
        for words in [
            "The code is correct.",
            "patch looks correct",
            "The changes are correct",
        ] {
            let review = json!({"findings": [], "overall_correctness": words});
            let judgement = parse(&review.to_string(), AnswerFrom::Model).unwrap();
            assert_eq!(judgement.verdict, Verdict::Approve, "{words}");
        }
        let listed = json!({
            "findings": [{"title": "[P2] Leak"}], "overall_correctness": "patch is incorrect: it leaks",
        });
        let judgement = parse(&listed.to_string(), AnswerFrom::Model).unwrap();
        assert_eq!(judgement.verdict, Verdict::NeedsAttention);
        let review = json!({"findings": [], "overall_correctness": "The patch is not correct."});
        let judgement = parse(&review.to_string(), AnswerFrom::Model).unwrap();
        assert_eq!(judgement.verdict, Verdict::NeedsAttention);
        assert!(problem(json!({"findings": {}})).contains("not a list"));
        assert!(problem(json!({"findings": [{"priority": 1}]})).contains("findings[0]"));
        let listed = json!({"findings": [{"title": "[P2] Leak"}]});
        let judgement = parse(&listed.to_string(), AnswerFrom::Model).unwrap();
        assert_eq!(judgement.verdict, Verdict::NeedsAttention);
        assert_eq!(judgement.findings[0].severity, Severity::Medium);
        assert_eq!(judgement.findings[0].lines, None);
    }
}
