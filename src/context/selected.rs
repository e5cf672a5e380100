//! A change of which only the hunks that nobody has reviewed yet are seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use bstr::BStr;

use super::hunk_ids::{FileIds, HunkIds};
use super::patch::{PatchParts, overlap};
use super::view::{ChangeView, ChangedLineOrigins, SnapshotFile, ViewError};
use crate::checks::Examination;
use crate::target::{
    CommitLog, ConfiguredPrograms, Content, FileChange, HunkRange, LeftOut, ResolvedTarget,
    TouchedFiles,
};

/// The part of a change that is new, as a change of its own.
pub struct SelectedChanges<'a> {
    whole: &'a dyn ChangeView,
    files: Vec<FileChange>,
    /// For each file, where it is in the whole change, and its hunks where only some are seen.
    places: Vec<(usize, Option<Vec<HunkRange>>)>,
    ids: HunkIds,
    notes: Vec<String>,
}

impl<'a> SelectedChanges<'a> {
    /// What is in `whole`, whose ids are `ids`, and not among the `known` ones. `note` tells the reader that there is
    /// more.
    #[must_use]
    pub fn new(
        whole: &'a dyn ChangeView,
        ids: &HunkIds,
        known: &BTreeSet<String>,
        note: String,
    ) -> Self {
        let mut selected = SelectedChanges {
            whole,
            files: Vec::new(),
            places: Vec::new(),
            ids: HunkIds::default(),
            notes: [note].into_iter().chain(whole.notes().to_vec()).collect(),
        };
        for (index, fresh) in ids.fresh(known).into_iter().enumerate() {
            let (file, file_ids) = (&whole.files()[index], &ids.files[index]);
            if fresh.hunks.len() == file_ids.hunks.len() && (fresh.whole || !fresh.hunks.is_empty())
            {
                selected.files.push(file.clone());
                selected.places.push((index, None));
                selected.ids.files.push(file_ids.clone());
            } else if fresh.whole || !fresh.hunks.is_empty() {
                let (part, ranges) = only(file, file_ids, &fresh.hunks);
                selected.files.push(part);
                selected.places.push((index, Some(ranges)));
                selected.ids.files.push(FileIds {
                    whole: file_ids.whole.clone(),
                    hunks: fresh
                        .hunks
                        .iter()
                        .map(|at| file_ids.hunks[*at].clone())
                        .collect(),
                    unreadable: false,
                });
            }
        }
        selected
    }

    /// The ids of what is seen, by the files of this view.
    #[must_use]
    pub fn ids(&self) -> &HunkIds {
        &self.ids
    }
}

/// A file with some of its hunks alone.
fn only(file: &FileChange, ids: &FileIds, hunks: &[usize]) -> (FileChange, Vec<HunkRange>) {
    let mut part = file.clone();
    let mut ranges = Vec::new();
    if let Content::Text {
        added,
        removed,
        hunks: all,
        added_lines,
        ..
    } = &mut part.content
    {
        ranges = hunks.iter().map(|at| all[*at]).collect();
        *added = hunks.iter().map(|at| ids.hunks[*at].added).sum();
        *removed = hunks.iter().map(|at| ids.hunks[*at].removed).sum();
        added_lines.retain(|(start, end)| {
            ranges.iter().any(|range| {
                let last = range.new_start.saturating_add(range.new_lines);
                *start >= range.new_start && *end < last.max(range.new_start + 1)
            })
        });
        all.clone_from(&ranges);
    }
    (part, ranges)
}

impl ChangeView for SelectedChanges<'_> {
    fn target(&self) -> &ResolvedTarget {
        self.whole.target()
    }

    fn files(&self) -> &[FileChange] {
        &self.files
    }

    fn left_out(&self) -> &[LeftOut] {
        self.whole.left_out()
    }

    fn left_out_more(&self) -> usize {
        self.whole.left_out_more()
    }

    fn ignored(&self) -> usize {
        self.whole.ignored()
    }

    fn is_partial(&self) -> bool {
        self.whole.is_partial() || self.places.len() < self.whole.files().len()
    }

    fn configured_programs(&self) -> &ConfiguredPrograms {
        self.whole.configured_programs()
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn patch(&self, index: usize, context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError> {
        let (place, ranges) = &self.places[index];
        let patch = self.whole.patch(*place, context_lines)?;
        let Some(ranges) = ranges else {
            return Ok(patch);
        };
        let parts = PatchParts::parse(&patch);
        let mut text = parts.header.to_vec();
        for hunk in &parts.hunks {
            // With more lines around them two hunks can be one: then the known one is seen again.
            if ranges.iter().any(|range| overlap(range, &hunk.range)) {
                text.extend(hunk.text);
            }
        }
        Ok(Cow::Owned(text))
    }

    fn commits(&self, limit: usize) -> Result<CommitLog, ViewError> {
        self.whole.commits(limit)
    }

    fn old_file(&self, path: &BStr) -> Result<Option<Vec<u8>>, ViewError> {
        self.whole.old_file(path)
    }

    fn changed_line_origins(&self, commits: usize) -> Result<ChangedLineOrigins, ViewError> {
        let mut found = self.whole.changed_line_origins(commits)?;
        let seen: Vec<Option<usize>> = found
            .files
            .iter()
            .map(|file| self.places.iter().position(|(place, _)| place == file))
            .collect();
        for origin in &mut found.origins.origins {
            origin.lines.retain(|(query, _)| seen[*query].is_some());
        }
        found
            .origins
            .origins
            .retain(|origin| !origin.lines.is_empty());
        // No line names a file that is not seen any more, so what stands in its place does not matter.
        found.files = seen.into_iter().map(Option::unwrap_or_default).collect();
        Ok(found)
    }

    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        let mut files = self.whole.snapshot()?;
        for file in &mut files {
            // What was reviewed before is code like any other now.
            file.change = file
                .change
                .and_then(|index| self.places.iter().position(|(place, _)| *place == index));
        }
        Ok(files)
    }

    fn content(&self, file: &SnapshotFile, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        // In the whole change the file may be a changed one, which only that can read.
        let change = self
            .whole
            .files()
            .iter()
            .rposition(|change| change.path == file.path && change.new.is_some());
        let file = SnapshotFile {
            change,
            ..file.clone()
        };
        self.whole.content(&file, cap)
    }

    fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.whole.old_content(self.places[index].0, cap)
    }

    fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.whole.new_content(self.places[index].0, cap)
    }

    fn outline_folder(&self) -> Option<&Path> {
        self.whole.outline_folder()
    }

    fn touched_files(&self, commits: usize) -> Result<Vec<TouchedFiles>, ViewError> {
        self.whole.touched_files(commits)
    }

    fn examination(&self) -> Examination {
        let mut examination = self.whole.examination();
        examination
            .findings
            .retain(|finding| self.files.iter().any(|file| file.path == finding.file));
        examination
    }
}
