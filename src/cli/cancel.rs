//! `cancel`: end a job.

use clap::Args;

use super::options::{JsonArgs, Shape};

/// End a job
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The job: its id or the beginning of it; without one, the newest that runs
    #[arg(value_name = "JOB")]
    job: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
}

/// A cancellation, as it is meant.
#[derive(Debug)]
pub(crate) struct CancelRequest {
    pub(crate) job: Option<String>,
    pub(crate) shape: Shape,
}

impl CancelArgs {
    pub(crate) fn into_request(self) -> CancelRequest {
        CancelRequest {
            shape: self.json.shape(),
            job: self.job,
        }
    }
}
