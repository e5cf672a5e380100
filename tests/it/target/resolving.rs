//! Which change is meant: tiers, default branches, revisions, and what is refused.

use std::path::PathBuf;

use codex_review::target::{
    Endpoint, GitEnvironment, Mode, OpenError, Repository, ResolveError, ResolvedTarget, Select,
};

use super::oracle::{assert_same, changes, generous, patches, spec};
use super::sandbox::{DIFF, Sandbox, lines};

#[track_caller]
fn resolve(sandbox: &Sandbox, select: Select) -> ResolvedTarget {
    sandbox.open().resolve(&spec(select)).unwrap()
}

#[track_caller]
fn refuse(sandbox: &Sandbox, select: Select) -> ResolveError {
    sandbox.open().resolve(&spec(select)).unwrap_err()
}

/// A repository with one commit on `main`, cloned from `origin` next to it.
fn cloned() -> Sandbox {
    let sandbox = Sandbox::bare_directory();
    let origin = sandbox.outside().join("origin");
    sandbox.git_in(sandbox.outside(), &["init", "-q", "-b", "main", "origin"]);
    std::fs::write(origin.join("a"), lines(10)).unwrap();
    sandbox.git_in(&origin, &["add", "."]);
    sandbox.git_in(&origin, &["commit", "-qm", "one"]);
    sandbox.git_in(sandbox.outside(), &["clone", "-q", "origin", "repo"]);
    sandbox
}

/// Adds `count` commits to the origin's `main` and fetches them.
fn origin_moves_on(sandbox: &Sandbox, count: u32) {
    let origin = sandbox.outside().join("origin");
    for number in 0..count {
        std::fs::write(origin.join("upstream"), format!("{number}\n")).unwrap();
        sandbox.git_in(&origin, &["add", "."]);
        sandbox.git_in(&origin, &["commit", "-qm", "upstream"]);
    }
    sandbox.git(&["fetch", "-q"]);
}

#[test]
fn a_dirty_tree_means_the_working_tree_and_a_clean_one_the_branch() {
    let sandbox = cloned();
    sandbox.git(&["checkout", "-qb", "work"]);
    sandbox.write("b", "b\n");
    let target = resolve(&sandbox, Select::Auto);
    assert_eq!(
        (target.mode, target.new),
        (Mode::WorkingTree, Endpoint::WorkTree)
    );
    assert!(!target.explicit);
    sandbox.commit("two");
    let target = resolve(&sandbox, Select::Auto);
    assert_eq!(target.mode, Mode::Branch);
    assert_eq!(target.branch.as_deref(), Some("work"));
    assert_eq!(target.label, "branch diff against main");
    let set = changes(&sandbox.open(), Select::Auto, &generous());
    let mut arguments = vec!["diff"];
    arguments.extend(DIFF);
    arguments.push("main...HEAD");
    assert_same(
        &patches(&set, |_| true),
        &sandbox.git(&arguments),
        "main...HEAD",
    );
}

#[test]
fn the_default_branch_with_nothing_new_is_nothing_to_review() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    sandbox.commit("one");
    assert!(changes(&sandbox.open(), Select::Auto, &generous()).is_empty());
}

#[test]
fn commits_on_the_default_branch_are_compared_with_the_remote() {
    let sandbox = cloned();
    sandbox.write("b", "b\n");
    sandbox.commit("not pushed");
    let target = resolve(&sandbox, Select::Auto);
    assert_eq!(target.base.unwrap().name, "origin/main");
    assert_eq!(
        changes(&sandbox.open(), Select::Auto, &generous())
            .files
            .len(),
        1
    );
}

#[test]
fn a_stale_local_base_gives_way_to_its_twin() {
    let sandbox = cloned();
    origin_moves_on(&sandbox, 3);
    sandbox.git(&["checkout", "-qb", "work", "origin/main"]);
    sandbox.write("b", "b\n");
    sandbox.commit("mine");
    for select in [
        Select::Auto,
        Select::Branch,
        Select::Base("main".into()),
        Select::Base("origin/main".into()),
    ] {
        let base = resolve(&sandbox, select.clone()).base.unwrap();
        assert_eq!(base.name, "origin/main", "{select:?}");
        let twin = base.twin.unwrap();
        assert_eq!((twin.name.as_str(), twin.behind), ("main", 3), "{select:?}");
        assert_eq!(changes(&sandbox.open(), select, &generous()).files.len(), 1);
    }
}

