//! Claims about the CI kits: their shell parts, executed as the CI system would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{CommandOutput, Invocation, Repo, Sandbox, package_root};

/// What the built-in engine holds.
const CONFLICT: &str = "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n";

fn read(name: &str) -> String {
    std::fs::read_to_string(package_root().join(name)).unwrap()
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_codex-review"))
}

/// Every block below `key: |` (or `- |` below `key:`), without its indentation.
fn blocks(text: &str, head: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() != head {
            continue;
        }
        let outer = indent(line);
        let body: Vec<&str> = lines[at + 1..]
            .iter()
            .take_while(|line| line.trim().is_empty() || indent(line) > outer)
            .copied()
            .collect();
        let inner = body
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| indent(line))
            .min()
            .expect("a block has lines");
        let block: Vec<&str> = body
            .iter()
            .map(|line| line.get(inner..).unwrap_or(""))
            .collect();
        found.push(format!("{}\n", block.join("\n").trim_end()));
    }
    found
}

/// A clone of a shop whose change is on branch `topic`, as a CI system checks it out.
struct Checkout {
    clone: Repo,
    sandbox: Sandbox,
}

impl Checkout {
    fn of(change: &str, options: &[&str]) -> Checkout {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("a.txt", "one\n").commit("Start");
        repo.branch("topic")
            .write("src/b.txt", change)
            .commit("Change");
        repo.switch("main")
            .write("c.txt", "others\n")
            .commit("Main goes on");
        let mut all = vec!["--branch", "topic"];
        all.extend(options);
        let clone = repo.clone_to(&sandbox, "checkout", &all);
        std::fs::create_dir(sandbox.path("runner")).unwrap();
        Checkout { clone, sandbox }
    }

    /// A shell script in the checkout, as CI runs one.
    fn shell(&self, shell: &[&str], script: &str) -> Invocation {
        let file = self.sandbox.write("runner/step.sh", script);
        self.sandbox
            .program(shell[0])
            .args(&shell[1..])
            .arg(file)
            .cwd(self.clone.path())
            .env("CI", "true")
    }

    fn with_program(&self, invocation: Invocation) -> Invocation {
        invocation.path_prepend(program().parent().unwrap())
    }
}

/// One run of the GitHub action.
struct ActionRun {
    output: CommandOutput,
    outputs: BTreeMap<String, String>,
    summary: String,
    checkout: Checkout,
}

/// What the event says.
#[derive(Clone, Copy)]
struct Event {
    head_repository: &'static str,
    engine: &'static str,
}

const OWN: Event = Event {
    head_repository: "shop/shop",
    engine: "builtin",
};
/// Nothing of this may reach a model, whatever the workflow asks for.
const FORK: Event = Event {
    head_repository: "stranger/shop",
    engine: "codex",
};

fn variables(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| line.split_once('=').expect("an output is name=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn run_action(checkout: Checkout, event: Event) -> ActionRun {
    let text = read("action.yml");
    let scripts = blocks(&text, "run: |");
    assert_eq!(scripts.len(), 2);
    let runner = checkout.sandbox.path("runner");
    let outputs = runner.join("outputs");
    let summary = runner.join("summary");
    // As GitHub starts `shell: bash`.
    let bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail"];
    let step = |script: &str| {
        checkout
            .with_program(checkout.shell(&bash, script))
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_REPOSITORY", "shop/shop")
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_WORKSPACE", checkout.clone.path())
            .env("GITHUB_OUTPUT", &outputs)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("RUNNER_TEMP", &runner)
            .env("HEAD_REPOSITORY", event.head_repository)
    };
    step(&scripts[0])
        .env("PROGRAM", "")
        .env("ACTION_PATH", package_root())
        .run_ok();
    let found = variables(&outputs).remove("program").unwrap();
    assert_eq!(PathBuf::from(&found), program());
    std::fs::remove_file(&outputs).unwrap();
    let output = step(&scripts[1])
        .env("PROGRAM", &found)
        .env("ENGINE", event.engine)
        .env("BASE", "")
        .env("FAIL_ON", "high")
        .env("SARIF", "codex-review.sarif")
        // A program that must not be started for a fork: it would leave a trace.
        .env("CODEX_REVIEW_CODEX_BIN", "/nowhere/codex")
        .env("OPENAI_API_KEY", "not a key")
        .run();
    ActionRun {
        outputs: variables(&outputs),
        summary: std::fs::read_to_string(&summary).unwrap_or_default(),
        output,
        checkout,
    }
}

#[test]
fn the_action_annotates_summarises_and_leaves_a_sarif_file() {
    let run = run_action(Checkout::of(CONFLICT, &[]), OWN);
    let output = run.output.expect_code(1);
    output.assert_stdout_has("::error ");
    output.assert_stdout_has("file=src/b.txt");
    assert!(run.summary.contains("src/b.txt"), "{}", run.summary);
    assert_eq!(run.outputs["outcome"], "findings");
    assert_eq!(run.outputs["exit-code"], "1");
    let sarif = std::fs::read(run.checkout.clone.join(&run.outputs["sarif"])).unwrap();
    let sarif: Value = serde_json::from_slice(&sarif).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "src/b.txt");
}

