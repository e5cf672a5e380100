//! A line as it passes through: its shape is read, its payload is not.
//!
//! The broker relays lines of any size, so nothing here builds a tree. A [`Frame`] borrows the line, knows which bytes
//! are the id, and can put another id there: every other byte reaches the peer as it was written, members that this
//! version does not know included. [`Peek`] reads the few members of a payload that routing depends on.
//!
//! A line that is no message is a value ([`FrameError`]); a payload of an unexpected shape reads as "not there".

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An id of more bytes than this is refused: it is copied into every answer.
const MAX_ID_BYTES: usize = 256;

/// Why a line is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// Not JSON.
    #[error("the line is not JSON")]
    NotJson,
    /// JSON of another shape; says what is wrong.
    #[error("the line is not a JSON-RPC message: {0}")]
    NotAMessage(&'static str),
}

/// Which of the three shapes a line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result.
    Success,
    /// Has an error.
    Failure,
}

/// One line, its parts borrowed.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    line: &'a [u8],
    shape: Shape,
    id: Option<&'a RawValue>,
    method: Cow<'a, str>,
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireFrame<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// `result: null` is a result: presence is kept apart from value.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Frame<'a> {
    /// Reads a line, with or without its line end.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, FrameError> {
        let line = line.trim_ascii();
        let wire: WireFrame<'a> = serde_json::from_slice(line).map_err(|error| {
            if error.is_data() {
                FrameError::NotAMessage("it is no object, or a member occurs twice")
            } else {
                FrameError::NotJson
            }
        })?;
        // A struct can also be read from an array.
        if line.first() != Some(&b'{') {
            return Err(FrameError::NotAMessage("it is no object"));
        }
        if let Some(id) = wire.id {
            let text = id.get();
            let known = text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
            if !known || text.len() > MAX_ID_BYTES {
                return Err(FrameError::NotAMessage("`id` is no short number or string"));
            }
        }
        let method = match wire.method {
            None => None,
            Some(raw) => Some(text(raw).ok_or(FrameError::NotAMessage("`method` is no string"))?),
        };
        let (shape, payload) = match (&method, wire.id, wire.result, wire.error) {
            (Some(_), Some(_), _, _) => (Shape::Request, wire.params),
            (Some(_), None, _, _) => (Shape::Notification, wire.params),
            (None, _, _, Some(error)) => (Shape::Failure, Some(error)),
            (None, Some(_), Some(result), None) => (Shape::Success, Some(result)),
            (None, _, _, None) => {
                return Err(FrameError::NotAMessage("no method, no result and no error"));
            }
        };
        Ok(Frame {
            line,
            shape,
            id: wire.id,
            method: method.unwrap_or_default(),
            payload,
        })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The id's bytes as they stand on the wire.
    pub(crate) fn id(&self) -> Option<&'a str> {
        self.id.map(RawValue::get)
    }

    /// The id, if it is one that the broker gives to its own requests.
    pub(crate) fn upstream_id(&self) -> Option<u64> {
        self.id()?.parse().ok()
    }

    /// The method of a request or a notification; empty for an answer.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// `params`, `result` or `error`, whichever the shape has.
    pub(crate) fn payload(&self) -> Option<&'a RawValue> {
        self.payload
    }

    /// What routing needs from the payload.
    pub(crate) fn peek(&self) -> Peek<'a> {
        Peek::of(self.payload)
    }

    /// The same line with another id, and with its line end. A line without an id stays as it is.
    pub(crate) fn with_id(&self, id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.line.len() + id.len() + 1);
        match self.id {
            None => out.extend_from_slice(self.line),
            Some(raw) => {
                // The raw value is a slice of the line, so the distance of the two is its place.
                let start = raw.get().as_ptr() as usize - self.line.as_ptr() as usize;
                out.extend_from_slice(&self.line[..start]);
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(&self.line[start + raw.get().len()..]);
            }
        }
        out.push(b'\n');
        out
    }
}

