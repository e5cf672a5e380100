//! Ending a job early: Ctrl-C, `cancel`, and jobs that wait in line.

use codex_review::jobs::JobEvent;
use rustix::process::Signal;

use super::world::{World, is_investigating, is_reviewing, named_first};

#[test]
fn ctrl_c_once_cancels_the_job_and_waits_for_its_end() {
    let world = World::new("hold answer");
    let follower = world.command(["review", "--json"]).spawn();
    let id = named_first(&follower.stderr_line(|_| true));
    world.follow_until(&id, is_reviewing);
    follower.signal(Signal::INT);
    let output = follower.wait().expect_code(130);
    output.assert_stderr_has("[codex] asked to end\n");
    assert_eq!(output.json()["outcome"], "not-judged", "{output}");
    let job = &world.json(["status", id.as_str()])["job"];
    assert_eq!(job["status"], "cancelled");
    assert_eq!(job["turnInterrupted"], true);
    world.control.server().wait_call("turn/interrupt");
}

/// What used to happen: the signal ended the process, and a copy of the conversation stayed beside its source.
#[test]
fn a_transfer_that_is_asked_to_end_leaves_no_copy_behind() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let world = World::new("on externalAgentConfig/import : hang");
        let source = world
            .sandbox
            .write("home/.claude/projects/-r/s-1.jsonl", "{}\n");
        let transfer = world
            .command(["transfer", "--json", "--source", source.to_str().unwrap()])
            .spawn();
        let call = world
            .control
            .server()
            .wait_call("externalAgentConfig/import");
        assert!(call.to_string().contains("codex-review-"), "{call}");
        transfer.signal(signal);
        let output = transfer.wait().expect_code(130);
        output.assert_stderr_has("the transfer was interrupted");
        assert_eq!(output.stdout(), "");
        let left: Vec<_> = source.parent().unwrap().read_dir().unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

/// The moment between the job's name and its worker belongs to Ctrl-C as well.
#[test]
fn ctrl_c_at_the_first_line_cancels_the_job() {
    let world = World::new("hold answer");
    let follower = world.command(["task", "think"]).spawn();
    let id = named_first(&follower.stderr_line(|_| true));
    follower.signal(Signal::INT);
    let output = follower.wait().expect_code(130);
    assert_eq!(
        world.json(["status", id.as_str()])["job"]["status"],
        "cancelled",
        "{output}"
    );
}

#[test]
fn ctrl_c_twice_leaves_the_job_and_says_how_to_find_it() {
    let world = World::new("hold answer\non turn/interrupt\n  wait late\n  default");
    let follower = world.command(["review"]).spawn();
    let id = named_first(&follower.stderr_line(|_| true));
    let mut server = world.control.server();
    world.follow_until(&id, is_reviewing);
    follower.signal(Signal::INT);
    server.wait_call("turn/interrupt");
    follower.signal(Signal::INT);
    let output = follower.wait().expect_code(130);
    output.assert_stderr_has(&format!("`codex-review result {id}`"));
    output.assert_stderr_has(&format!("`codex-review cancel {id}`"));
    assert_eq!(output.stdout(), "");
    assert_eq!(
        world.json(["status", id.as_str()])["job"]["status"],
        "running"
    );
    server.go("late");
    assert_eq!(world.ended(&id)["status"], "cancelled");
}

#[test]
fn an_interrupt_that_the_engine_refuses_was_attempted() {
    let world = World::new("hold answer\non turn/interrupt : fail -32603 busy");
    let id = world.background(["task", "think"]);
    world.follow_until(&id, is_investigating);
    let cancelled = world.json(["cancel", id.as_str()]);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["turnInterruptAttempted"], true);
    assert_eq!(cancelled["turnInterrupted"], false);
    world.control.server().wait_call("turn/interrupt");
}

#[test]
fn a_job_that_waits_in_line_and_is_cancelled_never_starts_its_turn() {
    let world = World::new("hold answer");
    let queue_of_one = |args: &[&str]| {
        let command = world.command(args.iter().copied());
        let command = command.env("CODEX_REVIEW_BROKER_MAX_STREAMS", "1");
        super::world::job_id(&command.run_ok().json())
    };
    let first = queue_of_one(&["review", "--background", "--json"]);
    let mut server = world.control.server();
    server.wait_call("review/start");
    let second = queue_of_one(&["task", "--background", "--json", "wait for me"]);
    world.follow_until(&second, |event| matches!(event, JobEvent::Queued { .. }));
    let waiting = &world.json(["status", second.as_str()])["job"];
    assert_eq!(waiting["phase"], "queued");
    assert_eq!(waiting["queuePlace"], 1);
    world
        .command(["status"])
        .run_ok()
        .assert_stdout_has("queued (place 1)");

    let cancelled = world.json(["cancel", second.as_str()]);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["turnInterruptAttempted"], false);
    assert_eq!(world.ended(&second)["turnId"], serde_json::Value::Null);
    // The one that runs is untouched, and the place that was waited for is not lost.
    let third = queue_of_one(&["task", "--background", "--json", "after it"]);
    world.follow_until(&third, |event| matches!(event, JobEvent::Queued { .. }));
    server.go("answer");
    assert_eq!(world.ended(&first)["status"], "completed");
    let asked = server.wait_call("turn/start");
    assert_eq!(asked["params"]["input"][0]["text"], "after it");
    assert_eq!(world.ended(&third)["status"], "completed");
}
