//! Writes a set of files, and takes everything back when one of them cannot be written.
//!
//! Each file is written beside its place and then takes its name, so that a crash leaves every file old or new. What was
//! there is copied first; a failure puts the copies back, in reverse. Applying again after a crash finishes the work: what
//! has been written is found to be there already.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::target::{OnDisk, Repository};

use super::TeamError;

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    /// Its path in the repository.
    pub(super) path: BString,
    /// Where that is.
    pub(super) place: PathBuf,
    /// What becomes of it.
    pub(super) content: Content,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// It is removed.
    Nothing,
    /// It is what the agent's worktree has there.
    FileOf {
        /// Whether it may be executed.
        is_executable: bool,
    },
    /// It is the link that the agent's worktree has there.
    LinkOf,
    /// These bytes.
    Bytes {
        /// The whole content.
        bytes: Vec<u8>,
        /// Whether it may be executed.
        is_executable: bool,
    },
}

/// What was done, and how to undo it.
#[derive(Debug)]
pub(super) struct Journal {
    backup: PathBuf,
    done: Vec<Undo>,
}

#[derive(Debug)]
enum Undo {
    /// There was nothing.
    Remove(PathBuf),
    /// There was a file, of which this is the copy.
    Copy { to: PathBuf, from: PathBuf },
    /// There was a link.
    Link { at: PathBuf, target: PathBuf },
    /// A folder was made.
    Folder(PathBuf),
    /// A folder was removed.
    MakeFolder(PathBuf),
}

impl Journal {
    /// Carries `writes` out below `root`, with the contents of the worktree `from`. Removals come first.
    pub(super) fn carry_out(
        folder: &Path,
        root: &Path,
        from: &Repository,
        mut writes: Vec<Write>,
    ) -> Result<(), TeamError> {
        writes.sort_by_key(|write| write.content != Content::Nothing);
        let backup = tempfile::Builder::new()
            .prefix("backup-")
            .tempdir_in(folder)
            .map_err(TeamError::io("write", folder))?;
        let mut journal = Journal {
            backup: backup.path().to_owned(),
            done: Vec::new(),
        };
        for write in &writes {
            if let Err(source) = journal.write(root, from, write) {
                let lost = journal.undo();
                if lost.is_empty() {
                    return Err(TeamError::NotWritten {
                        path: write.path.clone(),
                        source,
                    });
                }
                return Err(TeamError::HalfWritten {
                    path: write.path.clone(),
                    lost,
                    backup: backup.keep(),
                    source,
                });
            }
        }
        Ok(())
    }

    fn write(&mut self, root: &Path, from: &Repository, write: &Write) -> io::Result<()> {
        let place = &write.place;
        if write.content != Content::Nothing {
            // Before what is put into them, so that they are empty again when they are taken back.
            self.make_folders(place)?;
        }
        self.keep(place)?;
        match &write.content {
            Content::Nothing => {
                if fs::symlink_metadata(place).is_ok() {
                    fs::remove_file(place)?;
                }
                self.prune(root, place);
                Ok(())
            }
            Content::Bytes {
                bytes,
                is_executable,
            } => put(place, &mut bytes.as_slice(), *is_executable),
            Content::FileOf { is_executable } => {
                let on_disk = from
                    .on_disk(write.path.as_ref())
                    .map_err(io::Error::other)?;
                let OnDisk::File { mut file, .. } = on_disk else {
                    return Err(io::Error::other("the agent's file is gone by now"));
                };
                put(place, &mut file, *is_executable)
            }
            Content::LinkOf => {
                let on_disk = from
                    .on_disk(write.path.as_ref())
                    .map_err(io::Error::other)?;
                let OnDisk::Symlink(target) = on_disk else {
                    return Err(io::Error::other("the agent's link is gone by now"));
                };
                if fs::symlink_metadata(place).is_ok() {
                    fs::remove_file(place)?;
                }
                link(&target, place)
            }
        }
    }

