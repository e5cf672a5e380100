//! The life of a broker's process, from its lock to its last file.
//!
//! 1. The folder is made and checked, and `broker.lock` taken: from here on this is the only broker of its key. Engines of
//!    killed brokers are ended.
//! 2. The socket is bound (in place of a dead broker's), the pid file and the records are written.
//! 3. The starter is told, and the loop runs until the broker is idle, asked or told to end.
//! 4. The records and the socket go, then clients get what is queued for them, then the engine ends, then the lock.
//!
//! A broker that is killed leaves its files; its lock and its engine's input close with it, and the next one cleans up.

use std::future::Future;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::endpoint::imp;
use super::folder::SessionDir;
use super::left_engine;
use super::link::{EngineLauncher, ProcessLauncher};
use super::log::Log;
use super::record::write_whole;
use super::server::{Bounds, Server};
use super::state::Settings;
use super::wire::BrokerStatus;
use super::{BrokerError, BrokerIdentity, BrokerRecord, Ending, Endpoint, ServeOptions};
use crate::engine::{ClientInfo, initialize_params, policy};
use crate::process_identity::ProcessIdentity;
use crate::timestamp::Clock;

/// How long a broker waits for the one before it to finish.
const PREDECESSOR: Duration = Duration::from_secs(8);
/// What a starter reads from a broker that is ready.
pub(super) const READY: &[u8] = b"ready\n";

/// Serves until the broker ends, and says why it did. `ready` is called once clients can connect; `stop` resolves when
/// the system wants the broker to end.
///
/// # Errors
///
/// The folder cannot be used, another broker keeps the lock, or the socket cannot be bound.
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(&Endpoint),
    stop: impl Future<Output = ()>,
) -> Result<Ending, BrokerError> {
    let launcher = Box::new(ProcessLauncher {
        command: options.engine.clone(),
        dir: SessionDir::of(&options.state_dir, &options.identity.key),
    });
    serve_with(options, launcher, ready, stop).await
}

/// As [`serve`], with an engine that comes from elsewhere than a command.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_with(
    options: ServeOptions,
    launcher: Box<dyn EngineLauncher>,
    ready: impl FnOnce(&Endpoint),
    stop: impl Future<Output = ()>,
) -> Result<Ending, BrokerError> {
    let dir = SessionDir::of(&options.state_dir, &options.identity.key);
    dir.prepare()?;
    let lock = dir.lock_broker(PREDECESSOR).await?;
    lock.hold(b"")
        .map_err(BrokerError::io("write", dir.lock_file()))?;
    left_engine::end(&dir, &lock);
    // Another version or login has another folder, and nobody else may ever look there again.
    for other in SessionDir::all(&options.state_dir) {
        if other != dir && matches!(other.check(), Ok(true)) {
            left_engine::end_of_dead(&other);
        }
    }
    let endpoint = Endpoint::place(dir.path(), &options.runtime_dir)?;
    let listener = imp::Listener::bind(&endpoint).map_err(|source| BrokerError::Connect {
        endpoint: endpoint.to_string(),
        source,
    })?;
    let record = new_record(&dir, &options.identity, endpoint);
    write_whole(&dir.pid_file(), format!("{}\n", record.pid).as_bytes())?;
    record.write(&dir.record())?;
    record.write(&dir.newest_record())?;
    lock.hold(&record.to_json())
        .map_err(BrokerError::io("write", dir.lock_file()))?;
    let mut log = Log::open(&dir, Clock::system());
    log.line(format_args!(
        "codex-review {} serves {} {}, pid {}",
        record.version,
        record.engine.display(),
        record.engine_version,
        record.pid
    ));
    ready(&record.endpoint);

    let settings = settings(&options, &record);
    let server = Server::new(settings, Bounds::default(), launcher, log);
    // The records go as soon as the loop ends, before the engine is waited for.
    let ending = server
        .run(listener, stop, || {
            // Before the record, which would be looked for here. What stays is a record whose broker is gone.
            let _stays = lock.hold(b"");
            record.remove(&dir.record());
            record.remove(&dir.newest_record());
            let _gone = std::fs::remove_file(dir.pid_file());
        })
        .await;
    left_engine::end(&dir, &lock);
    drop(lock);
    Ok(ending)
}

/// The whole life of a broker's process: what `broker serve` does with its arguments. To be called before the process
/// opens any file or starts any thread. Tells the starter on stdout, in one line, that it is ready.
///
/// # Errors
///
/// As [`serve`], and for bad arguments.
pub fn serve_process(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Ending, BrokerError> {
    imp::close_inherited_files();
    imp::leave_session();
    let options = ServeOptions::from_arguments(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BrokerError::io("start", "a runtime"))?;
    let ending = runtime.block_on(serve(
        options,
        |_| {
            // A starter that does not wait for it has gone; the broker serves all the same.
            let mut out = std::io::stdout();
            let _gone = out.write_all(READY).and_then(|()| out.flush());
        },
        async {
            // Where signals cannot be watched, one ends the process as it ends any other.
            if imp::told_to_end().await.is_err() {
                std::future::pending::<()>().await;
            }
        },
    ));
    // A thread that waits for a lock must not hold the process up.
    runtime.shutdown_background();
    ending
}

fn new_record(dir: &SessionDir, identity: &BrokerIdentity, endpoint: Endpoint) -> BrokerRecord {
    let process = ProcessIdentity::current();
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    BrokerRecord {
        endpoint,
        pid: process.pid,
        process_start: process.start,
        pid_file: dir.pid_file(),
        log_file: dir.log_file(),
        session_dir: dir.path().to_owned(),
        key: identity.key.clone(),
        engine: identity.executable.clone(),
        engine_version: identity.engine_version.clone(),
        engine_home: identity.home.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    }
}

fn settings(options: &ServeOptions, record: &BrokerRecord) -> Settings {
    Settings {
        max_streams: options.tuning.max_streams,
        idle_timeout: options.tuning.idle_timeout,
        interrupt_grace: Duration::from_secs(10),
        offer: Duration::from_secs(5),
        hand_over: Duration::from_secs(60),
        handshake: Duration::from_secs(30),
        initialize_params: initialize_params(&ClientInfo::default()),
        about: BrokerStatus {
            pid: record.pid,
            version: record.version.clone(),
            key: record.key.clone(),
            engine: record.engine.to_string_lossy().into_owned(),
            engine_version: record.engine_version.clone(),
            engine_home: record.engine_home.to_string_lossy().into_owned(),
            ..BrokerStatus::default()
        },
        policy: policy::answer,
    }
}
