//! Whose jobs are meant where no job is named.

use serde_json::{Value, json};

use super::world::{SESSION, World, is_investigating, job_id};

impl World {
    #[track_caller]
    fn of_session(&self, session: &str, args: &[&str]) -> Value {
        let (verb, rest) = args.split_first().expect("a verb comes first");
        let command = self.command([*verb, "--json"]).args(rest);
        command.env(SESSION, session).run_ok().json()
    }
}

#[test]
fn a_session_sees_ends_and_resumes_its_own_jobs_first() {
    let world = World::new("");
    let one = world.of_session("one", &["task", "of one"]);
    let two = world.of_session("two", &["task", "of two"]);
    let (one_id, two_id) = (job_id(&one), job_id(&two));
    for (session, id, document) in [("one", &one_id, &one), ("two", &two_id, &two)] {
        let result = world.of_session(session, &["result"]);
        assert_eq!(result["job"]["id"], id.as_str());
        assert_eq!(result["job"]["sessionId"], session);
        let status = world.of_session(session, &["status"]);
        assert_eq!(status["latestFinished"]["id"], id.as_str());
        assert_eq!(status["recent"][0]["id"], id.as_str());
        let candidate = world.of_session(session, &["task-resume-candidate"]);
        assert_eq!(candidate["sessionId"], session);
        assert_eq!(candidate["candidate"]["threadId"], document["threadId"]);
    }
    // A session without jobs of its own, and no session at all, get the newest.
    for document in [
        world.of_session("three", &["result"]),
        world.json(["result"]),
    ] {
        assert_eq!(document["job"]["id"], two_id.as_str());
    }
    // What Claude Code itself sets is the second choice.
    let claude = world
        .command(["status", "--json"])
        .env("CLAUDE_CODE_SESSION_ID", "one");
    assert_eq!(
        claude.clone().run_ok().json()["latestFinished"]["id"],
        one_id.as_str()
    );
    let both = claude.env(SESSION, "two").run_ok().json();
    assert_eq!(both["latestFinished"]["id"], two_id.as_str());
}

#[test]
fn a_session_never_cancels_a_job_of_another_without_naming_it() {
    let world = World::new("hold answer");
    let started = world.of_session("one", &["task", "--background", "of one"]);
    let id = job_id(&started);
    let mut server = world.control.server();
    world.follow_until(&id, is_investigating);
    let refused = world
        .command(["cancel"])
        .env(SESSION, "two")
        .run()
        .expect_code(2);
    refused.assert_stderr_has("No active Codex jobs to cancel for this session.");
    assert_eq!(refused.stdout(), "");
    assert_eq!(
        world.json(["status", id.as_str()])["job"]["status"],
        "running"
    );
    let cancelled = world.of_session("two", &["cancel", id.as_str()]);
    assert_eq!(cancelled["status"], "cancelled");
    server.wait_call("turn/interrupt");
    let nothing = world.command(["cancel"]).run().expect_code(2);
    nothing.assert_stderr_has("No active Codex jobs to cancel for this session.");
    assert_eq!(world.of_session("two", &["status"])["running"], json!([]));
}

#[test]
fn a_job_is_named_by_the_beginning_of_its_id_if_that_is_enough() {
    let world = World::new("");
    let ids: Vec<_> = (0..2)
        .map(|_| job_id(&world.command(["task", "--json", "x"]).run_ok().json()))
        .collect();
    let whole = ids[0].as_str();
    let shown = world.json(["result", &whole[..whole.len() - 1]]);
    assert_eq!(shown["job"]["id"], whole);
    let ambiguous = world.command(["result", "task-"]).run().expect_code(2);
    for id in &ids {
        ambiguous.assert_stderr_has(id.as_str());
    }
    let unknown = world.command(["result", "task-zzzz"]).run().expect_code(2);
    unknown.assert_stderr_has("task-zzzz");
}
