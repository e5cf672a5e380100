//! Claude sessions that begin, end, are cleared and die, and what becomes of their work.

use codex_review::jobs::{JobId, ProcessIdentity, begin_session, sessions};
use serde_json::{Value, json};

use crate::jobs_cli::world::{SESSION, World, is_investigating, named_first};
use crate::support::{Invocation, Running};

/// An engine whose tasks go on until they are ended.
const ENDLESS: &str = "hold for-ever";

fn hook(world: &World, verb: &str, session: &str, more: Value) -> Invocation {
    let mut input = json!({"session_id": session, "cwd": world.repo.path()});
    for (name, value) in more.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    world.command(["hook", verb]).stdin(input.to_string())
}

#[track_caller]
fn begins(world: &World, session: &str) {
    let output = hook(world, "session-start", session, json!({})).run_ok();
    assert_eq!((output.stdout(), output.stderr()), Default::default());
}

#[track_caller]
fn ends(world: &World, session: &str, reason: &str) {
    let output = hook(world, "session-end", session, json!({"reason": reason})).run_ok();
    assert_eq!((output.stdout(), output.stderr()), Default::default());
}

/// A task that somebody of this session waits for, and that has reached the engine.
fn foreground(world: &World, session: &str) -> (Running, JobId) {
    let follower = world
        .command(["task", "think"])
        .env(SESSION, session)
        .spawn();
    let id = named_first(&follower.stderr_line(|_| true));
    world.follow_until(&id, is_investigating);
    (follower, id)
}

fn background(world: &World, session: &str) -> JobId {
    let args = ["task", "--background", "--json", "think"];
    let started = world.command(args).env(SESSION, session).run_ok();
    let id = crate::jobs_cli::world::job_id(&started.json());
    world.follow_until(&id, is_investigating);
    id
}

#[track_caller]
fn status_of(world: &World, id: &JobId) -> Value {
    world.json(["status", id.as_str()])["job"]["status"].clone()
}

fn leases(world: &World) -> Vec<String> {
    let leases = sessions(&world.store()).unwrap();
    leases.into_iter().map(|lease| lease.session_id).collect()
}

#[test]
fn a_start_exports_the_variables_and_notes_whose_process_it_is() {
    let world = World::new("");
    // Whoever wrote it last left its last line without an end.
    let file = world.sandbox.write("env", "export KEPT=1");
    let transcript = "/tmp/it's; touch x.jsonl";
    let output = hook(
        &world,
        "session-start",
        "one",
        json!({"transcript_path": transcript}),
    )
    .env("CLAUDE_ENV_FILE", &file)
    .run_ok();
    assert_eq!((output.stdout(), output.stderr()), Default::default());
    let shown = world
        .sandbox
        .program("sh")
        .args(["-c", ". \"$0\" && printf '%s|%s|%s' \"$KEPT\" \"$CODEX_COMPANION_SESSION_ID\" \"$CODEX_COMPANION_TRANSCRIPT_PATH\""])
        .arg(&file)
        .run_ok();
    assert_eq!(shown.stdout(), format!("1|one|{transcript}"));
    let lease = sessions(&world.store()).unwrap().remove(0);
    assert_eq!(lease.host, Some(ProcessIdentity::current()));

    // A shell between the host and its hook ends with the hook: it is not the host.
    let through_shells = world
        .sandbox
        .program("sh")
        .args(["-c", "sh -c '\"$0\" hook session-start; true' \"$0\"; true"])
        .arg(env!("CARGO_BIN_EXE_codex-review"))
        .cwd(world.repo.path())
        .stdin("{\"session_id\": \"two\"}")
        .run_ok();
    assert_eq!(through_shells.stderr(), "");
    let lease = sessions(&world.store()).unwrap().remove(1);
    assert_eq!(lease.host, Some(ProcessIdentity::current()));
}

