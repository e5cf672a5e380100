//! A push that the real Codex CLI reviews, with a stand-in for the model.

use serde_json::{Value, json};

use super::Pushing;
use crate::support::Invocation;
use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::ResponsesApi;

/// A repository whose pushes Codex reviews.
struct Codex {
    codex: &'static RealCodex,
    api: ResponsesApi,
    pushing: Pushing,
}

impl Codex {
    fn start() -> Option<Codex> {
        let codex = RealCodex::find()?;
        let pushing = Pushing::new();
        let api = ResponsesApi::start();
        use_api(&pushing.sandbox, &api);
        Some(Codex {
            codex,
            api,
            pushing,
        })
    }

    fn with_codex(&self, invocation: Invocation) -> Invocation {
        invocation
            .env("CODEX_REVIEW_PRE_PUSH_ENGINE", "codex")
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
    }

    fn push(&self, args: &[&str]) -> Invocation {
        self.with_codex(self.pushing.push(args))
    }
}

impl Drop for Codex {
    fn drop(&mut self) {
        let stopped = self
            .with_codex(self.pushing.command(["broker", "stop", "--force"]))
            .run();
        assert!(
            std::thread::panicking() || stopped.code() == Some(0),
            "the broker did not stop: {stopped:?}"
        );
    }
}

fn review(findings: &Value, correct: &str) -> String {
    json!({
        "findings": findings,
        "overall_correctness": correct,
        "overall_explanation": "Looked at it.",
        "overall_confidence_score": 0.8,
    })
    .to_string()
}

#[test]
fn codex_holds_one_push_of_several_refs_and_lets_the_next_one_go() {
    let Some(codex) = Codex::start() else { return };
    let repo = &codex.pushing.repo;
    repo.branch("topic");
    repo.write("src/a.rs", "fn a() {\n    one();\n    two();\n}\n")
        .commit("Topic");
    repo.git(["tag", "-m", "Release", "v1"]);
    let finding = json!([{
        "title": "[P1] Off by one", "body": "Reads past the end.", "confidence_score": 0.9, "priority": 1,
        "code_location": {
            "absolute_file_path": repo.join("src/a.rs").to_string_lossy(),
            "line_range": {"start": 3, "end": 3},
        },
    }]);
    codex.api.say(&review(&finding, "patch is incorrect"));
    let held = codex.push(&["origin", "topic", "v1"]).run().expect_code(1);
    held.assert_stderr_has("reviewing refs/heads/topic: 1 file,");
    held.assert_stderr_has("src/a.rs:3");
    held.assert_stderr_has("push blocked by refs/heads/topic, refs/tags/v1");
    assert_eq!(codex.pushing.at_remote("refs/heads/topic"), None);
    // Both refs are one question.
    let requests = codex.api.requests();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].prompt().contains("+    two();"),
        "{}",
        requests[0].prompt()
    );

    let mended = repo
        .write("src/a.rs", "fn a() {\n    one();\n}\n")
        .commit("Mended");
    codex.api.say(&review(&json!([]), "patch is correct"));
    let passed = codex.push(&["origin", "topic"]).run_ok();
    passed.assert_stderr_has("refs/heads/topic: passed: no findings");
    assert_eq!(codex.pushing.at_remote("refs/heads/topic"), Some(mended));
}

#[test]
fn a_model_that_does_not_answer_in_time_holds_nothing_for_longer_than_the_limit() {
    let Some(codex) = Codex::start() else { return };
    let repo = &codex.pushing.repo;
    repo.write("b.txt", "fine\n").commit("More");
    codex.api.hold();
    let push = |policy: &str| {
        codex
            .push(&["--dry-run", "origin", "main"])
            .env("CODEX_REVIEW_PRE_PUSH_TIMEOUT_SECONDS", "5")
            .env("CODEX_REVIEW_PRE_PUSH_UNJUDGED", policy)
            .run()
    };
    let passed = push("pass").expect_code(0);
    passed.assert_stderr_has("refs/heads/main: not judged:");
    passed.assert_stderr_has("it goes on");
    push("block")
        .expect_code(1)
        .assert_stderr_has("push blocked by refs/heads/main");
    let status = codex
        .pushing
        .command(["status", "--all", "--json"])
        .run_ok()
        .json();
    assert_eq!(status["running"], json!([]), "no job goes on: {status}");
    codex.api.release();
}
