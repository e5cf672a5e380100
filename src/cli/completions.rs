//! `completions`: scripts for shells.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use codex_review::review::ExitStatus;

use super::command::Cli;
use super::failure::Failure;
use super::ui::Ui;

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, ui: &Ui) -> Result<ExitStatus, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "codex-review", &mut script);
    ui.result(&script)?;
    Ok(ExitStatus::Passed)
}
