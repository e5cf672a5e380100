//! One turn as a reducer: notifications in, [`TurnEvent`]s and at last a [`TurnResult`] out.
//!
//! The main type is [`TurnReducer`]. It performs no I/O and knows no clock: [`TurnReducer::progress`] says whether the
//! turn runs, is over, or looks over without having said so; how long to wait in the last case is the driver's affair.
//! It keeps what a result needs within bounds, counts what it drops, and ignores what it does not know.

mod agents;
mod event;
mod phase;
mod reducer;
mod result;

pub use event::TurnEvent;
pub use phase::Phase;
pub use reducer::{Progress, TurnKind, TurnReducer};
pub use result::{CommandRun, TokenUsage, TurnEnd, TurnFailure, TurnResult};

#[cfg(test)]
mod tests;
