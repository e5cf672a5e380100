//! All jobs at once: the index, brought in line with the folder, and what is deleted because there is too much of it.

use std::collections::HashSet;
use std::time::Duration;

use super::JobStore;
use crate::atomic_file::Durability;
use crate::jobs::account::{self, Account};
use crate::jobs::event_log::id_of_file_name;
use crate::jobs::index::{self, INDEX_FILE, Index, IndexState};
use crate::jobs::lock::{JobLock, StoreLock};
use crate::jobs::reconcile::reconcile;
use crate::jobs::retention::plan_retention;
use crate::jobs::settings::{self, Settings};
use crate::jobs::sweep::sweep_debris;
use crate::jobs::{Job, JobId, JobsError, StoreWarning};

const DERIVED_LOCK_WAIT: Duration = Duration::from_secs(3);

impl JobStore {
    /// Every job, newest first, without results. Jobs that lost their owner are shown, and where possible recorded, as
    /// over. Reads the index, and the own files only of jobs that are not over in it.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn jobs(&self) -> Result<Vec<Job>, JobsError> {
        self.jobs_and_settings().map(|(jobs, _)| jobs)
    }

    pub(crate) fn jobs_and_settings(&self) -> Result<(Vec<Job>, Settings), JobsError> {
        let mut index = self.read_index_and_mend()?;
        self.absorb_unlisted(&mut index)?;
        let mut jobs = Vec::with_capacity(index.entries.len());
        let mut behind = Vec::new();
        for entry in &index.entries {
            if entry.job.is_ended() {
                jobs.push(entry.job.clone());
                continue;
            }
            match self.load_files_or_summary(&entry.job) {
                Ok(mut fresh) => {
                    let ended_unseen = fresh.is_ended();
                    if !ended_unseen {
                        fresh = reconcile(self, fresh);
                    }
                    fresh.outcome = None;
                    // That an older tool's job is over is a guess: it is shown, and not put down.
                    if ended_unseen && self.files(&fresh.id).events.exists() {
                        behind.push(fresh.clone());
                    }
                    jobs.push(fresh);
                }
                Err(error) => self.warn(StoreWarning::UnreadableJob {
                    id: entry.job.id.to_string(),
                    reason: error.to_string(),
                }),
            }
        }
        if !behind.is_empty() && index.newer.is_none() {
            // A worker died between its last line and the index. A list does not fail for that.
            drop(self.update_index(Durability::Derived, |index| {
                behind.iter().for_each(|job| self.put(index, job));
            }));
        }
        jobs.sort_by(Job::newest_made_first);
        Ok((jobs, index.settings))
    }

    fn put(&self, index: &mut Index, job: &Job) {
        index.put(job, &self.files(&job.id).log);
    }

    /// The ids of the jobs in the folder.
    fn listed_ids(&self) -> Result<HashSet<JobId>, JobsError> {
        let folder = self.folder().join("jobs");
        let entries = std::fs::read_dir(&folder).map_err(JobsError::io("read", &folder))?;
        let mut ids = HashSet::new();
        for entry in entries {
            let entry = entry.map_err(JobsError::io("read", &folder))?;
            ids.extend(id_of_file_name(&entry.file_name()));
        }
        Ok(ids)
    }

    /// Brings an index in line with the folder: jobs that it lacks come in. Of a job whose files are gone the index has the
    /// only trace, and keeps it.
    fn absorb_unlisted(&self, index: &mut Index) -> Result<(), JobsError> {
        let mut unlisted = self.listed_ids()?;
        for entry in &index.entries {
            unlisted.remove(&entry.job.id);
        }
        for id in unlisted {
            match self.load_files(&id) {
                Ok(job) => self.put(index, &job),
                Err(JobsError::Unreadable { .. }) if self.is_unborn(&id) => {}
                Err(error) => self.warn(StoreWarning::UnreadableJob {
                    id: id.to_string(),
                    reason: error.to_string(),
                }),
            }
        }
        Ok(())
    }

    /// The first event of the job is being written at this moment, or its maker died before that.
    fn is_unborn(&self, id: &JobId) -> bool {
        let files = self.files(id);
        let is_log_empty = std::fs::metadata(&files.events).is_ok_and(|log| log.len() == 0);
        files.record.symlink_metadata().is_err()
            && (is_log_empty || !JobLock::is_free(&files.lock).unwrap_or(true))
    }

    fn read_index_and_mend(&self) -> Result<Index, JobsError> {
        match index::read(self.folder())? {
            IndexState::Intact(index) => {
                if index.newer.is_some() {
                    self.warn(StoreWarning::Newer {
                        path: self.folder().join(INDEX_FILE),
                    });
                } else if settings::is_copy_damaged(self.folder()) {
                    self.mend_settings_copy();
                }
                Ok(index)
            }
            IndexState::Missing => {
                let mut warnings = Vec::new();
                let index = Index::recovered(self.folder(), None, &mut warnings);
                warnings.into_iter().for_each(|warning| self.warn(warning));
                Ok(index)
            }
            IndexState::Damaged(bytes) => match self.update_index(Durability::Synced, |_| {}) {
                Ok(index) => Ok(index),
                Err(error) => {
                    let mut warnings = vec![
                        StoreWarning::Damaged {
                            path: self.folder().join(INDEX_FILE),
                            set_aside: None,
                        },
                        StoreWarning::NotWritten {
                            reason: error.to_string(),
                        },
                    ];
                    let index = Index::recovered(self.folder(), Some(&bytes), &mut warnings);
                    warnings.into_iter().for_each(|warning| self.warn(warning));
                    Ok(index)
                }
            },
        }
    }

    /// A whole index says what the copy has to say: nothing is lost yet, but the next damage would lose it.
    fn mend_settings_copy(&self) {
        self.warn(self.copy_is_damaged());
        // Writing the index writes a copy that makes no sense again, too.
        if let Err(error) = self.update_index(Durability::Synced, |_| {}) {
            self.warn(StoreWarning::NotWritten {
                reason: error.to_string(),
            });
        }
    }

    fn copy_is_damaged(&self) -> StoreWarning {
        StoreWarning::SettingsCopyDamaged {
            path: self.folder().join(settings::SETTINGS_FILE),
        }
    }

    /// What the repository's store remembers.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn settings(&self) -> Result<Settings, JobsError> {
        self.read_index_and_mend().map(|index| index.settings)
    }

    /// Changes settings. They are on disk, twice, when this returns.
    ///
    /// # Errors
    ///
    /// The store cannot be written, or a newer version wrote it.
    pub fn update_settings(
        &self,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Settings, JobsError> {
        self.update_index(Durability::Synced, |index| {
            change(&mut index.settings);
            // The copy first: at no moment do both files hold the older settings, or none.
            drop(settings::write_copy(self.folder(), &index.settings));
        })
        .map(|index| index.settings)
    }

    /// Puts a job's summary into the index. The index can be derived, so a failure is a warning.
    pub(crate) fn put_in_index(&self, job: &Job) {
        let durability = if job.is_ended() {
            Durability::Synced
        } else {
            Durability::Derived
        };
        if let Err(error) = self.update_index(durability, |index| self.put(index, job)) {
            self.warn(StoreWarning::NotWritten {
                reason: error.to_string(),
            });
        }
    }

    /// Reads, changes and writes the index under the store's lock, and prunes what need not stay.
    fn update_index(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut Index),
    ) -> Result<Index, JobsError> {
        let folder = self.folder();
        let wait = match durability {
            Durability::Synced => self.options.lock_wait,
            // What this write would say is said again by a later one, so the work does not wait long for it.
            Durability::Derived => self.options.lock_wait.min(DERIVED_LOCK_WAIT),
        };
        let _lock = StoreLock::acquire(folder.join("state.lock"), wait)?;
        let mut warnings = Vec::new();
        let mut index = match index::read(folder)? {
            IndexState::Intact(index) => {
                if index.newer.is_none() && settings::is_copy_damaged(folder) {
                    warnings.push(self.copy_is_damaged());
                }
                index
            }
            IndexState::Missing => Index::recovered(folder, None, &mut warnings),
            IndexState::Damaged(bytes) => {
                let set_aside = index::set_aside(folder, self.now());
                warnings.push(StoreWarning::Damaged {
                    path: folder.join(INDEX_FILE),
                    set_aside,
                });
                Index::recovered(folder, Some(&bytes), &mut warnings)
            }
        };
        warnings.into_iter().for_each(|warning| self.warn(warning));
        if let Some(version) = index.newer {
            return Err(JobsError::NewerStore {
                path: folder.join(INDEX_FILE),
                version,
            });
        }
        change(&mut index);
        self.absorb_unlisted(&mut index)?;
        let plan = plan_retention(
            index
                .entries
                .iter()
                .map(|entry| (&entry.job.id, entry.job.ended_at())),
            self.options.keep_finished,
        );
        index
            .entries
            .retain(|entry| !plan.delete.contains(&entry.job.id));
        index.write(folder, durability)?;
        self.delete_counted(&plan.delete);
        if durability == Durability::Synced {
            sweep_debris(self);
        }
        Ok(index)
    }

    /// Deletes jobs once what they used is added up. What cannot be is deleted by a later write.
    fn delete_counted(&self, ids: &[JobId]) {
        if ids.is_empty() {
            return;
        }
        // A job that cannot be read used nothing that anybody could tell.
        let jobs: Vec<Job> = ids.iter().filter_map(|id| self.load(id).ok()).collect();
        if account::fold(self.folder(), &jobs).is_ok() {
            ids.iter().for_each(|id| self.delete_ended(id));
        }
    }

    /// What the runs of this repository used, those of deleted jobs included.
    pub fn account(&self) -> Result<Account, JobsError> {
        let mut account = account::read(self.folder()).map_err(|source| JobsError::Io {
            action: "read",
            path: self.folder().join(account::ACCOUNT_FILE),
            source,
        })?;
        for job in self.jobs()? {
            account.add(&job);
        }
        Ok(account)
    }

    fn delete_ended(&self, id: &JobId) {
        let files = self.files(id);
        match JobLock::try_acquire(&files.lock) {
            // Its worker is still busy with the last lines; the next write of the index finds it again.
            Ok(None) if files.lock.exists() => {}
            _ => files.delete(),
        }
    }
}
