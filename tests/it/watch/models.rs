//! A watch with the real Codex CLI and a stand-in for its model.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::Sandbox;
use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::ResponsesApi;

#[test]
fn codex_reviews_only_what_is_new_and_the_limits_hold_for_what_it_costs() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, model) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &model);
    let repo = sandbox.repo("shop");
    repo.write("src/a.rs", "fn a() {\n    one();\n    two();\n}\n");
    repo.write("src/b.rs", "fn b() {\n    one();\n    two();\n}\n");
    repo.stage(["."]).commit("Start");
    let command = |args: &[&str]| {
        sandbox
            .command(args)
            .cwd(repo.path())
            .env("CODEX_REVIEW_CODEX_BIN", codex.launcher())
            .time_limit(Duration::from_secs(90))
    };
    let watch = command(&[
        "watch",
        "--follow",
        "--quiet-for",
        "1s",
        "--max-per-hour",
        "2",
    ])
    .spawn();
    watch.stderr_line(|line| line.contains("watching"));
    repo.write("src/a.rs", "fn a() {\n    one();\n    changed();\n}\n");
    watch.stderr_line(|line| line.contains("New: high src/a.rs:3 Off by one"));
    let status = command(&["watch", "status", "--json"]).run_ok().json();
    assert!(status["tokens"].as_u64().unwrap() > 0, "{status}");
    assert_eq!(status["tokens"], status["tokensLastDay"], "{status}");

    repo.write("src/b.rs", "fn b() {\n    one();\n    another();\n}\n");
    watch.stderr_line(|line| line.contains("1 finding open (0 new)"));
    let requests = model.requests();
    let asked: Vec<String> = requests.iter().map(|request| request.prompt()).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].contains("+    changed();"), "{}", asked[0]);
    assert!(asked[1].contains("+    another();"), "{}", asked[1]);
    assert!(!asked[1].contains("+    changed();"), "{}", asked[1]);

    repo.write("src/c.rs", "fn c() {}\n");
    watch.stderr_line(|line| line.contains("2 reviews in an hour are the limit"));
    let status = command(&["watch", "status", "--json"]).run_ok().json();
    assert_eq!(status["doing"], json!("pausing"), "{status}");
    assert_eq!(status["reviews"], 2, "{status}");
    watch.signal(Signal::INT);
    watch.wait().expect_code(0);
    assert_eq!(model.requests().len(), 2);
    // An engine that was used stays for a while, with or without a watch.
    command(&["broker", "stop"]).run_ok();
    sandbox.assert_no_process_left();
}
