//! `strategies`: which context strategies there are, and what they do.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use codex_review::config::Flag;
use codex_review::target::TargetSpec;

use super::options::{JsonArgs, Shape, StrategyArgs, TargetArgs};
use super::usage::UsageError;

/// List, explain, check and write context strategies
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct StrategiesArgs {
    #[command(subcommand)]
    verb: Option<StrategiesVerb>,
    /// Show this one alone: the same as `show`
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
}

#[derive(Debug, Subcommand)]
enum StrategiesVerb {
    /// List all of them (what the verb alone does)
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Show one: when it applies, its budget, its sections and its guidance
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Check one strategy, or all, without using any: exits with 2 where one is at fault
    Check {
        /// A name, a strategy's folder or file, or a folder of strategies; all that are found here without it
        #[arg(value_name = "NAME|PATH")]
        what: Option<PathBuf>,
    },
    /// Write a new strategy to begin with
    New {
        /// Its name: lower-case letters, digits and hyphens
        #[arg(value_name = "NAME")]
        name: String,
        /// For yourself, in your configuration folder (the default)
        #[arg(long, conflicts_with = "repo")]
        user: bool,
        /// For this repository, in `.codex-review/strategies/`
        #[arg(long)]
        repo: bool,
    },
    /// Say what a strategy makes of this change: which sections, at what cost, and why; spends nothing
    Explain {
        #[command(flatten)]
        target: Box<TargetArgs>,
        #[command(flatten)]
        strategy: StrategyArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
}

/// Whose strategy a new one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    User,
    Repository,
}

/// What is to be done about strategies.
#[derive(Debug)]
pub(crate) enum StrategiesRequest {
    List(Shape),
    Show {
        name: String,
        shape: Shape,
    },
    Check {
        what: Option<PathBuf>,
    },
    New {
        name: String,
        whose: Whose,
    },
    Explain {
        target: TargetSpec,
        flags: Vec<Flag>,
        shape: Shape,
    },
}

impl StrategiesArgs {
    pub(crate) fn into_request(self) -> Result<StrategiesRequest, UsageError> {
        Ok(match (self.verb, self.name) {
            (None, None) => StrategiesRequest::List(self.json.shape()),
            (None, Some(name)) => StrategiesRequest::Show {
                name,
                shape: self.json.shape(),
            },
            (Some(StrategiesVerb::List { json }), _) => StrategiesRequest::List(json.shape()),
            (Some(StrategiesVerb::Show { name, json }), _) => StrategiesRequest::Show {
                name,
                shape: json.shape(),
            },
            (Some(StrategiesVerb::Check { what }), _) => StrategiesRequest::Check { what },
            // `--user` says what holds anyway.
            (
                Some(StrategiesVerb::New {
                    name,
                    user: _,
                    repo,
                }),
                _,
            ) => StrategiesRequest::New {
                name,
                whose: if repo { Whose::Repository } else { Whose::User },
            },
            (
                Some(StrategiesVerb::Explain {
                    target,
                    strategy,
                    json,
                }),
                _,
            ) => StrategiesRequest::Explain {
                target: target.into_spec()?,
                flags: strategy.into_flags(),
                shape: json.shape(),
            },
        })
    }
}
