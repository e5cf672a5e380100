//! Starting, listing, stopping and cleaning.

use std::fs;

use serde_json::json;

use super::world::World;

#[test]
fn a_team_begins_with_the_users_work_and_leaves_it_and_the_repository_alone() {
    let world = World::new("");
    world
        .repo
        .write("src/a.rs", "fn a() { staged(); }\n")
        .stage(["src/a.rs"])
        .write("src/a.rs", "fn a() { unstaged(); }\n")
        .write("new.txt", "untracked\n");
    let before = world.everything();
    let started = world.finished(&["2", "--names", "ada,ben", "it's", "the", "task"]);
    assert_eq!(started["carried"], json!(["new.txt", "src/a.rs"]));
    assert_eq!(started["atOnce"], 4);
    for name in ["ada", "ben"] {
        let worktree = world.worktree(&started, name);
        let read = |path: &str| fs::read_to_string(worktree.join(path)).unwrap();
        assert_eq!(read("src/a.rs"), "fn a() { unstaged(); }\n");
        assert_eq!(read("new.txt"), "untracked\n");
        let branch = format!("refs/heads/codex-team/team/{name}");
        assert_eq!(world.repo.rev(&branch), world.repo.rev("HEAD"));
    }
    // Sandboxed, in the worktree, with the user's words.
    let mut server = world.control.server();
    let calls: Vec<_> = (0..4)
        .map(|_| server.wait_call_of(&["thread/start", "turn/start"]))
        .collect();
    let (threads, turns): (Vec<_>, Vec<_>) = calls
        .into_iter()
        .partition(|call| call["method"] == "thread/start");
    assert_eq!(threads.len(), 2, "{threads:?}");
    for thread in &threads {
        // Its turn may write: a thread that may would mark the repository as trusted.
        assert_eq!(thread["params"]["sandbox"], "read-only");
        assert_eq!(thread["params"]["approvalPolicy"], "never");
        let cwd = thread["params"]["cwd"].as_str().unwrap();
        assert!(cwd.contains("/teams/team/codex-team--"), "{cwd}");
    }
    for turn in &turns {
        let policy = &turn["params"]["sandboxPolicy"];
        assert_eq!(policy["networkAccess"], false, "{turn}");
        let folder = policy["writableRoots"][0].as_str().unwrap();
        assert!(folder.contains("/teams/team/tmp/"), "{folder}");
        assert!(std::path::Path::new(folder).is_dir(), "{folder}");
    }
    // Nothing that the user looks at is another one than before, but for what is listed as the team's.
    let mut after = world.everything();
    after.retain(|name, _| {
        !name.contains("codex-team")
            && name != "for-each-ref"
            && name != "worktree list --porcelain"
    });
    let mut before_alone = before.clone();
    before_alone.remove("for-each-ref");
    before_alone.remove("worktree list --porcelain");
    assert_eq!(after, before_alone);

    let listed = world.json(&["list"]);
    let agent = &listed["teams"][0]["agents"][0];
    assert_eq!(
        (&agent["name"], &agent["status"], &agent["filesChanged"]),
        (&json!("ada"), &json!("completed"), &json!(0)),
        "{listed:#}"
    );
    assert_eq!(listed["teams"][0]["task"], "it's the task");
    world.write(&started, "ada", "src/b.rs", "fn b() {}\nfn c() {}\n");
    let table = world.team(&["list"]).run_ok().stdout();
    let ada = table.lines().find(|line| line.starts_with("ada")).unwrap();
    for word in ["completed", "1", "+2 -0", "codex-team/team/ada"] {
        assert!(ada.contains(word), "{table}");
    }

    // What was not applied is not thrown away in passing.
    let refused = world.team(&["clean"]).run().expect_code(2);
    refused.assert_stderr_has("the work of ada was not applied");
    refused.assert_stderr_has("agent-team apply ada");
    let cleaned = world.json(&["clean", "--force"]);
    assert_eq!(
        cleaned,
        json!({
            "team": "team", "worktrees": ["ada", "ben"], "leftAlone": [],
            "branches": ["codex-team/team/ada", "codex-team/team/ben"],
        })
    );
    world.assert_same(&before, "after clean");
    world.team(&["list"]).run_ok().assert_stdout_has("No team.");
}

