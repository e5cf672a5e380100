//! From an outcome to an exit code: one table.

use std::fmt;
use std::str::FromStr;

use super::{Judgement, NotJudgedReason, Outcome, Severity};

/// From which severity on findings fail a run (`--fail-on`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Findings never fail a run.
    Never,
    /// Findings at or above this severity do.
    AtLeast(Severity),
    /// Any finding does.
    Any,
}

impl FailOn {
    /// Every word that is understood, laxest first.
    pub const WORDS: [&'static str; 6] = ["none", "critical", "high", "medium", "low", "any"];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FailOn::Never => "none",
            FailOn::AtLeast(severity) => severity.as_str(),
            FailOn::Any => "any",
        }
    }

    /// Whether a finding of this severity fails a run.
    #[must_use]
    pub fn is_reached_by(self, severity: Severity) -> bool {
        match self {
            FailOn::Never => false,
            FailOn::AtLeast(threshold) => severity >= threshold,
            FailOn::Any => true,
        }
    }
}

impl Default for FailOn {
    /// What must be mended before the change ships.
    fn default() -> Self {
        FailOn::AtLeast(Severity::High)
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word names no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown threshold `{0}` (expected none, critical, high, medium, low or any)")]
pub struct UnknownFailOn(pub String);

impl FromStr for FailOn {
    type Err = UnknownFailOn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "none" => Ok(FailOn::Never),
            "any" => Ok(FailOn::Any),
            word => word
                .parse()
                .map(FailOn::AtLeast)
                .map_err(|_unknown| UnknownFailOn(text.to_owned())),
        }
    }
}

/// How a process ends. The numbers are an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// The change passed, or what was found is below the threshold; any other verb did its work.
    Passed,
    /// Findings at or above the threshold.
    Findings,
    /// The command line or the configuration is wrong.
    Usage,
    /// The engine is not available, or nobody is logged in to it.
    EngineUnavailable,
    /// It could not be judged: timed out, cut off, failed, or answered unclearly.
    Incomplete,
    /// There was nothing to review, and `--fail-on-empty` asked to be told.
    Empty,
    /// Interrupted or cancelled.
    Interrupted,
}

impl ExitStatus {
    /// Every status, by number.
    pub const ALL: [ExitStatus; 7] = [
        ExitStatus::Passed,
        ExitStatus::Findings,
        ExitStatus::Usage,
        ExitStatus::EngineUnavailable,
        ExitStatus::Incomplete,
        ExitStatus::Empty,
        ExitStatus::Interrupted,
    ];

    /// The number that the process exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Passed => 0,
            ExitStatus::Findings => 1,
            ExitStatus::Usage => 2,
            ExitStatus::EngineUnavailable => 3,
            ExitStatus::Incomplete => 4,
            ExitStatus::Empty => 5,
            ExitStatus::Interrupted => 130,
        }
    }

    /// The status with this number, or `None`.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        ExitStatus::ALL
            .into_iter()
            .find(|status| status.code() == code)
    }

    /// What the number means, for help and documentation.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            ExitStatus::Passed => "passed, or nothing at or above the threshold",
            ExitStatus::Findings => "findings at or above `--fail-on`",
            ExitStatus::Usage => "wrong usage, configuration or target",
            ExitStatus::EngineUnavailable => "the engine is not available, or not logged in",
            ExitStatus::Incomplete => "incomplete: timed out, cut off, or an unclear answer",
            ExitStatus::Empty => "nothing to review, with `--fail-on-empty`",
            ExitStatus::Interrupted => "interrupted or cancelled",
        }
    }
}

/// What an empty target means for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnEmpty {
    /// Nothing to review is fine.
    #[default]
    Pass,
    /// Nothing to review is reported as [`ExitStatus::Empty`] (`--fail-on-empty`).
    Fail,
}

/// The exit status of an outcome.
///
/// Findings that the location check rejected or that were taken out (filter, baseline, marker) never count. A reviewer that says `needs-attention` and names no finding that
/// points at anything holds the change without saying where: that counts like one high finding, so that it is no silent
/// pass.
#[must_use]
pub fn exit_status(outcome: &Outcome, fail_on: FailOn, on_empty: OnEmpty) -> ExitStatus {
    match outcome {
        Outcome::Judged(judgement) if reaches(judgement, fail_on) => ExitStatus::Findings,
        Outcome::Judged(_) => ExitStatus::Passed,
        Outcome::NotJudged(not_judged) => match not_judged.reason {
            NotJudgedReason::EngineUnavailable | NotJudgedReason::NotLoggedIn => {
                ExitStatus::EngineUnavailable
            }
            NotJudgedReason::TimedOut
            | NotJudgedReason::EngineLost
            | NotJudgedReason::TurnFailed
            | NotJudgedReason::UnclearAnswer
            | NotJudgedReason::NoWhole => ExitStatus::Incomplete,
            NotJudgedReason::Cancelled => ExitStatus::Interrupted,
        },
        Outcome::Empty => match on_empty {
            OnEmpty::Pass => ExitStatus::Passed,
            OnEmpty::Fail => ExitStatus::Empty,
        },
    }
}

