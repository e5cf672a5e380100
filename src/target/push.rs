//! What a push would bring to a remote, and where git runs hooks from: plain values.

use std::path::PathBuf;

use super::ObjectId;

/// What one pushed ref would bring that its remote does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushedChange {
    /// The remote has the commit already.
    Nothing,
    /// The ref leads to a tree or a blob: there is no change to review.
    NotACommit {
        /// `tree` or `blob`.
        kind: String,
    },
    /// New commits.
    Commits {
        /// The newest, tags peeled.
        head: ObjectId,
        /// A commit that the remote has, and that the head grew from; `None` when the two share no history.
        base: Option<ObjectId>,
    },
}

/// The folder that git runs a repository's hooks from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HooksFolder {
    /// Its path. It need not exist.
    pub path: PathBuf,
    /// What says so.
    pub source: HooksSource,
}

/// What decides where hooks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HooksSource {
    /// Nothing: `hooks` in the git directory that all worktrees share.
    Default,
    /// `core.hooksPath` in the repository's own configuration.
    Repository,
    /// `core.hooksPath` in a file of the user's or of the system, for every repository that does not say otherwise.
    Everywhere(PathBuf),
}
