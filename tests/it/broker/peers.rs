//! What the tests of the broker play themselves: an engine, a client, and a broker in this process.

use codex_review::broker::{
    self, BrokerConnection, BrokerError, BrokerOptions, BrokerReader, BrokerStatus, BrokerWriter,
    Ending, EngineLauncher, LaunchedEngine,
};
use codex_review::rpc::ErrorObject;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{options, serve_options, within};
use crate::support::Sandbox;

/// One run of the engine: what the broker wrote to it, what it says, how it ends.
pub(super) struct Engine {
    pub(super) lines: tokio::io::Lines<BufReader<tokio::io::DuplexStream>>,
    output: tokio::io::DuplexStream,
    exit: Option<oneshot::Sender<String>>,
}

pub(super) struct PlayedEngines {
    pub(super) runs: mpsc::UnboundedSender<Engine>,
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
                    reason = exited => reason.unwrap_or_else(|_| "gone".to_owned()),
                    Ok(()) = killed => "killed".to_owned(),
                }
            }),
            kill: Box::new(move || {
                let _gone = kill.send(());
            }),
        })
    }
}

impl Engine {
    pub(super) async fn read(&mut self) -> Value {
        let line = within("a line for the engine", self.lines.next_line()).await;
        let line = line
            .unwrap()
            .expect("the broker keeps the engine's input open");
        serde_json::from_str(&line).unwrap()
    }

    /// The next line, which must be a call of `method`.
    pub(super) async fn expect(&mut self, method: &str) -> Value {
        let call = self.read().await;
        assert_eq!(call["method"], method, "{call}");
        call
    }

    pub(super) async fn write(&mut self, text: &str) {
        within("writing", self.output.write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    pub(super) async fn say(&mut self, message: Value) {
        self.write(&format!("{message}\n")).await;
    }

    pub(super) async fn answer(&mut self, call: &Value, result: Value) {
        self.say(json!({"id": call["id"], "result": result})).await;
    }

    pub(super) async fn greet(&mut self) {
        let call = self.expect("initialize").await;
        self.answer(&call, json!({"userAgent": "played/1"})).await;
        self.expect("initialized").await;
    }

    /// Answers the start of a turn.
    pub(super) async fn start_turn(&mut self, turn: &str) -> Value {
        let call = self.expect("turn/start").await;
        self.answer(&call, json!({"turn": {"id": turn}})).await;
        call
    }

    pub(super) async fn complete(&mut self, thread: &str, turn: &str) {
        let params = json!({"threadId": thread, "turn": {"id": turn, "status": "completed"}});
        self.say(json!({"method": "turn/completed", "params": params}))
            .await;
    }

    pub(super) fn die(mut self, reason: &str) {
        self.exit
            .take()
            .expect("it dies once")
            .send(reason.to_owned())
            .expect("the broker watches");
    }
}

pub(super) struct Client {
    lines: tokio::io::Lines<BufReader<BrokerReader>>,
    writer: BrokerWriter,
}

impl Client {
    pub(super) fn of(connection: BrokerConnection) -> Self {
        Client {
            lines: BufReader::new(connection.reader).lines(),
            writer: connection.writer,
        }
    }

    pub(super) async fn connect(options: &BrokerOptions) -> Self {
        let connecting = within("connecting", broker::connect_or_start(options)).await;
        Client::of(connecting.unwrap())
    }

    pub(super) async fn write(&mut self, text: &str) {
        within("writing", self.writer.write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    pub(super) async fn call(&mut self, id: &str, method: &str, params: Value) {
        self.write(&format!(
            "{}\n",
            json!({"id": id, "method": method, "params": params})
        ))
        .await;
    }

    pub(super) async fn read(&mut self) -> Value {
        let line = within("a line for a client", self.lines.next_line()).await;
        let line = line.unwrap().expect("the broker keeps the connection");
        serde_json::from_str(&line).unwrap()
    }

    /// The next line, which must be the answer to `id`.
    pub(super) async fn answer(&mut self, id: &str) -> Value {
        let line = self.read().await;
        assert_eq!(line["id"], id, "{line}");
        line
    }

    pub(super) async fn error(&mut self, id: &str) -> ErrorObject {
        let line = self.answer(id).await;
        serde_json::from_value(line["error"].clone()).unwrap_or_else(|_| panic!("{line}"))
    }

    pub(super) async fn status(&mut self) -> BrokerStatus {
        self.call("status", "broker/status", json!({})).await;
        let line = self.answer("status").await;
        BrokerStatus::from_value(line["result"].clone()).unwrap_or_else(|| panic!("{line}"))
    }

    /// Whether the broker closed the connection; reads up to there.
    pub(super) async fn is_cut(&mut self) -> bool {
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
pub(super) struct Played {
    pub(super) options: BrokerOptions,
    runs: mpsc::UnboundedReceiver<Engine>,
    pub(super) serving: JoinHandle<Result<Ending, BrokerError>>,
    stop: Option<oneshot::Sender<()>>,
    // Last, so that it is checked when everything else is gone.
    _sandbox: Sandbox,
}

impl Played {
    pub(super) async fn start(max_streams: usize) -> Self {
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

    pub(super) async fn engine(&mut self) -> Engine {
        within("an engine's start", self.runs.recv()).await.unwrap()
    }

    /// A connected client that has been greeted; `engine` greets if it has not yet.
    pub(super) async fn client(&self) -> Client {
        let mut client = Client::connect(&self.options).await;
        client.call("hello", "initialize", json!({})).await;
        client
    }

    /// Two greeted clients and their engine.
    pub(super) async fn pair(&mut self) -> (Engine, Client, Client) {
        let mut first = self.client().await;
        let mut engine = self.engine().await;
        engine.greet().await;
        first.answer("hello").await;
        let mut second = self.client().await;
        second.answer("hello").await;
        (engine, first, second)
    }

    /// Ends the broker as a signal does; its engine ends at the end of its input.
    pub(super) async fn end(mut self, engine: Engine) -> Ending {
        self.stop.take().unwrap().send(()).unwrap();
        let Engine {
            mut lines,
            output,
            exit,
        } = engine;
        within("the end of the engine's input", async {
            while let Ok(Some(_)) = lines.next_line().await {}
        })
        .await;
        drop((exit, output));
        within("the broker's end", self.serving)
            .await
            .unwrap()
            .unwrap()
    }
}
