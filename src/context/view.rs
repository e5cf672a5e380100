//! What a context is built from: one change, seen through a narrow trait.

use std::borrow::Cow;
use std::path::Path;

use bstr::{BStr, BString};

use crate::causes::with_causes;
use crate::checks::Examination;
use crate::target::{
    CommitLog, ConfiguredPrograms, FileChange, LeftOut, LineOrigins, ObjectId, ResolvedTarget,
    TouchedFiles,
};

/// One change with its patches and commits. [`RepositoryChanges`](super::RepositoryChanges) is one,
/// [`HeldChanges`](super::HeldChanges) the other.
///
/// Every answer is the same each time it is asked for.
pub trait ChangeView {
    /// What is under review.
    fn target(&self) -> &ResolvedTarget;

    /// The changed files, in the order in which they are shown.
    fn files(&self) -> &[FileChange];

    /// Files that belong to the target and were left out before any strategy ran.
    fn left_out(&self) -> &[LeftOut];

    /// How many more were left out than [`ChangeView::left_out`] names.
    fn left_out_more(&self) -> usize;

    /// How many changed files the user's own filters took out.
    fn ignored(&self) -> usize;

    /// Whether the two sides of the target differ in more than this view tells, so that a command that compares them
    /// would show what is not under review.
    fn is_partial(&self) -> bool;

    /// What settings make git start, should somebody run it where the change is.
    fn configured_programs(&self) -> &ConfiguredPrograms;

    /// Things to know about the change as a whole.
    fn notes(&self) -> &[String];

    /// The patch text of one file, rendered when asked for.
    ///
    /// # Errors
    ///
    /// When the file's content cannot be read (any more). That costs this file alone.
    fn patch(&self, index: usize, context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError>;

    /// The commits of the target, newest first, at most `limit`; none where the target has no commits of its own.
    ///
    /// # Errors
    ///
    /// When the history cannot be read. That costs the commit log alone.
    fn commits(&self, limit: usize) -> Result<CommitLog, ViewError>;

    /// The files of the new side, changed or not, by path: where supporting code is looked for. A view that knows only
    /// the change has none.
    ///
    /// # Errors
    ///
    /// When they cannot be listed. That costs what is supporting, not the change.
    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        Ok(Vec::new())
    }

    /// The content of a file of the snapshot; `None` when it has more than `cap` bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be read. That costs this file alone.
    fn content(&self, file: &SnapshotFile, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        let _ = (file, cap);
        Ok(None)
    }

    /// The old content of a changed file; `None` when there is none, it is no text file, or it has more than `cap`
    /// bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be read. That costs what would be told from it.
    fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        let _ = (index, cap);
        Ok(None)
    }

    /// The new content of a changed file; like [`ChangeView::old_content`].
    ///
    /// # Errors
    ///
    /// When it cannot be read. That costs what would be told from it.
    fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        let _ = (index, cap);
        Ok(None)
    }

    /// The private folder in which outlines of files may be kept; `None` to keep none.
    fn outline_folder(&self) -> Option<&Path> {
        None
    }

    /// The content of a file on the old side of the target; `None` where there is none, or no old side.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    fn old_file(&self, path: &BStr) -> Result<Option<Vec<u8>>, ViewError>;

    /// Which commits wrote the lines that the change takes out or stands beside, looking back over at most `commits`
    /// commits from the old side.
    ///
    /// # Errors
    ///
    /// When the history cannot be read.
    fn changed_line_origins(&self, commits: usize) -> Result<ChangedLineOrigins, ViewError>;

    /// Which files earlier commits touched together, newest first, over at most `commits` commits from the old side.
    ///
    /// # Errors
    ///
    /// When the history cannot be read.
    fn touched_files(&self, commits: usize) -> Result<Vec<TouchedFiles>, ViewError>;

    /// What the built-in checks say about the change.
    fn examination(&self) -> Examination;
}

/// Where the lines come from that a change touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedLineOrigins {
    /// The commits and their lines.
    pub origins: LineOrigins,
    /// By the index of a query in `origins`: the changed file, by its index.
    pub files: Vec<usize>,
    /// Changed files beyond those that are followed.
    pub files_more: usize,
}

/// A file of the new side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Its path.
    pub path: BString,
    /// The id of its content.
    pub id: ObjectId,
    /// The change that it comes from, by index; the last one where a file was changed in several parts.
    pub change: Option<usize>,
}

/// A part of the change could not be read: what was said, causes included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ViewError(pub String);

impl ViewError {
    /// From an error and its chain of causes, joined by colons: this ends up on one line of a ledger.
    #[must_use]
    pub fn of(error: &dyn std::error::Error) -> Self {
        ViewError(with_causes(error))
    }
}
