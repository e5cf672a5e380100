//! The three shapes of a line: request, notification, response.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RequestId;

/// Error codes that have a meaning here.
pub mod codes {
    /// The line was not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The line was JSON, but no message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// No such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The peer failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// Busy or overloaded: the broker's when `data.source` is `"broker"`, else the engine's own.
    pub const OVERLOADED: i64 = -32001;
}

/// A call that wants an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Chosen by the caller; the answer carries it.
    pub id: RequestId,
    /// The method's name.
    pub method: String,
    /// Its parameters; `Null` when the peer sent none.
    pub params: Value,
}

/// A message that wants no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The method's name.
    pub method: String,
    /// Its parameters; `Null` when the peer sent none.
    pub params: Value,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The id of the request, or `None` where the peer could not tell (it answers `null` to what it cannot parse).
    pub id: Option<RequestId>,
    /// The result, or the error.
    pub result: Result<Value, ErrorObject>,
}

/// A JSON-RPC error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct ErrorObject {
    /// One of [`codes`], or the peer's own.
    pub code: i64,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Whatever else the peer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl ErrorObject {
    /// An error without data.
    #[must_use]
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        ErrorObject {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// The same error with data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is an answer.
    Response(Response),
}

impl Message {
    /// A request.
    #[must_use]
    pub fn request(id: impl Into<RequestId>, method: impl Into<String>, params: Value) -> Self {
        Message::Request(Request {
            id: id.into(),
            method: method.into(),
            params,
        })
    }

    /// A notification.
    #[must_use]
    pub fn notification(method: impl Into<String>, params: Value) -> Self {
        Message::Notification(Notification {
            method: method.into(),
            params,
        })
    }

    /// A successful answer.
    #[must_use]
    pub fn ok(id: RequestId, result: Value) -> Self {
        Message::Response(Response {
            id: Some(id),
            result: Ok(result),
        })
    }

    /// A failed answer.
    #[must_use]
    pub fn error(id: Option<RequestId>, error: ErrorObject) -> Self {
        Message::Response(Response {
            id,
            result: Err(error),
        })
    }
}
