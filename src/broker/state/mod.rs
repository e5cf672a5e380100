//! The broker as a synchronous state machine: an [`Event`] in, a list of [`Action`]s out. No I/O, no clock, no task.
//!
//! [`State`] keeps who is connected, which calls are open, who owns which thread, which turns run and what the engine's
//! life looks like. The tasks around it (`server`, `session`, `link`) only carry lines and time.
//!
//! # Invariants
//!
//! 1. *Each request gets at most one answer, and only its sender gets it.* A request is relayed under an id that is
//!    never used twice; its answer takes the entry out of `calls`. An answer without an entry is counted and dropped.
//! 2. *Each request of a connected client is answered* by the engine, or by the broker with the reason: at once when it
//!    is refused, when the engine ends, and when the broker ends.
//! 3. *A slot is held by a connected client or has a deadline* (see [`streams`]), so slots never leak; the number of
//!    slots never exceeds the limit.
//! 4. *No turn runs for nobody*: when the client of a turn is gone, `turn/interrupt` follows as soon as the turn's id is
//!    known, unless the turn was handed over. An engine that does not obey within the grace is ended, provided that
//!    nobody else uses it.
//! 5. *The engine is never waited for without end*: its handshake has a deadline, and its requests are answered by
//!    policy, without asking a client.
//!
//! # Where notifications go
//!
//! One with a thread goes to the thread's owner. One about a thread that nobody owns is dropped and counted, except
//! while a request is open that may give it an owner: then it is held, within bounds, until the answer tells. One
//! without a thread goes to every client that has sent `initialize`. A client never gets what it has opted out of.
//!
//! # Failure policy
//!
//! A client's bad line is answered to that client; an engine's bad line is counted and skipped. Neither ends anything.

mod event;
mod streams;
mod threads;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::streams::{Refusal, Running, Streams};
use self::threads::Threads;
use super::frame::{Frame, FrameError, Peek, Shape};
use super::wire::{self, BrokerReason, BrokerStatus, QueuePlace};
use crate::rpc::{self, ErrorObject, Message, Request, codes};

pub use self::event::Ending;
pub(crate) use self::event::{Action, ClientId, EngineRun, Event};

/// Open requests that one client may have.
const MAX_CALLS: usize = 1024;
/// Of these, how many are kept for interrupts alone, which have to pass whatever else is open.
const CALLS_FOR_INTERRUPTS: usize = 64;
/// Bytes of requests that may wait for the engine to start, beyond the one that passes this bound.
const MAX_UNSENT_BYTES: usize = 64 << 20;
/// Open calls whose client is gone.
const MAX_ORPHANED_CALLS: usize = 4096;
/// Notifications held for a thread that is about to get an owner.
const MAX_HELD_LINES: usize = 256;
/// Their bytes.
const MAX_HELD_BYTES: usize = 1 << 20;
/// Methods that a client may opt out of.
const MAX_OPT_OUTS: usize = 128;

/// The numbers and names that a broker runs with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) max_streams: usize,
    pub(crate) idle_timeout: Duration,
    /// How long a turn may take to end once nobody is left to own it.
    pub(crate) interrupt_grace: Duration,
    /// How long a free slot is kept for the client that is first in line.
    pub(crate) offer: Duration,
    /// How long a handed-over turn may run without a client.
    pub(crate) hand_over: Duration,
    /// How long the engine may take to answer `initialize`.
    pub(crate) handshake: Duration,
    /// The engine is introduced to us with this.
    pub(crate) initialize_params: Value,
    /// What the status says of this process and its engine; the counters in it are ignored.
    pub(crate) about: BrokerStatus,
    /// Answers what the engine asks.
    pub(crate) policy: fn(&Request) -> Result<Value, ErrorObject>,
}

#[derive(Debug, Default)]
struct Client {
    initialised: bool,
    opt_outs: BTreeSet<String>,
    open_calls: usize,
}

/// An open call to the engine.
#[derive(Debug)]
struct Call {
    /// Who gets the answer, under which id. `None` when the client is gone, or it is the broker's own call.
    asker: Option<(ClientId, Box<str>)>,
    kind: CallKind,
}

#[derive(Debug, PartialEq, Eq)]
enum CallKind {
    Plain,
    /// Its answer carries a thread, which then belongs to the asker. The thread is named where it exists already.
    OpensThread(Option<String>),
    /// Runs a turn on this thread.
    Stream(String),
}

