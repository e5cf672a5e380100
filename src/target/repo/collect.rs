//! From a resolved target to a change set.

use std::cell::RefCell;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use super::compare::{self, Facts};
use super::content::{Place, Reader};
use super::convert::blob_id;
use super::listing::Kind;
use super::raw::{RawChange, RawSide, Source};
use super::snapshot::{Detail, Snapshot};
use super::status::Status;
use super::worktree::{Untracked, Wanted};
use super::worktree_file::{self, Opened};
use super::{Repository, gix_id, objects, own_id, renames, threads, tree_diff};
use crate::target::{
    ChangeOptions, ChangeSet, ChangesError, Endpoint, FileChange, IgnoreSource, LeftOut,
    LeftOutReason, ObjectId, Part, PathFilter, REVIEW_IGNORE_FILE, ResolvedTarget, ReviewIgnore,
    Side, Status as FileStatus,
};

/// A longer `.codexreviewignore` is cut here.
const REVIEW_IGNORE_BYTES: u64 = 1024 * 1024;

impl Repository {
    /// The change of a resolved target. For the working tree and the index, it is what was seen when the target was
    /// resolved by this repository.
    ///
    /// # Errors
    /// See [`ChangesError`]. A file that cannot be read does not fail the whole: it is in [`ChangeSet::left_out`].
    pub fn changes(
        &self,
        target: &ResolvedTarget,
        options: &ChangeOptions,
    ) -> Result<ChangeSet, ChangesError> {
        let mut selection = Selection {
            filter: PathFilter::compile(&target.spec.paths)?,
            rules: self.review_ignore(&options.review_ignore)?,
            left_out: Vec::new(),
            left_out_limit: options.left_out_limit,
            left_out_more: 0,
            list_ignored: options.list_ignored,
            ignored: 0,
        };
        let notes = selection.rules.notes.clone();
        let root = self.root().to_owned();
        let place = |index: Arc<gix::index::File>| Place {
            root: root.clone(),
            index,
            filters: self.filters().to_vec(),
        };

        let mut raw = Vec::new();
        let place = match (&target.old, &target.new) {
            (_, Endpoint::WorkTree) => {
                let status = self.seen_status(options.threads)?;
                let place = place(Arc::clone(&status.index));
                let mut reader = Reader::new(&self.gix, &place);
                for part in [&status.staged, &status.found.changes] {
                    raw.extend(selection.take(renames::detect(&mut reader, part.clone())));
                }
                for left_out in &status.found.left_out {
                    if selection.takes(left_out.path.as_ref()) {
                        selection.leave_out(left_out.clone());
                    }
                }
                raw.extend(self.read_untracked(
                    &status.found.untracked,
                    options,
                    &mut selection,
                    &mut reader,
                )?);
                drop(reader);
                place
            }
            (_, Endpoint::Index) => {
                let (index, staged) = match &*self.seen.borrow() {
                    Some(status) => (Arc::clone(&status.index), status.staged.clone()),
                    None => {
                        let index = self.read_index()?;
                        let staged = self.staged(&index, self.head_tree()?)?;
                        (Arc::new(index), staged)
                    }
                };
                let place = place(index);
                raw.extend(
                    selection.take(renames::detect(&mut Reader::new(&self.gix, &place), staged)),
                );
                place
            }
            (old, new) => {
                let (old, new) = (self.tree_at(old)?, self.tree_at(new)?);
                let mut changes = Vec::new();
                tree_diff::between_trees(&self.gix, Part::Committed, old, new, &mut changes)?;
                let empty = gix::index::State::new(self.gix.object_hash());
                let place = place(Arc::new(gix::index::File::from_state(
                    empty,
                    self.index_path.clone(),
                )));
                raw.extend(selection.take(renames::detect(
                    &mut Reader::new(&self.gix, &place),
                    changes,
                )));
                place
            }
        };

        let facts = compare::compare_all(&self.gix, &place, &raw, threads(options.threads));
        let mut files = Vec::with_capacity(raw.len());
        let mut details = Vec::with_capacity(raw.len());
        for (change, facts) in raw.into_iter().zip(facts) {
            match facts {
                Ok(facts) => {
                    let (file, detail) = finish(change, facts);
                    files.push(file);
                    details.push(detail);
                }
                Err(error) => selection.leave_out(LeftOut {
                    path: change.path,
                    size: None,
                    reason: LeftOutReason::Unreadable(error.to_string()),
                }),
            }
        }
        Ok(ChangeSet {
            files,
            left_out: selection.left_out,
            left_out_more: selection.left_out_more,
            ignored: selection.ignored,
            notes,
            snapshot: Snapshot {
                repository: self.gix.clone(),
                place,
                abbreviation: options.abbreviation,
                abbreviator: RefCell::new(None),
                details,
            },
        })
    }

