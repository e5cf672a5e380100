//! Brings work that is not committed into a worktree: the index as it is, and files byte for byte.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::target::{LeftOut, LeftOutReason, OnDisk, Repository, Uncommitted};

use super::{Worktree, WorktreeError};

/// How much of what git does not know is carried. What git knows is carried whatever its size.
#[derive(Debug, Clone, Copy)]
pub struct CarryLimits {
    /// The most bytes of one untracked file.
    pub untracked_file_bytes: u64,
    /// The most bytes of all of them.
    pub untracked_total_bytes: u64,
    /// The most untracked files.
    pub untracked_files: usize,
}

impl Default for CarryLimits {
    fn default() -> Self {
        CarryLimits {
            untracked_file_bytes: 64 << 20,
            untracked_total_bytes: 512 << 20,
            untracked_files: 20_000,
        }
    }
}

/// What was carried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Paths that are now as they are in the user's working tree.
    pub paths: Vec<BString>,
    /// Untracked files and other things that are not in the worktree, with the reason.
    pub left_out: Vec<LeftOut>,
}

impl Worktree {
    /// Brings `uncommitted`, which is that of `repository`, into this worktree, whose HEAD is the same: what is staged is
    /// staged here too, and every file has the same bytes. `repository` is only read.
    ///
    /// # Errors
    ///
    /// Something is in conflict, a tracked file cannot be read, or the worktree cannot be written.
    pub fn carry(
        &self,
        repository: &Repository,
        uncommitted: &Uncommitted,
        limits: CarryLimits,
    ) -> Result<Carried, WorktreeError> {
        if let Some(first) = uncommitted.unmerged.first() {
            return Err(WorktreeError::Unmerged {
                first: first.clone(),
                more: uncommitted.unmerged.len() - 1,
            });
        }
        let digits = repository.head().map_or(40, |head| head.as_hex().len());
        self.stage(uncommitted, digits)?;
        let mut carried = Carried {
            paths: Vec::new(),
            left_out: uncommitted.left_out.clone(),
        };
        carried
            .left_out
            .extend(uncommitted.submodules.iter().map(|path| LeftOut {
                path: path.clone(),
                size: None,
                reason: LeftOutReason::NestedRepository,
            }));
        let (mut files, mut bytes) = (0, 0_u64);
        let mut writes = Vec::new();
        for path in uncommitted.paths() {
            let on_disk = found(repository, path.as_ref())?;
            if uncommitted.untracked.binary_search(&path).is_ok()
                && let OnDisk::File { size, .. } = on_disk
            {
                if let Some(reason) = over(limits, files, bytes, size) {
                    carried.left_out.push(LeftOut {
                        path,
                        size: Some(size),
                        reason,
                    });
                    continue;
                }
                files += 1;
                bytes += size;
            }
            match on_disk {
                // A folder in the place of a file, or a device: the file itself is gone.
                OnDisk::Missing | OnDisk::NotRegular(_) => {
                    self.take_away(path.as_ref())?;
                    carried.paths.push(path);
                }
                OnDisk::File { .. } | OnDisk::Symlink(_) => writes.push(path),
            }
        }
        // What is gone first: a folder may stand where a file was. Opened again one by one, so that few are open at once.
        for path in writes {
            match found(repository, path.as_ref())? {
                OnDisk::File {
                    file,
                    size,
                    is_executable,
                } => {
                    let place = self.make_room(path.as_ref())?;
                    write(file, size, is_executable, &place)?;
                }
                OnDisk::Symlink(target) => {
                    let place = self.make_room(path.as_ref())?;
                    link(&target, &place).map_err(WorktreeError::io("write", place))?;
                }
                OnDisk::Missing | OnDisk::NotRegular(_) => self.take_away(path.as_ref())?,
            }
            carried.paths.push(path);
        }
        carried.paths.sort_unstable();
        Ok(carried)
    }

