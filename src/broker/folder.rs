//! The files of one broker, and the lock that makes it the only one.
//!
//! ```text
//! <state_dir>/broker.json                the broker that was started last, whichever engine it serves
//! <state_dir>/broker/<key>/broker.json   the broker of one engine identity
//!                          broker.sock   where it listens, unless the path is too long for an address
//!                          broker.pid    its pid, for people and scripts
//!                          broker.log    what happened to it and its engine, bounded; `broker.log.old` is the one before
//!                          broker.lock   held by the broker for its life; holds its record once more while it serves
//!                          engine.json   the broker's engine, for whoever comes after a broker that was killed
//!                          start.lock    held by whoever is about to start one
//! ```
//!
//! Locks are the system's (`File::lock`): they go with their holder, however it dies.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::BrokerError;
use super::endpoint::imp;

/// The folder below a state folder that holds one folder per broker.
const BROKERS: &str = "broker";

/// The folder of one broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionDir {
    state_dir: PathBuf,
    path: PathBuf,
}

impl SessionDir {
    /// Names the folder; touches nothing.
    pub(super) fn of(state_dir: &Path, key: &str) -> Self {
        SessionDir {
            state_dir: state_dir.to_owned(),
            path: state_dir.join(BROKERS).join(key),
        }
    }

    /// The folders of every broker that ever served a state folder, in a stable order. None when there are none.
    pub(super) fn all(state_dir: &Path) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(state_dir.join(BROKERS)) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect();
        paths.sort_unstable();
        paths
            .into_iter()
            .map(|path| SessionDir {
                state_dir: state_dir.to_owned(),
                path,
            })
            .collect()
    }

    /// Makes the folder, and makes sure that it is the user's alone.
    pub(super) fn prepare(&self) -> Result<(), BrokerError> {
        std::fs::create_dir_all(&self.state_dir)
            .map_err(BrokerError::io("create", &self.state_dir))?;
        imp::private_folder(&self.state_dir.join(BROKERS))?;
        imp::private_folder(&self.path)
    }

    /// Makes sure that the folder is the user's alone, without making it. `Ok(false)` when it is not there.
    pub(super) fn check(&self) -> Result<bool, BrokerError> {
        for path in [&self.state_dir.join(BROKERS), &self.path] {
            if path.symlink_metadata().is_err() {
                return Ok(false);
            }
            imp::check_private_folder(path)?;
        }
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn record(&self) -> PathBuf {
        self.path.join("broker.json")
    }

    pub(super) fn newest_record(&self) -> PathBuf {
        self.state_dir.join("broker.json")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.path.join("broker.pid")
    }

    /// Where a broker that serves keeps its record once more: people and accidents reach `broker.json`.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.path.join("broker.lock")
    }

    pub(super) fn engine_file(&self) -> PathBuf {
        self.path.join("engine.json")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.path.join("broker.log")
    }

    pub(super) fn old_log_file(&self) -> PathBuf {
        self.path.join("broker.log.old")
    }

    /// Opens a new log and keeps the one before.
    pub(super) fn new_log(&self) -> Result<File, BrokerError> {
        // A log that is not there cannot be kept.
        let _first = std::fs::rename(self.log_file(), self.old_log_file());
        self.append_log()
    }

    /// Opens the log, at its end.
    pub(super) fn append_log(&self) -> Result<File, BrokerError> {
        let path = self.log_file();
        private()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(BrokerError::io("open", path))
    }

    /// Waits for the right to be the broker.
    pub(super) async fn lock_broker(&self, wait: Duration) -> Result<Lock, BrokerError> {
        Lock::acquire(self.lock_file(), wait).await
    }

    /// The right to be the broker, if nobody has it and it can be had at once.
    pub(super) fn try_lock_broker(&self) -> Option<Lock> {
        let file = lock_file(&self.lock_file()).ok()?;
        file.try_lock().ok()?;
        Some(Lock { file })
    }

    /// Waits for the right to start one.
    pub(super) async fn lock_start(&self, wait: Duration) -> Result<Lock, BrokerError> {
        Lock::acquire(self.path.join("start.lock"), wait).await
    }

    /// Whether some process is the broker now.
    pub(super) fn is_served(&self) -> bool {
        match File::open(self.lock_file()) {
            Ok(file) => matches!(
                file.try_lock_shared(),
                Err(std::fs::TryLockError::WouldBlock)
            ),
            Err(_) => false,
        }
    }

    /// The last lines of the log, joined, for an error message. Empty when there is nothing.
    pub(super) fn log_tail(&self) -> String {
        use std::io::{Read as _, Seek as _, SeekFrom};
        const TAIL: u64 = 2048;
        const LINES: usize = 5;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.log_file())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            file.take(TAIL).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(LINES)..].join(" | ")
    }
}

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Replaces what the lock's file holds.
    pub(super) fn hold(&self, bytes: &[u8]) -> std::io::Result<()> {
        use std::io::{Seek as _, SeekFrom, Write as _};
        let mut file = &self.file;
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(bytes)
    }

    async fn acquire(path: PathBuf, wait: Duration) -> Result<Self, BrokerError> {
        let file = lock_file(&path).map_err(BrokerError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => return Ok(Lock { file }),
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(BrokerError::io("lock", path)(source));
            }
        }
        // The system tells when the lock is free, but only to a thread that waits. The thread is left behind when the
        // time is over: should it get the lock then, it finds nobody to give it to and frees it.
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiter = std::thread::Builder::new().name("lock".to_owned());
        let spawned = waiter.spawn(move || {
            let outcome = file.lock().map(|()| file);
            drop(sender.send(outcome));
        });
        if let Err(source) = spawned {
            return Err(BrokerError::io("wait for", path)(source));
        }
        match tokio::time::timeout(wait, receiver).await {
            Ok(Ok(Ok(file))) => Ok(Lock { file }),
            Ok(Ok(Err(source))) => Err(BrokerError::io("lock", path)(source)),
            Ok(Err(_)) | Err(_) => Err(BrokerError::Locked { path, waited: wait }),
        }
    }
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    private()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix alone"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
