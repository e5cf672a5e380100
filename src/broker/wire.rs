//! What the broker itself says on the wire: its methods, its errors and its status.
//!
//! Everything else on the wire is the engine's, and passes through. Every error that the broker makes has `data` with
//! `"source": "broker"` and a `reason`, which is how it is told from the engine's own errors (both use `-32001`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rpc::{ErrorObject, Notification, codes};

/// Asks for a [`BrokerStatus`]. Needs no `initialize`.
pub const STATUS: &str = "broker/status";
/// Ends the broker; refused while turns run unless `{"force": true}`. Needs no `initialize`.
pub const SHUTDOWN: &str = "broker/shutdown";
/// `{"threadId"}`: lets the caller's turns on that thread outlive its connection, for a bounded time.
pub const HAND_OVER: &str = "broker/handOver";
/// `{"threadId"}`: takes over turns that their client handed over before it left.
pub const ADOPT: &str = "broker/adopt";
/// Notification to a client that was refused a turn: `{"place", "running", "limit"}`. Place 0 is an offer: send the
/// request again now, nobody else can take the slot for the next `reservedMs`.
pub const QUEUE: &str = "broker/queue";
/// Notification to the owners of threads: the engine is gone, with `{"reason", "threadIds"}`.
pub const ENGINE_LOST: &str = "broker/engineLost";

/// The message of the busy error. Scripts match it.
pub const BUSY_MESSAGE: &str = "Shared Codex broker is busy.";

/// Why the broker, and not the engine, refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerReason {
    /// As many turns run as may; the data tells the place in the queue.
    Busy,
    /// Another client's turn runs on the same thread.
    ThreadInUse,
    /// The engine ended while the request was open.
    EngineEnded,
    /// The engine could not be started.
    EngineUnavailable,
    /// The client has not sent `initialize`.
    NotInitialized,
    /// The client has too many requests open.
    TooManyCalls,
    /// The line is too long, no JSON, or no request.
    BadLine,
    /// The parameters do not fit one of the broker's own methods.
    BadParams,
    /// The broker is ending.
    ShuttingDown,
}

const REASONS: [(BrokerReason, &str); 9] = [
    (BrokerReason::Busy, "busy"),
    (BrokerReason::ThreadInUse, "thread-in-use"),
    (BrokerReason::EngineEnded, "engine-ended"),
    (BrokerReason::EngineUnavailable, "engine-unavailable"),
    (BrokerReason::NotInitialized, "not-initialized"),
    (BrokerReason::TooManyCalls, "too-many-calls"),
    (BrokerReason::BadLine, "bad-line"),
    (BrokerReason::BadParams, "bad-params"),
    (BrokerReason::ShuttingDown, "shutting-down"),
];

impl BrokerReason {
    /// The reason of an error, or `None` when it is the engine's own.
    #[must_use]
    pub fn of(error: &ErrorObject) -> Option<Self> {
        let data = error.data.as_ref()?;
        if data.get("source").and_then(Value::as_str) != Some("broker") {
            return None;
        }
        let word = data.get("reason").and_then(Value::as_str);
        match REASONS.iter().find(|(_, name)| Some(*name) == word) {
            Some((reason, _)) => Some(*reason),
            // Other brokers that speak this dialect name no reason.
            None => (error.code == codes::OVERLOADED).then_some(BrokerReason::Busy),
        }
    }

    fn word(self) -> &'static str {
        REASONS
            .iter()
            .find(|(reason, _)| *reason == self)
            .map(|(_, word)| *word)
            .expect("every reason stands in the table")
    }

    pub(crate) fn error(self, code: i64, message: impl Into<String>) -> ErrorObject {
        ErrorObject::new(code, message).with_data(json!({
            "source": "broker",
            "reason": self.word(),
        }))
    }
}

/// A place in the queue for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePlace {
    /// 1 is the first in line; 0 means that a slot is reserved and the request can be sent again.
    pub place: usize,
    /// Turns that run.
    pub running: usize,
    /// Turns that may run at once.
    pub limit: usize,
}

impl QueuePlace {
    /// The place that a busy error gives, or `None` for any other error (the engine's own overload included).
    #[must_use]
    pub fn from_error(error: &ErrorObject) -> Option<Self> {
        if error.code != codes::OVERLOADED || BrokerReason::of(error)? != BrokerReason::Busy {
            return None;
        }
        Some(Self::from_value(error.data.as_ref()?))
    }

    /// The place that a notification gives, or `None` for any other notification.
    #[must_use]
    pub fn from_notification(notification: &Notification) -> Option<Self> {
        (notification.method == QUEUE).then(|| Self::from_value(&notification.params))
    }

    fn from_value(value: &Value) -> Self {
        let number = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|number| usize::try_from(number).ok())
        };
        QueuePlace {
            place: number("place").unwrap_or(1),
            running: number("running").unwrap_or(1),
            limit: number("limit").unwrap_or(1),
        }
    }

    pub(crate) fn to_error(self) -> ErrorObject {
        ErrorObject::new(codes::OVERLOADED, BUSY_MESSAGE).with_data(json!({
            "source": "broker",
            "reason": BrokerReason::Busy.word(),
            "running": self.running,
            "limit": self.limit,
            "place": self.place,
        }))
    }
}

