//! The builtin engine's own way to a change: real repositories, through the target module.

use codex_review::checks::examine;
use codex_review::engine::builtin::change_request::{ChangeRequest, ChangeSelect};
use codex_review::engine::builtin::{ChangeOpener, RepositoryOpener};
use codex_review::review::FindingOrigin;
use codex_review::target::IgnoreSource;
use std::ops::ControlFlow;

use crate::support::{Repo, Sandbox};

/// What is found, as `path:line rule`, and what was not looked at.
#[track_caller]
fn found(repo: &Repo, select: ChangeSelect, paths: &[&str]) -> (Vec<String>, Vec<String>) {
    let request = ChangeRequest {
        select,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        review_ignore: IgnoreSource::WorkTree,
        only: None,
    };
    let opened = RepositoryOpener::default()
        .open(repo.path(), &request)
        .unwrap();
    assert!(opened.root.is_absolute());
    let examination = examine(opened.source.as_ref(), &mut |_| ControlFlow::Continue(())).unwrap();
    let mut shown: Vec<String> = examination
        .findings
        .iter()
        .map(|finding| {
            let FindingOrigin::Rule(rule) = &finding.origin else {
                panic!("{finding:?} is from no rule")
            };
            let line = finding
                .lines
                .map_or(String::new(), |lines| format!(":{}", lines.start()));
            format!("{}{line} {rule}", finding.file)
        })
        .collect();
    shown.sort();
    (shown, examination.not_seen)
}

fn repository(sandbox: &Sandbox) -> Repo {
    let repo = Repo::init(sandbox, sandbox.root().join("repo"), "sha1");
    repo.write("src/a.js", "one();\ntwo();\n");
    repo.commit("start");
    repo
}

#[test]
fn a_working_tree_is_seen_as_it_is_on_disk() {
    let sandbox = Sandbox::new();
    let repo = repository(&sandbox);
    // Staged: a debugger that is undone since, and a focus that has moved down by one line.
    repo.write("src/a.js", "one();\ndebugger;\ntwo();\nit.only(\"x\");\n");
    repo.stage(["."]);
    repo.write(
        "src/a.js",
        "zero();\none();\ntwo();\nit.only(\"x\");\nconsole.log(1);\n",
    );
    repo.write("src/new.py", "import pdb\n");
    repo.write("config/.env", "A=1\n");
    let (found, not_seen) = found(&repo, ChangeSelect::WorkingTree, &[]);
    assert_eq!(
        found,
        [
            "config/.env env-file-added",
            "src/a.js:4 focused-test",
            "src/a.js:5 debug-leftover",
            "src/new.py:1 debug-leftover",
        ]
    );
    assert_eq!(not_seen, ["`config/.env` holds secrets by its name"]);
}

#[test]
fn the_index_alone_is_seen_without_the_working_tree() {
    let sandbox = Sandbox::new();
    let repo = repository(&sandbox);
    repo.write("src/a.js", "one();\ndebugger;\ntwo();\n");
    repo.stage(["."]);
    repo.write("src/a.js", "one();\ntwo();\n");
    let (found, _) = found(&repo, ChangeSelect::Staged, &[]);
    assert_eq!(found, ["src/a.js:2 debug-leftover"]);
}

#[test]
fn two_commits_are_compared_by_id_and_paths_are_filtered() {
    let sandbox = Sandbox::new();
    let repo = repository(&sandbox);
    let old = repo.rev("HEAD");
    repo.write("src/b.js", "debugger;\n");
    repo.write("lib/c.js", "debugger;\n");
    repo.symlink("link", "../outside");
    let new = repo.commit("more");
    repo.write("src/b.js", "clean();\n");
    let select = |old: Option<&str>| ChangeSelect::Commits {
        old: old.map(str::to_owned),
        new: new.clone(),
    };
    let all = [
        "lib/c.js:1 debug-leftover",
        "link symlink-escapes-repository",
        "src/b.js:1 debug-leftover",
    ];
    assert_eq!(found(&repo, select(Some(&old)), &[]).0, all);
    assert_eq!(found(&repo, select(None), &[]).0, all);
    assert_eq!(
        found(&repo, select(Some(&old)), &["src/**"]).0,
        ["src/b.js:1 debug-leftover"]
    );
}

#[test]
fn a_manifest_is_held_against_the_lock_file_of_its_commit() {
    let sandbox = Sandbox::new();
    let repo = repository(&sandbox);
    repo.write("Cargo.toml", "[dependencies]\n")
        .write("Cargo.lock", "version = 4\n");
    repo.commit("manifest");
    repo.write("Cargo.toml", "[dependencies]\nregex = \"1\"\n");
    let (found, _) = found(&repo, ChangeSelect::WorkingTree, &[]);
    assert_eq!(found, ["Cargo.toml:2 lockfile-out-of-step"]);
}

#[test]
fn a_folder_outside_any_repository_is_an_error_with_its_name() {
    let sandbox = Sandbox::new();
    let request = ChangeRequest {
        select: ChangeSelect::WorkingTree,
        paths: Vec::new(),
        review_ignore: IgnoreSource::WorkTree,
        only: None,
    };
    let gone = sandbox.root().join("gone");
    let error = RepositoryOpener::default()
        .open(&gone, &request)
        .unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}
