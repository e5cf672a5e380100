//! What a hook remembers of a repository, on disk: one small file in its state folder, changed under its lock.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_review::atomic_file::{self, Durability, Readers};
use codex_review::hooks::{GateMemory, PushMemory};
use codex_review::jobs::Clock;

use crate::cli::failure::Failure;

use super::workspace::Workspace;

/// How long to wait for another process that changes the file.
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// A memory that has a file of its own.
pub(crate) trait Remembered: Default {
    /// The file's name in the state folder.
    const FILE: &'static str;

    /// Reads the file's text; damage is an empty memory.
    fn from_json(text: &[u8]) -> Self;

    /// The file's text.
    fn to_json(&self) -> Vec<u8>;
}

impl Remembered for GateMemory {
    const FILE: &'static str = "gate.json";

    fn from_json(text: &[u8]) -> Self {
        GateMemory::from_json(text)
    }

    fn to_json(&self) -> Vec<u8> {
        GateMemory::to_json(self)
    }
}

impl Remembered for PushMemory {
    const FILE: &'static str = "pre-push.json";

    fn from_json(text: &[u8]) -> Self {
        PushMemory::from_json(text)
    }

    fn to_json(&self) -> Vec<u8> {
        PushMemory::to_json(self)
    }
}

/// Reads the repository's memory. That never fails: what is damaged or not there is an empty memory.
pub(crate) fn recall<M: Remembered>(workspace: &Workspace) -> M {
    read(&path::<M>(workspace))
}

/// Reads, changes and replaces the repository's memory under its lock.
pub(crate) fn remember<M: Remembered>(
    workspace: &Workspace,
    change: impl FnOnce(&mut M),
) -> Result<(), Failure> {
    let path = path::<M>(workspace);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Failure::Write { path, source }
    };
    let lock_path = path.with_extension("lock");
    let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
    let began = Instant::now();
    // A lock that is never freed costs a moment; what another process noted meanwhile may then be lost.
    while lock.try_lock().is_err() && began.elapsed() < LOCK_WAIT {
        std::thread::sleep(LOCK_POLL);
    }
    let mut memory = read(&path);
    change(&mut memory);
    atomic_file::write(
        &path,
        &memory.to_json(),
        Durability::Derived,
        Readers::Owner,
    )
    .map_err(failed(&path))
}

/// Milliseconds since 1970, as memories note them.
pub(crate) fn now_ms() -> u64 {
    Clock::system().now().unix_millis()
}

fn path<M: Remembered>(workspace: &Workspace) -> PathBuf {
    workspace.store.folder().join(M::FILE)
}

fn read<M: Remembered>(path: &Path) -> M {
    std::fs::read(path)
        .map(|text| M::from_json(&text))
        .unwrap_or_default()
}
