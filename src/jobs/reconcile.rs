//! Jobs whose owner is gone without an end. Whoever reads one writes the end that its owner could not.
//!
//! The proof of death is the job's lock: the system frees it with the process that held it, so no pid is asked and no
//! time-out is guessed. The end is written under that same lock, so two readers write one end. Where it cannot be
//! written (a read-only folder, a newer store) the job still shows as over.

use std::time::Duration;

use super::lock::JobLock;
use super::record::{JobRecordV1, RECORD_VERSION};
use super::worker::JOB_ID_VARIABLE;
use super::writer::JobWriter;
use super::{
    EndStatus, EndedFacts, Job, JobEnd, JobEvent, JobId, JobStatus, JobStore, JobsError,
    StampedEvent, stored_file,
};

/// Other readers probe for moments at most.
const LOCK_WAIT: Duration = Duration::from_millis(250);

/// The end of a job that lost its owner.
#[must_use]
pub fn end_of_ownerless(job: &Job) -> JobEnd {
    if job.cancel_requested {
        return JobEnd::without_result(EndStatus::Cancelled, "cancelled");
    }
    let phase = job.phase.as_str();
    let reason = match job.status {
        JobStatus::Queued => format!("its worker never started (last phase: {phase})"),
        _ => format!("its worker ended without a result (last phase: {phase})"),
    };
    JobEnd::without_result(EndStatus::Failed, reason)
}

/// Looks at whether a job that is not over still has an owner, and ends it if not. Returns the job as it is now.
#[must_use]
pub fn reconcile(store: &JobStore, job: Job) -> Job {
    if job.is_ended() {
        return job;
    }
    let files = store.files(&job.id);
    // A lock that cannot be looked at proves nothing.
    if !JobLock::is_free(&files.lock).unwrap_or(false) {
        return job;
    }
    if job.status == JobStatus::Queued
        && !job.cancel_requested
        && store.now().since(job.created_at) < store.options().start_grace
    {
        return job;
    }
    match end_on_disk(store, &job) {
        Ok(Some(ended)) => ended,
        // Somebody else has the lock: another reader that does the same, or an owner after all.
        Ok(None) => store.load(&job.id).unwrap_or(job),
        Err(_) => end_in_memory(store, job),
    }
}

fn end_on_disk(store: &JobStore, job: &Job) -> Result<Option<Job>, JobsError> {
    store.check_writable()?;
    let files = store.files(&job.id);
    let lock = JobLock::acquire_within(&files.lock, LOCK_WAIT)
        .map_err(JobsError::io("lock", &files.lock))?;
    let Some(lock) = lock else {
        return if files.lock.exists() {
            Ok(None)
        } else {
            Err(JobsError::Unreadable { id: job.id.clone() })
        };
    };
    // Between the probe and the lock the owner may have put its end down.
    let fresh = store.load(&job.id)?;
    if fresh.is_ended() {
        return Ok(Some(fresh));
    }
    if record_is_newer(&files.record, &fresh.id) {
        return Err(JobsError::NewerStore {
            path: files.record,
            version: RECORD_VERSION + 1,
        });
    }
    if let Some(worker) = &fresh.worker {
        worker.kill_left_behind(&format!("{JOB_ID_VARIABLE}={}", fresh.id));
    }
    let end = end_of_ownerless(&fresh);
    let request = store.request_for_record(&fresh.id);
    let mut writer = JobWriter::open(store, lock, fresh, request)?;
    writer
        .end(end, Duration::ZERO)
        .map(|ended| Some(ended.clone()))
}

fn record_is_newer(path: &std::path::Path, id: &JobId) -> bool {
    stored_file::read(path)
        .ok()
        .and_then(|bytes| JobRecordV1::parse(&bytes, id))
        .is_some_and(|read| read.version > RECORD_VERSION)
}

fn end_in_memory(store: &JobStore, mut job: Job) -> Job {
    let end = end_of_ownerless(&job);
    job.apply(&StampedEvent {
        at: store.now(),
        event: JobEvent::Ended(Box::new(EndedFacts {
            end,
            in_end_file: false,
            unwritten_events: 0,
        })),
    });
    job
}
