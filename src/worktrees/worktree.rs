//! Making a worktree and removing it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::target::{GitEnvironment, ObjectId, Repository};

use super::{Git, Plumbing, WorktreeError};

/// A linked worktree that we made.
#[derive(Debug, Clone)]
pub struct Worktree {
    root: PathBuf,
    git_dir: PathBuf,
    common_dir: PathBuf,
    git: Git,
    config: Vec<(OsString, OsString)>,
}

/// Makes a worktree at `at`, which must not exist and whose last part names it, with `commit` checked out: on a new
/// branch, or detached.
///
/// # Errors
///
/// git is missing or fails, or the place, the name or the branch is taken. Nothing is left behind then.
pub fn create(
    git: &Git,
    repository: &Repository,
    at: &Path,
    commit: &ObjectId,
    branch: Option<&str>,
) -> Result<Worktree, WorktreeError> {
    git.check()?;
    let at = settled(at)?;
    let text = at
        .to_str()
        .ok_or_else(|| WorktreeError::NotUtf8(at.clone()))?;
    check_free(repository, &at, branch)?;
    let common_dir = repository.common_dir();
    let mut words = vec!["worktree", "add", "--quiet", "--no-checkout"];
    match branch {
        Some(branch) => words.extend(["--no-track", "-b", branch]),
        None => words.push("--detach"),
    }
    words.extend([text, commit.as_hex()]);
    let whole = Plumbing {
        git_dir: common_dir.clone(),
        ..Plumbing::default()
    };
    let made = git
        .run(repository.root(), &whole, &words, b"")
        .and_then(|_| check_out(git, &common_dir, &at, commit));
    made.inspect_err(|_| {
        // What failed is what is told; what cannot be taken back either is found by whoever wrote the place down.
        drop(remove(repository, &at));
        if let Some(branch) = branch {
            drop(delete_branch(git, repository, branch, commit));
        }
    })
}

/// Whether nothing is in the way of [`create`]: neither at the place, nor of its name, nor a branch.
///
/// # Errors
///
/// Says what is.
pub fn check_free(
    repository: &Repository,
    at: &Path,
    branch: Option<&str>,
) -> Result<(), WorktreeError> {
    let at = settled(at)?;
    if fs::symlink_metadata(&at).is_ok() {
        return Err(WorktreeError::Exists(at));
    }
    let git_dir = registration(&repository.common_dir(), &at);
    if fs::symlink_metadata(&git_dir).is_ok() {
        let registered = registered_place(&git_dir).unwrap_or_else(|| git_dir.clone());
        return Err(WorktreeError::NameTaken {
            name: name_of(&at),
            at: registered,
        });
    }
    branch.map_or(Ok(()), |branch| refuse_taken(repository, branch))
}

fn check_out(
    git: &Git,
    common_dir: &Path,
    at: &Path,
    commit: &ObjectId,
) -> Result<Worktree, WorktreeError> {
    let worktree = opened(git, common_dir, at)?;
    let words = ["read-tree", "--reset", "-u", commit.as_hex()];
    worktree.run(&words, b"", |_| ())?;
    Ok(worktree)
}

fn opened(git: &Git, common_dir: &Path, at: &Path) -> Result<Worktree, WorktreeError> {
    let mut worktree = Worktree {
        root: at.to_owned(),
        git_dir: registration(common_dir, at),
        common_dir: common_dir.to_owned(),
        git: git.clone(),
        config: Vec::new(),
    };
    worktree.config = git.filters_off(at, &worktree.plumbing())?;
    Ok(worktree)
}

impl Worktree {
    /// The worktree that [`create`] made at `at`; `None` when it is not there any more, or the repository does not know it.
    ///
    /// # Errors
    ///
    /// git is missing or fails.
    pub fn open(
        git: &Git,
        repository: &Repository,
        at: &Path,
    ) -> Result<Option<Worktree>, WorktreeError> {
        let at = settled(at)?;
        let common_dir = repository.common_dir();
        let registered = registered_place(&registration(&common_dir, &at));
        if registered.as_deref() != Some(&at) || !at.is_dir() {
            return Ok(None);
        }
        opened(git, &common_dir, &at).map(Some)
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its own git directory, below the one that all worktrees share.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The git directory that all worktrees share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// It as a repository to read in process. What its folder's `.git` says by now does not matter.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub fn repository(&self, environment: &GitEnvironment) -> Result<Repository, WorktreeError> {
        let environment = GitEnvironment {
            git_dir: Some(self.git_dir.clone()),
            work_tree: Some(self.root.clone()),
            index_file: None,
            ..environment.clone()
        };
        Ok(Repository::open(&self.root, &environment)?)
    }

