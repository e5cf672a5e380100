//! The real Claude Code client, pinned, installed once from npm below the target folder.
//!
//! Tests that need it begin with `let Some(claude) = RealClaude::find() else { return };`.

use std::path::PathBuf;
use std::sync::{Once, OnceLock};
use std::time::Duration;

use super::messages_api::MessagesApi;
use super::npm::{Package, Scripts};
use super::{Invocation, Sandbox};

const CLAUDE: Package = Package {
    name: "@anthropic-ai/claude-code",
    title: "Claude Code",
    version: "2.1.197",
    program: "claude",
    // Its script puts the program for this system in place.
    scripts: Scripts::Run,
    folder: "e2e",
};

/// An installed client.
#[derive(Debug, Clone)]
pub struct RealClaude {
    launcher: PathBuf,
}

impl RealClaude {
    /// The pinned client, installed on first use. `None`, with one line on stderr for all tests, where it cannot be had.
    #[track_caller]
    pub fn find() -> Option<&'static RealClaude> {
        static FOUND: OnceLock<Result<RealClaude, String>> = OnceLock::new();
        static SAID: Once = Once::new();
        let found = FOUND.get_or_init(|| CLAUDE.install().map(|launcher| RealClaude { launcher }));
        CLAUDE.or_say(found, &SAID)
    }

    /// The client in the sandbox, with `api` for a model and no other network.
    pub fn program(&self, sandbox: &Sandbox, api: &MessagesApi) -> Invocation {
        sandbox
            .program(&self.launcher)
            .env("ANTHROPIC_BASE_URL", api.base_url())
            .env("ANTHROPIC_API_KEY", "sk-test")
            .env("DISABLE_TELEMETRY", "1")
            .env("DISABLE_ERROR_REPORTING", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .time_limit(Duration::from_secs(60))
    }
}
