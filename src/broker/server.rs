//! The broker's loop: it feeds the state machine with what happens and does what it says.
//!
//! One task owns the [`State`], the sessions and the engine's link; nothing in it waits for a peer. Everything else is a
//! task that carries lines (see `session` and `link`).

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::endpoint::imp::{self, Listener};
use super::link::{EngineLauncher, EngineLink};
use super::log::Log;
use super::session::Session;
use super::state::{Action, ClientId, Ending, EngineRun, Event, Settings, State};

/// Events that may wait; who brings more waits, and with it the peer it reads from.
const EVENTS: usize = 256;
/// Events taken at once before anything else is looked at.
const BATCH: usize = 128;
/// How long accepting pauses after it failed, as it does when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of a broker's input and output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The longest line that is read, from either side.
    pub(super) line_bytes: usize,
    /// What may wait for one client, beyond the one line that passes this bound.
    pub(super) client_queue_bytes: usize,
    /// Clients at once; more are turned away.
    pub(super) clients: usize,
    /// What clients have to take what is queued for them when the broker ends.
    pub(super) last_lines: Duration,
    /// What the engine has to end by itself when the broker ends.
    pub(super) engine_grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            line_bytes: 32 << 20,
            client_queue_bytes: 8 << 20,
            clients: 256,
            last_lines: Duration::from_millis(500),
            engine_grace: Duration::from_secs(2),
        }
    }
}

pub(super) struct Server {
    state: State,
    bounds: Bounds,
    sessions: BTreeMap<ClientId, Session>,
    last_client: u64,
    engine: Option<EngineLink>,
    launcher: Box<dyn EngineLauncher>,
    log: Log,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    /// Events that the loop makes itself; they go before those that wait.
    own_events: VecDeque<Event>,
    ending: Option<Ending>,
}

impl Server {
    pub(super) fn new(
        settings: Settings,
        bounds: Bounds,
        launcher: Box<dyn EngineLauncher>,
        log: Log,
    ) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        Server {
            state: State::new(settings, now()),
            bounds,
            sessions: BTreeMap::new(),
            last_client: 0,
            engine: None,
            launcher,
            log,
            sender,
            events,
            own_events: VecDeque::new(),
            ending: None,
        }
    }

    /// Serves until the broker ends. `stop` resolves when the system wants it to end; `closed` is called once nobody
    /// can connect any more, before clients and engine are waited for.
    pub(super) async fn run(
        mut self,
        mut listener: Listener,
        stop: impl Future<Output = ()>,
        closed: impl FnOnce(),
    ) -> Ending {
        tokio::pin!(stop);
        let mut accepts_from = Instant::now();
        let mut batch = Vec::with_capacity(BATCH);
        let ending = loop {
            if let Some(ending) = self.ending {
                break ending;
            }
            let deadline = self.state.next_deadline().map(Instant::from_std);
            let due = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let accepted = async {
                tokio::time::sleep_until(accepts_from).await;
                listener.accept().await
            };
            tokio::select! {
                _ = self.events.recv_many(&mut batch, BATCH) => {
                    for event in batch.drain(..) {
                        self.handle(event);
                    }
                }
                accepted = accepted => match accepted {
                    Ok((reader, writer)) => self.join(reader, writer),
                    Err(error) => {
                        self.log.line(format_args!("a client could not be accepted: {error}"));
                        if error.kind() != std::io::ErrorKind::PermissionDenied {
                            accepts_from = Instant::now() + ACCEPT_PAUSE;
                        }
                    }
                },
                () = due => self.handle(Event::Tick),
                () = &mut stop => self.handle(Event::Stop),
            }
        };
        self.log.line(match ending {
            Ending::Idle => "ends: nobody needs it",
            Ending::Asked => "ends: a client asked for it",
            Ending::Stopped => "ends: the system asked for it",
        });
        // Nobody new comes in; who connected and was not accepted sees the connection close and looks again.
        drop(listener);
        closed();
        self.finish().await;
        ending
    }

    async fn finish(self) {
        let Server {
            bounds,
            sessions,
            engine,
            events,
            ..
        } = self;
        // Tasks that report to the loop are not held up by it.
        drop(events);
        let clients = async {
            let mut closing = tokio::task::JoinSet::new();
            for session in sessions.into_values() {
                closing.spawn(session.finish(bounds.last_lines));
            }
            closing.join_all().await;
        };
        let engine = async {
            if let Some(engine) = engine {
                engine.shut_down(bounds.engine_grace).await;
            }
        };
        tokio::join!(clients, engine);
    }

    fn join(&mut self, reader: imp::ReadHalf, writer: imp::WriteHalf) {
        if self.sessions.len() >= self.bounds.clients {
            self.log
                .line("a client was turned away: too many are connected");
            return;
        }
        self.last_client += 1;
        let client = ClientId(self.last_client);
        let session = Session::start(
            client,
            reader,
            writer,
            self.bounds.line_bytes,
            self.bounds.client_queue_bytes,
            self.sender.clone(),
        );
        self.sessions.insert(client, session);
        self.handle(Event::ClientJoined(client));
    }

    fn handle(&mut self, event: Event) {
        self.own_events.push_back(event);
        while let Some(event) = self.own_events.pop_front() {
            if let Event::ClientLeft(client) = &event
                && let Some(session) = self.sessions.remove(client)
            {
                session.cut();
            }
            if let Event::EngineExited(run, reason) = &event {
                self.log.line(format_args!("the engine ended: {reason}"));
                if self
                    .engine
                    .as_ref()
                    .is_some_and(|engine| engine.run() == *run)
                {
                    self.engine = None;
                }
            }
            for action in self.state.on_event(now(), event) {
                self.perform(action);
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::StartEngine(run) => self.start_engine(run),
            Action::ToEngine(run, line) => {
                if let Some(engine) = self.engine.as_ref().filter(|engine| engine.run() == run)
                    && !engine.write(line)
                {
                    self.own_events.push_back(Event::EngineStalled(run));
                }
            }
            Action::KillEngine(run) => {
                if let Some(engine) = self.engine.as_mut().filter(|engine| engine.run() == run) {
                    engine.kill();
                }
            }
            Action::ToClient(client, line) => {
                let keeps_up = self
                    .sessions
                    .get(&client)
                    .is_none_or(|session| session.write(line));
                if !keeps_up && let Some(session) = self.sessions.remove(&client) {
                    self.log.line("a client was disconnected: it does not read");
                    session.cut();
                    self.own_events.push_back(Event::ClientLeft(client));
                }
            }
            Action::End(ending) => self.ending = Some(ending),
        }
    }

    fn start_engine(&mut self, run: EngineRun) {
        match self.launcher.launch() {
            Ok(engine) => {
                match engine.pid {
                    Some(pid) => self.log.line(format_args!("the engine started, pid {pid}")),
                    None => self.log.line("the engine started"),
                }
                self.engine = Some(EngineLink::start(
                    run,
                    engine,
                    self.bounds.line_bytes,
                    self.sender.clone(),
                ));
            }
            Err(reason) => self.own_events.push_back(Event::EngineExited(run, reason)),
        }
    }
}

/// Tokio's clock, which tests can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
