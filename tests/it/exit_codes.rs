//! Every row of the table of exit codes, produced on purpose through the binary; and the documents that repeat the table.
//!
//! `docs/exit-codes.md` names each situation; each has one function here, and neither may be without the other.

use std::collections::BTreeSet;

use codex_review::review::ExitStatus;
use rustix::process::Signal;

use crate::support::fake_engine::Control;
use crate::support::{CommandOutput, Invocation, Repo, Sandbox, package_root};

struct World {
    repo: Repo,
    control: Control,
    sandbox: Sandbox,
}

impl World {
    /// A repository with one finding of medium severity in its working tree.
    fn new() -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("repo");
        repo.write("a.js", "start();\n");
        repo.commit("Start");
        repo.write("a.js", "start();\ndebugger;\n");
        World {
            repo,
            control: Control::new(),
            sandbox,
        }
    }

    fn builtin(&self, args: &[&str]) -> Invocation {
        let command = self.sandbox.command(["review", "--engine", "builtin"]);
        command.args(args).cwd(self.repo.path())
    }

    /// A run of its own with the fake app server, which plays `script`.
    fn fake(&self, script: &str, args: &[&str]) -> Invocation {
        let (name, address) = self.control.variable();
        self.sandbox
            .command(args)
            .args(["--isolated", "--json"])
            .cwd(self.repo.path())
            .env(
                "CODEX_REVIEW_CODEX_BIN",
                env!("CARGO_BIN_EXE_fake-app-server"),
            )
            .env("FAKE_APP_SERVER_SCRIPT", script)
            .env("CODEX_REVIEW_LIMITS_RPC_SECONDS", "1")
            .env(name, address)
    }
}

/// The run must say of itself why it judged nothing.
#[track_caller]
fn not_judged(output: CommandOutput, reason: &str) -> CommandOutput {
    let report = output.json();
    assert_eq!(report["outcome"], "not-judged", "{output}");
    assert_eq!(report["notJudged"]["reason"], reason, "{output}");
    assert_eq!(report["result"], serde_json::Value::Null, "{output}");
    output
}

fn passed() -> CommandOutput {
    let world = World::new();
    world.repo.write("a.js", "start();\nstop();\n");
    let output = world.builtin(&["--fail-on", "any"]).run();
    output.assert_stdout_has("PASSED");
    output
}

fn below_the_threshold() -> CommandOutput {
    let output = World::new().builtin(&["--fail-on", "high"]).run();
    output.assert_stdout_has("FINDINGS");
    output
}

fn findings() -> CommandOutput {
    let output = World::new().builtin(&["--fail-on", "medium"]).run();
    output.assert_stdout_has("FINDINGS");
    output
}

fn usage() -> CommandOutput {
    World::new().builtin(&["--scope", "nonsense"]).run()
}

fn unknown_revision() -> CommandOutput {
    World::new().builtin(&["--base", "no-such-branch"]).run()
}

fn configuration() -> CommandOutput {
    let world = World::new();
    world
        .repo
        .write(".codex-review.toml", "fail_on = \"whatever\"\n");
    world.builtin(&[]).run()
}

fn no_engine() -> CommandOutput {
    let world = World::new();
    let command = world.fake("", &["review"]);
    let output = command
        .env("CODEX_REVIEW_CODEX_BIN", world.sandbox.path("no/codex"))
        .run();
    not_judged(output, "engine-unavailable")
}

fn not_logged_in() -> CommandOutput {
    let script = "on review/start\n  reply {\"turn\":{\"id\":\"t1\",\"items\":[],\"status\":\"inProgress\"},\"reviewThreadId\":\"{{thread}}\"}\n  \
notify turn/completed {\"threadId\":\"{{thread}}\",\"turn\":{\"id\":\"t1\",\"items\":[],\"status\":\"failed\",\"error\":{\"message\":\"401 Unauthorized\",\"codexErrorInfo\":\"unauthorized\"}}}";
    let output = World::new().fake(script, &["review"]).run();
    not_judged(output, "not-logged-in")
}

fn timed_out() -> CommandOutput {
    let output = World::new()
        .fake("on review/start : hang", &["review"])
        .run();
    not_judged(output, "timed-out")
}

fn cut_off() -> CommandOutput {
    let output = World::new()
        .fake("on review/start : exit 7", &["review"])
        .run();
    not_judged(output, "engine-lost")
}

fn unparsable() -> CommandOutput {
    let script = "answer I had no time to look.";
    let output = World::new().fake(script, &["adversarial-review"]).run();
    not_judged(output, "unclear-answer")
}

