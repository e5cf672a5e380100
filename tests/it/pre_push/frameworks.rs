//! Under pre-commit, lefthook and husky: the lines that `hook install` prints, put where it says, do what they are for.

use std::path::Path;

use super::{CONFLICT, Pushing, ours};
use crate::support::hook_frameworks;
use crate::support::{Invocation, package_root};

/// What `hook install` prints between its first and its last sentence.
#[track_caller]
fn printed_lines(pushing: &Pushing, name: &str) -> String {
    let output = pushing.command(["hook", "install"]).run().expect_code(2);
    output.assert_stdout_has(&format!("{name} is in charge of hooks here"));
    let text = output.stdout();
    let (_, lines) = text.split_once(":\n\n").expect("lines follow");
    let lines = lines
        .split_once("\nand run:")
        .map_or(lines, |(lines, _)| lines);
    lines.to_owned()
}

/// A push that is held, and one that goes, through whatever is installed now.
#[track_caller]
fn check_pushes(pushing: &Pushing, prepare: impl Fn(Invocation) -> Invocation) {
    let repo = &pushing.repo;
    let clean = repo.commit("Clean");
    let passed = prepare(pushing.push(&["origin", "main"])).run_ok();
    assert!(
        format!("{}{}", passed.stdout(), passed.stderr()).contains("refs/heads/main: passed"),
        "{passed}"
    );
    assert_eq!(pushing.at_remote("refs/heads/main"), Some(clean.clone()));
    repo.write("bad.txt", CONFLICT).commit("Bad");
    let held = prepare(pushing.push(&["origin", "main"]))
        .run()
        .expect_code(1);
    let said = format!("{}{}", held.stdout(), held.stderr());
    assert!(said.contains("bad.txt:1"), "{held}");
    assert!(said.contains("push blocked by refs/heads/main"), "{held}");
    assert_eq!(pushing.at_remote("refs/heads/main"), Some(clean));
    let status = pushing.status();
    assert_eq!(status["pushes"][0]["verdict"], "held", "{status}");
}

fn bin(program: &Path) -> &Path {
    program.parent().expect("a program is in a folder")
}

#[test]
fn pre_commit_runs_the_lines_that_are_printed() {
    let Some(program) = hook_frameworks::pre_commit() else {
        return;
    };
    let pushing = Pushing::without_hook();
    pushing.repo.write(".pre-commit-config.yaml", "repos:\n");
    let lines = printed_lines(&pushing, "pre-commit");
    pushing
        .repo
        .write(".pre-commit-config.yaml", format!("repos:\n{lines}"));
    ours(pushing.sandbox.program(program))
        .cwd(pushing.repo.path())
        .args(["install", "--hook-type", "pre-push"])
        .run_ok();
    pushing
        .command(["hook", "install"])
        .run_ok()
        .assert_stdout_has("calls codex-review already");
    check_pushes(&pushing, |push| push);
    // Where everything is new it names no commits.
    pushing
        .repo
        .git(["checkout", "--quiet", "--orphan", "fresh"]);
    pushing.repo.commit("A root of its own");
    let orphan = pushing.push(&["origin", "fresh"]).run().expect_code(1);
    assert!(
        format!("{}{}", orphan.stdout(), orphan.stderr()).contains("bad.txt:1"),
        "{orphan}"
    );
}

#[test]
fn pre_commit_takes_our_hooks_from_the_repository_that_ships_them() {
    let Some(program) = hook_frameworks::pre_commit() else {
        return;
    };
    let pushing = Pushing::without_hook();
    let shipped = pushing.sandbox.repo("shipped");
    let manifest = std::fs::read(package_root().join(".pre-commit-hooks.yaml")).unwrap();
    let revision = shipped
        .write(".pre-commit-hooks.yaml", manifest)
        .commit("Hooks");
    let config = format!(
        "repos:\n  - repo: {}\n    rev: {revision}\n    hooks:\n      - id: codex-review-push\n      - id: codex-review-staged\n",
        shipped.path().display()
    );
    pushing.repo.write(".pre-commit-config.yaml", config);
    let pre_commit = |args: &[&str]| {
        ours(pushing.sandbox.program(program))
            .cwd(pushing.repo.path())
            .args(args)
    };
    pre_commit(&["validate-manifest"])
        .cwd(shipped.path())
        .arg(".pre-commit-hooks.yaml")
        .run_ok();
    pre_commit(&["install", "--hook-type", "pre-push"]).run_ok();
    check_pushes(&pushing, |push| push);
    pushing.repo.write("staged.txt", CONFLICT).stage(["."]);
    let staged = pre_commit(&["run", "codex-review-staged", "--hook-stage", "pre-commit"])
        .run()
        .expect_code(1);
    staged.assert_stdout_has("staged.txt");
}

#[test]
fn lefthook_runs_the_lines_that_are_printed() {
    let Some(program) = hook_frameworks::lefthook() else {
        return;
    };
    let pushing = Pushing::without_hook();
    pushing.repo.write("lefthook.yml", "# hooks\n");
    let lines = printed_lines(&pushing, "lefthook");
    pushing.repo.write("lefthook.yml", &lines);
    pushing
        .sandbox
        .program(program)
        .cwd(pushing.repo.path())
        .arg("install")
        .run_ok();
    check_pushes(&pushing, |push| push.path_prepend(bin(program)));
}

#[test]
fn husky_runs_the_line_that_is_printed() {
    let Some(program) = hook_frameworks::husky() else {
        return;
    };
    let pushing = Pushing::without_hook();
    pushing
        .sandbox
        .program(program)
        .cwd(pushing.repo.path())
        .run_ok();
    let line = printed_lines(&pushing, "husky");
    pushing.repo.write(".husky/pre-push", &line);
    check_pushes(&pushing, |push| push);
}
