//! `kill -9` of the follower, the worker, the broker and the engine at every point of a job's life. Whatever dies, the job
//! reaches an end that says why, results that were there stay, nothing is left running, and the next job works.
//!
//! The fake app server stops at each point until it is told to go on, so each kill hits exactly there.

use codex_review::jobs::JobId;
use codex_review::jobs::{JobEvent, JobStatus};
use serde_json::Value;

use super::world::{World, fake, kill, named_first};
use crate::support::Running;
use crate::support::fake_engine::FakeServer;

/// What a review's engine does, with every point at which it waits for `go NAME`: `@NAME` stands for telling and waiting.
const SCRIPT: &str = r#"
on initialize
  @initialize
  default
on thread/start
  @thread
  default
on review/start
  @turn
  reply {"turn": {"id": "t1", "items": [], "status": "inProgress", "error": null}, "reviewThreadId": "{{thread}}"}
  @answered
  notify turn/started {"threadId": "{{thread}}", "turn": {"id": "t1", "items": [], "status": "inProgress", "error": null}}
  notify item/completed {"threadId": "{{thread}}", "turnId": "t1", "item": {"type": "enteredReviewMode", "id": "e1", "review": "x"}}
  @begun
  notify item/started {"threadId": "{{thread}}", "turnId": "t1", "item": {"type": "commandExecution", "id": "c1", "command": "git log", "cwd": "{{cwd}}", "status": "inProgress"}}
  wait name
  @working
  ask item/commandExecution/requestApproval {"threadId": "{{thread}}", "turnId": "t1", "itemId": "c1"}
  @asked
  notify item/started {"threadId": "{{thread}}", "turnId": "t1", "item": {"type": "agentMessage", "id": "m1", "text": "{\"findings\": [], \"overall_correctness\": \"patch is correct\", \"overall_explanation\": \"All is well.\", \"overall_confidence_score\": 0.9}", "phase": null}}
  @said
  notify item/completed {"threadId": "{{thread}}", "turnId": "t1", "item": {"type": "exitedReviewMode", "id": "x1", "review": "All is well."}}
  @over
  notify turn/completed {"threadId": "{{thread}}", "turn": {"id": "t1", "items": [], "status": "completed", "error": null}}
on thread/name/set
  @name
  default
"#;

/// The points, in the order in which they are reached: the thread is named once the model works.
fn points() -> Vec<&'static str> {
    let mut points: Vec<&str> = SCRIPT
        .lines()
        .filter_map(|line| line.trim().strip_prefix('@'))
        .collect();
    let name = points.pop().expect("the script names points");
    let working = points.iter().position(|point| *point == "working");
    points.insert(working.expect("the model works at some point"), name);
    points
}

fn script() -> String {
    let line = |line: &str| match line.trim().strip_prefix('@') {
        Some(name) => format!("  tell {name}\n  wait {name}\n"),
        None => format!("{line}\n"),
    };
    SCRIPT.lines().map(line).collect()
}

/// A review that was followed from its start and stands at a point.
struct Standing {
    world: World,
    follower: Running,
    id: JobId,
    server: FakeServer,
    /// Finished before; must survive.
    earlier: JobId,
}

impl Standing {
    #[track_caller]
    fn at(point: &str) -> Standing {
        let world = World::new(&script());
        let earlier = world.background(["review", "--engine", "builtin"]);
        assert_eq!(world.ended(&earlier)["status"], "completed");
        let follower = world.command(["review"]).spawn();
        let id = named_first(&follower.stderr_line(|_| true));
        let mut server = world.control.server();
        for reached in points() {
            server.wait_tell(reached);
            if reached == "over" {
                // Sent is not received: the answer has to be in the worker's hands.
                world.follow_until(&id, |event| {
                    matches!(event, JobEvent::Log { title: Some(title), .. } if title == "Review output")
                });
            }
            if reached == point {
                return Standing {
                    world,
                    follower,
                    id,
                    server,
                    earlier,
                };
            }
            server.go(reached);
        }
        panic!("no point is called {point}");
    }

