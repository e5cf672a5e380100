//! Secrets, measured: how many planted ones each rule finds, how often real source is taken for one, and that none comes
//! out of any channel.
//!
//! `docs/secrets.md` is made from the measurements: `CODEX_REVIEW_UPDATE_DOCS=1 cargo test --test it secrets::`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use codex_review::secrets::{Redactor, rule_infos, scan};
use serde::Deserialize;
use serde_json::json;

use crate::builtin::made_up::{spell_out, spell_out_parts};
use crate::support::fake_engine::Control;
use crate::support::{CommandOutput, Invocation, Repo, Sandbox, fixture_path, package_root};

/// Each example is spelled out this many times, always with other letters.
const VARIANTS: usize = 20;
/// The least share of planted secrets that a rule must find, and that all of them together must.
const RULE_RECALL: f64 = 0.95;
const WHOLE_RECALL: f64 = 0.99;
/// The same for a rule that nothing but a name leads to the value: one that looks like a word is left alone.
const GENERIC_RECALL: f64 = 0.8;
/// These rules.
const NAMED_ONLY: [&str; 3] = ["generic-secret", "generic-password", "env-secret"];
/// The most hits in a thousand lines of source without a secret.
const FALSE_POSITIVES: f64 = 0.1;

#[derive(Deserialize)]
struct Examples {
    rule: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    id: String,
    hit: Vec<String>,
}

/// What was planted for one rule, and how much of it was found.
#[derive(Debug, Default, Clone, Copy)]
struct Recall {
    planted: u32,
    /// Taken out, by whatever rule.
    removed: u32,
    /// Found by the rule itself.
    named: u32,
}

static RECALL: LazyLock<BTreeMap<String, Recall>> = LazyLock::new(measure_recall);

fn measure_recall() -> BTreeMap<String, Recall> {
    let text = fs::read_to_string(fixture_path("secrets/examples.toml")).unwrap();
    let examples: Examples = toml::from_str(&text).unwrap();
    let mut recall: BTreeMap<String, Recall> = BTreeMap::new();
    for example in examples.rule {
        for hit in &example.hit {
            for variant in 1..=VARIANTS {
                // Letters that are used up in front make those behind them others.
                let (line, parts) = spell_out_parts(&format!("{{alpha:{variant}}}\n{hit}"));
                let (_, secret) = line.split_once('\n').unwrap();
                let core = parts[1..].iter().max_by_key(|part| part.len()).unwrap();
                let patch = format!(
                    "@@ -1,2 +1,3 @@\n before();\n+{}\n after();\n",
                    secret.replace('\n', "\n+")
                );
                let redacted = Redactor::new().redact(&patch);
                let of_rule = recall.entry(example.id.clone()).or_default();
                of_rule.planted += 1;
                of_rule.removed +=
                    u32::from(!redacted.text.contains(core.as_str()) && !redacted.found.is_empty());
                of_rule.named +=
                    u32::from(redacted.found.iter().any(|found| found.rule == example.id));
            }
        }
    }
    recall
}

#[test]
fn planted_secrets_are_found_by_every_rule() {
    assert!(RECALL.len() >= 60, "{} rules are measured", RECALL.len());
    for info in rule_infos() {
        assert!(
            RECALL.contains_key(info.id),
            "`{}` is not measured",
            info.id
        );
    }
    let low: Vec<_> = RECALL
        .iter()
        .filter(|(id, recall)| share(recall.removed, recall.planted) < least(id))
        .collect();
    assert!(low.is_empty(), "too little: {low:#?}");
    let (planted, removed) = total(|recall| recall.removed);
    assert!(
        share(removed, planted) >= WHOLE_RECALL,
        "{removed} of {planted}"
    );
}

fn least(id: &str) -> f64 {
    if NAMED_ONLY.contains(&id) {
        GENERIC_RECALL
    } else {
        RULE_RECALL
    }
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole)
}

fn total(of: impl Fn(&Recall) -> u32) -> (u32, u32) {
    let planted = RECALL.values().map(|recall| recall.planted).sum();
    (planted, RECALL.values().map(of).sum())
}

/// Lines and hits of every text file below a folder.
#[derive(Debug, Default)]
struct Quiet {
    lines: u32,
    hits: Vec<String>,
}

fn look(path: &Path, into: &mut Quiet) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        entries.iter().for_each(|entry| look(entry, into));
        return;
    }
    let Ok(text) = fs::read_to_string(path) else {
        return;
    };
    into.lines += u32::try_from(text.lines().count()).unwrap();
    for hit in scan(&text) {
        into.hits
            .push(format!("{}:{}: {}", path.display(), hit.line, hit.rule_id));
    }
}

