//! A repository built step by step with the git command, with fixed authors and times.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::sandbox::EPOCH_SECONDS;
use super::{CommandOutput, Invocation, Sandbox};

/// Seconds between one commit and the next.
const COMMIT_STEP_SECONDS: u64 = 60;

/// A repository with a working tree. Every commit is one minute after the one before, so that ids are the same each
/// time the same steps are taken.
#[derive(Debug)]
pub struct Repo {
    git: Invocation,
    path: PathBuf,
    commits: Cell<u64>,
}

impl Repo {
    /// `git init` at `path`, on branch `main`. `object_format` is `sha1` or `sha256`.
    #[track_caller]
    pub fn init(sandbox: &Sandbox, path: PathBuf, object_format: &str) -> Self {
        fs::create_dir_all(&path).expect("the sandbox is writable");
        let repo = Repo::at(sandbox, path);
        let format = format!("--object-format={object_format}");
        repo.git(["init", "--quiet", "-b", "main", &format]);
        repo
    }

    /// A repository (or a worktree of one) that is there already.
    pub fn at(sandbox: &Sandbox, path: PathBuf) -> Self {
        Repo {
            git: sandbox.program("git").cwd(&path),
            path,
            commits: Cell::new(0),
        }
    }

    /// The working tree.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in the working tree.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// The git command here, with `args`, not yet run.
    pub fn git_command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Invocation {
        let seconds = EPOCH_SECONDS + self.commits.get() * COMMIT_STEP_SECONDS;
        let date = format!("{seconds} +0000");
        self.git
            .clone()
            .args(args)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
    }

    /// Runs git, fails the test if git does, and returns stdout without its last line end.
    #[track_caller]
    pub fn git<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> String {
        let stdout = self.git_command(args).run_ok().stdout();
        stdout.strip_suffix('\n').unwrap_or(&stdout).to_owned()
    }

    /// Runs git, fails the test if git does, and returns stdout as it is.
    #[track_caller]
    pub fn git_bytes<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Vec<u8> {
        self.git_command(args).run_ok().stdout
    }

    /// Runs git, whatever comes of it.
    #[track_caller]
    pub fn try_git<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> CommandOutput {
        self.git_command(args).run()
    }

    /// Writes a file, folders included. A symbolic link at its place is replaced, not followed.
    #[track_caller]
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.make_room(relative.as_ref());
        fs::write(path, content).expect("the repository is writable");
        self
    }

    /// Makes a symbolic link.
    #[track_caller]
    pub fn symlink(&self, relative: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        let path = self.make_room(relative.as_ref());
        symlink(target, path).expect("the repository is writable");
        self
    }

    /// Sets a file's permission bits.
    #[track_caller]
    pub fn mode(&self, relative: impl AsRef<Path>, mode: u32) -> &Self {
        let path = self.join(relative);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the file is there");
        self
    }

    /// Removes a file.
    #[track_caller]
    pub fn delete(&self, relative: impl AsRef<Path>) -> &Self {
        fs::remove_file(self.join(relative)).expect("the file is there");
        self
    }

    /// Moves a file, without telling git.
    #[track_caller]
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> &Self {
        let to = self.make_room(to.as_ref());
        fs::rename(self.join(from), to).expect("the file is there");
        self
    }

    /// Stages paths (pathspecs).
    #[track_caller]
    pub fn stage<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, paths: I) -> &Self {
        self.git_command(["add", "--all", "--"])
            .args(paths)
            .run_ok();
        self
    }

    /// Stages everything and commits it; the commit's id.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(["add", "--all"]);
        self.commit_staged(message)
    }

    /// Commits what is staged (even nothing); the commit's id.
    #[track_caller]
    pub fn commit_staged(&self, message: &str) -> String {
        self.git([
            "commit",
            "--quiet",
            "--allow-empty",
            "--no-gpg-sign",
            "-m",
            message,
        ]);
        self.commits.set(self.commits.get() + 1);
        self.rev("HEAD")
    }

    /// Makes a branch here and switches to it.
    #[track_caller]
    pub fn branch(&self, name: &str) -> &Self {
        self.git(["checkout", "--quiet", "-b", name]);
        self
    }

    /// Switches to a branch, or to a commit with a detached HEAD.
    #[track_caller]
    pub fn switch(&self, name: &str) -> &Self {
        self.git(["checkout", "--quiet", name]);
        self
    }

    /// Merges a branch with a merge commit; the commit's id.
    #[track_caller]
    pub fn merge(&self, name: &str) -> String {
        let message = format!("Merge {name}");
        self.git(["merge", "--quiet", "--no-ff", "-m", &message, name]);
        self.commits.set(self.commits.get() + 1);
        self.rev("HEAD")
    }

    /// Deletes a loose object, as if a partial clone had never had it.
    pub fn lose(&self, revision: &str) -> &Self {
        let id = self.rev(revision);
        let (folder, name) = id.split_at(2);
        std::fs::remove_file(self.join(".git/objects").join(folder).join(name)).unwrap();
        self
    }

    /// The full id that a revision names.
    #[track_caller]
    pub fn rev(&self, revision: &str) -> String {
        self.git(["rev-parse", "--verify", "--end-of-options", revision])
    }

    /// Sets a value in the repository's own configuration.
    #[track_caller]
    pub fn config(&self, key: &str, value: &str) -> &Self {
        self.git(["config", "--local", key, value]);
        self
    }

    /// Makes a bare repository beside this one, adds it as remote `name` and pushes every branch to it.
    #[track_caller]
    pub fn bare_remote(&self, sandbox: &Sandbox, name: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!("-{name}.git"));
        let path = PathBuf::from(path);
        sandbox
            .program("git")
            .args(["init", "--quiet", "--bare", "-b", "main"])
            .arg(&path)
            .run_ok();
        self.git_command(["remote", "add", name])
            .arg(&path)
            .run_ok();
        self.git(["push", "--quiet", "--all", name]);
        path
    }

    /// Clones this repository to `path` below the sandbox's root.
    #[track_caller]
    pub fn clone_to(&self, sandbox: &Sandbox, path: &str, options: &[&str]) -> Repo {
        let target = sandbox.path(path);
        // A file URL, so that options such as --depth are honoured.
        let source = format!("file://{}", self.path.display());
        sandbox
            .program("git")
            .args(["clone", "--quiet"])
            .args(options)
            .args(["--", &source])
            .arg(&target)
            .run_ok();
        let clone = Repo::at(sandbox, target);
        clone.commits.set(self.commits.get());
        clone
    }

    /// Adds a linked worktree with a new branch at `path` below the sandbox's root.
    #[track_caller]
    pub fn worktree(&self, sandbox: &Sandbox, path: &str, branch: &str) -> Repo {
        let target = sandbox.path(path);
        self.git_command(["worktree", "add", "--quiet", "-b", branch])
            .arg(&target)
            .run_ok();
        let linked = Repo::at(sandbox, target);
        linked.commits.set(self.commits.get());
        linked
    }

    /// The path, its parents made and whatever is there removed if it is not a plain file.
    fn make_room(&self, relative: &Path) -> PathBuf {
        let path = self.join(relative);
        let parent = path.parent().expect("a path in the tree has a parent");
        fs::create_dir_all(parent).expect("the repository is writable");
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            fs::remove_file(&path).expect("a link can be removed");
        }
        path
    }
}
