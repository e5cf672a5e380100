//! Starts a job's worker and, in the foreground, follows it to its end.
//!
//! The follower only reads: killing it never touches the job. Ctrl-C once asks the job to end and waits for that; twice
//! leaves it running and says how to find it.

use std::ops::ControlFlow;
use std::time::Duration;

use codex_review::jobs::{
    CancelToken, FollowLimits, Followed, Job, JobEvent, JobId, JobStatus, JobStore, OwnedJob,
    StampedEvent, Tick, follow, follow_ticking, request_cancel,
};
use codex_review::review::ExitStatus;
use codex_review::run::{RunRequest, Submission, submit, work_here};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::{Attendance, RunShape};
use crate::cli::progress::Progress;
use crate::cli::ui::Ui;

use super::effort;
use super::stream::{Stream, event_line};
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

/// What is told while a job is followed.
pub(crate) enum Telling<'a> {
    /// Its progress, on standard error.
    Progress,
    /// That, and every event to this stream.
    Stream(&'a mut Stream),
}

/// As [`attend`], for who goes on with a job that has ended: one in the background is named, and `Break` says how the
/// process ends.
pub(crate) fn attend_to_end(
    workspace: &Workspace,
    ui: &Ui,
    request: &RunRequest,
    summary: String,
    attendance: Attendance,
    telling: Telling<'_>,
    shape: RunShape,
) -> Result<ControlFlow<ExitStatus, Box<Job>>, Failure> {
    match attend(workspace, ui, request, summary, attendance, telling)? {
        Attended::Queued(job) => {
            print_queued(workspace, ui, &job, shape)?;
            Ok(ControlFlow::Break(ExitStatus::Passed))
        }
        Attended::Left(_) => Ok(ControlFlow::Break(ExitStatus::Interrupted)),
        Attended::Ended(job) => Ok(ControlFlow::Continue(job)),
    }
}

/// What the job says; one that ended without a word of its own, because its worker died or never began, is judged by
/// how it ended.
pub(crate) fn exit_of(job: &Job) -> ExitStatus {
    let code = job.exit_code.and_then(|code| u8::try_from(code).ok());
    code.and_then(ExitStatus::from_code)
        .unwrap_or(match job.status {
            JobStatus::Cancelled => ExitStatus::Interrupted,
            _ => ExitStatus::Incomplete,
        })
}

/// Makes a job of the request and starts it.
pub(crate) fn attend(
    workspace: &Workspace,
    ui: &Ui,
    request: &RunRequest,
    summary: String,
    attendance: Attendance,
    telling: Telling<'_>,
) -> Result<Attended, Failure> {
    effort::check(request, workspace, ui)?;
    let submission = Submission {
        title: None,
        summary,
        session_id: workspace.session.clone(),
        background: attendance == Attendance::Background,
        random: random(),
    };
    let owned = submit(&workspace.store, request, submission)?;
    match attendance {
        Attendance::Background => {
            let job = owned.start(&workspace.launcher()?)?;
            workspace.tell_warnings();
            Ok(Attended::Queued(Box::new(job)))
        }
        Attendance::Foreground => attend_owned(workspace, ui, owned, telling, |owned| {
            start_or_work_here(workspace, ui, owned)
        }),
    }
}

/// Names a job, has it started and follows it to its end. Ctrl-C asks it to end, twice leaves it running.
pub(crate) fn attend_owned(
    workspace: &Workspace,
    ui: &Ui,
    owned: OwnedJob,
    telling: Telling<'_>,
    start: impl FnOnce(OwnedJob) -> Result<(), Failure>,
) -> Result<Attended, Failure> {
    let (id, label) = (owned.job().id.clone(), owned.job().kind_label.clone());
    // Before the job is named: whoever reads the line may press Ctrl-C at once.
    let interrupts = Interrupts::watch(&workspace.store, &id, ui);
    ui.note(&format!("job {id} ({label}) started"));
    start(owned)?;
    workspace.tell_warnings();
    let attended = follow_until(&workspace.store, ui, &id, telling, &interrupts.leave);
    drop(interrupts);
    attended
}

/// How long a job that was asked to end is waited for.
const END_GRACE: Duration = Duration::from_secs(10);

