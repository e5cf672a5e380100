//! A job's whole life, and what each verb says of it.

use serde_json::json;

use super::world::{World, assert_members, is_reviewing, job_id, kill, members, named_first};

/// Every stored field that scripts read.
const JOB_FIELDS: [&str; 21] = [
    "id",
    "kind",
    "kindLabel",
    "title",
    "workspaceRoot",
    "jobClass",
    "summary",
    "write",
    "status",
    "phase",
    "pid",
    "sessionId",
    "threadId",
    "turnId",
    "createdAt",
    "updatedAt",
    "startedAt",
    "completedAt",
    "cancelledAt",
    "logFile",
    "errorMessage",
];

#[test]
fn a_background_review_is_seen_running_and_cancelled_and_has_a_result() {
    let world = World::new("hold answer");
    let started = world.json(["review", "--background"]);
    assert_eq!(
        members(&started),
        ["jobId", "logFile", "status", "summary", "title"]
    );
    assert_eq!(started["status"], "queued");
    let id = job_id(&started);
    let mut server = world.control.server();
    let call = server.wait_call("review/start");
    assert_eq!(call["params"]["target"]["type"], "custom");
    world.follow_until(&id, is_reviewing);

    let overview = world.json(["status"]);
    assert_members(
        &overview,
        &[
            "workspaceRoot",
            "config",
            "sessionRuntime",
            "running",
            "latestFinished",
            "recent",
            "needsReview",
        ],
    );
    assert_eq!(
        overview["workspaceRoot"],
        world.repo.path().to_str().unwrap()
    );
    assert_eq!(overview["sessionRuntime"]["mode"], "shared");
    let running = &overview["running"][0];
    assert_members(running, &JOB_FIELDS);
    assert_eq!(running["id"], id.as_str());
    assert_eq!(running["status"], "running");
    assert_eq!(running["phase"], "reviewing");
    let page = world.command(["status"]).run_ok();
    page.assert_stdout_has(&format!("| `{id}` | review | running | reviewing |"));
    let page = world.command(["status", id.as_str()]).run_ok();
    page.assert_stdout_has("- Phase: reviewing");

    let refused = world.command(["result", id.as_str()]).run().expect_code(2);
    refused.assert_stderr_has(&format!("job `{id}` is still running"));
    refused.assert_stderr_has(&format!("codex-review status {id} --wait"));
    assert_eq!(refused.stdout(), "");

    let waited = world.json(["status", id.as_str(), "--wait", "--timeout-ms", "1"]);
    assert_eq!(
        members(&waited),
        ["job", "timeoutMs", "waitTimedOut", "workspaceRoot"]
    );
    assert_eq!(waited["waitTimedOut"], true);
    assert_eq!(waited["timeoutMs"], 1);

    let cancelled = world.json(["cancel"]);
    assert_eq!(
        cancelled,
        json!({
            "jobId": id.as_str(), "status": "cancelled", "title": "Codex Review",
            "turnInterruptAttempted": true, "turnInterrupted": true,
        })
    );
    server.wait_call("turn/interrupt");

    let result = world.json(["result", id.as_str()]);
    assert_eq!(members(&result), ["job", "storedJob"]);
    assert_members(&result["storedJob"], &JOB_FIELDS);
    assert_members(&result["storedJob"], &["request", "result", "rendered"]);
    assert_eq!(result["job"]["status"], "cancelled");
    assert_eq!(result["job"]["phase"], "cancelled");
    assert!(result["job"]["cancelledAt"].is_string());
    assert_eq!(result["job"]["pid"], json!(null));
    let overview = world.json(["status"]);
    assert_eq!(overview["running"], json!([]));
    assert_eq!(overview["latestFinished"]["id"], id.as_str());
    world
        .command(["result"])
        .run_ok()
        .assert_stdout_has("cancelled");
    let again = world.command(["cancel", id.as_str()]).run().expect_code(2);
    again.assert_stderr_has(&format!("job `{id}` is already cancelled"));
}

