//! `task`: the text that reaches the engine, and the thread that it goes on with.

use codex_review::jobs::{EndStatus, JobClass, JobEnd, JobEvent, NewJob};
use serde_json::{Value, json};

use super::world::{World, assert_members, is_investigating, job_id, members, named_first};
use crate::support::fake_engine::FakeServer;

/// What shells, parsers and templates like to eat.
const AWKWARD: &str =
    "it's \\d+ --base `x` $(y) \"q\" {{thread}}\n\n\ttab  two blanks\r\nü \u{1F980} \n";

fn prompt(server: &mut FakeServer) -> String {
    let call = server.wait_call("turn/start");
    let text = &call["params"]["input"][0]["text"];
    text.as_str().expect("a task is text").to_owned()
}

#[test]
fn the_text_of_a_task_reaches_the_engine_byte_for_byte() {
    let world = World::new("");
    world.repo.write("prompt.txt", AWKWARD);
    world.command(["task", "--", AWKWARD]).run_ok();
    let mut server = world.control.server();
    assert_eq!(prompt(&mut server), AWKWARD);
    let code = "    def f(): pass\n    return";
    world.command(["task", code]).run_ok();
    assert_eq!(prompt(&mut server), code);
    world
        .command(["task", "fix", "it  now", "--write", "-x", "\\n"])
        .run_ok();
    assert_eq!(prompt(&mut server), "fix it  now --write -x \\n");
    world.command(["task"]).stdin(AWKWARD).run_ok();
    assert_eq!(prompt(&mut server), AWKWARD);
    for args in [
        ["task", "--prompt-file", "prompt.txt"],
        ["task", "--prompt-file=prompt.txt", "--fresh"],
    ] {
        world.command(args).run_ok();
        assert_eq!(prompt(&mut server), AWKWARD);
    }
    let none = world.command(["task"]).run().expect_code(2);
    none.assert_stderr_has("no task was given");
}

#[test]
fn a_task_reads_unless_it_may_write_and_its_answer_is_stdout() {
    let world = World::new("answer Looked at it.");
    let output = world
        .command(["task", "--effort", "low", "-m", "spark", "look"])
        .run_ok();
    assert_eq!(output.stdout(), "Looked at it.\n");
    let mut server = world.control.server();
    let thread = server.wait_call("thread/start");
    assert_eq!(thread["params"]["sandbox"], "read-only");
    assert_eq!(thread["params"]["model"], "gpt-5.3-codex-spark");
    let turn = server.wait_call("turn/start");
    assert_eq!(turn["params"]["effort"], "low");
    let document = world
        .command(["task", "--write", "--json", "fix"])
        .run_ok()
        .json();
    let thread = server.wait_call("thread/start");
    assert_eq!(thread["params"]["sandbox"], "workspace-write");
    assert_members(
        &document,
        &[
            "status",
            "threadId",
            "rawOutput",
            "touchedFiles",
            "reasoningSummary",
        ],
    );
    assert_eq!(document["status"], 0);
    assert_eq!(document["rawOutput"], "Looked at it.");
}

#[test]
fn a_value_that_is_attached_to_its_option_is_no_text() {
    let world = World::new("");
    let mut server = None;
    for args in [
        &["task", "-mspark", "go"] as &[&str],
        &["task", "-m=spark", "go"],
        &["task", "-mspark go"],
    ] {
        world.command(args.iter().copied()).run_ok();
        let server = server.get_or_insert_with(|| world.control.server());
        let thread = server.wait_call("thread/start");
        assert_eq!(thread["params"]["model"], "gpt-5.3-codex-spark", "{args:?}");
        assert_eq!(prompt(server), "go", "{args:?}");
    }
}

