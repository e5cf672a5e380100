//! Carries out `status`, `result`, `logs` and `cancel`.

use codex_review::broker::newest_record;
use codex_review::jobs::{
    CancelLimits, CancelToken, FollowLimits, Job, StatusScope, Wanted, cancel, cancel_document,
    find, find_result, find_to_cancel, follow, follow_ticking, job_status_document, log_entry,
    render_cancelled, render_job, render_result, render_status, result_document, status,
    status_document, stored_log, view, wait,
};
use codex_review::report::{self, Format};
use codex_review::review::ExitStatus;
use serde_json::{Value, json};

use crate::cli::cancel::CancelRequest;
use crate::cli::failure::Failure;
use crate::cli::logs::{LogReading, LogsRequest};
use crate::cli::options::Shape;
use crate::cli::outputs::FileOutput;
use crate::cli::result::ResultRequest;
use crate::cli::status::{Patience, Reach, StatusRequest};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::attend::follow_to_end;
use super::delivery::Delivery;
use super::watch_telling;
use super::workspace::{Workspace, given_endpoint};

/// Which engine this workspace's runs share, from the environment or its broker's record alone: nothing is asked and
/// nothing is started. A record whose process is gone names no engine: the next run starts one.
pub(crate) fn session_runtime(workspace: &Workspace) -> Value {
    if let Some(endpoint) = given_endpoint() {
        return json!({
            "mode": "shared",
            "label": "given engine",
            "detail": "the environment names the engine that every run uses",
            "endpoint": endpoint,
        });
    }
    let record = newest_record(workspace.store.folder())
        .map(|record| record.filter(|record| record.process().is_alive() != Some(false)));
    match record {
        Ok(Some(record)) => json!({
            "mode": "shared",
            "label": "shared engine",
            "detail": "one engine serves every run of this repository",
            "endpoint": record.endpoint.to_string(),
        }),
        Ok(None) => json!({
            "mode": "direct",
            "label": "no shared engine yet",
            "detail": "the first run starts one",
            "endpoint": null,
        }),
        Err(error) => json!({
            "mode": "direct",
            "label": "no usable shared engine",
            "detail": error.to_string(),
            "endpoint": null,
        }),
    }
}

pub(crate) fn run(
    request: StatusRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    match (&request.job, request.patience) {
        (None, Patience::None) => overview(&workspace, &request, ui),
        (job, patience) => one(&workspace, job.as_deref(), patience, request.shape, ui),
    }
}

