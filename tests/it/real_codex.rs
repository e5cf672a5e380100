//! The engine against the real, pinned Codex CLI, with a stand-in for its model on loopback.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use codex_review::engine::{
    AppServer, Cancel, ClientInfo, Connection, ConnectionBounds, EngineCommand, EngineError,
    EngineIdentity, Incoming, Limits, Progress, ReviewTarget, Sandbox as EngineSandbox,
    ThreadChoice, TurnAction, TurnEnd, TurnEvent, TurnKind, TurnReducer, TurnRequest, TurnResult,
    answers, handshake, import_session, login, run_turn,
};
use codex_review::review::{NotJudgedReason, Outcome, Severity, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::Sandbox;
use crate::support::fake_engine::ended;
use crate::support::real_codex::{CODEX_VERSION, RealCodex, use_api, write_config};
use crate::support::responses_api::{Answer, ResponsesApi};

/// How long an engine may take to end once its input has.
const GRACE: Duration = Duration::from_secs(20);

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
        limits: Limits::default(),
    }
}

fn review(text: &str) -> TurnAction {
    TurnAction::Review(ReviewTarget::Custom(text.to_owned()))
}

fn prompt(text: &str) -> TurnAction {
    TurnAction::Prompt {
        text: text.to_owned(),
        output_schema: None,
    }
}

async fn start(command: &EngineCommand) -> (AppServer, Connection) {
    let (server, pipes) = AppServer::spawn(command).unwrap();
    let connection = Connection::over(pipes.stdout, pipes.stdin, ConnectionBounds::default())
        .with_exit(server.exit());
    let info = handshake(
        &connection.caller(),
        &ClientInfo::default(),
        &Limits::default(),
    )
    .await
    .unwrap();
    assert_eq!(info.version.as_deref(), Some(CODEX_VERSION), "{info:?}");
    (server, connection)
}

/// One turn on a fresh engine, which is gone afterwards.
async fn run(
    codex: &RealCodex,
    sandbox: &Sandbox,
    request: &TurnRequest,
) -> Result<TurnResult, EngineError> {
    let (server, mut connection) = start(&codex.command(sandbox)).await;
    let result = run_turn(&mut connection, request, &mut |_| (), &Cancel::never()).await;
    drop(connection);
    server.shutdown(GRACE).await;
    ended(result)
}

/// Waits, beside the turn, until the model was asked this often: then the turn is in the middle.
async fn model_is_asked(api: &Arc<ResponsesApi>, times: usize) {
    let api = Arc::clone(api);
    tokio::task::spawn_blocking(move || api.wait_for_requests(times))
        .await
        .expect("the requests come");
}

#[tokio::test]
async fn codex_reviews_by_our_instructions_and_changes_no_settings() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    let settings = std::fs::read(sandbox.path("codex/config.toml")).unwrap();
    let text = "Review this change: {ünïcode}\n```rust\nlet x = \"quoted\\n\";\n```";
    let result = run(codex, &sandbox, &request(&sandbox, review(text)))
        .await
        .unwrap();

    assert_eq!((&result.end, result.inferred), (&TurnEnd::Completed, false));
    assert!(result.review_json.is_some(), "{result:?}");
    let reading = answers::review(&result, answers::AnswerFrom::Model);
    let Outcome::Judged(judgement) = reading.outcome else {
        panic!("{reading:?}");
    };
    assert_eq!(judgement.verdict, Verdict::NeedsAttention);
    let finding = &judgement.findings[0];
    assert_eq!(
        (finding.severity, finding.title.as_str()),
        (Severity::High, "Off by one")
    );
    // The text form says the same, which is what older versions give alone.
    let by_text = answers::read_review(
        None,
        result.review_text.as_deref().unwrap(),
        answers::AnswerFrom::Model,
    )
    .unwrap();
    assert_eq!(by_text.findings[0].title, finding.title);
    assert_eq!(by_text.findings[0].lines, finding.lines);
    assert_eq!(by_text.findings[0].body, finding.body);

    let asked = api.requests();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].is_review());
    assert_eq!(asked[0].last_user_text(), text);
    let after = std::fs::read(sandbox.path("codex/config.toml")).unwrap();
    assert_eq!(settings, after, "a review trusts no project");
}

