//! `diff-review`: exactly one diff, with the real Codex, with the builtin engine, and what is refused.

use serde_json::{Value, json};

use crate::end_to_end::Chain;
use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

/// Adds calls to `a`, and a file; `TOKEN` stands for a secret.
const PATCH: &str = "\
diff --git a/src/a.rs b/src/a.rs
--- a/src/a.rs
+++ b/src/a.rs
@@ -1,5 +1,7 @@
 fn a() {
     one();
     two();
+    let token = \"TOKEN\";
+    extra(used(token));
     three();
 }
diff --git a/src/n.rs b/src/n.rs
new file mode 100644
--- /dev/null
+++ b/src/n.rs
@@ -0,0 +1 @@
+fn extra(_: &str) {}
";

fn finding(file: &str, line: u32, title: &str) -> Value {
    json!({
        "severity": "high", "title": title, "body": "B", "file": file, "line_start": line, "line_end": line,
        "confidence": 0.9, "recommendation": "",
    })
}

/// Everything below the repository, git's own files included.
fn everything(repo: &Repo) -> Vec<String> {
    fn list(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                list(&path, found);
            } else {
                found.push(format!(
                    "{} {}",
                    path.display(),
                    std::fs::metadata(&path).unwrap().len()
                ));
            }
        }
    }
    let mut found = Vec::new();
    list(repo.path(), &mut found);
    found.sort();
    found
}

#[test]
fn a_patch_is_reviewed_by_the_real_codex_where_it_would_stand_and_nothing_is_applied() {
    let Some(chain) = Chain::start() else { return };
    // The working tree is dirty in the same place; the patch is for HEAD.
    chain.repo.write(
        "src/b.rs",
        "fn b() {\n    a();\n}\n\nfn used(token: &str) -> &str {\n    token\n}\n",
    );
    chain.repo.git(["add", "src/b.rs"]);
    chain
        .repo
        .git(["commit", "--quiet", "--message", "A caller"]);
    let file = chain.sandbox.path("fix.patch");
    let secret = &["ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    std::fs::write(&file, PATCH.replace("TOKEN", secret)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let answer = json!({
        "verdict": "needs-attention", "summary": "Not yet.", "next_steps": [],
        "findings": [
            finding("src/a.rs", 5, "On the patch"),
            finding("src/a.rs", 99, "Behind the end"),
            finding("src/b.rs", 2, "Elsewhere"),
        ],
    });
    chain.api.say(&answer.to_string());
    let before = everything(&chain.repo);
    let out = chain.sandbox.path("review.md");
    let focus = "it's \\d+ \"slow\" --base $(touch pwned) `x`; done";
    let out_option = format!("--out={}", out.display());
    let asked = [
        "diff-review",
        "--json",
        "--patch",
        &file,
        &out_option,
        "--",
        focus,
    ];
    let cached = || {
        chain
            .command(&asked)
            .env("CODEX_REVIEW_CACHE", "true")
            .run_ok()
            .json()
    };
    let report = cached();
    assert_eq!(report["review"], "Diff Review");
    assert_eq!(report["target"]["mode"], "patch", "{report}");
    let label = report["target"]["label"].as_str().unwrap();
    assert!(label.starts_with("patch for HEAD ("), "{label}");
    let places = |list: &Value| -> Vec<(String, Value)> {
        let findings = list.as_array().unwrap().iter();
        let place = |finding: &Value| {
            let title = finding["title"].as_str().unwrap_or_default().to_owned();
            (title, finding["placement"].clone())
        };
        findings.map(place).collect()
    };
    // A line that only the patch brings is on the change; one behind the end of the patched file is not believed.
    assert_eq!(
        places(&report["result"]["findings"]),
        [
            ("On the patch".to_owned(), json!("on-change")),
            ("Behind the end".to_owned(), json!("relocated"))
        ],
        "{report}"
    );
    assert_eq!(
        places(&report["suppressedFindings"]),
        [("Elsewhere".to_owned(), json!("outside-change"))],
        "{report}"
    );
    assert_eq!(report["context"]["shown"]["leftOut"], json!([]), "{report}");
    let markdown = std::fs::read_to_string(&out).unwrap();
    assert!(markdown.contains("On the patch"), "{markdown}");
    assert_eq!(
        everything(&chain.repo),
        before,
        "a patch that is reviewed writes nothing"
    );

    let prompt = chain.api.requests()[0].prompt();
    for part in [
        "Review exactly the diff below",
        "+    extra(used(token));",
        "+fn extra(_: &str) {}",
        "the patch is not applied",
        "with the patch",
        // What the added lines use is looked up where the patch would stand.
        "fn used(",
        focus,
    ] {
        assert!(prompt.contains(part), "{part:?} is not in {prompt}");
    }
    for absent in ["changed()", secret] {
        assert!(!prompt.contains(absent), "{absent:?} is in {prompt}");
    }

    // The same question is not asked again; in the background it is a job like any other.
    let asked_before = chain.api.requests().len();
    assert_eq!(cached()["cached"]["job"], report["jobId"]);
    assert_eq!(chain.api.requests().len(), asked_before);
    chain.api.hold();
    let queued = chain.json(&[
        "diff-review",
        "--json",
        "--background",
        "--no-cache",
        "--patch",
        &file,
    ]);
    let id = queued["jobId"].as_str().unwrap().to_owned();
    let status = chain.json(&["status", &id, "--json"]);
    assert_eq!(status["job"]["kindLabel"], "diff-review", "{status}");
    chain.api.release();
    chain.json(&["status", &id, "--wait", "--json"]);
    let result = chain.json(&["result", &id, "--json"]);
    assert_eq!(
        result["storedJob"]["result"]["target"]["mode"], "patch",
        "{result}"
    );
    chain.api.hold();
    let queued = chain.json(&[
        "diff-review",
        "--json",
        "--background",
        "--no-cache",
        "--patch",
        &file,
    ]);
    let id = queued["jobId"].as_str().unwrap().to_owned();
    assert_eq!(
        chain.json(&["cancel", &id, "--json"])["status"],
        "cancelled"
    );
    chain.api.release();
    chain.json(&["status", &id, "--wait", "--json"]);
}

