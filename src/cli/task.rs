//! `task`: hand work over to the engine.

use std::ffi::OsString;

use clap::Args;

use codex_review::config::Flag;

use super::options::{Attendance, EngineOptions, Isolation, RunJsonArgs, RunShape, WaitArgs};
use super::text::{TextFileArgs, TextSource};
use super::usage::UsageError;

/// Hand a task over to the engine
#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The task, behind all options; taken as it is. Without one it is read from standard input
    #[arg(
        value_name = "PROMPT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    text: Vec<OsString>,
    #[command(flatten)]
    text_file: TextFileArgs,
    /// Let the engine change files in the working tree
    #[arg(long)]
    write: bool,
    /// Go on with an earlier task: the newest, or this job or thread
    #[arg(
        long,
        value_name = "JOB",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with_all = ["resume_last", "fresh"]
    )]
    resume: Option<String>,
    /// Go on with the newest task
    #[arg(long, conflicts_with = "fresh")]
    resume_last: bool,
    /// Begin a new thread (the default)
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    json: RunJsonArgs,
}

/// Which thread a task goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Continuation {
    /// A new one.
    Fresh,
    /// That of the newest task.
    Newest,
    /// That of this job, or this thread.
    Named(String),
}

/// What the engine may do to the working tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkingTreeAccess {
    Read,
    Write,
}

/// A task, as it is meant.
#[derive(Debug)]
pub(crate) struct TaskRequest {
    /// The task. [`TextSource::None`] only when it goes on with an earlier one and standard input is not to be read.
    pub(crate) prompt: TextSource,
    pub(crate) continuation: Continuation,
    pub(crate) access: WorkingTreeAccess,
    pub(crate) isolation: Isolation,
    pub(crate) attendance: Attendance,
    pub(crate) shape: RunShape,
    /// The settings that were given as options.
    pub(crate) flags: Vec<Flag>,
}

impl TaskArgs {
    /// `stdin_is_terminal` decides whether a task without text is read from standard input.
    pub(crate) fn into_request(self, stdin_is_terminal: bool) -> Result<TaskRequest, UsageError> {
        let continuation = match self.resume {
            Some(name) if name.is_empty() => Continuation::Newest,
            Some(name) => Continuation::Named(name),
            None if self.resume_last => Continuation::Newest,
            None => Continuation::Fresh,
        };
        let prompt = match TextSource::new(self.text, self.text_file.prompt_file)? {
            TextSource::None if !stdin_is_terminal => TextSource::Stdin,
            TextSource::None if continuation == Continuation::Fresh => {
                return Err(UsageError::NoText);
            }
            source => source,
        };
        let (flags, isolation) = self.engine.into_flags()?;
        Ok(TaskRequest {
            prompt,
            continuation,
            access: if self.write {
                WorkingTreeAccess::Write
            } else {
                WorkingTreeAccess::Read
            },
            isolation,
            attendance: self.wait.attendance(),
            shape: self.json.shape(),
            flags,
        })
    }
}