#[test]
fn a_local_base_that_is_ahead_of_its_twin_is_taken() {
    let sandbox = cloned();
    sandbox.write("b", "b\n");
    sandbox.commit("not pushed");
    sandbox.git(&["checkout", "-qb", "work"]);
    sandbox.write("c", "c\n");
    sandbox.commit("mine");
    let base = resolve(&sandbox, Select::Auto).base.unwrap();
    assert_eq!(base.name, "main");
    assert_eq!(base.twin.unwrap().behind, 1);
    assert_eq!(
        changes(&sandbox.open(), Select::Auto, &generous())
            .files
            .len(),
        1
    );
}

#[test]
fn a_clone_without_a_local_default_branch_works() {
    let sandbox = cloned();
    sandbox.git(&["checkout", "-qb", "work"]);
    sandbox.git(&["branch", "-qD", "main"]);
    sandbox.write("b", "b\n");
    sandbox.commit("mine");
    assert_eq!(
        resolve(&sandbox, Select::Auto).base.unwrap().name,
        "origin/main"
    );
    assert_eq!(
        resolve(&sandbox, Select::Base("main".into()))
            .base
            .unwrap()
            .name,
        "origin/main"
    );
    sandbox.git(&["remote", "set-head", "origin", "-d"]);
    assert_eq!(
        resolve(&sandbox, Select::Auto).base.unwrap().name,
        "origin/main"
    );
}

#[test]
fn the_usual_names_are_tried_in_order() {
    for name in ["master", "trunk"] {
        let sandbox = Sandbox::new();
        sandbox.write("a", "a\n");
        sandbox.commit("one");
        sandbox.git(&["branch", "-m", name]);
        sandbox.git(&["checkout", "-qb", "work"]);
        sandbox.write("b", "b\n");
        sandbox.commit("two");
        assert_eq!(resolve(&sandbox, Select::Auto).base.unwrap().name, name);
    }
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    sandbox.commit("one");
    sandbox.git(&["branch", "-m", "develop"]);
    let error = refuse(&sandbox, Select::Branch);
    assert!(matches!(error, ResolveError::NoDefaultBranch), "{error}");
    assert!(error.hint().unwrap().contains("--base"));
}

#[test]
fn detached_heads_are_compared_like_branches() {
    let sandbox = cloned();
    sandbox.write("b", "b\n");
    sandbox.commit("two");
    sandbox.git(&["checkout", "-q", "--detach"]);
    sandbox.git(&["update-ref", "refs/heads/main", "HEAD~1"]);
    let target = resolve(&sandbox, Select::Auto);
    assert_eq!((target.mode, target.branch), (Mode::Branch, None));
}

#[test]
fn commits_and_ranges_are_pinned() {
    let sandbox = Sandbox::new();
    for number in 1..4_u32 {
        sandbox.write("a", lines(number));
        sandbox.commit("next");
    }
    sandbox.git(&["tag", "-a", "v1", "-m", "tag", "HEAD~1"]);
    let id = |spec: &str| {
        Endpoint::Commit(
            codex_review::target::ObjectId::from_hex(&sandbox.git_line(&["rev-parse", spec]))
                .unwrap(),
        )
    };
    let commit = resolve(&sandbox, Select::Commit("v1".into()));
    assert_eq!((commit.old, commit.new), (id("HEAD~2"), id("HEAD~1")));
    let root = resolve(&sandbox, Select::Commit("HEAD~2".into()));
    assert_eq!(root.old, Endpoint::EmptyTree);
    assert_eq!(
        changes(
            &sandbox.open(),
            Select::Commit("HEAD~2".into()),
            &generous()
        )
        .files
        .len(),
        1
    );
    let range = resolve(
        &sandbox,
        Select::Range {
            from: "HEAD~2".into(),
            to: String::new(),
            merge_base: false,
        },
    );
    assert_eq!(
        (range.old, range.new, range.label.as_str()),
        (id("HEAD~2"), id("HEAD"), "range HEAD~2..HEAD")
    );
    let short = sandbox.git_line(&["rev-parse", "--short", "HEAD"]);
    assert_eq!(resolve(&sandbox, Select::Commit(short)).new, id("HEAD"));
}