#[test]
fn an_effort_that_the_engine_does_not_know_costs_no_turn() {
    let models = json!({"data": [{"id": "m", "supportedReasoningEfforts": [
        {"reasoningEffort": "low"}, {"reasoningEffort": "max"},
    ]}]});
    let world = World::new(&format!("on model/list : reply {models}"));
    for args in [
        &["task", "--effort", "hihg", "look"] as &[&str],
        &["task", "--background", "--effort", "hihg", "look"],
        &["review", "--effort", "hihg"],
        &["agent-team", "start", "2", "--effort", "hihg", "look"],
        &["watch", "--effort", "hihg"],
    ] {
        let refused = world.command(args.iter().copied()).run().expect_code(2);
        refused.assert_stderr_has("Codex knows no effort `hihg`");
        refused.assert_stderr_has(
            "did you mean `high`? Expected one of none, minimal, low, medium, high, xhigh, max",
        );
    }
    assert_eq!(world.store().jobs().unwrap().len(), 0);
    world.command(["task", "--effort", "max", "look"]).run_ok();
    let mut server = world.control.server();
    assert_eq!(server.wait_call("turn/start")["params"]["effort"], "max");
}

#[test]
fn an_engine_that_lists_no_efforts_gets_any_with_a_note() {
    let world = World::new("on model/list : fail -32600 unknown variant");
    let output = world
        .command(["task", "--effort", "newest", "look"])
        .run_ok();
    output.assert_stderr_has("does not say which efforts it knows: `newest` is sent as it is");
    let mut server = world.control.server();
    assert_eq!(server.wait_call("turn/start")["params"]["effort"], "newest");
}

#[test]
fn an_option_of_another_verb_costs_no_turn() {
    let world = World::new("");
    for args in [
        &["task", "--fail-on", "high", "look"] as &[&str],
        &["task", "--fail-on high look"],
    ] {
        let refused = world.command(args.iter().copied()).run().expect_code(2);
        refused.assert_stderr_has("there is no option `--fail-on` here");
        refused.assert_stderr_has("`codex-review review` has it. Put `--` before text");
    }
    assert_eq!(world.json(["status"])["recent"], json!([]));
    world
        .command(["task", "--", "--fail-on", "is", "text"])
        .run_ok();
    let text = prompt(&mut world.control.server());
    assert_eq!(text, "--fail-on is text");
}

#[test]
fn a_task_is_told_as_it_happens_one_event_a_line_and_its_result_last() {
    let world = World::new("answer Looked at it.");
    let lines = |args: &[&str]| -> Vec<Value> {
        let output = world.command(args.iter().copied()).run_ok();
        let lines = output.stdout();
        let lines = lines.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("each line is JSON")
    };
    let events = lines(&["task", "--json-stream", "look"]);
    let (last, events) = events.split_last().expect("there are lines");
    assert_eq!(last["event"], "result");
    assert_eq!(last["result"]["status"], 0);
    assert_eq!(last["result"]["rawOutput"], "Looked at it.");
    let named = |name: &str| events.iter().any(|event| event["event"] == name);
    assert!(
        ["created", "started", "thread", "ended"]
            .into_iter()
            .all(named),
        "{events:#?}"
    );
    assert_eq!(prompt(&mut world.control.server()), "look");

    for verb in ["task", "review"] {
        let receipt = lines(&[verb, "--background", "--json-stream", "look"]);
        let [receipt] = receipt.as_slice() else {
            panic!("{receipt:#?}");
        };
        assert_eq!(receipt["event"], "background");
        assert_eq!(receipt["status"], "queued");
        world.ended(&job_id(receipt));
    }
}

#[test]
fn files_that_a_task_changed_are_listed() {
    let change = json!({"type": "fileChange", "id": "f1", "status": "completed",
                        "changes": [{"path": "src/new.rs", "kind": {"type": "add"}, "diff": ""}]});
    let world = World::new(&format!(
        "on turn/start\n  notify item/completed {}\n  default",
        json!({"item": change, "threadId": "{{thread}}", "turnId": "turn-2"})
    ));
    let document = world
        .command(["task", "--write", "--json", "fix"])
        .run_ok()
        .json();
    assert_eq!(
        document["touchedFiles"],
        json!(["src/new.rs"]),
        "{document:#}"
    );
}

