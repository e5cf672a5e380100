//! Claims about the pre-push hook: what git is told, with git itself, a bare remote and each way to install it.

mod frameworks;
mod installing;
mod pushing;
mod range;
mod with_codex;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

/// What the built-in engine holds.
const CONFLICT: &str = "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n";

/// A repository with a bare remote that has its first commit, and the hook.
struct Pushing {
    repo: Repo,
    remote: PathBuf,
    sandbox: Sandbox,
}

impl Pushing {
    fn new() -> Pushing {
        Pushing::without_hook().installed()
    }

    fn without_hook() -> Pushing {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("a.txt", "one\n").commit("Start");
        let remote = repo.bare_remote(&sandbox, "origin");
        Pushing {
            repo,
            remote,
            sandbox,
        }
    }

    fn installed(self) -> Pushing {
        self.command(["hook", "install", "--pre-push"]).run_ok();
        self
    }

    /// Our program, in the repository.
    fn command<const N: usize>(&self, args: [&str; N]) -> Invocation {
        ours(self.sandbox.command(args).cwd(self.repo.path()))
    }

    /// `git push` with these arguments, our program on PATH.
    fn push(&self, args: &[&str]) -> Invocation {
        push_from(&self.repo, args)
    }

    /// What the remote's ref is.
    fn at_remote(&self, name: &str) -> Option<String> {
        let output = self
            .sandbox
            .program("git")
            .arg("--git-dir")
            .arg(&self.remote)
            .args(["rev-parse", "--quiet", "--verify", name])
            .run();
        (output.code() == Some(0)).then(|| output.stdout().trim().to_owned())
    }

    /// The document of `hook status`.
    fn status(&self) -> Value {
        self.command(["hook", "status", "--json"]).run_ok().json()
    }

    /// The verdicts of all refs so far, the newest first.
    fn verdicts(&self) -> Vec<String> {
        let status = self.status();
        let pushes = status["pushes"].as_array().unwrap();
        pushes
            .iter()
            .map(|push| {
                format!(
                    "{} {}",
                    push["ref"].as_str().unwrap(),
                    push["verdict"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// How many jobs there were.
    fn jobs(&self) -> usize {
        let status = self.command(["status", "--all", "--json"]).run_ok().json();
        assert!(status["running"].as_array().unwrap().is_empty(), "{status}");
        let recent = status["recent"].as_array().unwrap();
        let ended = recent.iter().chain([&status["latestFinished"]]);
        let ids: BTreeSet<&str> = ended.filter_map(|job| job["id"].as_str()).collect();
        ids.len()
    }

    /// What a hook gets on its standard input.
    fn hook(&self, stdin: &str) -> CommandOutput {
        self.command(["hook", "pre-push", "origin", "somewhere"])
            .stdin(stdin)
            .run()
    }
}

fn ours(invocation: Invocation) -> Invocation {
    let program = Path::new(env!("CARGO_BIN_EXE_codex-review"));
    invocation
        .path_prepend(program.parent().unwrap())
        .env("CODEX_REVIEW_ENGINE", "builtin")
        .time_limit(Duration::from_secs(120))
}

fn push_from(repo: &Repo, args: &[&str]) -> Invocation {
    ours(repo.git_command(["push"]).args(args))
}
