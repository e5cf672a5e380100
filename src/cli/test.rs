//! `test`: have tests written for a change.

use clap::Args;

use codex_review::config::Flag;
use codex_review::run::RunTests;
use codex_review::target::TargetSpec;

use super::options::{
    Attendance, EngineOptions, Isolation, JsonArgs, Shape, StrategyArgs, TargetArgs, WaitArgs,
};
use super::text::{FocusArgs, TextFileArgs, TextSource};
use super::usage::UsageError;

/// Have tests written for a change, in a throw-away worktree
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    focus: FocusArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Run the new tests on the change and on its base: this runs the project's own code
    #[arg(long, help_heading = "Tests")]
    run: bool,
    /// Put the accepted tests into the working tree; with a job, those that it wrote, without asking anybody
    #[arg(
        long,
        value_name = "JOB",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        help_heading = "Tests"
    )]
    apply: Option<String>,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    text_file: TextFileArgs,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    json: JsonArgs,
}

/// Whether accepted tests go into the working tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Application {
    /// They stay in the result.
    Later,
    /// As soon as they are there.
    AtOnce,
}

/// Tests to be written.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    pub(crate) target: TargetSpec,
    pub(crate) focus: TextSource,
    pub(crate) run: RunTests,
    pub(crate) application: Application,
    pub(crate) isolation: Isolation,
    pub(crate) attendance: Attendance,
    pub(crate) shape: Shape,
    /// The settings that were given as options.
    pub(crate) flags: Vec<Flag>,
}

/// What `test` is to do.
#[derive(Debug)]
pub(crate) enum TestRequest {
    /// Have tests written.
    Write(Box<WriteRequest>),
    /// Put those of a job into the working tree.
    Apply {
        /// Its id or the beginning of it.
        job: String,
        shape: Shape,
    },
}

impl TestArgs {
    pub(crate) fn into_request(self) -> Result<TestRequest, UsageError> {
        let target = self.target.into_spec()?;
        let focus = TextSource::new(self.focus.text, self.text_file.prompt_file)?;
        let shape = self.json.shape();
        let attendance = self.wait.attendance();
        let application = match self.apply {
            Some(job) if !job.is_empty() => {
                if target != TargetSpec::auto() || self.run || focus != TextSource::None {
                    return Err(UsageError::ApplyOfJobAlone);
                }
                return Ok(TestRequest::Apply { job, shape });
            }
            Some(_) if attendance == Attendance::Background => {
                return Err(UsageError::ApplyInBackground);
            }
            Some(_) => Application::AtOnce,
            None => Application::Later,
        };
        let mut flags = self.strategy.into_flags();
        let (engine_flags, isolation) = self.engine.into_flags()?;
        flags.extend(engine_flags);
        Ok(TestRequest::Write(Box::new(WriteRequest {
            target,
            focus,
            run: if self.run {
                RunTests::OnBothSides
            } else {
                RunTests::No
            },
            application,
            isolation,
            attendance,
            shape,
            flags,
        })))
    }
}
