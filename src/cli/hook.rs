//! `hook`: what Claude Code calls.

use clap::{Args, Subcommand};

/// Answer a hook of Claude Code, from what it writes to standard input
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
    /// A prompt was sent, and a turn begins
    PromptSubmit,
    /// A slash command is about to run: keep what was typed behind it
    PromptExpansion,
    /// Claude wants to stop: the review gate
    Stop,
}

/// Which hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookRequest {
    SessionStart,
    SessionEnd,
    PromptSubmit,
    PromptExpansion,
    Stop,
}

impl HookArgs {
    pub(crate) fn into_request(self) -> HookRequest {
        match self.verb {
            HookVerb::SessionStart => HookRequest::SessionStart,
            HookVerb::SessionEnd => HookRequest::SessionEnd,
            HookVerb::PromptSubmit => HookRequest::PromptSubmit,
            HookVerb::PromptExpansion => HookRequest::PromptExpansion,
            HookVerb::Stop => HookRequest::Stop,
        }
    }
}
