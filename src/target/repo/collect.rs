//! From a resolved target to a change set.

use std::cell::RefCell;
use std::sync::Arc;

use bstr::BStr;

use super::compare::{self, Facts};
use super::content::{Place, Reader};
use super::raw::{RawChange, RawSide, Source};
use super::snapshot::{Detail, Snapshot};
use super::status::Status;
use super::worktree::Wanted;
use super::worktree_file::{self, Opened};
use super::{Repository, gix_id, objects, own_id, renames, tree_diff};
use crate::target::{
    ChangeOptions, ChangeSet, ChangesError, Endpoint, FileChange, IgnoreSource, LeftOut,
    LeftOutReason, Part, PathFilter, REVIEW_IGNORE_FILE, ResolvedTarget, ReviewIgnore, Side,
    Status as FileStatus,
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
        let mut notes = selection.rules.notes.clone();
        let root = self.root().to_owned();
        let place = |index: Arc<gix::index::File>| Place {
            root: root.clone(),
            packs: Arc::clone(&self.packs),
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
            (old, Endpoint::Patched(side)) => {
                notes.extend(side.applied.notes.iter().cloned());
                raw.extend(selection.take(self.patched(&side.applied)?));
                place(match old {
                    Endpoint::WorkTree => Arc::new(self.read_index()?),
                    _ => Arc::new(self.no_index()),
                })
            }
            (old, new) => {
                let (old, new) = (self.tree_at(old)?, self.tree_at(new)?);
                let changes = tree_diff::between_trees(
                    &self.gix,
                    &self.packs,
                    Part::Committed,
                    old,
                    new,
                    options.threads,
                )?;
                let place = place(Arc::new(self.no_index()));
                raw.extend(selection.take(renames::detect(
                    &mut Reader::new(&self.gix, &place),
                    changes,
                )));
                place
            }
        };

        let facts = compare::compare_all(&self.gix, &place, &raw, options.threads);
        let mut files = Vec::with_capacity(raw.len());
        let mut details = Vec::with_capacity(raw.len());
        for (change, facts) in raw.into_iter().zip(facts) {
            match facts {
                Ok(facts) => {
                    let (file, detail) = finish(change, facts);
                    files.push(file);
                    details.push(detail);
                }
                // Nothing is wrong with the file: the patch itself does not show what it is about.
                Err(error @ ChangesError::NotInPatch { .. }) => return Err(error),
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
            is_narrowed: false,
            is_reduced: false,
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

    /// An index without entries, where attributes come from the working tree alone.
    pub(super) fn no_index(&self) -> gix::index::File {
        let empty = gix::index::State::new(self.gix.object_hash());
        gix::index::File::from_state(empty, self.index_path.clone())
    }

    fn tree_at(&self, endpoint: &Endpoint) -> Result<Option<gix::ObjectId>, ChangesError> {
        match endpoint {
            Endpoint::Commit(commit) => objects::tree_of(&self.gix, &gix_id(commit)).map(Some),
            Endpoint::EmptyTree | Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => {
                Ok(None)
            }
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
}

/// Decides what is looked at, and keeps account of the rest.
pub(super) struct Selection {
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

    pub(super) fn takes(&mut self, path: &BStr) -> bool {
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

    pub(super) fn leave_out(&mut self, left_out: LeftOut) {
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
    let keep = |side: Option<RawSide>, kept: Option<Arc<[u8]>>| {
        side.map(|side| RawSide {
            source: kept.map_or(side.source, Source::Kept),
            ..side
        })
    };
    let [old_kept, new_kept] = facts.kept;
    let detail = Detail {
        old: keep(change.old, old_kept),
        new: keep(change.new, new_kept),
        shown: facts.shown,
        edits: facts.edits,
        chosen: None,
    };
    (file, detail)
}
