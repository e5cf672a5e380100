//! Engines that fail the gate: an outage is never taken for a defect, and never lets the gate loop.

use rustix::process::Signal;
use serde_json::json;

use super::turns::{Turns, blocked};
use crate::jobs_cli::world::is_investigating;

/// What an engine sends when its turn fails.
fn failing(kind: &str) -> String {
    format!(
        r#"
on turn/start
  reply {{"turn": {{"id": "t1", "items": [], "status": "inProgress", "error": null}}}}
  notify error {{"threadId": "{{{{thread}}}}", "turnId": "t1", "willRetry": false, "error": {{"message": "no more today", "codexErrorInfo": "{kind}"}}}}
  notify turn/completed {{"threadId": "{{{{thread}}}}", "turn": {{"id": "t1", "items": [], "status": "failed", "error": {{"message": "no more today", "codexErrorInfo": "{kind}"}}}}}}
"#
    )
}

fn edited() -> Turns {
    let turns = Turns::new();
    turns.silent("session-start", json!({}));
    turns.world.repo.write("b.rs", "fn b() {}\n");
    turns
}

#[test]
fn a_review_that_fails_blocks_or_allows_as_the_user_says_and_is_never_called_a_defect() {
    let quota = failing("usageLimitExceeded");
    let cases = [
        ("on turn/start : crash", "signal 6"),
        ("on thread/start : exit 3", "exited with status 3"),
        ("on turn/start : hang", "`turn/start`"),
        ("hold for-ever", "within 1s"),
        (&*quota, "no more today"),
        ("answer Perhaps it is fine.", "`Perhaps it is fine.`"),
        ("answer  ", "no answer"),
    ];
    let turns = edited();
    for (at, (script, why)) in cases.into_iter().enumerate() {
        let stopping = || {
            turns
                .stopping(script)
                .env("CODEX_REVIEW_LIMITS_RPC_SECONDS", "1")
                .env("CODEX_REVIEW_GATE_TIMEOUT_SECONDS", "1")
        };
        let open = stopping()
            .env("CODEX_REVIEW_GATE_FAIL_CLOSED", "false")
            .run_ok();
        assert_eq!(open.stdout(), "", "{script}: {open}");
        open.assert_stderr_has("could not judge this turn");
        let (verdict, _) = &turns.records()[0];
        assert_eq!(verdict, "not-judged", "{script}");

        turns.world.repo.write("b.rs", format!("fn b{at}() {{}}\n"));
        let reason = blocked(&stopping().run_ok());
        assert!(reason.contains("could not be judged"), "{script}: {reason}");
        assert!(!reason.contains("something to mend"), "{script}: {reason}");
        assert!(reason.contains(why), "{script}: {reason}");
        let allowed = turns.stop("answer ALLOW: fine");
        assert_eq!(
            allowed.stdout(),
            "",
            "a failed review is no verdict: {allowed}"
        );
        turns
            .world
            .repo
            .write("b.rs", format!("fn after{at}() {{}}\n"));
    }
}

#[test]
fn an_outage_blocks_as_often_in_a_row_as_the_setting_says_and_then_says_that_it_allows() {
    let turns = edited();
    for most in [2, 3] {
        for _ in 0..most {
            let stop = turns
                .stopping("on turn/start : crash")
                .env("CODEX_REVIEW_GATE_MAX_BLOCKS", most.to_string());
            let _blocked = blocked(&stop.run_ok());
        }
        let asked = turns.questions();
        let allowed = turns
            .stopping("on turn/start : crash")
            .env("CODEX_REVIEW_GATE_MAX_BLOCKS", most.to_string())
            .run_ok();
        assert_eq!(allowed.stdout(), "", "{allowed}");
        allowed.assert_stderr_has("as often in a row as `gate.max_blocks` allows");
        assert_eq!(turns.questions(), asked);
        turns
            .world
            .repo
            .write("b.rs", format!("fn next{most}() {{}}\n"));
    }
}

#[test]
fn an_engine_that_is_missing_or_not_logged_in_lets_the_turn_end_and_points_to_setup() {
    let turns = edited();
    let missing = turns
        .stopping("")
        .env("CODEX_REVIEW_CODEX_BIN", "/nonexistent/codex")
        .run_ok();
    let unauthorized = failing("unauthorized");
    turns.world.repo.write("b.rs", "fn c() {}\n");
    let logged_out = turns.stop(&unauthorized);
    for output in [missing, logged_out] {
        assert_eq!(output.stdout(), "", "{output}");
        output.assert_stderr_has("Run /codex:setup");
    }
}

/// A host gives up on a hook, or its user presses a key: the review must not go on for nobody.
#[test]
fn a_hook_that_its_host_ends_takes_its_review_with_it() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let turns = edited();
        let hook = turns.stopping("hold for-ever").spawn();
        let mut server = turns.world.control.server();
        server.wait_call("turn/start");
        let running = turns.world.json(["status"])["running"].clone();
        let id = running[0]["id"].as_str().unwrap().to_owned();
        let id = codex_review::jobs::JobId::parse(&id).unwrap();
        turns.world.follow_until(&id, is_investigating);
        hook.signal(signal);
        let output = hook.wait().expect_code(0);
        assert_eq!(output.stdout(), "", "{output}");
        assert_eq!(turns.world.ended(&id)["status"], "cancelled");
        server.wait_end();
        // The next end of the turn asks.
        turns.ends("answer ALLOW: fine");
    }
}

#[test]
fn faults_of_our_own_are_never_a_block() {
    let turns = edited();
    let fine = "answer ALLOW: fine";
    let memory = turns.world.store().folder().join("gate.json");
    std::fs::write(&memory, b"{\"sessions\": 7").unwrap();
    turns.ends(fine);

    // A memory that cannot be written could not count blocks.
    std::fs::remove_file(&memory).unwrap();
    std::fs::create_dir_all(memory.join("in the way")).unwrap();
    turns.world.repo.write("b.rs", "fn c() {}\n");
    let unwritable = turns.stop("answer BLOCK: no");
    assert_eq!(unwritable.stdout(), "", "{unwritable}");
    unwritable.assert_stderr_has("gate.json");

    let wrong = "[gate]\nmax_bloks = 1\n";
    let config = turns
        .world
        .sandbox
        .write("config/codex-review/config.toml", wrong);
    for verb in [
        "session-start",
        "prompt-submit",
        "prompt-expansion",
        "stop",
        "session-end",
    ] {
        for input in [
            "",
            "{",
            "[]",
            "{\"cwd\": \"/nonexistent\"}",
            "{\"cwd\": 7}",
            "\u{0}",
        ] {
            let output = turns.world.command(["hook", verb]).stdin(input).run_ok();
            assert_eq!(output.stdout(), "", "{verb} {input}: {output}");
        }
    }
    std::fs::remove_file(config).unwrap();
}