#[test]
fn staged_shows_the_index_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.write("b", "1\n");
    sandbox.commit("one");
    sandbox.write("a", "2\n");
    sandbox.git(&["add", "a"]);
    sandbox.write("b", "2\n");
    let set = changes(&sandbox.open(), Select::Staged, &generous());
    assert_same(
        &patches(&set, |_| true),
        &sandbox.git(&["diff", "--cached", "-M"]),
        "staged",
    );
}

#[test]
fn unknown_revisions_come_with_suggestions() {
    let sandbox = cloned();
    sandbox.git(&["branch", "feature/login"]);
    let error = refuse(&sandbox, Select::Base("mian".into()));
    assert!(
        matches!(error, ResolveError::UnknownRevision { .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "unknown revision `mian`");
    let error = refuse(&sandbox, Select::Base("maim".into()));
    assert!(
        error.hint().unwrap().contains("did you mean `main`"),
        "{:?}",
        error.hint()
    );
    let error = refuse(&sandbox, Select::Base("login".into()));
    assert!(
        error.hint().unwrap().contains("`feature/login`"),
        "{:?}",
        error.hint()
    );
    for odd in [
        "",
        "..",
        "main..work",
        "-x",
        "^main",
        "a b",
        "\0",
        "HEAD:a",
        "@{99999}",
        "refs/",
        "main^{tree}",
        ":/x",
    ] {
        let error = refuse(&sandbox, Select::Base(odd.into()));
        assert!(error.hint().is_some(), "{odd:?}: {error}");
    }
}

#[test]
fn ambiguous_names_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.commit("one");
    sandbox.git(&["tag", "same"]);
    sandbox.write("a", "2\n");
    sandbox.commit("two");
    sandbox.git(&["branch", "same"]);
    let error = refuse(&sandbox, Select::Base("same".into()));
    assert!(
        matches!(error, ResolveError::AmbiguousRevision { .. }),
        "{error:?}"
    );
    assert!(
        error.hint().unwrap().contains("refs/tags/same"),
        "{:?}",
        error.hint()
    );
    resolve(&sandbox, Select::Base("refs/tags/same".into()));
}

#[test]
fn histories_without_a_common_commit_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.commit("one");
    sandbox.git(&["checkout", "-q", "--orphan", "other"]);
    sandbox.commit("two");
    let error = refuse(&sandbox, Select::Base("main".into()));
    assert!(
        matches!(error, ResolveError::NoMergeBase { .. }),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("--range"));
}

#[test]
fn a_shallow_clone_that_hides_the_base_says_what_to_fetch() {
    let sandbox = cloned();
    let origin = sandbox.outside().join("origin");
    sandbox.git_in(&origin, &["checkout", "-qb", "work"]);
    for number in 0..3 {
        std::fs::write(origin.join("w"), format!("{number}\n")).unwrap();
        sandbox.git_in(&origin, &["add", "."]);
        sandbox.git_in(&origin, &["commit", "-qm", "work"]);
    }
    let url = format!("file://{}", origin.display());
    sandbox.git_in(
        sandbox.outside(),
        &[
            "clone",
            "-q",
            "--depth",
            "1",
            "--no-single-branch",
            "-b",
            "work",
            &url,
            "shallow",
        ],
    );
    let shallow =
        Repository::open(&sandbox.outside().join("shallow"), &sandbox.environment()).unwrap();
    let error = shallow
        .resolve(&spec(Select::Base("origin/main".into())))
        .unwrap_err();
    assert!(
        matches!(error, ResolveError::ShallowHidesBase { .. }),
        "{error:?}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`git fetch --no-tags --unshallow origin ")
    );
    let error = shallow
        .resolve(&spec(Select::Commit("HEAD".into())))
        .unwrap_err();
    assert!(
        matches!(error, ResolveError::ShallowHidesBase { .. }),
        "{error:?}"
    );
    let ancestors = ["HEAD~1", "HEAD^", "work~2", "HEAD^^", "HEAD~"];
    for name in ancestors {
        for select in [Select::Base(name.into()), Select::Commit(name.into())] {
            let error = shallow.resolve(&spec(select)).unwrap_err();
            assert!(
                matches!(error, ResolveError::ShallowHidesRevision { .. }),
                "{name}: {error:?}"
            );
        }
    }
    let error = shallow
        .resolve(&spec(Select::Base("nothing~1".into())))
        .unwrap_err();
    assert!(
        matches!(error, ResolveError::UnknownRevision { .. }),
        "{error:?}"
    );
    let log = shallow.commits(None, &shallow.head().unwrap(), 10).unwrap();
    assert_eq!(log.commits.len(), 1);
}

