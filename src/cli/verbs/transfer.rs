//! Carries out `transfer`: a Claude session becomes a Codex thread, by the engine's own import.
//!
//! Only transcripts below the user's Claude projects folder are read. A transcript may still grow, so a snapshot of it is
//! what the engine reads.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use codex_review::engine::{EngineError, Limits, import_session};
use codex_review::hooks::TRANSCRIPT_PATH_VARIABLE;
use codex_review::review::ExitStatus;
use codex_review::run::open_engine;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::{Isolation, Shape};
use crate::cli::surroundings::Surroundings;
use crate::cli::transfer::TransferRequest;
use crate::cli::ui::Ui;

use super::workspace::Workspace;

/// A larger transcript is refused.
const MAX_BYTES: u64 = 256 << 20;
/// Where Claude Code keeps its own files, if not in the home folder.
const CLAUDE_HOME_VARIABLE: &str = "CLAUDE_CONFIG_DIR";

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
    let snapshot = take_snapshot(&source)?;

    let options = workspace.engine_options(Isolation::Isolated);
    let run = workspace.surroundings()?;
    let limits = Limits {
        rpc: options.budgets.rpc,
        silence: options.budgets.silence,
        ..Limits::default()
    };
    let thread_id = super::runtime()?.block_on(async {
        let mut opened = open_engine(
            &workspace.codex(),
            &workspace.codex_access(),
            options.budgets.rpc,
            &run,
        )
        .await
        .map_err(Failure::Engine)?;
        let imported = import_session(
            &mut opened.connection,
            snapshot.path(),
            &workspace.root,
            None,
            &limits,
        )
        .await;
        opened.close().await;
        imported.map_err(|error| match error {
            EngineError::TooOld { .. } => Failure::TransferTooOld,
            error => Failure::Transfer { source: error },
        })
    })?;
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
        .prefix("codex-review-")
        .suffix(".jsonl")
        .tempfile_in(folder)
        .map_err(unwritable)?;
    snapshot.write_all(&content[..whole]).map_err(unwritable)?;
    Ok(snapshot)
}
