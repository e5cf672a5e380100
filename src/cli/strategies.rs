//! `strategies`: which context strategies there are.

use clap::Args;

use super::options::{JsonArgs, Shape};

/// List and explain the context strategies
#[derive(Debug, Args)]
pub(crate) struct StrategiesArgs {
    /// Explain this one alone
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which strategies to show.
#[derive(Debug)]
pub(crate) struct StrategiesRequest {
    /// The one, or all of them.
    pub(crate) name: Option<String>,
    pub(crate) shape: Shape,
}

impl StrategiesArgs {
    pub(crate) fn into_request(self) -> StrategiesRequest {
        StrategiesRequest {
            shape: self.json.shape(),
            name: self.name,
        }
    }
}
