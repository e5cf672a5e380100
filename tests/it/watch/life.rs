//! The program's own watch, with the built-in engine: from the first edit to the end, however it comes.

use std::path::Path;

use codex_review::jobs::{
    Clock, JobStore, ProcessIdentity, StateRoot, StoreOptions, begin_session,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{CommandOutput, Invocation, Repo, Running, Sandbox};

/// What the built-in engine objects to.
const CONFLICT: &str = "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n";

struct World {
    repo: Repo,
    // Last: its check for processes that were left comes after everything else has ended.
    sandbox: Sandbox,
}

impl World {
    fn new() -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("a.rs", "fn a() {}\n")
            .write(".gitignore", "/target/\n")
            .write("target/old", "x");
        repo.commit("Start");
        World { repo, sandbox }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_ENGINE", "builtin")
    }

    /// A watch that tells what it does, once it is at work.
    #[track_caller]
    fn watch(&self, args: &[&str]) -> Running {
        let watch = self
            .command(&["watch", "--follow", "--quiet-for", "1s"])
            .args(args)
            .spawn();
        watch.stderr_line(|line| line.contains("watching"));
        watch
    }

    fn status(&self) -> Value {
        self.command(&["watch", "status", "--json"]).run_ok().json()
    }

    fn job(&self, id: &str) -> Value {
        let waited = self.command(&["status", id, "--wait", "--json"]).run_ok();
        waited.json()["job"].clone()
    }
}

#[track_caller]
fn end(watch: Running) -> CommandOutput {
    watch.signal(Signal::INT);
    watch.wait().expect_code(0)
}

#[test]
fn an_edit_is_reviewed_once_and_noise_is_not_reviewed_at_all() {
    let world = World::new();
    let watch = world.watch(&[]);
    world.repo.write("a.rs", CONFLICT);
    watch.stderr_line(|line| line.contains("New: critical a.rs:1 Unresolved merge conflict"));
    let status = world.status();
    assert_eq!(
        (&status["watching"], &status["reviews"], &status["verdict"]),
        (&json!(true), &json!(1), &json!("needs-attention")),
        "{status}"
    );
    assert_eq!(status["openFindings"][0]["file"], "a.rs", "{status}");
    assert_eq!(status["eyes"], "events", "{status}");
    let page = world.command(&["status"]).run_ok().stdout();
    assert!(page.contains("- critical a.rs:1 Unresolved"), "{page}");
    assert!(page.contains("1 review,"), "{page}");
    let overview = world.command(&["status", "--json"]).run_ok().json();
    assert_eq!(overview["watch"]["reviews"], 1, "{overview}");
    let review = world
        .command(&["result", status["lastReview"].as_str().unwrap(), "--json"])
        .run_ok()
        .json();
    assert_eq!(review["job"]["kind"], "watch-review", "{review}");

    // Vim at work: its probe, its swap file, its backup, and the file in a new inode; and a build.
    world.repo.write("4913", "");
    world.repo.delete("4913");
    world.repo.write(".a.rs.swp", "b0VIM");
    world.repo.rename("a.rs", "a.rs~");
    world.repo.write("a.rs", CONFLICT);
    world.repo.write("target/new", CONFLICT);
    watch.stderr_line(|line| line.contains("Not reviewed: the tree is as it was"));

    // What is fixed is closed, and what is new in another folder is found.
    world.repo.write("a.rs", "fn a() { b() }\n");
    world.repo.write("deep/new/b.rs", CONFLICT);
    watch.stderr_line(|line| line.contains("New: critical deep/new/b.rs:1"));
    let status = world.status();
    assert_eq!(status["reviews"], 2, "{status}");
    let open = status["openFindings"].as_array().unwrap();
    assert_eq!(open.len(), 1, "{status}");

    let second = world.command(&["watch"]).run().expect_code(2);
    let id = status["job"].as_str().unwrap();
    second.assert_stderr_has("is watched already");
    second.assert_stderr_has(id);

    // A commit of what was seen asks nobody.
    world.repo.commit("As it was reviewed");
    watch.stderr_line(|line| line.contains("Not reviewed: nothing is new"));
    assert_eq!(world.status()["reviews"], 2);

    let output = end(watch);
    assert!(output.stdout().starts_with("Was watching"), "{output}");
    assert_eq!(world.job(id)["status"], "cancelled");
    let result = world.command(&["result", id]).run_ok().stdout();
    assert!(result.contains("deep/new/b.rs:1"), "{result}");
    assert_eq!(world.status()["watching"], false);
}

