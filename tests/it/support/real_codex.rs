//! The real Codex CLI, pinned, installed once from npm below the target folder.
//!
//! Tests that need it begin with `let Some(codex) = RealCodex::find() else { return };`.

use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use codex_review::engine::EngineCommand;

use super::fake_engine::in_sandbox;
use super::npm::{Package, Scripts};
use super::responses_api::ResponsesApi;
use super::{Invocation, Sandbox};

/// The version that the suite is written against.
pub const CODEX_VERSION: &str = "0.169.0";

const CODEX: Package = Package {
    name: "@openai/codex",
    title: "Codex CLI",
    version: CODEX_VERSION,
    program: "codex",
    scripts: Scripts::Ignored,
    folder: "e2e",
};

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
        static SAID: Once = Once::new();
        let found = FOUND.get_or_init(|| CODEX.install().map(|launcher| RealCodex { launcher }));
        CODEX.or_say(found, &SAID)
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
