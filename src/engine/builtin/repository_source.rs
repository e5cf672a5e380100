//! A change of a git repository as a [`ChangeSource`], read through the target module.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::secrets;
use crate::target::{
    ChangeOptions, ChangeSet, Content, Endpoint, FileChange, GitEnvironment, IgnoreSource,
    LeftOut, LeftOutReason, Mode, ObjectId, Part, Repository, ResolvedTarget, Select, Status, TargetSpec,
    WorktreeFile,
};

use super::change_request::{ChangeRequest, ChangeSelect};
use super::patch_lines::{changed_text, through_later_change};
use super::server::{ChangeOpener, OpenChangeError, OpenedChange};
use super::source::{CONTENT_CAP, ChangeSource, ChangedText, SourceFile};

/// All untracked files together are read up to this many bytes.
const UNTRACKED_TOTAL: u64 = 32 * 1024 * 1024;

/// Opens changes of repositories below the folder that a thread names.
#[derive(Debug, Clone, Default)]
pub struct RepositoryOpener {
    /// What git would take from the environment.
    pub environment: GitEnvironment,
}

impl ChangeOpener for RepositoryOpener {
    fn open(&self, cwd: &Path, request: &ChangeRequest) -> Result<OpenedChange, OpenChangeError> {
        let repository = Repository::open(cwd, &self.environment).map_err(|error| chain(&error))?;
        let root = repository.root().to_owned();
        let target = resolve(&repository, request)?;
        let source =
            RepositorySource::ignoring(repository, &target, request.review_ignore.clone())?;
        Ok(OpenedChange {
            root,
            source: Box::new(source),
        })
    }
}

fn chain(error: &dyn Error) -> OpenChangeError {
    OpenChangeError(crate::engine::error::chain(error))
}

fn resolve(
    repository: &Repository,
    request: &ChangeRequest,
) -> Result<ResolvedTarget, OpenChangeError> {
    let select = match &request.select {
        ChangeSelect::WorkingTree => Select::WorkingTree,
        ChangeSelect::Staged => Select::Staged,
        ChangeSelect::Base(branch) => Select::Base(branch.clone()),
        ChangeSelect::Commit(sha) => Select::Commit(sha.clone()),
        ChangeSelect::Commits { old, new } => {
            return pinned(repository, request, old.as_deref(), new);
        }
    };
    let spec = TargetSpec {
        select,
        paths: request.paths.clone(),
    };
    repository.resolve(&spec).map_err(|error| chain(&error))
}

/// Two commits by id: there is nothing left to look up.
fn pinned(
    repository: &Repository,
    request: &ChangeRequest,
    old: Option<&str>,
    new: &str,
) -> Result<ResolvedTarget, OpenChangeError> {
    let commit = |hex: &str| {
        ObjectId::from_hex(hex)
            .map(Endpoint::Commit)
            .ok_or_else(|| OpenChangeError(format!("`{hex}` is not an object id")))
    };
    Ok(ResolvedTarget {
        spec: TargetSpec {
            select: Select::Range {
                from: old.unwrap_or_default().to_owned(),
                to: new.to_owned(),
                merge_base: false,
            },
            paths: request.paths.clone(),
        },
        mode: Mode::Range,
        explicit: true,
        label: "pinned change".to_owned(),
        old: old.map_or(Ok(Endpoint::EmptyTree), commit)?,
        new: commit(new)?,
        base: None,
        head: repository.head(),
        branch: repository.branch(),
    })
}

/// The change of a resolved target.
#[derive(Debug)]
pub struct RepositorySource {
    repository: Repository,
    new: Endpoint,
    changes: ChangeSet,
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

impl RepositorySource {
    /// Reads the change of a target that was resolved in this repository.
    ///
    /// # Errors
    ///
    /// The change cannot be read.
    pub fn new(repository: Repository, target: &ResolvedTarget) -> Result<Self, OpenChangeError> {
        RepositorySource::ignoring(repository, target, IgnoreSource::default())
    }

    /// As [`RepositorySource::new`], with `.codexreviewignore` from another place.
    ///
    /// # Errors
    ///
    /// The change cannot be read.
    pub fn ignoring(
        repository: Repository,
        target: &ResolvedTarget,
        review_ignore: IgnoreSource,
    ) -> Result<Self, OpenChangeError> {
        let options = ChangeOptions {
            untracked_file_cap: CONTENT_CAP,
            untracked_total_cap: UNTRACKED_TOTAL,
            review_ignore,
            secret_name: |path| secrets::is_secret_name(path),
            ..ChangeOptions::default()
        };
        let changes = repository
            .changes(target, &options)
            .map_err(|error| chain(&error))?;
        let mut source = RepositorySource {
            repository,
            new: target.new.clone(),
            changes,
            files: Vec::new(),
            entries: Vec::new(),
            not_seen: RefCell::default(),
        };
        source.list();
        Ok(source)
    }

    fn list(&mut self) {
        let unstaged_at = |path: &BString, files: &[FileChange]| {
            files
                .iter()
                .position(|file| file.part == Part::Unstaged && file.path == *path)
        };
        let staged: BTreeSet<&BString> = self
            .changes
            .files
            .iter()
            .filter(|file| file.part == Part::Staged && file.new.is_some())
            .map(|file| &file.path)
            .collect();
        for (index, file) in self.changes.files.iter().enumerate() {
            if file.part == Part::Unstaged && staged.contains(&file.path) {
                continue;
            }
            let twice = (file.part == Part::Staged && file.new.is_some())
                .then(|| unstaged_at(&file.path, &self.changes.files))
                .flatten();
            match twice {
                Some(unstaged) => {
                    let mut shown = source_file(&self.changes.files[unstaged]);
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
        for left_out in &self.changes.left_out {
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
        if self.changes.left_out_more > 0 {
            self.not_seen
                .get_mut()
                .push(format!("{} more files", self.changes.left_out_more));
        }
    }

    fn text_of(&self, index: usize) -> ChangedText {
        let is_text = matches!(self.changes.files[index].content, Content::Text { .. });
        if !is_text {
            return ChangedText::default();
        }
        match self.changes.patch_with(index, 0) {
            Ok(patch) => changed_text(&patch),
            Err(error) => {
                let path = &self.changes.files[index].path;
                let note = format!("the lines of `{path}`: {}", chain(&error));
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

impl ChangeSource for RepositorySource {
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
            } => self.changes.new_content(index, CONTENT_CAP).ok().flatten(),
            Entry::Unopened => None,
        }
    }

    fn is_tracked(&self, path: &BStr) -> bool {
        let commit = match &self.new {
            Endpoint::Commit(commit) => Some(commit.clone()),
            _ => self.repository.head(),
        };
        let committed = commit
            .and_then(|commit| self.repository.file_at(&commit, path).ok().flatten())
            .is_some();
        // What a commit tracked and the working tree no longer has is not there to be updated.
        committed
            && (matches!(self.new, Endpoint::Commit(_))
                || !matches!(
                    self.repository.read_worktree_file(path.as_bstr(), 0),
                    Ok(WorktreeFile::Missing)
                ))
    }

    fn not_seen(&self) -> Vec<String> {
        self.not_seen.borrow().clone()
    }
}
