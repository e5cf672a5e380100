//! Starts a job's worker and, in the foreground, follows it to its end.
//!
//! The follower only reads: killing it never touches the job. Ctrl-C once asks the job to end and waits for that; twice
//! leaves it running and says how to find it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codex_review::jobs::{
    CancelToken, FollowLimits, Followed, Job, JobEvent, JobId, JobStore, OwnedJob, StampedEvent,
    follow, request_cancel,
};
use codex_review::run::{RunRequest, Submission, submit, work_here};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::{Attendance, Shape};
use crate::cli::progress::Progress;
use crate::cli::ui::Ui;

use super::stream;
use super::workspace::{Workspace, random};

/// How a job that was asked for stands when the command returns.
pub(crate) enum Attended {
    /// It runs in the background.
    Queued(Box<Job>),
    /// It is over.
    Ended(Box<Job>),
    /// The user left it running.
    Left(Box<Job>),
}

/// What goes to standard output while a job is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Nothing: progress goes to standard error.
    Progress,
    /// Every event, one a line.
    Stream,
}

/// Makes a job of the request and starts it.
pub(crate) fn attend(
    workspace: &Workspace,
    ui: &Ui,
    request: &RunRequest,
    summary: String,
    attendance: Attendance,
    telling: Telling,
) -> Result<Attended, Failure> {
    let submission = Submission {
        title: None,
        summary,
        session_id: workspace.session.clone(),
        background: attendance == Attendance::Background,
        random: random(),
    };
    let owned = submit(&workspace.store, request, submission)?;
    let id = owned.job().id.clone();
    match attendance {
        Attendance::Background => {
            let job = owned.start(&workspace.launcher()?)?;
            workspace.tell_warnings(ui);
            Ok(Attended::Queued(Box::new(job)))
        }
        Attendance::Foreground => {
            ui.note(&format!("job {id} ({}) started", request.kind.label));
            start_or_work_here(workspace, ui, owned)?;
            let attended = follow_to_end(&workspace.store, ui, &id, telling);
            workspace.tell_warnings(ui);
            attended
        }
    }
}

/// Where no worker can be started, the work is done here rather than not at all.
fn start_or_work_here(workspace: &Workspace, ui: &Ui, owned: OwnedJob) -> Result<(), Failure> {
    match workspace.launcher() {
        Ok(launcher) => {
            owned.start(&launcher)?;
        }
        Err(failure) => {
            ui.warning(&format!("{failure}: the job runs inside this command"));
            work_here(owned, &workspace.surroundings()?)?;
        }
    }
    Ok(())
}

/// Follows a job to its end, showing what it does.
pub(crate) fn follow_to_end(
    store: &JobStore,
    ui: &Ui,
    id: &JobId,
    telling: Telling,
) -> Result<Attended, Failure> {
    let stop = CancelToken::new();
    let interrupts = Interrupts::watch(store, id, &stop);
    let mut progress = ui.progress();
    let mut failed = None;
    let followed = follow(store, id, 0, &FollowLimits::default(), &stop, |stamped| {
        if telling == Telling::Stream && failed.is_none() {
            failed = ui.result(&stream::line(stamped)).err();
        }
        show(stamped, &mut progress);
    })?;
    drop(progress);
    interrupts.end();
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(match followed {
        Followed::Ended(job) => Attended::Ended(job),
        Followed::TimedOut(job) | Followed::Stopped(job) => {
            ui.note(&format!(
                "job {id} goes on; `codex-review result {id}` prints what it comes to, `codex-review cancel {id}` ends it"
            ));
            Attended::Left(job)
        }
    })
}

fn show(stamped: &StampedEvent, progress: &mut Progress) {
    match &stamped.event {
        JobEvent::Phase { phase } => progress.phase(phase.as_str()),
        JobEvent::Queued { place } => progress.message(&match place {
            Some(place) => {
                format!("waiting for a free place in the engine (number {place} in line)")
            }
            None => "waiting for a free place in the engine".to_owned(),
        }),
        JobEvent::CommandStarted { command } => progress.command(command),
        JobEvent::CommandFinished {
            command,
            exit_code: Some(code),
        } if *code != 0 => {
            progress.message(&format!("`{command}` ended with {code}"));
        }
        JobEvent::FileChange { path, .. } => progress.message(&format!("changes {path}")),
        JobEvent::Reasoning { agent, text } => progress.message(&said(agent.as_deref(), text)),
        JobEvent::Message {
            agent: Some(agent),
            text,
        } => {
            progress.message(&said(Some(agent), text));
        }
        JobEvent::Warning { text } => progress.message(&format!("warning: {text}")),
        JobEvent::Log { title: None, body } => progress.message(body),
        JobEvent::CancelRequested { .. } => progress.message("asked to end"),
        _ => {}
    }
}

fn said(agent: Option<&str>, text: &str) -> String {
    let line = codex_review::run::first_line(text.trim_start_matches(['*', '#', ' ']));
    match agent {
        Some(agent) => format!("{agent}: {line}"),
        None => line,
    }
}

/// What a command that started a job in the background prints.
pub(crate) fn print_queued(
    workspace: &Workspace,
    ui: &Ui,
    job: &Job,
    shape: Shape,
) -> Result<(), Failure> {
    let log_file = workspace.store.files(&job.id).log;
    match shape {
        Shape::Json => ui.json(&json!({
            "jobId": job.id.as_str(),
            "status": "queued",
            "title": job.title,
            "summary": job.summary,
            "logFile": log_file.to_string_lossy(),
        }))?,
        Shape::People => {
            let command = match workspace.surface() {
                codex_review::jobs::Surface::ClaudeCode => "/codex:",
                codex_review::jobs::Surface::Shell => "codex-review ",
            };
            ui.result(
                format!(
                    "{} started in the background as {id}. `{command}status {id}` shows how it stands, `{command}result {id}` its result.\n",
                    job.title,
                    id = job.id
                )
                .as_bytes(),
            )?;
        }
    }
    Ok(())
}

/// Watches for Ctrl-C while a job is followed.
struct Interrupts {
    over: Arc<AtomicBool>,
    wake: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Interrupts {
    fn watch(store: &JobStore, id: &JobId, stop: &CancelToken) -> Interrupts {
        let (wake, woken) = tokio::sync::oneshot::channel();
        let over = Arc::new(AtomicBool::new(false));
        let (store, id, stop, ended) = (store.clone(), id.clone(), stop.clone(), Arc::clone(&over));
        let thread = std::thread::Builder::new()
            .name("interrupts".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .build();
                let Ok(runtime) = runtime else { return };
                runtime.block_on(async {
                    tokio::select! {
                        _ = woken => {}
                        () = ask_then_leave(&store, &id, &stop, &ended) => {}
                    }
                });
            });
        // Without a watcher Ctrl-C ends the follower as it would any program; the job goes on.
        Interrupts {
            over,
            wake: Some(wake),
            thread: thread.ok(),
        }
    }

    fn end(mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(wake) = self.wake.take() {
            // The watcher may have ended by itself.
            let _already_over = wake.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn ask_then_leave(store: &JobStore, id: &JobId, stop: &CancelToken, over: &AtomicBool) {
    if tokio::signal::ctrl_c().await.is_err() || over.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    // What cannot be asked for is left running, which the second Ctrl-C or the end shows.
    drop(request_cancel(store, id, Some("Ctrl-C")));
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
    std::future::pending().await
}
