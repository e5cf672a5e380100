//! What `focused` and `deep` show around a change.

use codex_review::context::{
    Budget, CachedChanges, Catalog, ChangeView, Claims, Context, ContextInput, Registry,
    RepositoryChanges, StrategyChoice, build,
};
use codex_review::secrets::is_secret_name;
use codex_review::target::{ChangeOptions, GitEnvironment, Repository, Select, TargetSpec};

use crate::support::{Repo, Sandbox};

const PARSER: &str = "//! Parses.\n\n/// A token.\npub struct Token {\n    pub kind: u8,\n}\n\npub fn parse_all(text: &str) -> Vec<Token> {\n    let mut all = Vec::new();\n    for part in text.split(' ') {\n        let one = parse_one(part);\n        all.push(one);\n    }\n    audit(&all);\n    all\n}\n\nfn parse_one(part: &str) -> Token {\n    Token { kind: part.len() as u8 }\n}\n\nfn audit(all: &[Token]) {\n    assert!(all.len() < 100);\n}\n";
const LIMITS: &str = "/// The most tokens of one text.\npub const MOST_TOKENS: usize = 64;\n\n/// Says whether a text is too long.\npub fn is_too_long(count: usize) -> bool {\n    count > MOST_TOKENS\n}\n\nfn unrelated_thing() {}\n";
const USER: &str = "use crate::parser::parse_all;\n\npub fn report(text: &str) -> String {\n    let tokens = parse_all(text);\n    format!(\"{}\", tokens.len())\n}\n\nfn elsewhere() {}\n";
const TEST: &str = "use app::parser::parse_all;\n\n#[test]\nfn words_become_tokens() {\n    assert_eq!(parse_all(\"a b\").len(), 2);\n}\n";

/// A repository in which `parse_all` gets another signature and calls `is_too_long`.
fn changed(sandbox: &Sandbox, name: &str) -> Repo {
    let repo = sandbox.repo(name);
    repo.write("src/parser.rs", PARSER);
    repo.write("src/limits.rs", LIMITS);
    repo.write("src/report.rs", USER);
    repo.write("tests/parser.rs", TEST);
    repo.write(".env", "parse_all=1\n");
    repo.write("notes.txt", "parse_all\n");
    repo.commit("Start");
    let after = PARSER
        .replace(
            "parse_all(text: &str)",
            "parse_all(text: &str, strict: bool)",
        )
        .replace(
            "        all.push(one);\n",
            "        all.push(one);\n        assert!(!is_too_long(all.len()) || !strict);\n",
        );
    repo.write("src/parser.rs", &after);
    repo
}

fn focused(repo: &Repo, threads: usize, cached: bool, sandbox: &Sandbox, tokens: u64) -> Context {
    context("focused", repo, threads, cached, sandbox, tokens)
}

fn deep(repo: &Repo, sandbox: &Sandbox) -> Context {
    context("deep", repo, 0, false, sandbox, 8_000)
}

fn context(
    strategy: &str,
    repo: &Repo,
    threads: usize,
    cached: bool,
    sandbox: &Sandbox,
    tokens: u64,
) -> Context {
    let repository = Repository::open(repo.path(), &GitEnvironment::default()).unwrap();
    let target = repository
        .resolve(&TargetSpec::of(Select::WorkingTree))
        .unwrap();
    let options = ChangeOptions {
        secret_name: |path| is_secret_name(path),
        threads,
        ..ChangeOptions::default()
    };
    let changes = repository.changes(&target, &options).unwrap();
    let plain = RepositoryChanges {
        repository: &repository,
        target: &target,
        changes: &changes,
    };
    let outlines = sandbox.path("outlines");
    let kept = CachedChanges {
        changes: &plain,
        outlines: &outlines,
    };
    let view: &dyn ChangeView = if cached { &kept } else { &plain };
    let registry = Registry::builtin();
    let input = ContextInput {
        changes: view,
        strategy: &StrategyChoice::Named(strategy.into()),
        catalog: &Catalog::builtin(&registry),
        budget: Some(Budget {
            bytes: 100_000,
            tokens: Some(tokens),
        }),
        claims: Claims::Shown,
    };
    build(&input, &registry).unwrap()
}

#[track_caller]
fn section<'a>(context: &'a Context, title: &str) -> &'a str {
    let begin = context
        .text
        .find(&format!("\"{title}\""))
        .unwrap_or_else(|| panic!("{title}: {}", context.text));
    let rest = &context.text[begin..];
    &rest[..rest.find("<<<end ").unwrap()]
}

