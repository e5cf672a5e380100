//! Questions about a repository's jobs: what runs, what ended last, which one is meant, which can be resumed.

use super::{CancelToken, FollowLimits, Followed};
use super::{
    Job, JobClass, JobId, JobStatus, JobStore, JobsError, Settings, StoreWarning, Timestamp,
    follow::wait_for_end, reconcile::reconcile, resolve_id,
};

/// How many finished jobs a short list shows.
const SHORT_LIST: usize = 8;
/// How many lines of a running job's log a list shows.
const PREVIEW_LINES: usize = 4;
const PREVIEW_BYTES: u64 = 8 * 1024;

/// The state of a repository's jobs at one moment.
#[derive(Debug, Clone)]
pub struct StatusSnapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// The repository.
    pub workspace_root: std::path::PathBuf,
    /// What the store remembers.
    pub settings: Settings,
    /// The jobs that are not over; those of the asking session first, newest first.
    pub running: Vec<JobView>,
    /// The job that ended last: of the asking session, or of any if it has none.
    pub latest_finished: Option<JobView>,
    /// Finished jobs; those of the asking session first, newest first.
    pub recent: Vec<JobView>,
    /// How many finished jobs there are beyond `recent`.
    pub more_finished: usize,
    /// What was odd about the store.
    pub warnings: Vec<StoreWarning>,
}

/// A job as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// The job.
    pub job: Job,
    /// Its log for people.
    pub log_file: std::path::PathBuf,
    /// The last lines of that log, while it runs.
    pub preview: Vec<String>,
    /// Whether the asking session asked for it.
    pub is_own: bool,
}

/// Who asks, and how much they want to see.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusScope<'a> {
    /// The Claude session that asks.
    pub session: Option<&'a str>,
    /// Every finished job, and not only the newest few.
    pub all: bool,
}

/// Takes a snapshot.
///
/// # Errors
///
/// The store cannot be read.
pub fn status(store: &JobStore, scope: StatusScope<'_>) -> Result<StatusSnapshot, JobsError> {
    let (jobs, settings) = store.jobs_and_settings()?;
    let mut views: Vec<JobView> = jobs
        .into_iter()
        .map(|job| view(store, job, scope.session))
        .collect();
    // A stable sort: newest first within each half.
    views.sort_by_key(|view| !view.is_own);
    let (running, mut recent): (Vec<_>, Vec<_>) =
        views.into_iter().partition(|view| !view.job.is_ended());
    let latest_finished = newest_end(recent.iter().filter(|view| view.is_own))
        .or_else(|| newest_end(recent.iter()))
        .cloned();
    let limit = if scope.all { recent.len() } else { SHORT_LIST };
    let more_finished = recent.len().saturating_sub(limit);
    recent.truncate(limit);
    Ok(StatusSnapshot {
        at: store.now(),
        workspace_root: store.workspace_root().to_owned(),
        settings,
        running,
        latest_finished,
        recent,
        more_finished,
        warnings: store.take_warnings(),
    })
}

/// One job as a list shows it.
#[must_use]
pub fn view(store: &JobStore, job: Job, session: Option<&str>) -> JobView {
    let log_file = store.files(&job.id).log;
    let preview = if job.is_ended() {
        Vec::new()
    } else {
        last_log_lines(&log_file)
    };
    JobView {
        log_file,
        preview,
        is_own: session.is_some() && job.session_id.as_deref() == session,
        job,
    }
}

fn newest_end<'a>(views: impl Iterator<Item = &'a JobView>) -> Option<&'a JobView> {
    views.max_by(|left, right| by_end(&left.job, &right.job))
}

/// The job that ended last comes last, whatever was made first.
fn by_end(left: &Job, right: &Job) -> std::cmp::Ordering {
    (left.ended_at(), &left.id).cmp(&(right.ended_at(), &right.id))
}

/// Reads the end of a log alone, however long it is.
fn last_log_lines(path: &std::path::Path) -> Vec<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = super::stored_file::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(PREVIEW_BYTES)))?;
        let mut tail = Vec::new();
        file.take(PREVIEW_BYTES).read_to_end(&mut tail)?;
        Ok(tail)
    };
    // A list does without what cannot be read.
    let tail = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&tail);
    let mut lines: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let (stamp, text) = line.strip_prefix('[')?.split_once("] ")?;
            Timestamp::parse_iso(stamp).map(|_| super::human_log::one_line(text))
        })
        .collect();
    lines.split_off(lines.len().saturating_sub(PREVIEW_LINES))
}

/// Which jobs fit where no job was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Any.
    Any,
    /// One that is over.
    Finished,
    /// One that is not.
    Active,
}

