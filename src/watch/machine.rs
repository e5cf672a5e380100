//! The decisions of a watch: events and the time come in, actions go out.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{
    Action, Event, Look, Notice, OpenFinding, Over, RoundEnd, RoundOutcome, Skip, Subject, Trigger,
};
use super::limits::{Limits, Room, Spending};
use crate::target::HeadMove;

/// How long an operation of git is given before it is looked at again.
const OPERATION_PAUSE: Duration = Duration::from_secs(15);
/// The pause after the first failure in a row; each later one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// No pause after a failure is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// How long the end waits for a review that was asked to stop.
const STOP_GRACE: Duration = Duration::from_secs(6);
/// Findings that are remembered as told.
const MOST_SEEN: usize = 1_000;

/// A watch. Time only goes forward in it: an earlier `now` counts as the latest.
#[derive(Debug, Clone)]
pub struct Watcher {
    trigger: Trigger,
    limits: Limits,
    spending: Spending,
    now: Duration,
    doing: Doing,
    /// The last sign of a change that has not been dealt with.
    pending: Option<Duration>,
    /// Nothing is done before: a limit, an operation of git, the pause after a failure.
    not_before: Duration,
    failures: u32,
    base: Baseline,
    /// The tree that was dealt with last.
    settled: Option<String>,
    seen: VecDeque<String>,
    last_skip: Option<Skip>,
}

/// Up to where commits were dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The commit; `None` on an unborn branch.
    pub head: Option<String>,
    /// Its branch; `None` when detached.
    pub branch: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Doing {
    Nothing,
    Looking,
    Reviewing {
        subject: Subject,
        fingerprint: Option<String>,
    },
    /// A review was asked to stop.
    Stopping {
        over: Over,
        until: Duration,
    },
    Over,
}

impl Watcher {
    /// A watch that begins at `now`, with HEAD at `base`. What is not committed then counts as a change.
    #[must_use]
    pub fn new(
        trigger: Trigger,
        limits: Limits,
        spending: Spending,
        base: Baseline,
        now: Duration,
    ) -> Self {
        Watcher {
            trigger,
            limits,
            spending,
            now,
            doing: Doing::Nothing,
            pending: (trigger == Trigger::EveryChange).then_some(now),
            not_before: Duration::ZERO,
            failures: 0,
            base,
            settled: None,
            seen: VecDeque::new(),
            last_skip: None,
        }
    }

    /// What was spent.
    #[must_use]
    pub fn spending(&self) -> &Spending {
        &self.spending
    }

