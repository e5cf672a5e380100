//! `trust`: whether a repository may configure what starts programs or weakens a gate.

use clap::Args;

use super::options::{JsonArgs, Shape};

/// Trust what this repository configures, exactly as it is now
///
/// A repository may tune its reviews in `.codex-review.toml`, but what costs money, weakens a gate or starts programs
/// counts only once you have trusted it, and so do its strategies in `.codex-review/strategies/`. Your word is kept in
/// your own state folder, for the content that you saw: when a byte of it changes, it is void.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Take the trust back
    #[arg(long, conflicts_with = "status")]
    revoke: bool,
    /// Show whether it is trusted and what trust would let through, and change nothing
    #[arg(long)]
    status: bool,
    #[command(flatten)]
    json: JsonArgs,
}

/// What is to be done about trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrustDeed {
    Record,
    Revoke,
    Show,
}

/// A word on trust, as it is meant.
#[derive(Debug)]
pub(crate) struct TrustRequest {
    pub(crate) deed: TrustDeed,
    pub(crate) shape: Shape,
}

impl TrustArgs {
    pub(crate) fn into_request(self) -> TrustRequest {
        TrustRequest {
            deed: match (self.revoke, self.status) {
                (true, _) => TrustDeed::Revoke,
                (false, true) => TrustDeed::Show,
                (false, false) => TrustDeed::Record,
            },
            shape: self.json.shape(),
        }
    }
}