#[tokio::test]
async fn an_output_schema_reaches_the_model_and_its_answer_us() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    let schema = json!({"type": "object", "properties": {"verdict": {"type": "string"}}, "required": ["verdict"], "additionalProperties": false});
    let mut request = request(
        &sandbox,
        TurnAction::Prompt {
            text: "look".to_owned(),
            output_schema: Some(schema.clone()),
        },
    );
    request.model = Some("gpt-5.4-mini".to_owned());
    request.effort = Some("low".to_owned());
    let result = run(codex, &sandbox, &request).await.unwrap();
    let reading = answers::structured(&result, answers::AnswerFrom::Model);
    assert!(matches!(reading.outcome, Outcome::Judged(_)), "{reading:?}");
    let asked = &api.requests()[0];
    assert_eq!(result.usage.unwrap().total, 120);
    assert_eq!(asked.schema(), Some(&schema));
    assert_eq!(asked.body["model"], "gpt-5.4-mini");
    assert_eq!(asked.last_user_text(), "look");
}

#[tokio::test]
async fn the_model_that_was_asked_for_reviews_even_against_the_users_review_model() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    write_config(&sandbox, &api, "review_model = \"gpt-own\"");
    let mut request = request(&sandbox, review("look"));
    run(codex, &sandbox, &request).await.unwrap();
    request.model = Some("gpt-asked".to_owned());
    run(codex, &sandbox, &request).await.unwrap();
    let models: Vec<_> = api
        .requests()
        .iter()
        .map(|asked| asked.body["model"].clone())
        .collect();
    assert_eq!(models, ["gpt-own", "gpt-asked"]);
}

#[tokio::test]
async fn four_turns_run_at_once_on_one_server() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    // No answer before all four wait for one: turns in a row would never end.
    api.hold_until_together(4);
    api.respond(|asked| Answer::Text(format!("for {}", asked.last_user_text())));
    let (server, mut connection) = start(&codex.command(&sandbox)).await;
    let caller = connection.caller();
    let limit = Limits::default().rpc;
    let mut turns = Vec::new();
    for n in 0..4 {
        let params = json!({"cwd": sandbox.root(), "approvalPolicy": "never", "sandbox": "read-only", "ephemeral": true});
        let answer = caller.request("thread/start", params, limit).await.unwrap();
        let thread = answer["thread"]["id"].as_str().unwrap().to_owned();
        let input = json!([{"type": "text", "text": format!("turn {n}"), "text_elements": []}]);
        let params = json!({"threadId": thread, "input": input});
        let answer = caller.request("turn/start", params, limit).await.unwrap();
        let mut turn = TurnReducer::new(TurnKind::Turn, thread);
        turn.answered(answer["turn"]["id"].as_str().unwrap(), &mut |_| ());
        turns.push(turn);
    }
    while turns.iter().any(|turn| turn.progress() != Progress::Over) {
        let next = tokio::time::timeout(limit, connection.next()).await;
        if let Some(Incoming::Notification(news)) = next.expect("the turns end") {
            for turn in &mut turns {
                turn.apply(&news, &mut |_| ());
            }
        }
    }
    for (n, turn) in turns.into_iter().enumerate() {
        assert_eq!(
            turn.finish().message,
            format!("for turn {n}"),
            "each gets its own answer"
        );
    }
    drop(connection);
    server.shutdown(GRACE).await;
}