    fn worker(&self) -> u32 {
        let job = self
            .world
            .follow_until(&self.id, |event| matches!(event, JobEvent::Started { .. }));
        job.worker.expect("it has started").pid
    }

    #[track_caller]
    fn broker(&self) -> u32 {
        // One that serves its first client's engine start answers questions all the same.
        let status = self.world.json(["broker", "status"]);
        let pid = status["brokers"][0]["pid"].as_u64();
        u32::try_from(pid.expect("a broker runs")).expect("a pid is short")
    }

    /// The phase that the job's log names last.
    fn last_phase(&self) -> String {
        let log = std::fs::read_to_string(self.world.store().files(&self.id).events).unwrap();
        let last = log
            .lines()
            .rev()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|event| event["type"] == "phase")
            .map(|event| event["phase"].clone());
        let last = last.as_ref().and_then(Value::as_str);
        last.unwrap_or("starting").to_owned()
    }

    /// The job failed with the reason, unless its whole answer was there already: that is kept.
    #[track_caller]
    fn lost_its_engine(self, point: &str, reason: &str) {
        let job = self.world.ended(&self.id);
        if point == "over" {
            assert_eq!(job["status"], "completed", "{job:#}");
            let result = self.world.json(["result", self.id.as_str()]);
            assert_eq!(result["storedJob"]["result"]["outcome"], "passed");
            let notes = result["storedJob"]["result"]["notes"].to_string();
            assert!(notes.contains("its end was inferred"), "{notes}");
            return self.assert_sound(JobStatus::Completed);
        }
        assert_eq!(job["status"], "failed", "at {point}: {job:#}");
        assert!(error_of(&job).contains(reason), "at {point}: {job:#}");
        if !matches!(point, "initialize" | "thread" | "turn") {
            // Not the turn failed, but the engine under it.
            let stored = self.world.json(["result", self.id.as_str()]);
            let why = &stored["storedJob"]["result"]["notJudged"];
            assert_eq!(why["reason"], "engine-lost", "at {point}: {why}");
        }
        let told = self.world.command(["result", self.id.as_str()]).run_ok();
        told.assert_stdout_has(reason);
        self.assert_sound(JobStatus::Failed);
    }

    /// What the earlier job came to is there, and the next job works.
    #[track_caller]
    fn assert_sound(self, expected: JobStatus) {
        let Standing { world, earlier, .. } = self;
        let kept = world.json(["result", earlier.as_str()]);
        assert_eq!(kept["storedJob"]["result"]["outcome"], "passed");
        let mut command = world.command(["review"]);
        command = command.env("FAKE_APP_SERVER_SCRIPT", "");
        let overview = world.json(["status"]);
        assert_eq!(overview["running"], serde_json::json!([]));
        assert_eq!(overview["latestFinished"]["status"], expected.as_str());
        // Its broker may live on with the script that waits: a run of its own shows that the repository is fine.
        let next = command.arg("--isolated").run_ok();
        next.assert_stdout_has("Off by one");
    }
}

#[track_caller]
fn error_of(job: &Value) -> &str {
    job["errorMessage"].as_str().unwrap_or_default()
}

#[test]
fn a_killed_follower_costs_nothing() {
    for point in points() {
        let mut standing = Standing::at(point);
        kill(standing.follower.pid());
        for later in points() {
            standing.server.go(later);
        }
        let job = standing.world.ended(&standing.id);
        assert_eq!(job["status"], "completed", "at {point}: {job:#}");
        let result = standing.world.json(["result", standing.id.as_str()]);
        assert_eq!(result["storedJob"]["result"]["outcome"], "passed");
        standing.assert_sound(JobStatus::Completed);
    }
}

