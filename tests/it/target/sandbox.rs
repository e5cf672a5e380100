//! A repository in a temporary directory, built by the git command.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_review::target::{GitEnvironment, Repository};

/// The options under which `git diff` prints what we print.
pub(crate) const DIFF: [&str; 4] = ["--no-ext-diff", "--no-textconv", "-M", "--no-color"];

pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
    root: PathBuf,
}

/// The git command in `dir`, without any configuration of the user or the system.
pub(crate) fn git_command(dir: &Path, home: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("xdg"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("GIT_AUTHOR_NAME", "A U Thor")
        .env("GIT_AUTHOR_EMAIL", "author@example.com")
        .env("GIT_AUTHOR_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_COMMITTER_NAME", "C O Mitter")
        .env("GIT_COMMITTER_EMAIL", "committer@example.com")
        .env("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z")
        .stdin(Stdio::null());
    command
}

impl Sandbox {
    /// An empty repository on branch `main`.
    pub(crate) fn new() -> Self {
        Sandbox::with(&["init", "-q", "-b", "main", "repo"])
    }

    /// A repository made by `git <arguments>`, which creates `repo`.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let sandbox = Sandbox::bare_directory();
        sandbox.git_in(sandbox.dir.path(), arguments);
        sandbox
    }

    /// A temporary directory; `repo` in it does not exist yet.
    pub(crate) fn bare_directory() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap().join("repo");
        Sandbox { dir, root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that holds the repository, for neighbours of it.
    pub(crate) fn outside(&self) -> &Path {
        self.root.parent().unwrap()
    }

    #[track_caller]
    pub(crate) fn git_in(&self, dir: &Path, arguments: &[&str]) -> Vec<u8> {
        let output = git_command(dir, self.dir.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> Vec<u8> {
        self.git_in(&self.root, arguments)
    }

    /// The first line of what git prints.
    #[track_caller]
    pub(crate) fn git_line(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git(arguments))
            .unwrap()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Runs git and does not mind if it fails.
    pub(crate) fn try_git(&self, arguments: &[&str]) {
        git_command(&self.root, self.dir.path())
            .args(arguments)
            .output()
            .unwrap();
    }

    pub(crate) fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.root.join(OsStr::from_bytes(name.as_ref()))
    }

    pub(crate) fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, name: impl AsRef<[u8]>) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn symlink(&self, target: &str, name: impl AsRef<[u8]>) {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
    }

    pub(crate) fn chmod(&self, name: impl AsRef<[u8]>, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Adds everything and commits it.
    #[track_caller]
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub(crate) fn environment(&self) -> GitEnvironment {
        GitEnvironment {
            home: Some(self.dir.path().to_owned()),
            ..GitEnvironment::default()
        }
    }

    #[track_caller]
    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.root, &self.environment()).unwrap()
    }
}

/// `count` lines, each with its number.
pub(crate) fn lines(count: u32) -> String {
    (1..=count)
        .map(|number| format!("line number {number} of the file\n"))
        .collect()
}
