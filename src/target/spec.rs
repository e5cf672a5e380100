//! What was asked for: a pure value, not yet looked up in any repository.

/// Which change is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// A dirty tree means the working tree, a clean one the branch against the detected default branch.
    Auto,
    /// Staged, unstaged and untracked, against HEAD.
    WorkingTree,
    /// The index against HEAD.
    Staged,
    /// HEAD against the detected default branch.
    Branch,
    /// HEAD against the merge base with this revision (`--base`).
    Base(String),
    /// One commit against its first parent, or the empty tree for a root commit (`--commit`).
    Commit(String),
    /// `A..B` or, with `merge_base`, `A...B` (`--range`). An empty side means HEAD.
    Range {
        /// The old side.
        from: String,
        /// The new side.
        to: String,
        /// Whether the old side is the merge base of both (three dots).
        merge_base: bool,
    },
}

/// What is to be reviewed, as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSpec {
    /// Which change.
    pub select: Select,
    /// Path globs relative to the repository root; one that begins with `!` takes paths out again. Empty means all.
    pub paths: Vec<String>,
}
