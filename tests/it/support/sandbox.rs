//! The whole world of one test: a temporary folder with its own home, state and temporary files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use super::fixture::Fixture;
use super::{Invocation, Repo, processes};

/// The second at which fixed time begins for commits: 2026-01-01 00:00:00 UTC.
pub const EPOCH_SECONDS: u64 = 1_767_225_600;

/// A temporary folder with everything a program may look for: HOME, XDG folders, TMPDIR, CODEX_HOME.
///
/// When it is dropped, no process may be alive that names the folder: after five seconds the test fails, and what was
/// left is killed. Stop what you start (a broker, a worker) before the end of the test.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    root: PathBuf,
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox::new()
    }
}

impl Sandbox {
    /// A new sandbox, empty but for its folders.
    pub fn new() -> Self {
        // Always below /tmp: socket paths must be short, and the same length everywhere keeps snapshots' widths.
        let folder = tempfile::Builder::new()
            .prefix("cr-")
            .rand_bytes(8)
            .tempdir_in("/tmp")
            .expect("a temporary folder can be made");
        let root = folder
            .path()
            .canonicalize()
            .expect("the folder was just made");
        let sandbox = Sandbox { folder, root };
        for name in [
            "home", "config", "state", "cache", "data", "run", "tmp", "codex",
        ] {
            fs::create_dir(sandbox.path(name)).expect("the folder is new");
        }
        fs::set_permissions(sandbox.path("run"), fs::Permissions::from_mode(0o700))
            .expect("the folder is ours");
        sandbox
    }

    /// The sandbox's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// HOME.
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// CODEX_HOME.
    pub fn codex_home(&self) -> PathBuf {
        self.path("codex")
    }

    /// Where codex-review keeps its state: `$XDG_STATE_HOME/codex-review`.
    pub fn state_dir(&self) -> PathBuf {
        self.path("state/codex-review")
    }

    /// Where codex-review looks for the user's configuration file: `$XDG_CONFIG_HOME/codex-review`.
    pub fn config_dir(&self) -> PathBuf {
        self.path("config/codex-review")
    }

    /// Writes a file below the root, folders included, and returns its path.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("the sandbox is writable");
        }
        fs::write(&path, content).expect("the sandbox is writable");
        path
    }

    /// Writes an executable file below the root and returns its path.
    pub fn script(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(relative, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        path
    }

    /// The environment of every program in here. PATH alone comes from outside.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let folders = [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
            ("CODEX_HOME", "codex"),
        ];
        let date = format!("{EPOCH_SECONDS} +0000");
        let fixed = [
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
            ("TERM", "dumb"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_EDITOR", ":"),
            // A test that asks twice means it; the cache's own tests switch it on.
            ("CODEX_REVIEW_CACHE", "false"),
            ("GIT_AUTHOR_NAME", "Ada Author"),
            ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ("GIT_COMMITTER_NAME", "Cy Committer"),
            ("GIT_COMMITTER_EMAIL", "cy@example.com"),
            ("GIT_AUTHOR_DATE", &date),
            ("GIT_COMMITTER_DATE", &date),
        ];
        let mut environment: Vec<(OsString, OsString)> = Vec::new();
        environment.extend(
            folders
                .iter()
                .map(|(name, folder)| (OsString::from(name), self.path(folder).into())),
        );
        environment.extend(
            fixed
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        // A repository around the temporary folder must not become this test's repository.
        environment.push(("GIT_CEILING_DIRECTORIES".into(), "/tmp".into()));
        if let Some(path) = std::env::var_os("PATH") {
            environment.push(("PATH".into(), path));
        }
        environment
    }

    /// Any program, in the sandbox's environment and root.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Invocation {
        self.environment().into_iter().fold(
            Invocation::new(program, &self.root),
            |invocation, (name, value)| invocation.env(name, value),
        )
    }

    /// The built `codex-review`. Set its folder with [`Invocation::cwd`].
    pub fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Invocation {
        self.program(env!("CARGO_BIN_EXE_codex-review")).args(args)
    }

    /// A new, empty repository below the root, on branch `main`.
    pub fn repo(&self, name: &str) -> Repo {
        Repo::init(self, self.path(name), "sha1")
    }

    /// Builds `fixtures/repos/<name>.toml` into a folder of that name.
    #[track_caller]
    pub fn fixture(&self, name: &str) -> Repo {
        Fixture::load(name).build(self, name)
    }

    /// Waits until nothing that this sandbox started is alive; fails the test after five seconds.
    #[track_caller]
    pub fn assert_no_process_left(&self) {
        if let Err(left) = processes::wait_until_gone(&self.root, processes::GRACE) {
            processes::kill(&left);
            panic!("processes outlived the test: {left:#?}");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if thread::panicking() {
            // The test has failed already; do not hide why, and leave nothing behind.
            processes::kill(&processes::naming(&self.root));
        } else {
            self.assert_no_process_left();
        }
        restore_access(self.folder.path());
    }
}

/// Gives folders that a test made unreadable their permissions back, so that the sandbox can be removed.
fn restore_access(folder: &Path) {
    let Ok(metadata) = fs::symlink_metadata(folder) else {
        return;
    };
    if !metadata.is_dir() {
        return;
    }
    if metadata.permissions().mode() & 0o700 != 0o700 {
        drop(fs::set_permissions(
            folder,
            fs::Permissions::from_mode(0o700),
        ));
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        restore_access(&entry.path());
    }
}
