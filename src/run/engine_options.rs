//! Who answers: what is the same for every kind of run, and what requests and reports begin with because of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::report::{EngineInfo, Report, ReviewIdentity, TargetInfo, Timings};
use crate::review::{ExitStatus, FailOn, Noise, Outcome};

use super::kind::Kind;
use super::{Access, Budgets, CacheUse, EngineChoice, Question, RunRequest, ThreadChoice};

/// Who answers, how, and how long it may take: what is the same for every kind of run.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// Which engine.
    pub engine: EngineChoice,
    /// How it is reached.
    pub access: Access,
    /// The model; `None` is the engine's default.
    pub model: Option<String>,
    /// The reasoning effort; `None` is the engine's default.
    pub effort: Option<String>,
    /// The bounds.
    pub budgets: Budgets,
    /// Whether an earlier answer will do.
    pub cache: CacheUse,
}

impl EngineOptions {
    /// A question about no change, on a new thread without a name. It writes nothing, and its answer is not kept.
    pub(super) fn request(
        &self,
        kind: &'static Kind,
        root: &Path,
        question: Question,
    ) -> RunRequest {
        RunRequest {
            kind,
            engine: self.engine.clone(),
            access: self.access.clone(),
            cwd: root.to_owned(),
            question,
            thread: ThreadChoice::New,
            thread_name: None,
            write: false,
            scratch: None,
            model: self.model.clone(),
            effort: self.effort.clone(),
            budgets: self.budgets,
            cache: CacheUse::Off,
            change: None,
            tests: None,
        }
    }

    /// A report before anybody has said anything. `took` is how long target and context took.
    pub(super) fn unanswered(
        &self,
        kind: &Kind,
        root: &Path,
        target: TargetInfo,
        fail_on: FailOn,
        took: Duration,
    ) -> Report {
        Report {
            kind: kind.report_name.to_owned(),
            job_id: None,
            repository_root: root.to_string_lossy().into_owned(),
            branch: None,
            target,
            identity: ReviewIdentity::default(),
            noise: Noise::default(),
            engine: EngineInfo {
                name: self.engine.name().to_owned(),
                version: None,
                model: self.model.clone(),
                effort: self.effort.clone(),
            },
            context: None,
            outcome: Outcome::Empty,
            fail_on,
            exit: ExitStatus::Passed,
            raw_output: String::new(),
            parse_error: None,
            engine_stderr: String::new(),
            reasoning: Vec::new(),
            thread_id: None,
            source_thread_id: None,
            hunks: Vec::new(),
            hunks_cut: false,
            raw_paths: BTreeMap::new(),
            cached: None,
            since: None,
            is_inferred: false,
            notes: Vec::new(),
            timings: Timings {
                total: took,
                context: Some(took),
                turn: None,
            },
            usage: None,
        }
    }
}
