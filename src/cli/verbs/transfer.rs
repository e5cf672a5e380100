//! Carries out `transfer`: a Claude session becomes a Codex thread, by the engine's own import.
//!
//! Only transcripts below the user's Claude projects folder are read. A transcript may still grow, so a snapshot of it is
//! what the engine reads. It holds a conversation, so it goes when the transfer ends, however that is; what a transfer that
//! was killed has left behind goes with a later one.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use codex_review::engine::{EngineError, Limits, import_session};
use codex_review::hooks::TRANSCRIPT_PATH_VARIABLE;
use codex_review::jobs::CancelToken;
use codex_review::review::ExitStatus;
use codex_review::run::open_engine;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::{Isolation, Shape};
use crate::cli::surroundings::Surroundings;
use crate::cli::transfer::TransferRequest;
use crate::cli::ui::Ui;

use super::asked_to_end;
use super::workspace::Workspace;

/// A larger transcript is refused.
const MAX_BYTES: u64 = 256 << 20;
/// Where Claude Code keeps its own files, if not in the home folder.
const CLAUDE_HOME_VARIABLE: &str = "CLAUDE_CONFIG_DIR";
/// What a snapshot's name begins and ends with.
const SNAPSHOT_ENDS: (&str, &str) = ("codex-review-", ".jsonl");
/// The letters and digits between them.
const SNAPSHOT_LETTERS: usize = 6;
/// No transfer takes so long: by its settings the engine may be silent for a day, and let two calls wait for an hour each.
const STALE_AFTER: Duration = Duration::from_secs(2 * 24 * 60 * 60);

pub(crate) fn run(
    request: TransferRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let given = request
        .source
        .map(|path| surroundings.cwd.join(path))
        .or_else(|| {
            Surroundings::variable(TRANSCRIPT_PATH_VARIABLE)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        })
        .ok_or(Failure::NoTranscript)?;
    let source = allowed(&given)?;
    let session_id = source
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    remove_stale_snapshots(&source, SystemTime::now());
    let interrupted = CancelToken::new();
    asked_to_end::watch(&interrupted);
    let snapshot = take_snapshot(&source)?;

    let options = workspace.engine_options(Isolation::Isolated);
    let run = workspace.surroundings()?;
    let limits = Limits {
        rpc: options.budgets.rpc,
        silence: options.budgets.silence,
        ..Limits::default()
    };
    let (engine, access) = (workspace.codex(), workspace.codex_access());
    let imported = super::runtime()?.block_on(async {
        let opening = open_engine(&engine, &access, options.budgets.rpc, &run);
        let mut opened = tokio::select! {
            biased;
            () = interrupted.cancelled() => return Ok(None),
            opened = opening => opened.map_err(Failure::Engine)?,
        };
        let importing = import_session(
            &mut opened.connection,
            snapshot.path(),
            &workspace.root,
            None,
            &limits,
        );
        let imported = tokio::select! {
            biased;
            () = interrupted.cancelled() => None,
            imported = importing => Some(imported),
        };
        opened.close().await;
        imported.transpose().map_err(|error| match error {
            EngineError::TooOld { .. } => Failure::TransferTooOld,
            error => Failure::Transfer { source: error },
        })
    })?;
    drop(snapshot);
    let Some(thread_id) = imported else {
        ui.warning("the transfer was interrupted");
        return Ok(ExitStatus::Interrupted);
    };
    let resume = format!("codex resume {thread_id}");
    match request.shape {
        Shape::Json => ui.json(&json!({
            "threadId": thread_id,
            "resumeCommand": resume,
            "sourcePath": source.to_string_lossy(),
            "sessionId": session_id,
        }))?,
        Shape::People => ui.result(
            format!("This session is now the Codex thread {thread_id}.\nGo on with it: {resume}\n")
                .as_bytes(),
        )?,
    }
    Ok(ExitStatus::Passed)
}

/// The real path of a transcript, if it lies below the user's Claude projects folder.
pub(super) fn allowed(given: &Path) -> Result<PathBuf, Failure> {
    let unreadable = |source| Failure::ReadText {
        place: format!("`{}`", given.display()),
        source,
    };
    let real = given.canonicalize().map_err(unreadable)?;
    let projects = claude_home().join("projects");
    let inside = projects
        .canonicalize()
        .is_ok_and(|projects| real.starts_with(&projects));
    let is_transcript = real
        .extension()
        .is_some_and(|extension| extension == "jsonl");
    if inside && is_transcript {
        Ok(real)
    } else {
        Err(Failure::NotATranscript {
            path: given.to_owned(),
            projects,
        })
    }
}

