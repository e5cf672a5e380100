//! The hands of a watch: a look at the tree, and one review as a job of its own.

use std::time::{Duration, Instant};

use codex_review::causes::with_causes;
use codex_review::context::{self, ChangeView};
use codex_review::jobs::{
    CancelToken, Clock, FollowLimits, Followed, Job, JobEvent, JobId, StateRoot, follow,
    request_cancel,
};
use codex_review::report::Report;
use codex_review::review::{NotJudgedReason, OnEmpty, Outcome, SuppressFrom};
use codex_review::run::{
    EngineChoice, ReviewHistory, ReviewPlan, Since, Submission, TermsInput, WATCH_REVIEW,
    change_hash, review_terms, submit,
};
use codex_review::target::{Endpoint, HeadMove, ObjectId, Repository, Select, TargetSpec};
use codex_review::watch::{
    EDITOR_NOISE, Look, OpenFinding, RoundEnd, RoundOutcome, Subject, Trigger, WatchRequest,
};

use crate::cli::failure::Failure;
use crate::cli::options::Isolation;
use crate::cli::surroundings::Surroundings;
use crate::cli::watch::flags_of;

use super::gate::read_tree;
use super::hook::quiet;
use super::review::{build_context_of, read_change, report_of};
use super::watch_worker::MOST_FILES;
use super::workspace::{Workspace, random, today};

/// How often the events of a review are looked for.
const FOLLOW_POLL: Duration = Duration::from_millis(100);
/// The engine's start and a place in its line come on top of a turn's own limit.
const GRACE: Duration = Duration::from_secs(120);
/// How long a review that was asked to stop is waited for.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What a watch works with.
#[derive(Debug, Clone)]
pub(crate) struct Hands {
    pub(crate) asked: WatchRequest,
    pub(crate) state_root: StateRoot,
    /// The watch's own job.
    pub(crate) job: JobId,
    pub(crate) session: Option<String>,
}

impl Hands {
    /// The working tree, with the settings that hold now.
    pub(crate) fn workspace(&self) -> Result<(Workspace, Repository), Failure> {
        let surroundings = Surroundings {
            cwd: self.asked.root.clone(),
        };
        let flags = flags_of(&self.asked.settings);
        let (mut workspace, repository) =
            Workspace::open_repository_at(&surroundings, flags, self.state_root.clone(), &quiet())?;
        workspace.session.clone_from(&self.session);
        Ok((workspace, repository))
    }

    /// The path globs of the watch, and those that keep editors' temporary files out.
    pub(crate) fn paths(&self) -> Vec<String> {
        let noise = EDITOR_NOISE.iter().map(|glob| (*glob).to_owned());
        self.asked.paths.iter().cloned().chain(noise).collect()
    }

    fn spec(&self, select: Select) -> TargetSpec {
        TargetSpec {
            select,
            paths: self.paths(),
        }
    }

    /// Looks at the tree.
    pub(crate) fn look(&self, base: Option<&str>) -> Result<Look, Failure> {
        let (workspace, repository) = self.workspace()?;
        let base = base.and_then(ObjectId::from_hex);
        let mut look = Look {
            fingerprint: String::new(),
            is_clean: true,
            files: 0,
            head: repository.head().map(|head| head.as_hex().to_owned()),
            branch: repository.branch(),
            moved: base.map_or(HeadMove::Not, |base| repository.head_move(&base)),
            in_progress: repository.operation_in_progress(),
        };
        if look.in_progress.is_none() && self.asked.trigger == Trigger::EveryChange {
            let tree = read_tree(&workspace, &repository, &self.spec(Select::WorkingTree))?;
            look.is_clean = tree.is_clean();
            look.files = if tree.too_many {
                usize::MAX
            } else {
                tree.paths.len()
            };
            look.fingerprint = tree.fingerprint;
        }
        Ok(look)
    }

