//! `test`: the real Codex CLI writes into a throw-away worktree what a stand-in for its model tells it, and only tests
//! that were added come out of it. The user's own tree, refs and settings stay as they were.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::{Answer, ModelRequest, ResponsesApi};
use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

/// A test that leaves a process behind in a session of its own, whose number it writes to `STRAYS`.
const STRAYING: &str = "\n#[test]\nfn it_leaves_a_process() {\n    let script = \"sleep 600 > STRAYS.out 2>&1 & echo $! >> STRAYS\";\n    \
                        let left = std::process::Command::new(\"setsid\").args([\"sh\", \"-c\", script]).status();\n    \
                        assert!(left.unwrap().success());\n}\n";
/// A test that fails without the fix.
const SHARP: &str = "#[test]\nfn nothing_is_added() {\n    assert_eq!(shop::total(3, 2), 6);\n}\n";
/// A test that passes with and without it.
const BLUNT: &str =
    "#[test]\nfn nothing_costs_something() {\n    assert!(shop::total(3, 2) > 0);\n}\n";
const EXISTING: &str = "#[test]\nfn it_counts() {\n    assert!(shop::total(1, 1) >= 1);\n}\n";

/// A crate without dependencies, with a fix that is not committed.
struct World {
    codex: &'static RealCodex,
    api: ResponsesApi,
    repo: Repo,
    // Last, so that its check for processes that were left comes after everything else has ended.
    sandbox: Sandbox,
}

fn crate_in(sandbox: &Sandbox) -> Repo {
    let repo = sandbox.repo("shop");
    repo.write(
        "Cargo.toml",
        "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    repo.write(".gitignore", "target\nCargo.lock\n");
    repo.write("tests/existing.rs", EXISTING);
    repo.write(
        "src/lib.rs",
        "pub fn total(price: u32, count: u32) -> u32 {\n    price * count + 1\n}\n",
    );
    repo.commit("Start");
    repo.write(
        "src/lib.rs",
        "pub fn total(price: u32, count: u32) -> u32 {\n    price * count\n}\n",
    );
    repo
}

/// A command that the model has run in the worktree, and its last word.
fn act(request: &ModelRequest, command: &str) -> Answer {
    let acted = request.body["input"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|item| item["type"] == "function_call_output");
    if acted {
        return Answer::Text("I have added a test.".to_owned());
    }
    Answer::Tool {
        name: "exec_command".to_owned(),
        arguments: json!({"cmd": command}),
    }
}

fn write_file(path: &str, content: &str) -> String {
    format!("mkdir -p tests && cat > {path} <<'EOF'\n{content}EOF\n")
}

impl World {
    /// `None` without npm, which says so in one line.
    fn start() -> Option<World> {
        let codex = RealCodex::find()?;
        let sandbox = Sandbox::new();
        let api = ResponsesApi::start();
        use_api(&sandbox, &api);
        let repo = crate_in(&sandbox);
        Some(World {
            codex,
            api,
            repo,
            sandbox,
        })
    }

    fn command(&self, args: &[&str]) -> Invocation {
        // The real cargo of this build, beside its compiler: the launcher that PATH may have needs the user's own home.
        let tools = Path::new(env!("CARGO")).parent().unwrap().display();
        let path = std::env::var("PATH").unwrap_or_default();
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("PATH", format!("{tools}:{path}"))
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .time_limit(Duration::from_secs(120))
    }

    /// What the model does from now on.
    fn model_runs(&self, command: String) {
        self.api.respond(move |request| act(request, &command));
    }

    /// Everything of the repository that must not change.
    fn picture(&self) -> Vec<String> {
        [
            &[
                "status",
                "--porcelain=v2",
                "--untracked-files=all",
                "--ignored",
            ] as &[&str],
            &["for-each-ref"],
            &["worktree", "list", "--porcelain"],
            &["fsck", "--full", "--unreachable", "--no-progress"],
            &["diff", "HEAD"],
            &["config", "--local", "--list"],
        ]
        .map(|args| self.repo.git(args))
        .to_vec()
    }

    /// The worktrees of runs that are left.
    fn sites(&self) -> Vec<PathBuf> {
        let workspaces = std::fs::read_dir(self.sandbox.state_dir()).unwrap();
        workspaces
            .flatten()
            .flat_map(|workspace| {
                let sites = std::fs::read_dir(workspace.path().join("tests"));
                sites.into_iter().flatten().flatten()
            })
            .map(|entry| entry.path())
            .collect()
    }

    #[track_caller]
    fn refuse(&self, args: &[&str], code: i32, words: &[&str]) -> CommandOutput {
        let output = self.command(args).run().expect_code(code);
        for word in words {
            output.assert_stderr_has(word);
        }
        assert_eq!(output.stdout(), "", "{output}");
        output
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let stopped = self.command(&["broker", "stop", "--force"]).run();
        assert!(
            std::thread::panicking() || stopped.code() == Some(0),
            "the broker did not stop: {stopped:?}"
        );
    }
}

fn paths(list: &Value) -> Vec<(&str, &str)> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| {
            (
                item["path"].as_str().expect("a path"),
                item["change"].as_str().expect("a word"),
            )
        })
        .collect()
}

