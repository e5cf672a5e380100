//! The git repository, read in process: the only place that names gix types.

mod commits;
mod open;
mod user_config;

use std::path::{Path, PathBuf};

use bstr::{BStr, BString};

use super::{
    ChangeOptions, ChangeSet, ChangesError, FileChange, ObjectId, ResolveError, ResolvedTarget,
    TargetSpec,
};

pub use commits::{CommitLog, CommitSummary};
pub use open::OpenError;

/// An open repository. It belongs to one thread; opening another one is cheap.
pub struct Repository {
    gix: gix::Repository,
    index_path: PathBuf,
    filters: Vec<BString>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
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
    fn new(gix: gix::Repository, index_path: PathBuf, filters: Vec<BString>) -> Self {
        Repository {
            gix,
            index_path,
            filters,
        }
    }

    /// The root of the working tree; for a bare repository, its git directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.gix.workdir().unwrap_or_else(|| self.gix.git_dir())
    }

    /// The git directory (of a linked worktree: its own one).
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        self.gix.git_dir()
    }

    /// The real path of the main worktree, which all linked worktrees share; for a bare repository, its git directory.
    #[must_use]
    pub fn main_worktree(&self) -> PathBuf {
        let common = self.gix.common_dir();
        let path = if common == self.gix.git_dir() {
            self.root()
        } else {
            match common.parent() {
                Some(parent) if common.file_name().is_some_and(|name| name == ".git") => parent,
                _ => common,
            }
        };
        std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
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

    /// The commit that HEAD points at; `None` on an unborn branch.
    #[must_use]
    pub fn head(&self) -> Option<ObjectId> {
        let id = self.gix.head().ok()?.into_peeled_id().ok()?;
        Some(own_id(&id.detach()))
    }

    /// From what was asked for to object ids.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub fn resolve(&self, spec: &TargetSpec) -> Result<ResolvedTarget, ResolveError> {
        let _ = spec;
        Err(ResolveError::NoDefaultBranch)
    }

    /// The change of a resolved target.
    ///
    /// # Errors
    /// See [`ChangesError`].
    pub fn changes(
        &self,
        target: &ResolvedTarget,
        options: &ChangeOptions,
    ) -> Result<ChangeSet, ChangesError> {
        let _ = (target, options);
        Err(not_yet())
    }

    /// Whether anything is staged, unstaged or untracked.
    ///
    /// # Errors
    /// See [`ChangesError`].
    pub fn has_changes(&self) -> Result<bool, ChangesError> {
        Err(not_yet())
    }

    /// The commits that `new` has and `old` lacks (all, without `old`), newest first, at most `limit`.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] for a commit that cannot be read.
    pub fn commits(
        &self,
        old: Option<&ObjectId>,
        new: &ObjectId,
        limit: usize,
    ) -> Result<CommitLog, ChangesError> {
        let _ = (old, new, limit);
        Err(not_yet())
    }

    /// A regular file of the working tree, up to `cap` bytes. Links are not followed, nothing special is opened.
    ///
    /// # Errors
    /// [`ChangesError::Io`] if it is there and cannot be read.
    pub fn read_worktree_file(&self, path: &BStr, cap: u64) -> Result<WorktreeFile, ChangesError> {
        let _ = (path, cap);
        Err(not_yet())
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn blob(&self, id: &ObjectId) -> Result<Vec<u8>, ChangesError> {
        let _ = id;
        Err(not_yet())
    }

    /// The content of a file in a commit's tree; `None` if it has none of this name.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn file_at(&self, commit: &ObjectId, path: &BStr) -> Result<Option<Vec<u8>>, ChangesError> {
        let _ = (commit, path);
        Err(not_yet())
    }
}

fn not_yet() -> ChangesError {
    ChangesError::Repository {
        what: "the repository".into(),
        source: "not written yet".into(),
    }
}

fn own_id(id: &gix::oid) -> ObjectId {
    ObjectId::from_hex(&id.to_hex().to_string()).expect("gix writes lower-case hex digits")
}

/// What a [`ChangeSet`] keeps to render patches later.
#[derive(Debug)]
pub(super) struct Snapshot;

impl Snapshot {
    pub(super) fn render(&self, _: &FileChange, _: usize, _: u32) -> Result<Vec<u8>, ChangesError> {
        Err(not_yet())
    }
    pub(super) fn new_content(
        &self,
        _: &FileChange,
        _: usize,
        _: u64,
    ) -> Result<Option<Vec<u8>>, ChangesError> {
        Err(not_yet())
    }
}