    /// The state of the tree in one text, for polling; `None` while it cannot be told.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let look = self.look(None).ok()?;
        let operation = look.in_progress.unwrap_or_default();
        Some(format!(
            "{:?} {:?} {} {operation}",
            look.head, look.branch, look.fingerprint
        ))
    }

    /// Reviews, and comes back whatever happens.
    pub(crate) fn round(
        &self,
        subject: &Subject,
        allowance: Option<u64>,
        stop: &CancelToken,
    ) -> RoundEnd {
        self.try_round(subject, allowance, stop)
            .unwrap_or_else(|failure| RoundEnd {
                job: None,
                tokens: None,
                outcome: RoundOutcome::Failed {
                    reason: with_causes(&failure),
                },
            })
    }

    fn try_round(
        &self,
        subject: &Subject,
        allowance: Option<u64>,
        stop: &CancelToken,
    ) -> Result<RoundEnd, Failure> {
        let unasked = |outcome| {
            Ok(RoundEnd {
                job: None,
                tokens: None,
                outcome,
            })
        };
        let began = Instant::now();
        let (workspace, repository) = self.workspace()?;
        let mut target = repository.resolve(&self.spec(select(subject)))?;
        if let Subject::Commits { from: None, .. } = subject {
            // Nothing of this branch was there before.
            target.old = Endpoint::EmptyTree;
        }
        let resolved = read_change(&workspace, &repository, target, SuppressFrom::New)?;
        let files = resolved.changes.files.len();
        if files > MOST_FILES {
            return unasked(RoundOutcome::TooManyFiles { files });
        }
        let options = workspace.engine_options(if self.asked.isolated {
            Isolation::Isolated
        } else {
            Isolation::Default
        });
        let fail_on = workspace.settings().fail_on;
        let terms = review_terms(&TermsInput {
            repository: &repository,
            target: &resolved.target,
            changes: &resolved.changes,
            change: change_hash(&resolved.changes),
            shard: None,
            from: SuppressFrom::New,
            filter: workspace.settings().filter,
            today: today(),
            configuration: &[
                ("kind", WATCH_REVIEW.name.to_owned()),
                ("engine", options.engine.name().to_owned()),
                ("model", format!("{:?}", options.model)),
                ("effort", format!("{:?}", options.effort)),
                ("strategy", workspace.settings().strategy.clone()),
                ("fail_on", fail_on.to_string()),
            ],
        })?;
        let view = context::RepositoryChanges {
            repository: &repository,
            target: &resolved.target,
            changes: &resolved.changes,
        };
        let uncommitted = match (subject, self.asked.trigger) {
            (Subject::Commits { .. }, Trigger::EveryChange) => {
                let target = repository.resolve(&self.spec(Select::WorkingTree))?;
                Some(read_change(
                    &workspace,
                    &repository,
                    target,
                    SuppressFrom::New,
                )?)
            }
            _ => None,
        };
        let beside = uncommitted
            .as_ref()
            .map(|resolved| context::RepositoryChanges {
                repository: &repository,
                target: &resolved.target,
                changes: &resolved.changes,
            });
        let beside = beside.as_ref().map(|view| view as &dyn ChangeView);
        let history = ReviewHistory::of_watch(&WATCH_REVIEW, &options.engine, &view, beside);
        let folder = workspace.store.folder();
        let mut since = history
            .as_ref()
            .and_then(|history| history.since(folder, Clock::system().now(), &repository, &view));
        let mut notes = resolved.changes.notes.clone();
        notes.extend(since.iter().flat_map(Since::notes));
        let selected = match (&history, &mut since) {
            (Some(history), Some(since)) => Some(history.select(&view, since)),
            _ => None,
        };
        let nothing_new =
            resolved.changes.is_empty() || since.as_ref().is_some_and(Since::nothing_new);
        let shown: &dyn ChangeView = match &selected {
            Some(selected) => selected,
            None => &view,
        };
        let context = match nothing_new {
            true => None,
            false => Some(build_context_of(&workspace, shown)?),
        };
        let plan = ReviewPlan {
            kind: &WATCH_REVIEW,
            root: &workspace.root,
            target: &resolved.target,
            changes: &resolved.changes,
            context: context.as_ref(),
            focus: None,
            last_message: None,
            options: &options,
            fail_on,
            on_empty: OnEmpty::Pass,
            history: history.as_ref(),
            since: since.as_ref(),
            notes: &notes,
            terms: &terms,
            took: began.elapsed(),
        };
        let Some(context) = &context else {
            let report = plan.unasked(&Surroundings::git_environment());
            return unasked(RoundOutcome::NothingNew {
                findings: open_findings(&report),
            });
        };
        // Our own engine costs nothing.
        let needed = match options.engine {
            EngineChoice::Builtin => 0,
            EngineChoice::Codex(_) => context.token_estimate,
        };
        if allowance.is_some_and(|allowance| needed > allowance) {
            return unasked(RoundOutcome::OverBudget { needed });
        }
        let submission = Submission {
            title: None,
            summary: format!("{} (watch {})", resolved.target.label, self.job),
            session_id: self.session.clone(),
            // The watch ends it, and nobody else.
            background: true,
            random: random(),
        };
        let owned = submit(&workspace.store, &plan.request()?, submission)?;
        let id = owned.job().id.clone();
        owned.start(&workspace.launcher()?)?;
        let bound = options.budgets.turn + GRACE;
        let (job, cut) = follow_round(&workspace, &id, bound, allowance, stop)?;
        let report = report_of(&job, &plan);
        Ok(RoundEnd {
            job: Some(id.as_str().to_owned()),
            tokens: Some(tokens(&report, &job, needed)),
            outcome: outcome(&report, cut),
        })
    }
}

