//! The process's surroundings: the one place that reads the environment and the working directory.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use codex_review::config::{
    Flag, Layers, REPOSITORY_FILE, Resolved, Trust, load_file, resolve, user_file,
};
use codex_review::target::{GitEnvironment, OpenError, Repository};

use super::failure::Failure;

/// Where a command runs.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The folder that relative paths start from: the process's, or `--cwd`.
    pub(crate) cwd: PathBuf,
}

impl Surroundings {
    /// Those of this process, with `--cwd` applied.
    pub(crate) fn of_process(cwd: Option<&Path>) -> Result<Surroundings, Failure> {
        let process_cwd = std::env::current_dir().map_err(|source| Failure::WorkingDirectory {
            path: PathBuf::from("."),
            source,
        })?;
        let Some(given) = cwd else {
            return Ok(Surroundings { cwd: process_cwd });
        };
        let path = process_cwd.join(given);
        let not_a_folder = |source| Failure::WorkingDirectory {
            path: path.clone(),
            source,
        };
        let metadata = std::fs::metadata(&path).map_err(not_a_folder)?;
        if !metadata.is_dir() {
            return Err(not_a_folder(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Surroundings { cwd: path })
    }

    /// An environment variable.
    pub(crate) fn variable(name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    /// Whether somebody may type on standard input.
    pub(crate) fn stdin_is_terminal() -> bool {
        io::stdin().is_terminal()
    }

    /// What git would take from the environment.
    pub(crate) fn git_environment() -> GitEnvironment {
        GitEnvironment::from_lookup(Self::variable)
    }

    /// The repository that the command runs in.
    pub(crate) fn repository(&self) -> Result<Repository, OpenError> {
        Repository::open(&self.cwd, &Self::git_environment())
    }

    /// The root of the working tree, or `None` outside a repository and in a bare one.
    pub(crate) fn repository_root(&self) -> Result<Option<PathBuf>, Failure> {
        match self.repository() {
            Ok(repository) if repository.is_bare() => Ok(None),
            Ok(repository) => Ok(Some(repository.root().to_owned())),
            Err(OpenError::NotARepository { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The settings that hold here, with what was given as options.
    pub(crate) fn settings(&self, flags: Vec<Flag>) -> Result<Resolved, Failure> {
        let root = self.repository_root()?;
        Ok(self.settings_at(root.as_deref(), flags)?)
    }

    /// As [`Surroundings::settings`], for a repository that is already open.
    pub(crate) fn settings_at(
        &self,
        repository_root: Option<&Path>,
        flags: Vec<Flag>,
    ) -> Result<Resolved, codex_review::config::ConfigError> {
        let user = match user_file(&Self::variable) {
            Some(path) => load_file(&path)?,
            None => None,
        };
        let repository = match repository_root {
            Some(root) => load_file(&root.join(REPOSITORY_FILE))?,
            None => None,
        };
        resolve(&Layers {
            user,
            repository,
            trust: Trust::Untrusted,
            variable: Some(&Self::variable),
            flags,
        })
    }
}
