//! A change of a git repository as a [`ChangeSource`], read through the target module.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};

use crate::causes::with_causes;
use crate::target::{
    ChangeSet, Content, Endpoint, FileChange, LeftOut, LeftOutReason, Part, Repository, Status,
    WorktreeFile,
};

use super::patch_lines::{changed_text, through_later_change};
use super::source::{CONTENT_CAP, ChangeSource, ChangedText, SourceFile};

/// The change of a resolved target, owned (by an engine's turn) or borrowed (by a context that is built of it).
#[derive(Debug)]
pub struct RepositorySource<R, C> {
    repository: R,
    new: Endpoint,
    changes: C,
    files: Vec<SourceFile>,
    /// For each file, where it comes from.
    entries: Vec<Entry>,
    not_seen: RefCell<Vec<String>>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    /// A file of the change set.
    Changed(usize),
    /// A file that is staged and changed again in the working tree: both, seen from the working tree.
    Twice { staged: usize, unstaged: usize },
    /// Named by the change set and never opened.
    Unopened,
}

impl<R: Borrow<Repository>, C: Borrow<ChangeSet>> RepositorySource<R, C> {
    /// The change `changes`, whose new side is `new`, of this repository.
    #[must_use]
    pub fn new(repository: R, new: Endpoint, changes: C) -> Self {
        let mut source = RepositorySource {
            repository,
            new,
            changes,
            files: Vec::new(),
            entries: Vec::new(),
            not_seen: RefCell::default(),
        };
        source.list();
        source
    }

    fn list(&mut self) {
        let unstaged_at = |path: &BString, files: &[FileChange]| {
            files
                .iter()
                .position(|file| file.part == Part::Unstaged && file.path == *path)
        };
        let changes = self.changes.borrow();
        let staged: BTreeSet<&BString> = changes
            .files
            .iter()
            .filter(|file| file.part == Part::Staged && file.new.is_some())
            .map(|file| &file.path)
            .collect();
        for (index, file) in changes.files.iter().enumerate() {
            if file.part == Part::Unstaged && staged.contains(&file.path) {
                continue;
            }
            let twice = (file.part == Part::Staged && file.new.is_some())
                .then(|| unstaged_at(&file.path, &changes.files))
                .flatten();
            match twice {
                Some(unstaged) => {
                    let mut shown = source_file(&changes.files[unstaged]);
                    shown.old_mode = file.old.as_ref().map(|side| side.mode);
                    if shown.new_mode.is_some() {
                        shown.status = file.status;
                    }
                    self.files.push(shown);
                    self.entries.push(Entry::Twice {
                        staged: index,
                        unstaged,
                    });
                }
                None => {
                    self.files.push(source_file(file));
                    self.entries.push(Entry::Changed(index));
                }
            }
        }
        for left_out in &changes.left_out {
            self.not_seen.get_mut().push(described(left_out));
            // By name, size or kind alone there is something to say about these.
            let binary = left_out.reason == LeftOutReason::Binary;
            if binary
                || matches!(
                    left_out.reason,
                    LeftOutReason::SecretName | LeftOutReason::TooLarge { .. }
                )
            {
                self.files.push(SourceFile {
                    path: left_out.path.clone(),
                    status: Status::Added,
                    old_mode: None,
                    new_mode: None,
                    new_size: left_out.size,
                    binary,
                });
                self.entries.push(Entry::Unopened);
            }
        }
        if changes.left_out_more > 0 {
            self.not_seen
                .get_mut()
                .push(format!("{} more files", changes.left_out_more));
        }
    }

    fn text_of(&self, index: usize) -> ChangedText {
        let changes = self.changes.borrow();
        let is_text = matches!(changes.files[index].content, Content::Text { .. });
        if !is_text {
            return ChangedText::default();
        }
        match changes.patch_with(index, 0) {
            Ok(patch) => changed_text(&patch),
            Err(error) => {
                let path = &changes.files[index].path;
                let note = format!("the lines of `{path}`: {}", with_causes(&error));
                self.not_seen.borrow_mut().push(note);
                ChangedText::default()
            }
        }
    }
}

fn source_file(file: &FileChange) -> SourceFile {
    SourceFile {
        path: file.path.clone(),
        status: file.status,
        old_mode: file.old.as_ref().map(|side| side.mode),
        new_mode: file.new.as_ref().map(|side| side.mode),
        new_size: file.new.as_ref().and_then(|side| side.size),
        binary: file.content == Content::Binary,
    }
}

fn described(left_out: &LeftOut) -> String {
    let why = match &left_out.reason {
        LeftOutReason::TooLarge { .. } => "is too large",
        LeftOutReason::SumReached { .. } => "is past the sum that is read",
        LeftOutReason::Symlink => "is an untracked link",
        LeftOutReason::NotRegular(kind) => kind,
        LeftOutReason::NestedRepository => "is a repository of its own",
        LeftOutReason::Binary => "is not text",
        LeftOutReason::Unreadable(_) => "cannot be read",
        LeftOutReason::Ignored => "is ignored",
        LeftOutReason::SecretName => "holds secrets by its name",
    };
    format!("`{}` {why}", left_out.path)
}

impl<R: Borrow<Repository>, C: Borrow<ChangeSet>> ChangeSource for RepositorySource<R, C> {
    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn lines(&self, index: usize) -> ChangedText {
        match self.entries[index] {
            Entry::Changed(index) => self.text_of(index),
            Entry::Twice { staged, unstaged } => {
                through_later_change(self.text_of(staged), self.text_of(unstaged))
            }
            Entry::Unopened => ChangedText::default(),
        }
    }

    fn new_content(&self, index: usize) -> Option<Vec<u8>> {
        match self.entries[index] {
            Entry::Changed(index)
            | Entry::Twice {
                unstaged: index, ..
            } => {
                let content = self.changes.borrow().new_content(index, CONTENT_CAP);
                content.ok().flatten()
            }
            Entry::Unopened => None,
        }
    }

    fn is_tracked(&self, path: &BStr) -> bool {
        let repository = self.repository.borrow();
        let commit = match &self.new {
            Endpoint::Commit(commit) => Some(commit.clone()),
            _ => repository.head(),
        };
        let committed = commit
            .and_then(|commit| repository.file_at(&commit, path).ok().flatten())
            .is_some();
        // What a commit tracked and the working tree no longer has is not there to be updated.
        committed
            && (matches!(self.new, Endpoint::Commit(_) | Endpoint::Patched(_))
                || !matches!(
                    repository.read_worktree_file(path.as_bstr(), 0),
                    Ok(WorktreeFile::Missing)
                ))
    }

    fn not_seen(&self) -> Vec<String> {
        self.not_seen.borrow().clone()
    }
}
