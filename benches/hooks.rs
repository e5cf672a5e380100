//! How long a host waits for each hook, whole processes and all.
//!
//! `cargo bench --bench hooks` measures the release build. What is promised: the start of a session and a gate that
//! skips below 20 ms on a small repository, the skip below 150 ms among 10,000 files, and every hook below 50 ms.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use divan::Bencher;

fn main() {
    divan::main();
}

/// A repository whose gate is on, with one edited file that was there when the session began.
struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
    home: PathBuf,
}

static SMALL: LazyLock<Place> = LazyLock::new(|| Place::with_files(20));
static LARGE: LazyLock<Place> = LazyLock::new(|| Place::with_files(10_000));

impl Place {
    fn with_files(files: usize) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place {
            root: folder.path().join("repo"),
            home: folder.path().join("home"),
            _folder: folder,
        };
        std::fs::create_dir_all(&place.home).expect("the folder is writable");
        for file in 0..files {
            let parent = place.root.join(format!("src/{}", file / 100));
            std::fs::create_dir_all(&parent).expect("the folder is writable");
            let content = format!("fn f{file}() {{}}\n").repeat(20);
            std::fs::write(parent.join(format!("{file}.rs")), content)
                .expect("the folder is writable");
        }
        for args in [
            ["init", "-q", "."].as_slice(),
            &["add", "."],
            &["commit", "-q", "-m", "Begin"],
        ] {
            place.run("git", args, "");
        }
        std::fs::write(place.root.join("src/0/0.rs"), "fn edited() {}\n")
            .expect("the folder is writable");
        place.run(PROGRAM, &["setup", "--enable-review-gate"], "");
        place.hook("session-start", "");
        place
    }

    fn hook(&self, verb: &str, more: &str) {
        let input = format!("{{\"session_id\": \"one\"{more}}}");
        self.run(PROGRAM, &["hook", verb], &input);
    }

    fn run(&self, program: impl AsRef<Path>, args: &[&str], input: &str) {
        let mut child = Command::new(program.as_ref())
            .args(args)
            .current_dir(&self.root)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &self.home)
            .env("CODEX_REVIEW_CODEX_BIN", "/nonexistent/codex")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "b"), ("GIT_AUTHOR_EMAIL", "b@b")])
            .envs([("GIT_COMMITTER_NAME", "b"), ("GIT_COMMITTER_EMAIL", "b@b")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin
            .write_all(input.as_bytes())
            .expect("the program reads its input");
        drop(stdin);
        let status = child.wait().expect("a child can be waited for");
        assert!(status.success(), "{args:?}");
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_codex-review");

/// A hook, and what the host tells it beyond the session.
const HOOKS: [(&str, &str); 6] = [
    ("session-start", ""),
    ("prompt-submit", ""),
    (
        "prompt-expansion",
        ", \"command_name\": \"codex:review\", \"command_args\": \"--wait\"",
    ),
    ("stop", ""),
    (
        "plan",
        ", \"tool_name\": \"ExitPlanMode\", \"tool_input\": {\"plan\": \"1. Go on.\"}",
    ),
    ("session-end", ", \"reason\": \"other\""),
];

#[divan::bench(args = HOOKS.map(|(verb, _)| verb), sample_count = 40, sample_size = 1)]
fn small_repository(bencher: Bencher<'_, '_>, verb: &str) {
    measure(bencher, &SMALL, verb);
}

#[divan::bench(args = HOOKS.map(|(verb, _)| verb), sample_count = 40, sample_size = 1)]
fn ten_thousand_files(bencher: Bencher<'_, '_>, verb: &str) {
    measure(bencher, &LARGE, verb);
}

fn measure(bencher: Bencher<'_, '_>, place: &Place, verb: &str) {
    let (_, more) = HOOKS
        .into_iter()
        .find(|(known, _)| *known == verb)
        .expect("the verb is from the table");
    bencher.bench_local(|| place.hook(verb, more));
}
