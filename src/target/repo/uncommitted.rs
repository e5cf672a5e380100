//! What is not committed, as paths and index entries: for whoever brings it somewhere else, byte for byte.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};

use super::listing::Kind;
use super::raw::is_submodule;
use super::worktree_file::{self, Opened};
use super::{Repository, own_id};
use crate::target::{ChangesError, LeftOut, LeftOutReason, ObjectId};

/// An index entry that differs from HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedEntry {
    /// Its path, relative to the repository root.
    pub path: BString,
    /// Its mode and its blob (for a submodule: its commit); `None` where the index has no such file any more.
    pub entry: Option<(u32, ObjectId)>,
}

/// Everything that is not committed, each list in path order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncommitted {
    /// HEAD to index.
    pub staged: Vec<StagedEntry>,
    /// Tracked files and links whose working tree copy differs from the index, or is gone.
    pub changed: Vec<BString>,
    /// Files and links that git does not know and no ignore rule covers.
    pub untracked: Vec<BString>,
    /// Paths in conflict.
    pub unmerged: Vec<BString>,
    /// Submodules that are at another commit, or changed inside.
    pub submodules: Vec<BString>,
    /// What is neither file nor link, a repository of its own, or cannot be read.
    pub left_out: Vec<LeftOut>,
}

impl Uncommitted {
    /// Whether git would call the working tree clean.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.staged.is_empty()
            && self.changed.is_empty()
            && self.untracked.is_empty()
            && self.unmerged.is_empty()
            && self.submodules.is_empty()
    }

    /// Every file or link that is staged, changed or untracked, each once, in path order.
    #[must_use]
    pub fn paths(&self) -> Vec<BString> {
        let staged = self.staged.iter().filter(|staged| {
            !staged
                .entry
                .as_ref()
                .is_some_and(|(mode, _)| is_submodule(*mode))
        });
        let mut paths: Vec<BString> = staged
            .map(|staged| &staged.path)
            .chain(&self.changed)
            .chain(&self.untracked)
            .cloned()
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

/// What a path of the working tree holds, open where it is a file.
#[derive(Debug)]
pub enum OnDisk {
    /// A regular file.
    File {
        /// Open for reading.
        file: File,
        /// Its size in bytes when it was opened.
        size: u64,
        /// Whether its owner may execute it.
        is_executable: bool,
    },
    /// A symbolic link, not followed; where it points.
    Symlink(PathBuf),
    /// A directory, FIFO, socket or device; it was not opened.
    NotRegular(&'static str),
    /// Nothing.
    Missing,
}

impl Repository {
    /// What is not committed. Reads the index and the working tree, and writes neither.
    ///
    /// # Errors
    /// HEAD, the index or a folder cannot be read.
    pub fn uncommitted(&self) -> Result<Uncommitted, ChangesError> {
        let status = self.look(0)?;
        let index = &status.index;
        let mut uncommitted = Uncommitted {
            left_out: status.found.left_out.clone(),
            ..Uncommitted::default()
        };
        for entry in index.entries() {
            if entry.stage_raw() != 0 {
                uncommitted.unmerged.push(entry.path(index).to_owned());
            }
        }
        uncommitted.unmerged.dedup();
        for staged in &status.staged {
            let entry = staged
                .new
                .as_ref()
                .map(|side| (side.mode, own_id(&side.id)));
            uncommitted.staged.push(StagedEntry {
                path: staged.path.clone(),
                entry,
            });
        }
        for change in &status.found.changes {
            let sides = [change.old.as_ref(), change.new.as_ref()];
            let in_a_submodule = sides
                .into_iter()
                .flatten()
                .any(|side| is_submodule(side.mode));
            let list = if in_a_submodule {
                &mut uncommitted.submodules
            } else {
                &mut uncommitted.changed
            };
            list.push(change.path.clone());
        }
        for file in &status.found.untracked {
            match file.kind {
                Kind::Special(word) => uncommitted.left_out.push(LeftOut {
                    path: file.path.clone(),
                    size: None,
                    reason: LeftOutReason::NotRegular(word),
                }),
                _ => uncommitted.untracked.push(file.path.clone()),
            }
        }
        Ok(uncommitted)
    }

    /// Opens what is at a path of the working tree. No link is followed, and nothing but a regular file is opened.
    ///
    /// # Errors
    /// [`ChangesError::Io`] if it is there and cannot be read.
    pub fn on_disk(&self, path: &BStr) -> Result<OnDisk, ChangesError> {
        let Ok(relative) = path.to_path() else {
            return Ok(OnDisk::Missing);
        };
        let full = self.root().join(relative);
        let failed = |source: io::Error| ChangesError::Io {
            path: full.clone(),
            source,
        };
        Ok(match worktree_file::open(&full).map_err(failed)? {
            Opened::Regular(file, size) => OnDisk::File {
                is_executable: worktree_file::is_executable(&file),
                file,
                size,
            },
            Opened::Symlink => OnDisk::Symlink(std::fs::read_link(&full).map_err(failed)?),
            Opened::NotRegular(word) => OnDisk::NotRegular(word),
            Opened::Missing => OnDisk::Missing,
        })
    }
}
