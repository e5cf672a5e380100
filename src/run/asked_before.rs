//! The same question is not asked twice: answers are kept by everything that was asked.
//!
//! The key is the whole question (and with it the context, the instructions and the schema), the kind, who answers
//! (executable, version, home, login), model and effort, and the content of the change, which the text of a question
//! need not hold. Only a judgement is kept, and only where the files that it is about stayed as they were meanwhile.
//!
//! Failure policy: where no key can be made or nothing can be kept, the question is simply asked.

use std::path::Path;
use std::time::Duration;

use crate::cache::{AnswerCache, AnswerKey, CachedAnswer};
use crate::engine::EngineIdentity;
use crate::jobs::Timestamp;
use crate::report::{self, Cached, Report};
use crate::review::{Outcome, exit_status};

use super::kind::Ask;
use super::{Access, CacheUse, ReviewedChange, RunRequest, Surroundings};

/// How long an engine may take to say which version it is.
const IDENTIFY: Duration = Duration::from_secs(10);

/// A question with the place where its answer is kept.
pub(super) struct Question<'a> {
    request: &'a RunRequest,
    change: &'a ReviewedChange,
    cache: AnswerCache,
    key: AnswerKey,
    at: Timestamp,
}

impl<'a> Question<'a> {
    /// The question of a request that was made at `at`. `None` where answers to it are not kept: tasks, the gate, runs
    /// without a cache, and those at an endpoint that somebody gave.
    pub(super) async fn of(
        request: &'a RunRequest,
        surroundings: &Surroundings,
        at: Timestamp,
    ) -> Option<Question<'a>> {
        let change = request.change.as_ref()?;
        let digest = change.digest.as_ref()?;
        if request.cache == CacheUse::Off || request.kind.ask == Ask::Text {
            return None;
        }
        if let Access::Endpoint(_) = request.access {
            // Who answers there is not known before it is asked, and may be another one each time.
            return None;
        }
        let command = surroundings.engine_command(&request.engine).ok()?;
        let engine = EngineIdentity::probe(&command, &surroundings.codex_home, IDENTIFY)
            .await
            .ok()?;
        let question = serde_json::to_vec(&request.question).expect("JSON values serialise");
        let pinned = change.pinned.to_string();
        let optional = |value: &Option<String>| value.clone().unwrap_or_default();
        let (model, effort) = (optional(&request.model), optional(&request.effort));
        let key = AnswerKey::of(&[
            ("program", env!("CARGO_PKG_VERSION").as_bytes()),
            ("kind", request.kind.name.as_bytes()),
            ("engine", engine.key().as_bytes()),
            ("model", model.as_bytes()),
            ("effort", effort.as_bytes()),
            ("question", &question),
            ("target", pinned.as_bytes()),
            ("change", digest.as_bytes()),
        ]);
        Some(Question {
            request,
            change,
            cache: AnswerCache::below(&surroundings.state_folder),
            key,
            at,
        })
    }

    /// The report that an earlier answer makes of this request.
    pub(super) fn answered(&self) -> Option<Report> {
        if self.request.cache != CacheUse::Use {
            return None;
        }
        let CachedAnswer { job, at, answer } = self.cache.find(&self.key, self.at)?;
        let earlier = report::json::parse(answer.to_string().as_bytes()).ok()?;
        if !matches!(earlier.outcome, Outcome::Judged(_)) {
            return None;
        }
        let mut report = self.change.draft.clone();
        report.outcome = earlier.outcome;
        report.engine.version = earlier.engine.version;
        report.raw_output = earlier.raw_output;
        report.reasoning = earlier.reasoning;
        report.thread_id = earlier.thread_id;
        report.source_thread_id = earlier.source_thread_id;
        report.notes.push(format!(
            "the same was asked before, and this is the answer that job {job} got at {at}; `--no-cache` asks again"
        ));
        report.cached = Some(Cached {
            job,
            at: at.to_string(),
        });
        report.exit = exit_status(&report.outcome, report.fail_on, self.change.on_empty);
        Some(report)
    }

    /// Keeps an answer that `job` got. Whether that worked matters to nobody: the question is asked again, if need be.
    pub(super) fn keep(&self, job: &str, report: &Report) {
        if matches!(report.outcome, Outcome::Judged(_)) && !report.is_inferred && self.stayed() {
            let answer = serde_json::from_slice(&report::json::render(report))
                .expect("a rendered report is JSON");
            drop(self.cache.store(&self.key, job, self.at, &answer));
        }
    }

    /// Whether the files of the working tree that the change is made of are as they were when it was read. Commits
    /// never change.
    fn stayed(&self) -> bool {
        let pinned = &self.change.pinned;
        let is_pinned = match pinned["mode"].as_str() {
            Some("commits") => true,
            // What a patch makes of a commit is nowhere else.
            Some("patch") => pinned["old"].is_string(),
            _ => false,
        };
        if is_pinned {
            return true;
        }
        let took = self.change.draft.timings.context.unwrap_or_default();
        let read_at = self
            .at
            .unix_millis()
            .saturating_sub(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        self.change.files.iter().all(|file| {
            let path = self.request.cwd.join(Path::new(&file.path));
            match std::fs::symlink_metadata(path).and_then(|meta| meta.modified()) {
                Ok(modified) => Timestamp::from_system(modified).unix_millis() < read_at,
                // Deleted files belong to a change as well.
                Err(_) => file.line_count.is_none(),
            }
        })
    }
}
