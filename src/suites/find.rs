//! Which packages a change touches, by the marker files above its paths.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice as _};

use super::runners::{RUNNERS, Runner, STEERING, Sign};
use crate::target::PathFilter;

/// A marker file is looked into up to this many bytes.
pub const MOST_MARKER_BYTES: u64 = 256 * 1024;
/// No more packages are written for at once; the others are counted.
const MOST_PACKAGES: usize = 16;

/// The files of the new side of a change.
pub trait ProjectFiles {
    /// Whether there is a regular file of this path.
    fn has(&self, path: &BStr) -> bool;

    /// Its content; `None` where there is none, it is larger than [`MOST_MARKER_BYTES`] or cannot be read.
    fn read(&self, path: &BStr) -> Option<Vec<u8>>;
}

/// A package that the change touches, and how its tests are run.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its folder, from the repository root, without a slash at the end; empty for the root itself.
    pub root: BString,
    /// How its tests are run.
    pub runner: &'static Runner,
    /// The file that made the folder a package.
    pub marker: BString,
    /// The changed files that it was found for, in order.
    pub changed: Vec<BString>,
    tests: PathFilter,
    steering: PathFilter,
}

/// The filters are the runner's own.
impl PartialEq for Package {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
            && self.runner.name == other.runner.name
            && self.marker == other.marker
            && self.changed == other.changed
    }
}

impl Package {
    /// The path of the file that made the folder a package, from the repository root.
    #[must_use]
    pub fn marker_path(&self) -> BString {
        if self.root.is_empty() {
            return self.marker.clone();
        }
        let mut path = self.root.clone();
        path.push(b'/');
        path.extend_from_slice(&self.marker);
        path
    }

    fn new(root: BString, runner: &'static Runner, marker: BString) -> Self {
        Package {
            root,
            runner,
            marker,
            changed: Vec::new(),
            tests: compiled(runner.tests),
            steering: compiled(STEERING),
        }
    }

    /// A package by what is stored of it; `None` where this version knows no such runner.
    #[must_use]
    pub fn named(
        root: BString,
        runner: &str,
        marker: BString,
        changed: Vec<BString>,
    ) -> Option<Self> {
        let runner = RUNNERS.into_iter().find(|known| known.name == runner)?;
        Some(Package {
            changed,
            ..Package::new(root, runner, marker)
        })
    }

    /// The path from the package's folder; `None` for a path outside of it.
    #[must_use]
    pub fn relative<'p>(&self, path: &'p BStr) -> Option<&'p BStr> {
        if self.root.is_empty() {
            return Some(path);
        }
        let rest = path.strip_prefix(self.root.as_slice())?;
        Some(rest.strip_prefix(b"/")?.as_bstr())
    }

    /// Whether the path is a test of this package, by its place.
    #[must_use]
    pub fn is_test(&self, path: &BStr) -> bool {
        self.relative(path)
            .is_some_and(|path| self.tests.passes(path))
    }

    /// Whether the path steers how tests are built, found or run.
    #[must_use]
    pub fn is_steering(&self, path: &BStr) -> bool {
        self.steering.passes(path)
    }

    /// Why it is one, in a sentence for people.
    #[must_use]
    pub fn reason(&self) -> String {
        let marker = self.marker.to_str_lossy();
        match self.changed.as_slice() {
            [] => format!("`{marker}` is there"),
            [one] => format!("`{marker}` is the nearest above `{}`", one.to_str_lossy()),
            [first, others @ ..] => format!(
                "`{marker}` is the nearest above `{}` and {} more",
                first.to_str_lossy(),
                others.len()
            ),
        }
    }
}

fn compiled(globs: &[&str]) -> PathFilter {
    let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
    PathFilter::compile(&globs).expect("a test compiles every glob of the table")
}

/// What was found for a change.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The packages, by folder.
    pub packages: Vec<Package>,
    /// Changed files for which no test command is known.
    pub without: Vec<BString>,
    /// How many more packages there are than are named.
    pub more: usize,
}

/// Finds the package of each changed path: the nearest folder above it with a runner for files of its kind, else the
/// nearest with any.
#[must_use]
pub fn find_packages<'p>(
    files: &dyn ProjectFiles,
    changed: impl IntoIterator<Item = &'p BStr>,
) -> Found {
    let mut by_place: BTreeMap<(BString, usize), Package> = BTreeMap::new();
    let mut without = Vec::new();
    for path in changed {
        let mut folders: Vec<&BStr> = path
            .rfind_iter(b"/")
            .map(|slash| path[..slash].as_bstr())
            .collect();
        folders.push(BStr::new(""));
        let is_known = RUNNERS.iter().any(|runner| is_about(runner, path));
        let find = |of_its_kind: bool| {
            folders.iter().find_map(|folder| {
                RUNNERS.iter().enumerate().find_map(|(index, runner)| {
                    if of_its_kind && !is_about(runner, path) {
                        return None;
                    }
                    let marker = marker_of(runner, folder, files)?;
                    Some(((*folder).to_owned(), index, marker))
                })
            })
        };
        // A source file of a known kind is tested by its own kind of runner or not at all.
        let found = find(true).or_else(|| if is_known { None } else { find(false) });
        match found {
            Some((root, index, marker)) => by_place
                .entry((root.clone(), index))
                .or_insert_with(|| Package::new(root, RUNNERS[index], marker))
                .changed
                .push(path.to_owned()),
            None => without.push(path.to_owned()),
        }
    }
    let more = by_place.len().saturating_sub(MOST_PACKAGES);
    Found {
        packages: by_place.into_values().take(MOST_PACKAGES).collect(),
        without,
        more,
    }
}

