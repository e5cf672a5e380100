//! Carries out `plan-review`.

use std::time::Instant;

use codex_review::context::{PlanContext, PlanInput, RepositoryChanges, build_plan};
use codex_review::report::Format;
use codex_review::review::{ExitStatus, FailOn};
use codex_review::run::{EngineChoice, EngineOptions, PLAN_REVIEW, PlanReview};
use codex_review::target::{Repository, Select, TargetSpec};

use crate::cli::failure::Failure;
use crate::cli::options::Attendance;
use crate::cli::plan_review::{PlanReviewRequest, PlanSource};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::delivery::Delivery;
use super::plan_source::{FoundPlan, find};
use super::review::{Errand, resolve};
use super::workspace::Workspace;

pub(crate) fn run(
    request: PlanReviewRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let (workspace, repository) = Workspace::open_repository(surroundings, request.flags, ui)?;
    let format = Format::find(&workspace.settings().format).map_err(UsageError::from)?;
    if request.attendance == Attendance::Background && !request.report.files.is_empty() {
        return Err(UsageError::OutputInBackground.into());
    }
    let options = workspace.engine_options(request.isolation);
    if options.engine == EngineChoice::Builtin {
        return Err(UsageError::NoRules(PLAN_REVIEW.name).into());
    }
    let began = Instant::now();
    let found = find(
        &request.source,
        surroundings,
        &repository,
        workspace.session.as_deref(),
    )?;
    let delivery = Delivery::prepare(
        ui,
        surroundings,
        Some(format),
        request.report.files,
        workspace.settings().heartbeat,
    )?;
    let subject = Subject::of(&found, &workspace, &repository)?;
    let plan = PlanReview {
        kind: &PLAN_REVIEW,
        explicit: !matches!(request.source, PlanSource::Last { .. }),
        focus: request.focus.as_deref(),
        took: began.elapsed(),
        ..subject.review(&workspace, &found, &options, workspace.settings().fail_on)
    };
    let run_request = plan.request()?;
    let summary = format!("{}: {}", plan.draft().target.label, subject.context.summary);
    let errand = Errand {
        request: &run_request,
        summary,
        attendance: request.attendance,
        format,
    };
    errand.carry_out(&workspace, ui, delivery, || plan.draft())
}

/// A plan beside the repository that it is for.
pub(super) struct Subject {
    name: String,
    branch: Option<String>,
    pub(super) context: PlanContext,
}

impl Subject {
    /// Looks at the working tree, as far as the plan names files of it.
    pub(super) fn of(
        found: &FoundPlan,
        workspace: &Workspace,
        repository: &Repository,
    ) -> Result<Subject, Failure> {
        let resolved = resolve(workspace, repository, &TargetSpec::of(Select::WorkingTree))?;
        let tree = RepositoryChanges {
            repository,
            target: &resolved.target,
            changes: &resolved.changes,
        };
        let exists = |name: &str| std::fs::symlink_metadata(workspace.root.join(name)).is_ok();
        let name = found.name(&exists);
        let context = build_plan(&PlanInput {
            plan: &found.plan,
            name: &name,
            root: &workspace.root.to_string_lossy(),
            tree: &tree,
        });
        Ok(Subject {
            name,
            branch: resolved.target.branch,
            context,
        })
    }

    /// The review of it, as the gate and the command have it in common.
    pub(super) fn review<'a>(
        &'a self,
        workspace: &'a Workspace,
        found: &'a FoundPlan,
        options: &'a EngineOptions,
        fail_on: FailOn,
    ) -> PlanReview<'a> {
        PlanReview {
            kind: &PLAN_REVIEW,
            root: &workspace.root,
            branch: self.branch.as_deref(),
            label: &found.label,
            name: &self.name,
            explicit: false,
            context: &self.context,
            focus: None,
            options,
            fail_on,
            notes: &[],
            took: std::time::Duration::ZERO,
        }
    }
}
