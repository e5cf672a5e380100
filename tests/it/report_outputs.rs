//! Claims about where reports go: several formats at once, files, standard output, the summary of a step, and a stored job
//! rendered again; with the builtin engine, and with the real Codex CLI and a stand-in for its model.

use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use codex_review::report::FORMATS;
use serde_json::{Value, json};

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::ResponsesApi;
use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

/// A repository with a change in which the builtin engine finds something.
struct Bench {
    repo: Repo,
    sandbox: Sandbox,
}

impl Bench {
    fn new() -> Bench {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("src/a.test.js", "it('adds', () => {\n  add();\n});\n");
        repo.stage(["."]).commit("Start");
        repo.write("src/a.test.js", "it.only('adds', () => {\n  add();\n});\n");
        Bench { repo, sandbox }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
    }

    /// A review that is not rendered yet.
    fn review(&self, args: &[&str]) -> Invocation {
        self.command(&["review", "--engine", "builtin"]).args(args)
    }

    fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.repo.join(relative)).unwrap()
    }

    fn jobs(&self) -> usize {
        let status = self.command(&["status", "--all", "--json"]).run_ok().json();
        let finished = usize::from(!status["latestFinished"].is_null());
        finished + status["recent"].as_array().unwrap().len()
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_page_says_where_the_change_was_too_large_for_the_lines_of_a_finding() {
    let bench = Bench::new();
    let page = |bench: &Bench| bench.review(&["--format", "html"]).run_ok().stdout();
    let remark = "its lines are not shown: the report holds only a part of so large a change";
    let small = page(&bench);
    assert!(small.contains("src/a.test.js"), "{small}");
    assert!(!small.contains(remark), "{small}");
    // In the order of the change they come first, and there are more of them than a report has room for.
    let lines: String = (0..2_500)
        .map(|line| format!("a line of padding that says nothing at all, number {line}\n"))
        .collect();
    for number in 0..5 {
        bench.repo.write(format!("aa/{number}.txt"), &lines);
    }
    bench.repo.stage(["aa"]);
    let large = page(&bench);
    assert!(large.contains("src/a.test.js"), "{large}");
    assert!(large.contains(remark), "{large}");
}

#[test]
fn one_review_goes_to_several_files_and_to_standard_output_at_once() {
    let bench = Bench::new();
    std::fs::create_dir(bench.repo.join("out")).unwrap();
    let summary = bench.sandbox.write("summary.md", "before\n");
    let output = bench
        .review(&[
            "--fail-on",
            "any",
            "--output",
            "sarif=out/a.sarif",
            "--output",
            "html=out/a.html",
            "--output",
            "jsonl=out/a.jsonl",
            "--output",
            "github",
        ])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .run()
        .expect_code(1);
    output.assert_stdout_has("title=[high] ");
    assert!(!output.stdout().contains("\"version\""), "{output}");
    assert_eq!(
        entries(&bench.repo.join("out")),
        ["a.html", "a.jsonl", "a.sarif"]
    );
    let sarif: Value = serde_json::from_str(&bench.read("out/a.sarif")).unwrap();
    let place = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    assert_eq!(sarif.pointer(place).unwrap(), "src/a.test.js");
    let page = bench.read("out/a.html");
    assert!(
        page.contains("it<mark>.only</mark>("),
        "the hunk is beside the finding:\n{page}"
    );
    let events = lines(&bench.read("out/a.jsonl"));
    assert_eq!(events[0]["event"], "created");
    assert_eq!(events.last().unwrap()["report"]["outcome"], "findings");
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("before\n# Review\n"), "{summary}");
    let mode = std::fs::metadata(bench.repo.join("out/a.sarif"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o600, 0o600);
    assert_eq!(
        mode & 0o044,
        std::fs::metadata(bench.repo.join("src/a.test.js"))
            .unwrap()
            .permissions()
            .mode()
            & 0o044
    );
}

#[test]
fn a_summary_is_written_for_the_github_format_alone_and_never_fails_a_review() {
    let bench = Bench::new();
    let summary = bench.sandbox.path("summary.md");
    bench
        .review(&["--format", "markdown"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .run_ok();
    assert!(!summary.exists());
    let output = bench
        .review(&["--format", "github"])
        .env("GITHUB_STEP_SUMMARY", bench.sandbox.path("no/such/folder"))
        .run_ok();
    output.assert_stderr_has("the job summary cannot be written");
    // What other steps' commands wrote counts against the same bound.
    std::fs::write(&summary, vec![b'x'; 1024 * 1024 - 10]).unwrap();
    bench
        .review(&["--format", "github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .run_ok();
    assert_eq!(std::fs::metadata(&summary).unwrap().len(), 1024 * 1024 - 10);
}

#[test]
fn what_cannot_be_written_is_said_before_the_review_begins() {
    let bench = Bench::new();
    std::fs::create_dir(bench.repo.join("folder")).unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["--output", "sarif=no/such/a.sarif"],
            &[
                "the folder of `no/such/a.sarif` does not exist",
                "mkdir -p no/such",
            ],
        ),
        (&["--output", "sarif=folder"], &["`folder` is a folder"]),
        (
            &["--output", "sarif=/proc/a.sarif"],
            &["cannot write `/proc/a.sarif`", "hint:"],
        ),
        (
            &["--output", "sarif=a", "--output", "html=./a"],
            &["two formats go to `./a`"],
        ),
        (
            &["--output", "sariff=a"],
            &["unknown format `sariff`", "did you mean `sarif`?"],
        ),
        (
            &["--output", "json", "--format", "text"],
            &["`--format` and `--output json`", "FORMAT=PATH"],
        ),
        (
            &["--output", "json", "--output", "html"],
            &["`--output json` and `--output html`"],
        ),
        (
            &["--output", "json", "--json-stream"],
            &["`--json-stream` and `--output json`"],
        ),
        (
            &["--background", "--output", "json=a"],
            &[
                "`--background` returns before",
                "codex-review result JOB --output",
            ],
        ),
    ];
    for (args, expected) in cases {
        let output = bench.review(args).run().expect_code(2);
        for text in *expected {
            output.assert_stderr_has(text);
        }
    }
    assert_eq!(bench.jobs(), 0, "nothing was started");
    assert_eq!(
        entries(bench.repo.path()),
        [".git", "folder", "src"],
        "nothing was left"
    );
}

#[test]
fn a_file_is_replaced_as_a_whole_a_link_is_followed_and_a_pipe_is_written_to() {
    let bench = Bench::new();
    let target = bench
        .sandbox
        .write("kept/report.json", "old and longer than nothing");
    symlink(&target, bench.sandbox.path("link.json")).unwrap();
    let pipe = bench.sandbox.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    let reading = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            std::fs::File::open(pipe)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        }
    });
    let link = format!("json={}", bench.sandbox.path("link.json").display());
    let piped = format!("markdown={}", pipe.display());
    let output = bench
        .review(&["--output", &link, "--output", &piped, "--quiet"])
        .run_ok();
    output.assert_stdout_has("FINDINGS");
    let document: Value = serde_json::from_slice(&std::fs::read(&target).unwrap()).unwrap();
    assert_eq!(document["outcome"], "findings");
    assert!(bench.sandbox.path("link.json").is_symlink());
    assert_eq!(entries(&bench.sandbox.path("kept")), ["report.json"]);
    assert!(reading.join().unwrap().starts_with("# Review"));
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());

    // Nobody reads it now: an error, and no wait.
    let output = bench
        .review(&["--output", &piped, "--output", &link])
        .run()
        .expect_code(4);
    output.assert_stderr_has("cannot write the report to");
    output.assert_stderr_has("--output markdown=PATH` writes it again");
    output.assert_stdout_has("FINDINGS");
}

