//! Claims about the source tree itself: what may name what, which files belong to it, and that documents agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ignore::WalkBuilder;
use regex::Regex;
use serde_json::Value;

use crate::support::package_root;

/// Which module of the library may name which. A new edge is a design change: say why in the commit that adds it here.
const EDGES: &[(&str, &[&str])] = &[
    ("causes", &[]),
    ("near_miss", &[]),
    ("hunk_header", &[]),
    ("atomic_file", &[]),
    ("process_identity", &[]),
    ("plan", &[]),
    ("review", &[]),
    ("rpc", &[]),
    ("secrets", &["hunk_header"]),
    ("symbols", &["atomic_file"]),
    ("target", &["hunk_header"]),
    ("timestamp", &[]),
    ("checks", &["causes", "review", "secrets", "target"]),
    (
        "suites",
        &["checks", "review", "secrets", "symbols", "target"],
    ),
    ("prompt", &["review"]),
    ("report", &["hunk_header", "review"]),
    ("baseline", &["review"]),
    (
        "context",
        &[
            "causes",
            "checks",
            "hunk_header",
            "near_miss",
            "plan",
            "prompt",
            "review",
            "secrets",
            "symbols",
            "target",
        ],
    ),
    ("config", &["atomic_file", "near_miss", "report", "review"]),
    (
        "engine",
        &["causes", "checks", "review", "rpc", "secrets", "target"],
    ),
    (
        "external",
        &["causes", "context", "engine", "process_identity"],
    ),
    ("worktrees", &["context", "external", "target"]),
    (
        "broker",
        &[
            "atomic_file",
            "engine",
            "process_identity",
            "rpc",
            "timestamp",
        ],
    ),
    (
        "jobs",
        &["atomic_file", "process_identity", "review", "timestamp"],
    ),
    ("cache", &["atomic_file", "jobs"]),
    (
        "team",
        &["atomic_file", "jobs", "near_miss", "target", "worktrees"],
    ),
    ("hooks", &["jobs", "review", "target"]),
    (
        "watch",
        &["atomic_file", "jobs", "review", "target", "timestamp"],
    ),
    (
        "run",
        &[
            "atomic_file",
            "baseline",
            "broker",
            "cache",
            "causes",
            "config",
            "context",
            "engine",
            "external",
            "jobs",
            "prompt",
            "report",
            "review",
            "secrets",
            "suites",
            "target",
            "worktrees",
        ],
    ),
];

/// Modules that never touch the environment or a process.
const PURE: &[&str] = &[
    "baseline",
    "checks",
    "context",
    "hunk_header",
    "plan",
    "prompt",
    "report",
    "review",
    "rpc",
    "secrets",
    "suites",
    "symbols",
    "target",
];

const TOO_LONG_FILE_LINES: usize = 600;
const ALLOWED_LONG_FILES: [(&str, &str); 1] = [(
    "tests/fakes/app_server.rs",
    "one program, whose scripting language is described and read in one place",
)];

/// A source file: its path from the package's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines of code outside the file's own tests, numbered from 1, without comment lines.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self
            .text
            .find("#[cfg(test)]\nmod ")
            .unwrap_or(self.text.len());
        self.text[..end]
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Where the file's own tests begin, or its end.
    fn end_of_code(&self) -> usize {
        self.text
            .find("#[cfg(test)]\nmod ")
            .unwrap_or(self.text.len())
    }

    /// The module of the library that it belongs to.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        let module = below.split('/').next()?;
        let module = module.strip_suffix(".rs").unwrap_or(module);
        EDGES
            .iter()
            .map(|(name, _)| *name)
            .find(|name| *name == module)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("tests/it/")
    }
}

/// Every file that belongs to the tree, hidden ones included, as the ignore rules have it.
fn tree() -> Vec<PathBuf> {
    let root = package_root();
    let mut files: Vec<PathBuf> = WalkBuilder::new(&root)
        .hidden(false)
        .require_git(false)
        .parents(false)
        .git_global(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build()
        .map(|entry| entry.expect("the tree can be walked"))
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .map(|entry| entry.path().strip_prefix(&root).unwrap().to_owned())
        .collect();
    files.sort();
    files
}

fn sources(folders: &[&str]) -> Vec<Source> {
    tree()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| folders.iter().any(|folder| path.starts_with(folder)))
        .map(|path| Source {
            text: read(&path),
            path: path.to_str().expect("source names are UTF-8").to_owned(),
        })
        .collect()
}

