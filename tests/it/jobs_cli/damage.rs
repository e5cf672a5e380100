//! Damage to the index between one command and the next, and what an older tool or a dead broker left in the folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::world::{World, is_reviewing};

#[test]
fn a_damaged_index_hides_no_job_and_no_result() {
    let world = World::new("hold answer");
    let finished = world.background(["review", "--engine", "builtin"]);
    world.ended(&finished);
    let running = world.background(["review"]);
    let mut server = world.control.server();
    world.follow_until(&running, is_reviewing);
    let index = world.store().folder().join("state.json");
    let whole = std::fs::read(&index).unwrap();
    for (name, damage) in [
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("emptied", Vec::new()),
        ("garbage", b"\xff\x00 not json".to_vec()),
    ] {
        std::fs::write(&index, damage).unwrap();
        let overview = world.json(["status"]);
        assert_eq!(overview["running"][0]["id"], running.as_str(), "{name}");
        assert_eq!(overview["recent"][0]["id"], finished.as_str(), "{name}");
        let warning = overview["warnings"][0].as_str().unwrap();
        assert!(warning.contains("state.json"), "{name}: {warning}");
        std::fs::write(&index, b"").unwrap();
        // A verb that is asked for one job says it on stderr, and its stdout stays one document.
        let one = world
            .command(["result", finished.as_str(), "--json"])
            .run_ok();
        assert_eq!(one.json()["job"]["status"], "completed", "{name}");
        assert_eq!(world.json(["status"]).get("warnings"), None, "mended");
    }
    std::fs::write(&index, b"{").unwrap();
    server.go("answer");
    // The worker writes its end over the damage.
    assert_eq!(world.ended(&running)["status"], "completed");
    let next = world.background(["review", "--engine", "builtin"]);
    assert_eq!(world.ended(&next)["status"], "completed");
    assert_eq!(
        world.json(["status"])["recent"].as_array().unwrap().len(),
        3
    );
}

/// Whoever reads a damaged index mends it. What such a command did not say was never said.
#[test]
fn whoever_mends_the_index_says_so() {
    let world = World::new("");
    world
        .command(["setup", "--disable-review-gate", "--json"])
        .run_ok();
    let index = world.store().folder().join("state.json");
    let stop = json!({ "session_id": "s", "cwd": world.repo.path(), "hook_event_name": "Stop" });
    for (args, code) in [
        (&["hook", "stop"][..], 0),
        (&["hook", "session-start"], 0),
        (&["gate", "status"], 0),
        (&["cancel"], 2),
        (&["result"], 2),
        (&["logs", "task-no"], 2),
        (&["status", "--json"], 0),
    ] {
        // Settings are whole: the gate stays off, and the hook has nothing else to do.
        std::fs::write(&index, b"{").unwrap();
        let command = world.command(args.iter().copied());
        let output = command.stdin(stop.to_string()).run().expect_code(code);
        let said = format!("{}{}", output.stdout(), output.stderr());
        assert!(said.contains("state.json.damaged-"), "{args:?}: {said}");
        assert_eq!(world.json(["status"]).get("warnings"), None, "mended");
    }
}

/// Folders in the place of files stand for what cannot be read or written: they do for root as well.
#[test]
fn an_index_that_cannot_be_read_or_written_does_not_stop_a_review() {
    for name in ["state.json", "state.lock"] {
        let world = World::new("");
        let before = world.background(["review", "--engine", "builtin"]);
        world.ended(&before);
        let path = world.store().folder().join(name);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("in the way"), "").unwrap();
        let review = world.command(["review", "--json"]).run_ok();
        assert_eq!(review.json()["outcome"], "findings");
        review.assert_stderr_has("warning: ");
        review.assert_stderr_has(name);
        let id = review.json()["jobId"].as_str().unwrap().to_owned();
        let result = world.command(["result", &id]).run_ok();
        result.assert_stdout_has("Off by one");
        let overview = world.json(["status"]);
        assert_eq!(
            overview["recent"].as_array().unwrap().len(),
            2,
            "{overview:#}"
        );
        assert_eq!(overview["running"], serde_json::json!([]));
    }
}