/// The folders of foreign source, by name.
fn foreign() -> BTreeMap<String, Quiet> {
    let vendored = fixture_path("secrets/vendored");
    let mut folders = vec![fixture_path("secrets/corpus")];
    folders.extend(
        fs::read_dir(vendored)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir()),
    );
    folders
        .into_iter()
        .map(|path| {
            let mut quiet = Quiet::default();
            look(&path, &mut quiet);
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                quiet,
            )
        })
        .collect()
}

#[test]
fn real_source_is_rarely_taken_for_a_secret() {
    let mut all: Vec<Quiet> = foreign().into_values().collect();
    let mut own = Quiet::default();
    for part in [
        "src",
        "strategies",
        "plugin",
        "benches",
        "docs",
        "README.md",
        "Cargo.lock",
        "CHANGELOG.md",
    ] {
        look(&package_root().join(part), &mut own);
    }
    assert!(own.lines > 40_000, "{} lines of our own", own.lines);
    all.push(own);
    let lines: u32 = all.iter().map(|quiet| quiet.lines).sum();
    let hits: Vec<&String> = all.iter().flat_map(|quiet| &quiet.hits).collect();
    let rate = hits.len() as f64 * 1_000.0 / f64::from(lines);
    assert!(
        rate <= FALSE_POSITIVES,
        "{rate} in 1,000 of {lines} lines: {hits:#?}"
    );
}

fn document() -> String {
    let (planted, removed) = total(|recall| recall.removed);
    let foreign = foreign();
    let lines: u32 = foreign.values().map(|quiet| quiet.lines).sum();
    let hits: usize = foreign.values().map(|quiet| quiet.hits.len()).sum();
    let mut out = format!(
        "# Secrets: what is found, and what is taken for one\n\n\
         Made by `CODEX_REVIEW_UPDATE_DOCS=1 cargo test --test it secrets::`; a test keeps it true.\n\n\
         {} rules. Of {planted} planted credentials, {removed} ({:.1} %) are taken out. In {lines} lines of real source without a\n\
         secret, {hits} places are taken for one: {:.2} in 1,000 lines. The tests fail below {:.0} % for a rule\n\
         ({:.0} % where nothing but a name leads to the value), below {:.0} % for all, and above {FALSE_POSITIVES} in 1,000 lines; there, this repository's own source is counted too.\n\n\
         Found is what is replaced by `[redacted:<rule>#<n>]` in diffs, untracked files, everything else that a context holds, and in\n\
         logs and reports, should an engine repeat a credential that it read by itself. There is no option that shows them.\n\
         A hunk inside of a private key shows none of it: keys are looked for in the whole files, up to 16 MiB. Names of files and\n\
         branches are treated alike in what is sent. `path` and `branch` in the JSON of `context`, by which scripts find a file or\n\
         a branch on the same machine, stay as they are.\n",
        RECALL.len(),
        100.0 * share(removed, planted),
        hits as f64 * 1_000.0 / f64::from(lines),
        100.0 * RULE_RECALL,
        100.0 * GENERIC_RECALL,
        100.0 * WHOLE_RECALL,
    );
    out.push_str(
        "\n## Real source\n\n| Source | Lines | False positives |\n| --- | ---: | ---: |\n",
    );
    for (name, quiet) in &foreign {
        writeln!(out, "| {name} | {} | {} |", quiet.lines, quiet.hits.len()).unwrap();
    }
    out.push_str(
        "\n## Rules\n\nPlanted is how many made-up credentials stood in a patch; taken out is how many of them are gone from it, and\n\
         by its rule how many bear this rule's name rather than that of a more general one.\n\n\
         | Rule | Finds | Planted | Taken out | By its rule |\n| --- | --- | ---: | ---: | ---: |\n",
    );
    for info in rule_infos() {
        let recall = RECALL.get(info.id).copied().unwrap_or_default();
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            info.id, info.description, recall.planted, recall.removed, recall.named
        )
        .unwrap();
    }
    out
}

#[test]
fn the_document_says_what_is_measured() {
    let path = package_root().join("docs/secrets.md");
    let made = document();
    if std::env::var_os("CODEX_REVIEW_UPDATE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/secrets.md is out of date: run CODEX_REVIEW_UPDATE_DOCS=1 cargo test --test it secrets::"
    );
}

