//! Brings what one agent did over into the user's working tree: all of it, or nothing.
//!
//! Each file is looked at first: one that is as the agent got it takes the agent's content; one that is what the agent made
//! of it already is left; one that the user changed meanwhile is merged where the changes do not meet. Only when every file
//! can be written is the first one written. The index is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice as _};

use crate::target::{GitEnvironment, LeftOut, OnDisk, Repository};
use crate::worktrees::{Git, Plumbing, Worktree};

use super::journal::{Content, Journal, Write};
use super::manifest::Team;
use super::result::{Entry, FileStat, folders_are_real, tree_with};
use super::roster::TeamFolder;
use super::{TeamError, merge};

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyEnd {
    /// The working tree has what the agent did.
    Applied(Applied),
    /// Nothing was changed.
    Conflicts(Vec<Conflict>),
}

/// What was brought over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Files that were written or removed.
    pub written: Vec<BString>,
    /// Of those, files in which the user's changes and the agent's are together.
    pub merged: Vec<BString>,
    /// Files that were already what the agent made of them.
    pub already: Vec<BString>,
    /// What is in the agent's worktree and was not brought over, with the reason.
    pub left_out: Vec<LeftOut>,
}

/// A file that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The file.
    pub path: BString,
    /// Why not.
    pub reason: ConflictReason,
}

/// Why a file cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictReason {
    /// The user changed the same lines, or both sides are no text.
    Changed,
    /// The user removed it, and the agent changed it.
    Removed,
    /// The agent removed it, and the user changed it.
    ChangedHere,
    /// The user has a file of that name which the agent did not know.
    Unknown,
    /// A folder or something else that is no file is in its place, or a file or link in the place of a folder above it.
    InTheWay,
}

impl ConflictReason {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ConflictReason::Changed => "you changed the same lines",
            ConflictReason::Removed => "you removed it, and the agent changed it",
            ConflictReason::ChangedHere => "you changed it, and the agent removed it",
            ConflictReason::Unknown => "you have another file of this name",
            ConflictReason::InTheWay => "something that is no file is in its place or above it",
        }
    }
}

impl Team {
    /// Brings the result of the agent `name` over into `repository`'s working tree. Its job must be over: whoever calls
    /// knows.
    ///
    /// # Errors
    ///
    /// See [`TeamError`]; nothing is changed then, except where [`TeamError::HalfWritten`] says what.
    pub fn apply(
        &mut self,
        teams: &TeamFolder,
        git: &Git,
        repository: &Repository,
        environment: &GitEnvironment,
        name: &str,
    ) -> Result<ApplyEnd, TeamError> {
        if repository.is_bare() {
            return Err(TeamError::Bare);
        }
        let _hold = teams.hold()?;
        self.check_current()?;
        let agent = self.agent(name)?.clone();
        let result = self.result(git, repository, environment, &agent)?;
        let paths: Vec<BString> = result.files.iter().map(|file| file.path.clone()).collect();
        let own = self.own_state(git, repository, result.baseline.as_hex(), &paths)?;
        let from = Worktree::open(git, repository, &agent.worktree)?
            .ok_or_else(|| TeamError::NoWorktree(agent.name.clone()))?
            .repository(environment)?;
        let mut applied = Applied {
            left_out: result.left_out.clone(),
            ..Applied::default()
        };
        let mut conflicts = Vec::new();
        let mut writes = Vec::new();
        let removed: BTreeSet<&BStr> = result
            .files
            .iter()
            .filter(|file| file.new.is_none())
            .map(|file| file.path.as_ref())
            .collect();
        for file in &result.files {
            let own = match own.get(&file.path) {
                Some(entry) => entry.as_ref(),
                None => file.old.as_ref(),
            };
            let plan = Plan {
                team: self,
                git,
                repository,
                removed: &removed,
            };
            match plan.file(file, own)? {
                Planned::Already => applied.already.push(file.path.clone()),
                Planned::Conflict(reason) => conflicts.push(Conflict {
                    path: file.path.clone(),
                    reason,
                }),
                Planned::Write(write) => {
                    if matches!(write.content, Content::Bytes { .. }) {
                        applied.merged.push(file.path.clone());
                    }
                    applied.written.push(file.path.clone());
                    writes.push(write);
                }
            }
        }
        if !conflicts.is_empty() {
            return Ok(ApplyEnd::Conflicts(conflicts));
        }
        // Not in the team's own folder: cleaning must not take what could not be put back.
        let backups = self.folder.parent().unwrap_or(&self.folder);
        Journal::carry_out(backups, repository.root(), &from, writes)?;
        let tree = result.tree;
        let agent = self
            .agents
            .iter_mut()
            .find(|agent| agent.name == name)
            .expect("it was found above");
        agent.applied = Some(tree);
        self.save()?;
        Ok(ApplyEnd::Applied(applied))
    }

