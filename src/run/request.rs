//! One run, ready to be carried out: everything a worker needs, stored with its job.
//!
//! The request is made once, by the command that the user typed; the worker that carries it out, perhaps much later,
//! reads no flags, no configuration and no repository to find out what was meant.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cache::ReviewKey;
use crate::report::{self, Report};
use crate::review::{ChangedFile, ChangedLines, LineRange, OnEmpty};
use crate::target::ObjectId;

use super::CountedChange;
use super::Trail;
use super::kind::{Kind, find_kind};
use super::pinned_patch::StoredPatch;
use super::suppression_wire::StoredSuppressions;
use super::testing::{StoredOrder, TestOrder};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Through the workspace's broker, started if need be.
    #[serde(rename_all = "camelCase")]
    Shared {
        /// How many turns a broker that is started now runs at once.
        max_streams: usize,
        /// How long it stays without clients and turns.
        idle_timeout_ms: u64,
    },
    /// Through this broker and no other (`unix:/path`).
    Endpoint(String),
    /// A child of the worker's own, that ends with the run.
    Isolated,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Question {
    /// The engine's own reviewer, with our context as its instructions.
    Review {
        /// The whole text.
        instructions: String,
    },
    /// The engine's own reviewer on a plain target (`--native`).
    NativeReview(NativeTarget),
    /// A turn, with or without an output schema.
    #[serde(rename_all = "camelCase")]
    Turn {
        /// The whole text.
        text: String,
        /// The schema of the answer.
        output_schema: Option<Value>,
    },
}

