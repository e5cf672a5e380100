//! `baseline`: accept findings, with a reason.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use codex_review::review::Day;

use super::options::{JsonArgs, Shape};
use super::usage::UsageError;

/// Accept findings with a reason, so that they no longer count
#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    verb: BaselineVerb,
}

#[derive(Debug, Subcommand)]
enum BaselineVerb {
    /// Accept findings of a finished review
    Add {
        /// Fingerprints of findings, or the first six digits or more of one
        #[arg(value_name = "FINGERPRINT", required_unless_present = "all")]
        fingerprints: Vec<String>,
        /// Accept every finding that counts
        #[arg(long, conflicts_with = "fingerprints")]
        all: bool,
        /// Why they are accepted
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who accepts them (default: git's user.name)
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
        /// The last day on which they are accepted, such as 2027-01-31
        #[arg(long, value_name = "DAY")]
        expires: Option<String>,
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Show what is accepted
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Take entries out
    Remove {
        /// Fingerprints of entries, or the first six digits or more of one
        #[arg(value_name = "FINGERPRINT", required = true)]
        fingerprints: Vec<String>,
    },
    /// Take out entries that have run out
    Prune {
        /// And those that a finished review had no use for
        #[arg(long)]
        unmatched: bool,
        #[command(flatten)]
        source: SourceArgs,
    },
}

/// Which review the findings are from.
#[derive(Debug, Args)]
struct SourceArgs {
    /// The review's job (default: the newest review that has ended)
    #[arg(long, value_name = "JOB", conflicts_with = "from")]
    job: Option<String>,
    /// A JSON report, instead of a job
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Which review is meant.
#[derive(Debug)]
pub(crate) enum ReportSource {
    /// A job; without a name, the newest review that has ended.
    Job(Option<String>),
    /// A saved report.
    File(PathBuf),
}

/// What is done with the baseline.
#[derive(Debug)]
pub(crate) enum BaselineRequest {
    Add(AddRequest),
    List(Shape),
    Remove(Vec<String>),
    Prune {
        /// Where it says what was of no use; `None` takes out what has run out alone.
        unmatched: Option<ReportSource>,
    },
}

/// Findings to accept.
#[derive(Debug)]
pub(crate) struct AddRequest {
    /// Empty means all that count.
    pub(crate) fingerprints: Vec<String>,
    pub(crate) reason: String,
    pub(crate) author: Option<String>,
    pub(crate) expires: Option<Day>,
    pub(crate) source: ReportSource,
}

impl SourceArgs {
    fn into_source(self) -> ReportSource {
        match self.from {
            Some(file) => ReportSource::File(file),
            None => ReportSource::Job(self.job),
        }
    }
}

impl BaselineArgs {
    pub(crate) fn into_request(self) -> Result<BaselineRequest, UsageError> {
        let not_blank = |option: &'static str, text: String| {
            if text.trim().is_empty() {
                Err(UsageError::BlankText { option })
            } else {
                Ok(text.trim().to_owned())
            }
        };
        Ok(match self.verb {
            BaselineVerb::Add {
                fingerprints,
                all: _,
                reason,
                author,
                expires,
                source,
            } => BaselineRequest::Add(AddRequest {
                fingerprints,
                reason: not_blank("--reason", reason)?,
                author: author
                    .map(|author| not_blank("--author", author))
                    .transpose()?,
                expires: expires.map(|day| day.parse()).transpose()?,
                source: source.into_source(),
            }),
            BaselineVerb::List { json } => BaselineRequest::List(json.shape()),
            BaselineVerb::Remove { fingerprints } => BaselineRequest::Remove(fingerprints),
            BaselineVerb::Prune { unmatched, source } => BaselineRequest::Prune {
                unmatched: unmatched.then(|| source.into_source()),
            },
        })
    }
}
