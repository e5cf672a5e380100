//! The baseline: the file in a repository that says which findings were accepted, why, by whom and until when.
//!
//! [`read`] turns the file's text into [`AcceptedFinding`]s for a review; [`BaselineFile`] edits the text and leaves alone
//! what people wrote around its entries. Neither touches a disk: whoever calls says whose version of the file it is, which
//! in CI is that of the merge base. A file that cannot be read fails the review: to ignore it would bring back findings
//! that people have dealt with, and hide that nobody reads their reasons.

mod edit;
mod error;
mod wire;

pub use edit::{Acceptance, BaselineFile};
pub use error::BaselineError;
pub use wire::read;

pub use crate::review::AcceptedFinding;

/// Where the file is, from the repository's root.
pub const BASELINE_FILE: &str = ".codex-review/baseline.toml";
/// A larger one is refused.
pub const BASELINE_BYTES: u64 = 16 << 20;
