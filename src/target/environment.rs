//! What git would take from the process environment, handed over as a value.

use std::ffi::OsString;
use std::path::PathBuf;

/// The environment that a repository is opened with. The default is empty: no user configuration, discovery by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitEnvironment {
    /// `GIT_DIR`: open this repository instead of searching upwards.
    pub git_dir: Option<PathBuf>,
    /// `GIT_WORK_TREE`: the root of the working tree.
    pub work_tree: Option<PathBuf>,
    /// `GIT_INDEX_FILE`: the index to read, as set by git for some hooks.
    pub index_file: Option<PathBuf>,
    /// `GIT_CEILING_DIRECTORIES`: the search upwards does not go above these.
    pub ceiling_dirs: Vec<PathBuf>,
    /// `HOME`: where `.gitconfig` and the default `.config` are.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`: where `git/config`, `git/ignore` and `git/attributes` are.
    pub xdg_config_home: Option<PathBuf>,
    /// `GIT_CONFIG_GLOBAL`: read instead of the user's two configuration files.
    pub config_global: Option<PathBuf>,
    /// The system-wide configuration file; `None` means that it is not read (`GIT_CONFIG_NOSYSTEM`).
    pub config_system: Option<PathBuf>,
}

impl GitEnvironment {
    /// Reads the variables through `lookup`, which is `std::env::var_os` in the binary and a table in tests.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| {
            lookup(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let no_system = lookup("GIT_CONFIG_NOSYSTEM").is_some_and(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            !matches!(value.as_str(), "" | "0" | "false" | "no" | "off")
        });
        GitEnvironment {
            git_dir: path("GIT_DIR"),
            work_tree: path("GIT_WORK_TREE"),
            index_file: path("GIT_INDEX_FILE"),
            ceiling_dirs: lookup("GIT_CEILING_DIRECTORIES")
                .map(|value| {
                    std::env::split_paths(&value)
                        .filter(|dir| dir.is_absolute())
                        .collect()
                })
                .unwrap_or_default(),
            home: path("HOME"),
            xdg_config_home: path("XDG_CONFIG_HOME"),
            config_global: path("GIT_CONFIG_GLOBAL"),
            config_system: (!no_system).then(|| {
                path("GIT_CONFIG_SYSTEM").unwrap_or_else(|| PathBuf::from("/etc/gitconfig"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> GitEnvironment {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        GitEnvironment::from_lookup(move |name| {
            pairs
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn empty_variables_count_as_unset() {
        assert_eq!(with(&[("GIT_DIR", "")]).git_dir, None);
        assert_eq!(
            with(&[("GIT_DIR", ".git")]).git_dir,
            Some(PathBuf::from(".git"))
        );
    }

    #[test]
    fn system_configuration_is_read_unless_switched_off() {
        assert_eq!(
            with(&[]).config_system,
            Some(PathBuf::from("/etc/gitconfig"))
        );
        assert_eq!(
            with(&[("GIT_CONFIG_NOSYSTEM", "0")]).config_system,
            Some(PathBuf::from("/etc/gitconfig"))
        );
        assert_eq!(with(&[("GIT_CONFIG_NOSYSTEM", "1")]).config_system, None);
        assert_eq!(
            with(&[("GIT_CONFIG_SYSTEM", "/x")]).config_system,
            Some(PathBuf::from("/x"))
        );
    }
}