#[test]
fn a_stored_report_is_rendered_again_in_every_format() {
    let bench = Bench::new();
    let report = bench.review(&["--json"]).run_ok().json();
    let id = report["jobId"].as_str().unwrap();
    let result = |args: &[&str]| bench.command(&["result", id]).args(args).run_ok().stdout();
    for format in FORMATS {
        let shown = result(&["--output", format.name]);
        assert_eq!(shown, result(&["--format", format.name]), "{}", format.name);
        let path = format!("{}={}", format.name, bench.sandbox.path("again").display());
        assert_eq!(result(&["--output", &path]), "", "a file was asked for");
        let written = std::fs::read_to_string(bench.sandbox.path("again")).unwrap();
        assert_eq!(written, shown, "{}", format.name);
    }
    assert_eq!(
        serde_json::from_str::<Value>(&result(&["--output", "json"])).unwrap(),
        report
    );
    let events = lines(&result(&["--output", "jsonl"]));
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        (kinds[0], kinds[kinds.len() - 2], kinds[kinds.len() - 1]),
        ("created", "ended", "report")
    );
    assert_eq!(events.last().unwrap()["report"], report);
    let both = bench
        .command(&["result", id, "--json", "--output", "html"])
        .run()
        .expect_code(2);
    both.assert_stderr_has("`--json` and `--output html`");
}