    /// What the user's working tree has at `paths`, where that is not what the agent was handed.
    fn own_state(
        &self,
        git: &Git,
        repository: &Repository,
        baseline: &str,
        paths: &[BString],
    ) -> Result<BTreeMap<BString, Option<Entry>>, TeamError> {
        let mut plumbing = Plumbing {
            git_dir: std::fs::canonicalize(repository.git_dir())
                .map_err(TeamError::io("read", repository.git_dir()))?,
            work_tree: Some(repository.root().to_owned()),
            ..Plumbing::default()
        };
        plumbing.config = git.filters_off(&self.folder, &plumbing)?;
        let tree = tree_with(self, &plumbing, git, repository, baseline, paths)?;
        let old = crate::target::ObjectId::from_hex(baseline).expect("it is a tree's id");
        let changed = self.compare(git, repository, &old, &tree)?;
        Ok(changed
            .into_iter()
            .map(|file| (file.path, file.new))
            .collect())
    }
}

enum Planned {
    Already,
    Conflict(ConflictReason),
    Write(Write),
}

struct Plan<'a> {
    team: &'a Team,
    git: &'a Git,
    repository: &'a Repository,
    removed: &'a BTreeSet<&'a BStr>,
}

impl Plan<'_> {
    fn file(&self, file: &FileStat, own: Option<&Entry>) -> Result<Planned, TeamError> {
        if own == file.new.as_ref() {
            return Ok(Planned::Already);
        }
        let Some(place) = self.place(file.path.as_ref())? else {
            return Ok(Planned::Conflict(ConflictReason::InTheWay));
        };
        let write = |content| {
            Planned::Write(Write {
                path: file.path.clone(),
                place: place.clone(),
                content,
            })
        };
        if own == file.old.as_ref() {
            return Ok(write(match &file.new {
                None => Content::Nothing,
                Some(new) if new.is_regular() => Content::FileOf {
                    is_executable: new.is_executable(),
                },
                Some(_) => Content::LinkOf,
            }));
        }
        let (Some(own), Some(new)) = (own, &file.new) else {
            return Ok(Planned::Conflict(if own.is_none() {
                ConflictReason::Removed
            } else {
                ConflictReason::ChangedHere
            }));
        };
        let Some(old) = &file.old else {
            return Ok(Planned::Conflict(ConflictReason::Unknown));
        };
        if ![own, new, old].iter().all(|entry| entry.is_regular()) {
            return Ok(Planned::Conflict(ConflictReason::Changed));
        }
        let merged = merge::merged(self.team, self.git, self.repository, old, own, new)?;
        let Some(merged) = merged else {
            return Ok(Planned::Conflict(ConflictReason::Changed));
        };
        let stored = merge::content(self.team, self.git, self.repository, own)?;
        let on_disk = merge::read(&place)?;
        // Stored in another form than line ends explain, or saved again since it was looked at.
        if on_disk != stored && on_disk.replace("\r\n", "\n") != stored {
            return Ok(Planned::Conflict(ConflictReason::Changed));
        }
        let bytes = merge::with_line_ends_of(&stored, &on_disk, merged);
        // Whoever changed the mode meant it.
        let mode = if new.mode == old.mode { own } else { new };
        Ok(write(Content::Bytes {
            bytes,
            is_executable: mode.is_executable(),
        }))
    }

    /// Where a file goes; `None` where something is in the way.
    fn place(&self, path: &BStr) -> Result<Option<PathBuf>, TeamError> {
        let (root, Ok(relative)) = (self.repository.root(), path.to_path()) else {
            return Ok(None);
        };
        let place = root.join(relative);
        if !folders_are_real(root, path) {
            // A file that makes room for a folder is no obstacle.
            let mut above = relative.parent();
            while let Some(folder) = above {
                let name = bstr::ByteSlice::as_bstr(<[u8]>::from_path(folder).unwrap_or_default());
                if self.removed.contains(name) {
                    return Ok(Some(place));
                }
                above = folder.parent();
            }
            return Ok(None);
        }
        let on_disk = self.repository.on_disk(path)?;
        Ok(match on_disk {
            OnDisk::NotRegular("directory") => self.makes_room(&place, path)?.then_some(place),
            OnDisk::NotRegular(_) => None,
            OnDisk::File { .. } | OnDisk::Symlink(_) | OnDisk::Missing => Some(place),
        })
    }

    /// Whether a folder holds nothing but files that the agent removed.
    fn makes_room(&self, folder: &Path, path: &BStr) -> Result<bool, TeamError> {
        let entries = std::fs::read_dir(folder).map_err(TeamError::io("read", folder))?;
        for entry in entries {
            let entry = entry.map_err(TeamError::io("read", folder))?;
            let name = entry.file_name();
            let mut inside = path.to_owned();
            inside.push(b'/');
            inside.extend_from_slice(<[u8]>::from_os_str(&name).unwrap_or_default());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let goes = if is_folder {
                self.makes_room(&entry.path(), inside.as_ref())?
            } else {
                self.removed.contains(inside.as_bstr())
            };
            if !goes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
