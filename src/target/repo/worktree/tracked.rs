//! One tracked file: whether it differs from the index, and its content as git would store it.

use std::path::Path;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode};

use super::{BIG_FILE_BYTES, Worker};
use crate::target::repo::convert::{Converter, blob_id, stream_id};
use crate::target::repo::listing::{FileStat, Kind, Listing};
use crate::target::repo::raw::{RawChange, RawSide, Source, canonical, is_tree};
use crate::target::repo::submodule;
use crate::target::repo::worktree_file::{self, Opened};
use crate::target::{ChangesError, Part};

impl<'w> Worker<'w, '_> {
    /// Compares one tracked file.
    pub(super) fn entry(
        &mut self,
        at: usize,
        name: &BStr,
        listing: Option<&Listing>,
    ) -> Result<(), ChangesError> {
        let index = self.shared.index;
        let entry = &index.entries()[at];
        let path = entry.path(index);
        if entry.flags.contains(Flags::ASSUME_VALID) {
            return Ok(());
        }
        // git takes a file that was left out of a sparse checkout seriously again when it is there all the same.
        if entry.flags.contains(Flags::SKIP_WORKTREE)
            && (listing.is_none() || !self.shared.is_sparse)
        {
            return Ok(());
        }
        let stat = match listing.map(|listing| listing.stat(name)).transpose() {
            Ok(stat) => stat.flatten(),
            Err(error) => {
                self.unreadable(path, &error);
                return Ok(());
            }
        };
        let Some(stat) = stat else {
            self.deleted(path, entry);
            return Ok(());
        };
        let old = RawSide::stored(entry.mode.bits(), entry.id);
        match stat.kind {
            Kind::Directory => {
                self.directory_entry(path, entry);
                return Ok(());
            }
            Kind::Special(word) => {
                let mut change = RawChange::new(Part::Unstaged, path.to_owned(), Some(old), None);
                change
                    .notes
                    .push(format!("a {word} is in its place, which was not opened"));
                self.found.changes.push(change);
                return Ok(());
            }
            Kind::File | Kind::Symlink => {}
        }
        let mode = self.mode_of(&stat, entry.mode);
        let announced = entry.flags.contains(Flags::INTENT_TO_ADD);
        let unchanged = !announced
            && mode == entry.mode.bits()
            && entry
                .stat
                .matches(&stat.index_stat, self.shared.stat_options)
            && !entry
                .stat
                .is_racy(index.timestamp(), self.shared.stat_options);
        if unchanged {
            return Ok(());
        }
        let Some((new, notes)) = self.read(path, &stat, mode)? else {
            return Ok(());
        };
        if !announced && new.id == old.id && new.mode == old.mode {
            return Ok(());
        }
        let old = (!announced).then_some(old);
        let mut change = RawChange::new(Part::Unstaged, path.to_owned(), old, Some(new));
        change.notes = notes;
        self.found.changes.push(change);
        Ok(())
    }

    pub(super) fn deleted(&mut self, path: &BStr, entry: &gix::index::Entry) {
        if entry.mode == Mode::COMMIT && self.shared.ignores_submodules.all(path) {
            return;
        }
        let old = RawSide::stored(entry.mode.bits(), entry.id);
        self.found.changes.push(RawChange::new(
            Part::Unstaged,
            path.to_owned(),
            Some(old),
            None,
        ));
    }

    /// A directory where the index has a submodule, or a file that is gone.
    fn directory_entry(&mut self, path: &BStr, entry: &gix::index::Entry) {
        let head = submodule::head(&self.on_disk(path), self.shared.wanted.depth, || {
            !self.shared.ignores_submodules.dirt(path)
        });
        if entry.mode == Mode::COMMIT && self.shared.ignores_submodules.all(path) {
            return;
        }
        match head {
            None if entry.mode == Mode::COMMIT => {}
            None => self.deleted(path, entry),
            Some(head)
                if entry.mode == Mode::COMMIT && head.commit == entry.id && !head.is_dirty => {}
            Some(head) => {
                let new = RawSide {
                    mode: Mode::COMMIT.bits(),
                    id: head.commit,
                    source: Source::Commit {
                        dirty: head.is_dirty,
                    },
                };
                let old = RawSide::stored(entry.mode.bits(), entry.id);
                self.found.changes.push(RawChange::new(
                    Part::Unstaged,
                    path.to_owned(),
                    Some(old),
                    Some(new),
                ));
            }
        }
    }

    fn mode_of(&self, stat: &FileStat, known: Mode) -> u32 {
        let mode = match stat.kind {
            Kind::Symlink => Mode::SYMLINK,
            _ if known == Mode::SYMLINK && !self.shared.has_symlinks => Mode::SYMLINK,
            _ if !self.shared.trusts_mode => match known {
                Mode::FILE_EXECUTABLE => Mode::FILE_EXECUTABLE,
                _ => Mode::FILE,
            },
            _ if stat.is_executable => Mode::FILE_EXECUTABLE,
            _ => Mode::FILE,
        };
        mode.bits()
    }

    /// Reads a file or link as git would store it; `None` if it could not be read, which is recorded.
    fn read(
        &mut self,
        path: &BStr,
        stat: &FileStat,
        mode: u32,
    ) -> Result<Option<(RawSide, Vec<String>)>, ChangesError> {
        let on_disk = self.on_disk(path);
        let (content, notes) = if stat.kind == Kind::Symlink {
            match worktree_file::read_link(&on_disk) {
                Ok(target) => (target, Vec::new()),
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(None);
                }
            }
        } else {
            match self.read_regular(&on_disk) {
                Ok(Regular::Content(content)) if mode == Mode::SYMLINK.bits() => {
                    (content, Vec::new())
                }
                Ok(Regular::Content(content)) => self.converter()?.stored_form(path, content),
                Ok(Regular::TooLarge(id)) => {
                    let note = format!(
                        "not shown: larger than {} MiB",
                        BIG_FILE_BYTES / 1024 / 1024
                    );
                    return Ok(Some((
                        RawSide {
                            mode,
                            id,
                            source: Source::TooLarge,
                        },
                        vec![note],
                    )));
                }
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(None);
                }
            }
        };
        let id = blob_id(self.repository, &content)?;
        let source = if self.shared.kept.take(content.len() as u64) {
            Source::Kept(Arc::from(content))
        } else {
            Source::OnDisk
        };
        Ok(Some((RawSide { mode, id, source }, notes)))
    }

    fn read_regular(&self, path: &Path) -> std::io::Result<Regular> {
        let moved = || std::io::Error::other("it was replaced while it was being read");
        let Opened::Regular(mut file, size) = worktree_file::open(path)? else {
            return Err(moved());
        };
        if size > BIG_FILE_BYTES {
            return stream_id(self.repository, &mut file, size)
                .map(Regular::TooLarge)
                .map_err(std::io::Error::other);
        }
        worktree_file::read_within(file, size, BIG_FILE_BYTES)?
            .map(Regular::Content)
            .ok_or_else(moved)
    }

    fn converter(&mut self) -> Result<&mut Converter<'w>, ChangesError> {
        match &mut self.converter {
            Some(converter) => Ok(converter),
            empty => Ok(empty.insert(Converter::new(
                self.repository,
                self.shared.index,
                self.shared.filters,
            )?)),
        }
    }

    /// A file in conflict is shown as HEAD against the working tree.
    pub(super) fn conflict(
        &mut self,
        path: &BStr,
        name: &BStr,
        listing: Option<&Listing>,
    ) -> Result<(), ChangesError> {
        let stat = listing.and_then(|listing| listing.stat(name).ok().flatten());
        let new = match stat {
            Some(stat) if matches!(stat.kind, Kind::File | Kind::Symlink) => {
                let mode = self.mode_of(&stat, Mode::FILE);
                self.read(path, &stat, mode)?
            }
            _ => None,
        };
        let (new, notes) = new.map_or((None, Vec::new()), |(side, notes)| (Some(side), notes));
        self.push_conflict(path, new, notes);
        Ok(())
    }

    pub(super) fn push_conflict(&mut self, path: &BStr, new: Option<RawSide>, notes: Vec<String>) {
        let old = self.shared.head_tree.and_then(|tree| {
            let tree = self.repository.find_tree(tree).ok()?;
            let components = path.split_str("/").map(BString::from);
            let entry = tree.lookup_entry(components).ok().flatten()?;
            let mode = canonical(u32::from(entry.mode().value()));
            (!is_tree(mode)).then(|| RawSide::stored(mode, entry.object_id()))
        });
        let mut change = RawChange::new(Part::Unstaged, path.to_owned(), old, new);
        change.is_unmerged = true;
        change.notes = notes;
        self.found.changes.push(change);
    }
}

enum Regular {
    Content(Vec<u8>),
    TooLarge(gix::ObjectId),
}
