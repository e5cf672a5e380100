//! `gate`: what the stop gate did.

use clap::{Args, Subcommand};

use super::options::{JsonArgs, Shape};

/// Look at the review gate
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    verb: GateVerb,
}

#[derive(Debug, Subcommand)]
enum GateVerb {
    /// Show whether the gate is on, its last verdicts, what they cost, and what was skipped
    Status {
        #[command(flatten)]
        json: JsonArgs,
    },
}

impl GateArgs {
    /// How the gate's record is shown.
    pub(crate) fn into_request(self) -> Shape {
        let GateVerb::Status { json } = self.verb;
        json.shape()
    }
}
