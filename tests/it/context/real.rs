//! Contexts of real repositories.

use codex_review::context::{
    Catalog, Claims, Context, ContextInput, Registry, RepositoryChanges, Shown, StrategyChoice,
    build,
};
use codex_review::secrets::is_secret_name;
use codex_review::target::{
    ChangeOptions, GitEnvironment, Repository, ResolvedTarget, Select, TargetSpec,
};

use crate::support::fixture::Fixture;
use crate::support::{Repo, Sandbox, fixture_path};

fn built(repo: &Repo, select: Select, strategy: &str, threads: usize) -> (ResolvedTarget, Context) {
    let repository = Repository::open(repo.path(), &GitEnvironment::default()).unwrap();
    let target = repository.resolve(&TargetSpec::of(select)).unwrap();
    let options = ChangeOptions {
        secret_name: |path| is_secret_name(path),
        threads,
        ..ChangeOptions::default()
    };
    let changes = repository.changes(&target, &options).unwrap();
    let registry = Registry::builtin();
    let catalog = Catalog::builtin(&registry);
    let Ok(strategy) = strategy.parse::<StrategyChoice>();
    let input = ContextInput {
        changes: &RepositoryChanges {
            repository: &repository,
            target: &target,
            changes: &changes,
        },
        strategy: &strategy,
        catalog: &catalog,
        budget: None,
        claims: Claims::Shown,
    };
    let context = build(&input, &registry).unwrap();
    (target, context)
}

#[test]
fn a_dirty_tree_is_sent_as_git_shows_it() {
    let sandbox = Sandbox::new();
    let repo = sandbox.fixture("dirty-tree");
    let (_, context) = built(&repo, Select::Auto, "inline", 0);
    for arguments in [&["diff", "--cached"][..], &["diff"]] {
        let patch = repo.git([arguments, &["--no-ext-diff", "--no-textconv", "-M"]].concat());
        assert!(!patch.is_empty());
        assert!(
            context.text.contains(&patch),
            "{patch}\n---\n{}",
            context.text
        );
    }
    for name in repo
        .git(["ls-files", "--others", "--exclude-standard"])
        .lines()
    {
        assert!(
            context.text.contains(&format!("?? {name}\n")),
            "{name}: {}",
            context.text
        );
    }
    assert!(!context.ledger.is_cut());
    insta::assert_snapshot!("context_dirty_tree", context.text);
}

#[test]
fn a_branch_is_summarised_with_its_commits_and_pinned_ids() {
    let sandbox = Sandbox::new();
    let repo = sandbox.fixture("branch-ahead");
    let (_, context) = built(&repo, Select::Base("main".into()), "self-collect", 0);
    let old = repo.git(["merge-base", "main", "HEAD"]);
    let head = repo.rev("HEAD");
    assert!(
        context.text.contains(&format!("-M {old} {head}\n")),
        "{}",
        context.text
    );
    for subject in repo.git(["log", "--format=%s", "main..HEAD"]).lines() {
        assert!(context.text.contains(subject), "{subject}");
    }
    insta::assert_snapshot!("context_branch_ahead", context.text);
}

#[test]
fn neither_the_clones_path_nor_the_number_of_threads_shows() {
    let sandbox = Sandbox::new();
    for (name, select) in [
        ("dirty-tree", Select::Auto),
        ("names", Select::Base("main".into())),
        ("odd-files", Select::Auto),
    ] {
        let here = sandbox.fixture(name);
        let there = Fixture::load(name).build(&sandbox, &format!("deeper down/{name}"));
        for strategy in ["auto", "inline", "self-collect"] {
            let (_, first) = built(&here, select.clone(), strategy, 1);
            let (_, second) = built(&there, select.clone(), strategy, 4);
            assert_eq!(first.text, second.text, "{name} {strategy}");
            assert_eq!(first, second);
        }
    }
}

#[test]
fn secrets_by_name_and_links_are_listed_and_never_read() {
    let sandbox = Sandbox::new();
    let repo = sandbox.fixture("odd-files");
    for strategy in ["inline", "self-collect"] {
        let (_, context) = built(&repo, Select::Auto, strategy, 0);
        for name in [".env", "id_ed25519", "link-outside"] {
            let line = format!("\n{name}  (");
            assert_eq!(
                context.text.matches(&line).count(),
                1,
                "{name}: {}",
                context.text
            );
        }
        for name in [".env", "id_ed25519"] {
            let content = std::fs::read_to_string(repo.join(name)).unwrap();
            assert!(!context.text.contains(content.trim()), "{name}");
        }
    }
}

#[test]
fn every_fixture_has_a_context_that_accounts_for_each_of_its_files() {
    let folder = std::fs::read_dir(fixture_path("repos")).unwrap();
    let mut seen = 0;
    for entry in folder {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let sandbox = Sandbox::new();
        let repo = sandbox.fixture(&name);
        for strategy in ["auto", "inline", "self-collect"] {
            let (_, context) = built(&repo, Select::Auto, strategy, 0);
            assert!(context.bytes <= context.budget.bytes);
            assert!(!context.ledger.files.is_empty(), "{name}");
            for file in &context.ledger.files {
                assert!(
                    !matches!(file.shown, Shown::LeftOut(ref reason) if reason.as_str() != "secret-name"),
                    "{name} {strategy}: {} is {:?}",
                    file.path,
                    file.shown
                );
            }
        }
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn a_base_is_named_with_its_twin_and_how_far_that_is_behind() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    repo.write("a", "1\n").commit("one");
    let first = repo.rev("HEAD");
    repo.write("a", "2\n").commit("two");
    repo.git(["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git([
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
    repo.git(["checkout", "-q", "-b", "work"]);
    repo.git(["branch", "-f", "main", &first]);
    repo.write("a", "3\n").commit("three");
    let run = |args: &[&str]| {
        let run = sandbox.command(args).cwd(repo.path());
        run.env("CODEX_REVIEW_STATE_DIR", sandbox.state_dir())
            .run_ok()
    };
    let behind = "`main` is 1 commit behind";
    let shown = run(&["context"]);
    assert!(shown.stdout().contains(&format!("; {behind}\n")));
    assert!(shown.stderr().contains(behind));
    let json = run(&["context", "--json"]).json();
    let note = json["target"]["base_note"].as_str().unwrap();
    assert!(note.starts_with("compared with the merge base "), "{note}");
    assert!(note.ends_with(behind), "{note}");
}
