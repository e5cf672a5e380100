//! A change with a folder to keep outlines in.

use std::borrow::Cow;
use std::path::Path;

use bstr::BStr;

use super::view::{ChangeView, ChangedLineOrigins, SnapshotFile, ViewError};
use crate::checks::Examination;
use crate::target::{
    CommitLog, ConfiguredPrograms, FileChange, LeftOut, ResolvedTarget, TouchedFiles,
};

/// Any view of a change, with a folder in which outlines of its files are kept, so that the next context need not parse
/// what this one has parsed.
#[derive(Clone, Copy)]
pub struct CachedChanges<'a> {
    /// The change.
    pub changes: &'a dyn ChangeView,
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

    fn is_partial(&self) -> bool {
        self.changes.is_partial()
    }

    fn configured_programs(&self) -> &ConfiguredPrograms {
        self.changes.configured_programs()
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

    fn old_file(&self, path: &BStr) -> Result<Option<Vec<u8>>, ViewError> {
        self.changes.old_file(path)
    }

    fn changed_line_origins(&self, commits: usize) -> Result<ChangedLineOrigins, ViewError> {
        self.changes.changed_line_origins(commits)
    }

    fn touched_files(&self, commits: usize) -> Result<Vec<TouchedFiles>, ViewError> {
        self.changes.touched_files(commits)
    }

    fn examination(&self) -> Examination {
        self.changes.examination()
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

    fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.changes.new_content(index, cap)
    }

    fn outline_folder(&self) -> Option<&Path> {
        Some(self.outlines)
    }
}
