//! Long work that survives its caller: every engine run is a job with exactly one owner.
//!
//! # Life cycle
//!
//! `queued → running → completed | failed | cancelled`. [`JobStore::create`] makes a job and owns it;
//! [`OwnedJob::start`] passes the ownership to a detached worker without a gap; [`run_worker`] does the work and puts the
//! end down, whatever happens. A job that loses its owner without an end is ended by the next reader ([`reconcile()`]).
//!
//! # Files
//!
//! Below the repository's state folder ([`StateFolder`]):
//!
//! - `jobs/<id>.events.jsonl`: the truth, append-only. `jobs/<id>.end.json`: a big end, or one that the log could not take.
//! - `jobs/<id>.request.json`: what was asked. `jobs/<id>.cancel`: its being there asks for the end.
//! - `jobs/<id>.json`, `jobs/<id>.log`, `state.json`: derived; they can be made again from the above.
//! - `settings.json`: a copy of the settings in `state.json`. `sessions/`: leases of Claude sessions.
//!
//! # Locks
//!
//! `jobs/<id>.lock` is held for the job's life by its owner, the only writer of the job's files; readers probe it with a
//! shared lock. `state.lock` is held while the index is written, for moments and with a bounded wait; whoever holds it
//! never waits for a job's lock. An owner may wait for `state.lock`.
//!
//! # What it does not do
//!
//! It knows no engine and no context: a run's request and result are opaque, and what a worker does comes in as a
//! closure that emits [`JobEvent`]s. It never prints.
//!
//! # Failure policy
//!
//! Recording never fails the work: what cannot be written is counted ([`Job::unwritten_events`]) or becomes a
//! [`StoreWarning`]. An end is never lost silently. A store of a newer version is read and never written.

mod account;
mod cancel;
mod cancel_token;
mod documents;
mod error;
mod event;
mod event_log;
mod event_wire;
mod follow;
mod human_log;
mod id;
mod index;
mod job;
mod lease;
mod lock;
mod query;
mod reconcile;
mod record;
mod retention;
mod settings;
mod state_dir;
mod status_view;
mod store;
mod stored_file;
mod sweep;
mod watcher;
mod worker;
mod writer;

pub use crate::process_identity::{ProcessIdentity, Signalled};
pub use crate::timestamp::{Clock, Timestamp};
pub use account::{Account, Spent};
pub use cancel::{CancelLimits, Cancelled, cancel, request_cancel};
pub use cancel_token::CancelToken;
pub use documents::{
    cancel_document, elapsed, elapsed_words, job_status_document, result_document,
    resume_candidate_document, status_document,
};
pub use error::JobsError;
pub use event::{EndedFacts, EventSink, JobEvent, StampedEvent};
pub use event_log::EventReader;
pub use follow::{FollowLimits, Followed, Tick, follow, follow_ticking, wait_for_end};
pub use human_log::{log_entry, stored_log};
pub use id::{InvalidJobId, JobId, ResolveIdError, resolve_id};
pub use index::StoreWarning;
pub use job::{
    CreatedFacts, EndStatus, Job, JobClass, JobEnd, JobResult, JobStatus, NewJob, Phase, TokenCount,
};
pub use lease::{SessionLease, begin_session, end_session, sessions, sweep_sessions};
pub(crate) use lock::lock_within;
pub use query::{
    JobView, StatusScope, StatusSnapshot, Waited, Wanted, find, find_result, find_to_cancel,
    resume_candidate, status, view, wait,
};
pub use reconcile::{end_of_ownerless, reconcile};
pub use retention::{DEFAULT_KEEP_FINISHED, RetentionPlan, plan_retention};
pub use settings::{PLAN_REVIEW, STOP_REVIEW_GATE, Settings};
pub use state_dir::{
    STATE_DIR_VARIABLE, StateDirError, StateEnvironment, StateFolder, StateRoot, ensure_private,
    folder_name,
};
pub use status_view::{Surface, render_cancelled, render_job, render_result, render_status};
pub use store::{JobFiles, JobStore, StoreOptions};
pub use worker::{
    JOB_ID_VARIABLE, JobRequest, OwnedJob, WorkerLimits, WorkerProgram, launch, run_worker,
};
pub use writer::JobWriter;