/// Claude Code's own folder.
pub(super) fn claude_home() -> PathBuf {
    let path = |name: &str| {
        Surroundings::variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    path(CLAUDE_HOME_VARIABLE)
        .or_else(|| path("HOME").map(|home| home.join(".claude")))
        .unwrap_or_else(|| PathBuf::from(".claude"))
}

/// Copies whole lines only: the last one may be half written. The copy lies beside its source, because Codex imports only
/// what lies there, and goes when it is dropped.
fn take_snapshot(source: &Path) -> Result<tempfile::NamedTempFile, Failure> {
    let unreadable = |error| Failure::ReadText {
        place: format!("`{}`", source.display()),
        source: error,
    };
    let mut content = Vec::new();
    let file = std::fs::File::open(source).map_err(unreadable)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    let whole = content
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let folder = source.parent().unwrap_or(Path::new("."));
    let unwritable = |source| Failure::Write {
        path: folder.to_owned(),
        source,
    };
    let mut snapshot = tempfile::Builder::new()
        .prefix(SNAPSHOT_ENDS.0)
        .rand_bytes(SNAPSHOT_LETTERS)
        .suffix(SNAPSHOT_ENDS.1)
        .tempfile_in(folder)
        .map_err(unwritable)?;
    snapshot.write_all(&content[..whole]).map_err(unwritable)?;
    Ok(snapshot)
}

/// Removes snapshots beside `source` that no transfer can be using any more. One that cannot be removed stays.
fn remove_stale_snapshots(source: &Path, now: SystemTime) {
    let Some(entries) = source.parent().and_then(|folder| folder.read_dir().ok()) else {
        return;
    };
    for entry in entries.flatten() {
        let is_stale = || {
            let meta = entry.path().symlink_metadata().ok()?;
            let age = now.duration_since(meta.modified().ok()?).ok()?;
            Some(meta.is_file() && age > STALE_AFTER)
        };
        let is_snapshot = entry.file_name().to_str().is_some_and(is_snapshot_name);
        if is_snapshot && entry.path() != source && is_stale() == Some(true) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

fn is_snapshot_name(name: &str) -> bool {
    name.strip_prefix(SNAPSHOT_ENDS.0)
        .and_then(|rest| rest.strip_suffix(SNAPSHOT_ENDS.1))
        .is_some_and(|letters| {
            letters.len() == SNAPSHOT_LETTERS
                && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_snapshots_that_nobody_can_be_using_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let put = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            let file = std::fs::File::create(&path).unwrap();
            file.set_modified(now.checked_sub(age).unwrap()).unwrap();
            path
        };
        let (old, young) = (STALE_AFTER * 2, STALE_AFTER / 2);
        let source = put("codex-review-source.jsonl", old);
        let stale = put("codex-review-aB3xY9.jsonl", old);
        let kept = [
            source.clone(),
            put("codex-review-aB3xY8.jsonl", young),
            put("codex-review-aB3xY.jsonl", old),
            put("codex-review-aB3xY99.jsonl", old),
            put("codex-review-aB3x-9.jsonl", old),
            put("codex-review-aB3xY9.json", old),
            put("11111111-2222-3333-4444-555555555555.jsonl", old),
        ];
        let folder_of_that_name = folder.path().join("codex-review-folder.jsonl");
        std::fs::create_dir(&folder_of_that_name).unwrap();
        let later = now + 3 * STALE_AFTER;
        remove_stale_snapshots(&source, now);
        assert!(!stale.exists());
        for path in &kept {
            assert!(path.exists(), "{}", path.display());
        }
        remove_stale_snapshots(&source, later);
        assert!(folder_of_that_name.is_dir());
        assert!(source.exists() && !kept[1].exists());
    }

    #[test]
    fn a_snapshot_is_known_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("s.jsonl");
        std::fs::write(&source, "{}\nhalf").unwrap();
        let snapshot = take_snapshot(&source).unwrap();
        assert!(is_snapshot_name(
            snapshot.path().file_name().unwrap().to_str().unwrap()
        ));
        assert_eq!(std::fs::read(snapshot.path()).unwrap(), b"{}\n");
    }
}
