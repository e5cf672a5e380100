//! An engine: a program that speaks the Codex app-server protocol on stdio, driven for one turn at a time.
//!
//! From the process up: [`EngineCommand`] says what to start, [`AppServer`] is the running child, [`Connection`] is
//! JSON-RPC over its pipes (or over a broker's socket), [`handshake`] opens it, [`run_turn`] performs one
//! [`TurnRequest`] and returns a [`TurnResult`], and [`answers`] reads a judgement out of that. [`policy`] answers what
//! the engine asks, [`login`] asks who is logged in.
//!
//! What this module does not do: share an engine (see [`crate::broker`]), own a run (see [`crate::jobs`]), or word a
//! prompt (see [`crate::prompt`]).
//!
//! Failure policy: every wait has an end ([`Limits`]), every buffer a bound, and every failure is an [`EngineError`]
//! or a [`TurnEnd`] that maps to a [`crate::review::NotJudgedReason`]. What an engine says wrongly or newly is skipped
//! and counted, never fatal.

pub mod answers;
pub mod builtin;
pub mod login;
pub mod own_config;
pub mod policy;

mod account_usage;
mod call_error;
mod cancel;
mod command;
mod connection;
mod control;
mod drive;
mod error;
mod handshake;
mod identity;
mod limits;
mod process;
mod protocol;
mod request;
mod stderr_tail;
mod transfer;
mod turn;

pub use account_usage::{AccountUsage, DayTokens, LimitWindow, read_account_usage};
pub use call_error::{CallError, ConnectionLost};
pub use cancel::{Cancel, Canceller};
pub use command::{EngineCommand, absolute_path, find_in_path};
pub use connection::{Caller, Connection, ConnectionBounds, Incoming};
pub use control::{interrupt_turn, steer_turn};
pub use drive::run_turn;
pub use error::{BrokerBusy, Budget, EngineError, unavailable};
pub use handshake::{ClientInfo, ServerInfo, handshake, initialize_params};
pub use identity::{EngineIdentity, IdentityError};
pub use limits::Limits;
pub use process::{AppServer, EnginePipes, ExitReason, ExitWatch, SpawnError};
pub use protocol::{ReviewTarget, Sandbox};
pub use request::{ThreadChoice, TurnAction, TurnRequest};
pub use stderr_tail::StderrTail;
pub use transfer::import_session;
pub use turn::{
    CommandRun, Phase, Progress, TokenUsage, TurnEnd, TurnEvent, TurnFailure, TurnKind,
    TurnReducer, TurnResult,
};
