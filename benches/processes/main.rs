//! Whole processes, as their users wait for them: what the project promises of time and memory, measured.
//!
//! `cargo bench --bench processes` builds its repositories in a temporary folder, runs ours and what it is compared with in
//! turn, and prints the least and the median of each beside the promise. With npm on the machine it also measures the
//! way to the model, through the real Codex and a stand-in for its API. A number behind the command is how many rounds to
//! measure. Nothing fails on a slow machine: the numbers are to be read.

#![expect(clippy::print_stdout, reason = "numbers are to be read")]
#![expect(
    unreachable_pub,
    reason = "in a binary, `pub` can only mean this binary"
)]

mod git;
mod model;
#[path = "../../tests/it/support/mod.rs"]
mod support;

use std::time::Duration;

/// Run before anything is measured, so that files are in memory.
const WARM_UPS: usize = 3;
/// Rounds without a number on the command line.
const ROUNDS: usize = 31;

fn main() {
    let rounds = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(ROUNDS);
    git::measure(rounds);
    model::measure(rounds.min(ROUNDS));
}

fn heading(what: &str, columns: &[&str]) {
    print!("\n{what:<40}");
    for column in columns {
        print!("{column:>10}");
    }
    println!();
}

fn ms(time: Duration) -> String {
    format!("{:>10.1}", time.as_secs_f64() * 1000.0)
}

fn least_and_median(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[0], times[times.len() / 2])
}
