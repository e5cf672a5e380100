//! `result`: what a job ended with.

use clap::Args;

use codex_review::report::Format;

use super::options::{JsonArgs, Shape};
use super::usage::UsageError;

/// Print what a job ended with
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    /// The job: its id or the beginning of it; without one, the newest that has ended
    #[arg(value_name = "JOB")]
    job: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
    /// Render the stored report again: text, markdown, json, sarif or github
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        conflicts_with = "json"
    )]
    format: Option<String>,
}

/// A result, as it is asked for.
#[derive(Debug)]
pub(crate) struct ResultRequest {
    pub(crate) job: Option<String>,
    /// The stored job as a document, or its result for people.
    pub(crate) shape: Shape,
    /// Render the stored report again in this format.
    pub(crate) format: Option<&'static Format>,
}

impl ResultArgs {
    pub(crate) fn into_request(self) -> Result<ResultRequest, UsageError> {
        Ok(ResultRequest {
            shape: self.json.shape(),
            format: self.format.as_deref().map(Format::find).transpose()?,
            job: self.job,
        })
    }
}
