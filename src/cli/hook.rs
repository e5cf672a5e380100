//! `hook`: what Claude Code and git call, and the hook that git calls.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use codex_review::config::Flag;
use codex_review::review::{FailOn, Unjudged, UnknownUnjudged};

use super::options::{JsonArgs, Shape};
use super::usage::UsageError;

/// Answer a hook of Claude Code or of git, or install the one of git
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
    /// A plan is about to be presented: its review, where that was switched on
    Plan,
    PrePush(PrePushArgs),
    Install(InstallArgs),
    Uninstall(UninstallArgs),
    Status(StatusArgs),
}

/// Review what is about to be pushed, from the lines that git writes to standard input
///
/// Exits with 1 where the push must not go. `CODEX_REVIEW_SKIP=reason git push` skips the review; `hook status` shows it.
#[derive(Debug, Args)]
struct PrePushArgs {
    /// The remote's name, or its address where it has none
    #[arg(value_name = "REMOTE")]
    remote: Option<OsString>,
    /// The remote's address
    #[arg(value_name = "URL")]
    url: Option<OsString>,
    /// Who reviews: codex or builtin
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Block from this severity on: none, critical, high, medium, low or any
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<String>,
    /// How long the review may take
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<String>,
    /// What becomes of a push that could not be judged: pass or block
    #[arg(long, value_name = "POLICY")]
    unjudged: Option<String>,
    /// Take the ref from the variables of pre-commit instead of standard input
    #[arg(long)]
    pre_commit: bool,
}

#[derive(Debug, Args)]
struct ScopeArgs {
    /// The hook before a push (the only one there is)
    #[arg(long)]
    pre_push: bool,
    /// In this repository (the default)
    #[arg(long, conflicts_with = "global")]
    local: bool,
    /// In the folder that the user's `core.hooksPath` names, for all repositories
    #[arg(long)]
    global: bool,
}

/// Install the hook that reviews a push, in the folder that git runs hooks from
///
/// A hook that is there stays and runs first. Where pre-commit, lefthook or husky is in charge, the lines for its
/// configuration are printed instead.
#[derive(Debug, Args)]
struct InstallArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

/// Take the hook away, and give the one before it its place back
#[derive(Debug, Args)]
struct UninstallArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

/// Show where git runs hooks from, whether ours is there, and what became of the last pushes
#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    json: JsonArgs,
}

/// Which hook, or what about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookRequest {
    /// Claude Code calls.
    Claude(ClaudeHook),
    /// git is about to push.
    PrePush(PrePushRequest),
    /// The hook is to be installed.
    Install(Scope),
    /// The hook is to be removed.
    Uninstall(Scope),
    /// How things are.
    Status(Shape),
}

/// What Claude Code calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClaudeHook {
    SessionStart,
    SessionEnd,
    PromptSubmit,
    PromptExpansion,
    Stop,
    Plan,
}

/// For which repositories a hook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Local,
    Global,
}

/// Where the refs of a push come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushSource {
    /// git's lines on standard input.
    Lines,
    /// The variables that pre-commit sets.
    PreCommit,
}

/// A push, as it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrePushRequest {
    /// The remote's name, or its address.
    pub(crate) remote: Option<OsString>,
    /// Where its refs come from.
    pub(crate) source: PushSource,
    /// The settings that were given as options.
    pub(crate) flags: Vec<Flag>,
}

impl HookArgs {
    pub(crate) fn into_request(self) -> Result<HookRequest, UsageError> {
        Ok(match self.verb {
            HookVerb::SessionStart => HookRequest::Claude(ClaudeHook::SessionStart),
            HookVerb::SessionEnd => HookRequest::Claude(ClaudeHook::SessionEnd),
            HookVerb::PromptSubmit => HookRequest::Claude(ClaudeHook::PromptSubmit),
            HookVerb::PromptExpansion => HookRequest::Claude(ClaudeHook::PromptExpansion),
            HookVerb::Stop => HookRequest::Claude(ClaudeHook::Stop),
            HookVerb::Plan => HookRequest::Claude(ClaudeHook::Plan),
            HookVerb::PrePush(args) => HookRequest::PrePush(args.into_request()?),
            HookVerb::Install(args) => HookRequest::Install(args.scope.scope()),
            HookVerb::Uninstall(args) => HookRequest::Uninstall(args.scope.scope()),
            HookVerb::Status(args) => HookRequest::Status(args.json.shape()),
        })
    }
}

impl ScopeArgs {
    /// `--pre-push` and `--local` say what holds anyway; they are accepted because scripts like to say it.
    fn scope(&self) -> Scope {
        if self.global && !self.local {
            Scope::Global
        } else {
            Scope::Local
        }
    }
}

impl PrePushArgs {
    fn into_request(self) -> Result<PrePushRequest, UsageError> {
        if let Some(engine) = &self.engine
            && !matches!(engine.as_str(), "codex" | "builtin")
        {
            return Err(UsageError::UnknownEngine(engine.clone()));
        }
        if let Some(fail_on) = &self.fail_on {
            fail_on.parse::<FailOn>()?;
        }
        if let Some(unjudged) = &self.unjudged {
            unjudged
                .parse::<Unjudged>()
                .map_err(|UnknownUnjudged(word)| UsageError::UnknownUnjudged(word))?;
        }
        let flag = |key, flag, value: Option<String>| value.map(|value| Flag { key, flag, value });
        let flags = [
            flag("pre_push.engine", "--engine", self.engine),
            flag("pre_push.fail_on", "--fail-on", self.fail_on),
            flag("pre_push.timeout_seconds", "--time-limit", self.time_limit),
            flag("pre_push.unjudged", "--unjudged", self.unjudged),
        ];
        Ok(PrePushRequest {
            // git gives the address for both where there is no name.
            remote: self.remote.or(self.url),
            source: if self.pre_commit {
                PushSource::PreCommit
            } else {
                PushSource::Lines
            },
            flags: flags.into_iter().flatten().collect(),
        })
    }
}
