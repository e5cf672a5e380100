//! Real processes: detached workers, followers, and what a kill does to them.

use std::time::Duration;

use codex_review::jobs::{
    CancelLimits, EventSink as _, FollowLimits, JobClass, JobEvent, JobStatus, JobsError, Phase,
    ProcessIdentity, Signalled, cancel, request_cancel, wait,
};
use codex_review::jobs::{CancelToken, WorkerProgram};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::{Value, json};

use super::entry;
use super::world::{BOUND, World, is_reviewing};

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw.cast_signed()).unwrap()
}

fn kill(raw: u32) {
    kill_process(pid(raw), Signal::KILL).unwrap();
}

/// Waits for the event that a process ends.
#[track_caller]
fn wait_gone(raw: u32) {
    let Ok(handle) = pidfd_open(pid(raw), PidfdFlags::empty()) else {
        return;
    };
    let mut polled = [PollFd::new(&handle, PollFlags::IN)];
    let bound = Timespec::try_from(BOUND).unwrap();
    assert_eq!(poll(&mut polled, Some(&bound)).unwrap(), 1, "{raw} lives");
}

fn cancel_limits(grace: Duration) -> CancelLimits {
    CancelLimits {
        grace,
        after_kill: BOUND,
        poll: Duration::from_millis(5),
    }
}

#[test]
fn a_detached_worker_finishes_the_job_that_was_handed_over() {
    let world = World::new();
    let id = world.start(json!({ "do": "finish" }));
    let job = world.follow_to_end(&id);
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(job.outcome.unwrap().rendered, "all good");
    assert_eq!(world.store.jobs().unwrap()[0].status, JobStatus::Completed);
    let log = std::fs::read_to_string(world.store.files(&id).log).unwrap();
    assert!(log.contains("] Assistant message\ndone\n\n"), "{log}");
    assert!(log.contains("] Final output\nall good\n\n"), "{log}");
}

#[test]
fn a_worker_leads_a_session_of_its_own_and_is_no_child_of_its_maker() {
    let world = World::new();
    let id = world.start(json!({ "do": "obey" }));
    let job = world.follow_until(&id, is_reviewing);
    let worker = job.worker.unwrap().pid;
    let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let (parent, group, session) = (fields[1], fields[2], fields[3]);
    assert_ne!(parent, std::process::id().to_string());
    assert_eq!(group, worker.to_string());
    assert_eq!(session, worker.to_string());
    cancel(&world.store, &id, None, &cancel_limits(BOUND)).unwrap();
}

#[test]
fn killing_a_follower_leaves_the_job_running() {
    let world = World::new();
    let id = world.start(json!({ "do": "obey" }));
    let program = entry::program(
        entry::FOLLOW,
        &world.sandbox.state_dir(),
        &world.sandbox.path("repo"),
        id.as_str(),
    );
    let mut follower = entry::command(&program).spawn().unwrap();
    world.follow_until(&id, is_reviewing);
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(world.store.jobs().unwrap()[0].status, JobStatus::Running);
    cancel(&world.store, &id, None, &cancel_limits(BOUND)).unwrap();
}

#[test]
fn a_worker_killed_at_any_point_leaves_a_failed_job_with_its_last_phase() {
    let world = World::new();
    for steps in 0..12 {
        let id = world.start(json!({ "do": "steps", "steps": steps }));
        let parked =
            |event: &JobEvent| matches!(event, JobEvent::Warning { text } if text == "parked");
        let before = world.follow_until(&id, parked);
        kill(before.worker.clone().unwrap().pid);
        let job = world.follow_to_end(&id);
        assert_eq!(job.status, JobStatus::Failed, "after {steps} steps");
        assert_eq!(
            job.error_message.unwrap(),
            format!(
                "its worker ended without a result (last phase: {})",
                before.phase.as_str()
            )
        );
        assert_eq!(job.thread_id, before.thread_id);
        let listed = world.store.jobs().unwrap();
        assert!(listed.iter().all(|job| job.status == JobStatus::Failed));
    }
}

#[test]
fn a_maker_that_dies_before_the_hand_over_leaves_a_failed_job() {
    let world = World::new();
    let program = entry::program(
        entry::MAKE_AND_DIE,
        &world.sandbox.state_dir(),
        &world.sandbox.path("repo"),
        "nobody works on it",
    );
    let status = entry::command(&program).status().unwrap();
    assert!(!status.success());
    let jobs = world.store.jobs().unwrap();
    assert_eq!(jobs[0].status, JobStatus::Failed);
    assert_eq!(
        jobs[0].error_message.as_deref(),
        Some("its worker never started (last phase: queued)")
    );
}

