//! One directory: its names against the index entries in it, and the names that nobody knows.

use std::ops::Range;
use std::path::PathBuf;

use bstr::{BStr, ByteSlice};
use gix::index::entry::{Flags, Mode};

use super::{Task, Untracked, Worker};
use crate::target::repo::listing::{Kind, Listing};
use crate::target::repo::worktree_file::is_missing;
use crate::target::{ChangesError, LeftOut, LeftOutReason};

impl Worker<'_, '_> {
    pub(super) fn directory(&mut self, task: &Task) -> Result<Vec<Task>, ChangesError> {
        let path = self.on_disk(task.directory.as_bstr());
        let listing = match Listing::read(&path) {
            Ok(listing) => listing,
            Err(error) if is_missing(&error) => {
                self.all_deleted(task.entries.clone());
                return Ok(Vec::new());
            }
            Err(error) if task.directory.is_empty() => {
                return Err(ChangesError::Io {
                    path,
                    source: error,
                });
            }
            Err(error) => {
                self.unreadable(task.directory.as_bstr(), &error);
                return Ok(Vec::new());
            }
        };
        let mut known = vec![false; listing.names().len()];
        let mut more = Vec::new();
        self.tracked(task, &listing, &mut known, &mut more)?;
        if self.shared.wanted.untracked {
            for ((name, kind), _) in listing
                .names()
                .iter()
                .zip(&known)
                .filter(|(_, known)| !**known)
            {
                if name != ".git" {
                    self.unknown(task.directory.as_bstr(), name.as_bstr(), *kind, &mut more)?;
                }
            }
        }
        Ok(more)
    }

    pub(super) fn on_disk(&self, path: &BStr) -> PathBuf {
        match path.to_path() {
            Ok(path) => self.shared.root.join(path),
            Err(_) => self.shared.root.join(path.to_str_lossy().as_ref()),
        }
    }

    pub(super) fn unreadable(&mut self, path: &BStr, error: &std::io::Error) {
        self.found.left_out.push(LeftOut {
            path: path.to_owned(),
            size: None,
            reason: LeftOutReason::Unreadable(error.to_string()),
        });
    }

    /// Matches the index entries of a directory with its names.
    fn tracked(
        &mut self,
        task: &Task,
        listing: &Listing,
        known: &mut [bool],
        more: &mut Vec<Task>,
    ) -> Result<(), ChangesError> {
        let index = self.shared.index;
        let entries = index.entries();
        let mut at = task.entries.start;
        while at < task.entries.end {
            let path = entries[at].path(index);
            let rest = &path[task.directory.len()..];
            if let Some(slash) = rest.find_byte(b'/') {
                let name = &rest[..slash];
                let position = listing.position(name);
                if entries[at].mode == Mode::DIR {
                    // A sparse index: the directory is not checked out.
                    if let Some(position) = position {
                        known[position] = true;
                    }
                    at += 1;
                    continue;
                }
                let directory = &path[..=task.directory.len() + slash];
                let count = entries[at..task.entries.end]
                    .partition_point(|entry| entry.path(index).starts_with(directory));
                let range = at..at + count;
                at = range.end;
                match position.filter(|position| listing.names()[*position].1 == Kind::Directory) {
                    Some(position) => {
                        known[position] = true;
                        more.push(Task {
                            directory: directory.to_owned(),
                            entries: range,
                        });
                    }
                    None => self.all_deleted(range),
                }
                continue;
            }
            let position = listing.position(rest);
            if let Some(position) = position {
                // A directory in the place of a file: its files are unknown to the index.
                let replaced = listing.names()[position].1 == Kind::Directory
                    && entries[at].mode != Mode::COMMIT;
                known[position] = !replaced;
            }
            let same_path = entries[at..task.entries.end]
                .iter()
                .take_while(|entry| entry.path(index) == path)
                .count();
            if entries[at].stage_raw() == 0 {
                self.entry(at, rest, position.map(|_| listing))?;
            } else {
                self.conflict(path, rest, position.map(|_| listing))?;
            }
            at += same_path;
        }
        Ok(())
    }

    fn all_deleted(&mut self, range: Range<usize>) {
        let index = self.shared.index;
        let mut previous: Option<&BStr> = None;
        for entry in &index.entries()[range] {
            let path = entry.path(index);
            if entry.stage_raw() != 0 {
                if previous != Some(path) {
                    self.push_conflict(path, None, Vec::new());
                }
                previous = Some(path);
            } else if !is_set_aside(entry) {
                self.deleted(path, entry);
            }
        }
    }

    /// A name that the index does not know.
    fn unknown(
        &mut self,
        directory: &BStr,
        name: &BStr,
        kind: Kind,
        more: &mut Vec<Task>,
    ) -> Result<(), ChangesError> {
        let mut path = directory.to_owned();
        path.extend_from_slice(name);
        let is_directory = kind == Kind::Directory;
        let mode = if is_directory { Mode::DIR } else { Mode::FILE };
        let excludes = match &mut self.excludes {
            Some(excludes) => excludes,
            empty => {
                let stack = self
                    .repository
                    .excludes(
                        self.shared.index,
                        None,
                        gix::worktree::stack::state::ignore::Source::default(),
                    )
                    .map_err(excludes_failed)?;
                empty.insert(stack)
            }
        };
        let platform = excludes
            .at_entry(path.as_bstr(), Some(mode))
            .map_err(excludes_failed)?;
        if platform.is_excluded() {
            return Ok(());
        }
        if !is_directory {
            self.found.untracked.push(Untracked { path, kind });
            return Ok(());
        }
        if gix::discover::is_git(&self.on_disk(path.as_bstr()).join(".git")).is_ok() {
            self.found.left_out.push(LeftOut {
                path,
                size: None,
                reason: LeftOutReason::NestedRepository,
            });
            return Ok(());
        }
        path.push(b'/');
        more.push(Task {
            directory: path,
            entries: 0..0,
        });
        Ok(())
    }
}

fn excludes_failed(error: gix::Error) -> ChangesError {
    ChangesError::Repository {
        what: "the exclude files".into(),
        source: Box::new(error),
    }
}

/// Whether git does not look at the file itself.
fn is_set_aside(entry: &gix::index::Entry) -> bool {
    entry
        .flags
        .intersects(Flags::ASSUME_VALID | Flags::SKIP_WORKTREE)
}
