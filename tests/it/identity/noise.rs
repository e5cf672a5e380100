//! Which findings count: the baseline, markers in the code, `.codexreviewignore` and the filter, by whose word.

use serde_json::Value;

use crate::support::{CommandOutput, Repo, Sandbox};

/// A repository whose branch adds a dangerous call.
struct Shop {
    repo: Repo,
    sandbox: Sandbox,
}

const BASE: &str = "export function run(task) {\n  return task.name;\n}\n";
const CHANGED: &str = "export function run(task) {\n  eval(task.body);\n  return task.name;\n}\n";

impl Shop {
    fn new() -> Shop {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.config("user.name", "Ann");
        repo.write("src/run.js", BASE);
        repo.commit("begin");
        repo.branch("change");
        Shop { repo, sandbox }
    }

    /// With the dangerous call committed.
    fn changed() -> Shop {
        let shop = Shop::new();
        shop.repo.write("src/run.js", CHANGED);
        shop.repo.commit("call what comes in");
        shop
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> CommandOutput {
        self.sandbox.command(args).cwd(self.repo.path()).run()
    }

    /// A review of the branch, in json, that fails on anything.
    #[track_caller]
    fn review(&self, more: &[&str]) -> Value {
        let args = [
            "review",
            "--engine",
            "builtin",
            "--base",
            "main",
            "--json",
            "--fail-on",
            "any",
        ];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        let output = self.run(&args);
        let report = output.json();
        assert_eq!(report["exitCode"], output.code().unwrap(), "{output}");
        report
    }

    /// As CI would.
    #[track_caller]
    fn ci_review(&self) -> Value {
        let args = [
            "review",
            "--engine",
            "builtin",
            "--base",
            "main",
            "--json",
            "--fail-on",
            "any",
        ];
        let command = self.sandbox.command(args).cwd(self.repo.path());
        command.env("CI", "true").run().json()
    }
}

/// The rules of the findings that count, and of those that do not with what took them out.
fn counted(report: &Value) -> (Vec<String>, Vec<String>) {
    let list = |findings: &Value, member: &str| -> Vec<String> {
        let findings = findings.as_array().unwrap();
        let shown = findings.iter().map(|finding| {
            let by = finding["suppression"][member].as_str().unwrap_or_default();
            let rule = finding["rule"].as_str().unwrap();
            format!("{rule} {by}").trim().to_owned()
        });
        shown.collect()
    };
    (
        list(&report["result"]["findings"], "by"),
        list(&report["suppressedFindings"], "by"),
    )
}

fn remarks(report: &Value, kind: &str) -> Vec<String> {
    let remarks = report["suppression"]["remarks"].as_array().unwrap();
    remarks
        .iter()
        .filter(|remark| remark["kind"] == kind)
        .map(|remark| remark["subject"].as_str().unwrap().to_owned())
        .collect()
}

fn fingerprint(report: &Value) -> String {
    report["result"]["findings"][0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn what_was_accepted_no_longer_counts_and_is_still_reported() {
    let shop = Shop::changed();
    let report = shop.review(&[]);
    assert_eq!(counted(&report), (words(&["eval-call"]), vec![]));
    assert_eq!(report["exitCode"], 1);
    let fingerprint = fingerprint(&report);

    let digits = &fingerprint["v1:".len()..][..8];
    let added = shop.run(&["baseline", "add", digits, "--reason", "the input is ours"]);
    let added = added.expect_code(0);
    added.assert_stdout_has(&format!("accepted {fingerprint}  src/run.js"));
    let report = shop.review(&[]);
    assert_eq!(counted(&report), (vec![], words(&["eval-call baseline"])));
    assert_eq!(report["exitCode"], 0);
    let suppression = &report["suppressedFindings"][0]["suppression"];
    assert_eq!(suppression["author"], "Ann");
    assert_eq!(suppression["reason"], "the input is ours");
    let text = shop.run(&["review", "--engine", "builtin", "--base", "main"]);
    text.assert_stdout_has("accepted by Ann: the input is ours");

    // A saved report keeps all of it, and passes the gate for it.
    let saved = shop.sandbox.write("saved.json", report.to_string());
    let gate = shop.run(&[
        "gate",
        saved.to_str().unwrap(),
        "--fail-on",
        "any",
        "--json",
    ]);
    let again = gate.expect_code(0).json();
    for member in ["suppressedFindings", "suppression", "identity", "result"] {
        assert_eq!(again[member], report[member], "{member}");
    }

    // The code moves down, into another file, and is indented: still accepted.
    shop.repo.delete("src/run.js");
    let moved: String = CHANGED.lines().map(|line| format!("  {line}\n")).collect();
    shop.repo
        .write("lib/moved.js", format!("// new\n// lines\n{moved}"));
    shop.repo.commit("move");
    assert_eq!(
        counted(&shop.review(&[])),
        (vec![], words(&["eval-call baseline"]))
    );

    // The same code once more is another finding.
    shop.repo.write("lib/again.js", CHANGED);
    shop.repo.commit("copy");
    assert_eq!(
        counted(&shop.review(&[])),
        (words(&["eval-call"]), words(&["eval-call baseline"]))
    );

    let listed = shop.run(&["baseline", "list", "--json"]).json();
    assert_eq!(listed["findings"][0]["rule"], "eval-call");
    shop.run(&["baseline", "remove", digits]).expect_code(0);
    let (counts, excused) = counted(&shop.review(&[]));
    assert_eq!((counts.len(), excused.len()), (2, 0));
}

#[test]
fn an_acceptance_ends_on_its_day_and_stays_below_its_severity() {
    let shop = Shop::changed();
    let fingerprint = fingerprint(&shop.review(&[]));
    shop.run(&[
        "baseline",
        "add",
        "--all",
        "--reason",
        "for now",
        "--expires",
        "2020-02-29",
    ])
    .expect_code(0);
    let report = shop.review(&[]);
    assert_eq!(counted(&report), (words(&["eval-call"]), vec![]));
    assert_eq!(remarks(&report, "expired"), [fingerprint.as_str()]);
    let pruned = shop.run(&["baseline", "prune"]).expect_code(0);
    pruned.assert_stdout_has(&format!("removed {fingerprint}"));

    shop.run(&["baseline", "add", "--all", "--reason", "small"])
        .expect_code(0);
    let path = ".codex-review/baseline.toml";
    let text = std::fs::read_to_string(shop.repo.join(path)).unwrap();
    let severity = shop.review(&[])["suppressedFindings"][0]["severity"].clone();
    let severity = format!("severity = \"{}\"", severity.as_str().unwrap());
    assert!(text.contains(&severity), "{text}");
    shop.repo
        .write(path, text.replace(&severity, "severity = \"low\""));
    let report = shop.review(&[]);
    assert_eq!(counted(&report), (words(&["eval-call"]), vec![]));
    assert_eq!(remarks(&report, "graver"), [fingerprint.as_str()]);
}

/// What used to happen: only a name in the repository's own configuration counted.
#[test]
fn whoever_accepts_is_named_by_the_users_own_git_configuration() {
    let shop = Shop::changed();
    shop.repo.git(["config", "--local", "--unset", "user.name"]);
    shop.review(&[]);
    let users = shop.sandbox.write("gitconfig", "[user]\n\tname = Bea\n");
    let add = ["baseline", "add", "--all", "--reason", "ours"];
    shop.run(&add)
        .expect_code(2)
        .assert_stderr_has("nobody is named");
    shop.sandbox
        .command(add)
        .cwd(shop.repo.path())
        .env("GIT_CONFIG_GLOBAL", users)
        .run_ok();
    let suppression = &shop.review(&[])["suppressedFindings"][0]["suppression"];
    assert_eq!(suppression["author"], "Bea");
}

#[test]
fn an_entry_that_accepts_nothing_any_more_is_told_and_can_be_pruned() {
    let shop = Shop::changed();
    let fingerprint = fingerprint(&shop.review(&[]));
    shop.run(&["baseline", "add", "--all", "--reason", "known"])
        .expect_code(0);
    shop.repo.write(
        "src/run.js",
        CHANGED.replace("eval(task.body)", "call(task.body)"),
    );
    shop.repo.commit("mend");
    let report = shop.review(&[]);
    assert_eq!(remarks(&report, "unmatched"), [fingerprint.as_str()]);
    shop.run(&["baseline", "prune"])
        .expect_code(0)
        .assert_stdout_has("nothing to take out");
    shop.run(&["baseline", "prune", "--unmatched"])
        .expect_code(0)
        .assert_stdout_has(&fingerprint);
}

#[test]
fn what_an_earlier_review_left_open_is_excused_and_comes_back_by_the_terms_of_today() {
    let shop = Shop::changed();
    let open = shop.review(&[]);
    shop.run(&["baseline", "add", "--all", "--reason", "known"])
        .expect_code(0);
    // Nothing is new: nobody is asked, and the open finding is excused all the same.
    let excused = shop.review(&["--since-last"]);
    assert_eq!(counted(&excused), (vec![], words(&["eval-call baseline"])));
    assert_eq!(
        excused["suppressedFindings"][0]["fingerprint"],
        open["result"]["findings"][0]["fingerprint"]
    );
    // Something else is new.
    shop.repo.write("src/other.js", "eval(other);\n");
    shop.repo.commit("more");
    let more = shop.review(&["--since-last"]);
    assert_eq!(
        counted(&more),
        (words(&["eval-call"]), words(&["eval-call baseline"])),
        "{more:#}"
    );
    let digits = open["result"]["findings"][0]["fingerprint"]
        .as_str()
        .unwrap();
    shop.run(&["baseline", "remove", digits]).expect_code(0);
    let back = shop.review(&["--since-last", "--filter", "added"]);
    assert_eq!(
        counted(&back),
        (words(&["eval-call"; 2]), vec![]),
        "{back:#}"
    );
    shop.run(&["review", "--since-last", "--shard", "1/2"])
        .expect_code(2);
}

#[test]
fn a_broken_baseline_is_an_error_that_names_what_is_wrong() {
    let shop = Shop::changed();
    shop.repo.write(
        ".codex-review/baseline.toml",
        "version = 1\n[[finding]]\nfingerprint = \"v1:0\"\nreason = \"r\"\nauthor = \"a\"\n",
    );
    for args in [
        &["review", "--engine", "builtin"][..],
        &["baseline", "list"],
    ] {
        let output = shop.run(args).expect_code(2);
        output.assert_stderr_has("entry 1 of the baseline has a wrong `fingerprint`");
        output.assert_stderr_has("hint: mend `.codex-review/baseline.toml` by hand");
    }
}

#[test]
fn a_marker_with_a_reason_excuses_its_line_and_nothing_else() {
    let shop = Shop::new();
    let mut expected = Vec::new();
    for (line, excused) in [
        (
            "  eval(task.body); // codex-review: ignore eval-call -- ours",
            true,
        ),
        (
            "  // codex-review: ignore eval-call -- ours\n\n  eval(task.body);",
            true,
        ),
        (
            "  // codex-review: ignore weak-hash -- ours\n  eval(task.body);",
            false,
        ),
        (
            "  // codex-review: ignore eval-call\n  eval(task.body);",
            false,
        ),
        (
            "  // codex-review: ignore eval-call -- ours\n  one();\n  eval(task.body);",
            false,
        ),
    ] {
        expected.push(excused);
        let text = BASE.replace("  return", &format!("{line}\n  return"));
        shop.repo.write(format!("src/{}.js", expected.len()), text);
    }
    shop.repo.commit("calls");
    let report = shop.review(&[]);
    let (counts, excused) = counted(&report);
    assert_eq!(counts, words(&["eval-call"; 3]), "{report:#}");
    assert_eq!(excused, words(&["eval-call marker"; 2]));
    assert_eq!(remarks(&report, "unmatched"), ["src/3.js:2", "src/5.js:2"]);
    assert_eq!(remarks(&report, "without-reason"), ["src/4.js:2"]);

    // By its fingerprint, whatever the marker does to the line.
    let fingerprint = fingerprint(&report);
    let text = BASE.replace(
        "  return",
        &format!("  eval(task.body); /* codex-review: ignore {fingerprint} -- ours */\n  return"),
    );
    shop.repo
        .write("src/3.js", &text)
        .write("src/4.js", &text)
        .write("src/5.js", &text);
    shop.repo.commit("excuse");
    assert_eq!(counted(&shop.review(&[])).0, Vec::<String>::new());
}

#[test]
fn in_ci_a_change_cannot_excuse_itself_and_what_it_tried_is_shown() {
    let shop = Shop::changed();
    shop.review(&[]);
    shop.run(&["baseline", "add", "--all", "--reason", "trust me"])
        .expect_code(0);
    shop.repo.write(
        "src/more.js",
        "eval(one); // codex-review: ignore eval-call -- trust me\n",
    );
    shop.repo.write("src/hidden.js", "eval(two);\n");
    shop.repo.write(".codexreviewignore", "src/hidden.js\n");
    shop.repo.commit("excuse it");

    let here = shop.review(&[]);
    assert_eq!(
        counted(&here),
        (vec![], words(&["eval-call marker", "eval-call baseline"]))
    );
    let ci = shop.ci_review();
    assert_eq!(counted(&ci), (words(&["eval-call"; 3]), vec![]), "{ci:#}");
    assert_eq!(
        (&ci["exitCode"], &ci["suppression"]["from"]),
        (&1.into(), &"base".into())
    );
    let mut attempted = remarks(&ci, "attempted");
    attempted.retain(|subject| !subject.starts_with("v1:"));
    assert_eq!(attempted, ["src/hidden.js", "src/more.js:1"]);
    assert_eq!(remarks(&ci, "attempted").len(), 3, "{ci:#}");
    // The flag says the same without CI, and the other way round with it.
    assert_eq!(
        counted(&shop.review(&["--suppress-from", "base"])).1,
        Vec::<String>::new()
    );
    let text = shop.run(&[
        "review",
        "--engine",
        "builtin",
        "--base",
        "main",
        "--suppress-from",
        "base",
    ]);
    text.assert_stdout_has("does not count, because the change brings it: src/more.js:1");

    // Once it is part of the base, it counts for what comes after.
    shop.repo.switch("main");
    shop.repo.merge("change");
    shop.repo.branch("next");
    let call = "  eval(task.body);\n";
    shop.repo.write("src/run.js", format!("// top\n{CHANGED}"));
    shop.repo.write(
        "src/more.js",
        "eval(one);  // codex-review: ignore eval-call -- trust me\n",
    );
    shop.repo.commit("touch");
    assert!(CHANGED.contains(call));
    let ci = shop.ci_review();
    assert_eq!(
        counted(&ci),
        (vec![], words(&["eval-call marker"])),
        "{ci:#}"
    );
}

#[test]
fn in_ci_a_marker_of_the_base_does_not_cover_other_code() {
    let shop = Shop::new();
    shop.repo.switch("main");
    let marked = "// codex-review: ignore eval-call -- a constant\neval(fixed);\n";
    shop.repo.write("src/marked.js", marked);
    shop.repo.commit("marked");
    shop.repo.branch("sneak");
    shop.repo
        .write("src/marked.js", marked.replace("fixed", "request.body"));
    shop.repo.commit("change what is called");
    let ci = shop.ci_review();
    assert_eq!(counted(&ci), (words(&["eval-call"]), vec![]));
    assert_eq!(remarks(&ci, "attempted"), ["src/marked.js:1"]);
    // Nor does one that the change moves to other code.
    shop.repo.write(
        "src/marked.js",
        "// codex-review: ignore eval-call -- a constant\neval(request.body);\neval(fixed);\n",
    );
    shop.repo.commit("slip in between");
    assert_eq!(counted(&shop.ci_review()).0, words(&["eval-call"]));
}

#[test]
fn in_ci_the_working_tree_is_judged_by_the_last_commit() {
    let shop = Shop::new();
    shop.repo.write(
        "src/run.js",
        CHANGED.replace(
            ";\n  return",
            "; // codex-review: ignore eval-call -- no\n  return",
        ),
    );
    let args = [
        "review",
        "--engine",
        "builtin",
        "--json",
        "--fail-on",
        "any",
    ];
    let command = shop.sandbox.command(args).cwd(shop.repo.path());
    let report = command.env("CI", "1").run().expect_code(1).json();
    assert_eq!(counted(&report).0, words(&["eval-call"]));
    assert_eq!(remarks(&report, "attempted"), ["src/run.js:2"]);
    assert_eq!(report["identity"]["head"], Value::Null);
}

#[test]
fn wrong_words_are_errors_that_say_what_was_meant() {
    let shop = Shop::changed();
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["review", "--filter", "aded"],
            &["unknown filter `aded`", "did you mean `added`?"],
        ),
        (
            &["review", "--suppress-from", "bse"],
            &["unknown side `bse`", "did you mean `base`?"],
        ),
        (
            &["review", "--shard", "3/2"],
            &["`3/2` is no shard", "`2/4`"],
        ),
        (
            &["review", "--native", "--shard", "1/2"],
            &["cannot review a shard"],
        ),
        (
            &["baseline", "add", "v1:00", "--reason", " "],
            &["`--reason` is blank"],
        ),
        (
            &[
                "baseline",
                "add",
                "abc",
                "--reason",
                "r",
                "--expires",
                "soon",
            ],
            &["`soon` is no day"],
        ),
        (
            &["baseline", "remove", "v1:000000"],
            &["no entry `v1:000000`", "baseline list"],
        ),
        (&["baseline", "ad"], &["ad", "add"]),
        (&["baseline", "add", "--reason", "r"], &["FINGERPRINT"]),
    ];
    for (args, expected) in cases {
        let output = shop.run(args).expect_code(2);
        for text in *expected {
            output.assert_stderr_has(text);
        }
    }
    shop.review(&[]);
    let unknown = shop
        .run(&["baseline", "add", "v1:000000", "--reason", "r"])
        .expect_code(2);
    unknown.assert_stderr_has("`v1:000000` is the fingerprint of 0 findings");
}

#[test]
fn the_filter_is_a_setting_that_a_repository_cannot_weaken() {
    let shop = Shop::changed();
    shop.repo.write(".codex-review.toml", "filter = 'added'\n");
    let output = shop.run(&["config", "get", "filter"]).expect_code(0);
    assert_eq!(output.stdout(), "none\n");
    output.assert_stderr_has("`filter` in `");
    let report = shop.review(&["--filter", "added"]);
    assert_eq!(report["suppression"]["filter"], "added");
    assert_eq!(
        counted(&report).0,
        words(&["eval-call"]),
        "it is on an added line"
    );
}

/// A setting that would let the change pass, in the file that tunes reviews.
const LAX: &str = "fail_on = \"none\"\n";

#[test]
fn a_change_does_not_say_how_it_is_reviewed() {
    let shop = Shop::new();
    shop.repo.switch("main");
    shop.repo
        .write(".codex-review.toml", "fail_on = \"medium\"\n");
    shop.repo.commit("be strict");
    shop.repo.branch("lax");
    shop.repo.write("src/run.js", CHANGED);
    shop.repo.write(".codex-review.toml", LAX);
    shop.repo
        .commit("call what comes in, and let everything pass");
    let args = ["review", "--engine", "builtin", "--base", "main", "--json"];
    let review = |ci: &str| {
        let command = shop.sandbox.command(args).cwd(shop.repo.path());
        command.env("CI", ci).run()
    };
    assert_eq!(review("").code(), Some(0), "its author has the word");
    let in_ci = review("true").expect_code(1);
    let notes = in_ci.json()["notes"].to_string();
    assert!(notes.contains("`.codex-review.toml` of "), "{notes}");

    // Once it is part of the base, it counts.
    shop.repo.switch("main");
    shop.repo.write(".codex-review.toml", LAX);
    shop.repo.commit("let everything pass, as agreed");
    shop.repo.branch("next");
    shop.repo.write("src/run.js", CHANGED);
    shop.repo.commit("call what comes in");
    let in_ci = review("true").expect_code(0);
    assert!(!in_ci.json()["notes"].to_string().contains("has the word"));

    // What the change takes away counts as well.
    shop.repo.delete(".codex-review.toml");
    shop.repo.commit("take the agreement back");
    let in_ci = review("true").expect_code(0);
    assert!(in_ci.json()["notes"].to_string().contains("has the word"));
}

#[test]
fn a_context_in_ci_is_the_one_that_a_review_there_sends() {
    let shop = Shop::changed();
    shop.repo
        .write(".codex-review.toml", "strategy = \"self-collect\"\n");
    shop.repo.commit("show less");
    let strategy = |ci: &str| {
        let args = ["context", "--base", "main", "--json"];
        let command = shop.sandbox.command(args).cwd(shop.repo.path());
        let context = command.env("CI", ci).run_ok().json();
        context["strategy"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(strategy(""), "self-collect");
    assert_eq!(strategy("true"), "inline");
}
