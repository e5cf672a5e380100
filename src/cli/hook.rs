//! `hook`: what Claude Code and git call.

use clap::{Args, Subcommand};

/// Answer a hook of Claude Code or git, from what it writes to standard input
#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    verb: HookVerb,
}

#[derive(Debug, Subcommand)]
enum HookVerb {
    /// A Claude session begins
    SessionStart,
    /// A Claude session ends
    SessionEnd,
    /// Claude wants to stop: the review gate
    Stop,
    /// git is about to push
    PrePush {
        /// The remote's name, as git gives it
        #[arg(value_name = "REMOTE")]
        remote: Option<String>,
        /// The remote's address, as git gives it
        #[arg(value_name = "URL")]
        url: Option<String>,
    },
}

/// Which hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookRequest {
    SessionStart,
    SessionEnd,
    Stop,
    PrePush {
        remote: Option<String>,
        url: Option<String>,
    },
}

impl HookArgs {
    pub(crate) fn into_request(self) -> HookRequest {
        match self.verb {
            HookVerb::SessionStart => HookRequest::SessionStart,
            HookVerb::SessionEnd => HookRequest::SessionEnd,
            HookVerb::Stop => HookRequest::Stop,
            HookVerb::PrePush { remote, url } => HookRequest::PrePush { remote, url },
        }
    }
}
