//! What killed processes leave in the store's folder: half-made files, and jobs that died before their first event.
//!
//! Nothing here is a job that anybody was told of. Debris younger than an hour is left alone, because it may be somebody's
//! work in progress. Failure policy: what cannot be looked at or deleted stays for the next time.

use std::path::Path;
use std::time::Duration;

use super::lock::JobLock;
use super::{JobId, JobStore, JobsError, Timestamp};
use crate::atomic_file::NEW_FILE_PREFIX;

const MIN_AGE: Duration = Duration::from_secs(3_600);

/// Deletes old debris.
pub(crate) fn sweep_debris(store: &JobStore) {
    let jobs = store.folder().join("jobs");
    for folder in [store.folder(), &jobs] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let half_made = name.starts_with(NEW_FILE_PREFIX);
            let lock_of = name
                .strip_suffix(".lock")
                .filter(|_| folder == jobs)
                .and_then(|id| JobId::parse(id).ok());
            if (!half_made && lock_of.is_none()) || !is_old(store, &entry.path()) {
                continue;
            }
            match lock_of {
                Some(id) => delete_stillborn(store, &id),
                None => drop(std::fs::remove_file(entry.path())),
            }
        }
    }
}

fn is_old(store: &JobStore, path: &Path) -> bool {
    std::fs::symlink_metadata(path)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|modified| store.now().since(Timestamp::from_system(modified)) > MIN_AGE)
}

/// A job without a first event has no owner that could still write one, once its lock is free.
fn delete_stillborn(store: &JobStore, id: &JobId) {
    let files = store.files(id);
    if std::fs::metadata(&files.events).is_ok_and(|metadata| metadata.len() > 0) {
        return;
    }
    let owned = JobLock::try_acquire(&files.lock);
    if let Ok(Some(_lock)) = owned
        && matches!(store.load(id), Err(JobsError::Unreadable { .. }))
    {
        files.delete();
    }
}
