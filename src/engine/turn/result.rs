//! What a turn ended with.

use crate::review::{NotJudged, NotJudgedReason};

use super::super::EngineError;

/// Tokens used on a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Sent to the model.
    pub input: u64,
    /// The part of it that the provider had cached.
    pub cached_input: u64,
    /// Written by the model.
    pub output: u64,
    /// The part of it that was reasoning.
    pub reasoning_output: u64,
    /// In all.
    pub total: u64,
}

/// A command that the model ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRun {
    /// The command line.
    pub command: String,
    /// Its exit code; `None` when it was declined or the engine does not say.
    pub exit_code: Option<i64>,
}

/// Why the engine says that a turn failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFailure {
    /// For people.
    pub message: String,
    /// The engine's word for the kind, such as `usageLimitExceeded`.
    pub kind: Option<String>,
    /// The status of the provider's answer, where there was one.
    pub http_status: Option<u16>,
}

impl TurnFailure {
    /// The kind of outcome: a missing login is told apart, because there is something to do about it.
    #[must_use]
    pub fn reason(&self) -> NotJudgedReason {
        if self.kind.as_deref() == Some("unauthorized") || self.http_status == Some(401) {
            NotJudgedReason::NotLoggedIn
        } else {
            NotJudgedReason::TurnFailed
        }
    }
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEnd {
    /// With an answer, or because the engine says so.
    Completed,
    /// Somebody interrupted it.
    Interrupted,
    /// The engine says that it failed, or it never said how the turn ended and nothing shows that it ended well.
    Failed(TurnFailure),
    /// It did not end: the engine was lost, refused it or took too long, or the turn was cancelled.
    BrokenOff(EngineError),
}

/// What a turn ended with, or had come to when it broke off. It says how the turn ended, not whether the answer is one: that is for [`super::super::answers`].
#[derive(Debug, Clone, PartialEq)]
pub struct TurnResult {
    /// The thread.
    pub thread_id: String,
    /// The turn; empty when the engine never named it.
    pub turn_id: String,
    /// How it ended.
    pub end: TurnEnd,
    /// Whether `turn/completed` or its status was missing and the end was inferred.
    pub inferred: bool,
    /// The model's last message, preferring one that it declared final; empty when there was none.
    pub message: String,
    /// The raw JSON of Codex's own reviewer, where this version gives it.
    pub review_json: Option<String>,
    /// The text of Codex's own reviewer.
    pub review_text: Option<String>,
    /// Summaries of reasoning, in order, the oldest dropped past a bound.
    pub reasoning: Vec<String>,
    /// Commands that were run, in order, the oldest dropped past a bound.
    pub commands: Vec<CommandRun>,
    /// Files that were written, each once, in order.
    pub touched_files: Vec<String>,
    /// Tokens used on this thread.
    pub usage: Option<TokenUsage>,
}

impl TurnResult {
    /// Whether the turn broke off and left something behind: words, files or reasoning.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        let has_some = !self.message.is_empty()
            || self.review_json.is_some()
            || self.review_text.is_some()
            || !self.reasoning.is_empty()
            || !self.touched_files.is_empty();
        matches!(self.end, TurnEnd::BrokenOff(_)) && has_some
    }

    /// Why a turn that did not complete cannot be judged; `None` for one that completed.
    #[must_use]
    pub fn not_judged(&self) -> Option<NotJudged> {
        match &self.end {
            TurnEnd::Completed => None,
            TurnEnd::Interrupted => Some(NotJudged {
                reason: NotJudgedReason::Cancelled,
                detail: "the turn was interrupted".to_owned(),
            }),
            TurnEnd::BrokenOff(error) => Some(error.not_judged()),
            TurnEnd::Failed(failure) => Some(NotJudged {
                reason: failure.reason(),
                detail: match &failure.kind {
                    Some(kind) => {
                        format!("the engine reported `{kind}`: {}", failure.message)
                    }
                    None => format!("the engine reported: {}", failure.message),
                },
            }),
        }
    }
}
