//! The jobs of one repository on disk: making them, reading them, listing them.
//!
//! The truth about a job is its event log (and its end file). Record and index are snapshots that save reading it. A
//! reader needs no lock; it sees the old or the new version of each file. Failure policy: a damaged file that can be
//! derived again is a warning ([`JobStore::take_warnings`]), a job that cannot be read is left out of lists and named in
//! a warning, and only what the caller asked for by name is an error.

mod create;
mod files;
mod listing;
mod load;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::index::{self, INDEX_FILE, Index, IndexState};
use super::{
    Clock, DEFAULT_KEEP_FINISHED, JobId, JobsError, StateFolder, StateRoot, StoreWarning, Timestamp,
};
pub use files::JobFiles;

const MAX_WARNINGS: usize = 32;

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where the time comes from.
    pub clock: Clock,
    /// How many finished jobs are kept.
    pub keep_finished: usize,
    /// How long to wait for the index's lock.
    pub lock_wait: Duration,
    /// How long a job without an owner may stay queued before it counts as dead. Zero where ownership passes from the
    /// maker to the worker without a gap.
    pub start_grace: Duration,
}

impl StoreOptions {
    /// The defaults, with this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        StoreOptions {
            clock,
            keep_finished: DEFAULT_KEEP_FINISHED,
            lock_wait: Duration::from_secs(20),
            start_grace: if cfg!(unix) {
                Duration::ZERO
            } else {
                Duration::from_secs(15)
            },
        }
    }
}

/// The jobs of one repository.
#[derive(Debug, Clone)]
pub struct JobStore {
    folder: StateFolder,
    options: StoreOptions,
    warnings: Arc<Mutex<Vec<StoreWarning>>>,
}

impl JobStore {
    /// Opens the store of the repository with this main worktree, making its folder if need be.
    ///
    /// # Errors
    ///
    /// The folder cannot be used.
    pub fn open(
        root: &StateRoot,
        main_worktree: &Path,
        options: StoreOptions,
    ) -> Result<Self, JobsError> {
        Ok(JobStore {
            folder: StateFolder::open(root, main_worktree)?,
            options,
            warnings: Arc::default(),
        })
    }

    /// The store's folder; the broker's files live there too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The repository's main worktree, as a real path.
    #[must_use]
    pub fn workspace_root(&self) -> &Path {
        self.folder.workspace_root()
    }

    /// The files of a job, whether or not it exists.
    #[must_use]
    pub fn files(&self, id: &JobId) -> JobFiles {
        JobFiles::new(self.folder(), id)
    }

    /// How this store behaves.
    #[must_use]
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// What went wrong since the last call without stopping anything.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<StoreWarning> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn warn(&self, warning: StoreWarning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < MAX_WARNINGS && !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Refuses to go on if a newer version wrote the store.
    pub(crate) fn check_writable(&self) -> Result<(), JobsError> {
        match index::read(self.folder())? {
            IndexState::Intact(Index {
                newer: Some(version),
                ..
            }) => Err(JobsError::NewerStore {
                path: self.folder().join(INDEX_FILE),
                version,
            }),
            _ => Ok(()),
        }
    }
}
