//! Carries out `hook`: what Claude Code calls when a session begins, ends, wants to stop or presents a plan.
//!
//! A hook never fails its host: whatever goes wrong here is a note on standard error and exit code 0. A fault of our own
//! is never a block.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_review::broker::stop_all;
use codex_review::hooks::{HookInput, MAX_INPUT_BYTES, export_lines, read_input};
use codex_review::jobs::{
    Job, JobStatus, JobStore, StatusScope, begin_session, end_session, request_cancel, sessions,
    status, sweep_sessions,
};
use codex_review::review::ExitStatus;
use codex_review::watch::JOB_KIND;

use crate::cli::failure::Failure;
use crate::cli::hook::ClaudeHook;
use crate::cli::options::Color;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::gate;
use super::host::host;
use super::plan_gate;
use super::typed_store;
use super::watch_telling;
use super::workspace::Workspace;

/// The file that a session's later commands read their variables from.
const ENV_FILE_VARIABLE: &str = "CLAUDE_ENV_FILE";
/// A session whose host is not known counts as over after this time.
const SESSION_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the end of a session waits for each step of an idle engine's end. An engine that was asked ends also when
/// nobody waits for it.
const BROKER_STOP: Duration = Duration::from_millis(20);
/// As [`BROKER_STOP`], where no host waits.
const LAST_BROKER_STOP: Duration = Duration::from_secs(1);
/// What our commands' names begin with in Claude Code.
const PLUGIN_PREFIX: &str = "codex:";
/// The commands, and the verb that carries each out.
const COMMANDS: &[(&str, &str)] = &[
    ("review", "review"),
    ("adversarial-review", "adversarial-review"),
    ("optimize", "optimize"),
    ("diff-review", "diff-review"),
    ("plan-review", "plan-review"),
    ("rescue", "task"),
    ("test", "test"),
    ("agent-team", "agent-team"),
    ("transfer", "transfer"),
    ("status", "status"),
    ("result", "result"),
    ("cancel", "cancel"),
    ("setup", "setup"),
    ("config", "config"),
    ("usage", "usage"),
    ("watch", "watch"),
];
/// A clear begins a new conversation, with an id of its own, in the same place: nothing is cancelled.
const CLEAR: &str = "clear";

pub(crate) fn run(
    request: &ClaudeHook,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let done = read().and_then(|input| {
        let surroundings = Surroundings {
            cwd: input
                .cwd
                .as_ref()
                .map_or_else(|| surroundings.cwd.clone(), PathBuf::from),
        };
        match request {
            ClaudeHook::SessionStart => session_start(&input, &surroundings),
            ClaudeHook::SessionEnd => session_end(&input, &surroundings),
            ClaudeHook::PromptSubmit => prompt_submit(&input, &surroundings, ui),
            ClaudeHook::PromptExpansion => prompt_expansion(&input, &surroundings),
            ClaudeHook::Stop => gate::stop(&input, &surroundings, ui),
            ClaudeHook::Plan => plan_gate::plan(&input, &surroundings, ui),
        }
    });
    if let Err(failure) = done {
        // The exit code would be an answer to the host, and a wrong one.
        ui.failure(&failure);
    }
    Ok(ExitStatus::Passed)
}

fn read() -> Result<HookInput, Failure> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MAX_INPUT_BYTES)
        .read_to_end(&mut text)
        .map_err(|source| Failure::ReadText {
            place: "standard input".to_owned(),
            source,
        })?;
    Ok(read_input(&text)?)
}

/// Hooks say little: warnings about settings wait for a command that people read.
pub(crate) fn quiet() -> Ui {
    Ui::new(Color::Never, true)
}

fn session_start(input: &HookInput, surroundings: &Surroundings) -> Result<(), Failure> {
    let session = input
        .session_id
        .as_deref()
        .filter(|session| !session.is_empty());
    if let Some(path) = Surroundings::variable(ENV_FILE_VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let lines = export_lines(session, input.transcript_path.as_deref());
        append_lines(&path, &lines).map_err(|source| Failure::Write { path, source })?;
    }
    let workspace = Workspace::open_in_hook(surroundings)?;
    if let Some(session) = session {
        begin_session(&workspace.store, session, host())?;
    }
    // After this session's own lease is new: one that is resumed is not swept for the death of its client.
    for dead in sweep_sessions(&workspace.store, SESSION_MAX_AGE)? {
        cancel_foreground(&workspace.store, &dead.session_id)?;
    }
    match session {
        Some(session) => gate::session_began(&workspace, session),
        None => Ok(()),
    }
}

