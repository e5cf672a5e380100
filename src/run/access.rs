//! Reaches the engine: a child of our own, or the workspace's broker.

use std::time::Duration;

use crate::broker::{BrokerIdentity, BrokerOptions, BrokerTuning, Endpoint, connect_or_start};
use crate::engine::{
    AppServer, ClientInfo, Connection, ConnectionBounds, EngineIdentity, Limits, ServerInfo,
    handshake,
};
use crate::review::{NotJudged, NotJudgedReason};

use super::{Access, EngineChoice, RunRequest, Surroundings};

/// How long an engine of our own has to end by itself once it is no longer needed.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long an engine may take to say which version it is.
const IDENTIFY: Duration = Duration::from_secs(10);
/// How many lines of an engine's stderr a report shows.
const STDERR_LINES: usize = 20;

/// An engine that has answered the handshake.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) info: ServerInfo,
    /// The broker's endpoint; `None` for a child of our own.
    pub(super) endpoint: Option<String>,
    child: Option<AppServer>,
}

impl Opened {
    /// The last lines that a child of our own wrote to its stderr.
    pub(super) fn stderr_tail(&self) -> String {
        let lines = self
            .child
            .as_ref()
            .map(|child| child.stderr().lines())
            .unwrap_or_default();
        let skip = lines.len().saturating_sub(STDERR_LINES);
        lines[skip..].join("\n")
    }

    /// Ends the connection, and the child if it is ours. Nothing is left running.
    pub(super) async fn close(self) {
        self.connection.close(GOODBYE).await;
        if let Some(child) = self.child {
            child.shutdown(GOODBYE).await;
        }
    }
}

pub(super) async fn open(
    request: &RunRequest,
    surroundings: &Surroundings,
) -> Result<Opened, NotJudged> {
    match &request.access {
        Access::Isolated => isolated(request, surroundings).await,
        Access::Endpoint(endpoint) => {
            let endpoint = Endpoint::parse(endpoint).map_err(|error| unavailable(&error))?;
            shared(request, surroundings, Some(endpoint), BrokerTuning::default()).await
        }
        Access::Shared { max_streams, idle_timeout_ms } => {
            let tuning = BrokerTuning {
                max_streams: *max_streams,
                idle_timeout: Duration::from_millis(*idle_timeout_ms),
            };
            shared(request, surroundings, None, tuning).await
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
    request: &RunRequest,
    surroundings: &Surroundings,
    endpoint: Option<Endpoint>,
    tuning: BrokerTuning,
) -> Result<Opened, NotJudged> {
    let mut options = broker_options(surroundings, &request.engine).await?;
    options.endpoint = endpoint;
    options.tuning = tuning;
    let broker = connect_or_start(&options).await.map_err(|error| unavailable(&error))?;
    let endpoint = broker.endpoint.to_string();
    let connection = Connection::over(broker.reader, broker.writer, ConnectionBounds::default());
    greet(connection, Some(endpoint), None, request).await
}

async fn isolated(request: &RunRequest, surroundings: &Surroundings) -> Result<Opened, NotJudged> {
    let command = surroundings.engine_command(&request.engine)?;
    let (child, pipes) = AppServer::spawn(&command).map_err(|error| unavailable(&error))?;
    let connection = Connection::over(pipes.stdout, pipes.stdin, ConnectionBounds::default())
        .with_exit(child.exit());
    greet(connection, None, Some(child), request).await
}

async fn greet(
    connection: Connection,
    endpoint: Option<String>,
    child: Option<AppServer>,
    request: &RunRequest,
) -> Result<Opened, NotJudged> {
    let limits = Limits {
        rpc: request.budgets.rpc,
        ..Limits::default()
    };
    match handshake(&connection.caller(), &ClientInfo::default(), &limits).await {
        Ok(info) => Ok(Opened {
            connection,
            info,
            endpoint,
            child,
        }),
        Err(error) => Err(unavailable(&error)),
    }
}

fn unavailable(error: &dyn std::error::Error) -> NotJudged {
    NotJudged {
        reason: NotJudgedReason::EngineUnavailable,
        detail: with_causes(error),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
