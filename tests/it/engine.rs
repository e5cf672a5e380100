//! Claims about engines as processes, on the fake app server.

use std::time::Duration;

use codex_review::engine::{
    AppServer, Cancel, ClientInfo, Connection, ConnectionBounds, EngineCommand, EngineError,
    EngineIdentity, Limits, ReviewTarget, Sandbox as EngineSandbox, ThreadChoice, TurnAction,
    TurnEnd, TurnEvent, TurnRequest, TurnResult, answers, handshake, interrupt_turn, login,
    run_turn,
};
use codex_review::review::{NotJudgedReason, Outcome, Verdict};
use serde_json::json;

use crate::support::Sandbox;
use crate::support::fake_engine::{Control, ended, fake_engine, in_sandbox};

/// Short where a test waits for the end of it, and long enough where it must not.
fn limits() -> Limits {
    Limits {
        rpc: Duration::from_secs(20),
        completion: Duration::from_millis(100),
        ..Limits::default()
    }
}

fn request(sandbox: &Sandbox, action: TurnAction) -> TurnRequest {
    TurnRequest {
        cwd: sandbox.root().to_owned(),
        sandbox: EngineSandbox::ReadOnly,
        thread: ThreadChoice::New {
            ephemeral: true,
            name: None,
        },
        action,
        model: None,
        effort: None,
        extension: None,
        limits: limits(),
    }
}

fn prompt() -> TurnAction {
    TurnAction::Prompt {
        text: "look".to_owned(),
        output_schema: None,
    }
}

/// A running engine and a connection that has shaken hands.
async fn start(command: &EngineCommand) -> (AppServer, Connection) {
    let (server, pipes) = AppServer::spawn(command).unwrap();
    let connection = Connection::over(pipes.stdout, pipes.stdin, ConnectionBounds::default())
        .with_exit(server.exit());
    handshake(&connection.caller(), &ClientInfo::default(), &limits())
        .await
        .unwrap();
    (server, connection)
}

struct Run {
    result: Result<TurnResult, EngineError>,
    events: Vec<TurnEvent>,
}

/// One turn on a fresh engine, which is gone afterwards.
async fn run(command: &EngineCommand, request: &TurnRequest) -> Run {
    let (server, mut connection) = start(command).await;
    let mut events = Vec::new();
    let observe = &mut |event| events.push(event);
    let result = ended(run_turn(&mut connection, request, observe, &Cancel::never()).await);
    drop(connection);
    // One that does not end at end of input is killed.
    server.shutdown(Duration::from_millis(500)).await;
    Run { result, events }
}

/// The sentence that a failed turn ends with.
async fn failure(script: &str) -> (NotJudgedReason, String) {
    let sandbox = Sandbox::new();
    let command = fake_engine(&sandbox, script);
    let run = run(&command, &request(&sandbox, prompt())).await;
    let not_judged = run.result.unwrap_err().not_judged();
    (not_judged.reason, not_judged.detail)
}

#[tokio::test]
async fn a_review_runs_from_spawn_to_judgement() {
    let sandbox = Sandbox::new();
    let action = TurnAction::Review(ReviewTarget::Custom("look".to_owned()));
    let run = run(&fake_engine(&sandbox, ""), &request(&sandbox, action)).await;
    let reading = answers::review(&run.result.unwrap(), answers::AnswerFrom::Model);
    let Outcome::Judged(judgement) = reading.outcome else {
        panic!("{reading:?}");
    };
    assert_eq!(judgement.verdict, Verdict::NeedsAttention);
    assert_eq!(judgement.findings[0].title, "Off by one");
}

/// How versions before the raw JSON end a review: with its text alone.
fn text_review(text: &str) -> String {
    let review = serde_json::Value::from(text);
    format!(
        r#"on review/start
  reply {{"turn":{{"id":"t"}},"reviewThreadId":"{{{{thread}}}}"}}
  notify item/started {{"threadId":"{{{{thread}}}}","item":{{"type":"enteredReviewMode","id":"e","review":""}}}}
  notify item/completed {{"threadId":"{{{{thread}}}}","item":{{"type":"exitedReviewMode","id":"x","review":{review}}}}}
  notify turn/completed {{"threadId":"{{{{thread}}}}","turn":{{"id":"t","status":"completed"}}}}"#
    )
}

#[tokio::test]
async fn an_old_engines_text_is_a_review_and_its_silence_is_not() {
    for (text, judged) in [
        (
            "Bug.\n\nReview comment:\n\n- [P1] Off by one — /x/a.rs:3-4\n  Past the end.",
            true,
        ),
        ("Reviewer failed to output a response.", false),
    ] {
        let sandbox = Sandbox::new();
        let action = TurnAction::Review(ReviewTarget::Custom("look".to_owned()));
        let command = fake_engine(&sandbox, &text_review(text));
        let run = run(&command, &request(&sandbox, action)).await;
        let reading = answers::review(&run.result.unwrap(), answers::AnswerFrom::Model);
        assert_eq!(
            matches!(reading.outcome, Outcome::Judged(_)),
            judged,
            "{reading:?}"
        );
        assert_eq!(reading.raw, text);
    }
}

