//! `optimize`: where a change is slow, wasteful or needlessly complex.

use clap::Args;

use codex_review::run::OPTIMIZE;

use super::review::{CommonArgs, Context, ReviewRequest};
use super::text::FocusArgs;
use super::usage::UsageError;

/// Find what is slow, wasteful or needlessly complex in a change, or in the files of --path as they stand
#[derive(Debug, Args)]
pub(crate) struct OptimizeArgs {
    #[command(flatten)]
    focus: FocusArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl OptimizeArgs {
    pub(crate) fn into_request(self) -> Result<ReviewRequest, UsageError> {
        self.common
            .into_request(&OPTIMIZE, Context::Ours, self.focus.text)
    }
}