    /// Whether anything is staged, unstaged or untracked; looks anew, and stops at the first thing found.
    ///
    /// # Errors
    /// See [`ChangesError`].
    pub fn has_changes(&self) -> Result<bool, ChangesError> {
        let wanted = Wanted {
            untracked: true,
            only_whether: true,
            threads: 0,
            depth: 0,
        };
        Ok(self.take_status(wanted)?.is_dirty())
    }

    /// Looks at the working tree and remembers what was seen.
    pub(super) fn look(&self, threads: usize) -> Result<Arc<Status>, ChangesError> {
        let wanted = Wanted {
            untracked: true,
            only_whether: false,
            threads,
            depth: 0,
        };
        let status = Arc::new(self.take_status(wanted)?);
        *self.seen.borrow_mut() = Some(Arc::clone(&status));
        Ok(status)
    }

    fn seen_status(&self, threads: usize) -> Result<Arc<Status>, ChangesError> {
        let seen = self.seen.borrow().clone();
        match seen {
            Some(status) => Ok(status),
            None => self.look(threads),
        }
    }

    fn tree_at(&self, endpoint: &Endpoint) -> Result<Option<gix::ObjectId>, ChangesError> {
        match endpoint {
            Endpoint::Commit(commit) => objects::tree_of(&self.gix, &gix_id(commit)).map(Some),
            Endpoint::EmptyTree | Endpoint::Index | Endpoint::WorkTree => Ok(None),
        }
    }

    fn review_ignore(&self, source: &IgnoreSource) -> Result<ReviewIgnore, ChangesError> {
        let text = match source {
            IgnoreSource::Nothing => None,
            IgnoreSource::Commit(commit) => self.file_at(commit, REVIEW_IGNORE_FILE.into())?,
            IgnoreSource::WorkTree => match self.gix.workdir() {
                None => None,
                Some(root) => {
                    let path = root.join(REVIEW_IGNORE_FILE);
                    let failed = |source| ChangesError::Io {
                        path: path.clone(),
                        source,
                    };
                    match worktree_file::open(&path).map_err(failed)? {
                        Opened::Regular(file, size) => {
                            worktree_file::read_within(file, size, REVIEW_IGNORE_BYTES)
                                .map_err(failed)?
                        }
                        _ => None,
                    }
                }
            },
        };
        Ok(text.map_or_else(ReviewIgnore::none, |text| ReviewIgnore::parse(&text)))
    }

