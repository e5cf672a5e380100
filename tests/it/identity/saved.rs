//! Decisions from saved results: `gate FILE`, and shards that `merge` makes a whole of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{CommandOutput, Repo, Sandbox};

/// A branch with several changed files, most with a finding, and one that only makes sense beside another.
struct Branch {
    repo: Repo,
    sandbox: Sandbox,
}

impl Branch {
    fn new() -> Branch {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("package.json", "{\n  \"dependencies\": {}\n}\n");
        repo.write("package-lock.json", "{\n  \"lockfileVersion\": 3\n}\n");
        repo.commit("begin");
        repo.branch("change");
        for number in 0..7 {
            let padding = "work();\n".repeat(number * 3);
            repo.write(
                format!("src/{number}.js"),
                format!("{padding}eval(input{number});\neval(input);\n"),
            );
        }
        repo.write(
            "package.json",
            "{\n  \"dependencies\": {\n    \"left\": \"1.0.0\"\n  }\n}\n",
        );
        repo.write(
            "package-lock.json",
            "{\n  \"lockfileVersion\": 3,\n  \"packages\": {}\n}\n",
        );
        repo.commit("change");
        Branch { repo, sandbox }
    }

    fn run(&self, args: &[&str]) -> CommandOutput {
        self.sandbox.command(args).cwd(self.repo.path()).run()
    }

    /// Reviews, saves the report below `saved/` outside the repository, and returns it.
    fn review(&self, name: &str, more: &[&str]) -> Value {
        let args = ["review", "--engine", "builtin", "--base", "main", "--json"];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        let output = self.run(&args);
        self.save(name, &output.json());
        output.json()
    }

    fn save(&self, name: &str, report: &Value) -> String {
        let path = self
            .sandbox
            .write(format!("saved/{name}"), report.to_string());
        path.to_str().unwrap().to_owned()
    }

    /// Reviews `count` shards into a folder of their own, one below the other as download steps leave them.
    fn shards(&self, count: u32) -> (String, Vec<Value>) {
        let reports = (1..=count).map(|index| {
            let name = format!("of-{count}/part-{index}/report.json");
            self.review(&name, &["--shard", &format!("{index}/{count}")])
        });
        let reports = reports.collect();
        let folder = self.sandbox.path(format!("saved/of-{count}"));
        (folder.to_str().unwrap().to_owned(), reports)
    }

    fn saved(&self, name: &str) -> String {
        let path = self.sandbox.path(format!("saved/{name}"));
        path.to_str().unwrap().to_owned()
    }
}

/// Each finding by fingerprint, with its place.
fn findings(report: &Value) -> BTreeMap<String, String> {
    let findings = report["result"]["findings"].as_array();
    let placed = findings.into_iter().flatten().map(|finding| {
        (
            finding["fingerprint"].as_str().unwrap().to_owned(),
            format!("{}:{}", finding["file"], finding["line_start"]),
        )
    });
    placed.collect()
}

#[test]
fn shards_hold_every_finding_once_and_merge_to_the_review_of_the_whole() {
    let branch = Branch::new();
    let whole = branch.review("whole.json", &["--fail-on", "high"]);
    assert_eq!(findings(&whole).len(), 14, "{whole:#}");
    for count in [1, 2, 4, 12] {
        let (folder, reports) = branch.shards(count);
        let files = |report: &Value| -> BTreeSet<String> {
            let findings = report["result"]["findings"].as_array();
            let files = findings
                .into_iter()
                .flatten()
                .map(|finding| finding["file"].to_string());
            files.collect()
        };
        let held: usize = reports.iter().map(|report| files(report).len()).sum();
        assert_eq!(
            held,
            files(&whole).len(),
            "each file is in one of {count} shards"
        );
        for (index, report) in (1..).zip(&reports) {
            assert_eq!(
                report["identity"]["shard"],
                json!({"index": index, "count": count})
            );
            assert_eq!(report["identity"]["change"], whole["identity"]["change"]);
        }
        if count == 12 {
            let empty: Vec<_> = reports
                .iter()
                .filter(|report| report["outcome"] == "empty")
                .collect();
            assert_eq!(empty.len(), 3, "nine files in twelve shards");
            assert_eq!(empty[0]["exitCode"], 0);
        }
        let merged = branch.run(&["merge", &folder, "--json", "--fail-on", "low"]);
        let merged = merged.expect_code(1).json();
        assert_eq!(findings(&merged), findings(&whole), "of {count}");
        assert_eq!(merged["identity"]["shard"], Value::Null);
        assert_eq!(merged["identity"]["head"], branch.repo.rev("HEAD"));
        assert_eq!(merged["target"]["label"], whole["target"]["label"]);
    }
}