#[test]
fn what_cannot_be_is_refused_with_one_error_and_nothing_is_made() {
    let world = World::new("");
    let before = world.everything();
    for (args, said, hint) in [
        (&["start", "0", "x"][..], "1..=12", ""),
        (&["start", "13", "x"], "1..=12", ""),
        (&["start", "two", "x"], "invalid digit", ""),
        (&["start", "2"], "no task was given", "--prompt-file"),
        (
            &["start", "2", "--names", "a,a", "x"],
            "two agents are called `a`",
            "",
        ),
        (
            &["start", "2", "--names", "a", "x"],
            "1 names were given for 2 agents",
            "--names",
        ),
        (
            &["start", "1", "--names", "a/b", "x"],
            "`a/b` cannot be the name of an agent",
            "lower-case",
        ),
        (
            &["start", "1", "--team", "a..b", "x"],
            "`a..b` cannot be the name of a team",
            "lower-case",
        ),
        (
            &["start", "1", "--carry", "--refuse-dirty", "x"],
            "cannot be used with",
            "",
        ),
        (&["diff"], "there is no team", "start N TASK"),
        (&["apply", "ada"], "there is no team", ""),
        (
            &["clean", "--team", "other"],
            "there is no team `other`",
            "",
        ),
        (&["stopp"], "unrecognized subcommand", "stop"),
    ] {
        let refused = world.team(args).run().expect_code(2);
        assert_eq!(refused.stdout(), "", "{args:?}");
        refused.assert_stderr_has(said);
        refused.assert_stderr_has(hint);
    }
    world.assert_same(&before, "after what was refused");

    world.repo.write("dirty.txt", "dirty\n");
    let refused = world.team(&["start", "1", "--refuse-dirty", "x"]).run();
    let refused = refused.expect_code(2);
    refused.assert_stderr_has("there is uncommitted work: `dirty.txt`");
    refused.assert_stderr_has("leave `--refuse-dirty` out");
    fs::remove_file(world.repo.join("dirty.txt")).unwrap();
    world.repo.git(["branch", "codex-team"]);
    let refused = world.team(&["start", "1", "x"]).run().expect_code(2);
    refused.assert_stderr_has("the branch `codex-team` already exists");
    world.repo.git(["branch", "-d", "codex-team"]);
    let without = world.team(&["start", "1", "x"]).env("PATH", "/nonexistent");
    without
        .run()
        .expect_code(2)
        .assert_stderr_has("git is not installed");
    world.assert_same(&before, "after more that was refused");

    let unborn = world.sandbox.repo("unborn");
    let refused = world.team(&["start", "1", "x"]).cwd(unborn.path()).run();
    refused
        .expect_code(2)
        .assert_stderr_has("the branch `main` has no commit yet");

    let started = world.finished(&["1", "--names", "ada", "x"]);
    let refused = world.team(&["start", "1", "x"]).run().expect_code(2);
    refused.assert_stderr_has("there is a team `team` already");
    refused.assert_stderr_has("agent-team clean --team team");
    for verb in ["apply", "diff"] {
        let refused = world.team(&[verb, "adda"]).run().expect_code(2);
        refused.assert_stderr_has("the team `team` has no agent `adda`");
        refused.assert_stderr_has("did you mean `ada`?");
    }
    world.finished(&["1", "--team", "second", "y"]);
    let refused = world.team(&["diff"]).run().expect_code(2);
    refused.assert_stderr_has("there are several teams: second, team");
    let refused = world
        .team(&["diff", "--team", "secnd"])
        .run()
        .expect_code(2);
    refused.assert_stderr_has("did you mean `second`?");
    assert!(world.worktree(&started, "ada").is_dir());
    world.json(&["clean", "--team", "second"]);
    world.json(&["clean"]);
    world.assert_same(&before, "after all");
}

