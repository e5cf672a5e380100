//! `demo`: the whole pipeline on a small repository with real defects.

use clap::Args;

use codex_review::config::Flag;

use super::usage::UsageError;

/// Run the whole pipeline on a small repository with real defects
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Who reviews: builtin or codex
    #[arg(long, value_name = "ENGINE", default_value = "builtin")]
    engine: String,
}

/// A demo, as it is asked for.
#[derive(Debug)]
pub(crate) struct DemoRequest {
    /// The engine, as a setting.
    pub(crate) flags: Vec<Flag>,
}

impl DemoArgs {
    pub(crate) fn into_request(self) -> Result<DemoRequest, UsageError> {
        if !matches!(self.engine.as_str(), "codex" | "builtin") {
            return Err(UsageError::UnknownEngine(self.engine));
        }
        Ok(DemoRequest {
            flags: vec![Flag {
                key: "engine",
                flag: "--engine",
                value: self.engine,
            }],
        })
    }
}