#[derive(Debug)]
enum Engine {
    Absent,
    /// The process is started and gets its `initialize`, to be answered by the deadline.
    Starting {
        run: EngineRun,
        greeting: u64,
        deadline: Instant,
    },
    Ready {
        run: EngineRun,
        /// The `result` of its `initialize`, as it wrote it.
        greeted: Box<str>,
    },
    /// It was told to die and has not yet. All that was open has failed; what comes now waits for the next run.
    Dying(EngineRun),
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct State {
    settings: Settings,
    began: Instant,
    clients: BTreeMap<ClientId, Client>,
    calls: BTreeMap<u64, Call>,
    last_call_id: u64,
    orphaned_calls: usize,
    threads: Threads,
    streams: Streams,
    engine: Engine,
    last_run: u64,
    engine_pid: Option<u32>,
    /// Lines for an engine that is not ready yet.
    unsent: Vec<Vec<u8>>,
    unsent_bytes: usize,
    /// Clients that wait for the answer to `initialize`.
    greeters: Vec<(ClientId, Box<str>)>,
    /// Notifications about threads that an open call may give an owner, with their thread and method.
    held: VecDeque<(String, Vec<u8>)>,
    held_bytes: usize,
    opening_calls: usize,
    engine_exits: u64,
    last_exit: Option<String>,
    skipped_lines: u64,
    unowned_notifications: u64,
    late_answers: u64,
    idle_since: Option<Instant>,
    ended: bool,
    actions: Vec<Action>,
}

impl State {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        State {
            streams: Streams::new(settings.max_streams),
            settings,
            began: now,
            clients: BTreeMap::new(),
            calls: BTreeMap::new(),
            last_call_id: 0,
            orphaned_calls: 0,
            threads: Threads::default(),
            engine: Engine::Absent,
            last_run: 0,
            engine_pid: None,
            unsent: Vec::new(),
            unsent_bytes: 0,
            greeters: Vec::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            opening_calls: 0,
            engine_exits: 0,
            last_exit: None,
            skipped_lines: 0,
            unowned_notifications: 0,
            late_answers: 0,
            idle_since: Some(now),
            ended: false,
            actions: Vec::new(),
        }
    }

    /// Takes one event. `now` never goes back from one call to the next.
    pub(crate) fn on_event(&mut self, now: Instant, event: Event) -> Vec<Action> {
        if self.ended {
            return Vec::new();
        }
        match event {
            Event::ClientJoined(client) => {
                self.clients.insert(client, Client::default());
            }
            Event::ClientLine(client, line) => self.client_line(now, client, &line),
            Event::ClientLineTooLong(client) => {
                let error = BrokerReason::BadLine.error(
                    codes::INVALID_REQUEST,
                    "the line is too long and was dropped",
                );
                self.answer_error(client, None, error);
            }
            Event::ClientLeft(client) => self.client_left(now, client),
            Event::EngineStarted(run, pid) => {
                if self.current_run() == Some(run) {
                    self.engine_pid = pid;
                }
            }
            Event::EngineLine(run, line) => {
                if self.current_run() == Some(run) {
                    self.engine_line(now, run, line);
                }
            }
            Event::EngineLineTooLong(run) => {
                if self.current_run() == Some(run) {
                    self.skipped_lines += 1;
                }
            }
            Event::EngineExited(run, reason) => self.engine_exited(now, run, &reason),
            Event::Tick => self.tick(now),
            Event::Stop => self.end(Ending::Stopped),
        }
        if !self.ended {
            self.settle(now);
        }
        std::mem::take(&mut self.actions)
    }

