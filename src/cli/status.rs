//! `status`: what runs and what ran.

use std::time::Duration;

use clap::Args;

use super::options::{JsonArgs, Shape};

/// How long `--wait` waits when nothing else is said.
const DEFAULT_WAIT: Duration = Duration::from_secs(4 * 60);

/// How often `--wait` looks when nothing else is said.
const DEFAULT_POLL: Duration = Duration::from_secs(2);

/// Show what runs and what ran
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// One job: its id or the beginning of it
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// Wait until the job has ended
    #[arg(long)]
    wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=86_400_000))]
    timeout_ms: Option<u64>,
    /// How often to look while waiting
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    poll_interval_ms: Option<u64>,
    /// Show every stored job, of every session
    #[arg(long)]
    all: bool,
    /// Go on showing what happens
    #[arg(long, short = 'f', conflicts_with = "wait")]
    follow: bool,
    #[command(flatten)]
    json: JsonArgs,
}

/// Whether to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Show and return.
    None,
    /// Until the job has ended, or for so long.
    UntilEnd {
        /// How long at most.
        timeout: Duration,
        /// How often to look.
        poll: Duration,
    },
    /// Until the job has ended, showing what happens.
    Follow,
}

/// Whose jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This session's first.
    Session,
    /// Everything that is stored.
    All,
}

/// A status, as it is asked for.
#[derive(Debug)]
pub(crate) struct StatusRequest {
    /// The job, or an overview.
    pub(crate) job: Option<String>,
    pub(crate) patience: Patience,
    pub(crate) reach: Reach,
    pub(crate) shape: Shape,
}

impl StatusArgs {
    pub(crate) fn into_request(self) -> StatusRequest {
        let patience = if self.follow {
            Patience::Follow
        } else if self.wait {
            Patience::UntilEnd {
                timeout: self.timeout_ms.map_or(DEFAULT_WAIT, Duration::from_millis),
                poll: self
                    .poll_interval_ms
                    .map_or(DEFAULT_POLL, Duration::from_millis),
            }
        } else {
            Patience::None
        };
        StatusRequest {
            patience,
            reach: if self.all { Reach::All } else { Reach::Session },
            shape: self.json.shape(),
            job: self.job,
        }
    }
}
