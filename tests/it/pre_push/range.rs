//! What a push brings to a remote, against git's own words.

use codex_review::target::{GitEnvironment, ObjectId, PushedChange, Repository};

use crate::support::{Repo, Sandbox};

fn open(repo: &Repo) -> Repository {
    Repository::open(repo.path(), &GitEnvironment::default()).unwrap()
}

fn id(hex: &str) -> ObjectId {
    ObjectId::from_hex(hex).unwrap()
}

/// What pushing `revision` to `origin` brings, as `head base` with `-` for no base.
#[track_caller]
fn pushed(repo: &Repo, revision: &str, told: &[&str]) -> String {
    let repository = open(repo);
    let has = repository.remote_has(Some("origin"), told.iter().map(|hex| id(hex)));
    match repository
        .pushed_change(&id(&repo.rev(revision)), &has)
        .unwrap()
    {
        PushedChange::Nothing => "nothing".to_owned(),
        PushedChange::NotACommit { kind } => kind,
        PushedChange::Commits { head, base } => {
            let base = base.map_or_else(|| "-".to_owned(), |base| base.to_string());
            format!("{head} {base}")
        }
    }
}

#[test]
fn the_base_is_what_git_calls_the_merge_base_with_the_remote_s_branches() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    let start = repo.write("a", "1\n").commit("Start");
    assert_eq!(pushed(&repo, "HEAD", &[]), format!("{start} -"));
    repo.bare_remote(&sandbox, "origin");
    assert_eq!(pushed(&repo, "HEAD", &[]), "nothing");
    repo.branch("topic");
    repo.write("b", "1\n").commit("One");
    let head = repo.write("b", "2\n").commit("Two");
    assert_eq!(pushed(&repo, "HEAD", &[]), format!("{head} {start}"));
    repo.git(["tag", "-m", "A tag", "v1"]);
    repo.git(["tag", "-m", "A tag of a tag", "v2", "v1"]);
    assert_eq!(pushed(&repo, "v2", &[]), format!("{head} {start}"));
    assert_eq!(pushed(&repo, "HEAD^{tree}", &[]), "tree");
    assert_eq!(pushed(&repo, "HEAD:b", &[]), "blob");

    // The remote's answer counts, where we have the commit.
    let one = repo.rev("HEAD~1");
    assert_eq!(pushed(&repo, "HEAD", &[&one]), format!("{head} {one}"));
    assert_eq!(
        pushed(&repo, "HEAD", &[&"ab".repeat(20)]),
        format!("{head} {start}")
    );
    assert_eq!(
        pushed(&repo, "HEAD", &[&"ab".repeat(32)]),
        format!("{head} {start}"),
        "an id of another length is one that we do not have"
    );
    // A root of its own shares nothing.
    repo.git(["checkout", "--quiet", "--orphan", "other"]);
    let other = repo.commit("Another root");
    assert_eq!(pushed(&repo, "HEAD", &[]), format!("{other} -"));
}

#[test]
fn a_merge_of_the_remote_s_main_branch_does_not_put_that_branch_under_review() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    repo.write("a", "1\n").commit("Start");
    repo.bare_remote(&sandbox, "origin");
    repo.branch("topic");
    let topic = repo.write("b", "1\n").commit("Topic");
    repo.git(["push", "--quiet", "origin", "topic"]);
    repo.switch("main");
    for name in ["c", "d", "e"] {
        repo.write(name, "1\n").commit("Others' work");
    }
    repo.git(["push", "--quiet", "origin", "main"]);
    let main = repo.rev("main");
    repo.switch("topic");
    let head = repo.merge("main");
    // git knows two best bases; the one with the smaller change is taken.
    let bases = repo.git(["merge-base", "--all", &head, &topic, &main]);
    assert!(bases.contains(&main) || bases.contains(&topic), "{bases}");
    assert_eq!(pushed(&repo, "HEAD", &[&topic]), format!("{head} {main}"));
}

#[test]
fn generated_histories_have_git_s_bases() {
    for seed in 0..6_u64 {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("start", "1\n").commit("Start");
        repo.bare_remote(&sandbox, "origin");
        // A small generator; what matters is that each seed gives another graph.
        let mut state = seed * 7919 + 17;
        let mut next = |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % bound
        };
        let mut branches = vec!["main".to_owned()];
        for step in 0..14 {
            let from = branches[usize::try_from(next(branches.len() as u64)).unwrap()].clone();
            repo.switch(&from);
            match next(4) {
                0 => {
                    let name = format!("b{step}");
                    repo.branch(&name);
                    branches.push(name);
                }
                1 => {
                    let other =
                        branches[usize::try_from(next(branches.len() as u64)).unwrap()].clone();
                    let merged = repo.try_git(["merge", "--quiet", "--no-edit", &other]);
                    assert_eq!(merged.code(), Some(0), "{merged}");
                }
                2 => {
                    repo.git(["push", "--quiet", "--force", "origin", &from]);
                }
                _ => {}
            }
            repo.write(format!("f{step}"), "1\n").commit("Step");
        }
        let tips = repo.git([
            "for-each-ref",
            "--format=%(objectname)",
            "refs/remotes/origin/",
        ]);
        let tips: Vec<&str> = tips.lines().collect();
        for branch in &branches {
            let mut argv = vec!["merge-base", "--all", branch.as_str()];
            argv.extend(&tips);
            let bases = repo.git(argv);
            let head = repo.rev(branch);
            let found = pushed(&repo, branch, &[]);
            if bases == head {
                assert_eq!(found, "nothing", "seed {seed}, {branch}");
                continue;
            }
            let base = found.strip_prefix(&format!("{head} ")).unwrap_or(&found);
            assert!(
                bases.lines().any(|known| known == base),
                "seed {seed}, {branch}: {base} is none of\n{bases}"
            );
        }
    }
}

#[test]
fn a_shallow_clone_says_which_line_fetches_what_it_lacks_and_that_line_does() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    let start = repo.write("a", "1\n").commit("Start");
    repo.write("a", "2\n").commit("Main goes on");
    repo.git(["branch", "base", &start]);
    repo.branch("topic").write("b", "1\n").commit("Topic");
    let base = start.as_str();
    for given in [
        "origin/main",
        "main",
        "refs/remotes/origin/main",
        "origin/base",
        base,
    ] {
        let clone = repo.clone_to(
            &sandbox,
            &format!("clone-{}", given.replace('/', "-")),
            &["--depth", "1", "--branch", "topic"],
        );
        let review = || {
            sandbox
                .command(["review", "--engine", "builtin", "--base", given])
                .cwd(clone.path())
                .run()
        };
        let output = review().expect_code(4);
        let stderr = output.stderr();
        let line = stderr
            .split('`')
            .find(|part| part.starts_with("git fetch "))
            .unwrap_or_else(|| panic!("no line to add\n{output}"))
            .to_owned();
        sandbox
            .program("sh")
            .arg("-ec")
            .arg(&line)
            .cwd(clone.path())
            .run_ok();
        review().expect_code(0);
    }
}
