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
    /// The gravest severity among findings whose location was not rejected, or `None` without such findings.
    #[must_use]
    pub fn gravest(&self) -> Option<Severity> {
        self.findings
            .iter()
            .filter(|finding| !finding.placement.is_rejected())
            .map(|finding| finding.severity)
            .max()
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
}

impl NotJudgedReason {
    /// Every reason.
    pub const ALL: [NotJudgedReason; 7] = [
        NotJudgedReason::EngineUnavailable,
        NotJudgedReason::NotLoggedIn,
        NotJudgedReason::TimedOut,
        NotJudgedReason::EngineLost,
        NotJudgedReason::TurnFailed,
        NotJudgedReason::UnclearAnswer,
        NotJudgedReason::Cancelled,
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