    /// When a [`Event::Tick`] is due. `None` while nothing is timed.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let handshake = match &self.engine {
            Engine::Starting { deadline, .. } => Some(*deadline),
            _ => None,
        };
        let idle = self
            .idle_since
            .and_then(|since| since.checked_add(self.settings.idle_timeout));
        [handshake, idle, self.streams.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn status(&self, now: Instant) -> BrokerStatus {
        BrokerStatus {
            engine_pid: self.engine_pid,
            engine_running: !matches!(self.engine, Engine::Absent),
            engine_exits: self.engine_exits,
            last_exit: self.last_exit.clone(),
            clients: self.clients.len(),
            running: self.streams.running(),
            limit: self.streams.limit(),
            queued: self.streams.queued(),
            threads: self.threads.len(),
            skipped_lines: self.skipped_lines,
            unowned_notifications: self.unowned_notifications,
            late_answers: self.late_answers,
            uptime_ms: u64::try_from(now.duration_since(self.began).as_millis())
                .unwrap_or(u64::MAX),
            ..self.settings.about.clone()
        }
    }

    // Clients.

    fn client_line(&mut self, now: Instant, client: ClientId, line: &[u8]) {
        if !self.clients.contains_key(&client) {
            return;
        }
        let frame = match Frame::parse(line) {
            Ok(frame) => frame,
            Err(error) => {
                let code = match error {
                    FrameError::NotJson => codes::PARSE_ERROR,
                    FrameError::NotAMessage(_) => codes::INVALID_REQUEST,
                };
                let error = BrokerReason::BadLine.error(code, error.to_string());
                self.answer_error(client, None, error);
                return;
            }
        };
        match (frame.shape(), frame.id()) {
            (Shape::Request, Some(id)) => self.client_request(now, client, id, &frame),
            (Shape::Notification, _) if frame.method() != "initialized" => {
                // No method of today's protocol comes here; one of tomorrow's is not held back. Without an engine there
                // is nobody to tell.
                let known = self.clients.get(&client).is_some_and(|c| c.initialised);
                if let (true, Engine::Ready { run, .. }) = (known, &self.engine) {
                    self.actions
                        .push(Action::ToEngine(*run, frame.with_id("null")));
                }
            }
            // `initialized` is the broker's to send; and the engine's questions are answered by policy, so that no
            // client has anything to answer.
            _ => {}
        }
    }

    fn client_request(&mut self, now: Instant, client: ClientId, id: &str, frame: &Frame<'_>) {
        match frame.method() {
            wire::STATUS => {
                let status = self.status(now).to_value();
                self.answer(client, id, &status);
                return;
            }
            wire::SHUTDOWN => {
                self.shutdown_request(client, id, frame.peek().force());
                return;
            }
            "initialize" => {
                self.initialize_request(now, client, id, frame);
                return;
            }
            _ => {}
        }
        let Some(asker) = self.clients.get(&client) else {
            return;
        };
        if !asker.initialised {
            let error = BrokerReason::NotInitialized.error(
                codes::INVALID_REQUEST,
                "send `initialize` before anything else",
            );
            self.answer_error(client, Some(id), error);
            return;
        }
        let is_interrupt = frame.method() == "turn/interrupt";
        if self.unsent_bytes > MAX_UNSENT_BYTES && !is_interrupt {
            let error = BrokerReason::TooManyCalls.error(
                codes::INVALID_REQUEST,
                "too much waits for the engine to start",
            );
            self.answer_error(client, Some(id), error);
            return;
        }
        let bound = if is_interrupt {
            MAX_CALLS
        } else {
            MAX_CALLS - CALLS_FOR_INTERRUPTS
        };
        if asker.open_calls >= bound {
            let error = BrokerReason::TooManyCalls.error(
                codes::INVALID_REQUEST,
                format!("more than {bound} requests are open on this connection"),
            );
            self.answer_error(client, Some(id), error);
            return;
        }
        let kind = match frame.method() {
            wire::HAND_OVER | wire::ADOPT => {
                self.ownership_request(client, id, frame);
                return;
            }
            "turn/start" | "review/start" | "thread/compact/start" => {
                match self.admit(client, frame) {
                    Ok(thread) => CallKind::Stream(thread),
                    Err(error) => {
                        self.answer_error(client, Some(id), error);
                        return;
                    }
                }
            }
            "thread/start" | "thread/fork" => CallKind::OpensThread(None),
            "thread/resume" => {
                CallKind::OpensThread(frame.peek().thread_id().map(std::borrow::Cow::into_owned))
            }
            "turn/interrupt" if matches!(self.engine, Engine::Absent | Engine::Dying(_)) => {
                let error = BrokerReason::EngineEnded.error(
                    codes::INVALID_REQUEST,
                    "no engine runs, so there is no turn to interrupt",
                );
                self.answer_error(client, Some(id), error);
                return;
            }
            _ => CallKind::Plain,
        };
        let upstream_id = self.open_call(Some((client, id.into())), kind);
        self.to_engine(now, frame.with_id(&upstream_id.to_string()));
    }

    fn shutdown_request(&mut self, client: ClientId, id: &str, force: bool) {
        let running = self.streams.running();
        if running > 0 && !force {
            let error = QueuePlace {
                place: 0,
                running,
                limit: self.streams.limit(),
            };
            self.answer_error(client, Some(id), error.to_error());
            return;
        }
        self.answer(client, id, &json!({}));
        self.end(Ending::Asked);
    }

    fn initialize_request(&mut self, now: Instant, client: ClientId, id: &str, frame: &Frame<'_>) {
        let mut opt_outs: BTreeSet<String> = frame.peek().opt_outs().into_iter().collect();
        while opt_outs.len() > MAX_OPT_OUTS {
            opt_outs.pop_last();
        }
        if self
            .greeters
            .iter()
            .filter(|(who, _)| *who == client)
            .count()
            >= MAX_CALLS
        {
            let error = BrokerReason::TooManyCalls.error(
                codes::INVALID_REQUEST,
                "too many `initialize` requests are open",
            );
            self.answer_error(client, Some(id), error);
            return;
        }
        if let Some(known) = self.clients.get_mut(&client) {
            known.initialised = true;
            known.opt_outs = opt_outs;
        }
        self.greeters.push((client, id.into()));
        if matches!(self.engine, Engine::Absent) {
            self.start_engine(now);
        }
        self.greet();
    }

    /// Answers every waiting `initialize`, once the engine has answered ours.
    fn greet(&mut self) {
        let Engine::Ready { greeted, .. } = &self.engine else {
            return;
        };
        let broker = json!({
            "version": self.settings.about.version,
            "pid": self.settings.about.pid,
            "key": self.settings.about.key,
            "maxStreams": self.streams.limit(),
        });
        // Our own member goes into the engine's object; an answer that is no object is passed on as it is.
        let result = match greeted.trim().strip_suffix('}') {
            Some(open) if open.trim_end().ends_with('{') => format!("{open}\"broker\":{broker}}}"),
            Some(open) if open.starts_with('{') => format!("{open},\"broker\":{broker}}}"),
            _ => greeted.to_string(),
        };
        for (client, id) in std::mem::take(&mut self.greeters) {
            self.to_client(
                client,
                format!("{{\"id\":{id},\"result\":{result}}}\n").into(),
            );
        }
    }

    fn ownership_request(&mut self, client: ClientId, id: &str, frame: &Frame<'_>) {
        let peek = frame.peek();
        let Some(thread) = peek.thread_id() else {
            let error = bad_params("`threadId` is missing");
            self.answer_error(client, Some(id), error);
            return;
        };
        let done = if frame.method() == wire::ADOPT {
            let adopted = self.streams.adopt(client, &thread);
            if adopted {
                self.threads.claim(&thread, client);
            }
            adopted
        } else {
            let keep_for = self.settings.hand_over;
            self.streams.hand_over(client, &thread, keep_for)
        };
        if done {
            self.answer(client, id, &json!({}));
        } else {
            let error = bad_params(format!("no turn on `{thread}` can change hands"));
            self.answer_error(client, Some(id), error);
        }
    }

    fn admit(&mut self, client: ClientId, frame: &Frame<'_>) -> Result<String, ErrorObject> {
        let Some(thread) = frame.peek().thread_id() else {
            return Err(bad_params(format!(
                "`{}` without `threadId`",
                frame.method()
            )));
        };
        match self.streams.admit(client, &thread) {
            Ok(()) => {
                self.threads.claim(&thread, client);
                Ok(thread.into_owned())
            }
            Err(Refusal::Busy { place }) => Err(QueuePlace {
                place,
                running: self.streams.running(),
                limit: self.streams.limit(),
            }
            .to_error()),
            Err(Refusal::ThreadInUse) => Err(BrokerReason::ThreadInUse.error(
                codes::INVALID_REQUEST,
                format!("another client's turn runs on thread `{thread}`"),
            )),
        }
    }

    fn client_left(&mut self, now: Instant, client: ClientId) {
        if self.clients.remove(&client).is_none() {
            return;
        }
        self.greeters.retain(|(who, _)| *who != client);
        for call in self.calls.values_mut() {
            if call.asker.as_ref().is_some_and(|(who, _)| *who == client) {
                call.asker = None;
                self.orphaned_calls += 1;
            }
        }
        while self.orphaned_calls > MAX_ORPHANED_CALLS {
            let oldest = self.calls.iter().find(|(_, call)| call.asker.is_none());
            let Some((&id, _)) = oldest else { break };
            self.close_call(id);
        }
        self.streams
            .client_left(client, now, self.settings.interrupt_grace);
        for thread in self.threads.forget_client(client) {
            if self.streams.holder(&thread).is_none() {
                self.release_thread(&thread);
            }
        }
    }

    /// Lets the engine unload a thread that nobody has any more, or is about to have. An engine that does not know the
    /// method says so, and nobody hears it.
    fn release_thread(&mut self, thread: &str) {
        let wanted = self.calls.values().any(|call| {
            matches!(&call.kind, CallKind::OpensThread(Some(opened)) if opened == thread)
                && call.asker.is_some()
        });
        if wanted {
            return;
        }
        self.own_call("thread/unsubscribe", &json!({"threadId": thread}));
    }

    // The engine.

    fn current_run(&self) -> Option<EngineRun> {
        match &self.engine {
            Engine::Absent => None,
            Engine::Starting { run, .. } | Engine::Ready { run, .. } | Engine::Dying(run) => {
                Some(*run)
            }
        }
    }

    fn start_engine(&mut self, now: Instant) {
        self.last_run += 1;
        let run = EngineRun(self.last_run);
        self.last_call_id += 1;
        let greeting = self.last_call_id;
        self.engine = Engine::Starting {
            run,
            greeting,
            deadline: now + self.settings.handshake,
        };
        self.actions.push(Action::StartEngine(run));
        let hello = request_line(greeting, "initialize", &self.settings.initialize_params);
        self.actions.push(Action::ToEngine(run, hello));
    }

    /// Sends a line, or keeps it for the engine that it starts.
    fn to_engine(&mut self, now: Instant, line: Vec<u8>) {
        match &self.engine {
            Engine::Ready { run, .. } => self.actions.push(Action::ToEngine(*run, line)),
            Engine::Starting { .. } | Engine::Dying(_) => self.keep_unsent(line),
            Engine::Absent => {
                self.keep_unsent(line);
                self.start_engine(now);
            }
        }
    }

    fn keep_unsent(&mut self, line: Vec<u8>) {
        self.unsent_bytes += line.len();
        self.unsent.push(line);
    }

    /// Calls the engine on the broker's own account, if it is there.
    fn own_call(&mut self, method: &str, params: &Value) {
        if let Engine::Ready { run, .. } = &self.engine {
            let run = *run;
            let id = self.open_call(None, CallKind::Plain);
            let line = request_line(id, method, params);
            self.actions.push(Action::ToEngine(run, line));
        }
    }

    fn open_call(&mut self, asker: Option<(ClientId, Box<str>)>, kind: CallKind) -> u64 {
        self.last_call_id += 1;
        match &asker {
            Some((client, _)) => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.open_calls += 1;
                }
            }
            None => self.orphaned_calls += 1,
        }
        if kind != CallKind::Plain {
            self.opening_calls += 1;
        }
        self.calls.insert(self.last_call_id, Call { asker, kind });
        self.last_call_id
    }

    fn close_call(&mut self, id: u64) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        match &call.asker {
            Some((client, _)) => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.open_calls -= 1;
                }
            }
            None => self.orphaned_calls -= 1,
        }
        if call.kind != CallKind::Plain {
            self.opening_calls -= 1;
        }
        Some(call)
    }

    fn engine_line(&mut self, now: Instant, run: EngineRun, line: Vec<u8>) {
        let Ok(frame) = Frame::parse(&line) else {
            self.skipped_lines += 1;
            return;
        };
        match (frame.shape(), frame.id()) {
            (Shape::Request, Some(id)) => self.engine_request(run, id, &frame),
            (Shape::Success | Shape::Failure, _) => self.engine_answer(now, run, &frame),
            _ => {
                let peek = frame.peek();
                self.note_news(frame.method(), &peek);
                let method = frame.method().to_owned();
                let thread = peek
                    .thread_id()
                    .or_else(|| peek.thread_object_id())
                    .map(std::borrow::Cow::into_owned);
                self.route(&method, thread, line);
            }
        }
    }

    fn engine_request(&mut self, run: EngineRun, id: &str, frame: &Frame<'_>) {
        let params = frame
            .payload()
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or(Value::Null);
        // Policies look at the method and the parameters; the id is put back as the engine wrote it.
        let answer = (self.settings.policy)(&Request {
            id: rpc::RequestId::Number(0),
            method: frame.method().to_owned(),
            params,
        });
        let line = match answer {
            Ok(result) => format!("{{\"id\":{id},\"result\":{result}}}\n"),
            Err(error) => format!("{{\"id\":{id},\"error\":{}}}\n", error_json(&error)),
        };
        self.actions.push(Action::ToEngine(run, line.into()));
    }

    fn engine_answer(&mut self, now: Instant, run: EngineRun, frame: &Frame<'_>) {
        let upstream_id = frame.upstream_id();
        if let Engine::Starting { greeting, .. } = self.engine
            && upstream_id == Some(greeting)
        {
            self.engine_greeted(now, run, frame);
            return;
        }
        let Some(call) = upstream_id.and_then(|id| self.close_call(id)) else {
            self.late_answers += 1;
            return;
        };
        let asker = call.asker.as_ref().map(|(client, _)| *client);
        match &call.asker {
            Some((client, id)) => self.to_client(*client, frame.with_id(id)),
            None => self.late_answers += u64::from(call.kind != CallKind::Plain),
        }
        let succeeded = frame.shape() == Shape::Success;
        match call.kind {
            CallKind::Plain => {}
            CallKind::OpensThread(_) if succeeded => {
                if let Some(thread) = frame.peek().thread_object_id() {
                    self.thread_opened(&thread, asker);
                }
            }
            CallKind::Stream(thread) if succeeded => {
                let peek = frame.peek();
                let (turn, home) = (peek.turn_id(), peek.review_thread_id());
                if self.streams.holder(&thread).is_some() {
                    self.streams
                        .started(&thread, turn.as_deref(), home.as_deref());
                } else if let (None, Some(turn)) = (asker, turn) {
                    // Its client left so long ago that the slot is gone: nobody would ever end it.
                    let home = home.as_deref().unwrap_or(&thread);
                    self.interrupt(home, &turn);
                }
                if let (Some(home), Some(asker)) = (peek.review_thread_id(), asker)
                    && *home != *thread
                {
                    self.threads.claim(&home, asker);
                }
            }
            CallKind::OpensThread(_) => {}
            CallKind::Stream(thread) => self.streams.not_started(&thread),
        }
        self.release_held();
    }

    fn engine_greeted(&mut self, now: Instant, run: EngineRun, frame: &Frame<'_>) {
        match (frame.shape(), frame.payload()) {
            (Shape::Success, Some(result)) => {
                self.engine = Engine::Ready {
                    run,
                    greeted: result.get().into(),
                };
                let initialized = b"{\"method\":\"initialized\"}\n".to_vec();
                self.actions.push(Action::ToEngine(run, initialized));
                self.greet();
                self.unsent_bytes = 0;
                for line in std::mem::take(&mut self.unsent) {
                    self.actions.push(Action::ToEngine(run, line));
                }
            }
            _ => {
                let peek = frame.peek();
                let said = peek.message().unwrap_or_default();
                self.kill_engine(now, &format!("it refused `initialize`: {said}"));
            }
        }
    }

    /// A thread was started, resumed or forked for `asker`, or for a client that has left.
    fn thread_opened(&mut self, thread: &str, asker: Option<ClientId>) {
        match (asker, self.streams.holder(thread)) {
            // A turn runs on it for somebody: looking at a thread does not take it away.
            (_, Some(Some(_))) => {}
            (Some(client), _) => {
                // Turns that were handed over go with their thread; others that run for nobody are ending.
                self.streams.adopt(client, thread);
                self.threads.claim(thread, client);
            }
            (None, None) if self.threads.owner(thread).is_none() => self.release_thread(thread),
            (None, _) => {}
        }
    }

    /// Learns from a notification: descents, and what begins and ends.
    fn note_news(&mut self, method: &str, peek: &Peek<'_>) {
        if method == "thread/started" || method.starts_with("item/") {
            for (parent, child) in peek.descents() {
                self.threads.learn_child(&parent, &child);
            }
        }
        let Some(thread) = peek.thread_id() else {
            return;
        };
        match method {
            "turn/started" => {
                if let Some(turn) = peek.turn_id() {
                    self.streams.turn_began(&thread, &turn);
                }
            }
            "turn/completed" => self.streams.turn_ended(&thread, peek.turn_id().as_deref()),
            "thread/compacted" => self.streams.compacted(&thread),
            "thread/status/changed" => match peek.status_kind().as_deref() {
                Some("idle" | "systemError" | "notLoaded") => self.streams.thread_idle(&thread),
                _ => {}
            },
            "thread/closed" | "thread/deleted" => self.streams.thread_closed(&thread),
            _ => {}
        }
    }

    /// Passes a notification on.
    fn route(&mut self, method: &str, thread: Option<String>, mut line: Vec<u8>) {
        line.push(b'\n');
        let Some(thread) = thread else {
            let everyone: Vec<ClientId> = self
                .clients
                .iter()
                .filter(|(_, client)| client.initialised)
                .map(|(id, _)| *id)
                .collect();
            for client in everyone {
                self.notify(client, method, line.clone());
            }
            return;
        };
        if let Some(owner) = self.threads.owner(&thread) {
            self.notify(owner, method, line);
            if matches!(method, "thread/closed" | "thread/deleted") {
                self.threads.forget(&thread);
            }
        } else if self.opening_calls > 0
            && self.held.len() < MAX_HELD_LINES
            && self.held_bytes + line.len() <= MAX_HELD_BYTES
        {
            self.held_bytes += line.len();
            self.held.push_back((thread, line));
        } else {
            self.unowned_notifications += 1;
        }
    }

    /// Passes on what was held for threads that have an owner by now; drops the rest once no open call can give one.
    fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut still_held = VecDeque::new();
        self.held_bytes = 0;
        for (thread, line) in std::mem::take(&mut self.held) {
            if let Some(owner) = self.threads.owner(&thread) {
                let method = Frame::parse(&line)
                    .map(|frame| frame.method().to_owned())
                    .unwrap_or_default();
                self.notify(owner, &method, line);
            } else if self.opening_calls > 0 {
                self.held_bytes += line.len();
                still_held.push_back((thread, line));
            } else {
                self.unowned_notifications += 1;
            }
        }
        self.held = still_held;
    }

    /// Gives the engine up: what is open fails now, not when the process is gone.
    fn kill_engine(&mut self, now: Instant, reason: &str) {
        let Some(run) = self.current_run() else {
            return;
        };
        self.actions.push(Action::KillEngine(run));
        self.engine_lost(now, reason);
        self.engine = Engine::Dying(run);
    }

    fn engine_exited(&mut self, now: Instant, run: EngineRun, reason: &str) {
        if self.current_run() != Some(run) {
            return;
        }
        if !matches!(self.engine, Engine::Dying(_)) {
            self.engine_lost(now, reason);
        }
        self.engine = Engine::Absent;
        self.engine_pid = None;
        if !self.unsent.is_empty() || !self.greeters.is_empty() {
            self.start_engine(now);
        }
    }

    fn engine_lost(&mut self, now: Instant, reason: &str) {
        self.engine_exits += 1;
        self.last_exit = Some(reason.to_owned());
        let error = if matches!(self.engine, Engine::Ready { .. }) {
            engine_error(BrokerReason::EngineEnded, "the engine ended", reason)
        } else {
            engine_error(
                BrokerReason::EngineUnavailable,
                "the engine did not start",
                reason,
            )
        };
        self.unsent.clear();
        self.unsent_bytes = 0;
        self.held.clear();
        self.held_bytes = 0;
        self.fail_calls(&error);
        self.lose_turns(reason);
        self.idle_since = self.idle_since.map(|_| now);
    }

    fn fail_calls(&mut self, error: &ErrorObject) {
        for (client, id) in std::mem::take(&mut self.greeters) {
            if let Some(client) = self.clients.get_mut(&client) {
                client.initialised = false;
            }
            self.answer_error(client, Some(&id), error.clone());
        }
        let ids: Vec<u64> = self.calls.keys().copied().collect();
        for id in ids {
            if let Some((client, id)) = self.close_call(id).and_then(|call| call.asker) {
                self.answer_error(client, Some(&id), error.clone());
            }
        }
    }

    /// Tells the owners of threads that these are no more, and ends their turns in the engine's place, so that a client
    /// that knows nothing of brokers sees the end as well.
    fn lose_turns(&mut self, reason: &str) {
        for (client, threads) in self.threads.clear() {
            let params = json!({"reason": reason, "threadIds": threads});
            let line = notification_line(wire::ENGINE_LOST, &params);
            self.to_client(client, line);
        }
        for Running {
            thread,
            turn,
            client,
        } in self.streams.clear()
        {
            if let (Some(turn), Some(client)) = (turn, client) {
                let message = format!("the engine ended: {reason}");
                let params = json!({
                    "threadId": thread,
                    "turn": {
                        "id": turn,
                        "items": [],
                        "status": "failed",
                        "error": {"message": message, "codexErrorInfo": null},
                    },
                });
                self.to_client(client, notification_line("turn/completed", &params));
            }
        }
    }

    fn interrupt(&mut self, thread: &str, turn: &str) {
        self.own_call(
            "turn/interrupt",
            &json!({"threadId": thread, "turnId": turn}),
        );
    }

    // Time and consequences.

    fn tick(&mut self, now: Instant) {
        if let Engine::Starting { deadline, .. } = self.engine
            && now >= deadline
        {
            let limit = self.settings.handshake;
            self.kill_engine(
                now,
                &format!("it did not answer `initialize` within {limit:?}"),
            );
        }
        let disobeyed = self.streams.expire(now, self.settings.interrupt_grace);
        let in_use =
            self.streams.running() > 0 || self.calls.values().any(|call| call.asker.is_some());
        if disobeyed && !in_use {
            self.kill_engine(now, "it did not end a turn that nobody owned");
        }
        let idle = self
            .idle_since
            .and_then(|since| since.checked_add(self.settings.idle_timeout));
        if idle.is_some_and(|end| now >= end) {
            self.end(Ending::Idle);
        }
    }

    /// What follows from any change: interrupts that are due, places in the queue, whether the broker is idle.
    fn settle(&mut self, now: Instant) {
        for (thread, turn) in self.streams.take_due_interrupts() {
            self.interrupt(&thread, &turn);
        }
        for (client, place) in self.streams.take_new_places(now, self.settings.offer) {
            let params = json!({
                "place": place,
                "running": self.streams.running(),
                "limit": self.streams.limit(),
                "reservedMs": u64::try_from(self.settings.offer.as_millis()).unwrap_or(u64::MAX),
            });
            self.to_client(client, notification_line(wire::QUEUE, &params));
        }
        let busy = !self.clients.is_empty() || self.streams.running() > 0;
        if busy {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(now);
        }
    }

    fn end(&mut self, ending: Ending) {
        let error = BrokerReason::ShuttingDown.error(codes::INTERNAL_ERROR, "the broker is ending");
        self.fail_calls(&error);
        self.lose_turns("the broker is ending");
        self.actions.push(Action::End(ending));
        self.ended = true;
    }

    // Lines to clients.

    fn to_client(&mut self, client: ClientId, line: Vec<u8>) {
        if self.clients.contains_key(&client) {
            self.actions.push(Action::ToClient(client, line));
        }
    }

    fn notify(&mut self, client: ClientId, method: &str, line: Vec<u8>) {
        let wanted = self
            .clients
            .get(&client)
            .is_some_and(|client| !client.opt_outs.contains(method));
        if wanted {
            self.actions.push(Action::ToClient(client, line));
        }
    }

    fn answer(&mut self, client: ClientId, id: &str, result: &Value) {
        self.to_client(
            client,
            format!("{{\"id\":{id},\"result\":{result}}}\n").into(),
        );
    }

    fn answer_error(&mut self, client: ClientId, id: Option<&str>, error: ErrorObject) {
        let id = id.unwrap_or("null");
        let error = error_json(&error);
        self.to_client(
            client,
            format!("{{\"id\":{id},\"error\":{error}}}\n").into(),
        );
    }
}

fn error_json(error: &ErrorObject) -> String {
    serde_json::to_string(error).expect("an error object always serialises")
}

fn bad_params(message: impl Into<String>) -> ErrorObject {
    BrokerReason::BadParams.error(codes::INVALID_PARAMS, message)
}

fn engine_error(kind: BrokerReason, what: &str, reason: &str) -> ErrorObject {
    let mut error = kind.error(codes::INTERNAL_ERROR, format!("{what}: {reason}"));
    if let Some(Value::Object(data)) = &mut error.data {
        data.insert("exit".to_owned(), reason.into());
    }
    error
}

fn request_line(id: u64, method: &str, params: &Value) -> Vec<u8> {
    let id = i64::try_from(id).expect("a broker does not live to see so many calls");
    rpc::encode(&Message::request(id, method, params.clone()))
}

fn notification_line(method: &str, params: &Value) -> Vec<u8> {
    rpc::encode(&Message::notification(method, params.clone()))
}
