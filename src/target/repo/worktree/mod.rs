//! The working tree against the index, and what the index does not know: one walk, several threads.
//!
//! Each directory is opened once. Names are matched with the index entries of that directory; a tracked file is read only
//! if its metadata differs from what the index remembers (or cannot be trusted because both were written at the same
//! time), and exclude files are consulted only for names that the index does not know.

mod directory;
mod tracked;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use bstr::BString;

use super::convert::Converter;
use super::kept::Kept;
use super::listing::Kind;
use super::raw::RawChange;
use super::{submodule, threads};
use crate::target::{ChangesError, LeftOut, LeftOutReason};

/// Files above this size are never held in memory: they are summarised like binary ones.
pub(super) const BIG_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Below this many index entries a second thread costs more than it saves.
const ENTRIES_FOR_THREADS: usize = 1_500;

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) untracked: bool,
    /// Stop at the first difference: only whether there is one matters.
    pub(super) only_whether: bool,
    /// 0 means one for each processor.
    pub(super) threads: usize,
    /// How many repositories this one lies in.
    pub(super) depth: u32,
}

/// A name that the index does not know and that no exclude file covers.
#[derive(Debug, Clone)]
pub(super) struct Untracked {
    pub(super) path: BString,
    pub(super) kind: Kind,
}

/// What the walk found, each list in path order.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) changes: Vec<RawChange>,
    pub(super) untracked: Vec<Untracked>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Found {
    /// Whether git would call the working tree dirty.
    pub(super) fn is_dirty(&self) -> bool {
        !self.changes.is_empty()
            || self
                .untracked
                .iter()
                .any(|file| !matches!(file.kind, Kind::Special(_)))
            || self
                .left_out
                .iter()
                .any(|file| file.reason == LeftOutReason::NestedRepository)
    }
}

/// What all threads share.
pub(super) struct Shared<'s> {
    pub(super) root: PathBuf,
    pub(super) index: &'s gix::index::File,
    pub(super) filters: &'s [BString],
    head_tree: Option<gix::ObjectId>,
    wanted: Wanted,
    stat_options: gix::index::entry::stat::Options,
    trusts_mode: bool,
    has_symlinks: bool,
    is_sparse: bool,
    ignores_submodules: submodule::Ignored,
    kept: Kept,
    stop: AtomicBool,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    active: usize,
}

/// A directory to look at: its path with a slash at the end (or empty), and the index entries in it.
struct Task {
    directory: BString,
    entries: Range<usize>,
}

/// Walks the whole working tree.
pub(super) fn walk(
    repository: &gix::Repository,
    root: &Path,
    index: &gix::index::File,
    filters: &[BString],
    head_tree: Option<gix::ObjectId>,
    wanted: Wanted,
) -> Result<Found, ChangesError> {
    let config = repository.config_snapshot();
    let on = |key: &str, default: bool| config.boolean(key).unwrap_or(default);
    let stat_options = repository
        .stat_options()
        .map_err(|error| ChangesError::Repository {
            what: "the configuration".into(),
            source: Box::new(error),
        })?;
    let shared = Shared {
        root: root.to_owned(),
        index,
        filters,
        head_tree,
        wanted,
        stat_options,
        trusts_mode: cfg!(unix) && on("core.fileMode", true),
        has_symlinks: on("core.symlinks", true),
        is_sparse: on("core.sparseCheckout", false)
            && !on("sparse.expectFilesOutsideOfPatterns", false),
        ignores_submodules: submodule::Ignored::read(repository, index),
        kept: Kept::default(),
        stop: AtomicBool::new(false),
        queue: Mutex::new(Queue {
            tasks: vec![Task {
                directory: BString::default(),
                entries: 0..index.entries().len(),
            }],
            active: 0,
        }),
        wake: Condvar::new(),
    };
    let count = if index.entries().len() < ENTRIES_FOR_THREADS {
        1
    } else {
        threads(wanted.threads)
    };
    let results: Vec<Result<Found, ChangesError>> = if count == 1 {
        vec![work(&shared, repository)]
    } else {
        let sync = repository.clone().into_sync();
        let (shared, sync) = (&shared, &sync);
        std::thread::scope(|scope| {
            let handles: Vec<_> = (1..count)
                .map(|_| scope.spawn(move || work(shared, &sync.to_thread_local())))
                .collect();
            let mut results = vec![work(shared, repository)];
            results.extend(handles.into_iter().map(|handle| match handle.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }));
            results
        })
    };
    let mut found = Found::default();
    for result in results {
        let mut part = result?;
        found.changes.append(&mut part.changes);
        found.untracked.append(&mut part.untracked);
        found.left_out.append(&mut part.left_out);
    }
    found
        .changes
        .sort_unstable_by(|one, other| one.path.cmp(&other.path));
    found
        .untracked
        .sort_unstable_by(|one, other| one.path.cmp(&other.path));
    found
        .left_out
        .sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn work(shared: &Shared<'_>, repository: &gix::Repository) -> Result<Found, ChangesError> {
    let mut worker = Worker {
        shared,
        repository,
        excludes: None,
        converter: None,
        found: Found::default(),
    };
    while let Some((task, _active)) = next_task(shared) {
        let more = worker
            .directory(&task)
            .inspect_err(|_| shared.stop.store(true, Ordering::Relaxed))?;
        if shared.wanted.only_whether && worker.found.is_dirty() {
            shared.stop.store(true, Ordering::Relaxed);
        }
        if !more.is_empty() {
            lock(&shared.queue).tasks.extend(more);
            shared.wake.notify_all();
        }
    }
    Ok(worker.found)
}

fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a task as being worked on until it is dropped, also when the thread fails.
struct Active<'s, 'i>(&'s Shared<'i>);

impl Drop for Active<'_, '_> {
    fn drop(&mut self) {
        lock(&self.0.queue).active -= 1;
        self.0.wake.notify_all();
    }
}

/// The next directory; `None` when all is done. Waits while others may still find more.
fn next_task<'s, 'i>(shared: &'s Shared<'i>) -> Option<(Task, Active<'s, 'i>)> {
    let mut queue = lock(&shared.queue);
    loop {
        if shared.stop.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(task) = queue.tasks.pop() {
            queue.active += 1;
            return Some((task, Active(shared)));
        }
        if queue.active == 0 {
            return None;
        }
        queue = shared
            .wake
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// One thread's tools, and what it found.
struct Worker<'w, 's> {
    shared: &'w Shared<'s>,
    repository: &'w gix::Repository,
    excludes: Option<gix::AttributeStack<'w>>,
    converter: Option<Converter<'w>>,
    found: Found,
}
