//! `state.json`: settings and the newest summaries, for scripts and for a quick list.
//!
//! The index is derived: whatever is wrong with it, the jobs' own files say what there is. It is written under the
//! store's lock, to a new file that takes its name. A damaged one is set aside, never overwritten.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::atomic_file::{self, Durability};
use super::record::JobRecordV1;
use super::settings::{self, Settings};
use super::{Job, JobsError, Timestamp};

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

#[derive(Serialize, Deserialize)]
struct IndexV1 {
    version: u64,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    jobs: Vec<Value>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// The index as the program sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) settings: Settings,
    /// Newest first; without results.
    pub(crate) jobs: Vec<Job>,
    /// The format, if a newer version wrote it.
    pub(crate) newer: Option<u64>,
    extra: Map<String, Value>,
}

/// What stands on disk.
pub(crate) enum IndexState {
    Intact(Index),
    Missing,
    Damaged(Vec<u8>),
}

pub(crate) fn read(folder: &Path) -> Result<IndexState, JobsError> {
    let path = folder.join(INDEX_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(match parse(&bytes) {
            Some(index) => IndexState::Intact(index),
            None => IndexState::Damaged(bytes),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(IndexState::Missing),
        Err(error) => Err(JobsError::io("read", path)(error)),
    }
}

fn parse(bytes: &[u8]) -> Option<Index> {
    let file: IndexV1 = serde_json::from_slice(bytes).ok()?;
    Some(Index {
        settings: Settings::from_members(file.config),
        // An entry that makes no sense is left out here and found again among the jobs' own files.
        jobs: file
            .jobs
            .into_iter()
            .filter_map(|entry| serde_json::from_value::<JobRecordV1>(entry).ok())
            .filter_map(JobRecordV1::into_job)
            .map(|read| read.job)
            .collect(),
        newer: (file.version > INDEX_VERSION).then_some(file.version),
        extra: file.extra,
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

    /// Puts a summary in, in place of an older one of the same job.
    pub(crate) fn put(&mut self, job: &Job) {
        let mut summary = job.clone();
        summary.outcome = None;
        match self.jobs.iter_mut().find(|known| known.id == job.id) {
            Some(known) if known.is_ended() && !summary.is_ended() => {}
            Some(known) => *known = summary,
            None => self.jobs.push(summary),
        }
    }

    /// Newest first by the time of making.
    pub(crate) fn sort(&mut self) {
        sort_newest_first(&mut self.jobs);
    }

    pub(crate) fn write(
        &self,
        folder: &Path,
        log_file: impl Fn(&Job) -> String,
    ) -> Result<(), JobsError> {
        let path = folder.join(INDEX_FILE);
        let mut config = self.settings.to_json();
        let file = IndexV1 {
            version: INDEX_VERSION,
            config: std::mem::take(config.as_object_mut().expect("settings are an object")),
            jobs: self
                .jobs
                .iter()
                .map(|job| JobRecordV1::summary(job, &log_file(job)).to_value())
                .collect(),
            extra: self.extra.clone(),
        };
        let mut bytes = serde_json::to_vec_pretty(&file).expect("JSON values serialise");
        bytes.push(b'\n');
        if !self.settings.members().is_empty()
            && matches!(
                settings::read_copy(folder),
                settings::SettingsCopy::Missing | settings::SettingsCopy::Damaged
            )
        {
            settings::write_copy(folder, &self.settings)
                .map_err(JobsError::io("write", folder.join(settings::SETTINGS_FILE)))?;
        }
        atomic_file::write(&path, &bytes, Durability::Synced).map_err(JobsError::io("write", path))
    }
}

pub(crate) fn sort_newest_first(jobs: &mut [Job]) {
    jobs.sort_by(|left, right| (right.created_at, &right.id).cmp(&(left.created_at, &left.id)));
}
