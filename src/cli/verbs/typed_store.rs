//! What was typed behind a slash command, kept in the repository's state folder until it is carried out.
//!
//! A hook gets the typed arguments before the command runs ([`keep`]); `estimate` takes them up once ([`take`]) and stores
//! them as a request ([`store_request`]), whose id is all that travels through a model ([`load_request`]).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use codex_review::jobs::ensure_private;
use sha2::{Digest as _, Sha256};

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;
use crate::cli::usage::UsageError;

use super::hook::quiet;
use super::workspace::{Workspace, random};

const FOLDER: &str = "typed";
/// Older requests than the newest so many are removed.
const KEPT: usize = 50;

/// Keeps what a session typed behind a command.
pub(crate) fn keep(
    workspace: &Workspace,
    session: &str,
    kind: &str,
    typed: &str,
) -> Result<(), Failure> {
    write(workspace, &session_name(session, kind), typed)
}

/// Takes up what a session typed behind a command; `None` when nothing was kept, or it was taken before.
pub(crate) fn take(workspace: &Workspace, session: &str, kind: &str) -> Option<String> {
    let path = folder(workspace).join(session_name(session, kind));
    let typed = std::fs::read_to_string(&path).ok()?;
    std::fs::remove_file(&path).ok()?;
    Some(typed)
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
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
    file.write_all(typed.as_bytes()).map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
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