impl Wanted {
    fn fits(self, job: &Job) -> bool {
        match self {
            Wanted::Any => true,
            Wanted::Finished => job.is_ended(),
            Wanted::Active => !job.is_ended(),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Wanted::Any => "job",
            Wanted::Finished => "finished job",
            Wanted::Active => "running job",
        }
    }
}

/// Finds the job that is meant: by its id or the beginning of it, otherwise the newest that fits, of the asking session
/// first: the one that was made last, and of those that have to be over the one that ended last. Returns it whole, with its result. A job that was named is returned even if it does not fit.
///
/// # Errors
///
/// None or several fit.
pub fn find(
    store: &JobStore,
    typed: Option<&str>,
    wanted: Wanted,
    session: Option<&str>,
) -> Result<Job, JobsError> {
    let mut jobs = store.jobs()?;
    let id = match typed {
        Some(typed) => resolve_id(typed, jobs.iter().map(|job| &job.id))?,
        None => {
            if wanted == Wanted::Finished {
                jobs.sort_by(|left, right| by_end(right, left));
            }
            newest(&jobs, session, |job| wanted.fits(job)).ok_or(JobsError::NoJob {
                wanted: wanted.noun(),
            })?
        }
    };
    Ok(reconcile(store, store.load(&id)?))
}

/// Finds the job to cancel. Without a name only the asking session's own jobs count, where a session asks.
///
/// # Errors
///
/// What was typed names no single job, or there is nothing to cancel.
pub fn find_to_cancel(
    store: &JobStore,
    typed: Option<&str>,
    session: Option<&str>,
) -> Result<Job, JobsError> {
    if typed.is_some() {
        return find(store, typed, Wanted::Active, session);
    }
    let jobs = store.jobs()?;
    let id = jobs
        .iter()
        .find(|job| {
            !job.is_ended()
                && !job.cancel_requested
                && (session.is_none() || job.session_id.as_deref() == session)
        })
        .map(|job| job.id.clone())
        .ok_or(JobsError::NothingToCancel)?;
    store.load(&id)
}

/// Finds a job that has a result to show.
///
/// # Errors
///
/// None fits, or the one that was named is not over.
pub fn find_result(
    store: &JobStore,
    typed: Option<&str>,
    session: Option<&str>,
) -> Result<Job, JobsError> {
    let job = find(store, typed, Wanted::Finished, session)?;
    if job.is_ended() {
        Ok(job)
    } else {
        Err(JobsError::NotEnded {
            id: job.id,
            status: job.status,
        })
    }
}

/// The task that ended last whose thread can be resumed: over, with a thread, and meant to be resumed (gate runs are not). Of the
/// asking session first.
///
/// # Errors
///
/// The store cannot be read. `Ok(None)` if there is none.
pub fn resume_candidate(store: &JobStore, session: Option<&str>) -> Result<Option<Job>, JobsError> {
    let mut jobs = store.jobs()?;
    jobs.sort_by(|left, right| by_end(right, left));
    let id = newest(&jobs, session, |job| {
        job.class == JobClass::Task
            && !job.ephemeral
            && job.thread_id.is_some()
            && !matches!(job.status, JobStatus::Queued | JobStatus::Running)
    });
    Ok(id.and_then(|id| jobs.into_iter().find(|job| job.id == id)))
}

fn newest(
    newest_first: &[Job],
    session: Option<&str>,
    fits: impl Fn(&Job) -> bool,
) -> Option<JobId> {
    let own = |job: &&Job| session.is_some() && job.session_id.as_deref() == session;
    newest_first
        .iter()
        .filter(own)
        .find(|job| fits(job))
        .or_else(|| newest_first.iter().find(|job| fits(job)))
        .map(|job| job.id.clone())
}

/// What `status JOB --wait` found.
#[derive(Debug, Clone)]
pub struct Waited {
    /// The job as it was at the end of the wait.
    pub job: Job,
    /// The time was over first.
    pub timed_out: bool,
}

/// Waits for a job's end, within bounds.
///
/// # Errors
///
/// The job cannot be read.
pub fn wait(
    store: &JobStore,
    id: &JobId,
    limits: &FollowLimits,
    stop: &CancelToken,
) -> Result<Waited, JobsError> {
    Ok(match wait_for_end(store, id, limits, stop)? {
        Followed::Ended(job) => Waited {
            job: *job,
            timed_out: false,
        },
        Followed::TimedOut(job) | Followed::Stopped(job) => Waited {
            job: *job,
            timed_out: true,
        },
    })
}
