//! A scriptable stand-in for an app server: one process that speaks JSON lines on stdio and does as it is told.
//!
//! Without a script it behaves: `initialize`, account, config and model reads, threads, turns and reviews get the
//! answers and notifications that Codex 0.169 sends, a turn can be interrupted, and end of input ends the process.
//!
//! # How it is told
//!
//! - `FAKE_APP_SERVER_SCRIPT`: the script itself (lines; `\n` in the environment is a real line feed).
//! - `FAKE_APP_SERVER_SCRIPT_FILE`: a file with the script, read when the first is not set.
//! - `FAKE_APP_SERVER_LOG`: a file to which every received line is appended as `recv LINE` and every sent one as
//!   `send LINE`.
//! - `FAKE_APP_SERVER_CONTROL`: `HOST:PORT` of a listener in the test. The server connects at start and reports one
//!   line each: `pid N`, `recv LINE` (each line from its client), `tell NAME`. It accepts `go NAME` (releases
//!   `wait NAME`, now or later) and `do STEP` (runs a step at once). End of the control stream means the process ended.
//!
//! # Script
//!
//! One setting or rule a line; `#` starts a comment line. A rule's steps follow on indented lines, or one step follows
//! the rule after ` : `.
//!
//! ```text
//! version 0.42.0            what `--version` and `initialize` say
//! answer TEXT               final text of every turn (JSON is text as well)
//! review JSON               raw JSON of every review
//! hold NAME                 every turn waits for `go NAME` before it answers; an interrupt ends it sooner
//! on METHOD                 steps for every call of METHOD
//! on METHOD #2              steps for the second call only (goes before the general rule)
//! expect METHOD             strict order: calls other than `initialize` must come as the `expect` rules say;
//!                           any other ends the process with exit status 97 and a line on stderr
//! at-start                  steps before the first line is read
//! ```
//!
//! Steps, where `{{thread}}`, `{{turn}}`, `{{cwd}}` and `{{pid}}` are filled in:
//!
//! ```text
//! default                   what would have happened without the rule
//! reply JSON                answers the call with a result
//! fail CODE MESSAGE         answers the call with an error; ` data JSON` at the end adds data
//! send TEXT                 writes a line as it stands
//! notify METHOD JSON        sends a notification
//! ask METHOD JSON           sends a request and waits for its answer (seen in the log and on the control stream)
//! garbage                   writes coloured noise that is not JSON
//! huge N                    writes a line of N bytes that is not JSON
//! flood N                   sends N small notifications for the current thread
//! stderr TEXT               writes a line to stderr
//! tell NAME                 reports on the control stream
//! wait NAME                 waits for `go NAME` on the control stream
//! hang                      never answers this call
//! stall                     stops answering anything; still reads, still ends at end of input
//! deaf                      ignores end of input as well
//! close                     closes stdout and lives on
//! exit N | crash | die      ends with a status, by abort, by SIGKILL
//! ```

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

