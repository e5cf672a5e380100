//! A team as its manifest keeps it.

use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};
use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, Durability, Readers};
use crate::near_miss::nearest;
use crate::target::ObjectId;

use super::TeamError;

/// The manifest's name in a team's folder.
pub(super) const MANIFEST: &str = "team.json";
/// Its version; a newer one is not read.
const VERSION: u32 = 1;

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// What its agents are to do.
    pub task: String,
    /// The commit that they began from.
    pub base: ObjectId,
    /// When it was started, for people (ISO 8601).
    pub created_at: String,
    /// Its agents, in the order in which they were named.
    pub agents: Vec<Agent>,
    /// Where it is kept.
    pub(super) folder: PathBuf,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Its branch, without `refs/heads/`.
    pub branch: String,
    /// The root of its worktree.
    pub worktree: PathBuf,
    /// How far it came.
    pub state: AgentState,
    /// The user's uncommitted work that is in its worktree.
    pub carried: Vec<BString>,
    /// The tree that was applied last; `None` where nothing was.
    pub(super) applied: Option<ObjectId>,
}

/// How far an agent came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentState {
    /// Its worktree is being made, or its start was cut short.
    Making,
    /// It has its worktree, which looked like `baseline`, and no job.
    Made {
        /// A tree of the team's own object database.
        baseline: ObjectId,
    },
    /// It was started.
    Started {
        /// As above.
        baseline: ObjectId,
        /// Its job.
        job: String,
    },
}

impl Agent {
    /// Its job's id; `None` before it was started.
    #[must_use]
    pub fn job(&self) -> Option<&str> {
        match &self.state {
            AgentState::Started { job, .. } => Some(job),
            AgentState::Making | AgentState::Made { .. } => None,
        }
    }

    /// The tree that it was handed.
    pub(super) fn baseline(&self) -> Option<&ObjectId> {
        match &self.state {
            AgentState::Making => None,
            AgentState::Made { baseline } | AgentState::Started { baseline, .. } => Some(baseline),
        }
    }
}

impl Team {
    /// The agent of this name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn agent(&self, name: &str) -> Result<&Agent, TeamError> {
        let found = self.agents.iter().find(|agent| agent.name == name);
        found.ok_or_else(|| {
            let known: Vec<String> = self.agents.iter().map(|agent| agent.name.clone()).collect();
            TeamError::NoAgent {
                team: self.name.clone(),
                name: name.to_owned(),
                nearest: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
                known,
            }
        })
    }

    /// Writes down which job an agent is.
    ///
    /// # Errors
    ///
    /// The manifest cannot be written.
    ///
    /// # Panics
    ///
    /// If the agent has no worktree yet.
    pub fn set_job(&mut self, at: usize, job: &str) -> Result<(), TeamError> {
        let agent = &mut self.agents[at];
        let baseline = agent
            .baseline()
            .expect("an agent is started once its worktree is made")
            .clone();
        agent.state = AgentState::Started {
            baseline,
            job: job.to_owned(),
        };
        self.save()
    }

    /// The folder of the team's own objects, and of what git needs besides.
    pub(super) fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    /// The folder for what an agent writes beside its worktree for a while.
    #[must_use]
    pub fn scratch(&self, agent: &Agent) -> PathBuf {
        self.folder.join("tmp").join(&agent.name)
    }

    pub(super) fn save(&self) -> Result<(), TeamError> {
        let path = self.folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&Stored::from(self))
            .expect("ids, names and UTF-8 paths are JSON");
        atomic_file::write(&path, &text, Durability::Synced, Readers::Owner)
            .map_err(TeamError::io("write", path))
    }

    /// Reads the team that is kept in a folder; `None` where there is no manifest.
    pub(super) fn load(folder: &Path) -> Result<Option<Team>, TeamError> {
        let path = folder.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TeamError::io("read", path)(source)),
        };
        let malformed = |source| TeamError::Manifest {
            path: path.clone(),
            source,
        };
        let stored: Stored = serde_json::from_slice(&text).map_err(malformed)?;
        stored
            .into_team(folder)
            .map(Some)
            .map_err(|fault| malformed(serde::de::Error::custom(fault)))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    name: String,
    task: String,
    base: String,
    created_at: String,
    agents: Vec<StoredAgent>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredAgent {
    name: String,
    branch: String,
    worktree: PathBuf,
    #[serde(default)]
    baseline: Option<String>,
    #[serde(default)]
    job: Option<String>,
    #[serde(default)]
    applied: Option<String>,
    /// Paths are bytes.
    #[serde(default)]
    carried: Vec<Vec<u8>>,
}

