//! pre-commit, lefthook and husky, pinned, installed once below the target folder.
//!
//! Without npm or Python their tests print one line and pass; with `CODEX_REVIEW_REQUIRE_E2E=1` they fail instead. No
//! package's own install script runs: lefthook's would install itself into the repository around the target folder.

use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use codex_review::engine::find_in_path;

use super::Invocation;
use super::npm::{Package, Scripts, or_say, target_folder};

const FOLDER: &str = "e2e-hooks";
const PRE_COMMIT_VERSION: &str = "4.4.0";

const LEFTHOOK: Package = Package {
    name: "lefthook",
    title: "lefthook",
    version: "2.2.2",
    program: "lefthook",
    scripts: Scripts::Ignored,
    folder: FOLDER,
};

const HUSKY: Package = Package {
    name: "husky",
    title: "husky",
    version: "9.1.7",
    program: "husky",
    scripts: Scripts::Ignored,
    folder: FOLDER,
};

/// What npm puts on PATH for lefthook; `None`, with one line for all tests, where it cannot be had.
#[track_caller]
pub fn lefthook() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static SAID: Once = Once::new();
    LEFTHOOK.or_say(FOUND.get_or_init(|| LEFTHOOK.install()), &SAID)
}

/// What npm puts on PATH for husky.
#[track_caller]
pub fn husky() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static SAID: Once = Once::new();
    HUSKY.or_say(FOUND.get_or_init(|| HUSKY.install()), &SAID)
}

/// pre-commit's program, from PyPI.
#[track_caller]
pub fn pre_commit() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static SAID: Once = Once::new();
    or_say(FOUND.get_or_init(install_pre_commit), "pre-commit", &SAID)
}

fn install_pre_commit() -> Result<PathBuf, String> {
    let folder = target_folder()?.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock =
        std::fs::File::create(folder.join(".lock-pypi")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let environment = folder.join("venv");
    let program = environment.join("bin/pre-commit");
    if version(&program, &folder).as_deref() != Some(PRE_COMMIT_VERSION) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let python = find_in_path("python3", &path).ok_or("python3 is not on PATH")?;
        let environment = environment
            .to_str()
            .ok_or("the target folder is not UTF-8")?;
        outside(&python, &folder, &["-m", "venv", "--clear", environment])?;
        let wanted = format!("pre-commit=={PRE_COMMIT_VERSION}");
        let pip = Path::new(environment).join("bin/pip");
        outside(
            &pip,
            &folder,
            &["install", "--quiet", "--disable-pip-version-check", &wanted],
        )?;
    }
    match version(&program, &folder) {
        Some(version) if version == PRE_COMMIT_VERSION => Ok(program),
        other => Err(format!(
            "version {other:?} is installed, not {PRE_COMMIT_VERSION}"
        )),
    }
}

fn version(program: &Path, folder: &Path) -> Option<String> {
    if !program.exists() {
        return None;
    }
    let said = outside(program, folder, &["--version"]).ok()?;
    Some(said.trim().rsplit(' ').next()?.to_owned())
}

/// A program with the user's own settings: an index, a proxy.
fn outside(program: &Path, folder: &Path, args: &[&str]) -> Result<String, String> {
    let invocation = std::env::vars_os()
        .fold(
            Invocation::new(program, folder),
            |program, (name, value)| program.env(name, value),
        )
        .args(args)
        .time_limit(Duration::from_secs(300));
    let output = invocation.run();
    match output.code() {
        Some(0) => Ok(output.stdout()),
        _ => Err(format!("it could not be installed\n{output}")),
    }
}