    /// Keeps what is at a place, so that it can be put back.
    fn keep(&mut self, place: &Path) -> io::Result<()> {
        let undo = match fs::symlink_metadata(place) {
            Err(_) => Undo::Remove(place.to_owned()),
            Ok(metadata) if metadata.is_symlink() => Undo::Link {
                at: place.to_owned(),
                target: fs::read_link(place)?,
            },
            Ok(metadata) if metadata.is_dir() => {
                // Empty by now, or it stays and the write fails.
                fs::remove_dir(place)?;
                Undo::MakeFolder(place.to_owned())
            }
            Ok(_) => {
                let copy = self.backup.join(self.done.len().to_string());
                fs::copy(place, &copy)?;
                Undo::Copy {
                    to: place.to_owned(),
                    from: copy,
                }
            }
        };
        let was_folder = matches!(undo, Undo::MakeFolder(_));
        self.done.push(undo);
        if was_folder {
            self.done.push(Undo::Remove(place.to_owned()));
        }
        Ok(())
    }

    fn make_folders(&mut self, place: &Path) -> io::Result<()> {
        let mut missing: Vec<&Path> = place
            .ancestors()
            .skip(1)
            .take_while(|folder| fs::symlink_metadata(folder).is_err())
            .collect();
        missing.reverse();
        for folder in missing {
            fs::create_dir(folder)?;
            self.done.push(Undo::Folder(folder.to_owned()));
        }
        Ok(())
    }

    /// Removes folders that a removal left empty, as git does.
    fn prune(&mut self, root: &Path, place: &Path) {
        for folder in place.ancestors().skip(1) {
            if folder == root || fs::remove_dir(folder).is_err() {
                return;
            }
            self.done.push(Undo::MakeFolder(folder.to_owned()));
        }
    }

    /// Takes everything back, and says what could not be.
    fn undo(&mut self) -> Vec<String> {
        let mut lost = Vec::new();
        while let Some(undo) = self.done.pop() {
            let (place, undone) = match &undo {
                Undo::Remove(place) => (place, remove(place)),
                Undo::Copy { to, from } => {
                    let undone = if is_untouched(to, from) {
                        Ok(())
                    } else {
                        remove(to).and_then(|()| fs::copy(from, to).map(drop))
                    };
                    (to, undone)
                }
                Undo::Link { at, target } => {
                    let undone = remove(at).and_then(|()| link(target, at));
                    (at, undone)
                }
                Undo::Folder(place) => (place, fs::remove_dir(place)),
                Undo::MakeFolder(place) => (place, fs::create_dir(place)),
            };
            if undone.is_err() {
                lost.push(format!("`{}`", place.display()));
            }
        }
        lost
    }
}

/// Whether a file is still what its copy is: the write that failed did not get to it.
fn is_untouched(place: &Path, copy: &Path) -> bool {
    let (Ok(now), Ok(kept)) = (fs::symlink_metadata(place), fs::symlink_metadata(copy)) else {
        return false;
    };
    now.is_file()
        && now.len() == kept.len()
        && now.permissions() == kept.permissions()
        && matches!((fs::read(place), fs::read(copy)), (Ok(now), Ok(kept)) if now == kept)
}

fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Replaces a file. One that is there keeps its permissions, but for whether it may be executed.
fn put(place: &Path, content: &mut dyn io::Read, is_executable: bool) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".codex-review-");
    imp::let_create(&mut builder, is_executable);
    let mut file = builder.tempfile_in(folder)?;
    io::copy(content, &mut file)?;
    if let Ok(before) = fs::symlink_metadata(place)
        && before.is_file()
    {
        imp::keep_permissions(file.as_file(), &before, is_executable)?;
    }
    file.persist(place).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn link(_target: &Path, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
mod imp {
    use std::fs::{File, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt as _;

    pub(super) fn let_create(builder: &mut tempfile::Builder<'_, '_>, is_executable: bool) {
        // The process's mask takes away from it, as for every new file.
        let mode = if is_executable { 0o777 } else { 0o666 };
        builder.permissions(Permissions::from_mode(mode));
    }

    pub(super) fn keep_permissions(
        file: &File,
        before: &Metadata,
        is_executable: bool,
    ) -> io::Result<()> {
        let mode = before.permissions().mode() & 0o777;
        let mode = if is_executable {
            mode | ((mode & 0o444) >> 2)
        } else {
            mode & !0o111
        };
        file.set_permissions(Permissions::from_mode(mode))
    }
}

#[cfg(not(unix))]
mod imp {
    use std::fs::{File, Metadata};
    use std::io;

    pub(super) fn let_create(_: &mut tempfile::Builder<'_, '_>, _: bool) {}

    pub(super) fn keep_permissions(_: &File, _: &Metadata, _: bool) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::target::{GitEnvironment, NewFile, create_repository};

    fn bytes(root: &Path, path: &str, text: &str) -> Write {
        Write {
            path: path.into(),
            place: root.join(path),
            content: Content::Bytes {
                bytes: text.as_bytes().to_vec(),
                is_executable: false,
            },
        }
    }

    fn world() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repo");
        let files = [NewFile {
            name: "old.txt",
            content: "old\n",
        }];
        create_repository(&root, &files, "start").unwrap();
        let repository = Repository::open(&root, &GitEnvironment::default()).unwrap();
        (folder, repository)
    }

    fn listing(root: &Path) -> Vec<(PathBuf, Option<Vec<u8>>, u32)> {
        let mut all = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if path.ends_with(".git") {
                    continue;
                }
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                let content = fs::read(&path).ok();
                all.push((path, content, metadata.permissions().mode()));
            }
        }
        all.sort();
        all
    }

    #[test]
    fn when_one_file_cannot_be_written_everything_is_as_it_was() {
        let (folder, repository) = world();
        let root = repository.root().to_owned();
        fs::set_permissions(root.join("old.txt"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::create_dir_all(root.join("deep/er")).unwrap();
        fs::write(root.join("deep/er/only.txt"), "only\n").unwrap();
        std::os::unix::fs::symlink("old.txt", root.join("link")).unwrap();
        let before = listing(&root);
        let gone = |path: &str| Write {
            content: Content::Nothing,
            ..bytes(&root, path, "")
        };
        let writes = vec![
            bytes(&root, "old.txt", "new\n"),
            bytes(&root, "link", "no link any more\n"),
            bytes(&root, "made/for/it.txt", "x\n"),
            gone("deep/er/only.txt"),
            // A file is no folder.
            bytes(&root, "old.txt/inside", "x\n"),
        ];
        let failed = Journal::carry_out(folder.path(), &root, &repository, writes).unwrap_err();
        assert!(
            matches!(&failed, TeamError::NotWritten { path, .. } if path == "old.txt/inside"),
            "{failed}"
        );
        assert_eq!(listing(&root), before);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn files_keep_their_permissions_and_folders_that_are_empty_go() {
        let (folder, repository) = world();
        let root = repository.root().to_owned();
        fs::set_permissions(root.join("old.txt"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::create_dir_all(root.join("becomes/file")).unwrap();
        fs::write(root.join("becomes/file/inside"), "x").unwrap();
        let mut run = bytes(&root, "old.txt", "new\n");
        run.content = Content::Bytes {
            bytes: b"new\n".to_vec(),
            is_executable: true,
        };
        let writes = vec![
            run,
            bytes(&root, "becomes/file", "a file\n"),
            Write {
                content: Content::Nothing,
                ..bytes(&root, "becomes/file/inside", "")
            },
        ];
        Journal::carry_out(folder.path(), &root, &repository, writes).unwrap();
        let mode = fs::metadata(root.join("old.txt"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o750);
        assert_eq!(fs::read(root.join("becomes/file")).unwrap(), b"a file\n");
    }
}
