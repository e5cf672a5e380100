//! Whether lines that were put into a test file weaken the tests that were there.
//!
//! What can be told mechanically: lines inside an existing test, lines that change what an attribute or decorator stands
//! on, a second definition of a name that is there, and words that end or switch off a test run.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::additions::{Additions, Run};
use super::policy::Refusal;
use crate::symbols::{FileOutline, Kind, Language, LineRange, outline};

/// Words that end a run of tests, switch a whole file of them off or choose among them.
static SWITCHES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:pytestmark|SkipTest|__test__|collect_ignore(?:_glob)?|load_tests|pytest_plugins|TestMain|process\.exit|sys\.exit|os\._exit|os\.Exit|System\.exit|process::(?:exit|abort)|allow_module_level)\b",
    )
    .expect("the pattern is fixed")
});

/// A test that is a call with a function: it has no definition that an outline knows.
static CALLED_TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\s*)(?:it|test|specify|scenario|beforeEach|afterEach|beforeAll|afterAll|before|after|setup|teardown)\b(?:\.\w+)*\s*[\( ]")
        .expect("the pattern is fixed")
});

/// The first word among lines that switches tests off, with the line's number.
pub(super) fn switch<'t>(lines: impl Iterator<Item = (usize, &'t str)>) -> Option<Refusal> {
    lines
        .filter_map(|(line, text)| {
            let what = SWITCHES.find(text)?.as_str().trim().to_owned();
            Some(Refusal::SwitchesOff { line, what })
        })
        .next()
}

/// An attribute on the whole file: on all tests that are in it.
fn attribute_on_all<'t>(mut lines: impl Iterator<Item = (usize, &'t str)>) -> Option<Refusal> {
    let (line, _) = lines.find(|(_, text)| text.trim_start().starts_with("#!["))?;
    Some(Refusal::SwitchesOff {
        line,
        what: "#![".to_owned(),
    })
}

/// Why the additions weaken what was there; `None` where nothing says so.
pub(super) fn weakens(
    path: &[u8],
    before: &str,
    after: &str,
    additions: &Additions<'_>,
) -> Option<Refusal> {
    let switched = switch(additions.lines()).or_else(|| attribute_on_all(additions.lines()));
    if switched.is_some() {
        return switched;
    }
    let language = Language::of_path(path);
    let old = outline(language, before.as_bytes());
    let new = outline(language, after.as_bytes());
    let tests = tests_of(&old, &additions.before);
    for index in 0..additions.runs.len() {
        let places = additions.places(index);
        let harmless =
            |run: &Run| !is_inside(&tests, run.behind) && !touches_an_attribute(additions, *run);
        if !places.iter().any(harmless) {
            return Some(Refusal::InsideExisting {
                line: places[0].first + 1,
            });
        }
    }
    redefined(&old, &new).map(|name| Refusal::Redefines { name })
}

/// The lines of everything that may be a test.
fn tests_of(outline: &FileOutline, lines: &[&str]) -> Vec<LineRange> {
    let functions = outline
        .definitions
        .iter()
        .filter(|definition| definition.kind == Kind::Function)
        .map(|definition| definition.lines);
    let called = match outline.language {
        Some(
            Language::Rust
            | Language::Python
            | Language::Go
            | Language::Java
            | Language::C
            | Language::Cpp
            | Language::CSharp,
        ) => Vec::new(),
        _ => called_tests(lines),
    };
    functions.chain(called).collect()
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// From a line such as `it("adds", () => {` to the next at the same depth that closes it.
fn called_tests(lines: &[&str]) -> Vec<LineRange> {
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if !CALLED_TEST.is_match(line) {
            continue;
        }
        let depth = indentation(line);
        let end = lines[index + 1..]
            .iter()
            .position(|other| !other.trim().is_empty() && indentation(other) <= depth)
            .map_or(lines.len(), |offset| index + 1 + offset + 1);
        found.push(LineRange {
            first: number(index + 1),
            last: number(end),
        });
    }
    found
}

fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Whether what is put in behind this line stands inside one of the ranges.
fn is_inside(ranges: &[LineRange], behind: usize) -> bool {
    let behind = number(behind);
    ranges
        .iter()
        .any(|range| range.first <= behind && behind < range.last)
}

