//! Directories by path, where there are no file descriptors for them.

use std::io;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice, ByteVec};
use gix::index::{entry::Stat, fs::Metadata};

use super::{FileStat, Kind};

pub(super) type Handle = PathBuf;

pub(super) fn list(directory: &Path) -> io::Result<(Vec<(BString, Kind)>, Handle)> {
    if std::fs::symlink_metadata(directory)?.is_symlink() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = Vec::from_os_string(entry.file_name()) else {
            continue;
        };
        let file_type = entry.file_type()?;
        let kind = if file_type.is_symlink() {
            Kind::Symlink
        } else if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_file() {
            Kind::File
        } else {
            Kind::Special("special file")
        };
        names.push((BString::from(name), kind));
    }
    Ok((names, directory.to_owned()))
}

pub(super) fn stat(handle: &Handle, name: &BStr) -> io::Result<FileStat> {
    let path = handle.join(
        name.to_path()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
    );
    let metadata = Metadata::from_path_no_follow(&path)?;
    let kind = if metadata.is_symlink() {
        Kind::Symlink
    } else if metadata.is_dir() {
        Kind::Directory
    } else if metadata.is_file() {
        Kind::File
    } else {
        Kind::Special("special file")
    };
    Ok(FileStat {
        kind,
        is_executable: metadata.is_executable(),
        index_stat: Stat::from_fs(&metadata).map_err(io::Error::other)?,
    })
}
