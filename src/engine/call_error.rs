//! Why a call has no result, and why a connection is over.

use std::time::Duration;

use crate::rpc::ErrorObject;

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionLost {
    /// The peer closed it.
    #[error("the engine closed the connection")]
    Closed,
    /// Reading or writing failed.
    #[error("the connection to the engine failed: {0}")]
    Failed(String),
    /// The engine's process ended.
    #[error("the engine {0}")]
    Exited(super::ExitReason),
    /// A broker says that its engine is gone.
    #[error("the broker lost its engine: {0}")]
    EngineGone(String),
    /// This side closed it.
    #[error("the connection was closed here")]
    Dropped,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The answer did not come in time.
    #[error("no answer to `{method}` within {limit:?}")]
    TimedOut {
        /// The method.
        method: String,
        /// How long it had.
        limit: Duration,
    },
    /// The connection ended first.
    #[error("the connection ended before `{method}` was answered")]
    Lost {
        /// The method.
        method: String,
        /// How it ended.
        #[source]
        source: ConnectionLost,
    },
    /// The engine answered with an error.
    #[error("`{method}` was refused")]
    Refused {
        /// The method.
        method: String,
        /// The engine's error.
        #[source]
        source: ErrorObject,
    },
}

impl CallError {
    /// Whether the engine does not know the method, as an old one does not. Codex says so with `-32600`.
    #[must_use]
    pub fn is_unknown_method(&self) -> bool {
        match self {
            CallError::Refused { source, .. } => {
                source.code == crate::rpc::codes::METHOD_NOT_FOUND
                    || (source.code == crate::rpc::codes::INVALID_REQUEST
                        && source.message.contains("unknown variant"))
            }
            _ => false,
        }
    }
}
