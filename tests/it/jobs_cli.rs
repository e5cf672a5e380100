//! Claims about jobs at the level of the real binary: nothing that was asked for is lost, whatever dies, fills up or is
//! damaged on the way. The engine is the fake app server, or our own.

mod cancelling;
mod crowd;
mod damage;
mod endpoints;
mod engine_faults;
mod full_disk;
mod kills;
mod life;
mod scoping;
mod setup;
mod tasks;
mod usage;
pub mod world;
