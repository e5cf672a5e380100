//! `result`: what a job ended with.

use clap::Args;

use codex_review::report::Format;

use super::options::{JsonArgs, Shape};
use super::outputs::{FileOutput, OutputArgs, format_help};
use super::usage::UsageError;

/// Print what a job ended with
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    /// The job: its id or the beginning of it; without one, the one that ended last
    #[arg(value_name = "JOB")]
    job: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        conflicts_with = "json",
        help = format_help("Render the stored report again")
    )]
    format: Option<String>,
    #[command(flatten)]
    outputs: OutputArgs,
}

/// A result, as it is asked for.
#[derive(Debug)]
pub(crate) struct ResultRequest {
    pub(crate) job: Option<String>,
    /// The stored job as a document, or its result for people.
    pub(crate) shape: Shape,
    /// Render the stored report again in this format, to standard output.
    pub(crate) format: Option<&'static Format>,
    /// Render the stored report again to these files.
    pub(crate) files: Vec<FileOutput>,
}

impl ResultArgs {
    pub(crate) fn into_request(self) -> Result<ResultRequest, UsageError> {
        let outputs = self.outputs.into_outputs()?;
        let said = self.format.as_deref().map(Format::find).transpose()?;
        let shape = self.json.shape();
        let first = match (said, shape) {
            (Some(said), _) => Some(format!("--format {}", said.name)),
            (None, Shape::Json) => Some("--json".to_owned()),
            (None, Shape::People) => None,
        };
        let printed = outputs.printed_unless(first)?;
        Ok(ResultRequest {
            shape,
            format: said.or(printed),
            files: outputs.files,
            job: self.job,
        })
    }
}
