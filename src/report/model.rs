//! The one input of every format.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::review::{ExitStatus, FailOn, Finding, LocationSummary, Noise, Outcome, Shard};

use super::Hunk;
use super::uri;

/// The mode of a target that is a plan and no change.
pub const PLAN_MODE: &str = "plan";

/// Everything that a report says about one run. Strings that came from the repository, the reviewer or the engine are
/// kept as they are; each format makes them safe for its readers.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What kind of run it was, as people call it: `Review`, `Adversarial Review`.
    pub kind: String,
    /// The job that ran it, or `None` outside a job.
    pub job_id: Option<String>,
    /// The repository's root, shown form.
    pub repository_root: String,
    /// The branch that HEAD names; `None` when detached.
    pub branch: Option<String>,
    /// What was reviewed.
    pub target: TargetInfo,
    /// What exactly was judged, for whoever decides again from this report.
    pub identity: ReviewIdentity,
    /// Which findings count, by whose word, and what is odd about that.
    pub noise: Noise,
    /// Who answered, or would have.
    pub engine: EngineInfo,
    /// What the reviewer was shown; `None` when the run ended before there was a context.
    pub context: Option<ContextInfo>,
    /// What it ended with. Findings have been through the location check.
    pub outcome: Outcome,
    /// The threshold that applied.
    pub fail_on: FailOn,
    /// How the run exits.
    pub exit: ExitStatus,
    /// What the engine answered, as it came.
    pub raw_output: String,
    /// Why the answer could not be read as a review, or `None`.
    pub parse_error: Option<String>,
    /// What the engine's process wrote to its standard error, cut to something readable.
    pub engine_stderr: String,
    /// The engine's summaries of its reasoning.
    pub reasoning: Vec<String>,
    /// The engine's thread.
    pub thread_id: Option<String>,
    /// The thread that the review's thread was made from, where the engine has such a thing.
    pub source_thread_id: Option<String>,
    /// The change around the findings, within a bound; in the order of the change.
    pub hunks: Vec<Hunk>,
    /// Whether that bound kept some of them out.
    pub hunks_cut: bool,
    /// The bytes of changed paths that are no UTF-8, by the shown form that findings name them by.
    pub raw_paths: BTreeMap<String, Vec<u8>>,
    /// The earlier answer that this report shows, where the question had been asked before.
    pub cached: Option<Cached>,
    /// What an earlier review had seen of the change, where only the rest was asked about.
    pub since: Option<SinceReview>,
    /// Whether the engine's end was inferred rather than told. Known in the process that ran it alone.
    pub is_inferred: bool,
    /// What was degraded, skipped or guessed on the way, one sentence each.
    pub notes: Vec<String>,
    /// How long it took.
    pub timings: Timings,
    /// What it cost, where the engine says so.
    pub usage: Option<TokenUsage>,
}

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// The job that got it.
    pub job: String,
    /// When that job asked, as ISO time.
    pub at: String,
}

/// The review that this one goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinceReview {
    /// Its job.
    pub job: String,
    /// When it was asked for, as ISO time.
    pub at: String,
    /// How many hunks (and whole-file changes) are new since.
    pub new_hunks: usize,
    /// How many were reviewed then.
    pub known_hunks: usize,
    /// Its findings whose code is gone.
    pub closed: Vec<ClosedFinding>,
}

/// A finding of an earlier review whose code is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedFinding {
    /// Its title.
    pub title: String,
    /// Its file; empty when it was about the change as a whole.
    pub file: String,
}

/// What was reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetInfo {
    /// `working-tree`, `staged`, `branch`, `commit` or `range`; [`PLAN_MODE`] for a plan.
    pub mode: String,
    /// For people, such as `branch diff against origin/main`.
    pub label: String,
    /// Whether the user chose the target, rather than the tiers.
    pub explicit: bool,
    /// What the change is compared with, where that is a branch or revision, such as `origin/main`.
    pub base_ref: Option<String>,
    /// How the base was chosen, which commit is really compared, and how far behind its twin is.
    pub base_note: Option<String>,
}

