//! One run, ready to be carried out: everything a worker needs, stored with its job.
//!
//! The request is made once, by the command that the user typed; the worker that carries it out, perhaps much later,
//! reads no flags, no configuration and no repository to find out what was meant.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::review::{ChangedFile, ChangedLines, LineRange};

use super::kind::{Kind, find_kind};

/// The version of the stored request; a worker refuses a newer one.
const VERSION: u32 = 1;

/// Which engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChoice {
    /// `codex app-server`, with this executable, or the one on PATH.
    Codex(Option<PathBuf>),
    /// Our own deterministic engine.
    Builtin,
}

impl EngineChoice {
    /// `codex` or `builtin`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            EngineChoice::Codex(_) => "codex",
            EngineChoice::Builtin => "builtin",
        }
    }
}

/// How the engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Through the workspace's broker, started if need be.
    Shared,
    /// Through this broker and no other (`unix:/path`).
    Endpoint(String),
    /// A child of the worker's own, that ends with the run.
    Isolated,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// The engine's own reviewer, with our context as its instructions.
    Review {
        /// The whole text.
        instructions: String,
    },
    /// The engine's own reviewer on a plain target (`--native`), in the shape of `review/start`'s `target`.
    NativeReview {
        /// Such as `{"type":"uncommittedChanges"}`.
        target: Value,
    },
    /// A turn, with or without an output schema.
    Turn {
        /// The whole text.
        text: String,
        /// The schema of the answer.
        output_schema: Option<Value>,
    },
}

/// Which thread the run uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThreadChoice {
    /// A new one.
    New,
    /// This one, continued.
    Resume(String),
}

/// The bounds of a run's waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// The whole turn.
    pub turn: Duration,
    /// Without any word from the engine.
    pub silence: Duration,
    /// One call.
    pub rpc: Duration,
}

/// What a report says about the change, and what the location check needs. Strings are in shown form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeFacts {
    /// `working-tree`, `branch`, …
    pub mode: String,
    /// For people.
    pub label: String,
    /// The base's name.
    pub base_ref: Option<String>,
    /// How the base was chosen, and how far behind its twin is.
    pub base_note: Option<String>,
    /// Whether the user chose the target.
    pub explicit: bool,
    /// The repository root.
    pub repo_root: String,
    /// The branch.
    pub branch: Option<String>,
    /// Such as `3 files, +10 -2`.
    pub summary: String,
    /// The strategy that built the context, and why.
    pub strategy: String,
    /// Why that strategy.
    pub strategy_reason: String,
    /// The context's size in bytes.
    pub context_bytes: u64,
    /// The context's size in tokens, estimated.
    pub context_tokens: u64,
    /// The context's SHA-256.
    pub context_hash: String,
    /// How many secrets were redacted.
    pub redactions: u32,
    /// What was left out, one line each.
    pub left_out: Vec<String>,
    /// The pinned change, in the wire shape that the builtin engine takes.
    pub pinned: Value,
    /// The changed files, for the location check.
    #[serde(with = "changed_files")]
    pub files: Vec<ChangedFile>,
}

mod changed_files {
    //! The stored shape of [`ChangedFile`].

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{ChangedFile, ChangedLines, LineRange};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stored {
        path: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        old_path: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        line_count: Option<u32>,
        changed: Vec<(u32, u32)>,
    }

