//! Looking at brokers and ending them: what `broker status` and `broker stop` are made of.
//!
//! One broker that does not answer never hides the others: each has its own outcome.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::client::{Asked, ask, connect};
use super::folder::SessionDir;
use super::left_engine;
use super::record::Named;
use super::wire::{self, BrokerReason, BrokerStatus};
use super::{BrokerError, BrokerRecord};
use crate::process_identity::Signalled;

/// A broker that was found, or a folder where one may be.
#[derive(Debug)]
pub struct FoundBroker {
    /// The folder of its files.
    pub folder: PathBuf,
    /// Its record. `None` where none can be read, or the folder is not safe to use.
    pub record: Option<BrokerRecord>,
}

/// One broker, and what it says.
#[derive(Debug)]
pub struct BrokerView {
    /// Which one.
    pub broker: FoundBroker,
    /// What it says of itself; or why it says nothing.
    pub status: Result<BrokerStatus, BrokerError>,
}

/// What came of ending a broker.
#[derive(Debug)]
pub enum StopOutcome {
    /// It ended, or is about to.
    Stopped,
    /// Turns run, and it was not forced.
    Busy {
        /// How many.
        running: usize,
    },
    /// It did not answer and was killed.
    Killed,
    /// It could not be ended.
    Failed(BrokerError),
}

/// The brokers of one workspace, each asked for its status for no longer than `limit`. Records whose broker is gone are
/// left out. A folder that is not safe to use is among them, with its error.
pub async fn status_all(state_dir: &Path, limit: Duration) -> Vec<BrokerView> {
    let mut views = Vec::new();
    for dir in SessionDir::all(state_dir) {
        let (record, status) = match named(&dir) {
            Ok(None) => continue,
            Ok(Some(record)) => match status(&dir, &record, limit).await {
                None => continue,
                Some(status) => (Some(record), status),
            },
            Err(error) => (None, Err(error)),
        };
        let folder = dir.path().to_owned();
        views.push(BrokerView {
            broker: FoundBroker { folder, record },
            status,
        });
    }
    views
}

/// Who serves a folder, if anybody may.
fn named(dir: &SessionDir) -> Result<Option<BrokerRecord>, BrokerError> {
    if !dir.check()? {
        return Ok(None);
    }
    match Named::of(dir) {
        Named::Recorded(record) | Named::Lost(record) => Ok(Some(record)),
        Named::Nameless(error) => Err(error),
        Named::Nobody => Ok(None),
    }
}

/// What a broker says of itself. `None` when it is gone.
async fn status(
    dir: &SessionDir,
    record: &BrokerRecord,
    limit: Duration,
) -> Option<Result<BrokerStatus, BrokerError>> {
    let asked = match connect(&record.endpoint, limit).await {
        Ok((mut reader, mut writer)) => {
            ask(&mut reader, &mut writer, wire::STATUS, json!({}), limit).await
        }
        Err(_) if !dir.is_served() => return None,
        Err(failure) => return Some(Err(failure.at(&record.endpoint))),
    };
    Some(match asked {
        Asked::Closed if !dir.is_served() => return None,
        Asked::Answered(Ok(answer)) => {
            BrokerStatus::from_value(answer).ok_or_else(|| mute(record, "gave no status"))
        }
        Asked::Answered(Err(source)) => Err(BrokerError::Refused {
            endpoint: record.endpoint.to_string(),
            method: wire::STATUS,
            source: Box::new(source),
        }),
        Asked::Closed | Asked::TimedOut => Err(mute(record, "does not answer")),
    })
}

fn mute(record: &BrokerRecord, problem: &str) -> BrokerError {
    BrokerError::NotResponding {
        endpoint: record.endpoint.to_string(),
        problem: problem.to_owned(),
    }
}

/// Asks every broker of one workspace to end, and waits for each up to `limit`. With `force`, turns are no reason to
/// stay, and a broker that does not answer is killed, provided that its process is certainly the recorded one. What
/// brokers that were killed have left is ended and removed. A folder that is not safe to use fails by itself.
pub async fn stop_all(
    state_dir: &Path,
    force: bool,
    limit: Duration,
) -> Vec<(FoundBroker, StopOutcome)> {
    let mut outcomes = Vec::new();
    for dir in SessionDir::all(state_dir) {
        let (record, outcome) = match named(&dir) {
            Err(error) => (None, StopOutcome::Failed(error)),
            Ok(record) if !dir.is_served() => {
                if let Some(record) = record {
                    record.remove(&dir.record());
                    record.remove(&dir.newest_record());
                }
                left_engine::end_of_dead(&dir);
                continue;
            }
            // It starts or ends.
            Ok(None) => continue,
            Ok(Some(record)) => {
                let outcome = stop(&dir, &record, force, limit).await;
                (Some(record), outcome)
            }
        };
        let folder = dir.path().to_owned();
        outcomes.push((FoundBroker { folder, record }, outcome));
    }
    outcomes
}

async fn stop(
    dir: &SessionDir,
    record: &BrokerRecord,
    force: bool,
    limit: Duration,
) -> StopOutcome {
    let asked = match connect(&record.endpoint, limit).await {
        Ok((mut reader, mut writer)) => {
            let params = json!({"force": force});
            ask(&mut reader, &mut writer, wire::SHUTDOWN, params, limit).await
        }
        Err(failure) if !force => return StopOutcome::Failed(failure.at(&record.endpoint)),
        Err(_) => Asked::TimedOut,
    };
    match asked {
        Asked::Answered(Ok(_)) | Asked::Closed => {
            // The lock is free once it has ended, and its engine with it.
            match dir.lock_broker(limit).await {
                Ok(_free) => return StopOutcome::Stopped,
                Err(error) if !force => return StopOutcome::Failed(error),
                Err(_) => {}
            }
        }
        Asked::Answered(Err(error)) => {
            return match BrokerReason::of(&error) {
                Some(BrokerReason::Busy) => StopOutcome::Busy {
                    running: wire::QueuePlace::from_error(&error).map_or(1, |busy| busy.running),
                },
                _ => StopOutcome::Failed(BrokerError::Refused {
                    endpoint: record.endpoint.to_string(),
                    method: wire::SHUTDOWN,
                    source: Box::new(error),
                }),
            };
        }
        Asked::TimedOut if !force => return StopOutcome::Failed(mute(record, "does not answer")),
        Asked::TimedOut => {}
    }
    if !matches!(record.process().kill(), Ok(Signalled::Sent)) {
        return StopOutcome::Failed(mute(record, "does not answer and cannot be ended safely"));
    }
    match dir.lock_broker(limit).await {
        Ok(free) => {
            record.remove(&dir.record());
            record.remove(&dir.newest_record());
            left_engine::end(dir, &free);
            StopOutcome::Killed
        }
        Err(error) => StopOutcome::Failed(error),
    }
}

/// The state folders below a state root that have brokers, in a stable order: for `--all`.
#[must_use]
pub fn workspaces_with_brokers(state_root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(state_root) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| !SessionDir::all(path).is_empty())
        .collect();
    found.sort_unstable();
    found
}
