//! Claims about the broker, over real sockets: first with an engine that the test plays within its own process, then with
//! real processes.

use std::path::Path;
use std::time::Duration;

use codex_review::broker::{
    self, BrokerConnection, BrokerError, BrokerIdentity, BrokerOptions, BrokerReader, BrokerReason,
    BrokerStatus, BrokerWriter, Ending, EngineLauncher, LaunchedEngine, QueuePlace, ServeOptions,
    StopOutcome,
};
use codex_review::engine::{
    Cancel, ClientInfo, Connection, ConnectionBounds, EngineCommand, Limits, Sandbox as Access,
    ThreadChoice, TurnAction, TurnRequest, handshake, run_turn,
};
use codex_review::rpc::ErrorObject;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::support::Sandbox;

/// The end of every wait of a test: long enough for a loaded machine, and reached only by a failure.
const LIMIT: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, wait).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {LIMIT:?}"),
    }
}

fn identity() -> BrokerIdentity {
    BrokerIdentity {
        key: "0123456789abcdef".into(),
        executable: "/bin/engine".into(),
        engine_version: "1.2.3".into(),
        home: "/home/engine".into(),
    }
}

/// Options for brokers of a sandbox. Nothing is started unless `self_exe` is set.
fn options(sandbox: &Sandbox) -> BrokerOptions {
    BrokerOptions::new(
        sandbox.path("state/ws"),
        sandbox.path("run"),
        "/nonexistent/codex-review",
        identity(),
        EngineCommand::new(env!("CARGO_BIN_EXE_fake-app-server")),
    )
}

fn serve_options(options: &BrokerOptions) -> ServeOptions {
    ServeOptions {
        state_dir: options.state_dir.clone(),
        runtime_dir: options.runtime_dir.clone(),
        identity: options.identity.clone(),
        engine: options.engine.clone(),
        tuning: options.tuning,
    }
}

// An engine that the test plays.

/// One run of the engine: what the broker wrote to it, what it says, how it ends.
struct Engine {
    lines: tokio::io::Lines<BufReader<tokio::io::DuplexStream>>,
    output: tokio::io::DuplexStream,
    exit: Option<oneshot::Sender<String>>,
}

struct PlayedEngines {
    runs: mpsc::UnboundedSender<Engine>,
}

impl EngineLauncher for PlayedEngines {
    fn launch(&mut self) -> Result<LaunchedEngine, String> {
        let (input, from_broker) = tokio::io::duplex(1 << 16);
        let (to_broker, output) = tokio::io::duplex(1 << 16);
        let (exit, exited) = oneshot::channel();
        let (kill, killed) = oneshot::channel();
        let engine = Engine {
            lines: BufReader::new(from_broker).lines(),
            output: to_broker,
            exit: Some(exit),
        };
        self.runs
            .send(engine)
            .map_err(|_| "the test is over".to_owned())?;
        Ok(LaunchedEngine {
            pid: None,
            input: Box::new(input),
            output: Box::new(output),
            exit: Box::pin(async move {
                tokio::select! {
                    Ok(reason) = exited => reason,
                    Ok(()) = killed => "killed".to_owned(),
                    else => "gone".to_owned(),
                }
            }),
            kill: Box::new(move || {
                let _gone = kill.send(());
            }),
        })
    }
}

impl Engine {
    async fn read(&mut self) -> Value {
        let line = within("a line for the engine", self.lines.next_line()).await;
        let line = line
            .unwrap()
            .expect("the broker keeps the engine's input open");
        serde_json::from_str(&line).unwrap()
    }

    /// The next line, which must be a call of `method`.
    async fn expect(&mut self, method: &str) -> Value {
        let call = self.read().await;
        assert_eq!(call["method"], method, "{call}");
        call
    }