#[test]
fn a_change_without_findings_passes() {
    let run = run_action(Checkout::of("fine\n", &[]), OWN);
    let output = run.output.expect_code(0);
    assert!(!output.stdout().contains("::error"), "{output}");
    assert_eq!(run.outputs["outcome"], "passed");
    assert_eq!(run.outputs["sarif"], "codex-review.sarif");
}

#[test]
fn a_fork_s_change_gets_annotations_and_nothing_else() {
    let run = run_action(Checkout::of(CONFLICT, &[]), FORK);
    let output = run.output.expect_code(1);
    output.assert_stdout_has("file=src/b.txt");
    assert_eq!(run.outputs["outcome"], "findings");
    assert_eq!(run.outputs["sarif"], "", "nothing to upload");
    assert!(!run.checkout.clone.join("codex-review.sarif").exists());
}

#[test]
fn the_action_is_not_built_from_a_fork_s_checkout() {
    let checkout = Checkout::of("fine\n", &[]);
    let script = &blocks(&read("action.yml"), "run: |")[0];
    let output = checkout
        .shell(
            &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
            script,
        )
        .env("PROGRAM", "")
        .env("ACTION_PATH", checkout.clone.path())
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_REPOSITORY", "shop/shop")
        .env("GITHUB_WORKSPACE", checkout.clone.path())
        .env("GITHUB_OUTPUT", checkout.sandbox.path("runner/outputs"))
        .env("RUNNER_TEMP", checkout.sandbox.path("runner"))
        .env("HEAD_REPOSITORY", "stranger/shop")
        .run()
        .expect_code(4);
    output.assert_stdout_has("::error title=codex-review::");
}

#[test]
fn a_shallow_checkout_is_no_pass_and_names_the_line_that_is_missing() {
    let checkout = Checkout::of("fine\n", &["--depth", "1"]);
    // What lies where the report would be is not taken for one.
    checkout.clone.write("codex-review.sarif", "{}");
    let run = run_action(checkout, OWN);
    let output = run.output.expect_code(4);
    output.assert_stderr_has("`origin/main` is not in this shallow clone");
    output.assert_stderr_has("git fetch --no-tags --unshallow origin");
    output.assert_stderr_has("fetch-depth: 0");
    output.assert_stdout_has("::error title=codex-review could not judge the change::");
    assert_eq!(run.outputs["outcome"], "not-judged");
    assert_eq!(run.outputs["sarif"], "");
}

#[test]
fn what_an_event_says_never_becomes_shell() {
    for name in ["action.yml", "docs/ci/github.yml"] {
        for block in blocks(&read(name), "run: |") {
            assert!(!block.contains("${{"), "{name}: an expression in\n{block}");
        }
    }
}

fn run_gitlab(checkout: &Checkout, source_project: &str, engine: &str) -> CommandOutput {
    let scripts = blocks(&read("docs/ci/gitlab.yml"), "- |");
    let [script] = scripts.as_slice() else {
        panic!("one block of shell, not {}", scripts.len());
    };
    let base = checkout.clone.git(["merge-base", "HEAD", "origin/main"]);
    checkout
        .with_program(checkout.shell(&["sh", "-e"], script))
        .env("GITLAB_CI", "true")
        .env("CI_PROJECT_PATH", "shop/shop")
        .env("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", source_project)
        .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base)
        .env("REVIEW_ENGINE", engine)
        .env("REVIEW_FAIL_ON", "high")
        .env("REVIEW_SOURCE", "")
        .env("CODEX_REVIEW_CODEX_BIN", "/nowhere/codex")
        .run()
}