#[test]
fn a_commit_of_one_thing_leaves_what_was_said_of_another_that_is_not_committed() {
    let world = World::new();
    let repo = &world.repo;
    let watch = world.watch(&[]);
    repo.write("a.rs", CONFLICT);
    watch.stderr_line(|line| line.contains("New: critical a.rs:1"));
    // Committed by itself before it was looked at.
    repo.write("b.rs", CONFLICT);
    repo.stage(["b.rs"]);
    repo.commit_staged("b alone");
    watch.stderr_line(|line| line.contains("New: critical b.rs:1"));
    watch.stderr_line(|line| line.contains("Not reviewed: nothing is new"));
    let status = world.status();
    let open = status["openFindings"].as_array().unwrap();
    assert_eq!((open.len(), &status["reviews"]), (2, &json!(2)), "{status}");
    // Each is closed by its own mending, wherever it stands.
    repo.write("a.rs", "fn a() {}\n");
    watch.stderr_line(|line| line.contains("Open now: 1 finding."));
    end(watch);
}

#[test]
fn on_commit_and_by_polling_it_waits_for_a_rebase_and_leaves_other_branches_alone() {
    let world = World::new();
    let repo = &world.repo;
    repo.branch("other");
    repo.write("b.rs", "fn b() {}\n");
    repo.commit("Other");
    repo.switch("main");
    let watch = world.watch(&["--on-commit", "--poll"]);
    repo.write("a.rs", "fn a() { 1 }\n");
    repo.commit("Mine");
    watch.stderr_line(|line| line.contains("Reviewed: approve"));

    std::fs::create_dir(repo.join(".git/rebase-merge")).unwrap();
    repo.write("a.rs", CONFLICT);
    repo.commit("In the middle of something");
    watch.stderr_line(|line| line.contains("a rebase is in progress"));
    std::fs::remove_dir(repo.join(".git/rebase-merge")).unwrap();
    watch.stderr_line(|line| line.contains("New: critical a.rs:1"));

    repo.switch("other");
    watch.stderr_line(|line| line.contains("switched to branch `other`"));
    let status = world.status();
    assert_eq!(
        (&status["eyes"], &status["trigger"], &status["reviews"]),
        (&json!("polling"), &json!("on-commit"), &json!(2)),
        "{status}"
    );
    let stopped = world.command(&["watch", "stop"]).run_ok();
    assert!(stopped.stdout().contains("has ended"), "{stopped}");
    watch.wait().expect_code(0);
}

#[test]
fn what_is_no_watch_is_refused_with_a_hint() {
    let world = World::new();
    let refuse = |args: &[&str], said: &str| {
        let output = world.command(args).run().expect_code(2);
        output.assert_stderr_has(said);
    };
    refuse(&["watch", "--quiet-for", "x"], "not `x`");
    refuse(&["watch", "--quiet-for", "2h"], "from 1 to 3600");
    refuse(&["watch", "--budget", "lots"], "not `lots`");
    refuse(&["watch", "--max-per-hour", "501"], "from 0 to 500");
    refuse(&["watch", "--path", "a["], "invalid path glob");
    refuse(&["watch", "--engine", "other"], "unknown engine");
    refuse(
        &["watch", "--on-commit", "--every-change"],
        "cannot be used",
    );
    refuse(&["watch", "stop"], "is not watched");
    let bare = world.repo.bare_remote(&world.sandbox, "bare.git");
    for folder in [world.sandbox.root(), Path::new(&bare)] {
        let output = world.command(&["watch"]).cwd(folder).run().expect_code(2);
        let said = output.stderr();
        assert!(
            said.contains("not in a git repository") || said.contains("no working tree to watch"),
            "{output}"
        );
    }
    let status = world.command(&["watch", "status"]).run_ok().stdout();
    assert!(status.contains("is not watched"), "{status}");
}