#[test]
fn unborn_branches_have_a_working_tree_only() {
    let sandbox = Sandbox::new();
    assert!(changes(&sandbox.open(), Select::Auto, &generous()).is_empty());
    let error = refuse(&sandbox, Select::Branch);
    assert!(
        matches!(&error, ResolveError::Unborn { branch } if branch == "main"),
        "{error:?}"
    );
    sandbox.write("a", "a\n");
    assert_eq!(resolve(&sandbox, Select::Auto).mode, Mode::WorkingTree);
}

#[test]
fn bare_repositories_have_no_working_tree() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    sandbox.commit("one");
    sandbox.git(&["checkout", "-qb", "work"]);
    sandbox.write("b", "b\n");
    sandbox.commit("two");
    sandbox.git_in(
        sandbox.outside(),
        &["clone", "-q", "--bare", "repo", "bare.git"],
    );
    let path = sandbox.outside().join("bare.git");
    let bare = Repository::open(&path, &sandbox.environment()).unwrap();
    assert!(bare.is_bare());
    assert_eq!(bare.main_worktree(), path);
    for select in [Select::WorkingTree, Select::Staged] {
        let error = bare.resolve(&spec(select)).unwrap_err();
        assert!(matches!(error, ResolveError::Bare), "{error:?}");
    }
    let set = changes(&bare, Select::Auto, &generous());
    assert_eq!(set.files.len(), 1);
}

#[test]
fn merges_are_compared_with_their_first_parent() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.commit("one");
    sandbox.git(&["checkout", "-qb", "side"]);
    sandbox.write("b", "b\n");
    sandbox.commit("side");
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.write("c", "c\n");
    sandbox.commit("main");
    sandbox.git(&["merge", "-q", "--no-edit", "side"]);
    super::oracle::check_range(&sandbox, "HEAD^1", "HEAD");
    let set = changes(&sandbox.open(), Select::Commit("HEAD".into()), &generous());
    assert_eq!(
        set.files
            .iter()
            .map(|file| file.path.to_string())
            .collect::<Vec<_>>(),
        ["b"]
    );
}

#[test]
fn the_log_lists_what_is_new() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.commit("one");
    for number in 0..5 {
        sandbox.write("a", format!("{number}\n"));
        sandbox.git(&["add", "-A"]);
        sandbox.git(&[
            "commit",
            "-q",
            "-m",
            &format!("subject {number}\nstill it\n\nbody \u{e4}\n\nmore"),
        ]);
    }
    let repository = sandbox.open();
    let Endpoint::Commit(old) = resolve(&sandbox, Select::Commit("HEAD~4".into())).old else {
        panic!()
    };
    let log = repository
        .commits(Some(&old), &repository.head().unwrap(), 3)
        .unwrap();
    assert_eq!(log.commits.len(), 3);
    assert!(log.has_more);
    assert_eq!(log.commits[0].subject, "subject 4 still it");
    assert_eq!(log.commits[0].body, "body \u{e4}\n\nmore");
    assert_eq!(log.commits[0].author, "A U Thor");
    let all = repository
        .commits(Some(&old), &repository.head().unwrap(), 100)
        .unwrap();
    assert_eq!((all.commits.len(), all.has_more), (5, false));
}

