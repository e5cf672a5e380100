//! Where a plan is found that nobody names: in what Claude Code keeps, and never in what it keeps for another project.

use std::path::Path;

use serde_json::{Value, json};

use super::{answering, question};
use crate::jobs_cli::world::World;
use crate::support::Invocation;

/// A place with Claude Code's own folder.
struct Desk {
    world: World,
}

impl Desk {
    fn new() -> Desk {
        Desk {
            world: World::new(&answering("approve", &json!([]))),
        }
    }

    /// The transcript of a session that works in `cwd`.
    fn transcript(&self, session: &str, cwd: &Path, lines: &[Value]) -> String {
        let dashed: String = cwd
            .to_str()
            .unwrap()
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        let text: String = lines
            .iter()
            .map(|line| {
                let mut line = line.clone();
                line["cwd"] = json!(cwd);
                format!("{line}\n")
            })
            .collect();
        let name = format!("home/.claude/projects/{dashed}/{session}.jsonl");
        self.world.sandbox.write(&name, text).display().to_string()
    }

    fn plan_file(&self, name: &str, text: &str) -> String {
        let name = format!("home/.claude/plans/{name}");
        self.world.sandbox.write(&name, text).display().to_string()
    }

    fn review(&self, args: &[&str]) -> Invocation {
        self.world.command(["plan-review", "--json"]).args(args)
    }

    /// The plan's name in the report, and whether the reviewer was shown `text`.
    #[track_caller]
    fn check(&self, invocation: Invocation, label: &str, text: &str) {
        let report = invocation.run_ok().json();
        assert_eq!(
            report["target"]["label"],
            format!("plan {label}"),
            "{report:#}"
        );
        assert_eq!(report["target"]["explicit"], false);
        let asked = question(&self.world, report["jobId"].as_str().unwrap());
        assert!(asked.contains(text), "{text:?} is not in\n{asked}");
    }
}

fn presents(plan: &str, file: &str) -> Value {
    json!({"type": "assistant", "isSidechain": false, "message": {"role": "assistant", "content": [
        {"type": "tool_use", "id": "t", "name": "ExitPlanMode", "input": {"plan": plan, "planFilePath": file}}]}})
}

fn plans_in(file: &str) -> Value {
    json!({"type": "attachment", "attachment": {"type": "plan_mode", "planFilePath": file, "planExists": false}})
}

#[test]
fn inside_a_session_it_is_the_plan_that_was_presented_last() {
    let desk = Desk::new();
    let here = desk.world.repo.path();
    let file = desk.plan_file("sunny-otter.md", "written, and not presented\n");
    let transcript = desk.transcript(
        "s-1",
        here,
        &[
            plans_in(&file),
            presents("1. first\n", &file),
            presents("1. second\n", &file),
        ],
    );
    let by_id = || desk.review(&[]).env("CLAUDE_CODE_SESSION_ID", "s-1");
    desk.check(by_id(), "sunny-otter.md", "   1 1. second\n");
    let by_path = desk
        .review(&["--last", "is it", "safe?"])
        .env("CODEX_COMPANION_SESSION_ID", "s-1")
        .env("CODEX_COMPANION_TRANSCRIPT_PATH", &transcript);
    desk.check(by_path, "sunny-otter.md", "is it safe?");
    // In a folder of the repository it is the same session and the same project.
    let below = desk.world.repo.join("deep");
    std::fs::create_dir(&below).unwrap();
    desk.check(by_id().cwd(&below), "sunny-otter.md", "   1 1. second\n");
    let linked = desk.world.sandbox.path("linked");
    let add = ["worktree", "add", "--detach", linked.to_str().unwrap()];
    desk.world.repo.git(add);
    desk.check(by_id().cwd(&linked), "sunny-otter.md", "   1 1. second\n");
}

#[test]
fn otherwise_it_is_the_newest_plan_file_that_a_session_of_this_project_was_given() {
    let desk = Desk::new();
    let here = desk.world.repo.path();
    let elsewhere = desk.world.sandbox.path("elsewhere");
    // Another project whose folder Claude Code writes the same way.
    let twin = here.parent().unwrap().join("repo-x");
    let old = desk.plan_file("old.md", "the old plan\n");
    let new = desk.plan_file("new.md", "the new plan\n");
    let foreign = desk.plan_file("foreign.md", "the plan of others\n");
    let of_twin = desk.plan_file("twin.md", "the plan of a twin\n");
    let secret = desk.world.sandbox.write("home/secret.md", "no plan file\n");
    let at = |path: &str, seconds: u64| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + seconds);
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    };
    for (age, path) in [&old, &new, &foreign, &of_twin].into_iter().enumerate() {
        at(path, age as u64);
    }
    desk.transcript(
        "a",
        here,
        &[
            plans_in(&old),
            plans_in(secret.to_str().unwrap()),
            plans_in("/h/nowhere.md"),
        ],
    );
    desk.transcript("b", &here.join("deep"), &[plans_in(&new)]);
    desk.transcript(
        "c",
        &elsewhere,
        &[
            plans_in(&foreign),
            presents("the plan of others\n", &foreign),
        ],
    );
    desk.transcript("d", &twin, &[plans_in(&of_twin)]);
    desk.check(desk.review(&["--last"]), "new.md", "the new plan\n");
    // A session that works elsewhere has no say here.
    let other = desk.review(&[]).env("CLAUDE_CODE_SESSION_ID", "c");
    desk.check(other, "new.md", "the new plan\n");
    // A plan file is no longer there.
    std::fs::remove_file(&new).unwrap();
    desk.check(desk.review(&["--last"]), "old.md", "the old plan\n");
}

#[test]
fn without_any_plan_of_this_project_there_is_one_clear_error() {
    let desk = Desk::new();
    let elsewhere = desk.world.sandbox.path("elsewhere");
    let foreign = desk.plan_file("foreign.md", "the plan of others\n");
    desk.transcript(
        "c",
        &elsewhere,
        &[presents("the plan of others\n", &foreign)],
    );
    for session in ["c", "unknown", "../../x"] {
        let output = desk
            .review(&[])
            .env("CLAUDE_CODE_SESSION_ID", session)
            .run();
        let output = output.expect_code(2);
        output.assert_stderr_has("no plan of this project was found");
        assert!(!output.stderr().contains("others"), "{output}");
    }
    let outside = desk.world.sandbox.write("outside.jsonl", "{}\n");
    let output = desk
        .review(&["--last"])
        .env("CODEX_COMPANION_SESSION_ID", "c")
        .env("CODEX_COMPANION_TRANSCRIPT_PATH", outside)
        .run();
    output
        .expect_code(2)
        .assert_stderr_has("no plan of this project was found");
}
