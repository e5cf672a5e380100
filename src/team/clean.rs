//! Takes away what a start made, and nothing else.

use std::fs;

use bstr::ByteSlice as _;

use crate::target::{GitEnvironment, Repository};
use crate::worktrees::{Git, Plumbing, WorktreeError, delete_branch, remove, remove_folder};

use super::TeamError;
use super::manifest::{Agent, Team};
use super::roster::TeamFolder;

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The branches that were deleted.
    pub branches: Vec<String>,
    /// The agents whose worktrees were removed.
    pub worktrees: Vec<String>,
    /// What stays, because it is the user's by now.
    pub left_alone: Vec<LeftAlone>,
}

/// Something that a start made and that is the user's by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// The branch, or the worktree's place.
    pub what: String,
    /// Why it stays.
    pub reason: &'static str,
}

/// Whether results that were not applied are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unapplied {
    /// Nothing is removed then.
    Keep,
    /// They are removed.
    GiveUp,
}

enum BranchFate {
    Gone,
    Delete,
    Stays(&'static str),
}

impl Team {
    /// Removes the team's worktrees and branches, and all that is kept of it. Its jobs must be over: whoever calls knows.
    ///
    /// # Errors
    ///
    /// [`TeamError::NotApplied`], when nothing is removed; or git or the file system fails, and cleaning again goes on.
    pub fn clean(
        &self,
        teams: &TeamFolder,
        git: &Git,
        repository: &Repository,
        environment: &GitEnvironment,
        unapplied: Unapplied,
    ) -> Result<Cleaned, TeamError> {
        git.check()?;
        let _hold = teams.hold()?;
        self.check_current()?;
        if unapplied == Unapplied::Keep {
            let mut kept = Vec::new();
            for agent in &self.agents {
                if self.has_unapplied(git, repository, environment, agent)? {
                    kept.push(agent.name.clone());
                }
            }
            if !kept.is_empty() {
                return Err(TeamError::NotApplied(kept));
            }
        }
        self.take_back(git, repository)
    }

    /// The manifest was read before the lock was held: a start, an apply or a clean may have come between.
    pub(super) fn check_current(&self) -> Result<(), TeamError> {
        if Team::load(&self.folder)?.as_ref() == Some(self) {
            Ok(())
        } else {
            Err(TeamError::Busy)
        }
    }

    /// Removes everything, whatever its state.
    pub(super) fn take_back(
        &self,
        git: &Git,
        repository: &Repository,
    ) -> Result<Cleaned, TeamError> {
        let mut cleaned = Cleaned::default();
        for agent in &self.agents {
            // Before its worktree goes: where its branch is checked out matters.
            let fate = self.fate(git, repository, agent);
            let was_there = agent.worktree.exists();
            match remove(repository, &agent.worktree) {
                Ok(()) if was_there => cleaned.worktrees.push(agent.name.clone()),
                Ok(()) => {}
                Err(WorktreeError::NameTaken { at, .. }) => cleaned.left_alone.push(LeftAlone {
                    what: at.display().to_string(),
                    reason: "the worktree was moved there",
                }),
                Err(error) => return Err(error.into()),
            }
            match fate {
                BranchFate::Gone => {}
                BranchFate::Stays(reason) => cleaned.left_alone.push(LeftAlone {
                    what: agent.branch.clone(),
                    reason,
                }),
                BranchFate::Delete => {
                    let name = format!("refs/heads/{}", agent.branch);
                    if let Some(tip) = repository.commit_at(&name) {
                        delete_branch(git, repository, &agent.branch, &tip)?;
                        cleaned.branches.push(agent.branch.clone());
                    }
                }
            }
        }
        // Last: while it is there, cleaning again finds the rest.
        remove_folder(&self.folder)?;
        Ok(cleaned)
    }

    /// Whether an agent did something that is not in the user's working tree.
    fn has_unapplied(
        &self,
        git: &Git,
        repository: &Repository,
        environment: &GitEnvironment,
        agent: &Agent,
    ) -> Result<bool, TeamError> {
        match self.result(git, repository, environment, agent) {
            Ok(result) => {
                let has_work = !result.files.is_empty() || !result.left_out.is_empty();
                Ok(has_work && agent.applied.as_ref() != Some(&result.tree))
            }
            // The repository does not know it any more, but what was done there is still in it.
            Err(TeamError::NoWorktree(_)) if agent.worktree.is_dir() => Ok(true),
            // Never whole, or taken away by hand: but its branch may have commits.
            Err(TeamError::Unfinished(_) | TeamError::NoWorktree(_)) => {
                let tip = repository.commit_at(&format!("refs/heads/{}", agent.branch));
                Ok(tip.is_some_and(|tip| tip != self.base)
                    && matches!(self.fate(git, repository, agent), BranchFate::Delete))
            }
            Err(error) => Err(error),
        }
    }

    /// What becomes of an agent's branch.
    fn fate(&self, git: &Git, repository: &Repository, agent: &Agent) -> BranchFate {
        let Some(tip) = repository.commit_at(&format!("refs/heads/{}", agent.branch)) else {
            return BranchFate::Gone;
        };
        if is_checked_out_elsewhere(repository, agent) {
            return BranchFate::Stays("it is checked out in another worktree");
        }
        if tip == self.base {
            return BranchFate::Delete;
        }
        let words = [
            "merge-base",
            "--is-ancestor",
            self.base.as_hex(),
            tip.as_hex(),
        ];
        let plumbing = Plumbing {
            git_dir: repository.common_dir(),
            ..Plumbing::default()
        };
        match git.run(&self.folder, &plumbing, &words, b"") {
            Ok(_) => BranchFate::Delete,
            Err(_) => BranchFate::Stays("it was moved to other commits"),
        }
    }
}

/// Whether another worktree than the agent's own has its branch checked out.
fn is_checked_out_elsewhere(repository: &Repository, agent: &Agent) -> bool {
    let common = repository.common_dir();
    let own_name = agent.worktree.file_name().unwrap_or_default();
    let linked = fs::read_dir(common.join("worktrees"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let wanted = format!("ref: refs/heads/{}", agent.branch);
    std::iter::once(common.clone())
        .chain(linked)
        .filter(|git_dir| {
            let is_own_place = || {
                let place = fs::read(git_dir.join("gitdir")).unwrap_or_default();
                let place = place.trim().to_path().ok().and_then(|path| path.parent());
                place.is_none_or(|place| place == agent.worktree)
            };
            git_dir.file_name() != Some(own_name) || !is_own_place()
        })
        .any(|git_dir| {
            fs::read(git_dir.join("HEAD")).is_ok_and(|head| head.trim() == wanted.as_bytes())
        })
}
