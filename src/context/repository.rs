//! A change that is read from a repository.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bstr::{BStr, BString, ByteSlice as _};

use super::patch::PatchParts;
use super::view::{ChangeView, ChangedLineOrigins, SnapshotFile, ViewError};
use crate::checks::{Examination, RepositorySource, examine};
use crate::target::{
    ChangeSet, CommitLog, ConfiguredPrograms, Content, Endpoint, FileChange, LeftOut, LineQuery,
    ObjectId, Part, REVIEW_IGNORE_FILE, Repository, ResolvedTarget, ReviewIgnore, TouchedFiles,
};

/// The most files whose lines are followed into the past.
const MOST_FOLLOWED_FILES: usize = 64;
/// The most lines of one file that are followed.
const MOST_FOLLOWED_LINES: usize = 2_000;
/// A commit that touches more files than this says nothing about which of them belong together.
const MOST_TOGETHER: usize = 30;

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

impl RepositoryChanges<'_> {
    /// The commit on the old side.
    fn old_commit(&self) -> Option<&ObjectId> {
        match &self.target.old {
            Endpoint::Commit(old) => Some(old),
            Endpoint::EmptyTree | Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => {
                None
            }
        }
    }

    /// The old lines that a file's change takes out, and of a pure insertion the one above it.
    fn touched_lines(&self, index: usize) -> Result<Vec<u32>, ViewError> {
        let patch = self.patch(index, 0)?;
        let hunks = PatchParts::parse(&patch).hunks;
        Ok(hunks
            .iter()
            .map(|hunk| hunk.range)
            .filter(|range| range.old_start > 0)
            .flat_map(|range| {
                let lines = range.old_lines.max(1);
                range.old_start..range.old_start.saturating_add(lines)
            })
            .take(MOST_FOLLOWED_LINES)
            .collect())
    }
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

    fn is_partial(&self) -> bool {
        self.changes.is_partial()
    }

    fn configured_programs(&self) -> &ConfiguredPrograms {
        self.repository.configured_programs()
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
        self.repository
            .commits(self.old_commit(), new, limit)
            .map_err(|error| ViewError::of(&error))
    }

    /// What the commit or the index has, with the changed files as they are now. What `.codexreviewignore` takes out of
    /// reviews is no supporting code either.
    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        // What a patch does not touch is as it is without it.
        let side = match &self.target.new {
            Endpoint::Patched(_) => &self.target.old,
            new => new,
        };
        let stored = match side {
            Endpoint::Commit(commit) => self.repository.files_at(commit),
            Endpoint::Index | Endpoint::WorkTree => self.repository.files_in_index(),
            Endpoint::EmptyTree | Endpoint::Patched(_) => Ok(Vec::new()),
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
            if let Some(old_path) = change
                .old_path
                .as_ref()
                .filter(|_| change.part == Part::Patched)
            {
                files.remove(old_path);
            }
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
                .changes
                .old_content(index, cap)
                .map_err(|error| ViewError::of(&error)),
            _ => Ok(None),
        }
    }

    fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.changes
            .new_content(index, cap)
            .map_err(|error| ViewError::of(&error))
    }

    fn old_file(&self, path: &BStr) -> Result<Option<Vec<u8>>, ViewError> {
        let Some(old) = self.old_commit() else {
            return Ok(None);
        };
        self.repository
            .file_at(old, path)
            .map_err(|error| ViewError::of(&error))
    }

    fn changed_line_origins(&self, commits: usize) -> Result<ChangedLineOrigins, ViewError> {
        let Some(start) = self.old_commit() else {
            return Ok(ChangedLineOrigins::default());
        };
        let mut found = ChangedLineOrigins::default();
        let mut queries = Vec::new();
        for (index, file) in self.changes.files.iter().enumerate() {
            let (Some(old), Content::Text { .. }) = (&file.old, &file.content) else {
                continue;
            };
            if queries.len() == MOST_FOLLOWED_FILES {
                found.files_more += 1;
                continue;
            }
            // A file that cannot be read (any more) costs its own lines.
            let Ok(lines) = self.touched_lines(index) else {
                found.files_more += 1;
                continue;
            };
            if !lines.is_empty() {
                queries.push(LineQuery {
                    path: file.old_path.clone().unwrap_or_else(|| file.path.clone()),
                    blob: old.id.clone(),
                    lines,
                });
                found.files.push(index);
            }
        }
        found.origins = self
            .repository
            .line_origins(start, &queries, commits)
            .map_err(|error| ViewError::of(&error))?;
        Ok(found)
    }

    fn touched_files(&self, commits: usize) -> Result<Vec<TouchedFiles>, ViewError> {
        let Some(start) = self.old_commit() else {
            return Ok(Vec::new());
        };
        self.repository
            .touched_files(start, commits, MOST_TOGETHER)
            .map_err(|error| ViewError::of(&error))
    }

    fn examination(&self) -> Examination {
        let source = RepositorySource::new(self.repository, self.target.new.clone(), self.changes);
        examine(&source, &mut |_| ControlFlow::Continue(())).unwrap_or_default()
    }
}

/// A longer `.codexreviewignore` is not read.
const MOST_IGNORE_BYTES: u64 = 256 * 1024;
