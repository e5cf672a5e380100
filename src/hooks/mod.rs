//! What Claude Code and git call: session start and end, and the stop gate.
//!
//! `decide` and `conclude` are pure; the binary gathers the facts, runs the review and speaks to the host. Failure
//! policy: a fault of our own is never a block, and a hook never fails its host.

mod answer;
mod env_file;
mod gate;
mod input;
mod memory;
mod tree;

pub use answer::{GateAnswer, read_answer};
pub use env_file::{SESSION_ID_VARIABLE, TRANSCRIPT_PATH_VARIABLE, export_lines};
pub use gate::{Conclusion, Facts, Review, Settled, Step, conclude, decide};
pub use input::{HookInput, InputError, MAX_INPUT_BYTES, read_input};
pub use memory::{GateMemory, GateRecord, LastHour, Question, SessionMemory, TreeState};
pub use tree::tree_state;
