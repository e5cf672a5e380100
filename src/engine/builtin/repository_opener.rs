//! Finds the change that a turn names, in a git repository.

use std::error::Error;
use std::path::Path;

use crate::causes::with_causes;
use crate::checks::{CONTENT_CAP, RepositorySource};
use crate::secrets;
use crate::target::{
    ChangeOptions, Endpoint, GitEnvironment, GivenPatch, Mode, ObjectId, Repository,
    ResolvedTarget, Select, TargetSpec,
};

use super::change_request::{ChangeRequest, ChangeSelect};
use super::server::{ChangeOpener, OpenChangeError, OpenedChange};

/// All untracked files together are read up to this many bytes.
const UNTRACKED_TOTAL: u64 = 32 * 1024 * 1024;

/// Opens changes of repositories below the folder that a thread names.
#[derive(Debug, Clone, Default)]
pub struct RepositoryOpener {
    /// What git would take from the environment.
    pub environment: GitEnvironment,
}

impl ChangeOpener for RepositoryOpener {
    fn open(&self, cwd: &Path, request: &ChangeRequest) -> Result<OpenedChange, OpenChangeError> {
        let repository = Repository::open(cwd, &self.environment).map_err(|error| chain(&error))?;
        let root = repository.root().to_owned();
        let target = resolve(&repository, request)?;
        let options = ChangeOptions {
            untracked_file_cap: CONTENT_CAP,
            untracked_total_cap: UNTRACKED_TOTAL,
            review_ignore: request.review_ignore.clone(),
            secret_name: |path| secrets::is_secret_name(path),
            ..ChangeOptions::default()
        };
        let changes = repository
            .changes(&target, &options)
            .map_err(|error| chain(&error))?;
        let source = RepositorySource::new(repository, target.new, changes);
        Ok(OpenedChange {
            root,
            source: Box::new(source),
        })
    }
}

fn chain(error: &dyn Error) -> OpenChangeError {
    OpenChangeError(with_causes(error))
}

fn resolve(
    repository: &Repository,
    request: &ChangeRequest,
) -> Result<ResolvedTarget, OpenChangeError> {
    let select = match &request.select {
        ChangeSelect::WorkingTree => Select::WorkingTree,
        ChangeSelect::Staged => Select::Staged,
        ChangeSelect::Base(branch) => Select::Base(branch.clone()),
        ChangeSelect::Commit(sha) => Select::Commit(sha.clone()),
        ChangeSelect::Commits { old, new } => {
            return pinned(repository, request, old.as_deref(), new);
        }
        ChangeSelect::Patch {
            old,
            on_work_tree,
            patch,
        } => {
            let patch = GivenPatch::from_wire(patch).map_err(|error| chain(&error))?;
            let old = match (old, on_work_tree) {
                (Some(id), _) => commit(id)?,
                (None, true) => Endpoint::WorkTree,
                (None, false) => Endpoint::EmptyTree,
            };
            return repository
                .repeat_patch(&patch, old, &request.paths)
                .map_err(|error| chain(&error));
        }
    };
    let spec = TargetSpec {
        select,
        paths: request.paths.clone(),
    };
    repository.resolve(&spec).map_err(|error| chain(&error))
}

fn commit(hex: &str) -> Result<Endpoint, OpenChangeError> {
    ObjectId::from_hex(hex)
        .map(Endpoint::Commit)
        .ok_or_else(|| OpenChangeError(format!("`{hex}` is not an object id")))
}

/// Two commits by id: there is nothing left to look up.
fn pinned(
    repository: &Repository,
    request: &ChangeRequest,
    old: Option<&str>,
    new: &str,
) -> Result<ResolvedTarget, OpenChangeError> {
    Ok(ResolvedTarget {
        spec: TargetSpec {
            select: Select::Range {
                from: old.unwrap_or_default().to_owned(),
                to: new.to_owned(),
                merge_base: false,
            },
            paths: request.paths.clone(),
        },
        mode: Mode::Range,
        explicit: true,
        label: "pinned change".to_owned(),
        old: old.map_or(Ok(Endpoint::EmptyTree), commit)?,
        new: commit(new)?,
        base: None,
        head: repository.head(),
        branch: repository.branch(),
    })
}