/// What exactly was judged. Two reports of which one of these differs do not speak of the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewIdentity {
    /// The commit of the old side; `None` where that is empty or the index.
    pub base: Option<String>,
    /// The commit of the new side; `None` where that is the index or the working tree.
    pub head: Option<String>,
    /// A hash over every changed file of the whole change, in hex; empty in documents of earlier versions.
    pub change: String,
    /// A hash over everything that was configured and may change the findings, in hex; empty in documents of earlier
    /// versions.
    pub configuration: String,
    /// The part of the change that was judged; `None` for all of it.
    pub shard: Option<Shard>,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineInfo {
    /// `codex` or `builtin`.
    pub name: String,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// The model that was asked for or reported.
    pub model: Option<String>,
    /// The reasoning effort that was asked for.
    pub effort: Option<String>,
}

/// What the reviewer was shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextInfo {
    /// The strategy's name.
    pub strategy: String,
    /// Why this strategy.
    pub reason: String,
    /// One line about the change, such as `3 files changed, 10 insertions, 2 deletions`.
    pub summary: String,
    /// Its size.
    pub bytes: u64,
    /// The estimate of tokens.
    pub tokens: u64,
    /// The context's hash, in hex.
    pub hash: String,
    /// How many credentials were replaced before anything was sent.
    pub redactions: u32,
    /// What the reviewer was not shown, one line each with the reason.
    pub left_out: Vec<String>,
}

/// How long a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// From the command to the report.
    pub total: Duration,
    /// Target and context.
    pub context: Option<Duration>,
    /// The engine's turn.
    pub turn: Option<Duration>,
}

/// Tokens, as the engine counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUsage {
    /// Read by the model, cached ones included.
    pub input: u64,
    /// Of those, read from a cache.
    pub cached_input: u64,
    /// Written by the model, reasoning included.
    pub output: u64,
    /// Of those, reasoning.
    pub reasoning_output: u64,
}

/// What a reader must be able to tell apart at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Judged, and nothing was found.
    Passed,
    /// Judged, and something was found (or the reviewer holds the change without saying where).
    Findings,
    /// Could not be judged.
    NotJudged,
    /// There was nothing to judge.
    Empty,
}

impl Standing {
    /// A stable word for JSON: `passed`, `findings`, `not-judged`, `empty`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Passed => "passed",
            Standing::Findings => "findings",
            Standing::NotJudged => "not-judged",
            Standing::Empty => "empty",
        }
    }
}

impl Report {
    /// Which of the outcomes it is. It does not depend on the threshold.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.outcome {
            Outcome::Judged(judgement) => {
                if judgement.holds_without_finding() || judgement.gravest().is_some() {
                    Standing::Findings
                } else {
                    Standing::Passed
                }
            }
            Outcome::NotJudged(_) => Standing::NotJudged,
            Outcome::Empty => Standing::Empty,
        }
    }

    /// What was reviewed, in a word.
    pub(super) fn subject(&self) -> &'static str {
        if self.target.mode == PLAN_MODE {
            "plan"
        } else {
            "change"
        }
    }

    /// The findings that are shown, gravest first, in the reviewer's order within a severity: those that count.
    #[must_use]
    pub fn shown_findings(&self) -> Vec<&Finding> {
        let mut shown: Vec<&Finding> = self
            .findings()
            .iter()
            .filter(|finding| finding.counts())
            .collect();
        shown.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        shown
    }

    /// A file as a relative URI reference, byte for byte.
    pub(super) fn uri_of(&self, file: &str) -> String {
        let raw = self.raw_paths.get(file).map(Vec::as_slice);
        uri::from_path(raw.unwrap_or(file.as_bytes()))
    }

    /// The findings that point at nothing.
    #[must_use]
    pub fn rejected_findings(&self) -> Vec<&Finding> {
        self.findings()
            .iter()
            .filter(|finding| finding.placement.is_rejected())
            .collect()
    }

    /// The findings that do not count because a filter, the baseline or a marker took them out, gravest first.
    #[must_use]
    pub fn excluded_findings(&self) -> Vec<&Finding> {
        let mut excluded: Vec<&Finding> = self
            .findings()
            .iter()
            .filter(|finding| finding.exclusion.is_some() && !finding.placement.is_rejected())
            .collect();
        excluded.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        excluded
    }

    /// Where the findings point, counted.
    #[must_use]
    pub fn locations(&self) -> LocationSummary {
        LocationSummary::of(self.findings())
    }

    fn findings(&self) -> &[Finding] {
        match &self.outcome {
            Outcome::Judged(judgement) => &judgement.findings,
            Outcome::NotJudged(_) | Outcome::Empty => &[],
        }
    }
}
