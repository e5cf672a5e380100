//! What a watch is told and what it answers, as closed sets of values.

use std::fmt;
use std::time::Duration;

use crate::review::{Severity, Verdict};
use crate::target::HeadMove;

/// What makes a watch look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Any change of the working tree, once it has settled, and new commits.
    EveryChange,
    /// New commits alone.
    OnCommit,
}

impl Trigger {
    /// The word in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::EveryChange => "every-change",
            Trigger::OnCommit => "on-commit",
        }
    }

    /// The trigger that a word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Trigger::EveryChange, Trigger::OnCommit]
            .into_iter()
            .find(|trigger| trigger.as_str() == word)
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Something under review may have changed.
    Changed,
    /// Time has passed.
    Tick,
    /// The look that was ordered.
    Looked(Look),
    /// The look failed.
    LookFailed {
        /// Why, in one line.
        reason: String,
    },
    /// The review that was ordered is over, whatever came of it.
    RoundEnded(RoundEnd),
    /// The working tree is not there any more.
    WorktreeGone,
    /// The Claude session that began it is over.
    SessionOver,
    /// Somebody asked for the end.
    StopAsked,
}

/// The working tree at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Over HEAD and every changed path with its content. Empty where only commits count.
    pub fingerprint: String,
    /// Whether nothing differs from HEAD.
    pub is_clean: bool,
    /// How many files differ from HEAD.
    pub files: usize,
    /// The commit of HEAD; `None` on an unborn branch.
    pub head: Option<String>,
    /// The branch of HEAD; `None` when detached.
    pub branch: Option<String>,
    /// How HEAD stands to the commit that the order named.
    pub moved: HeadMove,
    /// The operation of git that is half done (`rebase`, `merge`, …).
    pub in_progress: Option<&'static str>,
}

/// What a round reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// What differs from HEAD.
    WorkingTree,
    /// The commits up to `to`.
    Commits {
        /// The commit before them; `None` for the first commit of all.
        from: Option<String>,
        /// The newest.
        to: String,
    },
}

/// How a round ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundEnd {
    /// Its job; `None` where none was needed.
    pub job: Option<String>,
    /// Tokens that it used; `None` where the engine did not say.
    pub tokens: Option<u64>,
    /// What came of it.
    pub outcome: RoundOutcome,
}

/// What came of a round.
#[derive(Debug, Clone, PartialEq)]
pub enum RoundOutcome {
    /// The reviewer judged.
    Judged {
        /// Its word.
        verdict: Verdict,
        /// The findings that are open now, gravest first.
        findings: Vec<OpenFinding>,
        /// How many files of the change the reviewer was not shown.
        not_shown: usize,
    },
    /// Everything in it was reviewed before: nobody was asked.
    NothingNew {
        /// The findings that are open now.
        findings: Vec<OpenFinding>,
    },
    /// There was nothing to review: nobody was asked.
    Empty,
    /// More files than a watch reviews by itself: nobody was asked.
    TooManyFiles {
        /// So many.
        files: usize,
    },
    /// It is estimated to need more tokens than are left: nobody was asked.
    OverBudget {
        /// How many it would send at least.
        needed: u64,
    },
    /// It was stopped because it had used what was left.
    BudgetSpent,
    /// The reviewer answered with something that is no review.
    Unclear {
        /// In one line.
        reason: String,
    },
    /// It failed on the way.
    Failed {
        /// In one line.
        reason: String,
    },
    /// Somebody cancelled its job.
    Cancelled,
}

impl RoundOutcome {
    /// Whether the reviewer was asked, so that it counts against the limits.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        !matches!(
            self,
            RoundOutcome::NothingNew { .. }
                | RoundOutcome::Empty
                | RoundOutcome::TooManyFiles { .. }
                | RoundOutcome::OverBudget { .. }
        )
    }
}

/// A finding that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFinding {
    /// Who it is from one review to the next.
    pub id: String,
    /// How grave it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The file; empty when it is about the change as a whole.
    pub file: String,
    /// The first of its lines.
    pub line: Option<u32>,
}

impl OpenFinding {
    /// Who it is and where: the same code can be wrong in two files.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} {}", self.id, self.file)
    }
}

impl fmt::Display for OpenFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.severity)?;
        if !self.file.is_empty() {
            write!(f, "{}", self.file)?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            write!(f, " ")?;
        }
        f.write_str(&self.title)
    }
}

/// Why something was not reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The tree is what it was at the last review.
    Unchanged,
    /// All of it was reviewed before.
    NothingNew,
    /// As many reviews as an hour may have.
    HourlyLimit {
        /// That many.
        limit: u32,
        /// When there is room again.
        again_in: Duration,
    },
    /// As many tokens as a day may have, or too few are left for this change.
    TokenBudget {
        /// Used in the last 24 hours.
        spent: u64,
        /// Allowed.
        budget: u64,
        /// When there is room again.
        again_in: Duration,
    },
    /// git is in the middle of something.
    InProgress(&'static str),
    /// More files than a watch reviews by itself.
    TooManyFiles {
        /// So many.
        files: usize,
        /// Allowed.
        limit: usize,
    },
    /// More tokens than the whole budget of a day.
    TooManyTokens {
        /// So many at least.
        needed: u64,
        /// Allowed.
        budget: u64,
    },
    /// Another branch was checked out: its commits are not this watch's.
    BranchSwitched {
        /// The branch; `None` when detached.
        to: Option<String>,
    },
    /// A merge brought commits in.
    Merged,
    /// HEAD went somewhere else: a rebase, a reset.
    HistoryMoved,
    /// The reviewer was not shown these files of the change.
    NotShown {
        /// So many.
        files: usize,
    },
    /// The round's own job was cancelled.
    RoundCancelled,
    /// The reviewer's answer was no review.
    Unclear {
        /// In one line.
        reason: String,
    },
}

