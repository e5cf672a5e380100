//! What a review says: findings, a verdict, and the three-valued outcome; where findings point, and what they mean for
//! an exit code.
//!
//! Plain values without wire shapes: each report format and each engine protocol has its own private structs and
//! converts at its edge. Nothing here fails on what a reviewer wrote: a finding that points at nothing is marked and
//! counted. This module depends on nothing else in the crate.

mod finding;
mod lines;
mod location;
mod outcome;
mod spelling;
mod threshold;
mod unjudged;

pub use finding::{Finding, FindingOrigin, Severity, UnknownSeverity};
pub use lines::LineRange;
pub use location::{
    ChangedFile, ChangedLines, LocationSummary, Placement, ReviewedTree, SHOWN_CONTEXT_LINES,
    check_locations,
};
pub use outcome::{Judgement, NotJudged, NotJudgedReason, Outcome, Verdict};
pub use threshold::{ExitStatus, FailOn, OnEmpty, UnknownFailOn, exit_status};
pub use unjudged::{UnknownUnjudged, Unjudged};
