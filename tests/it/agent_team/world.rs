//! A repository, the binary, and the fake app server; what the agents change is written by the tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::fake_engine::Control;
use crate::support::{Invocation, Repo, Sandbox};

/// Longer than anything here takes; only a failing test waits that long.
const BOUND: Duration = Duration::from_secs(30);

pub struct World {
    pub repo: Repo,
    pub control: Control,
    pub sandbox: Sandbox,
    script: String,
}

impl World {
    /// The engine plays `script`. The working tree is clean.
    pub fn new(script: &str) -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("repo");
        let lines: String = (1..=20).map(|line| format!("line {line}\n")).collect();
        repo.write("shared.txt", lines)
            .write("gone.txt", "gone\n")
            .write("src/a.rs", "fn a() {}\n");
        repo.commit("Start");
        World {
            repo,
            control: Control::new(),
            sandbox,
            script: script.to_owned(),
        }
    }

    /// `codex-review agent-team …` in the repository.
    pub fn team(&self, args: &[&str]) -> Invocation {
        self.command(&[&["agent-team"], args].concat())
    }

    pub fn command(&self, args: &[&str]) -> Invocation {
        let (name, address) = self.control.variable();
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env(
                "CODEX_REVIEW_CODEX_BIN",
                env!("CARGO_BIN_EXE_fake-app-server"),
            )
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .env("FAKE_APP_SERVER_SCRIPT", &self.script)
            .env(name, address)
            .time_limit(BOUND)
    }

    /// A verb's JSON document; the verb has to end with 0.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        self.team(args).arg("--json").run_ok().json()
    }

    /// Starts a team and waits until its jobs are over.
    #[track_caller]
    pub fn finished(&self, args: &[&str]) -> Value {
        let words = [&["start", "--json"], args].concat();
        let started = self.team(&words).run_ok().json();
        self.wait_for_all(&started);
        started
    }

    #[track_caller]
    pub fn wait_for_all(&self, started: &Value) {
        for agent in started["agents"].as_array().unwrap() {
            let id = agent["jobId"].as_str().unwrap();
            let words = ["status", id, "--wait", "--timeout-ms", "25000", "--json"];
            let status = self.command(&words).args(["--poll-interval-ms", "10"]);
            let document = status.run_ok().json();
            assert_eq!(document["waitTimedOut"], false, "{document:#}");
            assert_eq!(document["job"]["status"], "completed", "{document:#}");
        }
    }

    /// The worktree of an agent.
    pub fn worktree(&self, started: &Value, agent: &str) -> PathBuf {
        let agents = started["agents"].as_array().unwrap();
        let found = agents.iter().find(|known| known["name"] == agent);
        PathBuf::from(found.unwrap()["worktree"].as_str().unwrap())
    }

    /// What the agent writes.
    pub fn write(&self, started: &Value, agent: &str, path: &str, content: &str) {
        let place = self.worktree(started, agent).join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }

    /// All that a user could notice of the repository: every file of the working tree and of the git directory, and what
    /// git says of it.
    pub fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        walk(self.repo.path(), self.repo.path(), &mut all);
        for words in [
            &["for-each-ref"][..],
            &["worktree", "list", "--porcelain"],
            &["config", "--list", "--local"],
            &["status", "--porcelain=v2", "--branch", "-z", "-uall"],
            &["ls-files", "--stage", "-z"],
        ] {
            let git = self.repo.git_command(words).env("GIT_OPTIONAL_LOCKS", "0");
            all.insert(words.join(" "), git.run_ok().stdout);
        }
        all
    }

    /// Fails the test with the names of what differs.
    #[track_caller]
    pub fn assert_same(&self, before: &BTreeMap<String, Vec<u8>>, when: &str) {
        let after = self.everything();
        let changed: Vec<&String> = after
            .keys()
            .chain(before.keys())
            .filter(|name| after.get(*name) != before.get(*name))
            .collect();
        assert!(changed.is_empty(), "{when}: {changed:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ended = self.command(&["broker", "stop", "--force"]).run_ok();
        }
    }
}

fn walk(root: &Path, folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            walk(root, &path, all);
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            all.insert(name, format!("link to {}", target.display()).into_bytes());
        } else {
            let mut content = format!("{:o} ", metadata.permissions().mode()).into_bytes();
            content.extend(fs::read(&path).unwrap());
            all.insert(name, content);
        }
    }
}