#[test]
fn a_read_only_index_is_replaced_or_left_and_nothing_is_lost() {
    let world = World::new("");
    let before = world.background(["review", "--engine", "builtin"]);
    world.ended(&before);
    let index = world.store().folder().join("state.json");
    std::fs::set_permissions(&index, std::fs::Permissions::from_mode(0o400)).unwrap();
    let after = world.background(["review", "--engine", "builtin"]);
    assert_eq!(world.ended(&after)["status"], "completed");
    let listed = world.json(["status"])["recent"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

/// The store's folder is what the state root names, and not writable at all.
#[test]
fn a_state_root_that_cannot_be_made_is_one_clear_error() {
    let world = World::new("");
    let blocked = world.sandbox.write("blocked", "a file");
    for args in [["review", "--background"], ["task", "think"]] {
        let refused = world
            .command(args)
            .env("CODEX_REVIEW_STATE_DIR", blocked.join("below"))
            .run()
            .expect_code(2);
        refused.assert_stderr_has("error: ");
        refused.assert_stderr_has("blocked/below");
        refused.assert_stderr_has("CODEX_REVIEW_STATE_DIR");
        assert_eq!(refused.stdout(), "");
    }
}

#[test]
fn jobs_of_an_older_tool_stay_readable_and_can_be_gone_on_with() {
    let world = World::new("");
    let jobs = world.store().folder().join("jobs");
    let record = |id: &str, status: &str, minute: u8, rest: Value| {
        let at = format!("2026-01-01T00:0{minute}:00.000Z");
        let mut record = json!({
            "id": id, "kind": "task", "kindLabel": "rescue", "title": "Codex Task", "jobClass": "task",
            "workspaceRoot": world.repo.path(), "summary": "older", "write": true, "status": status,
            "phase": "running", "pid": 4_000_000, "threadId": "thread-older", "createdAt": at, "updatedAt": at,
            "request": { "prompt": "x" },
        });
        let rest = rest.as_object().expect("members").clone();
        record.as_object_mut().expect("members").extend(rest);
        fs::write(jobs.join(format!("{id}.json")), record.to_string()).unwrap();
        record
    };
    let result = json!({ "status": 0, "rawOutput": "the older answer" });
    let done = json!({
        "phase": "done", "pid": null, "completedAt": "2026-01-01T00:01:30.000Z", "result": result,
        "rendered": "the older answer\n", "anotherMember": 7,
    });
    let done = record("task-older1-abc", "completed", 1, done);
    let zombie = record("task-older2-abc", "running", 2, json!({}));
    let index = json!({
        "version": 1, "config": { "stopReviewGate": false, "theirs": true }, "jobs": [zombie, done],
    });
    fs::write(jobs.with_file_name("state.json"), index.to_string()).unwrap();

    let candidate = world.json(["task-resume-candidate"]);
    assert_eq!(candidate["candidate"]["threadId"], "thread-older");
    let newer = world.background(["task", "--fresh", "a job of ours, which writes the index"]);
    let _ended = world.ended(&newer);
    let status = world.json(["status", "--all"]);
    assert_eq!(status["running"], json!([]));
    assert_eq!(status["config"]["theirs"], true);
    let states: Vec<_> = (status["recent"].as_array().expect("a list").iter())
        .map(|job| (job["id"].as_str(), job["status"].as_str()))
        .skip(1)
        .collect();
    let expected = [
        (Some("task-older2-abc"), Some("failed")),
        (Some("task-older1-abc"), Some("completed")),
    ];
    assert_eq!(states, expected);
    let document = world.json(["result", "task-older1"]);
    assert_eq!(document["storedJob"]["result"], result);
    assert_eq!(document["storedJob"]["request"], json!({ "prompt": "x" }));
    assert_eq!(document["storedJob"]["anotherMember"], 7);
    let shown = world.command(["result", "task-older1"]).run_ok();
    shown.assert_stdout_has("the older answer");
    // Its log used to stay unread, for want of events.
    fs::write(jobs.join("task-older1-abc.log"), "[2026] Ready\x1b[2J.\r\n").unwrap();
    let logged = world.command(["logs", "task-older1"]).run_ok();
    assert_eq!(logged.stdout(), "[2026] Ready[2J.\n");
    let waited = world.json(["status", "task-older1", "--wait"]);
    assert_eq!(waited["waitTimedOut"], false);
    let refused = world.command(["cancel", "task-older2"]).run();
    refused.expect_code(2).assert_stderr_has("already failed");
    // What is a guess stays out of the index, which the older tool may still write.
    let index = fs::read(jobs.with_file_name("state.json")).unwrap();
    let index = serde_json::from_slice::<Value>(&index).unwrap();
    let entries = index["jobs"].as_array().expect("a list").iter();
    let zombie = entries.filter(|entry| entry["id"] == "task-older2-abc");
    let states: Vec<_> = zombie.map(|entry| entry["status"].as_str()).collect();
    assert_eq!(states, [Some("running")]);

    // A record that is JSON and no object is damage like any other.
    fs::write(jobs.join(format!("{newer}.json")), "[]").unwrap();
    fs::remove_file(jobs.join(format!("{newer}.request.json"))).unwrap();
    let damaged = world.json(["result", newer.as_str()]);
    assert_eq!(damaged["storedJob"]["request"], Value::Null);
    fs::remove_file(jobs.join(format!("{newer}.events.jsonl"))).unwrap();
    let logged = world.command(["logs", newer.as_str()]).run_ok();
    logged.assert_stdout_has("] Job completed.");
    fs::remove_file(jobs.join(format!("{newer}.log"))).unwrap();
    let logged = world.command(["logs", newer.as_str()]).run_ok();
    assert_eq!(logged.stdout(), "");
    logged.assert_stderr_has("no log of job");
}

#[test]
fn the_runtime_that_status_names_is_the_one_that_a_run_would_use() {
    let world = World::new("");
    let direct = world.json(["status"])["sessionRuntime"].clone();
    assert_eq!(direct["mode"], "direct");
    let task = world.background(["task", "think"]);
    let _ended = world.ended(&task);
    let shared = world.json(["status"])["sessionRuntime"].clone();
    assert_eq!(shared["mode"], "shared");
    // A broker that was killed leaves its record and its socket behind.
    let record = world.store().folder().join("broker.json");
    let mut left = serde_json::from_slice::<Value>(&fs::read(&record).unwrap()).unwrap();
    left["processStart"] = json!("another start");
    fs::write(&record, left.to_string()).unwrap();
    assert_eq!(world.json(["status"])["sessionRuntime"], direct);
    let given = world.command(["status", "--json"]).env(
        "CODEX_COMPANION_APP_SERVER_ENDPOINT",
        "unix:/tmp/given.sock",
    );
    let given = given.run_ok().json()["sessionRuntime"].clone();
    assert_eq!(given["mode"], "shared");
    assert_eq!(given["endpoint"], "unix:/tmp/given.sock");
}