    /// Makes the index what the user's is.
    fn stage(&self, uncommitted: &Uncommitted, id_digits: usize) -> Result<(), WorktreeError> {
        if uncommitted.staged.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for staged in &uncommitted.staged {
            match &staged.entry {
                Some((mode, id)) => lines.extend_from_slice(format!("{mode:o} {id}\t").as_bytes()),
                None => {
                    lines.extend_from_slice(format!("0 {}\t", "0".repeat(id_digits)).as_bytes())
                }
            }
            lines.extend_from_slice(&staged.path);
            lines.push(0);
        }
        self.run(&["update-index", "-z", "--index-info"], &lines, |_| ())?;
        Ok(())
    }

    fn place(&self, path: &BStr) -> Result<PathBuf, WorktreeError> {
        let relative = path
            .to_path()
            .map_err(|_| WorktreeError::NotUtf8(path.to_str_lossy().into_owned().into()))?;
        Ok(self.root().join(relative))
    }

    /// Takes away what is at a path, unless a link or a file above it leads elsewhere.
    fn take_away(&self, path: &BStr) -> Result<(), WorktreeError> {
        let place = self.place(path)?;
        if has_real_folders(self.root(), path) {
            clear(&place)
        } else {
            Ok(())
        }
    }

    /// The place of a file, free, with real folders above it.
    fn make_room(&self, path: &BStr) -> Result<PathBuf, WorktreeError> {
        let place = self.place(path)?;
        let relative = place
            .strip_prefix(self.root())
            .expect("it was joined to the root");
        let mut folder = self.root().to_owned();
        for part in relative.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            match fs::symlink_metadata(&folder) {
                Ok(metadata) if metadata.is_dir() => {}
                // The user has a folder where the commit has a file or a link.
                Ok(_) => {
                    clear(&folder)?;
                    fs::create_dir(&folder).map_err(WorktreeError::io("write", &folder))?;
                }
                Err(_) => fs::create_dir(&folder).map_err(WorktreeError::io("write", &folder))?,
            }
        }
        clear(&place)?;
        Ok(place)
    }
}

fn over(limits: CarryLimits, files: usize, bytes: u64, size: u64) -> Option<LeftOutReason> {
    if size > limits.untracked_file_bytes {
        return Some(LeftOutReason::TooLarge {
            cap: limits.untracked_file_bytes,
        });
    }
    let is_full = files >= limits.untracked_files || bytes + size > limits.untracked_total_bytes;
    is_full.then_some(LeftOutReason::SumReached {
        cap: limits.untracked_total_bytes,
    })
}

/// What is at a path. Where a link or a file stands above it, git calls it gone, and so is it here.
fn found(repository: &Repository, path: &BStr) -> Result<OnDisk, WorktreeError> {
    if !has_real_folders(repository.root(), path) {
        return Ok(OnDisk::Missing);
    }
    Ok(repository.on_disk(path)?)
}

fn has_real_folders(root: &Path, path: &BStr) -> bool {
    let Ok(relative) = path.to_path() else {
        return true;
    };
    relative
        .ancestors()
        .skip(1)
        .filter(|folder| !folder.as_os_str().is_empty())
        .all(|folder| !fs::symlink_metadata(root.join(folder)).is_ok_and(|found| !found.is_dir()))
}

/// Takes away what is at a place of the worktree, following no link.
fn clear(place: &Path) -> Result<(), WorktreeError> {
    let cleared = match fs::symlink_metadata(place) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(_) => Ok(()),
    };
    cleared.map_err(WorktreeError::io("remove", place))
}

fn write(
    mut file: File,
    size: u64,
    is_executable: bool,
    place: &Path,
) -> Result<(), WorktreeError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        if is_executable { 0o777 } else { 0o666 },
    );
    #[cfg(not(unix))]
    let _not_kept_here = is_executable;
    let written = options.open(place).and_then(|mut new| {
        // A file that grows while it is read is cut where it was.
        io::copy(&mut file.by_ref().take(size), &mut new)
    });
    written.map(drop).map_err(WorktreeError::io("write", place))
}

#[cfg(unix)]
fn link(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn link(_target: &Path, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
