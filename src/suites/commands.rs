//! The command lines that run a package's tests.

use std::collections::BTreeSet;

use bstr::{BStr, ByteSlice as _};

use super::find::Package;
use super::policy::{Kept, Place};
use super::runners::Word;

/// The program of a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The first of this name on PATH.
    OnPath(&'static str),
    /// This file of the package's folder where it is there, else the second on PATH.
    Wrapper(&'static str, &'static str),
}

/// What runs every target of cargo's that is a test.
const ALL_CARGO_TESTS: &str = "--tests";

/// A command line, to be run in the package's folder. No shell reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: Program,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// As people write it.
    #[must_use]
    pub fn shown(&self) -> String {
        let program = match self.program {
            Program::OnPath(name) | Program::Wrapper(_, name) => name,
        };
        let mut words = vec![program];
        words.extend(self.arguments.iter().map(String::as_str));
        words.join(" ")
    }
}

impl Package {
    /// The command that runs these test files, from what was kept for this package; the whole suite where its runner
    /// cannot be narrowed down.
    #[must_use]
    pub fn run_command(&self, kept: &[&Kept]) -> CommandLine {
        self.command(self.runner.run, kept)
    }

    /// Whether the command that runs these files runs others with them.
    #[must_use]
    pub fn runs_more_than(&self, kept: &[&Kept]) -> bool {
        let command = self.run_command(kept);
        command == self.run_command(&[])
            || command.arguments.iter().any(|word| word == ALL_CARGO_TESTS)
            || self
                .runner
                .run
                .iter()
                .any(|word| matches!(word, Word::Folders))
    }

    /// The command that only builds them, where the runner has one.
    #[must_use]
    pub fn build_command(&self, kept: &[&Kept]) -> Option<CommandLine> {
        Some(self.command(self.runner.build?, kept))
    }

    fn command(&self, words: &[Word], kept: &[&Kept]) -> CommandLine {
        let mut program = Program::OnPath("true");
        let mut arguments = Vec::new();
        let paths: Vec<&BStr> = kept
            .iter()
            .filter_map(|one| self.relative(BStr::new(one.accepted.path.as_str())))
            .collect();
        for word in words {
            match word {
                Word::Program(name) => program = Program::OnPath(name),
                Word::Wrapper(own, name) => program = Program::Wrapper(own, name),
                Word::Is(text) => arguments.push((*text).to_owned()),
                Word::Files => {
                    arguments.extend(self.runnable(&paths).map(argument));
                }
                Word::CargoTargets => arguments.extend(self.cargo_targets(kept)),
                Word::Folders => {
                    let folders: BTreeSet<String> = self
                        .runnable(&paths)
                        .map(|path| match path.rfind_byte(b'/') {
                            Some(slash) => format!("./{}", path[..slash].to_str_lossy()),
                            None => ".".to_owned(),
                        })
                        .collect();
                    arguments.extend(folders);
                }
                Word::Classes(before) => {
                    let classes: Vec<String> = self.runnable(&paths).map(class).collect();
                    if !classes.is_empty() {
                        arguments.push(format!("{before}{}", classes.join(",")));
                    }
                }
                Word::EachClass(before) => {
                    for path in self.runnable(&paths) {
                        arguments.extend([(*before).to_owned(), format!("*{}", class(path))]);
                    }
                }
            }
        }
        CommandLine { program, arguments }
    }