#[tokio::test]
async fn turns_and_reviews_are_interrupted_while_the_model_thinks() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), Arc::new(ResponsesApi::start()));
    use_api(&sandbox, &api);
    api.hold();
    let (server, mut connection) = start(&codex.command(&sandbox)).await;
    for (n, action) in [prompt("look"), review("look")].into_iter().enumerate() {
        let (canceller, cancel) = Cancel::new();
        let request = request(&sandbox, action);
        let mut unheard = |_| ();
        let turn = run_turn(&mut connection, &request, &mut unheard, &cancel);
        let asked = async {
            model_is_asked(&api, n + 1).await;
            canceller.cancel();
        };
        let (result, ()) = tokio::join!(turn, asked);
        assert_eq!(
            ended(result).unwrap_err(),
            EngineError::Cancelled { interrupted: true }
        );
    }
    drop(connection);
    server.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_ends_the_turn_with_its_reason() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), Arc::new(ResponsesApi::start()));
    use_api(&sandbox, &api);
    api.hold();
    let (server, mut connection) = start(&codex.command(&sandbox)).await;
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    let request = request(&sandbox, review("look"));
    let never = Cancel::never();
    let mut unheard = |_| ();
    let turn = run_turn(&mut connection, &request, &mut unheard, &never);
    let kill = async {
        model_is_asked(&api, 1).await;
        kill_process(pid, Signal::KILL).unwrap();
    };
    let (result, ()) = tokio::join!(turn, kill);
    let not_judged = ended(result).unwrap_err().not_judged();
    assert_eq!(not_judged.reason, NotJudgedReason::EngineLost);
    assert!(
        not_judged.detail.contains("killed by signal 9"),
        "{not_judged:?}"
    );
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_by_its_kind() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    for (status, kind, reason, words) in [
        (
            429,
            "usage_limit_reached",
            NotJudgedReason::TurnFailed,
            "usageLimitExceeded",
        ),
        (401, "unauthorized", NotJudgedReason::NotLoggedIn, "401"),
        (
            500,
            "server_error",
            NotJudgedReason::TurnFailed,
            "internalServerError",
        ),
    ] {
        let body = json!({"error": {"type": kind, "code": kind, "message": "no"}});
        api.respond(move |_| Answer::Failure {
            status,
            body: body.clone(),
        });
        let result = run(codex, &sandbox, &request(&sandbox, review("look")))
            .await
            .unwrap();
        let reading = answers::review(&result, answers::AnswerFrom::Model);
        let Outcome::NotJudged(not_judged) = reading.outcome else {
            panic!("a failed turn is no judgement: {reading:?}");
        };
        assert_eq!(not_judged.reason, reason, "{not_judged:?}");
        assert!(not_judged.detail.contains(words), "{not_judged:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_review_is_unclear_and_kept() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    api.say("I am not able to look at this repository.");
    let result = run(codex, &sandbox, &request(&sandbox, review("look")))
        .await
        .unwrap();
    let reading = answers::review(&result, answers::AnswerFrom::Model);
    let Outcome::NotJudged(not_judged) = &reading.outcome else {
        panic!("{reading:?}");
    };
    assert_eq!(not_judged.reason, NotJudgedReason::UnclearAnswer);
    assert!(reading.raw.contains("I am not able"), "{reading:?}");
}

#[tokio::test]
async fn commands_and_reasoning_of_the_model_are_told() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    sandbox.write("note.txt", "from the file\n");
    api.respond(|asked| {
        if asked.prompt().contains("from the file") {
            Answer::Reasoned {
                summary: "It is short.".to_owned(),
                text: "read it".to_owned(),
            }
        } else {
            Answer::Tool {
                name: "exec_command".to_owned(),
                arguments: json!({"cmd": "cat note.txt"}),
            }
        }
    });
    let (server, mut connection) = start(&codex.command(&sandbox)).await;
    let mut events = Vec::new();
    let request = request(&sandbox, prompt("read note.txt"));
    let observe = &mut |event| events.push(event);
    let result = run_turn(&mut connection, &request, observe, &Cancel::never())
        .await
        .unwrap();
    assert_eq!(result.message, "read it");
    assert_eq!(result.commands.len(), 1, "{events:#?}");
    assert_eq!(result.commands[0].exit_code, Some(0), "{events:#?}");
    assert!(result.commands[0].command.contains("cat note.txt"));
    assert_eq!(result.reasoning, ["It is short."]);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, TurnEvent::CommandFinished { .. }))
    );
    drop(connection);
    server.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_kept_thread_is_resumed_with_what_was_said() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    let mut request = request(&sandbox, prompt("remember the word tangerine"));
    request.thread = ThreadChoice::New {
        ephemeral: false,
        name: Some("Codex Task: fruit".to_owned()),
    };
    let first = run(codex, &sandbox, &request).await.unwrap();
    request.thread = ThreadChoice::Resume {
        thread_id: first.thread_id.clone(),
    };
    request.action = prompt("which word?");
    let second = run(codex, &sandbox, &request).await.unwrap();
    assert_eq!(second.thread_id, first.thread_id);
    assert!(api.requests()[1].prompt().contains("tangerine"));

    request.thread = ThreadChoice::Resume {
        thread_id: "019a0000-0000-7000-8000-000000000000".to_owned(),
    };
    let error = run(codex, &sandbox, &request).await.unwrap_err();
    assert!(
        error.not_judged().detail.contains("thread/resume"),
        "{error:?}"
    );
}

