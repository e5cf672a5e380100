//! OS locks: one for the life of each job, one for the short time that the index is written.
//!
//! A lock belongs to an open file, so the system frees it when its last holder dies, however it dies. That is what
//! makes a dead owner visible. Readers only probe with a shared lock: probes do not disturb one another.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{JobsError, stored_file};

const POLL: Duration = Duration::from_millis(3);

/// Ownership of one job. Whoever holds it is the only writer of the job's event log.
#[derive(Debug)]
pub(crate) struct JobLock {
    file: File,
}

impl JobLock {
    /// Makes the lock file of a new job and takes it. `AlreadyExists` if the id is taken.
    pub(crate) fn create(path: &Path) -> io::Result<JobLock> {
        let file = private()
            .create_new(true)
            .read(true)
            .write(true)
            .open(path)?;
        file.lock()?;
        Ok(JobLock { file })
    }

    /// Takes the lock of a job that has no owner. `None` if it has one, or if its files are gone.
    pub(crate) fn try_acquire(path: &Path) -> io::Result<Option<JobLock>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => Ok(is_same_file(&file, path).then_some(JobLock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// As [`JobLock::try_acquire`], trying again for a while: another reader's probe is over within moments.
    pub(crate) fn acquire_within(path: &Path, bound: Duration) -> io::Result<Option<JobLock>> {
        let start = Instant::now();
        loop {
            if let Some(lock) = JobLock::try_acquire(path)? {
                return Ok(Some(lock));
            }
            if start.elapsed() >= bound {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Whether nobody owns the job. A lock file that is gone has no owner.
    pub(crate) fn is_free(path: &Path) -> io::Result<bool> {
        let file = match stored_file::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// A second handle on the same ownership, to be a child's standard input. The job stays owned without a gap while
    /// it passes from one process to the next.
    #[cfg(unix)]
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Frees the lock for the process that comes next.
    #[cfg(not(unix))]
    pub(crate) fn release(&self) -> io::Result<()> {
        self.file.unlock()
    }

    /// Takes over the ownership that came as standard input, and puts `/dev/null` there, so that no child of ours keeps
    /// the job owned after our death. `None` if standard input is something else.
    #[cfg(unix)]
    pub(crate) fn from_stdin(path: &Path) -> io::Result<Option<JobLock>> {
        use std::os::unix::fs::MetadataExt as _;
        let stat = rustix::fs::fstat(rustix::stdio::stdin())?;
        let expected = std::fs::metadata(path)?;
        if (stat.st_dev, stat.st_ino) != (expected.dev(), expected.ino()) {
            return Ok(None);
        }
        let file = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
        let null = File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(JobLock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A lock for writing what all processes share: the index, its settings, its backup.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    pub(crate) fn acquire(path: PathBuf, bound: Duration) -> Result<StoreLock, JobsError> {
        let file = private()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(JobsError::io("open", &path))?;
        match lock_within(file, bound) {
            Ok(Some(file)) => Ok(StoreLock { _file: file }),
            Ok(None) => Err(JobsError::LockTimeout {
                path,
                waited: bound,
            }),
            Err(error) => Err(JobsError::io("lock", path)(error)),
        }
    }
}

/// Locks a file, waiting for whoever holds it. `None` when they still do after `bound`.
pub(crate) fn lock_within(file: File, bound: Duration) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => return Ok(Some(file)),
        Err(TryLockError::WouldBlock) if bound.is_zero() => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // The system queues those who wait; a thread does it, because it sets no bound itself. One that waits in vain
    // gives the lock back the moment it gets it.
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name("lock".into())
        .spawn(move || {
            let locked = file.lock().map(|()| file);
            drop(sender.send(locked));
        })?;
    match receiver.recv_timeout(bound) {
        Ok(locked) => locked.map(Some),
        Err(_) => Ok(None),
    }
}

/// Options that make files for the user alone, and wait for nobody where a FIFO has the name.
pub(crate) fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on unix alone"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let at_once = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        options.mode(0o600).custom_flags(at_once);
    }
    options
}

/// A lock file can be deleted (by pruning) between its opening and its locking; such a lock protects nothing.
#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(ours), Ok(theirs)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_by_probes_and_freed_by_its_end() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.lock");
        let lock = JobLock::create(&path).unwrap();
        assert!(!JobLock::is_free(&path).unwrap());
        assert!(JobLock::try_acquire(&path).unwrap().is_none());
        assert!(JobLock::create(&path).is_err());
        drop(lock);
        assert!(JobLock::is_free(&path).unwrap());
        assert!(JobLock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn a_deleted_lock_file_gives_no_ownership() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.lock");
        assert!(JobLock::try_acquire(&path).unwrap().is_none());
        assert!(JobLock::is_free(&path).unwrap());
    }

    #[test]
    fn a_store_lock_that_stays_taken_is_an_error_that_names_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("state.lock");
        let held = StoreLock::acquire(path.clone(), Duration::ZERO).unwrap();
        let error = StoreLock::acquire(path.clone(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("state.lock"), "{error}");
        drop(held);
        StoreLock::acquire(path, Duration::ZERO).unwrap();
    }
}
