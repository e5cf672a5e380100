//! `man`: the manual page and the reference, both made from the tree of verbs.

use std::fmt::Write as _;

use clap::{Args, Command, CommandFactory as _};

use codex_review::config::{KEYS, RepositoryScope};
use codex_review::review::ExitStatus;

use super::command::Cli;
use super::failure::Failure;
use super::ui::Ui;

/// The width of help in the reference, in characters.
const REFERENCE_WIDTH: usize = 100;

/// Print the manual page
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Print the reference of every verb and setting as Markdown instead
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(args: &ManArgs, ui: &Ui) -> Result<ExitStatus, Failure> {
    let document = if args.markdown {
        reference().into_bytes()
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .expect("memory takes all text");
        page
    };
    ui.result(&document)?;
    Ok(ExitStatus::Passed)
}

/// Every visible verb's help, the exit codes and the settings.
fn reference() -> String {
    let mut out = String::from(
        "# Command line\n\nMade by `codex-review man --markdown`; a test keeps it true.\n",
    );
    let mut command = Cli::command().term_width(REFERENCE_WIDTH);
    command.build();
    write_help(&mut out, &mut command);
    out.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for status in ExitStatus::ALL {
        writeln!(out, "| {} | {} |", status.code(), status.meaning())
            .expect("a string takes all text");
    }
    out.push_str(
        "\n## Settings\n\nDefaults < user file < repository file (`.codex-review.toml`) < environment < flags.\n\
         \n| setting | default | in a repository's file | variable | what it does |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let repository = match key.repository {
            RepositoryScope::Allowed => "yes",
            RepositoryScope::Trusted => "if trusted",
            RepositoryScope::Stricter => "if stricter",
            RepositoryScope::Never => "no",
        };
        let mut default = key.default.unwrap_or("not set").to_owned();
        if let Some(in_ci) = key.default_in_ci {
            write!(default, "; {in_ci} where `CI` is set").expect("a string takes all text");
        }
        writeln!(
            out,
            "| `{}` | {default} | {repository} | `{}` | {} |",
            key.name,
            key.variable(),
            key.about
        )
        .expect("a string takes all text");
    }
    out
}

fn write_help(out: &mut String, command: &mut Command) {
    if command.is_hide_set() {
        return;
    }
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(
        out,
        "\n## {name}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    )
    .expect("a string takes all text");
    for verb in command.get_subcommands_mut() {
        write_help(out, verb);
    }
}
