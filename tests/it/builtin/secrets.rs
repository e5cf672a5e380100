//! What is known of secrets, measured on examples and on ordinary source.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use codex_review::secrets::{Hit, Redactor, rule_infos, scan};
use serde::Deserialize;

use super::made_up::{spell_out, spell_out_parts};
use crate::support::{fixture_path, package_root};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    rule: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    id: String,
    hit: Vec<String>,
    miss: Vec<String>,
}

fn examples() -> Vec<Example> {
    let text = std::fs::read_to_string(fixture_path("secrets/examples.toml")).unwrap();
    toml::from_str::<Examples>(&text).unwrap().rule
}

fn files_below(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, endings, found);
        } else if path
            .extension()
            .is_some_and(|it| endings.iter().any(|ending| it == *ending))
        {
            found.push(path);
        }
    }
    found.sort();
}

fn corpus() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    let endings = ["py", "ts", "yml", "json", "go", "md", "rs"];
    files_below(&fixture_path("secrets/corpus"), &endings, &mut paths);
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

fn own_source() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    files_below(
        &package_root().join("src"),
        &["rs", "toml", "md", "json"],
        &mut paths,
    );
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn every_rule_hits_and_misses_its_examples() {
    let mut problems = String::new();
    let mut known: BTreeMap<String, Example> = examples()
        .into_iter()
        .map(|example| (example.id.clone(), example))
        .collect();
    for info in rule_infos() {
        let Some(example) = known.remove(info.id) else {
            let _ = writeln!(problems, "{}: has no examples", info.id);
            continue;
        };
        if example.hit.is_empty() || example.miss.is_empty() {
            let _ = writeln!(problems, "{}: needs a hit and a miss", info.id);
        }
        let of_rule = |text: &str| -> Vec<Hit> {
            scan(text)
                .into_iter()
                .filter(|hit| hit.rule_id == info.id)
                .collect()
        };
        for hit in &example.hit {
            let count = of_rule(&spell_out(hit)).len();
            if count != 1 {
                let _ = writeln!(problems, "{}: {count} hits in `{hit}`", info.id);
            }
        }
        for miss in &example.miss {
            if let Some(hit) = of_rule(&spell_out(miss)).first() {
                let _ = writeln!(problems, "{}: hit {:?} in `{miss}`", info.id, hit.range);
            }
        }
    }
    for id in known.keys() {
        let _ = writeln!(problems, "{id}: is no rule");
    }
    assert!(problems.is_empty(), "\n{problems}");
}

/// Every example, planted into ordinary source in several ways, is taken out.
#[test]
fn every_planted_secret_is_redacted() {
    let mut missed = String::new();
    let mut planted = 0;
    let corpus = corpus();
    for (index, example) in examples().iter().enumerate() {
        for hit in &example.hit {
            let (secret, parts) = spell_out_parts(hit);
            let core = parts.iter().max_by_key(|part| part.len()).expect(hit);
            let (_, around) = &corpus[index % corpus.len()];
            let (before, after) = around.split_at(around.find('\n').unwrap() + 1);
            let as_patch = |marker: &str| {
                secret
                    .lines()
                    .map(|line| format!("{marker}{line}\n"))
                    .collect::<String>()
            };
            let mut texts = vec![
                format!("{before}{secret}\n{after}"),
                format!("{before}{}{after}", as_patch("+")),
                format!("{before}{}{after}", as_patch("-")),
                format!("{before}{}{after}", as_patch("    ")),
            ];
            if !secret.contains('\n') {
                // Far out on a line that is longer than any window.
                texts.push(format!(
                    "{} {secret} {}",
                    "ab ".repeat(25_000),
                    "cd ".repeat(500)
                ));
                texts.push(format!("{before}x = 1; {secret} ; y = 2\n{after}"));
            }
            for text in texts {
                planted += 1;
                let redacted = Redactor::new().redact(&text);
                if redacted.text.contains(core.as_str()) || redacted.found.is_empty() {
                    let _ = writeln!(missed, "{}: {hit}", example.id);
                }
                assert_eq!(
                    redacted.text.lines().count(),
                    text.lines().count(),
                    "{}",
                    example.id
                );
                let again = Redactor::new().redact(&redacted.text);
                assert_eq!(again.text, redacted.text, "{}", example.id);
            }
        }
    }
    assert!(planted > 500, "only {planted} were planted");
    assert!(missed.is_empty(), "missed, of {planted}:\n{missed}");
}

#[track_caller]
fn check_quiet(what: &str, files: &[(PathBuf, String)]) {
    let mut lines = 0;
    let mut hits = String::new();
    for (path, text) in files {
        lines += text.lines().count();
        for hit in scan(text) {
            let _ = writeln!(hits, "{}:{}: {}", path.display(), hit.line, hit.rule_id);
        }
    }
    assert!(lines > 200, "only {lines} lines of {what}");
    assert!(
        hits.is_empty(),
        "false positives in {lines} lines of {what}:\n{hits}"
    );
}

#[test]
fn ordinary_source_has_no_hit() {
    check_quiet("the corpus", &corpus());
}

#[test]
fn our_own_source_has_no_hit() {
    check_quiet("our own source", &own_source());
}

#[test]
fn ordinary_source_is_left_as_it_is() {
    let mut redactor = Redactor::new();
    for (path, text) in corpus().iter().chain(&own_source()) {
        assert_eq!(redactor.redact(text).text, *text, "{}", path.display());
    }
}

#[test]
fn a_text_of_one_endless_line_is_scanned_to_its_end() {
    let secret = spell_out("ghp_{alnum:36}");
    let mut text = "key token secret password AKIA eyJ :// ".repeat(8_000);
    text.push_str(&secret);
    let hits = scan(&text);
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!(&text[hits[0].range.clone()], secret);
}

/// `cargo test --release --test it throughput -- --ignored` measures; a debug build proves nothing.
#[test]
#[ignore = "measures speed, for release builds"]
fn throughput_on_ordinary_source_is_at_least_50_megabytes_a_second() {
    let mut text = String::new();
    while text.len() < 64 * 1024 * 1024 {
        for (_, file) in own_source().iter().chain(&corpus()) {
            text.push_str(file);
        }
    }
    assert!(scan(&text[..0]).is_empty());
    let began = std::time::Instant::now();
    let hits = scan(&text).len();
    let rate = text.len() as f64 / 1e6 / began.elapsed().as_secs_f64();
    assert_eq!(hits, 0);
    assert!(rate >= 50.0, "{rate:.0} MB/s");
}
