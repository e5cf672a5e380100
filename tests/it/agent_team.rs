//! `agent-team` through the command line.

mod crashes;
mod panes;
mod real;
mod results;
mod starting;
mod world;
