//! The store on its own: what is kept, found, pruned, and how fast it answers.

use std::time::{Duration, Instant};

use codex_review::jobs::{
    Clock, EventSink as _, JobClass, JobEvent, JobStatus, JobsError, Phase, ProcessIdentity,
    StatusScope, StoreOptions, begin_session, end_session, find, find_result, find_to_cancel,
    resume_candidate, sessions, status, sweep_sessions,
};
use codex_review::jobs::{NewJob, Wanted};
use serde_json::{Value, json};

use super::world::{World, completed};

fn of_session(mut new: NewJob, session: &str) -> NewJob {
    new.session_id = Some(session.to_owned());
    new
}

#[test]
fn a_record_has_the_fields_that_scripts_read() {
    let world = World::new();
    let request = json!({ "focus": "x" });
    let job = world.finish(
        of_session(world.new_job(JobClass::Review, request.clone()), "s1"),
        completed("all good"),
    );
    let files = world.store.files(&job.id);
    let record: Value = serde_json::from_slice(&std::fs::read(&files.record).unwrap()).unwrap();
    for name in [
        "id",
        "kind",
        "kindLabel",
        "title",
        "workspaceRoot",
        "jobClass",
        "summary",
        "write",
        "status",
        "phase",
        "pid",
        "sessionId",
        "threadId",
        "turnId",
        "createdAt",
        "updatedAt",
        "startedAt",
        "completedAt",
        "cancelledAt",
        "logFile",
        "errorMessage",
        "request",
        "result",
        "rendered",
    ] {
        assert!(record.get(name).is_some(), "no `{name}` in {record:#}");
    }
    assert_eq!(record["request"], request);
    assert_eq!(record["result"], json!({ "verdict": "approve" }));
    assert_eq!(record["phase"], "done");
    assert_eq!(record["pid"], Value::Null);
    assert_eq!(record["logFile"], files.log.to_str().unwrap());
}

#[test]
fn members_that_this_version_does_not_know_survive_a_write() {
    let world = World::new();
    let mut owned = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    let record = world.store.files(&owned.job().id).record;
    let mut value: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    value["fromTheFuture"] = json!([1]);
    std::fs::write(&record, value.to_string()).unwrap();
    let id = owned.job().id.clone();
    owned.emit(JobEvent::Tokens(codex_review::jobs::TokenCount::default()));
    drop(owned);
    // Another test's child may hold a copy of the lock until it has started its program.
    world.follow_to_end(&id);
    let job = &world.store.jobs().unwrap()[0];
    assert_eq!(job.id, id);
    assert_eq!(job.status, JobStatus::Failed);
    let value: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(value["fromTheFuture"], json!([1]));
    let index = world.store.folder().join("state.json");
    let mut value: Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    value["alsoNew"] = json!("x");
    value["config"]["knob"] = json!(7);
    std::fs::write(&index, value.to_string()).unwrap();
    world.finished();
    let value: Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    assert_eq!(value["alsoNew"], json!("x"));
    assert_eq!(value["config"]["knob"], json!(7));
    assert_eq!(value["version"], 1);
    assert_eq!(value["jobs"][1]["fromTheFuture"], json!([1]));
}

#[test]
fn retention_prunes_files_of_old_jobs_and_never_running_ones() {
    let mut options = StoreOptions::new(Clock::system());
    options.keep_finished = 3;
    let world = World::with(options);
    let running = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    let finished: Vec<_> = (0..6).map(|_| world.finished().id).collect();
    // The newest is pruned around, not the job that began first and still runs.
    let left: Vec<_> = world
        .store
        .jobs()
        .unwrap()
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(left.len(), 4);
    assert!(left.contains(&running.job().id));
    for id in &finished[..3] {
        let prefix = id.to_string();
        let files = std::fs::read_dir(world.store.folder().join("jobs")).unwrap();
        let leftover: Vec<_> = files
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(&prefix))
            .collect();
        assert_eq!(leftover, [] as [String; 0]);
    }
    assert!(world.store.load(&finished[5]).unwrap().outcome.is_some());
}

