//! One findings model to every format that people and programs read.
//!
//! ```text
//! Report --Format::render--> bytes            (FORMATS is the list)
//!        --text::document--> styled lines     (for a terminal; the command line chooses the colours)
//! ```
//!
//! [`Report`] is the one input. Every format has a file with private wire structs; [`FORMATS`] is the registry. Rendering
//! never fails and never touches a terminal. An outcome that could not be judged looks different from a pass and from
//! findings in every format. Findings that the location check rejected are never shown as facts, and counted wherever a
//! format has a place for that. Control
//! characters and invisible characters in what others wrote are shown, not sent to a terminal (see [`visible`]).
//!
//! `json` is the lossless one: [`json::parse`] reads a report back, so a stored result renders in any format later.

mod checkstyle;
mod finding_json;
mod format;
mod github;
mod gitlab;
mod html;
mod hunk;
mod identity_json;
mod issue;
mod job_summary;
pub mod json;
mod jsonl;
mod junit;
mod markdown;
mod markdown_text;
mod model;
mod phrases;
mod rdjson;
mod sarif;
pub mod styled;
mod text;
mod uri;
pub mod visible;
mod xml;

pub use format::{Delivery, FORMATS, Format, UnknownFormat};
pub use hunk::{Hunk, HunkLine, KeptHunks, LineSide, keep_beside};
pub use job_summary::{MAX_JOB_SUMMARY_BYTES, job_summary};
pub use model::{
    Cached, ClosedFinding, ContextInfo, EngineInfo, PLAN_MODE, Report, ReviewIdentity, SinceReview,
    Standing, TargetInfo, Timings, TokenUsage,
};
pub use phrases::{counted, grouped};
pub use text::document as text_document;
