//! Which files of the repository a plan names.

use std::collections::{BTreeSet, HashMap};

use bstr::ByteSlice as _;

use crate::context::view::SnapshotFile;

/// A plan that names more files than these is shown the first of them.
const MOST_FILES: usize = 60;
/// A name that so many files share names none of them.
const MOST_NAMESAKES: usize = 3;
/// Longer words are no path that anybody wrote down.
const LONGEST_NAME_BYTES: usize = 512;

/// What a plan names, in the order in which it does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Files of the repository, by their index.
    pub(super) files: Vec<usize>,
    /// What looks like a file and is none here.
    pub(super) missing: Vec<String>,
}

impl Named {
    /// Looks up every word of the plan that may be a path, and everything between backticks.
    pub(super) fn find(plan: &str, root: &str, files: &[SnapshotFile]) -> Named {
        let tree = Tree::new(files);
        let mut named = Named::default();
        let mut seen = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for word in words(plan) {
            let word = relative(word, root);
            if word.is_empty() || word.len() > LONGEST_NAME_BYTES || !seen.insert(word) {
                continue;
            }
            let found = tree.look_up(word);
            if found.is_empty() && looks_like_a_file(word) && tree.is_empty_of_namesakes(word) {
                named.missing.push(word.to_owned());
            }
            for file in found {
                if named.files.len() < MOST_FILES && taken.insert(file) {
                    named.files.push(file);
                }
            }
        }
        named
    }
}

/// The files by path and by their last name.
struct Tree<'a> {
    files: &'a [SnapshotFile],
    by_path: HashMap<&'a [u8], usize>,
    by_name: HashMap<&'a [u8], Vec<usize>>,
}

impl<'a> Tree<'a> {
    fn new(files: &'a [SnapshotFile]) -> Tree<'a> {
        let mut by_path = HashMap::with_capacity(files.len());
        let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::with_capacity(files.len());
        for (at, file) in files.iter().enumerate() {
            let path: &[u8] = &file.path;
            by_path.insert(path, at);
            by_name.entry(last_name(path)).or_default().push(at);
        }
        Tree {
            files,
            by_path,
            by_name,
        }
    }

    /// The files that a word means: the one with this path, else those whose path ends with it.
    fn look_up(&self, word: &str) -> Vec<usize> {
        let word = word.as_bytes();
        if let Some(&at) = self.by_path.get(word) {
            return vec![at];
        }
        if !word.contains(&b'.') && !word.contains(&b'/') {
            return Vec::new();
        }
        let alike: Vec<usize> = self
            .namesakes(word)
            .iter()
            .copied()
            .filter(|&at| {
                let rest = self.files[at].path.strip_suffix(word);
                rest.is_some_and(|rest| rest.ends_with(b"/"))
            })
            .collect();
        if alike.len() > MOST_NAMESAKES {
            return Vec::new();
        }
        alike
    }

    fn namesakes(&self, word: &[u8]) -> &[usize] {
        self.by_name.get(last_name(word)).map_or(&[], Vec::as_slice)
    }

    /// Whether no file could be meant: a bare name that many files bear is not missing.
    fn is_empty_of_namesakes(&self, word: &str) -> bool {
        word.contains('/') || self.namesakes(word.as_bytes()).is_empty()
    }
}

fn last_name(path: &[u8]) -> &[u8] {
    path.rfind_byte(b'/').map_or(path, |at| &path[at + 1..])
}

/// Words of the characters that names of files are usually made of, and whatever stands between backticks on one line.
fn words(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().flat_map(|line| {
        let quoted = line.split('`').skip(1).step_by(2);
        let plain = line
            .split(|character: char| {
                !(character.is_alphanumeric() || "_-./@+~#".contains(character))
            })
            .filter(|word| !word.starts_with("//"));
        quoted.chain(plain)
    })
}

/// The path below the root that a word gives, without what a sentence puts behind it.
fn relative<'a>(word: &'a str, root: &str) -> &'a str {
    let word = word.trim().trim_end_matches(['.', ',', '-', '#']);
    let below = match root.trim_end_matches('/') {
        "" => None,
        root => word
            .strip_prefix(root)
            .and_then(|rest| rest.strip_prefix('/')),
    };
    let word = below.unwrap_or(word);
    word.strip_prefix("./")
        .unwrap_or(word)
        .trim_end_matches('/')
}

/// Whether a word can only be a path: it has a folder, and an ending of letters.
fn looks_like_a_file(word: &str) -> bool {
    let Some((folder, name)) = word.rsplit_once('/') else {
        return false;
    };
    let has_ending = name.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty()
            && (1..=6).contains(&ending.len())
            && ending
                .chars()
                .all(|character| character.is_ascii_lowercase())
    });
    has_ending
        && !folder.is_empty()
        && !word.starts_with('/')
        && !word.contains(char::is_whitespace)
        && !word.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::ObjectId;

    fn files(paths: &[&str]) -> Vec<SnapshotFile> {
        let file = |path: &&str| SnapshotFile {
            path: (*path).into(),
            id: ObjectId::from_hex(&"0".repeat(40)).unwrap(),
            change: None,
        };
        paths.iter().map(file).collect()
    }

    #[track_caller]
    fn check(plan: &str, expected: &[&str], missing: &[&str]) {
        let files = files(&[
            "Makefile",
            "src/a.rs",
            "src/b/mod.rs",
            "src/c/mod.rs",
            "src/d/mod.rs",
            "src/e/mod.rs",
            "docs/a guide.md",
            "naïve.py",
        ]);
        let named = Named::find(plan, "/home/me/shop", &files);
        let found: Vec<String> = named
            .files
            .iter()
            .map(|&at| files[at].path.to_string())
            .collect();
        assert_eq!(found, expected, "{plan:?}");
        assert_eq!(named.missing, missing, "{plan:?}");
    }

    #[test]
    fn paths_are_found_however_a_plan_spells_them() {
        check("Change src/a.rs.", &["src/a.rs"], &[]);
        check("(`src/a.rs:12`, ./src/a.rs)", &["src/a.rs"], &[]);
        check("in /home/me/shop/src/a.rs, then", &["src/a.rs"], &[]);
        check("1. **a.rs** and b/mod.rs#L3", &["src/a.rs"], &[]);
        check("see b/mod.rs", &["src/b/mod.rs"], &[]);
        check("Run the Makefile", &["Makefile"], &[]);
        check(
            "`docs/a guide.md` and naïve.py",
            &["docs/a guide.md", "naïve.py"],
            &[],
        );
        check(
            "src/c/mod.rs src/b/mod.rs",
            &["src/c/mod.rs", "src/b/mod.rs"],
            &[],
        );
    }

    #[test]
    fn what_is_not_there_is_told_and_a_shared_name_means_nobody() {
        check("Edit mod.rs", &[], &[]);
        check("Make src/new.rs and src/new.rs", &[], &["src/new.rs"]);
        check(
            "https://example.com/a/b.html, /etc/passwd.txt, ../x/y.rs, and/or, e.g., 1.5/2.5, new.rs",
            &[],
            &[],
        );
        check("", &[], &[]);
    }
}
