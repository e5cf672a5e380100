//! Documents and pages, word for word.

use codex_review::jobs::{
    Cancelled, EventSink as _, JobClass, JobEvent, Phase, ProcessIdentity, StatusScope, Surface,
    Waited, cancel_document, job_status_document, render_cancelled, render_job, render_result,
    render_status, result_document, resume_candidate_document, status, status_document, view,
};
use serde_json::{Value, json};

use super::world::{World, completed};
use crate::support::snapshot;

/// A finished task of this session, a failed review of another, and a running job.
fn scene(world: &World) -> codex_review::jobs::OwnedJob {
    let mut task = world.new_job(JobClass::Task, json!({ "prompt": "fix | it" }));
    task.session_id = Some("session-1".into());
    task.title = "Codex Task".into();
    task.summary = "fix | the `parser`\nnow".into();
    world.finish(task, completed("# Done\n"));
    let mut failed = world.new_job(JobClass::Review, Value::Null);
    failed.session_id = Some("another-session".into());
    world.finish(
        failed,
        codex_review::jobs::JobEnd::without_result(
            codex_review::jobs::EndStatus::Failed,
            "the engine went away",
        ),
    );
    let mut running = world
        .store
        .create(world.new_job(JobClass::Review, Value::Null))
        .unwrap();
    running.emit(JobEvent::Started {
        worker: ProcessIdentity {
            pid: 4242,
            start: Some("boot:1".into()),
        },
    });
    running.emit(JobEvent::Queued { place: Some(2) });
    running
}

fn json(world: &World, document: &Value) -> String {
    redact(world, &serde_json::to_string_pretty(document).unwrap())
}

/// The store's folder is named after a path that differs from run to run.
fn redact(world: &World, text: &str) -> String {
    let folder = world.store.folder().file_name().unwrap().to_str().unwrap();
    snapshot::redact(
        &world.sandbox,
        &text.replace(folder, "repo-0000000000000000"),
    )
}

fn scope() -> StatusScope<'static> {
    StatusScope {
        session: Some("session-1"),
        all: false,
    }
}

#[test]
fn status_reads_as_tables() {
    let world = World::deterministic();
    let running = scene(&world);
    let snapshot = status(&world.store, scope()).unwrap();
    let page = render_status(&snapshot, Surface::ClaudeCode);
    snapshot::settings().bind(|| {
        insta::assert_snapshot!("jobs_status_page", redact(&world, &page));
    });
    let own = snapshot.latest_finished.unwrap();
    assert!(own.is_own, "this session's job comes first");
    drop(running);
}

#[test]
fn an_empty_store_says_what_to_do() {
    let world = World::deterministic();
    let snapshot = status(&world.store, StatusScope::default()).unwrap();
    let page = render_status(&snapshot, Surface::Shell);
    assert!(
        page.contains("No jobs yet. Start one with `codex-review review --background`."),
        "{page}"
    );
}

#[test]
fn documents_have_their_shapes() {
    let world = World::deterministic();
    let running = scene(&world);
    let snapshot = status(&world.store, scope()).unwrap();
    let runtime = json!({ "mode": "shared" });
    let own = snapshot.latest_finished.clone().unwrap();
    let whole = view(
        &world.store,
        world.store.load(&own.job.id).unwrap(),
        Some("session-1"),
    );
    let waited = Waited {
        job: running.job().clone(),
        timed_out: true,
    };
    let cancelled = Cancelled {
        job: own.job.clone(),
        killed: None,
    };
    snapshot::settings().bind(|| {
        let document = status_document(&snapshot, runtime);
        insta::assert_snapshot!("jobs_status_json", json(&world, &document));
        let document = result_document(&world.store, &whole);
        insta::assert_snapshot!("jobs_result_json", json(&world, &document));
        let document = job_status_document(
            &world.store,
            &view(&world.store, waited.job.clone(), None),
            Some((&waited, Some(std::time::Duration::from_secs(1)))),
        );
        insta::assert_snapshot!("jobs_job_json", json(&world, &document));
    });
    snapshot::settings().bind(|| {
        let document = cancel_document(&cancelled);
        insta::assert_snapshot!("jobs_cancel_json", json(&world, &document));
        let document = resume_candidate_document(Some(&own.job), Some("session-1"));
        insta::assert_snapshot!("jobs_candidate_json", json(&world, &document));
    });
    assert_eq!(
        resume_candidate_document(None, None),
        json!({ "available": false, "sessionId": null, "candidate": null })
    );
}

#[test]
fn pages_of_one_job() {
    let world = World::deterministic();
    let running = scene(&world);
    let jobs = world.store.jobs().unwrap();
    let now = world.store.options().clock.now();
    let one = |job| view(&world.store, job, None);
    let page = render_job(&one(jobs[0].clone()), now, Surface::Shell);
    snapshot::settings().bind(|| {
        insta::assert_snapshot!("jobs_job_page", redact(&world, &page));
    });
    let failed = world.store.load(&jobs[1].id).unwrap();
    let page = render_result(&failed, Surface::Shell);
    assert!(page.starts_with(&format!(
        "Job `{}` failed: the engine went away.\n",
        failed.id
    )));
    let done = world.store.load(&jobs[2].id).unwrap();
    let page = render_result(&done, Surface::ClaudeCode);
    assert!(
        page.starts_with("# Done\n\nThread: `thread-1` (`codex resume thread-1`"),
        "{page}"
    );
    let id = done.id.clone();
    let page = render_cancelled(&Cancelled {
        job: done,
        killed: None,
    });
    assert_eq!(
        page,
        format!("Job `{id}` completed before it could be cancelled; its result is kept.\n")
    );
    assert_eq!(running.job().phase, Phase::Queued);
}
