//! Damage to the store's files, a full disk, a folder that cannot be written, a newer version.

use std::os::unix::fs::PermissionsExt as _;

use codex_review::jobs::{
    EventSink as _, JobClass, JobEvent, JobId, JobStatus, JobsError, StatusScope, Surface,
    render_result, request_cancel, status,
};
use serde_json::{Value, json};

use super::world::World;

fn gate_on(world: &World) {
    world
        .store
        .update_settings(|settings| settings.set_stop_review_gate(true))
        .unwrap();
}

/// A gate that was on and jobs that were there are there after any damage to the index.
#[test]
fn a_damaged_index_is_set_aside_and_rebuilt() {
    let world = World::new();
    gate_on(&world);
    let ids = [world.finished().id, world.finished().id];
    let index = world.store.folder().join("state.json");
    let whole = std::fs::read(&index).unwrap();
    let damages: [(&str, Vec<u8>); 6] = [
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("cut in the settings", whole[..30].to_vec()),
        ("emptied", Vec::new()),
        ("garbage", b"\xff\x00garbage".to_vec()),
        ("another document", b"[1, 2]".to_vec()),
        (
            "wrong types",
            br#"{"version":1,"config":7,"jobs":{}}"#.to_vec(),
        ),
    ];
    for (name, bytes) in damages {
        std::fs::write(&index, bytes).unwrap();
        let store = world.reopened();
        let snapshot = status(&store, StatusScope::default()).unwrap();
        assert_eq!(snapshot.recent.len(), ids.len(), "{name}");
        assert!(snapshot.settings.stop_review_gate(), "{name}");
        let warnings: Vec<String> = snapshot.warnings.iter().map(ToString::to_string).collect();
        assert!(
            warnings[0].contains("state.json.damaged-"),
            "{name}: {warnings:?}"
        );
        // Mended: the next reader finds nothing to say.
        let again = status(&world.reopened(), StatusScope::default()).unwrap();
        assert_eq!(again.warnings, [], "{name}");
    }
    let kept = std::fs::read_dir(world.store.folder())
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains("damaged")
        })
        .count();
    assert_eq!(kept, 5, "damaged files do not pile up");
}

/// An older tool wrote `state.json` and no copy of its settings.
#[test]
fn the_gate_of_an_older_tool_survives_damage_and_a_store_of_ours_never_gets_one_by_it() {
    let world = World::new();
    let index = world.store.folder().join("state.json");
    std::fs::write(&index, b"{\"version\":1,").unwrap();
    let snapshot = status(&world.reopened(), StatusScope::default()).unwrap();
    assert!(snapshot.settings.stop_review_gate());
    let said = snapshot.warnings.last().unwrap().to_string();
    assert!(said.contains("taken to be on"), "{said}");
    assert!(world.reopened().settings().unwrap().stop_review_gate());

    let ours = World::new();
    ours.finished();
    std::fs::write(ours.store.folder().join("state.json"), b"").unwrap();
    assert!(!ours.reopened().settings().unwrap().stop_review_gate());
}

/// The damage used to be found by the next damage, when it was too late.
#[test]
fn a_damaged_copy_of_the_settings_is_reported_and_made_again() {
    let world = World::new();
    gate_on(&world);
    let copy = world.store.folder().join("settings.json");
    let whole = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, b"\0").unwrap();
    let snapshot = status(&world.reopened(), StatusScope::default()).unwrap();
    assert!(snapshot.warnings[0].to_string().contains("settings.json"));
    assert_eq!(snapshot.warnings.len(), 1);
    assert_eq!(std::fs::read(&copy).unwrap(), whole);
    let again = status(&world.reopened(), StatusScope::default()).unwrap();
    assert_eq!(again.warnings, []);
}

#[test]
fn a_missing_index_is_made_again_and_the_gate_stays_on() {
    let world = World::new();
    gate_on(&world);
    let id = world.finished().id;
    std::fs::remove_file(world.store.folder().join("state.json")).unwrap();
    let store = world.reopened();
    assert!(store.settings().unwrap().stop_review_gate());
    assert_eq!(store.jobs().unwrap()[0].id, id);
    let newer = world.finished().id;
    let state: Value =
        serde_json::from_slice(&std::fs::read(store.folder().join("state.json")).unwrap()).unwrap();
    assert_eq!(state["config"]["stopReviewGate"], true);
    assert_eq!(state["jobs"].as_array().unwrap().len(), 2);
    assert_ne!(newer, id);
}

