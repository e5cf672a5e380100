//! Carries out `review`, `adversarial-review`, `optimize` and `diff-review`.

use std::ops::ControlFlow;
use std::time::Instant;

use codex_review::config::Flag;
use codex_review::context::{self, ChangeView, Context, ContextInput};
use codex_review::jobs::{Clock, Job};
use codex_review::report::{self, Format, Report};
use codex_review::review::{
    ExitStatus, NotJudged, NotJudgedReason, OnEmpty, Outcome, Shard, SuppressFrom, exit_status,
};
use codex_review::run::{
    CacheUse, EngineChoice, Kind, ReviewHistory, ReviewPlan, RunRequest, Since, TermsInput,
    change_hash, review_ignore, review_terms, shard_label, shard_paths,
};
use codex_review::target::{
    ChangeOptions, ChangeSet, GitEnvironment, Repository, ResolvedTarget, Select, TargetSpec,
};

use crate::cli::failure::Failure;
use crate::cli::options::{Attendance, RunShape};
use crate::cli::review::{Context as Whose, ReviewRequest};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::attend::{Telling, attend_to_end};
use super::delivery::Delivery;
use super::diff_choice;
use super::strategies::{CatalogOf, catalog};
use super::workspace::{Workspace, side_with_the_word, today};

/// What is said where there is nothing to go on from.
const NO_LAST_REVIEW: &str =
    "no earlier review like this one is known here, so the whole change is reviewed";

/// What is said of files that no change touches.
const STANDING: &str = "none of these files is changed: each is shown whole, as if it were new, and is judged as it stands";

/// The folder for outlines of source files, below the state folder of the repository.
const OUTLINES: &str = "symbols";

/// A resolved target with its change.
pub(crate) struct Resolved {
    pub(crate) target: ResolvedTarget,
    pub(crate) changes: ChangeSet,
}

/// Resolves a target and reads its change, as the settings say.
pub(crate) fn resolve(
    workspace: &Workspace,
    repository: &Repository,
    spec: &TargetSpec,
) -> Result<Resolved, Failure> {
    let target = repository.resolve(spec)?;
    read_change(workspace, repository, target, SuppressFrom::New)
}

/// As [`resolve`], as a review in the same place would: where the base has the word, it says how the change is reviewed.
pub(crate) fn resolve_as_reviewed(
    workspace: &mut Workspace,
    repository: &Repository,
    spec: &TargetSpec,
    flags: Vec<Flag>,
    ui: &Ui,
) -> Result<Resolved, Failure> {
    let target = repository.resolve(spec)?;
    let from = side_with_the_word(None);
    if from == SuppressFrom::Base
        && let Some(note) = workspace.settle_by_base(repository, &target, flags, ui)?
    {
        ui.note(&note);
    }
    read_change(workspace, repository, target, from)
}

/// The change of a target, with `.codexreviewignore` from the side that has the word.
pub(super) fn read_change(
    workspace: &Workspace,
    repository: &Repository,
    target: ResolvedTarget,
    from: SuppressFrom,
) -> Result<Resolved, Failure> {
    let options = ChangeOptions {
        review_ignore: review_ignore(&target, from),
        ..change_options(workspace)
    };
    let changes = repository.changes(&target, &options)?;
    Ok(Resolved { target, changes })
}

/// As [`resolve`], for a kind of review.
pub(crate) fn resolve_for(
    kind: &Kind,
    workspace: &Workspace,
    repository: &Repository,
    spec: &TargetSpec,
) -> Result<Resolved, Failure> {
    let target = repository.resolve(spec)?;
    read_change_for(kind, workspace, repository, target, SuppressFrom::New)
}

/// As [`read_change`]. Where a kind says so and no file of the chosen paths is changed, the change is these files as HEAD
/// has them, which is what they are in the working tree as well.
pub(crate) fn read_change_for(
    kind: &Kind,
    workspace: &Workspace,
    repository: &Repository,
    target: ResolvedTarget,
    from: SuppressFrom,
) -> Result<Resolved, Failure> {
    let resolved = read_change(workspace, repository, target, from)?;
    let spec = &resolved.target.spec;
    let is_open = spec.select == Select::Auto && !spec.paths.is_empty();
    let head = match &resolved.target.head {
        Some(head) if is_open && resolved.changes.is_empty() && kind.takes_standing_files() => head,
        _ => return Ok(resolved),
    };
    let label = format!("chosen files as they stand at {}", head.short());
    let mut target = repository.pushed_target(None, head, label);
    target.spec.paths.clone_from(&spec.paths);
    let options = ChangeOptions {
        review_ignore: review_ignore(&resolved.target, from),
        ..change_options(workspace)
    };
    let mut changes = repository.changes(&target, &options)?;
    // Every other file of the repository is no change that was taken out.
    changes.ignored = resolved.changes.ignored;
    if !changes.is_empty() {
        changes.notes.push(STANDING.to_owned());
    }
    Ok(Resolved { target, changes })
}

