//! What a writer of tests may change: tests are added, and nothing else is touched.
//!
//! Allowed are new test files, additions to test files between the tests that are there, and (in Rust) additions inside
//! the one module `#[cfg(test)]` of a source file, or such a module at its end. Everything else is refused: other files,
//! deletions, renames, modes, links, what is binary or large, what steers how tests run, and what weakens a test that was
//! there. A file is accepted whole or refused whole.

use std::collections::BTreeMap;
use std::fmt;

use bstr::{BStr, BString, ByteSlice as _};

use super::accepted::{Accepted, ended};
use super::additions::Additions;
use super::find::Package;
use super::{test_module, weakening};
use crate::checks::{self, ChangeSource, ChangedText, Line, SourceFile};
use crate::review::FindingOrigin;
use crate::secrets::Redactor;
use crate::target::Status;

/// The largest test file.
pub(super) const MOST_FILE_BYTES: usize = 256 * 1024;
/// The most bytes of all files together.
const MOST_TOTAL_BYTES: usize = 1024 * 1024;
/// The most files.
const MOST_FILES: usize = 64;
/// git's mode of an ordinary file.
const ORDINARY: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;
const LINK: u32 = 0o120_000;
/// Rules of the built-in checks that a test must not break.
const RULES: [&str; 5] = [
    "focused-test",
    "skipped-test",
    "merge-conflict-marker",
    "private-key",
    "bidi-control",
];

/// One side of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// git's mode.
    pub mode: u32,
    /// Its content; `None` where it is larger than is looked at.
    pub content: Option<Vec<u8>>,
}

/// A file that the writer left other than it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Its path, from the repository root.
    pub path: BString,
    /// Where it was before, if it was moved.
    pub moved_from: Option<BString>,
    /// As it was; `None` for a new one.
    pub before: Option<FileState>,
    /// As it is; `None` for one that is gone.
    pub after: Option<FileState>,
}

impl Touched {
    /// What happened to it, in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.moved_from, &self.before, &self.after) {
            (Some(_), _, _) => "renamed",
            (None, None, _) => "added",
            (None, Some(_), None) => "deleted",
            (None, Some(before), Some(after)) if before.content == after.content => "mode",
            (None, Some(_), Some(_)) => "changed",
        }
    }
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no test of a package that the change touches.
    NotATest,
    /// It steers how tests are built, found or run.
    Steering,
    /// It was deleted.
    Deleted,
    /// It was moved.
    Renamed {
        /// From here.
        from: String,
    },
    /// It is a link, a submodule or something else that is no file.
    NotAFile(&'static str),
    /// It may be executed, or its mode changed.
    Mode,
    /// It is not text.
    Binary,
    /// It is too large.
    TooLarge,
    /// There is too much before it.
    TooMuch,
    /// Its name is no text.
    Name,
    /// Lines that were there are gone or changed.
    NotOnlyAdded {
        /// The first of them.
        line: usize,
    },
    /// Lines stand inside a test that was there.
    InsideExisting {
        /// The first new line.
        line: usize,
    },
    /// Something that was there is defined again.
    Redefines {
        /// Its name.
        name: String,
    },
    /// A line switches tests off or ends their run.
    SwitchesOff {
        /// The line.
        line: usize,
        /// The word.
        what: String,
    },
    /// A built-in check objects.
    Check {
        /// What it says.
        title: String,
        /// The line, where there is one.
        line: Option<u32>,
    },
    /// It holds what looks like a credential.
    Credential,
    /// In a source file, something stands outside of its module for tests.
    OutsideTestModule {
        /// The first such line, where one is known.
        line: Option<usize>,
    },
    /// A source file that no grammar reads.
    Unparsed,
    /// It was left out before anybody looked at it.
    LeftOut(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotATest => {
                f.write_str("not a test file of a package that the change touches")
            }
            Refusal::Steering => f.write_str("it steers how tests are built, found or run"),
            Refusal::Deleted => f.write_str("nothing may be deleted"),
            Refusal::Renamed { from } => write!(f, "nothing may be renamed (it was `{from}`)"),
            Refusal::NotAFile(what) => write!(f, "it is {what}"),
            Refusal::Mode => {
                f.write_str("its mode is not that of an ordinary file, or has changed")
            }
            Refusal::Binary => f.write_str("it is not text"),
            Refusal::TooLarge => write!(f, "it has more than {} KiB", MOST_FILE_BYTES / 1024),
            Refusal::TooMuch => write!(
                f,
                "more than {MOST_FILES} files or {} KiB in all",
                MOST_TOTAL_BYTES / 1024
            ),
            Refusal::Name => f.write_str("its name is not UTF-8"),
            Refusal::NotOnlyAdded { line } => {
                write!(
                    f,
                    "line {line} of the version before is gone or changed: only additions are taken"
                )
            }
            Refusal::InsideExisting { line } => {
                write!(
                    f,
                    "line {line} stands inside a test or function that was there, or changes what it is marked with"
                )
            }
            Refusal::Redefines { name } => write!(f, "it defines `{name}` again, which was there"),
            Refusal::SwitchesOff { line, what } => {
                write!(f, "line {line} can switch tests off: `{what}`")
            }
            Refusal::Check {
                title,
                line: Some(line),
            } => write!(f, "line {line}: {title}"),
            Refusal::Check { title, line: None } => f.write_str(title),
            Refusal::Credential => f.write_str("it holds what looks like a credential"),
            Refusal::OutsideTestModule { line: Some(line) } => write!(
                f,
                "line {line} stands outside of the one module `#[cfg(test)]` of this source file"
            ),
            Refusal::OutsideTestModule { line: None } => {
                f.write_str("a source file may change inside its one module `#[cfg(test)]` alone")
            }
            Refusal::Unparsed => f.write_str("a source file that could not be parsed"),
            Refusal::LeftOut(reason) => f.write_str(reason),
        }
    }
}

