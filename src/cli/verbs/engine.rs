//! Carries out `engine builtin`: our own engine on standard input and output.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use codex_review::engine::builtin::{RepositoryOpener, ServeOptions, serve};
use codex_review::review::ExitStatus;
use codex_review::target::GitEnvironment;

use crate::cli::engine::EngineRequest;
use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;

use super::workspace::random;

pub(crate) fn run(request: EngineRequest) -> Result<ExitStatus, Failure> {
    match request {
        EngineRequest::Builtin => {
            let opener = RepositoryOpener {
                environment: GitEnvironment::from_lookup(Surroundings::variable),
            };
            let options = ServeOptions {
                id_prefix: format!("{:016x}", random()),
                now: seconds_since_1970,
            };
            serve(
                std::io::stdin(),
                std::io::stdout(),
                Arc::new(opener),
                options,
            )
            .map_err(|source| Failure::EngineStreams { source })?;
            Ok(ExitStatus::Passed)
        }
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
