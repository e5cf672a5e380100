//! What Claude Code and git call: session start and end, the stop gate, and the pre-push hook.
//!
//! `decide` and `conclude`, for the gate and for pushes, are pure; the binary gathers the facts, runs the review and speaks to the host. Failure
//! policy: a fault of our own is never a block, and a hook never fails its host.

mod answer;
mod env_file;
mod gate;
mod input;
mod install;
mod memory;
mod pre_push;
mod push_memory;
mod pushed_ref;
mod tree;

pub use answer::{GateAnswer, read_answer};
pub use env_file::{SESSION_ID_VARIABLE, TRANSCRIPT_PATH_VARIABLE, export_lines};
pub use gate::{Conclusion, Facts, Gated, Review, Settled, Step, conclude, decide};
pub use input::{HookInput, InputError, MAX_INPUT_BYTES, ToolInput, read_input};
pub use install::{
    CHAINED_SUFFIX, FoundFramework, HookFramework, HookState, InstallError, Installed,
    MissingFolder, Uninstalled, chained_path, find_framework, hook_path, hook_state, install_hook,
    uninstall_hook,
};
pub use memory::{
    GateMemory, GateRecord, LastHour, PlanMemory, Question, SessionMemory, TreeState,
};
pub use pre_push::{
    NothingToReview, PushConclusion, PushFacts, PushStep, conclude_push, decide_push,
};
pub use push_memory::{
    KEPT_FINDINGS, PushAnswers, PushFinding, PushMemory, PushQuestion, PushRecord, PushVerdict,
};
pub use pushed_ref::{MAX_PUSH_BYTES, MalformedLine, PushedRef, read_push};
pub use tree::tree_state;