/// A refused file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its path.
    pub path: BString,
    /// What happened to it, in a word.
    pub word: &'static str,
    /// Why.
    pub why: Refusal,
}

/// What an accepted file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A test file.
    TestFile,
    /// A source file with a module for tests.
    TestModule,
}

/// An accepted file with both of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The additions.
    pub accepted: Accepted,
    /// The package that it belongs to, by its index.
    pub package: usize,
    /// What it is.
    pub place: Place,
    /// The version before; `None` for a new file.
    pub before: Option<String>,
    /// The version with the additions.
    pub after: String,
}

impl Kept {
    /// The file on the base of the change as it would be without the new tests: with those alone that the change itself
    /// has in it. `None` for a new file, which is not there without them.
    #[must_use]
    pub fn without_tests_on_base(&self, base: Option<&[u8]>) -> Option<String> {
        let before = self.before.as_ref()?;
        match self.place {
            Place::TestFile => Some(before.clone()),
            Place::TestModule => {
                let base = std::str::from_utf8(base?).ok()?;
                Some(test_module::graft(base, before).unwrap_or_else(|| base.to_owned()))
            }
        }
    }

    /// The file as it is to be on the base of the change, where it is `base` (`None` is no file). `None` where the tests
    /// have no place in it.
    #[must_use]
    pub fn on_base(&self, base: Option<&[u8]>) -> Option<String> {
        match self.place {
            Place::TestFile => Some(self.after.clone()),
            Place::TestModule => {
                let base = std::str::from_utf8(base?).ok()?;
                test_module::graft(base, &self.after)
            }
        }
    }
}

/// What was accepted and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// By path.
    pub kept: Vec<Kept>,
    /// By path.
    pub refused: Vec<Refused>,
}

impl Policy {
    /// Judges every file that was touched.
    #[must_use]
    pub fn of(packages: &[Package], touched: Vec<Touched>) -> Policy {
        let mut policy = Policy::default();
        let mut total = 0;
        for file in touched {
            let word = file.word();
            let path = file.path.clone();
            let judged = look(packages, file).and_then(|kept| {
                total += kept.after.len();
                if policy.kept.len() >= MOST_FILES || total > MOST_TOTAL_BYTES {
                    return Err(Refusal::TooMuch);
                }
                Ok(kept)
            });
            match judged {
                Ok(kept) => policy.kept.push(kept),
                Err(why) => policy.refused.push(Refused { path, word, why }),
            }
        }
        policy.check();
        policy
            .refused
            .sort_by(|one, other| one.path.cmp(&other.path));
        policy
    }

