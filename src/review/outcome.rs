//! Three-valued: the change passed, the change has findings, or it could not be judged.

use super::{Finding, Severity};

/// The reviewer's word on the whole change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that should hold the change.
    Approve,
    /// Something to mend first.
    NeedsAttention,
}

impl Verdict {
    /// The word that JSON and schemas use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Approve => "approve",
            Verdict::NeedsAttention => "needs-attention",
        }
    }
}

/// A change that was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The reviewer's word.
    pub verdict: Verdict,
    /// A short summary as Markdown; may be empty.
    pub summary: String,
    /// What was found, in the reviewer's order.
    pub findings: Vec<Finding>,
    /// Proposed next steps; may be empty.
    pub next_steps: Vec<String>,
}

impl Judgement {
    /// The gravest severity among findings that count, or `None` without such findings.
    #[must_use]
    pub fn gravest(&self) -> Option<Severity> {
        self.findings
            .iter()
            .filter(|finding| finding.counts())
            .map(|finding| finding.severity)
            .max()
    }

    /// Whether the reviewer holds the change without a finding that counts. Where every finding was taken out by a
    /// filter, the baseline or a marker, that is why it held the change, and nothing is held any more.
    #[must_use]
    pub fn holds_without_finding(&self) -> bool {
        let explained = !self.findings.is_empty()
            && self
                .findings
                .iter()
                .all(|finding| finding.exclusion.is_some());
        self.verdict == Verdict::NeedsAttention && self.gravest().is_none() && !explained
    }
}

/// Why a change could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotJudgedReason {
    /// The engine is not installed, too old, or could not be started.
    EngineUnavailable,
    /// The engine wants a login first.
    NotLoggedIn,
    /// A budget ran out: the turn's, the silence budget, or a call's.
    TimedOut,
    /// The connection, the broker or the engine's process ended before the turn did.
    EngineLost,
    /// The engine itself reported that the turn failed (quota, overload, a refused request, …).
    TurnFailed,
    /// The engine answered with something that is no review.
    UnclearAnswer,
    /// Somebody cancelled or interrupted the turn.
    Cancelled,
    /// Saved results are of another commit, or are no whole: parts are missing or do not fit each other.
    NoWhole,
}

impl NotJudgedReason {
    /// Every reason.
    pub const ALL: [NotJudgedReason; 8] = [
        NotJudgedReason::EngineUnavailable,
        NotJudgedReason::NotLoggedIn,
        NotJudgedReason::TimedOut,
        NotJudgedReason::EngineLost,
        NotJudgedReason::TurnFailed,
        NotJudgedReason::UnclearAnswer,
        NotJudgedReason::Cancelled,
        NotJudgedReason::NoWhole,
    ];

    /// A stable word for JSON, logs and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NotJudgedReason::EngineUnavailable => "engine-unavailable",
            NotJudgedReason::NotLoggedIn => "not-logged-in",
            NotJudgedReason::TimedOut => "timed-out",
            NotJudgedReason::EngineLost => "engine-lost",
            NotJudgedReason::TurnFailed => "turn-failed",
            NotJudgedReason::UnclearAnswer => "unclear-answer",
            NotJudgedReason::Cancelled => "cancelled",
            NotJudgedReason::NoWhole => "no-whole",
        }
    }
}

/// A change that could not be judged. Never shown as a pass, never as findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJudged {
    /// The kind of failure.
    pub reason: NotJudgedReason,
    /// One sentence for people: what happened, naming the method, path or status.
    pub detail: String,
}

/// What a review ended with.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The reviewer judged the change.
    Judged(Judgement),
    /// It could not be judged.
    NotJudged(NotJudged),
    /// There was nothing to review.
    Empty,
}
