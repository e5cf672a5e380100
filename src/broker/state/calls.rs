//! Open calls: whose they are, and what becomes of them when their client or the engine is gone.

use std::time::Instant;

use serde_json::{Value, json};

use super::lines::request_line;
use super::{Action, Call, CallKind, ClientId, Engine, MAX_ORPHANED_CALLS, State};
use crate::rpc::ErrorObject;

impl State {
    pub(super) fn open_call(&mut self, asker: Option<(ClientId, Box<str>)>, kind: CallKind) -> u64 {
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

    pub(super) fn close_call(&mut self, id: u64) -> Option<Call> {
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

    /// Calls the engine on the broker's own account, if it is there.
    pub(super) fn own_call(&mut self, method: &str, params: &Value) {
        if let Engine::Ready { run, .. } = &self.engine {
            let run = *run;
            let id = self.open_call(None, CallKind::Plain);
            let line = request_line(id, method, params);
            self.actions.push(Action::ToEngine(run, line));
        }
    }

    pub(super) fn interrupt(&mut self, thread: &str, turn: &str) {
        self.own_call(
            "turn/interrupt",
            &json!({"threadId": thread, "turnId": turn}),
        );
    }

    /// Lets the engine unload a thread that nobody has any more, or is about to have. An engine that does not know the
    /// method says so, and nobody hears it.
    pub(super) fn release_thread(&mut self, thread: &str) {
        let wanted = self.calls.values().any(|call| {
            matches!(&call.kind, CallKind::OpensThread(Some(opened)) if opened == thread)
                && call.asker.is_some()
        });
        if wanted {
            return;
        }
        self.own_call("thread/unsubscribe", &json!({"threadId": thread}));
    }

    pub(super) fn client_left(&mut self, now: Instant, client: ClientId) {
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

    pub(super) fn fail_calls(&mut self, error: &ErrorObject) {
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
}