    async fn write(&mut self, text: &str) {
        within("writing", self.output.write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    async fn say(&mut self, message: Value) {
        self.write(&format!("{message}\n")).await;
    }

    async fn answer(&mut self, call: &Value, result: Value) {
        self.say(json!({"id": call["id"], "result": result})).await;
    }

    async fn greet(&mut self) {
        let call = self.expect("initialize").await;
        self.answer(&call, json!({"userAgent": "played/1"})).await;
        self.expect("initialized").await;
    }

    /// Answers the start of a turn.
    async fn start_turn(&mut self, turn: &str) -> Value {
        let call = self.expect("turn/start").await;
        self.answer(&call, json!({"turn": {"id": turn}})).await;
        call
    }

    async fn complete(&mut self, thread: &str, turn: &str) {
        let params = json!({"threadId": thread, "turn": {"id": turn, "status": "completed"}});
        self.say(json!({"method": "turn/completed", "params": params}))
            .await;
    }

    fn die(mut self, reason: &str) {
        self.exit
            .take()
            .expect("it dies once")
            .send(reason.to_owned())
            .expect("the broker watches");
    }
}

// A client by hand.

struct Client {
    lines: tokio::io::Lines<BufReader<BrokerReader>>,
    writer: BrokerWriter,
}

impl Client {
    fn of(connection: BrokerConnection) -> Self {
        Client {
            lines: BufReader::new(connection.reader).lines(),
            writer: connection.writer,
        }
    }

    async fn connect(options: &BrokerOptions) -> Self {
        let connecting = within("connecting", broker::connect_or_start(options)).await;
        Client::of(connecting.unwrap())
    }

    async fn write(&mut self, text: &str) {
        within("writing", self.writer.write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    async fn call(&mut self, id: &str, method: &str, params: Value) {
        self.write(&format!(
            "{}\n",
            json!({"id": id, "method": method, "params": params})
        ))
        .await;
    }

    async fn read(&mut self) -> Value {
        let line = within("a line for a client", self.lines.next_line()).await;
        let line = line.unwrap().expect("the broker keeps the connection");
        serde_json::from_str(&line).unwrap()
    }

    /// The next line, which must be the answer to `id`.
    async fn answer(&mut self, id: &str) -> Value {
        let line = self.read().await;
        assert_eq!(line["id"], id, "{line}");
        line
    }

    async fn error(&mut self, id: &str) -> ErrorObject {
        let line = self.answer(id).await;
        serde_json::from_value(line["error"].clone()).unwrap_or_else(|_| panic!("{line}"))
    }

    async fn status(&mut self) -> BrokerStatus {
        self.call("status", "broker/status", json!({})).await;
        let line = self.answer("status").await;
        BrokerStatus::from_value(line["result"].clone()).unwrap_or_else(|| panic!("{line}"))
    }

    /// Whether the broker closed the connection; reads up to there.
    async fn is_cut(&mut self) -> bool {
        within("the end of a connection", async {
            loop {
                match self.lines.next_line().await {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return true,
                }
            }
        })
        .await
    }
}

/// A broker in this process, with an engine that the test plays.
struct Played {
    options: BrokerOptions,
    runs: mpsc::UnboundedReceiver<Engine>,
    serving: JoinHandle<Result<Ending, BrokerError>>,
    stop: Option<oneshot::Sender<()>>,
    // Last, so that it is checked when everything else is gone.
    _sandbox: Sandbox,
}

impl Played {
    async fn start(max_streams: usize) -> Self {
        let sandbox = Sandbox::new();
        let mut options = options(&sandbox);
        options.tuning.max_streams = max_streams;
        let (runs_sender, runs) = mpsc::unbounded_channel();
        let (ready_sender, ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(broker::serve_with(
            serve_options(&options),
            Box::new(PlayedEngines { runs: runs_sender }),
            move |_| ready_sender.send(()).unwrap(),
            async move {
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            },
        ));
        within("readiness", ready).await.unwrap();
        Played {
            options,
            runs,
            serving,
            stop: Some(stop),
            _sandbox: sandbox,
        }
    }

    async fn engine(&mut self) -> Engine {
        within("an engine's start", self.runs.recv()).await.unwrap()
    }

    /// A connected client that has been greeted; `engine` greets if it has not yet.
    async fn client(&self) -> Client {
        let mut client = Client::connect(&self.options).await;
        client.call("hello", "initialize", json!({})).await;
        client
    }

    /// Two greeted clients and their engine.
    async fn pair(&mut self) -> (Engine, Client, Client) {
        let mut first = self.client().await;
        let mut engine = self.engine().await;
        engine.greet().await;
        first.answer("hello").await;
        let mut second = self.client().await;
        second.answer("hello").await;
        (engine, first, second)
    }

    async fn end(mut self) -> Ending {
        self.stop.take().unwrap().send(()).unwrap();
        within("the broker's end", self.serving)
            .await
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn two_clients_get_their_own_replies_and_their_own_notifications() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    // Both use the same id.
    a.call("1", "thread/start", json!({"cwd": "/a"})).await;
    let for_a = engine.expect("thread/start").await;
    b.call("1", "thread/start", json!({"cwd": "/b"})).await;
    let for_b = engine.expect("thread/start").await;
    assert_eq!(for_a["params"]["cwd"], "/a");
    assert_ne!(for_a["id"], for_b["id"]);
    engine.answer(&for_b, json!({"thread": {"id": "tb"}})).await;
    engine.answer(&for_a, json!({"thread": {"id": "ta"}})).await;
    for thread in ["tb", "ta", "tb"] {
        engine
            .say(json!({"method": "item/started", "params": {"threadId": thread}}))
            .await;
    }
    assert_eq!(a.answer("1").await["result"]["thread"]["id"], "ta");
    assert_eq!(b.answer("1").await["result"]["thread"]["id"], "tb");
    assert_eq!(a.read().await["params"]["threadId"], "ta");
    assert_eq!(b.read().await["params"]["threadId"], "tb");
    assert_eq!(b.read().await["params"]["threadId"], "tb");
    let status = a.status().await;
    assert_eq!((status.clients, status.threads), (2, 2));
    played.end().await;
}

#[tokio::test]
async fn initialize_is_answered_by_the_broker_from_what_the_engine_said_once() {
    let mut played = Played::start(4).await;
    let mut a = played.client().await;
    let mut engine = played.engine().await;
    engine.greet().await;
    let greeting = a.answer("hello").await;
    assert_eq!(greeting["result"]["userAgent"], "played/1");
    assert_eq!(greeting["result"]["broker"]["maxStreams"], 4);
    let mut b = played.client().await;
    a.write("{\"method\":\"initialized\"}\n").await;
    assert_eq!(b.answer("hello").await["result"], greeting["result"]);
    // The engine has seen no second greeting: the next it reads is the next request.
    b.call("1", "model/list", json!({})).await;
    engine.expect("model/list").await;
    played.end().await;
}

#[tokio::test]
async fn past_the_limit_a_turn_waits_for_its_offer_and_an_interrupt_passes() {
    let mut played = Played::start(1).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    b.call("2", "turn/start", json!({"threadId": "tb"})).await;
    let busy = b.error("2").await;
    assert_eq!(busy.code, -32001);
    assert_eq!(busy.message, "Shared Codex broker is busy.");
    assert_eq!(
        busy.data,
        Some(json!({"source": "broker", "reason": "busy", "running": 1, "limit": 1, "place": 1}))
    );
    let place = QueuePlace::from_error(&busy).unwrap();
    assert_eq!((place.place, place.running, place.limit), (1, 1, 1));

    b.call(
        "3",
        "turn/interrupt",
        json!({"threadId": "ta", "turnId": "one"}),
    )
    .await;
    let interrupt = engine.expect("turn/interrupt").await;
    engine.answer(&interrupt, json!({})).await;
    b.answer("3").await;
    engine.complete("ta", "one").await;
    assert_eq!(a.read().await["method"], "turn/completed");
    let offer = b.read().await;
    assert_eq!(offer["method"], broker::QUEUE);
    assert_eq!(offer["params"]["place"], 0);
    b.call("4", "turn/start", json!({"threadId": "tb"})).await;
    engine.start_turn("two").await;
    b.answer("4").await;
    assert_eq!(b.status().await.running, 1);
    played.end().await;
}

#[tokio::test]
async fn a_client_that_is_gone_has_its_turn_interrupted_and_frees_its_slot() {
    let mut played = Played::start(1).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    b.call("2", "turn/start", json!({"threadId": "tb"})).await;
    b.error("2").await;
    drop(a);
    let interrupt = engine.expect("turn/interrupt").await;
    assert_eq!(
        interrupt["params"],
        json!({"threadId": "ta", "turnId": "one"})
    );
    engine.complete("ta", "one").await;
    assert_eq!(b.read().await["params"]["place"], 0);
    played.end().await;
}

#[tokio::test]
async fn a_dead_engine_fails_what_is_open_at_once_and_the_next_request_starts_another() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    b.call("2", "model/list", json!({})).await;
    engine.expect("model/list").await;
    engine.die("exited with status 3; its last words: out of memory");

    let error = b.error("2").await;
    assert_eq!(BrokerReason::of(&error), Some(BrokerReason::EngineEnded));
    assert!(error.message.contains("out of memory"), "{error}");
    let lost = a.read().await;
    assert_eq!(lost["method"], broker::ENGINE_LOST);
    assert_eq!(lost["params"]["threadIds"], json!(["ta"]));
    let end = a.read().await;
    assert_eq!(end["method"], "turn/completed");
    assert_eq!(end["params"]["turn"]["status"], "failed");

    b.call("3", "model/list", json!({})).await;
    let mut engine = played.engine().await;
    engine.greet().await;
    let call = engine.expect("model/list").await;
    engine.answer(&call, json!({"data": []})).await;
    assert_eq!(b.answer("3").await["result"], json!({"data": []}));
    let status = b.status().await;
    assert_eq!((status.engine_exits, status.running), (1, 0));
    assert!(status.last_exit.unwrap().contains("out of memory"));
    played.end().await;
}

#[tokio::test]
async fn garbage_from_either_side_costs_a_line_and_nothing_else() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, _b) = played.pair().await;
    a.write("\u{1b}[31mnoise\n\n{\"id\":1}\n").await;
    let parse_error = a.read().await;
    assert_eq!(
        (&parse_error["id"], &parse_error["error"]["code"]),
        (&Value::Null, &json!(-32700))
    );
    assert_eq!(a.read().await["error"]["code"], -32600);
    engine.write("\u{1b}[33mWARN\u{1b}[0m noise\nnull\n").await;
    a.call("1", "model/list", json!({})).await;
    let call = engine.expect("model/list").await;
    engine.write("more noise\n").await;
    engine.answer(&call, json!({})).await;
    a.answer("1").await;
    assert_eq!(a.status().await.skipped_lines, 3);
    played.end().await;
}

#[tokio::test]
async fn what_the_engine_asks_is_answered_without_any_client() {
    let mut played = Played::start(4).await;
    let (mut engine, _a, _b) = played.pair().await;
    engine
        .say(json!({"id": "q", "method": "item/commandExecution/requestApproval", "params": {"threadId": "t"}}))
        .await;
    engine
        .say(json!({"id": 0, "method": "item/unheardOf"}))
        .await;
    let approval = engine.read().await;
    assert_eq!(
        approval,
        json!({"id": "q", "result": {"decision": "decline"}})
    );
    let unknown = engine.read().await;
    assert_eq!(
        (&unknown["id"], &unknown["error"]["code"]),
        (&json!(0), &json!(-32601))
    );
    played.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_stalls_nobody() {
    let mut played = Played::start(4).await;
    let (mut engine, mut slow, mut other) = played.pair().await;
    slow.call("1", "turn/start", json!({"threadId": "slow"}))
        .await;
    engine.start_turn("one").await;
    // Far more than a socket and the queue hold together, and nobody reads it.
    let text = "x".repeat(1 << 20);
    let line = format!(
        "{}\n",
        json!({"method": "item/agentMessage/delta", "params": {"threadId": "slow", "delta": text}})
    );
    for _ in 0..24 {
        engine.write(&line).await;
    }
    // The turn of the one who was cut is interrupted, and the other is served as ever.
    engine.expect("turn/interrupt").await;
    other.call("2", "model/list", json!({})).await;
    let call = engine.expect("model/list").await;
    engine.answer(&call, json!({})).await;
    other.answer("2").await;
    assert_eq!(other.status().await.clients, 1);
    assert!(slow.is_cut().await);
    played.end().await;
}

#[tokio::test]
async fn a_big_line_passes_unchanged() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, _b) = played.pair().await;
    let text = "é\"\\".repeat(3 << 20);
    a.call("1", "turn/steer", json!({"text": text})).await;
    let call = engine.expect("turn/steer").await;
    assert_eq!(call["params"]["text"], *text);
    engine.answer(&call, json!({"text": text})).await;
    assert_eq!(a.answer("1").await["result"]["text"], *text);
    played.end().await;
}

#[tokio::test]
async fn shutdown_is_refused_while_a_turn_runs_and_obeyed_when_it_is_forced() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    let stopped = broker::stop_all(&played.options.state_dir, false, LIMIT)
        .await
        .unwrap();
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Busy { running: 1 })]),
        "{stopped:?}"
    );
    b.call("2", "model/list", json!({})).await;
    engine.expect("model/list").await;

    b.call("3", "broker/shutdown", json!({"force": true})).await;
    b.answer("3").await;
    assert_eq!(
        BrokerReason::of(&b.error("2").await),
        Some(BrokerReason::ShuttingDown)
    );
    assert_eq!(a.read().await["method"], broker::ENGINE_LOST);
    assert!(a.is_cut().await);
    let eof = within("the end of the engine's input", engine.lines.next_line()).await;
    assert_eq!(eof.unwrap(), None);
    engine.die("ended");
    let ending = within("the end", played.serving).await.unwrap().unwrap();
    assert_eq!(ending, Ending::Asked);
    let left = broker::status_all(&played.options.state_dir, LIMIT)
        .await
        .unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(
        broker::newest_record(&played.options.state_dir).unwrap(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_broker_ends_by_itself_when_its_time_is_over() {
    let sandbox = Sandbox::new();
    let options = options(&sandbox);
    let began = tokio::time::Instant::now();
    let (runs, _never) = mpsc::unbounded_channel();
    let ending = broker::serve_with(
        serve_options(&options),
        Box::new(PlayedEngines { runs }),
        |_| {},
        std::future::pending(),
    )
    .await
    .unwrap();
    assert_eq!(ending, Ending::Idle);
    assert_eq!(began.elapsed().as_secs(), 600);
    assert!(!sandbox.path("state/ws/broker.json").exists());
}

// Folders and records.

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    let options = options(&sandbox);
    let folder = options.state_dir.join("broker").join(&options.identity.key);
    std::fs::create_dir_all(&folder).unwrap();
    for (path, mode) in [(folder.parent().unwrap(), 0o700), (&*folder, 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let error = broker::connect_or_start(&options).await.unwrap_err();
    assert!(matches!(error, BrokerError::UnsafeFolder { .. }), "{error}");
    assert!(error.hint().unwrap().contains("chmod 700"));
    let error = broker::serve(serve_options(&options), |_| {}, std::future::pending())
        .await
        .unwrap_err();
    assert!(matches!(error, BrokerError::UnsafeFolder { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_of_another_user_or_a_link_is_refused() {
    let sandbox = Sandbox::new();
    let options = options(&sandbox);
    std::fs::create_dir_all(&options.state_dir).unwrap();
    let brokers = options.state_dir.join("broker");
    std::os::unix::fs::symlink(sandbox.path("run"), &brokers).unwrap();
    let error = broker::connect_or_start(&options).await.unwrap_err();
    assert!(error.to_string().contains("it is no folder"), "{error}");
    std::fs::remove_file(&brokers).unwrap();

    // Only root can make a folder that belongs to somebody else.
    std::fs::create_dir(&brokers).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&brokers, Some(12_345), None).unwrap();
        let error = broker::connect_or_start(&options).await.unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
    }
}

#[tokio::test]
async fn a_state_folder_too_deep_for_a_socket_uses_the_runtime_folder() {
    let sandbox = Sandbox::new();
    let mut options = options(&sandbox);
    options.state_dir = sandbox.path("state").join("d".repeat(200));
    options.self_exe = env!("CARGO_BIN_EXE_broker-host").into();
    let connection = broker::connect_or_start(&options).await.unwrap();
    let endpoint = connection.endpoint.to_string();
    let expected = format!("unix:{}", sandbox.path("run/codex-review-").display());
    assert!(endpoint.starts_with(&expected), "{endpoint}");
    let stopped = broker::stop_all(&options.state_dir, false, LIMIT)
        .await
        .unwrap();
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Stopped)]),
        "{stopped:?}"
    );

    options.runtime_dir = options.state_dir.clone();
    let error = broker::connect_or_start(&options).await.unwrap_err();
    assert!(
        error.to_string().contains("no folder is short enough"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_given_is_used_and_nothing_is_started() {
    let mut played = Played::start(4).await;
    let (_engine, _a, _b) = played.pair().await;
    let elsewhere = Sandbox::new();
    let mut other = options(&elsewhere);
    other.endpoint = Some(
        broker::newest_record(&played.options.state_dir)
            .unwrap()
            .unwrap()
            .endpoint,
    );
    let mut client = Client::connect(&other).await;
    assert_eq!(client.status().await.clients, 3);
    drop(client);
    other.endpoint = Some(broker::Endpoint::parse("unix:/nonexistent/x.sock").unwrap());
    let error = broker::connect_or_start(&other).await.unwrap_err();
    assert!(
        error.to_string().contains("unix:/nonexistent/x.sock"),
        "{error}"
    );
    played.end().await;
}

// Real processes.

/// A workspace whose brokers and engines are processes.
struct Workspace {
    options: BrokerOptions,
    sandbox: Sandbox,
}

impl Workspace {
    /// With an engine that plays `script`.
    fn new(script: &str) -> Self {
        let sandbox = Sandbox::new();
        let mut options = options(&sandbox);
        options.self_exe = env!("CARGO_BIN_EXE_broker-host").into();
        let script = sandbox.write("script", script);
        options.engine = EngineCommand::new(env!("CARGO_BIN_EXE_fake-app-server"))
            .env("FAKE_APP_SERVER_SCRIPT_FILE", script)
            .env("CODEX_HOME", sandbox.codex_home());
        Workspace { options, sandbox }
    }

    async fn client(&self) -> Client {
        let mut client = Client::connect(&self.options).await;
        client.call("hello", "initialize", json!({})).await;
        let greeting = client.answer("hello").await;
        assert!(greeting["result"].is_object(), "{greeting}");
        client
    }

    async fn stop(&self) {
        let stopped = broker::stop_all(&self.options.state_dir, true, LIMIT)
            .await
            .unwrap();
        assert!(
            stopped
                .iter()
                .all(|(_, outcome)| matches!(outcome, StopOutcome::Stopped)),
            "{stopped:?}"
        );
    }

    fn assert_no_process(&self) {
        self.sandbox.assert_no_process_left();
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn turn(cwd: &Path) -> TurnRequest {
    TurnRequest {
        cwd: cwd.to_owned(),
        sandbox: Access::ReadOnly,
        thread: ThreadChoice::New {
            ephemeral: true,
            name: None,
        },
        action: TurnAction::Prompt {
            text: "look".into(),
            output_schema: None,
        },
        model: None,
        effort: None,
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn a_turn_runs_through_a_broker_that_was_started_for_it() {
    let workspace = Workspace::new("answer all is well\n");
    let found = broker::connect_or_start(&workspace.options).await.unwrap();
    assert!(found.started);
    let mut connection = Connection::over(found.reader, found.writer, ConnectionBounds::default());
    let limits = Limits::default();
    handshake(&connection.caller(), &ClientInfo::default(), &limits)
        .await
        .unwrap();
    let request = turn(workspace.sandbox.root());
    let result = within(
        "a turn",
        run_turn(&mut connection, &request, &mut |_| {}, &Cancel::never()),
    )
    .await
    .unwrap();
    assert!(format!("{result:?}").contains("all is well"), "{result:?}");
    drop(connection);
    workspace.stop().await;
    workspace.assert_no_process();
}

#[tokio::test]
async fn racing_starters_end_with_one_broker() {
    let workspace = Workspace::new("");
    let mut starters = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let options = workspace.options.clone();
        starters.spawn(async move { broker::connect_or_start(&options).await.unwrap() });
    }
    let connections = within("eight connections", starters.join_all()).await;
    let started = connections.iter().filter(|found| found.started).count();
    assert_eq!(started, 1);
    let mut pids = Vec::new();
    for connection in connections {
        pids.push(Client::of(connection).status().await.pid);
    }
    pids.dedup();
    assert_eq!(pids.len(), 1, "{pids:?}");
    workspace.stop().await;
}

#[tokio::test]
async fn a_killed_broker_takes_its_engine_along_and_the_next_client_starts_anew() {
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    let before = client.status().await;
    let engine_pid = before.engine_pid.unwrap();
    kill(before.pid);
    assert!(client.is_cut().await);
    let record = workspace.options.state_dir.join("broker.json");
    assert!(record.exists(), "a killed broker cannot clean up");
    workspace.assert_no_process();

    // What is recorded is stale: another broker is started in its place.
    let mut client = workspace.client().await;
    let after = client.status().await;
    assert_ne!(after.pid, before.pid);
    assert_ne!(after.engine_pid.unwrap(), engine_pid);
    workspace.stop().await;
    assert!(!record.exists());
    workspace.assert_no_process();
}

#[tokio::test]
async fn a_killed_engine_is_reported_and_replaced() {
    let workspace = Workspace::new("on model/list : hang\n");
    let mut client = workspace.client().await;
    let engine_pid = client.status().await.engine_pid.unwrap();
    client.call("1", "model/list", json!({})).await;
    kill(engine_pid);
    let error = client.error("1").await;
    assert!(error.message.contains("killed by signal 9"), "{error}");
    client.call("2", "account/read", json!({})).await;
    let answer = client.answer("2").await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(client.status().await.engine_exits, 1);
    workspace.stop().await;
}

#[tokio::test]
async fn an_engine_that_cannot_be_started_is_named_to_the_client() {
    let mut workspace = Workspace::new("");
    workspace.options.engine = EngineCommand::new("/nonexistent/codex");
    let mut client = Client::connect(&workspace.options).await;
    client.call("1", "initialize", json!({})).await;
    let error = client.error("1").await;
    assert_eq!(
        BrokerReason::of(&error),
        Some(BrokerReason::EngineUnavailable)
    );
    assert!(error.message.contains("/nonexistent/codex"), "{error}");
    workspace.stop().await;
}

#[tokio::test]
async fn a_broker_that_dies_at_its_start_is_reported_with_the_end_of_its_log() {
    let mut workspace = Workspace::new("");
    workspace.options.self_exe = workspace.sandbox.script(
        "bad",
        "#!/bin/sh\necho first >&2; echo 'it hurts here' >&2; exit 4\n",
    );
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("it hurts here") && text.contains("exit status: 4"),
        "{text}"
    );

    workspace.options.self_exe = "/nonexistent/codex-review".into();
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("/nonexistent/codex-review"),
        "{error}"
    );
}

#[tokio::test]
async fn a_broker_ends_at_a_signal_with_all_that_it_started() {
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    let pid = client.status().await.pid.cast_signed();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(client.is_cut().await);
    workspace.assert_no_process();
    assert!(!workspace.options.state_dir.join("broker.json").exists());
}

#[tokio::test]
async fn an_engine_that_ignores_the_end_of_its_input_is_killed_with_the_broker() {
    let workspace = Workspace::new("at-start : deaf\n");
    let client = workspace.client().await;
    drop(client);
    workspace.stop().await;
    workspace.assert_no_process();
}

#[tokio::test]
async fn a_broker_that_hangs_is_left_alone_until_its_end_is_forced() {
    let mut workspace = Workspace::new("");
    workspace.options.connect_timeout = Duration::from_millis(300);
    let mut client = workspace.client().await;
    let pid = client.status().await.pid;
    let raw = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::STOP).unwrap();
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    assert!(
        matches!(error, BrokerError::NotResponding { .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--force"));
    let short = Duration::from_millis(300);
    let state_dir = &workspace.options.state_dir;
    let views = broker::status_all(state_dir, short).await.unwrap();
    assert!(
        matches!(views[..], [broker::BrokerView { status: Err(_), .. }]),
        "{views:?}"
    );
    let stopped = broker::stop_all(state_dir, false, short).await.unwrap();
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Failed(_))]),
        "{stopped:?}"
    );
    let stopped = broker::stop_all(state_dir, true, short).await.unwrap();
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Killed)]),
        "{stopped:?}"
    );
    workspace.assert_no_process();
}

