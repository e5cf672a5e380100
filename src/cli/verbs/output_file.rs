//! A file that a report goes to.
//!
//! A file appears as a whole or not at all. A link is followed, and what it leads to is replaced. What is no regular file
//! (a pipe, a device) is written to, not replaced; a pipe that nobody reads is an error at once, not a wait.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use codex_review::atomic_file::{self, Durability, Readers};

use crate::cli::failure::Failure;
use crate::cli::usage::UsageError;

/// Tries whether a file can be put there, leaving nothing behind. `given` is the path as the user wrote it.
pub(crate) fn check(path: &Path, given: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(UsageError::OutputIsFolder(given.to_owned()).into());
        }
        Ok(there) if !there.is_file() => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    let real = real_path(path);
    if !folder_of(&real).is_dir() {
        return Err(UsageError::NoOutputFolder(given.to_owned()).into());
    }
    tempfile::tempfile_in(folder_of(&real))
        .map(drop)
        .map_err(|source| Failure::OutputNotWritable {
            path: given.to_owned(),
            source,
        })
}

/// Where a path leads, links followed; the path itself where there is nothing yet.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = folder_of(path).canonicalize().ok();
        match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    })
}

/// Puts `bytes` there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return open(path)?.write_all(bytes);
    }
    atomic_file::write(&real_path(path), bytes, Durability::Derived, Readers::Mask)
}

/// Opens a file to be written little by little, emptied if it was there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    imp::open(
        File::options().write(true).create(true).truncate(true),
        path,
    )
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::path::Path;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = options.custom_flags(flags).open(path)?;
        // Not to wait was meant for the opening alone.
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(file)
    }
}

#[cfg(windows)]
mod imp {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        options.open(path)
    }
}
