//! Puts text files into a tree: through real folders alone, each file whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a file has no place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The path leads out of the tree, or through a link or a file.
    #[error("`{}` is no folder", .0.display())]
    NotAFolder(PathBuf),
    /// Something that is no file stands in its place.
    #[error("`{}` is no regular file", .0.display())]
    NotAFile(PathBuf),
    /// The file system refused.
    #[error("could not {verb} `{}`", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// What.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl PlaceError {
    pub(super) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
        let path = path.to_owned();
        move |source| PlaceError::Io { verb, path, source }
    }
}

/// The path below `root`, whose folders, as far as they exist, are folders and no links.
///
/// # Errors
///
/// [`PlaceError::NotAFolder`] where they are not.
pub(super) fn place(root: &Path, relative: &str) -> Result<PathBuf, PlaceError> {
    let mut at = root.to_owned();
    let parts: Vec<&str> = relative.split('/').collect();
    let (name, folders) = parts.split_last().expect("a split has a part");
    for part in folders {
        at = step(&at, part)?;
        match fs::symlink_metadata(&at) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(PlaceError::NotAFolder(at)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(PlaceError::io("read", &at)(error)),
        }
    }
    step(&at, name)
}

fn step(at: &Path, part: &str) -> Result<PathBuf, PlaceError> {
    let next = at.join(part);
    let is_plain = !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git");
    if is_plain && next.parent() == Some(at) {
        Ok(next)
    } else {
        Err(PlaceError::NotAFolder(next))
    }
}

/// The content of the file at a place; `None` where there is none.
///
/// # Errors
///
/// Something else is there, or it cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, PlaceError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PlaceError::io("read", path)(error)),
        Ok(metadata) if metadata.is_file() => fs::read(path)
            .map(Some)
            .map_err(PlaceError::io("read", path)),
        Ok(_) => Err(PlaceError::NotAFile(path.to_owned())),
    }
}

/// A text beside the place that it is for.
#[derive(Debug)]
pub(super) struct Prepared {
    file: tempfile::NamedTempFile,
    pub(super) path: PathBuf,
}

/// Writes a text beside its place, with the permissions of the file that is there. Returns the folders that were made.
///
/// # Errors
///
/// The file system refuses.
pub(super) fn prepare(
    path: &Path,
    text: &str,
    made: &mut Vec<PathBuf>,
) -> Result<Prepared, PlaceError> {
    let folder = path.parent().expect("a place is below a root");
    let mut missing = Vec::new();
    let mut at = folder;
    while !at.exists() {
        missing.push(at.to_owned());
        at = at.parent().expect("the root exists");
    }
    for folder in missing.into_iter().rev() {
        fs::create_dir(&folder).map_err(PlaceError::io("write", &folder))?;
        made.push(folder);
    }
    let written = || -> io::Result<tempfile::NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".codex-review-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        if let Ok(metadata) = fs::metadata(path) {
            file.as_file().set_permissions(metadata.permissions())?;
        }
        Ok(file)
    };
    let file = written().map_err(PlaceError::io("write", path))?;
    Ok(Prepared {
        file,
        path: path.to_owned(),
    })
}

impl Prepared {
    /// Puts it in its place, where `is_new` says that nothing must be there.
    ///
    /// # Errors
    ///
    /// The file system refuses, or something is there by now.
    pub(super) fn put(self, is_new: bool) -> Result<(), PlaceError> {
        let path = self.path;
        let put = if is_new {
            self.file.persist_noclobber(&path)
        } else {
            self.file.persist(&path)
        };
        put.map(drop)
            .map_err(|error| PlaceError::io("write", &path)(error.error))
    }
}

/// Writes one text into a tree of our own.
///
/// # Errors
///
/// It has no place there, or the file system refuses.
pub(super) fn write(root: &Path, relative: &str, text: &str) -> Result<(), PlaceError> {
    let path = place(root, relative)?;
    read(&path)?;
    prepare(&path, text, &mut Vec::new())?.put(false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_tree_or_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("tests")).unwrap();
        fs::write(root.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        for path in [
            "../x",
            "a/../../x",
            "/etc/x",
            ".git/config",
            "tests/.GIT/x",
            "up/x",
            "file/x",
            "a//b",
            "",
        ] {
            assert!(place(&root, path).is_err(), "{path}");
        }
        write(&root, "tests/new/deep/a.rs", "a\n").unwrap();
        assert_eq!(fs::read(root.join("tests/new/deep/a.rs")).unwrap(), b"a\n");
        std::os::unix::fs::symlink("../file", root.join("tests/link")).unwrap();
        assert!(matches!(
            write(&root, "tests/link", "y"),
            Err(PlaceError::NotAFile(_))
        ));
        assert_eq!(fs::read(root.join("file")).unwrap(), b"x");
    }
}