#[tokio::test]
async fn end_of_input_ends_codex_with_and_without_its_launcher() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    let native = codex.command(&sandbox);
    assert_ne!(
        native.program,
        codex.launcher(),
        "the native executable is found"
    );
    for command in [native, codex.launcher_command(&sandbox)] {
        let (server, connection) = start(&command).await;
        // This is what the kernel does for an owner that was killed.
        drop(connection);
        let exit = server.shutdown(GRACE).await;
        assert_eq!((exit.code, exit.signal), (Some(0), None), "{exit}");
    }
}

#[tokio::test]
async fn setup_learns_login_models_and_identity_from_codex_itself() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    let command = codex.command(&sandbox);
    let identity = EngineIdentity::probe(&command, Path::new("/unused"), GRACE)
        .await
        .unwrap();
    assert_eq!(identity.version, CODEX_VERSION);
    assert_eq!(identity.home, sandbox.codex_home());
    let launched = EngineIdentity::probe(
        &codex.launcher_command(&sandbox),
        Path::new("/unused"),
        GRACE,
    )
    .await
    .unwrap();
    assert_eq!(launched.version, CODEX_VERSION, "asked by `--version`");

    let (server, connection) = start(&command).await;
    let caller = connection.caller();
    let auth = login::read_auth(&caller, None, &Limits::default())
        .await
        .unwrap();
    assert_eq!(auth.provider.as_deref(), Some("mock"));
    assert_eq!(
        (auth.logged_in, auth.requires_openai_auth),
        (true, Some(false)),
        "{auth:?}"
    );
    let models = login::read_models(&caller, &Limits::default())
        .await
        .unwrap();
    assert!(
        models
            .iter()
            .any(|model| model.efforts.contains(&"high".to_owned())),
        "{models:?}"
    );
    drop(connection);
    server.shutdown(GRACE).await;
}

#[tokio::test]
async fn without_a_login_codex_says_so() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let sandbox = Sandbox::new();
    let (server, connection) = start(&codex.command(&sandbox)).await;
    let auth = login::read_auth(&connection.caller(), None, &Limits::default())
        .await
        .unwrap();
    assert_eq!(
        (auth.logged_in, auth.requires_openai_auth),
        (false, Some(true)),
        "{auth:?}"
    );
    drop(connection);
    server.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_claude_transcript_becomes_a_thread() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let (sandbox, api) = (Sandbox::new(), ResponsesApi::start());
    use_api(&sandbox, &api);
    let line = |kind: &str, text: &str, at: u32| {
        json!({
            "type": kind, "uuid": format!("u{at}"), "parentUuid": null, "sessionId": "s-1", "cwd": sandbox.root(),
            "timestamp": format!("2026-01-01T00:00:0{at}.000Z"), "version": "2.1.197", "isSidechain": false, "userType": "external",
            "message": {"role": kind, "content": [{"type": "text", "text": text}]},
        })
        .to_string()
    };
    let transcript = [
        line("user", "count the files", 1),
        line("assistant", "there are 3", 2),
    ]
    .join("\n")
        + "\n";
    let path = sandbox.write("home/.claude/projects/-repo/s-1.jsonl", transcript);
    let (server, mut connection) = start(&codex.command(&sandbox)).await;
    let limits = Limits::default();
    let thread = import_session(&mut connection, &path, sandbox.root(), None, &limits)
        .await
        .unwrap();
    let mut request = request(&sandbox, prompt("go on"));
    request.thread = ThreadChoice::Resume { thread_id: thread };
    run_turn(&mut connection, &request, &mut |_| (), &Cancel::never())
        .await
        .unwrap();
    assert!(api.requests()[0].prompt().contains("there are 3"));
    drop(connection);
    server.shutdown(GRACE).await;
}

/// What `codex app-server generate-json-schema` says about the wire.
struct Schema {
    folder: std::path::PathBuf,
}

impl Schema {
    fn generate(codex: &RealCodex, sandbox: &Sandbox) -> Self {
        let folder = sandbox.path("schema");
        let _shown = codex
            .program(sandbox)
            .args(["app-server", "generate-json-schema", "--out"])
            .arg(&folder)
            .run_ok();
        Schema { folder }
    }