#[test]
fn without_a_name_the_sessions_own_job_is_meant_first() {
    let world = World::deterministic();
    let store = &world.store;
    assert!(matches!(
        find_result(store, None, None),
        Err(JobsError::NoJob { .. })
    ));
    let own = world.finish(
        of_session(world.new_job(JobClass::Review, Value::Null), "me"),
        completed("own"),
    );
    let newer = world.finish(
        of_session(world.new_job(JobClass::Review, Value::Null), "other"),
        completed("other"),
    );
    let found = |session| find_result(store, None, session).unwrap().id;
    assert_eq!(found(Some("me")), own.id);
    assert_eq!(found(Some("nobody")), newer.id);
    assert_eq!(found(None), newer.id);
    let by_prefix = find(
        store,
        Some(&own.id.as_str()[..own.id.as_str().len() - 1]),
        Wanted::Any,
        None,
    );
    assert!(by_prefix.is_err() || by_prefix.unwrap().id == own.id);
    let error = find(store, Some("review"), Wanted::Any, None).unwrap_err();
    assert!(error.hint().unwrap().contains(own.id.as_str()));
}

/// `result` used to take the one that was made last, while `status` named the one that ended last.
#[test]
fn without_a_name_the_job_that_ended_last_is_meant() {
    let world = World::deterministic();
    let store = &world.store;
    let slow = world.new_job(JobClass::Task, Value::Null);
    let slow = store.create(slow).unwrap();
    let quick = world.finish(world.new_job(JobClass::Task, Value::Null), completed("q"));
    let meant = || {
        let latest = status(store, StatusScope::default())
            .unwrap()
            .latest_finished;
        let resumed = resume_candidate(store, None).unwrap().unwrap().id;
        let shown = find_result(store, None, None).unwrap().id;
        assert_eq!(latest.unwrap().job.id, shown);
        assert_eq!(resumed, shown);
        shown
    };
    assert_eq!(meant(), quick.id);
    let slow = slow
        .run_here(&super::entry::limits(), |_, sink, _| {
            sink.emit(JobEvent::Thread {
                thread_id: Some("thread-2".into()),
                turn_id: None,
                endpoint: None,
            });
            completed("s")
        })
        .unwrap();
    assert_eq!(meant(), slow.id);
}

#[test]
fn cancel_without_a_name_never_takes_another_sessions_job() {
    let world = World::deterministic();
    let owned = world
        .store
        .create(of_session(
            world.new_job(JobClass::Review, Value::Null),
            "other",
        ))
        .unwrap();
    let error = find_to_cancel(&world.store, None, Some("me")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "No active Codex jobs to cancel for this session."
    );
    let found = find_to_cancel(&world.store, None, Some("other")).unwrap();
    assert_eq!(found.id, owned.job().id);
    assert_eq!(
        find_to_cancel(&world.store, None, None).unwrap().id,
        owned.job().id
    );
}

#[test]
fn a_gate_run_is_never_resumed() {
    let world = World::deterministic();
    assert_eq!(resume_candidate(&world.store, None).unwrap(), None);
    let task = world.finish(world.new_job(JobClass::Task, Value::Null), completed("t"));
    let mut gate = world.new_job(JobClass::Task, Value::Null);
    gate.ephemeral = true;
    world.finish(gate, completed("g"));
    world.finished();
    let candidate = resume_candidate(&world.store, Some("s")).unwrap().unwrap();
    assert_eq!(candidate.id, task.id);
    assert_eq!(candidate.thread_id.as_deref(), Some("thread-1"));
}

