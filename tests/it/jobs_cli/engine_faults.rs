//! Engines that hang, die or talk nonsense: each run ends within its budget, with the reason and the right exit code.

use serde_json::json;

use super::world::World;

struct Case {
    /// What the engine plays.
    script: &'static str,
    exit_code: i32,
    status: &'static str,
    /// What the job's error says.
    reason: &'static str,
}

#[track_caller]
fn check(cases: &[Case]) {
    for case in cases {
        let script = case.script;
        let world = World::new(script);
        let output = world
            .command(["review", "--json"])
            .env("CODEX_REVIEW_LIMITS_RPC_SECONDS", "1")
            .run();
        assert_eq!(output.code(), Some(case.exit_code), "{script}: {output}");
        let report = output.json();
        let judged = case.exit_code == 0;
        assert_eq!(report["outcome"] != "not-judged", judged, "{script}");
        let id = report["jobId"].as_str().unwrap();
        let job = &world.json(["status", id])["job"];
        assert_eq!(job["status"], case.status, "{script}: {job:#}");
        let error = job["errorMessage"].as_str().unwrap_or_default();
        assert!(error.contains(case.reason), "{script}: {error}");
    }
}

#[test]
fn an_engine_that_never_answers_ends_the_run_within_its_budget() {
    let case = |script, exit_code, reason| Case {
        script,
        exit_code,
        status: "failed",
        reason,
    };
    check(&[
        case("on initialize : hang", 3, "initialize"),
        case("on thread/start : hang", 4, "`thread/start`"),
        case("on review/start : hang", 4, "`review/start`"),
        case("on thread/start : stall", 4, "`thread/start`"),
    ]);
}

#[test]
fn an_engine_that_dies_is_named_with_how_it_ended() {
    let case = |script, exit_code, reason| Case {
        script,
        exit_code,
        status: "failed",
        reason,
    };
    check(&[
        case("at-start : exit 7", 3, "exited with status 7"),
        case("on initialize : exit 3", 3, "exited with status 3"),
        case("on thread/start : exit 3", 4, "exited with status 3"),
        case("on review/start : crash", 4, "signal 6"),
        case("on review/start : close", 4, "closed its output"),
        case(
            "on review/start : fail -32603 out of order",
            4,
            "out of order",
        ),
    ]);
}

#[test]
fn what_a_reviewer_said_before_its_engine_died_is_kept_and_is_no_judgement() {
    let said = json!({"threadId": "{{thread}}", "turnId": "t", "item":
        {"type": "agentMessage", "id": "m", "text": r#"{"verdict":"approve","summary":"","findings":[]}"#}});
    let world = World::new(&format!(
        "on turn/start\n  reply {{\"turn\":{{\"id\":\"t\"}}}}\n  notify item/completed {said}\n  exit 9"
    ));
    let document = world
        .command(["adversarial-review", "--json"])
        .run()
        .expect_code(4)
        .json();
    assert_eq!(document["outcome"], "not-judged", "{document:#}");
    assert!(document["threadId"].is_string(), "{document:#}");
    assert!(document["rawOutput"].to_string().contains("approve"));
    assert!(
        document["notes"]
            .to_string()
            .contains("before it broke off")
    );
}

#[test]
fn noise_from_an_engine_is_passed_over() {
    let case = |script| Case {
        script,
        exit_code: 0,
        status: "completed",
        reason: "",
    };
    check(&[
        case("at-start : garbage"),
        case("on review/start\n  garbage\n  huge 70000\n  flood 2000\n  default"),
        case("on thread/start\n  stderr some warning\n  default"),
    ]);
}