#[test]
fn a_worker_that_exits_without_a_word_leaves_a_failed_job() {
    let world = World::new();
    let id = world.start(json!({ "do": "exit" }));
    let job = world.follow_to_end(&id);
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(
        job.error_message.as_deref(),
        Some("its worker ended without a result (last phase: starting)")
    );
}

#[test]
fn a_panic_is_an_end_with_its_message() {
    let world = World::new();
    let id = world.start(json!({ "do": "panic" }));
    let job = world.follow_to_end(&id);
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(
        job.error_message.as_deref(),
        Some("its worker met a defect of codex-review: the sky fell")
    );
}

#[test]
fn a_launcher_that_cannot_run_or_fails_ends_the_job_at_once() {
    let world = World::new();
    for (program, expected) in [
        ("/nonexistent/codex-review", "cannot start a worker"),
        ("/bin/false", "its launcher ended with exit status: 1"),
    ] {
        let owned = world
            .store
            .create(world.new_job(JobClass::Review, Value::Null))
            .unwrap();
        let id = owned.job().id.clone();
        let launcher = WorkerProgram {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
        };
        owned.start(&launcher).unwrap_err();
        let job = world.store.load(&id).unwrap();
        assert_eq!(job.status, JobStatus::Failed);
        let reason = job.error_message.unwrap();
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn cancel_lets_the_worker_stop_its_own_turn() {
    let world = World::new();
    let id = world.start(json!({ "do": "obey" }));
    let running = world.follow_until(&id, is_reviewing);
    let cancelled = cancel(&world.store, &id, Some("s"), &cancel_limits(BOUND)).unwrap();
    assert_eq!(cancelled.job.status, JobStatus::Cancelled);
    assert_eq!(cancelled.killed, None);
    assert!(cancelled.job.interrupt_attempted && cancelled.job.interrupt_confirmed);
    assert!(cancelled.job.cancel_requested);
    wait_gone(running.worker.unwrap().pid);
    assert!(matches!(
        cancel(&world.store, &id, None, &cancel_limits(BOUND)),
        Err(JobsError::AlreadyEnded { .. })
    ));
}

#[test]
fn cancel_kills_a_worker_that_does_not_obey_and_what_it_left_behind() {
    let world = World::new();
    let id = world.start(json!({ "do": "ignore" }));
    let running = world.follow_until(&id, is_reviewing);
    let log = std::fs::read_to_string(world.store.files(&id).log).unwrap();
    let child: u32 = log
        .lines()
        .find_map(|line| line.split_once("] child ")?.1.parse().ok())
        .unwrap();
    let cancelled = cancel(&world.store, &id, None, &cancel_limits(Duration::ZERO)).unwrap();
    assert_eq!(cancelled.killed, Some(Signalled::Sent));
    assert_eq!(cancelled.job.status, JobStatus::Cancelled);
    wait_gone(running.worker.unwrap().pid);
    wait_gone(child);
}

#[test]
fn a_signal_asks_the_worker_to_stop() {
    let world = World::new();
    let id = world.start(json!({ "do": "obey" }));
    let running = world.follow_until(&id, is_reviewing);
    kill_process(pid(running.worker.unwrap().pid), Signal::TERM).unwrap();
    let job = world.follow_to_end(&id);
    assert_eq!(job.status, JobStatus::Cancelled);
    let log = std::fs::read_to_string(world.store.files(&id).log).unwrap();
    assert!(log.contains("Cancel requested by SIGTERM."), "{log}");
}

#[test]
fn a_queued_job_that_is_cancelled_never_starts() {
    let world = World::new();
    let owned = world
        .store
        .create(world.new_job(JobClass::Review, json!({ "do": "finish" })))
        .unwrap();
    let id = owned.job().id.clone();
    request_cancel(&world.store, &id, None).unwrap();
    let launcher = world.launcher(&id);
    owned.start(&launcher).unwrap();
    let job = world.follow_to_end(&id);
    assert_eq!(job.status, JobStatus::Cancelled);
    assert_eq!(job.started_at, None);
    let events = std::fs::read_to_string(world.store.files(&id).events).unwrap();
    assert!(!events.contains("\"started\""), "{events}");
}

#[test]
fn a_queued_job_without_owner_that_is_cancelled_ends_as_cancelled() {
    let world = World::new();
    let owned = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    let id = owned.job().id.clone();
    request_cancel(&world.store, &id, None).unwrap();
    drop(owned);
    // Another test's child may hold a copy of the lock until it has started its program.
    world.follow_to_end(&id);
    let job = &world.store.jobs().unwrap()[0];
    assert_eq!(job.status, JobStatus::Cancelled);
}

#[test]
fn a_pid_that_was_reused_is_never_signalled() {
    let world = World::new();
    let mut innocent = std::process::Command::new("/bin/cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut owned = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    let id = owned.job().id.clone();
    let mut worker = ProcessIdentity::of(innocent.id()).unwrap();
    worker.start = worker.start.map(|start| format!("{start}0"));
    owned.emit(JobEvent::Started { worker });
    let cancelled = cancel(
        &world.store,
        &id,
        None,
        &CancelLimits {
            grace: Duration::ZERO,
            after_kill: Duration::ZERO,
            poll: Duration::from_millis(1),
        },
    )
    .unwrap();
    assert_eq!(cancelled.killed, Some(Signalled::Reused));
    assert_eq!(
        cancelled.job.status,
        JobStatus::Running,
        "its owner still has the lock"
    );
    assert!(innocent.try_wait().unwrap().is_none(), "the innocent lives");
    // It ends by the end of its input, so no signal is pending either.
    drop(innocent.stdin.take());
    assert!(innocent.wait().unwrap().success());
    let id = owned.job().id.clone();
    drop(owned);
    world.follow_to_end(&id);
    assert_eq!(world.store.jobs().unwrap()[0].status, JobStatus::Cancelled);
}

#[test]
fn two_workers_cannot_own_one_job() {
    let world = World::new();
    let id = world.start(json!({ "do": "obey" }));
    world.follow_until(&id, is_reviewing);
    let second = entry::program(
        entry::LAUNCH,
        &world.sandbox.state_dir(),
        &world.sandbox.path("repo"),
        id.as_str(),
    );
    assert!(entry::command(&second).status().unwrap().success());
    cancel(&world.store, &id, None, &cancel_limits(BOUND)).unwrap();
    let events = std::fs::read_to_string(world.store.files(&id).events).unwrap();
    assert_eq!(events.matches("\"type\":\"started\"").count(), 1);
    assert_eq!(events.matches("\"type\":\"ended\"").count(), 1);
}

#[test]
fn a_wait_ends_with_its_bound_or_with_the_job() {
    let world = World::new();
    let id = world.start(json!({ "do": "obey" }));
    world.follow_until(&id, is_reviewing);
    let mut limits = FollowLimits {
        poll: Duration::from_millis(5),
        timeout: Some(Duration::from_millis(10)),
    };
    let waited = wait(&world.store, &id, &limits, &CancelToken::new()).unwrap();
    assert!(waited.timed_out);
    assert_eq!(waited.job.phase, Phase::Reviewing);
    request_cancel(&world.store, &id, None).unwrap();
    limits.timeout = Some(BOUND);
    let waited = wait(&world.store, &id, &limits, &CancelToken::new()).unwrap();
    assert!(!waited.timed_out);
    assert_eq!(waited.job.status, JobStatus::Cancelled);
}

#[test]
fn two_hundred_writers_leave_two_hundred_jobs() {
    const WRITERS: usize = 200;
    let mut options = codex_review::jobs::StoreOptions::new(codex_review::jobs::Clock::system());
    options.keep_finished = 500;
    let world = World::with(options);
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let program = entry::program(
                entry::WRITE,
                &world.sandbox.state_dir(),
                &world.sandbox.path("repo"),
                &format!("writer {number}"),
            );
            entry::command(&program).spawn().unwrap()
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let state: Value =
        serde_json::from_slice(&std::fs::read(world.store.folder().join("state.json")).unwrap())
            .unwrap();
    let listed = state["jobs"].as_array().unwrap();
    assert_eq!(listed.len(), WRITERS);
    for entry in listed {
        assert_eq!(entry["status"], "completed");
        let id = codex_review::jobs::JobId::parse(entry["id"].as_str().unwrap()).unwrap();
        let job = world.store.load(&id).unwrap();
        assert_eq!(job.outcome.unwrap().rendered, "all good");
    }
    let mut writers: Vec<_> = listed
        .iter()
        .map(|job| job["summary"].clone().to_string())
        .collect();
    writers.sort();
    writers.dedup();
    assert_eq!(writers.len(), WRITERS, "each writer has its own job");
    assert_eq!(world.warnings(), [] as [String; 0]);
}
