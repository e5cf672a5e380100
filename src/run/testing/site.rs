//! The worktrees of one run, and what becomes of them.
//!
//! Below `tests/` of the repository's state folder, `<job>.json` records who works there, before anything else is made;
//! `<job>/` holds the worktrees and the folder for temporary files. At the end both go, the record last. A record whose
//! process is gone is what a killed worker left: the next run clears it away. One whose process lives, or cannot be told
//! from another, is left alone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::order::{TestOrder, sites};
use crate::atomic_file::{self, Durability, Readers};
use crate::causes::with_causes;
use crate::jobs::{JobId, ProcessIdentity, ensure_private};
use crate::review::{NotJudged, NotJudgedReason};
use crate::target::{GitEnvironment, ObjectId, Repository};
use crate::worktrees::{self, CarryLimits, Git, Worktree};

/// What a worktree is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The engine writes tests here.
    Work,
    /// The tests run on the change.
    Change,
    /// The tests run on its base.
    Base,
}

impl Use {
    const ALL: [Use; 3] = [Use::Work, Use::Change, Use::Base];

    /// git registers a worktree by the last part of its path, which therefore names the job too.
    fn folder(self, job: &str) -> String {
        let what = match self {
            Use::Work => "work",
            Use::Change => "change",
            Use::Base => "base",
        };
        format!("codex-{job}-{what}")
    }
}

#[derive(Serialize, Deserialize)]
struct OwnerV1 {
    version: u64,
    pid: u32,
    start: Option<String>,
}

/// The place of one run. Dropping it clears everything away.
#[derive(Debug)]
pub(super) struct Site {
    repository: Repository,
    environment: GitEnvironment,
    git: Git,
    job: String,
    folder: PathBuf,
    record: PathBuf,
}

/// What went wrong before anything could be judged.
pub(super) fn failed(what: &str, error: &dyn std::error::Error) -> NotJudged {
    NotJudged {
        reason: NotJudgedReason::TurnFailed,
        detail: format!("{what}: {}", with_causes(error)),
    }
}

impl Site {
    /// Clears away what killed runs left, and makes the place of this one.
    ///
    /// # Errors
    ///
    /// The repository cannot be opened, or the state folder not be written.
    pub(super) fn open(
        root: &Path,
        job: &JobId,
        state_folder: &Path,
        environment: &GitEnvironment,
        git: Git,
    ) -> Result<Site, NotJudged> {
        let repository = Repository::open(root, environment)
            .map_err(|error| failed("the repository cannot be opened", &error))?;
        let sites = sites(state_folder);
        let written = |error: &dyn std::error::Error| {
            failed(&format!("cannot make `{}`", sites.display()), error)
        };
        ensure_private(&sites).map_err(|error| written(&error))?;
        sweep(&repository, &sites);
        let site = Site {
            repository,
            environment: environment.clone(),
            git,
            folder: sites.join(job.as_str()),
            record: sites.join(format!("{}.json", job.as_str())),
            job: job.as_str().to_owned(),
        };
        let own = ProcessIdentity::current();
        let owner = OwnerV1 {
            version: 1,
            pid: own.pid,
            start: own.start,
        };
        let owner = serde_json::to_vec(&owner).expect("numbers and text serialise");
        atomic_file::write(&site.record, &owner, Durability::Derived, Readers::Owner)
            .map_err(|error| written(&error))?;
        ensure_private(&site.folder).map_err(|error| written(&error))?;
        std::fs::create_dir_all(site.scratch()).map_err(|error| written(&error))?;
        Ok(site)
    }

    /// The user's repository.
    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The folder for temporary files.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    fn place(&self, purpose: Use) -> PathBuf {
        self.folder.join(purpose.folder(&self.job))
    }

    /// A worktree with this commit.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(super) fn worktree(&self, purpose: Use, commit: &ObjectId) -> Result<Worktree, NotJudged> {
        let at = self.place(purpose);
        worktrees::create(&self.git, &self.repository, &at, commit, None)
            .map_err(|error| failed("no worktree could be made", &error))
    }

    /// A worktree as the change is. Also says what of the user's uncommitted work it lacks.
    ///
    /// # Errors
    ///
    /// It cannot be made, or the work not be carried.
    pub(super) fn changed_worktree(
        &self,
        purpose: Use,
        order: &TestOrder,
    ) -> Result<(Worktree, Vec<String>), NotJudged> {
        let worktree = self.worktree(purpose, &order.commit)?;
        if !order.is_uncommitted {
            return Ok((worktree, Vec::new()));
        }
        let uncommitted = self
            .repository
            .uncommitted()
            .map_err(|error| failed("what is not committed cannot be read", &error))?;
        let carried = worktree
            .carry(&self.repository, &uncommitted, CarryLimits::default())
            .map_err(|error| failed("what is not committed cannot be carried over", &error))?;
        let lacks = carried.left_out.iter().map(|left_out| {
            format!(
                "`{}` was not carried over: {}",
                crate::prompt::show_path(&left_out.path),
                crate::context::describe_left_out(&left_out.reason)
            )
        });
        Ok((worktree, lacks.collect()))
    }

    /// A worktree as a repository to read.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub(super) fn read(&self, worktree: &Worktree) -> Result<Repository, NotJudged> {
        worktree
            .repository(&self.environment)
            .map_err(|error| failed("the worktree cannot be read", &error))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What cannot be removed now is found by the next run.
        drop(clear(
            &self.repository,
            &self.folder,
            &self.record,
            &self.job,
        ));
    }
}

/// Takes the worktrees of a job away, then its folder, then its record.
fn clear(
    repository: &Repository,
    folder: &Path,
    record: &Path,
    job: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    for purpose in Use::ALL {
        worktrees::remove(repository, &folder.join(purpose.folder(job)))?;
    }
    worktrees::remove_folder(folder)?;
    std::fs::remove_file(record)?;
    Ok(())
}

/// Clears away what processes left that are surely gone.
fn sweep(repository: &Repository, sites: &Path) {
    for entry in std::fs::read_dir(sites).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(job) = name.to_str().and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        if JobId::parse(job).is_err() {
            continue;
        }
        let owner = std::fs::read(entry.path())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<OwnerV1>(&bytes).ok());
        let Some(owner) = owner.filter(|owner| owner.version == 1) else {
            continue;
        };
        let process = ProcessIdentity {
            pid: owner.pid,
            start: owner.start,
        };
        if process.is_alive() == Some(false) {
            // What cannot be removed stays for the next run.
            drop(clear(repository, &sites.join(job), &entry.path(), job));
        }
    }
}