    /// What git works on here.
    #[must_use]
    pub fn plumbing(&self) -> Plumbing {
        Plumbing {
            git_dir: self.git_dir.clone(),
            work_tree: Some(self.root.clone()),
            config: self.config.clone(),
            ..Plumbing::default()
        }
    }

    /// Runs git here; `adapt` may change what it works on.
    ///
    /// # Errors
    ///
    /// As [`Git::run`].
    pub fn run(
        &self,
        arguments: &[&str],
        input: &[u8],
        adapt: impl FnOnce(&mut Plumbing),
    ) -> Result<Vec<u8>, WorktreeError> {
        let mut plumbing = self.plumbing();
        adapt(&mut plumbing);
        // Not in the worktree: the folder that a program stands in is no part of what it is told.
        self.git.run(&self.common_dir, &plumbing, arguments, input)
    }
}

/// Removes the worktree at `at`, whatever state it is in: whole, half made, or gone by hand. What is not there is fine.
///
/// # Errors
///
/// The repository knows a worktree of this name in another place ([`WorktreeError::NameTaken`]), which is left alone, as
/// is `at`; or the file system refuses.
pub fn remove(repository: &Repository, at: &Path) -> Result<(), WorktreeError> {
    let at = settled(at)?;
    let common_dir = repository.common_dir();
    let git_dir = registration(&common_dir, &at);
    match registered_place(&git_dir) {
        Some(place) if place != at => {
            return Err(WorktreeError::NameTaken {
                name: name_of(&at),
                at: place,
            });
        }
        // One that does not say where it is was cut short by a crash.
        Some(_) | None => {}
    }
    remove_folder(&at)?;
    remove_folder(&git_dir)?;
    // git does the same with the last one; it fails while there are others.
    drop(fs::remove_dir(common_dir.join("worktrees")));
    Ok(())
}

/// Deletes a branch, if it still points at `expected`.
///
/// # Errors
///
/// It points somewhere else by now, or git is missing or fails.
pub fn delete_branch(
    git: &Git,
    repository: &Repository,
    branch: &str,
    expected: &ObjectId,
) -> Result<(), WorktreeError> {
    let name = format!("refs/heads/{branch}");
    if repository.commit_at(&name).is_none() {
        return Ok(());
    }
    let plumbing = Plumbing {
        git_dir: repository.common_dir(),
        ..Plumbing::default()
    };
    let words = ["update-ref", "--no-deref", "-d", &name, expected.as_hex()];
    git.run(repository.root(), &plumbing, &words, b"").map(drop)
}

/// A branch and a folder of branches cannot share a name.
fn refuse_taken(repository: &Repository, branch: &str) -> Result<(), WorktreeError> {
    let mut name = branch;
    loop {
        if repository
            .commit_at(&format!("refs/heads/{name}"))
            .is_some()
        {
            return Err(WorktreeError::BranchExists(name.to_owned()));
        }
        match name.rsplit_once('/') {
            Some((folder, _)) => name = folder,
            None => return Ok(()),
        }
    }
}

/// The path with its folder made real: what git registers.
fn settled(at: &Path) -> Result<PathBuf, WorktreeError> {
    let (Some(folder), Some(name)) = (at.parent(), at.file_name()) else {
        return Err(WorktreeError::Exists(at.to_owned()));
    };
    match fs::canonicalize(folder) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(at.to_owned()),
        Err(source) => Err(WorktreeError::io("read", folder)(source)),
    }
}

fn name_of(at: &Path) -> String {
    at.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Where the repository keeps what it knows of a worktree.
fn registration(common_dir: &Path, at: &Path) -> PathBuf {
    common_dir
        .join("worktrees")
        .join(at.file_name().unwrap_or_default())
}

/// The place of a registered worktree; `None` where the registration does not say.
fn registered_place(git_dir: &Path) -> Option<PathBuf> {
    let text = fs::read(git_dir.join("gitdir")).ok()?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let path = bstr::ByteSlice::to_path(text).ok()?;
    // Newer versions of git may keep it relative to the registration.
    let place = git_dir.join(path).parent()?.to_owned();
    Some(settled(&place).unwrap_or(place))
}

/// Removes a folder and what is in it, following no link. Folders that were made unwritable do not keep it. One that is
/// not there is fine.
///
/// # Errors
///
/// The file system refuses.
pub fn remove_folder(path: &Path) -> Result<(), WorktreeError> {
    let removed = match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            give_access(path);
            fs::remove_dir_all(path)
        }
        removed => removed,
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(WorktreeError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn give_access(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if !fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    // What cannot be changed shows when it cannot be removed.
    drop(fs::set_permissions(
        folder,
        fs::Permissions::from_mode(0o700),
    ));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        give_access(&entry.path());
    }
}

#[cfg(not(unix))]
fn give_access(_folder: &Path) {}
