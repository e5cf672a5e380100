//! The hook on leaving plan mode: off by default, then under the limits of the gate.

use std::time::Duration;

use serde_json::{Value, json};

use super::{answering, finding};
use crate::jobs_cli::world::World;
use crate::support::{CommandOutput, Invocation};

const PLAN: &str = "1. Call `b` in a.rs.\n";

struct Planning {
    world: World,
    session: &'static str,
}

impl Planning {
    fn new() -> Planning {
        Planning {
            world: World::new(""),
            session: "one",
        }
    }

    fn switched_on() -> Planning {
        let planning = Planning::new();
        planning.setup("--enable-plan-review", true);
        planning
    }

    #[track_caller]
    fn setup(&self, switch: &str, on: bool) {
        let setup = self
            .world
            .command(["setup", switch, "--json"])
            .run_ok()
            .json();
        assert_eq!(setup["planReviewEnabled"], on, "{setup}");
        self.world.control.server().wait_end();
    }

    /// The hook, as Claude Code calls it before the tool that presents a plan.
    fn presenting(&self, plan: &str, script: &str) -> Invocation {
        let input = json!({
            "session_id": self.session, "cwd": self.world.repo.path(), "permission_mode": "plan",
            "hook_event_name": "PreToolUse", "tool_name": "ExitPlanMode", "tool_use_id": "t1",
            "tool_input": {"plan": plan, "planFilePath": "/h/.claude/plans/a-plan.md"},
        });
        self.world
            .command(["hook", "plan"])
            .stdin(input.to_string())
            .env("FAKE_APP_SERVER_LOG", self.world.sandbox.path("engine.log"))
            .env("FAKE_APP_SERVER_SCRIPT", script)
            // An engine for each run, which plays the script of its own run.
            .env("CI", "1")
    }

    #[track_caller]
    fn is_held(&self, plan: &str, script: &str) -> String {
        held(&self.presenting(plan, script).run_ok())
    }

    /// The plan is let through; what people are told.
    #[track_caller]
    fn passes(&self, plan: &str, script: &str) -> String {
        let output = self.presenting(plan, script).run_ok();
        assert_eq!(output.stdout(), "", "{output}");
        output.stderr()
    }

    fn questions(&self) -> usize {
        let log = std::fs::read_to_string(self.world.sandbox.path("engine.log"));
        let log = log.unwrap_or_default();
        log.lines()
            .filter(|line| line.contains("\"turn/start\"") && line.starts_with("recv "))
            .count()
    }
}

#[track_caller]
fn held(output: &CommandOutput) -> String {
    let answer = output.json();
    let decision = &answer["hookSpecificOutput"];
    assert_eq!(
        (&decision["hookEventName"], &decision["permissionDecision"]),
        (&json!("PreToolUse"), &json!("deny")),
        "{output}"
    );
    let reason = decision["permissionDecisionReason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        reason.ends_with("To switch it off: /codex:setup --disable-plan-review)"),
        "{reason}"
    );
    reason
}

fn objecting() -> String {
    answering("needs-attention", &json!([finding("a.rs", 1, 1)]))
}

fn approving() -> String {
    answering("approve", &json!([]))
}

#[test]
fn it_is_off_until_it_is_switched_on_and_then_answers_before_anybody_notices() {
    let planning = Planning::new();
    let fastest = (0..7)
        .map(|_| {
            let output = planning.presenting(PLAN, &objecting()).run_ok();
            assert_eq!((output.stdout(), output.stderr()), Default::default());
            output.elapsed
        })
        .min()
        .unwrap();
    // As for the other hooks: unoptimised code on two cores that other tests use as well.
    let factor = if cfg!(debug_assertions) { 8 } else { 2 };
    assert!(fastest < Duration::from_millis(20) * factor, "{fastest:?}");

    // A repository's own file may neither switch it on nor off.
    planning
        .world
        .repo
        .write(".codex-review.toml", "[plan_review]\nhook = true\n");
    planning.passes(PLAN, &objecting());
    planning.setup("--enable-plan-review", true);
    planning
        .world
        .repo
        .write(".codex-review.toml", "[plan_review]\nhook = false\n");
    let reason = planning.is_held(PLAN, &objecting());
    for part in [
        "Codex found something to change in this plan before it is carried out: Step 2 is wrong.",
        "- high: No such function (a.rs:1-1)\n  `b` is not there.\n  Instead: Name `a`.",
    ] {
        assert!(reason.contains(part), "{part:?} is not in {reason}");
    }
    planning.setup("--disable-plan-review", false);
    planning.passes("Another plan", &objecting());
    assert_eq!(planning.questions(), 1);
}

#[test]
fn the_users_setting_switches_it_on_and_setup_switches_one_repository_off() {
    let planning = Planning::new();
    let switch = |on: bool| format!("[plan_review]\nhook = {on}\n");
    let sandbox = &planning.world.sandbox;
    sandbox.write("config/codex-review/config.toml", switch(true));
    // What a repository says against it does not count, unless its user trusts it.
    planning
        .world
        .repo
        .write(".codex-review.toml", switch(false));
    planning.is_held(PLAN, &objecting());
    planning.setup("--disable-plan-review", false);
    assert_eq!(planning.passes("Another plan", &objecting()), "");
    planning.setup("--enable-plan-review", true);
    planning.is_held("Another plan", &objecting());
}

