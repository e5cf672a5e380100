//! The gate's verdicts: what is asked, what is not, and what is remembered.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::json;

use super::turns::{Turns, blocked};

const ALLOW: &str = "answer ALLOW: nothing is left.";
const BLOCK: &str = "answer BLOCK: `b` divides by zero.";

#[test]
fn a_gate_that_is_off_does_nothing_at_all() {
    let turns = Turns::new();
    let off = ["setup", "--disable-review-gate"];
    let _off = turns.world.command(off).run_ok();
    turns.silent("session-start", json!({}));
    turns.silent("prompt-submit", json!({}));
    turns.world.repo.write("b.rs", "fn b() {}\n");
    turns.ends(BLOCK);
    assert_eq!(turns.questions(), 0);
    assert_eq!(turns.status()["records"], json!([]));
    assert!(!turns.world.store().folder().join("gate.json").exists());
}

#[test]
fn an_objection_is_raised_once_and_only_a_changed_tree_is_asked_about_again() {
    let turns = Turns::new();
    turns.silent("session-start", json!({"source": "startup"}));
    turns.ends(BLOCK);
    assert_eq!(turns.questions(), 0, "nothing was edited");

    turns.world.repo.write("b.rs", "fn b() -> u32 { 1 / 0 }\n");
    let reason = turns.is_blocked(BLOCK);
    assert!(reason.contains("`b` divides by zero."), "{reason}");
    let goes_on = json!({"stop_hook_active": true});
    let same = turns.hook("stop", goes_on.clone()).run_ok();
    assert_eq!(same.stdout(), "", "{same}");
    same.assert_stderr_has("nothing was changed since it objected");
    assert_eq!(turns.questions(), 1);

    turns.world.repo.write("b.rs", "fn b() -> u32 { 1 / 1 }\n");
    let again = turns
        .hook("stop", goes_on.clone())
        .env("FAKE_APP_SERVER_SCRIPT", BLOCK);
    let _again = blocked(&again.run_ok());
    turns.world.repo.write("b.rs", "fn b() -> u32 { 1 }\n");
    turns.ends(ALLOW);
    assert_eq!(turns.questions(), 3);

    turns.ends(BLOCK);
    let other = Turns {
        session: "another",
        ..turns
    };
    other.ends(BLOCK);
    assert_eq!(other.questions(), 3, "this tree was allowed");

    let records = other.records();
    let words: Vec<&str> = records
        .iter()
        .map(|(verdict, reason)| match verdict.as_str() {
            "skip" => reason.as_str(),
            verdict => verdict,
        })
        .collect();
    assert_eq!(
        words,
        [
            "allowed-before",
            "nothing-edited",
            "allow",
            "block",
            "objection-stands",
            "block",
            "nothing-edited",
        ]
    );
}

#[test]
fn gate_status_shows_verdicts_their_cost_and_what_was_skipped() {
    let turns = Turns::new();
    turns.silent("session-start", json!({}));
    turns.ends(ALLOW);
    turns.world.repo.write("b.rs", "fn b() -> u32 { 1 / 0 }\n");
    let _blocked = turns.is_blocked(BLOCK);
    let status = turns.status();
    assert_eq!(status["enabled"], true);
    assert_eq!(status["lastHour"], json!({"asked": 1, "tokens": 120}));
    let newest = &status["records"][0];
    assert_eq!(newest["verdict"], "block");
    assert_eq!(newest["tokens"], 120);
    assert_eq!(newest["sessionId"], "one");
    let id = newest["jobId"].as_str().unwrap();
    let job = &turns.world.json(["status", id])["job"];
    assert_eq!(
        (&job["kind"], &job["sessionId"]),
        (&json!("gate"), &json!("one"))
    );
    let skipped = &status["records"][1];
    assert_eq!(
        (&skipped["verdict"], &skipped["reason"], &skipped["tokens"]),
        (&json!("skip"), &json!("nothing-edited"), &json!(null))
    );
    let page = turns.world.command(["gate", "status"]).run_ok().stdout();
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "Review gate: on");
    assert_eq!(lines[1], "Last hour: 1 question, 120 tokens");
    let row = |line: &str| {
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row(lines[2]), "WHAT VERDICT TOKENS WHY");
    assert_eq!(row(lines[3]), "turn block 120 `b` divides by zero.");
    assert_eq!(row(lines[4]), "turn skip - nothing-edited");
}

#[test]
fn the_engine_is_shown_this_turn_alone_and_may_only_read() {
    let turns = Turns::new();
    turns.world.repo.write("before.rs", "fn of_the_user() {}\n");
    turns.silent("session-start", json!({}));
    // What its user edits between two turns is not the turn's doing.
    turns.world.repo.write("between.rs", "fn by_hand() {}\n");
    turns.silent("prompt-submit", json!({"prompt": "Question?"}));
    turns.ends(BLOCK);
    assert_eq!(turns.questions(), 0);

    turns.silent("prompt-submit", json!({"prompt": "Write."}));
    turns.world.repo.write("turn.rs", "fn of_the_turn() {}\n");
    // What is typed while the turn runs begins no new one.
    turns.silent("prompt-submit", json!({"prompt": "And quick."}));
    let stop = turns
        .stopping(ALLOW)
        .env("CODEX_REVIEW_GATE_MODEL", "spark")
        .env("CODEX_REVIEW_GATE_EFFORT", "low")
        .run_ok();
    assert_eq!(stop.stdout(), "", "{stop}");
    let question = turns.last_question();
    for (shown, text) in [
        (true, "fn of_the_turn"),
        (true, "I did it."),
        (false, "of_the_user"),
        (false, "by_hand"),
        (false, "hello"),
    ] {
        assert_eq!(question.contains(text), shown, "{text}: {question}");
    }
    let turn = &turns.calls("turn/start")[0]["params"];
    let thread = &turns.calls("thread/start")[0]["params"];
    assert_eq!(thread["ephemeral"], true, "{thread}");
    assert_eq!(thread["sandbox"], "read-only", "{thread}");
    let said = format!("{thread} {turn}");
    assert!(said.contains("gpt-5.3-codex-spark"), "{said}");
    assert_eq!(turn["effort"], "low", "{turn}");
    let candidate = turns.world.json(["task-resume-candidate"]);
    assert_eq!(candidate["available"], false, "{candidate}");
}