#[test]
fn a_foreground_run_names_its_job_first_and_prints_the_result_alone() {
    let world = World::new("");
    let output = world.command(["review", "--json"]).run_ok();
    let stderr = output.stderr();
    let id = named_first(stderr.lines().next().unwrap());
    assert!(
        stderr.lines().all(|line| line.starts_with("[codex] ")),
        "{output}"
    );
    let report = output.json();
    assert_members(
        &report,
        &["review", "target", "threadId", "sourceThreadId", "codex"],
    );
    assert_eq!(report["review"], "Review");
    assert_eq!(report["jobId"], id.as_str());
    assert_members(
        &report["codex"],
        &["status", "stderr", "stdout", "reasoning"],
    );
    assert_members(&report["target"], &["mode", "label", "explicit"]);
    // The stored result is the very report.
    let stored = world.json(["result", id.as_str()]);
    assert_eq!(stored["storedJob"]["result"], report);

    let output = world
        .command(["adversarial-review", "--json", "look", "at", "it"])
        .run_ok();
    let report = output.json();
    assert_members(
        &report,
        &[
            "context",
            "result",
            "rawOutput",
            "parseError",
            "reasoningSummary",
        ],
    );
    assert_eq!(report["review"], "Adversarial Review");
    assert_members(&report["context"], &["repoRoot", "branch", "summary"]);
    assert_members(
        &report["result"],
        &["verdict", "summary", "findings", "next_steps"],
    );
    assert_members(
        &report["result"]["findings"][0],
        &[
            "severity",
            "title",
            "body",
            "file",
            "line_start",
            "line_end",
            "confidence",
            "recommendation",
        ],
    );
}

#[test]
fn killing_the_follower_leaves_the_job_and_its_result() {
    let world = World::new("hold answer");
    let follower = world.command(["review"]).spawn();
    let id = named_first(&follower.stderr_line(|_| true));
    let mut server = world.control.server();
    server.wait_call("review/start");
    kill(follower.pid());
    let _killed = follower.wait();
    assert_eq!(
        world.json(["status", id.as_str()])["job"]["status"],
        "running"
    );
    server.go("answer");
    assert_eq!(world.ended(&id)["status"], "completed");
    world
        .command(["result", id.as_str()])
        .run_ok()
        .assert_stdout_has("Off by one");
}

#[test]
fn logs_and_status_follow_a_job_to_its_end_and_leave_it_alone() {
    let world = World::new("hold answer");
    let id = world.background(["review"]);
    let mut server = world.control.server();
    world.follow_until(&id, is_reviewing);
    let logs = world.command(["logs", "-f", id.as_str()]).spawn();
    logs.stdout_line(|line| line.contains("] Turn started (turn-2-review)."));
    // Ctrl-C on somebody who only looks on is not a cancel.
    if !interrupts_are_ignored() {
        let onlooker = world.command(["status", id.as_str(), "--follow"]).spawn();
        onlooker.stderr_line(|line| line == "[codex] reviewing");
        onlooker.signal(rustix::process::Signal::INT);
        let left = onlooker.wait();
        assert_ne!(left.code(), Some(0), "{left}");
    }
    let onlooker = world.command(["status", id.as_str(), "--follow"]).spawn();
    onlooker.stderr_line(|line| line == "[codex] reviewing");
    server.go("answer");
    onlooker
        .wait()
        .expect_code(0)
        .assert_stdout_has("- Status: completed");
    let logs = logs.wait().expect_code(0);
    logs.assert_stdout_has("] Review output\nOne bug.");
    // The log for people is the same text.
    let started = world.json(["status", id.as_str()]);
    let file = std::fs::read_to_string(started["job"]["logFile"].as_str().unwrap()).unwrap();
    assert_eq!(logs.stdout(), file);
    for once in ["] Thread ready (", "] Turn started (turn-2-review)."] {
        assert_eq!(file.matches(once).count(), 1, "{file}");
    }
}

/// Whoever started these tests with Ctrl-C ignored, as shells do for what runs behind `&`, has passed that on to programs
/// that do not listen for it.
fn interrupts_are_ignored() -> bool {
    const INTERRUPT: u64 = 1 << 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & INTERRUPT != 0)
}