/// The members of a payload that routing depends on, each still raw.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Peek<'a> {
    #[serde(borrow)]
    thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    turn_id: Option<&'a RawValue>,
    #[serde(borrow)]
    review_thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    parent_thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sender_thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    agent_thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    receiver_thread_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    thread: Option<&'a RawValue>,
    #[serde(borrow)]
    turn: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    capabilities: Option<&'a RawValue>,
    #[serde(borrow)]
    opt_out_notification_methods: Option<&'a RawValue>,
    #[serde(borrow)]
    force: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

impl<'a> Peek<'a> {
    fn of(raw: Option<&'a RawValue>) -> Self {
        raw.filter(|raw| raw.get().starts_with('{'))
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    /// The thread that the payload names.
    pub(crate) fn thread_id(&self) -> Option<Cow<'a, str>> {
        text(self.thread_id?)
    }

    /// The thread that the payload carries as an object.
    pub(crate) fn thread_object_id(&self) -> Option<Cow<'a, str>> {
        text(Peek::of(self.thread).id?)
    }

    /// The thread that a review runs on.
    pub(crate) fn review_thread_id(&self) -> Option<Cow<'a, str>> {
        text(self.review_thread_id?)
    }

    /// The turn that the payload names, or carries as an object.
    pub(crate) fn turn_id(&self) -> Option<Cow<'a, str>> {
        text(Peek::of(self.turn).id.or(self.turn_id)?)
    }

    /// `status.type`, as in `thread/status/changed`.
    pub(crate) fn status_kind(&self) -> Option<Cow<'a, str>> {
        text(Peek::of(self.status).kind?)
    }

    /// `force: true`.
    pub(crate) fn force(&self) -> bool {
        self.force.is_some_and(|raw| raw.get() == "true")
    }

    /// An error's message.
    pub(crate) fn message(&self) -> Option<Cow<'a, str>> {
        text(self.message?)
    }

    /// `capabilities.optOutNotificationMethods` of an `initialize` request.
    pub(crate) fn opt_outs(&self) -> Vec<String> {
        Peek::of(self.capabilities)
            .opt_out_notification_methods
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    /// Threads that this notification shows to descend from another one, as (parent, child): a thread object with a
    /// parent, or an item of the conversation that started or spoke to other agents.
    pub(crate) fn descents(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let mut found = Vec::new();
        if self.thread.is_some() {
            let thread = Peek::of(self.thread);
            let parent = thread
                .parent_thread_id
                .and_then(text)
                .or_else(|| spawn_parent(thread.source));
            if let (Some(parent), Some(child)) = (parent, thread.id.and_then(text)) {
                found.push((parent, child));
            }
        }
        if self.item.is_some() {
            let item = Peek::of(self.item);
            let Some(parent) = item.sender_thread_id.and_then(text).or(self.thread_id()) else {
                return found;
            };
            let receivers: Vec<&RawValue> = item
                .receiver_thread_ids
                .and_then(|raw| serde_json::from_str(raw.get()).ok())
                .unwrap_or_default();
            for child in receivers.into_iter().chain(item.agent_thread_id) {
                if let Some(child) = text(child) {
                    found.push((parent.clone(), child));
                }
            }
        }
        found
    }
}

/// `source.subAgent.thread_spawn.parent_thread_id`, where versions without `parentThreadId` put it.
fn spawn_parent<'a>(source: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Source<'a> {
        #[serde(rename = "subAgent", borrow)]
        sub_agent: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct SubAgent<'a> {
        #[serde(borrow)]
        thread_spawn: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Spawn<'a> {
        #[serde(borrow)]
        parent_thread_id: &'a RawValue,
    }
    let source: Source<'a> = serde_json::from_str(source?.get()).ok()?;
    let agent: SubAgent<'a> = serde_json::from_str(source.sub_agent.get()).ok()?;
    let spawn: Spawn<'a> = serde_json::from_str(agent.thread_spawn.get()).ok()?;
    text(spawn.parent_thread_id)
}