/// What used to happen: an engine that died took all of it along.
#[test]
fn what_a_task_did_before_its_engine_died_is_told() {
    let item = |item: Value| json!({"threadId": "{{thread}}", "turnId": "t", "item": item});
    let change = item(
        json!({"type": "fileChange", "id": "f1", "status": "completed",
                             "changes": [{"path": "src/new.rs", "kind": {"type": "add"}, "diff": ""}]}),
    );
    let said = item(json!({"type": "agentMessage", "id": "m", "text": "half way"}));
    let script = format!(
        "on turn/start\n  reply {{\"turn\":{{\"id\":\"t\"}}}}\n  notify item/completed {change}\n  notify item/completed {said}\n  exit 9"
    );
    let world = World::new(&script);
    let document = world
        .command(["task", "--write", "--json", "fix"])
        .run()
        .expect_code(4)
        .json();
    assert_eq!(document["rawOutput"], "half way", "{document:#}");
    assert_eq!(document["touchedFiles"], json!(["src/new.rs"]));
    assert!(document["threadId"].is_string(), "{document:#}");
    assert_eq!(document["failure"]["reason"], "engine-lost");
    assert!(
        document["notes"]
            .to_string()
            .contains("before it broke off")
    );
    let shown = world.command(["result"]).run_ok();
    for words in [
        "half way\n\nThe task did not finish: ",
        "The text above is what was received before that.",
        "Files changed before that:\n- src/new.rs",
    ] {
        shown.assert_stdout_has(words);
    }
}

#[test]
fn a_task_goes_on_where_it_is_told_to() {
    let world = World::new("");
    let nothing = world.json(["task-resume-candidate"]);
    assert_eq!(
        nothing,
        json!({"available": false, "sessionId": null, "candidate": null})
    );
    for args in [["task", "--resume-last", "go"], ["task", "--resume", "go"]] {
        let none = world.command(args).run().expect_code(2);
        none.assert_stderr_has("No previous Codex task thread was found for this repository.");
        none.assert_stderr_has("--fresh");
    }
    // A review's thread is no task's.
    world.command(["review"]).run_ok();
    assert_eq!(world.json(["task-resume-candidate"])["available"], false);

    let first = world.command(["task", "--json", "one"]).run_ok().json();
    let second = world.command(["task", "--json", "two"]).run_ok().json();
    let (first_id, first_thread) = (text(&first["jobId"]), text(&first["threadId"]));
    let second_thread = text(&second["threadId"]);
    let mut server = world.control.server();
    let candidate = world.json(["task-resume-candidate"]);
    assert_eq!(
        members(&candidate["candidate"]),
        [
            "completedAt",
            "id",
            "status",
            "summary",
            "threadId",
            "title",
            "updatedAt"
        ]
    );
    assert_eq!(candidate["candidate"]["threadId"], second_thread);

    let named = format!("--resume={first_id}");
    let prefix = format!("--resume={}", &first_id[..first_id.len() - 2]);
    let foreign = "0199a213-81c0-7800-8aa1-bbab2a035a53";
    let by_thread = format!("--resume={foreign}");
    for (option, thread) in [
        ("--resume-last", second_thread),
        // The one before went on with it, and is the newest now.
        ("--resume", second_thread),
        (named.as_str(), first_thread),
        (prefix.as_str(), first_thread),
        (by_thread.as_str(), foreign),
    ] {
        world.command(["task", option, "go on"]).run_ok();
        let resumed = server.wait_call("thread/resume");
        assert_eq!(resumed["params"]["threadId"], thread, "{option}");
    }
    // Without any text, with an empty standard input, the thread is just told to go on.
    world.command(["task", "--resume-last"]).run_ok();
    let turn = server.wait_call("thread/resume");
    assert_eq!(turn["params"]["threadId"], foreign);
    world.command(["task", "--fresh", "anew"]).run_ok();
    server.wait_call("thread/start");

    let unknown = world
        .command(["task", "--resume=task-nothing", "go"])
        .run()
        .expect_code(2);
    unknown.assert_stderr_has("task-nothing");
    assert_eq!(unknown.stdout(), "");
}

