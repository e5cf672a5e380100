//! `state.json`: settings and the newest summaries, for scripts and for a quick list.
//!
//! The index is derived: whatever is wrong with it, the jobs' own files say what there is. It is written under the
//! store's lock, to a new file that takes its name; the write that tells of a job's end, or of settings, is flushed to
//! the disk first. A damaged one is set aside, never overwritten.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::record::JobRecordV1;
use super::settings::{self, Settings};
use super::stored_file;
use super::{Job, JobId, JobsError, Timestamp};
use crate::atomic_file::{self, Durability, Readers};

/// The index's file name.
pub(crate) const INDEX_FILE: &str = "state.json";
const INDEX_VERSION: u64 = 1;
/// How many damaged files are kept to look at.
const MAX_SET_ASIDE: usize = 5;

/// Something about the store that people should know and that stopped nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreWarning {
    /// The index could not be read as one.
    #[error("the job index `{}` was damaged{} and has been rebuilt from the jobs' own files", path.display(), kept(set_aside.as_deref()))]
    Damaged {
        /// The index.
        path: PathBuf,
        /// Where the damaged file is now; `None` if it could not be moved.
        set_aside: Option<PathBuf>,
    },
    /// Settings came from the damaged file or from their copy.
    #[error("the settings of this repository were recovered")]
    SettingsRecovered,
    /// The index is whole, and the copy of its settings was not.
    #[error("the copy of this repository's settings `{}` was damaged and is made again from the job index", path.display())]
    SettingsCopyDamaged {
        /// The copy.
        path: PathBuf,
    },
    /// Settings are lost, so the gate is taken to be on.
    #[error(
        "the settings of this repository are lost; the stop gate is taken to be on (`codex-review setup --disable-review-gate` switches it off)"
    )]
    GateAssumedOn,
    /// A newer version wrote the store.
    #[error("the job store `{}` was written by a newer version of codex-review and is only read", path.display())]
    Newer {
        /// The file that says so.
        path: PathBuf,
    },
    /// The index could not be written; it is caught up by a later write.
    #[error("the job index could not be written: {reason}")]
    NotWritten {
        /// Why.
        reason: String,
    },
    /// A job could not be read.
    #[error("job `{id}` cannot be read: {reason}")]
    UnreadableJob {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
}

fn kept(set_aside: Option<&Path>) -> String {
    set_aside.map_or_else(String::new, |path| {
        format!(" (kept as `{}`)", path.display())
    })
}

/// A summary as it stands in the index.
#[derive(Debug, Clone)]
pub(crate) struct IndexEntry {
    /// What was read in it.
    pub(crate) job: Job,
    /// The same with whatever else is in it.
    summary: Box<RawValue>,
}

impl IndexEntry {
    fn of(job: &Job, log_file: &str) -> Self {
        let summary = serde_json::value::to_raw_value(&JobRecordV1::summary(job, log_file))
            .expect("a record is a tree of JSON values");
        IndexEntry {
            job: Job {
                outcome: None,
                ..job.clone()
            },
            summary,
        }
    }

    /// `None` for an entry that makes no sense; the job's own files say what it was.
    fn parse(summary: Box<RawValue>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let named: Named = serde_json::from_str(summary.get()).ok()?;
        let id = JobId::parse(&named.id).ok()?;
        let mut job = JobRecordV1::parse(summary.get().as_bytes(), &id)?.job;
        job.outcome = None;
        Some(IndexEntry { job, summary })
    }
}

/// The index as the program sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) settings: Settings,
    pub(crate) entries: Vec<IndexEntry>,
    /// The format, if a newer version wrote it.
    pub(crate) newer: Option<u64>,
    /// Members that this version does not know.
    extra: BTreeMap<String, Box<RawValue>>,
}

/// What stands on disk.
pub(crate) enum IndexState {
    Intact(Index),
    Missing,
    Damaged(Vec<u8>),
}

