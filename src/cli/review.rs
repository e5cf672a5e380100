//! `review` and `adversarial-review`.

use std::ffi::OsString;

use clap::Args;

use codex_review::config::Flag;
use codex_review::run::{ADVERSARIAL_REVIEW, Kind, REVIEW};
use codex_review::target::TargetSpec;

use super::diff_review::DiffChoice;
use super::options::{
    Attendance, EngineOptions, Isolation, MemoryArgs, MemoryRequest, ReportArgs, ReportRequest,
    StrategyArgs, TargetArgs, WaitArgs,
};
use super::terms::{TermsArgs, TermsRequest};
use super::text::{FocusArgs, TextFileArgs, TextSource};
use super::usage::UsageError;

/// What every review takes.
#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    text_file: TextFileArgs,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    report: ReportArgs,
}

/// Review a change
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    focus: FocusArgs,
    /// Let the engine choose its own context: the plain target, without strategy, filters or focus
    #[arg(long, help_heading = "Engine")]
    native: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// Review a change as its adversary: question the approach, not only the code
#[derive(Debug, Args)]
pub(crate) struct AdversarialReviewArgs {
    #[command(flatten)]
    focus: FocusArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Whose context the reviewer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// Ours, built by a strategy.
    Ours,
    /// What the engine collects for a plain target.
    Native,
}

/// A review, as it is meant.
#[derive(Debug)]
pub(crate) struct ReviewRequest {
    /// The kind of run.
    pub(crate) kind: &'static Kind,
    /// What is reviewed.
    pub(crate) target: TargetSpec,
    /// What to look at in particular.
    pub(crate) focus: TextSource,
    /// Whose context.
    pub(crate) context: Context,
    /// What is said of exactly one diff; `None` for other kinds.
    pub(crate) diff: Option<DiffChoice>,
    /// Which findings count, and which part of the change is judged.
    pub(crate) terms: TermsRequest,
    /// How the engine is reached.
    pub(crate) isolation: Isolation,
    /// What of earlier runs counts.
    pub(crate) memory: MemoryRequest,
    /// Whether the command waits.
    pub(crate) attendance: Attendance,
    /// How the result is shown.
    pub(crate) report: ReportRequest,
    /// The settings that were given as options.
    pub(crate) flags: Vec<Flag>,
}

impl ReviewArgs {
    pub(crate) fn into_request(self) -> Result<ReviewRequest, UsageError> {
        let context = if self.native {
            Context::Native
        } else {
            Context::Ours
        };
        let request = self
            .common
            .into_request(&REVIEW, context, self.focus.text)?;
        if context == Context::Native && request.focus != TextSource::None {
            return Err(UsageError::FocusWithNative);
        }
        if context == Context::Native && request.memory.since_last {
            return Err(UsageError::SinceLastWithNative);
        }
        Ok(request)
    }
}

impl AdversarialReviewArgs {
    pub(crate) fn into_request(self) -> Result<ReviewRequest, UsageError> {
        self.common
            .into_request(&ADVERSARIAL_REVIEW, Context::Ours, self.focus.text)
    }
}

impl CommonArgs {
    pub(super) fn into_request(
        self,
        kind: &'static Kind,
        context: Context,
        words: Vec<OsString>,
    ) -> Result<ReviewRequest, UsageError> {
        let mut flags = self.strategy.into_flags();
        let (engine_flags, isolation) = self.engine.into_flags()?;
        flags.extend(engine_flags);
        let (report_flags, report) = self.report.into_flags()?;
        flags.extend(report_flags);
        let (terms_flags, terms) = self.terms.into_flags()?;
        flags.extend(terms_flags);
        Ok(ReviewRequest {
            kind,
            target: self.target.into_spec()?,
            focus: TextSource::new(words, self.text_file.prompt_file)?,
            context,
            diff: None,
            terms,
            isolation,
            memory: self.memory.into_request(),
            attendance: self.wait.attendance(),
            report,
            flags,
        })
    }
}
