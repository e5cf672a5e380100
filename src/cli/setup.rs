//! `setup`: is everything there, and the switch of the review gate.

use clap::Args;

use super::options::{JsonArgs, Shape};

/// Check the engine, the login and the state folder, and say what to do next
#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// Switch the review gate of this repository on
    #[arg(long, conflicts_with = "disable_review_gate")]
    enable_review_gate: bool,
    /// Switch the review gate of this repository off
    #[arg(long)]
    disable_review_gate: bool,
    #[command(flatten)]
    json: JsonArgs,
}

/// What to do with the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateSwitch {
    Leave,
    On,
    Off,
}

/// A setup, as it is asked for.
#[derive(Debug)]
pub(crate) struct SetupRequest {
    pub(crate) gate: GateSwitch,
    pub(crate) shape: Shape,
}

impl SetupArgs {
    pub(crate) fn into_request(self) -> SetupRequest {
        SetupRequest {
            gate: match (self.enable_review_gate, self.disable_review_gate) {
                (true, _) => GateSwitch::On,
                (false, true) => GateSwitch::Off,
                (false, false) => GateSwitch::Leave,
            },
            shape: self.json.shape(),
        }
    }
}