/// A JSON string's text, borrowed where it has no escapes. `None` for any other value.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_id(line: &str, id: &str, expected: &str) {
        let frame = Frame::parse(line.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(frame.with_id(id)).unwrap(),
            format!("{expected}\n")
        );
    }

    #[test]
    fn only_the_id_changes_on_the_way() {
        check_id(
            r#"{"trace":{"a":1.50},"id":"x","method":"turn\/start","params":{ "n":1e3 }}"#,
            "7",
            r#"{"trace":{"a":1.50},"id":7,"method":"turn\/start","params":{ "n":1e3 }}"#,
        );
        check_id(
            r#"{"result":null,"id" : 12}"#,
            "\"x\"",
            r#"{"result":null,"id" : "x"}"#,
        );
        check_id(r#"{"method":"n"}"#, "7", r#"{"method":"n"}"#);
    }

    #[track_caller]
    fn check_shape(line: &str, expected: Result<Shape, FrameError>) {
        let found = Frame::parse(line.as_bytes()).map(|frame| frame.shape());
        match (&found, &expected) {
            (Err(FrameError::NotAMessage(_)), Err(FrameError::NotAMessage(_))) => {}
            _ => assert_eq!(found, expected, "{line}"),
        }
    }

    #[test]
    fn each_line_has_one_shape_or_none() {
        check_shape(r#"{"id":1,"method":"a"}"#, Ok(Shape::Request));
        check_shape(r#"{"id":null,"method":"a"}"#, Ok(Shape::Notification));
        check_shape(r#"{"id":1,"result":null}"#, Ok(Shape::Success));
        check_shape(r#"{"id":null,"error":{"code":1}}"#, Ok(Shape::Failure));
        check_shape("", Err(FrameError::NotJson));
        check_shape("\u{1b}[33mWARN", Err(FrameError::NotJson));
        for line in [
            "3",
            "[]",
            "[1,\"a\",null,null,null]",
            "{}",
            r#"{"id":{},"method":"a"}"#,
            r#"{"id":true,"method":"a"}"#,
            r#"{"id":1,"id":2,"method":"a"}"#,
            r#"{"id":1,"method":4}"#,
            r#"{"result":1}"#,
        ] {
            check_shape(line, Err(FrameError::NotAMessage("")));
        }
    }

    #[test]
    fn a_payload_of_an_unexpected_shape_reads_as_nothing() {
        for line in [
            r#"{"method":"a","params":[1]}"#,
            r#"{"method":"a","params":{"threadId":7,"turn":"x","item":3,"thread":null}}"#,
            r#"{"method":"a"}"#,
        ] {
            let frame = Frame::parse(line.as_bytes()).unwrap();
            let peek = frame.peek();
            assert_eq!(peek.thread_id(), None);
            assert_eq!(peek.turn_id(), None);
            assert!(peek.descents().is_empty());
        }
    }

    #[track_caller]
    fn check_descents(params: &str, expected: &[(&str, &str)]) {
        let line = format!(r#"{{"method":"m","params":{params}}}"#);
        let frame = Frame::parse(line.as_bytes()).unwrap();
        let found = frame.peek().descents();
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sub_agents_are_known_by_their_parent() {
        check_descents(
            r#"{"thread":{"id":"c","parentThreadId":"p"}}"#,
            &[("p", "c")],
        );
        check_descents(
            r#"{"thread":{"id":"c","source":{"subAgent":{"thread_spawn":{"parent_thread_id":"p","depth":1}}}}}"#,
            &[("p", "c")],
        );
        check_descents(
            r#"{"threadId":"p","item":{"type":"collabAgentToolCall","senderThreadId":"p","receiverThreadIds":["c","d"]}}"#,
            &[("p", "c"), ("p", "d")],
        );
        check_descents(
            r#"{"threadId":"p","item":{"type":"subAgentActivity","agentThreadId":"c"}}"#,
            &[("p", "c")],
        );
        check_descents(r#"{"thread":{"id":"c","source":"cli"}}"#, &[]);
    }
}
