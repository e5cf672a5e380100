//! `agent-team` through the command line.

mod crashes;
mod panes;
pub mod real;
mod results;
mod starting;
mod world;