    fn load(&self, name: &str) -> Value {
        let path = self.folder.join(name);
        let text =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).unwrap()
    }

    /// Fails the test unless the value fits. Members that the schema does not name are misfits as well: what we send
    /// must be known, and the fake must not say what Codex would not.
    #[track_caller]
    fn check(&self, name: &str, value: &Value) {
        let schema = self.load(name);
        if let Err(problem) = fits(&schema, &schema, value, "") {
            panic!("{name}: {problem}\n{value:#}");
        }
    }
}

/// The part of JSON Schema that the generated files use.
fn fits(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if schema == &Value::Bool(true) {
        return Ok(());
    }
    if let Some(target) = schema["$ref"].as_str() {
        let pointer = target.strip_prefix('#').ok_or("a reference to elsewhere")?;
        let target = root.pointer(pointer).ok_or(format!("no {pointer}"))?;
        return fits(root, target, value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(root, part, value, at)?;
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(parts) = schema[union].as_array() {
            let misfits: Vec<String> = parts
                .iter()
                .map(|part| fits(root, part, value, at))
                .map_while(Result::err)
                .collect();
            if misfits.len() == parts.len() {
                // The part that was meant is the one that fails for more than its name.
                let meant = misfits.iter().find(|misfit| !misfit.contains("is none of"));
                return Err(meant.or(misfits.first()).cloned().unwrap_or_default());
            }
        }
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{at}: {value} is none of {allowed:?}"));
    }
    let own = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allows = |kind: &Value| kind == own || (kind == "number" && own == "integer");
    let right_type = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(allows),
        kind => allows(kind),
    };
    if !right_type {
        return Err(format!("{at}: {own} where {} is wanted", schema["type"]));
    }
    for item in value.as_array().into_iter().flatten() {
        if !schema["items"].is_null() {
            fits(root, &schema["items"], item, &format!("{at}[]"))?;
        }
    }
    if let Some(members) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !members.contains_key(name) {
                return Err(format!("{at}: lacks `{name}`"));
            }
        }
        let named = schema["properties"].as_object();
        // Beside a union, the rest of the members stand in its parts.
        let whole = ["allOf", "anyOf", "oneOf"]
            .iter()
            .all(|union| schema[union].is_null());
        for (name, member) in members {
            let at = format!("{at}.{name}");
            match named.and_then(|named| named.get(name)) {
                Some(part) => fits(root, part, member, &at)?,
                None if schema["additionalProperties"].is_object() => {
                    fits(root, &schema["additionalProperties"], member, &at)?;
                }
                None if whole && named.is_some() && schema["additionalProperties"] != true => {
                    return Err(format!("{at}: not known"));
                }
                None => {}
            }
        }
    }
    Ok(())
}

