//! Reads files of the state folder without trusting what they are: a FIFO in the place of one would hang its reader for
//! ever, and a file without end would fill the memory.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// More than any file that is read whole may hold. The biggest of ours is a record: its result and its page are bounded
/// where they are written.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Opens a regular file for reading.
///
/// # Errors
///
/// It cannot be opened, or is something else (`InvalidData`). What the name stands for may change at any time, so it is
/// looked at again once it is open.
pub(super) fn open(path: &Path) -> io::Result<File> {
    require_regular(&std::fs::metadata(path)?)?;
    let file = imp::open_at_once(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file whole.
///
/// # Errors
///
/// As [`open`], or it is bigger than any file of ours (`InvalidData`).
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.len() <= MAX_BYTES {
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= MAX_BYTES {
            return Ok(bytes);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "it is too big to be read whole",
    ))
}

fn require_regular(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "it is no regular file",
    ))
}

#[cfg(unix)]
mod imp {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::path::Path;

    use rustix::fs::OFlags;

    /// Does not wait for a FIFO's writer.
    pub(super) fn open_at_once(path: &Path) -> io::Result<File> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }
}

#[cfg(not(unix))]
mod imp {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn open_at_once(path: &Path) -> io::Result<File> {
        File::open(path)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_or_has_no_end_is_an_error_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(read(&path).unwrap(), b"text");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // The name stood for a file a moment ago.
        assert!(
            !imp::open_at_once(&path)
                .unwrap()
                .metadata()
                .unwrap()
                .is_file()
        );
        std::fs::remove_file(&path).unwrap();
        let sparse = File::create(&path).unwrap();
        sparse.set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let other = folder.path();
        assert_eq!(read(other).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
