//! What a run needs to know of the process that carries it out: handed over at the top, never asked for below.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::engine::{EngineCommand, absolute_path, find_in_path};
use crate::review::{NotJudged, NotJudgedReason};
use crate::target::GitEnvironment;

use super::EngineChoice;

/// The name of the Codex executable.
const CODEX: &str = "codex";

/// Where things are.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Our own executable: it is the broker and the builtin engine too.
    pub self_exe: PathBuf,
    /// `PATH`, where `codex` is looked for.
    pub search_path: OsString,
    /// Codex's own folder.
    pub codex_home: PathBuf,
    /// What git would take from the environment.
    pub git: GitEnvironment,
    /// The environment, of which git and a project's tests get the parts that are theirs.
    pub variables: Vec<(OsString, OsString)>,
    /// The repository's state folder, where its broker is recorded.
    pub state_folder: PathBuf,
    /// A short private folder for sockets whose path would be too long otherwise (`XDG_RUNTIME_DIR`, else the
    /// temporary folder).
    pub runtime_dir: PathBuf,
}

impl Surroundings {
    /// The program that an engine is.
    ///
    /// # Errors
    ///
    /// Codex is not installed where it was looked for.
    pub fn engine_command(&self, choice: &EngineChoice) -> Result<EngineCommand, NotJudged> {
        match choice {
            EngineChoice::Builtin => Ok(EngineCommand::new(&self.self_exe)
                .arg("engine")
                .arg("builtin")),
            EngineChoice::Codex(Some(program)) if program.components().count() > 1 => {
                if program.exists() {
                    Ok(self.codex(program))
                } else {
                    Err(missing(format!("`{}` does not exist", program.display())))
                }
            }
            EngineChoice::Codex(name) => {
                let name = name
                    .as_ref()
                    .map_or_else(|| CODEX.into(), |name| name.to_string_lossy());
                find_in_path(&name, &self.search_path)
                    .map(|program| self.codex(&program))
                    .ok_or_else(|| missing(format!("there is no `{name}` on PATH")))
            }
        }
    }

    /// Codex, which may be a script that looks for its interpreter while it stands in the repository.
    fn codex(&self, program: &std::path::Path) -> EngineCommand {
        let command = EngineCommand::codex(program);
        match absolute_path(&self.search_path) {
            Some(path) => command.env("PATH", path),
            None => command,
        }
    }
}

fn missing(detail: String) -> NotJudged {
    NotJudged {
        reason: NotJudgedReason::EngineUnavailable,
        detail: format!("the Codex CLI is not installed: {detail}"),
    }
}
