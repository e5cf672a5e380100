//! Following a job that another process owns: its events as they come, until its end.
//!
//! A follower only reads. Killing it never touches the job. It ends in every case: with the job's end, when its own
//! bound is over, when it is told to stop, or when the job's owner is gone (the job is reconciled then).

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::event_log::EventReader;
use super::lock::JobLock;
use super::reconcile::reconcile;
use super::{CancelToken, Job, JobId, JobStore, JobsError, StampedEvent};

const LAST_WRITES_BOUND: Duration = Duration::from_secs(2);
const LAST_WRITES_POLL: Duration = Duration::from_millis(2);

/// How a follower waits.
#[derive(Debug, Clone)]
pub struct FollowLimits {
    /// How often to look for new events.
    pub poll: Duration,
    /// When to give up; `None` follows to the end, which comes, because an owner's death is an end too.
    pub timeout: Option<Duration>,
}

impl Default for FollowLimits {
    fn default() -> Self {
        FollowLimits {
            poll: Duration::from_millis(30),
            timeout: None,
        }
    }
}

/// Why following ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// The job is over.
    Ended(Box<Job>),
    /// The time was over first.
    TimedOut(Box<Job>),
    /// The follower was told to stop.
    Stopped(Box<Job>),
}

impl Followed {
    /// The job as it was at that moment.
    #[must_use]
    pub fn job(&self) -> &Job {
        match self {
            Followed::Ended(job) | Followed::TimedOut(job) | Followed::Stopped(job) => job,
        }
    }
}

/// What a follower is told.
#[derive(Debug, Clone, Copy)]
pub enum Tick<'a> {
    /// The job did this.
    Event(&'a StampedEvent),
    /// It was looked for events, at the pace of [`FollowLimits::poll`], and there is no more at the moment.
    Idle,
}

/// Follows a job from byte `offset` of its event log on (0 for the beginning) and hands out each event. The end is handed
/// out too if the log has it.
///
/// # Errors
///
/// There is no such job, or its log cannot be read.
pub fn follow(
    store: &JobStore,
    id: &JobId,
    offset: u64,
    limits: &FollowLimits,
    stop: &CancelToken,
    mut take: impl FnMut(&StampedEvent),
) -> Result<Followed, JobsError> {
    follow_ticking(store, id, offset, limits, stop, |tick| match tick {
        Tick::Event(stamped) => take(stamped),
        Tick::Idle => {}
    })
}

/// As [`follow`], and tells of every look that found nothing more: for whoever must say something from time to time.
///
/// # Errors
///
/// As [`follow`].
pub fn follow_ticking(
    store: &JobStore,
    id: &JobId,
    offset: u64,
    limits: &FollowLimits,
    stop: &CancelToken,
    mut take: impl FnMut(Tick<'_>),
) -> Result<Followed, JobsError> {
    let files = store.files(id);
    let mut reader = match EventReader::open(&files.events, offset) {
        Ok(reader) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A job of an older tool has no log, and is over.
            let job = store.load(id)?;
            return if job.is_ended() {
                Ok(Followed::Ended(Box::new(job)))
            } else {
                Err(JobsError::Unreadable { id: id.clone() })
            };
        }
        Err(error) => return Err(JobsError::io("read", &files.events)(error)),
    };
    let start = Instant::now();
    loop {
        // In this order: an owner that is gone now wrote all its events before.
        let owned = !JobLock::is_free(&files.lock).unwrap_or(false);
        let mut ended = false;
        reader
            .read_available(|stamped| {
                ended |= matches!(stamped.event, super::JobEvent::Ended(_));
                take(Tick::Event(&stamped));
            })
            .map_err(JobsError::io("read", &files.events))?;
        if ended || !owned || files.end.exists() {
            if ended {
                wait_for_last_writes(&files.lock, limits.poll);
            }
            let job = reconcile(store, store.load(id)?);
            if job.is_ended() {
                if !ended {
                    // The end that a reader (us, maybe) has just put down.
                    drop(reader.read_available(|stamped| take(Tick::Event(&stamped))));
                }
                return Ok(Followed::Ended(Box::new(job)));
            }
        }
        take(Tick::Idle);
        let left = limits
            .timeout
            .map(|timeout| timeout.saturating_sub(start.elapsed()));
        if left == Some(Duration::ZERO) {
            return Ok(Followed::TimedOut(Box::new(store.load(id)?)));
        }
        let pause = left.map_or(limits.poll, |left| limits.poll.min(left));
        if stop.wait_timeout(pause) {
            return Ok(Followed::Stopped(Box::new(store.load(id)?)));
        }
    }
}

/// The end is the last line of the event log, and not the last write: record, log and index follow. Whoever is told of
/// the end should find them written, unless that takes unreasonably long.
fn wait_for_last_writes(lock: &Path, poll: Duration) {
    let start = Instant::now();
    while start.elapsed() < LAST_WRITES_BOUND && !JobLock::is_free(lock).unwrap_or(true) {
        std::thread::sleep(poll.min(LAST_WRITES_POLL));
    }
}

/// Waits for a job's end without its events. Returns the job and whether the time was over first.
///
/// # Errors
///
/// As [`follow`].
pub fn wait_for_end(
    store: &JobStore,
    id: &JobId,
    limits: &FollowLimits,
    stop: &CancelToken,
) -> Result<Followed, JobsError> {
    let length = std::fs::metadata(store.files(id).events)
        .map(|metadata| metadata.len())
        .unwrap_or(0);
    let job = reconcile(store, store.load(id)?);
    if job.is_ended() {
        return Ok(Followed::Ended(Box::new(job)));
    }
    follow(store, id, length, limits, stop, |_| {})
}
