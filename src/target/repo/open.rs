//! Finds and opens a repository, with the trust checks that git makes.

use std::path::{Path, PathBuf};

use super::ConfiguredPrograms;
use super::Repository;
use super::user_config::{UserConfig, filters_with_programs, protocols};
use crate::target::GitEnvironment;

/// Why a repository could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory to start from is not there, or is no directory.
    #[error("`{}` is not a directory", path.display())]
    NotADirectory {
        /// As given.
        path: PathBuf,
    },
    /// No repository in the directory or above it.
    #[error("`{}` is not in a git repository", path.display())]
    NotARepository {
        /// Where the search began, or what `GIT_DIR` named.
        path: PathBuf,
    },
    /// Somebody else owns it, and the user did not declare it safe.
    #[error("the repository at `{}` belongs to another user", path.display())]
    Untrusted {
        /// The repository.
        path: PathBuf,
    },
    /// Its refs are kept in a format that cannot be read.
    #[error("the repository at `{}` stores its refs as reftable, which is not supported", path.display())]
    Reftable {
        /// The repository.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    #[error("could not open the repository at `{}`", path.display())]
    Broken {
        /// The repository.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            OpenError::NotADirectory { .. } => {
                Some("give a directory of the repository with `--cwd`".into())
            }
            OpenError::NotARepository { .. } => Some(
                "change to a repository, name one with `--cwd`, or create one with `git init`"
                    .into(),
            ),
            OpenError::Untrusted { path } => Some(format!(
                "if you trust it: `git config --global --add safe.directory {}`",
                path.display()
            )),
            OpenError::Reftable { .. } => {
                Some("convert it with `git refs migrate --ref-format=files`".into())
            }
            OpenError::Broken { .. } => {
                Some("`git status` may say more; `git fsck` checks the repository".into())
            }
        }
    }
}

impl Repository {
    /// Opens the repository that `start` lies in, or the one that `environment` names.
    ///
    /// Nothing is read from the process environment. A repository that belongs to another user is refused unless the
    /// user's configuration declares it safe, because its configuration could steer what is read.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(start: &Path, environment: &GitEnvironment) -> Result<Repository, OpenError> {
        if !start.is_dir() {
            return Err(OpenError::NotADirectory {
                path: start.to_owned(),
            });
        }
        let start = &std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
        let user = UserConfig::read(environment);
        let located = locate(start, environment)?;
        let mut gix = match open_at(&located, true) {
            Err(OpenError::Untrusted { path }) if user.declares_safe(&path) => {
                open_at(&located, false)?
            }
            opened => opened?,
        };
        let broken = |source: gix::Error| OpenError::Broken {
            path: located.clone(),
            source: Box::new(source),
        };
        user.apply(&mut gix).map_err(broken)?;
        gix.object_cache_size(KEPT_OBJECTS_BYTES);

        if gix
            .config_snapshot()
            .string("extensions.refStorage")
            .is_some_and(|format| format == "reftable")
        {
            return Err(OpenError::Reftable { path: located });
        }
        if let Some(work_tree) = &environment.work_tree {
            gix.set_workdir(start.join(work_tree)).map_err(broken)?;
        } else if environment.git_dir.is_some() && gix.workdir().is_none() && !gix.is_bare() {
            gix.set_workdir(start.to_owned()).map_err(broken)?;
        }

        let mut filters = user.filters;
        filters.extend(filters_with_programs(gix.config_snapshot().plumbing()));
        filters.sort_unstable();
        filters.dedup();
        let mut protocols_named = user.protocols;
        protocols_named.extend(protocols(gix.config_snapshot().plumbing()));
        protocols_named.sort_unstable();
        protocols_named.dedup();
        let programs = ConfiguredPrograms {
            filters,
            protocols: protocols_named,
        };
        let index_path = match &environment.index_file {
            Some(file) => start.join(file),
            None => gix.index_path(),
        };
        Ok(Repository::new(gix, index_path, programs))
    }
}

/// The git directory to open, or the `.git` entry that leads to it.
fn locate(start: &Path, environment: &GitEnvironment) -> Result<PathBuf, OpenError> {
    if let Some(git_dir) = &environment.git_dir {
        let path = start.join(git_dir);
        return if gix::discover::is_git(&path).is_ok() {
            Ok(path)
        } else {
            Err(OpenError::NotARepository { path })
        };
    }
    let options = gix::discover::upwards::Options {
        ceiling_dirs: environment.ceiling_dirs.clone(),
        match_ceiling_dir_or_error: false,
        ..Default::default()
    };
    let (found, _trust) = gix::discover::upwards_opts(start, options).map_err(|error| {
        use gix::discover::upwards::Error;
        match error.downcast_any_ref::<Error>() {
            Some(Error::NoTrustedGitRepository { candidate, .. }) => OpenError::Untrusted {
                path: candidate.clone(),
            },
            Some(_) => OpenError::NotARepository {
                path: start.to_owned(),
            },
            None => OpenError::Broken {
                path: start.to_owned(),
                source: Box::new(error),
            },
        }
    })?;
    let (git_dir, work_tree) = found.into_repository_and_work_tree_directories();
    // The entry in the working tree keeps the way back to it, which a linked worktree or a submodule needs.
    Ok(work_tree
        .map(|root| root.join(".git"))
        .filter(|entry| entry.exists())
        .unwrap_or(git_dir))
}

/// Decoded objects that are kept: a small change is read when it is compared, and again for each time it is rendered.
const KEPT_OBJECTS_BYTES: usize = 1 << 20;

/// An object larger than this is never decoded, and what is kept of packs while decoding has a bound too.
const MEMORY_LIMITS: [&str; 2] = [
    "gitoxide.objects.allocLimit=64m",
    "core.deltaBaseCacheLimit=12m",
];

pub(super) fn open_at(path: &Path, bail_if_untrusted: bool) -> Result<gix::Repository, OpenError> {
    // The repository's own configuration may include other files, as git allows; nothing else is read.
    let mut permissions = gix::open::Permissions::isolated();
    permissions.config.includes = true;
    let mut options = gix::open::Options::default()
        .permissions(permissions)
        .open_path_as_is(true)
        .bail_if_untrusted(bail_if_untrusted)
        .filter_config_section(|_| true)
        .config_overrides(MEMORY_LIMITS);
    if !bail_if_untrusted {
        options = options.with(gix::sec::Trust::Full);
    }
    gix::ThreadSafeRepository::open_opts(path, options)
        .map(|repository| repository.to_thread_local())
        .map_err(|error| {
            if error.is_permission_denied() {
                OpenError::Untrusted {
                    path: owner_of(path),
                }
            } else if uses_reftable(path) {
                OpenError::Reftable {
                    path: path.to_owned(),
                }
            } else {
                OpenError::Broken {
                    path: path.to_owned(),
                    source: Box::new(error),
                }
            }
        })
}

/// What the user would declare safe: the working tree where there is one.
fn owner_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if path.file_name().is_some_and(|name| name == ".git") => parent.to_owned(),
        _ => path.to_owned(),
    }
}

fn uses_reftable(path: &Path) -> bool {
    path.join("reftable").is_dir()
}
