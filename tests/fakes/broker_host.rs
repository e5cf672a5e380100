//! The smallest program that can be a broker: what follows `broker serve` in its arguments goes to the library.
//!
//! Tests of the broker's process start this one, so that they depend on no command line.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(3);
    match codex_review::broker::serve_process(arguments) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr must not end it otherwise.
            drop(writeln!(std::io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}