#[test]
fn damaged_records_are_read_from_the_event_log() {
    let world = World::new();
    let job = world.finished();
    let files = world.store.files(&job.id);
    for bytes in [&b""[..], b"{\"id\":", b"[]", b"{\"id\":\"review-x\"}"] {
        std::fs::write(&files.record, bytes).unwrap();
        let read = world.store.load(&job.id).unwrap();
        assert_eq!(read.status, JobStatus::Completed);
        assert_eq!(read.outcome, job.outcome);
        assert_eq!(read.created_at, job.created_at);
    }
}

/// What an older tool wrote of a job that is over, beside its log for people.
fn older_record(id: &str) -> Value {
    json!({
        "id": id, "kind": "task", "kindLabel": "rescue", "title": "Codex Task", "jobClass": "task",
        "workspaceRoot": "/w", "summary": "older", "write": false, "status": "completed", "phase": "done",
        "threadId": "thread-older", "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:02.000Z", "completedAt": "2026-01-01T00:00:02.000Z",
        "result": { "rawOutput": "the older answer" }, "rendered": "the older answer\n",
    })
}

/// One null in a record used to hide the job, or to list it with a result that could not be shown.
#[test]
fn an_odd_record_of_an_older_tool_is_listed_and_read() {
    let world = World::new();
    let id = JobId::parse("task-older-abc").unwrap();
    let mut record = older_record(id.as_str());
    record["summary"] = Value::Null;
    record["pid"] = json!("12");
    let path = world.store.files(&id).record;
    std::fs::write(&path, record.to_string()).unwrap();
    let listed = world.store.jobs().unwrap();
    assert_eq!(listed[0].id, id);
    assert_eq!(listed[0].title, "Codex Task");
    let outcome = world.store.load(&id).unwrap().outcome.unwrap();
    assert_eq!(outcome.rendered, "the older answer\n");
    assert_eq!(world.warnings(), [] as [String; 0]);
}

/// Such a job used to be one that "completed without a result".
#[test]
fn the_answer_of_an_older_job_is_shown_wherever_it_stands() {
    let world = World::new();
    let id = JobId::parse("task-older-abc").unwrap();
    for (rendered, result) in [
        (
            json!(" \n"),
            json!({ "rawOutput": "the answer", "codex": { "stdout": "another" } }),
        ),
        (
            Value::Null,
            json!({ "rawOutput": "", "codex": { "stdout": "the answer\n" } }),
        ),
        (json!(7), json!("the answer")),
    ] {
        let mut record = older_record(id.as_str());
        record["rendered"] = rendered;
        record["result"] = result;
        std::fs::write(world.store.files(&id).record, record.to_string()).unwrap();
        let page = render_result(&world.store.load(&id).unwrap(), Surface::Shell);
        assert!(page.starts_with("the answer\n\nThread: "), "{page}");
    }
}

/// A job that nothing can be told of used to be left out without a word.
#[test]
fn a_record_that_cannot_be_read_is_named_and_one_that_is_being_made_is_not() {
    let world = World::new();
    let id = JobId::parse("task-older-abc").unwrap();
    let files = world.store.files(&id);
    std::fs::write(&files.lock, "").unwrap();
    std::fs::write(&files.events, "").unwrap();
    assert_eq!(world.store.jobs().unwrap(), []);
    assert_eq!(world.warnings(), [] as [String; 0]);
    std::fs::remove_file(&files.lock).unwrap();
    std::fs::remove_file(&files.events).unwrap();
    std::fs::write(&files.record, "{\"id\":\"task-old").unwrap();
    assert_eq!(world.store.jobs().unwrap(), []);
    let told = world.warnings();
    assert!(told[0].contains(id.as_str()), "{told:?}");
}

