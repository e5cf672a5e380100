//! Why something with a team could not be done.

use std::path::PathBuf;

use bstr::BString;

use crate::jobs::StateDirError;
use crate::target::ChangesError;
use crate::worktrees::WorktreeError;

/// Why something with a team could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// A name that cannot be part of a branch's name.
    #[error("`{name}` cannot be the name of {of}: {fault}")]
    BadName {
        /// As given.
        name: String,
        /// `an agent` or `a team`.
        of: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Two agents of one name.
    #[error("two agents are called `{0}`")]
    NameTwice(String),
    /// Another number of names than of agents.
    #[error("{names} names were given for {agents} agents")]
    NameCount {
        /// How many names.
        names: usize,
        /// How many agents.
        agents: usize,
    },
    /// The team is there already.
    #[error("there is a team `{0}` already")]
    TeamExists(String),
    /// No team, or none of this name.
    #[error("there is no {}", match name { Some(name) => format!("team `{name}`"), None => "team here".to_owned() })]
    NoTeam {
        /// As given.
        name: Option<String>,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// Several teams, and none was named.
    #[error("there are several teams: {}", .0.join(", "))]
    WhichTeam(Vec<String>),
    /// No agent of this name.
    #[error("the team `{team}` has no agent `{name}`")]
    NoAgent {
        /// The team.
        team: String,
        /// As given.
        name: String,
        /// Its agents.
        known: Vec<String>,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// The branch has no commit to begin from.
    #[error("the branch `{0}` has no commit yet, and worktrees begin from one")]
    Unborn(String),
    /// No working tree.
    #[error("this is a bare repository: it has no working tree that results could be applied to")]
    Bare,
    /// Uncommitted work, which was to be refused.
    #[error("there is uncommitted work: `{first}`{}", if *more > 0 { format!(" and {more} more") } else { String::new() })]
    Dirty {
        /// One path.
        first: BString,
        /// How many others.
        more: usize,
    },
    /// Somebody else starts, applies or cleans.
    #[error("another `agent-team` command is at work in this repository")]
    Busy,
    /// The agent's worktree is gone, or was moved.
    #[error("the worktree of `{0}` is not there any more")]
    NoWorktree(String),
    /// The start of the team was cut short.
    #[error("the start of the team `{0}` was cut short")]
    Unfinished(String),
    /// Agents still work.
    #[error("agents still work: {}", .0.join(", "))]
    StillWorking(Vec<String>),
    /// Results that would be lost.
    #[error("the work of {} was not applied", .0.join(", "))]
    NotApplied(Vec<String>),
    /// The manifest cannot be understood.
    #[error("`{}` is no manifest of a team that this version reads", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The file system refused.
    #[error("could not {verb} `{}`", path.display())]
    Io {
        /// `write`, `read` or `remove`.
        verb: &'static str,
        /// What.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A change could not be written to the working tree. What had been written was taken back.
    #[error("could not write `{path}`, so nothing was applied")]
    NotWritten {
        /// The file.
        path: BString,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A change could not be written, and not everything could be taken back.
    #[error("could not write `{path}`, and could not take back {}: their old contents are in `{}`", lost.join(", "), backup.display())]
    HalfWritten {
        /// The file.
        path: BString,
        /// What is not as it was.
        lost: Vec<String>,
        /// Where the old contents are.
        backup: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// A worktree could not be made, read or removed.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The working tree could not be read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
}

impl TeamError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let did_you_mean = |nearest: &str| Some(format!("did you mean `{nearest}`?"));
        match self {
            TeamError::BadName { .. } => {
                Some("use lower-case letters, digits and single dashes between them".to_owned())
            }
            TeamError::NameTwice(_) => Some("give each agent a name of its own".to_owned()),
            TeamError::NameCount { .. } => {
                Some("give as many names as agents, or leave `--names` out".to_owned())
            }
            TeamError::TeamExists(name) => Some(format!(
                "`codex-review agent-team clean --team {name}` removes it; `--team` gives this one another name"
            )),
            TeamError::NoTeam {
                nearest: Some(nearest),
                ..
            }
            | TeamError::NoAgent {
                nearest: Some(nearest),
                ..
            } => did_you_mean(nearest),
            TeamError::NoTeam { .. } => {
                Some("`codex-review agent-team start N TASK` starts one".to_owned())
            }
            TeamError::WhichTeam(_) => Some("name one with `--team`".to_owned()),
            TeamError::NoAgent { known, .. } => Some(format!("its agents: {}", known.join(", "))),
            TeamError::Unborn(_) => Some("commit something first".to_owned()),
            TeamError::Dirty { .. } => Some(
                "commit or stash it, or let the agents begin with it: leave `--refuse-dirty` out"
                    .to_owned(),
            ),
            TeamError::Busy => Some("wait for it and try again".to_owned()),
            TeamError::NoWorktree(_) | TeamError::Unfinished(_) => Some(
                "`codex-review agent-team clean` clears away what is left of the team".to_owned(),
            ),
            TeamError::StillWorking(_) => Some(
                "wait for them (`codex-review agent-team list`), or end them with `codex-review agent-team stop`"
                    .to_owned(),
            ),
            TeamError::NotApplied(names) => Some(format!(
                "`codex-review agent-team apply {}` brings it over, `--force` gives it up",
                names.first().map_or("AGENT", String::as_str)
            )),
            TeamError::StateDir(error) => Some(error.hint().to_owned()),
            TeamError::Worktree(error) => error.hint(),
            TeamError::Changes(error) => error.hint(),
            TeamError::Bare
            | TeamError::Manifest { .. }
            | TeamError::Io { .. }
            | TeamError::NotWritten { .. }
            | TeamError::HalfWritten { .. } => None,
        }
    }

    pub(super) fn io(
        verb: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> TeamError {
        let path = path.into();
        move |source| TeamError::Io { verb, path, source }
    }
}
