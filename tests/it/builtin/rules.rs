//! Every rule against its cases in `fixtures/rules/`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bstr::{BStr, BString};
use codex_review::checks::{
    ChangeSource, ChangedText, Line, MODE_SYMLINK, SourceFile, check, rules::RULES,
};
use codex_review::review::{Finding, FindingOrigin};
use codex_review::target::Status;
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

use super::made_up::spell_out;
use crate::support::fixture_path;

const MARK: &str = " ⟸";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    tracked: Vec<String>,
    file: Vec<CaseFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseFile {
    path: String,
    text: String,
    old: Option<String>,
    whole_file: bool,
    deleted: bool,
    binary: bool,
    size: Option<u64>,
    link: Option<String>,
}

/// A change that is declared rather than read from a repository.
pub struct DeclaredChange {
    files: Vec<SourceFile>,
    texts: Vec<(ChangedText, Option<Vec<u8>>)>,
    tracked: Vec<String>,
}

impl ChangeSource for DeclaredChange {
    fn files(&self) -> &[SourceFile] {
        &self.files
    }
    fn lines(&self, index: usize) -> ChangedText {
        self.texts[index].0.clone()
    }
    fn new_content(&self, index: usize) -> Option<Vec<u8>> {
        self.texts[index].1.clone()
    }
    fn is_tracked(&self, path: &BStr) -> bool {
        self.tracked
            .iter()
            .any(|tracked| path == tracked.as_bytes())
    }
}

impl DeclaredChange {
    /// One new text file.
    pub fn new_file(path: &str, text: &str) -> Self {
        let mut change = DeclaredChange {
            files: Vec::new(),
            texts: Vec::new(),
            tracked: Vec::new(),
        };
        change.push(
            &CaseFile {
                path: path.to_owned(),
                ..CaseFile::default()
            },
            text,
        );
        change
    }

    fn push(&mut self, file: &CaseFile, text: &str) {
        let old = file.old.as_deref();
        let status = match (old, file.deleted) {
            (_, true) => Status::Deleted,
            (Some(_), false) => Status::Modified,
            (None, false) => Status::Added,
        };
        let mode = if file.link.is_some() {
            MODE_SYMLINK
        } else {
            0o100_644
        };
        let content = file.link.as_deref().unwrap_or(text).as_bytes().to_vec();
        self.files.push(SourceFile {
            path: BString::from(file.path.as_str()),
            status,
            old_mode: old.map(|_| 0o100_644),
            new_mode: (!file.deleted).then_some(mode),
            new_size: Some(file.size.unwrap_or(content.len() as u64)),
            binary: file.binary,
        });
        let lines = if file.link.is_some() || file.binary {
            ChangedText::default()
        } else {
            difference(old.unwrap_or_default(), text)
        };
        self.texts.push((lines, (!file.deleted).then_some(content)));
        self.tracked.push(file.path.clone());
    }
}

fn difference(old: &str, new: &str) -> ChangedText {
    let mut text = ChangedText::default();
    for change in TextDiff::from_lines(old, new).iter_all_changes() {
        let line = |index: Option<usize>| Line {
            number: u32::try_from(index.unwrap() + 1).unwrap(),
            text: change.value().trim_end_matches('\n').to_owned(),
        };
        match change.tag() {
            ChangeTag::Insert => text.added.push(line(change.new_index())),
            ChangeTag::Delete => text.removed.push(line(change.old_index())),
            ChangeTag::Equal => {}
        }
    }
    text
}

/// A finding's place: path, and line or nothing.
type Place = (String, Option<u32>);

fn declare(case: &Case) -> (DeclaredChange, BTreeSet<Place>) {
    let mut change = DeclaredChange {
        files: Vec::new(),
        texts: Vec::new(),
        tracked: case.tracked.clone(),
    };
    let mut expected = BTreeSet::new();
    for file in &case.file {
        let mut text = String::new();
        for (index, line) in spell_out(&file.text).split_inclusive('\n').enumerate() {
            let (content, end) = line
                .strip_suffix('\n')
                .map_or((line, ""), |line| (line, "\n"));
            let bare = content.strip_suffix(MARK);
            if bare.is_some() {
                expected.insert((file.path.clone(), Some(u32::try_from(index + 1).unwrap())));
            }
            let _ = write!(text, "{}{end}", bare.unwrap_or(content));
        }
        if file.whole_file {
            expected.insert((file.path.clone(), None));
        }
        change.push(file, &text);
    }
    (change, expected)
}

