//! The whole chain: real Codex agents in worktrees, told apart by their names, that write files through its sandbox.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::{Answer, ResponsesApi};
use crate::support::{Invocation, Repo, Sandbox};

struct Chain {
    codex: &'static RealCodex,
    repo: Repo,
    // Last, so that its check for processes that were left comes after everything else has ended.
    sandbox: Sandbox,
}

impl Chain {
    fn team(&self, args: &[&str]) -> Invocation {
        self.command(&[&["agent-team"], args].concat())
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .time_limit(Duration::from_secs(60))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let stopped = self.command(&["broker", "stop", "--force"]).run();
        assert!(
            std::thread::panicking() || stopped.code() == Some(0),
            "{stopped:?}"
        );
    }
}

/// What an agent's model does: writes a file of its own and one of everybody's, then says so.
pub fn busy_agent(asked: &crate::support::responses_api::ModelRequest) -> Answer {
    let prompt = asked.prompt();
    let name = ["ada", "ben"]
        .into_iter()
        .find(|name| prompt.contains(&format!("You are `{name}`.")))
        .unwrap_or("nobody");
    let has_written = asked.body["input"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|item| item["type"] == "function_call_output");
    if has_written {
        return Answer::Text(format!("{name} wrote two files."));
    }
    let cmd = format!("echo 'by {name}' > {name}.txt && echo 'fn {name}() {{}}' > src/a.rs");
    Answer::Tool {
        name: "exec_command".to_owned(),
        arguments: json!({"cmd": cmd}),
    }
}

/// How Codex itself writes files.
const PATCH: &str = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: patched.txt\n+patched\n*** End Patch\nEOF\n";

#[test]
fn real_agents_write_in_their_own_worktrees_and_one_is_brought_over() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let api = ResponsesApi::start();
    let sandbox = Sandbox::new();
    use_api(&sandbox, &api);
    let repo = sandbox.repo("shop");
    repo.write("src/a.rs", "fn a() {}\n").commit("Start");
    repo.write("note.txt", "carried\n");
    let settings = fs::read(sandbox.path("codex/config.toml")).unwrap();
    let planted = [
        repo.join("planted.txt"),
        Path::new("/tmp")
            .join(sandbox.root().file_name().unwrap())
            .with_extension("planted"),
    ];
    let beyond = planted.clone();
    api.respond(move |asked| {
        let input = asked.body["input"].as_array().into_iter().flatten();
        let acted = input.filter(|item| item["type"] == "function_call_output");
        match (acted.count(), busy_agent(asked)) {
            (0, Answer::Tool { name, arguments }) => {
                let cmd = arguments["cmd"].as_str().unwrap();
                let [tree, tmp] = beyond.each_ref().map(|path| path.display());
                let more = format!(
                    "{cmd}; echo x > {tree}; echo x > {tmp}; echo \"kept in $(mktemp)\"; git status --short; git add -A"
                );
                Answer::Tool {
                    name,
                    arguments: json!({"cmd": more}),
                }
            }
            (1, _) => Answer::Tool {
                name: "exec_command".to_owned(),
                arguments: json!({"cmd": PATCH}),
            },
            (_, said) => said,
        }
    });
    let chain = Chain {
        codex,
        repo,
        sandbox,
    };
    let task = "say \"who\" wrote; it's $HOME\n\tand `that`";
    let started = chain.team(&["start", "2", "--names", "ada,ben", "--json", "--", task]);
    let started = started.run_ok().json();
    let jobs: Vec<&str> = started["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["jobId"].as_str().unwrap())
        .collect();
    for job in &jobs {
        let status = chain.command(&["status", job, "--wait", "--json"]);
        let job = status.args(["--poll-interval-ms", "20"]).run_ok().json()["job"].clone();
        assert_eq!(job["status"], "completed", "{job:#}");
    }
    let prompts: Vec<String> = api.requests().iter().map(|asked| asked.prompt()).collect();
    assert!(
        prompts.iter().all(|prompt| prompt.contains(task)),
        "{prompts:?}"
    );
    assert!(!chain.repo.join("ada.txt").exists());
    // Its worktree and its own folder for temporary files are all that an agent can write to.
    let told = prompts
        .iter()
        .find(|prompt| prompt.contains("?? ada.txt"))
        .expect("what its commands said was told to the model");
    let scratch = chain.sandbox.state_dir();
    assert!(
        told.contains(&format!("kept in {}", scratch.display())),
        "{told}"
    );
    for path in &planted {
        assert!(!path.exists(), "{}", path.display());
    }
    assert_eq!(
        fs::read(chain.sandbox.path("codex/config.toml")).unwrap(),
        settings,
        "no project is marked as trusted"
    );

    let listed = chain.team(&["list", "--json"]).run_ok().json();
    let agents = listed["teams"][0]["agents"].as_array().unwrap();
    for agent in agents {
        assert_eq!(agent["filesChanged"], 3, "{listed:#}");
        assert_eq!(agent["tokens"]["output"], 60, "{agent:#}");
    }
    let diff = chain.team(&["diff", "--json"]).run_ok().json();
    assert_eq!(
        diff["collisions"],
        json!([
            {"path": "patched.txt", "agents": ["ada", "ben"], "meeting": "same"},
            {"path": "src/a.rs", "agents": ["ada", "ben"], "meeting": "overlap"},
        ])
    );
    let applied = chain.team(&["apply", "ben", "--json"]).run_ok().json();
    assert_eq!(
        applied["written"],
        json!(["ben.txt", "patched.txt", "src/a.rs"]),
        "{applied:#}"
    );
    assert_eq!(
        fs::read_to_string(chain.repo.join("ben.txt")).unwrap(),
        "by ben\n"
    );
    let result = chain.command(&["result", jobs[1]]).run_ok().stdout();
    assert!(result.contains("ben wrote two files."), "{result}");
    // An agent's thread is no task's to go on with.
    let candidate = chain
        .command(&["task-resume-candidate", "--json"])
        .run_ok()
        .json();
    assert_eq!(candidate["candidate"], Value::Null);
    chain
        .team(&["clean"])
        .run()
        .expect_code(2)
        .assert_stderr_has("the work of ada");
    chain.team(&["clean", "--force"]).run_ok();
    assert_eq!(chain.repo.git(["worktree", "list"]).lines().count(), 1);
    assert_eq!(chain.repo.git(["branch", "--list", "codex-team/*"]), "");
}
