//! The command line: what was typed, what it means, and the only printing in the tree.
//!
//! ```text
//! argv --arguments--> argv with free text set apart --clap--> Args (one file per verb) --into_request--> a typed value
//!      --dispatch--> the library --ui--> stdout, stderr, exit code
//! ```
//!
//! Arguments are read twice: clap checks what was typed, `into_request` turns it into one value that says what was meant;
//! nothing further in looks at flags. [`ui`] prints, [`failure`] is the one table from errors to hints and exit codes,
//! [`surroundings`] is the one place that reads the process environment.

mod account;
mod agent_team;
mod arguments;
mod baseline;
mod broker;
mod cancel;
mod ci;
mod command;
mod completions;
mod config;
mod context;
mod demo;
mod diff_review;
mod dispatch;
mod engine;
mod estimate;
mod failure;
mod gate;
mod hook;
mod logs;
mod manual;
mod merge;
mod optimize;
mod options;
mod outputs;
mod paint;
mod plan_review;
mod progress;
mod result;
mod resume_candidate;
mod review;
mod setup;
mod status;
mod strategies;
mod surroundings;
mod task;
mod terms;
mod test;
mod text;
mod transfer;
mod trust;
mod typed;
mod ui;
mod usage;
mod verbs;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Command, FromArgMatches as _};

use codex_review::review::ExitStatus;

use command::Cli;
use surroundings::Surroundings;
use typed::Expanded;
use ui::Ui;

/// Runs the command that was typed, prints, and says how the process ends.
pub(crate) fn main(argv: Vec<OsString>) -> ExitCode {
    ExitCode::from(run(argv).code())
}

fn run(argv: Vec<OsString>) -> ExitStatus {
    let branch = command::branch_of(&argv);
    let is_whole = branch.is_none();
    let mut command = branch.unwrap_or_else(command::whole_tree);
    let plain = Ui::plain();
    let argv = match typed::expand(argv, &command) {
        Ok(Expanded::Whole(argv)) => argv,
        Ok(Expanded::Missing) => return verbs::typed_store::say_missing(&plain),
        Err(failure) => return plain.failure(&failure),
    };
    let options_in_text = arguments::options_in_text(&argv, &command);
    let parsed = match parse(&mut command, argv.clone()) {
        // Help and errors may speak of the other verbs too.
        Err(_) if !is_whole => parse(&mut command::whole_tree(), argv),
        parsed => parsed,
    };
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return plain.clap(&error),
    };
    let ui = Ui::new(cli.global.color, cli.global.quiet);
    for option in options_in_text {
        ui.warning(&format!(
            "`{option}` stands behind the text and belongs to it: options come first"
        ));
    }
    let outcome = Surroundings::of_process(cli.global.cwd.as_deref())
        .and_then(|surroundings| dispatch::dispatch(cli.verb, &surroundings, &ui));
    match outcome {
        Ok(status) => status,
        Err(failure) => ui.failure(&failure),
    }
}

fn parse(command: &mut Command, argv: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut matches = command.try_get_matches_from_mut(argv)?;
    Cli::from_arg_matches_mut(&mut matches)
}
