//! `logs`: what happened in a job.

use clap::Args;

/// Print a job's log
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The job: its id or the beginning of it; without one, the newest
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// Go on printing until the job has ended
    #[arg(long, short = 'f')]
    follow: bool,
}

/// Whether to go on printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogReading {
    ToItsEnd,
    UntilTheJobEnds,
}

/// A log, as it is asked for.
#[derive(Debug)]
pub(crate) struct LogsRequest {
    pub(crate) job: Option<String>,
    pub(crate) reading: LogReading,
}

impl LogsArgs {
    pub(crate) fn into_request(self) -> LogsRequest {
        LogsRequest {
            job: self.job,
            reading: if self.follow {
                LogReading::UntilTheJobEnds
            } else {
                LogReading::ToItsEnd
            },
        }
    }
}
