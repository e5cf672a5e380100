//! The protocol loop of `codex-review engine builtin`.
//!
//! One thread reads and answers; each turn runs on a thread of its own, so that `turn/interrupt` and other threads'
//! turns are served meanwhile. Lines that are no message are answered with `-32700` or `-32600` and do no harm. The
//! loop ends with its input: running turns are told to stop and are waited for, but not for ever.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::checks::ChangeSource;
use crate::rpc::{
    DecodeError, ErrorObject, LineBuffer, LineTooLong, Message, Request, codes, decode,
};

use super::change_request::{ChangeRequest, ChangeSelect, Purpose, change_request, purpose};
use super::outlet::Outlet;
use super::turn::{Answer, Turn, Turns};

/// A longer line is dropped.
const LONGEST_LINE: usize = 64 * 1024 * 1024;
/// Threads that are remembered; the oldest is forgotten first.
const THREADS: usize = 1_000;
/// Turns that run at once.
const TURNS: usize = 8;
/// How long running turns may take to notice that the input has ended.
const PARTING: Duration = Duration::from_secs(2);

/// Opens the change that a turn is about. Called on the turn's own thread.
pub trait ChangeOpener: Send + Sync {
    /// The change, with the root of its repository.
    ///
    /// # Errors
    ///
    /// Why it cannot be read; the turn fails with that.
    fn open(&self, cwd: &Path, request: &ChangeRequest) -> Result<OpenedChange, OpenChangeError>;
}

/// A change that is ready to be checked.
pub struct OpenedChange {
    /// The root of the repository, absolute.
    pub root: PathBuf,
    /// The change.
    pub source: Box<dyn ChangeSource>,
}

impl std::fmt::Debug for OpenedChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedChange")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Why a change could not be opened, for people: one sentence with its causes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenChangeError(pub String);

/// What the loop needs to know of the world around it.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// What thread and turn ids begin with; different in each process, so that ids never meet.
    pub id_prefix: String,
    /// The time, in seconds since 1970.
    pub now: fn() -> u64,
}

/// Serves the protocol until the input ends.
///
/// # Errors
///
/// The input cannot be read, or the output cannot be written (the peer is gone).
pub fn serve(
    mut input: impl Read,
    output: impl Write + Send + 'static,
    opener: Arc<dyn ChangeOpener>,
    options: ServeOptions,
) -> std::io::Result<()> {
    let outlet = Arc::new(Outlet::new(output));
    let mut server = Server {
        outlet: Arc::clone(&outlet),
        turns: Arc::new(Turns::new(TURNS)),
        opener,
        options,
        threads: BTreeMap::new(),
        numbered: 0,
        initialized: false,
    };
    let mut lines = LineBuffer::new(LONGEST_LINE);
    let mut chunk = vec![0; 64 * 1024];
    let ended = loop {
        let read = match input.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => break Err(error),
        };
        lines.feed(&chunk[..read], |line| server.line(line));
        if let Some(error) = outlet.take_failure() {
            break Err(error);
        }
    };
    if ended.is_ok()
        && let Some(rest) = lines.finish()
    {
        server.line(Ok(rest));
    }
    server.turns.stop_all(PARTING);
    ended
}

struct Server {
    outlet: Arc<Outlet>,
    turns: Arc<Turns>,
    opener: Arc<dyn ChangeOpener>,
    options: ServeOptions,
    threads: BTreeMap<u64, Thread>,
    numbered: u64,
    initialized: bool,
}

/// A thread: a folder, and a name.
struct Thread {
    id: String,
    cwd: PathBuf,
    name: Option<String>,
    ephemeral: bool,
    created_at: u64,
}

