//! `broker.json`: how a broker is found.
//!
//! [`BrokerRecord`] is what it holds. A record is a hint, not a promise: whoever reads one connects and asks, and a
//! record whose broker is gone is removed by the next starter. A damaged record reads as none; the broker's lock holds it
//! once more, see [`Named`].

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::SessionDir;
use super::{BrokerError, Endpoint};
use crate::atomic_file::{self, Durability, Readers};
use crate::process_identity::ProcessIdentity;

/// One broker, as its record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerRecord {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its process.
    pub pid: u32,
    /// A mark of the process's start, where the system tells it.
    pub process_start: Option<String>,
    /// A file that holds the pid.
    pub pid_file: PathBuf,
    /// Its log.
    pub log_file: PathBuf,
    /// The folder of its files.
    pub session_dir: PathBuf,
    /// The key of its engine's identity and its own version.
    pub key: String,
    /// The engine's executable.
    pub engine: PathBuf,
    /// The engine's version.
    pub engine_version: String,
    /// The engine's home.
    pub engine_home: PathBuf,
    /// The broker's own version.
    pub version: String,
    /// When it was started, in milliseconds since 1970.
    pub started_at_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordV1 {
    endpoint: String,
    pid: u32,
    pid_file: PathBuf,
    log_file: PathBuf,
    session_dir: PathBuf,
    key: String,
    engine: PathBuf,
    engine_version: String,
    engine_home: PathBuf,
    version: String,
    started_at_ms: u64,
    #[serde(default)]
    process_start: Option<String>,
}

impl BrokerRecord {
    /// Reads a record. `None` when there is none, or none that can be understood.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, BrokerError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BrokerError::io("read", path)(error)),
        };
        let Ok(wire) = serde_json::from_slice::<RecordV1>(&bytes) else {
            return Ok(None);
        };
        let Ok(endpoint) = Endpoint::parse(&wire.endpoint) else {
            return Ok(None);
        };
        Ok(Some(BrokerRecord {
            endpoint,
            pid: wire.pid,
            process_start: wire.process_start,
            pid_file: wire.pid_file,
            log_file: wire.log_file,
            session_dir: wire.session_dir,
            key: wire.key,
            engine: wire.engine,
            engine_version: wire.engine_version,
            engine_home: wire.engine_home,
            version: wire.version,
            started_at_ms: wire.started_at_ms,
        }))
    }

    /// Writes the record: whoever reads sees the old one or the new one.
    pub(super) fn write(&self, path: &Path) -> Result<(), BrokerError> {
        write_whole(path, &self.to_json())
    }

    /// What [`Self::read`] reads.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Paths that are no text cannot stand in JSON; what is lost in them is for display alone.
        let text = |path: &Path| PathBuf::from(path.to_string_lossy().into_owned());
        let wire = RecordV1 {
            endpoint: self.endpoint.to_string(),
            pid: self.pid,
            pid_file: text(&self.pid_file),
            log_file: text(&self.log_file),
            session_dir: text(&self.session_dir),
            key: self.key.clone(),
            engine: text(&self.engine),
            engine_version: self.engine_version.clone(),
            engine_home: text(&self.engine_home),
            version: self.version.clone(),
            started_at_ms: self.started_at_ms,
            process_start: self.process_start.clone(),
        };
        let mut json = serde_json::to_vec_pretty(&wire).expect("text and numbers always serialise");
        json.push(b'\n');
        json
    }

    /// The broker's process, as it was when it wrote this.
    #[must_use]
    pub fn process(&self) -> ProcessIdentity {
        ProcessIdentity {
            pid: self.pid,
            start: self.process_start.clone(),
        }
    }

    /// Removes a record unless it is by now another process's.
    pub(super) fn remove(&self, path: &Path) {
        if Self::read(path)
            .is_ok_and(|record| record.is_some_and(|now| now.process() == self.process()))
        {
            // It may be gone already.
            let _gone = std::fs::remove_file(path);
        }
    }
}

/// Who serves a folder, as far as its files tell.
pub(super) enum Named {
    /// A broker that is recorded. It may be gone.
    Recorded(BrokerRecord),
    /// A broker whose record is lost, by the copy in its lock.
    Lost(BrokerRecord),
    /// A broker of which nothing else is known.
    Nameless(BrokerError),
    /// Nobody, or a broker that starts or ends.
    Nobody,
}

impl Named {
    /// Reads what a folder says.
    pub(super) fn of(dir: &SessionDir) -> Self {
        let recorded = match BrokerRecord::read(&dir.record()) {
            Ok(Some(record)) => return Named::Recorded(record),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if !dir.is_served() {
            return recorded.map_or(Named::Nobody, Named::Nameless);
        }
        let copy = dir.lock_file();
        match BrokerRecord::read(&copy) {
            Ok(Some(record)) => Named::Lost(record),
            // It holds nothing while its broker starts or ends.
            Ok(None) if copy.metadata().is_ok_and(|meta| meta.len() > 0) => {
                Named::Nameless(BrokerError::Nameless {
                    path: dir.path().to_owned(),
                })
            }
            // Where a lock keeps others from reading, there is no copy.
            Ok(None) | Err(_) => Named::Nobody,
        }
    }
}

/// Writes a file beside its place and renames it there.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BrokerError> {
    atomic_file::write(path, bytes, Durability::Derived, Readers::Owner)
        .map_err(BrokerError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> BrokerRecord {
        BrokerRecord {
            endpoint: Endpoint::Unix("/s/broker.sock".into()),
            pid: 12,
            process_start: Some("b:1".into()),
            pid_file: "/s/broker.pid".into(),
            log_file: "/s/broker.log".into(),
            session_dir: "/s".into(),
            key: "k".into(),
            engine: "/bin/codex".into(),
            engine_version: "1".into(),
            engine_home: "/h".into(),
            version: "0".into(),
            started_at_ms: 5,
        }
    }

    #[test]
    fn a_record_survives_and_only_its_own_broker_removes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.json");
        assert_eq!(BrokerRecord::read(&path).unwrap(), None);
        record().write(&path).unwrap();
        assert_eq!(BrokerRecord::read(&path).unwrap(), Some(record()));
        let text = std::fs::read_to_string(&path).unwrap();
        for name in ["endpoint", "pid", "pidFile", "logFile", "sessionDir"] {
            assert!(text.contains(&format!("\"{name}\"")), "{text}");
        }
        let mut other = record();
        other.pid = 13;
        other.remove(&path);
        assert!(path.exists());
        record().remove(&path);
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_record_reads_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.json");
        for text in ["", "{", "{}", "[1]", "\u{1b}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(BrokerRecord::read(&path).unwrap(), None, "{text:?}");
        }
    }
}
