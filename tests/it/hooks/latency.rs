//! How long a host waits for a hook. The numbers that people are promised hold for a release build on an idle machine
//! (`cargo bench --bench hooks` measures those); here the fastest of some runs counts, and other builds get a factor.

use std::time::Duration;

use serde_json::{Value, json};

use super::turns::Turns;

/// Unoptimised code on two cores that other tests use as well.
const FACTOR: u32 = if cfg!(debug_assertions) { 8 } else { 2 };
const RUNS: usize = 7;

#[track_caller]
fn check(turns: &Turns, verb: &str, more: &Value, limit_ms: u64) {
    let fastest = (0..RUNS)
        .map(|_| {
            let output = turns.hook(verb, more.clone()).run_ok();
            assert_eq!(output.stdout(), "", "{output}");
            output.elapsed
        })
        .min()
        .expect("it ran");
    let limit = Duration::from_millis(limit_ms) * FACTOR;
    assert!(
        fastest < limit,
        "`hook {verb}` took {fastest:?}, allowed are {limit:?}"
    );
}

#[test]
fn hooks_answer_before_anybody_notices() {
    let turns = Turns::new();
    check(&turns, "session-start", &json!({}), 20);
    check(&turns, "stop", &json!({}), 20);
    check(&turns, "prompt-submit", &json!({}), 50);
    let typed = json!({"command_name": "codex:review", "command_args": "--wait"});
    check(&turns, "prompt-expansion", &typed, 50);
    check(&turns, "session-end", &json!({"reason": "clear"}), 50);
    check(&turns, "session-end", &json!({"reason": "other"}), 50);
    assert_eq!(turns.questions(), 0);
}

#[test]
fn a_gate_that_skips_is_quick_among_ten_thousand_files() {
    let turns = Turns::new();
    for file in 0..10_000 {
        let path = format!("src/{}/{file}.rs", file / 100);
        turns.world.repo.write(path, format!("fn f{file}() {{}}\n"));
    }
    turns.world.repo.stage(["src"]).commit_staged("Many");
    turns.silent("session-start", json!({}));
    check(&turns, "stop", &json!({}), 150);
    assert_eq!(turns.questions(), 0);
    let (verdict, reason) = &turns.records()[0];
    assert_eq!(
        (verdict.as_str(), reason.as_str()),
        ("skip", "nothing-edited")
    );
}