#[tokio::test]
async fn brokers_of_all_workspaces_are_found_by_their_state() {
    let workspace = Workspace::new("");
    let mut other_engine = workspace.options.clone();
    other_engine.identity.key = "fedcba9876543210".into();
    let first = Client::connect(&workspace.options).await;
    let second = Client::connect(&other_engine).await;
    let root = workspace.options.state_dir.parent().unwrap();
    assert_eq!(
        broker::workspaces_with_brokers(root),
        [workspace.options.state_dir.clone()]
    );
    let views = broker::status_all(&workspace.options.state_dir, LIMIT)
        .await
        .unwrap();
    let keys: Vec<String> = views
        .iter()
        .map(|view| view.status.as_ref().unwrap().key.clone())
        .collect();
    assert_eq!(keys, ["0123456789abcdef", "fedcba9876543210"]);
    drop((first, second));
    workspace.stop().await;
    assert!(
        broker::status_all(&workspace.options.state_dir, LIMIT)
            .await
            .unwrap()
            .is_empty()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_broker_stays_small() {
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    for id in 0..1000 {
        client
            .call(&id.to_string(), "account/read", json!({}))
            .await;
        client.answer(&id.to_string()).await;
    }
    let pid = client.status().await.pid;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().split(' ').next()?.parse().ok())
        .unwrap();
    assert!(resident < 12 * 1024, "{resident} KiB resident");
    workspace.stop().await;
}

#[test]
fn a_broker_keeps_none_of_its_starters_files_open() {
    let sandbox = Sandbox::new();
    let marker = sandbox.write("marker", "");
    let host = env!("CARGO_BIN_EXE_broker-host");
    let options = options(&sandbox);
    let arguments = serve_options(&options).to_arguments();
    let script = sandbox.script(
        "leak",
        format!(
            "#!/bin/sh\nexec 7>>'{}'\nexec '{host}' \"$@\"\n",
            marker.display()
        ),
    );
    let child = sandbox
        .program(&script)
        .args(["broker", "serve"])
        .args(arguments)
        .spawn();
    child.stdout_line(|line| line == "ready");
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.pid()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .any(|target| target == marker);
    assert!(!open, "the marker is open in the broker");
    let stopped = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(broker::stop_all(&options.state_dir, false, LIMIT))
        .unwrap();
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Stopped)]),
        "{stopped:?}"
    );
    child.wait().expect_code(0);
}
