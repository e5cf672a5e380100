//! The `codex-review` command.

#[allow(
    dead_code,
    reason = "requests are complete, and dispatch does not hand all of them on yet"
)]
mod cli;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().collect())
}
