//! wip
mod frame;
mod state;
mod wire;
