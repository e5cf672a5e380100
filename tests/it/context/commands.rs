//! The commands that a reviewer is handed are run by a real shell with a real git.

use codex_review::context::{HeldChanges, shell_quote};
use codex_review::target::{Endpoint, ObjectId, Part, Status};

use super::made::{add, branch, built, file, hunk};
use crate::support::{Invocation, Repo, Sandbox};

const ODD_NAMES: [&str; 8] = [
    "plain.txt",
    "it's \"quoted\" $(touch pwned) `touch pwned`.txt",
    "new\nline; touch pwned",
    "tab\tand back\\slash",
    "*?[a-z]",
    ":(top)magic",
    "-rf",
    "r\u{202e}l.txt",
];

fn bash(repo: &Repo, script: &str) -> Vec<u8> {
    Invocation::new("bash", repo.path())
        .args(["--norc", "--noprofile", "-c", script])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .run_ok()
        .stdout
}

#[test]
fn a_quoted_word_is_the_same_word_to_the_shell() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    for name in ODD_NAMES {
        let script = format!("printf %s {}", shell_quote(name.as_bytes()));
        assert_eq!(bash(&repo, &script), name.as_bytes(), "{script}");
    }
    let bytes = b"caf\xe9\x01'\\1";
    assert_eq!(
        bash(&repo, &format!("printf %s {}", shell_quote(bytes))),
        bytes
    );
}

/// A repository in which every odd name was changed, and the change as the strategies see it.
fn odd_repository(sandbox: &Sandbox) -> (Repo, HeldChanges) {
    let repo = sandbox.repo("repo");
    for name in ODD_NAMES {
        repo.write(name, "before\n");
    }
    let old = repo.commit("before");
    for name in ODD_NAMES {
        repo.write(name, "after\n");
    }
    let new = repo.commit("after");
    let mut changes = branch();
    let id = |hex: &str| ObjectId::from_hex(hex).unwrap();
    changes.target.old = Endpoint::Commit(id(&old));
    changes.target.new = Endpoint::Commit(id(&new));
    let blob = |content: &str| {
        repo.write("../content", content);
        id(repo.git(["hash-object", "../content"]).trim())
    };
    let (before, after) = (blob("before\n"), blob("after\n"));
    for name in ODD_NAMES {
        let hunks = [hunk(1, 1, &["-before", "+after"])];
        let (mut change, patch) = file(Part::Committed, Status::Modified, name.as_bytes(), &hunks);
        change.old.as_mut().unwrap().id = before.clone();
        change.new.as_mut().unwrap().id = after.clone();
        add(&mut changes, (change, patch));
    }
    (repo, changes)
}

#[test]
fn every_command_shows_its_part_of_the_change_whatever_the_names() {
    let sandbox = Sandbox::new();
    let (repo, changes) = odd_repository(&sandbox);
    let context = built(&changes, "self-collect");
    let commands: Vec<&str> = context
        .text
        .lines()
        .filter(|line| line.starts_with("git ") && !line.contains("PATH"))
        .collect();
    // The whole change, the log, and one for each file.
    assert_eq!(commands.len(), 2 + ODD_NAMES.len(), "{}", context.text);
    let mut single = 0;
    for command in commands {
        let out = String::from_utf8_lossy(&bash(&repo, command)).into_owned();
        let edits = out.matches("-before\n+after\n").count();
        if command.contains(" log ") {
            assert_eq!(out.matches("commit ").count(), 1, "{command}: {out}");
        } else if edits == ODD_NAMES.len() {
            single += 100;
        } else {
            assert_eq!(edits, 1, "{command}: {out}");
            single += 1;
        }
    }
    assert_eq!(single, 100 + ODD_NAMES.len());
    assert!(!repo.join("pwned").exists());
}

#[test]
fn secrets_are_excluded_from_the_whole_diff_and_programs_of_the_repository_do_not_run() {
    let sandbox = Sandbox::new();
    let (repo, mut changes) = odd_repository(&sandbox);
    repo.config("core.fsmonitor", "touch pwned")
        .config("core.pager", "touch pwned");
    repo.config("diff.external", "touch pwned");
    changes.files[0].path = ".env".into();
    let context = built(&changes, "self-collect");
    let whole = context
        .text
        .lines()
        .find(|line| line.contains("exclude"))
        .unwrap();
    assert!(
        whole.ends_with("-- ':(top)' ':(top,exclude,literal).env'"),
        "{whole}"
    );
    let out = bash(&repo, whole);
    assert!(!out.is_empty());
    assert!(!repo.join("pwned").exists());
}