/// What used to happen: the id went to the engine as the task, on the thread of another job.
#[test]
fn a_job_behind_a_bare_resume_is_not_taken_for_text() {
    let world = World::new("");
    let first = world.command(["task", "one"]).run_ok();
    let id = named_first(first.stderr().lines().next().unwrap());
    world.command(["task", "two"]).run_ok();
    let mut server = world.control.server();
    assert_eq!(prompt(&mut server), "one");
    assert_eq!(prompt(&mut server), "two");
    let line = format!("--resume {id} go on");
    for args in [
        &["task", "--resume", id.as_str(), "go on"] as &[&str],
        &["task", "--resume-last", id.as_str()],
        &["task", line.as_str()],
    ] {
        let refused = world.command(args.iter().copied()).run().expect_code(2);
        refused.assert_stderr_has(&format!("begins with the job `{id}`"));
        refused.assert_stderr_has(&format!("`--resume={id}`"));
    }
    let text = format!("{id}x  is \\no job");
    for (args, expected) in [
        (["task", "--resume", text.as_str()], text.clone()),
        (["task", "--fresh", id.as_str()], id.as_str().to_owned()),
    ] {
        world.command(args).run_ok();
        assert_eq!(prompt(&mut server), expected);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}

#[test]
fn a_thread_that_is_still_in_use_is_not_resumed() {
    let world = World::new("hold answer");
    let id = world.background(["task", "long work"]);
    let mut server = world.control.server();
    world.follow_until(&id, is_investigating);
    assert_eq!(world.json(["task-resume-candidate"])["available"], false);
    let named = format!("--resume={id}");
    let refused = world.command(["task", &named, "go"]).run().expect_code(2);
    refused.assert_stderr_has(&format!("job `{id}` still runs"));
    refused.assert_stderr_has(&format!("codex-review status {id} --wait"));
    server.go("answer");
    assert_eq!(world.ended(&id)["status"], "completed");
}

#[test]
fn a_resume_that_the_engine_refuses_says_what_to_do() {
    let world = World::new("on thread/resume : fail -32600 no rollout found for thread");
    world.command(["task", "one"]).run_ok();
    let refused = world
        .command(["task", "--resume-last", "go"])
        .run()
        .expect_code(4);
    let id = named_first(refused.stderr().lines().next().unwrap());
    for words in ["no rollout found", "`--fresh`", "`--resume=<job>`"] {
        refused.assert_stdout_has(words);
    }
    let job = &world.json(["status", id.as_str()])["job"];
    assert_eq!(job["status"], "failed");
    assert!(text(&job["errorMessage"]).contains("`--fresh`"), "{job:#}");
    let document = world
        .command(["task", "--resume-last", "--json", "go"])
        .run()
        .expect_code(4)
        .json();
    assert_eq!(document["status"], 4);
    assert!(text(&document["failure"]["detail"]).contains("`--fresh`"));
}

/// A gate's thread is gone with its run, so that `--resume` would fail on it.
#[test]
fn an_ephemeral_run_is_never_the_thread_to_go_on_with() {
    let world = World::new("");
    let ephemeral = NewJob {
        class: JobClass::Task,
        kind: "gate".into(),
        kind_label: "gate".into(),
        title: "Codex Stop Gate Review".into(),
        summary: "the last turn".into(),
        write: false,
        ephemeral: true,
        background: false,
        session_id: None,
        request: Value::Null,
        random: 7,
    };
    let limits = codex_review::jobs::WorkerLimits::default();
    let owned = world.store().create(ephemeral).unwrap();
    owned
        .run_here(&limits, |_, sink, _| {
            sink.emit(JobEvent::Thread {
                thread_id: Some("gone".into()),
                turn_id: None,
                endpoint: None,
            });
            JobEnd::without_result(EndStatus::Completed, "")
        })
        .unwrap();
    assert_eq!(world.json(["task-resume-candidate"])["available"], false);
    world
        .command(["task", "--resume-last", "go"])
        .run()
        .expect_code(2)
        .assert_stderr_has("No previous Codex task thread was found for this repository.");
    world
        .command(["task-resume-candidate"])
        .run_ok()
        .assert_stdout_has("No previous Codex task thread was found for this repository.");
}
