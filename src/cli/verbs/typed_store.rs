//! What was typed behind a slash command, kept in the repository's state folder until it is carried out.
//!
//! A hook gets the typed arguments before the command runs ([`keep`]). The command takes them up once: a verb that answers
//! at once by itself ([`take_typed`]), a run through `estimate` ([`take`]), which stores them as a request
//! ([`store_request`]), whose id is all that travels through a model ([`load_request`]).

use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_review::atomic_file::{self, Durability, Readers};
use codex_review::jobs::ensure_private;
use codex_review::review::ExitStatus;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::hook::quiet;
use super::workspace::{Workspace, random};

const FOLDER: &str = "typed";
/// Older requests than the newest so many are removed.
const KEPT: usize = 50;
/// A command runs right behind its hook, once its user has agreed to it. What is older belongs to one that never ran.
const FRESH: Duration = Duration::from_secs(600);

/// Keeps what a session typed behind a command.
pub(crate) fn keep(
    workspace: &Workspace,
    session: &str,
    kind: &str,
    typed: &str,
) -> Result<(), Failure> {
    write(workspace, &session_name(session, kind), typed)
}

/// Takes up what a session typed behind a command; `None` when nothing was kept, or it was taken before, or it is stale.
pub(crate) fn take(workspace: &Workspace, session: &str, kind: &str) -> Option<String> {
    let path = folder(workspace).join(session_name(session, kind));
    let typed = std::fs::read_to_string(&path).ok()?;
    let age = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
    let is_fresh = age.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age < FRESH));
    std::fs::remove_file(&path).ok()?;
    is_fresh.then_some(typed)
}

/// As [`take`], for a verb of the session that this process belongs to.
pub(crate) fn take_typed(
    surroundings: &Surroundings,
    verb: &str,
) -> Result<Option<String>, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), &quiet())?;
    let session = workspace.session.as_deref().unwrap_or_default();
    Ok(take(&workspace, session, verb))
}

/// What a command prints whose arguments the client did not hand over. No failure: the command's text says what to do.
pub(crate) fn say_missing(ui: &Ui) -> ExitStatus {
    match ui.json(&json!({"arguments": "missing"})) {
        Ok(()) => ExitStatus::Passed,
        Err(error) => ui.failure(&error.into()),
    }
}

/// Stores a request and returns its id.
pub(crate) fn store_request(workspace: &Workspace, typed: &str) -> Result<String, Failure> {
    let id = format!("{:016x}", random());
    write(workspace, &format!("request-{id}"), typed)?;
    prune(&folder(workspace));
    Ok(id)
}

/// What a stored request was typed as.
pub(crate) fn load_request(surroundings: &Surroundings, id: &str) -> Result<String, Failure> {
    let plausible = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unknown = || UsageError::UnknownRequest(id.to_owned());
    if !plausible {
        return Err(unknown().into());
    }
    let workspace = Workspace::open(surroundings, Vec::new(), &quiet())?;
    let path = folder(&workspace).join(format!("request-{id}"));
    Ok(std::fs::read_to_string(path).map_err(|_| unknown())?)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.store.folder().join(FOLDER)
}

/// A session's id comes from outside, so it does not become a file name.
fn session_name(session: &str, kind: &str) -> String {
    let digest = Sha256::digest(format!("{session}\0{kind}"));
    let digits: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("session-{digits}")
}

fn write(workspace: &Workspace, name: &str, typed: &str) -> Result<(), Failure> {
    let folder = folder(workspace);
    ensure_private(&folder).map_err(codex_review::jobs::JobsError::from)?;
    let path = folder.join(name);
    let failed = |source| Failure::Write {
        path: path.clone(),
        source,
    };
    atomic_file::write(&path, typed.as_bytes(), Durability::Derived, Readers::Owner).map_err(failed)
}

/// What cannot be removed now is removed another time.
fn prune(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(KEPT);
    for (_, path) in &files[..surplus] {
        let _next_time = std::fs::remove_file(path);
    }
}