impl Server {
    fn line(&mut self, line: Result<Vec<u8>, LineTooLong>) {
        let message = match line {
            Ok(line) => decode(&line),
            Err(too_long) => {
                let error = ErrorObject::new(codes::INVALID_REQUEST, too_long.to_string());
                return self.outlet.send(&Message::error(None, error));
            }
        };
        match message {
            Ok(Message::Request(request)) => self.request(request),
            // `initialized` and whatever else wants no answer; answers to questions that we never ask.
            Ok(Message::Notification(_) | Message::Response(_)) => {}
            Err(error) => {
                let code = match &error {
                    DecodeError::NotJson(_) => codes::PARSE_ERROR,
                    DecodeError::NotAMessage(_) => codes::INVALID_REQUEST,
                };
                let error = ErrorObject::new(code, error.to_string());
                self.outlet.send(&Message::error(None, error));
            }
        }
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        let answered = if method == "initialize" {
            self.initialized = true;
            Ok(Reply::of(self.identity()))
        } else if self.initialized {
            self.call(&method, &params)
        } else {
            Err(ErrorObject::new(codes::INVALID_REQUEST, "not initialized"))
        };
        match answered {
            Ok(reply) => {
                self.outlet.send(&Message::ok(id, reply.result));
                for (method, params) in reply.news {
                    self.outlet.notify(method, params);
                }
                if let Some(turn) = reply.turn {
                    self.run(turn);
                }
            }
            Err(error) => self.outlet.send(&Message::error(Some(id), error)),
        }
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Reply, ErrorObject> {
        match method {
            "thread/start" => Ok(self.start_thread(params)),
            "thread/resume" | "thread/read" => {
                let thread = self.thread(params)?;
                Ok(Reply::of(match method {
                    "thread/read" => json!({"thread": self.shown(thread)}),
                    _ => self.settings(thread),
                }))
            }
            "thread/list" => {
                let shown: Vec<Value> = self
                    .threads
                    .values()
                    .rev()
                    .map(|it| self.shown(it))
                    .collect();
                Ok(Reply::of(json!({"data": shown, "nextCursor": null})))
            }
            "thread/name/set" => {
                let name = params["name"].as_str().map(str::to_owned);
                let id = self.thread(params)?.id.clone();
                let news = json!({"threadId": id, "threadName": name});
                if let Some(thread) = self.threads.values_mut().find(|thread| thread.id == id) {
                    thread.name = name;
                }
                Ok(Reply::of(json!({})).with_news("thread/name/updated", news))
            }
            "turn/start" => self.start_turn(params, false),
            "review/start" => self.start_turn(params, true),
            "turn/interrupt" => {
                let thread = self.thread(params)?.id.clone();
                let wanted = params["turnId"].as_str().unwrap_or_default();
                self.turns
                    .interrupt(&thread, wanted)
                    .map_err(|problem| ErrorObject::new(codes::INVALID_REQUEST, problem))?;
                Ok(Reply::of(json!({})))
            }
            "account/read" => Ok(Reply::of(
                json!({"account": null, "requiresOpenaiAuth": false}),
            )),
            "account/rateLimits/read" => Ok(Reply::of(json!({"rateLimits": null}))),
            "config/read" => Ok(Reply::of(json!({
                "config": {"model": MODEL, "model_provider": MODEL},
                "origins": {},
                "layers": null,
            }))),
            "model/list" => Ok(Reply::of(json!({"data": [model()], "nextCursor": null}))),
            unknown => Err(ErrorObject::new(
                codes::METHOD_NOT_FOUND,
                format!("the builtin engine has no method `{unknown}`"),
            )),
        }
    }

    fn identity(&self) -> Value {
        json!({
            "userAgent": format!("codex-review-builtin/{}", env!("CARGO_PKG_VERSION")),
            "platformFamily": std::env::consts::FAMILY,
            "platformOs": std::env::consts::OS,
        })
    }

    fn fresh_id(&mut self, kind: &str) -> String {
        self.numbered += 1;
        format!("{}-{kind}-{}", self.options.id_prefix, self.numbered)
    }

    fn start_thread(&mut self, params: &Value) -> Reply {
        let thread = Thread {
            id: self.fresh_id("thread"),
            cwd: PathBuf::from(params["cwd"].as_str().unwrap_or(".")),
            name: None,
            ephemeral: params["ephemeral"].as_bool().unwrap_or(false),
            created_at: (self.options.now)(),
        };
        let reply = Reply::of(self.settings(&thread));
        let news = json!({"thread": self.shown(&thread)});
        self.threads.insert(self.numbered, thread);
        while self.threads.len() > THREADS {
            self.threads.pop_first();
        }
        reply.with_news("thread/started", news)
    }

    fn thread(&self, params: &Value) -> Result<&Thread, ErrorObject> {
        let id = params["threadId"]
            .as_str()
            .ok_or_else(|| ErrorObject::new(codes::INVALID_PARAMS, "`threadId` is missing"))?;
        self.threads
            .values()
            .find(|thread| thread.id == id)
            .ok_or_else(|| {
                ErrorObject::new(codes::INVALID_REQUEST, format!("thread not found: {id}"))
            })
    }

    fn start_turn(&mut self, params: &Value, review: bool) -> Result<Reply, ErrorObject> {
        let thread = self.thread(params)?;
        let (thread_id, cwd) = (thread.id.clone(), thread.cwd.clone());
        let answer = answer_of(params, review);
        let change = match answer {
            Answer::Refusal => None,
            _ => Some(
                change_request(params)
                    .map_err(|error| ErrorObject::new(codes::INVALID_PARAMS, error.to_string()))?,
            ),
        };
        let turn_id = self.fresh_id("turn");
        let stop = self
            .turns
            .begin(&thread_id, &turn_id)
            .map_err(|busy| ErrorObject::new(busy.code, busy.message))?;
        let shown = json!({"id": turn_id, "items": [], "status": "inProgress", "error": null});
        let mut result = json!({"turn": shown});
        if review {
            result["reviewThreadId"] = json!(thread_id);
        }
        let mut reply = Reply::of(result);
        reply.turn = Some(Turn {
            thread_id,
            turn_id,
            cwd,
            answer,
            hint: change.as_ref().map(hint).unwrap_or_default(),
            change,
            stop,
        });
        Ok(reply)
    }

    fn run(&self, turn: Turn) {
        let (outlet, turns) = (Arc::clone(&self.outlet), Arc::clone(&self.turns));
        let opener = Arc::clone(&self.opener);
        let thread_id = turn.thread_id.clone();
        let turn_id = turn.turn_id.clone();
        let spawned = std::thread::Builder::new().name("turn".to_owned()).spawn({
            let (outlet, turns) = (Arc::clone(&outlet), Arc::clone(&turns));
            move || turn.perform(&outlet, &turns, opener.as_ref())
        });
        if let Err(error) = spawned {
            turns.end(&thread_id);
            let problem = format!("no thread could be started for the turn: {error}");
            outlet.notify(
                "turn/completed",
                super::turn::completed(&thread_id, &turn_id, "failed", Some(&problem)),
            );
        }
    }

    fn shown(&self, thread: &Thread) -> Value {
        let status = if self.turns.is_running(&thread.id) {
            json!({"type": "active", "activeFlags": []})
        } else {
            json!({"type": "idle"})
        };
        json!({
            "id": thread.id,
            "preview": "",
            "name": thread.name,
            "ephemeral": thread.ephemeral,
            "modelProvider": MODEL,
            "createdAt": thread.created_at,
            "updatedAt": thread.created_at,
            "status": status,
            "path": null,
            "cwd": thread.cwd.to_string_lossy(),
            "cliVersion": env!("CARGO_PKG_VERSION"),
            "source": "appServer",
            "gitInfo": null,
            "turns": [],
        })
    }

    fn settings(&self, thread: &Thread) -> Value {
        json!({
            "thread": self.shown(thread),
            "model": MODEL,
            "modelProvider": MODEL,
            "cwd": thread.cwd.to_string_lossy(),
            "approvalPolicy": "never",
            "sandbox": {"type": "readOnly"},
            "reasoningEffort": null,
        })
    }
}

/// What the engine calls itself where a model or a provider is asked for.
const MODEL: &str = "builtin";

fn model() -> Value {
    json!({
        "id": MODEL,
        "model": MODEL,
        "displayName": "Builtin checks",
        "description": "Fixed rules over the change; no model, no account, no network.",
        "hidden": false,
        "supportedReasoningEfforts": [],
        "defaultReasoningEffort": "none",
        "isDefault": true,
    })
}

/// What kind of answer is wanted. A prompt without a schema wants a conversation, which this engine cannot hold.
fn answer_of(params: &Value, review: bool) -> Answer {
    if review {
        return Answer::Review;
    }
    if purpose(params) == Purpose::Gate {
        return Answer::Gate;
    }
    let properties = &params["outputSchema"]["properties"];
    let ours = properties["verdict"].is_object() && properties["findings"].is_object();
    if ours {
        Answer::Structured
    } else {
        Answer::Refusal
    }
}

/// What is reviewed, in a few words, for `enteredReviewMode`.
fn hint(change: &ChangeRequest) -> String {
    match &change.select {
        ChangeSelect::WorkingTree => "current changes".to_owned(),
        ChangeSelect::Staged => "staged changes".to_owned(),
        ChangeSelect::Patch { .. } => "a patch".to_owned(),
        ChangeSelect::Base(branch) => format!("changes against `{branch}`"),
        ChangeSelect::Commit(sha) => format!("commit {sha}"),
        ChangeSelect::Commits {
            old: Some(old),
            new,
        } => format!("{old}..{new}"),
        ChangeSelect::Commits { old: None, new } => format!("everything up to {new}"),
    }
}

/// What a call comes to: its result, news for everybody, and a turn to run afterwards.
struct Reply {
    result: Value,
    news: Vec<(&'static str, Value)>,
    turn: Option<Turn>,
}

impl Reply {
    fn of(result: Value) -> Self {
        Reply {
            result,
            news: Vec::new(),
            turn: None,
        }
    }

    fn with_news(mut self, method: &'static str, params: Value) -> Self {
        self.news.push((method, params));
        self
    }
}
