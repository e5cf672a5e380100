//! The gate's question to the engine: what the turn changed, and a wait for the answer that ends. A presented plan waits
//! the same way.

use std::time::{Duration, Instant};

use codex_review::context::Context;
use codex_review::hooks::{
    GateAnswer, GateRecord, Gated, HookInput, Review, TreeState, read_answer,
};
use codex_review::jobs::{CancelToken, FollowLimits, Followed, Job, request_cancel, wait_for_end};
use codex_review::report::Report;
use codex_review::review::{FailOn, NotJudged, NotJudgedReason, OnEmpty, Outcome};
use codex_review::run::{
    GATE, PrepareError, ReviewPlan, ReviewTerms, RunRequest, Submission, submit,
};
use codex_review::target::{Repository, Select, TargetSpec, literal_glob};

use crate::cli::failure::Failure;
use crate::cli::options::Isolation;

use super::asked_to_end;
use super::review::{Resolved, build_context, report_of, resolve};
use super::workspace::{Workspace, random};

/// The engine's start and a place in its line come on top of the turn, up to this; then the gate waits no longer.
const GRACE: Duration = Duration::from_secs(10);

/// What came of a question.
pub(crate) enum Answer {
    /// It was put, and ended.
    Given(Asked),
    /// The turn's change has nothing that can be shown.
    NothingToShow,
    /// The host ended the hook while it waited. The review was asked to end as well.
    HostGone,
}

/// What the engine was asked, and how it ended.
pub(crate) struct Asked {
    pub(crate) review: Review,
    tokens: Option<u64>,
    job_id: Option<String>,
}

impl Asked {
    /// What a job came to.
    pub(super) fn of(review: Review, report: &Report, job: &Job) -> Asked {
        Asked {
            review,
            tokens: report.usage.map(|usage| usage.input + usage.output),
            job_id: Some(job.id.as_str().to_owned()),
        }
    }

    /// What is known without asking.
    pub(super) fn without_job(review: Review) -> Asked {
        Asked {
            review,
            tokens: None,
            job_id: None,
        }
    }

    /// For the gate's record, without time and session.
    pub(crate) fn record(&self, gated: Gated) -> GateRecord {
        let (verdict, reason) = match &self.review {
            Review::Answered(GateAnswer::Allow { reason }) => ("allow", reason.clone()),
            Review::Answered(GateAnswer::Block { reason }) => ("block", reason.clone()),
            Review::Answered(GateAnswer::Unclear { first_line }) => {
                ("not-judged", format!("unclear answer: {first_line}"))
            }
            Review::NoEngine(what) | Review::Failed(what) => ("not-judged", what.clone()),
        };
        GateRecord {
            at_ms: 0,
            gated,
            session_id: None,
            verdict: verdict.to_owned(),
            reason,
            tokens: self.tokens,
            job_id: self.job_id.clone(),
        }
    }
}

/// Has the engine review what changed since `start`.
pub(crate) fn ask(
    workspace: &Workspace,
    repository: &Repository,
    input: &HookInput,
    start: Option<&TreeState>,
    tree: &TreeState,
) -> Result<Answer, Failure> {
    let began = Instant::now();
    let Some((resolved, context)) = this_turn(workspace, repository, start, tree)? else {
        return Ok(Answer::NothingToShow);
    };
    let gate = &workspace.settings().gate;
    let mut options = workspace.engine_options(Isolation::Default);
    options.budgets.turn = gate.timeout;
    options.model = gate.model.clone().or(options.model);
    options.effort = gate.effort.clone().or(options.effort);
    let plan = ReviewPlan {
        kind: &GATE,
        root: &workspace.root,
        target: &resolved.target,
        changes: &resolved.changes,
        context: Some(&context),
        focus: None,
        last_message: input.last_assistant_message.as_deref(),
        options: &options,
        fail_on: FailOn::Never,
        on_empty: OnEmpty::Pass,
        history: None,
        since: None,
        notes: &[],
        terms: &ReviewTerms::default(),
        took: began.elapsed(),
    };
    let request = match plan.request() {
        Ok(request) => request,
        // What cannot be read is not judged, which is for the gate's settings to decide.
        Err(error @ PrepareError::NothingRead(_)) => {
            let review = Review::Failed(error.to_string());
            return Ok(Answer::Given(Asked::without_job(review)));
        }
        Err(error) => return Err(error.into()),
    };
    let summary = format!("stop gate: {}", context.summary);
    Ok(match put(workspace, &request, summary)? {
        Waited::Ended(job) => {
            let report = report_of(&job, &plan);
            Answer::Given(Asked::of(review(&report, &job), &report, &job))
        }
        Waited::Late(asked) => Answer::Given(asked),
        Waited::HostGone => Answer::HostGone,
    })
}

