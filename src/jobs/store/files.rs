//! Where the files of a job are.

use std::path::{Path, PathBuf};

use crate::jobs::JobId;
use crate::jobs::event_log::EVENTS_SUFFIX;

/// The files of one job.
#[derive(Debug, Clone)]
pub struct JobFiles {
    /// The event log.
    pub events: PathBuf,
    /// The lock that its owner holds.
    pub lock: PathBuf,
    /// The record.
    pub record: PathBuf,
    /// The log for people.
    pub log: PathBuf,
    /// What the worker was asked to do.
    pub request: PathBuf,
    /// A big end, or one that the event log could not take.
    pub end: PathBuf,
    /// Its being there asks the worker to stop.
    pub cancel: PathBuf,
}

impl JobFiles {
    pub(super) fn new(folder: &Path, id: &JobId) -> Self {
        let file = |suffix: &str| folder.join("jobs").join(format!("{id}{suffix}"));
        JobFiles {
            events: file(EVENTS_SUFFIX),
            lock: file(".lock"),
            record: file(".json"),
            log: file(".log"),
            request: file(".request.json"),
            end: file(".end.json"),
            cancel: file(".cancel"),
        }
    }

    /// Deletes every file, the lock file last. What is not there or cannot be deleted is passed over.
    pub(crate) fn delete(&self) {
        for path in [
            &self.request,
            &self.record,
            &self.log,
            &self.end,
            &self.cancel,
            &self.events,
            &self.lock,
        ] {
            drop(std::fs::remove_file(path));
        }
    }
}
