//! The teams of a repository, and the lock that one command at a time holds to change them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::jobs::{ensure_private, lock_within};
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
    // It is free once everybody closed it who has it open: the holder, and the programs that were started under it.
    file: File,
}

impl Hold {
    /// Shares the lock with the programs that this process starts from now on: git goes on when its caller is killed, and
    /// what it still writes is nothing to clean under its hands.
    #[cfg(unix)]
    fn share(&self) -> std::io::Result<()> {
        Ok(rustix::io::fcntl_setfd(
            &self.file,
            rustix::io::FdFlags::empty(),
        )?)
    }

    /// Shares it with nobody from now on: what is started next outlives this command, as it should.
    #[cfg(unix)]
    pub(super) fn share_no_more(&self) -> std::io::Result<()> {
        Ok(rustix::io::fcntl_setfd(
            &self.file,
            rustix::io::FdFlags::CLOEXEC,
        )?)
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn share(&self) -> std::io::Result<()> {
        Ok(())
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    pub(super) fn share_no_more(&self) -> std::io::Result<()> {
        Ok(())
    }
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

    /// Waits until no other command changes a team, nor git that a killed one left behind.
    ///
    /// # Errors
    ///
    /// [`TeamError::Busy`] after `bound`, or the lock cannot be opened.
    pub fn wait_until_idle(&self, bound: Duration) -> Result<(), TeamError> {
        self.hold_within(bound).map(drop)
    }

    /// Takes the lock.
    pub(super) fn hold(&self) -> Result<Hold, TeamError> {
        self.hold_within(Duration::ZERO)
    }

    fn hold_within(&self, bound: Duration) -> Result<Hold, TeamError> {
        let path = self.path.join(LOCK);
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .and_then(|file| lock_within(file, bound))
            .map_err(TeamError::io("write", &path))?;
        let hold = Hold {
            file: file.ok_or(TeamError::Busy)?,
        };
        hold.share().map_err(TeamError::io("write", path))?;
        Ok(hold)
    }
}