/// A target that the engine's own reviewer resolves by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "camelCase")]
pub enum NativeTarget {
    /// Staged, unstaged and untracked changes.
    UncommittedChanges,
    /// The branch against a base.
    BaseBranch {
        /// The base's name.
        branch: String,
    },
    /// One commit.
    Commit {
        /// Its id.
        sha: String,
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

/// Whether an earlier answer to the same question will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CacheUse {
    /// Nothing is looked up and nothing is kept.
    #[default]
    Off,
    /// It is asked, and the answer is kept (`--no-cache`).
    Refresh,
    /// An earlier answer is taken, and a new one is kept.
    Use,
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

/// The change under review, as far as a worker needs it. A plan is carried as one: a file all of whose lines are new, at
/// the name by which findings call it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewedChange {
    /// The report as it stands before the engine is asked: target, context and threshold, with an empty outcome.
    pub draft: Report,
    /// The changed files, for the location check.
    pub files: Vec<ChangedFile>,
    /// What decides which findings count.
    pub counted: CountedChange,
    /// Every spelling of the repository root.
    pub roots: Vec<String>,
    /// The pinned change in the wire shape that the builtin engine takes.
    pub pinned: Value,
    /// A hash of the change's content, beyond what any context shows of it; `None` where it is not known whole.
    pub digest: Option<String>,
    /// What the next review of the branch is to know of this one; `None` where there is none to come.
    pub trail: Option<Trail>,
    /// What an empty target means for the exit code.
    pub on_empty: OnEmpty,
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
    /// A name for a thread that is kept, so that people find it in the engine's own lists.
    pub thread_name: Option<String>,
    /// Whether the engine may write to the folder that it works in.
    pub write: bool,
    /// The folder for temporary files of a run that works in a folder of its own; `None` for every other one, and until
    /// there is one.
    pub scratch: Option<PathBuf>,
    /// The model; `None` is the engine's default.
    pub model: Option<String>,
    /// The reasoning effort; `None` is the engine's default.
    pub effort: Option<String>,
    /// The bounds.
    pub budgets: Budgets,
    /// Whether an earlier answer will do.
    pub cache: CacheUse,
    /// The change (or plan) under review; `None` for a task.
    pub change: Option<ReviewedChange>,
    /// What tests are to be written for; `None` for every other kind of run.
    pub tests: Option<TestOrder>,
}

/// Why a stored request cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The JSON has not the shape of a request.
    #[error("the job's stored request cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// The report inside it cannot be read.
    #[error("the report inside the job's stored request cannot be read")]
    Draft(#[source] report::json::ParseError),
    /// A newer codex-review stored it.
    #[error("the job's request has version {0}, and this codex-review knows up to {VERSION}")]
    Newer(u64),
    /// The kind or the engine is not known here.
    #[error("the job's {what} `{word}` is not known to this codex-review")]
    Unknown {
        /// `kind`, `engine` or `commit`.
        what: &'static str,
        /// The word.
        word: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    kind: String,
    engine: String,
    codex_bin: Option<PathBuf>,
    access: Access,
    cwd: PathBuf,
    question: Question,
    resume_thread_id: Option<String>,
    thread_name: Option<String>,
    write: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scratch: Option<PathBuf>,
    model: Option<String>,
    effort: Option<String>,
    turn_budget_ms: u64,
    silence_budget_ms: u64,
    rpc_timeout_ms: u64,
    #[serde(default)]
    cache: CacheUse,
    change: Option<StoredChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tests: Option<StoredOrder>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredChange {
    draft: Value,
    files: Vec<StoredFile>,
    #[serde(default)]
    counted_files: Vec<StoredFile>,
    #[serde(default)]
    blobs: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<StoredPatch>,
    #[serde(default)]
    suppressions: StoredSuppressions,
    roots: Vec<String>,
    pinned: Value,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    trail: Option<StoredTrail>,
    fail_on_empty: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredTrail {
    key: String,
    hunks: Vec<String>,
    #[serde(default)]
    beside: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredFile {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    old_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    line_count: Option<u32>,
    changed: Vec<(u32, u32)>,
    #[serde(default)]
    added: Vec<(u32, u32)>,
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
            access: self.access.clone(),
            cwd: self.cwd.clone(),
            question: self.question.clone(),
            resume_thread_id: match &self.thread {
                ThreadChoice::New => None,
                ThreadChoice::Resume(thread_id) => Some(thread_id.clone()),
            },
            thread_name: self.thread_name.clone(),
            write: self.write,
            scratch: self.scratch.clone(),
            model: self.model.clone(),
            effort: self.effort.clone(),
            turn_budget_ms: milliseconds(self.budgets.turn),
            silence_budget_ms: milliseconds(self.budgets.silence),
            rpc_timeout_ms: milliseconds(self.budgets.rpc),
            cache: self.cache,
            change: self.change.as_ref().map(StoredChange::from),
            tests: self.tests.as_ref().map(StoredOrder::from),
        };
        serde_json::to_value(stored)
            .expect("folders are checked to be UTF-8 before a request is made")
    }

    /// Reads what [`RunRequest::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// The JSON has another shape, a newer version, or an unknown kind or engine.
    pub fn from_json(json: &Value) -> Result<Self, RequestError> {
        let version = json.get("version").and_then(Value::as_u64).unwrap_or(0);
        if version > u64::from(VERSION) {
            return Err(RequestError::Newer(version));
        }
        let stored = Stored::deserialize(json).map_err(RequestError::Malformed)?;
        let unknown = |what, word: &str| RequestError::Unknown {
            what,
            word: word.to_owned(),
        };
        Ok(RunRequest {
            kind: find_kind(&stored.kind).ok_or_else(|| unknown("kind", &stored.kind))?,
            engine: match stored.engine.as_str() {
                "builtin" => EngineChoice::Builtin,
                "codex" => EngineChoice::Codex(stored.codex_bin),
                word => return Err(unknown("engine", word)),
            },
            access: stored.access,
            cwd: stored.cwd,
            question: stored.question,
            thread: stored
                .resume_thread_id
                .map_or(ThreadChoice::New, ThreadChoice::Resume),
            thread_name: stored.thread_name,
            write: stored.write,
            scratch: stored.scratch,
            model: stored.model,
            effort: stored.effort,
            budgets: Budgets {
                turn: Duration::from_millis(stored.turn_budget_ms),
                silence: Duration::from_millis(stored.silence_budget_ms),
                rpc: Duration::from_millis(stored.rpc_timeout_ms),
            },
            cache: stored.cache,
            change: stored.change.map(ReviewedChange::try_from).transpose()?,
            tests: match stored.tests {
                None => None,
                Some(stored) => {
                    let order = stored.order();
                    Some(order.ok_or_else(|| unknown("commit", "of its tests"))?)
                }
            },
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<&ReviewedChange> for StoredChange {
    fn from(change: &ReviewedChange) -> Self {
        StoredChange {
            draft: serde_json::from_slice(&report::json::render(&change.draft))
                .expect("a rendered report is JSON"),
            files: change.files.iter().map(StoredFile::from).collect(),
            counted_files: change.counted.files.iter().map(StoredFile::from).collect(),
            blobs: change
                .counted
                .blobs
                .iter()
                .map(|(path, id)| (path.clone(), id.as_hex().to_owned()))
                .collect(),
            patch: change.counted.patch.as_ref().map(StoredPatch::from),
            suppressions: StoredSuppressions::from(&change.counted.suppressions),
            roots: change.roots.clone(),
            pinned: change.pinned.clone(),
            digest: change.digest.clone(),
            trail: change.trail.as_ref().map(|trail| StoredTrail {
                key: trail.key.to_string(),
                hunks: trail.hunks.clone(),
                beside: trail.beside,
            }),
            fail_on_empty: change.on_empty == OnEmpty::Fail,
        }
    }
}

impl TryFrom<StoredChange> for ReviewedChange {
    type Error = RequestError;

    fn try_from(stored: StoredChange) -> Result<Self, RequestError> {
        let draft = stored.draft.to_string();
        Ok(ReviewedChange {
            draft: report::json::parse(draft.as_bytes()).map_err(RequestError::Draft)?,
            files: stored.files.into_iter().map(ChangedFile::from).collect(),
            counted: CountedChange {
                files: stored
                    .counted_files
                    .into_iter()
                    .map(ChangedFile::from)
                    .collect(),
                blobs: stored
                    .blobs
                    .into_iter()
                    .filter_map(|(path, id)| Some((path, ObjectId::from_hex(&id)?)))
                    .collect(),
                patch: stored.patch.and_then(StoredPatch::into_pinned),
                suppressions: stored.suppressions.into(),
            },
            roots: stored.roots,
            pinned: stored.pinned,
            digest: stored.digest,
            trail: stored.trail.and_then(|trail| {
                Some(Trail {
                    key: ReviewKey::parse(&trail.key)?,
                    hunks: trail.hunks,
                    beside: trail.beside,
                })
            }),
            on_empty: if stored.fail_on_empty {
                OnEmpty::Fail
            } else {
                OnEmpty::Pass
            },
        })
    }
}

impl From<&ChangedFile> for StoredFile {
    fn from(file: &ChangedFile) -> Self {
        StoredFile {
            path: file.path.clone(),
            old_path: file.old_path.clone(),
            line_count: file.line_count,
            changed: pairs(&file.changed),
            added: pairs(&file.added),
        }
    }
}

impl From<StoredFile> for ChangedFile {
    fn from(stored: StoredFile) -> Self {
        ChangedFile {
            path: stored.path,
            old_path: stored.old_path,
            line_count: stored.line_count,
            changed: lines(stored.changed),
            added: lines(stored.added),
        }
    }
}

fn pairs(lines: &ChangedLines) -> Vec<(u32, u32)> {
    let ranges = lines.0.iter();
    ranges.map(|range| (range.start(), range.end())).collect()
}

fn lines(pairs: Vec<(u32, u32)>) -> ChangedLines {
    let ranges = pairs.into_iter();
    ChangedLines(
        ranges
            .map(|(start, end)| LineRange::new(start, end))
            .collect(),
    )
}
