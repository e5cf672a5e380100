//! Why a worktree could not be made, filled or removed.

use std::path::PathBuf;

use bstr::BString;

use crate::target::{ChangesError, OpenError};

/// Why a worktree could not be made, filled or removed.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// There is no git to start.
    #[error("git is not installed")]
    NoGit,
    /// git failed.
    #[error("`git {what}` failed: {said}")]
    Git {
        /// The subcommand.
        what: String,
        /// What it said.
        said: String,
    },
    /// A name that git and we would have to pass on as text.
    #[error("the path `{}` is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// Something is at the place of the worktree.
    #[error("`{}` already exists", .0.display())]
    Exists(PathBuf),
    /// A worktree of this name is registered, and it is somewhere else.
    #[error("the repository has a worktree called `{name}` at `{}`", at.display())]
    NameTaken {
        /// The last part of the path, which git registers worktrees by.
        name: String,
        /// Where it is, or the registration itself where it does not say.
        at: PathBuf,
    },
    /// A branch of this name exists, or one whose name is a folder of this one.
    #[error("the branch `{0}` already exists")]
    BranchExists(String),
    /// Paths are in conflict: neither side can be carried.
    #[error("`{first}` is in conflict{}", if *more > 0 { format!(", and {more} more") } else { String::new() })]
    Unmerged {
        /// One of them.
        first: BString,
        /// How many others.
        more: usize,
    },
    /// The file system refused.
    #[error("could not {verb} `{}`", path.display())]
    Io {
        /// `write`, `read`, `remove`.
        verb: &'static str,
        /// What.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The working tree could not be read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// The worktree could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl WorktreeError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            WorktreeError::NoGit => Some(
                "worktrees are made by git itself: install it, so that it is on PATH".to_owned(),
            ),
            WorktreeError::NameTaken { name, .. } => Some(format!(
                "`git worktree list` shows it; `git worktree remove {name}` removes it"
            )),
            WorktreeError::BranchExists(_) => Some("choose another name".to_owned()),
            WorktreeError::Unmerged { .. } => Some(
                "finish the merge first, or take it back, for example with `git merge --abort`"
                    .to_owned(),
            ),
            WorktreeError::Changes(error) => error.hint(),
            WorktreeError::Open(error) => error.hint(),
            WorktreeError::Git { .. }
            | WorktreeError::NotUtf8(_)
            | WorktreeError::Exists(_)
            | WorktreeError::Io { .. } => None,
        }
    }

    pub(super) fn io(
        verb: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> WorktreeError {
        let path = path.into();
        move |source| WorktreeError::Io { verb, path, source }
    }
}
