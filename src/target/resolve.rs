//! From a [`TargetSpec`](super::TargetSpec) to object ids: done once, before anything else runs.

use super::{ObjectId, TargetSpec};

/// What kind of target was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Staged, unstaged and untracked changes.
    WorkingTree,
    /// The index against HEAD.
    Staged,
    /// HEAD against the merge base with a base.
    Branch,
    /// One commit.
    Commit,
    /// A range of two revisions.
    Range,
}

impl Mode {
    /// The word that JSON uses (`working-tree`, `staged`, `branch`, `commit`, `range`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::WorkingTree => "working-tree",
            Mode::Staged => "staged",
            Mode::Branch => "branch",
            Mode::Commit => "commit",
            Mode::Range => "range",
        }
    }
}

/// One side of a comparison, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Nothing at all: the old side of a root commit or of an unborn branch.
    EmptyTree,
    /// A commit.
    Commit(ObjectId),
    /// The index as it was read.
    Index,
    /// The files in the working tree, untracked ones included.
    WorkTree,
}

/// The base that a branch is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChoice {
    /// The name, as given or detected, such as `origin/main`.
    pub name: String,
    /// The commit it pointed at.
    pub commit: ObjectId,
    /// The merge base with the new side: what is really compared.
    pub merge_base: ObjectId,
    /// The local or remote-tracking twin that was not taken, if there is one.
    pub twin: Option<Twin>,
}

/// The other of a local branch and its remote-tracking branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Its name.
    pub name: String,
    /// How many commits it lacks of the base that was taken.
    pub behind: u32,
}

/// What is under review, pinned to object ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedTarget {
    /// What was asked for.
    pub spec: TargetSpec,
    /// What it came to.
    pub mode: Mode,
    /// Whether the user chose the target, rather than the tiers.
    pub explicit: bool,
    /// For people, such as `working tree diff` or `branch diff against origin/main`.
    pub label: String,
    /// The old side.
    pub old: Endpoint,
    /// The new side.
    pub new: Endpoint,
    /// The base, for [`Mode::Branch`] (and a three-dot range).
    pub base: Option<BaseChoice>,
    /// The commit that HEAD pointed at; `None` on an unborn branch.
    pub head: Option<ObjectId>,
    /// The branch that HEAD names; `None` when detached.
    pub branch: Option<String>,
}
