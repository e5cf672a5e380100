//! `transfer`: carry a Claude session over to the engine.

use std::path::PathBuf;

use clap::Args;

use super::options::{JsonArgs, Shape};

/// Carry this Claude session over into a Codex thread
#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    /// The session's transcript, instead of the current one's
    #[arg(long, value_name = "CLAUDE_JSONL")]
    source: Option<PathBuf>,
    #[command(flatten)]
    json: JsonArgs,
}

/// A transfer, as it is meant.
#[derive(Debug)]
pub(crate) struct TransferRequest {
    /// The transcript, or that of the current session.
    pub(crate) source: Option<PathBuf>,
    pub(crate) shape: Shape,
}

impl TransferArgs {
    pub(crate) fn into_request(self) -> TransferRequest {
        TransferRequest {
            shape: self.json.shape(),
            source: self.source,
        }
    }
}