#[test]
fn the_gitlab_job_reports_and_ends_as_the_review_does() {
    let checkout = Checkout::of(CONFLICT, &[]);
    for (project, engine) in [("shop/shop", "builtin"), ("stranger/shop", "codex")] {
        let output = run_gitlab(&checkout, project, engine).expect_code(1);
        output.assert_stdout_has("src/b.txt:1");
        let document = |name: &str| -> Value {
            let text = std::fs::read(checkout.clone.join(name)).unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        assert_eq!(document("codex-review.sarif")["version"], "2.1.0");
        let issue = &document("gl-code-quality-report.json")[0];
        assert_eq!(issue["location"]["path"], "src/b.txt");
        let markdown = std::fs::read_to_string(checkout.clone.join("codex-review.md")).unwrap();
        assert!(markdown.contains("src/b.txt"), "{markdown}");
    }
    let fine = Checkout::of("fine\n", &[]);
    run_gitlab(&fine, "shop/shop", "builtin").expect_code(0);
    // What cannot be judged is no pass.
    let output = run_gitlab(&fine, "shop/shop", "codex").expect_code(3);
    output.assert_stdout_has("NOT JUDGED");
}

#[test]
fn the_jenkins_stage_reports_and_ends_as_the_review_does() {
    let text = read("docs/ci/Jenkinsfile");
    let script = text.split("'''").nth(1).expect("a block of shell");
    for (change, fork, engine, code) in [
        (CONFLICT, "", "builtin", 1),
        (CONFLICT, "stranger", "codex", 1),
        ("fine\n", "", "builtin", 0),
    ] {
        let checkout = Checkout::of(change, &[]);
        let output = checkout
            .with_program(checkout.shell(&["sh", "-xe"], script))
            .env("CHANGE_TARGET", "main")
            .env("CHANGE_FORK", fork)
            .env("REVIEW_ENGINE", engine)
            .env("CODEX_REVIEW_CODEX_BIN", "/nowhere/codex")
            .run()
            .expect_code(code);
        output.assert_stdout_has("builtin");
        assert!(checkout.clone.join("codex-review.sarif").is_file());
    }
}

#[test]
fn init_writes_the_files_of_the_documents_and_replaces_nothing() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    let init = |args: &[&str]| {
        let mut argv = vec!["ci", "init"];
        argv.extend(args);
        sandbox.command(argv).cwd(repo.path())
    };
    let workflow = repo.join(".github/workflows/codex-review.yml");
    init(&["github"])
        .run_ok()
        .assert_stdout_has("Replace OWNER/codex-review@REF");
    let text = std::fs::read_to_string(&workflow).unwrap();
    assert_eq!(text, read("docs/ci/github.yml"));
    let output = init(&["gitlab"]).run_ok();
    output.assert_stdout_has("  - local: .gitlab/codex-review.yml");
    let job = std::fs::read_to_string(repo.join(".gitlab/codex-review.yml")).unwrap();
    assert_eq!(job, read("docs/ci/gitlab.yml"));

    repo.write(".github/workflows/codex-review.yml", "mine\n");
    let refused = init(&["github"]).run().expect_code(2);
    refused.assert_stderr_has("is there already");
    refused.assert_stderr_has("--force");
    assert_eq!(std::fs::read_to_string(&workflow).unwrap(), "mine\n");
    init(&["github", "--force", "--action", "shop/review@v1"]).run_ok();
    let text = std::fs::read_to_string(&workflow).unwrap();
    assert!(text.contains("uses: shop/review@v1"), "{text}");
    assert!(!text.contains("OWNER"), "{text}");
    init(&["travis"]).run().expect_code(2);
}

/// The blocks that these tests execute are those that a YAML parser finds; it comes with pre-commit.
#[test]
fn a_parser_of_yaml_finds_the_same_blocks() {
    let Some(pre_commit) = crate::support::hook_frameworks::pre_commit() else {
        return;
    };
    let sandbox = Sandbox::new();
    let python = pre_commit.parent().unwrap().join("python");
    let parse = |name: &str| -> Value {
        sandbox
            .program(&python)
            .args(["-c", "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)"])
            .arg(package_root().join(name))
            .run_ok()
            .json()
    };
    let action = parse("action.yml");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let scripts: Vec<&str> = steps
        .iter()
        .map(|step| step["run"].as_str().unwrap())
        .collect();
    assert_eq!(scripts, blocks(&read("action.yml"), "run: |"));
    for input in action["inputs"].as_object().unwrap().values() {
        assert!(input["description"].is_string(), "{input}");
    }
    let gitlab = parse("docs/ci/gitlab.yml");
    let script = gitlab["codex-review"]["script"][0].as_str().unwrap();
    assert_eq!([script], *blocks(&read("docs/ci/gitlab.yml"), "- |"));
    let github = parse("docs/ci/github.yml");
    assert_eq!(github["permissions"]["contents"], "read");
    let hooks = parse(".pre-commit-hooks.yaml");
    assert_eq!(hooks.as_array().unwrap().len(), 2);
}
