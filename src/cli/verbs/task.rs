//! Carries out `task` and `task-resume-candidate`.

use std::ops::ControlFlow;

use codex_review::jobs::{Job, JobsError, resume_candidate, resume_candidate_document};
use codex_review::report::visible;
use codex_review::review::ExitStatus;
use codex_review::run::{TASK, ThreadChoice, first_line, task_request};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::{RunShape, Shape};
use crate::cli::surroundings::Surroundings;
use crate::cli::task::{Continuation, TaskRequest, WorkingTreeAccess};
use crate::cli::text::TextSource;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::attend::{Telling, attend_to_end, exit_of};
use super::stream::{Stream, event_line};
use super::workspace::Workspace;

pub(crate) fn run(
    request: TaskRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let is_typed = matches!(request.prompt, TextSource::Words(_));
    let text = request.prompt.read(&surroundings.cwd)?;
    let workspace = Workspace::open(surroundings, request.flags, ui)?;
    if let (true, Continuation::Newest, Some(text)) = (is_typed, &request.continuation, &text) {
        refuse_job_in_text(&workspace, text)?;
    }
    let thread = thread(&workspace, &request.continuation)?;
    if text.is_none() && thread == ThreadChoice::New {
        return Err(UsageError::NoText.into());
    }
    let write = request.access == WorkingTreeAccess::Write;
    let options = workspace.engine_options(request.isolation);
    let run_request = task_request(
        &TASK,
        &workspace.root,
        text.as_deref(),
        thread,
        write,
        &options,
    )?;
    let summary = match &text {
        Some(text) => first_line(text),
        None => "go on with the earlier task".to_owned(),
    };
    let mut stream = (request.shape == RunShape::Stream)
        .then(|| Stream::open(Some(*ui), Vec::new(), workspace.settings().heartbeat))
        .transpose()?;
    let attended = attend_to_end(
        &workspace,
        ui,
        &run_request,
        summary,
        request.attendance,
        stream.as_mut().map_or(Telling::Progress, Telling::Stream),
        request.shape,
    )?;
    let job = match attended {
        ControlFlow::Continue(job) => job,
        ControlFlow::Break(status) => return Ok(status),
    };
    let exit = exit_of(&job);
    if let Some(stream) = stream {
        let result = json!({"event": "result", "result": document(&job, exit)});
        stream.finish(&event_line(&result))?;
        return Ok(exit);
    }
    match request.shape {
        RunShape::Json | RunShape::Stream => ui.json(&document(&job, exit))?,
        RunShape::People => {
            let outcome = job.outcome.unwrap_or_default();
            if outcome.rendered.is_empty() {
                let reason = job.error_message.as_deref().unwrap_or("it gave no reason");
                let text = format!("The task did not finish: {}.\n", visible::line(reason));
                ui.result(text.as_bytes())?;
            } else {
                ui.foreign(outcome.rendered.as_bytes())?;
            }
        }
    }
    Ok(exit)
}

/// What the task came to; one that ended without a result of its own, because its worker died, has how it ended.
fn document(job: &Job, exit: ExitStatus) -> Value {
    let result = job.outcome.as_ref().map(|outcome| &outcome.result);
    match result.filter(|result| !result.is_null()) {
        Some(result) => result.clone(),
        None => json!({
            "status": exit.code(),
            "jobId": job.id.as_str(),
            "threadId": job.thread_id,
            "rawOutput": "",
            "touchedFiles": [],
            "reasoningSummary": [],
            "failure": {"reason": job.status.as_str(), "detail": job.error_message},
        }),
    }
}

/// `--resume JOB` looks as if it went on with that job; the blank makes the job's id the beginning of the task.
fn refuse_job_in_text(workspace: &Workspace, text: &str) -> Result<(), Failure> {
    let first = text.split_whitespace().next().unwrap_or_default();
    let jobs = workspace.store.jobs()?;
    if jobs.iter().any(|job| job.id.as_str() == first) {
        let id = first.to_owned();
        return Err(UsageError::JobInText { id }.into());
    }
    Ok(())
}

/// The thread to go on with.
fn thread(workspace: &Workspace, continuation: &Continuation) -> Result<ThreadChoice, Failure> {
    let session = workspace.session.as_deref();
    match continuation {
        Continuation::Fresh => Ok(ThreadChoice::New),
        Continuation::Newest => {
            let candidate =
                resume_candidate(&workspace.store, session)?.ok_or(Failure::NoTaskThread)?;
            Ok(ThreadChoice::Resume(
                candidate.thread_id.expect("a candidate has a thread"),
            ))
        }
        Continuation::Named(name) => {
            let found = codex_review::jobs::find(
                &workspace.store,
                Some(name),
                codex_review::jobs::Wanted::Any,
                session,
            );
            match found {
                Ok(job) => match job.thread_id {
                    Some(thread_id) if job.is_ended() => Ok(ThreadChoice::Resume(thread_id)),
                    Some(_) => Err(Failure::StillRunning { id: job.id }),
                    None => Err(Failure::NoThreadOfJob { id: job.id }),
                },
                // Not a job of ours: Codex's own threads can be named as they are.
                Err(JobsError::ResolveId(_)) if looks_like_a_thread(name) => {
                    Ok(ThreadChoice::Resume(name.clone()))
                }
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// Codex names its threads by UUID.
fn looks_like_a_thread(name: &str) -> bool {
    name.len() == 36
        && name.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

pub(crate) fn candidate(
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let session = workspace.session.as_deref();
    let candidate = resume_candidate(&workspace.store, session)?;
    match shape {
        Shape::Json => ui.json(&resume_candidate_document(candidate.as_ref(), session))?,
        Shape::People => {
            let text = match &candidate {
                Some(job) => format!(
                    "{} ({}): {}\n",
                    job.id,
                    job.status.as_str(),
                    visible::line(&job.summary)
                ),
                None => "No previous Codex task thread was found for this repository.\n".to_owned(),
            };
            ui.result(text.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}
