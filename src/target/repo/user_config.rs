//! The user's own git configuration, as far as reading a repository depends on it, and what the user is called.
//!
//! Only a closed list of keys is taken over, none of which can start a program, and the repository's own values win over
//! them. A file that is missing or broken is skipped: a review does not fail over a user's settings.

use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice, ByteVec};

use crate::target::GitEnvironment;

/// Keys that decide what a working tree file is compared as, or which files are untracked; and the user's name.
const KEYS: [&str; 10] = [
    "core.autocrlf",
    "core.eol",
    "core.excludesFile",
    "core.attributesFile",
    "core.fileMode",
    "core.ignoreCase",
    "core.symlinks",
    "core.checkStat",
    "core.trustctime",
    "user.name",
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct UserConfig {
    values: Vec<(&'static str, BString)>,
    /// Values of `safe.directory`, in order; an empty one resets the list.
    safe_directories: Vec<BString>,
    /// Names of filters that have a program.
    pub(super) filters: Vec<BString>,
    /// Names of protocols that the user allows or forbids one by one.
    pub(super) protocols: Vec<BString>,
}

impl UserConfig {
    /// Reads the system's file and the user's files that `environment` points at.
    pub(super) fn read(environment: &GitEnvironment) -> Self {
        let xdg = xdg_folder(environment);
        let files = config_files(environment);
        let mut found = UserConfig::default();
        for (name, key) in [
            ("ignore", "core.excludesFile"),
            ("attributes", "core.attributesFile"),
        ] {
            let path = xdg
                .iter()
                .map(|dir| dir.join(name))
                .find(|path| path.is_file());
            if let Some(path) = path.and_then(|path| Vec::from_path_buf(path).ok()) {
                found.set(key, path.into());
            }
        }
        for (path, source) in files {
            if let Some(file) = parse(path, source, environment.home.as_deref()) {
                found.take_over(&file, environment.home.as_deref());
            }
        }
        found
    }

    fn take_over(&mut self, file: &gix::config::File, home: Option<&Path>) {
        for key in KEYS {
            if let Some(value) = file.string(key) {
                let is_path = key.ends_with("File") && key != "core.fileMode";
                self.set(
                    key,
                    if is_path {
                        expand_home(value, home)
                    } else {
                        value
                    },
                );
            }
        }
        self.safe_directories.extend(
            file.strings("safe.directory")
                .into_iter()
                .flatten()
                .map(|value| expand_home(value, home)),
        );
        self.filters.extend(filters_with_programs(file));
        self.protocols.extend(protocols(file));
    }

    fn set(&mut self, key: &'static str, value: BString) {
        self.values.retain(|(known, _)| *known != key);
        self.values.push((key, value));
    }

    /// Gives `repository` the values that it does not set itself.
    pub(super) fn apply(&self, repository: &mut gix::Repository) -> gix::Result<()> {
        let missing: Vec<&(&'static str, BString)> = {
            let own = repository.config_snapshot();
            self.values
                .iter()
                .filter(|(key, _)| own.string(*key).is_none())
                .collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut config = repository.config_snapshot_mut();
        for (key, value) in missing {
            config.set_raw_value(*key, value.as_bstr())?;
        }
        config.commit()?;
        Ok(())
    }

    /// Whether the user declared `directory` safe although somebody else owns it.
    pub(super) fn declares_safe(&self, directory: &Path) -> bool {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let directory = real(directory);
        let mut safe = false;
        for value in &self.safe_directories {
            if value.is_empty() {
                safe = false;
            } else if value == "*" {
                safe = true;
            } else if let Some(parent) = value.strip_suffix(b"/*") {
                safe |= parent
                    .to_path()
                    .is_ok_and(|parent| directory.starts_with(real(parent)));
            } else {
                safe |= value.to_path().is_ok_and(|path| real(path) == directory);
            }
        }
        safe
    }
}

/// The user's folder for git's files below the configuration folder.
fn xdg_folder(environment: &GitEnvironment) -> Option<PathBuf> {
    environment
        .xdg_config_home
        .clone()
        .or_else(|| environment.home.as_ref().map(|home| home.join(".config")))
        .map(|dir| dir.join("git"))
}

/// The system's and the user's configuration files, the weakest first. They need not exist.
pub(super) fn config_files(environment: &GitEnvironment) -> Vec<(PathBuf, gix::config::Source)> {
    let mut files: Vec<(PathBuf, gix::config::Source)> = Vec::new();
    if let Some(system) = &environment.config_system {
        files.push((system.clone(), gix::config::Source::System));
    }
    match &environment.config_global {
        Some(global) => files.push((global.clone(), gix::config::Source::User)),
        None => {
            files.extend(
                xdg_folder(environment).map(|dir| (dir.join("config"), gix::config::Source::Git)),
            );
            files.extend(
                environment
                    .home
                    .iter()
                    .map(|home| (home.join(".gitconfig"), gix::config::Source::User)),
            );
        }
    }
    files
}

fn parse(
    path: PathBuf,
    source: gix::config::Source,
    home: Option<&Path>,
) -> Option<gix::config::File> {
    parse_for(&path, source, home, None, None)
}

/// As git reads the file in the repository at `git_dir`, on `branch`: includes may depend on both.
pub(super) fn parse_for(
    path: &Path,
    source: gix::config::Source,
    home: Option<&Path>,
    git_dir: Option<&Path>,
    branch: Option<&gix::refs::FullName>,
) -> Option<gix::config::File> {
    let options = gix::config::file::init::Options {
        includes: gix::config::file::includes::Options::follow(
            gix::config::path::interpolate::Context {
                home_dir: home,
                ..Default::default()
            },
            gix::config::file::includes::conditional::Context {
                git_dir,
                branch_name: branch.map(gix::refs::FullName::as_ref),
            },
        ),
        lossy: true,
        ..Default::default()
    };
    let metadata = gix::config::file::Metadata::from(source).at(path);
    let file = gix::config::File::from_paths_metadata_buf(
        &mut std::iter::once(metadata),
        &mut Vec::new(),
        false,
        options,
    );
    file.ok().flatten()
}

/// Names of filters for which `file` configures a program that git would run on the way into the repository.
pub(super) fn filters_with_programs(file: &gix::config::File) -> Vec<BString> {
    file.sections_by_name("filter")
        .into_iter()
        .flatten()
        .filter(|section| {
            ["clean", "process"]
                .iter()
                .any(|key| section.value(key).is_some_and(|value| !value.is_empty()))
        })
        .filter_map(|section| {
            section
                .header()
                .subsection_name()
                .map(|name| name.to_owned())
        })
        .collect()
}

/// Names of protocols for which `file` says whether git may use them.
pub(super) fn protocols(file: &gix::config::File) -> Vec<BString> {
    file.sections_by_name("protocol")
        .into_iter()
        .flatten()
        .filter_map(|section| Some(section.header().subsection_name()?.to_owned()))
        .collect()
}

fn expand_home(value: BString, home: Option<&Path>) -> BString {
    let Some(rest) = value.strip_prefix(b"~/") else {
        return value;
    };
    let Some(home) = home.and_then(|home| <[u8]>::from_path(home)) else {
        return value.clone();
    };
    let mut path = BString::from(home);
    path.push(b'/');
    path.extend_from_slice(rest);
    path
}
