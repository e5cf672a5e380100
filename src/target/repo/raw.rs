//! A change before its content was compared: which files, which ids, and where their content is.

use std::sync::Arc;

use bstr::BString;

use crate::target::Part;

/// Where the content of one side is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A blob in the object database.
    Object,
    /// Read, as git stores it, and kept.
    Kept(Arc<[u8]>),
    /// Read from the working tree and let go again: read once more when asked for, and checked by its id.
    OnDisk,
    /// In the working tree, and larger than the threshold: never held.
    TooLarge,
    /// Nowhere: a patch names these bytes and does not show them.
    Unseen,
    /// A submodule's commit.
    Commit {
        /// Whether files in the submodule differ from that commit.
        dirty: bool,
    },
}

/// One side of a change.
#[derive(Debug, Clone)]
pub(super) struct RawSide {
    pub(super) mode: u32,
    pub(super) id: gix::ObjectId,
    pub(super) source: Source,
}

impl RawSide {
    /// Whether equal ids mean equal content: a submodule can be at the same commit and dirty.
    pub(super) fn source_is_same(&self, other: &RawSide) -> bool {
        let dirt = |side: &RawSide| matches!(side.source, Source::Commit { dirty: true });
        dirt(self) == dirt(other)
    }

    /// What a tree or the index says.
    pub(super) fn stored(mode: u32, id: gix::ObjectId) -> Self {
        let source = if is_submodule(mode) {
            Source::Commit { dirty: false }
        } else {
            Source::Object
        };
        RawSide { mode, id, source }
    }
}

/// One changed file.
#[derive(Debug, Clone)]
pub(super) struct RawChange {
    pub(super) part: Part,
    pub(super) path: BString,
    pub(super) old_path: Option<BString>,
    pub(super) old: Option<RawSide>,
    pub(super) new: Option<RawSide>,
    /// In percent, for a rename.
    pub(super) similarity: Option<u8>,
    pub(super) is_unmerged: bool,
    pub(super) notes: Vec<String>,
}

impl RawChange {
    pub(super) fn new(
        part: Part,
        path: BString,
        old: Option<RawSide>,
        new: Option<RawSide>,
    ) -> Self {
        RawChange {
            part,
            path,
            old_path: None,
            old,
            new,
            similarity: None,
            is_unmerged: false,
            notes: Vec::new(),
        }
    }

    /// Whether one side is another type of thing than the other: a file, a link, a submodule.
    pub(super) fn changes_type(&self) -> bool {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => file_type(old.mode) != file_type(new.mode),
            _ => false,
        }
    }
}

const TYPE_BITS: u32 = 0o170_000;

pub(super) fn file_type(mode: u32) -> u32 {
    mode & TYPE_BITS
}

pub(super) fn is_submodule(mode: u32) -> bool {
    file_type(mode) == 0o160_000
}

pub(super) fn is_file(mode: u32) -> bool {
    file_type(mode) == 0o100_000
}

pub(super) fn is_tree(mode: u32) -> bool {
    file_type(mode) == 0o040_000
}

/// The mode as git compares and prints it: old trees hold others, such as `100664`.
pub(super) fn canonical(mode: u32) -> u32 {
    match file_type(mode) {
        0o100_000 if mode & 0o100 != 0 => 0o100_755,
        0o100_000 => 0o100_644,
        0o120_000 => 0o120_000,
        0o040_000 => 0o040_000,
        _ => 0o160_000,
    }
}
