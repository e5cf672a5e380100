//! Claims about jobs: one owner each, never lost, readable whatever happens to the files.

mod entry;
mod faults;
mod store;
mod views;
mod workers;
mod world;