/// The same with the real Codex CLI.
struct Chain {
    codex: &'static RealCodex,
    api: ResponsesApi,
    bench: Bench,
}

impl Chain {
    fn start() -> Option<Chain> {
        let codex = RealCodex::find()?;
        let bench = Bench::new();
        let api = ResponsesApi::start();
        use_api(&bench.sandbox, &api);
        let repo = &bench.repo;
        repo.write(
            "src/a.rs",
            "fn a() {\n    one();\n    two();\n    three();\n}\n",
        );
        repo.stage(["."]).commit("Add a.rs");
        repo.write(
            "src/a.rs",
            "fn a() {\n    one();\n    two(2);\n    three();\n}\n",
        );
        Some(Chain { codex, api, bench })
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.bench
            .command(args)
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
            .time_limit(Duration::from_secs(60))
    }

    fn review(&self, args: &[&str]) -> CommandOutput {
        self.command(&["adversarial-review", "--isolated", "--fail-on", "high"])
            .args(args)
            .run()
    }
}

#[test]
fn one_codex_review_is_rendered_in_every_format_at_once() {
    let Some(chain) = Chain::start() else { return };
    let folder = chain.bench.sandbox.path("out");
    std::fs::create_dir(&folder).unwrap();
    let outputs: Vec<String> = FORMATS
        .iter()
        .map(|format| format!("--output={0}={1}/report.{0}", format.name, folder.display()))
        .collect();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let output = chain.review(&outputs).expect_code(1);
    output.assert_stdout_has("Retry loses data");
    assert_eq!(
        chain.api.requests().len(),
        1,
        "one review, whatever the number of formats"
    );
    let id = output
        .stderr()
        .split_whitespace()
        .find(|word| word.starts_with("adversarial-review-") || word.starts_with("review-"))
        .unwrap()
        .to_owned();
    for format in FORMATS {
        let written =
            std::fs::read_to_string(folder.join(format!("report.{}", format.name))).unwrap();
        assert!(
            written.contains("Retry loses data"),
            "{}:\n{written}",
            format.name
        );
        assert!(written.contains("src/a.rs"), "{}:\n{written}", format.name);
        let again = chain
            .command(&["result", &id, "--output", format.name])
            .run_ok()
            .stdout();
        assert_eq!(again, written, "{}", format.name);
    }
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(
        page.contains("two(<mark>2</mark>);"),
        "the hunk is beside the finding:\n{page}"
    );
}

#[test]
fn a_stream_gives_a_sign_of_life_while_the_model_thinks() {
    let Some(chain) = Chain::start() else { return };
    chain.api.hold();
    let running = chain
        .command(&["review", "--isolated", "--output", "jsonl"])
        .env("CODEX_REVIEW_STREAM_HEARTBEAT_SECONDS", "1")
        .spawn();
    let beat = running.stdout_line(|line| line.contains("\"heartbeat\""));
    let beat: Value = serde_json::from_str(&beat).unwrap();
    assert!(
        beat["silentMs"].as_u64().unwrap() >= 1000 && beat["at"].is_string(),
        "{beat}"
    );
    chain.api.release();
    let events = lines(&running.wait().expect_code(0).stdout());
    assert_eq!(events[0]["event"], "created");
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["report"]["outcome"]),
        (&json!("report"), &json!("findings"))
    );
    assert!(events.iter().any(|event| event["event"] == "heartbeat"));
}
