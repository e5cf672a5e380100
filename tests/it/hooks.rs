//! Claims about the hooks at the level of the binary: what a host writes to them, and what it gets back.

mod gate;
mod latency;
mod outages;
mod sessions;
mod turns;
