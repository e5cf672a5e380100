//! Command-line programs of other people, pinned, installed once from npm below the target folder.
//!
//! Without npm their tests print one line and pass; with `CODEX_REVIEW_REQUIRE_E2E=1` they fail instead.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use codex_review::engine::find_in_path;

use super::Invocation;

/// Set to `1` where the suites must run.
pub const REQUIRE: &str = "CODEX_REVIEW_REQUIRE_E2E";

/// Whether a package's own install scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// They do not.
    Ignored,
    /// The package is not complete without.
    Run,
}

/// A package at one version.
#[derive(Debug)]
pub struct Package {
    /// Its name in the registry.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The version that the suite is written against.
    pub version: &'static str,
    /// What npm puts on PATH.
    pub program: &'static str,
    /// Whether its scripts run.
    pub scripts: Scripts,
    /// The folder below the target folder that it is installed in.
    pub folder: &'static str,
}

/// The target folder.
pub fn target_folder() -> Result<&'static Path, String> {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or_else(|| "the target folder has no parent".to_owned())
}

impl Package {
    /// Installs the pinned version unless it is there, and returns its launcher; parallel test runs wait for each other.
    pub fn install(&self) -> Result<PathBuf, String> {
        let folder = target_folder()?.join(self.folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let lock =
            std::fs::File::create(folder.join(".lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        if self.installed_version(&folder).as_deref() != Some(self.version) {
            self.run_npm(&folder)?;
        }
        match self.installed_version(&folder) {
            Some(version) if version == self.version => {
                Ok(folder.join("node_modules/.bin").join(self.program))
            }
            other => Err(format!(
                "version {other:?} is installed, not {}",
                self.version
            )),
        }
    }

    /// What `installed` says, for a test: `None`, with one line on stderr for all tests, where it cannot be had.
    #[track_caller]
    pub fn or_say<'a, T>(&self, installed: &'a Result<T, String>, said: &Once) -> Option<&'a T> {
        or_say(installed, self.title, said)
    }

    fn run_npm(&self, folder: &Path) -> Result<(), String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let npm = find_in_path("npm", &path).ok_or("npm is not on PATH")?;
        // npm needs the user's own settings: a registry, a proxy.
        let npm = std::env::vars_os()
            .fold(Invocation::new(npm, folder), |npm, (name, value)| {
                npm.env(name, value)
            })
            .args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(format!("{}@{}", self.name, self.version))
            .time_limit(Duration::from_secs(300));
        let npm = match self.scripts {
            Scripts::Ignored => npm.arg("--ignore-scripts"),
            Scripts::Run => npm.arg("--foreground-scripts"),
        };
        let output = npm.run();
        match output.code() {
            Some(0) => Ok(()),
            _ => Err(format!("npm could not install it\n{output}")),
        }
    }

    fn installed_version(&self, folder: &Path) -> Option<String> {
        let manifest = folder
            .join("node_modules")
            .join(self.name)
            .join("package.json");
        let package: serde_json::Value =
            serde_json::from_slice(&std::fs::read(manifest).ok()?).ok()?;
        package["version"].as_str().map(str::to_owned)
    }
}

/// As [`Package::or_say`], for a program that people call `title`.
#[track_caller]
pub fn or_say<'a, T>(installed: &'a Result<T, String>, title: &str, said: &Once) -> Option<&'a T> {
    match installed {
        Ok(program) => Some(program),
        Err(why) if std::env::var_os(REQUIRE).is_some_and(|value| value == "1") => {
            panic!("{REQUIRE}=1, but there is no {title}: {why}")
        }
        Err(why) => {
            // Written past the capture of the test runner: a suite that did not run must not look as if it had.
            said.call_once(|| {
                let line = format!("the tests against the real {title} did not run: {why}\n");
                drop(std::io::stderr().write_all(line.as_bytes()));
            });
            None
        }
    }
}