#[test]
fn a_big_result_is_kept_whole_beside_the_log() {
    let world = World::new();
    let mut end = completed(&"x".repeat(300_000));
    end.result = json!({ "big": "y".repeat(300_000) });
    let job = world.finish(world.new_job(JobClass::Review, Value::Null), end);
    let files = world.store.files(&job.id);
    assert!(files.end.exists());
    for damage in [false, true] {
        if damage {
            std::fs::remove_file(&files.record).unwrap();
        }
        let outcome = world.store.load(&job.id).unwrap().outcome.unwrap();
        assert_eq!(outcome.rendered.len(), 300_000);
        assert_eq!(outcome.result["big"].as_str().unwrap().len(), 300_000);
    }
}

#[test]
fn a_clock_set_back_leaves_jobs_in_order_and_durations_at_zero() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let millis = Arc::new(AtomicU64::new(1_800_000_000_000));
    let read = millis.clone();
    let world = World::with(StoreOptions::new(Clock::new(move || {
        codex_review::jobs::Timestamp::from_unix_millis(read.load(Ordering::SeqCst))
    })));
    let owned = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    millis.store(1_700_000_000_000, Ordering::SeqCst);
    let job = owned
        .run_here(&super::entry::limits(), |_, _, _| completed("done"))
        .unwrap();
    assert_eq!(job.completed_at, Some(job.created_at));
    assert_eq!(
        codex_review::jobs::elapsed(&job, world.store.options().clock.now()),
        Duration::ZERO
    );
    assert_eq!(world.store.jobs().unwrap()[0].status, JobStatus::Completed);
}

#[test]
fn leases_come_and_go_with_sessions() {
    let world = World::new();
    let store = &world.store;
    let me = ProcessIdentity::current();
    let dead = ProcessIdentity {
        pid: me.pid,
        start: Some("another boot:1".into()),
    };
    begin_session(store, "../../alive", Some(me)).unwrap();
    begin_session(store, "dead", Some(dead)).unwrap();
    begin_session(store, "unknown", None).unwrap();
    assert_eq!(sessions(store).unwrap().len(), 3);
    let swept = sweep_sessions(store, Duration::from_secs(3_600)).unwrap();
    assert_eq!(swept.len(), 1);
    assert_eq!(swept[0].session_id, "dead");
    assert!(end_session(store, "../../alive").unwrap());
    assert!(!end_session(store, "../../alive").unwrap());
    assert_eq!(sessions(store).unwrap()[0].session_id, "unknown");
}

/// The whole log is never read: everything but its first line and its last stretch is garbage here.
#[test]
fn status_with_fifty_jobs_and_a_hundred_megabyte_log_reads_the_tail_alone() {
    let world = World::new();
    for _ in 0..49 {
        world.finished();
    }
    let mut owned = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    owned.emit(JobEvent::Started {
        worker: ProcessIdentity::current(),
    });
    let text = "m".repeat(60_000);
    for _ in 0..1_750 {
        owned.emit(JobEvent::Message {
            agent: None,
            text: text.clone(),
        });
    }
    owned.emit(JobEvent::Phase {
        phase: Phase::Verifying,
    });
    let files = world.store.files(&owned.job().id);
    let length = std::fs::metadata(&files.events).unwrap().len();
    assert!(length > 100_000_000, "{length}");
    {
        use std::os::unix::fs::FileExt as _;
        let log = std::fs::OpenOptions::new()
            .write(true)
            .open(&files.events)
            .unwrap();
        let garbage = vec![b'\n'; 1_000_000];
        for megabyte in 0..98 {
            log.write_all_at(&garbage, 1_000 + megabyte * 1_000_000)
                .unwrap();
        }
    }
    let store = world.reopened();
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        let snapshot = status(&store, StatusScope::default()).unwrap();
        best = best.min(start.elapsed());
        assert_eq!(snapshot.running.len(), 1);
        assert_eq!(snapshot.running[0].job.phase, Phase::Verifying);
        assert_eq!(snapshot.recent.len() + snapshot.more_finished, 49);
        assert!(snapshot.running[0].preview.last().is_some());
    }
    assert!(
        best < Duration::from_millis(10),
        "{best:?} at the best of ten"
    );
}