/// A repository with a secret in every place that a context is made of, and an engine that knows them all.
struct World {
    repo: Repo,
    control: Control,
    sandbox: Sandbox,
    secrets: Vec<String>,
}

impl World {
    fn new() -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("repo");
        let secrets: Vec<String> = (1..=6)
            .map(|number| {
                let text = spell_out(&format!("{{alpha:{number}}} {}_{{alnum:36}}", "ghp"));
                text.split_once(' ').unwrap().1.to_owned()
            })
            .collect();
        repo.write("kept.txt", "one\n")
            .write(".env", "MODE=plain\n");
        repo.commit("Start");
        repo.branch("topic");
        repo.write("kept.txt", format!("one\ntoken = {}\n", secrets[0]));
        repo.write(".env", format!("TOKEN={}\n", secrets[4]));
        repo.commit(&format!("Rotate\n\nThe old one was {}", secrets[1]));
        repo.write(
            "kept.txt",
            format!("one\ntoken = {}\nstaged = {}\n", secrets[0], secrets[2]),
        );
        repo.stage(["kept.txt"]);
        repo.write("untracked.txt", format!("scratch = {}\n", secrets[3]));
        repo.write("deploy.pem", format!("{}\n", secrets[4]));
        World {
            repo,
            control: Control::new(),
            sandbox,
            secrets,
        }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        let (name, address) = self.control.variable();
        let read_by_itself = &self.secrets[5];
        let answer = json!({
            "verdict": "needs-attention",
            "summary": format!("The token {read_by_itself} is in the tree."),
            "findings": [{
                "severity": "high", "title": format!("Leaks {read_by_itself}"),
                "body": format!("It reads `{read_by_itself}`."), "file": "kept.txt", "line_start": 2, "line_end": 2,
                "confidence": 0.9, "recommendation": format!("Revoke {read_by_itself}"),
            }],
            "next_steps": [format!("Revoke {read_by_itself}")],
        });
        let script = format!(
            "answer {answer}\non turn/start\n  stderr debug: {read_by_itself}\n  notify item/completed {}\n  default",
            json!({"threadId": "{{thread}}", "turnId": "{{turn}}", "item": {
                "type": "agentMessage", "id": "m0", "text": format!("I read {read_by_itself} in a file."),
            }})
        );
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env(
                "CODEX_REVIEW_CODEX_BIN",
                env!("CARGO_BIN_EXE_fake-app-server"),
            )
            .env("CODEX_REVIEW_CACHE", "true")
            .env("CI", "true")
            .env("FAKE_APP_SERVER_SCRIPT", script)
            .env("FAKE_APP_SERVER_LOG", self.sandbox.path("wire.log"))
            .env(name, address)
    }

    #[track_caller]
    fn assert_clean(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (number, secret) in self.secrets.iter().enumerate() {
            assert!(
                !text.contains(secret.as_str()),
                "secret {number} is in {place}:\n{text}"
            );
        }
    }

    #[track_caller]
    fn assert_clean_output(&self, what: &str, output: &CommandOutput) {
        self.assert_clean(&format!("stdout of {what}"), &output.stdout);
        self.assert_clean(&format!("stderr of {what}"), &output.stderr);
    }

    /// Every file that we wrote: event logs, human logs, records, requests, results, caches. How many there were.
    #[track_caller]
    fn assert_clean_state(&self) -> usize {
        fn files(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    files(&path, found);
                } else {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        files(&self.sandbox.state_dir(), &mut found);
        for path in &found {
            self.assert_clean(
                &path.display().to_string(),
                &fs::read(path).unwrap_or_default(),
            );
        }
        found.len()
    }
}

#[test]
fn a_context_holds_no_planted_secret_and_names_secret_files_only() {
    let world = World::new();
    for scope in [&["--scope", "working-tree"][..], &["--base", "main"]] {
        for strategy in ["inline", "self-collect"] {
            let output = world
                .command(&["context", "--strategy", strategy])
                .args(scope)
                .run_ok();
            world.assert_clean_output(&format!("context {scope:?} {strategy}"), &output);
            let named = if scope[0] == "--base" {
                ".env"
            } else {
                "deploy.pem"
            };
            output.assert_stdout_has(named);
        }
    }
    let inline = world
        .command(&["context", "--strategy", "inline", "--scope", "working-tree"])
        .run_ok();
    assert!(
        inline.stdout().matches("[redacted:github-pat#").count() >= 2,
        "{inline}"
    );
}

