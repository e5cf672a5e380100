//! Ending a job because somebody asked.
//!
//! The order is: record first, then ask, then force. The request is a file of its own, `jobs/<id>.cancel`, because the
//! event log belongs to the job's owner: it stands whatever happens next, so that a job that loses its owner afterwards
//! ends as cancelled, and one that was queued never starts. The worker sees the file and stops its own turn. One that
//! does not obey within the grace is killed with its group, if pid *and* start are those that it put down.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use super::follow::{FollowLimits, Followed, wait_for_end};
use super::lock::{JobLock, private};
use super::reconcile::reconcile;
use super::{CancelToken, Job, JobId, JobStore, JobsError, Signalled};

/// How a cancel waits.
#[derive(Debug, Clone)]
pub struct CancelLimits {
    /// How long the worker may take to stop its turn before it is killed.
    pub grace: Duration,
    /// How long to wait for a killed worker to be gone.
    pub after_kill: Duration,
    /// How often to look.
    pub poll: Duration,
}

impl Default for CancelLimits {
    fn default() -> Self {
        CancelLimits {
            grace: Duration::from_secs(8),
            after_kill: Duration::from_secs(5),
            poll: Duration::from_millis(20),
        }
    }
}

/// What became of a cancel.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancelled {
    /// The job as it is now: cancelled; or completed or failed, if its own end came first; or still running, if its
    /// worker neither obeyed nor could be killed.
    pub job: Job,
    /// What became of the kill, where it came to that.
    pub killed: Option<Signalled>,
}

/// Asks for a job's end without waiting. Asking twice is the same as once.
///
/// # Errors
///
/// The request cannot be written, or a newer version wrote the store.
pub fn request_cancel(store: &JobStore, id: &JobId, by: Option<&str>) -> Result<(), JobsError> {
    store.check_writable()?;
    let path = store.files(id).cancel;
    let written = private()
        .create_new(true)
        .write(true)
        .open(&path)
        .map(|mut file| {
            let request = json!({
                "version": 1,
                "requestedAt": store.now().to_string(),
                "sessionId": by,
            });
            // The file's being there is the request; what it holds is for people.
            drop(file.write_all(request.to_string().as_bytes()));
        });
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(JobsError::io("write", path)(error))
        }
        _ => Ok(()),
    }
}

/// Ends a job and waits until it is over.
///
/// # Errors
///
/// The job does not exist or is over already, or the request cannot be written.
pub fn cancel(
    store: &JobStore,
    id: &JobId,
    by: Option<&str>,
    limits: &CancelLimits,
) -> Result<Cancelled, JobsError> {
    let job = reconcile(store, store.load(id)?);
    if job.is_ended() {
        return Err(JobsError::AlreadyEnded {
            id: id.clone(),
            status: job.status,
        });
    }
    request_cancel(store, id, by)?;
    let never = CancelToken::new();
    let follow = FollowLimits {
        poll: limits.poll,
        timeout: Some(limits.grace),
    };
    let job = match wait_for_end(store, id, &follow, &never)? {
        Followed::Ended(job) => {
            return Ok(Cancelled {
                job: *job,
                killed: None,
            });
        }
        Followed::TimedOut(job) | Followed::Stopped(job) => *job,
    };
    let Some(worker) = &job.worker else {
        return Ok(Cancelled { job, killed: None });
    };
    let killed = worker.kill_group().map_err(JobsError::io(
        "signal the worker that owns",
        store.files(id).lock,
    ))?;
    let lock = store.files(id).lock;
    let start = Instant::now();
    while start.elapsed() < limits.after_kill && !JobLock::is_free(&lock).unwrap_or(true) {
        std::thread::sleep(limits.poll);
    }
    Ok(Cancelled {
        job: reconcile(store, store.load(id)?),
        killed: Some(killed),
    })
}
