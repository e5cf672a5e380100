//! A store in a sandbox, and workers that are this very test binary.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use codex_review::jobs::{
    CancelToken, Clock, EndStatus, FollowLimits, Followed, Job, JobClass, JobEnd, JobEvent, JobId,
    JobStore, NewJob, Phase, StateRoot, StoreOptions, WorkerProgram, follow,
};
use serde_json::{Value, json};

use super::entry;
use crate::support::Sandbox;

/// Longer than anything here takes; only a failing test waits that long.
pub const BOUND: Duration = Duration::from_secs(30);

pub struct World {
    pub sandbox: Sandbox,
    pub store: JobStore,
    serial: AtomicU64,
}

impl World {
    /// The system's clock and the default limits.
    pub fn new() -> World {
        World::with(StoreOptions::new(Clock::system()))
    }

    /// Each look at the clock is one second later; ids are numbered.
    pub fn deterministic() -> World {
        let millis = Arc::new(AtomicU64::new(1_767_225_600_000));
        World::with(StoreOptions::new(Clock::new(move || {
            codex_review::jobs::Timestamp::from_unix_millis(
                millis.fetch_add(1_000, Ordering::SeqCst),
            )
        })))
    }

    pub fn with(options: StoreOptions) -> World {
        let sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.path("repo")).unwrap();
        let store = open(&sandbox.state_dir(), &sandbox.path("repo"), options);
        World {
            sandbox,
            store,
            serial: AtomicU64::new(1),
        }
    }

    /// A second handle on the same store, as another process would have it.
    pub fn reopened(&self) -> JobStore {
        open(
            &self.sandbox.state_dir(),
            &self.sandbox.path("repo"),
            self.store.options().clone(),
        )
    }

    pub fn new_job(&self, class: JobClass, request: Value) -> NewJob {
        NewJob {
            class,
            kind: class.as_str().to_owned(),
            kind_label: class.as_str().to_owned(),
            title: "Codex Review".to_owned(),
            summary: "look at the change".to_owned(),
            write: false,
            ephemeral: false,
            background: false,
            session_id: None,
            request,
            random: self.serial.fetch_add(1, Ordering::SeqCst),
        }
    }

    /// Makes a job and does its work here and now.
    pub fn finish(&self, new: NewJob, end: JobEnd) -> Job {
        self.store
            .create(new)
            .unwrap()
            .run_here(&entry::limits(), |_, sink, _| {
                sink.emit(JobEvent::Thread {
                    thread_id: Some("thread-1".into()),
                    turn_id: Some("turn-1".into()),
                    endpoint: None,
                });
                sink.emit(JobEvent::Phase {
                    phase: Phase::Reviewing,
                });
                end
            })
            .unwrap()
    }

    pub fn finished(&self) -> Job {
        self.finish(
            self.new_job(JobClass::Review, Value::Null),
            completed("all good"),
        )
    }

    /// Makes a job and hands it to a detached worker that does what `script` says (see [`entry`]).
    pub fn start(&self, script: Value) -> JobId {
        let owned = self
            .store
            .create(self.new_job(JobClass::Review, script))
            .unwrap();
        let launcher = self.launcher(&owned.job().id);
        owned.start(&launcher).unwrap().id
    }

    pub fn launcher(&self, id: &JobId) -> WorkerProgram {
        entry::program(
            entry::LAUNCH,
            &self.sandbox.state_dir(),
            &self.sandbox.path("repo"),
            id.as_str(),
        )
    }

    /// Follows until an event fits, and returns the job as it is then.
    #[track_caller]
    pub fn follow_until(&self, id: &JobId, fits: impl Fn(&JobEvent) -> bool) -> Job {
        let stop = CancelToken::new();
        let mut seen = Vec::new();
        let followed = follow(&self.store, id, 0, &quick(), &stop, |stamped| {
            if fits(&stamped.event) {
                stop.cancel();
            }
            seen.push(stamped.event.clone());
        })
        .unwrap();
        match followed {
            Followed::Stopped(job) => *job,
            other => panic!("never came: {other:?} after {seen:#?}"),
        }
    }

    #[track_caller]
    pub fn follow_to_end(&self, id: &JobId) -> Job {
        match follow(&self.store, id, 0, &quick(), &CancelToken::new(), |_| {}).unwrap() {
            Followed::Ended(job) => *job,
            other => panic!("did not end: {other:?}"),
        }
    }

    pub fn warnings(&self) -> Vec<String> {
        self.store
            .take_warnings()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

pub fn open(state: &Path, repo: &Path, options: StoreOptions) -> JobStore {
    JobStore::open(&StateRoot::at(state), repo, options).unwrap()
}

pub fn quick() -> FollowLimits {
    FollowLimits {
        poll: Duration::from_millis(5),
        timeout: Some(BOUND),
    }
}

pub fn completed(rendered: &str) -> JobEnd {
    JobEnd {
        status: EndStatus::Completed,
        summary: None,
        error_message: None,
        result: json!({ "verdict": "approve" }),
        rendered: rendered.to_owned(),
        exit_code: Some(0),
    }
}

pub fn is_reviewing(event: &JobEvent) -> bool {
    matches!(
        event,
        JobEvent::Phase {
            phase: Phase::Reviewing
        }
    )
}