#[test]
fn an_engine_that_repeats_a_secret_does_not_get_it_into_logs_and_reports() {
    let world = World::new();
    let formats = ["text", "markdown", "json", "sarif", "github"];
    for format in formats {
        let args = [
            "adversarial-review",
            "--scope",
            "working-tree",
            "--strategy",
            "inline",
            "--format",
            format,
        ];
        let output = world.command(&args).run();
        assert!(matches!(output.code(), Some(0 | 1)), "{output}");
        world.assert_clean_output(format, &output);
        output.assert_stdout_has("[redacted:github-pat#");
    }
    let base = ["adversarial-review", "--base", "main", "--json-stream"];
    let stream = world.command(&base).run();
    world.assert_clean_output("the event stream", &stream);
    stream.assert_stdout_has("[redacted:github-pat#");
    // One number never stands for two secrets: what the engine found goes on where the context ends.
    let sent = world
        .command(&["context", "--base", "main", "--json"])
        .run_ok()
        .json();
    let taken = sent["redactions"].as_array().unwrap().len();
    let last = stream.stdout().lines().last().unwrap().to_owned();
    assert!(
        taken >= 1 && last.contains(&format!("[redacted:github-pat#{}]", taken + 1)),
        "{taken}: {last}"
    );

    let task = world.command(&["task", "--json", "look"]).run();
    world.assert_clean_output("task", &task);
    for verb in ["result", "logs", "status"] {
        world.assert_clean_output(verb, &world.command(&[verb]).run_ok());
    }
    assert!(world.assert_clean_state() > 20);
    // What went to the engine, on the wire.
    let wire = fs::read_to_string(world.sandbox.path("wire.log")).unwrap();
    let sent: String = wire
        .lines()
        .filter(|line| line.starts_with("recv "))
        .collect();
    assert!(sent.contains("[redacted:github-pat#1]"));
    world.assert_clean("what was sent", sent.as_bytes());
}

#[test]
fn there_is_no_option_that_shows_secrets() {
    let sandbox = Sandbox::new();
    for verb in ["review", "adversarial-review", "context", "result"] {
        let output = sandbox.command([verb, "--show-secrets"]).run();
        assert_eq!(output.code(), Some(2), "{output}");
    }
    let reference = fs::read_to_string(package_root().join("docs/cli.md")).unwrap();
    assert!(!reference.contains("show-secrets"));
}

/// The lines of a key that nobody has.
fn key_material() -> Vec<String> {
    (0..24)
        .map(|line| format!("{line:02}{}", "aB3dE5fG7hJ9kL1mNoPqR+/".repeat(3)))
        .collect()
}

#[test]
fn a_change_in_the_middle_of_a_private_key_shows_none_of_its_lines() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    let label = ["RSA PRIVATE", "KEY"].join(" ");
    let file = |lines: &[String], end: &str| {
        let lines = lines.join("\n");
        format!(
            "K = \"\"\"\n-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n\"\"\"\n{end}\n"
        )
    };
    let material = key_material();
    repo.write("deploy.py", file(&material, "1\n2\n3\n4\nx"));
    repo.commit("Start");
    // The rule that finds the new line brings its hunk into the report.
    let mut changed = material.clone();
    changed.insert(12, "<<<<<<< HEAD".into());
    repo.write("deploy.py", file(&changed, "1\n2\n3\n4\ny"));
    let run = |args: &[&str]| {
        let run = sandbox.command(args).cwd(repo.path());
        run.env("CODEX_REVIEW_STATE_DIR", sandbox.state_dir())
            .run()
            .stdout()
    };
    let patch = repo.git(["diff"]);
    repo.write("../the.patch", &patch);
    let mut shown = Vec::new();
    for strategy in ["inline", "focused", "history", "deep"] {
        shown.push(run(&["context", "--json", "--strategy", strategy]));
    }
    shown.push(run(&["review", "--engine", "builtin", "--format", "html"]));
    repo.git(["commit", "-aqm", "Change"]);
    shown.push(run(&["context", "--commit", "HEAD"]));
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    let given = [
        "--patch",
        "../the.patch",
        "--engine",
        "builtin",
        "--format",
        "html",
    ];
    shown.push(run(&[&["diff-review"], &given[..]].concat()));
    assert!(patch.contains(&material[11]));
    for text in shown {
        assert!(text.contains("[redacted:private-key#1]"), "{text}");
        assert!(
            text.contains("&lt; HEAD") || text.contains("< HEAD"),
            "{text}"
        );
        for line in &material {
            assert!(!text.contains(line.as_str()), "{line}: {text}");
        }
    }
}