pub(crate) fn read(folder: &Path) -> Result<IndexState, JobsError> {
    let path = folder.join(INDEX_FILE);
    match stored_file::read(&path) {
        Ok(bytes) => Ok(match parse(&bytes) {
            Some(index) => IndexState::Intact(index),
            None => IndexState::Damaged(bytes),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(IndexState::Missing),
        // Something else has its name, which goes out of the way as any damage does.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(IndexState::Damaged(Vec::new()))
        }
        Err(error) => Err(JobsError::io("read", path)(error)),
    }
}

fn parse(bytes: &[u8]) -> Option<Index> {
    fn member<T: DeserializeOwned>(raw: Option<Box<RawValue>>, default: T) -> Option<T> {
        match raw {
            Some(raw) => serde_json::from_str(raw.get()).ok(),
            None => Some(default),
        }
    }
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
    let version: u64 = serde_json::from_str(members.remove("version")?.get()).ok()?;
    let config = member(members.remove("config"), Map::new())?;
    let jobs: Vec<Box<RawValue>> = member(members.remove("jobs"), Vec::new())?;
    Some(Index {
        settings: Settings::from_members(config),
        // An entry that makes no sense is left out here and found again among the jobs' own files.
        entries: jobs.into_iter().filter_map(IndexEntry::parse).collect(),
        newer: (version > INDEX_VERSION).then_some(version),
        extra: members,
    })
}

/// Moves a damaged index out of the way. `None` if it cannot be moved.
pub(crate) fn set_aside(folder: &Path, at: Timestamp) -> Option<PathBuf> {
    let path = folder.join(INDEX_FILE);
    let mut aside = folder.join(format!("{INDEX_FILE}.damaged-{}", at.unix_millis()));
    let mut number = 1;
    while aside.exists() {
        aside = folder.join(format!(
            "{INDEX_FILE}.damaged-{}-{number}",
            at.unix_millis()
        ));
        number += 1;
    }
    std::fs::rename(&path, &aside).ok()?;
    forget_old_damage(folder);
    Some(aside)
}

fn forget_old_damage(folder: &Path) {
    let prefix = format!("{INDEX_FILE}.damaged-");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with(&prefix))
        .collect();
    names.sort();
    let surplus = names.len().saturating_sub(MAX_SET_ASIDE);
    for name in &names[..surplus] {
        // What cannot be deleted is left for the next time.
        drop(std::fs::remove_file(folder.join(name)));
    }
}

impl Index {
    /// An empty index with the settings that could be recovered.
    pub(crate) fn recovered(
        folder: &Path,
        damaged: Option<&[u8]>,
        warnings: &mut Vec<StoreWarning>,
    ) -> Index {
        Index {
            settings: settings::recover(folder, damaged, warnings),
            ..Index::default()
        }
    }

    /// Puts a summary in, in place of an older one of the same job. A job that is over stays over.
    pub(crate) fn put(&mut self, job: &Job, log_file: &Path) {
        let entry = IndexEntry::of(job, &log_file.to_string_lossy());
        match self.entries.iter_mut().find(|known| known.job.id == job.id) {
            Some(known) if known.job.is_ended() && !job.is_ended() => {}
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }

    /// Writes the index, newest job first by the time of making.
    pub(crate) fn write(&mut self, folder: &Path, durability: Durability) -> Result<(), JobsError> {
        #[derive(Serialize)]
        struct IndexV1<'a> {
            version: u64,
            config: Value,
            jobs: Vec<&'a RawValue>,
            #[serde(flatten)]
            extra: &'a BTreeMap<String, Box<RawValue>>,
        }
        self.entries
            .sort_by(|left, right| left.job.newest_made_first(&right.job));
        let path = folder.join(INDEX_FILE);
        let mut bytes = serde_json::to_vec(&IndexV1 {
            version: INDEX_VERSION,
            config: self.settings.to_json(),
            jobs: self.entries.iter().map(|entry| &*entry.summary).collect(),
            extra: &self.extra,
        })
        .expect("JSON values serialise");
        bytes.push(b'\n');
        // Also where nobody has set anything: after damage, that they had not is known by the copy alone.
        if !matches!(
            settings::read_copy(folder),
            settings::SettingsCopy::Intact(_)
        ) {
            settings::write_copy(folder, &self.settings)
                .map_err(JobsError::io("write", folder.join(settings::SETTINGS_FILE)))?;
        }
        atomic_file::write(&path, &bytes, durability, Readers::Owner)
            .map_err(JobsError::io("write", path))
    }
}
