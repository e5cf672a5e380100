//! `gate`: decide again from a saved result, or see what the stop gate did.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use codex_review::review::{FailOn, OnEmpty};

use super::options::{JsonArgs, Shape};
use super::usage::UsageError;

/// Decide again from a saved result, or look at the review gate
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    verb: Option<GateVerb>,
    /// A JSON report, of one review or merged; - is standard input
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// Exit with 1 from this severity on: none, critical, high, medium, low or any (default: high)
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<String>,
    /// Exit with 5 when there was nothing to review
    #[arg(long)]
    fail_on_empty: bool,
    /// The commit that must have been reviewed; anything else is incomplete
    #[arg(long, value_name = "SHA")]
    expected_head: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
}

#[derive(Debug, Subcommand)]
enum GateVerb {
    /// Show whether the gate is on, its last verdicts, what they cost, and what was skipped
    Status {
        #[command(flatten)]
        json: JsonArgs,
    },
}

/// What is asked of the gate.
#[derive(Debug)]
pub(crate) enum GateRequest {
    /// Its record.
    Status(Shape),
    /// A decision from a saved result.
    Decide(DecideRequest),
}

/// A decision, as it is asked for.
#[derive(Debug)]
pub(crate) struct DecideRequest {
    pub(crate) file: PathBuf,
    pub(crate) fail_on: FailOn,
    pub(crate) on_empty: OnEmpty,
    /// The commit that must have been reviewed: all digits, or the first seven or more.
    pub(crate) expected_head: Option<String>,
    pub(crate) shape: Shape,
}

impl GateArgs {
    pub(crate) fn into_request(self) -> Result<GateRequest, UsageError> {
        if let Some(GateVerb::Status { json }) = self.verb {
            return Ok(GateRequest::Status(json.shape()));
        }
        let fail_on = self.fail_on.map(|word| word.parse()).transpose()?;
        Ok(GateRequest::Decide(DecideRequest {
            file: self.file.expect("clap asks for it without a subcommand"),
            fail_on: fail_on.unwrap_or_default(),
            on_empty: if self.fail_on_empty {
                OnEmpty::Fail
            } else {
                OnEmpty::Pass
            },
            expected_head: self.expected_head.map(commit).transpose()?,
            shape: self.json.shape(),
        }))
    }
}

/// Checks that the text can be a commit's id or the beginning of one.
fn commit(text: String) -> Result<String, UsageError> {
    let plausible =
        (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plausible {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(UsageError::NotACommit(text))
    }
}
