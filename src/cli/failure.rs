//! The one table from errors to hints and exit codes.

use std::io;
use std::path::PathBuf;

use codex_review::config::ConfigError;
use codex_review::review::ExitStatus;
use codex_review::target::OpenError;

use super::usage::UsageError;

/// Why a command could not do its work. What a *review* ended with is no failure but an outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no repository, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The folder to work in is not there.
    #[error("cannot work in `{}`", path.display())]
    WorkingDirectory {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A text could not be read.
    #[error("cannot read the text from {place}")]
    ReadText {
        /// A path in backticks, or `standard input`.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Standard output does not take the result.
    #[error("cannot write the result to standard output")]
    Output(#[from] io::Error),
    /// The verb is declared and nothing carries it out yet.
    #[error("`{verb}` cannot be carried out by this build")]
    NotWired {
        /// The verb.
        verb: &'static str,
    },
}

impl Failure {
    /// How the process ends, and what the user can do.
    pub(crate) fn judge(&self) -> (ExitStatus, Option<String>) {
        match self {
            Failure::Usage(error) => (ExitStatus::Usage, error.hint()),
            Failure::Config(error) => (ExitStatus::Usage, error.hint()),
            Failure::Open(error) => (ExitStatus::Usage, error.hint()),
            Failure::WorkingDirectory { .. } => (
                ExitStatus::Usage,
                Some("give a folder that exists with `--cwd`".to_owned()),
            ),
            Failure::ReadText { .. } => (ExitStatus::Usage, None),
            Failure::Output(_) | Failure::NotWired { .. } => (ExitStatus::Incomplete, None),
        }
    }
}
