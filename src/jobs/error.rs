//! What can go wrong with jobs, and what the user can do about it.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::{JobId, JobStatus, ResolveIdError, StateDirError};

/// Why something with jobs did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// There is no usable state folder.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// What was typed names no single job.
    #[error(transparent)]
    ResolveId(#[from] ResolveIdError),
    /// The file system refused something.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A newer version wrote the store; this one only reads it.
    #[error("the job store `{}` was written by a newer version of codex-review (format {version})", path.display())]
    NewerStore {
        /// The file that says so.
        path: PathBuf,
        /// Its format.
        version: u64,
    },
    /// Neither record nor event log of a job can be read.
    #[error("job `{id}` has no readable record")]
    Unreadable {
        /// The job.
        id: JobId,
    },
    /// The request of a job is gone or damaged, so there is nothing to run.
    #[error("the request of job `{id}` cannot be read")]
    NoRequest {
        /// The job.
        id: JobId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process owns the job.
    #[error("job `{id}` has an owner already")]
    Owned {
        /// The job.
        id: JobId,
    },
    /// The job was over before its worker began.
    #[error("job `{id}` is already {}", status.as_str())]
    AlreadyEnded {
        /// The job.
        id: JobId,
        /// Its status.
        status: JobStatus,
    },
    /// A lock stayed taken.
    #[error("the lock `{}` was not free within {}", path.display(), seconds(*waited))]
    LockTimeout {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// No free id was found.
    #[error("no free job id was found")]
    NoFreeId,
    /// The worker's program could not be started.
    #[error("cannot start a worker for job `{id}` with `{}`", program.display())]
    Spawn {
        /// The job.
        id: JobId,
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program that detaches the worker failed.
    #[error("the worker of job `{id}` was not started: its launcher {}", ended(*status))]
    Launch {
        /// The job.
        id: JobId,
        /// How the launcher ended; `None` if it did not end in time.
        status: Option<ExitStatus>,
    },
    /// The end of a job could not be stored anywhere.
    #[error("the end of job `{id}` could not be stored")]
    EndNotStored {
        /// The job.
        id: JobId,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No job of this session runs.
    #[error("No active Codex jobs to cancel for this session.")]
    NothingToCancel,
    /// No task can be resumed.
    #[error("No previous Codex task thread was found for this repository.")]
    NothingToResume,
    /// No job fits.
    #[error("no {wanted} was found for this repository")]
    NoJob {
        /// What was looked for.
        wanted: &'static str,
    },
    /// The job has not ended, so it has no result.
    #[error("job `{id}` is still {}", status.as_str())]
    NotEnded {
        /// The job.
        id: JobId,
        /// Its status.
        status: JobStatus,
    },
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn ended(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) => format!("ended with {status}"),
        None => "did not end in time".to_owned(),
    }
}

impl JobsError {
    /// What the user can do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            JobsError::StateDir(error) => Some(error.hint().to_owned()),
            JobsError::ResolveId(error) => Some(error.hint()),
            JobsError::Io { source, .. } | JobsError::EndNotStored { source, .. } => {
                Some(match source.kind() {
                    io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge => "free some space on the disk".to_owned(),
                    _ => "check that the state folder can be written, or set \
                          `CODEX_REVIEW_STATE_DIR` to one that can"
                        .to_owned(),
                })
            }
            JobsError::NewerStore { .. } => Some(
                "use the newer version, or set `CODEX_REVIEW_STATE_DIR` to another folder"
                    .to_owned(),
            ),
            JobsError::LockTimeout { .. } => {
                Some("another codex-review may be stopped while it holds the lock".to_owned())
            }
            JobsError::NotEnded { id, .. } => Some(format!(
                "wait for it with `codex-review status {id} --wait`"
            )),
            JobsError::NothingToCancel | JobsError::NoJob { .. } => {
                Some("`codex-review status --all` lists every job".to_owned())
            }
            _ => None,
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> JobsError {
        let path = path.into();
        move |source| JobsError::Io {
            action,
            path,
            source,
        }
    }
}