/// Every line that an engine was sent while a connection did all that ours can.
async fn everything_we_send(sandbox: &Sandbox) -> Vec<Value> {
    use crate::support::fake_engine::fake_engine;
    let log = sandbox.path("sent.log");
    let script = r#"on turn/start #1
  ask item/commandExecution/requestApproval {}
  ask item/fileChange/requestApproval {}
  ask execCommandApproval {}
  ask applyPatchApproval {}
  ask item/permissions/requestApproval {}
  ask mcpServer/elicitation/request {}
  ask item/tool/requestUserInput {"questions":[{"id":"q"}]}
  ask item/tool/call {}
  default"#;
    let command = fake_engine(sandbox, script).env("FAKE_APP_SERVER_LOG", log.as_os_str());
    let (server, pipes) = AppServer::spawn(&command).unwrap();
    let mut connection = Connection::over(pipes.stdout, pipes.stdin, ConnectionBounds::default());
    let limits = Limits::default();
    let caller = connection.caller();
    handshake(&caller, &ClientInfo::default(), &limits)
        .await
        .unwrap();
    let never = Cancel::never();
    let mut request = request(
        sandbox,
        TurnAction::Prompt {
            text: "look".to_owned(),
            output_schema: Some(json!({"type": "object"})),
        },
    );
    request.thread = ThreadChoice::New {
        ephemeral: false,
        name: Some("name".to_owned()),
    };
    request.model = Some("m".to_owned());
    request.effort = Some("low".to_owned());
    let result = run_turn(&mut connection, &request, &mut |_| (), &never)
        .await
        .unwrap();
    request.thread = ThreadChoice::Resume {
        thread_id: result.thread_id.clone(),
    };
    for target in [
        ReviewTarget::UncommittedChanges,
        ReviewTarget::BaseBranch("main".to_owned()),
        ReviewTarget::Commit {
            sha: "abc".to_owned(),
            title: None,
        },
        ReviewTarget::Custom("look".to_owned()),
    ] {
        request.action = TurnAction::Review(target);
        run_turn(&mut connection, &request, &mut |_| (), &never)
            .await
            .unwrap();
    }
    login::read_auth(&caller, Some("/"), &limits).await.unwrap();
    login::read_models(&caller, &limits).await.unwrap();
    import_session(
        &mut connection,
        Path::new("/t.jsonl"),
        Path::new("/"),
        Some("title"),
        &limits,
    )
    .await
    .unwrap();
    codex_review::engine::steer_turn(&caller, "thr", "t", "more", &limits)
        .await
        .unwrap();
    codex_review::engine::interrupt_turn(&caller, "thr", "t", &limits)
        .await
        .unwrap();
    drop(connection);
    server.shutdown(GRACE).await;
    let log = std::fs::read_to_string(log).unwrap();
    log.lines()
        .map(|line| {
            serde_json::from_str(line.split_once(' ').unwrap().1)
                .map(|value: Value| json!({"from": line.split(' ').next(), "line": value}))
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn what_we_send_fits_the_schema_of_the_real_version() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let sandbox = Sandbox::new();
    let schema = Schema::generate(codex, &sandbox);
    let mut checked = std::collections::BTreeSet::new();
    let mut asked = std::collections::BTreeMap::new();
    for entry in everything_we_send(&sandbox).await {
        let line = &entry["line"];
        let method = line["method"].as_str();
        match (entry["from"].as_str(), method) {
            (Some("recv"), Some(method)) if line.get("id").is_some() => {
                schema.check("ClientRequest.json", line);
                checked.insert(method.to_owned());
            }
            (Some("recv"), Some(_)) => schema.check("ClientNotification.json", line),
            (Some("send"), Some(method)) if line.get("id").is_some() => {
                asked.insert(line["id"].to_string(), method.to_owned());
            }
            (Some("send"), Some(_)) => schema.check("ServerNotification.json", line),
            (Some("recv"), None) => {
                let method = asked.remove(&line["id"].to_string()).unwrap();
                let file = match method.as_str() {
                    "item/commandExecution/requestApproval" => {
                        "CommandExecutionRequestApprovalResponse.json"
                    }
                    "item/fileChange/requestApproval" => "FileChangeRequestApprovalResponse.json",
                    "execCommandApproval" => "ExecCommandApprovalResponse.json",
                    "applyPatchApproval" => "ApplyPatchApprovalResponse.json",
                    "item/permissions/requestApproval" => "PermissionsRequestApprovalResponse.json",
                    "mcpServer/elicitation/request" => "McpServerElicitationRequestResponse.json",
                    "item/tool/requestUserInput" => "ToolRequestUserInputResponse.json",
                    "item/tool/call" => "DynamicToolCallResponse.json",
                    other => panic!("no schema for the answer to {other}"),
                };
                schema.check(file, &line["result"]);
            }
            _ => {}
        }
    }
    assert!(asked.is_empty(), "without an answer: {asked:?}");
    for method in [
        "initialize",
        "thread/start",
        "thread/resume",
        "thread/name/set",
        "turn/start",
        "turn/interrupt",
        "turn/steer",
        "review/start",
        "account/read",
        "config/read",
        "model/list",
        "externalAgentConfig/import",
    ] {
        assert!(checked.contains(method), "{method} was never sent");
    }
    // Questions of a newer version need an answer of their own: this list is to be looked at when it grows.
    let questions = schema.load("ServerRequest.json");
    let mut methods: Vec<&str> = questions["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|question| {
            question["properties"]["method"]["enum"][0]
                .as_str()
                .unwrap()
        })
        .collect();
    methods.sort_unstable();
    assert_eq!(
        methods,
        [
            "account/chatgptAuthTokens/refresh",
            "applyPatchApproval",
            "attestation/generate",
            "execCommandApproval",
            "item/commandExecution/requestApproval",
            "item/fileChange/requestApproval",
            "item/permissions/requestApproval",
            "item/tool/call",
            "item/tool/requestUserInput",
            "mcpServer/elicitation/request",
        ]
    );
}
