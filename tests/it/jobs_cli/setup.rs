//! `setup` says what a run would meet, and what to do about it.

use serde_json::{Value, json};

use super::world::World;

const ENDPOINT: &str = "CODEX_COMPANION_APP_SERVER_ENDPOINT";

/// The document of `setup` with an engine that plays `script`, and how a task ends with the same engine.
fn setup_and_task(script: &str) -> (Value, Option<i32>) {
    let world = World::new(script);
    let setup = world.json(["setup"]);
    (setup, world.command(["task", "hello"]).run().code())
}

#[track_caller]
fn steps(setup: &Value) -> Vec<&str> {
    let steps = setup["nextSteps"].as_array().expect("a list");
    steps.iter().filter_map(Value::as_str).collect()
}

/// What used to happen: an endpoint that nobody serves was "ready", because an engine of `setup`'s own answered.
#[test]
fn the_engine_that_the_environment_names_is_the_one_asked() {
    let world = World::new("");
    for dead in ["unix:/nonexistent/socket", "garbage"] {
        let setup = world.command(["setup", "--json"]).env(ENDPOINT, dead);
        let setup = setup.run_ok().json();
        assert_eq!(setup["ready"], false, "{setup:#}");
        assert_eq!(setup["codex"]["available"], false, "{setup:#}");
        let detail = setup["codex"]["detail"].as_str().unwrap();
        assert!(detail.contains(dead), "{detail}");
        assert_eq!(setup["sessionRuntime"]["detail"], detail);
        assert!(steps(&setup)[0].contains(ENDPOINT), "{setup:#}");
        let task = world.command(["task", "hello"]).env(ENDPOINT, dead);
        task.run().expect_code(3);
    }
    world.command(["task", "hello"]).run_ok();
    let shared = world.json(["status"])["sessionRuntime"]["endpoint"].clone();
    let setup = world
        .command(["setup", "--json"])
        .env(ENDPOINT, shared.as_str().unwrap())
        .run_ok()
        .json();
    assert_eq!(setup["ready"], true, "{setup:#}");
    assert_eq!(setup["sessionRuntime"]["endpoint"], shared);
}

#[test]
fn an_engine_whose_version_is_no_number_is_used_and_its_version_noted() {
    let (setup, task) = setup_and_task("version nightly");
    assert_eq!((&setup["ready"], task), (&json!(true), Some(0)));
    let detail = setup["codex"]["detail"].as_str().unwrap();
    assert!(
        detail.contains("an unknown version (fake-app-server nightly)"),
        "{detail}"
    );
}

#[test]
fn an_engine_too_old_to_tell_its_login_is_used_unverified() {
    let (setup, task) = setup_and_task("on account/read : fail -32601 Method not found");
    assert_eq!(
        (&setup["ready"], task),
        (&json!(true), Some(0)),
        "{setup:#}"
    );
    assert_eq!(setup["auth"]["verified"], false, "{setup:#}");
    assert!(!steps(&setup).contains(&"Log in: codex login"), "{setup:#}");
}

#[test]
fn the_next_step_fits_what_is_wrong() {
    let again = "Try again: codex-review setup";
    for (script, first) in [
        ("on initialize\n  die", again),
        ("on account/read\n  die", again),
        ("on account/read : fail -32603 busy", again),
        (
            r#"on account/read : reply {"account": null, "requiresOpenaiAuth": true}"#,
            "Log in: codex login",
        ),
    ] {
        let setup = World::new(script).json(["setup"]);
        assert_eq!(setup["ready"], false, "{setup:#}");
        assert_eq!(steps(&setup)[0], first, "{setup:#}");
    }
    let world = World::new("");
    let missing = world.sandbox.path("nothing");
    let setup = world
        .command(["setup", "--json"])
        .env("CODEX_REVIEW_CODEX_BIN", missing)
        .run_ok()
        .json();
    assert!(
        steps(&setup).contains(&"Install the Codex CLI: npm install -g @openai/codex"),
        "{setup:#}"
    );
}
