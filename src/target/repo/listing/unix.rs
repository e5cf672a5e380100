//! Directories by file descriptor.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use bstr::{BStr, BString};
use gix::index::entry::{Stat, stat::Time};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::{FileStat, Kind};

pub(super) type Handle = OwnedFd;

pub(super) fn list(directory: &Path) -> io::Result<(Vec<(BString, Kind)>, Handle)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(directory, flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&handle)? {
        let entry = entry?;
        let name = BStr::new(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match stat(&handle, name) {
                Ok(stat) => stat.kind,
                Err(_) => continue,
            },
            known => kind(known),
        };
        names.push((name.to_owned(), kind));
    }
    Ok((names, handle))
}

pub(super) fn stat(handle: &Handle, name: &BStr) -> io::Result<FileStat> {
    let bytes: &[u8] = name;
    let stat = rustix::fs::statat(handle, bytes, AtFlags::SYMLINK_NOFOLLOW)?;
    // The index keeps the lower 32 bits of each number; the widths in `stat` differ from system to system.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_possible_truncation,
        reason = "see above"
    )]
    let index_stat = Stat {
        mtime: Time {
            secs: stat.st_mtime as u32,
            nsecs: stat.st_mtime_nsec as u32,
        },
        ctime: Time {
            secs: stat.st_ctime as u32,
            nsecs: stat.st_ctime_nsec as u32,
        },
        dev: stat.st_dev as u32,
        ino: stat.st_ino as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u32,
    };
    Ok(FileStat {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        is_executable: Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR),
        index_stat,
    })
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Symlink,
        FileType::Directory => Kind::Directory,
        FileType::Fifo => Kind::Special("FIFO"),
        FileType::Socket => Kind::Special("socket"),
        _ => Kind::Special("device"),
    }
}
