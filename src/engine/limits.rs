//! How long an engine may take for what.

use std::time::Duration;

/// Every wait of a turn has one of these ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the whole turn, from its start.
    pub turn: Duration,
    /// Without any sign of life. The engine is asked then whether the turn still runs; only when it does not say so
    /// is the turn given up.
    pub silence: Duration,
    /// For the answer to one call.
    pub rpc: Duration,
    /// For a free place at the broker.
    pub queue: Duration,
    /// For a turn to end after it was interrupted. Shorter than what a cancel leaves a worker before it is killed, so that
    /// the worker still says how its job ended.
    pub interrupt: Duration,
    /// For `turn/completed` once everything else says that the turn is over.
    pub completion: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            turn: Duration::from_secs(60 * 60),
            silence: Duration::from_secs(5 * 60),
            rpc: Duration::from_secs(60),
            queue: Duration::from_secs(30 * 60),
            interrupt: Duration::from_secs(4),
            completion: Duration::from_secs(3),
        }
    }
}