impl From<&Team> for Stored {
    fn from(team: &Team) -> Self {
        Stored {
            version: VERSION,
            name: team.name.clone(),
            task: team.task.clone(),
            base: team.base.to_string(),
            created_at: team.created_at.clone(),
            agents: team
                .agents
                .iter()
                .map(|agent| StoredAgent {
                    name: agent.name.clone(),
                    branch: agent.branch.clone(),
                    worktree: agent.worktree.clone(),
                    baseline: agent.baseline().map(ToString::to_string),
                    job: agent.job().map(str::to_owned),
                    applied: agent.applied.as_ref().map(ToString::to_string),
                    carried: agent
                        .carried
                        .iter()
                        .map(|path| path.as_bytes().to_vec())
                        .collect(),
                })
                .collect(),
        }
    }
}

impl Stored {
    fn into_team(self, folder: &Path) -> Result<Team, String> {
        if self.version > VERSION {
            return Err(format!(
                "it has version {}, and this codex-review knows up to {VERSION}",
                self.version
            ));
        }
        let id = |text: &str| {
            ObjectId::from_hex(text).ok_or_else(|| format!("`{text}` is no object's id"))
        };
        let agents = self.agents.into_iter().map(|agent| {
            let baseline = agent.baseline.as_deref().map(id).transpose()?;
            let state = match (baseline, agent.job) {
                (None, _) => AgentState::Making,
                (Some(baseline), None) => AgentState::Made { baseline },
                (Some(baseline), Some(job)) => AgentState::Started { baseline, job },
            };
            Ok(Agent {
                name: agent.name,
                branch: agent.branch,
                worktree: agent.worktree,
                state,
                applied: agent.applied.as_deref().map(id).transpose()?,
                carried: agent.carried.into_iter().map(BString::from).collect(),
            })
        });
        Ok(Team {
            base: id(&self.base)?,
            name: self.name,
            task: self.task,
            created_at: self.created_at,
            agents: agents.collect::<Result<_, String>>()?,
            folder: folder.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_as_it_was_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let id = ObjectId::from_hex(&"ab".repeat(20)).unwrap();
        let agent = |name: &str, state| Agent {
            name: name.to_owned(),
            branch: format!("codex-team/team/{name}"),
            worktree: folder.path().join(name),
            state,
            carried: vec![BString::from(&b"not \xff utf-8"[..])],
            applied: Some(id.clone()),
        };
        let team = Team {
            name: "team".to_owned(),
            task: "it's\n\\d".to_owned(),
            base: id.clone(),
            created_at: "2026-01-01T00:00:00.000Z".to_owned(),
            agents: vec![
                agent("a", AgentState::Making),
                agent(
                    "b",
                    AgentState::Made {
                        baseline: id.clone(),
                    },
                ),
                agent(
                    "c",
                    AgentState::Started {
                        baseline: id.clone(),
                        job: "task-x".to_owned(),
                    },
                ),
            ],
            folder: folder.path().to_owned(),
        };
        assert_eq!(Team::load(folder.path()).unwrap(), None);
        team.save().unwrap();
        assert_eq!(Team::load(folder.path()).unwrap(), Some(team));

        let path = folder.path().join(MANIFEST);
        let newer = std::fs::read_to_string(&path).unwrap();
        let newer = newer.replace("\"version\": 1", "\"version\": 9");
        std::fs::write(&path, newer).unwrap();
        let refused = Team::load(folder.path()).unwrap_err();
        assert!(matches!(refused, TeamError::Manifest { .. }), "{refused}");
    }
}
