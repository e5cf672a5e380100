//! Context building on large changes, beside the git commands that it replaces.
//!
//! `cargo bench --bench context` prints, for each case, our time and git's on the same repository, in one run. The
//! repositories are generated: 10,000 files with 2,000 or 60 changed, loose or packed, and one change of 200,000 lines.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use codex_review::context::{
    Catalog, Claims, ContextInput, Registry, RepositoryChanges, StrategyChoice, build,
};
use codex_review::target::{ChangeOptions, GitEnvironment, Repository, Select, TargetSpec};
use divan::Bencher;

fn main() {
    divan::main();
}

/// Repositories by what was changed in them. They live as long as the process, and are removed by its end.
struct Generated {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

fn git(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(args)
        .current_dir(root)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "b"), ("GIT_AUTHOR_EMAIL", "b@b")])
        .envs([("GIT_COMMITTER_NAME", "b"), ("GIT_COMMITTER_EMAIL", "b@b")])
        .stdout(Stdio::null());
    command
}

fn run(root: &Path, args: &[&str]) {
    let status = git(root, args)
        .status()
        .expect("git is installed where benches run");
    assert!(status.success(), "git {args:?}");
}

fn content(file: usize, edited: bool) -> String {
    let mut text = String::new();
    for line in 0..40 {
        text.push_str(&format!(
            "fn f{file}_{line}() -> usize {{ {} }}\n",
            file * line
        ));
        if edited && line % 13 == 6 {
            text.push_str("// edited\n");
        }
    }
    text
}

impl Generated {
    fn files(count: usize, changed: usize) -> Generated {
        let generated = Generated::empty();
        let path = |file: usize| generated.root.join(format!("d{}/f{file}.rs", file / 100));
        for file in 0..count {
            std::fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            std::fs::write(path(file), content(file, false)).unwrap();
        }
        generated.commit("Start");
        run(&generated.root, &["branch", "base"]);
        let step = count / changed;
        for file in (0..changed).map(|n| n * step) {
            std::fs::write(path(file), content(file, true)).unwrap();
        }
        generated
    }

    fn lines(count: usize) -> Generated {
        let generated = Generated::empty();
        let lines: String = (0..count)
            .map(|line| format!("old line {line}\n"))
            .collect();
        std::fs::write(generated.root.join("big.txt"), lines).unwrap();
        generated.commit("Start");
        run(&generated.root, &["branch", "base"]);
        let lines: String = (0..count)
            .map(|line| format!("new line {line}\n"))
            .collect();
        std::fs::write(generated.root.join("big.txt"), lines).unwrap();
        generated
    }

    fn empty() -> Generated {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repo");
        std::fs::create_dir(&root).unwrap();
        run(&root, &["init", "-q", "-b", "main"]);
        // Nothing is packed unless a case says so.
        run(&root, &["config", "gc.auto", "0"]);
        Generated {
            _folder: folder,
            root,
        }
    }

    fn commit(&self, message: &str) {
        run(&self.root, &["add", "-A"]);
        run(&self.root, &["commit", "-q", "-m", message]);
    }

    /// The same change, committed.
    fn committed(self) -> Generated {
        self.commit("Change");
        self
    }

    /// The same repository, with all objects in one pack.
    fn packed(self) -> Generated {
        run(&self.root, &["gc", "-q"]);
        self
    }
}

static MANY: LazyLock<Generated> = LazyLock::new(|| Generated::files(10_000, 2_000));
static SIXTY: LazyLock<Generated> = LazyLock::new(|| Generated::files(10_000, 60));
static FEW: LazyLock<Generated> = LazyLock::new(|| Generated::files(200, 2));
static BRANCH: LazyLock<Generated> = LazyLock::new(|| Generated::files(10_000, 2_000).committed());
static BRANCH_PACKED: LazyLock<Generated> =
    LazyLock::new(|| Generated::files(10_000, 2_000).committed().packed());
