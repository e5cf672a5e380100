//! The real Codex CLI, pinned, installed once from npm below the target folder.
//!
//! Tests that need it begin with `let Some(codex) = RealCodex::find() else { return };`. Without npm that prints one
//! line; with `CODEX_REVIEW_REQUIRE_E2E=1` it fails the test instead.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use codex_review::engine::{EngineCommand, find_in_path};

use super::fake_engine::in_sandbox;
use super::responses_api::ResponsesApi;
use super::{Invocation, Sandbox};

/// The version that the suite is written against.
pub const CODEX_VERSION: &str = "0.169.0";
/// Set to `1` where the suite must run.
pub const REQUIRE: &str = "CODEX_REVIEW_REQUIRE_E2E";

/// An installed Codex CLI.
#[derive(Debug, Clone)]
pub struct RealCodex {
    launcher: PathBuf,
}

impl RealCodex {
    /// The pinned CLI, installed on first use. `None`, with one line on stderr for all tests, where it cannot be had.
    #[track_caller]
    pub fn find() -> Option<&'static RealCodex> {
        static FOUND: OnceLock<Result<RealCodex, String>> = OnceLock::new();
        match FOUND.get_or_init(install) {
            Ok(codex) => Some(codex),
            Err(why) if std::env::var_os(REQUIRE).is_some_and(|value| value == "1") => {
                panic!("{REQUIRE}=1, but there is no Codex CLI: {why}")
            }
            Err(why) => {
                static SAID: Once = Once::new();
                // Written past the capture of the test runner: a suite that did not run must not look as if it had.
                SAID.call_once(|| {
                    let line = format!("the tests against the real Codex CLI did not run: {why}\n");
                    drop(std::io::stderr().write_all(line.as_bytes()));
                });
                None
            }
        }
    }

    /// What npm puts on PATH.
    pub fn launcher(&self) -> &Path {
        &self.launcher
    }

    /// The folder of what npm puts on PATH.
    pub fn bin(&self) -> &Path {
        self.launcher.parent().expect("the launcher is in a folder")
    }

    /// The app server as codex-review starts it, in the sandbox's environment.
    pub fn command(&self, sandbox: &Sandbox) -> EngineCommand {
        in_sandbox(EngineCommand::codex(&self.launcher), sandbox)
    }

    /// The app server by its launcher, in the sandbox's environment.
    pub fn launcher_command(&self, sandbox: &Sandbox) -> EngineCommand {
        let command = EngineCommand::new(&self.launcher).arg("app-server");
        in_sandbox(command, sandbox)
    }

    /// Any other command of the CLI.
    pub fn program(&self, sandbox: &Sandbox) -> Invocation {
        sandbox.program(&self.launcher)
    }
}

/// Points the sandbox's Codex at the stand-in for the model.
pub fn use_api(sandbox: &Sandbox, api: &ResponsesApi) {
    write_config(sandbox, api, "");
}

/// As [`use_api`], with further lines at the head of `config.toml`.
pub fn write_config(sandbox: &Sandbox, api: &ResponsesApi, head: &str) {
    let base_url = api.base_url();
    sandbox.write(
        "codex/config.toml",
        format!(
            r#"model = "gpt-5.4"
model_provider = "mock"
check_for_update_on_startup = false
{head}
[model_providers.mock]
name = "Mock"
base_url = "{base_url}"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false
[analytics]
enabled = false
"#
        ),
    );
}

/// Installs the pinned version unless it is there; parallel test runs wait for each other.
fn install() -> Result<RealCodex, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or("the target folder has no parent")?
        .join("e2e");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let lock = std::fs::File::create(folder.join(".lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;

    let launcher = folder.join("node_modules/.bin/codex");
    if installed_version(&folder).as_deref() != Some(CODEX_VERSION) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let npm = find_in_path("npm", &path).ok_or("npm is not on PATH")?;
        // npm needs the user's own settings: a registry, a proxy.
        let output = std::env::vars_os()
            .fold(Invocation::new(npm, &folder), |npm, (name, value)| {
                npm.env(name, value)
            })
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder)
            .arg(format!("@openai/codex@{CODEX_VERSION}"))
            .time_limit(Duration::from_secs(300))
            .run();
        if output.code() != Some(0) {
            return Err(format!("npm could not install it\n{output}"));
        }
    }
    match installed_version(&folder) {
        Some(version) if version == CODEX_VERSION => Ok(RealCodex { launcher }),
        other => Err(format!(
            "version {other:?} is installed, not {CODEX_VERSION}"
        )),
    }
}

fn installed_version(folder: &Path) -> Option<String> {
    let text = std::fs::read(folder.join("node_modules/@openai/codex/package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_slice(&text).ok()?;
    package["version"].as_str().map(str::to_owned)
}
