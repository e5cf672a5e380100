//! The process's surroundings: the one place that reads the environment and the working directory.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use codex_review::config::{
    ConfigError, FileText, Flag, Layers, REPOSITORY_FILE, Resolved, TRUST_FILE, Trust, TrustState,
    load_file, resolve, trust_state, user_file,
};
use codex_review::jobs::{StateRoot, folder_name};
use codex_review::target::{GitEnvironment, OpenError, Repository};

use super::failure::Failure;
use super::verbs::workspace::{in_ci, state_root};

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
        let repository = match self.repository() {
            Ok(repository) => Some(repository),
            Err(OpenError::NotARepository { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        // Without a place for state nobody can have trusted anything.
        let state_root = state_root().ok();
        let settled = self.settings_at(repository.as_ref(), state_root.as_ref(), flags)?;
        Ok(settled.resolved)
    }

    /// As [`Surroundings::settings`], for a repository that is already open.
    pub(crate) fn settings_at(
        &self,
        repository: Option<&Repository>,
        state_root: Option<&StateRoot>,
        flags: Vec<Flag>,
    ) -> Result<Settled, ConfigError> {
        let repository = repository.filter(|repository| !repository.is_bare());
        let repository_root = repository.map(Repository::root);
        let trust = match (repository, state_root) {
            (Some(repository), Some(state_root)) => {
                trust_state(repository.root(), &trust_record(state_root, repository))
            }
            _ => TrustState::Nothing,
        };
        let repository = match repository_root {
            Some(root) => load_file(&root.join(REPOSITORY_FILE))?,
            None => None,
        };
        let resolved = Self::settings_by(repository, trust.trust(), flags)?;
        Ok(Settled { resolved, trust })
    }

    /// The settings that hold where the repository's file is this one.
    pub(crate) fn settings_by(
        repository: Option<FileText>,
        trust: Trust,
        flags: Vec<Flag>,
    ) -> Result<Resolved, ConfigError> {
        let user = match user_file(&Self::variable) {
            Some(path) => load_file(&path)?,
            None => None,
        };
        resolve(&Layers {
            user,
            repository,
            trust,
            variable: Some(&Self::variable),
            flags,
            in_ci: in_ci(),
        })
    }
}

/// Settings, and whether the repository had a full say in them.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) resolved: Resolved,
    pub(crate) trust: TrustState,
}

/// Where the user's trust in a repository is recorded: in the state folder that its worktrees share.
pub(crate) fn trust_record(state_root: &StateRoot, repository: &Repository) -> PathBuf {
    let folder = folder_name(&repository.main_worktree());
    state_root.path().join(folder).join(TRUST_FILE)
}