    /// Takes out what the built-in checks object to.
    fn check(&mut self) {
        let source = Additional::of(&self.kept);
        let mut objections: BTreeMap<String, Refusal> = BTreeMap::new();
        for finding in checks::check(&source) {
            let FindingOrigin::Rule(rule) = &finding.origin else {
                continue;
            };
            if RULES.contains(&rule.as_str()) {
                objections.entry(finding.file).or_insert(Refusal::Check {
                    title: finding.title,
                    line: finding.lines.map(|lines| lines.start()),
                });
            }
        }
        let kept = std::mem::take(&mut self.kept);
        for one in kept {
            match objections.remove(&one.accepted.path) {
                None => self.kept.push(one),
                Some(why) => self.refused.push(Refused {
                    path: one.accepted.path.as_str().into(),
                    word: if one.before.is_some() {
                        "changed"
                    } else {
                        "added"
                    },
                    why,
                }),
            }
        }
    }
}

/// What a mode says that is no ordinary file's; `None` for a file.
fn special(mode: u32) -> Option<&'static str> {
    match mode & 0o170_000 {
        0o100_000 => None,
        LINK => Some("a symbolic link"),
        0o160_000 => Some("a submodule"),
        _ => Some("no regular file"),
    }
}

fn look(packages: &[Package], file: Touched) -> Result<Kept, Refusal> {
    if let Some(from) = &file.moved_from {
        return Err(Refusal::Renamed {
            from: from.to_str_lossy().into_owned(),
        });
    }
    let Some(after) = file.after else {
        return Err(Refusal::Deleted);
    };
    for side in [Some(&after), file.before.as_ref()].into_iter().flatten() {
        if let Some(what) = special(side.mode) {
            return Err(Refusal::NotAFile(what));
        }
    }
    let path = file.path.as_bstr();
    let Ok(name) = path.to_str() else {
        return Err(Refusal::Name);
    };
    let (package, place) = place(packages, path)?;
    match &file.before {
        None if after.mode != ORDINARY => return Err(Refusal::Mode),
        Some(before) if before.mode != after.mode => return Err(Refusal::Mode),
        Some(before) if ![ORDINARY, EXECUTABLE].contains(&before.mode) => {
            return Err(Refusal::Mode);
        }
        _ => {}
    }
    let content = after.content.ok_or(Refusal::TooLarge)?;
    if content.len() > MOST_FILE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let after = text(content)?;
    let before = match file.before {
        None => None,
        Some(before) => Some(text(before.content.ok_or(Refusal::TooLarge)?)?),
    };
    let old = before.as_deref().unwrap_or_default();
    let additions =
        Additions::between(old, &after).map_err(|line| Refusal::NotOnlyAdded { line })?;
    let added: Vec<&str> = additions.lines().map(|(_, text)| text).collect();
    if !Redactor::after(0)
        .redact(&added.join("\n"))
        .found
        .is_empty()
    {
        return Err(Refusal::Credential);
    }
    if place == Place::TestModule {
        // A source file that is nothing but tests is compiled by nobody, or is a program without a beginning.
        if before.is_none() {
            return Err(Refusal::OutsideTestModule { line: None });
        }
        test_module::only_tests_added(old, &after, &additions)?;
    }
    let weakened = match &before {
        None => weakening::switch(additions.lines()),
        Some(before) => weakening::weakens(path, before, &after, &additions),
    };
    if let Some(refusal) = weakened {
        return Err(refusal);
    }
    let accepted = Accepted::new(name.to_owned(), before.as_deref(), &after, &additions);
    let after = ended(&after).into_owned();
    Ok(Kept {
        accepted,
        package,
        place,
        before,
        after,
    })
}

/// The package that a path is a test of: the one whose folder is nearest.
fn place(packages: &[Package], path: &BStr) -> Result<(usize, Place), Refusal> {
    let nearest = |fits: &dyn Fn(&Package) -> bool| {
        let fitting = packages
            .iter()
            .enumerate()
            .filter(|(_, package)| fits(package));
        fitting
            .max_by_key(|(_, package)| package.root.len())
            .map(|(index, _)| index)
    };
    let found = match nearest(&|package| package.is_test(path)) {
        Some(index) => Ok((index, Place::TestFile)),
        None => nearest(&|package| {
            package.runner.in_source && path.ends_with(b".rs") && package.relative(path).is_some()
        })
        .map(|index| (index, Place::TestModule))
        .ok_or(Refusal::NotATest),
    };
    let (index, place) = found?;
    if packages[index].is_steering(path) {
        return Err(Refusal::Steering);
    }
    Ok((index, place))
}