fn read(relative: impl AsRef<Path>) -> String {
    let path = package_root().join(relative);
    match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Whether code on the line matches, apart from what stands in its string literals.
fn code_matches(line: &str, pattern: &Regex) -> bool {
    static STRING: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*""#).expect("the pattern is fixed"));
    pattern.is_match(line) && pattern.is_match(&STRING.replace_all(line, ""))
}

#[track_caller]
fn assert_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// The files that cargo compiles by themselves: what the manifest names, and what it finds by its own rules.
fn target_roots() -> BTreeSet<String> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let mut roots = BTreeSet::from(["src/lib.rs".to_owned()]);
    for kind in ["bin", "test", "bench"] {
        for target in manifest[kind].as_array().unwrap() {
            let found = format!("{kind}es/{}.rs", target["name"].as_str().unwrap());
            let path = target.get("path").and_then(|path| path.as_str());
            roots.insert(path.unwrap_or(&found).to_owned());
        }
    }
    roots
}

#[test]
fn every_source_file_is_reached_by_a_mod_line() {
    let declaration = Regex::new(r"(?m)^\s*(?:pub(?:\([a-z]+\))? )?mod ([a-z0-9_]+);").unwrap();
    let redirected = Regex::new(r#"#\[path = "([^"]+)"\]"#).unwrap();
    let roots = target_roots();
    let all = sources(&["src", "tests", "benches"]);
    let mut reached = roots.clone();
    for source in &all {
        let path = Path::new(&source.path);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let is_root = roots.contains(&source.path);
        let folder = if stem == "mod" || is_root {
            path.parent().unwrap().to_owned()
        } else {
            path.with_extension("")
        };
        for name in declaration.captures_iter(&source.text) {
            reached.insert(format!("{}/{}.rs", folder.display(), &name[1]));
            reached.insert(format!("{}/{}/mod.rs", folder.display(), &name[1]));
        }
        for name in redirected.captures_iter(&source.text) {
            reached.insert(path.parent().unwrap().join(&name[1]).display().to_string());
        }
    }
    let forgotten: Vec<String> = all
        .into_iter()
        .map(|source| source.path)
        .filter(|path| !reached.contains(path))
        .collect();
    assert_none(&forgotten, "no `mod` line reaches these files");
}

#[test]
fn modules_name_only_the_modules_that_the_design_lets_them_name() {
    let edges: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let single = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let grouped = Regex::new(r"\bcrate::\{([^}]*)\}").unwrap();
    let mut offences = Vec::new();
    for source in sources(&["src"]) {
        let Some(module) = source.module() else {
            continue;
        };
        for (number, line) in source.code() {
            let direct = single.captures_iter(line).map(|found| found[1].to_owned());
            let grouped = grouped.captures_iter(line).flat_map(|found| {
                found[1]
                    .split(',')
                    .map(|path| path.trim().split("::").next().unwrap().to_owned())
                    .collect::<Vec<_>>()
            });
            for named in direct.chain(grouped) {
                let known = edges.contains_key(named.as_str());
                if known && named != module && !edges[module].contains(&named.as_str()) {
                    offences.push(format!(
                        "{}:{number}: `{module}` names `{named}`",
                        source.path
                    ));
                }
            }
        }
    }
    assert_none(
        &offences,
        "module edges that the table in this file does not allow",
    );
}

#[test]
fn the_table_of_module_edges_has_every_module_of_the_library_and_no_circle() {
    let declared = Regex::new(r"(?m)^pub mod ([a-z_]+);").unwrap();
    let library = read("src/lib.rs");
    let declared: BTreeSet<&str> = declared
        .captures_iter(&library)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    let listed: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, declared);
    // Each module names only modules that stand before it: then there can be no circle.
    for (position, (module, named)) in EDGES.iter().enumerate() {
        for other in *named {
            let place = EDGES.iter().position(|(name, _)| name == other);
            assert!(place < Some(position), "`{module}` stands before `{other}`");
        }
    }
}