/// What to collect of a change, as the settings say.
pub(crate) fn change_options(workspace: &Workspace) -> ChangeOptions {
    let context = &workspace.settings().context;
    ChangeOptions {
        untracked_file_cap: context.untracked_file_bytes,
        untracked_total_cap: context.untracked_total_bytes,
        secret_name: |path| codex_review::secrets::is_secret_name(path),
        ..Default::default()
    }
}

/// Leaves of the change what belongs to the shard.
fn take_shard(resolved: &mut Resolved, shard: Shard) {
    let paths = shard_paths(&resolved.changes, shard);
    resolved.changes.retain(|path| {
        let path: &[u8] = path;
        paths.contains(path)
    });
    resolved.target.label.push_str(&shard_label(shard));
    if shard.count() > 1 {
        resolved.changes.notes.push(format!(
            "this is shard {} of {} of the change: the other files are reviewed elsewhere",
            shard.index(),
            shard.count()
        ));
    }
}

/// Builds the context of a resolved change, with the strategy of the settings.
pub(crate) fn build_context(
    workspace: &Workspace,
    repository: &Repository,
    resolved: &Resolved,
) -> Result<Context, Failure> {
    let view = context::RepositoryChanges {
        repository,
        target: &resolved.target,
        changes: &resolved.changes,
    };
    build_context_of(workspace, &view)
}

/// As [`build_context`], of any view of a change.
pub(crate) fn build_context_of(
    workspace: &Workspace,
    changes: &dyn ChangeView,
) -> Result<Context, Failure> {
    let outlines = workspace.store.folder().join(OUTLINES);
    let changes = context::CachedChanges {
        changes,
        outlines: &outlines,
    };
    let settings = workspace.settings();
    let CatalogOf { registry, catalog } = catalog(workspace);
    let strategy = settings
        .strategy
        .parse()
        .unwrap_or_else(|never| match never {});
    let claims = if settings.context.include_authors {
        context::Claims::Shown
    } else {
        context::Claims::Omitted
    };
    let input = ContextInput {
        changes: &changes,
        strategy: &strategy,
        catalog: &catalog,
        budget: None,
        claims,
    };
    Ok(context::build(&input, &registry)?)
}

pub(crate) fn run(
    request: ReviewRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let mut focus = request.focus.read(&surroundings.cwd)?;
    let (mut workspace, repository) =
        Workspace::open_repository(surroundings, request.flags.clone(), ui)?;
    let began = Instant::now();
    let patch = request.diff.as_ref().and_then(|diff| diff.patch.as_ref());
    let target = match patch {
        Some(patch) => {
            let patch = diff_choice::read_patch(patch, &surroundings.cwd)?;
            diff_choice::resolve_patch(&repository, &patch, &request.target)?
        }
        None => repository.resolve(&request.target)?,
    };
    let from = side_with_the_word(request.terms.from);
    let mut settled = None;
    if from == SuppressFrom::Base {
        settled = workspace.settle_by_base(&repository, &target, request.flags, ui)?;
    }
    if request.diff.is_some() {
        diff_choice::set_defaults(&mut workspace);
    }
    let settings = workspace.settings();
    let format = Format::find(&settings.format).map_err(UsageError::from)?;
    if request.attendance == Attendance::Background && !request.report.files.is_empty() {
        return Err(UsageError::OutputInBackground.into());
    }
    let delivery = Delivery::prepare(
        ui,
        surroundings,
        Some(format),
        request.report.files,
        settings.heartbeat,
    )?;
    let mut options = workspace.engine_options(request.isolation);
    if options.engine == EngineChoice::Builtin && !request.kind.suits_rules() {
        return Err(UsageError::NoRules(request.kind.name).into());
    }
    let mut resolved = read_change_for(request.kind, &workspace, &repository, target, from)?;
    if let Some(words) = request.diff.and_then(|diff| diff.words) {
        focus = diff_choice::take_chosen(Some(words), &mut resolved)?;
    }
    let change = change_hash(&resolved.changes);
    let mut on_empty = request.report.on_empty;
    if let Some(shard) = request.terms.shard {
        if !resolved.changes.is_empty() {
            // A shard without files says nothing about the change.
            on_empty = OnEmpty::Pass;
        }
        take_shard(&mut resolved, shard);
    }
    if request.memory.asks_anyway && options.cache == CacheUse::Use {
        options.cache = CacheUse::Refresh;
    }
    let fail_on = workspace.settings().fail_on;
    let terms = review_terms(&TermsInput {
        repository: &repository,
        target: &resolved.target,
        changes: &resolved.changes,
        change,
        shard: request.terms.shard,
        from,
        filter: workspace.settings().filter,
        today: today(),
        configuration: &[
            ("kind", request.kind.name.to_owned()),
            ("context", format!("{:?}", request.context)),
            ("engine", options.engine.name().to_owned()),
            ("model", format!("{:?}", options.model)),
            ("effort", format!("{:?}", options.effort)),
            ("strategy", workspace.settings().strategy.clone()),
            ("focus", focus.clone().unwrap_or_default()),
            ("fail_on", fail_on.to_string()),
        ],
    })?;
    let view = context::RepositoryChanges {
        repository: &repository,
        target: &resolved.target,
        changes: &resolved.changes,
    };
    // A shard or a choice follows no earlier review: what it saw says nothing about the rest of the branch.
    let history = match request.terms.shard {
        None if !resolved.changes.is_narrowed() => {
            ReviewHistory::of(request.kind, &options.engine, focus.as_deref(), &view)
        }
        _ => None,
    };
    let mut notes = resolved.changes.notes.clone();
    notes.extend(settled);
    let mut since = None;
    if request.memory.since_last {
        let now = Clock::system().now();
        since = history
            .as_ref()
            .and_then(|history| history.since(workspace.store.folder(), now, &repository, &view));
        match &since {
            Some(since) => notes.extend(since.notes()),
            None => notes.push(NO_LAST_REVIEW.to_owned()),
        }
    }
    let selected = match (&history, &mut since) {
        (Some(history), Some(since)) => Some(history.select(&view, since)),
        _ => None,
    };
    let nothing_new = since.as_ref().is_some_and(Since::nothing_new);
    let shown: &dyn ChangeView = match &selected {
        Some(selected) => selected,
        None => &view,
    };
    let context = match request.context {
        Whose::Ours if !resolved.changes.is_empty() && !nothing_new => {
            Some(build_context_of(&workspace, shown)?)
        }
        Whose::Ours | Whose::Native => None,
    };
    let plan = ReviewPlan {
        kind: request.kind,
        root: &workspace.root,
        target: &resolved.target,
        changes: &resolved.changes,
        context: context.as_ref(),
        focus: focus.as_deref(),
        last_message: None,
        options: &options,
        fail_on,
        on_empty,
        history: history.as_ref(),
        since: since.as_ref(),
        notes: &notes,
        terms: &terms,
        took: began.elapsed(),
    };
    if resolved.changes.is_empty() || nothing_new {
        let environment = GitEnvironment::from_lookup(Surroundings::variable);
        let report = plan.unasked(&environment);
        delivery.report(&report)?;
        return Ok(report.exit);
    }
    let run_request = plan.request()?;
    let summary = match &context {
        Some(context) => format!("{}: {}", resolved.target.label, context.summary),
        None => resolved.target.label.clone(),
    };
    let errand = Errand {
        request: &run_request,
        summary,
        attendance: request.attendance,
        format,
    };
    errand.carry_out(&workspace, ui, delivery, || plan.draft())
}

