//! Reaching a broker: connect to the one that is named or recorded, or start one.
//!
//! [`connect_or_start`] tries the record of the same identity first. A recorded broker is asked for its status before it
//! is trusted, which tells a hung, dying or strange one from one that works. Otherwise a starter takes `start.lock`,
//! looks again (another may have been faster), starts a process that outlives this one, and waits for its one line.
//!
//! Every wait is bounded. A broker that is there and does not answer is an error and is left alone: it may run turns of
//! others, so ending it is for people to ask for.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::endpoint::imp;
use super::folder::SessionDir;
use super::left_engine;
use super::record::Named;
use super::serve::READY;
use super::wire::{self, BrokerStatus};
use super::{BrokerError, BrokerOptions, BrokerReader, BrokerRecord, BrokerWriter, Endpoint};
use crate::rpc::{self, LineBuffer, Message, RequestId};

/// How often a broker that ends just while it is connected to is looked for again.
const ATTEMPTS: usize = 4;
/// How long a broker may take to answer when it is asked whether it is there.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a broker, for [`crate::engine::Connection`]. Nothing was sent on it but a question about its status.
#[derive(Debug)]
pub struct BrokerConnection {
    /// What the broker writes.
    pub reader: BrokerReader,
    /// What the broker reads.
    pub writer: BrokerWriter,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Whether it was started for this connection.
    pub started: bool,
}

/// Connects to a broker that somebody names, whatever is recorded. Nothing is asked and nothing is started, so it needs no
/// engine here.
///
/// # Errors
///
/// Nobody accepts a connection there within five seconds.
pub async fn connect_given(endpoint: &Endpoint) -> Result<BrokerConnection, BrokerError> {
    let connecting = connect(endpoint, CONNECT_TIMEOUT).await;
    let (reader, writer) = connecting.map_err(|error| error.at(endpoint))?;
    Ok(BrokerConnection {
        reader,
        writer,
        endpoint: endpoint.clone(),
        started: false,
    })
}

/// Connects to the workspace's broker for the engine that `options` name, and starts it if there is none.
///
/// # Errors
///
/// See [`BrokerError`].
pub async fn connect_or_start(options: &BrokerOptions) -> Result<BrokerConnection, BrokerError> {
    let dir = SessionDir::of(&options.state_dir, &options.identity.key);
    let mut last = None;
    for _ in 0..ATTEMPTS {
        if dir.check()?
            && let Some(found) = connect_recorded(&dir, options.connect_timeout).await?
        {
            return Ok(found);
        }
        dir.prepare()?;
        let _starting = dir.lock_start(options.start_timeout).await?;
        if let Some(found) = connect_recorded(&dir, options.connect_timeout).await? {
            return Ok(found);
        }
        start(&dir, options).await?;
        match connect_recorded(&dir, options.connect_timeout).await? {
            Some(found) => {
                return Ok(BrokerConnection {
                    started: true,
                    ..found
                });
            }
            None => last = Some(dir.record()),
        }
    }
    Err(BrokerError::NotStarted {
        problem: format!(
            "brokers start and end at once ({})",
            last.unwrap_or_default().display()
        ),
        log_tail: dir.log_tail(),
        log_file: dir.log_file(),
    })
}

/// Why a connection did not come about.
pub(super) enum ConnectFailure {
    Refused(std::io::Error),
    TimedOut(Duration),
}

impl ConnectFailure {
    pub(super) fn at(self, endpoint: &Endpoint) -> BrokerError {
        let endpoint = endpoint.to_string();
        match self {
            ConnectFailure::Refused(source) => BrokerError::Connect { endpoint, source },
            ConnectFailure::TimedOut(limit) => BrokerError::NotResponding {
                endpoint,
                problem: format!("accepts no connection within {limit:?}"),
            },
        }
    }
}

pub(super) async fn connect(
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<(BrokerReader, BrokerWriter), ConnectFailure> {
    match tokio::time::timeout(limit, imp::connect(endpoint)).await {
        Ok(connected) => connected.map_err(ConnectFailure::Refused),
        Err(_) => Err(ConnectFailure::TimedOut(limit)),
    }
}

/// A connection to the recorded broker. `None` when there is no record, or nobody behind it; the files of a broker that
/// is gone are removed, and its engine is ended. A record that was lost is written again.
async fn connect_recorded(
    dir: &SessionDir,
    limit: Duration,
) -> Result<Option<BrokerConnection>, BrokerError> {
    let (record, is_lost) = match Named::of(dir) {
        Named::Recorded(record) => (record, false),
        Named::Lost(record) => (record, true),
        Named::Nameless(error) => return Err(error),
        Named::Nobody => return Ok(None),
    };
    let endpoint = record.endpoint.clone();
    let connected = match connect(&endpoint, limit).await {
        Ok(connected) => connected,
        Err(ConnectFailure::Refused(source))
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            return Err(ConnectFailure::Refused(source).at(&endpoint));
        }
        Err(ConnectFailure::Refused(_)) => {
            remove_stale(dir, &record);
            return Ok(None);
        }
        Err(timed_out) => return Err(timed_out.at(&endpoint)),
    };
    let (mut reader, mut writer) = connected;
    match ask(&mut reader, &mut writer, wire::STATUS, Value::Null, limit).await {
        Asked::Answered(Ok(answer)) => match BrokerStatus::from_value(answer) {
            Some(status) if status.key == record.key => {
                if is_lost && status.pid == record.pid {
                    // Whoever cannot write it goes on without.
                    drop(record.write(&dir.record()));
                    if !matches!(BrokerRecord::read(&dir.newest_record()), Ok(Some(_))) {
                        drop(record.write(&dir.newest_record()));
                    }
                }
                Ok(Some(BrokerConnection {
                    reader,
                    writer,
                    endpoint,
                    started: false,
                }))
            }
            _ => Err(BrokerError::NotResponding {
                endpoint: endpoint.to_string(),
                problem: "is not the broker that its record names".to_owned(),
            }),
        },
        Asked::Answered(Err(source)) => Err(BrokerError::Refused {
            endpoint: endpoint.to_string(),
            method: wire::STATUS,
            source: Box::new(source),
        }),
        // It was ending while we came.
        Asked::Closed => Ok(None),
        Asked::TimedOut => Err(BrokerError::NotResponding {
            endpoint: endpoint.to_string(),
            problem: format!("gives no sign of life within {limit:?}"),
        }),
    }
}

