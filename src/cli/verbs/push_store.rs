//! What the pre-push hook remembers, on disk: one small file in the repository's state folder, written under its lock.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codex_review::hooks::PushMemory;

use crate::cli::failure::Failure;

use super::workspace::Workspace;

const FILE: &str = "pre-push.json";
/// How long to wait for another push that writes it.
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// The memory's file. Reading never fails: damage is an empty memory.
pub(super) struct PushStore {
    path: PathBuf,
}

impl PushStore {
    pub(super) fn of(workspace: &Workspace) -> PushStore {
        PushStore {
            path: workspace.store.folder().join(FILE),
        }
    }

    pub(super) fn read(&self) -> PushMemory {
        std::fs::read(&self.path)
            .map(|text| PushMemory::from_json(&text))
            .unwrap_or_default()
    }

    /// Reads, changes and replaces the file under its lock.
    pub(super) fn update(&self, change: impl FnOnce(&mut PushMemory)) -> Result<(), Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::Write { path, source }
        };
        let lock_path = self.path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
        let began = Instant::now();
        // A lock that is never freed costs a moment; what another push noted meanwhile may then be lost.
        while lock.try_lock().is_err() && began.elapsed() < LOCK_WAIT {
            std::thread::sleep(LOCK_POLL);
        }
        let mut memory = self.read();
        change(&mut memory);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed(folder))?;
        file.write_all(&memory.to_json())
            .map_err(failed(&self.path))?;
        file.persist(&self.path)
            .map_err(|error| failed(&self.path)(error.error))?;
        Ok(())
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