fn hidden_history() -> CommandOutput {
    let world = World::new();
    world.repo.commit("Two");
    world.repo.branch("topic");
    world.repo.write("b.js", "more();\n");
    world.repo.commit("Three");
    world.repo.switch("main");
    world.repo.write("c.js", "elsewhere();\n");
    world.repo.commit("Four");
    world.repo.switch("topic");
    let url = format!("file://{}", world.repo.path().display());
    let clone = world.sandbox.path("clone");
    let target = clone.to_str().unwrap();
    let args = [
        "clone",
        "--quiet",
        "--depth=1",
        "--no-single-branch",
        &url,
        target,
    ];
    world.repo.git(args);
    let command = world
        .sandbox
        .command(["review", "--engine", "builtin", "--base", "origin/main"]);
    let output = command.cwd(&clone).run();
    output.assert_stderr_has("git fetch");
    output
}

fn nothing_readable() -> CommandOutput {
    let world = World::new();
    world.repo.lose("HEAD:a.js");
    let output = world.builtin(&[]).run();
    output.assert_stderr_has("nothing of this change can be read: `a.js` could not be read");
    output.assert_stderr_has("git fetch --refetch");
    assert_eq!(output.stdout(), "", "{output}");
    // A file without lines is nothing that was read.
    world.repo.write("b.bin", b"\0");
    world.builtin(&[]).run().expect_code(4);
    // Beside something that is read, it is named as not looked at.
    world.repo.write("b.js", "more();\n");
    world
        .builtin(&[])
        .run_ok()
        .assert_stdout_has("a.js: could not be read");
    output
}

fn nothing_to_review() -> CommandOutput {
    let world = World::new();
    world.repo.commit("Clean");
    let scope = ["--scope", "working-tree"];
    let lenient = world.builtin(&scope).run_ok();
    lenient.assert_stdout_has("NOTHING TO REVIEW");
    world.builtin(&scope).arg("--fail-on-empty").run()
}

fn interrupted() -> CommandOutput {
    let world = World::new();
    let running = world.fake("hold answer", &["review"]).spawn();
    let mut server = world.control.server();
    server.wait_call("review/start");
    running.signal(Signal::INT);
    not_judged(running.wait(), "cancelled")
}

type Produce = fn() -> CommandOutput;

/// Code, situation as in `docs/exit-codes.md`, and how it comes about.
const CASES: [(i32, &str, Produce); 15] = [
    (0, "passed", passed),
    (0, "findings below the threshold", below_the_threshold),
    (1, "findings at or above the threshold", findings),
    (2, "usage", usage),
    (2, "unknown revision", unknown_revision),
    (2, "configuration", configuration),
    (3, "engine not available", no_engine),
    (3, "not logged in", not_logged_in),
    (4, "timed out", timed_out),
    (4, "cut off", cut_off),
    (4, "unparsable answer", unparsable),
    (4, "history that the clone does not have", hidden_history),
    (4, "a change of which nothing can be read", nothing_readable),
    (5, "nothing to review", nothing_to_review),
    (130, "interrupted", interrupted),
];

#[test]
fn every_situation_ends_with_its_code() {
    for (code, situation, produce) in CASES {
        let output = produce();
        assert_eq!(output.code(), Some(code), "{situation}: {output}");
    }
}

/// The first two cells of each row of a document's table whose first cell is a number.
fn rows(document: &str) -> Vec<(i32, String)> {
    let text = std::fs::read_to_string(package_root().join(document)).unwrap();
    text.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let code = cells.next()?.trim().parse().ok()?;
            let meaning = cells.next()?.trim_end_matches('|').trim().to_owned();
            Some((code, meaning))
        })
        .collect()
}

#[test]
fn the_documented_table_has_exactly_the_situations_that_are_produced() {
    let produced: Vec<(i32, String)> = CASES
        .iter()
        .map(|(code, situation, _)| (*code, (*situation).to_owned()))
        .collect();
    assert_eq!(rows("docs/exit-codes.md"), produced);
}

#[test]
fn the_readme_the_reference_and_the_help_name_the_same_codes() {
    let codes: BTreeSet<i32> = ExitStatus::ALL
        .iter()
        .map(|status| i32::from(status.code()))
        .collect();
    let produced: BTreeSet<i32> = CASES.iter().map(|case| case.0).collect();
    assert_eq!(produced, codes);
    for document in ["README.md", "docs/cli.md"] {
        let named: BTreeSet<i32> = rows(document).into_iter().map(|row| row.0).collect();
        assert_eq!(named, codes, "{document}");
    }
    let help = Sandbox::new().command(["--help"]).run_ok().stdout();
    let (_, table) = help.split_once("Exit codes:\n").unwrap();
    let named: BTreeSet<i32> = table
        .split("  ")
        .filter_map(|cell| cell.split_whitespace().next()?.parse().ok())
        .collect();
    assert_eq!(named, codes, "{table}");
}
