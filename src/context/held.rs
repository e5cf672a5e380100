//! A change held in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bstr::{BStr, BString};
use sha2::{Digest as _, Sha256};

use super::view::{ChangeView, ChangedLineOrigins, SnapshotFile, ViewError};
use crate::checks::Examination;
use crate::target::{
    CommitLog, CommitSummary, ConfiguredPrograms, FileChange, LeftOut, ObjectId, ResolvedTarget,
    TouchedFiles,
};

/// A change that was made by hand: for tests, benchmarks, and for trying out a strategy without a repository.
#[derive(Debug, Clone)]
pub struct HeldChanges {
    /// What is under review.
    pub target: ResolvedTarget,
    /// The changed files.
    pub files: Vec<FileChange>,
    /// Their patches, by the same index, or what stands in the way of reading one. The number of context lines is as it
    /// is: a held patch is not rendered again.
    pub patches: Vec<Result<Vec<u8>, ViewError>>,
    /// What was left out before any strategy ran.
    pub left_out: Vec<LeftOut>,
    /// The commits, newest first.
    pub commits: Vec<CommitSummary>,
    /// Things to know about the change as a whole.
    pub notes: Vec<String>,
    /// The files of the new side, as far as supporting code is looked for in them.
    pub snapshot: BTreeMap<BString, Vec<u8>>,
    /// The old contents of changed files, by index.
    pub old_contents: BTreeMap<usize, Vec<u8>>,
    /// Files of the old side, by path.
    pub old_files: BTreeMap<BString, Vec<u8>>,
    /// Where the lines come from that the change touches.
    pub origins: ChangedLineOrigins,
    /// What earlier commits touched, newest first.
    pub touched: Vec<TouchedFiles>,
    /// What the checks say.
    pub examination: Examination,
    /// What settings make git start.
    pub programs: ConfiguredPrograms,
}

impl HeldChanges {
    /// A target without any change yet.
    #[must_use]
    pub fn new(target: ResolvedTarget) -> Self {
        HeldChanges {
            target,
            files: Vec::new(),
            patches: Vec::new(),
            left_out: Vec::new(),
            commits: Vec::new(),
            notes: Vec::new(),
            snapshot: BTreeMap::new(),
            old_contents: BTreeMap::new(),
            old_files: BTreeMap::new(),
            origins: ChangedLineOrigins::default(),
            touched: Vec::new(),
            examination: Examination::default(),
            programs: ConfiguredPrograms::default(),
        }
    }

    /// Adds a file with its patch.
    pub fn push(&mut self, file: FileChange, patch: impl Into<Vec<u8>>) {
        self.files.push(file);
        self.patches.push(Ok(patch.into()));
    }
}

impl ChangeView for HeldChanges {
    fn target(&self) -> &ResolvedTarget {
        &self.target
    }

    fn files(&self) -> &[FileChange] {
        &self.files
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    fn left_out_more(&self) -> usize {
        0
    }

    fn ignored(&self) -> usize {
        0
    }

    fn is_partial(&self) -> bool {
        false
    }

    fn configured_programs(&self) -> &ConfiguredPrograms {
        &self.programs
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn patch(&self, index: usize, _context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError> {
        match self.patches.get(index) {
            Some(Ok(patch)) => Ok(Cow::Borrowed(patch)),
            Some(Err(error)) => Err(error.clone()),
            None => Err(ViewError("no patch is held for this file".to_owned())),
        }
    }

    fn commits(&self, limit: usize) -> Result<CommitLog, ViewError> {
        Ok(CommitLog {
            commits: self.commits.iter().take(limit).cloned().collect(),
            has_more: self.commits.len() > limit,
        })
    }

    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        let change_of = |path: &BString| self.files.iter().rposition(|file| file.path == *path);
        let files = self.snapshot.iter().map(|(path, content)| SnapshotFile {
            path: path.clone(),
            id: id_of(content),
            change: change_of(path),
        });
        Ok(files.collect())
    }

    fn content(&self, file: &SnapshotFile, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        let content = self.snapshot.get(&file.path);
        Ok(content
            .filter(|content| content.len() as u64 <= cap)
            .cloned())
    }

    fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        let content = self.old_contents.get(&index);
        Ok(content
            .filter(|content| content.len() as u64 <= cap)
            .cloned())
    }

    fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        let content = self.snapshot.get(&self.files[index].path);
        Ok(content
            .filter(|content| content.len() as u64 <= cap)
            .cloned())
    }

    fn old_file(&self, path: &BStr) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(self.old_files.get(path).cloned())
    }

    fn changed_line_origins(&self, _commits: usize) -> Result<ChangedLineOrigins, ViewError> {
        Ok(self.origins.clone())
    }

    fn touched_files(&self, commits: usize) -> Result<Vec<TouchedFiles>, ViewError> {
        Ok(self.touched.iter().take(commits).cloned().collect())
    }

    fn examination(&self) -> Examination {
        self.examination.clone()
    }
}

fn id_of(content: &[u8]) -> ObjectId {
    let hex: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ObjectId::from_hex(&hex).expect("a SHA-256 has 64 lower-case hex digits")
}