/// The branch and the worktree may have become the user's own.
#[test]
fn clean_takes_nothing_that_is_the_users_by_now() {
    let world = World::new("");
    world.finished(&["4", "--names", "moved,taken,kept,plain", "x"]);
    world
        .repo
        .write("src/a.rs", "fn mine() {}\n")
        .commit("Mine");
    // Moved to another line of history, checked out elsewhere, moved as a whole.
    world.repo.git(["checkout", "--quiet", "--orphan", "other"]);
    let orphan = world.repo.commit("Unrelated");
    world.repo.git(["checkout", "--quiet", "main"]);
    world.repo.git(["branch", "-D", "other"]);
    world
        .repo
        .git(["update-ref", "refs/heads/codex-team/team/moved", &orphan]);
    world
        .repo
        .git(["update-ref", "refs/heads/codex-team/team/taken", "HEAD~"]);
    let place = world.sandbox.path("mine");
    let words = ["worktree", "add", "--quiet", "--force"];
    let add = world.repo.git_command(words).arg(&place);
    add.arg("codex-team/team/taken").run_ok();
    let kept = world.json(&["list"])["teams"][0]["agents"][2]["worktree"].clone();
    let target = world.sandbox.path("kept-by-user");
    let words = ["worktree", "move", kept.as_str().unwrap()];
    world.repo.git_command(words).arg(&target).run_ok();

    let cleaned = world.json(&["clean", "--force"]);
    assert_eq!(
        cleaned["branches"],
        json!(["codex-team/team/plain"]),
        "{cleaned:#}"
    );
    let left: Vec<_> = cleaned["leftAlone"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| {
            (
                left["what"].as_str().unwrap(),
                left["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        left,
        [
            ("codex-team/team/moved", "it was moved to other commits"),
            (
                "codex-team/team/taken",
                "it is checked out in another worktree"
            ),
            (target.to_str().unwrap(), "the worktree was moved there"),
            (
                "codex-team/team/kept",
                "it is checked out in another worktree"
            ),
        ]
    );
    assert_eq!(world.repo.rev("codex-team/team/moved"), orphan);
    assert!(target.join("shared.txt").is_file() && place.join("shared.txt").is_file());
}

#[test]
fn more_agents_than_places_wait_their_turn_and_stop_ends_them_all() {
    let world = World::new("hold answer");
    world.sandbox.write(
        "config/codex-review/config.toml",
        "[broker]\nmax_streams = 2\n",
    );
    let output = world.team(&["start", "4", "hold", "on"]).run_ok();
    output.assert_stdout_has("At most 2 work at once");
    let mut server = world.control.server();
    for _ in 0..2 {
        server.wait_call("turn/start");
    }
    // The two others say so when the broker has told them.
    let waits = |agent: &serde_json::Value| agent["queuePlace"].is_number();
    let listed = world.json(&["list"]);
    let agents = listed["teams"][0]["agents"].as_array().unwrap().clone();
    for agent in &agents {
        let id = agent["jobId"].as_str().unwrap();
        let log = world.command(&["logs", "--follow", id]);
        let log = log.spawn();
        log.stdout_line(|line| line.contains("Turn started") || line.contains("place "));
    }
    let listed = world.json(&["list"]);
    let agents = listed["teams"][0]["agents"].as_array().unwrap().clone();
    assert_eq!(
        agents.iter().filter(|agent| waits(agent)).count(),
        2,
        "{listed:#}"
    );
    let table = world.team(&["list"]).run_ok().stdout();
    assert!(
        table.contains("waiting (place 1)") && table.contains("waiting (place 2)"),
        "{table}"
    );

    let refused = world.team(&["clean"]).run().expect_code(2);
    refused.assert_stderr_has("agents still work: agent-1, agent-2, agent-3, agent-4");
    refused.assert_stderr_has("agent-team stop");
    let refused = world.team(&["apply", "agent-1"]).run().expect_code(2);
    refused.assert_stderr_has("agents still work: agent-1");
    let stopped = world.json(&["stop"]);
    let states: Vec<_> = stopped["stopped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stopped| stopped["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["cancelled"; 4], "{stopped:#}");
    assert_eq!(world.json(&["stop"])["stopped"], json!([]));
    world.json(&["clean"]);
}
