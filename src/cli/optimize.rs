//! `optimize`: where a change is slow, wasteful or needlessly complex.

use std::ffi::OsString;

use clap::Args;

use codex_review::run::OPTIMIZE;

use super::review::{CommonArgs, Context, ReviewRequest};
use super::usage::UsageError;

/// Find what is slow, wasteful or needlessly complex in a change, or in the files of --path as they stand
#[derive(Debug, Args)]
pub(crate) struct OptimizeArgs {
    /// What to look at in particular, behind all options; taken as it is
    #[arg(
        value_name = "FOCUS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    text: Vec<OsString>,
    #[command(flatten)]
    common: CommonArgs,
}

impl OptimizeArgs {
    pub(crate) fn into_request(self) -> Result<ReviewRequest, UsageError> {
        self.common
            .into_request(&OPTIMIZE, Context::Ours, self.text)
    }
}