struct Desk {
    repo: Repo,
    sandbox: Sandbox,
}

impl Desk {
    fn new() -> Desk {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        let lines: String = (1..=40)
            .map(|line| format!("let x{line} = {line};\n"))
            .collect();
        repo.write("src/a.rs", &lines)
            .write("src/b.rs", "fn b() {}\n");
        repo.commit("Start");
        Desk { repo, sandbox }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .env("CODEX_REVIEW_ENGINE", "builtin")
    }

    fn patched(&self, patch: impl AsRef<[u8]>, args: &[&str]) -> CommandOutput {
        let base = ["diff-review", "--patch", "-", "--json"];
        let args: Vec<&str> = base.iter().chain(args).copied().collect();
        self.command(&args).stdin(patch).run()
    }
}

/// A patch that leaves a conflict behind.
fn conflict(marker: &str) -> Vec<u8> {
    let mut patch =
        b"--- a/src/b.rs\n+++ b/src/b.rs\n@@ -1 +1,5 @@\n fn b() {}\n+// caf\xe9\n".to_vec();
    patch.extend(format!("+{marker}\n+<<<<<<< ours\n+>>>>>>> theirs\n").into_bytes());
    patch
}

#[test]
fn the_builtin_engine_checks_what_a_patch_would_bring_and_the_terms_apply_to_it() {
    let desk = Desk::new();
    let before = everything(&desk.repo);
    let report = desk
        .patched(conflict("//"), &["--fail-on", "high"])
        .expect_code(1)
        .json();
    let finding = &report["result"]["findings"][0];
    assert_eq!(
        (
            &finding["rule"],
            &finding["file"],
            &finding["line_start"],
            &finding["placement"]
        ),
        (
            &json!("merge-conflict-marker"),
            &json!("src/b.rs"),
            &json!(4),
            &json!("on-change")
        ),
        "{report}"
    );
    assert_eq!(everything(&desk.repo), before);
    // A finding keeps its fingerprint when the patch is applied: it is the same code.
    let of_patch = finding["fingerprint"].clone();
    let mut applied = b"fn b() {}\n// caf\xe9\n//\n".to_vec();
    applied.extend(b"<<<<<<< ours\n>>>>>>> theirs\n");
    desk.repo.write("src/b.rs", &applied);
    let report = desk.command(&["diff-review", "--json"]).run_ok().json();
    assert_eq!(
        report["result"]["findings"][0]["fingerprint"], of_patch,
        "{report}"
    );

    // The patch fits the working tree alone now.
    let later = "--- a/src/b.rs\n+++ b/src/b.rs\n@@ -3,3 +3,3 @@\n //\n-<<<<<<< ours\n+<<<<<<< mine\n >>>>>>> theirs\n";
    let report = desk.patched(later, &[]).expect_code(0).json();
    assert_eq!(
        report["target"]["label"], "patch for the working tree",
        "{report}"
    );
    desk.repo.git(["checkout", "--quiet", "--", "."]);

    // What the patch itself excuses counts as anywhere; where the base has the word it does not.
    let excused = "// codex-review: ignore merge-conflict-marker -- a fixture";
    let report = desk
        .patched(conflict(excused), &["--fail-on", "high"])
        .expect_code(0)
        .json();
    assert_eq!(
        report["suppressedFindings"][0]["suppression"]["by"], "marker",
        "{report}"
    );
    let by_base = ["--fail-on", "high", "--suppress-from", "base"];
    desk.patched(conflict(excused), &by_base).expect_code(1);
    // Path filters are those of every review.
    let report = desk
        .patched(conflict("//"), &["--path", "!src/b.rs"])
        .expect_code(0)
        .json();
    assert_eq!(report["outcome"], "empty", "{report}");
}

