//! `context` beside the git commands that it replaces, small commands by themselves, and the memory of a large change.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{WARM_UPS, heading, least_and_median, ms};

const OURS: &str = env!("CARGO_BIN_EXE_codex-review");
/// What may be slower than git by this much in small repositories, where git's start is all there is.
const SMALL_SLACK: Duration = Duration::from_millis(3);

const STATUS: &[&str] = &["status", "--porcelain", "-uall"];
const STAGED: &[&str] = &["diff", "--cached"];
const UNSTAGED: &[&str] = &["diff"];
const BRANCH: &[&str] = &[
    "diff",
    "--no-ext-diff",
    "--no-textconv",
    "-M",
    "--no-color",
    "base...HEAD",
];

/// Builds the repositories, and measures so many rounds of each case.
pub(crate) fn measure(rounds: usize) {
    let world = World::new();

    heading(
        "against git",
        &["git min", "median", "ours min", "median", "ratio"],
    );
    for (files, changed) in [(10_000, 2_000), (10_000, 60), (200, 2)] {
        let promise = if changed >= 60 {
            Promise::Ratio(0.8)
        } else {
            Promise::NoSlowerThan(SMALL_SLACK)
        };
        let repository = world.files(files, changed);
        let case = format!("working tree, {changed} of {files} files");
        let ours: &[&str] = &["context", "--json"];
        compare(
            &world,
            &repository,
            &case,
            &[STATUS, STAGED, UNSTAGED],
            ours,
            rounds,
            promise,
        );
        world.commit(&repository, "Change");
        for packed in [false, true] {
            if packed {
                world.git(&repository, &["gc", "-q"]);
            }
            let kind = if packed { "packed" } else { "loose" };
            let case = format!("branch, {changed} of {files} files, {kind}");
            let ours: &[&str] = &["context", "--base", "base", "--json"];
            compare(&world, &repository, &case, &[BRANCH], ours, rounds, promise);
        }
    }

    heading("start-up", &["ours min", "median"]);
    let small = world.folder.path().join("200-2");
    for (case, arguments) in [
        ("--version", &["--version"][..]),
        ("--help", &["--help"]),
        ("status", &["status"]),
        ("status --json", &["status", "--json"]),
        ("config list", &["config", "list"]),
    ] {
        let mut times = Vec::new();
        for round in 0..rounds + WARM_UPS {
            let took = time(&mut world.ours(&small, arguments));
            if round >= WARM_UPS {
                times.push(took);
            }
        }
        let (least, median) = least_and_median(&mut times);
        println!("{case:<40}{}{}  (at most 10 ms)", ms(least), ms(median));
    }

    heading("peak memory of a change of 200,000 lines", &["MiB"]);
    let long = world.lines(100_000);
    memory(
        &world,
        &long,
        "working tree",
        &["context", "--strategy", "self-collect", "--json"],
    );
    world.commit(&long, "Change");
    let branch = [
        "context",
        "--strategy",
        "self-collect",
        "--base",
        "base",
        "--json",
    ];
    memory(&world, &long, "branch", &branch);
}

/// What the project promises of a comparison.
#[derive(Clone, Copy)]
enum Promise {
    /// At most this share of git's time.
    Ratio(f64),
    /// At most this much more than git's time.
    NoSlowerThan(Duration),
}

fn compare(
    world: &World,
    repository: &Path,
    case: &str,
    git: &[&[&str]],
    ours: &[&str],
    rounds: usize,
    promise: Promise,
) {
    let (mut of_git, mut of_ours) = (Vec::new(), Vec::new());
    for round in 0..rounds + WARM_UPS {
        // In turn, so that whatever else the machine does falls on both alike.
        let git: Duration = git
            .iter()
            .map(|arguments| time(&mut world.git_command(repository, arguments)))
            .sum();
        let ours = time(&mut world.ours(repository, ours));
        if round >= WARM_UPS {
            of_git.push(git);
            of_ours.push(ours);
        }
    }
    let (git_least, git_median) = least_and_median(&mut of_git);
    let (ours_least, ours_median) = least_and_median(&mut of_ours);
    let ratio = ours_median.as_secs_f64() / git_median.as_secs_f64();
    let (promised, kept) = match promise {
        Promise::Ratio(most) => (format!("at most {most}"), ratio <= most),
        Promise::NoSlowerThan(slack) => (
            format!("at most {} ms more", slack.as_millis()),
            ours_median <= git_median + slack,
        ),
    };
    println!(
        "{case:<40}{}{}{}{}{ratio:>10.2}  ({promised}{})",
        ms(git_least),
        ms(git_median),
        ms(ours_least),
        ms(ours_median),
        if kept { "" } else { ": missed" }
    );
}

