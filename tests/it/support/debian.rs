//! Programs of Debian that tests hold our output against or run it in: a browser, an XML validator, tmux.
//!
//! Without one its tests print one line and pass; with `CODEX_REVIEW_REQUIRE_E2E=1` they fail instead.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use codex_review::engine::find_in_path;

use super::npm::REQUIRE;
use super::{CommandOutput, Invocation, Sandbox};

/// The program of this name, from the package that it is in.
#[track_caller]
fn find(program: &'static str, package: &str) -> Option<PathBuf> {
    static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = find_in_path(program, &path);
    if found.is_some() {
        return found;
    }
    assert!(
        std::env::var_os(REQUIRE).is_none_or(|value| value != "1"),
        "{REQUIRE}=1, but there is no `{program}` (Debian's {package})"
    );
    // Written past the capture of the test runner: a suite that did not run must not look as if it had.
    let mut said = SAID.lock().expect("nothing panics while it is held");
    if !said.contains(&program) {
        said.push(program);
        let line = format!("the tests with `{program}` did not run: it is not on PATH\n");
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
    None
}

/// A headless browser.
pub struct Chromium(PathBuf);

impl Chromium {
    /// `None` where there is none, which is said in one line.
    #[track_caller]
    pub fn find() -> Option<Chromium> {
        find("chromium", "chromium").map(Chromium)
    }

    /// The document as it is once the page has been read and its scripts have run.
    #[track_caller]
    pub fn document(&self, sandbox: &Sandbox, page: &Path, flags: &[&str]) -> String {
        self.open(sandbox, page, flags, "--dump-dom").stdout()
    }

    /// What the page looks like, as a PNG.
    #[track_caller]
    pub fn picture(&self, sandbox: &Sandbox, page: &Path, flags: &[&str]) -> Vec<u8> {
        let picture = sandbox.path("picture.png");
        let action = format!("--screenshot={}", picture.display());
        drop(self.open(sandbox, page, flags, &action));
        std::fs::read(picture).expect("the browser has taken a picture")
    }

    #[track_caller]
    fn open(&self, sandbox: &Sandbox, page: &Path, flags: &[&str], action: &str) -> CommandOutput {
        let profile = tempfile::tempdir_in(sandbox.root()).expect("the sandbox takes a folder");
        sandbox
            .program(&self.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-breakpad",
                "--disable-dev-shm-usage",
                action,
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(flags)
            .arg(format!("file://{}", page.display()))
            .time_limit(Duration::from_secs(120))
            .run_ok()
    }
}

/// A terminal with windows and panes.
pub struct Tmux(PathBuf);

impl Tmux {
    /// `None` where there is none, which is said in one line.
    #[track_caller]
    pub fn find() -> Option<Tmux> {
        find("tmux", "tmux").map(Tmux)
    }

    /// It with a server of the sandbox's own, and no configuration.
    pub fn program(&self, sandbox: &Sandbox) -> Invocation {
        let (name, folder) = self.folder(sandbox);
        let tmux = sandbox.program(&self.0).args(["-f", "/dev/null"]);
        tmux.env(name, folder).env("TERM", "screen")
    }

    /// The variable that makes every tmux talk to that server.
    pub fn folder(&self, sandbox: &Sandbox) -> (&'static str, PathBuf) {
        ("TMUX_TMPDIR", sandbox.path("run"))
    }
}

/// libxml2's validator.
pub struct XmlLint(PathBuf);

impl XmlLint {
    /// `None` where there is none, which is said in one line.
    #[track_caller]
    pub fn find() -> Option<XmlLint> {
        find("xmllint", "libxml2-utils").map(XmlLint)
    }

    /// What is wrong with a document by its schema; empty for a valid one.
    pub fn complaints(&self, sandbox: &Sandbox, schema: &Path, document: &[u8]) -> String {
        let path = sandbox.write("document.xml", document);
        let output = sandbox
            .program(&self.0)
            .args(["--noout", "--nonet", "--schema"])
            .args([schema, &path])
            .run();
        match output.code() {
            Some(0) => String::new(),
            _ => output.stderr(),
        }
    }
}
