//! One directory of the working tree: names, kinds, and metadata as the index keeps it.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use portable as imp;
#[cfg(unix)]
use unix as imp;

use std::io;
use std::path::Path;

use bstr::{BStr, BString};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Symlink,
    Directory,
    /// A FIFO, socket or device; a word for it.
    Special(&'static str),
}

/// Metadata of one name; a link is not followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileStat {
    pub(super) kind: Kind,
    pub(super) is_executable: bool,
    pub(super) index_stat: gix::index::entry::Stat,
}

/// The names of a directory, sorted, `.` and `..` left out.
pub(super) struct Listing {
    names: Vec<(BString, Kind)>,
    handle: imp::Handle,
}

impl Listing {
    /// Lists a directory; a link to one is an error.
    pub(super) fn read(directory: &Path) -> io::Result<Self> {
        let (mut names, handle) = imp::list(directory)?;
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(Listing { names, handle })
    }

    pub(super) fn names(&self) -> &[(BString, Kind)] {
        &self.names
    }

    /// Where `name` is in [`Listing::names`].
    pub(super) fn position(&self, name: &BStr) -> Option<usize> {
        self.names
            .binary_search_by(|(known, _)| BStr::new(known).cmp(name))
            .ok()
    }

    /// Metadata of one name; `None` if it is gone by now.
    pub(super) fn stat(&self, name: &BStr) -> io::Result<Option<FileStat>> {
        match imp::stat(&self.handle, name) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if super::worktree_file::is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