fn is_from(finding: &Finding, rule: &str) -> bool {
    matches!(&finding.origin, FindingOrigin::Rule(id) if id == rule)
}

#[test]
fn every_rule_finds_what_its_cases_mark_and_nothing_else() {
    let mut problems = String::new();
    for rule in RULES {
        let path = fixture_path("rules").join(format!("{}.toml", rule.id));
        let Ok(text) = std::fs::read_to_string(&path) else {
            let _ = writeln!(problems, "{}: no cases at `{}`", rule.id, path.display());
            continue;
        };
        let cases: Cases =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        let (mut positive, mut negative) = (0, 0);
        for case in &cases.case {
            let (change, expected) = declare(case);
            if expected.is_empty() {
                negative += 1;
            } else {
                positive += 1;
            }
            let found: BTreeSet<Place> = check(&change)
                .into_iter()
                .filter(|finding| is_from(finding, rule.id))
                .map(|finding| (finding.file, finding.lines.map(|lines| lines.start())))
                .collect();
            for (path, line) in expected.difference(&found) {
                let _ = writeln!(
                    problems,
                    "{}, {}: missed {path} {line:?}",
                    rule.id, case.name
                );
            }
            for (path, line) in found.difference(&expected) {
                let _ = writeln!(
                    problems,
                    "{}, {}: found {path} {line:?}",
                    rule.id, case.name
                );
            }
        }
        if positive == 0 || negative == 0 {
            let _ = writeln!(
                problems,
                "{}: needs a positive and a negative case",
                rule.id
            );
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

#[test]
fn every_case_file_belongs_to_a_rule() {
    for entry in std::fs::read_dir(fixture_path("rules")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(id) = name.strip_suffix(".toml") {
            assert!(
                RULES.iter().any(|rule| rule.id == id),
                "no rule is called `{id}`"
            );
        }
    }
}

#[test]
fn rules_are_worded_completely() {
    let mut ids = BTreeSet::new();
    for rule in RULES {
        assert!(ids.insert(rule.id), "two rules are called `{}`", rule.id);
        assert!(
            !rule.title.ends_with('.') && rule.title.len() > 10,
            "{}",
            rule.id
        );
        assert!(
            rule.why.ends_with('.') && rule.why.matches(". ").count() >= 1,
            "{}",
            rule.id
        );
        assert!(rule.advice.ends_with('.'), "{}", rule.id);
        assert!((0.0..=1.0).contains(&rule.confidence), "{}", rule.id);
    }
}

#[test]
fn a_thousand_findings_of_one_kind_become_ten_and_a_number() {
    let text = "debugger;\n".repeat(1_000);
    let found = check(&DeclaredChange::new_file("src/a.js", &text));
    assert_eq!(found.len(), 10);
    assert!(
        found[9].body.contains("990 more times"),
        "{}",
        found[9].body
    );
}

#[test]
fn no_finding_repeats_a_secret() {
    let token = spell_out("ghp_{alnum:36}");
    let found = check(&DeclaredChange::new_file(
        "src/a.py",
        &format!("token = \"{token}\"\n"),
    ));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!format!("{found:?}").contains(&token));
    assert_eq!(found[0].lines.unwrap().start(), 1);
}

#[test]
fn hostile_text_is_examined_without_panic_and_in_time() {
    let long = "eval(x); ".repeat(100_000);
    let texts = [
        long.as_str(),
        "\u{0}\u{fffd}\r\r\n\"'`/*",
        "<<<<<<<",
        ">>>>>>>\n<<<<<<< a\n",
        "'\\",
        "r#\"",
    ];
    for text in texts {
        for path in [
            "a.rs",
            "a.js",
            "a.py",
            "a.go",
            ".github/workflows/a.yml",
            "Cargo.toml",
            "",
            "é/\u{fffd}",
        ] {
            let _found = check(&DeclaredChange::new_file(path, text));
        }
    }
}
