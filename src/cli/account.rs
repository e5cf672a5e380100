//! `usage`: limits of the account, and what this repository's runs used.

use clap::Args;

use super::options::{JsonArgs, Shape};

/// Show the account's limits, and the tokens that this repository's runs used
#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    #[command(flatten)]
    json: JsonArgs,
}

impl UsageArgs {
    pub(crate) fn into_request(self) -> Shape {
        self.json.shape()
    }
}