/// Appends whole lines to a file that others write too: their last line may lack its end.
fn append_lines(path: &Path, lines: &str) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let apart = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{apart}{lines}").as_bytes())
}

/// A turn begins: the gate remembers where, and a watch may have something to tell.
fn prompt_submit(input: &HookInput, surroundings: &Surroundings, ui: &Ui) -> Result<(), Failure> {
    let workspace = Workspace::open_in_hook(surroundings)?;
    gate::turn_began(&workspace, input)?;
    watch_telling::tell_session(&workspace, ui)
}

/// Keeps what was typed behind one of our commands, for the `estimate` that the command begins with.
fn prompt_expansion(input: &HookInput, surroundings: &Surroundings) -> Result<(), Failure> {
    let (Some(session), Some(name), Some(typed)) =
        (&input.session_id, &input.command_name, &input.command_args)
    else {
        return Ok(());
    };
    let Some(verb) = name.strip_prefix(PLUGIN_PREFIX).and_then(verb_of) else {
        return Ok(());
    };
    let workspace = Workspace::open_in_hook(surroundings)?;
    typed_store::keep(&workspace, session, verb, typed)
}

/// The verb that carries a command of the plugin out.
fn verb_of(command: &str) -> Option<&'static str> {
    COMMANDS
        .iter()
        .find(|(name, _)| *name == command)
        .map(|(_, verb)| *verb)
}

fn session_end(input: &HookInput, surroundings: &Surroundings) -> Result<(), Failure> {
    let Some(session) = input
        .session_id
        .as_deref()
        .filter(|session| !session.is_empty())
    else {
        return Ok(());
    };
    let workspace = Workspace::open_in_hook(surroundings)?;
    let store = &workspace.store;
    if input.reason.as_deref() == Some(CLEAR) {
        end_session(store, session)?;
        return Ok(());
    }
    let still_needed = cancel_foreground(store, session)?;
    end_session(store, session)?;
    if !still_needed && sessions(store)?.is_empty() {
        // An engine that is busy stays. The last job that was cancelled here ends it.
        super::runtime()?.block_on(stop_all(store.folder(), false, BROKER_STOP));
    }
    Ok(())
}

/// Asks for the end of a session's unfinished foreground work. Returns whether other work goes on: a job that has not
/// reached the engine yet does not make it busy, but is about to need it.
fn cancel_foreground(store: &JobStore, session: &str) -> Result<bool, Failure> {
    let snapshot = status(
        store,
        StatusScope {
            session: Some(session),
            all: false,
        },
    )?;
    let mut still_needed = false;
    for view in &snapshot.running {
        // Background jobs were asked for to outlive the session.
        if view.is_own && !view.job.background {
            request_cancel(store, &view.job.id, Some("the end of its Claude session"))?;
        } else {
            still_needed |= uses_engine(&view.job);
        }
    }
    Ok(still_needed)
}

/// A watch that waits for work needs no engine; its reviews are jobs of their own.
fn uses_engine(job: &Job) -> bool {
    job.kind != JOB_KIND
}

/// After a job that the end of its session cancelled: when nothing runs any more and no session is left, nobody needs the
/// engine. `session_end` itself could not end it, because the job still used it.
pub(crate) fn job_ended(store: &JobStore, job: &Job) -> Result<(), Failure> {
    let was_cut_off = job.status == JobStatus::Cancelled && job.session_id.is_some();
    if !was_cut_off || !sessions(store)?.is_empty() {
        return Ok(());
    }
    let running = status(store, StatusScope::default())?.running;
    if !running.iter().any(|view| uses_engine(&view.job)) {
        super::runtime()?.block_on(stop_all(store.folder(), false, LAST_BROKER_STOP));
    }
    Ok(())
}