fn select(subject: &Subject) -> Select {
    match subject {
        Subject::WorkingTree => Select::WorkingTree,
        Subject::Commits { from: None, to } => Select::Commit(to.clone()),
        Subject::Commits {
            from: Some(from),
            to,
        } => Select::Range {
            from: from.clone(),
            to: to.clone(),
            merge_base: false,
        },
    }
}

/// What a watch cut a review short for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nothing,
    Tokens,
    Time,
}

/// Follows a review to its end, which comes: it is asked to stop when it takes too long, uses more tokens than are left,
/// or `stop` is made.
fn follow_round(
    workspace: &Workspace,
    id: &JobId,
    bound: Duration,
    allowance: Option<u64>,
    stop: &CancelToken,
) -> Result<(Job, Cut), Failure> {
    let store = &workspace.store;
    let mut exceeded = false;
    let limits = |timeout| FollowLimits {
        poll: FOLLOW_POLL,
        timeout: Some(timeout),
    };
    let followed = follow(store, id, 0, &limits(bound), stop, |stamped| {
        if let (JobEvent::Tokens(count), Some(allowance)) = (&stamped.event, allowance)
            && count.input.saturating_add(count.output) > allowance
            && !exceeded
        {
            exceeded = true;
            // Where it cannot be asked, it ends by its own limits.
            drop(request_cancel(
                store,
                id,
                Some("the token budget of its watch"),
            ));
        }
    })?;
    let cut = if exceeded { Cut::Tokens } else { Cut::Nothing };
    let (cut, why) = match followed {
        Followed::Ended(job) => return Ok((*job, cut)),
        Followed::TimedOut(_) => (Cut::Time, "the time limit of its watch"),
        Followed::Stopped(_) => (cut, "the end of its watch"),
    };
    request_cancel(store, id, Some(why))?;
    let never = CancelToken::new();
    let followed = follow(store, id, 0, &limits(STOP_WAIT), &never, |_| ())?;
    Ok((followed.job().clone(), cut))
}

fn outcome(report: &Report, cut: Cut) -> RoundOutcome {
    match &report.outcome {
        Outcome::Judged(judgement) => RoundOutcome::Judged {
            verdict: judgement.verdict,
            findings: open_findings(report),
            not_shown: report
                .context
                .as_ref()
                .map_or(0, |context| context.left_out.len()),
        },
        Outcome::Empty => RoundOutcome::Empty,
        Outcome::NotJudged(_) if cut == Cut::Tokens => RoundOutcome::BudgetSpent,
        Outcome::NotJudged(_) if cut == Cut::Time => RoundOutcome::Failed {
            reason: "it was not over within the time limit of its watch".to_owned(),
        },
        Outcome::NotJudged(not_judged) => match not_judged.reason {
            NotJudgedReason::Cancelled => RoundOutcome::Cancelled,
            NotJudgedReason::UnclearAnswer => RoundOutcome::Unclear {
                reason: codex_review::run::first_line(&not_judged.detail),
            },
            _ => RoundOutcome::Failed {
                reason: codex_review::run::first_line(&not_judged.detail),
            },
        },
    }
}

/// What a review is counted with: what its engine says; where it says nothing, what was sent at least. An answer that was
/// given before costs nothing.
fn tokens(report: &Report, job: &Job, sent: u64) -> u64 {
    if report.cached.is_some() {
        return 0;
    }
    let reported = report
        .usage
        .map(|usage| usage.input.saturating_add(usage.output));
    let counted = job
        .tokens
        .map(|count| count.input.saturating_add(count.output));
    reported.or(counted).unwrap_or(sent)
}

fn open_findings(report: &Report) -> Vec<OpenFinding> {
    let shown = report.shown_findings().into_iter();
    shown
        .map(|finding| {
            let place = format!("{}:{}", finding.file, finding.title);
            OpenFinding {
                id: finding
                    .fingerprint
                    .map_or(place, |fingerprint| fingerprint.to_string()),
                severity: finding.severity,
                title: finding.title.clone(),
                file: finding.file.clone(),
                line: finding.lines.map(|lines| lines.start()),
            }
        })
        .collect()
}