#[test]
fn a_start_sweeps_what_sessions_left_whose_client_is_surely_dead() {
    let world = World::new(ENDLESS);
    let me = ProcessIdentity::current();
    // The pid lives, and belongs to somebody else now.
    let reused = ProcessIdentity {
        pid: me.pid,
        start: Some("00000000:1".to_owned()),
    };
    begin_session(&world.store(), "dead", Some(reused)).unwrap();
    begin_session(&world.store(), "alive", Some(me)).unwrap();
    begin_session(&world.store(), "unknown", None).unwrap();
    let (dead_follower, dead) = foreground(&world, "dead");
    let dead_background = background(&world, "dead");
    let (alive_follower, alive) = foreground(&world, "alive");

    begins(&world, "new");
    assert_eq!(world.ended(&dead)["status"], "cancelled");
    assert_eq!(status_of(&world, &dead_background), "running");
    assert_eq!(status_of(&world, &alive), "running");
    assert_eq!(leases(&world), ["alive", "new", "unknown"]);
    let _cancelled = dead_follower.wait();

    for id in [&alive, &dead_background] {
        let _ended = world.json(["cancel", id.as_str()]);
    }
    let _cancelled = alive_follower.wait();
}

#[test]
fn a_session_that_goes_on_in_a_new_client_keeps_its_work() {
    let world = World::new(ENDLESS);
    let reused = ProcessIdentity {
        pid: std::process::id(),
        start: Some("00000000:1".to_owned()),
    };
    begin_session(&world.store(), "one", Some(reused)).unwrap();
    let (follower, id) = foreground(&world, "one");
    begins(&world, "one");
    assert_eq!(status_of(&world, &id), "running");
    assert_eq!(leases(&world), ["one"]);
    let _ended = world.json(["cancel", id.as_str()]);
    let _cancelled = follower.wait();
}

#[test]
fn a_clear_cancels_nothing_and_keeps_every_result() {
    let world = World::new(ENDLESS);
    begins(&world, "one");
    let finished = world.background(["review", "--engine", "builtin"]);
    world.ended(&finished);
    let (follower, waited_for) = foreground(&world, "one");
    let queued = background(&world, "one");

    ends(&world, "one", "clear");
    begins(&world, "after the clear");
    for id in [&waited_for, &queued] {
        assert_eq!(status_of(&world, id), "running");
    }
    let kept = world.json(["result", finished.as_str()]);
    assert_eq!(kept["job"]["status"], "completed");
    // The cleared conversation holds nothing up when the client ends.
    assert_eq!(leases(&world), ["after the clear"]);

    for id in [&waited_for, &queued] {
        let _ended = world.json(["cancel", id.as_str()]);
    }
    let _cancelled = follower.wait();
}

#[test]
fn an_end_cancels_its_own_unfinished_foreground_work_and_nothing_else() {
    let world = World::new(ENDLESS);
    begins(&world, "one");
    begins(&world, "two");
    let finished = world.background(["review", "--engine", "builtin"]);
    world.ended(&finished);
    let (own_follower, own) = foreground(&world, "one");
    let own_background = background(&world, "one");
    let (others_follower, others) = foreground(&world, "two");

    ends(&world, "one", "prompt_input_exit");
    assert_eq!(world.ended(&own)["status"], "cancelled");
    for id in [&own_background, &others] {
        assert_eq!(status_of(&world, id), "running");
    }
    let kept = world.json(["result", finished.as_str()]);
    assert_eq!(kept["job"]["status"], "completed");
    assert_eq!(leases(&world), ["two"]);
    let _cancelled = own_follower.wait();

    for id in [&own_background, &others] {
        let _ended = world.json(["cancel", id.as_str()]);
    }
    let _cancelled = others_follower.wait();
}

/// No broker is stopped by hand here: the last one to leave ends the engine.
#[test]
fn the_end_of_the_only_session_leaves_no_process() {
    let idle = World::new("");
    begins(&idle, "one");
    let _answered = idle.command(["task", "think"]).env(SESSION, "one").run_ok();
    ends(&idle, "one", "other");
    idle.sandbox.assert_no_process_left();

    let busy = World::new(ENDLESS);
    begins(&busy, "one");
    let (follower, id) = foreground(&busy, "one");
    ends(&busy, "one", "other");
    let _cancelled = follower.wait();
    assert_eq!(busy.ended(&id)["status"], "cancelled");
    busy.sandbox.assert_no_process_left();
}

#[test]
fn the_end_of_a_session_waits_for_no_engine_that_is_needed_or_stuck() {
    let world = World::new(ENDLESS);
    begins(&world, "one");
    let id = background(&world, "one");
    ends(&world, "one", "logout");
    assert_eq!(status_of(&world, &id), "running");
    let brokers = world.json(["broker", "status"]);
    assert_eq!(brokers["brokers"].as_array().unwrap().len(), 1);
    let _ended = world.json(["cancel", id.as_str()]);
}
