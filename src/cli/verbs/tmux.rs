//! A tmux window with a pane for each of several commands: in the session that the user is in, or in one of its own.
//!
//! Commands are started by tmux itself, without a shell. A pane stays when its command ends, so that what it showed can be
//! read. Failure policy: what tmux says is handed back as text; whoever asked for panes goes on without.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;

/// How long tmux may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(10);
/// How big a session is until somebody looks at it.
const SIZE: [&str; 4] = ["-x", "200", "-y", "50"];

/// A pane to open.
#[derive(Debug)]
pub(super) struct Pane {
    /// What stands above it.
    pub(super) title: String,
    /// The program and its arguments.
    pub(super) command: Vec<OsString>,
}

/// Where the panes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// In a window of the session that the command runs in.
    Window,
    /// In a session of their own, to which nobody is attached yet.
    Session,
}

/// Opens the panes. A session of this name that is there already is taken as it is.
pub(super) fn open(
    program: &Path,
    name: &str,
    panes: &[Pane],
    environment: &[(&str, &Path)],
) -> Result<Opened, String> {
    let Some((first, others)) = panes.split_first() else {
        return Err("no agent was started".to_owned());
    };
    let is_inside = Surroundings::variable("TMUX").is_some_and(|value| !value.is_empty());
    let session = format!("={name}");
    if !is_inside
        && tell(
            program,
            &["has-session".into(), "-t".into(), session.into()],
        )
        .is_ok()
    {
        return Ok(Opened::Session);
    }
    let mut words: Vec<OsString> = Vec::new();
    let mut target: Vec<OsString> = Vec::new();
    if is_inside {
        words.extend(["new-window".into(), "-n".into(), name.into()]);
    } else {
        words.extend(["new-session".into(), "-d".into(), "-s".into(), name.into()]);
        words.extend(["-n".into(), name.into()]);
        words.extend(SIZE.map(OsString::from));
        // Unlike a window, a session that nobody is attached to does not become the one that what follows means.
        target = vec!["-t".into(), format!("={name}:").into()];
    }
    start(&mut words, first, environment);
    // In one call: a command may have ended before the next.
    let set = |words: &mut Vec<OsString>, command: &[&str], values: &[&str]| {
        words.push(";".into());
        words.extend(command.iter().map(OsString::from));
        words.extend(target.iter().cloned());
        words.extend(values.iter().map(|value| escaped((*value).into())));
    };
    set(&mut words, &["set-option", "-w"], &["remain-on-exit", "on"]);
    set(
        &mut words,
        &["set-option", "-w"],
        &["pane-border-status", "top"],
    );
    set(
        &mut words,
        &["set-option", "-w"],
        &["pane-border-format", " #{pane_title} "],
    );
    set(&mut words, &["select-pane"], &["-T", &first.title]);
    for pane in others {
        set(&mut words, &["split-window"], &[]);
        start(&mut words, pane, environment);
        set(&mut words, &["select-pane"], &["-T", &pane.title]);
        // After each, or there is no room for the next.
        set(&mut words, &["select-layout"], &["tiled"]);
    }
    tell(program, &words)?;
    Ok(if is_inside {
        Opened::Window
    } else {
        Opened::Session
    })
}

/// Gives the terminal to tmux until the user leaves it.
pub(super) fn attach(program: &Path, name: &str) -> Result<(), Failure> {
    let failed = |source| Failure::Start {
        program: program.to_owned(),
        source,
    };
    std::process::Command::new(program)
        .args(["attach-session", "-t", &format!("={name}")])
        .status()
        .map_err(failed)?;
    Ok(())
}

fn start(words: &mut Vec<OsString>, pane: &Pane, environment: &[(&str, &Path)]) {
    for (variable, value) in environment {
        let mut pair = OsString::from(format!("{variable}="));
        pair.push(value);
        words.extend(["-e".into(), escaped(pair)]);
    }
    words.push("--".into());
    words.extend(pane.command.iter().cloned().map(escaped));
}

/// A semicolon at the end of an argument would end the command.
fn escaped(word: OsString) -> OsString {
    match word.to_str().and_then(|text| text.strip_suffix(';')) {
        Some(text) => format!("{text}\\;").into(),
        None => word,
    }
}

fn tell(program: &Path, words: &[OsString]) -> Result<(), String> {
    let runtime = super::runtime().map_err(|failure| failure.to_string())?;
    let asked = runtime.block_on(async {
        let mut command = tokio::process::Command::new(program);
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        tokio::time::timeout(PATIENCE, command.output()).await
    });
    match asked {
        Err(_) => Err(format!("it did not answer within {} s", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
