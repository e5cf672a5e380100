//! Manifests and the lock files that belong to them.

use std::sync::LazyLock;

use bstr::{BStr, ByteSlice};
use regex::Regex;

use super::super::examine::{Note, Sink};
use super::super::source::ChangeSource;
use super::super::view::FileView;
use super::pattern::compile;
use super::{Check, Rule};
use crate::review::Severity;

/// `lockfile-out-of-step`
pub(super) static LOCKFILE_OUT_OF_STEP: Rule = Rule {
    id: "lockfile-out-of-step",
    severity: Severity::Medium,
    confidence: 0.75,
    title: "Dependencies changed, the lock file did not",
    why: "Builds that insist on the lock file fail, and the others resolve versions that nobody has seen. What was \
          tested is then not what ships.",
    advice: "Update the lock file with the package manager and commit it together with the manifest.",
    check: Check::Change {
        file: lockfile,
        end: None,
    },
};

struct Pair {
    manifest: &'static str,
    locks: &'static [&'static str],
    /// Whether a lock file of a folder above counts: a workspace.
    above: bool,
    changes: fn(&FileView<'_>) -> Option<u32>,
}

static PAIRS: [Pair; 7] = [
    Pair {
        manifest: "Cargo.toml",
        locks: &["Cargo.lock"],
        above: true,
        changes: |view| in_section(view, &CARGO_SECTION, &TOML_ENTRY),
    },
    Pair {
        manifest: "package.json",
        locks: &[
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "bun.lock",
        ],
        above: true,
        changes: |view| in_section(view, &PACKAGE_SECTION, &JSON_ENTRY),
    },
    Pair {
        manifest: "pyproject.toml",
        locks: &["poetry.lock", "uv.lock", "pdm.lock"],
        above: true,
        changes: |view| in_section(view, &PYPROJECT_SECTION, &PYPROJECT_ENTRY),
    },
    Pair {
        manifest: "Pipfile",
        locks: &["Pipfile.lock"],
        above: false,
        changes: |view| in_section(view, &PIPFILE_SECTION, &TOML_ENTRY),
    },
    Pair {
        manifest: "go.mod",
        locks: &["go.sum"],
        above: false,
        changes: |view| first(view, &GO_ENTRY),
    },
    Pair {
        manifest: "Gemfile",
        locks: &["Gemfile.lock"],
        above: false,
        changes: |view| first(view, &GEM_ENTRY),
    },
    Pair {
        manifest: "composer.json",
        locks: &["composer.lock"],
        above: false,
        changes: |view| in_section(view, &COMPOSER_SECTION, &JSON_ENTRY),
    },
];

static CARGO_SECTION: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^\s*\[(?:.*\.)?(?:build-|dev-)?dependencies(?:\..*)?\]"));
static PYPROJECT_SECTION: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^\s*\[(?:tool\.poetry\..*dependencies|tool\.pdm\.dev-dependencies|dependency-groups|project\.optional-dependencies)\]|^\s*(?:dependencies|requires)\s*=\s*\[",
    )
});
static PIPFILE_SECTION: LazyLock<Regex> = LazyLock::new(|| compile(r"^\s*\[(?:dev-)?packages\]"));
static PACKAGE_SECTION: LazyLock<Regex> = LazyLock::new(|| {
    compile(r#"^\s*"(?:d(?:evD)?ependencies|optionalDependencies|overrides|resolutions)"\s*:\s*\{"#)
});
static COMPOSER_SECTION: LazyLock<Regex> =
    LazyLock::new(|| compile(r#"^\s*"require(?:-dev)?"\s*:\s*\{"#));
static TOML_ENTRY: LazyLock<Regex> = LazyLock::new(|| compile(r#"^\s*["']?[\w.-]+["']?\s*=\s*\S"#));
static PYPROJECT_ENTRY: LazyLock<Regex> =
    LazyLock::new(|| compile(r#"^\s*["']?[\w.-]+["']?\s*=\s*\S|^\s*["'][\w.\[\]-]+\s*[^"']*["']"#));
static JSON_ENTRY: LazyLock<Regex> = LazyLock::new(|| compile(r#"^\s*"[^"]+"\s*:\s*""#));
static GO_ENTRY: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^\s*(?:require\s+)?[\w.-]+\.[\w-]+/\S+\s+v[0-9]"));
static GEM_ENTRY: LazyLock<Regex> = LazyLock::new(|| compile(r#"^\s*gem\s*\(?\s*["']"#));
static ANY_SECTION: LazyLock<Regex> = LazyLock::new(|| {
    compile(r#"^\s*\[{1,2}[^\]"',]+\]{1,2}\s*(?:#.*)?$|^\s*"[\w-]+"\s*:\s*\{|^\s*[\]}]"#)
});

/// The first new line that is an entry of a section about dependencies.
fn in_section(view: &FileView<'_>, section: &Regex, entry: &Regex) -> Option<u32> {
    let content = view.content.as_ref()?;
    let mut inside = false;
    let mut added = view.added.iter().peekable();
    for (index, line) in content.lines().enumerate() {
        let number = u32::try_from(index + 1).ok()?;
        if section.is_match(line) {
            inside = true;
        } else if ANY_SECTION.is_match(line) {
            inside = false;
        }
        while added.peek().is_some_and(|line| line.number < number) {
            added.next();
        }
        let is_new = added.peek().is_some_and(|line| line.number == number);
        if is_new && inside && !section.is_match(line) && entry.is_match(line) {
            return Some(number);
        }
    }
    None
}

fn first(view: &FileView<'_>, entry: &Regex) -> Option<u32> {
    view.added
        .iter()
        .find(|line| entry.is_match(&line.code))
        .map(|line| line.number)
}

fn lockfile(source: &dyn ChangeSource, view: &FileView<'_>, sink: &mut Sink) {
    let path = view.file.path.as_bstr();
    let (folder, name) = split(path);
    let Some(pair) = PAIRS.iter().find(|pair| name == pair.manifest.as_bytes()) else {
        return;
    };
    let Some(line) = (pair.changes)(view) else {
        return;
    };
    let Some(lock) = nearest_lock(source, folder, pair) else {
        return;
    };
    if source.files().iter().any(|file| file.path == lock) {
        return;
    }
    sink.line(
        line,
        Note::titled(format!(
            "Dependencies of `{}` changed, `{}` did not",
            view.path,
            String::from_utf8_lossy(&lock)
        )),
    );
}

fn split(path: &BStr) -> (&[u8], &[u8]) {
    match path.rfind_byte(b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

fn nearest_lock(source: &dyn ChangeSource, folder: &[u8], pair: &Pair) -> Option<Vec<u8>> {
    let mut folder = folder;
    loop {
        for lock in pair.locks {
            let mut path = folder.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(lock.as_bytes());
            if source.is_tracked(path.as_bstr()) {
                return Some(path);
            }
        }
        if folder.is_empty() || !pair.above {
            return None;
        }
        folder = folder.rfind_byte(b'/').map_or(&[], |at| &folder[..at]);
    }
}
