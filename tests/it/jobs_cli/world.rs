//! A repository with a change, the binary, and the fake app server behind it.

use std::time::Duration;

use codex_review::jobs::{
    CancelToken, Clock, FollowLimits, Followed, Job, JobEvent, JobId, JobStore, Phase, StateRoot,
    StoreOptions, follow,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::fake_engine::Control;
use crate::support::{Invocation, Repo, Sandbox};

/// Longer than anything here takes; only a failing test waits that long.
const BOUND: Duration = Duration::from_secs(30);

/// Variables that name the asking Claude session.
pub const SESSION: &str = "CODEX_COMPANION_SESSION_ID";

/// What a test of the command line stands on. When it goes it ends the shared engine, and the sandbox sees to it that
/// nothing else is left.
pub struct World {
    pub repo: Repo,
    pub control: Control,
    pub sandbox: Sandbox,
    script: String,
}

impl World {
    /// The engine plays `script`.
    pub fn new(script: &str) -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("repo");
        repo.write("a.rs", "fn main() {}\n");
        repo.commit("begin");
        repo.write("a.rs", "fn main() {\n    println!(\"hello\");\n}\n");
        World {
            repo,
            control: Control::new(),
            sandbox,
            script: script.to_owned(),
        }
    }

    /// What the engine plays.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// `codex-review` in the repository, with the fake as its engine.
    pub fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Invocation {
        let (name, address) = self.control.variable();
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_CODEX_BIN", fake())
            .env("FAKE_APP_SERVER_SCRIPT", &self.script)
            .env(name, address)
            .time_limit(BOUND)
    }

    /// Runs a verb that starts a job in the background, and returns the job.
    #[track_caller]
    pub fn background<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> JobId {
        let args: Vec<&str> = args.into_iter().collect();
        let (verb, rest) = args.split_first().expect("a verb comes first");
        let command = self.command([*verb, "--background", "--json"]);
        job_id(&command.args(rest).run_ok().json())
    }

    /// A verb's JSON document; the verb has to end with 0.
    #[track_caller]
    pub fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        self.command(args).arg("--json").run_ok().json()
    }

    /// Waits for a job's end through `status --wait` and returns the job's document.
    #[track_caller]
    pub fn ended(&self, id: &JobId) -> Value {
        let mut document = self.json([
            "status",
            id.as_str(),
            "--wait",
            "--timeout-ms",
            "25000",
            "--poll-interval-ms",
            "10",
        ]);
        assert_eq!(document["waitTimedOut"], false, "{document:#}");
        document["job"].take()
    }

    /// The jobs as the library reads them.
    pub fn store(&self) -> JobStore {
        let options = StoreOptions::new(Clock::system());
        let root = StateRoot::at(self.sandbox.state_dir());
        JobStore::open(&root, self.repo.path(), options).expect("the sandbox is writable")
    }

    /// Follows a job's event log until an event fits, and returns the job as it is then.
    #[track_caller]
    pub fn follow_until(&self, id: &JobId, fits: impl Fn(&JobEvent) -> bool) -> Job {
        let stop = CancelToken::new();
        let limits = FollowLimits {
            poll: Duration::from_millis(5),
            timeout: Some(BOUND),
        };
        let mut seen = Vec::new();
        let followed = follow(&self.store(), id, 0, &limits, &stop, |stamped| {
            if fits(&stamped.event) {
                stop.cancel();
            }
            seen.push(stamped.event.clone());
        });
        match followed.expect("the log can be read") {
            Followed::Stopped(job) => *job,
            other => panic!("never came: {other:?} after {seen:#?}"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let stop = self.command(["broker", "stop", "--force", "--json"]);
            let _ended = stop.run_ok();
        }
    }
}

/// The fake app server.
pub fn fake() -> &'static str {
    env!("CARGO_BIN_EXE_fake-app-server")
}

/// The job that a document of `--background` names.
#[track_caller]
pub fn job_id(document: &Value) -> JobId {
    let id = document["jobId"].as_str().unwrap_or_default();
    JobId::parse(id).unwrap_or_else(|error| panic!("{error} in {document:#}"))
}

/// The job that a foreground run names on the first line of stderr.
#[track_caller]
pub fn named_first(line: &str) -> JobId {
    let id = line
        .strip_prefix("[codex] job ")
        .and_then(|rest| rest.split(' ').next());
    JobId::parse(id.unwrap_or_default()).unwrap_or_else(|error| panic!("{error} in `{line}`"))
}

/// The sorted names of a document's members.
#[track_caller]
pub fn members(document: &Value) -> Vec<&str> {
    let members = document.as_object().expect("the document is an object");
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Fails the test unless the document has all of these members.
#[track_caller]
pub fn assert_members(document: &Value, expected: &[&str]) {
    let names = members(document);
    for name in expected {
        assert!(names.contains(name), "`{name}` is missing in {document:#}");
    }
}

/// `kill -9`, of a process that may have ended by itself.
pub fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a pid is not 0");
    let _may_be_gone = kill_process(pid, Signal::KILL);
}

/// The engine's own reviewer has begun, so the turn can be interrupted.
pub fn is_reviewing(event: &JobEvent) -> bool {
    matches!(event, JobEvent::Thread { turn_id: Some(turn), .. } if turn.ends_with("-review"))
}

/// A task's turn has begun.
pub fn is_investigating(event: &JobEvent) -> bool {
    matches!(
        event,
        JobEvent::Phase {
            phase: Phase::Investigating
        }
    )
}