#[test]
fn the_same_shards_come_out_again() {
    let branch = Branch::new();
    let (_, once) = branch.shards(3);
    let (_, again) = branch.shards(3);
    for (one, other) in once.iter().zip(&again) {
        assert_eq!(findings(one), findings(other));
        assert_eq!(one["identity"], other["identity"]);
    }
}

#[test]
fn parts_that_make_no_whole_are_never_a_pass() {
    let branch = Branch::new();
    let (_, reports) = branch.shards(3);
    let first = branch.saved("of-3/part-1/report.json");
    let second = branch.saved("of-3/part-2/report.json");
    let third = branch.saved("of-3/part-3/report.json");
    let check = |files: &[&str], expected: &str| {
        let args: Vec<&str> = ["merge", "--fail-on", "none"]
            .iter()
            .chain(files)
            .copied()
            .collect();
        let output = branch.run(&args).expect_code(4);
        output.assert_stdout_has("NOT JUDGED");
        let flat = output
            .stdout()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(flat.contains(expected), "{expected:?} is not in\n{output}");
    };
    check(&[&first, &third], "shard 2 of 3 is missing");
    check(&[&second], "shards 1, 3 of 3 are missing");
    check(
        &[&first, &second, &third, &second],
        "shard 2 of 3 is there twice",
    );

    let edited = |pointer: &str, value: Value| {
        let mut report = reports[1].clone();
        *report.pointer_mut(pointer).unwrap() = value;
        branch.save("edited.json", &report)
    };
    let zeros = "0".repeat(40);
    for (pointer, value, expected) in [
        ("/identity/base", json!(zeros), "another base than"),
        ("/identity/head", json!(zeros), "another head than"),
        ("/identity/change", json!("0"), "another change than"),
        (
            "/identity/configuration",
            json!("0"),
            "another configuration than",
        ),
        ("/engine/name", json!("codex"), "another engine than"),
        ("/engine/version", json!("9"), "another engine than"),
        (
            "/review",
            json!("Adversarial Review"),
            "another kind of review than",
        ),
        (
            "/identity/shard/count",
            json!(4),
            "is shard 2/4, not one of 3",
        ),
        ("/identity/shard", Value::Null, "is no shard"),
        ("/identity/change", json!(""), "does not say what it is of"),
    ] {
        check(&[&first, &edited(pointer, value), &third], expected);
    }

    let mut failed = reports[1].clone();
    failed["result"] = Value::Null;
    failed["notJudged"] = json!({"reason": "timed-out", "detail": "it took too long"});
    let failed = branch.save("failed.json", &failed);
    check(
        &[&first, &failed, &third],
        "shard 2 of 3 could not be judged: it took too long",
    );
    // What the others found is not lost.
    check(&[&first, &failed, &third], "found by");

    // Other terms are another configuration.
    branch.review("other.json", &["--shard", "2/3", "--filter", "added"]);
    check(
        &[&first, &branch.saved("other.json"), &third],
        "another configuration than",
    );
    branch.repo.write("src/6.js", "eval(later);\n");
    branch.repo.commit("later");
    branch.review("later.json", &["--shard", "2/3"]);
    check(
        &[&first, &branch.saved("later.json"), &third],
        "another head than",
    );

    let garbage = branch
        .sandbox
        .write("saved/garbage.json", "{\"version\": 1");
    let output = branch
        .run(&["merge", &first, garbage.to_str().unwrap()])
        .expect_code(4);
    output.assert_stderr_has("garbage.json` is no saved review");
    let empty = branch.sandbox.path("saved/empty");
    std::fs::create_dir_all(&empty).unwrap();
    let output = branch
        .run(&["merge", empty.to_str().unwrap()])
        .expect_code(4);
    output.assert_stderr_has("holds no `.json` file");
    branch
        .run(&["merge", "nowhere"])
        .expect_code(2)
        .assert_stderr_has("cannot read `");
    branch.run(&["merge"]).expect_code(2);
}

#[test]
fn a_shard_that_is_held_without_a_finding_is_not_outvoted() {
    let branch = Branch::new();
    let (_, reports) = branch.shards(2);
    let mut calm = reports[0].clone();
    for finding in calm["result"]["findings"].as_array_mut().unwrap() {
        finding["severity"] = json!("low");
    }
    let mut held = reports[1].clone();
    held["result"]["verdict"] = json!("needs-attention");
    held["result"]["findings"] = json!([]);
    let (calm, held) = (
        branch.save("calm.json", &calm),
        branch.save("held.json", &held),
    );
    let merged = branch.run(&["merge", &calm, &held, "--fail-on", "high", "--json"]);
    let merged = merged.expect_code(1).json();
    let title = merged["result"]["findings"][0]["title"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        title,
        "The reviewer holds shard 2/2 and names no finding that counts"
    );
    // And the decision is the same from the merged result.
    let file = branch.save("merged.json", &merged);
    branch
        .run(&["gate", &file, "--fail-on", "high"])
        .expect_code(1);
}