/// Removes what a dead broker left, unless its process lives or another broker serves.
fn remove_stale(dir: &SessionDir, record: &BrokerRecord) {
    if record.process().is_alive() == Some(true) || dir.is_served() {
        return;
    }
    record.remove(&dir.record());
    record.remove(&dir.newest_record());
    let _gone = std::fs::remove_file(dir.pid_file());
    left_engine::end_of_dead(dir);
}

/// What came of a question.
pub(super) enum Asked {
    Answered(Result<Value, rpc::ErrorObject>),
    Closed,
    TimedOut,
}

/// Asks one question on a connection that nothing else uses yet.
pub(super) async fn ask(
    reader: &mut BrokerReader,
    writer: &mut BrokerWriter,
    method: &str,
    params: Value,
    limit: Duration,
) -> Asked {
    const ID: &str = "broker-client";
    let id = RequestId::Text(ID.to_owned());
    let question = rpc::encode(&Message::request(id.clone(), method, params));
    let talk = async {
        if writer.write_all(&question).await.is_err() {
            return Asked::Closed;
        }
        let mut lines = LineBuffer::new(1 << 20);
        let mut bytes = [0; 4096];
        loop {
            let count = match reader.read(&mut bytes).await {
                Ok(count @ 1..) => count,
                _ => return Asked::Closed,
            };
            let mut answer = None;
            lines.feed(&bytes[..count], |line| {
                let message = line.ok().and_then(|line| rpc::decode(&line).ok());
                if let Some(Message::Response(response)) = message
                    && response.id.as_ref() == Some(&id)
                {
                    answer = Some(response.result);
                }
            });
            if let Some(answer) = answer {
                return Asked::Answered(answer);
            }
        }
    };
    tokio::time::timeout(limit, talk)
        .await
        .unwrap_or(Asked::TimedOut)
}

/// What ties a process to one worktree, as `git rev-parse --local-env-vars` lists it. git sets some for its hooks.
const REPOSITORY_VARIABLES: [&str; 15] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
];

/// Starts a broker's process and waits until it is ready. It leaves our session, keeps none of our files, and lives on
/// when we are gone.
async fn start(dir: &SessionDir, options: &BrokerOptions) -> Result<(), BrokerError> {
    let log = dir.new_log()?;
    let mut command = tokio::process::Command::new(&options.self_exe);
    command
        .args(&options.serve_verb)
        .args(options.serve_options().to_arguments())
        .envs(options.engine.env.iter().map(|(name, value)| (name, value)))
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(false);
    // A broker serves every worktree of its repository: what git tells one hook of one worktree is not for it.
    for name in REPOSITORY_VARIABLES {
        command.env_remove(name);
    }
    #[cfg(windows)]
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    let mut child = command.spawn().map_err(|source| BrokerError::Spawn {
        program: options.self_exe.clone(),
        source,
    })?;
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let mut said = [0; READY.len()];
    let reading = stdout.read_exact(&mut said);
    let problem = match tokio::time::timeout(options.start_timeout, reading).await {
        Ok(Ok(_)) if said == *READY => return Ok(()),
        Ok(Ok(_)) => "it said something else than that it is ready".to_owned(),
        Ok(Err(_)) => match tokio::time::timeout(options.connect_timeout, child.wait()).await {
            Ok(Ok(status)) => format!("it ended first ({status})"),
            _ => "it closed its output".to_owned(),
        },
        Err(_) => format!("it was not ready within {:?}", options.start_timeout),
    };
    // What is not ready by now is not left behind. It may be gone already.
    let _gone = child.start_kill();
    Err(BrokerError::NotStarted {
        problem,
        log_tail: dir.log_tail(),
        log_file: dir.log_file(),
    })
}

#[cfg(windows)]
const DETACHED_PROCESS: u32 = 0x0000_0008;
#[cfg(windows)]
const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;

/// The record of the broker that was started last in a state folder. `None` when there is none.
///
/// # Errors
///
/// The record is there and cannot be read.
pub fn newest_record(state_dir: &Path) -> Result<Option<BrokerRecord>, BrokerError> {
    BrokerRecord::read(&state_dir.join("broker.json"))
}