fn reaches(judgement: &Judgement, fail_on: FailOn) -> bool {
    let held = judgement.holds_without_finding();
    let gravest = judgement.gravest().or(held.then_some(Severity::High));
    gravest.is_some_and(|gravest| fail_on.is_reached_by(gravest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{Finding, FindingOrigin, NotJudged, Placement, Verdict};

    fn judged(verdict: Verdict, findings: &[(Severity, Placement)]) -> Outcome {
        let findings = findings
            .iter()
            .map(|(severity, placement)| Finding {
                severity: *severity,
                title: String::new(),
                body: String::new(),
                file: String::new(),
                lines: None,
                confidence: None,
                recommendation: None,
                origin: FindingOrigin::Model,
                placement: placement.clone(),
                fingerprint: None,
                exclusion: None,
                carried_from: None,
            })
            .collect();
        Outcome::Judged(Judgement {
            verdict,
            summary: String::new(),
            findings,
            next_steps: Vec::new(),
        })
    }

    #[track_caller]
    fn check(outcome: &Outcome, fail_on: &str, code: u8) {
        let fail_on = fail_on.parse().unwrap();
        assert_eq!(
            exit_status(outcome, fail_on, OnEmpty::Pass).code(),
            code,
            "{outcome:?} with --fail-on {fail_on}"
        );
    }

    #[test]
    fn findings_fail_from_the_threshold_on() {
        use Severity::{Critical, High, Low, Medium};
        let table = [
            // gravest, and the code per threshold: none critical high medium low any
            (None, [0, 0, 0, 0, 0, 0]),
            (Some(Low), [0, 0, 0, 0, 1, 1]),
            (Some(Medium), [0, 0, 0, 1, 1, 1]),
            (Some(High), [0, 0, 1, 1, 1, 1]),
            (Some(Critical), [0, 1, 1, 1, 1, 1]),
        ];
        for (gravest, codes) in table {
            let findings: Vec<_> = gravest
                .map(|grave| (grave, Placement::OnChange))
                .into_iter()
                .collect();
            for (fail_on, code) in FailOn::WORDS.into_iter().zip(codes) {
                check(&judged(Verdict::Approve, &findings), fail_on, code);
            }
        }
    }

    #[test]
    fn a_change_that_is_held_without_a_place_is_no_silent_pass() {
        let rejected = [(Severity::Low, Placement::Rejected)];
        for findings in [&[][..], &rejected] {
            let outcome = judged(Verdict::NeedsAttention, findings);
            check(&outcome, "high", 1);
            check(&outcome, "critical", 0);
        }
    }

    #[test]
    fn rejected_findings_never_count() {
        let outcome = judged(
            Verdict::Approve,
            &[(Severity::Critical, Placement::Rejected)],
        );
        check(&outcome, "any", 0);
        let outcome = judged(
            Verdict::NeedsAttention,
            &[
                (Severity::Critical, Placement::Rejected),
                (Severity::Low, Placement::OffChange),
            ],
        );
        check(&outcome, "medium", 0);
        check(&outcome, "low", 1);
    }

    #[test]
    fn needs_attention_without_a_finding_is_no_pass() {
        let outcome = judged(Verdict::NeedsAttention, &[]);
        for (fail_on, code) in FailOn::WORDS.into_iter().zip([0, 0, 1, 1, 1, 1]) {
            check(&outcome, fail_on, code);
        }
    }

    #[test]
    fn what_could_not_be_judged_never_passes() {
        use NotJudgedReason::*;
        for (reason, code) in [
            (EngineUnavailable, 3),
            (NotLoggedIn, 3),
            (TimedOut, 4),
            (EngineLost, 4),
            (TurnFailed, 4),
            (UnclearAnswer, 4),
            (Cancelled, 130),
        ] {
            let outcome = Outcome::NotJudged(NotJudged {
                reason,
                detail: String::new(),
            });
            for fail_on in FailOn::WORDS {
                check(&outcome, fail_on, code);
            }
        }
    }

    #[test]
    fn an_empty_target_fails_only_when_asked() {
        assert_eq!(
            exit_status(&Outcome::Empty, FailOn::Any, OnEmpty::Pass).code(),
            0
        );
        assert_eq!(
            exit_status(&Outcome::Empty, FailOn::Never, OnEmpty::Fail).code(),
            5
        );
    }

    #[test]
    fn codes_are_the_documented_ones_and_distinct() {
        let codes: Vec<u8> = ExitStatus::ALL.into_iter().map(ExitStatus::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 130]);
        for status in ExitStatus::ALL {
            assert_eq!(ExitStatus::from_code(status.code()), Some(status));
        }
        assert_eq!(ExitStatus::from_code(77), None);
    }

    #[test]
    fn words_round_trip_and_unknown_ones_are_named() {
        for word in FailOn::WORDS {
            assert_eq!(word.parse::<FailOn>().unwrap().as_str(), word);
        }
        let error = "severe".parse::<FailOn>().unwrap_err();
        assert!(error.to_string().contains("`severe`"));
    }
}