fn text(content: Vec<u8>) -> Result<String, Refusal> {
    if content.contains(&0) {
        return Err(Refusal::Binary);
    }
    String::from_utf8(content).map_err(|_not_text| Refusal::Binary)
}

/// The accepted additions as a change that the built-in checks look at.
struct Additional<'k> {
    kept: &'k [Kept],
    files: Vec<SourceFile>,
}

impl<'k> Additional<'k> {
    fn of(kept: &'k [Kept]) -> Self {
        let files = kept
            .iter()
            .map(|one| SourceFile {
                path: one.accepted.path.as_str().into(),
                status: if one.before.is_some() {
                    Status::Modified
                } else {
                    Status::Added
                },
                old_mode: one.before.as_ref().map(|_| ORDINARY),
                new_mode: Some(ORDINARY),
                new_size: Some(one.after.len() as u64),
                binary: false,
            })
            .collect();
        Additional { kept, files }
    }
}

impl ChangeSource for Additional<'_> {
    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn lines(&self, index: usize) -> ChangedText {
        let one = &self.kept[index];
        let before = one.before.as_deref().unwrap_or_default();
        let Ok(additions) = Additions::between(before, &one.after) else {
            return ChangedText::default();
        };
        let added = additions
            .lines()
            .map(|(number, text)| Line {
                number: u32::try_from(number).unwrap_or(u32::MAX),
                text: text.to_owned(),
            })
            .collect();
        ChangedText {
            added,
            removed: Vec::new(),
        }
    }

    fn new_content(&self, index: usize) -> Option<Vec<u8>> {
        Some(self.kept[index].after.clone().into_bytes())
    }

    fn is_tracked(&self, _: &BStr) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(runner: &str, root: &str) -> Package {
        Package::named(root.into(), runner, "m".into(), Vec::new()).unwrap()
    }

    fn state(mode: u32, content: &str) -> Option<FileState> {
        Some(FileState {
            mode,
            content: Some(content.as_bytes().to_vec()),
        })
    }

    fn touched(path: &str, before: Option<FileState>, after: Option<FileState>) -> Touched {
        Touched {
            path: path.into(),
            moved_from: None,
            before,
            after,
        }
    }

    fn added(path: &str, content: &str) -> Touched {
        touched(path, None, state(ORDINARY, content))
    }

    /// The refusal of a file, or `None` where it is accepted.
    #[track_caller]
    fn check(runner: &str, file: Touched, expected: Option<&str>) {
        let shown = format!("{file:?}");
        let policy = Policy::of(&[package(runner, "")], vec![file]);
        let refusal = policy
            .refused
            .first()
            .map(|refused| refused.why.to_string());
        match (refusal, expected) {
            (None, None) => assert_eq!(policy.kept.len(), 1, "{shown}"),
            (Some(found), Some(expected)) => {
                assert!(found.contains(expected), "{found:?} for {shown}");
            }
            (found, _) => panic!("{found:?}, expected {expected:?} for {shown}"),
        }
    }

    const TEST: &str = "#[test]\nfn a() {\n    assert!(true);\n}\n";

    #[test]
    fn new_tests_are_accepted_and_other_files_are_refused() {
        check("cargo", added("tests/a.rs", TEST), None);
        check("cargo", added("tests/data/a.txt", "1\n"), None);
        check("cargo", added("src/a.rs", TEST), Some("module"));
        let module = format!("#[cfg(test)]\nmod tests {{\n{TEST}}}\n");
        check("cargo", added("src/bin/a.rs", &module), Some("module"));
        check("cargo", added("README.md", "x\n"), Some("not a test file"));
        check("cargo", added("build.rs", "fn main() {}\n"), Some("steers"));
        check(
            "cargo",
            added("tests/x/Cargo.toml", "[package]\n"),
            Some("steers"),
        );
        check(
            "unittest",
            added("tests/conftest.py", "x = 1\n"),
            Some("steers"),
        );
        check(
            "unittest",
            added("tests/test_a.py", "def test_a():\n    assert f()\n"),
            None,
        );
        check(
            "go",
            added(
                "a/x_test.go",
                "package a\n\nfunc TestMain(m *testing.M) {\n}\n",
            ),
            Some("TestMain"),
        );
    }

    #[test]
    fn what_is_no_ordinary_text_file_is_refused() {
        let file = |mode, content: &str| touched("tests/a.rs", None, state(mode, content));
        check("cargo", file(EXECUTABLE, TEST), Some("mode"));
        check("cargo", file(LINK, "../src/lib.rs"), Some("symbolic link"));
        check("cargo", file(0o160_000, ""), Some("submodule"));
        check("cargo", file(ORDINARY, "a\0b"), Some("not text"));
        let large = "// x\n".repeat(MOST_FILE_BYTES / 5 + 1);
        check("cargo", file(ORDINARY, &large), Some("KiB"));
        let unread = touched(
            "tests/a.rs",
            None,
            Some(FileState {
                mode: ORDINARY,
                content: None,
            }),
        );
        check("cargo", unread, Some("KiB"));
        let mut bytes = added("x", TEST);
        bytes.path = b"tests/\xff.rs".as_slice().into();
        check("cargo", bytes, Some("UTF-8"));
        let latin = touched(
            "tests/a.rs",
            None,
            Some(FileState {
                mode: ORDINARY,
                content: Some(vec![0xe9]),
            }),
        );
        check("cargo", latin, Some("not text"));
    }

    #[test]
    fn existing_tests_only_grow() {
        let file =
            |after: &str| touched("tests/a.rs", state(ORDINARY, TEST), state(ORDINARY, after));
        check(
            "cargo",
            file(&format!(
                "{TEST}\n#[test]\nfn b() {{\n    assert!(f());\n}}\n"
            )),
            None,
        );
        check("cargo", file("#[test]\nfn a() {\n}\n"), Some("line 3"));
        check(
            "cargo",
            file(&TEST.replace("true", "1 == 1")),
            Some("only additions"),
        );
        check(
            "cargo",
            touched("tests/a.rs", state(ORDINARY, TEST), None),
            Some("deleted"),
        );
        check(
            "cargo",
            touched("tests/a.rs", state(ORDINARY, TEST), state(EXECUTABLE, TEST)),
            Some("mode"),
        );
        let mut moved = added("tests/b.rs", TEST);
        moved.moved_from = Some("tests/a.rs".into());
        check("cargo", moved, Some("renamed"));
    }

    #[test]
    fn built_in_checks_and_credentials_count() {
        check(
            "cargo",
            added(
                "tests/a.rs",
                &TEST.replace("#[test]\n", "#[test]\n#[ignore]\n"),
            ),
            Some("skipped"),
        );
        let focused = "it.only('a', () => {\n  f();\n});\n";
        check("npm", added("a.test.js", focused), Some("Focused"));
        let key = "AKIA".to_owned() + "Q3EGRIVKJ7XWZ2MP";
        check(
            "cargo",
            added("tests/a.rs", &format!("{TEST}// {key}\n")),
            Some("credential"),
        );
    }

    #[test]
    fn a_test_belongs_to_the_nearest_package() {
        let packages = [package("npm", ""), package("npm", "web")];
        let policy = Policy::of(
            &packages,
            vec![added("web/a.test.js", "it('a', () => {\n  f();\n});\n")],
        );
        assert_eq!(policy.kept[0].package, 1);
        let other = Policy::of(
            &[package("cargo", "crates/a")],
            vec![added("crates/b/tests/x.rs", TEST)],
        );
        assert_eq!(other.refused[0].why, Refusal::NotATest);
    }

    #[test]
    fn the_sum_of_all_files_is_bounded() {
        let text = format!("{TEST}// {}\n", "x".repeat(200 * 1024));
        let files = (0..8)
            .map(|number| added(&format!("tests/{number}.rs"), &text))
            .collect();
        let policy = Policy::of(&[package("cargo", "")], files);
        assert_eq!(policy.kept.len(), 5);
        assert!(
            policy
                .refused
                .iter()
                .all(|refused| refused.why == Refusal::TooMuch)
        );
    }
}
