//! What of a working tree is worth watching: the paths that git would not ignore.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice as _};
use gix::index::entry::Mode;

use super::Repository;
use crate::target::ChangesError;

/// The ignore rules and the index of a working tree, at one moment.
pub struct WatchRules<'r> {
    root: PathBuf,
    index: gix::index::File,
    excludes: gix::AttributeStack<'r>,
}

impl std::fmt::Debug for WatchRules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchRules")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// The folders below a place that have something to watch in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchedFolders {
    /// All of them.
    All(Vec<PathBuf>),
    /// There are more than were asked for.
    TooMany,
}

impl Repository {
    /// Reads the index and the ignore rules; `None` for a bare repository.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] where one of them cannot be read.
    pub fn watch_rules(&self) -> Result<Option<WatchRules<'_>>, ChangesError> {
        let Some(root) = self.gix.workdir() else {
            return Ok(None);
        };
        let index = self.read_index()?;
        let excludes = self
            .gix
            .excludes(
                &index,
                None,
                gix::worktree::stack::state::ignore::Source::default(),
            )
            .map_err(|source| ChangesError::Repository {
                what: "the exclude files".into(),
                source: Box::new(source),
            })?;
        Ok(Some(WatchRules {
            root: root.to_owned(),
            index,
            excludes,
        }))
    }
}

impl WatchRules<'_> {
    /// Whether what happens to `path` (below the root) is nobody's concern: git does not know it and ignores it. A name
    /// that cannot be looked up is a concern.
    pub fn covers(&mut self, path: &BStr, is_folder: bool) -> bool {
        if path.is_empty() || self.is_tracked(path) {
            return false;
        }
        let mode = if is_folder { Mode::DIR } else { Mode::FILE };
        self.excludes
            .at_entry(path, Some(mode))
            .is_ok_and(|platform| platform.is_excluded())
    }

    /// Whether the index has the path, or something below it.
    fn is_tracked(&self, path: &BStr) -> bool {
        if self.index.entry_by_path(path).is_some() {
            return true;
        }
        let mut below = BString::from(path.to_vec());
        below.push(b'/');
        let entries = self.index.entries();
        let first = entries.partition_point(|entry| entry.path(&self.index) < below.as_bstr());
        entries
            .get(first)
            .is_some_and(|entry| entry.path(&self.index).starts_with(below.as_slice()))
    }

    /// `start` (the root or a folder below it) and the folders in it that are not ignored, at most `limit`. No symbolic
    /// link is followed, and no other repository entered. A folder that cannot be read has no folders in it.
    pub fn folders(&mut self, start: &Path, limit: usize) -> WatchedFolders {
        let mut found = Vec::new();
        let mut queue = VecDeque::from([start.to_owned()]);
        while let Some(folder) = queue.pop_front() {
            if found.len() >= limit {
                return WatchedFolders::TooMany;
            }
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if !is_folder || entry.file_name() == ".git" {
                    continue;
                }
                let path = entry.path();
                let is_watched = match self.below_root(&path) {
                    Some(below) => !self.covers(below.as_bstr(), true),
                    None => false,
                };
                if is_watched && !path.join(".git").exists() {
                    queue.push_back(path);
                }
            }
            found.push(folder);
        }
        WatchedFolders::All(found)
    }

    /// A path as git writes it; `None` outside the working tree.
    #[must_use]
    pub fn below_root(&self, path: &Path) -> Option<BString> {
        let below = path.strip_prefix(&self.root).ok()?;
        let bytes = gix::path::into_bstr(below).ok()?;
        Some(gix::path::to_unix_separators_on_windows(bytes).into_owned())
    }
}
