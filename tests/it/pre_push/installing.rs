//! Where the hook goes, what it leaves alone, and what git then runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use codex_review::target::{GitEnvironment, HooksSource, Repository};

use super::{CONFLICT, Pushing, push_from};
use crate::support::Repo;

/// A hook that notes its arguments and its standard input, and ends as `code` says.
fn noting(notes: &Path, code: i32) -> String {
    format!(
        "#!/bin/sh\n{{ printf '%s|' \"$@\"; cat; }} >> '{}'\nexit {code}\n",
        notes.display()
    )
}

fn put_hook(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".sample"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_hook_that_was_there_runs_first_with_the_same_input_and_comes_back_as_it_was() {
    let pushing = Pushing::without_hook();
    let hooks = pushing.repo.join(".git/hooks");
    let hook = hooks.join("pre-push");
    let notes = pushing.sandbox.path("notes");
    let text = noting(&notes, 0);
    put_hook(&hook, &text, 0o750);
    let output = pushing.command(["hook", "install"]).run_ok();
    output.assert_stdout_has("kept as pre-push.before-codex-review and runs first");
    pushing
        .command(["hook", "install"])
        .run_ok()
        .assert_stdout_has("is there already");
    assert_eq!(names(&hooks), ["pre-push", "pre-push.before-codex-review"]);

    let head = pushing.repo.write("b.txt", CONFLICT).commit("Bad");
    pushing.push(&["origin", "main"]).run().expect_code(1);
    let noted = fs::read_to_string(&notes).unwrap();
    let remote = pushing.remote.display();
    let old = pushing.at_remote("refs/heads/main").unwrap();
    assert_eq!(
        noted,
        format!("origin|{remote}|refs/heads/main {head} refs/heads/main {old}\n")
    );

    // Its word counts, and then nobody else is asked.
    let jobs = pushing.jobs();
    put_hook(
        &hooks.join("pre-push.before-codex-review"),
        &noting(&notes, 3),
        0o750,
    );
    pushing.repo.write("c.txt", "fine\n").commit("More");
    pushing.push(&["origin", "main"]).run().expect_code(1);
    assert_eq!(pushing.jobs(), jobs);

    put_hook(&hooks.join("pre-push.before-codex-review"), &text, 0o750);
    pushing
        .command(["hook", "uninstall"])
        .run_ok()
        .assert_stdout_has("the hook that was there before is");
    assert_eq!(names(&hooks), ["pre-push"]);
    assert_eq!(fs::read_to_string(&hook).unwrap(), text);
    assert_eq!(
        fs::metadata(&hook).unwrap().permissions().mode() & 0o777,
        0o750
    );
    pushing.push(&["origin", "main"]).run_ok();
    pushing
        .command(["hook", "uninstall"])
        .run()
        .expect_code(2)
        .assert_stderr_has("is not a hook of codex-review");
}

#[test]
fn a_hook_that_git_would_not_run_is_kept_and_not_run_by_us_either() {
    let pushing = Pushing::without_hook();
    let hook = pushing.repo.join(".git/hooks/pre-push");
    put_hook(&hook, "#!/bin/sh\nexit 7\n", 0o644);
    pushing.command(["hook", "install"]).run_ok();
    pushing.repo.write("b.txt", "fine\n").commit("Good");
    pushing
        .push(&["origin", "main"])
        .run_ok()
        .assert_stderr_has("passed");
    pushing.command(["hook", "uninstall"]).run_ok();
    assert_eq!(
        fs::metadata(&hook).unwrap().permissions().mode() & 0o777,
        0o644
    );
}

#[test]
fn without_the_program_the_push_goes_with_a_warning() {
    let pushing = Pushing::without_hook();
    // A folder of the working tree is for others too: no path of this machine is in the hook.
    pushing.repo.config("core.hooksPath", "hooks");
    pushing
        .command(["hook", "install"])
        .run_ok()
        .assert_stdout_has("This folder is part of the working tree");
    let text = fs::read_to_string(pushing.repo.join("hooks/pre-push")).unwrap();
    assert!(text.contains("\nfallback=''\n"), "{text}");
    pushing.repo.write("b.txt", CONFLICT).commit("Bad");
    let bare = pushing
        .repo
        .git_command(["push", "origin", "main"])
        .run_ok();
    bare.assert_stderr_has("codex-review is not installed here, so this push was not reviewed");
}

#[test]
fn the_path_of_this_program_serves_where_path_has_it_not() {
    let pushing = Pushing::new();
    pushing.repo.write("b.txt", CONFLICT).commit("Bad");
    pushing
        .repo
        .git_command(["push", "origin", "main"])
        .env("CODEX_REVIEW_ENGINE", "builtin")
        .run()
        .expect_code(1)
        .assert_stderr_has("push blocked by refs/heads/main");
}

/// Where the library says that hooks are must be where git says so.
#[test]
fn the_folder_is_the_one_that_git_names() {
    let pushing = Pushing::without_hook();
    let sandbox = &pushing.sandbox;
    let linked = pushing.repo.worktree(sandbox, "linked", "topic");
    let bare = Repo::at(sandbox, pushing.remote.clone());
    let home = sandbox.home();
    let user = home.join(".gitconfig");
    let included = sandbox.write("home/work.inc", "[core]\n\thooksPath = ~/work-hooks\n");
    let git_dir = pushing.repo.join(".git");
    let cases: Vec<(&str, String, String)> = vec![
        ("default", String::new(), String::new()),
        (
            "user",
            "[core]\n\thooksPath = ~/hooks\n".into(),
            String::new(),
        ),
        (
            "user, relative",
            "[core]\n\thooksPath = my hooks\n".into(),
            String::new(),
        ),
        ("repository", String::new(), "one/two".into()),
        (
            "repository over user",
            "[core]\n\thooksPath = /elsewhere\n".into(),
            ".githooks".into(),
        ),
        (
            "absolute",
            String::new(),
            sandbox.path("abs").display().to_string(),
        ),
        ("home in the repository's", String::new(), "~/own".into()),
        (
            "conditional include",
            format!(
                "[includeIf \"gitdir:{}/**\"]\n\tpath = {}\n",
                git_dir.display(),
                included.display()
            ),
            String::new(),
        ),
        (
            "conditional include for others",
            format!(
                "[includeIf \"gitdir:/nowhere/\"]\n\tpath = {}\n",
                included.display()
            ),
            String::new(),
        ),
    ];
    for (what, global, local) in cases {
        fs::write(&user, &global).unwrap();
        if local.is_empty() {
            let _unset = pushing
                .repo
                .try_git(["config", "--unset", "core.hooksPath"]);
        } else {
            pushing.repo.config("core.hooksPath", &local);
        }
        for repo in [&pushing.repo, &linked, &bare] {
            let git = repo
                .git_command(["rev-parse", "--git-path", "hooks"])
                .env_remove("GIT_CONFIG_GLOBAL")
                .run_ok()
                .stdout();
            let expected = repo.join(git.trim_end_matches('\n'));
            let environment = GitEnvironment {
                home: Some(home.clone()),
                ..GitEnvironment::default()
            };
            let found = Repository::open(repo.path(), &environment)
                .unwrap()
                .hooks_folder(&environment);
            assert_eq!(
                plain(&found.path),
                plain(&expected),
                "{what} in {}",
                repo.path().display()
            );
            let everywhere = matches!(found.source, HooksSource::Everywhere(_));
            assert!(
                !everywhere || !global.is_empty(),
                "{what}: {:?}",
                found.source
            );
        }
    }
}

/// A path without `.` and with what can be resolved resolved.
fn plain(path: &Path) -> PathBuf {
    let path: PathBuf = path.components().collect();
    fs::canonicalize(&path).unwrap_or(path)
}

#[test]
fn a_worktree_s_own_configuration_counts() {
    let pushing = Pushing::without_hook();
    let linked = pushing.repo.worktree(&pushing.sandbox, "linked", "topic");
    pushing.repo.config("extensions.worktreeConfig", "true");
    linked.git(["config", "--worktree", "core.hooksPath", "own-hooks"]);
    pushing
        .command(["hook", "install"])
        .cwd(linked.path())
        .run_ok();
    assert!(linked.join("own-hooks/pre-push").is_file());
    linked.write("b.txt", CONFLICT).commit("Bad");
    push_from(&linked, &["origin", "topic"])
        .run()
        .expect_code(1)
        .assert_stderr_has("b.txt:1");
}

#[test]
fn a_folder_for_all_repositories_is_served_with_global_alone() {
    let pushing = Pushing::without_hook();
    let config = pushing.sandbox.path("home/.gitconfig");
    let with_user =
        |invocation: crate::support::Invocation| invocation.env_remove("GIT_CONFIG_GLOBAL");
    with_user(pushing.command(["hook", "install", "--global"]))
        .run()
        .expect_code(2)
        .assert_stderr_has("git config --global core.hooksPath");
    fs::write(&config, "[core]\n\thooksPath = ~/hooks\n").unwrap();

    let refused = with_user(pushing.command(["hook", "install"]))
        .run()
        .expect_code(2);
    refused.assert_stderr_has("git runs hooks from `");
    refused.assert_stderr_has("`--global`");
    assert!(!pushing.sandbox.path("home/hooks").exists());

    with_user(pushing.command(["hook", "install", "--global"])).run_ok();
    pushing.repo.write("b.txt", CONFLICT).commit("Bad");
    with_user(pushing.push(&["origin", "main"]))
        .run()
        .expect_code(1)
        .assert_stderr_has("push blocked by refs/heads/main");
    let status = with_user(pushing.command(["hook", "status", "--json"]))
        .run_ok()
        .json();
    assert_eq!(status["hook"], "installed");
    assert!(
        status["decidedBy"]
            .as_str()
            .unwrap()
            .ends_with(".gitconfig"),
        "{status}"
    );
    with_user(pushing.command(["hook", "uninstall", "--global"])).run_ok();
    assert_eq!(names(&pushing.sandbox.path("home/hooks")), [] as [&str; 0]);
}

#[test]
fn outside_of_the_repository_no_folder_is_made() {
    let pushing = Pushing::without_hook();
    let outside = pushing.sandbox.path("outside");
    pushing
        .repo
        .config("core.hooksPath", outside.to_str().unwrap());
    pushing
        .command(["hook", "install"])
        .run()
        .expect_code(2)
        .assert_stderr_has("there is no folder");
    assert!(!outside.exists());
    fs::create_dir(&outside).unwrap();
    pushing.command(["hook", "install"]).run_ok();
    assert_eq!(names(&outside), ["pre-push"]);
}

#[test]
fn an_edited_hook_is_left_to_its_editor() {
    let pushing = Pushing::new();
    let hook = pushing.repo.join(".git/hooks/pre-push");
    let mut text = fs::read_to_string(&hook).unwrap();
    text.push_str("npm test\n");
    fs::write(&hook, &text).unwrap();
    for verb in ["install", "uninstall"] {
        pushing
            .command(["hook", verb])
            .run()
            .expect_code(2)
            .assert_stderr_has("was edited since it was written");
    }
    assert_eq!(fs::read_to_string(&hook).unwrap(), text);
    assert_eq!(pushing.status()["hook"], "edited");
}
