//! What a review says: findings, a verdict, and the three-valued outcome; where findings point, who they are from one
//! review to the next, which of them count, and what they mean for an exit code.
//!
//! Plain values without wire shapes: each report format and each engine protocol has its own private structs and
//! converts at its edge. Nothing here fails on what a reviewer wrote: a finding that points at nothing is marked and
//! counted. This module depends on nothing else in the crate.

mod anchor;
mod day;
mod exclusion;
mod filter;
mod finding;
mod fingerprint;
mod lines;
mod location;
mod marker;
mod outcome;
mod shard;
mod spelling;
mod suppress;
mod threshold;
mod unjudged;

pub use day::{Day, NotADay};
pub use exclusion::Exclusion;
pub use filter::{FindingFilter, UnknownFilter, apply_filter};
pub use finding::{Finding, FindingOrigin, Severity, UnknownSeverity};
pub use fingerprint::{Fingerprint, NotAFingerprint, REVIEW_CLASS, identify, number_twins};
pub use lines::LineRange;
pub use location::{
    ChangedFile, ChangedLines, LocationSummary, Placement, ReviewedTree, SHOWN_CONTEXT_LINES,
    Scope, check_locations,
};
pub use marker::{Excused, Marker, MarkerWithoutReason, read_markers};
pub use outcome::{Judgement, NotJudged, NotJudgedReason, Outcome, Verdict};
pub use shard::{NotAShard, Shard, partition};
pub use suppress::{
    AcceptedFinding, Noise, PlacedMarker, Remark, RemarkKind, SuppressFrom, SuppressedChange,
    Suppressions, suppress,
};
pub use threshold::{ExitStatus, FailOn, OnEmpty, UnknownFailOn, exit_status};
pub use unjudged::{Unjudged, UnknownUnjudged};
