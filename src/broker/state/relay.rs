//! What the engine says: answers go back to who asked, its questions are answered by policy, its news go to the owners of
//! their threads.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Instant;

use serde_json::Value;

use super::lines::error_json;
use super::{Action, CallKind, ClientId, Engine, EngineRun, State};
use super::{MAX_HELD_BYTES, MAX_HELD_LINES};
use crate::broker::frame::{Frame, Peek, Shape};
use crate::rpc::{self, Request};

impl State {
    pub(super) fn engine_line(&mut self, now: Instant, run: EngineRun, line: Vec<u8>) {
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
                    .map(Cow::into_owned);
                self.route(&method, thread, line);
            }
        }
    }

    pub(super) fn engine_request(&mut self, run: EngineRun, id: &str, frame: &Frame<'_>) {
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

    pub(super) fn engine_answer(&mut self, now: Instant, run: EngineRun, frame: &Frame<'_>) {
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
            Some((client, id)) => self.send_client(*client, frame.with_id(id)),
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

    /// A thread was started, resumed or forked for `asker`, or for a client that has left.
    pub(super) fn thread_opened(&mut self, thread: &str, asker: Option<ClientId>) {
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
    pub(super) fn note_news(&mut self, method: &str, peek: &Peek<'_>) {
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
            "thread/status/changed" => {
                let kind = peek.status_kind();
                if matches!(kind.as_deref(), Some("idle" | "systemError" | "notLoaded")) {
                    self.streams.thread_idle(&thread);
                }
            }
            "thread/closed" | "thread/deleted" => self.streams.thread_closed(&thread),
            _ => {}
        }
    }

    /// Passes a notification on.
    pub(super) fn route(&mut self, method: &str, thread: Option<String>, mut line: Vec<u8>) {
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
    pub(super) fn release_held(&mut self) {
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
}
