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
    /// Have plans that a Claude session presents reviewed in this repository
    #[arg(long, conflicts_with = "disable_plan_review")]
    enable_plan_review: bool,
    /// Have them not reviewed, whatever the setting `plan_review.hook` says
    #[arg(long)]
    disable_plan_review: bool,
    #[command(flatten)]
    json: JsonArgs,
}

/// What to do with a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateSwitch {
    Leave,
    On,
    Off,
}

impl GateSwitch {
    fn of(enable: bool, disable: bool) -> GateSwitch {
        match (enable, disable) {
            (true, _) => GateSwitch::On,
            (false, true) => GateSwitch::Off,
            (false, false) => GateSwitch::Leave,
        }
    }
}

/// A setup, as it is asked for.
#[derive(Debug)]
pub(crate) struct SetupRequest {
    pub(crate) gate: GateSwitch,
    pub(crate) plan_review: GateSwitch,
    pub(crate) shape: Shape,
}

impl SetupArgs {
    pub(crate) fn into_request(self) -> SetupRequest {
        SetupRequest {
            gate: GateSwitch::of(self.enable_review_gate, self.disable_review_gate),
            plan_review: GateSwitch::of(self.enable_plan_review, self.disable_plan_review),
            shape: self.json.shape(),
        }
    }
}
