//! What an engine's answer says about the change: from a [`TurnResult`] to a judgement.
//!
//! Two answers are known: Codex's own review ([`read_review`]: its raw JSON, or the text that older versions give
//! alone) and JSON by our schema ([`read_structured`]). Both are read tolerantly, and neither is guessed at: an answer
//! that is no review is an [`UnclearAnswer`] with the raw text, and a turn that did not complete is never read at all.

mod json_text;
mod review_json;
mod review_text;
mod structured;
mod value;

use crate::review::{Judgement, NotJudged, NotJudgedReason, Outcome};

use super::TurnResult;

/// Who wrote the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFrom {
    /// A model. What it says about rules is not believed.
    Model,
    /// The builtin engine, whose findings carry the id of their rule as `rule`.
    Builtin,
}

/// An answer that is no review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine's answer is no review: {problem}")]
pub struct UnclearAnswer {
    /// What is wrong with it, naming the member.
    pub problem: String,
    /// The answer as it came.
    pub raw: String,
}

/// An answer that was read, or was not readable.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it comes to.
    pub outcome: Outcome,
    /// The answer as it came; empty when there was none.
    pub raw: String,
    /// Why the answer could not be read, where that is what went wrong.
    pub parse_error: Option<String>,
}

impl Reading {
    fn of(result: &TurnResult, raw: String, read: Result<Judgement, UnclearAnswer>) -> Reading {
        if let Some(not_judged) = result.not_judged() {
            return Reading {
                outcome: Outcome::NotJudged(not_judged),
                raw,
                parse_error: None,
            };
        }
        match read {
            Ok(judgement) => Reading {
                outcome: Outcome::Judged(judgement),
                raw,
                parse_error: None,
            },
            Err(unclear) => Reading {
                outcome: Outcome::NotJudged(NotJudged {
                    reason: NotJudgedReason::UnclearAnswer,
                    detail: unclear.to_string(),
                }),
                raw,
                parse_error: Some(unclear.problem),
            },
        }
    }
}

/// Reads the result of a review turn.
#[must_use]
pub fn review(result: &TurnResult, from: AnswerFrom) -> Reading {
    let text = result.review_text.as_deref().unwrap_or(&result.message);
    let raw = result.review_json.as_deref().unwrap_or(text);
    Reading::of(
        result,
        raw.to_owned(),
        read_review(result.review_json.as_deref(), text, from),
    )
}

/// Reads the result of a turn with an output schema.
#[must_use]
pub fn structured(result: &TurnResult, from: AnswerFrom) -> Reading {
    Reading::of(
        result,
        result.message.clone(),
        read_structured(&result.message, from),
    )
}

/// Reads a review: the raw answer of the reviewer where there is one, else its text.
///
/// # Errors
///
/// The answer is no review.
pub fn read_review(
    raw: Option<&str>,
    text: &str,
    from: AnswerFrom,
) -> Result<Judgement, UnclearAnswer> {
    let read = match raw {
        Some(raw) => review_json::parse(raw, from),
        None => review_text::parse(text),
    };
    read.map_err(|problem| UnclearAnswer {
        problem,
        raw: raw.unwrap_or(text).to_owned(),
    })
}

/// Reads an answer by our schema.
///
/// # Errors
///
/// The answer is not by the schema.
pub fn read_structured(text: &str, from: AnswerFrom) -> Result<Judgement, UnclearAnswer> {
    structured::parse(text, from).map_err(|problem| UnclearAnswer {
        problem,
        raw: text.to_owned(),
    })
}
