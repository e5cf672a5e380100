//! `context`: what would be sent.

use clap::Args;

use codex_review::config::Flag;
use codex_review::target::TargetSpec;

use super::options::{JsonArgs, Shape, StrategyArgs, TargetArgs};
use super::usage::UsageError;

/// Print what a review would send, spending nothing
#[derive(Debug, Args)]
pub(crate) struct ContextArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    json: JsonArgs,
    /// How to print it: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        conflicts_with = "json"
    )]
    format: Option<String>,
}

/// A context, as it is asked for.
#[derive(Debug)]
pub(crate) struct ContextRequest {
    pub(crate) target: TargetSpec,
    pub(crate) shape: Shape,
    pub(crate) flags: Vec<Flag>,
}

impl ContextArgs {
    pub(crate) fn into_request(self) -> Result<ContextRequest, UsageError> {
        let shape = match self.format.as_deref() {
            None => self.json.shape(),
            Some("text") => Shape::People,
            Some("json") => Shape::Json,
            Some(other) => return Err(UsageError::UnknownContextFormat(other.to_owned())),
        };
        Ok(ContextRequest {
            target: self.target.into_spec()?,
            shape,
            flags: self.strategy.into_flags(),
        })
    }
}
