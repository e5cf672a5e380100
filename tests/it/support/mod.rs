//! What every test here stands on: hermetic sandboxes, commands with a time limit, repositories and fixtures.
//!
//! - [`Sandbox`]: a temporary folder that is the whole world of one test. When it goes, nothing it started may live.
//! - [`Invocation`], [`Running`], [`CommandOutput`]: programs, run with an end in sight.
//! - [`Repo`]: a repository built step by step with the git command.
//! - [`fixture`]: repositories declared in `fixtures/repos/*.toml`, built to the same object ids each time.
//! - [`fake_engine`]: the scriptable app server, and the control stream that tells it what to do.
//! - [`real_codex`]: the pinned Codex CLI; [`responses_api`]: a stand-in for its model.
//! - [`real_claude`]: the pinned Claude Code; [`messages_api`]: a stand-in for its model.
//! - [`debian`]: a headless browser and an XML validator.
//! - [`hook_frameworks`]: pre-commit, lefthook and husky, pinned.
//! - [`npm`] installs both programs; [`loopback`] is the HTTP below both stand-ins.
//! - [`snapshot`]: what is redacted from text before it is compared.
#![allow(
    dead_code,
    reason = "a library for tests: each test file uses the part it needs"
)]

mod command;
pub mod debian;
pub mod fake_engine;
pub mod fixture;
pub mod hook_frameworks;
pub mod loopback;
pub mod messages_api;
pub mod npm;
pub mod processes;
pub mod real_claude;
pub mod real_codex;
mod repo;
pub mod responses_api;
mod sandbox;
pub mod snapshot;

#[allow(
    unused_imports,
    reason = "the names that tests import; not each is imported by name"
)]
pub use command::{CommandOutput, Invocation, Running};
pub use repo::Repo;
pub use sandbox::Sandbox;

use std::path::PathBuf;

/// The root of this package's source tree.
pub fn package_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file or folder below `fixtures/`.
pub fn fixture_path(relative: &str) -> PathBuf {
    package_root().join("fixtures").join(relative)
}