/// Such a job used to be listed by nobody, and the next write of the index dropped its only trace.
#[test]
fn a_job_whose_files_are_gone_stays_in_the_index_and_says_what_is_left() {
    let world = World::new();
    let gone = world.finished();
    let files = world.store.files(&gone.id);
    for path in [&files.record, &files.events, &files.lock] {
        std::fs::remove_file(path).unwrap();
    }
    let cut_off = older_record("task-older-abc");
    let index = world.store.folder().join("state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    let entries = state["jobs"].as_array_mut().unwrap();
    entries.push(cut_off);
    entries.push(json!({ "id": "task-older-min", "status": "running" }));
    std::fs::write(&index, state.to_string()).unwrap();
    let other = world.finished();
    let listed = world.reopened().jobs().unwrap();
    let states = listed
        .iter()
        .map(|job| (job.id.as_str(), job.status.as_str()));
    let states: Vec<_> = states.collect();
    let expected = [
        (other.id.as_str(), "completed"),
        (gone.id.as_str(), "completed"),
        ("task-older-abc", "completed"),
        ("task-older-min", "failed"),
    ];
    assert_eq!(states, expected);
    let left = world.store.load(&gone.id).unwrap();
    let page = render_result(&left, Surface::Shell);
    let said = format!(
        "Job `{}` completed; only its summary is left: look at the change\n",
        gone.id
    );
    assert!(page.starts_with(&said), "{page}");
    assert_eq!(world.warnings(), [] as [String; 0]);
}

/// Opening one for reading used to wait for a writer that never comes.
#[test]
fn a_fifo_in_the_place_of_any_file_hangs_nobody() {
    let world = World::new();
    let job = world.finished();
    let files = world.store.files(&job.id);
    let folder = world.store.folder();
    let older = folder.join("jobs/task-older.json");
    let shared = ["state.json", "settings.json", "usage.json", "state.lock"];
    let shared = shared.map(|name| folder.join(name));
    let own = [
        files.record,
        files.events,
        files.end,
        files.request,
        files.log,
    ];
    for path in shared.into_iter().chain([older]).chain(own) {
        let before = std::fs::read(&path).ok();
        drop(std::fs::remove_file(&path));
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let store = world.reopened();
        status(&store, StatusScope::default()).unwrap();
        let one = store.load(&job.id);
        assert!(
            path == world.store.files(&job.id).events || one.is_ok(),
            "{path:?}"
        );
        drop(store.account());
        drop(store.update_settings(|_| {}));
        drop(std::fs::remove_file(&path));
        if let Some(before) = before {
            std::fs::write(&path, before).unwrap();
        }
    }
}

#[test]
fn a_torn_tail_and_garbage_lines_lose_nothing_else() {
    let world = World::new();
    let mut owned = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    owned.emit(JobEvent::Thread {
        thread_id: Some("t".into()),
        turn_id: None,
        endpoint: None,
    });
    let id = owned.job().id.clone();
    let files = world.store.files(&id);
    drop(owned);
    let mut log = std::fs::read(&files.events).unwrap();
    log.extend_from_slice(b"garbage \xff\n{\"v\":1,\"at\":\"2026-");
    std::fs::write(&files.events, log).unwrap();
    std::fs::remove_file(&files.record).unwrap();
    // Another test's child may hold a copy of the lock until it has started its program.
    world.follow_to_end(&id);
    let job = &world.store.jobs().unwrap()[0];
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.thread_id.as_deref(), Some("t"));
    // The end that was put down after the torn line is whole.
    std::fs::remove_file(&files.record).unwrap();
    assert_eq!(world.store.load(&id).unwrap().status, JobStatus::Failed);
}

#[test]
fn a_job_without_any_readable_file_is_left_out_and_the_others_stay() {
    let world = World::new();
    let id = world.finished().id;
    let files = world.store.files(&id);
    std::fs::write(&files.events, "").unwrap();
    std::fs::remove_file(&files.record).unwrap();
    std::fs::remove_file(world.store.folder().join("state.json")).unwrap();
    let other = world.finished().id;
    let listed = world.reopened().jobs().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, other);
    assert!(matches!(
        world.store.load(&id),
        Err(JobsError::Unreadable { .. })
    ));
}

