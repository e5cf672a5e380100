//! One run of an engine: the kinds of run, the request, and its execution.
//!
//! ```text
//! Kind (declared) → RunRequest (stored with its job) --execute--> RunEnd (a report, a task's answer, or tests)
//! ```
//!
//! `kind` declares what can be run; [`RunRequest`] is one run as a value; [`execute`] carries it out in whatever process
//! owns the job. This is the one module that knows both the engine's and the jobs' vocabulary.

mod access;
mod asked_before;
mod counting;
mod decide;
mod engine_options;
mod events;
mod execute;
mod hunks;
mod kind;
mod new_side;
mod open_code;
mod pinned_patch;
mod plan;
mod prepare;
mod redaction;
mod request;
mod since_last;
mod submit;
mod suppression_wire;
mod surroundings;
mod task_answer;
mod terms;
mod testing;

pub use access::{OpenedEngine, broker_options, open_engine};
pub use counting::CountedChange;
pub use decide::{decide_again, merge_reports, shard_label};
pub use engine_options::EngineOptions;
pub use execute::{RunEnd, execute, unreadable_request};
pub use kind::{
    ADVERSARIAL_REVIEW, AGENT, Ask, DIFF_REVIEW, GATE, KINDS, Kind, MayWrite, OPTIMIZE, PLAN_GATE,
    PLAN_REVIEW, REVIEW, Subject, TASK, TEST, Thread, WATCH_REVIEW, find_kind,
};
pub use pinned_patch::PinnedPatch;
pub use plan::PlanReview;
pub use prepare::{PrepareError, ReviewPlan, first_line, task_request};
pub use request::{
    Access, Budgets, CacheUse, EngineChoice, NativeTarget, Question, RequestError, ReviewedChange,
    RunRequest, ThreadChoice,
};
pub use since_last::{ReviewHistory, Since, Trail};
pub use submit::{Submission, submit, work, work_here};
pub use surroundings::Surroundings;
pub use task_answer::TaskAnswer;
pub use terms::{
    ReviewTerms, TermsError, TermsInput, change_hash, review_ignore, review_terms, shard_paths,
};
pub use testing::{
    Applied, ApplyError, NoTests, RunTests, TestOrder, TestPlan, WrittenTests, applied_json,
    apply as apply_tests, read_written,
};