#[test]
fn a_killed_worker_leaves_a_failed_job_and_no_turn() {
    for point in points() {
        let mut standing = Standing::at(point);
        kill(standing.worker());
        let job = standing.world.ended(&standing.id);
        assert_eq!(job["status"], "failed", "at {point}: {job:#}");
        let reason = format!(
            "its worker ended without a result (last phase: {})",
            standing.last_phase()
        );
        assert_eq!(error_of(&job), reason, "at {point}");
        // Nobody owns the turn now, so the broker ends it.
        if points().iter().position(|name| *name == point)
            >= points().iter().position(|name| *name == "answered")
        {
            standing.server.wait_call("turn/interrupt");
        }
        for later in points() {
            standing.server.go(later);
        }
        standing.assert_sound(JobStatus::Failed);
    }
}

#[test]
fn a_killed_broker_fails_the_job_with_that_reason() {
    for point in points() {
        let mut standing = Standing::at(point);
        kill(standing.broker());
        // The engine does not outlive its broker.
        standing.server.wait_end();
        standing.lost_its_engine(point, "closed the connection");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_loses_its_broker_ends_an_engine_that_would_stay() {
    let world = World::new("at-start : deaf\nhold answer");
    let id = world.background(["review"]);
    let mut engine = world.control.server();
    world.follow_until(&id, super::world::is_reviewing);
    let broker = world.json(["broker", "status"])["brokers"][0]["pid"].as_u64();
    kill(u32::try_from(broker.expect("a broker runs")).expect("a pid is short"));
    engine.wait_end();
    assert_eq!(world.ended(&id)["status"], "failed");
}

#[test]
fn a_killed_engine_fails_the_job_with_its_exit() {
    for point in points() {
        let mut standing = Standing::at(point);
        kill(standing.server.pid);
        standing.server.wait_end();
        standing.lost_its_engine(point, "signal 9");
    }
}

#[test]
fn a_broker_starts_another_engine_after_one_was_killed() {
    let world = World::new("hold answer");
    let id = world.background(["review"]);
    let mut first = world.control.server();
    world.follow_until(&id, super::world::is_reviewing);
    let broker = world.json(["broker", "status"])["brokers"][0]["pid"].clone();
    kill(first.pid);
    first.wait_end();
    assert_eq!(world.ended(&id)["status"], "failed");
    let next = world.background(["task", "again"]);
    let mut second = world.control.server();
    second.wait_call("turn/start");
    second.go("answer");
    assert_eq!(world.ended(&next)["status"], "completed");
    let same = world.json(["broker", "status"])["brokers"][0]["pid"].clone();
    assert_eq!(same, broker);
}

/// The engine is asked for its version before there is a connection to it.
#[test]
fn a_worker_or_an_engine_killed_before_the_first_connection_ends_the_job() {
    for victim in ["worker", "engine"] {
        let world = World::new("");
        let pipe = world.sandbox.path("asked");
        world.sandbox.program("mkfifo").arg(&pipe).run_ok();
        let program = world.sandbox.script(
            "engine",
            format!(
                "#!/bin/sh\ncase \"$1\" in --version) echo $$ > {0}; exec tail -f /dev/null;; esac\nexec {1} \"$@\"\n",
                pipe.display(),
                fake()
            ),
        );
        let started = world
            .command(["review", "--background", "--json"])
            .env("CODEX_REVIEW_CODEX_BIN", &program)
            .run_ok()
            .json();
        let id = super::world::job_id(&started);
        let engine: u32 = std::fs::read_to_string(&pipe)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let worker = world
            .follow_until(&id, |event| matches!(event, JobEvent::Started { .. }))
            .worker
            .unwrap()
            .pid;
        kill(if victim == "worker" { worker } else { engine });
        let job = world.ended(&id);
        assert_eq!(job["status"], "failed", "{victim}: {job:#}");
        let reason = error_of(&job);
        assert!(!reason.is_empty(), "{victim}: {job:#}");
        if victim == "worker" {
            assert!(
                reason.contains("its worker ended without a result"),
                "{reason}"
            );
        }
    }
}

/// A kill at a random moment around the end: either the end is there with its result, or it says why there is none.
#[test]
fn a_worker_killed_after_any_of_its_events_never_loses_a_result_it_had() {
    let world = World::new("");
    let mut finished = 0;
    for after in 1..=14 {
        let id = world.background(["review", "--engine", "builtin"]);
        let mut worker = None;
        let seen = std::cell::Cell::new(0);
        let stop = codex_review::jobs::CancelToken::new();
        let limits = codex_review::jobs::FollowLimits {
            poll: std::time::Duration::from_millis(1),
            timeout: Some(std::time::Duration::from_secs(30)),
        };
        let followed =
            codex_review::jobs::follow(&world.store(), &id, 0, &limits, &stop, |stamped| {
                if let JobEvent::Started { worker: started } = &stamped.event {
                    worker = Some(started.pid);
                }
                seen.set(seen.get() + 1);
                if seen.get() == after {
                    stop.cancel();
                    if let Some(worker) = worker {
                        kill(worker);
                    }
                }
            })
            .unwrap();
        let ended_before = followed.job().is_ended();
        let job = world.ended(&id);
        let result = world.json(["result", id.as_str()]);
        match job["status"].as_str().unwrap() {
            "completed" => {
                finished += 1;
                assert_eq!(result["storedJob"]["result"]["outcome"], "passed");
            }
            "failed" => {
                assert!(!ended_before, "an end was taken back: {job:#}");
                assert!(error_of(&job).starts_with("its worker ended without a result"));
            }
            other => panic!("ended as {other}: {job:#}"),
        }
    }
    assert!(finished > 0, "the last kills come after the end");
    assert_eq!(world.json(["status"])["running"], serde_json::json!([]));
}

#[test]
fn a_worker_killed_while_its_job_is_being_cancelled_leaves_a_cancelled_job() {
    let world = World::new("hold answer\non turn/interrupt\n  tell asked\n  wait late\n  default");
    let id = world.background(["review"]);
    let mut server = world.control.server();
    let worker = world
        .follow_until(&id, super::world::is_reviewing)
        .worker
        .unwrap()
        .pid;
    let cancel = world.command(["cancel", id.as_str(), "--json"]).spawn();
    server.wait_tell("asked");
    kill(worker);
    let document = cancel.wait().expect_code(0).json();
    assert_eq!(document["status"], "cancelled");
    assert_eq!(world.ended(&id)["status"], "cancelled");
    server.go("late");
}

#[test]
fn a_worker_killed_while_it_waits_in_line_gives_its_place_up() {
    let world = World::new("hold answer");
    let one_stream = |args: &[&str]| {
        let command = world.command(args.iter().copied());
        let command = command.env("CODEX_REVIEW_BROKER_MAX_STREAMS", "1");
        super::world::job_id(&command.run_ok().json())
    };
    let first = one_stream(&["review", "--background", "--json"]);
    let mut server = world.control.server();
    server.wait_call("review/start");
    let second = one_stream(&["task", "--background", "--json", "dies"]);
    let waiting = world.follow_until(&second, |event| matches!(event, JobEvent::Queued { .. }));
    kill(waiting.worker.unwrap().pid);
    let job = world.ended(&second);
    assert_eq!(
        error_of(&job),
        "its worker ended without a result (last phase: queued)"
    );
    let third = one_stream(&["task", "--background", "--json", "lives"]);
    world.follow_until(&third, |event| matches!(event, JobEvent::Queued { .. }));
    server.go("answer");
    let asked = server.wait_call("turn/start");
    assert_eq!(asked["params"]["input"][0]["text"], "lives");
    assert_eq!(world.ended(&first)["status"], "completed");
    assert_eq!(world.ended(&third)["status"], "completed");
}
