//! `ci`: files for CI systems.

use clap::{Args, Subcommand, ValueEnum};

/// Set up reviews in a CI system
#[derive(Debug, Args)]
pub(crate) struct CiArgs {
    #[command(subcommand)]
    verb: CiVerb,
}

#[derive(Debug, Subcommand)]
enum CiVerb {
    /// Write a workflow that reviews each change; nothing that is there is replaced without --force
    Init {
        /// The CI system: github or gitlab
        #[arg(value_name = "SYSTEM")]
        system: CiSystem,
        /// Where the GitHub action lies, as OWNER/REPOSITORY@REF
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

/// A CI system that there are files for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiSystem {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
}

/// What becomes of a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Keep,
    Replace,
}

/// Which files, as they are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CiRequest {
    pub(crate) system: CiSystem,
    pub(crate) action: Option<String>,
    pub(crate) existing: Existing,
}

impl CiArgs {
    pub(crate) fn into_request(self) -> CiRequest {
        let CiVerb::Init {
            system,
            action,
            force,
        } = self.verb;
        CiRequest {
            system,
            action,
            existing: if force {
                Existing::Replace
            } else {
                Existing::Keep
            },
        }
    }
}
