//! `agent-team`: several agents at one task, each in a worktree of its own.

use std::ffi::OsString;

use clap::{ArgAction, Args, Subcommand};

use codex_review::config::Flag;
use codex_review::team::{DEFAULT_TEAM, Dirt, MOST_AGENTS, Unapplied};

use super::options::{EngineOptions, Isolation, JsonArgs, Shape};
use super::text::{TextFileArgs, TextSource};
use super::usage::UsageError;

/// Let several agents work on one task, each in a git worktree and on a branch of its own
#[derive(Debug, Args)]
pub(crate) struct AgentTeamArgs {
    #[command(subcommand)]
    verb: AgentTeamVerb,
}

#[derive(Debug, Subcommand)]
enum AgentTeamVerb {
    Start(StartArgs),
    /// Show how the agents stand
    List {
        #[command(flatten)]
        team: TeamArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Follow the agents live, in a tmux window with a pane for each
    Attach {
        #[command(flatten)]
        team: TeamArgs,
    },
    /// Compare what the agents did, and show which files collide
    Diff {
        /// Show the patches of these agents (default: the sums of all)
        #[arg(value_name = "AGENT")]
        agents: Vec<String>,
        /// Show every patch
        #[arg(long)]
        patch: bool,
        #[command(flatten)]
        team: TeamArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Bring what one agent did over into the working tree
    Apply {
        /// The agent
        #[arg(value_name = "AGENT")]
        agent: String,
        #[command(flatten)]
        team: TeamArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// End the agents that still work
    Stop {
        #[command(flatten)]
        team: TeamArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Remove the team's worktrees and branches, and nothing else
    Clean {
        /// Give up work that was not applied, and end agents that still work
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        team: TeamArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
}

/// Start a team: a worktree, a branch and a job for each agent
#[derive(Debug, Args)]
struct StartArgs {
    /// How many agents
    #[arg(value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_AGENTS)))]
    count: u16,
    /// The task, behind all options; taken as it is
    #[arg(
        value_name = "TASK",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    text: Vec<OsString>,
    #[command(flatten)]
    text_file: TextFileArgs,
    /// What the agents are called, with commas between (default: agent-1, agent-2, …)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    names: Vec<String>,
    /// What the team is called (default: team)
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Let every agent begin with your uncommitted work (the default)
    #[arg(long, conflicts_with = "refuse_dirty")]
    carry: bool,
    /// Start nothing where there is uncommitted work
    #[arg(long)]
    refuse_dirty: bool,
    /// Follow the agents in a tmux window, with a pane for each
    #[arg(long, action = ArgAction::SetTrue)]
    tmux: bool,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which team.
#[derive(Debug, Args)]
struct TeamArgs {
    /// The team (default: the only one)
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
}

/// What is done with a team, and which one.
#[derive(Debug)]
pub(crate) enum AgentTeamRequest {
    Start(Box<StartRequest>),
    List(Named),
    Attach(Option<String>),
    Diff {
        /// Whose patches are shown.
        patches: Patches,
        named: Named,
    },
    Apply {
        agent: String,
        named: Named,
    },
    Stop(Named),
    Clean {
        unapplied: Unapplied,
        named: Named,
    },
}

/// A team by its name, and how the result is shown.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) team: Option<String>,
    pub(crate) shape: Shape,
}

/// Whose patches are shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Patches {
    None,
    All,
    Of(Vec<String>),
}

/// Whether the agents are followed in tmux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Following {
    None,
    Tmux,
}

/// A team to start.
#[derive(Debug)]
pub(crate) struct StartRequest {
    pub(crate) count: u16,
    pub(crate) names: Vec<String>,
    pub(crate) team: String,
    pub(crate) task: TextSource,
    pub(crate) dirt: Dirt,
    pub(crate) following: Following,
    pub(crate) isolation: Isolation,
    pub(crate) flags: Vec<Flag>,
    pub(crate) shape: Shape,
}

impl TeamArgs {
    fn named(self, json: &JsonArgs) -> Named {
        Named {
            team: self.team,
            shape: json.shape(),
        }
    }
}

impl StartArgs {
    fn into_request(self) -> Result<StartRequest, UsageError> {
        let task = TextSource::new(self.text, self.text_file.prompt_file)?;
        if task == TextSource::None {
            return Err(UsageError::NoText);
        }
        let (flags, isolation) = self.engine.into_flags()?;
        Ok(StartRequest {
            count: self.count,
            names: self.names,
            team: self.team.unwrap_or_else(|| DEFAULT_TEAM.to_owned()),
            task,
            // `--carry` says what holds anyway.
            dirt: if self.refuse_dirty && !self.carry {
                Dirt::Refuse
            } else {
                Dirt::Carry
            },
            following: if self.tmux {
                Following::Tmux
            } else {
                Following::None
            },
            isolation,
            flags,
            shape: self.json.shape(),
        })
    }
}

impl AgentTeamArgs {
    pub(crate) fn into_request(self) -> Result<AgentTeamRequest, UsageError> {
        Ok(match self.verb {
            AgentTeamVerb::Start(args) => AgentTeamRequest::Start(Box::new(args.into_request()?)),
            AgentTeamVerb::List { team, json } => AgentTeamRequest::List(team.named(&json)),
            AgentTeamVerb::Attach { team } => AgentTeamRequest::Attach(team.team),
            AgentTeamVerb::Diff {
                agents,
                patch,
                team,
                json,
            } => AgentTeamRequest::Diff {
                patches: match (agents.is_empty(), patch) {
                    (false, _) => Patches::Of(agents),
                    (true, true) => Patches::All,
                    (true, false) => Patches::None,
                },
                named: team.named(&json),
            },
            AgentTeamVerb::Apply { agent, team, json } => AgentTeamRequest::Apply {
                agent,
                named: team.named(&json),
            },
            AgentTeamVerb::Stop { team, json } => AgentTeamRequest::Stop(team.named(&json)),
            AgentTeamVerb::Clean { force, team, json } => AgentTeamRequest::Clean {
                unapplied: if force {
                    Unapplied::GiveUp
                } else {
                    Unapplied::Keep
                },
                named: team.named(&json),
            },
        })
    }
}
