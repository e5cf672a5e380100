//! The whole chain with the real Codex CLI: our binary, a worker, the broker, `codex app-server`, and a stand-in for the
//! model on loopback. What counts is what the model received and what the report says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::{Answer, ResponsesApi};
use crate::support::{Invocation, Repo, Sandbox};

/// A repository with a change, and everything to review it with Codex.
pub struct Chain {
    codex: &'static RealCodex,
    pub api: ResponsesApi,
    pub repo: Repo,
    // Last, so that its check for processes that were left comes after everything else has ended.
    pub sandbox: Sandbox,
}

impl Chain {
    /// `None` without npm, which says so in one line.
    pub fn start() -> Option<Chain> {
        let codex = RealCodex::find()?;
        let sandbox = Sandbox::new();
        let api = ResponsesApi::start();
        use_api(&sandbox, &api);
        let repo = sandbox.repo("shop");
        repo.write(
            "src/a.rs",
            "fn a() {\n    one();\n    two();\n    three();\n}\n",
        );
        repo.stage(["."]).commit("Start");
        repo.write(
            "src/a.rs",
            "fn a() {\n    one();\n    changed();\n    three();\n}\n",
        );
        Some(Chain {
            codex,
            api,
            repo,
            sandbox,
        })
    }

    pub fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .time_limit(Duration::from_secs(60))
    }

    pub fn json(&self, args: &[&str]) -> Value {
        self.command(args).run_ok().json()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let stopped = self.command(&["broker", "stop", "--force"]).run();
        assert!(
            std::thread::panicking() || stopped.code() == Some(0),
            "the broker did not stop: {stopped:?}"
        );
    }
}

#[test]
fn a_review_sends_our_context_and_reports_what_the_model_found() {
    let Some(chain) = Chain::start() else { return };
    let found = json!({
        "findings": [{
            "title": "[P1] Off by one",
            "body": "Reads past the end.",
            "confidence_score": 0.9,
            "priority": 1,
            "code_location": {
                "absolute_file_path": chain.repo.join("src/a.rs").to_string_lossy(),
                "line_range": {"start": 3, "end": 3},
            },
        }],
        "overall_correctness": "patch is incorrect",
        "overall_explanation": "One bug.",
        "overall_confidence_score": 0.8,
    });
    chain.api.say(&found.to_string());
    let output = chain.command(&["review", "--json"]).run_ok();
    let first = output
        .stderr()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    assert!(
        first.starts_with("[codex] job review-"),
        "the first line names the job: {first:?}"
    );

    let report = output.json();
    assert_eq!(report["review"], "Review");
    assert_eq!(report["outcome"], "findings");
    assert_eq!(report["target"]["mode"], "working-tree");
    assert_eq!(report["engine"]["name"], "codex");
    let finding = &report["result"]["findings"][0];
    assert_eq!(
        (
            &finding["file"],
            &finding["line_start"],
            &finding["severity"]
        ),
        (&json!("src/a.rs"), &json!(3), &json!("high")),
        "{finding}"
    );
    assert!(first.contains(report["jobId"].as_str().unwrap()), "{first}");

    let requests = chain.api.requests();
    let prompt = requests[0].prompt();
    for part in [
        "-    two();",
        "+    changed();",
        "<<<data ",
        "Review one change",
    ] {
        assert!(
            prompt.contains(part),
            "the model did not get {part:?}:\n{prompt}"
        );
    }
}

#[test]
fn an_adversarial_review_sends_the_focus_byte_for_byte_and_a_strict_schema() {
    let Some(chain) = Chain::start() else { return };
    let focus = "it's \\d+ \"quoted\" --base $(touch pwned) `x`; done";
    let report = chain.json(&["adversarial-review", "--json", "--", focus]);
    assert_eq!(report["review"], "Adversarial Review");
    let finding = &report["result"]["findings"][0];
    assert_eq!(
        (&finding["file"], &finding["line_start"]),
        (&json!("src/a.rs"), &json!(3))
    );
    assert_eq!(report["result"]["verdict"], "needs-attention");
    let requests = chain.api.requests();
    assert!(
        requests[0].prompt().contains(focus),
        "{}",
        requests[0].prompt()
    );
    let schema = requests[0].schema().expect("a schema is sent");
    assert!(schema.to_string().contains("line_start"), "{schema}");
    assert!(!chain.repo.join("pwned").exists());
}

