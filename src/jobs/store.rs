//! The jobs of one repository on disk: making them, reading them, listing them.
//!
//! The truth about a job is its event log (and its end file). Record and index are snapshots that save reading it. A
//! reader needs no lock; it sees the old or the new version of each file. Failure policy: a damaged file that can be
//! derived again is a warning ([`JobStore::take_warnings`]), a job that cannot be read is left out of lists and named in
//! a warning, and only what the caller asked for by name is an error.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::account::{self, Account};
use super::event_log::{EVENTS_SUFFIX, EventReader, id_of_file_name};
use super::event_wire::decode_end_file;
use super::index::{self, INDEX_FILE, Index, IndexState};
use super::lock::{JobLock, StoreLock};
use super::reconcile::reconcile;
use super::record::{JobRecordV1, RECORD_VERSION};
use super::retention::plan_retention;
use super::settings::{self, Settings};
use super::sweep::sweep_debris;
use super::worker::OwnedJob;
use super::writer::JobWriter;
use super::{
    Clock, CreatedFacts, DEFAULT_KEEP_FINISHED, Job, JobEvent, JobId, JobResult, JobsError, NewJob,
    StampedEvent, StateFolder, StateRoot, StoreWarning, Timestamp,
};
use crate::atomic_file::{self, Durability, Readers};

/// A request up to this size also stands in the record.
const MAX_INLINE_REQUEST_BYTES: usize = 32 * 1024;
const ID_TRIES: u64 = 16;
const MAX_WARNINGS: usize = 32;
const DERIVED_LOCK_WAIT: Duration = Duration::from_secs(3);

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
    fn new(folder: &Path, id: &JobId) -> Self {
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

    /// Makes a job. The caller owns it until a worker takes it over; a job whose owner goes away without an end shows
    /// as failed.
    ///
    /// # Errors
    ///
    /// The store cannot be written, or a newer version wrote it.
    pub fn create(&self, new: NewJob) -> Result<OwnedJob, JobsError> {
        self.check_writable()?;
        let at = self.now();
        let (id, lock) = self.take_free_id(&new, at)?;
        let files = self.files(&id);
        let made = self.begin(id, lock, at, &new);
        if made.is_err() {
            files.delete();
        }
        made.map(OwnedJob::new)
    }

    fn take_free_id(&self, new: &NewJob, at: Timestamp) -> Result<(JobId, JobLock), JobsError> {
        for attempt in 0..ID_TRIES {
            let random = new
                .random
                .wrapping_add(attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let id = JobId::generate(new.class, at, random);
            let path = self.files(&id).lock;
            match JobLock::create(&path) {
                Ok(lock) => return Ok((id, lock)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(JobsError::io("create", path)(error)),
            }
        }
        Err(JobsError::NoFreeId)
    }

    fn begin(
        &self,
        id: JobId,
        lock: JobLock,
        at: Timestamp,
        new: &NewJob,
    ) -> Result<JobWriter, JobsError> {
        let files = self.files(&id);
        let request = serde_json::to_vec(&new.request).expect("JSON values serialise");
        atomic_file::write(
            &files.request,
            &request,
            Durability::Derived,
            Readers::Owner,
        )
        .map_err(JobsError::io("write", &files.request))?;
        let facts = CreatedFacts {
            class: new.class,
            kind: new.kind.clone(),
            kind_label: new.kind_label.clone(),
            title: new.title.clone(),
            summary: new.summary.clone(),
            write: new.write,
            ephemeral: new.ephemeral,
            background: new.background,
            session_id: new.session_id.clone(),
            workspace_root: self.workspace_root().to_owned(),
        };
        let job = Job::created(id, at, &facts);
        let request = request_for_record(&new.request, request.len(), &files);
        let mut writer = JobWriter::open(self, lock, job, request)?;
        writer.begin(&StampedEvent {
            at,
            event: JobEvent::Created(Box::new(facts)),
        })?;
        Ok(writer)
    }

    /// The request that a job was made with.
    ///
    /// # Errors
    ///
    /// It is gone or damaged.
    pub fn request(&self, id: &JobId) -> Result<Value, JobsError> {
        let no_request = |source| JobsError::NoRequest {
            id: id.clone(),
            source,
        };
        let bytes = std::fs::read(self.files(id).request).map_err(no_request)?;
        serde_json::from_slice(&bytes).map_err(|error| no_request(error.into()))
    }

    pub(crate) fn request_for_record(&self, id: &JobId) -> Value {
        let files = self.files(id);
        self.request(id).map_or(Value::Null, |request| {
            let size = serde_json::to_vec(&request).map_or(0, |bytes| bytes.len());
            request_for_record(&request, size, &files)
        })
    }

    /// Reads one job whole, as its files have it; whether its owner lives is not looked at (see
    /// [`reconcile`](super::reconcile())).
    ///
    /// # Errors
    ///
    /// There is no such job, or nothing of it can be read.
    pub fn load(&self, id: &JobId) -> Result<Job, JobsError> {
        let files = self.files(id);
        let record = match std::fs::read(&files.record) {
            Ok(bytes) => JobRecordV1::parse(&bytes).filter(|read| read.job.id == *id),
            Err(_) => None,
        };
        let newer = record
            .as_ref()
            .is_some_and(|read| read.version > RECORD_VERSION);
        let log_length = std::fs::metadata(&files.events).map(|metadata| metadata.len());
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
        let Some((at, facts)) = std::fs::read(&files.end)
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
            if entry.ended_at.is_some()
                && let Some(job) = entry.job()
            {
                jobs.push(job);
                continue;
            }
            match self.load(&entry.id) {
                Ok(mut fresh) => {
                    let ended_unseen = fresh.is_ended();
                    if !ended_unseen {
                        fresh = reconcile(self, fresh);
                    }
                    fresh.outcome = None;
                    if ended_unseen {
                        behind.push(fresh.clone());
                    }
                    jobs.push(fresh);
                }
                Err(error) => self.warn(StoreWarning::UnreadableJob {
                    id: entry.id.to_string(),
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
        jobs.sort_by(|left, right| (right.created_at, &right.id).cmp(&(left.created_at, &left.id)));
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

    /// Brings an index in line with the folder: jobs that it lacks come in, jobs whose files are gone go out.
    fn absorb_unlisted(&self, index: &mut Index) -> Result<(), JobsError> {
        let mut unlisted = self.listed_ids()?;
        index.entries.retain(|entry| unlisted.remove(&entry.id));
        for id in unlisted {
            match self.load(&id) {
                Ok(job) => self.put(index, &job),
                // Its first event is being written at this moment, or its maker died before that.
                Err(JobsError::Unreadable { .. }) => {}
                Err(error) => self.warn(StoreWarning::UnreadableJob {
                    id: id.to_string(),
                    reason: error.to_string(),
                }),
            }
        }
        Ok(())
    }

    fn read_index_and_mend(&self) -> Result<Index, JobsError> {
        match index::read(self.folder())? {
            IndexState::Intact(index) => {
                if index.newer.is_some() {
                    self.warn(StoreWarning::Newer {
                        path: self.folder().join(INDEX_FILE),
                    });
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
            IndexState::Intact(index) => index,
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
                .map(|entry| (&entry.id, entry.ended_at)),
            self.options.keep_finished,
        );
        index
            .entries
            .retain(|entry| !plan.delete.contains(&entry.id));
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

fn request_for_record(request: &Value, size: usize, files: &JobFiles) -> Value {
    if size <= MAX_INLINE_REQUEST_BYTES {
        request.clone()
    } else {
        json!({ "storedIn": files.request.to_string_lossy() })
    }
}