#[test]
fn what_is_no_repository_is_refused_with_a_hint() {
    let sandbox = Sandbox::bare_directory();
    let environment = GitEnvironment {
        ceiling_dirs: vec![sandbox.outside().parent().unwrap().to_owned()],
        ..GitEnvironment::default()
    };
    let open = |path: PathBuf| Repository::open(&path, &environment).unwrap_err();
    let error = open(sandbox.outside().to_owned());
    assert!(
        matches!(error, OpenError::NotARepository { .. }),
        "{error:?}"
    );
    assert!(error.hint().is_some());
    let error = open(sandbox.outside().join("nothing"));
    assert!(
        matches!(error, OpenError::NotADirectory { .. }),
        "{error:?}"
    );
    let missing = GitEnvironment {
        git_dir: Some("nowhere.git".into()),
        ..GitEnvironment::default()
    };
    let error = Repository::open(sandbox.outside(), &missing).unwrap_err();
    assert!(
        matches!(error, OpenError::NotARepository { .. }),
        "{error:?}"
    );
}

#[test]
fn reftable_is_refused() {
    let sandbox = Sandbox::bare_directory();
    let status = super::sandbox::git_command(sandbox.outside(), sandbox.outside())
        .args(["init", "-q", "--ref-format=reftable", "repo"])
        .status()
        .unwrap();
    assert!(status.success());
    let error = Repository::open(sandbox.root(), &sandbox.environment()).unwrap_err();
    assert!(matches!(error, OpenError::Reftable { .. }), "{error:?}");
    assert!(error.hint().is_some());
}

#[test]
fn the_environment_of_git_is_honoured() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.write("deep/er/b", "1\n");
    sandbox.commit("one");
    sandbox.write("a", "2\n");
    // From a subdirectory.
    let below = Repository::open(&sandbox.path("deep/er"), &sandbox.environment()).unwrap();
    assert_eq!(below.root(), sandbox.root());
    // As a hook is started.
    let hook = GitEnvironment {
        git_dir: Some(".git".into()),
        ..sandbox.environment()
    };
    let repository = Repository::open(sandbox.root(), &hook).unwrap();
    assert!(repository.has_changes().unwrap());
    // Another index.
    sandbox.git(&["add", "a"]);
    std::fs::copy(sandbox.path(".git/index"), sandbox.path(".git/other")).unwrap();
    sandbox.git(&["reset", "-q", "--hard"]);
    let index = GitEnvironment {
        index_file: Some(".git/other".into()),
        ..hook.clone()
    };
    let repository = Repository::open(sandbox.root(), &index).unwrap();
    assert_eq!(
        changes(&repository, Select::Staged, &generous())
            .files
            .len(),
        1
    );
    // Git directory and working tree apart.
    let elsewhere = sandbox.outside().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("a"), "1\n").unwrap();
    let apart = GitEnvironment {
        git_dir: Some(sandbox.path(".git")),
        work_tree: Some(elsewhere.clone()),
        ..sandbox.environment()
    };
    let repository = Repository::open(sandbox.outside(), &apart).unwrap();
    assert_eq!(repository.root(), elsewhere);
    let set = changes(&repository, Select::WorkingTree, &generous());
    assert_eq!(
        set.files
            .iter()
            .map(|file| file.path.to_string())
            .collect::<Vec<_>>(),
        ["deep/er/b"]
    );
}

#[test]
fn repositories_of_others_are_refused_unless_declared_safe() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    if std::fs::metadata(sandbox.root()).unwrap().uid() != 0 {
        // Only root can give a repository away.
        return;
    }
    let nobody = Some(65_534);
    for path in [sandbox.root().to_owned(), sandbox.path(".git")] {
        std::os::unix::fs::chown(path, nobody, nobody).unwrap();
    }
    let mut environment = sandbox.environment();
    let error = Repository::open(sandbox.root(), &environment).unwrap_err();
    assert!(
        matches!(&error, OpenError::Untrusted { path } if path == sandbox.root()),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("safe.directory"));
    let global = sandbox.outside().join("global");
    std::fs::write(
        &global,
        format!("[safe]\n\tdirectory = {}\n", sandbox.root().display()),
    )
    .unwrap();
    environment.config_global = Some(global.clone());
    let repository = Repository::open(sandbox.root(), &environment).unwrap();
    assert!(repository.has_changes().unwrap());
    std::fs::write(&global, "[safe]\n\tdirectory = *\n\tdirectory =\n").unwrap();
    assert!(Repository::open(sandbox.root(), &environment).is_err());
    // The repository cannot declare itself safe.
    sandbox.try_git(&["config", "-f", ".git/config", "safe.directory", "*"]);
    environment.config_global = None;
    assert!(Repository::open(sandbox.root(), &environment).is_err());
}
