//! `CODEX_COMPANION_APP_SERVER_ENDPOINT`: another engine than the one that is installed here, for every verb that needs one.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::world::World;
use crate::support::Invocation;

const ENDPOINT: &str = "CODEX_COMPANION_APP_SERVER_ENDPOINT";
const STATE: &str = "CODEX_REVIEW_STATE_DIR";

/// A broker of another state root, with an engine that plays `script`.
struct Given<'w> {
    world: &'w World,
    state: PathBuf,
    endpoint: String,
}

impl<'w> Given<'w> {
    fn start(world: &'w World, script: &str) -> Self {
        let state = world.sandbox.path("elsewhere");
        let started = world.command(["task", "begin"]);
        let started = started.env("FAKE_APP_SERVER_SCRIPT", script);
        started.env(STATE, &state).run_ok();
        let status = world.command(["broker", "status", "--json"]);
        let status = status.env(STATE, &state).run_ok().json();
        let endpoint = status["brokers"][0]["endpoint"].as_str();
        Given {
            world,
            endpoint: endpoint.expect("it runs").to_owned(),
            state,
        }
    }

    fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Invocation {
        self.world.command(args).env(ENDPOINT, &self.endpoint)
    }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let stop = self.world.command(["broker", "stop", "--force"]);
            stop.env(STATE, &self.state).run_ok();
        }
    }
}

fn answering(verdict: &str) -> String {
    let finding = json!({
        "severity": "high", "title": "It breaks", "body": "Why.", "file": "a.rs", "line_start": 2,
        "line_end": 2, "confidence": 0.9, "recommendation": "Mend it.",
    });
    let findings = match verdict {
        "approve" => Vec::new(),
        _ => vec![finding],
    };
    let answer =
        json!({"verdict": verdict, "summary": verdict, "findings": findings, "next_steps": []});
    format!("answer {answer}\nversion 0.{}.0\n", verdict.len())
}

#[test]
fn a_verdict_of_a_given_engine_is_never_taken_for_that_of_the_own_one() {
    let world = World::new(&answering("needs-attention"));
    let given = Given::start(&world, &answering("approve"));
    let review = ["adversarial-review", "--json"];
    let check = |command: Invocation, cached: bool, outcome: &str, verdict: &str| {
        let report: Value = command.env("CODEX_REVIEW_CACHE", "true").run().json();
        assert_eq!(report["outcome"], outcome, "{report:#}");
        assert_eq!(report["cached"].is_object(), cached, "{report:#}");
        let version = format!("0.{}.0", verdict.len());
        assert_eq!(report["engine"]["version"], version, "{report:#}");
    };
    check(given.command(review), false, "passed", "approve");
    check(world.command(review), false, "findings", "needs-attention");
    check(given.command(review), false, "passed", "approve");
    check(world.command(review), true, "findings", "needs-attention");
}

#[test]
fn a_given_engine_needs_none_that_is_installed_and_answers_all_that_an_engine_is_asked() {
    let world = World::new("answer mine\nversion 0.1.0\n");
    let limits = json!({"rateLimits": {"planType": "theirs", "primary": {"usedPercent": 41}}});
    let given = Given::start(
        &world,
        &format!("answer theirs\nversion 0.2.0\non account/rateLimits/read\n  reply {limits}\n"),
    );
    let transcript = world
        .sandbox
        .write("home/.claude/projects/-repo/s-1.jsonl", "{}\n");
    let transcript = transcript.to_str().expect("the sandbox's path is text");
    let without = |args: &[&str]| {
        let command = given.command(args.iter().copied());
        command.env_remove("CODEX_REVIEW_CODEX_BIN").run_ok()
    };
    without(&["task", "begin"]).assert_stdout_has("theirs");
    let usage = without(&["usage", "--json"]).json();
    assert_eq!(usage["account"]["plan"], "theirs", "{usage:#}");
    without(&["config", "codex", "--json"]);
    let transferred = without(&["transfer", "--source", transcript, "--json"]).json();
    assert_eq!(transferred["threadId"], "thr-imported");

    // With one installed, it is not the one that is asked.
    let task = given.command(["task", "begin"]).run_ok();
    task.assert_stdout_has("theirs");
    let usage = given.command(["usage", "--json"]).run_ok().json();
    assert_eq!(usage["account"]["plan"], "theirs", "{usage:#}");
}