fn main() {
    let script = read_script();
    if std::env::args().any(|argument| argument == "--version") {
        say(format!("fake-app-server {}\n", script.version).as_bytes());
        return;
    }
    let server = Arc::new(Server::new(script));
    server.connect_control();
    let at_start = server.script.at_start.clone();
    server.run(&at_start, &Call::none());
    for line in BufReader::new(std::io::stdin()).split(b'\n') {
        let Ok(line) = line else { break };
        server.receive(&line);
    }
    while server.deaf.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

fn say(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

fn complain(text: &str) {
    // A closed stderr must not end the stand-in.
    drop(writeln!(std::io::stderr(), "{text}"));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Default)]
struct Script {
    version: String,
    answer: Option<String>,
    review: Option<String>,
    hold: Option<String>,
    rules: Vec<Rule>,
    at_start: Vec<String>,
}

#[derive(Clone)]
struct Rule {
    method: String,
    /// Only the n-th call of the method, from 1.
    only: Option<usize>,
    in_order: bool,
    steps: Vec<String>,
}

fn read_script() -> Script {
    let text = std::env::var("FAKE_APP_SERVER_SCRIPT").unwrap_or_else(|_| {
        std::env::var_os("FAKE_APP_SERVER_SCRIPT_FILE").map_or_else(String::new, |path| {
            std::fs::read_to_string(&path).unwrap_or_else(|error| {
                complain(&format!("script {}: {error}", path.display()));
                std::process::exit(96)
            })
        })
    });
    parse(&text).unwrap_or_else(|problem| {
        complain(&format!("script: {problem}"));
        std::process::exit(96)
    })
}

fn parse(text: &str) -> Result<Script, String> {
    enum Open {
        Nothing,
        Rule,
        AtStart,
    }
    let mut script = Script {
        version: "0.169.0".to_owned(),
        ..Script::default()
    };
    let mut open = Open::Nothing;
    for line in text.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let step = line.trim().to_owned();
            match open {
                Open::Rule => script
                    .rules
                    .last_mut()
                    .expect("a rule is open")
                    .steps
                    .push(step),
                Open::AtStart => script.at_start.push(step),
                Open::Nothing => return Err(format!("step without a rule: {line}")),
            }
            continue;
        }
        open = Open::Nothing;
        let (word, rest) = split_word(line);
        match word {
            "version" => script.version = rest.to_owned(),
            "answer" => script.answer = Some(rest.to_owned()),
            "review" => script.review = Some(rest.to_owned()),
            "hold" => script.hold = Some(rest.to_owned()),
            "at-start" => {
                open = Open::AtStart;
                if let Some(step) = rest.strip_prefix(": ") {
                    script.at_start.push(step.to_owned());
                }
            }
            "on" | "expect" => {
                let (head, step) = match rest.split_once(" : ") {
                    Some((head, step)) => (head, Some(step.to_owned())),
                    None => (rest, None),
                };
                let (method, only) = match head.trim().split_once(" #") {
                    Some((method, n)) => (
                        method.trim(),
                        Some(n.parse().map_err(|_| format!("bad call number: {line}"))?),
                    ),
                    None => (head.trim(), None),
                };
                script.rules.push(Rule {
                    method: method.to_owned(),
                    only,
                    in_order: word == "expect",
                    steps: step.into_iter().collect(),
                });
                open = Open::Rule;
            }
            _ => return Err(format!("unknown line: {line}")),
        }
    }
    Ok(script)
}

fn split_word(line: &str) -> (&str, &str) {
    match line.trim().split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (line.trim(), ""),
    }
}

/// One message that steps run for.
#[derive(Clone, Default)]
struct Call {
    id: Option<Value>,
    method: String,
    params: Value,
}

impl Call {
    fn none() -> Self {
        Call::default()
    }

    fn thread(&self) -> &str {
        self.params["threadId"].as_str().unwrap_or("")
    }
}

#[derive(Default)]
struct Threads {
    cwd: HashMap<String, String>,
    /// The turn that runs on a thread, by the id that an interrupt must name.
    running: HashMap<String, String>,
    interrupted: HashSet<String>,
}

struct Server {
    script: Script,
    counts: Mutex<HashMap<String, usize>>,
    next_in_order: Mutex<usize>,
    serial: AtomicU64,
    stalled: AtomicBool,
    deaf: AtomicBool,
    threads: Mutex<Threads>,
    /// Names that `go` released, and ids of requests that were answered.
    released: Mutex<HashSet<String>>,
    changed: Condvar,
    control: Mutex<Option<TcpStream>>,
    log: Option<Mutex<std::fs::File>>,
}

impl Server {
    fn new(script: Script) -> Self {
        let log = std::env::var_os("FAKE_APP_SERVER_LOG").map(|path| {
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .unwrap_or_else(|error| {
                    complain(&format!("log {}: {error}", path.display()));
                    std::process::exit(96)
                });
            Mutex::new(file)
        });
        Server {
            script,
            counts: Mutex::default(),
            next_in_order: Mutex::new(0),
            serial: AtomicU64::new(1),
            stalled: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            threads: Mutex::default(),
            released: Mutex::default(),
            changed: Condvar::new(),
            control: Mutex::new(None),
            log,
        }
    }

