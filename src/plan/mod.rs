//! A plan that is to be reviewed before it is carried out: what counts as one, and where Claude Code keeps the last one.
//!
//! [`Plan`] is a text within bounds. [`read_transcript`] finds in the transcript of a Claude session the plan that was
//! presented last, and the plan files that the session wrote to. What Claude Code really writes was measured with its
//! version 2.1.197, in plan mode:
//!
//! - The assistant writes its plan to `plans/<slug>.md` in Claude's own folder and calls the tool `ExitPlanMode` without
//!   any input. The client puts the file's text and path into the call (`plan`, `planFilePath`) before any hook sees it,
//!   and writes it so to the transcript. An older assistant gives the text as `plan` itself.
//! - Nothing in a plan file says whose it is. The transcripts do: entries of a session in plan mode carry an
//!   `attachment` of type `plan_mode` with its `planFilePath`, and every entry names the folder (`cwd`) that the session
//!   works in. A plan file belongs to the project whose folder that is.
//!
//! Nothing here opens a file or knows where Claude Code is installed. Failure policy: a line of a transcript that cannot
//! be read is skipped, because transcripts are another program's and change with it; a text that is no plan is an error.

mod text;
mod transcript;

pub use text::{MAX_PLAN_BYTES, Plan, PlanError};
pub use transcript::{Presented, SessionPlans, read_transcript};
