//! `merge`: one report of the reports of all shards.

use std::path::PathBuf;

use clap::Args;

use codex_review::report::Format;
use codex_review::review::{FailOn, OnEmpty};

use super::outputs::{FileOutput, OutputArgs, format_help};
use super::usage::UsageError;

/// Make one report of the saved results of all shards of a change
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The JSON reports of the shards, or folders that hold them
    #[arg(value_name = "DIR|FILE", required = true)]
    results: Vec<PathBuf>,
    /// Print one JSON document: the same as --format json
    #[arg(long, help_heading = "Output", conflicts_with = "format")]
    json: bool,
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        help = format_help("How to print the report")
    )]
    format: Option<String>,
    #[command(flatten)]
    outputs: OutputArgs,
    /// Exit with 1 from this severity on, instead of what the shards were reviewed with
    #[arg(long, value_name = "SEVERITY", help_heading = "Output")]
    fail_on: Option<String>,
    /// Exit with 5 when there was nothing to review
    #[arg(long, help_heading = "Output")]
    fail_on_empty: bool,
}

/// What is merged, and how it is shown.
#[derive(Debug)]
pub(crate) struct MergeRequest {
    pub(crate) results: Vec<PathBuf>,
    /// The format for standard output; `None` where files alone are wanted.
    pub(crate) printed: Option<&'static Format>,
    pub(crate) files: Vec<FileOutput>,
    /// `None` takes the shards' own threshold.
    pub(crate) fail_on: Option<FailOn>,
    pub(crate) on_empty: OnEmpty,
}

impl MergeArgs {
    pub(crate) fn into_request(self) -> Result<MergeRequest, UsageError> {
        let outputs = self.outputs.into_outputs()?;
        let said = match (self.json, &self.format) {
            (true, _) => Some(Format::find("json")?),
            (false, Some(format)) => Some(Format::find(format)?),
            (false, None) => None,
        };
        if let (Some(said), Some(printed)) = (said, outputs.printed) {
            return Err(UsageError::PrintedTwice {
                first: format!("--format {}", said.name),
                second: format!("--output {}", printed.name),
            });
        }
        let unsaid = match outputs.files.is_empty() {
            true => Some(Format::find("text")?),
            false => None,
        };
        Ok(MergeRequest {
            printed: said.or(outputs.printed).or(unsaid),
            files: outputs.files,
            fail_on: self.fail_on.map(|word| word.parse()).transpose()?,
            on_empty: if self.fail_on_empty {
                OnEmpty::Fail
            } else {
                OnEmpty::Pass
            },
            results: self.results,
        })
    }
}
