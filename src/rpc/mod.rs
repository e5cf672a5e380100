//! JSON-RPC lines as values: ids, messages, a codec, and calls that wait for their answer.
//!
//! The dialect is the Codex app server's: one JSON object a line, without the `jsonrpc` member. This module knows no
//! method, no process and no socket, and depends on nothing else in the crate.
//!
//! A peer's bad line is a value ([`DecodeError`]), never a panic: whoever reads decides whether it is answered with
//! `-32700` (a broker's client) or counted and skipped (an engine's stdout).

mod codec;
mod id;
mod message;
mod pending;

pub use codec::{DecodeError, LineBuffer, LineTooLong, decode, encode};
pub use id::RequestId;
pub use message::{ErrorObject, Message, Notification, Request, Response, codes};
pub use pending::Pending;
