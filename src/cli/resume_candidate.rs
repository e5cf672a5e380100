//! `task-resume-candidate`: which task `task --resume` would go on with.

use clap::Args;

use super::options::{JsonArgs, Shape};

/// Say which task `task --resume` would go on with
#[derive(Debug, Args)]
pub(crate) struct ResumeCandidateArgs {
    #[command(flatten)]
    json: JsonArgs,
}

impl ResumeCandidateArgs {
    pub(crate) fn into_request(self) -> Shape {
        self.json.shape()
    }
}