#[test]
fn the_gate_decides_again_from_a_saved_result() {
    let branch = Branch::new();
    branch.review("whole.json", &[]);
    let whole = branch.saved("whole.json");
    let head = branch.repo.rev("HEAD");
    let gate = |args: &[&str], code: i32| {
        let args: Vec<&str> = ["gate"].iter().chain(args).copied().collect();
        branch.run(&args).expect_code(code)
    };
    let passed = gate(&[&whole, "--fail-on", "none", "--expected-head", &head], 0);
    passed.assert_stdout_has("passed: Review of ");
    let failed = gate(&[&whole, "--fail-on", "low"], 1);
    failed.assert_stdout_has("failed: Review of ");
    failed.assert_stdout_has("14 findings that count");
    gate(
        &[&whole, "--fail-on", "any", "--expected-head", &head[..10]],
        1,
    );

    let other = "0".repeat(40);
    let wrong = gate(&[&whole, "--fail-on", "none", "--expected-head", &other], 4);
    wrong.assert_stdout_has(&format!("it is of commit {head}, and {other} was expected"));
    let wrong = gate(
        &[
            &whole,
            "--fail-on",
            "none",
            "--expected-head",
            &other,
            "--json",
        ],
        4,
    )
    .json();
    assert_eq!(
        (
            &wrong["outcome"],
            &wrong["notJudged"]["reason"],
            &wrong["exitCode"]
        ),
        (&json!("not-judged"), &json!("no-whole"), &json!(4))
    );

    branch.review("part.json", &["--shard", "1/2"]);
    let part = gate(&[&branch.saved("part.json"), "--fail-on", "none"], 4);
    part.assert_stdout_has("it is of shard 1/2 alone");

    let mut earlier: Value = branch.review("whole.json", &[]);
    earlier.as_object_mut().unwrap().remove("identity");
    let earlier = branch.save("earlier.json", &earlier);
    gate(&[&earlier, "--fail-on", "none"], 0);
    gate(
        &[&earlier, "--fail-on", "none", "--expected-head", &head],
        4,
    )
    .assert_stdout_has("an earlier version wrote it");

    // A job's own document, and standard input.
    let job = branch.run(&["result", "--json"]).json();
    gate(&[&branch.save("job.json", &job), "--fail-on", "low"], 1);
    let report = std::fs::read(&whole).unwrap();
    let piped = branch.sandbox.command(["gate", "-", "--fail-on", "low"]);
    piped
        .cwd(branch.sandbox.root())
        .stdin(report)
        .run()
        .expect_code(1);
}

#[test]
fn the_gate_has_an_exit_code_for_every_outcome_and_no_garbage_passes() {
    let branch = Branch::new();
    let report = branch.review("whole.json", &[]);
    let not_judged = |reason: &str| {
        let mut report = report.clone();
        report["result"] = Value::Null;
        report["notJudged"] = json!({"reason": reason, "detail": "so it was"});
        report
    };
    let mut empty = report.clone();
    empty["result"] = Value::Null;
    empty["outcome"] = json!("empty");
    for (document, more, code) in [
        (not_judged("timed-out"), None, 4),
        (not_judged("engine-unavailable"), None, 3),
        (not_judged("cancelled"), None, 130),
        (empty.clone(), None, 0),
        (empty, Some("--fail-on-empty"), 5),
    ] {
        let file = branch.save("case.json", &document);
        let args: Vec<&str> = ["gate", &file].into_iter().chain(more).collect();
        let output = branch.run(&args).expect_code(code);
        assert!(!output.stdout().contains("passed") || code == 0, "{output}");
    }
    let mut cut = report.clone();
    cut["result"] = Value::Null;
    let mut later = report.clone();
    later["version"] = json!(99);
    for garbage in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        report.to_string()[..500].to_owned(),
        cut.to_string(),
        later.to_string(),
    ] {
        let file = branch.sandbox.write("saved/garbage.json", garbage);
        let output = branch.run(&["gate", file.to_str().unwrap(), "--fail-on", "none"]);
        output
            .expect_code(4)
            .assert_stderr_has("garbage.json` is no saved review");
    }
    for (args, expected) in [
        (&["gate"][..], "FILE"),
        (&["gate", "nowhere.json"], "cannot read `"),
        (&["gate", "src"], "cannot read `"),
        (
            &["gate", "x.json", "--fail-on", "grave"],
            "unknown threshold `grave`",
        ),
        (
            &["gate", "x.json", "--expected-head", "main"],
            "`main` is no commit id",
        ),
    ] {
        branch.run(args).expect_code(2).assert_stderr_has(expected);
    }
    // The record of the stop gate is where it was.
    branch
        .run(&["gate", "status", "--json"])
        .expect_code(0)
        .json();
}
