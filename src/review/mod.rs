//! What a review says: findings, a verdict, and the three-valued outcome.
//!
//! Plain values without wire shapes: each report format and each engine protocol has its own private structs and
//! converts at its edge. This module depends on nothing else in the crate.

mod finding;
mod location;
mod outcome;

pub use finding::{Finding, FindingOrigin, Severity, UnknownSeverity};
pub use location::{ChangedFile, ChangedLines, LineRange, Placement, check_locations};
pub use outcome::{Judgement, NotJudged, NotJudgedReason, Outcome, Verdict};
