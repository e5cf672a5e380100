//! Reading one job: its record, and what its event log and its end file say beyond that.
//!
//! A record without a log and a lock is a job of an older tool that kept its state here: it is shown, its result is
//! found, its thread can be gone on with, and it is never written. Nothing can own it, so it is over. A job of which no
//! file can be read is what its summary in the index says.

use std::io;

use super::{JobFiles, JobStore};
use crate::jobs::event_log::EventReader;
use crate::jobs::event_wire::decode_end_file;
use crate::jobs::index::{self, IndexState};
use crate::jobs::record::{JobRecordV1, RECORD_VERSION};
use crate::jobs::stored_file;
use crate::jobs::{
    EndedFacts, Job, JobEvent, JobId, JobResult, JobsError, StampedEvent, end_of_ownerless,
};

impl JobStore {
    /// Reads one job whole, as its files have it; where only its summary in the index is left, without its result. Whether
    /// its owner lives is not looked at (see [`reconcile`](crate::jobs::reconcile())).
    ///
    /// # Errors
    ///
    /// There is no such job, or nothing of it can be read.
    pub fn load(&self, id: &JobId) -> Result<Job, JobsError> {
        match self.load_files(id) {
            Err(error @ JobsError::Unreadable { .. }) => match index::read(self.folder()) {
                Ok(IndexState::Intact(index)) => index
                    .entries
                    .iter()
                    .find(|entry| entry.job.id == *id)
                    .and_then(|entry| self.of_summary(&entry.job))
                    .ok_or(error),
                _ => Err(error),
            },
            loaded => loaded,
        }
    }

    /// As [`JobStore::load`], with the job's summary in the index at hand.
    pub(super) fn load_files_or_summary(&self, summary: &Job) -> Result<Job, JobsError> {
        match self.load_files(&summary.id) {
            Err(error @ JobsError::Unreadable { .. }) => self.of_summary(summary).ok_or(error),
            loaded => loaded,
        }
    }

    /// What can be told of a job whose summary alone is left. `None` where somebody may be at work on it.
    fn of_summary(&self, summary: &Job) -> Option<Job> {
        if summary.is_ended() {
            Some(summary.clone())
        } else if self.files(&summary.id).lock.exists() {
            None
        } else {
            Some(ended_without_owner(summary.clone()))
        }
    }

    /// Reads one job from its own files alone.
    pub(super) fn load_files(&self, id: &JobId) -> Result<Job, JobsError> {
        let files = self.files(id);
        let log_length = std::fs::metadata(&files.events).map(|metadata| metadata.len());
        let record = match stored_file::read(&files.record) {
            Ok(bytes) => {
                JobRecordV1::parse(&bytes, id).filter(|read| !read.is_mended || log_length.is_err())
            }
            Err(_) => None,
        };
        let newer = record
            .as_ref()
            .is_some_and(|read| read.version > RECORD_VERSION);
        let mut job = match (record, &log_length) {
            (Some(read), Ok(length)) if read.events_offset <= *length => {
                if read.job.is_ended() {
                    return Ok(read.job);
                }
                let mut job = read.job;
                self.replay(&files, read.events_offset, |stamped| {
                    job.apply(stamped);
                })?;
                job
            }
            (Some(read), _) if newer || read.job.is_ended() => return Ok(read.job),
            (_, Ok(_)) => self.replay_whole(id, &files)?,
            (Some(read), Err(error))
                if error.kind() == io::ErrorKind::NotFound && !files.lock.exists() =>
            {
                return Ok(ended_without_owner(read.job));
            }
            (_, Err(_)) => return Err(JobsError::Unreadable { id: id.clone() }),
        };
        self.adopt_end_file(&files, &mut job);
        job.cancel_requested |= files.cancel.exists();
        Ok(job)
    }

    fn replay(
        &self,
        files: &JobFiles,
        offset: u64,
        mut take: impl FnMut(&StampedEvent),
    ) -> Result<(), JobsError> {
        EventReader::open(&files.events, offset)
            .and_then(|mut reader| reader.read_available(|stamped| take(&stamped)))
            .map_err(JobsError::io("read", &files.events))
    }

    fn replay_whole(&self, id: &JobId, files: &JobFiles) -> Result<Job, JobsError> {
        let mut job: Option<Job> = None;
        self.replay(files, 0, |stamped| match (&mut job, &stamped.event) {
            (Some(job), _) => {
                job.apply(stamped);
            }
            (None, JobEvent::Created(facts)) => {
                job = Some(Job::created(id.clone(), stamped.at, facts));
            }
            (None, _) => {}
        })?;
        job.ok_or_else(|| JobsError::Unreadable { id: id.clone() })
    }

    /// A big end stands in a file of its own, and so does one that the log had no room for.
    fn adopt_end_file(&self, files: &JobFiles, job: &mut Job) {
        if job.outcome.is_some() {
            return;
        }
        let Some((at, facts)) = stored_file::read(&files.end)
            .ok()
            .and_then(|bytes| decode_end_file(&bytes))
        else {
            return;
        };
        let outcome = JobResult {
            result: facts.end.result.clone(),
            rendered: facts.end.rendered.clone(),
        };
        job.apply(&StampedEvent {
            at,
            event: JobEvent::Ended(Box::new(facts)),
        });
        job.outcome = Some(outcome);
    }
}

/// The job as of its last word. The same at each reading: no clock is asked.
fn ended_without_owner(mut job: Job) -> Job {
    let end = end_of_ownerless(&job);
    job.apply(&StampedEvent {
        at: job.updated_at,
        event: JobEvent::Ended(Box::new(EndedFacts {
            end,
            in_end_file: false,
            unwritten_events: 0,
        })),
    });
    job
}
