//! The demo, and the picture of it in the README.

use std::path::Path;

use crate::support::{Sandbox, package_root};

/// The picture that the README shows.
const PICTURE: &str = "docs/demo.svg";
/// Set to write the picture anew instead of comparing it.
const UPDATE: &str = "CODEX_REVIEW_UPDATE_DOCS";

fn demo(sandbox: &Sandbox, color: &str) -> String {
    sandbox
        .command(["demo", "--quiet", "--color", color])
        .run_ok()
        .stdout()
}

#[test]
fn the_demo_shows_target_strategy_size_findings_and_where_everything_lies() {
    let sandbox = Sandbox::new();
    let shown = demo(&sandbox, "never");
    for part in [
        "Target    working tree diff: 4 files",
        "Strategy  inline",
        "Engine    builtin",
        "critical  Unresolved merge conflict",
        "settings.toml:2-6",
        "charge.py:18",
        ".env (27 bytes): secret by name, never sent",
        "Where everything is",
    ] {
        assert!(
            shown.contains(part),
            "the demo does not show {part:?}:\n{shown}"
        );
    }
    for name in [
        "Report page",
        "Repository",
        "What was sent",
        "Job log",
        "Job record",
    ] {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        let path = line[name.len()..].trim();
        assert!(Path::new(path).exists(), "{name} does not lie at {path}");
    }
    let sent = shown
        .lines()
        .find_map(|line| line.strip_prefix("What was sent"))
        .unwrap()
        .trim();
    let sent = std::fs::read_to_string(sent).unwrap();
    assert!(
        !sent.contains("not-a-real-key"),
        "a file that bears a secret by its name was sent"
    );
}

#[test]
fn the_picture_in_the_readme_is_what_the_demo_prints() {
    let sandbox = Sandbox::new();
    let shown = steady(&demo(&sandbox, "always"));
    let drawn = anstyle_svg::Term::new()
        .render_svg(&format!("\u{1b}[1m$ codex-review demo\u{1b}[0m\n{shown}"));
    let path = package_root().join(PICTURE);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "`{PICTURE}` is not what the demo prints; {UPDATE}=1 cargo test --test it demo:: draws it anew"
    );
    let readme = std::fs::read_to_string(package_root().join("README.md")).unwrap();
    assert!(
        readme.contains(PICTURE),
        "the README does not show `{PICTURE}`"
    );
}

/// What differs from run to run, in the same width everywhere.
fn steady(shown: &str) -> String {
    let mut text = String::new();
    for line in shown.lines() {
        let line = match line.find("/codex-review-demo-") {
            Some(end) => {
                let start = line[..end].rfind(' ').map_or(0, |at| at + 1);
                let rest = &line[end + "/codex-review-demo-".len()..];
                let rest = rest.split_once('/').map_or("", |(_, rest)| rest);
                format!("{}/tmp/codex-review-demo/{rest}", &line[..start])
            }
            None => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    for (pattern, with) in [
        (r"review-[0-9a-z]+-[0-9a-z]+", "review-mwv0000x-demo42"),
        (r"[0-9a-f]{16}-thread-[0-9]+", "0123456789abcdef-thread-1"),
        (r"shop-[0-9a-f]{16}", "shop-0123456789abcdef"),
        (r"[0-9]+ ms", "73 ms"),
        (r"[0-9.]+ s · exit", "73 ms · exit"),
    ] {
        text = regex::Regex::new(pattern)
            .unwrap()
            .replace_all(&text, with)
            .into_owned();
    }
    text
}

#[test]
fn cargo_run_starts_the_program_and_not_a_stand_in_of_the_tests() {
    let manifest = std::fs::read_to_string(package_root().join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("\ndefault-run = \"codex-review\"\n"),
        "without it, the README's first command does not know which program to run"
    );
}
