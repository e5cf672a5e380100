//! One app server, shared by many clients: the broker.
//!
//! A broker owns one engine and serves any number of clients over a private socket, so that a command finds a warm engine
//! and several turns run side by side. Its heart is a synchronous state machine (`state`: who owns what, who waits, what
//! fails); around it are thin tasks that carry lines. [`connect_or_start`] is how a command reaches one,
//! [`serve_process`] is how one lives, [`status_all`] and [`stop_all`] look after them.
//!
//! # Life cycle and locks
//!
//! There is at most one broker per workspace, engine identity and version of this program (see [`BrokerIdentity`]),
//! because it holds `broker.lock` for its life. Starters take `start.lock`, so that a race of them ends with one. It ends
//! by itself when it has had no client and no turn for a while, when it is asked to (refused while turns run, unless
//! forced), or by a signal; it takes its engine along. A broker that is killed leaves stale files, which the next starter
//! replaces, and an engine whose input closes, which makes it end; one that does not is ended by whoever comes next (see
//! `left_engine`).
//!
//! # What it does not do
//!
//! It knows no review, no job and no context; it reads of a message only what routing needs. It starts no turn.
//!
//! # Failure policy
//!
//! A peer can be slow, silent, wrong or gone at any moment: that costs this peer its request or its connection, and
//! nobody else anything. No error of a peer ends the broker.

mod client;
mod control;
mod endpoint;
mod error;
mod folder;
mod frame;
mod left_engine;
mod link;
mod log;
mod options;
mod record;
mod serve;
mod server;
mod session;
mod state;
mod wire;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use client::{BrokerConnection, connect_given, connect_or_start, newest_record};
pub use control::{
    BrokerView, FoundBroker, StopOutcome, status_all, stop_all, workspaces_with_brokers,
};
pub use endpoint::{BrokerReader, BrokerWriter, Endpoint};
pub use error::BrokerError;
pub use left_engine::end_left_engines;
pub use link::{EngineLauncher, LaunchedEngine};
pub use options::{BrokerIdentity, BrokerOptions, BrokerTuning, ServeOptions};
pub use record::BrokerRecord;
pub use serve::{serve, serve_process, serve_with};
pub use state::Ending;
pub use wire::{
    ADOPT, BUSY_MESSAGE, BrokerReason, BrokerStatus, ENGINE_LOST, EngineLost, HAND_OVER, QUEUE,
    QueuePlace, SHUTDOWN, STATUS,
};
