//! What the broker costs: relaying an engine's notifications to a client, and a client's requests to an engine.
//!
//! The engine is played at the other end of a socket pair, so that what is measured is the broker and two hops.

use std::future::pending;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use codex_review::broker::{self, BrokerIdentity, EngineLauncher, LaunchedEngine, ServeOptions};
use codex_review::engine::EngineCommand;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

const NOTIFICATIONS: usize = 10_000;

/// Hands out one engine: the end of a socket pair.
struct OneEngine(Option<UnixStream>);

impl EngineLauncher for OneEngine {
    fn launch(&mut self) -> Result<LaunchedEngine, String> {
        let stream = self.0.take().ok_or("there is one engine")?;
        stream
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        let stream = tokio::net::UnixStream::from_std(stream).map_err(|error| error.to_string())?;
        let (output, input) = stream.into_split();
        Ok(LaunchedEngine {
            pid: None,
            input: Box::new(input),
            output: Box::new(output),
            exit: Box::pin(pending()),
            kill: Box::new(|| {}),
        })
    }
}

/// A broker on a thread of its own, one greeted client, and the engine's end.
struct Relay {
    client: BufReader<UnixStream>,
    engine: BufReader<UnixStream>,
    _folder: tempfile::TempDir,
}

impl Relay {
    fn start() -> Self {
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let options = ServeOptions {
            state_dir: folder.path().join("state"),
            runtime_dir: folder.path().to_owned(),
            identity: BrokerIdentity {
                key: "bench".into(),
                executable: "/engine".into(),
                engine_version: "1".into(),
                home: "/".into(),
            },
            engine: EngineCommand::new("/engine"),
            tuning: Default::default(),
        };
        let (ready, endpoint) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let launcher = Box::new(OneEngine(Some(theirs)));
            let serving = broker::serve_with(
                options,
                launcher,
                |endpoint| ready.send(endpoint.clone()).expect("the bench waits"),
                pending(),
            );
            runtime.block_on(serving).expect("it serves");
        });
        let broker::Endpoint::Unix(path) = endpoint.recv().expect("it becomes ready") else {
            unreachable!("benches run on Unix")
        };
        let mut relay = Relay {
            client: BufReader::new(UnixStream::connect(path).expect("it listens")),
            engine: BufReader::new(ours),
            _folder: folder,
        };
        relay.write_client(b"{\"id\":1,\"method\":\"initialize\",\"params\":{}}\n");
        let hello = read(&mut relay.engine);
        let id = hello
            .split([':', ','])
            .nth(1)
            .expect("a call has an id")
            .to_owned();
        relay.write_engine(format!("{{\"id\":{id},\"result\":{{}}}}\n").as_bytes());
        read(&mut relay.client);
        read(&mut relay.engine);
        // The client comes to own a thread.
        relay.write_client(b"{\"id\":2,\"method\":\"thread/start\",\"params\":{}}\n");
        let start = read(&mut relay.engine);
        let id = start
            .split([':', ','])
            .nth(1)
            .expect("a call has an id")
            .to_owned();
        relay.write_engine(
            format!("{{\"id\":{id},\"result\":{{\"thread\":{{\"id\":\"t\"}}}}}}\n").as_bytes(),
        );
        read(&mut relay.client);
        relay
    }

    fn write_client(&mut self, bytes: &[u8]) {
        self.client.get_mut().write_all(bytes).expect("it reads");
    }

    fn write_engine(&mut self, bytes: &[u8]) {
        self.engine.get_mut().write_all(bytes).expect("it reads");
    }
}

fn read(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).expect("it writes");
    line
}

/// Notifications of a given size, from the engine to the client that owns their thread.
#[divan::bench(args = [100, 1_000, 10_000], sample_count = 20)]
fn notifications(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let mut relay = Relay::start();
    let line = format!(
        "{{\"method\":\"item/agentMessage/delta\",\"params\":{{\"threadId\":\"t\",\"turnId\":\"u\",\"itemId\":\"i\",\"delta\":\"{}\"}}}}\n",
        "x".repeat(text_bytes)
    );
    let bytes = line.len() * NOTIFICATIONS;
    bencher
        .counter(ItemsCount::new(NOTIFICATIONS))
        .counter(BytesCount::new(bytes))
        .bench_local(|| {
            let mut engine = relay.engine.get_ref().try_clone().expect("a descriptor");
            let line = line.clone();
            let writer = std::thread::spawn(move || {
                let block = line.repeat(10);
                for _ in 0..NOTIFICATIONS / 10 {
                    engine.write_all(block.as_bytes()).expect("it reads");
                }
            });
            let mut seen = Vec::new();
            for _ in 0..NOTIFICATIONS {
                seen.clear();
                relay
                    .client
                    .read_until(b'\n', &mut seen)
                    .expect("it writes");
            }
            writer.join().expect("the engine wrote");
        });
}

/// One request to the engine and its answer, of a given size each.
#[divan::bench(args = [100, 100_000], sample_count = 200)]
fn round_trip(bencher: Bencher<'_, '_>, text_bytes: usize) {
    let mut relay = Relay::start();
    let mut output = relay.engine.get_ref().try_clone().expect("a descriptor");
    let mut input = BufReader::new(output.try_clone().expect("a descriptor"));
    let text = "x".repeat(text_bytes);
    let answer = text.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|count| count > 0) {
            let id = line.split([':', ',']).nth(1).expect("a call has an id");
            let reply = format!("{{\"id\":{id},\"result\":{{\"text\":\"{answer}\"}}}}\n");
            if output.write_all(reply.as_bytes()).is_err() {
                return;
            }
            line.clear();
        }
    });
    let request =
        format!("{{\"id\":7,\"method\":\"turn/steer\",\"params\":{{\"text\":\"{text}\"}}}}\n");
    let mut seen = Vec::new();
    bencher.bench_local(|| {
        relay.write_client(request.as_bytes());
        seen.clear();
        relay
            .client
            .read_until(b'\n', &mut seen)
            .expect("it writes");
    });
}
