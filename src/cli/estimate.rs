//! `estimate`: how big a review would be, and whether to wait for it.

use clap::Args;

use codex_review::target::TargetSpec;

use super::options::{JsonArgs, Shape, TargetArgs};
use super::usage::UsageError;

/// Say how big a review would be and whether to wait for it
#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    json: JsonArgs,
}

/// An estimate, as it is asked for.
#[derive(Debug)]
pub(crate) struct EstimateRequest {
    pub(crate) target: TargetSpec,
    pub(crate) shape: Shape,
}

impl EstimateArgs {
    pub(crate) fn into_request(self) -> Result<EstimateRequest, UsageError> {
        Ok(EstimateRequest {
            target: self.target.into_spec()?,
            shape: self.json.shape(),
        })
    }
}