#[test]
fn files_and_hunks_in_front_are_what_is_reviewed_and_the_rest_is_focus() {
    let desk = Desk::new();
    let text = std::fs::read_to_string(desk.repo.join("src/a.rs")).unwrap();
    let text = text
        .replace("= 5;", "= five;")
        .replace("= 30;", "= thirty;");
    desk.repo
        .write("src/a.rs", text)
        .write("src/b.rs", "fn c() {}\n")
        .write("c d.txt", "x\n");
    let estimate = |typed: &str| {
        let args = ["estimate", "diff-review", "--json", "--arguments", typed];
        desk.command(&args).run_ok().json()
    };
    for (typed, files, added, label) in [
        ("", 3, 4, "working tree diff"),
        ("look at the whole", 3, 4, "working tree diff"),
        (
            "src/b.rs is it right?",
            1,
            1,
            "working tree diff, only src/b.rs",
        ),
        (
            "src/a.rs:29-31",
            1,
            1,
            "working tree diff, only src/a.rs:29-31",
        ),
        (
            "src/a.rs:5 src/b.rs -- src/a.rs",
            2,
            2,
            "working tree diff, only src/a.rs:5 and 1 more",
        ),
        (
            "src/ why?",
            2,
            3,
            "working tree diff, only src/a.rs and 1 more",
        ),
        ("security", 3, 4, "working tree diff"),
        ("c d.txt", 1, 1, "working tree diff, only c d.txt"),
        (
            "c d.txt is it right?",
            1,
            1,
            "working tree diff, only c d.txt",
        ),
        (
            "src/b.rs \"c d.txt\" 'c d.txt'? why",
            2,
            2,
            "working tree diff, only src/b.rs and 1 more",
        ),
        (
            "'c d.txt:1' well",
            1,
            1,
            "working tree diff, only c d.txt:1",
        ),
        (
            "c d.txt:1 src/b.rs",
            2,
            2,
            "working tree diff, only c d.txt:1 and 1 more",
        ),
        ("c is not d.txt", 3, 4, "working tree diff"),
        ("\"c d\" is text", 3, 4, "working tree diff"),
        ("\"what is in main.rs\"", 3, 4, "working tree diff"),
        ("--path src/** it's", 2, 3, "working tree diff"),
    ] {
        let found = estimate(typed);
        assert_eq!(
            (
                &found["files"],
                &found["addedLines"],
                &found["target"]["label"]
            ),
            (&json!(files), &json!(added), &json!(label)),
            "{typed:?}: {found}"
        );
    }
    for (args, error, hint) in [
        (
            &["src/c.rs"][..],
            "`src/c.rs` is no file of this change",
            "did you mean",
        ),
        (
            &["'c e.txt'"],
            "`c e.txt` is no file of this change",
            "did you mean",
        ),
        (
            &["nope", "--", "focus"],
            "`nope` is no file of this change",
            "",
        ),
        (
            &["src/a.rs:12"],
            "no hunk of the change is at `src/a.rs:12`",
            "its hunks are at 2-8, 27-33",
        ),
    ] {
        let args: Vec<&str> = ["diff-review"].iter().chain(args).copied().collect();
        let refused = desk.command(&args).run().expect_code(2);
        refused.assert_stderr_has(error);
        refused.assert_stderr_has(hint);
    }
    let report = desk
        .command(&["diff-review", "--json", "src/a.rs:5", "well?"])
        .run_ok()
        .json();
    assert_eq!(
        report["target"]["label"], "working tree diff, only src/a.rs:5",
        "{report}"
    );
}

