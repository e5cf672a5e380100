//! How git is started: where it is told the repository is, and with everything switched off that would start a program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::context::{CollectError, Program, ProgramCall, Programs as _};
use crate::external::ExternalPrograms;

use super::WorktreeError;

/// The variables of the process's environment that git gets.
const PASSED: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "TMPDIR",
    "TMP",
    "TEMP",
    "SystemRoot",
    "USERPROFILE",
    "LOCALAPPDATA",
    "ProgramData",
];
/// What git gets besides.
const FIXED: [(&str, &str); 6] = [
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_PAGER", "cat"),
];
/// Configuration that wins over every file.
const CONFIG: [(&str, &str); 11] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("submodule.recurse", "false"),
    ("protocol.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // Relative paths would put an extension into the user's configuration file.
    ("worktree.useRelativePaths", "false"),
    ("worktree.guessRemote", "false"),
    // Always there, so that a list of filters is never empty, which git reports as a failure.
    ("filter.codex-review-none.clean", ""),
];
/// Checking a big tree out takes this long at most.
const TIME_LIMIT: Duration = Duration::from_secs(600);
/// The most that is read of git's answer.
const MOST_BYTES: usize = 64 << 20;

/// git, with the environment that it is started in.
#[derive(Debug, Clone)]
pub struct Git {
    variables: Vec<(OsString, OsString)>,
}

/// What one call of git works on.
#[derive(Debug, Clone, Default)]
pub struct Plumbing {
    /// `GIT_DIR`. There is always one: git never searches.
    pub git_dir: PathBuf,
    /// `GIT_WORK_TREE`.
    pub work_tree: Option<PathBuf>,
    /// Another index than the worktree's own.
    pub index: Option<PathBuf>,
    /// Where new objects are written instead of the repository, and the repository's own objects, which are read.
    pub objects: Option<(PathBuf, PathBuf)>,
    /// Configuration that wins over every file, besides the fixed one: see [`Git::filters_off`].
    pub config: Vec<(OsString, OsString)>,
}

impl Git {
    /// `environment` is the process's; git gets a small part of it.
    #[must_use]
    pub fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let variables = environment
            .into_iter()
            .filter(|(name, _)| PASSED.iter().any(|passed| name == passed))
            .map(|(name, value)| match name.to_str() {
                Some("PATH") => (name, absolute(&value)),
                _ => (name, value),
            })
            .collect();
        Git { variables }
    }

    /// Whether it can be started at all.
    ///
    /// # Errors
    ///
    /// [`WorktreeError::NoGit`].
    pub fn check(&self) -> Result<(), WorktreeError> {
        let programs = ExternalPrograms::new(Path::new("."), self.variables.clone());
        if programs.exists(&program()) {
            Ok(())
        } else {
            Err(WorktreeError::NoGit)
        }
    }

    /// Runs git in `folder` and returns what it wrote to standard output.
    ///
    /// # Errors
    ///
    /// It is not there, fails, or takes too long.
    pub fn run(
        &self,
        folder: &Path,
        plumbing: &Plumbing,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Vec<u8>, WorktreeError> {
        self.check()?;
        let mut variables = self.variables.clone();
        let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
        for (name, value) in FIXED {
            set(name, value.into());
        }
        set("GIT_DIR", plumbing.git_dir.clone().into());
        if let Some(work_tree) = &plumbing.work_tree {
            set("GIT_WORK_TREE", work_tree.into());
        }
        if let Some(index) = &plumbing.index {
            set("GIT_INDEX_FILE", index.into());
        }
        if let Some((new, known)) = &plumbing.objects {
            set("GIT_OBJECT_DIRECTORY", new.into());
            set("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(known));
        }
        let fixed = CONFIG
            .iter()
            .map(|(key, value)| (OsString::from(key), OsString::from(value)));
        // As variables and not as `-c`: a filter's name may hold an equals sign.
        let config: Vec<(OsString, OsString)> =
            fixed.chain(plumbing.config.iter().cloned()).collect();
        set("GIT_CONFIG_COUNT", config.len().to_string().into());
        for (number, (key, value)) in config.into_iter().enumerate() {
            set(&format!("GIT_CONFIG_KEY_{number}"), key);
            set(&format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        let environment = variables
            .iter()
            .filter_map(|(name, _)| name.to_str().map(str::to_owned))
            .collect();
        let call = ProgramCall {
            program: program(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            input: input.to_vec(),
            environment,
            time_limit: TIME_LIMIT,
            most_bytes: MOST_BYTES,
        };
        ExternalPrograms::new(folder, variables)
            .run(&call)
            .map_err(|CollectError(said)| WorktreeError::Git {
                what: arguments
                    .iter()
                    .take(2)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(" "),
                said,
            })
    }

    /// Configuration that empties every filter, and switches off every hook, that is defined where `plumbing` works.
    ///
    /// # Errors
    ///
    /// As [`Git::run`].
    pub fn filters_off(
        &self,
        folder: &Path,
        plumbing: &Plumbing,
    ) -> Result<Vec<(OsString, OsString)>, WorktreeError> {
        let listed = self.run(
            folder,
            plumbing,
            &[
                "config",
                "--null",
                "--name-only",
                "--get-regexp",
                r"^(filter|hook)\.",
            ],
            b"",
        )?;
        let keys = listed.split(|&byte| byte == 0);
        let mut off: Vec<(OsString, OsString)> = Vec::new();
        for key in keys {
            let Some(dot) = key.iter().rposition(|&byte| byte == b'.') else {
                continue;
            };
            let (section, variable) = (&key[..dot], &key[dot + 1..]);
            let mut set = |variable: &[u8], value: &str| {
                let key = [section, b".", variable].concat();
                off.push((os_string(key), value.into()));
            };
            match variable {
                b"clean" | b"smudge" | b"process" => {
                    set(variable, "");
                    set(b"required", "false");
                }
                b"command" | b"event" if section.starts_with(b"hook.") => set(b"enabled", "false"),
                _ => {}
            }
        }
        off.dedup();
        Ok(off)
    }
}

/// A search path without entries that mean the folder which git stands in: it looks for programs of its own there.
fn absolute(path: &std::ffi::OsStr) -> OsString {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    std::env::join_paths(folders).unwrap_or_default()
}

fn program() -> Program {
    Program::OnSearchPath("git".to_owned())
}

/// A path for a list that is split at colons, in git's quotes.
fn quoted(path: &Path) -> OsString {
    match path.to_str() {
        Some(text) if text.contains([':', '"']) => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\"").into()
        }
        _ => path.into(),
    }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