#[test]
fn tests_of_a_fix_are_written_run_on_both_sides_kept_as_a_patch_and_applied_when_asked() {
    let Some(world) = World::start() else { return };
    let settings = std::fs::read(world.sandbox.path("codex/config.toml")).unwrap();
    let before = world.picture();
    let own = world.repo.join("tests/planted.rs");
    let strays = world.sandbox.path("strays");
    let sharp = SHARP.to_owned() + &STRAYING.replace("STRAYS", strays.to_str().unwrap());
    world.model_runs(format!(
        "{}echo '// hacked' >> src/lib.rs\necho x > notes.md\nrm tests/existing.rs\nln -s ../src/lib.rs tests/link.rs\n\
         printf 'a\\0b' > tests/bytes.rs\necho own > {own}\necho tmp > /tmp/$(basename {root})-x\necho git > .git\n",
        write_file("tests/total.rs", &sharp),
        own = own.display(),
        root = world.sandbox.root().display(),
    ));
    let output = world
        .command(&["test", "--run", "--json", "--", "the", "sum"])
        .run_ok();
    let told = output.json();
    let id = told["jobId"].as_str().unwrap().to_owned();
    assert_eq!(told["outcome"], "written", "{told:#}");
    assert_eq!(paths(&told["files"]), [("tests/total.rs", "added")]);
    assert_eq!(
        paths(&told["rejected"]),
        [
            ("notes.md", "added"),
            ("src/lib.rs", "changed"),
            ("tests/bytes.rs", "added"),
            ("tests/existing.rs", "deleted"),
            ("tests/link.rs", "added"),
        ],
        "{told:#}"
    );
    assert_eq!(told["judgement"]["verdict"], "shows-the-change", "{told:#}");
    let sides: Vec<(&str, &str)> = told["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["side"].as_str().unwrap(), run["end"].as_str().unwrap()))
        .collect();
    assert_eq!(sides, [("change", "passed"), ("base", "failed")]);
    assert_eq!(
        told["runs"][0]["command"],
        "cargo test --offline --test total"
    );
    assert_eq!(told["packages"][0]["marker"], "Cargo.toml");

    // What the tests left behind is gone, though it had left their process group.
    let strays = std::fs::read_to_string(strays).unwrap();
    assert_eq!(strays.lines().count(), 2, "one a side: {strays}");
    for stray in strays.lines() {
        assert!(!Path::new("/proc").join(stray).exists(), "{stray} lives on");
    }

    // Nothing else changed, anywhere.
    assert_eq!(world.picture(), before);
    assert!(!own.exists());
    let name = world.sandbox.root().file_name().unwrap().to_str().unwrap();
    assert!(!Path::new("/tmp").join(format!("{name}-x")).exists());
    assert_eq!(
        std::fs::read(world.sandbox.path("codex/config.toml")).unwrap(),
        settings,
        "no project is marked as trusted"
    );
    assert_eq!(world.sites(), [] as [PathBuf; 0]);
    let prompt = world.api.requests()[0].prompt();
    for part in [
        "Write tests for one change",
        "cargo test --offline",
        "`Cargo.toml` is the nearest above `src/lib.rs`",
        "+    price * count",
        "the sum",
    ] {
        assert!(prompt.contains(part), "{part:?} is not in:\n{prompt}");
    }

    // The patch is git's own.
    let patch = told["patch"].as_str().unwrap();
    world
        .repo
        .git_command(["apply", "--check", "-"])
        .stdin(patch)
        .run_ok();
    let page = world.command(&["result", &id]).run_ok().stdout();
    for part in [
        "The tests show the change",
        "`src/lib.rs` (changed)",
        patch,
        "--apply=task-",
    ] {
        assert!(page.contains(part), "{part:?} is not in:\n{page}");
    }
    let status = world.command(&["status", &id, "--json"]).run_ok().json();
    assert_eq!(
        (&status["job"]["kindLabel"], &status["job"]["status"]),
        (&json!("test"), &json!("completed")),
        "{status}"
    );
    // Its thread is gone with its worktree.
    let candidate = world.command(&["task-resume-candidate", "--json"]).run_ok();
    assert_eq!(candidate.json()["available"], false);

    // Applied later, without asking anybody; a file in the way stops all of it.
    let asked = world.api.requests().len();
    let apply = format!("--apply={id}");
    world.repo.write("tests/total.rs", "// mine\n");
    world.refuse(
        &["test", &apply],
        4,
        &[
            "were not applied",
            "nothing was changed",
            "`tests/total.rs` does not fit",
            &id,
        ],
    );
    assert_eq!(
        std::fs::read(world.repo.join("tests/total.rs")).unwrap(),
        b"// mine\n"
    );
    world.repo.delete("tests/total.rs");
    let applied = world.command(&["test", &apply, "--json"]).run_ok().json();
    assert_eq!(
        applied["applied"],
        json!({"written": ["tests/total.rs"], "already": []}),
        "{applied:#}"
    );
    assert_eq!(
        std::fs::read_to_string(world.repo.join("tests/total.rs")).unwrap(),
        sharp
    );
    let again = world.command(&["test", &apply]).run_ok();
    assert_eq!(again.stdout(), "Already there: tests/total.rs\n");
    assert_eq!(world.api.requests().len(), asked, "nobody was asked");
}

#[test]
fn tests_that_would_not_have_caught_it_exit_with_1_and_an_existing_file_only_grows() {
    let Some(world) = World::start() else { return };
    world.model_runs(format!("cat >> tests/existing.rs <<'EOF'\n\n{BLUNT}EOF\n"));
    let told = world
        .command(&["test", "--run", "--apply", "--json"])
        .run()
        .expect_code(1)
        .json();
    assert_eq!(paths(&told["files"]), [("tests/existing.rs", "extended")]);
    assert_eq!(
        told["judgement"]["verdict"], "would-not-have-caught-it",
        "{told:#}"
    );
    assert_eq!(told["applied"]["written"], json!(["tests/existing.rs"]));
    assert_eq!(
        std::fs::read_to_string(world.repo.join("tests/existing.rs")).unwrap(),
        format!("{EXISTING}\n{BLUNT}")
    );

    // Unit tests beside the code are taken, and only they; nothing is run.
    let module = "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn adds_nothing() {\n        assert_eq!(total(3, 2), 6);\n    }\n}\n";
    world.model_runs(format!("cat >> src/lib.rs <<'EOF'\n{module}EOF\n"));
    let told = world.command(&["test", "--json"]).run_ok().json();
    assert_eq!(
        paths(&told["files"]),
        [("src/lib.rs", "extended")],
        "{told:#}"
    );
    assert_eq!(told["runs"], json!([]));
    assert_eq!(told["judgement"], Value::Null);

    // Nothing that is kept is no result.
    world.model_runs("echo x > notes.md".to_owned());
    let none = world.command(&["test"]).run().expect_code(4);
    none.assert_stdout_has("No test was accepted, 1 rejected.");
    none.assert_stdout_has("`notes.md` (added): not a test file");
    // A file that fails on the base by itself is no evidence for what was added to it.
    world
        .repo
        .write("tests/existing.rs", format!("{EXISTING}\n{SHARP}"));
    world.model_runs(format!("cat >> tests/existing.rs <<'EOF'\n\n{BLUNT}EOF\n"));
    let told = world
        .command(&["test", "--run", "--json"])
        .run()
        .expect_code(4)
        .json();
    assert_eq!(told["judgement"]["verdict"], "not-judged", "{told:#}");
    assert_eq!(
        told["runs"][1]["reason"],
        "it fails even without the new tests"
    );

    // One commit, in the background.
    world.repo.commit("Fix");
    world.model_runs(write_file("tests/total.rs", SHARP));
    let queued = world
        .command(&["test", "--commit", "HEAD", "--background", "--json"])
        .run_ok()
        .json();
    let id = queued["jobId"].as_str().unwrap();
    world.command(&["status", id, "--wait", "--json"]).run_ok();
    let stored = world.command(&["result", id, "--json"]).run_ok().json();
    let result = &stored["storedJob"]["result"];
    assert_eq!(
        paths(&result["files"]),
        [("tests/total.rs", "added")],
        "{stored:#}"
    );
    assert_eq!(world.sites(), [] as [PathBuf; 0]);
}

#[test]
fn a_cancelled_and_a_killed_run_leave_no_worktree() {
    let Some(world) = World::start() else { return };
    let before = world.picture();
    world.api.hold();
    let start = |world: &World| -> String {
        let queued = world.command(&["test", "--background", "--json"]).run_ok();
        queued.json()["jobId"].as_str().unwrap().to_owned()
    };
    let id = start(&world);
    world.api.wait_for_requests(1);
    assert_eq!(world.sites().len(), 2, "a record and a folder");
    let cancelled = world.command(&["cancel", &id, "--json"]).run_ok().json();
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    let ended = world.command(&["result", &id, "--json"]).run_ok().json();
    assert_eq!(ended["storedJob"]["status"], "cancelled", "{ended}");
    assert_eq!(world.picture(), before);
    assert_eq!(world.sites(), [] as [PathBuf; 0]);

    let id = start(&world);
    world.api.wait_for_requests(2);
    let job = world.command(&["status", &id, "--json"]).run_ok().json();
    let pid = job["job"]["pid"]
        .as_i64()
        .expect("a job that runs has a pid");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let ended = world
        .command(&["status", &id, "--wait", "--json"])
        .run_ok()
        .json();
    assert_eq!(ended["job"]["status"], "failed", "{ended}");
    assert_ne!(world.picture()[2], before[2], "its worktree is left");

    // The next run takes it away, and leaves none of its own.
    world.api.release();
    world.model_runs(write_file("tests/total.rs", SHARP));
    world.command(&["test"]).run_ok();
    assert_eq!(world.picture(), before);
    assert_eq!(world.sites(), [] as [PathBuf; 0]);
}

#[test]
fn what_cannot_be_tested_is_refused_before_anybody_is_asked() {
    let Some(world) = World::start() else { return };
    let refuse = |args: &[&str], words: &[&str]| {
        let mut all = vec!["test"];
        all.extend(args);
        drop(world.refuse(&all, 2, words));
    };
    refuse(
        &["--engine", "builtin"],
        &["writes no tests", "--engine codex"],
    );
    refuse(
        &["--scope", "staged"],
        &["staged alone", "--scope working-tree"],
    );
    refuse(
        &["--background", "--apply"],
        &["--background", "--apply=JOB"],
    );
    refuse(&["--apply=task-x", "--run"], &["goes with no target"]);
    refuse(&["--apply=task-x"], &["task-x"]);
    refuse(&["--commit", "nowhere"], &["unknown revision `nowhere`"]);
    world.repo.commit("Fix");
    refuse(&["--commit", "HEAD~1", "--apply"], &["not checked out"]);
    refuse(&["--scope", "working-tree"], &["nothing to test"]);
    world.repo.delete("Cargo.toml");
    world.repo.commit("No package");
    world.repo.write("src/lib.rs", "pub fn more() {}\n");
    refuse(
        &[],
        &["no test command is known for `src/lib.rs`", "docs/test.md"],
    );
    let bare = world.repo.bare_remote(&world.sandbox, "bare");
    let outside = world
        .command(&["test", "--commit", "main"])
        .cwd(bare)
        .run()
        .expect_code(2);
    outside.assert_stderr_has("bare repository");
    let review = world.command(&["review", "--isolated", "--json"]).run_ok();
    let review = review.json();
    let apply = format!("--apply={}", review["jobId"].as_str().unwrap());
    refuse(&[&apply], &["holds no accepted tests"]);
    assert_eq!(world.api.requests().len(), 1, "the review alone asked");
    let help = world.command(&["test", "--help"]).run_ok().stdout();
    for part in ["--run", "--apply", "throw-away worktree", "FOCUS"] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
}