#[test]
fn a_plan_is_objected_to_once_and_only_a_changed_one_is_asked_about_again() {
    let mut planning = Planning::switched_on();
    let _reason = planning.is_held(PLAN, &objecting());
    let told = planning.passes(PLAN, &objecting());
    assert!(told.contains("it is the one that it objected to"), "{told}");
    assert_eq!(planning.questions(), 1);
    let _reason = planning.is_held("1. Call `c`.\n", &objecting());
    assert_eq!(planning.passes("1. Call `a`.\n", &approving()), "");
    assert_eq!(planning.passes("1. Call `a`.\n", &objecting()), "");
    planning.session = "another";
    assert_eq!(
        planning.passes("1. Call `a`.\n", &objecting()),
        "",
        "it was allowed"
    );
    assert_eq!(planning.questions(), 3);

    let status = planning.world.json(["gate", "status"]);
    let verdicts: Vec<&Value> = status["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["verdict"])
        .collect();
    assert_eq!(
        verdicts,
        ["skip", "skip", "allow", "block", "skip", "block"]
    );
    let about = status["records"].as_array().unwrap();
    assert!(
        about.iter().all(|record| record["what"] == "plan"),
        "{status}"
    );
    let page = planning.world.command(["gate", "status"]).run_ok();
    page.assert_stdout_has(" plan  allow ");
    assert_eq!(status["lastHour"]["asked"], 3, "{status}");
    let id = status["records"][3]["jobId"].as_str().unwrap();
    let job = &planning.world.json(["status", id])["job"];
    assert_eq!(
        (&job["kind"], &job["sessionId"]),
        (&json!("plan-gate"), &json!("one"))
    );
}

#[test]
fn it_ends_by_itself_keeps_to_the_gates_budgets_and_an_outage_is_no_objection() {
    let planning = Planning::switched_on();
    let limited = |plan: &str, script: &str, name: &str, value: &str| {
        planning.presenting(plan, script).env(name, value).run_ok()
    };
    let most = "CODEX_REVIEW_GATE_MAX_BLOCKS";
    let _reason = held(&limited("1", &objecting(), most, "2"));
    let _reason = held(&limited("2", &objecting(), most, "2"));
    let passed = limited("3", &objecting(), most, "2");
    assert_eq!(passed.stdout(), "");
    passed.assert_stderr_has("as often in a row as `gate.max_blocks` allows");

    let passed = limited("4", &objecting(), "CODEX_REVIEW_GATE_MAX_PER_HOUR", "2");
    assert_eq!(passed.stdout(), "");
    passed.assert_stderr_has("has used its questions for this hour");

    let crash = "on turn/start : crash";
    let reason = held(&limited("5", crash, most, "5"));
    assert!(reason.contains("could not be judged"), "{reason}");
    let passed = limited("5", crash, "CODEX_REVIEW_GATE_FAIL_CLOSED", "false");
    assert_eq!(passed.stdout(), "");
    passed.assert_stderr_has("could not judge this plan");
    let late = planning
        .presenting("6", "hold for-ever")
        .env("CODEX_REVIEW_GATE_TIMEOUT_SECONDS", "1")
        .run_ok();
    assert!(held(&late).contains("within 1s"), "{late}");
}

#[test]
fn what_cannot_be_reviewed_is_let_through_with_a_note() {
    let planning = Planning::switched_on();
    let gone = planning
        .presenting(PLAN, "")
        .env("CODEX_REVIEW_CODEX_BIN", "/nonexistent/codex")
        .run_ok();
    assert_eq!(gone.stdout(), "");
    gone.assert_stderr_has("The Codex plan review is on, but");
    let builtin = planning
        .presenting(PLAN, "")
        .env("CODEX_REVIEW_ENGINE", "builtin")
        .run_ok();
    assert_eq!(builtin.stdout(), "");
    builtin.assert_stderr_has("cannot review plans");
    let told = planning.passes(&"x".repeat(300 * 1024), &objecting());
    assert!(told.contains("larger than 256 KiB"), "{told}");
    assert_eq!(planning.passes("  ", &objecting()).lines().count(), 1);

    let hook = |stdin: &str| {
        planning
            .world
            .command(["hook", "plan"])
            .stdin(stdin)
            .run_ok()
    };
    for stdin in [
        "{}",
        "",
        "{\"tool_name\": \"ExitPlanMode\", \"tool_input\": {}}",
        "{\"tool_name\": \"Bash\", \"tool_input\": {\"command\": \"ls\", \"plan\": \"x\"}}",
    ] {
        let output = hook(stdin);
        assert_eq!(
            (output.stdout(), output.stderr()),
            Default::default(),
            "{stdin}"
        );
    }
    for stdin in ["[]", "{\"tool_input\": {\"plan\": 3}}"] {
        let output = hook(stdin);
        assert_eq!(output.stdout(), "", "{stdin}");
        output.assert_stderr_has("hook input");
    }
    assert_eq!(planning.questions(), 0);
}
