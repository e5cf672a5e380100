//! Why a finding does not count, although it is one.

use super::FindingFilter;

/// What took a finding out of the verdict. It stays in the report, with this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclusion {
    /// It is not where `--filter` looks.
    Filter(FindingFilter),
    /// It was accepted in the baseline.
    Baseline {
        /// Why it was accepted.
        reason: String,
        /// Who accepted it.
        author: String,
    },
    /// A marker in the code excuses it.
    Marker {
        /// The marker's line in the new version of the finding's file.
        line: u32,
        /// The reason that it gives.
        reason: String,
    },
}

impl Exclusion {
    /// A stable word for JSON: `filter`, `baseline` or `marker`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Exclusion::Filter(_) => "filter",
            Exclusion::Baseline { .. } => "baseline",
            Exclusion::Marker { .. } => "marker",
        }
    }
}
