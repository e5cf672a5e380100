//! A change that is read from a repository.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use bstr::{BString, ByteSlice as _};

use super::view::{ChangeView, SnapshotFile, ViewError};
use crate::target::{
    ChangeSet, CommitLog, Endpoint, FileChange, LeftOut, REVIEW_IGNORE_FILE, Repository,
    ResolvedTarget, ReviewIgnore,
};

/// A change set, its target and the repository that both come from.
#[derive(Debug, Clone, Copy)]
pub struct RepositoryChanges<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// What is under review.
    pub target: &'a ResolvedTarget,
    /// Its change.
    pub changes: &'a ChangeSet,
}

impl ChangeView for RepositoryChanges<'_> {
    fn target(&self) -> &ResolvedTarget {
        self.target
    }

    fn files(&self) -> &[FileChange] {
        &self.changes.files
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.changes.left_out
    }

    fn left_out_more(&self) -> usize {
        self.changes.left_out_more
    }

    fn ignored(&self) -> usize {
        self.changes.ignored
    }

    fn notes(&self) -> &[String] {
        &self.changes.notes
    }

    fn patch(&self, index: usize, context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError> {
        self.changes
            .patch_with(index, context_lines)
            .map(Cow::Owned)
            .map_err(|error| ViewError::of(&error))
    }

    fn commits(&self, limit: usize) -> Result<CommitLog, ViewError> {
        let Endpoint::Commit(new) = &self.target.new else {
            return Ok(CommitLog::default());
        };
        let old = match &self.target.old {
            Endpoint::Commit(old) => Some(old),
            _ => None,
        };
        self.repository
            .commits(old, new, limit)
            .map_err(|error| ViewError::of(&error))
    }

    /// What the commit or the index has, with the changed files as they are now. What `.codexreviewignore` takes out of
    /// reviews is no supporting code either.
    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        let stored = match &self.target.new {
            Endpoint::Commit(commit) => self.repository.files_at(commit),
            Endpoint::Index | Endpoint::WorkTree => self.repository.files_in_index(),
            Endpoint::EmptyTree => Ok(Vec::new()),
        };
        let stored = stored.map_err(|error| ViewError::of(&error))?;
        let mut files: BTreeMap<BString, SnapshotFile> = stored
            .into_iter()
            .map(|file| {
                let entry = SnapshotFile {
                    path: file.path.clone(),
                    id: file.id,
                    change: None,
                };
                (file.path, entry)
            })
            .collect();
        for (index, change) in self.changes.files.iter().enumerate() {
            match &change.new {
                Some(side) if side.mode & 0o170_000 == 0o100_000 => {
                    let entry = SnapshotFile {
                        path: change.path.clone(),
                        id: side.id.clone(),
                        change: Some(index),
                    };
                    files.insert(change.path.clone(), entry);
                }
                _ => {
                    files.remove(&change.path);
                }
            }
        }
        let ignore = match files.get(REVIEW_IGNORE_FILE.as_bytes().as_bstr()) {
            Some(file) => self.content(file, MOST_IGNORE_BYTES)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let ignore = ReviewIgnore::parse(&ignore);
        Ok(files
            .into_values()
            .filter(|file| file.change.is_some() || !ignore.takes_out(file.path.as_bstr()))
            .collect())
    }

    fn content(&self, file: &SnapshotFile, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        match file.change {
            Some(index) => self.changes.new_content(index, cap),
            None => self.repository.blob_within(&file.id, cap),
        }
        .map_err(|error| ViewError::of(&error))
    }

    fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        match &self.changes.files[index].old {
            Some(side) if side.mode & 0o170_000 == 0o100_000 => self
                .repository
                .blob_within(&side.id, cap)
                .map_err(|error| ViewError::of(&error)),
            _ => Ok(None),
        }
    }
}

/// A longer `.codexreviewignore` is not read.
const MOST_IGNORE_BYTES: u64 = 256 * 1024;

/// A change with a folder to keep outlines in, so that the next context need not parse what this one has parsed.
#[derive(Debug, Clone, Copy)]
pub struct CachedChanges<'a> {
    /// The change.
    pub changes: RepositoryChanges<'a>,
    /// A folder that is private to the user; it need not exist.
    pub outlines: &'a Path,
}

impl ChangeView for CachedChanges<'_> {
    fn target(&self) -> &ResolvedTarget {
        self.changes.target()
    }

    fn files(&self) -> &[FileChange] {
        self.changes.files()
    }

    fn left_out(&self) -> &[LeftOut] {
        self.changes.left_out()
    }

    fn left_out_more(&self) -> usize {
        self.changes.left_out_more()
    }

    fn ignored(&self) -> usize {
        self.changes.ignored()
    }

    fn notes(&self) -> &[String] {
        self.changes.notes()
    }

    fn patch(&self, index: usize, context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError> {
        self.changes.patch(index, context_lines)
    }

    fn commits(&self, limit: usize) -> Result<CommitLog, ViewError> {
        self.changes.commits(limit)
    }

    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        self.changes.snapshot()
    }

    fn content(&self, file: &SnapshotFile, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.changes.content(file, cap)
    }

    fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.changes.old_content(index, cap)
    }

    fn outline_folder(&self) -> Option<&Path> {
        Some(self.outlines)
    }
}