    fn read_untracked(
        &self,
        untracked: &[Untracked],
        options: &ChangeOptions,
        selection: &mut Selection,
        reader: &mut Reader<'_>,
    ) -> Result<Vec<RawChange>, ChangesError> {
        let mut sum = 0;
        let mut changes = Vec::new();
        for file in untracked {
            if !selection.takes(file.path.as_ref()) {
                continue;
            }
            let read = self.read_one_untracked(file, options, sum)?;
            match read {
                Ok((content, is_executable)) => {
                    let size = content.len() as u64;
                    let converter = reader.converter()?;
                    if converter
                        .diff_attribute(file.path.as_ref())
                        .is_binary(&content)
                    {
                        selection.leave_out(LeftOut {
                            path: file.path.clone(),
                            size: Some(size),
                            reason: LeftOutReason::Binary,
                        });
                        continue;
                    }
                    sum += size;
                    let (content, notes) = converter.to_git(file.path.as_ref(), content);
                    let side = RawSide {
                        mode: if is_executable { 0o100_755 } else { 0o100_644 },
                        id: blob_id(&self.gix, &content)?,
                        source: Source::Kept(Arc::from(content)),
                    };
                    let mut change =
                        RawChange::new(Part::Untracked, file.path.clone(), None, Some(side));
                    change.notes = notes;
                    changes.push(change);
                }
                Err((size, reason)) => {
                    selection.leave_out(LeftOut {
                        path: file.path.clone(),
                        size,
                        reason,
                    });
                }
            }
        }
        Ok(changes)
    }

    /// The content of an untracked file and whether it is executable, or the reason not to show it.
    #[allow(
        clippy::type_complexity,
        reason = "the inner result is taken apart at once by its only caller"
    )]
    fn read_one_untracked(
        &self,
        file: &Untracked,
        options: &ChangeOptions,
        sum: u64,
    ) -> Result<Result<(Vec<u8>, bool), (Option<u64>, LeftOutReason)>, ChangesError> {
        let path = match file.path.to_path() {
            Ok(path) => self.root().join(path),
            Err(error) => return Ok(Err((None, LeftOutReason::Unreadable(error.to_string())))),
        };
        if file.kind == Kind::Symlink {
            return Ok(Err((None, LeftOutReason::Symlink)));
        }
        if let Kind::Special(word) = file.kind {
            return Ok(Err((None, LeftOutReason::NotRegular(word))));
        }
        if (options.secret_name)(file.path.as_ref()) {
            let size = std::fs::symlink_metadata(&path)
                .ok()
                .map(|found| found.len());
            return Ok(Err((size, LeftOutReason::SecretName)));
        }
        let cap = options.untracked_file_cap;
        let unreadable =
            |error: std::io::Error| Ok(Err((None, LeftOutReason::Unreadable(error.to_string()))));
        let (file, size) = match worktree_file::open(&path) {
            Ok(Opened::Regular(file, size)) => (file, size),
            Ok(Opened::Symlink) => return Ok(Err((None, LeftOutReason::Symlink))),
            Ok(Opened::NotRegular(word)) => {
                return Ok(Err((None, LeftOutReason::NotRegular(word))));
            }
            Ok(Opened::Missing) => return unreadable(std::io::ErrorKind::NotFound.into()),
            Err(error) => return unreadable(error),
        };
        if size > cap {
            return Ok(Err((Some(size), LeftOutReason::TooLarge { cap })));
        }
        let total = options.untracked_total_cap;
        if sum.saturating_add(size) > total {
            return Ok(Err((Some(size), LeftOutReason::SumReached { cap: total })));
        }
        let is_executable = worktree_file::is_executable(&file);
        match worktree_file::read_within(file, size, cap.min(total - sum)) {
            Ok(Some(content)) => Ok(Ok((content, is_executable))),
            Ok(None) => Ok(Err((Some(size), LeftOutReason::TooLarge { cap }))),
            Err(error) => unreadable(error),
        }
    }
}

/// Decides what is looked at, and keeps account of the rest.
struct Selection {
    filter: PathFilter,
    rules: ReviewIgnore,
    left_out: Vec<LeftOut>,
    left_out_limit: usize,
    left_out_more: usize,
    list_ignored: bool,
    ignored: usize,
}

impl Selection {
    fn take(&mut self, changes: Vec<RawChange>) -> Vec<RawChange> {
        changes
            .into_iter()
            .filter(|change| self.takes(change.path.as_ref()))
            .collect()
    }

