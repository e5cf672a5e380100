//! Claims about the broker, over real sockets: with an engine that the test plays within its own process, and with real
//! processes.

mod peers;
mod places;
mod processes;
mod relaying;

use std::time::Duration;

use codex_review::broker::{BrokerIdentity, BrokerOptions, ServeOptions};
use codex_review::engine::EngineCommand;

use crate::support::Sandbox;

/// The end of every wait of a test: long enough for a loaded machine, and reached only by a failure.
const LIMIT: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, wait).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {LIMIT:?}"),
    }
}

fn identity() -> BrokerIdentity {
    BrokerIdentity {
        key: "0123456789abcdef".into(),
        executable: "/bin/engine".into(),
        engine_version: "1.2.3".into(),
        home: "/home/engine".into(),
    }
}

/// Options for brokers of a sandbox. Nothing is started unless `self_exe` is set.
fn options(sandbox: &Sandbox) -> BrokerOptions {
    BrokerOptions::new(
        sandbox.path("state/ws"),
        sandbox.path("run"),
        "/nonexistent/codex-review",
        identity(),
        EngineCommand::new(env!("CARGO_BIN_EXE_fake-app-server")),
    )
}

fn serve_options(options: &BrokerOptions) -> ServeOptions {
    ServeOptions {
        state_dir: options.state_dir.clone(),
        runtime_dir: options.runtime_dir.clone(),
        identity: options.identity.clone(),
        engine: options.engine.clone(),
        tuning: options.tuning,
    }
}