#[test]
fn a_store_of_a_newer_version_is_read_and_never_written() {
    let world = World::new();
    gate_on(&world);
    let id = world.finished().id;
    let dead = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    let dead_id = dead.job().id.clone();
    drop(dead);
    let index = world.store.folder().join("state.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    state["version"] = json!(2);
    state["shape"] = json!("of things to come");
    std::fs::write(&index, state.to_string()).unwrap();
    let before = contents(world.store.folder());
    let store = world.reopened();
    let snapshot = status(&store, StatusScope::default()).unwrap();
    assert_eq!(snapshot.recent.len(), 2, "the dead job shows as over");
    assert_eq!(store.load(&id).unwrap().status, JobStatus::Completed);
    assert!(snapshot.settings.stop_review_gate());
    assert!(snapshot.warnings[0].to_string().contains("newer version"));
    let refused = [
        store
            .create(world.new_job(JobClass::Review, Value::Null))
            .map(|_| ())
            .unwrap_err(),
        store
            .update_settings(|settings| settings.set_stop_review_gate(false))
            .map(|_| ())
            .unwrap_err(),
        request_cancel(&store, &dead_id, None).unwrap_err(),
    ];
    for error in refused {
        assert!(
            matches!(error, JobsError::NewerStore { version: 2, .. }),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
    assert_eq!(contents(world.store.folder()), before);
}

/// Every file with its content.
fn contents(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_folder_that_cannot_be_written_is_read_and_creation_names_it() {
    let world = World::new();
    let id = world.finished().id;
    if rustix::process::geteuid().is_root() {
        // Root writes anywhere, so the folder is replaced by one in which nothing can be made.
        let jobs = world.store.folder().join("jobs");
        let aside = world.store.folder().join("aside");
        std::fs::rename(&jobs, &aside).unwrap();
        std::fs::write(&jobs, "").unwrap();
        let error = world
            .store
            .create(world.new_job(JobClass::Review, Value::Null))
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains("/jobs/review-"), "{error}");
        assert!(error.hint().unwrap().contains("CODEX_REVIEW_STATE_DIR"));
        return;
    }
    let jobs = world.store.folder().join("jobs");
    std::fs::set_permissions(&jobs, std::fs::Permissions::from_mode(0o500)).unwrap();
    let error = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .map(|_| ())
        .unwrap_err();
    assert!(error.to_string().contains("/jobs/review-"), "{error}");
    assert!(error.hint().unwrap().contains("CODEX_REVIEW_STATE_DIR"));
    assert_eq!(world.store.load(&id).unwrap().status, JobStatus::Completed);
    std::fs::set_permissions(&jobs, std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// A file-size limit stands for a full disk: from some byte on, nothing more is taken.
#[test]
fn a_full_disk_loses_events_and_never_the_result() {
    let world = World::new();
    for limit in [1_000, 4_000, 30_000, 60_000, 150_000] {
        let id = world.start(json!({ "do": "full", "limit": limit }));
        let job = world.follow_to_end(&id);
        // Where not even the result fits into a file of its own, the job still ends, with that reason.
        if limit > 25_000 {
            assert_eq!(job.status, JobStatus::Completed, "limit {limit}");
            let outcome = job.outcome.unwrap();
            assert_eq!(outcome.rendered.len(), 20_000);
            assert_eq!(outcome.result, "kept");
            assert!(job.unwritten_events > 0, "what is missing is counted");
        } else {
            assert_eq!(job.status, JobStatus::Failed, "limit {limit}");
        }
        let listed = world.store.jobs().unwrap();
        assert!(listed.iter().all(codex_review::jobs::Job::is_ended));
    }
}

#[test]
fn old_debris_of_killed_processes_is_swept_and_young_debris_is_left() {
    let world = World::new();
    let jobs = world.store.folder().join("jobs");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    let make = |path: std::path::PathBuf, is_old: bool| {
        let file = std::fs::File::create(&path).unwrap();
        if is_old {
            file.set_modified(old).unwrap();
        }
        path
    };
    let gone = [
        make(world.store.folder().join(".new-abc"), true),
        make(jobs.join(".new-abc"), true),
        make(jobs.join("review-dead-1.request.json"), true),
        make(jobs.join("review-dead-1.lock"), true),
        make(jobs.join("review-dead-2.events.jsonl"), true),
        make(jobs.join("review-dead-2.lock"), true),
    ];
    let left = [
        make(jobs.join(".new-young"), false),
        make(jobs.join("review-young-1.lock"), false),
    ];
    let running = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    let lock = world.store.files(&running.job().id).lock;
    std::fs::File::options()
        .write(true)
        .open(&lock)
        .unwrap()
        .set_modified(old)
        .unwrap();
    world.finished();
    for path in gone {
        assert!(!path.exists(), "{}", path.display());
    }
    for path in left.iter().chain([&lock]) {
        assert!(path.exists(), "{}", path.display());
    }
}

#[test]
fn a_finished_result_survives_the_death_of_a_worker_that_could_not_write_its_last_line() {
    let world = World::new();
    let job = world.finished();
    let files = world.store.files(&job.id);
    // As if the worker had died between its end file and the rest.
    let log = std::fs::read_to_string(&files.events).unwrap();
    let (before, end) = log.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(&files.events, format!("{before}\n")).unwrap();
    std::fs::write(&files.end, format!("{end}\n")).unwrap();
    std::fs::remove_file(&files.record).unwrap();
    std::fs::remove_file(world.store.folder().join("state.json")).unwrap();
    let listed = world.reopened().jobs().unwrap();
    assert_eq!(listed[0].status, JobStatus::Completed);
    assert_eq!(world.store.load(&job.id).unwrap().outcome, job.outcome);
}
