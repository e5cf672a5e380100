//! Carries out `test`.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use codex_review::context::RepositoryChanges;
use codex_review::jobs::{Job, JobStatus, Wanted, find};
use codex_review::report::visible;
use codex_review::review::ExitStatus;
use codex_review::run::{
    Applied, EngineChoice, NoTests, TEST, TestPlan, applied_json, apply_tests, read_written,
};
use codex_review::target::{Endpoint, Repository, ResolvedTarget};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::test::{Application, TestRequest, WriteRequest};
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::attend::{Telling, attend_to_end, exit_of};
use super::review::{build_context, resolve};
use super::workspace::Workspace;

/// How long one test command may take.
const TEST_LIMIT: Duration = Duration::from_secs(600);

pub(crate) fn run(
    request: TestRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match request {
        TestRequest::Write(request) => write(*request, surroundings, ui),
        TestRequest::Apply { job, shape } => apply(&job, shape, surroundings, ui),
    }
}

fn write(
    request: WriteRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let focus = request.focus.read(&surroundings.cwd)?;
    let (workspace, repository) = Workspace::open_repository(surroundings, request.flags, ui)?;
    let options = workspace.engine_options(request.isolation);
    if options.engine == EngineChoice::Builtin {
        return Err(UsageError::BuiltinWritesNothing.into());
    }
    if repository.is_bare() {
        return Err(NoTests::Bare.into());
    }
    let resolved = resolve(&workspace, &repository, &request.target)?;
    if request.application == Application::AtOnce {
        check_place(&repository, &resolved.target)?;
    }
    let view = RepositoryChanges {
        repository: &repository,
        target: &resolved.target,
        changes: &resolved.changes,
    };
    let found = TestPlan::find(&resolved.target, &view)?;
    for package in &found.packages {
        ui.note(&format!(
            "tests by {}: {}",
            package.runner.name,
            package.reason()
        ));
    }
    let context = build_context(&workspace, &repository, &resolved)?;
    let plan = TestPlan {
        root: &workspace.root,
        target: &resolved.target,
        changes: &view,
        context: &context,
        focus: focus.as_deref(),
        options: &options,
        run: request.run,
        test_limit: TEST_LIMIT,
    };
    let run_request = plan.request(&found)?;
    let summary = format!("{}: {}", resolved.target.label, context.summary);
    let attended = attend_to_end(
        &workspace,
        ui,
        &run_request,
        summary,
        request.attendance,
        Telling::Progress,
        request.shape.into(),
    )?;
    let job = match attended {
        ControlFlow::Continue(job) => job,
        ControlFlow::Break(status) => return Ok(status),
    };
    let exit = exit_of(&job);
    let result = job.outcome.clone().unwrap_or_default().result;
    // A run that was cancelled or failed writes nothing; what it accepted is kept for `--apply=JOB`.
    let wants_it = request.application == Application::AtOnce
        && job.status == JobStatus::Completed
        && has_files(&result);
    print(&job, &result, None, request.shape, ui, wants_it)?;
    if !wants_it {
        return Ok(exit);
    }
    let applied = put(&workspace.root, &job, &result)?;
    print_applied(&job, &result, &applied, request.shape, ui)?;
    Ok(exit)
}

/// Tests for a change that is not in the working tree have no place there.
fn check_place(repository: &Repository, target: &ResolvedTarget) -> Result<(), Failure> {
    match &target.new {
        Endpoint::Commit(commit) if repository.head().as_ref() != Some(commit) => {
            Err(UsageError::ApplyElsewhere {
                label: target.label.clone(),
            }
            .into())
        }
        _ => Ok(()),
    }
}

fn apply(
    typed: &str,
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
    if repository.is_bare() {
        return Err(NoTests::Bare.into());
    }
    let session = workspace.session.as_deref();
    let job = find(&workspace.store, Some(typed), Wanted::Any, session)?;
    if job.kind != TEST.name {
        return Err(Failure::NoTestsOfJob { id: job.id });
    }
    if !job.is_ended() {
        return Err(Failure::StillRunning { id: job.id });
    }
    let job = workspace.store.load(&job.id)?;
    let result = job.outcome.clone().unwrap_or_default().result;
    if !has_files(&result) {
        return Err(Failure::NoTestsOfJob { id: job.id });
    }
    let applied = put(&workspace.root, &job, &result)?;
    print_applied(&job, &result, &applied, shape, ui)?;
    Ok(ExitStatus::Passed)
}

fn has_files(result: &Value) -> bool {
    result["files"]
        .as_array()
        .is_some_and(|files| !files.is_empty())
}

fn put(root: &Path, job: &Job, result: &Value) -> Result<Applied, Failure> {
    read_written(result)
        .and_then(|files| apply_tests(root, &files))
        .map_err(|source| Failure::ApplyTests {
            id: job.id.clone(),
            source,
        })
}

/// The result. One document alone goes to standard output, so that with tests to apply it is printed with what became of
/// them.
fn print(
    job: &Job,
    result: &Value,
    applied: Option<&Applied>,
    shape: Shape,
    ui: &Ui,
    is_applied_later: bool,
) -> Result<(), Failure> {
    let outcome = job.outcome.clone().unwrap_or_default();
    match shape {
        Shape::Json if is_applied_later => {}
        Shape::Json if result.is_null() => ui.json(&json!({
            "status": exit_of(job).code(),
            "outcome": "not-judged",
            "jobId": job.id.as_str(),
            "files": [],
            "rejected": [],
            "patch": "",
            "runs": [],
            "failure": {"reason": job.status.as_str(), "detail": job.error_message},
        }))?,
        Shape::Json => {
            let mut document = result.clone();
            document["applied"] = applied.map_or(Value::Null, applied_json);
            ui.json(&document)?;
        }
        Shape::People if outcome.rendered.is_empty() => {
            let reason = job.error_message.as_deref().unwrap_or("it gave no reason");
            ui.result(format!("No tests were written: {}.\n", visible::line(reason)).as_bytes())?;
        }
        Shape::People => ui.foreign(outcome.rendered.as_bytes())?,
    }
    Ok(())
}

fn print_applied(
    job: &Job,
    result: &Value,
    applied: &Applied,
    shape: Shape,
    ui: &Ui,
) -> Result<(), Failure> {
    if shape == Shape::Json {
        return print(job, result, Some(applied), shape, ui, false);
    }
    let mut text = String::new();
    for (verb, paths) in [
        ("Applied", &applied.written),
        ("Already there", &applied.already),
    ] {
        for path in paths {
            text.push_str(&format!("{verb}: {}\n", visible::path(path)));
        }
    }
    ui.result(text.as_bytes())?;
    Ok(())
}
