//! One finding, and how grave it is.

use std::fmt;
use std::str::FromStr;

use super::{Exclusion, Fingerprint, LineRange, Placement};

/// How grave a finding is, gravest first in order of harm: `Critical > High > Medium > Low`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; safe to ship.
    Low,
    /// Should be mended, need not hold the change.
    Medium,
    /// Must be mended before the change ships.
    High,
    /// Harm is certain or already done: data loss, a leaked credential, a broken build.
    Critical,
}

impl Severity {
    /// Every severity, gravest first.
    pub const ALL: [Severity; 4] = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
    ];

    /// The lower-case word that every interface uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word was none of the four severities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity `{0}` (expected critical, high, medium or low)")]
pub struct UnknownSeverity(pub String);

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Severity::ALL
            .into_iter()
            .find(|severity| severity.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownSeverity(text.to_owned()))
    }
}

/// Where a finding comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingOrigin {
    /// A model judged.
    Model,
    /// A deterministic rule of the builtin engine matched; its id, such as `merge-conflict-marker`.
    Rule(String),
}

/// One thing that a reviewer found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// One line, without a severity prefix.
    pub title: String,
    /// What is wrong and why, as Markdown.
    pub body: String,
    /// The file, relative to the repository root, as the reviewer named it after normalisation (forward slashes).
    /// Empty means that the finding is about the change as a whole.
    pub file: String,
    /// The lines in the new version of the file, or `None` when the finding is about the whole file.
    pub lines: Option<LineRange>,
    /// The reviewer's confidence from 0 to 1, or `None` when it gave none.
    pub confidence: Option<f64>,
    /// What to do about it, or `None`.
    pub recommendation: Option<String>,
    /// Model or rule.
    pub origin: FindingOrigin,
    /// What the location check said; [`Placement::Unchecked`] before it ran.
    pub placement: Placement,
    /// The job of the earlier review that found it, where it was not found again but is still open.
    pub carried_from: Option<String>,
    /// Who it is from one review to the next; `None` before [`super::identify`] ran.
    pub fingerprint: Option<Fingerprint>,
    /// Why it does not count; `None` for one that does.
    pub exclusion: Option<Exclusion>,
}

impl Finding {
    /// Whether it counts: it points at something, and nothing takes it out.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.placement.is_rejected() && self.exclusion.is_none()
    }
}