/// Starts the job and follows it without a word, for at most `limit`. `None` for a job that was not over by then; it has
/// been asked to end.
pub(crate) fn attend_within(
    workspace: &Workspace,
    ui: &Ui,
    request: &RunRequest,
    summary: String,
    limit: Duration,
) -> Result<Option<Box<Job>>, Failure> {
    let submission = Submission {
        title: None,
        summary,
        session_id: workspace.session.clone(),
        background: false,
        random: random(),
    };
    let store = &workspace.store;
    let owned = submit(store, request, submission)?;
    let id = owned.job().id.clone();
    let interrupts = Interrupts::watch(store, &id, ui);
    start_or_work_here(workspace, ui, owned)?;
    let within = |timeout| {
        let limits = FollowLimits {
            timeout: Some(timeout),
            ..FollowLimits::default()
        };
        follow(store, &id, 0, &limits, &interrupts.leave, |_| ())
    };
    let followed = match within(limit)? {
        Followed::TimedOut(_) => {
            request_cancel(store, &id, Some("the time limit of its push"))?;
            within(END_GRACE)?;
            return Ok(None);
        }
        followed => followed,
    };
    Ok(match followed {
        Followed::Ended(job) | Followed::Stopped(job) | Followed::TimedOut(job) => Some(job),
    })
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

/// Looks on at a job of whoever asked for it, to its end, showing what it does. Ctrl-C ends the looking on alone.
pub(crate) fn follow_to_end(store: &JobStore, ui: &Ui, id: &JobId) -> Result<Attended, Failure> {
    follow_until(store, ui, id, Telling::Progress, &CancelToken::new())
}

fn follow_until(
    store: &JobStore,
    ui: &Ui,
    id: &JobId,
    mut telling: Telling<'_>,
    leave: &CancelToken,
) -> Result<Attended, Failure> {
    let mut progress = ui.progress();
    let followed = follow_ticking(store, id, 0, &FollowLimits::default(), leave, |tick| {
        if let Telling::Stream(stream) = &mut telling {
            stream.tell(tick);
        }
        if let Tick::Event(stamped) = tick {
            show(stamped, &mut progress);
        }
    })?;
    drop(progress);
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
    let line = codex_review::run::first_line(&without_marks(text));
    match agent {
        Some(agent) => format!("{agent}: {line}"),
        None => line,
    }
}

/// The first line without the marks that make it a heading, an item of a list, or that set off its first words.
fn without_marks(text: &str) -> String {
    let line = text
        .lines()
        .map(|line| line.trim().trim_start_matches(['#', ' ']))
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let rest = line.trim_start_matches('*');
    let marks = &line[..line.len() - rest.len()];
    match rest.split_once(marks) {
        Some((set_off, after)) if !rest.starts_with(' ') => format!("{set_off}{after}"),
        _ => rest.trim_start().to_owned(),
    }
}

/// What a command that started a job in the background prints.
fn print_queued(workspace: &Workspace, ui: &Ui, job: &Job, shape: RunShape) -> Result<(), Failure> {
    let log_file = workspace.store.files(&job.id).log;
    let mut receipt = json!({
        "jobId": job.id.as_str(),
        "status": "queued",
        "title": job.title,
        "summary": job.summary,
        "logFile": log_file.to_string_lossy(),
    });
    match shape {
        RunShape::Json => ui.json(&receipt)?,
        RunShape::Stream => {
            receipt["event"] = "background".into();
            ui.result(&event_line(&receipt))?;
        }
        RunShape::People => {
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

/// Watches for Ctrl-C for as long as a job that this command asked for is followed.
struct Interrupts {
    /// Asked for by the second Ctrl-C.
    leave: CancelToken,
    over: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Interrupts {
    /// From its return on, Ctrl-C does not end this process.
    fn watch(store: &JobStore, id: &JobId, ui: &Ui) -> Interrupts {
        let (over, is_over) = tokio::sync::oneshot::channel();
        let leave = CancelToken::new();
        let mut interrupts = Interrupts {
            leave: leave.clone(),
            over: Some(over),
            thread: None,
        };
        // Without a watcher Ctrl-C ends the follower as it would any program; the job goes on.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
        else {
            return interrupts;
        };
        let listening = {
            let _context = runtime.enter();
            imp::ctrl_c()
        };
        let Ok(mut presses) = listening else {
            return interrupts;
        };
        let (store, id, ui) = (store.clone(), id.clone(), *ui);
        let watching = std::thread::Builder::new()
            .name("interrupts".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let ask_then_leave = async {
                        presses.recv().await;
                        if let Err(error) = request_cancel(&store, &id, Some("Ctrl-C")) {
                            ui.warning(&format!("job {id} cannot be asked to end: {error}"));
                        }
                        presses.recv().await;
                        leave.cancel();
                    };
                    tokio::select! {
                        _ = is_over => {}
                        () = ask_then_leave => {}
                    }
                });
            });
        interrupts.thread = watching.ok();
        interrupts
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if let Some(over) = self.over.take() {
            // The watcher may have ended by itself.
            let _already_over = over.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Ctrl-C as a stream that misses none between one look and the next.
#[cfg(unix)]
mod imp {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub(super) fn ctrl_c() -> std::io::Result<Signal> {
        signal(SignalKind::interrupt())
    }
}

#[cfg(windows)]
mod imp {
    pub(super) fn ctrl_c() -> std::io::Result<tokio::signal::windows::CtrlC> {
        tokio::signal::windows::ctrl_c()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(said(None, text), expected, "{text:?}");
    }

    #[test]
    fn what_was_set_off_is_told_without_the_marks() {
        check("**Inspecting the diff**", "Inspecting the diff");
        check("\n**Inspecting** the diff\n\nmore", "Inspecting the diff");
        check(
            "## **Inspecting** `src/**/*.rs`",
            "Inspecting `src/**/*.rs`",
        );
        check("*Inspecting*", "Inspecting");
        check("* an item * of a list", "an item * of a list");
        check("plain, 2 * 3", "plain, 2 * 3");
        check("", "");
        let long = format!("**{}**", "long ".repeat(20).trim_end());
        assert!(!said(None, &long).contains('*'));
    }
}
