//! Reaches the engine: a child of our own, or the workspace's broker.

use std::time::Duration;

use crate::broker::{
    BrokerConnection, BrokerIdentity, BrokerOptions, BrokerReason, BrokerTuning, Endpoint,
    connect_given, connect_or_start,
};
use crate::engine::{
    AppServer, CallError, ClientInfo, Connection, ConnectionBounds, EngineIdentity, Limits,
    ServerInfo, handshake, unavailable,
};
use crate::review::NotJudged;

use super::{Access, EngineChoice, Surroundings};

/// How long an engine of our own has to end by itself once it is no longer needed.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long an engine may take to say which version it is.
const IDENTIFY: Duration = Duration::from_secs(10);
/// How often a broker that ends while it is greeted is looked for again.
const ATTEMPTS: usize = 3;
/// How many lines of an engine's stderr a report shows.
const STDERR_LINES: usize = 20;

/// An engine that has answered the handshake.
#[derive(Debug)]
pub struct OpenedEngine {
    /// The connection to it.
    pub connection: Connection,
    /// What it says of itself.
    pub info: ServerInfo,
    /// The broker's endpoint; `None` for a child of our own.
    pub endpoint: Option<String>,
    child: Option<AppServer>,
}

impl OpenedEngine {
    /// The last lines that a child of our own wrote to its stderr.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        let lines = self
            .child
            .as_ref()
            .map(|child| child.stderr().lines())
            .unwrap_or_default();
        let skip = lines.len().saturating_sub(STDERR_LINES);
        lines[skip..].join("\n")
    }

    /// Ends the connection, and the child if it is ours. Nothing is left running.
    pub async fn close(self) {
        self.connection.close(GOODBYE).await;
        if let Some(child) = self.child {
            child.shutdown(GOODBYE).await;
        }
    }
}

/// Reaches an engine and performs the handshake. `rpc` bounds each call.
///
/// # Errors
///
/// The engine or the broker is not there, cannot be started, or does not answer.
pub async fn open_engine(
    engine: &EngineChoice,
    access: &Access,
    rpc: Duration,
    surroundings: &Surroundings,
) -> Result<OpenedEngine, NotJudged> {
    match access {
        Access::Isolated => isolated(engine, rpc, surroundings).await,
        Access::Endpoint(endpoint) => {
            let endpoint = Endpoint::parse(endpoint).map_err(|error| unavailable(&error))?;
            let broker = connect_given(&endpoint)
                .await
                .map_err(|error| unavailable(&error))?;
            greet_broker(broker, rpc)
                .await
                .map_err(|refusal| refusal.not_judged)
        }
        Access::Shared {
            max_streams,
            idle_timeout_ms,
        } => {
            let tuning = BrokerTuning {
                max_streams: *max_streams,
                idle_timeout: Duration::from_millis(*idle_timeout_ms),
            };
            shared(engine, rpc, surroundings, tuning).await
        }
    }
}

/// What a broker for this engine is started with, and keyed by.
///
/// # Errors
///
/// The engine is not there, or does not say which it is.
pub async fn broker_options(
    surroundings: &Surroundings,
    engine: &EngineChoice,
) -> Result<BrokerOptions, NotJudged> {
    let command = surroundings.engine_command(engine)?;
    let identity = EngineIdentity::probe(&command, &surroundings.codex_home, IDENTIFY)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(BrokerOptions::new(
        &surroundings.state_folder,
        &surroundings.runtime_dir,
        &surroundings.self_exe,
        BrokerIdentity::from(&identity),
        command,
    ))
}

async fn shared(
    engine: &EngineChoice,
    rpc: Duration,
    surroundings: &Surroundings,
    tuning: BrokerTuning,
) -> Result<OpenedEngine, NotJudged> {
    let mut options = broker_options(surroundings, engine).await?;
    options.tuning = tuning;
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        let broker = connect_or_start(&options)
            .await
            .map_err(|error| unavailable(&error))?;
        match greet_broker(broker, rpc).await {
            // It began to end between its status and our greeting: the next one is another broker.
            Err(refusal) if refusal.is_ending && attempts > 0 => {}
            greeted => return greeted.map_err(|refusal| refusal.not_judged),
        }
    }
}

async fn isolated(
    engine: &EngineChoice,
    rpc: Duration,
    surroundings: &Surroundings,
) -> Result<OpenedEngine, NotJudged> {
    let command = surroundings.engine_command(engine)?;
    let (child, pipes) = AppServer::spawn(&command).map_err(|error| unavailable(&error))?;
    let connection = Connection::over(pipes.stdout, pipes.stdin, ConnectionBounds::default())
        .with_exit(child.exit());
    greet(connection, None, Some(child), rpc)
        .await
        .map_err(|refusal| refusal.not_judged)
}

/// Why an engine that could be reached is not one to work with.
struct Refusal {
    not_judged: NotJudged,
    /// Whether it is a broker that ends.
    is_ending: bool,
}

async fn greet_broker(broker: BrokerConnection, rpc: Duration) -> Result<OpenedEngine, Refusal> {
    let endpoint = broker.endpoint.to_string();
    let bounds = ConnectionBounds::default();
    let connection = Connection::over(broker.reader, broker.writer, bounds);
    greet(connection, Some(endpoint), None, rpc).await
}

async fn greet(
    connection: Connection,
    endpoint: Option<String>,
    child: Option<AppServer>,
    rpc: Duration,
) -> Result<OpenedEngine, Refusal> {
    let limits = Limits {
        rpc,
        ..Limits::default()
    };
    match handshake(&connection.caller(), &ClientInfo::default(), &limits).await {
        Ok(info) => Ok(OpenedEngine {
            connection,
            info,
            endpoint,
            child,
        }),
        Err(CallError::Lost { .. }) => {
            // How the process ended says more than that its pipe closed.
            let mut connection = connection;
            let loss = connection.loss().await;
            let mut not_judged = unavailable(&loss);
            not_judged
                .detail
                .insert_str(0, "the engine did not start: ");
            Err(Refusal {
                not_judged,
                is_ending: false,
            })
        }
        Err(error) => Err(Refusal {
            is_ending: matches!(
                &error,
                CallError::Refused { source, .. }
                    if BrokerReason::of(source) == Some(BrokerReason::ShuttingDown)
            ),
            not_judged: unavailable(&error),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::CancelLimits;

    #[test]
    fn a_worker_that_is_asked_to_end_does_so_before_it_is_killed() {
        let slowest = Limits::default().interrupt + GOODBYE;
        assert!(slowest < CancelLimits::default().grace, "{slowest:?}");
    }
}
