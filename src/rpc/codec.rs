//! Lines to messages and back, with a bound on a line's length.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ErrorObject, Message, Notification, Request, RequestId, Response};

/// Why a line is no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON at all: answer `-32700`, or skip.
    #[error("line is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// JSON, but neither a request, a notification nor a response.
    #[error("JSON is not a JSON-RPC message: {0}")]
    NotAMessage(&'static str),
}

/// The line as it stands on the wire. `result: null` is a result, so presence is kept apart from value.
#[derive(Deserialize)]
struct WireIn {
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Serialize)]
struct WireOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorObject>,
}

/// Decodes one line, with or without its line end.
///
/// # Errors
///
/// Says whether the line is not JSON, or JSON of the wrong shape.
pub fn decode(line: &[u8]) -> Result<Message, DecodeError> {
    let value: Value = serde_json::from_slice(line).map_err(DecodeError::NotJson)?;
    if !value.is_object() {
        return Err(DecodeError::NotAMessage("not an object"));
    }
    let wire: WireIn = serde_json::from_value(value)
        .map_err(|_| DecodeError::NotAMessage("a member has the wrong type"))?;
    let id = match wire.id {
        None => None,
        Some(Value::Null) => None,
        Some(id) => Some(
            serde_json::from_value::<RequestId>(id)
                .map_err(|_| DecodeError::NotAMessage("`id` is neither a number nor a string"))?,
        ),
    };
    match (wire.method, id, wire.result, wire.error) {
        (Some(method), Some(id), _, _) => Ok(Message::Request(Request {
            id,
            method,
            params: wire.params,
        })),
        (Some(method), None, _, _) => Ok(Message::Notification(Notification {
            method,
            params: wire.params,
        })),
        (None, id, _, Some(error)) => Ok(Message::Response(Response {
            id,
            result: Err(error),
        })),
        (None, Some(id), Some(result), None) => Ok(Message::Response(Response {
            id: Some(id),
            result: Ok(result),
        })),
        (None, _, _, None) => Err(DecodeError::NotAMessage(
            "no method, no result and no error",
        )),
    }
}

/// Encodes a message as one line, with its line end.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    let mut wire = WireOut {
        id: None,
        method: None,
        params: None,
        result: None,
        error: None,
    };
    let some_params = |params: &'_ Value| !params.is_null();
    match message {
        Message::Request(request) => {
            wire.id = Some(id_value(&request.id));
            wire.method = Some(&request.method);
            wire.params = Some(&request.params).filter(|params| some_params(params));
        }
        Message::Notification(notification) => {
            wire.method = Some(&notification.method);
            wire.params = Some(&notification.params).filter(|params| some_params(params));
        }
        Message::Response(response) => {
            wire.id = Some(response.id.as_ref().map_or(Value::Null, id_value));
            match &response.result {
                Ok(result) => wire.result = Some(result),
                Err(error) => wire.error = Some(error),
            }
        }
    }
    let mut line = serde_json::to_vec(&wire).expect("a tree of JSON values always serialises");
    line.push(b'\n');
    line
}

fn id_value(id: &RequestId) -> Value {
    match id {
        RequestId::Number(number) => Value::from(*number),
        RequestId::Text(text) => Value::from(text.as_str()),
    }
}

/// A line grew past the bound of its buffer; the rest of it is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a line of more than {limit} bytes was dropped")]
pub struct LineTooLong {
    /// The bound in bytes.
    pub limit: usize,
}

/// Cuts a byte stream into lines, holding at most `limit` bytes of an unfinished one.
#[derive(Debug)]
pub struct LineBuffer {
    limit: usize,
    partial: Vec<u8>,
    dropping: bool,
}

impl LineBuffer {
    /// A buffer for lines of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        LineBuffer {
            limit,
            partial: Vec::new(),
            dropping: false,
        }
    }

    /// Feeds bytes and hands each finished line (without its `\n`) to `emit`. An over-long line is reported once, at
    /// the moment it passes the bound, and skipped to its end. Empty lines are not handed out.
    pub fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(Result<Vec<u8>, LineTooLong>)) {
        while !bytes.is_empty() {
            let (chunk, ended, rest) = match bytes.iter().position(|&byte| byte == b'\n') {
                Some(at) => (&bytes[..at], true, &bytes[at + 1..]),
                None => (bytes, false, &bytes[bytes.len()..]),
            };
            bytes = rest;
            if !self.dropping {
                if self.partial.len() + chunk.len() > self.limit {
                    self.partial = Vec::new();
                    self.dropping = true;
                    emit(Err(LineTooLong { limit: self.limit }));
                } else {
                    self.partial.extend_from_slice(chunk);
                }
            }
            if ended {
                self.dropping = false;
                let line = std::mem::take(&mut self.partial);
                if !line.is_empty() {
                    emit(Ok(line));
                }
            }
        }
    }

    /// What stands after the last line end, once the stream has ended.
    #[must_use]
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then_some(self.partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::rpc::codes;

    #[track_caller]
    fn round_trip(message: Message, expected: &str) {
        let line = encode(&message);
        assert_eq!(
            String::from_utf8(line.clone()).unwrap(),
            format!("{expected}\n")
        );
        assert_eq!(decode(&line).unwrap(), message);
    }

    #[test]
    fn every_shape_survives_the_wire() {
        round_trip(
            Message::request(7, "thread/start", json!({"cwd": "/x"})),
            r#"{"id":7,"method":"thread/start","params":{"cwd":"/x"}}"#,
        );
        round_trip(
            Message::notification("initialized", Value::Null),
            r#"{"method":"initialized"}"#,
        );
        round_trip(
            Message::ok(RequestId::Text("a".into()), Value::Null),
            r#"{"id":"a","result":null}"#,
        );
        round_trip(
            Message::error(None, ErrorObject::new(codes::PARSE_ERROR, "no")),
            r#"{"id":null,"error":{"code":-32700,"message":"no"}}"#,
        );
    }

    #[test]
    fn noise_is_an_error_value_and_not_a_panic() {
        for line in [
            "",
            "\u{1b}[33mWARN\u{1b}[0m",
            "[1]",
            "3",
            "{}",
            r#"{"id":{}}"#,
            r#"{"id":1}"#,
        ] {
            assert!(decode(line.as_bytes()).is_err(), "accepted {line:?}");
        }
        assert!(decode(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn an_overlong_line_is_dropped_once_and_the_next_one_arrives() {
        let mut buffer = LineBuffer::new(4);
        let mut seen = Vec::new();
        for chunk in [&b"ab"[..], b"cdefgh", b"ijk\nxy", b"\n\nz"] {
            buffer.feed(chunk, |line| seen.push(line));
        }
        assert_eq!(
            seen,
            vec![Err(LineTooLong { limit: 4 }), Ok(b"xy".to_vec())]
        );
        assert_eq!(buffer.finish(), Some(b"z".to_vec()));
    }
}