#[test]
fn an_answer_that_is_no_review_is_no_pass() {
    let Some(chain) = Chain::start() else { return };
    chain.api.say("I had no time to look.");
    let output = chain
        .command(&["adversarial-review", "--json"])
        .run()
        .expect_code(4);
    let report = output.json();
    assert_eq!(report["outcome"], "not-judged");
    assert_eq!(report["rawOutput"], "I had no time to look.");
    assert!(report["parseError"].is_string(), "{report}");
}

#[test]
fn four_reviews_share_one_server_and_run_side_by_side() {
    let Some(chain) = Chain::start() else { return };
    // The first one starts the broker; it is not what is measured.
    chain.json(&["review", "--json"]);
    // No answer before all four wait for one: reviews in a row would never end.
    chain.api.hold_until_together(4);
    let running: Vec<_> = (0..4)
        .map(|_| chain.command(&["review", "--json"]).spawn())
        .collect();
    for review in running {
        assert_eq!(review.wait().expect_code(0).json()["outcome"], "findings");
    }
    let brokers = chain.json(&["broker", "status", "--json"]);
    assert_eq!(
        brokers["brokers"].as_array().map(Vec::len),
        Some(1),
        "{brokers}"
    );
}

#[test]
fn a_background_review_can_be_watched_cancelled_and_asked_for() {
    let Some(chain) = Chain::start() else { return };
    chain.api.hold();
    let queued = chain.json(&["review", "--background", "--json"]);
    assert_eq!(queued["status"], "queued");
    let id = queued["jobId"].as_str().unwrap().to_owned();
    chain.api.wait_for_requests(1);
    let status = chain.json(&["status", &id, "--json"]);
    assert_eq!(status["job"]["status"], "running", "{status}");
    let cancelled = chain.json(&["cancel", &id, "--json"]);
    assert_eq!(
        (
            &cancelled["status"],
            &cancelled["turnInterruptAttempted"],
            &cancelled["turnInterrupted"]
        ),
        (&json!("cancelled"), &json!(true), &json!(true)),
        "{cancelled}"
    );
    chain.api.release();
    let result = chain.json(&["result", &id, "--json"]);
    assert_eq!(result["storedJob"]["status"], "cancelled");
}

#[test]
fn a_task_goes_on_in_its_thread() {
    let Some(chain) = Chain::start() else { return };
    chain.api.respond(|request| {
        let both = request.prompt().contains("second thing");
        Answer::Text(if both { "Did both." } else { "Did one." }.to_owned())
    });
    let first = chain.json(&["task", "--json", "first thing"]);
    assert_eq!(
        (&first["status"], &first["rawOutput"]),
        (&json!(0), &json!("Did one."))
    );
    let candidate = chain.json(&["task-resume-candidate", "--json"]);
    assert_eq!(candidate["candidate"]["threadId"], first["threadId"]);
    let second = chain.json(&["task", "--json", "--resume-last", "second thing"]);
    assert_eq!(second["rawOutput"], "Did both.");
    assert_eq!(second["threadId"], first["threadId"]);
    let last = chain.api.requests().pop().unwrap();
    assert!(
        last.prompt().contains("first thing"),
        "the thread is the same: {}",
        last.prompt()
    );
}

#[test]
fn an_isolated_review_leaves_no_broker_and_no_process() {
    let Some(chain) = Chain::start() else { return };
    let report = chain.json(&["review", "--isolated", "--json"]);
    assert_eq!(report["outcome"], "findings");
    let brokers = chain.json(&["broker", "status", "--json"]);
    assert_eq!(brokers["brokers"], json!([]));
}