#[test]
fn gix_is_named_only_below_target_repo() {
    let gix = Regex::new(r"\bgix(?:_[a-z]+)?::|\buse gix\b|\bextern crate gix\b").unwrap();
    let mut offences = Vec::new();
    for source in sources(&["src"]) {
        if source.path.starts_with("src/target/repo/") || source.path == "src/target/repo.rs" {
            continue;
        }
        for (number, line) in source.code() {
            if code_matches(line, &gix) {
                offences.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&offences, "gix is named outside src/target/repo/");
}

#[test]
fn only_the_terminal_module_of_the_command_line_prints() {
    let print = Regex::new(r"\b(?:e?print(?:ln)?|dbg)!").unwrap();
    let mut offences = Vec::new();
    for source in sources(&["src"]) {
        if source.path == "src/cli/ui.rs" {
            continue;
        }
        for (number, line) in source.code() {
            if code_matches(line, &print) {
                offences.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&offences, "only src/cli/ui.rs prints");
}

#[test]
fn pure_modules_touch_neither_the_environment_nor_a_process() {
    let impure = Regex::new(
        r"\buse std::env\b|\benv::(?:vars?|vars?_os|args|args_os|current_dir|current_exe|home_dir|temp_dir)\b|\bstd::process\b|\btokio::process\b|\bCommand::new\b|\bSystemTime::now\b",
    )
    .unwrap();
    let mut offences = Vec::new();
    for source in sources(&["src"]) {
        if source.is_test() || !source.module().is_some_and(|module| PURE.contains(&module)) {
            continue;
        }
        for (number, line) in source.code() {
            if code_matches(line, &impure) {
                offences.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(
        &offences,
        "these modules take time, environment and programs as parameters",
    );
}

/// The names of our own environment variables that stand as constants in the library and the binary.
fn variables() -> BTreeSet<String> {
    let constant =
        Regex::new(r#"const [A-Z_]+: &str = "(CODEX_(?:REVIEW|COMPANION)_[A-Z_]+)";"#).unwrap();
    sources(&["src"])
        .iter()
        .flat_map(|source| {
            constant
                .captures_iter(&source.text)
                .map(|found| found[1].to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn our_environment_variables_are_documented_constants() {
    let name = Regex::new(r#""CODEX_(?:REVIEW|COMPANION)_[A-Z_]+""#).unwrap();
    let mut offences = Vec::new();
    let undocumented = Regex::new(
        r#"(?m)^([^/\n][^\n]*|)\n\s*(?:pub(?:\([a-z]+\))? )?const [A-Z_]+: &str = "CODEX_(?:REVIEW|COMPANION)_[A-Z_]+";"#,
    )
    .unwrap();
    for source in sources(&["src"]) {
        if source.is_test() {
            continue;
        }
        for (number, line) in source.code() {
            let place = format!("{}:{number}: {}", source.path, line.trim());
            if name.is_match(line) && !line.contains("const ") {
                offences.push(format!("{place} (not a constant)"));
            }
        }
        for found in undocumented.find_iter(&source.text) {
            offences.push(format!(
                "{}: {} (not documented)",
                source.path,
                found.as_str().trim()
            ));
        }
    }
    assert_none(
        &offences,
        "a variable of ours is a constant with a `///` line",
    );
}

#[test]
fn the_readme_lists_every_environment_variable_of_ours() {
    let readme = read("README.md");
    // Set by a program of ours for another of ours: not for people.
    let internal = ["CODEX_REVIEW_JOB_ID"];
    let missing: Vec<String> = variables()
        .into_iter()
        .filter(|name| !internal.contains(&name.as_str()))
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .collect();
    assert_none(&missing, "README.md does not name these variables");
}

#[test]
fn the_readme_begins_with_the_two_commands_that_do_everything() {
    let readme = read("README.md");
    let commands: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .take(2)
        .collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test"]);
}

#[test]
fn versions_agree_and_the_changelog_has_the_current_one() {
    let version = env!("CARGO_PKG_VERSION");
    let json = |path: &str| -> Value { serde_json::from_str(&read(path)).unwrap() };
    assert_eq!(
        json("plugin/.claude-plugin/plugin.json")["version"],
        version
    );
    let marketplace = json(".claude-plugin/marketplace.json");
    assert_eq!(marketplace["metadata"]["version"], version);
    assert_eq!(marketplace["plugins"][0]["version"], version);
    let changelog = read("CHANGELOG.md");
    assert!(
        changelog.contains(&format!("\n## [{version}]")),
        "CHANGELOG.md has no section for {version}"
    );
}

#[test]
fn no_file_names_a_machine_or_a_registry_host() {
    // Written in two parts, so that this file does not name them.
    let needles = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/."),
        concat!("registry.npm", "js"),
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("files.python", "hosted"),
        concat!("deb.deb", "ian"),
    ];
    let mut offences = Vec::new();
    for path in tree() {
        let text =
            String::from_utf8_lossy(&fs::read(package_root().join(&path)).unwrap()).into_owned();
        for needle in needles {
            if text.contains(needle) {
                offences.push(format!("{} names `{needle}`", path.display()));
            }
        }
    }
    assert_none(&offences, "files name a machine or a registry host");
}

#[test]
fn files_are_short_enough_to_have_one_role() {
    let mut offences = Vec::new();
    let mut unneeded: BTreeSet<&str> = ALLOWED_LONG_FILES.iter().map(|(path, _)| *path).collect();
    for source in sources(&["src", "tests", "benches"]) {
        let lines = source.text[..source.end_of_code()].lines().count();
        if lines > TOO_LONG_FILE_LINES
            && !unneeded.remove(source.path.as_str())
            && !source.is_test()
        {
            offences.push(format!("{} has {lines} lines", source.path));
        }
    }
    let unneeded = unneeded.iter();
    offences.extend(unneeded.map(|path| format!("{path} needs no exception any more")));
    assert_none(&offences, "files have too many lines");
}

#[test]
fn every_module_of_the_library_opens_with_what_it_is_for() {
    let offences: Vec<String> = sources(&["src", "tests/it", "benches"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_none(&offences, "files without a `//!` line at their top");
}
