//! The engine's life: started by the first request that needs it, greeted, given up, replaced by the next request.

use std::time::Instant;

use serde_json::json;

use super::lines::{engine_error, notification_line, request_line};
use super::streams::Running;
use super::{Action, Engine, EngineRun, State};
use crate::broker::frame::{Frame, Shape};
use crate::broker::wire::{self, BrokerReason};

impl State {
    pub(super) fn current_run(&self) -> Option<EngineRun> {
        match &self.engine {
            Engine::Absent => None,
            Engine::Starting { run, .. } | Engine::Ready { run, .. } | Engine::Dying(run) => {
                Some(*run)
            }
        }
    }

    pub(super) fn start_engine(&mut self, now: Instant) {
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
    pub(super) fn send_engine(&mut self, now: Instant, line: Vec<u8>) {
        match &self.engine {
            Engine::Ready { run, .. } => self.actions.push(Action::ToEngine(*run, line)),
            Engine::Starting { .. } | Engine::Dying(_) => self.keep_unsent(line),
            Engine::Absent => {
                self.keep_unsent(line);
                self.start_engine(now);
            }
        }
    }

    pub(super) fn keep_unsent(&mut self, line: Vec<u8>) {
        self.unsent_bytes += line.len();
        self.unsent.push(line);
    }

    pub(super) fn engine_greeted(&mut self, now: Instant, run: EngineRun, frame: &Frame<'_>) {
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

    /// Gives the engine up: what is open fails now, not when the process is gone.
    pub(super) fn kill_engine(&mut self, now: Instant, reason: &str) {
        let Some(run) = self.current_run() else {
            return;
        };
        self.actions.push(Action::KillEngine(run));
        self.engine_lost(now, reason);
        self.engine = Engine::Dying(run);
    }

    pub(super) fn engine_exited(&mut self, now: Instant, run: EngineRun, reason: &str) {
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

    pub(super) fn engine_lost(&mut self, now: Instant, reason: &str) {
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

    /// Tells the owners of threads that these are no more, and ends their turns in the engine's place, so that a client
    /// that knows nothing of brokers sees the end as well.
    pub(super) fn lose_turns(&mut self, reason: &str) {
        for (client, threads) in self.threads.clear() {
            let params = json!({"reason": reason, "threadIds": threads});
            let line = notification_line(wire::ENGINE_LOST, &params);
            self.send_client(client, line);
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
                self.send_client(client, notification_line("turn/completed", &params));
            }
        }
    }
}