fn time(command: &mut Command) -> Duration {
    let began = Instant::now();
    let status = command.status().expect("the program starts");
    let took = began.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    took
}

fn memory(world: &World, repository: &Path, case: &str, arguments: &[&str]) {
    let mut child = world
        .ours(repository, arguments)
        .spawn()
        .expect("it starts");
    let peak = watch_memory(&mut child);
    assert!(child.wait().expect("it is ours").success());
    match peak {
        Some(kib) => println!("{case:<40}{:>10.1}  (under 64)", kib as f64 / 1024.0),
        None => println!("{case:<40}{:>10}", "unknown"),
    }
}

/// The most memory that a process had resident, in KiB, read again and again until it ends. `None` where the system does
/// not tell.
fn watch_memory(child: &mut Child) -> Option<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait().expect("it is ours").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib);
    }
    peak
}

/// A temporary folder that holds the repositories, a home and our state.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn command(&self, program: &str, repository: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        let variable = |name: &str| std::env::var_os(name).map(|value| (name.to_owned(), value));
        command
            .args(arguments)
            .current_dir(repository)
            .env_clear()
            .envs(["PATH", "TMPDIR"].into_iter().filter_map(variable))
            .env("HOME", self.folder.path())
            .env("CODEX_REVIEW_STATE_DIR", self.folder.path().join("state"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "b"), ("GIT_AUTHOR_EMAIL", "b@b")])
            .envs([("GIT_COMMITTER_NAME", "b"), ("GIT_COMMITTER_EMAIL", "b@b")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn ours(&self, repository: &Path, arguments: &[&str]) -> Command {
        self.command(OURS, repository, arguments)
    }

    fn git_command(&self, repository: &Path, arguments: &[&str]) -> Command {
        self.command("git", repository, arguments)
    }

    fn git(&self, repository: &Path, arguments: &[&str]) {
        time(&mut self.git_command(repository, arguments));
    }

    fn empty(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        std::fs::create_dir(&root).expect("the name is new");
        self.git(&root, &["init", "-q", "-b", "main"]);
        // A commit of ten thousand files would start it in the background, amid the measurements.
        self.git(&root, &["config", "gc.auto", "0"]);
        root
    }

    fn commit(&self, repository: &Path, message: &str) {
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-q", "-m", message]);
    }

    /// So many files of forty lines, in folders of a hundred; then so many of them edited in three places.
    fn files(&self, count: usize, changed: usize) -> PathBuf {
        let root = self.empty(&format!("{count}-{changed}"));
        let write = |file: usize, edited: bool| {
            let folder = root.join(format!("d{}", file / 100));
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            let path = folder.join(format!("f{file}.rs"));
            std::fs::write(path, content(file, edited)).expect("the file can be written");
        };
        for file in 0..count {
            write(file, false);
        }
        self.start(&root);
        for file in (0..changed).map(|n| n * (count / changed)) {
            write(file, true);
        }
        root
    }

    /// One file of so many lines; then every line replaced.
    fn lines(&self, count: usize) -> PathBuf {
        let root = self.empty("long");
        let write = |word: &str| {
            let lines: String = (0..count)
                .map(|line| format!("{word} line {line}\n"))
                .collect();
            std::fs::write(root.join("big.txt"), lines).expect("the file can be written");
        };
        write("old");
        self.start(&root);
        write("new");
        root
    }

    /// Commits what is there as the base, and lets its time pass, so that no file looks as new as the index.
    fn start(&self, root: &Path) {
        self.commit(root, "Start");
        self.git(root, &["branch", "base"]);
        self.git(root, &["switch", "-q", "-c", "topic"]);
        std::thread::sleep(Duration::from_millis(1_100));
        self.git(root, &["status", "--porcelain"]);
    }
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
