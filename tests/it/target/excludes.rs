//! Random sets of exclude patterns: what is untracked is what git says.

use super::oracle::check_working_tree;
use super::random::Random;
use super::sandbox::Sandbox;

const NAMES: [&str; 8] = ["a", "b", "foo", "bar.txt", "x.o", "build", "Doc", "a b"];
const PATTERNS: [&str; 26] = [
    "a",
    "/a",
    "a/",
    "/b/",
    "*.o",
    "*.txt",
    "!x.o",
    "!bar.txt",
    "foo/*",
    "!foo/a",
    "**/build",
    "build/**",
    "a/**/b",
    "/foo/a",
    "foo/bar.txt",
    "[ab]",
    "!a/",
    "*",
    "!*/",
    "b/*",
    "Doc/**",
    "!Doc/a",
    "a\\ b",
    "\\!x",
    "?",
    "/*/a",
];

fn check_set(seed: u64) {
    let mut random = Random::new(seed);
    let sandbox = Sandbox::new();
    let mut paths = Vec::new();
    for _ in 0..25 {
        let depth = 1 + random.below(4);
        let path: Vec<&str> = (0..depth).map(|_| *random.pick(&NAMES)).collect();
        paths.push(path.join("/"));
    }
    for path in &paths {
        let path = sandbox.path(path);
        if path.exists() || std::fs::create_dir_all(path.parent().unwrap()).is_err() {
            continue;
        }
        // A directory of this name may be there by now.
        if !path.exists() {
            std::fs::write(path, "x\n").unwrap();
        }
    }
    for _ in 0..3 {
        let lines: Vec<&str> = (0..1 + random.below(5))
            .map(|_| *random.pick(&PATTERNS))
            .collect();
        let text = format!("{}\n", lines.join("\n"));
        match random.below(4) {
            0 => sandbox.write(".git/info/exclude", text),
            1 => sandbox.write(".gitignore", text),
            _ => {
                let directory = random
                    .pick(&paths)
                    .rsplit_once('/')
                    .map_or("", |(directory, _)| directory)
                    .to_owned();
                if sandbox.path(&directory).is_dir() {
                    sandbox.write(
                        format!("{directory}/.gitignore").trim_start_matches('/'),
                        text,
                    );
                }
            }
        }
    }
    // Some of it is tracked although it is excluded.
    let tracked = paths.iter().filter(|_| random.below(4) == 0);
    let tracked: Vec<&str> = tracked
        .filter(|path| sandbox.path(path.as_str()).is_file())
        .map(String::as_str)
        .collect();
    if !tracked.is_empty() {
        sandbox.git(&[&["add", "-f"], tracked.as_slice()].concat());
    }
    check_working_tree(&sandbox);
}

#[test]
fn random_exclude_sets_agree_with_git() {
    for seed in 0..60 {
        check_set(seed);
    }
}

#[test]
fn excludes_of_the_user_and_of_the_clone_hold() {
    let sandbox = Sandbox::new();
    sandbox.write(".git/info/exclude", "one\n");
    std::fs::write(sandbox.outside().join("excludes"), "two\n").unwrap();
    let file = sandbox.outside().join("excludes");
    sandbox.git(&["config", "core.excludesFile", file.to_str().unwrap()]);
    sandbox.write("one", "1\n");
    sandbox.write("two", "2\n");
    sandbox.write("three", "3\n");
    check_working_tree(&sandbox);
}