fn overview(
    workspace: &Workspace,
    request: &StatusRequest,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let scope = StatusScope {
        session: workspace.session.as_deref(),
        all: request.reach == Reach::All,
    };
    let snapshot = status(&workspace.store, scope)?;
    let watch = watch_telling::in_status(workspace)?;
    match request.shape {
        Shape::Json => {
            let mut document = status_document(&snapshot, session_runtime(workspace));
            if let Some((_, watch)) = watch {
                document["watch"] = watch;
            }
            ui.json(&document)?;
        }
        Shape::People => {
            let mut page = render_status(&snapshot, workspace.surface());
            if let Some((watch, _)) = watch {
                page.push_str("\n## Watch\n\n");
                page.push_str(&watch);
            }
            ui.result(page.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}

fn one(
    workspace: &Workspace,
    typed: Option<&str>,
    patience: Patience,
    shape: Shape,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let store = &workspace.store;
    let session = workspace.session.as_deref();
    let job = find(store, typed, Wanted::Any, session)?;
    workspace.tell_warnings();
    let id = job.id.clone();
    let mut waited = None;
    match patience {
        Patience::None => {}
        Patience::UntilEnd { timeout, poll } => {
            let limits = FollowLimits {
                poll,
                timeout: Some(timeout),
            };
            waited = Some((
                wait(store, &id, &limits, &CancelToken::new())?,
                Some(timeout),
            ));
        }
        Patience::Follow => {
            follow_to_end(store, ui, &id)?;
        }
    }
    let job = match &waited {
        Some((waited, _)) => waited.job.clone(),
        None => store.load(&id)?,
    };
    let shown = view(store, job, session);
    match shape {
        Shape::Json => {
            let waited = waited.as_ref().map(|(waited, timeout)| (waited, *timeout));
            ui.json(&job_status_document(store, &shown, waited))?;
        }
        Shape::People => {
            let now = codex_review::jobs::Clock::system().now();
            ui.result(render_job(&shown, now, workspace.surface()).as_bytes())?;
            if waited.is_some_and(|(waited, _)| waited.timed_out) {
                ui.note(
                    "the job still runs; wait again with `--wait`, or see `codex-review logs -f`",
                );
            }
        }
    }
    Ok(ExitStatus::Passed)
}

pub(crate) fn result(
    request: ResultRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let session = workspace.session.as_deref();
    let job = find_result(&workspace.store, request.job.as_deref(), session)?;
    let is_rendered_again = request.format.is_some() || !request.files.is_empty();
    if is_rendered_again {
        render_again(
            &workspace,
            surroundings,
            ui,
            &job,
            request.format,
            request.files,
        )?;
    }
    match (request.shape, request.format) {
        (_, Some(_)) => {}
        (Shape::Json, None) => {
            let shown = view(&workspace.store, job, session);
            ui.json(&result_document(&workspace.store, &shown))?;
        }
        // The files were what was asked for.
        (Shape::People, None) if is_rendered_again => {}
        (Shape::People, None) => {
            ui.foreign(render_result(&job, workspace.surface()).as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}

/// Renders a stored report again. A stream tells the job's events again, too.
fn render_again(
    workspace: &Workspace,
    surroundings: &Surroundings,
    ui: &Ui,
    job: &Job,
    printed: Option<&'static Format>,
    files: Vec<FileOutput>,
) -> Result<(), Failure> {
    let stored = job
        .outcome
        .as_ref()
        .map(|outcome| outcome.result.to_string());
    let report = stored
        .and_then(|stored| report::json::parse(stored.as_bytes()).ok())
        .ok_or_else(|| Failure::NoReport { id: job.id.clone() })?;
    let heartbeat = workspace.settings().heartbeat;
    let mut delivery = Delivery::prepare(ui, surroundings, printed, files, heartbeat)?;
    if let Some(stream) = delivery.stream() {
        let all_that_is_there = FollowLimits {
            timeout: Some(std::time::Duration::ZERO),
            ..FollowLimits::default()
        };
        let never = CancelToken::new();
        follow_ticking(
            &workspace.store,
            &job.id,
            0,
            &all_that_is_there,
            &never,
            |tick| {
                stream.tell(tick);
            },
        )?;
    }
    delivery.report(&report)
}

pub(crate) fn logs(
    request: LogsRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let store = &workspace.store;
    let job = find(
        store,
        request.job.as_deref(),
        Wanted::Any,
        workspace.session.as_deref(),
    )?;
    workspace.tell_warnings();
    let limits = match request.reading {
        LogReading::UntilTheJobEnds => FollowLimits::default(),
        LogReading::ToItsEnd => FollowLimits {
            timeout: Some(std::time::Duration::ZERO),
            ..FollowLimits::default()
        },
    };
    let mut told = Ok(());
    let mut has_events = false;
    follow(store, &job.id, 0, &limits, &CancelToken::new(), |stamped| {
        has_events = true;
        if told.is_ok()
            && let Some(entry) = log_entry(stamped)
        {
            told = ui.result(entry.as_bytes());
        }
    })?;
    told?;
    if !has_events {
        match stored_log(&store.files(&job.id))? {
            Some(log) => ui.result(log.as_bytes())?,
            None => ui.note(&format!("no log of job {} is left", job.id)),
        }
    }
    Ok(ExitStatus::Passed)
}

pub(crate) fn cancel_job(
    request: CancelRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let session = workspace.session.as_deref();
    let job = find_to_cancel(&workspace.store, request.job.as_deref(), session)?;
    workspace.tell_warnings();
    let cancelled = cancel(&workspace.store, &job.id, session, &CancelLimits::default())?;
    match request.shape {
        Shape::Json => ui.json(&cancel_document(&cancelled))?,
        Shape::People => ui.result(render_cancelled(&cancelled).as_bytes())?,
    }
    Ok(ExitStatus::Passed)
}
