//! The change as values: files, hunks, counts, and what was left out.

use bstr::BString;

use super::ObjectId;

/// Which part of a target a file change belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Between two commits.
    Committed,
    /// HEAD to index.
    Staged,
    /// Index to working tree.
    Unstaged,
    /// Not known to git, shown as an added file.
    Untracked,
    /// In a patch that is not applied.
    Patched,
}

impl Part {
    /// A lower-case word for ledgers and headings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Committed => "committed",
            Part::Staged => "staged",
            Part::Unstaged => "unstaged",
            Part::Untracked => "untracked",
            Part::Patched => "not applied",
        }
    }
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// New.
    Added,
    /// Gone.
    Deleted,
    /// Content or mode differ.
    Modified,
    /// Moved, perhaps edited; `similarity` in percent.
    Renamed {
        /// As git prints it, 0 to 100.
        similarity: u8,
    },
    /// File to symlink, symlink to submodule, and so on.
    TypeChanged,
    /// In conflict.
    Unmerged,
}

impl Status {
    /// git's letter: A, D, M, R, T or U.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Status::Added => 'A',
            Status::Deleted => 'D',
            Status::Modified => 'M',
            Status::Renamed { .. } => 'R',
            Status::TypeChanged => 'T',
            Status::Unmerged => 'U',
        }
    }
}

/// One side of a file change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// git's file mode, such as `0o100644`.
    pub mode: u32,
    /// The blob's id (for a submodule: the commit's).
    pub id: ObjectId,
    /// Bytes of content; `None` for a submodule.
    pub size: Option<u64>,
}

/// A hunk's place, as in its `@@` line, with the patch's default of three lines of context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HunkRange {
    /// First old line, 1-based (git's number for an empty side).
    pub old_start: u32,
    /// Old lines shown.
    pub old_lines: u32,
    /// First new line, 1-based (git's number for an empty side).
    pub new_start: u32,
    /// New lines shown.
    pub new_lines: u32,
}

/// What the content of a file change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Lines of text.
    Text {
        /// Lines added.
        added: u32,
        /// Lines removed.
        removed: u32,
        /// The hunks, in order; empty for a pure rename or mode change.
        hunks: Vec<HunkRange>,
        /// The exact changed lines of the new side, sorted and disjoint, 1-based, both ends included. A pure deletion
        /// gives no range here.
        added_lines: Vec<(u32, u32)>,
        /// Lines of the new side.
        new_line_count: u32,
    },
    /// Bytes: summarised, never shown.
    Binary,
    /// A submodule's commit.
    Submodule,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Which part of the target.
    pub part: Part,
    /// What happened.
    pub status: Status,
    /// The path in the new version (the old one for a deletion), relative to the repository root.
    pub path: BString,
    /// The old path of a rename.
    pub old_path: Option<BString>,
    /// The old side; `None` for an addition.
    pub old: Option<Side>,
    /// The new side; `None` for a deletion.
    pub new: Option<Side>,
    /// Text, binary or submodule.
    pub content: Content,
    /// Things to know about this file, such as `compared raw: its clean filter "lfs" was not run`.
    pub notes: Vec<String>,
}

/// A file that belongs to the target and is not shown, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path, relative to the repository root.
    pub path: BString,
    /// Its size in bytes where it is known.
    pub size: Option<u64>,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why a file of the target is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOutReason {
    /// Untracked and larger than the cap for one file, in bytes.
    TooLarge {
        /// The cap.
        cap: u64,
    },
    /// The cap on the sum of all untracked files, in bytes, was reached.
    SumReached {
        /// The cap.
        cap: u64,
    },
    /// A symbolic link: never followed.
    Symlink,
    /// A FIFO, socket or device: never opened.
    NotRegular(&'static str),
    /// A directory that is a repository of its own.
    NestedRepository,
    /// Untracked and not text.
    Binary,
    /// Could not be read; what the system said.
    Unreadable(String),
    /// Excluded by `.codexreviewignore` or by path filters that the user gave (only when asked to list them).
    Ignored,
    /// Bears a secret by its name (`.env`, key files): listed, never sent.
    SecretName,
}
