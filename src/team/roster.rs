//! The teams of a repository, and the lock that one command at a time holds to change them.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::jobs::ensure_private;
use crate::near_miss::nearest;

use super::manifest::MANIFEST;
use super::{Team, TeamError};

const FOLDER: &str = "teams";
const LOCK: &str = "lock";

/// Where a repository's teams are kept.
#[derive(Debug, Clone)]
pub struct TeamFolder {
    path: PathBuf,
}

/// Held while teams are made, applied or removed.
#[derive(Debug)]
pub(super) struct Hold {
    // Closing it frees the lock, and so does the death of its holder.
    _file: File,
}

impl TeamFolder {
    /// The teams below a repository's state folder, which is shared by its worktrees.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    pub fn open(state_folder: &Path) -> Result<TeamFolder, TeamError> {
        let path = state_folder.join(FOLDER);
        ensure_private(&path)?;
        // git registers worktrees by their real path.
        let path = fs::canonicalize(&path).map_err(TeamError::io("read", path))?;
        Ok(TeamFolder { path })
    }

    /// The names of the teams, sorted.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, TeamError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(TeamError::io("read", &self.path))? {
            let entry = entry.map_err(TeamError::io("read", &self.path))?;
            // A start that died before its first word, and what an apply could not put back, are no team.
            if entry.path().join(MANIFEST).exists()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The team of this name, or the only one.
    ///
    /// # Errors
    ///
    /// There is none, or there are several, or its manifest cannot be read.
    pub fn team(&self, name: Option<&str>) -> Result<Team, TeamError> {
        let names = self.names()?;
        let missing = |name: Option<&str>| TeamError::NoTeam {
            name: name.map(str::to_owned),
            nearest: name
                .and_then(|name| nearest(name, names.iter().map(String::as_str)))
                .map(str::to_owned),
        };
        let chosen = match (name, names.as_slice()) {
            (Some(name), names) if names.iter().any(|known| known == name) => name,
            (Some(name), _) => return Err(missing(Some(name))),
            (None, []) => return Err(missing(None)),
            (None, [only]) => only,
            (None, _) => return Err(TeamError::WhichTeam(names)),
        };
        Team::load(&self.of(chosen))?.ok_or_else(|| missing(Some(chosen)))
    }

    pub(super) fn of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether no other command changes a team now.
    ///
    /// # Errors
    ///
    /// [`TeamError::Busy`], or the lock cannot be opened.
    pub fn check_idle(&self) -> Result<(), TeamError> {
        self.hold().map(drop)
    }

    /// Takes the lock.
    pub(super) fn hold(&self) -> Result<Hold, TeamError> {
        let path = self.path.join(LOCK);
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(TeamError::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Hold { _file: file }),
            Err(TryLockError::WouldBlock) => Err(TeamError::Busy),
            Err(TryLockError::Error(source)) => Err(TeamError::io("write", path)(source)),
        }
    }
}