fn is_about(runner: &Runner, path: &BStr) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let Some(dot) = name.rfind_byte(b'.') else {
        return false;
    };
    let end = &name[dot + 1..];
    runner
        .extensions
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(end))
}

fn join(folder: &BStr, name: &str) -> BString {
    if folder.is_empty() {
        return name.into();
    }
    let mut path = folder.to_owned();
    path.push(b'/');
    path.extend_from_slice(name.as_bytes());
    path
}

/// The marker that makes the folder a package of this runner.
fn marker_of(runner: &Runner, folder: &BStr, files: &dyn ProjectFiles) -> Option<BString> {
    let marker = runner
        .markers
        .iter()
        .map(|name| join(folder, name))
        .find(|path| files.has(path.as_bstr()))?;
    let holds = |sign: &Sign| holds(sign, folder, files);
    let all = runner.all.iter().all(holds);
    let any = runner.any.is_empty() || runner.any.iter().any(holds);
    (all && any).then_some(marker)
}

fn holds(sign: &Sign, folder: &BStr, files: &dyn ProjectFiles) -> bool {
    match sign {
        Sign::Here(name) => files.has(join(folder, name).as_bstr()),
        Sign::Above(name) => {
            let mut at = Some(folder);
            while let Some(folder) = at {
                if files.has(join(folder, name).as_bstr()) {
                    return true;
                }
                at = match folder.rfind_byte(b'/') {
                    Some(slash) => Some(folder[..slash].as_bstr()),
                    None if folder.is_empty() => None,
                    None => Some(BStr::new("")),
                };
            }
            false
        }
        Sign::Says(name, text) => files
            .read(join(folder, name).as_bstr())
            .is_some_and(|content| content.contains_str(text)),
        Sign::TestScript => files
            .read(join(folder, "package.json").as_bstr())
            .is_some_and(|content| has_test_script(&content)),
        Sign::TestTarget => ["Makefile", "makefile", "GNUmakefile"].iter().any(|name| {
            let makefile = files.read(join(folder, name).as_bstr()).unwrap_or_default();
            makefile
                .lines()
                .any(|line| line.starts_with(b"test:") && !line.starts_with(b"test:="))
        }),
    }
}

