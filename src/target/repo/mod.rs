//! The git repository, read in process: the only place that names gix types.

mod collect;
mod commits;
mod compare;
mod content;
mod convert;
mod create;
mod edits;
mod files;
mod head_move;
mod hooks_folder;
mod kept;
mod line_origins;
mod listing;
mod loose;
mod made_patch;
mod object_reader;
mod objects;
mod open;
mod packs;
mod parallel;
mod patched;
mod push_base;
mod raw;
mod refs;
mod renames;
mod resolve;
mod revision;
mod snapshot;
mod status;
mod submodule;
mod touched;
mod tree_diff;
mod tree_files;
mod uncommitted;
mod untracked;
mod user_config;
mod watched;
mod worktree;
mod worktree_file;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use super::ObjectId;
use packs::Packs;
use status::Status;

pub use commits::{CommitLog, CommitSummary};
pub use create::{CreateError, NewFile, create_repository};
pub use head_move::HeadMove;
pub use hooks_folder::hooks_folder_everywhere;
pub use line_origins::{LineOrigin, LineOrigins, LineQuery};
pub use open::OpenError;
pub use push_base::RemoteCommits;
pub(super) use snapshot::Snapshot;
pub use touched::TouchedFiles;
pub use tree_files::StoredFile;
pub use uncommitted::{OnDisk, StagedEntry, Uncommitted};
pub use watched::{WatchRules, WatchedFolders};

/// An open repository. It belongs to one thread; opening another one is cheap.
pub struct Repository {
    gix: gix::Repository,
    packs: Arc<Packs>,
    index_path: PathBuf,
    programs: ConfiguredPrograms,
    /// What was seen when a target was resolved last.
    seen: RefCell<Option<Arc<Status>>>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}

/// The settings, of the repository and the user, by which git as a program comes to start other programs while it reads.
/// Nothing here ever starts one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfiguredPrograms {
    /// Names of filters that have a program on the way into the repository.
    pub filters: Vec<BString>,
    /// Names of protocols that are allowed or forbidden by name: what is missing in a partial clone is fetched by one.
    pub protocols: Vec<BString>,
}

/// A file of the working tree, read within a cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorktreeFile {
    /// Its whole content, as it is on disk.
    Content(Vec<u8>),
    /// It is larger than the cap.
    TooLarge {
        /// Its size in bytes.
        size: u64,
    },
    /// A symbolic link; it was not followed.
    Symlink,
    /// A directory, FIFO, socket or device; it was not opened for reading.
    NotRegular(&'static str),
    /// Nothing is there.
    Missing,
}

impl Repository {
    fn new(gix: gix::Repository, index_path: PathBuf, programs: ConfiguredPrograms) -> Self {
        Repository {
            packs: Arc::new(Packs::new(&gix)),
            gix,
            index_path,
            programs,
            seen: RefCell::new(None),
        }
    }

    /// The root of the working tree; for a bare repository, its git directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.gix.workdir().unwrap_or_else(|| self.gix.git_dir())
    }

    /// What settings make git start, by name.
    #[must_use]
    pub fn configured_programs(&self) -> &ConfiguredPrograms {
        &self.programs
    }

    /// The git directory (of a linked worktree: its own one).
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        self.gix.git_dir()
    }

    /// The real path of the main worktree, which all linked worktrees share; for a bare repository, its git directory.
    #[must_use]
    pub fn main_worktree(&self) -> PathBuf {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.gix.common_dir() == self.gix.git_dir() {
            return real(self.root());
        }
        let common = real(self.gix.common_dir());
        match common.parent() {
            Some(parent) if common.file_name().is_some_and(|name| name == ".git") => {
                parent.to_owned()
            }
            _ => common,
        }
    }

    /// Whether there is no working tree.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.gix.workdir().is_none()
    }

    /// The branch that HEAD names, without `refs/heads/`; `None` when detached.
    #[must_use]
    pub fn branch(&self) -> Option<String> {
        let name = self.gix.head_name().ok().flatten()?;
        Some(name.shorten().to_string())
    }

    /// git's `user.name`, where the repository or the user sets it.
    #[must_use]
    pub fn user_name(&self) -> Option<String> {
        let name = self.gix.config_snapshot().string("user.name")?;
        let name = name.to_string();
        (!name.trim().is_empty()).then_some(name)
    }

    /// The commit that HEAD points at; `None` on an unborn branch.
    #[must_use]
    pub fn head(&self) -> Option<ObjectId> {
        let id = self.gix.head().ok()?.into_peeled_id().ok()?;
        Some(own_id(&id.detach()))
    }
}

fn own_id(id: &gix::oid) -> ObjectId {
    ObjectId::from_hex(&id.to_hex().to_string()).expect("gix writes lower-case hex digits")
}

fn gix_id(id: &ObjectId) -> gix::ObjectId {
    gix::ObjectId::from_hex(id.as_hex().as_bytes())
        .expect("an id has 40 or 64 lower-case hex digits")
}

/// The most threads that are started: more do not help a file system.
const MOST_THREADS: usize = 8;

/// How many threads to use; 0 asks the system.
fn threads(wanted: usize) -> usize {
    let threads = match wanted {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        wanted => wanted,
    };
    threads.min(MOST_THREADS)
}