static BRANCH_SIXTY: LazyLock<Generated> =
    LazyLock::new(|| Generated::files(10_000, 60).committed());
static BRANCH_SIXTY_PACKED: LazyLock<Generated> =
    LazyLock::new(|| Generated::files(10_000, 60).committed().packed());
static LONG: LazyLock<Generated> = LazyLock::new(|| Generated::lines(100_000));

fn ours(generated: &Generated, select: Select) -> u64 {
    let environment = GitEnvironment::default();
    let repository = Repository::open(&generated.root, &environment).unwrap();
    let target = repository.resolve(&TargetSpec::of(select)).unwrap();
    let changes = repository
        .changes(&target, &ChangeOptions::default())
        .unwrap();
    let registry = Registry::builtin();
    let catalog = Catalog::builtin(&registry);
    let view = RepositoryChanges {
        repository: &repository,
        target: &target,
        changes: &changes,
    };
    let input = ContextInput {
        changes: &view,
        strategy: &StrategyChoice::Auto,
        catalog: &catalog,
        budget: None,
        claims: Claims::Shown,
    };
    build(&input, &registry).unwrap().bytes
}

/// What a tool that calls git runs for a branch.
fn gits_branch(generated: &Generated) {
    let options = ["--no-ext-diff", "--no-textconv", "-M", "--no-color"];
    let args: Vec<&str> = ["diff"]
        .into_iter()
        .chain(options)
        .chain(["base...HEAD"])
        .collect();
    run(&generated.root, &args);
}

/// What a tool that calls git runs for the same: three commands, their output thrown away.
fn gits(generated: &Generated) {
    run(&generated.root, &["status", "--porcelain", "-uall"]);
    run(&generated.root, &["diff", "--cached"]);
    run(&generated.root, &["diff"]);
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn working_tree_2000_of_10000_files_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&MANY);
    bencher.bench_local(|| ours(&MANY, Select::WorkingTree));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn working_tree_2000_of_10000_files_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&MANY);
    bencher.bench_local(|| gits(&MANY));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn working_tree_60_of_10000_files_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&SIXTY);
    bencher.bench_local(|| ours(&SIXTY, Select::WorkingTree));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn working_tree_60_of_10000_files_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&SIXTY);
    bencher.bench_local(|| gits(&SIXTY));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn working_tree_2_of_200_files_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&FEW);
    bencher.bench_local(|| ours(&FEW, Select::WorkingTree));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn working_tree_2_of_200_files_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&FEW);
    bencher.bench_local(|| gits(&FEW));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_2000_files_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH);
    bencher.bench_local(|| ours(&BRANCH, Select::Base("base".into())));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_2000_files_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH);
    bencher.bench_local(|| gits_branch(&BRANCH));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_2000_files_packed_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH_PACKED);
    bencher.bench_local(|| ours(&BRANCH_PACKED, Select::Base("base".into())));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_2000_files_packed_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH_PACKED);
    bencher.bench_local(|| gits_branch(&BRANCH_PACKED));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_60_files_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH_SIXTY);
    bencher.bench_local(|| ours(&BRANCH_SIXTY, Select::Base("base".into())));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_60_files_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH_SIXTY);
    bencher.bench_local(|| gits_branch(&BRANCH_SIXTY));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_60_files_packed_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH_SIXTY_PACKED);
    bencher.bench_local(|| ours(&BRANCH_SIXTY_PACKED, Select::Base("base".into())));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn branch_60_files_packed_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&BRANCH_SIXTY_PACKED);
    bencher.bench_local(|| gits_branch(&BRANCH_SIXTY_PACKED));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_change_of_200000_lines_ours(bencher: Bencher<'_, '_>) {
    LazyLock::force(&LONG);
    bencher.bench_local(|| ours(&LONG, Select::WorkingTree));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_change_of_200000_lines_git(bencher: Bencher<'_, '_>) {
    LazyLock::force(&LONG);
    bencher.bench_local(|| gits(&LONG));
}
