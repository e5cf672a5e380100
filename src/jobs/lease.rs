//! Which Claude sessions use this repository's store, so that one session's end releases what it alone needed, and what
//! dead sessions left can be swept.
//!
//! A lease is one small file per session, `sessions/<name>.json`, written by the session's own hooks alone. It holds no
//! work: jobs and results live on when a lease ends.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::state_dir::ensure_private;
use super::{JobStore, JobsError, ProcessIdentity, Timestamp, stored_file};
use crate::atomic_file::{self, Durability, Readers};

/// One session's use of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLease {
    /// The Claude session.
    pub session_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// The host's process, if it is known.
    pub host: Option<ProcessIdentity>,
}

impl SessionLease {
    /// Whether the session is surely over: its host is gone, or nothing is known of it and it is older than `max_age`.
    #[must_use]
    pub fn is_dead(&self, now: Timestamp, max_age: Duration) -> bool {
        match self.host.as_ref().and_then(ProcessIdentity::is_alive) {
            Some(alive) => !alive,
            None => now.since(self.started_at) > max_age,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseV1 {
    version: u64,
    session_id: String,
    started_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host_pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host_start: Option<String>,
}

fn path_of(store: &JobStore, session_id: &str) -> PathBuf {
    // A session's id comes from outside, so it does not become a file name.
    let name: String = Sha256::digest(session_id.as_bytes())[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    store.folder().join("sessions").join(format!("{name}.json"))
}

/// Notes that a session began (or goes on).
///
/// # Errors
///
/// The store cannot be written.
pub fn begin_session(
    store: &JobStore,
    session_id: &str,
    host: Option<ProcessIdentity>,
) -> Result<(), JobsError> {
    ensure_private(&store.folder().join("sessions"))?;
    let (host_pid, host_start) = host.map_or((None, None), |host| (Some(host.pid), host.start));
    let lease = LeaseV1 {
        version: 1,
        session_id: session_id.to_owned(),
        started_at: store.now().to_string(),
        host_pid,
        host_start,
    };
    let path = path_of(store, session_id);
    let bytes = serde_json::to_vec(&lease).expect("strings and numbers serialise");
    atomic_file::write(&path, &bytes, Durability::Derived, Readers::Owner)
        .map_err(JobsError::io("write", path))
}

/// Notes that a session ended. Returns whether it had a lease.
///
/// # Errors
///
/// The store cannot be written.
pub fn end_session(store: &JobStore, session_id: &str) -> Result<bool, JobsError> {
    let path = path_of(store, session_id);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(JobsError::io("delete", path)(error)),
    }
}

/// The sessions that have a lease. A file that is no lease is passed over.
///
/// # Errors
///
/// The folder cannot be read.
pub fn sessions(store: &JobStore) -> Result<Vec<SessionLease>, JobsError> {
    let folder = store.folder().join("sessions");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JobsError::io("read", folder)(error)),
    };
    let mut leases: Vec<SessionLease> = entries
        .flatten()
        .filter_map(|entry| {
            let lease: LeaseV1 =
                serde_json::from_slice(&stored_file::read(&entry.path()).ok()?).ok()?;
            Some(SessionLease {
                session_id: lease.session_id,
                started_at: Timestamp::parse_iso(&lease.started_at)?,
                host: lease.host_pid.map(|pid| ProcessIdentity {
                    pid,
                    start: lease.host_start,
                }),
            })
        })
        .collect();
    leases.sort_by(|left, right| left.session_id.cmp(&right.session_id));
    Ok(leases)
}

/// Ends the leases of sessions that are surely over, and returns them.
///
/// # Errors
///
/// The store cannot be read or written.
pub fn sweep_sessions(store: &JobStore, max_age: Duration) -> Result<Vec<SessionLease>, JobsError> {
    let now = store.now();
    let (dead, _): (Vec<_>, Vec<_>) = sessions(store)?
        .into_iter()
        .partition(|lease| lease.is_dead(now, max_age));
    for lease in &dead {
        end_session(store, &lease.session_id)?;
    }
    Ok(dead)
}
