//! The engine's output: whole lines from several threads, never interleaved.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::rpc::{Message, encode};

/// Writes one message a line. After the first failure (the peer is gone) it writes nothing more.
pub(super) struct Outlet {
    state: Mutex<State>,
}

struct State {
    output: Box<dyn Write + Send>,
    failed: bool,
    failure: Option<io::Error>,
}

impl Outlet {
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        Outlet {
            state: Mutex::new(State {
                output: Box::new(output),
                failed: false,
                failure: None,
            }),
        }
    }

    pub(super) fn send(&self, message: &Message) {
        let line = encode(message);
        // A thread that panicked while writing left at worst a broken line, which peers skip.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed {
            return;
        }
        let written = state.output.write_all(&line);
        if let Err(error) = written.and_then(|()| state.output.flush()) {
            state.failed = true;
            state.failure = Some(error);
        }
    }

    pub(super) fn notify(&self, method: &str, params: Value) {
        self.send(&Message::notification(method, params));
    }

    /// Whether the peer is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failed
    }

    /// Why writing failed, once.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failure
            .take()
    }
}
