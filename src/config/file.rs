//! Writes a configuration file: the old one or the new one is there, never half of each, and of two writers none loses
//! what the other wrote.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ConfigError;
use super::edit::Edited;

use super::layer::{FileText, load_file};
use crate::atomic_file::{self, Durability, Readers};

/// How long another writer is waited for. A writer holds the lock for the time of one small write.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// Reads the file, lets `change` make a new text of it, and puts that in its place. `lock` is a file that every writer of
/// configuration locks meanwhile; it is made when it is not there, and holds nothing. Returns whether anything was
/// written.
///
/// A symbolic link stays one: the file that it points at is replaced. A file that is new gets the mode that files get.
///
/// # Errors
///
/// The file cannot be read, `change` refuses, another writer does not end, or the new file cannot be written; the old
/// file is as it was then.
pub fn update_file(
    path: &Path,
    lock: &Path,
    change: impl FnOnce(&FileText) -> Result<Edited, ConfigError>,
) -> Result<bool, ConfigError> {
    let write_error = |source| ConfigError::Write {
        path: path.to_owned(),
        source,
    };
    let _held = hold(lock).map_err(write_error)?;
    let file = load_file(path)?.unwrap_or_else(|| FileText {
        path: path.to_owned(),
        text: String::new(),
    });
    match change(&file)? {
        Edited::Unchanged => Ok(false),
        Edited::Changed(text) => replace(path, text.as_bytes())
            .map_err(write_error)
            .map(|()| true),
    }
}

/// Locks the file, for as long as the result lives.
fn hold(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() >= PATIENCE => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another program is changing the configuration",
                ));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let place = real_place(path)?;
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    atomic_file::write(&place, bytes, Durability::Synced, Readers::AsBefore)
}

/// Where the file really lies: a link, as people have who keep their settings elsewhere, is followed.
fn real_place(path: &Path) -> io::Result<PathBuf> {
    match std::fs::canonicalize(path) {
        Ok(place) => Ok(place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.symlink_metadata() {
            // A link to nothing: its target cannot be guessed to be wanted.
            Ok(_) => Err(error),
            Err(_) => Ok(path.to_owned()),
        },
        Err(error) => Err(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Edit, Value, edit, find_key};

    fn set(path: &Path, lock: &Path, key: &str, value: &str) -> Result<bool, ConfigError> {
        let key = find_key(key).unwrap();
        let value = Value::parse(key, value).unwrap();
        update_file(path, lock, |file| {
            edit(file, key, &Edit::Set(value.clone()))
        })
    }

    #[test]
    fn a_file_is_made_with_its_folder_and_changed_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/config.toml");
        let lock = folder.path().join("lock");
        assert!(set(&path, &lock, "model", "x").unwrap());
        assert!(!set(&path, &lock, "model", "x").unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(set(&path, &lock, "gate.max_blocks", "1").unwrap());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "model = \"x\"\n\n[gate]\nmax_blocks = 1\n"
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_stays_a_link_and_one_to_nothing_is_not_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, real) = (folder.path().join("link"), folder.path().join("real"));
        let lock = folder.path().join("lock");
        std::os::unix::fs::symlink(&real, &path).unwrap();
        set(&path, &lock, "model", "x").unwrap_err();
        assert!(!real.exists());
        std::fs::write(&real, "# mine\n").unwrap();
        set(&path, &lock, "model", "x").unwrap();
        assert!(path.symlink_metadata().unwrap().is_symlink());
        assert_eq!(
            std::fs::read_to_string(&real).unwrap(),
            "# mine\nmodel = \"x\"\n"
        );
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let lock = folder.path().join("lock");
        let settings = [
            ("model", "m"),
            ("effort", "low"),
            ("gate.max_blocks", "7"),
            ("gate.model", "g"),
            ("broker.max_streams", "2"),
            ("limits.rpc_seconds", "9"),
        ];
        std::thread::scope(|scope| {
            for (key, value) in settings {
                let (path, lock) = (&path, &lock);
                scope.spawn(move || set(path, lock, key, value).unwrap());
            }
        });
        for (key, value) in settings {
            assert!(!set(&path, &lock, key, value).unwrap(), "{key} is there");
        }
    }
}
