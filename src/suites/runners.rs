//! The table of test runners, as data.

/// One way in which a project's tests are run.
#[derive(Debug)]
pub struct Runner {
    /// Its name, for people.
    pub name: &'static str,
    /// Files that make a folder a package of this runner: the first that is there is named as the reason.
    pub markers: &'static [&'static str],
    /// The ends of the source files that it is about. A changed file of another kind takes the nearest package of any.
    pub extensions: &'static [&'static str],
    /// What must hold besides, all of it.
    pub all: &'static [Sign],
    /// Of which at least one must hold, unless there is none.
    pub any: &'static [Sign],
    /// Which files are tests: globs below the package's folder; one without a slash fits at any depth.
    pub tests: &'static [&'static str],
    /// Whether unit tests also stand inside source files, in modules for tests alone.
    pub in_source: bool,
    /// The command that only builds the tests, where there is one.
    pub build: Option<&'static [Word]>,
    /// The command that runs them.
    pub run: &'static [Word],
    /// Exit codes of `run` that say that no test ran.
    pub nothing_ran: &'static [i32],
    /// Words in the output of `run` that say that what it needs is not installed.
    pub not_there: &'static [&'static str],
    /// Exit codes of `run`, and words in its output, that say that the tests could not even be loaded.
    pub not_loaded: (&'static [i32], &'static [&'static str]),
}

/// Something about a package that tells one runner from another.
#[derive(Debug)]
pub enum Sign {
    /// This file is in the package's folder.
    Here(&'static str),
    /// This file is in the package's folder or above it.
    Above(&'static str),
    /// This file of the package's folder holds this text.
    Says(&'static str, &'static str),
    /// `package.json` has a script `test` of its own.
    TestScript,
    /// A Makefile has a target `test`.
    TestTarget,
}

/// A word of a command line.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// The program, as it is found on PATH.
    Program(&'static str),
    /// The package's own program of the first name where it has one, else the second on PATH.
    Wrapper(&'static str, &'static str),
    /// As it stands.
    Is(&'static str),
    /// The test files, from the package's folder, a word each.
    Files,
    /// cargo's `--test NAME`, `--lib` or `--bins` for the test files.
    CargoTargets,
    /// The folders of the test files, as Go names packages: `./a`.
    Folders,
    /// The classes of the test files in one word, behind this text: `-Dtest=A,B`.
    Classes(&'static str),
    /// The classes of the test files, each behind this word.
    EachClass(&'static str),
}

use Sign::{Above, Here, Says, TestScript, TestTarget};
use Word::{CargoTargets, Classes, EachClass, Files, Folders, Is, Program as Run, Wrapper};

const SCRIPT: &[&str] = &[
    "js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte",
];
const SCRIPT_TESTS: &[&str] = &[
    "*.test.{js,jsx,mjs,cjs,ts,tsx,mts,cts}",
    "*.spec.{js,jsx,mjs,cjs,ts,tsx,mts,cts}",
    "**/__tests__/**",
    "test/**",
    "tests/**",
];
/// What is said where a file, a package or an export is not there, so that no test was loaded.
const SCRIPT_NOT_LOADED: (&[i32], &[&str]) = (
    &[],
    &[
        "ERR_MODULE_NOT_FOUND",
        "Cannot find module",
        "Module not found",
        "does not provide an export named",
        "Failed to resolve import",
        "Failed to load url",
        "has no exported member",
    ],
);
/// What is said where a package of others is not installed.
const SCRIPT_NOT_THERE: &[&str] = &["Cannot find package '"];
const JVM: &[&str] = &["java", "kt", "kts", "groovy", "scala"];
const PYTHON_TESTS: &[&str] = &["test_*.py", "*_test.py", "tests/**", "test/**"];
const PYTHON_MARKERS: &[&str] = &[
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pytest.ini",
    "tox.ini",
    "requirements.txt",
    "Pipfile",
    "manage.py",
];

/// What most runners have in common.
const PLAIN: Runner = Runner {
    name: "",
    markers: &[],
    extensions: &[],
    all: &[],
    any: &[],
    tests: &[],
    in_source: false,
    build: None,
    run: &[],
    nothing_ran: &[],
    not_there: &[],
    not_loaded: (&[], &[]),
};

/// Every runner. Of those that fit a package equally well the first is taken.
pub static RUNNERS: [&Runner; 16] = [
    &Runner {
        name: "cargo",
        markers: &["Cargo.toml"],
        extensions: &["rs"],
        all: &[Says("Cargo.toml", "[package]")],
        tests: &["tests/**"],
        in_source: true,
        build: Some(&[
            Run("cargo"),
            Is("test"),
            Is("--offline"),
            Is("--no-run"),
            CargoTargets,
        ]),
        run: &[Run("cargo"), Is("test"), Is("--offline"), CargoTargets],
        ..PLAIN
    },
    &Runner {
        name: "go",
        markers: &["go.mod"],
        extensions: &["go"],
        tests: &["*_test.go", "**/testdata/**"],
        build: Some(&[Run("go"), Is("test"), Is("-run"), Is("^$"), Folders]),
        run: &[Run("go"), Is("test"), Is("-count=1"), Folders],
        ..PLAIN
    },
    &Runner {
        name: "deno",
        markers: &["deno.json", "deno.jsonc"],
        extensions: SCRIPT,
        tests: &["*_test.{js,ts,tsx,mjs}", "*.test.{js,ts,tsx,mjs}"],
        run: &[Run("deno"), Is("test"), Files],
        not_there: SCRIPT_NOT_THERE,
        not_loaded: SCRIPT_NOT_LOADED,
        ..PLAIN
    },
    &Runner {
        name: "pnpm",
        markers: &["package.json"],
        extensions: SCRIPT,
        all: &[TestScript, Above("pnpm-lock.yaml")],
        tests: SCRIPT_TESTS,
        run: &[Run("pnpm"), Is("test"), Files],
        not_there: SCRIPT_NOT_THERE,
        not_loaded: SCRIPT_NOT_LOADED,
        ..PLAIN
    },
    &Runner {
        name: "yarn",
        markers: &["package.json"],
        extensions: SCRIPT,
        all: &[TestScript, Above("yarn.lock")],
        tests: SCRIPT_TESTS,
        run: &[Run("yarn"), Is("test"), Files],
        not_there: SCRIPT_NOT_THERE,
        not_loaded: SCRIPT_NOT_LOADED,
        ..PLAIN
    },
    &Runner {
        name: "bun",
        markers: &["package.json"],
        extensions: SCRIPT,
        any: &[Above("bun.lock"), Above("bun.lockb")],
        tests: SCRIPT_TESTS,
        run: &[Run("bun"), Is("test"), Files],
        not_there: SCRIPT_NOT_THERE,
        not_loaded: SCRIPT_NOT_LOADED,
        ..PLAIN
    },
    &Runner {
        name: "npm",
        markers: &["package.json"],
        extensions: SCRIPT,
        all: &[TestScript],
        tests: SCRIPT_TESTS,
        run: &[Run("npm"), Is("test"), Is("--"), Files],
        not_there: SCRIPT_NOT_THERE,
        not_loaded: SCRIPT_NOT_LOADED,
        ..PLAIN
    },
    &Runner {
        name: "pytest",
        markers: PYTHON_MARKERS,
        extensions: &["py", "pyi"],
        any: &[
            Here("pytest.ini"),
            Here("conftest.py"),
            Here("tests/conftest.py"),
            Says("pyproject.toml", "pytest"),
            Says("setup.cfg", "pytest"),
            Says("setup.py", "pytest"),
            Says("tox.ini", "pytest"),
            Says("requirements.txt", "pytest"),
            Says("requirements-dev.txt", "pytest"),
            Says("Pipfile", "pytest"),
        ],
        tests: PYTHON_TESTS,
        run: &[
            Run("python3"),
            Is("-m"),
            Is("pytest"),
            Is("-p"),
            Is("no:cacheprovider"),
            Files,
        ],
        nothing_ran: &[3, 4, 5],
        not_there: &["No module named pytest"],
        not_loaded: (&[2], &[]),
        ..PLAIN
    },
    &Runner {
        name: "unittest",
        markers: PYTHON_MARKERS,
        extensions: &["py", "pyi"],
        tests: PYTHON_TESTS,
        run: &[Run("python3"), Is("-m"), Is("unittest"), Files],
        nothing_ran: &[5],
        not_loaded: (&[], &["unittest.loader._FailedTest"]),
        ..PLAIN
    },
    &Runner {
        name: "maven",
        markers: &["pom.xml"],
        extensions: JVM,
        tests: &["src/test/**"],
        build: Some(&[
            Wrapper("mvnw", "mvn"),
            Is("-q"),
            Is("-o"),
            Is("test-compile"),
        ]),
        run: &[
            Wrapper("mvnw", "mvn"),
            Is("-q"),
            Is("-o"),
            Is("test"),
            Classes("-Dtest="),
        ],
        ..PLAIN
    },
    &Runner {
        name: "gradle",
        markers: &["build.gradle", "build.gradle.kts"],
        extensions: JVM,
        tests: &["src/test/**", "src/*Test/**"],
        build: Some(&[
            Wrapper("gradlew", "gradle"),
            Is("--offline"),
            Is("--no-daemon"),
            Is("testClasses"),
        ]),
        run: &[
            Wrapper("gradlew", "gradle"),
            Is("--offline"),
            Is("--no-daemon"),
            Is("test"),
            EachClass("--tests"),
        ],
        ..PLAIN
    },
    &Runner {
        name: "rspec",
        markers: &["Gemfile", ".rspec"],
        extensions: &["rb"],
        any: &[Here(".rspec"), Says("Gemfile", "rspec")],
        tests: &["spec/**"],
        run: &[Run("bundle"), Is("exec"), Is("rspec"), Files],
        not_loaded: (&[], &["outside of examples"]),
        ..PLAIN
    },
    &Runner {
        name: "rails",
        markers: &["Gemfile"],
        extensions: &["rb"],
        all: &[Here("bin/rails")],
        tests: &["test/**"],
        run: &[Run("bundle"), Is("exec"), Is("rails"), Is("test"), Files],
        ..PLAIN
    },
    &Runner {
        name: "phpunit",
        markers: &["phpunit.xml", "phpunit.xml.dist"],
        extensions: &["php"],
        tests: &["tests/**", "test/**"],
        run: &[Wrapper("vendor/bin/phpunit", "phpunit"), Files],
        ..PLAIN
    },
    &Runner {
        name: "mix",
        markers: &["mix.exs"],
        extensions: &["ex", "exs"],
        tests: &["test/**"],
        run: &[Run("mix"), Is("test"), Files],
        not_loaded: (&[], &["Compilation error in file"]),
        ..PLAIN
    },
    &Runner {
        name: "make",
        markers: &["Makefile", "makefile", "GNUmakefile"],
        extensions: &["c", "h", "cc", "cpp", "cxx", "hpp", "sh", "bash"],
        all: &[TestTarget],
        tests: &[
            "test/**",
            "tests/**",
            "*_test.{c,cc,cpp,cxx,sh}",
            "test_*.{c,cc,cpp,cxx,sh}",
        ],
        run: &[Run("make"), Is("test")],
        ..PLAIN
    },
];

/// Files that steer how tests are built, found or run. They are no tests, wherever they stand.
pub(super) const STEERING: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "go.mod",
    "go.sum",
    "package.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "deno.json",
    "deno.jsonc",
    "tsconfig*.json",
    "*.config.{js,cjs,mjs,ts,cts,mts,json}",
    "conftest.py",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pytest.ini",
    "tox.ini",
    "sitecustomize.py",
    "usercustomize.py",
    "requirements*.txt",
    "Pipfile",
    "Pipfile.lock",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "gradle.properties",
    "junit-platform.properties",
    "Gemfile",
    "Gemfile.lock",
    "spec_helper.rb",
    "rails_helper.rb",
    "test_helper.rb",
    "test_helper.exs",
    "mix.exs",
    "phpunit.xml",
    "phpunit.xml.dist",
    "composer.json",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "Dockerfile",
    // Dot files are settings of one tool or another.
    ".*",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_runner_is_whole_and_has_its_own_name() {
        let names: BTreeSet<&str> = RUNNERS.iter().map(|runner| runner.name).collect();
        assert_eq!(names.len(), RUNNERS.len());
        for runner in RUNNERS {
            assert!(!runner.markers.is_empty(), "{}", runner.name);
            assert!(!runner.extensions.is_empty(), "{}", runner.name);
            assert!(!runner.tests.is_empty(), "{}", runner.name);
            for line in runner.build.iter().chain([&runner.run]) {
                let first = line.first();
                assert!(
                    matches!(first, Some(Run(_) | Wrapper(..))),
                    "{} begins with {first:?}",
                    runner.name
                );
            }
            let globs: Vec<String> = runner.tests.iter().map(|&glob| glob.to_owned()).collect();
            crate::target::PathFilter::compile(&globs).unwrap();
        }
        let globs: Vec<String> = STEERING.iter().map(|&glob| glob.to_owned()).collect();
        crate::target::PathFilter::compile(&globs).unwrap();
    }
}