/// A question whose answer is a report, and how it is shown.
pub(super) struct Errand<'a> {
    pub(super) request: &'a RunRequest,
    /// The job's summary.
    pub(super) summary: String,
    pub(super) attendance: Attendance,
    pub(super) format: &'a Format,
}

impl Errand<'_> {
    /// Asks, waits as long as is wanted, and delivers the report; `draft` is the report before anybody was asked.
    pub(super) fn carry_out(
        self,
        workspace: &Workspace,
        ui: &Ui,
        mut delivery: Delivery<'_>,
        draft: impl FnOnce() -> Report,
    ) -> Result<ExitStatus, Failure> {
        let telling = match delivery.stream() {
            Some(stream) => Telling::Stream(stream),
            None => Telling::Progress,
        };
        let shape = match self.format.name {
            "json" => RunShape::Json,
            "jsonl" => RunShape::Stream,
            _ => RunShape::People,
        };
        let attended = attend_to_end(
            workspace,
            ui,
            self.request,
            self.summary,
            self.attendance,
            telling,
            shape,
        )?;
        let job = match attended {
            ControlFlow::Continue(job) => job,
            ControlFlow::Break(status) => return Ok(status),
        };
        let report = report_or(&job, draft);
        delivery.report(&report)?;
        Ok(report.exit)
    }
}

/// The report that a job ended with; one that ended without is a change that could not be judged.
pub(crate) fn report_of(job: &Job, plan: &ReviewPlan<'_>) -> Report {
    report_or(job, || plan.draft())
}

/// As [`report_of`], with what the report was before anybody was asked.
pub(super) fn report_or(job: &Job, draft: impl FnOnce() -> Report) -> Report {
    let stored = job
        .outcome
        .as_ref()
        .and_then(|outcome| report::json::parse(outcome.result.to_string().as_bytes()).ok());
    stored.unwrap_or_else(|| {
        let mut report = draft();
        report.job_id = Some(job.id.as_str().to_owned());
        let cancelled = job.status == codex_review::jobs::JobStatus::Cancelled;
        report.outcome = Outcome::NotJudged(NotJudged {
            reason: if cancelled {
                NotJudgedReason::Cancelled
            } else {
                NotJudgedReason::EngineLost
            },
            detail: job
                .error_message
                .clone()
                .unwrap_or_else(|| "the job ended without a result".to_owned()),
        });
        // What was not judged is not empty.
        report.exit = exit_status(&report.outcome, report.fail_on, OnEmpty::Pass);
        report
    })
}
