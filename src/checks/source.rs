//! What the checks look at: a change, reduced to what rules need.

use bstr::{BStr, BString};

use crate::target::Status;

/// git's file mode of a symbolic link.
pub const MODE_SYMLINK: u32 = 0o120_000;

/// A change that rules can be run over. The target module is behind the one that the engine uses; tests bring their
/// own.
pub trait ChangeSource {
    /// The changed files, in order. The index of a file in this list names it below.
    fn files(&self) -> &[SourceFile];

    /// The changed lines of a file; empty for a binary file, a symbolic link or a submodule, and for a file that
    /// cannot be read.
    fn lines(&self, index: usize) -> ChangedText;

    /// The new version of a file (of a symbolic link: its target), or `None` where there is none, or where it is
    /// larger than [`CONTENT_CAP`] or cannot be read.
    fn new_content(&self, index: usize) -> Option<Vec<u8>>;

    /// Whether the new version of the repository has a tracked file of this path, changed or not.
    fn is_tracked(&self, path: &BStr) -> bool;

    /// What belongs to the change and could not be seen, a few words each. Asked at the end: reading a file may add
    /// to it.
    fn not_seen(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A file that is larger than this is judged by its changed lines alone.
pub const CONTENT_CAP: u64 = 4 * 1024 * 1024;

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path in the new version (the old one of a deletion), relative to the repository root.
    pub path: BString,
    /// What happened to it.
    pub status: Status,
    /// git's mode before; `None` for an addition.
    pub old_mode: Option<u32>,
    /// git's mode after; `None` for a deletion.
    pub new_mode: Option<u32>,
    /// Bytes of the new version, where known.
    pub new_size: Option<u64>,
    /// Whether the content is bytes rather than lines.
    pub binary: bool,
}

/// The changed lines of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedText {
    /// Lines that are new, in order.
    pub added: Vec<Line>,
    /// Lines that are gone, in order, numbered by the old version.
    pub removed: Vec<Line>,
}

/// One line, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 1-based.
    pub number: u32,
    /// Its text; bytes that are no UTF-8 became U+FFFD.
    pub text: String,
}
