//! Why a turn could not begin, or broke off.

use std::time::Duration;

use crate::causes::with_causes;
use crate::review::{NotJudged, NotJudgedReason};
use crate::rpc::{ErrorObject, Notification, codes};

use super::{CallError, ConnectionLost};

/// Which budget ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// [`super::Limits::turn`].
    Turn,
    /// [`super::Limits::silence`].
    Silence,
    /// [`super::Limits::queue`].
    Queue,
}

impl Budget {
    fn words(self) -> &'static str {
        match self {
            Budget::Turn => "the turn did not end",
            Budget::Silence => "the engine gave no sign of life",
            Budget::Queue => "the broker had no free place",
        }
    }
}

/// Why a turn could not begin, or broke off.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The connection, the broker or the process ended before the turn did.
    #[error("the engine was lost{}", during.as_ref().map(|method| format!(" during `{method}`")).unwrap_or_default())]
    Lost {
        /// The call that was open, if one was.
        during: Option<String>,
        /// How the connection ended.
        #[source]
        source: ConnectionLost,
    },
    /// A budget ran out.
    #[error("{} within {limit:?}", budget.words())]
    TimedOut {
        /// Which.
        budget: Budget,
        /// How long it was.
        limit: Duration,
    },
    /// A call was not answered in time.
    #[error("no answer to `{method}` within {limit:?}")]
    CallTimedOut {
        /// The method.
        method: String,
        /// How long it had.
        limit: Duration,
    },
    /// The engine refused a call.
    #[error("the engine refused `{method}`")]
    Refused {
        /// The method.
        method: String,
        /// Its error.
        #[source]
        source: Box<ErrorObject>,
    },
    /// The broker could not start an engine.
    #[error("the broker could not start the engine: {detail}")]
    Unavailable {
        /// What the broker says.
        detail: String,
    },
    /// The engine is too old for a method.
    #[error("this engine does not know `{method}`")]
    TooOld {
        /// The method.
        method: String,
    },
    /// The engine answered a call with something that lacks what it must hold.
    #[error("the answer to `{method}` has no `{member}`")]
    UnexpectedAnswer {
        /// The method.
        method: String,
        /// What is missing.
        member: &'static str,
    },
    /// The engine says that nothing runs any more, and gave no answer.
    #[error("the turn ended without an answer and without saying so")]
    EndedSilently,
    /// The turn was cancelled from here.
    #[error("the turn was cancelled{}", if *interrupted { "" } else { ", and the engine did not confirm it" })]
    Cancelled {
        /// Whether the engine confirmed that the turn has ended. Not when the turn had not started.
        interrupted: bool,
    },
}

impl EngineError {
    /// The kind of failure, for outcomes and exit codes.
    #[must_use]
    pub fn reason(&self) -> NotJudgedReason {
        match self {
            EngineError::Lost { .. } | EngineError::EndedSilently => NotJudgedReason::EngineLost,
            EngineError::TimedOut { .. } | EngineError::CallTimedOut { .. } => {
                NotJudgedReason::TimedOut
            }
            EngineError::Refused { source, .. } if wants_login(source) => {
                NotJudgedReason::NotLoggedIn
            }
            EngineError::Refused { .. } | EngineError::UnexpectedAnswer { .. } => {
                NotJudgedReason::TurnFailed
            }
            EngineError::TooOld { .. } | EngineError::Unavailable { .. } => {
                NotJudgedReason::EngineUnavailable
            }
            EngineError::Cancelled { .. } => NotJudgedReason::Cancelled,
        }
    }

    /// The outcome of a review that ended so, in one sentence with its causes.
    #[must_use]
    pub fn not_judged(&self) -> NotJudged {
        NotJudged {
            reason: self.reason(),
            detail: with_causes(self),
        }
    }
}

impl From<CallError> for EngineError {
    fn from(error: CallError) -> Self {
        let too_old = error.is_unknown_method();
        match error {
            CallError::TimedOut { method, limit } => EngineError::CallTimedOut { method, limit },
            CallError::Lost { method, source } => EngineError::Lost {
                during: Some(method),
                source,
            },
            CallError::Refused { method, .. } if too_old => EngineError::TooOld { method },
            CallError::Refused { method, source } if from_broker(&source) => {
                let reason = source.data.as_ref().map(|data| &data["reason"]);
                match reason.and_then(serde_json::Value::as_str) {
                    Some("engine-ended" | "shutting-down") => EngineError::Lost {
                        during: Some(method),
                        source: ConnectionLost::EngineGone(source.message),
                    },
                    Some("engine-unavailable") => EngineError::Unavailable {
                        detail: source.message,
                    },
                    _ => EngineError::Refused {
                        method,
                        source: Box::new(source),
                    },
                }
            }
            CallError::Refused { method, source } => EngineError::Refused {
                method,
                source: Box::new(source),
            },
        }
    }
}

/// The outcome of a review whose engine could not be found, identified or started.
#[must_use]
pub fn unavailable(error: &dyn std::error::Error) -> NotJudged {
    NotJudged {
        reason: NotJudgedReason::EngineUnavailable,
        detail: with_causes(error),
    }
}

fn wants_login(error: &ErrorObject) -> bool {
    let message = error.message.to_ascii_lowercase();
    [
        "authentication required",
        "not logged in",
        "unauthorized",
        "please log in",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Whether an error is the broker's own, and not its engine's.
fn from_broker(error: &ErrorObject) -> bool {
    error
        .data
        .as_ref()
        .is_some_and(|data| data["source"] == "broker")
}

/// What a broker says when all its places are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerBusy {
    /// The place in its queue, 1 being next, where the broker says so. 0 is an offer: a place is free, and kept for a
    /// moment.
    pub place: Option<u32>,
}

impl BrokerBusy {
    /// The broker's busy answer. `None` for every other error, among them Codex's own overload, which has the same
    /// code without `data.source`, and the broker's other refusals.
    #[must_use]
    pub fn parse(error: &ErrorObject) -> Option<Self> {
        let data = error.data.as_ref().filter(|_| from_broker(error))?;
        // A broker that names no reason has only this one for the code.
        let reason = data["reason"].as_str().unwrap_or("busy");
        (error.code == codes::OVERLOADED && reason == "busy").then(|| Self::read(data))
    }

    /// The broker's news of a place. `None` for every other notification.
    #[must_use]
    pub fn from_notification(notification: &Notification) -> Option<Self> {
        (notification.method == "broker/queue").then(|| Self::read(&notification.params))
    }

    fn read(data: &serde_json::Value) -> Self {
        BrokerBusy {
            place: data["place"]
                .as_u64()
                .and_then(|place| u32::try_from(place).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_overloaded_engine_is_not_taken_for_a_busy_broker() {
        let error = ErrorObject::new(codes::OVERLOADED, "Server overloaded; retry later.");
        assert_eq!(BrokerBusy::parse(&error), None);
        let error = error.with_data(json!({"source": "broker", "place": 2}));
        assert_eq!(
            BrokerBusy::parse(&error),
            Some(BrokerBusy { place: Some(2) })
        );
    }

    #[test]
    fn causes_stand_in_the_detail() {
        let error = EngineError::from(CallError::Lost {
            method: "turn/start".into(),
            source: ConnectionLost::Closed,
        });
        assert_eq!(
            error.not_judged().detail,
            "the engine was lost during `turn/start`: the engine closed the connection"
        );
        let error = EngineError::from(CallError::Refused {
            method: "thread/start".into(),
            source: ErrorObject::new(-32600, "codex account authentication required to start"),
        });
        assert_eq!(error.reason(), NotJudgedReason::NotLoggedIn);
    }
}
