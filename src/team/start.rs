//! Makes a team: its manifest, then a worktree and a branch for each agent, with the user's uncommitted work in it.

use std::fs;

use crate::jobs::ensure_private;
use crate::target::{GitEnvironment, LeftOut, Repository};
use crate::worktrees::{CarryLimits, Git, WorktreeError, check_free, create};

use super::manifest::{Agent, AgentState, Team};
use super::name::BRANCH_FOLDER;
use super::roster::{Hold, TeamFolder};
use super::{TeamError, result};

/// What becomes of the user's uncommitted work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dirt {
    /// Every agent begins with it.
    Carry,
    /// There must be none.
    Refuse,
}

/// A team that is to be made. Names have been checked.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// Its name.
    pub name: &'a str,
    /// The names of its agents.
    pub agents: &'a [String],
    /// What they are to do.
    pub task: &'a str,
    /// What becomes of uncommitted work.
    pub dirt: Dirt,
    /// The time, for people (ISO 8601).
    pub created_at: String,
}

/// A team whose worktrees are made, and whose agents have not been started. Until it is dropped no other command changes a
/// team of the repository.
#[derive(Debug)]
pub struct Made {
    /// The team.
    pub team: Team,
    /// What was not carried into the worktrees, with the reason.
    pub left_out: Vec<LeftOut>,
    _hold: Hold,
}

impl Made {
    /// The team, which other commands may change from now on.
    #[must_use]
    pub fn release(self) -> Team {
        self.team
    }
}

impl TeamFolder {
    /// Makes a team's worktrees and branches. The user's working tree, index and branches are only read.
    ///
    /// # Errors
    ///
    /// See [`TeamError`]. What was made is taken back.
    pub fn start(
        &self,
        git: &Git,
        repository: &Repository,
        environment: &GitEnvironment,
        start: &Start<'_>,
    ) -> Result<Made, TeamError> {
        git.check()?;
        if repository.is_bare() {
            return Err(TeamError::Bare);
        }
        let unborn = || TeamError::Unborn(repository.branch().unwrap_or_else(|| "HEAD".to_owned()));
        let base = repository.head().ok_or_else(unborn)?;
        let hold = self.hold()?;
        let folder = self.of(start.name);
        match Team::load(&folder) {
            Ok(Some(_)) | Err(TeamError::Manifest { .. }) => {
                return Err(TeamError::TeamExists(start.name.to_owned()));
            }
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        let uncommitted = repository.uncommitted()?;
        if let Some(first) = uncommitted.unmerged.first() {
            return Err(WorktreeError::Unmerged {
                first: first.clone(),
                more: uncommitted.unmerged.len() - 1,
            }
            .into());
        }
        if start.dirt == Dirt::Refuse
            && let Some(first) = uncommitted.paths().first()
        {
            return Err(TeamError::Dirty {
                first: first.clone(),
                more: uncommitted.paths().len() - 1,
            });
        }
        let agents = start.agents.iter().map(|name| Agent {
            name: name.clone(),
            branch: format!("{BRANCH_FOLDER}/{}/{name}", start.name),
            // git registers worktrees by this part alone: it must be no other team's. Names hold no two dashes.
            worktree: folder.join(format!("codex-{}--{name}", start.name)),
            state: AgentState::Making,
            carried: Vec::new(),
            applied: None,
        });
        let mut team = Team {
            name: start.name.to_owned(),
            task: start.task.to_owned(),
            base,
            created_at: start.created_at.clone(),
            agents: agents.collect(),
            folder,
        };
        // What is taken is somebody's: it must not get into the manifest, from which everything is removed again.
        for agent in &team.agents {
            check_free(repository, &agent.worktree, Some(&agent.branch))?;
        }
        ensure_private(&team.folder)?;
        // Before anything is made in the repository: a crash from here on leaves nothing that is not written down.
        team.save()?;
        let mut left_out = Vec::new();
        for at in 0..team.agents.len() {
            match team.make(at, git, repository, environment, &uncommitted) {
                Ok(found) => left_out = found,
                Err(error) => {
                    // What failed is what is told; `clean` finds what cannot be taken back now.
                    drop(team.take_back(git, repository));
                    return Err(error);
                }
            }
        }
        // The jobs that come next are not what cleaning has to wait for.
        hold.share_no_more()
            .map_err(TeamError::io("read", &team.folder))?;
        Ok(Made {
            team,
            left_out,
            _hold: hold,
        })
    }
}

impl Team {
    fn make(
        &mut self,
        at: usize,
        git: &Git,
        repository: &Repository,
        environment: &GitEnvironment,
        uncommitted: &crate::target::Uncommitted,
    ) -> Result<Vec<LeftOut>, TeamError> {
        let objects = self.objects();
        let agent = &self.agents[at];
        let scratch = self.scratch(agent);
        for folder in [objects, scratch] {
            fs::create_dir_all(&folder).map_err(TeamError::io("write", folder))?;
        }
        let worktree = create(
            git,
            repository,
            &agent.worktree,
            &self.base,
            Some(&agent.branch),
        )?;
        let carried = worktree.carry(repository, uncommitted, CarryLimits::default())?;
        let here = worktree.repository(environment)?;
        let baseline = result::snapshot(self, &worktree.plumbing(), git, &here, &carried.paths)?;
        let agent = &mut self.agents[at];
        agent.carried = carried.paths;
        agent.state = AgentState::Made { baseline };
        self.save()?;
        Ok(carried.left_out)
    }
}