    pub(super) fn serialize<S: Serializer>(
        files: &[ChangedFile],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(files.iter().map(|file| {
            Stored {
                path: file.path.clone(),
                old_path: file.old_path.clone(),
                line_count: file.line_count,
                changed: file
                    .changed
                    .0
                    .iter()
                    .map(|range| (range.start(), range.end()))
                    .collect(),
            }
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<ChangedFile>, D::Error> {
        let stored = Vec::<Stored>::deserialize(from)?;
        let file = |file: Stored| ChangedFile {
            path: file.path,
            old_path: file.old_path,
            line_count: file.line_count,
            changed: ChangedLines(
                file.changed
                    .into_iter()
                    .map(|(start, end)| LineRange::new(start, end))
                    .collect(),
            ),
        };
        Ok(stored.into_iter().map(file).collect())
    }
}

/// One run, ready to be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// The kind of run.
    pub kind: &'static Kind,
    /// Who answers.
    pub engine: EngineChoice,
    /// How the engine is reached.
    pub access: Access,
    /// The folder that the engine works in: the repository root.
    pub cwd: PathBuf,
    /// What is asked.
    pub question: Question,
    /// On which thread.
    pub thread: ThreadChoice,
    /// Whether the engine may write to the working tree.
    pub write: bool,
    /// The model; `None` is the engine's default.
    pub model: Option<String>,
    /// The reasoning effort; `None` is the engine's default.
    pub effort: Option<String>,
    /// The bounds.
    pub budgets: Budgets,
    /// The change under review; `None` for a task.
    pub change: Option<ChangeFacts>,
}

/// Why a stored request cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The JSON has not the shape of a request.
    #[error("the job's stored request cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// A newer codex-review stored it.
    #[error("the job's request has version {0}, and this codex-review knows up to {VERSION}")]
    Newer(u32),
    /// The kind is not known here.
    #[error("the job's kind `{0}` is not known to this codex-review")]
    UnknownKind(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    kind: String,
    engine: String,
    codex_bin: Option<PathBuf>,
    access: StoredAccess,
    cwd: PathBuf,
    question: StoredQuestion,
    resume_thread_id: Option<String>,
    write: bool,
    model: Option<String>,
    effort: Option<String>,
    turn_budget_ms: u64,
    silence_budget_ms: u64,
    rpc_timeout_ms: u64,
    change: Option<ChangeFacts>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StoredAccess {
    Shared,
    Endpoint(String),
    Isolated,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum StoredQuestion {
    Review {
        instructions: String,
    },
    NativeReview {
        target: Value,
    },
    #[serde(rename_all = "camelCase")]
    Turn {
        text: String,
        output_schema: Option<Value>,
    },
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl RunRequest {
    /// The JSON that a job stores.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let stored = Stored {
            version: VERSION,
            kind: self.kind.name.to_owned(),
            engine: self.engine.name().to_owned(),
            codex_bin: match &self.engine {
                EngineChoice::Codex(bin) => bin.clone(),
                EngineChoice::Builtin => None,
            },
            access: match &self.access {
                Access::Shared => StoredAccess::Shared,
                Access::Endpoint(endpoint) => StoredAccess::Endpoint(endpoint.clone()),
                Access::Isolated => StoredAccess::Isolated,
            },
            cwd: self.cwd.clone(),
            question: match self.question.clone() {
                Question::Review { instructions } => StoredQuestion::Review { instructions },
                Question::NativeReview { target } => StoredQuestion::NativeReview { target },
                Question::Turn {
                    text,
                    output_schema,
                } => StoredQuestion::Turn {
                    text,
                    output_schema,
                },
            },
            resume_thread_id: match &self.thread {
                ThreadChoice::New => None,
                ThreadChoice::Resume(thread_id) => Some(thread_id.clone()),
            },
            write: self.write,
            model: self.model.clone(),
            effort: self.effort.clone(),
            turn_budget_ms: milliseconds(self.budgets.turn),
            silence_budget_ms: milliseconds(self.budgets.silence),
            rpc_timeout_ms: milliseconds(self.budgets.rpc),
            change: self.change.clone(),
        };
        serde_json::to_value(stored).expect("a path that reaches a request is UTF-8 or was refused")
    }

    /// Reads what [`RunRequest::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// The JSON has another shape, a newer version, or an unknown kind.
    pub fn from_json(json: &Value) -> Result<Self, RequestError> {
        let newer = json.get("version").and_then(Value::as_u64).unwrap_or(0);
        if newer > u64::from(VERSION) {
            return Err(RequestError::Newer(
                u32::try_from(newer).unwrap_or(u32::MAX),
            ));
        }
        let stored = Stored::deserialize(json).map_err(RequestError::Malformed)?;
        let kind = find_kind(&stored.kind).ok_or(RequestError::UnknownKind(stored.kind))?;
        Ok(RunRequest {
            kind,
            engine: match stored.engine.as_str() {
                "builtin" => EngineChoice::Builtin,
                _ => EngineChoice::Codex(stored.codex_bin),
            },
            access: match stored.access {
                StoredAccess::Shared => Access::Shared,
                StoredAccess::Endpoint(endpoint) => Access::Endpoint(endpoint),
                StoredAccess::Isolated => Access::Isolated,
            },
            cwd: stored.cwd,
            question: match stored.question {
                StoredQuestion::Review { instructions } => Question::Review { instructions },
                StoredQuestion::NativeReview { target } => Question::NativeReview { target },
                StoredQuestion::Turn {
                    text,
                    output_schema,
                } => Question::Turn {
                    text,
                    output_schema,
                },
            },
            thread: stored
                .resume_thread_id
                .map_or(ThreadChoice::New, ThreadChoice::Resume),
            write: stored.write,
            model: stored.model,
            effort: stored.effort,
            budgets: Budgets {
                turn: Duration::from_millis(stored.turn_budget_ms),
                silence: Duration::from_millis(stored.silence_budget_ms),
                rpc: Duration::from_millis(stored.rpc_timeout_ms),
            },
            change: stored.change,
        })
    }
}
