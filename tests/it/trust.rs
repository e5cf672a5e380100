//! Trust in what a repository configures, through the binary.

use std::fs;

use crate::support::{CommandOutput, Repo, Sandbox};

const STRATEGY: &str = r#"
name = "ours"
description = "What a program of the repository says."
rank = 1
[budget]
bytes = 20000
[[section]]
collector = "exec"
title = "From a program"
options = { command = ["./run"] }
"#;

struct Place {
    sandbox: Sandbox,
    repo: Repo,
}

/// A repository that wants the builtin engine, a gate that lets through, and a program of its own.
fn place() -> Place {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    repo.write(
        ".codex-review.toml",
        "engine = \"builtin\"\neffort = \"low\"\ncodex_bin = \"./evil\"\n[gate]\nfail_closed = false\n",
    );
    repo.write(".codex-review/strategies/ours/strategy.toml", STRATEGY);
    repo.write(
        ".codex-review/strategies/ours/run",
        "#!/bin/sh\ntouch started\necho '{\"version\":1,\"items\":[{\"text\":\"ours\"}]}'\n",
    );
    repo.mode(".codex-review/strategies/ours/run", 0o755);
    repo.write("a.rs", "fn a() {}\n");
    repo.commit("begin");
    repo.write("a.rs", "fn a() { 1 }\n");
    Place { sandbox, repo }
}

impl Place {
    fn run(&self, args: &[&str]) -> CommandOutput {
        self.sandbox.command(args).cwd(self.repo.path()).run()
    }

    fn state(&self) -> String {
        let shown = self
            .run(&["trust", "--status", "--json"])
            .expect_code(0)
            .json();
        shown["state"].as_str().unwrap().to_owned()
    }

    fn setting(&self, name: &str) -> String {
        self.run(&["config", "get", name])
            .expect_code(0)
            .stdout()
            .trim()
            .to_owned()
    }

    fn strategy_taken(&self) -> String {
        let context = self.run(&["context", "--json"]).expect_code(0).json();
        context["strategy"].as_str().unwrap().to_owned()
    }

    fn started(&self) -> bool {
        self.repo.join("started").exists()
    }
}

#[test]
fn a_repository_starts_and_weakens_nothing_until_it_is_trusted() {
    let place = place();
    assert_eq!(place.state(), "untrusted");
    assert_eq!(place.setting("engine"), "codex");
    assert_eq!(place.setting("gate.fail_closed"), "true");
    assert_eq!(place.setting("effort"), "low");
    assert_eq!(place.strategy_taken(), "inline");
    place.run(&["strategies", "check", "ours"]).expect_code(0);
    let named = place.run(&["context", "--strategy", "ours"]).expect_code(2);
    named.assert_stderr_has("there is no strategy `ours`");
    assert!(!place.started());

    let trusted = place.run(&["trust"]).expect_code(0);
    trusted.assert_stdout_has("settings    engine, gate.fail_closed\n");
    trusted.assert_stdout_has("strategy    ours, which starts ./run\n");
    assert_eq!(place.state(), "trusted");
    assert_eq!(place.setting("engine"), "builtin");
    assert_eq!(place.setting("gate.fail_closed"), "false");
    assert_eq!(place.setting("codex_bin"), "", "no trust goes so far");
    assert_eq!(place.strategy_taken(), "ours");
    assert!(place.started());
}

#[test]
fn a_change_to_what_is_trusted_voids_the_trust_and_says_so() {
    let place = place();
    place.run(&["trust"]).expect_code(0);
    let program = place.repo.join(".codex-review/strategies/ours/run");
    let before = fs::read(&program).unwrap();
    place.repo.write(
        ".codex-review/strategies/ours/run",
        "#!/bin/sh\ntouch pwned\n",
    );
    assert_eq!(place.state(), "changed");
    let context = place.run(&["context"]).expect_code(0);
    context.assert_stderr_has("has changed since you trusted it, so your trust is void");
    assert!(!place.repo.join("pwned").exists());
    assert_eq!(place.setting("engine"), "codex");
    place
        .repo
        .write(".codex-review/strategies/ours/run", before);
    assert_eq!(place.state(), "trusted", "trust belongs to the content");
}

#[test]
fn trust_is_taken_back_and_belongs_to_one_repository_and_its_worktrees() {
    let place = place();
    place.run(&["trust"]).expect_code(0);
    place.repo.git(["checkout", "--quiet", "--", "a.rs"]);
    let other = place.repo.clone_to(&place.sandbox, "clone", &[]);
    let linked = place.repo.worktree(&place.sandbox, "linked", "side");
    let state_in = |repo: &Repo| {
        let args = ["trust", "--status", "--json"];
        let output = place.sandbox.command(args).cwd(repo.path()).run();
        output.expect_code(0).json()["state"].clone()
    };
    assert_eq!(state_in(&other), "untrusted");
    assert_eq!(state_in(&linked), "trusted");
    let status = place.repo.git(["status", "--porcelain", "--ignored"]);
    assert_eq!(status, "", "nothing is recorded in the repository");

    let revoked = place.run(&["trust", "--revoke"]).expect_code(0);
    revoked.assert_stdout_has("This repository is not trusted.\n");
    assert_eq!(place.setting("engine"), "codex");
    let again = place.run(&["trust", "--revoke"]).expect_code(0);
    again.assert_stderr_has("this repository was not trusted");
}

#[test]
fn links_are_refused_and_nothing_needs_no_trust() {
    let place = place();
    place.repo.symlink(".codex-review/link", "../a.rs");
    let refused = place.run(&["trust"]).expect_code(2);
    refused.assert_stderr_has("is a symbolic link, so what it leads to could change unseen");
    assert_eq!(place.strategy_taken(), "inline");

    let empty = place.sandbox.repo("empty");
    let refused = place.sandbox.command(["trust"]).cwd(empty.path()).run();
    refused
        .expect_code(2)
        .assert_stderr_has("there is nothing to trust");
}