#[test]
fn each_collector_shows_what_it_is_for_and_nothing_else() {
    let sandbox = Sandbox::new();
    let repo = changed(&sandbox, "app");
    let context = deep(&repo, &sandbox);
    let definitions = section(&context, "Definitions of what the change uses");
    assert!(definitions.contains("src/limits.rs:5-7  used by the change: function is_too_long\npub fn is_too_long(count: usize) -> bool {\n    count > MOST_TOKENS\n}\n"), "{definitions}");
    assert!(!definitions.contains("unrelated_thing"), "{definitions}");
    let callers = section(&context, "Users of what the change touches");
    assert!(callers.contains("report uses parse_all"), "{callers}");
    assert!(
        callers.contains("    let tokens = parse_all(text);\n"),
        "{callers}"
    );
    assert!(
        !callers.contains("words_become_tokens"),
        "tests are the other section's: {callers}"
    );
    let tests = section(&context, "Tests of what the change touches");
    assert!(
        tests
            .contains("fn words_become_tokens() {\n    assert_eq!(parse_all(\"a b\").len(), 2);\n"),
        "{tests}"
    );
    let around = section(&context, "Around the changed lines");
    assert!(
        around.contains("    audit(&all);")
            || section(&context, "Unstaged changes").contains("    audit(&all);")
    );
    assert!(
        !context.text.contains("parse_all=1"),
        "a file that bears a secret by its name is never read"
    );
    assert_eq!(context.ledger.lines().left_out, 0);
}

#[test]
fn the_same_bytes_come_out_on_any_threads_any_path_and_with_a_cache() {
    let sandbox = Sandbox::new();
    let repo = changed(&sandbox, "app");
    let context = focused(&repo, 1, false, &sandbox, 4_000);
    for threads in [2, 7] {
        assert_eq!(focused(&repo, threads, false, &sandbox, 4_000), context);
    }
    for run in ["cold", "warm"] {
        assert_eq!(
            focused(&repo, 2, true, &sandbox, 4_000),
            context,
            "{run} cache"
        );
    }
    let kept = sandbox.path("outlines/outlines");
    let mut bytes = std::fs::read(&kept).unwrap();
    assert!(bytes.len() > 100);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&kept, bytes).unwrap();
    assert_eq!(
        focused(&repo, 2, true, &sandbox, 4_000),
        context,
        "damaged cache"
    );
    let there = changed(&sandbox, "deeper down/the same");
    assert_eq!(
        focused(&there, 2, false, &sandbox, 4_000).hash,
        context.hash
    );
}

#[test]
fn a_secret_in_an_excerpt_is_taken_out() {
    let sandbox = Sandbox::new();
    let repo = changed(&sandbox, "app");
    let token = ["ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    repo.write(
        "src/report.rs",
        USER.replace(
            "    format!",
            &format!("    let key = \"{token}\";\n    format!"),
        ),
    );
    repo.git(["add", "src/report.rs"]);
    repo.git(["commit", "-qm", "Key", "src/report.rs"]);
    for (context, title) in [
        (
            focused(&repo, 0, false, &sandbox, 8_000),
            "What the change uses, and what may belong to it",
        ),
        (deep(&repo, &sandbox), "Users of what the change touches"),
    ] {
        assert!(!context.text.contains(&token));
        let users = section(&context, title);
        assert!(users.contains("let key = \"[redacted:"), "{users}");
        assert_eq!(context.redactions.len(), 1);
    }
}

#[test]
fn related_code_stands_under_one_heading_a_file_with_its_reasons() {
    let sandbox = Sandbox::new();
    let repo = changed(&sandbox, "app");
    let context = focused(&repo, 0, false, &sandbox, 8_000);
    let related = section(&context, "What the change uses, and what may belong to it");
    assert!(
        related.contains("pub fn is_too_long(count: usize) -> bool {\n"),
        "{related}"
    );
    assert!(!related.contains("unrelated_thing"), "{related}");
    for (path, reason) in [
        ("src/limits.rs", "defines"),
        ("src/report.rs", "uses"),
        ("tests/parser.rs", "tests"),
    ] {
        let headings: Vec<&str> = related
            .lines()
            .filter(|line| line.starts_with(&format!("{path}:")))
            .collect();
        let [heading] = headings[..] else {
            panic!("{path}: {related}");
        };
        assert!(heading.contains(reason), "{heading}");
    }
    assert!(
        !context.text.contains("parse_all=1"),
        "a file that bears a secret by its name is never read"
    );
}

/// Nothing but history ties `src/table.rs` to the change, and nothing at all `src/apart.rs`, which comes by its name first.
#[test]
fn a_file_that_used_to_change_along_comes_first() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("app");
    let partner = |number: u32| format!("pub fn rows_{number}() {{}}\n\nfn other() {{}}\n");
    for number in 0..4 {
        repo.write(
            "src/parser.rs",
            PARSER.replace("100", &format!("10{number}")),
        );
        repo.write("src/table.rs", partner(number));
        repo.write("src/apart.rs", "pub fn never_touched() {}\n");
        repo.commit("Both");
    }
    repo.write("src/parser.rs", PARSER.replace("100", "999"));
    let context = focused(&repo, 0, false, &sandbox, 4_000);
    let related = section(&context, "What the change uses, and what may belong to it");
    let along = related.find("pub fn rows_3() {}\n").expect("it is shown");
    let apart = related.find("never_touched").unwrap_or(usize::MAX);
    assert!(along < apart, "{related}");
}
