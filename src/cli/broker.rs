//! `broker`: the shared engine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{JsonArgs, Shape};

/// Look after the engine that this repository's runs share
#[derive(Debug, Args)]
pub(crate) struct BrokerArgs {
    #[command(subcommand)]
    verb: BrokerVerb,
}

#[derive(Debug, Subcommand)]
enum BrokerVerb {
    /// Show the shared engine and what it does
    Status {
        /// Of every repository
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// End the shared engine, unless turns run in it
    Stop {
        /// Of every repository
        #[arg(long)]
        all: bool,
        /// Even while turns run
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Be the shared engine (started by the program itself)
    #[command(hide = true)]
    Serve {
        /// The repository's state folder
        #[arg(long, value_name = "DIR")]
        state_dir: PathBuf,
        /// Everything else, as the starter wrote it
        #[arg(
            value_name = "OPTIONS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        rest: Vec<std::ffi::OsString>,
    },
}

/// Of which repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brokers {
    Here,
    All,
}

/// Whether running turns are spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    Refuse,
    Force,
}

/// What to do with the shared engine.
#[derive(Debug)]
pub(crate) enum BrokerRequest {
    Status {
        brokers: Brokers,
        shape: Shape,
    },
    Stop {
        brokers: Brokers,
        busy: Busy,
        shape: Shape,
    },
    Serve {
        state_dir: PathBuf,
        rest: Vec<std::ffi::OsString>,
    },
}

impl BrokerArgs {
    pub(crate) fn into_request(self) -> BrokerRequest {
        let brokers = |all| if all { Brokers::All } else { Brokers::Here };
        match self.verb {
            BrokerVerb::Status { all, json } => BrokerRequest::Status {
                brokers: brokers(all),
                shape: json.shape(),
            },
            BrokerVerb::Stop { all, force, json } => BrokerRequest::Stop {
                brokers: brokers(all),
                busy: if force { Busy::Force } else { Busy::Refuse },
                shape: json.shape(),
            },
            BrokerVerb::Serve { state_dir, rest } => BrokerRequest::Serve { state_dir, rest },
        }
    }
}