    /// The latest time that it was told.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// What it does, in a word or two.
    #[must_use]
    pub fn doing(&self) -> &'static str {
        match &self.doing {
            Doing::Nothing if self.pending.is_none() => "watching",
            Doing::Nothing if self.not_before > self.now => "pausing",
            Doing::Nothing => "waiting for a pause in the work",
            Doing::Looking => "looking",
            Doing::Reviewing { .. } => "reviewing",
            Doing::Stopping { .. } => "stopping",
            Doing::Over => "over",
        }
    }

    /// When it wants to be told the time, at the latest; `None` for never.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        match &self.doing {
            Doing::Nothing => self.pending.map(|changed| self.due(changed)),
            Doing::Stopping { until, .. } => Some(*until),
            Doing::Looking | Doing::Reviewing { .. } | Doing::Over => None,
        }
    }

    fn due(&self, changed: Duration) -> Duration {
        let settled = changed.saturating_add(self.limits.quiet);
        settled.max(self.not_before)
    }

    /// Takes an event in. Costs no more memory, however many come.
    pub fn on(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        let mut actions = Vec::new();
        match event {
            Event::Changed => self.pending = Some(self.now),
            Event::Tick => {}
            Event::Looked(look) => self.looked(look, &mut actions),
            Event::LookFailed { reason } => {
                if self.doing == Doing::Looking {
                    self.doing = Doing::Nothing;
                    self.failed(reason, &mut actions);
                }
            }
            Event::RoundEnded(end) => self.round_ended(end, &mut actions),
            Event::WorktreeGone => self.end(Over::WorktreeGone, &mut actions),
            Event::SessionOver => self.end(Over::SessionOver, &mut actions),
            Event::StopAsked => self.end(Over::Asked, &mut actions),
        }
        self.proceed(&mut actions);
        actions
    }

    fn proceed(&mut self, actions: &mut Vec<Action>) {
        match &self.doing {
            Doing::Nothing
                if self
                    .pending
                    .is_some_and(|changed| self.now >= self.due(changed)) =>
            {
                self.pending = None;
                self.doing = Doing::Looking;
                actions.push(Action::Look {
                    base: self.base.head.clone(),
                });
            }
            Doing::Stopping { over, until } if self.now >= *until => {
                actions.push(Action::End(*over));
                self.doing = Doing::Over;
            }
            _ => {}
        }
    }

    fn end(&mut self, over: Over, actions: &mut Vec<Action>) {
        match &self.doing {
            Doing::Reviewing { .. } => {
                actions.push(Action::StopRound);
                self.doing = Doing::Stopping {
                    over,
                    until: self.now.saturating_add(STOP_GRACE),
                };
            }
            Doing::Nothing | Doing::Looking => {
                actions.push(Action::End(over));
                self.doing = Doing::Over;
            }
            Doing::Stopping { .. } | Doing::Over => {}
        }
    }

    fn looked(&mut self, look: Look, actions: &mut Vec<Action>) {
        if self.doing != Doing::Looking {
            return;
        }
        self.doing = Doing::Nothing;
        if self.pending.is_some() {
            // It changed while it was looked at, so it has not settled.
            return;
        }
        if let Some(operation) = look.in_progress {
            self.skip(Skip::InProgress(operation), actions);
            self.retry_at(self.now.saturating_add(OPERATION_PAUSE));
            return;
        }
        if let Some(commits) = self.new_commits(&look, actions) {
            self.begin(commits, None, actions);
            return;
        }
        self.base = Baseline {
            head: look.head.clone(),
            branch: look.branch.clone(),
        };
        // A tree that became clean is looked over once more: findings may be gone with the change.
        if self.trigger == Trigger::OnCommit || (look.is_clean && self.settled.is_none()) {
            return;
        }
        if self.settled.as_ref() == Some(&look.fingerprint) {
            self.skip(Skip::Unchanged, actions);
        } else if look.files > self.limits.most_files {
            let skip = Skip::TooManyFiles {
                files: look.files,
                limit: self.limits.most_files,
            };
            self.skip(skip, actions);
            self.settled = Some(look.fingerprint);
        } else {
            self.begin(Subject::WorkingTree, Some(look.fingerprint), actions);
        }
    }

    /// The commits that are new on this branch since they were dealt with. What came in another way is not this work.
    fn new_commits(&mut self, look: &Look, actions: &mut Vec<Action>) -> Option<Subject> {
        let base = &self.base;
        let to = look.head.clone()?;
        if base.branch != look.branch {
            let skip = Skip::BranchSwitched {
                to: look.branch.clone(),
            };
            self.skip(skip, actions);
            return None;
        }
        let from = match (&look.moved, &base.head) {
            (_, None) => None,
            (HeadMove::Not, _) => return None,
            (HeadMove::Forward, Some(base)) => Some(base.clone()),
            (HeadMove::Amended { fork }, _) => fork.as_ref().map(|id| id.as_hex().to_owned()),
            (HeadMove::Merge, _) => {
                self.skip(Skip::Merged, actions);
                return None;
            }
            (HeadMove::Elsewhere, _) => {
                self.skip(Skip::HistoryMoved, actions);
                return None;
            }
        };
        Some(Subject::Commits { from, to })
    }

    fn begin(&mut self, subject: Subject, fingerprint: Option<String>, actions: &mut Vec<Action>) {
        match self.spending.room(self.now, &self.limits) {
            Room::Free { allowance } => {
                self.spending.begin(self.now);
                actions.push(Action::Say(Notice::Began(subject.clone())));
                actions.push(Action::Review {
                    subject: subject.clone(),
                    allowance,
                });
                self.doing = Doing::Reviewing {
                    subject,
                    fingerprint,
                };
            }
            Room::HourFull { until } => {
                let skip = Skip::HourlyLimit {
                    limit: self.limits.max_per_hour,
                    again_in: until.saturating_sub(self.now),
                };
                self.skip(skip, actions);
                self.retry_at(until);
            }
            Room::DayFull { spent, until } => {
                self.skip(self.budget_skip(spent, until), actions);
                self.retry_at(until);
            }
        }
    }

    fn budget_skip(&self, spent: u64, until: Duration) -> Skip {
        Skip::TokenBudget {
            spent,
            budget: self.limits.tokens_per_day,
            again_in: until.saturating_sub(self.now),
        }
    }

    /// What was looked at is looked at again, but not before.
    fn retry_at(&mut self, moment: Duration) {
        self.pending = self.pending.or(Some(self.now));
        self.not_before = self.not_before.max(moment);
    }

    fn round_ended(&mut self, end: RoundEnd, actions: &mut Vec<Action>) {
        let was_asked = end.outcome.was_asked();
        let tokens = end.tokens.unwrap_or_default();
        let (subject, fingerprint) = match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Reviewing {
                subject,
                fingerprint,
            } => (subject, fingerprint),
            Doing::Stopping { over, .. } => {
                self.spending.end(was_asked.then_some(tokens));
                actions.push(Action::End(over));
                self.doing = Doing::Over;
                return;
            }
            // Nobody asked for it.
            other => {
                self.doing = other;
                return;
            }
        };
        self.spending.end(was_asked.then_some(tokens));
        match end.outcome {
            RoundOutcome::Judged {
                verdict,
                findings,
                not_shown,
            } => {
                self.failures = 0;
                self.last_skip = None;
                let new = self.not_seen_before(&findings);
                actions.push(Action::Say(Notice::Reviewed {
                    job: end.job,
                    verdict,
                    tokens,
                    open: findings,
                    new,
                }));
                if not_shown > 0 {
                    self.skip(Skip::NotShown { files: not_shown }, actions);
                }
            }
            RoundOutcome::NothingNew { findings } => {
                drop(self.not_seen_before(&findings));
                actions.push(Action::Say(Notice::Open(findings)));
                self.skip(Skip::NothingNew, actions);
            }
            RoundOutcome::Empty => {}
            RoundOutcome::TooManyFiles { files } => {
                let limit = self.limits.most_files;
                self.skip(Skip::TooManyFiles { files, limit }, actions);
            }
            RoundOutcome::Unclear { reason } => self.skip(Skip::Unclear { reason }, actions),
            RoundOutcome::Cancelled => self.skip(Skip::RoundCancelled, actions),
            RoundOutcome::OverBudget { needed } if needed > self.limits.tokens_per_day => {
                let skip = Skip::TooManyTokens {
                    needed,
                    budget: self.limits.tokens_per_day,
                };
                self.skip(skip, actions);
            }
            RoundOutcome::OverBudget { needed } => {
                let until = self.spending.room_for(needed, self.now, &self.limits);
                let spent = self.spending.tokens_of_day(self.now);
                self.skip(self.budget_skip(spent, until), actions);
                self.retry_at(until);
                return;
            }
            RoundOutcome::BudgetSpent => {
                let fits = tokens < self.limits.tokens_per_day;
                let wanted = if fits { tokens.saturating_add(1) } else { 1 };
                let until = self.spending.room_for(wanted, self.now, &self.limits);
                let spent = self.spending.tokens_of_day(self.now);
                self.skip(self.budget_skip(spent, until), actions);
                if fits {
                    // Only what was left of the day was too little for it.
                    self.retry_at(until);
                    return;
                }
                // It would use up the next day as well: it is not tried again before it changes.
                self.not_before = self.not_before.max(until);
            }
            RoundOutcome::Failed { reason } => {
                self.failed(reason, actions);
                return;
            }
        }
        self.dealt_with(subject, fingerprint);
    }

    fn dealt_with(&mut self, subject: Subject, fingerprint: Option<String>) {
        match subject {
            Subject::WorkingTree => self.settled = fingerprint,
            Subject::Commits { to, .. } => {
                self.base.head = Some(to);
                // What is not committed comes next, and need not settle a second time.
                if self.trigger == Trigger::EveryChange && self.pending.is_none() {
                    self.pending = Some(self.now.saturating_sub(self.limits.quiet));
                }
            }
        }
    }

    fn failed(&mut self, reason: String, actions: &mut Vec<Action>) {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let again_in = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        actions.push(Action::Say(Notice::Failing { reason, again_in }));
        self.retry_at(self.now.saturating_add(again_in));
    }

    /// Says why something is not reviewed, once as long as nothing else happens.
    fn skip(&mut self, skip: Skip, actions: &mut Vec<Action>) {
        let is_told = self
            .last_skip
            .as_ref()
            .is_some_and(|last| last.is_same(&skip));
        if !is_told {
            actions.push(Action::Say(Notice::Skipped(skip.clone())));
        }
        self.last_skip = Some(skip);
    }

    fn not_seen_before(&mut self, findings: &[OpenFinding]) -> Vec<OpenFinding> {
        let new: Vec<OpenFinding> = findings
            .iter()
            .filter(|finding| !self.seen.contains(&finding.place()))
            .cloned()
            .collect();
        self.seen.extend(new.iter().map(OpenFinding::place));
        let surplus = self.seen.len().saturating_sub(MOST_SEEN);
        self.seen.drain(..surplus);
        new
    }
}
