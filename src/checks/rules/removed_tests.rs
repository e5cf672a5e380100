//! Tests and assertions that went away.

use std::sync::LazyLock;

use regex::Regex;

use super::super::examine::{Note, Sink};
use super::super::language::Language;
use super::super::mask::Masked;
use super::super::source::ChangeSource;
use super::super::view::FileView;
use super::pattern::compile;
use super::{Check, Rule};
use crate::review::Severity;
use crate::target::Status;

/// `tests-removed`
pub(super) static TESTS_REMOVED: Rule = Rule {
    id: "tests-removed",
    severity: Severity::Medium,
    confidence: 0.6,
    title: "Tests were removed",
    why: "What they guarded is no longer guarded, and the run stays green. A change that makes a test fail is easiest \
          to finish by deleting the test.",
    advice: "Say why the test is no longer needed, or put it back in a form that fits the new behaviour.",
    check: Check::Change {
        file: removed,
        end: Some(report),
    },
};

/// The names of the tests that a line declares.
fn test_names(language: Language, code: &str) -> Vec<String> {
    static PYTHON: LazyLock<Regex> =
        LazyLock::new(|| compile(r"^\s*(?:async\s+)?def\s+(test_\w+)"));
    static SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r#"^\s*(?:it|test)(?:\.(?:only|skip|each|concurrent))*\s*\(\s*["'`]([^"'`]{1,200})"#,
        )
    });
    static GO: LazyLock<Regex> =
        LazyLock::new(|| compile(r"^func\s+((?:Test|Fuzz)[A-Z_]\w*)\s*\("));
    static RUBY: LazyLock<Regex> = LazyLock::new(|| {
        compile(r#"^\s*(?:it|specify|test)\s+["']([^"']{1,200})|^\s*def\s+(test_\w+)"#)
    });
    let pattern = match language {
        Language::Python => &PYTHON,
        Language::JavaScript => &SCRIPT,
        Language::Go => &GO,
        Language::Ruby => &RUBY,
        _ => return Vec::new(),
    };
    let captures = pattern.captures(code);
    captures
        .iter()
        .flat_map(|captures| captures.iter().skip(1).flatten())
        .map(|name| name.as_str().to_owned())
        .collect()
}

/// Languages that mark a test by an attribute on a line of its own.
fn marker(language: Language) -> Option<&'static Regex> {
    static RUST: LazyLock<Regex> =
        LazyLock::new(|| compile(r"^\s*#\[(?:\w+::)*(?:test|rstest|test_case)\b"));
    static JAVA: LazyLock<Regex> = LazyLock::new(|| compile(r"^\s*@(?:Test|ParameterizedTest)\b"));
    static SHARP: LazyLock<Regex> =
        LazyLock::new(|| compile(r"^\s*\[(?:Fact|Theory|Test|TestMethod)\b"));
    match language {
        Language::Rust => Some(&RUST),
        Language::Java | Language::Kotlin => Some(&JAVA),
        Language::CSharp => Some(&SHARP),
        _ => None,
    }
}

static FUNCTION: LazyLock<Regex> =
    LazyLock::new(|| compile(r"\b(?:fn|fun|void|Task|def)\s+(\w+)\s*(?:<[^>]*>)?\s*\("));
static ASSERTION: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"\b(?:debug_)?assert\w*!?\s*[( ]|\bexpect\s*\(|\b(?:require|assert|t)\.(?:\w*Equal|Error\w*|Fatal\w*|NoError|True|False|Nil|NotNil|Contains|Len)\s*\(|\bAssert\.\w+\s*\(|\.should\b|\bself\.assert\w+\s*\(",
    )
});

fn removed(_: &dyn ChangeSource, view: &FileView<'_>, sink: &mut Sink) {
    let gone: Vec<String> = view
        .removed
        .iter()
        .map(|line| Masked::new(&line.text, view.language).code)
        .collect();
    let new: Vec<&str> = view.added.iter().map(|line| line.code.as_str()).collect();
    let old_names = names(view.language, gone.iter().map(String::as_str));
    let new_names = names(view.language, new.iter().copied());
    for name in new_names {
        sink.tally.entry(name).or_default().added = true;
    }
    let index = sink.file_index();
    for name in &old_names {
        let tally = sink.tally.entry(name.clone()).or_default();
        tally
            .removed_from
            .get_or_insert_with(|| (index, view.path.clone()));
    }
    let edited = matches!(view.file.status, Status::Modified | Status::Renamed { .. });
    if edited && view.is_test && old_names.is_empty() {
        weakened(view, &gone, &new, sink);
    }
}

/// Names of tests among lines: declared by name, or the function below a marker.
fn names<'a>(language: Language, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let marker = marker(language);
    let mut found = Vec::new();
    let mut marked = false;
    for line in lines {
        found.extend(test_names(language, line));
        let Some(marker) = marker else { continue };
        if let Some(name) = FUNCTION.captures(line).filter(|_| marked) {
            found.push(name[1].to_owned());
            marked = false;
        }
        marked |= marker.is_match(line);
    }
    found
}

/// A test file that lost assertions and gained none.
fn weakened(view: &FileView<'_>, gone: &[String], new: &[&str], sink: &mut Sink) {
    let count = |lines: &mut dyn Iterator<Item = &str>| {
        lines.filter(|line| ASSERTION.is_match(line)).count()
    };
    let lost = count(&mut gone.iter().map(String::as_str));
    if lost == 0 || count(&mut new.iter().copied()) > 0 {
        return;
    }
    let title = match lost {
        1 => "An assertion was removed and none was added".to_owned(),
        many => format!("{many} assertions were removed and none was added"),
    };
    match view.added.first() {
        Some(line) => sink.line(line.number, Note::titled(title)),
        None => sink.whole_file(Note::titled(title)),
    }
}

fn report(sink: &mut Sink) {
    let tally = std::mem::take(&mut sink.tally);
    let mut by_file: Vec<((usize, String), Vec<String>)> = Vec::new();
    for (name, entry) in tally {
        let Some(place) = entry.removed_from.filter(|_| !entry.added) else {
            continue;
        };
        match by_file.iter_mut().find(|(known, _)| *known == place) {
            Some((_, names)) => names.push(name),
            None => by_file.push((place, vec![name])),
        }
    }
    for ((index, path), names) in by_file {
        sink.enter(index, &path);
        let title = match names.len() {
            1 => format!("A test was removed: `{}`", names[0]),
            many => format!("{many} tests were removed"),
        };
        let listed: Vec<String> = names
            .iter()
            .take(8)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = names.len().saturating_sub(listed.len());
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        sink.whole_file(Note {
            body: Some(format!(
                "Gone, and not added elsewhere: {}{tail}.",
                listed.join(", ")
            )),
            ..Note::titled(title)
        });
        sink.leave();
    }
}