    fn connect_control(self: &Arc<Self>) {
        let Ok(address) = std::env::var("FAKE_APP_SERVER_CONTROL") else {
            return;
        };
        let stream = match TcpStream::connect(&address) {
            Ok(stream) => stream,
            Err(error) => {
                complain(&format!("control {address}: {error}"));
                std::process::exit(96)
            }
        };
        let reader = stream
            .try_clone()
            .expect("a connected socket can be cloned");
        *lock(&self.control) = Some(stream);
        self.report(&format!("pid {}", std::process::id()));
        let server = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                let Ok(line) = line else { break };
                match split_word(&line) {
                    ("go", name) => server.release(name),
                    ("do", step) => {
                        let server = Arc::clone(&server);
                        let step = step.to_owned();
                        std::thread::spawn(move || server.run(&[step], &Call::none()));
                    }
                    _ => complain(&format!("control: unknown line {line}")),
                }
            }
        });
    }

    fn report(&self, line: &str) {
        if let Some(control) = lock(&self.control).as_mut() {
            // The test may be over; that is no reason to fail.
            drop(writeln!(control, "{line}"));
        }
    }

    fn record(&self, line: &str) {
        if let Some(log) = &self.log {
            drop(writeln!(lock(log), "{line}"));
        }
    }

    fn release(&self, name: &str) {
        lock(&self.released).insert(name.to_owned());
        self.changed.notify_all();
    }

    /// Waits for a release. `thread` ends the wait by an interrupt as well; the answer says whether it did.
    fn wait(&self, name: &str, thread: Option<&str>) -> bool {
        let mut released = lock(&self.released);
        loop {
            if thread.is_some_and(|thread| lock(&self.threads).interrupted.contains(thread)) {
                return true;
            }
            if released.contains(name) {
                return false;
            }
            released = self
                .changed
                .wait(released)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, line: &str) {
        self.record(&format!("send {line}"));
        say(format!("{line}\n").as_bytes());
    }

    fn send(&self, value: &Value) {
        self.write(&value.to_string());
    }

    fn notify(&self, method: &str, params: &Value) {
        self.send(&json!({"method": method, "params": params}));
    }

    fn reply(&self, call: &Call, result: &Value) {
        if let Some(id) = &call.id {
            self.send(&json!({"id": id, "result": result}));
        }
    }

    fn fail(&self, call: &Call, code: i64, message: &str, data: Option<Value>) {
        if let Some(id) = &call.id {
            let mut error = json!({"code": code, "message": message});
            if let Some(data) = data {
                error["data"] = data;
            }
            self.send(&json!({"id": id, "error": error}));
        }
    }

    fn receive(self: &Arc<Self>, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return;
        }
        self.record(&format!("recv {text}"));
        self.report(&format!("recv {text}"));
        if self.stalled.load(Ordering::SeqCst) {
            return;
        }
        let Ok(message) = serde_json::from_str::<Value>(&text) else {
            complain("received a line that is not JSON");
            return;
        };
        let Some(method) = message["method"].as_str() else {
            self.release(&format!("answer {}", message["id"]));
            return;
        };
        let call = Call {
            id: message.get("id").cloned(),
            method: method.to_owned(),
            params: message["params"].clone(),
        };
        let Some(steps) = self.steps_for(&call) else {
            complain(&format!("unexpected call `{method}`"));
            std::process::exit(97);
        };
        let server = Arc::clone(self);
        // One thread a call: a turn that waits does not hold up the others. What does not wait stays in order.
        let waits = steps.iter().any(|step| {
            let word = split_word(step).0;
            matches!(word, "wait" | "ask")
                || (word == "default" && matches!(method, "turn/start" | "review/start"))
        });
        if waits {
            std::thread::spawn(move || server.run(&steps, &call));
        } else {
            server.run(&steps, &call);
        }
    }

    /// The steps for a call, or `None` when strict order forbids it.
    fn steps_for(&self, call: &Call) -> Option<Vec<String>> {
        let count = {
            let mut counts = lock(&self.counts);
            let count = counts.entry(call.method.clone()).or_insert(0);
            *count += 1;
            *count
        };
        let in_order: Vec<&Rule> = self
            .script
            .rules
            .iter()
            .filter(|rule| rule.in_order)
            .collect();
        if !in_order.is_empty() {
            let mut next = lock(&self.next_in_order);
            if let Some(rule) = in_order
                .get(*next)
                .filter(|rule| rule.method == call.method)
            {
                *next += 1;
                return Some(rule.steps.clone());
            }
            if !matches!(call.method.as_str(), "initialize" | "initialized") {
                return None;
            }
        }
        let on = self
            .script
            .rules
            .iter()
            .filter(|rule| !rule.in_order && rule.method == call.method);
        let rule = on
            .clone()
            .find(|rule| rule.only == Some(count))
            .or_else(|| on.clone().find(|rule| rule.only.is_none()));
        Some(rule.map_or_else(|| vec!["default".to_owned()], |rule| rule.steps.clone()))
    }

    fn run(&self, steps: &[String], call: &Call) {
        for step in steps {
            let step = self.fill(step, call);
            let (word, rest) = split_word(&step);
            match word {
                "default" => self.default_for(call),
                "reply" => self.reply(call, &parse_json(rest)),
                "fail" => {
                    let (code, rest) = split_word(rest);
                    let (message, data) = match rest.split_once(" data ") {
                        Some((message, data)) => (message, Some(parse_json(data))),
                        None => (rest, None),
                    };
                    self.fail(call, code.parse().unwrap_or(-32603), message, data);
                }
                "send" => self.write(rest),
                "notify" => {
                    let (method, params) = split_word(rest);
                    self.notify(method, &parse_json(params));
                }
                "ask" => {
                    let (method, params) = split_word(rest);
                    let id = json!(format!(
                        "ask-{}",
                        self.serial.fetch_add(1, Ordering::SeqCst)
                    ));
                    self.send(&json!({"id": id, "method": method, "params": parse_json(params)}));
                    self.wait(&format!("answer {id}"), None);
                }
                "garbage" => say(b"\x1b[33mWARN\x1b[0m not { json\n"),
                "huge" => {
                    let mut line = vec![b'x'; rest.parse().unwrap_or(1 << 20)];
                    line.push(b'\n');
                    say(&line);
                }
                "flood" => {
                    for n in 0..rest.parse().unwrap_or(1000_u32) {
                        self.notify(
                            "item/agentMessage/delta",
                            &json!({"threadId": call.thread(), "turnId": "t", "itemId": "i", "delta": format!("{n} ")}),
                        );
                    }
                }
                "stderr" => complain(rest),
                "tell" => self.report(&format!("tell {rest}")),
                "wait" => {
                    self.wait(rest, None);
                }
                "hang" => return,
                "stall" => {
                    self.stalled.store(true, Ordering::SeqCst);
                    return;
                }
                "deaf" => self.deaf.store(true, Ordering::SeqCst),
                "close" => close_stdout(),
                "exit" => std::process::exit(rest.parse().unwrap_or(1)),
                "crash" => std::process::abort(),
                "die" => die(),
                _ => {
                    complain(&format!("script: unknown step {step}"));
                    std::process::exit(96);
                }
            }
        }
    }

    fn fill(&self, step: &str, call: &Call) -> String {
        if !step.contains("{{") {
            return step.to_owned();
        }
        let threads = lock(&self.threads);
        let turn = threads
            .running
            .get(call.thread())
            .map_or("turn-none", String::as_str);
        let cwd = threads.cwd.get(call.thread()).map_or("", String::as_str);
        step.replace("{{thread}}", call.thread())
            .replace("{{turn}}", turn)
            .replace("{{cwd}}", cwd)
            .replace("{{pid}}", &std::process::id().to_string())
    }

    fn default_for(&self, call: &Call) {
        match call.method.as_str() {
            "initialized" => {}
            "initialize" => {
                let home = std::env::var("CODEX_HOME").unwrap_or_else(|_| "/nowhere".to_owned());
                self.reply(
                    call,
                    &json!({
                        "userAgent": format!("fake/{} (Linux)", self.script.version),
                        "codexHome": home, "platformFamily": "unix", "platformOs": "linux",
                    }),
                );
            }
            "account/read" => self.reply(
                call,
                &json!({"account": {"type": "chatgpt", "email": "dev@example.org", "planType": "pro"}, "requiresOpenaiAuth": true}),
            ),
            "account/rateLimits/read" => self.reply(
                call,
                &json!({"rateLimits": {"primary": {"usedPercent": 12, "windowDurationMins": 300}}}),
            ),
            "config/read" => self.reply(
                call,
                &json!({"config": {"model": "fake-model", "model_provider": null}, "origins": {}}),
            ),
            "model/list" => self.reply(
                call,
                &json!({"data": [{
                    "id": "fake-model", "model": "fake-model", "displayName": "Fake", "description": "",
                    "hidden": false, "isDefault": true, "defaultReasoningEffort": "medium",
                    "supportedReasoningEfforts": [
                        {"reasoningEffort": "low", "description": ""},
                        {"reasoningEffort": "medium", "description": ""},
                    ],
                }], "nextCursor": null}),
            ),
            "thread/start" => {
                let serial = self.serial.fetch_add(1, Ordering::SeqCst);
                let id = format!("thr-{}-{serial}", std::process::id());
                let cwd = call.params["cwd"].as_str().unwrap_or("/").to_owned();
                lock(&self.threads).cwd.insert(id.clone(), cwd);
                let thread = self.thread(&id);
                self.reply(call, &json!({"thread": thread, "model": "fake-model"}));
                self.notify("thread/started", &json!({"thread": thread}));
            }
            "thread/resume" => {
                let thread = self.thread(call.thread());
                self.reply(call, &json!({"thread": thread, "model": "fake-model"}));
            }
            "thread/read" => {
                let thread = self.thread(call.thread());
                self.reply(call, &json!({"thread": thread}));
            }
            "thread/list" => self.reply(call, &json!({"data": [], "nextCursor": null})),
            "thread/name/set" => self.reply(call, &json!({})),
            "turn/start" => self.turn(call),
            "review/start" => self.review(call),
            "turn/steer" => {
                self.reply(call, &json!({"turnId": call.params["expectedTurnId"]}));
            }
            "turn/interrupt" => self.interrupt(call),
            "externalAgentConfig/import" => {
                self.reply(call, &json!({"importId": "import-1"}));
                self.notify(
                    "externalAgentConfig/import/completed",
                    &json!({"importId": "import-1", "itemTypeResults": [{
                        "itemType": "SESSIONS", "failures": [],
                        "successes": [{"itemType": "SESSIONS", "target": "thr-imported"}],
                    }]}),
                );
            }
            method => self.fail(
                call,
                -32600,
                &format!("Invalid request: unknown variant `{method}`, expected one of `initialize`"),
                None,
            ),
        }
    }

    fn thread(&self, id: &str) -> Value {
        let threads = lock(&self.threads);
        let status = if threads.running.contains_key(id) {
            json!({"type": "active", "activeFlags": []})
        } else {
            json!({"type": "idle"})
        };
        json!({
            "id": id, "sessionId": id, "preview": "", "ephemeral": false, "modelProvider": "fake",
            "createdAt": 1, "updatedAt": 1, "status": status, "cliVersion": self.script.version,
            "cwd": threads.cwd.get(id).map_or("/", String::as_str), "source": "vscode",
            "projectId": null, "turns": [],
        })
    }

    fn turn(&self, call: &Call) {
        let thread = call.thread().to_owned();
        let turn = format!("turn-{}", self.serial.fetch_add(1, Ordering::SeqCst));
        self.begin(&thread, &turn);
        let started = json!({"id": turn, "items": [], "status": "inProgress", "error": null});
        self.reply(call, &json!({"turn": started}));
        self.notify(
            "turn/started",
            &json!({"threadId": thread, "turn": started}),
        );
        self.item(
            &thread,
            &turn,
            &json!({"type": "userMessage", "id": "u1", "content": call.params["input"]}),
        );
        let interrupted = self.hold(&thread);
        if !interrupted {
            let text = self.script.answer.clone().unwrap_or_else(|| {
                if call.params["outputSchema"].is_object() {
                    sample_structured().to_string()
                } else {
                    "Done: looked at it.".to_owned()
                }
            });
            self.item(
                &thread,
                &turn,
                &json!({"type": "agentMessage", "id": "m1", "text": text, "phase": null}),
            );
        }
        self.end(&thread, &turn, interrupted);
    }

    /// As in 0.169: the answer names one turn, `turn/started` another, and an interrupt must name the latter.
    fn review(&self, call: &Call) {
        let thread = call.thread().to_owned();
        let serial = self.serial.fetch_add(1, Ordering::SeqCst);
        let (turn, inner) = (format!("turn-{serial}"), format!("turn-{serial}-review"));
        self.begin(&thread, &inner);
        let started =
            |id: &str| json!({"id": id, "items": [], "status": "inProgress", "error": null});
        self.reply(
            call,
            &json!({"turn": started(&turn), "reviewThreadId": thread}),
        );
        let target = &call.params["target"];
        let shown = target["instructions"].as_str().unwrap_or("current changes");
        self.item(
            &thread,
            &turn,
            &json!({"type": "enteredReviewMode", "id": "e1", "review": shown}),
        );
        self.notify(
            "turn/started",
            &json!({"threadId": thread, "turn": started(&inner)}),
        );
        let interrupted = self.hold(&thread);
        if interrupted {
            let failed = json!({"type": "exitedReviewMode", "id": "x1", "review": "Reviewer failed to output a response."});
            self.item(&thread, &turn, &failed);
        } else {
            let raw = self
                .script
                .review
                .clone()
                .unwrap_or_else(|| sample_review().to_string());
            let message = json!({"type": "agentMessage", "id": "m1", "text": raw, "phase": null});
            self.notify(
                "item/started",
                &json!({"item": message, "threadId": thread, "turnId": turn, "startedAtMs": 1}),
            );
            let text = rendered(&raw);
            self.item(
                &thread,
                &turn,
                &json!({"type": "exitedReviewMode", "id": "x1", "review": text}),
            );
            self.item(
                &thread,
                &turn,
                &json!({"type": "agentMessage", "id": "m2", "text": text, "phase": null}),
            );
        }
        self.end(&thread, &turn, interrupted);
    }

    fn begin(&self, thread: &str, turn: &str) {
        let mut threads = lock(&self.threads);
        threads.interrupted.remove(thread);
        threads.running.insert(thread.to_owned(), turn.to_owned());
    }

    fn hold(&self, thread: &str) -> bool {
        match &self.script.hold {
            Some(name) => self.wait(name, Some(thread)),
            None => false,
        }
    }

    fn item(&self, thread: &str, turn: &str, item: &Value) {
        self.notify(
            "item/started",
            &json!({"item": item, "threadId": thread, "turnId": turn, "startedAtMs": 1}),
        );
        self.notify(
            "item/completed",
            &json!({"item": item, "threadId": thread, "turnId": turn, "completedAtMs": 2}),
        );
    }

    fn end(&self, thread: &str, turn: &str, interrupted: bool) {
        lock(&self.threads).running.remove(thread);
        let usage = json!({"totalTokens": 120, "inputTokens": 100, "cachedInputTokens": 0, "outputTokens": 20, "reasoningOutputTokens": 0});
        self.notify(
            "thread/tokenUsage/updated",
            &json!({"threadId": thread, "turnId": turn, "tokenUsage": {"total": usage, "last": usage}}),
        );
        self.notify(
            "thread/status/changed",
            &json!({"threadId": thread, "status": {"type": "idle"}}),
        );
        let status = if interrupted {
            "interrupted"
        } else {
            "completed"
        };
        self.notify(
            "turn/completed",
            &json!({"threadId": thread, "turn": {"id": turn, "items": [], "status": status, "error": null}}),
        );
    }

    fn interrupt(&self, call: &Call) {
        let thread = call.thread().to_owned();
        let asked = call.params["turnId"].as_str().unwrap_or("");
        let running = lock(&self.threads).running.get(&thread).cloned();
        match running {
            None => self.fail(call, -32600, "no active turn to interrupt", None),
            Some(turn) if turn != asked => self.fail(
                call,
                -32600,
                &format!("expected active turn id {asked} but found {turn}"),
                None,
            ),
            Some(_) => {
                lock(&self.threads).interrupted.insert(thread);
                self.reply(call, &json!({}));
                // Whoever waits looks again only after it holds this lock, so the wake-up cannot be missed.
                drop(lock(&self.released));
                self.changed.notify_all();
            }
        }
    }
}

