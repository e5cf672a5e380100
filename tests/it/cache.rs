//! Claims about what earlier runs leave for later ones, through the binary: cached answers and `--since-last`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::ResponsesApi;
use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

/// A repository whose branch has one defect, with the cache switched on.
struct World {
    repo: Repo,
    sandbox: Sandbox,
}

const BASE: &str = "function total(list) {\n  let sum = 0;\n  for (const item of list) {\n    sum += item;\n  }\n  return sum;\n}\n";

fn filler(count: usize, word: &str) -> String {
    (0..count)
        .map(|number| format!("const {word}{number} = {number};\n"))
        .collect()
}

impl World {
    fn new() -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        let whole = format!("{}{BASE}{}", filler(20, "h"), filler(30, "a"));
        repo.write("a.js", &whole);
        repo.write("b.js", BASE);
        repo.commit("Start");
        repo.branch("feature");
        repo.write(
            "a.js",
            whole.replace("  return sum;", "  debugger;\n  return sum;"),
        );
        repo.commit("Add a defect");
        World { repo, sandbox }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_CACHE", "true")
            .env("CODEX_REVIEW_ENGINE", "builtin")
    }

    #[track_caller]
    fn review(&self, args: &[&str]) -> Value {
        self.command(&["review", "--base", "main", "--json"])
            .args(args)
            .run_ok()
            .json()
    }

    /// The files of a store below the state folder.
    fn entries(&self, store: &str) -> Vec<PathBuf> {
        let state = self.sandbox.state_dir();
        let mut found = Vec::new();
        for folder in fs::read_dir(state).into_iter().flatten().flatten() {
            for entry in fs::read_dir(folder.path().join("cache").join(store))
                .into_iter()
                .flatten()
                .flatten()
            {
                found.push(entry.path());
            }
        }
        found
    }

    /// What a job's engine was asked.
    fn question(&self, report: &Value) -> String {
        let id = report["jobId"].as_str().unwrap();
        let state = fs::read_dir(self.sandbox.state_dir()).unwrap();
        let folder = state.flatten().map(|entry| entry.path());
        let path = folder
            .map(|folder| folder.join("jobs").join(format!("{id}.request.json")))
            .find(|path| path.exists())
            .unwrap();
        let request: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        request["question"]["instructions"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn findings(report: &Value) -> Vec<(&str, u64, Option<&str>)> {
    let list = report["result"]["findings"].as_array().expect("judged");
    list.iter()
        .map(|finding| {
            (
                finding["file"].as_str().unwrap(),
                finding["line_start"].as_u64().unwrap(),
                finding["carried_from"].as_str(),
            )
        })
        .collect()
}

fn notes(report: &Value) -> String {
    let notes = report["notes"].as_array().unwrap();
    let lines: Vec<&str> = notes.iter().filter_map(Value::as_str).collect();
    lines.join("\n")
}

#[test]
fn the_same_question_is_not_asked_twice_and_the_report_says_so() {
    let world = World::new();
    let first = world.review(&[]);
    assert_eq!(first["cached"], Value::Null);
    let second = world.review(&[]);
    assert_eq!(second["cached"]["job"], first["jobId"], "{second:#}");
    assert!(second["cached"]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(second["result"], first["result"]);
    assert_ne!(second["jobId"], first["jobId"], "it is a job of its own");
    assert!(notes(&second).contains("--no-cache"), "{second:#}");

    // The job can be asked for like any other.
    let id = second["jobId"].as_str().unwrap();
    let stored = world.command(&["result", id, "--json"]).run_ok().json();
    assert_eq!(
        stored["storedJob"]["result"]["cached"], second["cached"],
        "{stored:#}"
    );
    let text = world.command(&["review", "--base", "main"]).run_ok();
    text.assert_stdout_has("the same was asked before");

    // Asking anyway replaces what is kept.
    let asked = world.review(&["--no-cache"]);
    assert_eq!(asked["cached"], Value::Null);
    assert_eq!(world.review(&[])["cached"]["job"], asked["jobId"]);
}

#[test]
fn another_question_is_asked_and_another_threshold_is_the_same_question() {
    let world = World::new();
    world.review(&[]);
    for other in [
        &["--path", "a.js"][..],
        &["--model", "m1"],
        &["--effort", "high"],
        &["--", "the loop"],
    ] {
        assert_eq!(world.review(other)["cached"], Value::Null, "{other:?}");
        assert!(world.review(other)["cached"].is_object(), "{other:?}");
    }
    let kind = ["adversarial-review", "--base", "main", "--json"];
    let adversarial = world.command(&kind).run_ok().json();
    assert_eq!(adversarial["cached"], Value::Null);

    let failing = world.command(&["review", "--base", "main", "--json", "--fail-on", "any"]);
    let failing = failing.run().expect_code(1).json();
    assert!(failing["cached"].is_object(), "{failing:#}");

    let off = world.command(&["review", "--base", "main", "--json"]);
    let off = off.env("CODEX_REVIEW_CACHE", "false").run_ok().json();
    assert_eq!(off["cached"], Value::Null);
}

/// The text of a question that only summarises the change is the same for two edits of the same shape.
#[test]
fn an_edit_of_the_same_shape_is_another_question() {
    let world = World::new();
    world.repo.switch("main");
    let edit = |value: &str| {
        for name in ["x.js", "y.js", "z.js"] {
            world.repo.write(name, format!("const value = {value};\n"));
        }
        let args = ["review", "--json", "--strategy", "self-collect"];
        world.command(&args).run_ok().json()
    };
    edit("1");
    assert_eq!(edit("2")["cached"], Value::Null);
    assert!(edit("2")["cached"].is_object() || edit("2")["cached"].is_object());
    assert_eq!(edit("3")["cached"], Value::Null);
}

#[test]
fn files_that_change_while_they_are_reviewed_leave_no_answer() {
    let world = World::new();
    world.repo.write("a.js", "debugger;\n");
    let ahead = SystemTime::now() + Duration::from_secs(3_600);
    let file = fs::File::options()
        .write(true)
        .open(world.repo.join("a.js"))
        .unwrap();
    file.set_modified(ahead).unwrap();
    let run = || world.command(&["review", "--json"]).run_ok().json();
    run();
    assert_eq!(run()["cached"], Value::Null);
    file.set_modified(SystemTime::now() - Duration::from_secs(3_600))
        .unwrap();
    run();
    assert!(run()["cached"].is_object());
}

#[test]
fn a_broken_entry_is_a_miss_and_is_mended() {
    let world = World::new();
    world.review(&[]);
    let entries = world.entries("answers");
    assert_eq!(entries.len(), 1, "{entries:?}");
    for damage in ["", "garbage\n{}", "codex-review-cache 1 x 0 0\n{\"job\":1}"] {
        fs::write(&entries[0], damage).unwrap();
        assert_eq!(world.review(&[])["cached"], Value::Null, "{damage:?}");
        assert!(world.review(&[])["cached"].is_object(), "{damage:?}");
    }
    check_private(&entries[0]);
}

#[track_caller]
fn check_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[test]
fn what_could_not_be_judged_is_asked_again() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let world = World::new();
    let api = ResponsesApi::start();
    use_api(&world.sandbox, &api);
    let run = |code: i32| -> Value {
        let args = [
            "adversarial-review",
            "--base",
            "main",
            "--json",
            "--isolated",
        ];
        let command = world.command(&args).env("CODEX_REVIEW_ENGINE", "codex");
        let command = command.env("CODEX_REVIEW_CODEX_BIN", codex.launcher());
        command
            .time_limit(Duration::from_secs(60))
            .run()
            .expect_code(code)
            .json()
    };
    api.say("I had no time to look.");
    assert_eq!(run(4)["outcome"], "not-judged");
    let answer = json!({
        "verdict": "approve", "summary": "Fine.", "findings": [], "next_steps": [],
    });
    api.say(&answer.to_string());
    let judged = run(0);
    assert_eq!(
        (&judged["cached"], &judged["outcome"]),
        (&Value::Null, &json!("passed"))
    );
    let asked = api.requests().len();
    let cached = run(0);
    assert_eq!(cached["cached"]["job"], judged["jobId"]);
    assert_eq!(cached["result"]["summary"], "Fine.");
    assert_eq!(api.requests().len(), asked, "the model is not asked again");
}

#[test]
fn without_an_earlier_review_the_whole_change_is_reviewed_and_that_is_said() {
    let world = World::new();
    let report = world.review(&["--since-last"]);
    assert_eq!(findings(&report), [("a.js", 26, None)]);
    assert!(notes(&report).contains("no earlier review"), "{report:#}");
    assert_eq!(report["since"], Value::Null);
}

#[test]
fn only_what_is_new_is_reviewed_and_open_findings_move_with_their_code() {
    let world = World::new();
    let first = world.review(&[]);
    assert_eq!(findings(&first), [("a.js", 26, None)]);
    let first_job = first["jobId"].as_str().unwrap();

    // Above the old finding something new, and a new defect in another file.
    let a = fs::read_to_string(world.repo.join("a.js")).unwrap();
    world
        .repo
        .write("a.js", format!("// total\n{a}const last = 1;\n"));
    world.repo.write(
        "b.js",
        BASE.replace("  return sum;", "  debugger;\n  return sum;"),
    );
    world.repo.commit("Add another");
    let second = world.review(&["--since-last"]);
    assert_eq!(
        findings(&second),
        [("b.js", 6, None), ("a.js", 27, Some(first_job))],
        "{second:#}"
    );
    assert_eq!(second["since"]["job"], first["jobId"]);
    assert_eq!(second["since"]["closed"], json!([]));
    assert!(
        second["since"]["knownHunks"].as_u64() >= Some(1),
        "{second:#}"
    );
    let asked = world.question(&second);
    assert!(
        asked.contains("+const last = 1;") && asked.contains("b.js"),
        "{asked}"
    );

    // The old one is mended: it is closed. The other one stays open, and is no new one.
    let a = fs::read_to_string(world.repo.join("a.js")).unwrap();
    world.repo.write("a.js", a.replace("  debugger;\n", ""));
    world.repo.commit("Mend");
    let third = world.review(&["--since-last"]);
    let second_job = second["jobId"].as_str();
    assert_eq!(findings(&third), [("b.js", 6, second_job)], "{third:#}");
    assert_eq!(third["since"]["closed"][0]["file"], "a.js");
    let text = world
        .command(&["review", "--base", "main", "--since-last"])
        .run_ok();
    text.assert_stdout_has("still open from job");
}

#[test]
fn a_hunk_that_was_reviewed_is_not_sent_again() {
    let world = World::new();
    world.review(&[]);
    let a = fs::read_to_string(world.repo.join("a.js")).unwrap();
    world.repo.write("a.js", format!("{a}const fresh = 1;\n"));
    world.repo.commit("More");
    let report = world.review(&["--since-last"]);
    let asked = world.question(&report);
    assert!(asked.contains("+const fresh = 1;"), "{asked}");
    assert!(!asked.contains("+  debugger;"), "{asked}");
    assert!(
        asked.contains("only what is new since an earlier review"),
        "{asked}"
    );
    assert_eq!(report["since"]["newHunks"], 1);
}

#[test]
fn rebasing_amending_and_forcing_make_nothing_new() {
    let world = World::new();
    world.review(&[]);
    let nothing_new = |what: &str| {
        let command = world.command(&["review", "--base", "main", "--json", "--since-last"]);
        let report = command.run_ok().json();
        assert_eq!(report["since"]["newHunks"], 0, "{what}: {report:#}");
        assert_eq!(report["jobId"], Value::Null, "{what}: no engine is asked");
        assert_eq!(findings(&report).len(), 1, "{what}");
        let failing = world.command(&[
            "review",
            "--base",
            "main",
            "--since-last",
            "--fail-on",
            "any",
        ]);
        let _findings_hold = failing.run().expect_code(1);
    };
    nothing_new("as it was");
    world.repo.git([
        "commit",
        "--amend",
        "--quiet",
        "--no-gpg-sign",
        "-m",
        "Other words",
    ]);
    nothing_new("amended");
    world.repo.switch("main");
    let b = fs::read_to_string(world.repo.join("a.js")).unwrap();
    world
        .repo
        .write("a.js", b.replace("const a29", "const b29"));
    world.repo.write(
        "a.js",
        format!(
            "// head\n{}",
            fs::read_to_string(world.repo.join("a.js")).unwrap()
        ),
    );
    world.repo.commit("Main goes on");
    world.repo.switch("feature");
    world.repo.git(["rebase", "--quiet", "main"]);
    world
        .repo
        .git(["reflog", "expire", "--expire=now", "--all"]);
    world.repo.git(["gc", "--quiet", "--prune=now"]);
    nothing_new("rebased, and the old commits are gone");
}

#[test]
fn reviews_of_another_kind_branch_or_focus_do_not_count() {
    let world = World::new();
    world.review(&["--", "only the names"]);
    let report = world.review(&["--since-last"]);
    assert_eq!(report["since"], Value::Null, "{report:#}");
    world.repo.branch("other");
    let report = world.review(&["--since-last"]);
    assert_eq!(report["since"], Value::Null, "{report:#}");
    let refused: CommandOutput = world.command(&["review", "--native", "--since-last"]).run();
    refused.expect_code(2).assert_stderr_has("--since-last");
}

/// The same lines in the working tree, staged or not, are the same hunk; a lost memory is a full review.
#[test]
fn the_working_tree_has_its_own_line_of_reviews() {
    let world = World::new();
    world.repo.write("b.js", format!("{BASE}debugger;\n"));
    let review = |args: &[&str]| -> Value {
        let command = world.command(&["review", "--json"]);
        command.args(args).run_ok().json()
    };
    review(&[]);
    world.repo.stage(["b.js"]);
    let again = review(&["--since-last"]);
    assert_eq!(again["since"]["newHunks"], 0, "{again:#}");
    world.repo.write("c.js", "debugger;\n");
    let more = review(&["--since-last"]);
    assert_eq!(more["since"]["newHunks"], 1, "{more:#}");
    let files: Vec<&str> = findings(&more).iter().map(|found| found.0).collect();
    assert_eq!(files, ["c.js", "b.js"]);
    for entry in world.entries("reviews") {
        fs::write(entry, "garbage").unwrap();
    }
    let full = review(&["--since-last"]);
    assert_eq!(full["since"], Value::Null);
    assert!(notes(&full).contains("no earlier review"));
}