/// How the wait for a question's job ended.
pub(super) enum Waited {
    /// With the job.
    Ended(Box<Job>),
    /// The job took too long and was asked to end.
    Late(Asked),
    /// The host ended the hook. The job was asked to end as well.
    HostGone,
}

/// Puts a question, and waits for its job as long as the gate may.
pub(super) fn put(
    workspace: &Workspace,
    request: &RunRequest,
    summary: String,
) -> Result<Waited, Failure> {
    let timeout = workspace.settings().gate.timeout;
    let submission = Submission {
        title: None,
        summary,
        session_id: workspace.session.clone(),
        background: false,
        random: random(),
    };
    let host_gone = CancelToken::new();
    // Before the job starts: a hook that is ended must not leave a review behind that nobody waits for.
    asked_to_end::watch(&host_gone);
    let owned = submit(&workspace.store, request, submission)?;
    let id = owned.job().id.clone();
    owned.start(&workspace.launcher()?)?;
    let limits = FollowLimits {
        timeout: Some(timeout + GRACE.min(timeout)),
        ..FollowLimits::default()
    };
    let store = &workspace.store;
    Ok(match wait_for_end(store, &id, &limits, &host_gone)? {
        Followed::Ended(job) => Waited::Ended(job),
        Followed::TimedOut(_) => {
            request_cancel(store, &id, Some("the gate's time limit"))?;
            let seconds = timeout.as_secs();
            Waited::Late(Asked {
                review: Review::Failed(format!(
                    "the review did not end within {seconds}s (job {id})"
                )),
                tokens: None,
                job_id: Some(id.as_str().to_owned()),
            })
        }
        Followed::Stopped(_) => {
            request_cancel(store, &id, Some("the end of its hook"))?;
            Waited::HostGone
        }
    })
}

fn review(report: &Report, job: &Job) -> Review {
    match &report.outcome {
        Outcome::NotJudged(not_judged) => unjudged(not_judged, job),
        Outcome::Judged(_) | Outcome::Empty => {
            Review::Answered(read_answer(&report.raw_output).cut(job.id.as_str()))
        }
    }
}

/// A review that could not be: an engine that is not there is another thing than one that fails.
pub(super) fn unjudged(not_judged: &NotJudged, job: &Job) -> Review {
    match not_judged.reason {
        NotJudgedReason::EngineUnavailable | NotJudgedReason::NotLoggedIn => {
            Review::NoEngine(not_judged.detail.clone())
        }
        _ => Review::Failed(format!("{} (job {})", not_judged.detail, job.id)),
    }
}

/// The change of this turn: the paths whose content is not what it was when the turn began, and the commits that it made.
/// `None` when nothing of it can be shown.
fn this_turn(
    workspace: &Workspace,
    repository: &Repository,
    start: Option<&TreeState>,
    tree: &TreeState,
) -> Result<Option<(Resolved, Context)>, Failure> {
    // Without a list, whatever differs from HEAD counts.
    let edited = start.and_then(|start| tree.paths_since(start));
    let committed = match (start.and_then(|start| start.head.clone()), &tree.head) {
        (Some(from), Some(to)) if from != *to => Some(Select::Range {
            from,
            to: to.clone(),
            merge_base: false,
        }),
        _ => None,
    };
    let mut shown: Option<(Resolved, Context)> = None;
    if let Some(committed) = committed {
        let commits = resolve(workspace, repository, &TargetSpec::of(committed))?;
        if !commits.changes.is_empty() {
            let context = build_context(workspace, repository, &commits)?;
            shown = Some((commits, context));
        }
    }
    if edited.as_ref().is_some_and(Vec::is_empty) {
        return Ok(shown);
    }
    let working = TargetSpec {
        select: Select::WorkingTree,
        paths: edited
            .unwrap_or_default()
            .iter()
            .map(|path| glob_of(path))
            .collect(),
    };
    let resolved = resolve(workspace, repository, &working)?;
    if resolved.changes.is_empty() {
        return Ok(shown);
    }
    let mut context = build_context(workspace, repository, &resolved)?;
    if let Some((_, committed)) = shown {
        context.text = format!("{}\n{}", committed.text, context.text);
        context.summary = format!("{}; then {}", committed.summary, context.summary);
    }
    Ok(Some((resolved, context)))
}

/// The glob of a path in its shown form. What the shown form cannot say stands for anything, so that no name of a file
/// keeps it from being looked at.
fn glob_of(path: &str) -> String {
    literal_glob(path).replace(char::REPLACEMENT_CHARACTER, "*")
}