fn parse_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| {
        complain(&format!("script: {error} in {text}"));
        std::process::exit(96)
    })
}

fn sample_structured() -> Value {
    json!({
        "verdict": "needs-attention", "summary": "A retry can drop a write.",
        "findings": [{
            "severity": "high", "title": "Retry loses data", "body": "The second write is not checked.",
            "file": "src/a.rs", "line_start": 3, "line_end": 4, "confidence": 0.8,
            "recommendation": "Check both writes.",
        }],
        "next_steps": ["Add a test for the failing second write."],
    })
}

fn sample_review() -> Value {
    json!({
        "findings": [{
            "title": "[P1] Off by one", "body": "The loop reads past the end.", "confidence_score": 0.9, "priority": 1,
            "code_location": {"absolute_file_path": "/x/src/a.rs", "line_range": {"start": 3, "end": 4}},
        }],
        "overall_correctness": "patch is incorrect", "overall_explanation": "One bug.",
        "overall_confidence_score": 0.8,
    })
}

/// The text form of a raw review, as Codex renders it.
fn rendered(raw: &str) -> String {
    let Ok(review) = serde_json::from_str::<Value>(raw) else {
        return raw.to_owned();
    };
    let mut text = review["overall_explanation"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let empty = Vec::new();
    let findings = review["findings"].as_array().unwrap_or(&empty);
    if !findings.is_empty() {
        text.push_str(if findings.len() == 1 {
            "\n\nReview comment:\n"
        } else {
            "\n\nFull review comments:\n"
        });
    }
    for finding in findings {
        let place = &finding["code_location"];
        text.push_str(&format!(
            "\n- {} — {}:{}-{}\n",
            finding["title"].as_str().unwrap_or(""),
            place["absolute_file_path"].as_str().unwrap_or(""),
            place["line_range"]["start"],
            place["line_range"]["end"],
        ));
        for line in finding["body"].as_str().unwrap_or("").lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text.trim_end().to_owned()
}

#[cfg(unix)]
fn close_stdout() {
    let null = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/null")
        .expect("the null device opens");
    rustix::stdio::dup2_stdout(&null).expect("stdout can be replaced");
}

#[cfg(not(unix))]
fn close_stdout() {
    complain("`close` is for unix");
    std::process::exit(96);
}

#[cfg(unix)]
fn die() {
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::KILL)
        .expect("a process may kill itself");
}

#[cfg(not(unix))]
fn die() {
    std::process::abort();
}
