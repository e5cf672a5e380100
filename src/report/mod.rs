//! One findings model to every format that people and programs read.
//!
//! ```text
//! Report --Format::render--> bytes            (FORMATS: text, markdown, json, sarif, github)
//!        --text::document--> styled lines     (for a terminal; the command line chooses the colours)
//! ```
//!
//! [`Report`] is the one input. Every format has a file with private wire structs; [`FORMATS`] is the registry. Rendering
//! never fails and never touches a terminal. An outcome that could not be judged looks different from a pass and from
//! findings in every format. Findings that the location check rejected are counted and never shown as facts. Control
//! characters and invisible characters in what others wrote are shown, not sent to a terminal (see [`visible`]).
//!
//! `json` is the lossless one: [`json::parse`] reads a report back, so a stored result renders in any format later.

mod format;
mod github;
mod identity_json;
pub mod json;
mod markdown;
mod markdown_text;
mod model;
mod phrases;
mod sarif;
pub mod styled;
mod text;
pub mod visible;

pub use format::{FORMATS, Format, UnknownFormat};
pub use model::{
    Cached, ClosedFinding, ContextInfo, EngineInfo, Report, ReviewIdentity, SinceReview, Standing,
    TargetInfo, Timings, TokenUsage,
};
pub use text::document as text_document;
