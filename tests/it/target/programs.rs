//! No program that the repository names is ever run.

use codex_review::target::{Select, TargetSpec};

use super::oracle::generous;
use super::sandbox::{Sandbox, lines};

#[test]
fn no_program_of_the_repository_runs() {
    let sandbox = Sandbox::new();
    sandbox.write(
        ".gitattributes",
        "*.x filter=evil diff=evil\n*.y filter=process\n*.z merge=evil\n",
    );
    for name in ["a.x", "b.y", "c.z", "gone.x"] {
        sandbox.write(name, lines(20));
    }
    sandbox.commit("one");
    sandbox.git(&["branch", "base"]);
    sandbox.write("a.x", lines(21));
    sandbox.commit("two");

    let marker = sandbox.outside().join("marker");
    let script = sandbox.outside().join("evil");
    std::fs::write(
        &script,
        format!("#!/bin/sh\necho \"$0 $*\" >>'{}'\ncat\n", marker.display()),
    )
    .unwrap();
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = script.to_str().unwrap();
    let hooks = sandbox.outside().join("hooks");
    std::fs::create_dir(&hooks).unwrap();
    for hook in [
        "post-index-change",
        "fsmonitor-watchman",
        "post-checkout",
        "reference-transaction",
        "pre-commit",
    ] {
        std::fs::copy(&script, hooks.join(hook)).unwrap();
    }
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.editor",
        "core.pager",
        "core.askPass",
        "core.gitProxy",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.process.process",
        "merge.evil.driver",
        "credential.helper",
        "pager.diff",
        "alias.diff",
        "interactive.diffFilter",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "core.alternateRefsCommand",
        "remote.origin.uploadpack",
    ] {
        sandbox.git(&["config", key, program]);
    }
    sandbox.git(&["config", "filter.evil.required", "true"]);
    sandbox.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
    sandbox.git(&["config", "remote.origin.url", "ext::evil"]);
    sandbox.git(&["config", "remote.origin.promisor", "true"]);
    sandbox.git(&["config", "diff.evil.cachetextconv", "true"]);

    sandbox.write("a.x", lines(22));
    sandbox.write("b.y", lines(22));
    sandbox.write("c.z", lines(22));
    sandbox.write("new.x", lines(3));
    std::fs::remove_file(sandbox.path("gone.x")).unwrap();
    std::fs::remove_file(&marker).ok();

    let repository = sandbox.open();
    let all = [
        Select::Auto,
        Select::WorkingTree,
        Select::Staged,
        Select::Base("base".into()),
        Select::Commit("HEAD".into()),
        Select::Range {
            from: "base".into(),
            to: "HEAD".into(),
            merge_base: true,
        },
    ];
    for select in all {
        let target = repository
            .resolve(&TargetSpec {
                select,
                paths: Vec::new(),
            })
            .unwrap();
        let set = repository.changes(&target, &generous()).unwrap();
        for index in 0..set.files.len() {
            set.patch(index).unwrap();
        }
    }
    repository.has_changes().unwrap();
    repository
        .commits(None, &repository.head().unwrap(), 10)
        .unwrap();
    let ran = std::fs::read_to_string(&marker).unwrap_or_default();
    assert_eq!(ran, "", "a program of the repository was run");

    // The marker works: git itself does run them.
    sandbox.try_git(&["diff"]);
    sandbox.try_git(&["status"]);
    assert!(marker.exists(), "the trap is set");
}

#[test]
fn the_index_is_never_written() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    sandbox.commit("one");
    let file = std::fs::File::options()
        .write(true)
        .open(sandbox.path("a"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let before = std::fs::read(sandbox.path(".git/index")).unwrap();
    assert!(!sandbox.open().has_changes().unwrap());
    assert_eq!(std::fs::read(sandbox.path(".git/index")).unwrap(), before);
    assert!(!sandbox.path(".git/index.lock").exists());
}