#[test]
fn a_watch_that_is_killed_shows_as_failed_and_another_one_begins() {
    let world = World::new();
    let start = ["watch", "--json", "--quiet-for", "1h"];
    let job = world.command(&start).run_ok().json();
    let id = job["jobId"].as_str().unwrap();
    let log = world.command(&["logs", "-f", id]).spawn();
    log.stdout_line(|line| line.contains("Phase: watching"));
    let pid = world.command(&["status", id, "--json"]).run_ok().json();
    let pid = i32::try_from(pid["job"]["pid"].as_u64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    log.wait().expect_code(0);
    assert_eq!(world.job(id)["status"], "failed");
    assert_eq!(world.status()["watching"], false);
    let again = world.command(&start).run_ok().json();
    assert_ne!(again["jobId"], id);
    let cancelled = world
        .command(&["cancel", again["jobId"].as_str().unwrap(), "--json"])
        .run_ok();
    assert_eq!(cancelled.json()["status"], "cancelled", "{cancelled}");
}

#[test]
fn each_worktree_has_its_own_watch_which_ends_with_it() {
    let world = World::new();
    let tree = world.repo.worktree(&world.sandbox, "linked", "feature");
    let start = ["watch", "--json", "--quiet-for", "1s"];
    let here = world.command(&start).run_ok().json();
    let there = world.command(&start).cwd(tree.path()).run_ok().json();
    let id = there["jobId"].as_str().unwrap();
    let log = world.command(&["logs", "-f", id]).spawn();
    tree.write("c.rs", CONFLICT);
    log.stdout_line(|line| line.contains("New: critical c.rs:1"));
    std::fs::remove_dir_all(tree.path()).unwrap();
    log.wait().expect_code(0);
    let job = world.job(id);
    assert_eq!(job["status"], "completed", "{job}");
    let summary = job["summary"].as_str().unwrap();
    assert!(summary.contains("its working tree is gone"), "{job}");
    let status = world.status();
    assert_eq!(status["job"], here["jobId"], "{status}");
    world.command(&["watch", "stop"]).run_ok();
}

#[test]
fn a_session_is_told_of_each_finding_once_where_its_user_wants_that_and_ends_its_watch() {
    let world = World::new();
    let hook = |verb: &str| {
        let input = json!({
            "session_id": "s-1", "hook_event_name": verb, "reason": "other",
            "cwd": world.repo.path(), "prompt": "go on",
        });
        let hook = world.command(&["hook", verb]).stdin(input.to_string());
        hook.run_ok().stdout()
    };
    let started = world
        .command(&["watch", "--json", "--quiet-for", "1s"])
        .env("CLAUDE_CODE_SESSION_ID", "s-1")
        .run_ok()
        .json();
    let id = started["jobId"].as_str().unwrap();
    let log = world.command(&["logs", "-f", id]).spawn();
    world.repo.write("a.rs", CONFLICT);
    log.stdout_line(|line| line.contains("New: critical a.rs:1"));
    assert_eq!(hook("prompt-submit"), "", "off unless it was switched on");
    world.sandbox.write(
        "config/codex-review/config.toml",
        "[watch]\ntell_session = true\n",
    );
    let told: Value = serde_json::from_str(&hook("prompt-submit")).unwrap();
    let output = &told["hookSpecificOutput"];
    assert_eq!(output["hookEventName"], "UserPromptSubmit", "{told}");
    let text = output["additionalContext"].as_str().unwrap();
    assert!(text.contains("- critical a.rs:1 Unresolved"), "{told}");
    assert_eq!(hook("prompt-submit"), "", "each finding is told once");
    assert_eq!(hook("session-end"), "");
    log.wait().expect_code(0);
    assert_eq!(world.job(id)["status"], "cancelled");
}

#[test]
fn a_watch_ends_with_a_client_that_died_without_a_word() {
    let world = World::new();
    let root = StateRoot::at(world.sandbox.state_dir());
    let options = StoreOptions::new(Clock::system());
    let store = JobStore::open(&root, world.repo.path(), options).unwrap();
    // A pid that is ours, and a start that is not: the client's process is gone, and its pid has gone to another one.
    let gone = ProcessIdentity {
        pid: std::process::id(),
        start: Some("another".to_owned()),
    };
    begin_session(&store, "s-2", Some(gone)).unwrap();
    let started = world
        .command(&["watch", "--json", "--quiet-for", "1h"])
        .env("CLAUDE_CODE_SESSION_ID", "s-2")
        .run_ok()
        .json();
    let job = world.job(started["jobId"].as_str().unwrap());
    let summary = job["summary"].as_str().unwrap();
    assert!(
        summary.contains("the Claude session that began it is over"),
        "{job}"
    );
}
