//! The JSON documents of `status`, `result`, `cancel` and `task-resume-candidate`. The shapes are interfaces: scripts
//! read them.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::record::JobRecordV1;
use super::{Cancelled, Job, JobStore, JobView, StatusSnapshot, Timestamp, Waited};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusDocument {
    workspace_root: String,
    config: Value,
    session_runtime: Value,
    running: Vec<JobDocument>,
    latest_finished: Option<JobDocument>,
    recent: Vec<JobDocument>,
    more_finished: usize,
    needs_review: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobDocument {
    #[serde(flatten)]
    record: JobRecordV1,
    elapsed_ms: u64,
    elapsed: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    progress_preview: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OneJobDocument {
    workspace_root: String,
    job: JobDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_timed_out: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultDocument {
    job: JobDocument,
    stored_job: JobRecordV1,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelDocument<'a> {
    job_id: &'a str,
    status: &'a str,
    title: &'a str,
    turn_interrupt_attempted: bool,
    turn_interrupted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CandidateDocument<'a> {
    available: bool,
    session_id: Option<&'a str>,
    candidate: Option<Candidate<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    id: &'a str,
    status: &'a str,
    title: &'a str,
    summary: &'a str,
    thread_id: Option<&'a str>,
    completed_at: Option<String>,
    updated_at: String,
}

fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("a document is a tree of JSON values")
}

/// How long a job took, or has taken until `now`; from its start, or from its making while it waits.
#[must_use]
pub fn elapsed(job: &Job, now: Timestamp) -> Duration {
    let from = job.started_at.unwrap_or(job.created_at);
    job.ended_at().unwrap_or(now).since(from)
}

/// A duration in the words of a table: `3s`, `2m 5s`, `1h 4m`, `2d 3h`.
#[must_use]
pub fn elapsed_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn job_document(view: &JobView, now: Timestamp) -> JobDocument {
    let elapsed = elapsed(&view.job, now);
    JobDocument {
        record: JobRecordV1::summary(&view.job, &view.log_file.to_string_lossy()),
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        elapsed: elapsed_words(elapsed),
        progress_preview: view.preview.clone(),
    }
}

/// `status --json`. `session_runtime` comes from whoever knows the broker.
#[must_use]
pub fn status_document(snapshot: &StatusSnapshot, session_runtime: Value) -> Value {
    let list = |views: &[JobView]| {
        views
            .iter()
            .map(|view| job_document(view, snapshot.at))
            .collect()
    };
    value(&StatusDocument {
        workspace_root: snapshot.workspace_root.to_string_lossy().into_owned(),
        config: snapshot.settings.to_json(),
        session_runtime,
        running: list(&snapshot.running),
        latest_finished: snapshot
            .latest_finished
            .as_ref()
            .map(|view| job_document(view, snapshot.at)),
        recent: list(&snapshot.recent),
        more_finished: snapshot.more_finished,
        needs_review: snapshot.settings.stop_review_gate(),
        warnings: snapshot.warnings.iter().map(ToString::to_string).collect(),
    })
}

/// `status JOB --json`; with `--wait`, what the wait found and its bound.
#[must_use]
pub fn job_status_document(
    store: &JobStore,
    view: &JobView,
    waited: Option<(&Waited, Option<Duration>)>,
) -> Value {
    value(&OneJobDocument {
        workspace_root: store.workspace_root().to_string_lossy().into_owned(),
        job: job_document(view, store.now()),
        wait_timed_out: waited.map(|(waited, _)| waited.timed_out),
        timeout_ms: waited
            .and_then(|(_, timeout)| timeout)
            .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// `result --json`.
#[must_use]
pub fn result_document(store: &JobStore, view: &JobView) -> Value {
    value(&ResultDocument {
        job: job_document(view, store.now()),
        stored_job: JobRecordV1::stored(
            &view.job,
            &view.log_file.to_string_lossy(),
            store.request_for_record(&view.job.id),
        ),
    })
}

/// `cancel --json`.
#[must_use]
pub fn cancel_document(cancelled: &Cancelled) -> Value {
    let job = &cancelled.job;
    value(&CancelDocument {
        job_id: job.id.as_str(),
        status: job.status.as_str(),
        title: &job.title,
        turn_interrupt_attempted: job.interrupt_attempted,
        turn_interrupted: job.interrupt_confirmed,
    })
}

/// `task-resume-candidate --json`.
#[must_use]
pub fn resume_candidate_document(candidate: Option<&Job>, session: Option<&str>) -> Value {
    value(&CandidateDocument {
        available: candidate.is_some(),
        session_id: session,
        candidate: candidate.map(|job| Candidate {
            id: job.id.as_str(),
            status: job.status.as_str(),
            title: &job.title,
            summary: &job.summary,
            thread_id: job.thread_id.as_deref(),
            completed_at: job.completed_at.map(|at| at.to_string()),
            updated_at: job.updated_at.to_string(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (125, "2m 5s"),
            (3_840, "1h 4m"),
            (183_600, "2d 3h"),
        ] {
            assert_eq!(elapsed_words(Duration::from_secs(seconds)), words);
        }
    }
}
