//! Several agents at one task, each in a worktree and on a branch of its own.
//!
//! ```text
//! names → TeamFolder::start → Team (worktrees made, work carried) → jobs (by whoever runs them) → AgentResult → apply
//! ```
//!
//! A [`Team`] is what a manifest below the repository's state folder says: which worktrees and branches were made, from which
//! commit, with which of the user's uncommitted work in them, and which job each agent is. The manifest is written before
//! the first worktree is made, so that [`Team::clean`] finds everything whenever a start was cut short.
//!
//! The user's working tree and index are read by a start and written by [`Team::apply`] alone. What an agent did is a tree
//! ([`AgentResult`]) compared with another tree, its *baseline*: the worktree as it was handed over. Both are kept in an
//! object database of the team's own, so that a repository gets no object of a team's, and loses none with it.
//!
//! # What it does not do
//!
//! It starts no engine: a job's id is given to it. It prints nothing and knows no terminal.
//!
//! # Failure policy
//!
//! A start that fails takes back what it made. What cannot be compared is named, never left out in silence. Nothing of the
//! user's is removed: a branch that was moved, a worktree that was moved and work that was not applied stay, unless the
//! last is given up by name.

mod apply;
mod clean;
mod collide;
mod error;
mod journal;
mod manifest;
mod merge;
mod name;
mod result;
mod roster;
mod start;

pub use apply::{Applied, ApplyEnd, Conflict, ConflictReason};
pub use clean::{Cleaned, LeftAlone, Unapplied};
pub use collide::{Collision, Meeting, collisions};
pub use error::TeamError;
pub use manifest::{Agent, AgentState, Team};
pub use name::{BRANCH_FOLDER, DEFAULT_TEAM, MOST_AGENTS, agent_names, team_name};
pub use result::{AgentResult, FileStat};
pub use roster::TeamFolder;
pub use start::{Dirt, Made, Start};