#[test]
fn what_cannot_be_reviewed_is_one_error_with_a_hint() {
    let desk = Desk::new();
    let good = "--- a/src/b.rs\n+++ b/src/b.rs\n@@ -1 +1 @@\n-fn b() {}\n+fn c() {}\n";
    let hunk = "@@ -1,2 +1,2 @@\n let x1 = 1;\n-let y = 2;\n+let z = 2;\n";
    for (patch, args, error, hint) in [
        ("", &[][..], "there is no diff in the patch", "git diff"),
        (
            "--- a/src/a.rs\n+++ b/src/a.rs\n",
            &[],
            "there is no diff",
            "git diff",
        ),
        (
            &*format!("--- a/src/a.rs\n+++ b/src/a.rs\n{hunk}"),
            &[],
            "hunk 1 of `src/a.rs` does not apply, tried on HEAD (",
            "--base REF",
        ),
        (
            "--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-1\n+2\n",
            &[],
            "line 1 of the patch names `a/../x`",
            "root",
        ),
        (
            "--- a/.git/config\n+++ b/.git/config\n@@ -1 +1 @@\n-1\n+2\n",
            &[],
            "inside `.git`",
            "root",
        ),
        (
            "--- a/x\n+++ b/x\n@@ -1,9999 +1 @@\n-1\n+2\n",
            &[],
            "line 6 of the patch: the hunk is cut",
            "git diff",
        ),
        (good, &["--base", "nope"], "unknown revision `nope`", ""),
        (good, &["--commit", "HEAD"], "cannot be used with", ""),
        (
            good,
            &["--prompt-file", "-"],
            "both read standard input",
            "into a file",
        ),
        (
            good,
            &["--out", "missing/x.md"],
            "the folder of `missing/x.md` does not exist",
            "mkdir",
        ),
        (
            good,
            &["--background", "--out", "x.md"],
            "returns before there is a report",
            "result",
        ),
        (good, &["--scope", "staged"], "cannot be used with", ""),
    ] {
        let refused = desk.patched(patch, args).expect_code(2);
        refused.assert_stderr_has(error);
        refused.assert_stderr_has(hint);
        assert_eq!(refused.stdout(), "", "{args:?}");
        let stderr = refused.stderr();
        let errors = stderr.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{stderr}");
    }
    let missing = desk
        .command(&["diff-review", "--patch", "none.patch"])
        .run()
        .expect_code(2);
    missing.assert_stderr_has("cannot read the patch from");
    let folder = desk
        .command(&["diff-review", "--patch", "src"])
        .run()
        .expect_code(2);
    folder.assert_stderr_has("cannot read the patch from");
    let typed = ["estimate", "diff-review", "--arguments", "--patch - look"];
    desk.command(&typed)
        .run()
        .expect_code(2)
        .assert_stderr_has("a slash command has not");
    let help = desk.command(&["diff-review", "--help"]).run_ok().stdout();
    assert!(
        help.contains("--patch <FILE>") && help.contains("--out <FILE>"),
        "{help}"
    );
    assert!(!desk.repo.join("x.md").exists());
}