/// The news that the engine is gone, as its owners' clients get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineLost {
    /// Why it ended.
    pub reason: String,
    /// The receiving client's threads, which no longer are.
    pub thread_ids: Vec<String>,
}

impl EngineLost {
    /// Reads it, or `None` for any other notification.
    #[must_use]
    pub fn from_notification(notification: &Notification) -> Option<Self> {
        if notification.method != ENGINE_LOST {
            return None;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let reason = notification.params.get("reason").and_then(text);
        let threads = notification
            .params
            .get("threadIds")
            .and_then(Value::as_array);
        Some(EngineLost {
            reason: reason.unwrap_or_default(),
            thread_ids: threads
                .map(|threads| threads.iter().filter_map(text).collect())
                .unwrap_or_default(),
        })
    }
}

/// What a broker says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerStatus {
    /// Its process.
    pub pid: u32,
    /// This program's version.
    pub version: String,
    /// The key of the engine's identity.
    pub key: String,
    /// The engine's executable, for people.
    pub engine: String,
    /// The engine's version.
    pub engine_version: String,
    /// `CODEX_HOME`, for people.
    pub engine_home: String,
    /// The engine's process, while one runs and its pid is known.
    pub engine_pid: Option<u32>,
    /// Whether an engine runs.
    pub engine_running: bool,
    /// How often the engine ended by itself.
    pub engine_exits: u64,
    /// Why it ended last.
    pub last_exit: Option<String>,
    /// Connected clients, the one that asks included.
    pub clients: usize,
    /// Turns that run.
    pub running: usize,
    /// Turns that may run at once.
    pub limit: usize,
    /// Clients that wait for a turn.
    pub queued: usize,
    /// Threads that have an owner.
    pub threads: usize,
    /// Lines of the engine that were no message, or too long.
    pub skipped_lines: u64,
    /// Notifications about threads that nobody owns.
    pub unowned_notifications: u64,
    /// Answers that nobody waited for any more.
    pub late_answers: u64,
    /// Since the broker began to serve, in milliseconds.
    pub uptime_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire {
    pid: u32,
    version: String,
    key: String,
    engine: String,
    engine_version: String,
    engine_home: String,
    engine_pid: Option<u32>,
    engine_running: bool,
    engine_exits: u64,
    last_exit: Option<String>,
    clients: usize,
    running: usize,
    limit: usize,
    queued: usize,
    threads: usize,
    skipped_lines: u64,
    unowned_notifications: u64,
    late_answers: u64,
    uptime_ms: u64,
}

macro_rules! status_fields {
    ($from:expr => $to:ident) => {{
        let from = $from;
        $to {
            pid: from.pid,
            version: from.version,
            key: from.key,
            engine: from.engine,
            engine_version: from.engine_version,
            engine_home: from.engine_home,
            engine_pid: from.engine_pid,
            engine_running: from.engine_running,
            engine_exits: from.engine_exits,
            last_exit: from.last_exit,
            clients: from.clients,
            running: from.running,
            limit: from.limit,
            queued: from.queued,
            threads: from.threads,
            skipped_lines: from.skipped_lines,
            unowned_notifications: from.unowned_notifications,
            late_answers: from.late_answers,
            uptime_ms: from.uptime_ms,
        }
    }};
}

impl BrokerStatus {
    /// Reads the answer to [`STATUS`]. `None` when it is none, as from a broker of another make.
    #[must_use]
    pub fn from_value(value: Value) -> Option<Self> {
        let wire: StatusWire = serde_json::from_value(value).ok()?;
        Some(status_fields!(wire => BrokerStatus))
    }

    /// The JSON that `broker/status` answers with.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let wire = status_fields!(self.clone() => StatusWire);
        serde_json::to_value(wire).expect("numbers and strings always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_own_overload_is_not_our_busy() {
        let busy = QueuePlace {
            place: 2,
            running: 4,
            limit: 4,
        };
        let error = busy.to_error();
        assert_eq!(error.code, -32001);
        assert_eq!(error.message, "Shared Codex broker is busy.");
        assert_eq!(QueuePlace::from_error(&error), Some(busy));
        let overloaded = ErrorObject::new(codes::OVERLOADED, "Server overloaded; retry later.");
        assert_eq!(QueuePlace::from_error(&overloaded), None);
        assert_eq!(BrokerReason::of(&overloaded), None);
        let other = ErrorObject::new(codes::OVERLOADED, BUSY_MESSAGE)
            .with_data(json!({"source": "broker"}));
        assert_eq!(
            QueuePlace::from_error(&other).map(|busy| busy.place),
            Some(1)
        );
    }

    #[test]
    fn each_reason_survives_the_wire() {
        for (reason, _) in REASONS {
            assert_eq!(BrokerReason::of(&reason.error(-32600, "x")), Some(reason));
        }
    }
}
