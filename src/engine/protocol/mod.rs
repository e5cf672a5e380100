//! The engine's wire shapes: exactly what is sent, and exactly what is read.
//!
//! What is sent is typed by what is meant ([`ReviewTarget`], [`Sandbox`]) and written member by member. What is read
//! is decoded leniently: a member that is absent, or has another type than expected, counts as not given, and an
//! unknown method, item or status is kept by name. Nothing here fails on what a newer engine adds.

mod incoming;
mod params;
mod wire;

pub use params::{ReviewTarget, Sandbox};

pub(crate) use incoming::{Item, News, ThreadState, TurnFault, TurnStatus, thread_state};
pub(crate) use params::{
    import_session, review_start, running_turn, thread_name, thread_read, thread_resume,
    thread_start, turn_interrupt, turn_start, turn_steer,
};
