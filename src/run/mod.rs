//! One run of an engine: the kinds of run, the request, and its execution.
//!
//! `kind` declares what can be run; `request` is one run as a value that is stored with its job.

mod kind;
mod request;

pub use kind::{
    ADVERSARIAL_REVIEW, Ask, GATE, KINDS, Kind, MayWrite, REVIEW, TASK, Thread, find_kind,
};
pub use request::{
    Access, Budgets, ChangeFacts, EngineChoice, Question, RequestError, RunRequest, ThreadChoice,
};
