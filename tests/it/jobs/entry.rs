//! What this test binary does when a test starts it again as a launcher, a worker, or a writer among many.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use codex_review::jobs::{
    CancelToken, Clock, EndStatus, EventSink, JobClass, JobEnd, JobEvent, JobId, JobRequest,
    NewJob, Phase, StoreOptions, WorkerLimits, WorkerProgram, launch, run_worker,
};
use serde_json::{Value, json};

use super::world::{BOUND, completed, open};

const ROLE: &str = "JOBS_TEST_ROLE";
const STATE: &str = "JOBS_TEST_STATE";
const REPO: &str = "JOBS_TEST_REPO";
const SUBJECT: &str = "JOBS_TEST_SUBJECT";

pub const LAUNCH: &str = "launch";
const WORK: &str = "work";
/// Makes one job and finishes it.
pub const WRITE: &str = "write";
/// Makes a job and dies before anybody works on it.
pub const MAKE_AND_DIE: &str = "make-and-die";
/// Follows a job to its end.
pub const FOLLOW: &str = "follow";
/// Lives until it is killed.
const LINGER: &str = "linger";

pub fn limits() -> WorkerLimits {
    WorkerLimits {
        cancel_poll: Duration::from_millis(5),
        end_retry: Duration::from_millis(300),
    }
}

/// This binary in a role.
pub fn program(role: &str, state: &Path, repo: &Path, subject: &str) -> WorkerProgram {
    WorkerProgram {
        program: std::env::current_exe().unwrap(),
        args: ["--exact", "jobs::entry::process_entry", "--nocapture"]
            .map(OsString::from)
            .to_vec(),
        env: vec![
            (ROLE.into(), role.into()),
            (STATE.into(), state.into()),
            (REPO.into(), repo.into()),
            (SUBJECT.into(), subject.into()),
        ],
    }
}

pub fn command(program: &WorkerProgram) -> Command {
    let mut command = Command::new(&program.program);
    command
        .args(&program.args)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn process_entry() {
    let Some(role) = std::env::var_os(ROLE) else {
        return;
    };
    let variable = |name| std::env::var_os(name).expect("set with the role");
    let state = PathBuf::from(variable(STATE));
    let repo = PathBuf::from(variable(REPO));
    let subject = variable(SUBJECT).into_string().unwrap();
    let mut options = StoreOptions::new(Clock::system());
    options.keep_finished = 500;
    match role.to_str().unwrap() {
        LAUNCH => {
            launch(&program(WORK, &state, &repo, &subject)).unwrap();
        }
        WORK => {
            let store = open(&state, &repo, options);
            let id = JobId::parse(&subject).unwrap();
            // Its outcome is in the store; an error here is a job that shows as failed there.
            drop(run_worker(&store, &id, &limits(), body));
        }
        WRITE => {
            let store = open(&state, &repo, options);
            let owned = store.create(new_job(&subject)).unwrap();
            owned
                .run_here(&limits(), |request, sink, cancel| {
                    body(request, sink, cancel)
                })
                .unwrap();
        }
        MAKE_AND_DIE => {
            let store = open(&state, &repo, options);
            let owned = store.create(new_job(&subject)).unwrap();
            std::mem::forget(owned);
            std::process::abort();
        }
        FOLLOW => {
            let store = open(&state, &repo, options);
            let id = JobId::parse(&subject).unwrap();
            codex_review::jobs::follow(
                &store,
                &id,
                0,
                &super::world::quick(),
                &CancelToken::new(),
                |_| {},
            )
            .unwrap();
        }
        LINGER => park(),
        other => panic!("no role {other}"),
    }
}

fn new_job(subject: &str) -> NewJob {
    NewJob {
        class: JobClass::Task,
        kind: "task".into(),
        kind_label: "task".into(),
        title: "Codex Task".into(),
        summary: subject.into(),
        write: false,
        ephemeral: false,
        background: false,
        session_id: None,
        request: json!({ "do": "finish" }),
        random: u64::from(std::process::id()),
    }
}

/// Waits for nothing, for longer than any test.
fn park() {
    assert!(!CancelToken::new().wait_timeout(2 * BOUND));
}

fn body(request: &JobRequest, sink: &mut dyn EventSink, cancel: &CancelToken) -> JobEnd {
    let script = &request.request;
    let phase = |sink: &mut dyn EventSink, phase| sink.emit(JobEvent::Phase { phase });
    match script["do"].as_str().unwrap() {
        "finish" => {
            phase(sink, Phase::Reviewing);
            sink.emit(JobEvent::Message {
                agent: None,
                text: "done".into(),
            });
            completed("all good")
        }
        // Emits `steps` events, one kind after the other, and stays there.
        "steps" => {
            let steps = script["steps"].as_u64().unwrap();
            for step in 0..steps {
                sink.emit(step_event(step));
            }
            sink.emit(JobEvent::Warning {
                text: "parked".into(),
            });
            park();
            completed("never")
        }
        "obey" => {
            sink.emit(JobEvent::Thread {
                thread_id: Some("thread-1".into()),
                turn_id: Some("turn-1".into()),
                endpoint: None,
            });
            phase(sink, Phase::Reviewing);
            assert!(cancel.wait_timeout(BOUND));
            sink.emit(JobEvent::Interrupt { confirmed: false });
            sink.emit(JobEvent::Interrupt { confirmed: true });
            JobEnd::without_result(EndStatus::Cancelled, "interrupted")
        }
        "ignore" => {
            #[expect(clippy::zombie_processes, reason = "this process is killed before it")]
            // An engine in a group of its own, as real ones are.
            let child = command(&program(LINGER, Path::new("/"), Path::new("/"), ""))
                .process_group(0)
                .spawn()
                .unwrap();
            sink.emit(JobEvent::Log {
                title: None,
                body: format!("child {}", child.id()),
            });
            phase(sink, Phase::Reviewing);
            park();
            completed("never")
        }
        "panic" => panic!("the sky fell"),
        "exit" => std::process::exit(3),
        "big" => {
            let mut end = completed(&"x".repeat(300_000));
            end.result = json!({ "big": "y".repeat(300_000) });
            end
        }
        // No file of this process may grow past `limit` bytes from now on.
        "full" => {
            let limit = script["limit"].as_u64();
            rustix::process::setrlimit(
                rustix::process::Resource::Fsize,
                rustix::process::Rlimit {
                    current: limit,
                    maximum: limit,
                },
            )
            .unwrap();
            for _ in 0..200 {
                sink.emit(JobEvent::Message {
                    agent: None,
                    text: "m".repeat(1_000),
                });
            }
            let mut end = completed(&"r".repeat(20_000));
            end.result = Value::String("kept".into());
            end
        }
        other => panic!("no script {other}"),
    }
}

fn step_event(step: u64) -> JobEvent {
    match step % 5 {
        0 => JobEvent::Phase {
            phase: Phase::Other(format!("step-{step}")),
        },
        1 => JobEvent::Queued { place: Some(2) },
        2 => JobEvent::Thread {
            thread_id: Some(format!("thread-{step}")),
            turn_id: None,
            endpoint: None,
        },
        3 => JobEvent::Message {
            agent: None,
            text: "m".repeat(70_000),
        },
        _ => JobEvent::CommandStarted {
            command: "ls".into(),
        },
    }
}
