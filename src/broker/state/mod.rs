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

mod calls;
mod engine_life;
mod event;
mod lines;
mod relay;
mod requests;
mod streams;
mod threads;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::lines::notification_line;
use self::streams::Streams;
use self::threads::Threads;
use super::wire::{self, BrokerReason, BrokerStatus};
use crate::rpc::{ErrorObject, Request, codes};

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
            Event::EngineStalled(run) => {
                if self.current_run() == Some(run) && !matches!(self.engine, Engine::Dying(_)) {
                    self.kill_engine(now, "it does not read what it is sent");
                }
            }
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
        for thread in self.streams.take_freed_by_orphans() {
            if self.threads.owner(&thread).is_none() {
                self.release_thread(&thread);
            }
        }
        for (client, place) in self.streams.take_new_places(now, self.settings.offer) {
            let params = json!({
                "place": place,
                "running": self.streams.running(),
                "limit": self.streams.limit(),
                "reservedMs": u64::try_from(self.settings.offer.as_millis()).unwrap_or(u64::MAX),
            });
            self.send_client(client, notification_line(wire::QUEUE, &params));
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
}
