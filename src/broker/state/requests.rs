//! What clients ask: the broker's own methods are answered here, turns are admitted, everything else is relayed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::json;

use super::lines::bad_params;
use super::streams::Refusal;
use super::{Action, CallKind, ClientId, Ending, Engine, State};
use super::{CALLS_FOR_INTERRUPTS, MAX_CALLS, MAX_OPT_OUTS, MAX_UNSENT_BYTES};
use crate::broker::frame::{Frame, FrameError, Shape};
use crate::broker::wire::{self, BrokerReason, QueuePlace};
use crate::rpc::{ErrorObject, codes};

impl State {
    pub(super) fn client_line(&mut self, now: Instant, client: ClientId, line: &[u8]) {
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

    pub(super) fn client_request(
        &mut self,
        now: Instant,
        client: ClientId,
        id: &str,
        frame: &Frame<'_>,
    ) {
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
            "thread/resume" => CallKind::OpensThread(frame.peek().thread_id().map(Cow::into_owned)),
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
        self.send_engine(now, frame.with_id(&upstream_id.to_string()));
    }

    pub(super) fn shutdown_request(&mut self, client: ClientId, id: &str, force: bool) {
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

    pub(super) fn initialize_request(
        &mut self,
        now: Instant,
        client: ClientId,
        id: &str,
        frame: &Frame<'_>,
    ) {
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
    pub(super) fn greet(&mut self) {
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
            self.send_client(
                client,
                format!("{{\"id\":{id},\"result\":{result}}}\n").into(),
            );
        }
    }

    pub(super) fn ownership_request(&mut self, client: ClientId, id: &str, frame: &Frame<'_>) {
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

    pub(super) fn admit(
        &mut self,
        client: ClientId,
        frame: &Frame<'_>,
    ) -> Result<String, ErrorObject> {
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
}