#[test]
fn a_commit_of_the_turn_is_reviewed_and_taking_a_change_back_is_not() {
    let turns = Turns::new();
    turns.silent("session-start", json!({}));
    turns.world.repo.write("a.rs", "fn committed() {}\n");
    turns.world.repo.commit("In the turn");
    turns.world.repo.write("later.rs", "fn uncommitted() {}\n");
    turns.ends(ALLOW);
    let question = turns.last_question();
    assert!(question.contains("fn committed"), "{question}");
    assert!(question.contains("fn uncommitted"), "{question}");

    turns.world.repo.delete("later.rs");
    turns.ends(BLOCK);
    assert_eq!(turns.questions(), 1);
    assert_eq!(turns.records()[0].1, "nothing-to-show");
}

#[test]
fn no_name_of_a_file_and_no_size_keeps_an_edit_from_the_gate() {
    let turns = Turns::new();
    turns.silent("session-start", json!({}));
    let names: [&[u8]; 6] = [
        b"with [brackets] {and} *stars*?.rs",
        b"!quoted \"name\".rs",
        b"tab\tand\nnewline.rs",
        b"back\\slash.rs",
        b"caf\xe9.rs",
        "日本.rs".as_bytes(),
    ];
    for (at, name) in names.into_iter().enumerate() {
        let line = format!("fn edited_{at}() {{}}\n");
        turns.world.repo.write(OsStr::from_bytes(name), &line);
        turns.ends(ALLOW);
        assert_eq!(turns.questions(), at + 1, "{}", name.escape_ascii());
        let question = turns.last_question();
        assert!(question.contains(line.trim()), "{question}");
    }
    // Too large to be read, and of the same size before and after.
    let large = |byte: u8| vec![byte; 100 * 1024];
    turns.world.repo.write("large.bin", large(b'a'));
    turns.ends(ALLOW);
    turns.world.repo.write("large.bin", large(b'b'));
    turns.ends(ALLOW);
    assert_eq!(turns.questions(), names.len() + 2);
    turns.ends(BLOCK);
    assert_eq!(turns.questions(), names.len() + 2);
}

#[test]
fn cooldown_and_budgets_let_a_turn_end_and_leave_its_edits_to_the_next_question() {
    let turns = Turns::new();
    turns.silent("session-start", json!({}));
    turns.world.repo.write("first.rs", "fn first() {}\n");
    turns.ends(ALLOW);
    for (at, (variable, value, reason)) in [
        ("CODEX_REVIEW_GATE_COOLDOWN_SECONDS", "3600", "cooling-down"),
        ("CODEX_REVIEW_GATE_MAX_PER_HOUR", "1", "hourly-budget"),
        (
            "CODEX_REVIEW_GATE_MAX_TOKENS_PER_HOUR",
            "120",
            "token-budget",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!("fn unseen_{at}() {{}}\n");
        turns.world.repo.write(format!("unseen{at}.rs"), line);
        let output = turns.stopping(BLOCK).env(variable, value).run_ok();
        assert_eq!(output.stdout(), "", "{output}");
        output.assert_stderr_has("did not ask");
        assert_eq!(turns.records()[0].1, reason);
        assert_eq!(turns.questions(), 1, "{reason}");
    }
    turns.ends(BLOCK);
    assert_eq!(turns.questions(), 1, "this turn edited nothing");
    turns.world.repo.write("last.rs", "fn last() {}\n");
    turns.ends(ALLOW);
    let question = turns.last_question();
    for text in ["unseen_0", "unseen_1", "unseen_2", "fn last"] {
        assert!(question.contains(text), "{text}: {question}");
    }
    assert!(!question.contains("fn first"), "{question}");
}

#[test]
fn a_repository_cannot_weaken_the_gate_of_its_user() {
    let turns = Turns::new();
    turns.silent("session-start", json!({}));
    let weak =
        "[gate]\nmax_blocks = 0\nmax_per_hour = 1\nfail_closed = false\ncooldown_seconds = 3600\n";
    turns.world.repo.write(".codex-review.toml", weak);
    for content in ["fn b() {}\n", "fn c() {}\n"] {
        turns.world.repo.write("b.rs", content);
        let _blocked = turns.is_blocked(BLOCK);
    }
}

#[test]
fn a_turn_whose_change_cannot_be_read_is_not_judged_and_nobody_is_asked() {
    let turns = Turns::new();
    turns.silent("session-start", json!({"source": "startup"}));
    let name = turns.world.repo.git(["ls-files"]);
    let name = name.lines().next().unwrap();
    turns.world.repo.write(name, "fn changed() {}\n");
    turns.world.repo.lose(&format!("HEAD:{name}"));
    let reason = turns.is_blocked(ALLOW);
    assert!(
        reason.contains("could not be judged: nothing of this change can be read: "),
        "{reason}"
    );
    assert_eq!(turns.questions(), 0);
    let records = turns.records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].0, "not-judged", "{records:?}");
}
