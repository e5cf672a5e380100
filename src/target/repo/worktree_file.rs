//! Opens files of the working tree without trusting what they are.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

pub(super) use imp::open_no_follow;

/// What was found.
#[derive(Debug)]
pub(super) enum Opened {
    /// A regular file, open for reading, and its size when it was opened.
    Regular(File, u64),
    /// A symbolic link; it was not followed.
    Symlink,
    /// A word for what it is; it was not read.
    NotRegular(&'static str),
    /// Nothing is there.
    Missing,
}

/// Opens a regular file. A link is not followed, and nothing else is opened, so that no FIFO can hang and no device is
/// touched; what the name stands for may change at any time, so it is checked again on the open file.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_missing(&error) => return Ok(Opened::Missing),
        Err(error) => return Err(error),
    };
    if metadata.is_symlink() {
        return Ok(Opened::Symlink);
    }
    if !metadata.is_file() {
        return Ok(Opened::NotRegular(kind_of(&metadata)));
    }
    let file = match imp::open_no_follow(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(Opened::Missing),
        Err(error) if imp::was_symlink(&error) => return Ok(Opened::Symlink),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok(Opened::Regular(file, metadata.len()))
    } else {
        Ok(Opened::NotRegular(kind_of(&metadata)))
    }
}

/// Reads at most `cap` bytes; `None` if there is more.
pub(super) fn read_within(mut file: File, size: u64, cap: u64) -> io::Result<Option<Vec<u8>>> {
    if size > cap {
        return Ok(None);
    }
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.by_ref()
        .take(cap.saturating_add(1))
        .read_to_end(&mut content)?;
    Ok((content.len() as u64 <= cap).then_some(content))
}

/// Where a link points, as bytes.
pub(super) fn read_link(path: &Path) -> io::Result<Vec<u8>> {
    let target = std::fs::read_link(path)?;
    Ok(gix::path::into_bstr(target)
        .map_err(io::Error::other)?
        .into_owned()
        .into())
}

/// Whether the owner may execute an open file.
pub(super) fn is_executable(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|metadata| imp::is_executable(&metadata))
}

/// Whether the error says that nothing is there, be it because a parent is no directory.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A word for what is no regular file.
pub(super) fn kind_of(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "directory"
    } else {
        imp::special_kind(metadata)
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;

    pub(in crate::target::repo) fn open_no_follow(path: &Path) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).expect("open flags fit the type that open takes");
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }

    pub(super) fn is_executable(metadata: &Metadata) -> bool {
        metadata.mode() & 0o100 != 0
    }

    pub(super) fn was_symlink(error: &io::Error) -> bool {
        error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
    }

    pub(super) fn special_kind(metadata: &Metadata) -> &'static str {
        let kind = metadata.file_type();
        if kind.is_fifo() {
            "FIFO"
        } else if kind.is_socket() {
            "socket"
        } else {
            "device"
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::fs::{File, Metadata};
    use std::io;
    use std::path::Path;

    pub(in crate::target::repo) fn open_no_follow(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(super) fn is_executable(_: &Metadata) -> bool {
        false
    }

    pub(super) fn was_symlink(_: &io::Error) -> bool {
        false
    }

    pub(super) fn special_kind(_: &Metadata) -> &'static str {
        "special file"
    }
}
