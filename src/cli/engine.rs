//! `engine`: our own engine, on standard input and output.

use clap::{Args, Subcommand};

/// Run an engine of this program
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct EngineArgs {
    #[command(subcommand)]
    verb: EngineVerb,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum EngineVerb {
    /// Speak the app-server protocol on standard input and output: deterministic checks, no account, no network
    Builtin,
}

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineRequest {
    Builtin,
}

impl EngineArgs {
    pub(crate) fn into_request(self) -> EngineRequest {
        match self.verb {
            EngineVerb::Builtin => EngineRequest::Builtin,
        }
    }
}