/// Whether a run parts an attribute from what it stands on, or puts one before what was there.
fn touches_an_attribute(additions: &Additions<'_>, run: Run) -> bool {
    let is_attribute = |line: &str| {
        let line = line.trim_start();
        line.starts_with("#[")
            || line.starts_with('@')
            || (line.starts_with('[') && line.trim_end().ends_with(']'))
    };
    let above = run
        .behind
        .checked_sub(1)
        .and_then(|index| additions.before.get(index));
    let last = additions.after[run.first..run.first + run.count]
        .iter()
        .rev()
        .find(|line| !line.trim().is_empty());
    // A last run has nothing behind it that an attribute could stand on.
    let is_followed = run.behind < additions.before.len();
    above.is_some_and(|line| is_attribute(line))
        || (is_followed && last.is_some_and(|line| is_attribute(line)))
}

/// A name that is defined more often than before, where it was defined before.
fn redefined(old: &FileOutline, new: &FileOutline) -> Option<String> {
    let count = |outline: &FileOutline| {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for (index, definition) in outline.definitions.iter().enumerate() {
            if matches!(definition.kind, Kind::Function | Kind::Type | Kind::Module) {
                *counts.entry(outline.qualified_name(index)).or_default() += 1;
            }
        }
        counts
    };
    let old = count(old);
    let new = count(new);
    let mut names: Vec<&String> = new
        .iter()
        .filter(|(name, count)| old.get(*name).is_some_and(|before| *count > before))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names.first().map(|name| (*name).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, before: &str, after: &str, expected: Option<&str>) {
        let additions = Additions::between(before, after).unwrap();
        let found = weakens(path.as_bytes(), before, after, &additions);
        let found = found.map(|refusal| refusal.to_string());
        match (found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) if found.contains(expected) => {}
            (found, _) => panic!("{found:?}, expected {expected:?}\n{after}"),
        }
    }

    const RUST: &str = "#[test]\nfn a() {\n    assert!(f());\n}\n";

    #[test]
    fn a_new_test_beside_the_others_is_fine() {
        let new = "\n#[test]\nfn b() {\n    assert!(g());\n}\n";
        check("tests/a.rs", RUST, &format!("{RUST}{new}"), None);
        check(
            "tests/a.rs",
            RUST,
            &format!("use x::g;\n{new}\n{RUST}"),
            None,
        );
        let python = "class T(TestCase):\n    def test_a(self):\n        self.f()\n\n    def test_c(self):\n        self.f()\n";
        let between = python.replace(
            "    def test_c",
            "    def test_b(self):\n        self.f()\n\n    def test_c",
        );
        check("test_a.py", python, &between, None);
        let script = "describe('x', () => {\n  it('a', () => {\n    f();\n  });\n});\n";
        let more = script.replace(
            "  });\n});",
            "  });\n\n  it('b', () => {\n    f();\n  });\n});",
        );
        check("a.test.js", script, &more, None);
    }

    #[test]
    fn what_changes_an_existing_test_is_told() {
        let early = RUST.replace("    assert", "    return;\n    assert");
        check("tests/a.rs", RUST, &early, Some("inside a test"));
        let ignored = RUST.replace("#[test]\n", "#[test]\n#[ignore]\n");
        check("tests/a.rs", RUST, &ignored, Some("inside a test"));
        let stolen = RUST.replace("#[test]\n", "#[test]\nfn b() {}\n");
        check("tests/a.rs", RUST, &stolen, Some("inside a test"));
        let off = format!("#![cfg(any())]\n{RUST}");
        check("tests/a.rs", RUST, &off, Some("#!["));
        let python = "def test_a():\n    assert f()\n";
        let twice = format!("{python}\n\ndef test_a():\n    pass\n");
        check("test_a.py", python, &twice, Some("`test_a`"));
        let marked = format!("@skip('later')\n{python}");
        check("test_a.py", python, &marked, Some("inside a test"));
        let script = "it('a', () => {\n  f();\n});\n";
        let early = script.replace("  f()", "  return;\n  f()");
        check("a.test.js", script, &early, Some("inside a test"));
        let go = "func TestA(t *testing.T) {\n\tf(t)\n}\n";
        let main = format!("{go}\nfunc TestMain(m *testing.M) {{\n\tos.Exit(0)\n}}\n");
        check("a_test.go", go, &main, Some("TestMain"));
    }
}
