//! The working tree against the index, and what the index does not know: one walk, several threads.
//!
//! Each directory is opened once. Names are matched with the index entries of that directory; a tracked file is read only
//! if its metadata differs from what the index remembers (or cannot be trusted because both were written at the same
//! time), and exclude files are consulted only for names that the index does not know.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode};

use super::convert::{Converter, blob_id, stream_id};
use super::listing::{FileStat, Kind, Listing};
use super::raw::{RawChange, RawSide, Source};
use super::worktree_file::{self, Opened, is_missing};
use super::{submodule, threads};
use crate::target::{ChangesError, LeftOut, LeftOutReason, Part};

/// Files above this size are never held in memory: they are summarised like binary ones.
pub(super) const BIG_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The contents of changed files are kept up to this sum; later ones are read again when they are rendered.
const KEPT_BYTES: u64 = 12 * 1024 * 1024;
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
    kept: AtomicU64,
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
        kept: AtomicU64::new(0),
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

struct Worker<'w, 's> {
    shared: &'w Shared<'s>,
    repository: &'w gix::Repository,
    excludes: Option<gix::AttributeStack<'w>>,
    converter: Option<Converter<'w>>,
    found: Found,
}

impl<'w> Worker<'w, '_> {
    fn directory(&mut self, task: &Task) -> Result<Vec<Task>, ChangesError> {
        let path = self.on_disk(task.directory.as_bstr());
        let listing = match Listing::read(&path) {
            Ok(listing) => listing,
            Err(error) if is_missing(&error) => {
                self.all_deleted(task.entries.clone());
                return Ok(Vec::new());
            }
            Err(error) if task.directory.is_empty() => {
                return Err(ChangesError::Io {
                    path,
                    source: error,
                });
            }
            Err(error) => {
                self.unreadable(task.directory.as_bstr(), &error);
                return Ok(Vec::new());
            }
        };
        let mut known = vec![false; listing.names().len()];
        let mut more = Vec::new();
        self.tracked(task, &listing, &mut known, &mut more)?;
        if self.shared.wanted.untracked {
            for ((name, kind), _) in listing
                .names()
                .iter()
                .zip(&known)
                .filter(|(_, known)| !**known)
            {
                if name != ".git" {
                    self.unknown(task.directory.as_bstr(), name.as_bstr(), *kind, &mut more)?;
                }
            }
        }
        Ok(more)
    }

    fn on_disk(&self, path: &BStr) -> PathBuf {
        match path.to_path() {
            Ok(path) => self.shared.root.join(path),
            Err(_) => self.shared.root.join(path.to_str_lossy().as_ref()),
        }
    }

    fn unreadable(&mut self, path: &BStr, error: &std::io::Error) {
        self.found.left_out.push(LeftOut {
            path: path.to_owned(),
            size: None,
            reason: LeftOutReason::Unreadable(error.to_string()),
        });
    }

    /// Matches the index entries of a directory with its names.
    fn tracked(
        &mut self,
        task: &Task,
        listing: &Listing,
        known: &mut [bool],
        more: &mut Vec<Task>,
    ) -> Result<(), ChangesError> {
        let index = self.shared.index;
        let entries = index.entries();
        let mut at = task.entries.start;
        while at < task.entries.end {
            let path = entries[at].path(index);
            let rest = &path[task.directory.len()..];
            if let Some(slash) = rest.find_byte(b'/') {
                let name = &rest[..slash];
                let position = listing.position(name);
                if entries[at].mode == Mode::DIR {
                    // A sparse index: the directory is not checked out.
                    if let Some(position) = position {
                        known[position] = true;
                    }
                    at += 1;
                    continue;
                }
                let directory = &path[..=task.directory.len() + slash];
                let count = entries[at..task.entries.end]
                    .partition_point(|entry| entry.path(index).starts_with(directory));
                let range = at..at + count;
                at = range.end;
                match position.filter(|position| listing.names()[*position].1 == Kind::Directory) {
                    Some(position) => {
                        known[position] = true;
                        more.push(Task {
                            directory: directory.to_owned(),
                            entries: range,
                        });
                    }
                    None => self.all_deleted(range),
                }
                continue;
            }
            let position = listing.position(rest);
            if let Some(position) = position {
                // A directory in the place of a file: its files are unknown to the index.
                let replaced = listing.names()[position].1 == Kind::Directory
                    && entries[at].mode != Mode::COMMIT;
                known[position] = !replaced;
            }
            let same_path = entries[at..task.entries.end]
                .iter()
                .take_while(|entry| entry.path(index) == path)
                .count();
            if entries[at].stage_raw() == 0 {
                self.entry(at, rest, position.map(|_| listing))?;
            } else {
                self.conflict(path, rest, position.map(|_| listing))?;
            }
            at += same_path;
        }
        Ok(())
    }

    fn all_deleted(&mut self, range: Range<usize>) {
        let index = self.shared.index;
        let mut previous: Option<&BStr> = None;
        for entry in &index.entries()[range] {
            let path = entry.path(index);
            if entry.stage_raw() != 0 {
                if previous != Some(path) {
                    self.push_conflict(path, None, Vec::new());
                }
                previous = Some(path);
            } else if !is_set_aside(entry) {
                self.deleted(path, entry);
            }
        }
    }

    fn deleted(&mut self, path: &BStr, entry: &gix::index::Entry) {
        if entry.mode == Mode::COMMIT && self.shared.ignores_submodules.all(path) {
            return;
        }
        let old = RawSide::stored(entry.mode.bits(), entry.id);
        self.found.changes.push(RawChange::new(
            Part::Unstaged,
            path.to_owned(),
            Some(old),
            None,
        ));
    }

    /// Compares one tracked file.
    fn entry(
        &mut self,
        at: usize,
        name: &BStr,
        listing: Option<&Listing>,
    ) -> Result<(), ChangesError> {
        let index = self.shared.index;
        let entry = &index.entries()[at];
        let path = entry.path(index);
        if entry.flags.contains(Flags::ASSUME_VALID) {
            return Ok(());
        }
        // git takes a file that was left out of a sparse checkout seriously again when it is there all the same.
        if entry.flags.contains(Flags::SKIP_WORKTREE)
            && (listing.is_none() || !self.shared.is_sparse)
        {
            return Ok(());
        }
        let stat = match listing.map(|listing| listing.stat(name)).transpose() {
            Ok(stat) => stat.flatten(),
            Err(error) => {
                self.unreadable(path, &error);
                return Ok(());
            }
        };
        let Some(stat) = stat else {
            self.deleted(path, entry);
            return Ok(());
        };
        let old = RawSide::stored(entry.mode.bits(), entry.id);
        match stat.kind {
            Kind::Directory => {
                self.directory_entry(path, entry);
                return Ok(());
            }
            Kind::Special(word) => {
                let mut change = RawChange::new(Part::Unstaged, path.to_owned(), Some(old), None);
                change
                    .notes
                    .push(format!("a {word} is in its place, which was not opened"));
                self.found.changes.push(change);
                return Ok(());
            }
            Kind::File | Kind::Symlink => {}
        }
        let mode = self.mode_of(&stat, entry.mode);
        let announced = entry.flags.contains(Flags::INTENT_TO_ADD);
        let unchanged = !announced
            && mode == entry.mode.bits()
            && entry
                .stat
                .matches(&stat.index_stat, self.shared.stat_options)
            && !entry
                .stat
                .is_racy(index.timestamp(), self.shared.stat_options);
        if unchanged {
            return Ok(());
        }
        let Some((new, notes)) = self.read(path, &stat, mode)? else {
            return Ok(());
        };
        if !announced && new.id == old.id && new.mode == old.mode {
            return Ok(());
        }
        let old = (!announced).then_some(old);
        let mut change = RawChange::new(Part::Unstaged, path.to_owned(), old, Some(new));
        change.notes = notes;
        self.found.changes.push(change);
        Ok(())
    }

    /// A directory where the index has a submodule, or a file that is gone.
    fn directory_entry(&mut self, path: &BStr, entry: &gix::index::Entry) {
        let head = submodule::head(&self.on_disk(path), self.shared.wanted.depth, || {
            !self.shared.ignores_submodules.dirt(path)
        });
        if entry.mode == Mode::COMMIT && self.shared.ignores_submodules.all(path) {
            return;
        }
        match head {
            None if entry.mode == Mode::COMMIT => {}
            None => self.deleted(path, entry),
            Some(head)
                if entry.mode == Mode::COMMIT && head.commit == entry.id && !head.is_dirty => {}
            Some(head) => {
                let new = RawSide {
                    mode: Mode::COMMIT.bits(),
                    id: head.commit,
                    source: Source::Commit {
                        dirty: head.is_dirty,
                    },
                };
                let old = RawSide::stored(entry.mode.bits(), entry.id);
                self.found.changes.push(RawChange::new(
                    Part::Unstaged,
                    path.to_owned(),
                    Some(old),
                    Some(new),
                ));
            }
        }
    }

    fn mode_of(&self, stat: &FileStat, known: Mode) -> u32 {
        let mode = match stat.kind {
            Kind::Symlink => Mode::SYMLINK,
            _ if known == Mode::SYMLINK && !self.shared.has_symlinks => Mode::SYMLINK,
            _ if !self.shared.trusts_mode => match known {
                Mode::FILE_EXECUTABLE => Mode::FILE_EXECUTABLE,
                _ => Mode::FILE,
            },
            _ if stat.is_executable => Mode::FILE_EXECUTABLE,
            _ => Mode::FILE,
        };
        mode.bits()
    }

    /// Reads a file or link as git would store it; `None` if it could not be read, which is recorded.
    fn read(
        &mut self,
        path: &BStr,
        stat: &FileStat,
        mode: u32,
    ) -> Result<Option<(RawSide, Vec<String>)>, ChangesError> {
        let on_disk = self.on_disk(path);
        let (content, notes) = if stat.kind == Kind::Symlink {
            match read_link(&on_disk) {
                Ok(target) => (target, Vec::new()),
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(None);
                }
            }
        } else {
            match self.read_regular(&on_disk) {
                Ok(Regular::Content(content)) if mode == Mode::SYMLINK.bits() => {
                    (content, Vec::new())
                }
                Ok(Regular::Content(content)) => self.converter()?.to_git(path, content),
                Ok(Regular::TooLarge(id)) => {
                    let note = format!(
                        "not shown: larger than {} MiB",
                        BIG_FILE_BYTES / 1024 / 1024
                    );
                    return Ok(Some((
                        RawSide {
                            mode,
                            id,
                            source: Source::TooLarge,
                        },
                        vec![note],
                    )));
                }
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(None);
                }
            }
        };
        let id = blob_id(self.repository, &content)?;
        let size = content.len() as u64;
        let keep = self.shared.kept.fetch_add(size, Ordering::Relaxed) + size <= KEPT_BYTES;
        let source = if keep {
            Source::Kept(Arc::from(content))
        } else {
            Source::OnDisk
        };
        Ok(Some((RawSide { mode, id, source }, notes)))
    }

    fn read_regular(&self, path: &Path) -> std::io::Result<Regular> {
        let moved = || std::io::Error::other("it was replaced while it was being read");
        let Opened::Regular(mut file, size) = worktree_file::open(path)? else {
            return Err(moved());
        };
        if size > BIG_FILE_BYTES {
            return stream_id(self.repository, &mut file, size)
                .map(Regular::TooLarge)
                .map_err(std::io::Error::other);
        }
        worktree_file::read_within(file, size, BIG_FILE_BYTES)?
            .map(Regular::Content)
            .ok_or_else(moved)
    }

    fn converter(&mut self) -> Result<&mut Converter<'w>, ChangesError> {
        match &mut self.converter {
            Some(converter) => Ok(converter),
            empty => Ok(empty.insert(Converter::new(
                self.repository,
                self.shared.index,
                self.shared.filters,
            )?)),
        }
    }

    /// A file in conflict is shown as HEAD against the working tree.
    fn conflict(
        &mut self,
        path: &BStr,
        name: &BStr,
        listing: Option<&Listing>,
    ) -> Result<(), ChangesError> {
        let stat = listing.and_then(|listing| listing.stat(name).ok().flatten());
        let new = match stat {
            Some(stat) if matches!(stat.kind, Kind::File | Kind::Symlink) => {
                let mode = self.mode_of(&stat, Mode::FILE);
                self.read(path, &stat, mode)?
            }
            _ => None,
        };
        let (new, notes) = new.map_or((None, Vec::new()), |(side, notes)| (Some(side), notes));
        self.push_conflict(path, new, notes);
        Ok(())
    }

    fn push_conflict(&mut self, path: &BStr, new: Option<RawSide>, notes: Vec<String>) {
        let old = self.shared.head_tree.and_then(|tree| {
            let tree = self.repository.find_tree(tree).ok()?;
            let components = path.split_str("/").map(BString::from);
            let entry = tree.lookup_entry(components).ok().flatten()?;
            let mode = super::raw::canonical(u32::from(entry.mode().value()));
            (!super::raw::is_tree(mode)).then(|| RawSide::stored(mode, entry.object_id()))
        });
        let mut change = RawChange::new(Part::Unstaged, path.to_owned(), old, new);
        change.is_unmerged = true;
        change.notes = notes;
        self.found.changes.push(change);
    }

    /// A name that the index does not know.
    fn unknown(
        &mut self,
        directory: &BStr,
        name: &BStr,
        kind: Kind,
        more: &mut Vec<Task>,
    ) -> Result<(), ChangesError> {
        let mut path = directory.to_owned();
        path.extend_from_slice(name);
        let is_directory = kind == Kind::Directory;
        let mode = if is_directory { Mode::DIR } else { Mode::FILE };
        let excludes = match &mut self.excludes {
            Some(excludes) => excludes,
            empty => {
                let stack = self
                    .repository
                    .excludes(
                        self.shared.index,
                        None,
                        gix::worktree::stack::state::ignore::Source::default(),
                    )
                    .map_err(excludes_failed)?;
                empty.insert(stack)
            }
        };
        let platform = excludes
            .at_entry(path.as_bstr(), Some(mode))
            .map_err(excludes_failed)?;
        if platform.is_excluded() {
            return Ok(());
        }
        if !is_directory {
            self.found.untracked.push(Untracked { path, kind });
            return Ok(());
        }
        if gix::discover::is_git(&self.on_disk(path.as_bstr()).join(".git")).is_ok() {
            self.found.left_out.push(LeftOut {
                path,
                size: None,
                reason: LeftOutReason::NestedRepository,
            });
            return Ok(());
        }
        path.push(b'/');
        more.push(Task {
            directory: path,
            entries: 0..0,
        });
        Ok(())
    }
}

fn excludes_failed(error: gix::Error) -> ChangesError {
    ChangesError::Repository {
        what: "the exclude files".into(),
        source: Box::new(error),
    }
}

enum Regular {
    Content(Vec<u8>),
    TooLarge(gix::ObjectId),
}

/// Whether git does not look at the file itself.
fn is_set_aside(entry: &gix::index::Entry) -> bool {
    entry
        .flags
        .intersects(Flags::ASSUME_VALID | Flags::SKIP_WORKTREE)
}

/// Where a link points, as bytes.
pub(super) fn read_link(path: &Path) -> std::io::Result<Vec<u8>> {
    let target = std::fs::read_link(path)?;
    Ok(gix::path::into_bstr(target)
        .map_err(std::io::Error::other)?
        .into_owned()
        .into())
}