#[test]
fn setup_tells_what_the_app_server_says_of_its_login() {
    let Some(chain) = Chain::start() else { return };
    let setup = chain.json(&["setup", "--json"]);
    assert_eq!(
        (
            &setup["ready"],
            &setup["codex"]["available"],
            &setup["auth"]["loggedIn"]
        ),
        (&json!(true), &json!(true), &json!(true)),
        "{setup}"
    );
    assert_eq!(setup["auth"]["provider"], "mock");
    assert_eq!(setup["auth"]["requiresOpenaiAuth"], false);
}

#[test]
fn a_claude_session_becomes_a_thread_that_a_task_goes_on_with() {
    let Some(chain) = Chain::start() else { return };
    let message = |role: &str, id: &str, parent: Value, text: &str| {
        json!({
            "type": role, "uuid": id, "parentUuid": parent, "sessionId": "s-1",
            "cwd": chain.repo.path().to_string_lossy(), "timestamp": "2026-01-01T00:00:00Z",
            "version": "2.1.0", "userType": "external", "isSidechain": false,
            "message": {"role": role, "content": text},
        })
        .to_string()
    };
    let whole = [
        message("user", "u-1", Value::Null, "how many are there?"),
        message("assistant", "a-1", json!("u-1"), "there are 3"),
    ]
    .join("\n");
    // The session still writes: its last line is cut.
    let growing = format!("{whole}\n{{\"type\":\"assist");
    let transcript = chain
        .sandbox
        .write("home/.claude/projects/-shop/s-1.jsonl", growing);
    let transferred = chain.json(&[
        "transfer",
        "--json",
        "--source",
        &transcript.to_string_lossy(),
    ]);
    let thread = transferred["threadId"].as_str().unwrap();
    assert_eq!(
        transferred["resumeCommand"],
        format!("codex resume {thread}")
    );
    assert_eq!(transferred["sessionId"], "s-1");
    chain.json(&["task", "--json", &format!("--resume={thread}"), "go on"]);
    let prompt = chain.api.requests().pop().unwrap().prompt();
    assert!(
        prompt.contains("there are 3"),
        "the thread knows the session: {prompt}"
    );

    let elsewhere = chain.sandbox.write("home/notes.jsonl", whole);
    let refused = chain
        .command(&["transfer", "--source", &elsewhere.to_string_lossy()])
        .run()
        .expect_code(2);
    refused.assert_stderr_has("is not a transcript of Claude Code");
}