impl Skip {
    /// Whether two say the same, however long it takes.
    #[must_use]
    pub fn is_same(&self, other: &Skip) -> bool {
        match (self, other) {
            (Skip::HourlyLimit { .. }, Skip::HourlyLimit { .. })
            | (Skip::TokenBudget { .. }, Skip::TokenBudget { .. }) => true,
            _ => self == other,
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skip::NotShown { files } => write!(
                f,
                "{} of the change, which the reviewer was not shown; the review's own report names them",
                plural(*files, "file")
            ),
            Skip::Unchanged => write!(f, "the tree is as it was at the last review"),
            Skip::NothingNew => write!(f, "nothing is new since the last review"),
            Skip::HourlyLimit { limit, again_in } => write!(
                f,
                "{limit} reviews in an hour are the limit; the next one is due in {}",
                words(*again_in)
            ),
            Skip::TokenBudget {
                spent,
                budget,
                again_in,
            } => write!(
                f,
                "{spent} of {budget} tokens of 24 hours are used, too many for this change; there is room in {}",
                words(*again_in)
            ),
            Skip::InProgress(operation) => {
                write!(f, "a {operation} is in progress: waiting for its end")
            }
            Skip::TooManyFiles { files, limit } => write!(
                f,
                "{files} files are changed, more than the {limit} that a watch reviews by itself; `codex-review review` does"
            ),
            Skip::TooManyTokens { needed, budget } => write!(
                f,
                "the change needs {needed} tokens at least, and the budget is {budget}; `codex-review review` reviews it"
            ),
            Skip::BranchSwitched { to: Some(branch) } => write!(
                f,
                "switched to branch `{branch}`: what was committed there before is not reviewed"
            ),
            Skip::BranchSwitched { to: None } => {
                write!(f, "HEAD was detached: what it holds is not reviewed")
            }
            Skip::Merged => write!(f, "a merge brought these commits: they are not reviewed"),
            Skip::HistoryMoved => write!(
                f,
                "the history was moved (a rebase, a reset): what it brought is not reviewed"
            ),
            Skip::RoundCancelled => write!(f, "its review was cancelled"),
            Skip::Unclear { reason } => write!(f, "the answer was no review: {reason}"),
        }
    }
}

/// A span of time for people, rounded up.
fn words(span: Duration) -> String {
    match span.as_secs() + u64::from(span.subsec_nanos() > 0) {
        seconds @ 0..=90 => format!("{seconds}s"),
        seconds @ 91..=5_400 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3_600)),
    }
}

/// Something that people are told.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// This was not reviewed.
    Skipped(Skip),
    /// A review began.
    Began(Subject),
    /// A review was judged.
    Reviewed {
        /// Its job, where there was one.
        job: Option<String>,
        /// Its verdict.
        verdict: Verdict,
        /// The tokens that it is counted with.
        tokens: u64,
        /// Every finding that is open now, gravest first.
        open: Vec<OpenFinding>,
        /// Those of them that this watch has not seen before.
        new: Vec<OpenFinding>,
    },
    /// Nobody was asked, and these findings are open now.
    Open(Vec<OpenFinding>),
    /// A look or a review failed, and will be tried again.
    Failing {
        /// Why, in one line.
        reason: String,
        /// When.
        again_in: Duration,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Skipped(skip) => write!(f, "Not reviewed: {skip}."),
            Notice::Began(Subject::WorkingTree) => write!(f, "Reviewing the working tree."),
            Notice::Began(Subject::Commits { to, .. }) => {
                let short = to.get(..12).unwrap_or(to);
                write!(f, "Reviewing the commits up to {short}.")
            }
            Notice::Reviewed {
                job,
                verdict,
                tokens,
                open,
                new,
            } => {
                write!(f, "Reviewed: {}", verdict.as_str())?;
                write!(f, ", {} open", plural(open.len(), "finding"))?;
                write!(f, " ({} new), {tokens} tokens", new.len())?;
                match job {
                    Some(job) => write!(f, ", job {job}."),
                    None => write!(f, "."),
                }
            }
            Notice::Open(open) => write!(f, "Open now: {}.", plural(open.len(), "finding")),
            Notice::Failing { reason, again_in } => {
                write!(f, "Failed, next try in {}: {reason}", words(*again_in))
            }
        }
    }
}

fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Look at the tree, and at how HEAD stands to `base`.
    Look {
        /// The commit up to which everything was dealt with.
        base: Option<String>,
    },
    /// Review this.
    Review {
        /// What.
        subject: Subject,
        /// The most tokens that it may use; `None` for no limit.
        allowance: Option<u64>,
    },
    /// Stop the review that runs.
    StopRound,
    /// Tell people.
    Say(Notice),
    /// It is over.
    End(Over),
}

/// Why a watch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Somebody asked for it.
    Asked,
    /// The working tree is not there any more.
    WorktreeGone,
    /// The Claude session that began it is over.
    SessionOver,
}

impl Over {
    /// In a sentence's end.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Over::Asked => "it was asked to end",
            Over::WorktreeGone => "its working tree is gone",
            Over::SessionOver => "the Claude session that began it is over",
        }
    }
}