    /// Test files that a runner can be told to run: sources of its languages, and no data beside them.
    fn runnable<'p>(&self, paths: &'p [&'p BStr]) -> impl Iterator<Item = &'p BStr> {
        let extensions = self.runner.extensions;
        paths.iter().copied().filter(move |path| {
            let end = path.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
            let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
            extensions.iter().any(|known| known.as_bytes() == end) && name != b"__init__.py"
        })
    }

    /// `tests/a.rs` and `tests/a/main.rs` are targets by name; a file that belongs to no known one takes them all.
    fn cargo_targets(&self, kept: &[&Kept]) -> Vec<String> {
        let mut targets: BTreeSet<String> = BTreeSet::new();
        let mut kinds: BTreeSet<&str> = BTreeSet::new();
        for one in kept {
            let Some(path) = self.relative(BStr::new(one.accepted.path.as_str())) else {
                continue;
            };
            let path = path.to_str_lossy();
            if one.place == Place::TestModule {
                let is_program = path == "src/main.rs" || path.starts_with("src/bin/");
                kinds.insert(if is_program { "--bins" } else { "--lib" });
                continue;
            }
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                ["tests", file] if file.ends_with(".rs") => {
                    targets.insert(file.trim_end_matches(".rs").to_owned());
                }
                ["tests", folder, "main.rs"] => {
                    targets.insert((*folder).to_owned());
                }
                _ => {
                    kinds.insert(ALL_CARGO_TESTS);
                }
            }
        }
        if kinds.contains(ALL_CARGO_TESTS) {
            return vec![ALL_CARGO_TESTS.to_owned()];
        }
        let named = targets
            .into_iter()
            .flat_map(|target| ["--test".to_owned(), target]);
        kinds.into_iter().map(str::to_owned).chain(named).collect()
    }
}

/// A path as an argument: never taken for an option.
fn argument(path: &BStr) -> String {
    let path = path.to_str_lossy();
    if path.starts_with('-') {
        format!("./{path}")
    } else {
        path.into_owned()
    }
}

fn class(path: &BStr) -> String {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let stem = name.split(|&byte| byte == b'.').next().unwrap_or_default();
    stem.to_str_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::accepted::Accepted;
    use super::*;

    #[track_caller]
    fn check(runner: &str, root: &str, files: &[&str], expected: &str) {
        let package = Package::named(root.into(), runner, "m".into(), Vec::new()).unwrap();
        let kept: Vec<Kept> = files
            .iter()
            .map(|path| Kept {
                accepted: Accepted {
                    path: (*path).to_owned(),
                    before: None,
                    after: String::new(),
                    insertions: Vec::new(),
                },
                package: 0,
                place: if path.contains("src/") && runner == "cargo" {
                    Place::TestModule
                } else {
                    Place::TestFile
                },
                before: None,
                after: String::new(),
            })
            .collect();
        let kept: Vec<&Kept> = kept.iter().collect();
        assert_eq!(package.run_command(&kept).shown(), expected);
    }

    #[test]
    fn commands_run_the_new_tests_and_little_else() {
        check(
            "cargo",
            "",
            &["tests/a.rs", "tests/b/main.rs"],
            "cargo test --offline --test a --test b",
        );
        check("cargo", "x", &["x/src/a.rs"], "cargo test --offline --lib");
        check(
            "cargo",
            "",
            &["src/main.rs", "tests/a.rs"],
            "cargo test --offline --bins --test a",
        );
        check(
            "cargo",
            "",
            &["tests/it/a.rs"],
            "cargo test --offline --tests",
        );
        check(
            "go",
            "",
            &["a/x_test.go", "y_test.go"],
            "go test -count=1 . ./a",
        );
        check(
            "npm",
            "web",
            &["web/a.test.ts", "web/test/data.json"],
            "npm test -- a.test.ts",
        );
        check(
            "unittest",
            "",
            &["tests/test_a.py", "tests/__init__.py"],
            "python3 -m unittest tests/test_a.py",
        );
        check(
            "pytest",
            "",
            &["-x/test_a.py"],
            "python3 -m pytest -p no:cacheprovider ./-x/test_a.py",
        );
        check(
            "maven",
            "",
            &["src/test/java/a/BTest.java", "src/test/java/CTest.java"],
            "mvn -q -o test -Dtest=BTest,CTest",
        );
        check(
            "gradle",
            "",
            &["src/test/kotlin/BTest.kt"],
            "gradle --offline --no-daemon test --tests *BTest",
        );
        check("make", "", &["tests/a.sh"], "make test");
    }

    #[test]
    fn only_a_runner_that_builds_apart_has_a_command_for_it() {
        let named = |runner| Package::named("".into(), runner, "m".into(), Vec::new()).unwrap();
        assert!(
            named("cargo")
                .build_command(&[])
                .unwrap()
                .shown()
                .contains("--no-run")
        );
        assert_eq!(named("unittest").build_command(&[]), None);
    }
}
