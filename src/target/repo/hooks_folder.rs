//! Where git itself would run hooks from: `core.hooksPath` in the order in which git's configuration files count.
//!
//! What is set for one command alone (`git -c`, `GIT_CONFIG_COUNT`) is not looked at: a hook is installed for longer.

use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice};

use super::Repository;
use super::user_config::{config_files, parse_for};
use crate::target::{GitEnvironment, HooksFolder, HooksSource};

const HOOKS_PATH: &str = "core.hooksPath";

impl Repository {
    /// The folder that git runs this repository's hooks from.
    #[must_use]
    pub fn hooks_folder(&self, environment: &GitEnvironment) -> HooksFolder {
        let home = environment.home.as_deref();
        let found = match self.gix.config_snapshot().string(HOOKS_PATH) {
            // The user's own files are not part of what was opened, so this is the repository's word.
            Some(value) => Some((interpolate(value.as_bstr(), home), HooksSource::Repository)),
            None => {
                let branch = self.gix.head_name().ok().flatten();
                everywhere(environment, Some(self.gix.git_dir()), branch.as_ref())
            }
        };
        match found {
            // A relative path starts where hooks run.
            Some((path, source)) => HooksFolder {
                path: self.root().join(path),
                source,
            },
            None => HooksFolder {
                path: self.common_dir().join("hooks"),
                source: HooksSource::Default,
            },
        }
    }

    /// The git directory that all worktrees share.
    #[must_use]
    pub fn common_dir(&self) -> PathBuf {
        let common = self.gix.common_dir();
        std::fs::canonicalize(common).unwrap_or_else(|_| common.to_owned())
    }
}

/// The folder that the user's or the system's configuration names for every repository; `None` when neither does.
#[must_use]
pub fn hooks_folder_everywhere(environment: &GitEnvironment) -> Option<HooksFolder> {
    let (path, source) = everywhere(environment, None, None)?;
    Some(HooksFolder { path, source })
}

fn everywhere(
    environment: &GitEnvironment,
    git_dir: Option<&Path>,
    branch: Option<&gix::refs::FullName>,
) -> Option<(PathBuf, HooksSource)> {
    let home = environment.home.as_deref();
    // The last file that says something wins.
    config_files(environment)
        .into_iter()
        .rev()
        .find_map(|(file, source)| {
            let config = parse_for(&file, source, home, git_dir, branch)?;
            let value = config.string(HOOKS_PATH)?;
            let path = interpolate(value.as_bstr(), home);
            Some((path, HooksSource::Everywhere(file)))
        })
}

/// A path as git reads one: `~/` is the user's home.
fn interpolate(value: &BStr, home: Option<&Path>) -> PathBuf {
    let context = gix::config::path::interpolate::Context {
        home_dir: home,
        ..Default::default()
    };
    gix::config::Path::from(std::borrow::Cow::Owned(value.to_owned()))
        .interpolate(context)
        .unwrap_or_else(|_| value.to_path_lossy().into_owned())
}
