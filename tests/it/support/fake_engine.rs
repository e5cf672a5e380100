//! The fake app server (`tests/fakes/app_server.rs`) as an engine, and the control stream that tells it what to do.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use codex_review::engine::{EngineCommand, EngineError, TurnEnd, TurnResult};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use super::Sandbox;

/// How long a test waits for what must happen.
const LIMIT: Duration = Duration::from_secs(30);

/// The fake app server with a script, in the sandbox's environment. The script's language stands at the head of
/// `tests/fakes/app_server.rs`; an empty script behaves like Codex.
pub fn fake_engine(sandbox: &Sandbox, script: &str) -> EngineCommand {
    let command = EngineCommand::new(env!("CARGO_BIN_EXE_fake-app-server"))
        .arg("app-server")
        .env("FAKE_APP_SERVER_SCRIPT", script);
    in_sandbox(command, sandbox)
}

/// A turn that came to its end; one that broke off is its error.
pub fn ended(result: Result<TurnResult, EngineError>) -> Result<TurnResult, EngineError> {
    match result {
        Ok(TurnResult {
            end: TurnEnd::BrokenOff(error),
            ..
        }) => Err(error),
        ended => ended,
    }
}

/// Any engine, in the sandbox's environment and root.
pub fn in_sandbox(command: EngineCommand, sandbox: &Sandbox) -> EngineCommand {
    let mut command = sandbox
        .environment()
        .into_iter()
        .fold(command, |command, (name, value)| command.env(name, value));
    command.cwd = Some(sandbox.root().to_owned());
    command
}

/// Where fake app servers report; make it before they start.
#[derive(Debug)]
pub struct Control(TcpListener);

impl Control {
    /// A listener on loopback.
    pub fn new() -> Self {
        Control(TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"))
    }

    /// The variable that makes a fake app server report here.
    pub fn variable(&self) -> (OsString, OsString) {
        let address = self.0.local_addr().expect("the listener is bound");
        ("FAKE_APP_SERVER_CONTROL".into(), address.to_string().into())
    }

    /// The next fake app server that starts; fails the test when none does.
    #[track_caller]
    pub fn server(&self) -> FakeServer {
        let limit = Timespec::try_from(LIMIT).expect("the limit is short");
        let mut listening = [PollFd::new(&self.0, PollFlags::IN)];
        let ready = poll(&mut listening, Some(&limit)).expect("a listener can be polled");
        assert!(ready == 1, "no fake app server started");
        let (stream, _) = self.0.accept().expect("a connection waits");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("the limit is not zero");
        let lines = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        let mut server = FakeServer {
            pid: 0,
            lines,
            stream,
        };
        let hello = server.line().expect("a fake app server says its pid first");
        server.pid = hello
            .strip_prefix("pid ")
            .and_then(|pid| pid.parse().ok())
            .expect("the first line is the pid");
        server
    }
}

/// A fake app server that runs.
#[derive(Debug)]
pub struct FakeServer {
    /// Its process id.
    pub pid: u32,
    lines: BufReader<TcpStream>,
    stream: TcpStream,
}

impl FakeServer {
    /// The next line; `None` once the process has ended. Fails the test after a while.
    #[track_caller]
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("the fake app server says nothing: {error}"),
        }
    }

    /// Waits until its client calls `method`, or sends it as a notification, and returns the message.
    #[track_caller]
    pub fn wait_call(&mut self, method: &str) -> Value {
        self.wait_call_of(&[method])
    }

    /// As [`FakeServer::wait_call`], for whichever of several methods comes first.
    #[track_caller]
    pub fn wait_call_of(&mut self, methods: &[&str]) -> Value {
        self.wait_message(&format!("a call of {methods:?}"), |message| {
            methods.iter().any(|method| message["method"] == *method)
        })
    }

    /// Waits for its client's next answer to a request of the server's, and returns the message.
    #[track_caller]
    pub fn wait_answer(&mut self) -> Value {
        self.wait_message("an answer", |message| message.get("method").is_none())
    }

    #[track_caller]
    fn wait_message(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Some(line) = self.line() else {
                panic!("the fake app server ended before {what}");
            };
            if let Some(received) = line.strip_prefix("recv ")
                && let Ok(message) = serde_json::from_str::<Value>(received)
                && wanted(&message)
            {
                return message;
            }
        }
    }

    /// Waits until it reports `tell NAME`.
    #[track_caller]
    pub fn wait_tell(&mut self, name: &str) {
        loop {
            match self.line() {
                Some(line) if line == format!("tell {name}") => return,
                Some(_) => {}
                None => panic!("the fake app server ended before it told {name}"),
            }
        }
    }

    /// Waits until its process has ended.
    #[track_caller]
    pub fn wait_end(&mut self) {
        while self.line().is_some() {}
    }

    /// Releases `wait NAME` and `hold NAME`.
    pub fn go(&mut self, name: &str) {
        self.tell(&format!("go {name}"));
    }

    /// Runs a step at once.
    pub fn perform(&mut self, step: &str) {
        self.tell(&format!("do {step}"));
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.stream, "{line}").expect("the fake app server runs");
    }
}