#[test]
fn optimize_tells_evidence_effect_risk_and_measure_in_every_format() {
    let Some(chain) = Chain::start() else { return };
    let found = json!({
        "verdict": "needs-attention", "summary": "It asks twice.", "next_steps": ["Measure."],
        "findings": [{
            "severity": "high", "title": "Two calls where one does", "body": "The result is known.",
            "file": "src/a.rs", "line_start": 3, "line_end": 3, "confidence": 0.9,
            "recommendation": "Keep it.", "evidence": "EVIDENCE of a loop",
            "expected_effect": "HALF of the time", "risk": "STALE values",
            "how_to_measure": "MEASURE with `cargo bench`",
        }],
    });
    chain.api.say(&found.to_string());
    let formats = [
        "text",
        "markdown",
        "sarif",
        "github",
        "gitlab",
        "rdjson",
        "checkstyle",
        "junit",
        "html",
        "jsonl",
    ];
    let outputs = formats.map(|format| {
        let file = chain.sandbox.path(format!("report.{format}"));
        format!("--output={format}={}", file.display())
    });
    let focus = "it's \\d+ \"slow\" --base $(touch pwned) `x`; done";
    let mut args = vec!["optimize", "--json"];
    args.extend(outputs.iter().map(String::as_str));
    args.extend(["--", focus]);
    let report = chain.json(&args);
    assert_eq!(report["review"], "Optimization Review");
    let finding = &report["result"]["findings"][0];
    assert_eq!(
        (
            &finding["file"],
            &finding["line_start"],
            &finding["placement"]
        ),
        (&json!("src/a.rs"), &json!(3), &json!("on-change")),
        "{finding}"
    );
    let words = ["EVIDENCE", "HALF", "STALE", "MEASURE"];
    for word in words {
        assert!(finding["body"].to_string().contains(word), "{finding}");
    }
    for format in formats {
        let file = chain.sandbox.path(format!("report.{format}"));
        let text = std::fs::read_to_string(file).unwrap();
        for word in words {
            assert!(text.contains(word), "{word} is not in {format}: {text}");
        }
    }
    let requests = chain.api.requests();
    let prompt = requests[0].prompt();
    for part in [focus, "+    changed();", "slow, wasteful"] {
        assert!(prompt.contains(part), "{part:?} is not in {prompt}");
    }
    let schema = requests[0].schema().expect("a schema is sent").to_string();
    assert!(schema.contains("how_to_measure"), "{schema}");
    assert!(!chain.repo.join("pwned").exists());

    // A file that no change touches is looked at as it stands.
    chain
        .repo
        .write("src/b.rs", "fn b() {}\n")
        .stage(["src/b.rs"]);
    chain.repo.commit("Another");
    let standing = ["optimize", "--json", "--path", "src/b.rs"];
    let report = chain.json(&standing);
    assert!(
        report["target"]["label"]
            .as_str()
            .unwrap()
            .starts_with("chosen files as they stand"),
        "{report}"
    );
    let prompt = chain.api.requests().pop().unwrap().prompt();
    assert!(
        prompt.contains("+fn b() {}") && !prompt.contains("changed()"),
        "{prompt}"
    );
    let estimate = chain.json(&[
        "estimate",
        "optimize",
        "--json",
        "--arguments",
        "--path src/b.rs quick?",
    ]);
    assert_eq!(
        (&estimate["files"], &estimate["empty"]),
        (&json!(1), &json!(false)),
        "{estimate}"
    );

    chain.repo.write("src/a.rs", "fn a() {}\n");
    chain.api.hold();
    let queued = chain.json(&["optimize", "--background", "--no-cache", "--json"]);
    let id = queued["jobId"].as_str().unwrap().to_owned();
    let status = chain.json(&["status", &id, "--json"]);
    assert_eq!(status["job"]["kindLabel"], "optimize", "{status}");
    assert_eq!(
        chain.json(&["cancel", &id, "--json"])["status"],
        "cancelled"
    );
    chain.api.release();
    chain.json(&["status", &id, "--wait", "--json"]);
    let result = chain.json(&["result", &id, "--json"]);
    assert_eq!(result["storedJob"]["status"], "cancelled");
}

#[test]
fn optimize_refuses_what_it_cannot_do_before_anything_runs() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    repo.write("a.rs", "fn a() {}\n")
        .stage(["."])
        .commit("Start");
    for (args, error) in [
        (
            &["--engine", "builtin"][..],
            "none of them answers `optimize`",
        ),
        (&["--scope", "everything"], "unknown scope `everything`"),
        (&["--base", "nope"], "unknown revision `nope`"),
        (&["--path", "[", "--json"], "invalid path glob `[`"),
        (
            &["--background", "--output", "json=x.json"],
            "`--background` returns before",
        ),
    ] {
        let output = sandbox
            .command(["optimize"])
            .args(args)
            .cwd(repo.path())
            .run();
        let refused = output.expect_code(2);
        refused.assert_stderr_has(error);
        assert_eq!(refused.stdout(), "", "{args:?}");
    }
    let help = sandbox.command(["optimize", "--help"]).run_ok().stdout();
    assert!(
        help.contains("needlessly complex") && help.contains("--path"),
        "{help}"
    );
}
