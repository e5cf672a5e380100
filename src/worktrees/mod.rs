//! Linked worktrees of a repository: made, filled with work that is not committed, and removed.
//!
//! [`Worktree`] is one that we made; [`create`] makes it, [`Worktree::carry`] brings the user's uncommitted work into it,
//! [`remove`] takes it away again. The user's own working tree and index are only ever read.
//!
//! # git as a program
//!
//! gix makes no linked worktrees, and checking files out by hand would mean to do again what git does with line ends,
//! links, sparse checkouts and sha-256. So this module, and what builds on it, starts `git`, which has to be installed for
//! these verbs alone. No program that the repository names runs: hooks, fsmonitor, fetching and garbage collection are
//! switched off for each call, and every filter that the configuration *of the new worktree* defines (conditional
//! includes may define others there than elsewhere) is emptied by name before the first file is written. git is told where
//! the repository is and never searches for it, so that nothing which is later written into a worktree is taken for a
//! repository's configuration. Paths reach git through standard input.
//!
//! # What it does not do
//!
//! It keeps no record: who makes a worktree writes down where, *before* it does, and passes the same place to [`remove`],
//! which also clears away what a crash left of one. It starts no engine and knows no job.
//!
//! # Failure policy
//!
//! Whatever fails while a worktree is made takes back what was made of it. A file of the user's that cannot be carried
//! fails the whole where it is tracked, and is named where it is not.

mod carry;
mod error;
mod git;
mod worktree;

pub use carry::{Carried, CarryLimits};
pub use error::WorktreeError;
pub use git::{Git, Plumbing};
pub use worktree::{Worktree, check_free, create, delete_branch, remove, remove_folder};
