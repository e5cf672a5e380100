//! What a task ended with, and its two faces: JSON and text.

use serde_json::{Value, json};

use crate::engine::{TokenUsage, TurnResult};
use crate::review::{ExitStatus, NotJudged, NotJudgedReason};

use super::RunRequest;

const SUMMARY_CHARS: usize = 120;

/// What a task ended with.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskAnswer {
    /// Why there is no whole answer; `None` when there is one.
    pub failure: Option<NotJudged>,
    /// The engine's thread; the one that was to be continued where the run got nowhere.
    pub thread_id: Option<String>,
    /// The model's last message, as it came; empty without one. With a failure, what was received before.
    pub message: String,
    /// Files that were written.
    pub touched_files: Vec<String>,
    /// Summaries of reasoning.
    pub reasoning: Vec<String>,
    /// Oddities of the run.
    pub notes: Vec<String>,
    /// Tokens, where the engine says so.
    pub usage: Option<TokenUsage>,
}

impl TaskAnswer {
    pub(super) fn of(
        request: &RunRequest,
        ended: Result<TurnResult, NotJudged>,
        notes: &[String],
    ) -> Self {
        let resumed = match &request.thread {
            super::ThreadChoice::Resume(thread_id) => Some(thread_id.clone()),
            super::ThreadChoice::New => None,
        };
        match ended {
            Err(failure) => TaskAnswer {
                failure: Some(failure),
                thread_id: resumed,
                message: String::new(),
                touched_files: Vec::new(),
                reasoning: Vec::new(),
                notes: notes.to_vec(),
                usage: None,
            },
            Ok(result) => TaskAnswer {
                failure: result.not_judged(),
                thread_id: Some(result.thread_id),
                message: result.message,
                touched_files: result.touched_files,
                reasoning: result.reasoning,
                notes: notes.to_vec(),
                usage: result.usage,
            },
        }
    }

    /// How the process that was asked for it exits.
    #[must_use]
    pub fn exit(&self) -> ExitStatus {
        match self.failure.as_ref().map(|failure| failure.reason) {
            None => ExitStatus::Passed,
            Some(NotJudgedReason::EngineUnavailable | NotJudgedReason::NotLoggedIn) => {
                ExitStatus::EngineUnavailable
            }
            Some(NotJudgedReason::Cancelled) => ExitStatus::Interrupted,
            Some(_) => ExitStatus::Incomplete,
        }
    }

    /// One line on the answer; `None` when there is none.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let line = self
            .message
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())?;
        let mut summary: String = line.chars().take(SUMMARY_CHARS).collect();
        if summary.len() < line.len() {
            summary.push('…');
        }
        Some(summary)
    }

    /// The JSON document of `task`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "status": self.exit().code(),
            "threadId": self.thread_id,
            "rawOutput": self.message,
            "touchedFiles": self.touched_files,
            "reasoningSummary": self.reasoning,
            "failure": self.failure.as_ref().map(|failure| json!({
                "reason": failure.reason.as_str(),
                "detail": failure.detail,
            })),
            "notes": self.notes,
            "usage": self.usage.map(|usage| json!({
                "inputTokens": usage.input,
                "cachedInputTokens": usage.cached_input,
                "outputTokens": usage.output,
                "reasoningOutputTokens": usage.reasoning_output,
            })),
        })
    }

    /// What people and Claude read: the answer as it came, or why there is none.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.message.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if let Some(failure) = &self.failure {
            let has_words = !text.is_empty();
            if has_words {
                text.push('\n');
            }
            text.push_str(&format!("The task did not finish: {}.\n", failure.detail));
            if has_words {
                text.push_str("The text above is what was received before that.\n");
            }
            if failure.reason == NotJudgedReason::NotLoggedIn {
                text.push_str("Log in with `codex login`, or run `codex-review setup`.\n");
            }
        } else if text.is_empty() {
            text.push_str("The task finished without an answer.\n");
        }
        if !self.touched_files.is_empty() {
            text.push_str(match &self.failure {
                None => "\nFiles changed:\n",
                Some(_) => "\nFiles changed before that:\n",
            });
            for path in &self.touched_files {
                text.push_str(&format!("- {path}\n"));
            }
        }
        text
    }
}