fn has_test_script(manifest: &[u8]) -> bool {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    manifest["scripts"]["test"]
        .as_str()
        // What `npm init` writes stands for no test.
        .is_some_and(|script| !script.trim().is_empty() && !script.contains("no test specified"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Held(BTreeMap<BString, &'static str>);

    impl ProjectFiles for Held {
        fn has(&self, path: &BStr) -> bool {
            self.0.contains_key(path)
        }
        fn read(&self, path: &BStr) -> Option<Vec<u8>> {
            self.0.get(path).map(|text| text.as_bytes().to_vec())
        }
    }

    /// `(folder, runner, marker)` of each package.
    #[track_caller]
    fn check(
        files: &[(&str, &'static str)],
        changed: &[&str],
        expected: &[(&str, &str, &str)],
    ) -> Found {
        let held = Held(
            files
                .iter()
                .map(|(path, text)| ((*path).into(), *text))
                .collect(),
        );
        let found = find_packages(&held, changed.iter().map(|&path| BStr::new(path)));
        let packages: Vec<(String, &str, String)> = found
            .packages
            .iter()
            .map(|one| {
                (
                    one.root.to_string(),
                    one.runner.name,
                    one.marker.to_string(),
                )
            })
            .collect();
        let expected: Vec<(String, &str, String)> = expected
            .iter()
            .map(|(root, runner, marker)| ((*root).to_owned(), *runner, (*marker).to_owned()))
            .collect();
        assert_eq!(packages, expected, "{changed:?}");
        found
    }

    const SCRIPTS: &str = r#"{"scripts": {"test": "vitest"}}"#;

    #[test]
    fn each_runner_is_told_by_its_marker() {
        let package = "[package]\nname = \"x\"";
        check(
            &[("Cargo.toml", package)],
            &["src/a.rs"],
            &[("", "cargo", "Cargo.toml")],
        );
        check(&[("go.mod", "")], &["a/b.go"], &[("", "go", "go.mod")]);
        check(
            &[("deno.json", "")],
            &["a.ts"],
            &[("", "deno", "deno.json")],
        );
        check(
            &[("package.json", SCRIPTS)],
            &["a.js"],
            &[("", "npm", "package.json")],
        );
        for (lock, runner) in [
            ("pnpm-lock.yaml", "pnpm"),
            ("yarn.lock", "yarn"),
            ("bun.lock", "bun"),
        ] {
            check(
                &[("web/app/package.json", SCRIPTS), (lock, "")],
                &["web/app/src/a.tsx"],
                &[("web/app", runner, "web/app/package.json")],
            );
        }
        check(
            &[("pyproject.toml", "[tool.pytest.ini_options]")],
            &["p/a.py"],
            &[("", "pytest", "pyproject.toml")],
        );
        check(
            &[("setup.cfg", "")],
            &["p/a.py"],
            &[("", "unittest", "setup.cfg")],
        );
        check(
            &[("pom.xml", "")],
            &["src/main/java/A.java"],
            &[("", "maven", "pom.xml")],
        );
        check(
            &[("app/build.gradle.kts", "")],
            &["app/src/main/kotlin/A.kt"],
            &[("app", "gradle", "app/build.gradle.kts")],
        );
        check(
            &[("Gemfile", "gem 'rspec'")],
            &["lib/a.rb"],
            &[("", "rspec", "Gemfile")],
        );
        check(
            &[("Gemfile", ""), ("bin/rails", "")],
            &["app/a.rb"],
            &[("", "rails", "Gemfile")],
        );
        check(
            &[("phpunit.xml", "")],
            &["src/A.php"],
            &[("", "phpunit", "phpunit.xml")],
        );
        check(&[("mix.exs", "")], &["lib/a.ex"], &[("", "mix", "mix.exs")]);
        check(
            &[("Makefile", "test:\n\t./t")],
            &["a.c"],
            &[("", "make", "Makefile")],
        );
    }

    #[test]
    fn the_nearest_package_of_the_files_own_kind_is_taken() {
        let files = [
            ("Cargo.toml", "[workspace]"),
            ("crates/a/Cargo.toml", "[package]"),
            ("crates/a/package.json", SCRIPTS),
            ("package.json", SCRIPTS),
        ];
        let found = check(
            &files,
            &[
                "crates/a/src/x.rs",
                "crates/a/src/y.rs",
                "crates/a/web/z.ts",
                "web/z.ts",
            ],
            &[
                ("", "npm", "package.json"),
                ("crates/a", "cargo", "crates/a/Cargo.toml"),
                ("crates/a", "npm", "crates/a/package.json"),
            ],
        );
        assert_eq!(
            found.packages[1].reason(),
            "`crates/a/Cargo.toml` is the nearest above `crates/a/src/x.rs` and 1 more"
        );
        // A workspace without a package of its own tests nothing, and a Rust file is not tested by npm.
        let found = check(&files, &["build/x.rs"], &[]);
        assert_eq!(found.without, ["build/x.rs"]);
        // What is of no known kind goes with the nearest.
        check(
            &files,
            &["crates/a/data.csv"],
            &[("crates/a", "cargo", "crates/a/Cargo.toml")],
        );
    }

    #[test]
    fn a_script_that_npm_made_up_is_no_test_command() {
        let made_up = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
        for manifest in [made_up, "{}", "not json"] {
            let files = [("package.json", manifest)];
            assert_eq!(check(&files, &["a.js"], &[]).without, ["a.js"]);
        }
    }

    #[test]
    fn test_files_are_told_by_their_place() {
        let package = |runner: &str, root: &str| {
            Package::named(root.into(), runner, "m".into(), Vec::new()).unwrap()
        };
        for (runner, root, path, expected) in [
            ("cargo", "", "tests/a.rs", true),
            ("cargo", "", "src/tests/a.rs", false),
            ("cargo", "crates/a", "crates/a/tests/it/x.rs", true),
            ("cargo", "crates/a", "crates/ab/tests/x.rs", false),
            ("go", "", "a/b/x_test.go", true),
            ("go", "", "a/b/x.go", false),
            ("npm", "", "src/a.test.ts", true),
            ("npm", "", "src/__tests__/a.js", true),
            ("npm", "", "src/a.ts", false),
            ("unittest", "", "p/test_a.py", true),
            ("unittest", "", "p/a.py", false),
            ("maven", "", "src/test/java/A.java", true),
            ("maven", "", "src/main/java/ATest.java", false),
        ] {
            assert_eq!(
                package(runner, root).is_test(path.into()),
                expected,
                "{runner} {path}"
            );
        }
        for path in [
            "tests/conftest.py",
            "a/jest.config.js",
            "tests/.env",
            "x/Cargo.toml",
        ] {
            assert!(package("cargo", "").is_steering(path.into()), "{path}");
        }
        assert!(!package("cargo", "").is_steering("tests/a.rs".into()));
    }
}
