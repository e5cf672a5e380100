//! `engine.json`: the process that a broker's engine is.
//!
//! A broker that is killed takes nothing along. Its engine ends at the end of its input, if it is well; one that does not
//! would stay for ever. So a broker notes its engine, and whoever finds the broker dead ends what it has left: the next
//! broker of the workspace, `broker stop`, and a run that loses its broker.
//!
//! Failure policy: what cannot be read or is not certainly the noted process is left alone, and nobody is told.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::folder::{Lock, SessionDir};
use super::record::write_whole;
use crate::process_identity::ProcessIdentity;

/// How long a broker that was just killed may take to be gone.
const GONE: Duration = Duration::from_millis(300);

/// Notes the engine that a broker has just started. It leads its group.
pub(super) fn note(dir: &SessionDir, pid: u32) {
    // Where the system does not tell a start, the process could not be ended either.
    if let Some(engine) = ProcessIdentity::of(pid) {
        let noted = json!({"pid": engine.pid, "start": engine.start});
        drop(write_whole(
            &dir.engine_file(),
            noted.to_string().as_bytes(),
        ));
    }
}

/// Ends the noted engine with its group, if it lives, and forgets it. Whoever holds the broker's lock knows that nobody
/// uses it.
pub(super) fn end(dir: &SessionDir, _held: &Lock) {
    let path = dir.engine_file();
    let Ok(noted) = std::fs::read(&path) else {
        return;
    };
    let noted: serde_json::Value = serde_json::from_slice(&noted).unwrap_or_default();
    let pid = noted["pid"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok());
    if let (Some(pid), Some(start)) = (pid, noted["start"].as_str()) {
        let engine = ProcessIdentity {
            pid,
            start: Some(start.to_owned()),
        };
        if engine.kill_group().is_err() {
            return;
        }
    }
    let _gone = std::fs::remove_file(path);
}

/// Ends what the dead broker of a folder has left. Nothing when a broker serves.
pub(super) fn end_of_dead(dir: &SessionDir) {
    if dir.engine_file().exists()
        && let Some(lock) = dir.try_lock_broker()
    {
        end(dir, &lock);
    }
}

/// Ends the engines that the dead brokers of a workspace have left: for a run that has lost its broker. One that lives
/// keeps its engine.
pub async fn end_left_engines(state_dir: &Path) {
    for dir in SessionDir::all(state_dir) {
        if matches!(dir.check(), Ok(true))
            && dir.engine_file().exists()
            // A process that was killed closes its connections a moment before it frees its locks.
            && let Ok(lock) = dir.lock_broker(GONE).await
        {
            end(&dir, &lock);
        }
    }
}
