//! `usage`: the account's limits by the engine's word, and our own account, which survives retention.

use serde_json::json;

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::ResponsesApi;

use super::world::World;

/// Tokens that the fake engine counts for each turn.
const INPUT: u64 = 100;

#[test]
fn deleted_jobs_stay_in_the_account() {
    let world = World::new("");
    for number in 0..4 {
        let task = format!("task {number}");
        world
            .command(["task", &task])
            .env("CODEX_REVIEW_JOBS_RETENTION", "2")
            .run_ok();
    }
    let usage = world.json(["usage"]);
    let jobs = usage["own"]["jobs"].as_array().unwrap();
    // The last job may still be kept beside the two, by a worker that is about to end.
    assert!(jobs.len() < 4, "nothing was deleted: {usage:#}");
    let tasks = &usage["own"]["all"]["task"];
    assert_eq!(tasks["jobs"], 4, "{usage:#}");
    assert_eq!(tasks["counted"], 4);
    assert_eq!(tasks["input"], 4 * INPUT);
    assert_eq!(usage["own"]["today"]["task"], *tasks);
    // The account is told again, not counted again.
    assert_eq!(world.json(["usage"])["own"], usage["own"]);

    let damaged = world.store().folder().join("usage.json");
    std::fs::write(&damaged, "{").unwrap();
    let usage = world.json(["usage"]);
    let kept = usage["own"]["jobs"].as_array().unwrap().len();
    assert_eq!(usage["own"]["all"]["task"]["jobs"], kept, "{usage:#}");
}

#[test]
fn limits_are_shown_with_bars_and_what_is_unknown_is_said() {
    let limits = json!({"rateLimits": {
        "planType": "plus",
        "primary": {"usedPercent": 41, "windowDurationMins": 300, "resetsAt": 4_000_000_000_u64},
        "secondary": {"usedPercent": 100, "windowDurationMins": 10080},
        "rateLimitReachedType": "rate_limit_reached",
    }});
    let world = World::new(&format!(
        "on account/rateLimits/read\n  reply {limits}\non account/usage/read\n  fail -32601 no such method"
    ));
    let usage = world.json(["usage"]);
    let account = &usage["account"];
    assert_eq!(account["available"], true, "{usage:#}");
    assert_eq!(account["plan"], "plus");
    assert_eq!(account["windows"][0]["usedPercent"], 41);
    assert_eq!(account["windows"][0]["windowMinutes"], 300);
    assert_eq!(
        account["windows"][0]["resetsAt"],
        "2096-10-02T07:06:40.000Z"
    );
    assert_eq!(account["windows"][1]["resetsAt"], json!(null));
    assert_eq!(account["unknown"].as_array().unwrap().len(), 1);

    let page = world.command(["usage"]).run_ok();
    page.assert_stdout_has("  5 h  █████████░░░░░░░░░░░  41 % used, new in ");
    page.assert_stdout_has("  7 d  ████████████████████ 100 % used\n");
    page.assert_stdout_has("  limit reached: rate_limit_reached\n");
    page.assert_stdout_has("  unknown: the account's tokens: ");
    page.assert_stdout_has("  none yet\n");
}

#[test]
fn an_engine_that_is_not_there_or_dies_costs_its_own_part_only() {
    for script in ["on initialize\n  die", "on account/rateLimits/read\n  die"] {
        let world = World::new(script);
        let usage = world.json(["usage"]);
        assert_eq!(usage["account"]["available"], false, "{usage:#}");
        assert!(usage["own"]["all"].is_object());
    }
    let world = World::new("");
    let missing = world.sandbox.path("nothing");
    let page = world
        .command(["usage"])
        .env("CODEX_REVIEW_CODEX_BIN", missing)
        .run_ok();
    page.assert_stdout_has("Account\n  unknown: ");
    world
        .command(["usage", "--tokens"])
        .run()
        .expect_code(2)
        .assert_stderr_has("--tokens");
    world
        .command(["usage", "everything"])
        .run()
        .expect_code(2)
        .assert_stderr_has("everything");
}

/// What used to happen: with our own engine in the settings, the codex that the user named was not the one asked.
#[test]
fn the_account_is_asked_of_the_codex_that_the_user_names_whatever_engine_reviews() {
    let world = World::new("");
    let usage = world
        .command(["usage", "--json"])
        .env("CODEX_REVIEW_ENGINE", "builtin")
        .run_ok()
        .json();
    assert_eq!(usage["account"]["available"], true, "{usage:#}");
    let setup = world
        .command(["setup", "--json"])
        .env("CODEX_REVIEW_ENGINE", "builtin")
        .run_ok()
        .json();
    assert_eq!(setup["codex"]["available"], true, "{setup:#}");
}

/// An API key has no limits that Codex could read: the own account is all there is, and that is said.
#[test]
fn with_the_real_codex_and_another_provider_only_our_own_account_is_known() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let world = World::new("");
    let api = ResponsesApi::start();
    use_api(&world.sandbox, &api);
    let command = |args: &[&str]| {
        world
            .command(args.iter().copied())
            .env("CODEX_REVIEW_CODEX_BIN", codex.launcher())
    };
    command(&["task", "say something"]).run_ok();
    let usage = command(&["usage", "--json"]).run_ok().json();
    assert_eq!(usage["account"]["available"], true, "{usage:#}");
    assert_eq!(usage["account"]["unknown"].as_array().unwrap().len(), 2);
    assert_eq!(usage["own"]["all"]["task"]["counted"], 1, "{usage:#}");
    assert!(usage["own"]["all"]["task"]["input"].as_u64().unwrap() > 0);
    command(&["broker", "stop", "--force"]).run_ok();
}