#[tokio::test]
async fn an_answer_by_the_schema_becomes_a_judgement() {
    let sandbox = Sandbox::new();
    let action = TurnAction::Prompt {
        text: "look".to_owned(),
        output_schema: Some(json!({"type": "object"})),
    };
    let run = run(&fake_engine(&sandbox, ""), &request(&sandbox, action)).await;
    let reading = answers::structured(&run.result.unwrap(), answers::AnswerFrom::Model);
    assert!(matches!(reading.outcome, Outcome::Judged(_)), "{reading:?}");
}

#[tokio::test]
async fn an_engine_that_exits_is_quoted() {
    let script = "on turn/start
  reply {\"turn\":{\"id\":\"t\"}}
  stderr \x1b[31mboom\x1b[0m: no disk
  exit 3";
    let (reason, detail) = failure(script).await;
    assert_eq!(reason, NotJudgedReason::EngineLost);
    assert!(
        detail.contains("exited with status 3; its last words: boom: no disk"),
        "{detail}"
    );
}

#[tokio::test]
async fn an_engine_that_is_killed_names_the_signal() {
    for (step, words) in [
        ("die", "killed by signal 9"),
        ("crash", "killed by signal 6"),
    ] {
        let (reason, detail) = failure(&format!("on turn/start : {step}")).await;
        assert_eq!(reason, NotJudgedReason::EngineLost);
        assert!(
            detail.contains(words) && detail.contains("`turn/start`"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn an_engine_that_closes_its_output_and_lives_on_is_lost_and_killed() {
    let (reason, detail) = failure("on turn/start\n  deaf\n  close").await;
    assert_eq!(reason, NotJudgedReason::EngineLost);
    assert!(detail.contains("closed the connection"), "{detail}");
}

#[tokio::test]
async fn an_engine_that_stalls_runs_into_the_limits() {
    let sandbox = Sandbox::new();
    let mut request = request(&sandbox, prompt());
    request.limits.rpc = Duration::from_millis(200);
    request.limits.interrupt = Duration::from_millis(200);
    let run = run(&fake_engine(&sandbox, "on thread/start : stall"), &request).await;
    let error = run.result.unwrap_err();
    assert!(
        matches!(error, EngineError::CallTimedOut { ref method, .. } if method == "thread/start"),
        "{error:?}"
    );

    request.limits.silence = Duration::from_millis(200);
    let script = "on turn/start\n  reply {\"turn\":{\"id\":\"t\"}}\n  stall";
    let run = self::run(&fake_engine(&sandbox, script), &request).await;
    assert_eq!(run.result.unwrap_err().reason(), NotJudgedReason::TimedOut);
}

#[tokio::test]
async fn noise_on_stdout_disturbs_nothing() {
    let sandbox = Sandbox::new();
    let script = "at-start : garbage\non thread/start\n  huge 40000000\n  garbage\n  default\non turn/start\n  garbage\n  default";
    let run = run(&fake_engine(&sandbox, script), &request(&sandbox, prompt())).await;
    assert_eq!(run.result.unwrap().message, "Done: looked at it.");
}

#[tokio::test]
async fn a_turn_without_its_completion_is_inferred() {
    let sandbox = Sandbox::new();
    let script = r#"on turn/start
  reply {"turn":{"id":"t"}}
  notify turn/started {"threadId":"{{thread}}","turn":{"id":"t"}}
  notify item/completed {"threadId":"{{thread}}","item":{"type":"agentMessage","id":"m","text":"found","phase":"final_answer"}}"#;
    let run = run(&fake_engine(&sandbox, script), &request(&sandbox, prompt())).await;
    let result = run.result.unwrap();
    assert_eq!((result.message.as_str(), result.inferred), ("found", true));
}

#[tokio::test]
async fn every_question_of_the_engine_is_answered() {
    let sandbox = Sandbox::new();
    let control = Control::new();
    let script = r#"on turn/start
  reply {"turn":{"id":"t"}}
  ask item/commandExecution/requestApproval {"threadId":"x"}
  ask execCommandApproval {}
  ask item/permissions/requestApproval {}
  ask mcpServer/elicitation/request {}
  ask item/tool/requestUserInput {"questions":[{"id":"q"}]}
  ask item/future {}
  default"#;
    let (name, value) = control.variable();
    let command = fake_engine(&sandbox, script).env(name, value);
    let run = run(&command, &request(&sandbox, prompt())).await;
    assert_eq!(run.result.unwrap().end, TurnEnd::Completed);
    let mut server = control.server();
    for expected in [
        json!({"decision": "decline"}),
        json!({"decision": {"denied": {"rejection": "declined: this session runs unattended, within the sandbox it was started with"}}}),
        json!({"permissions": {}, "scope": "turn"}),
        json!({"action": "decline", "content": null}),
        json!({"answers": {"q": {"answers": []}}}),
    ] {
        assert_eq!(server.wait_answer()["result"], expected);
    }
    assert_eq!(server.wait_answer()["error"]["code"], -32601);
}

#[tokio::test]
async fn a_cancel_interrupts_the_turn_that_runs() {
    let sandbox = Sandbox::new();
    let control = Control::new();
    let (name, value) = control.variable();
    let command = fake_engine(&sandbox, "hold answer").env(name, value);
    let (server, mut connection) = start(&command).await;
    let mut fake = control.server();
    let (canceller, cancel) = Cancel::new();
    let action = TurnAction::Review(ReviewTarget::Custom("look".to_owned()));
    let request = request(&sandbox, action);
    let watch = tokio::task::spawn_blocking(move || {
        fake.wait_call("review/start");
        canceller.cancel();
    });
    let result = run_turn(&mut connection, &request, &mut |_| (), &cancel).await;
    let error = ended(result).unwrap_err();
    assert_eq!(error, EngineError::Cancelled { interrupted: true });
    watch.await.unwrap();
    drop(connection);
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_turn_can_be_interrupted_by_whoever_knows_its_ids() {
    let sandbox = Sandbox::new();
    let (server, connection) = start(&fake_engine(&sandbox, "hold answer")).await;
    let caller = connection.caller();
    let thread = caller
        .request("thread/start", json!({"cwd": "/"}), limits().rpc)
        .await
        .unwrap();
    let thread = thread["thread"]["id"].as_str().unwrap().to_owned();
    let params = json!({"threadId": thread, "target": {"type": "uncommittedChanges"}});
    let review = caller
        .request("review/start", params, limits().rpc)
        .await
        .unwrap();
    let turn = review["turn"]["id"].as_str().unwrap();
    assert!(
        interrupt_turn(&caller, &thread, turn, &limits())
            .await
            .unwrap()
    );
    assert!(
        !interrupt_turn(&caller, "thr-unknown", turn, &limits())
            .await
            .unwrap()
    );
    drop(connection);
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn end_of_input_ends_the_engine_and_a_deaf_one_is_killed() {
    let sandbox = Sandbox::new();
    let (server, connection) = start(&fake_engine(&sandbox, "")).await;
    connection.close(Duration::from_secs(5)).await;
    let exit = server.shutdown(Duration::from_secs(20)).await;
    assert_eq!((exit.code, exit.signal), (Some(0), None));

    let (server, connection) = start(&fake_engine(&sandbox, "at-start : deaf")).await;
    connection.close(Duration::from_secs(5)).await;
    let exit = server.shutdown(Duration::from_millis(100)).await;
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
}

#[tokio::test]
async fn what_the_engine_started_goes_with_it() {
    let sandbox = Sandbox::new();
    // The shell's child ignores its input and would live on.
    let fake = env!("CARGO_BIN_EXE_fake-app-server");
    let script = format!("sleep 1000 & exec {fake} app-server");
    let command = EngineCommand::new("/bin/sh").arg("-c").arg(script);
    let command = in_sandbox(command, &sandbox);
    let (server, connection) = start(&command).await;
    let mut exit = server.exit();
    drop(server);
    assert_eq!(exit.wait().await.signal, Some(9));
    drop(connection);
    sandbox.assert_no_process_left();

    // And when the engine ends by itself.
    let (server, connection) = start(&command).await;
    connection.close(Duration::from_secs(5)).await;
    assert_eq!(server.shutdown(Duration::from_secs(20)).await.code, Some(0));
    sandbox.assert_no_process_left();
}

#[tokio::test]
async fn a_dropped_engine_is_reaped() {
    let sandbox = Sandbox::new();
    let (server, connection) = start(&fake_engine(&sandbox, "")).await;
    let (pid, mut exit) = (server.pid(), server.exit());
    drop((server, connection));
    exit.wait().await;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    assert!(stat.is_err(), "a zombie is left: {stat:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = AppServer::spawn(&EngineCommand::new("/no/such/engine")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot start the engine `/no/such/engine`"
    );
}

#[tokio::test]
async fn the_fake_engine_has_an_identity_and_a_login() {
    let sandbox = Sandbox::new();
    let command = fake_engine(&sandbox, "version 9.9.9");
    let identity = EngineIdentity::probe(&command, sandbox.root(), limits().rpc)
        .await
        .unwrap();
    assert_eq!(identity.version, "9.9.9");
    assert_eq!(identity.home, sandbox.codex_home());

    let (server, connection) = start(&command).await;
    let caller = connection.caller();
    let auth = login::read_auth(&caller, None, &limits()).await.unwrap();
    assert_eq!(
        (auth.logged_in, auth.auth_method.as_deref()),
        (true, Some("chatgpt"))
    );
    let models = login::read_models(&caller, &limits()).await.unwrap();
    assert_eq!(models[0].efforts, ["low", "medium"]);
    drop(connection);
    server.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn progress_is_told_in_order() {
    let sandbox = Sandbox::new();
    let action = TurnAction::Review(ReviewTarget::Custom("look".to_owned()));
    let run = run(&fake_engine(&sandbox, ""), &request(&sandbox, action)).await;
    let phases: Vec<&str> = run
        .events
        .iter()
        .filter_map(|event| match event {
            TurnEvent::Phase(phase) => Some(phase.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(phases, ["starting", "reviewing", "finalizing"]);
}