    fn takes(&mut self, path: &BStr) -> bool {
        let takes = self.filter.passes(path) && !self.rules.takes_out(path);
        if !takes {
            self.ignored += 1;
            if self.list_ignored {
                self.leave_out(LeftOut {
                    path: path.to_owned(),
                    size: None,
                    reason: LeftOutReason::Ignored,
                });
            }
        }
        takes
    }

    fn leave_out(&mut self, left_out: LeftOut) {
        if self.left_out.len() < self.left_out_limit {
            self.left_out.push(left_out);
        } else {
            self.left_out_more += 1;
        }
    }
}

fn finish(change: RawChange, facts: Facts) -> (FileChange, Detail) {
    let status = match (&change.old, &change.new, change.similarity) {
        _ if change.is_unmerged => FileStatus::Unmerged,
        (_, _, Some(similarity)) => FileStatus::Renamed { similarity },
        (None, _, _) => FileStatus::Added,
        (_, None, _) => FileStatus::Deleted,
        _ if change.changes_type() => FileStatus::TypeChanged,
        _ => FileStatus::Modified,
    };
    let side = |side: &Option<RawSide>, size: Option<u64>| {
        side.as_ref().map(|side| Side {
            mode: side.mode,
            id: own_id(&side.id),
            size,
        })
    };
    let file = FileChange {
        part: change.part,
        status,
        path: change.path,
        old_path: change.old_path,
        old: side(&change.old, facts.old_size),
        new: side(&change.new, facts.new_size),
        content: facts.content,
        notes: change.notes,
    };
    let detail = Detail {
        old: change.old,
        new: change.new,
        shown: facts.shown,
        edits: facts.edits,
    };
    (file, detail)
}

impl Repository {
    /// The content of a blob.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn blob(&self, id: &ObjectId) -> Result<Vec<u8>, ChangesError> {
        objects::read_blob(&self.gix, &gix_id(id))
    }

    /// The content of a file in a commit's tree; `None` if it has no file of this name.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn file_at(&self, commit: &ObjectId, path: &BStr) -> Result<Option<Vec<u8>>, ChangesError> {
        let tree = objects::tree_of(&self.gix, &gix_id(commit))?;
        let failed = |source: gix::Error| ChangesError::Repository {
            what: format!("tree {tree}"),
            source: Box::new(source),
        };
        let tree = self.gix.find_tree(tree).map_err(failed)?;
        let entry = tree
            .lookup_entry(path.split_str("/").map(BString::from))
            .map_err(failed)?;
        match entry {
            Some(entry) if entry.mode().is_blob() => {
                objects::read_blob(&self.gix, entry.id().as_ref()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A regular file of the working tree, up to `cap` bytes. Links are not followed, nothing special is opened.
    ///
    /// # Errors
    /// [`ChangesError::Io`] if it is there and cannot be read.
    pub fn read_worktree_file(
        &self,
        path: &BStr,
        cap: u64,
    ) -> Result<super::WorktreeFile, ChangesError> {
        use super::WorktreeFile;
        let on_disk = match path.to_path() {
            Ok(path)
                if path.is_relative()
                    && !path.components().any(|part| part.as_os_str() == "..") =>
            {
                self.root().join(path)
            }
            _ => return Ok(WorktreeFile::Missing),
        };
        let failed = |source| ChangesError::Io {
            path: on_disk.clone(),
            source,
        };
        Ok(match worktree_file::open(&on_disk).map_err(failed)? {
            Opened::Regular(file, size) => {
                match worktree_file::read_within(file, size, cap).map_err(failed)? {
                    Some(content) => WorktreeFile::Content(content),
                    None => WorktreeFile::TooLarge { size },
                }
            }
            Opened::Symlink => WorktreeFile::Symlink,
            Opened::NotRegular(word) => WorktreeFile::NotRegular(word),
            Opened::Missing => WorktreeFile::Missing,
        })
    }
}
