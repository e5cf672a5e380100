//! Repositories declared as data: `fixtures/repos/<name>.toml`, a list of steps and the ids they must come to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Repo, Sandbox, fixture_path};

/// A declared repository, read and checked but not built.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fixture {
    /// What it is for, in one sentence.
    pub description: String,
    /// `sha1` unless it says `sha256`.
    #[serde(default = "sha1")]
    pub object_format: String,
    /// Revisions and the full ids that they must name once it is built. `index` is the tree of what is staged.
    #[serde(default)]
    pub expect: BTreeMap<String, String>,
    /// What is done, in order.
    pub step: Vec<Step>,
}

/// One step. In TOML: `[[step]]` with exactly one of these keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Writes a file.
    Write(Write),
    /// Removes files.
    Delete(Vec<FixturePath>),
    /// Moves a file without telling git.
    Rename { from: FixturePath, to: FixturePath },
    /// Sets permission bits, written in octal as a string.
    Mode { path: FixturePath, mode: String },
    /// Makes a symbolic link.
    Symlink { path: FixturePath, target: String },
    /// Stages everything and commits.
    Commit(String),
    /// Commits what is staged.
    CommitStaged(String),
    /// Stages these paths.
    Stage(Vec<FixturePath>),
    /// Makes a branch and switches to it.
    Branch(String),
    /// Switches to a branch or a commit.
    Switch(String),
    /// Merges a branch with a merge commit.
    Merge(String),
    /// Merges a branch, expecting a conflict, and leaves it unresolved.
    Conflict(String),
    /// Sets `key` in the repository's own configuration.
    Config { key: String, value: String },
    /// Points a ref at a revision.
    Ref { name: String, to: String },
    /// Points a ref at another ref.
    SymbolicRef { name: String, to: String },
    /// Stages a submodule's entry that points at a commit id.
    Gitlink { path: String, commit: String },
}

/// A file's content: text, bytes in hexadecimal, or lines generated from a pattern.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Write {
    path: FixturePath,
    /// The content as it is.
    text: Option<String>,
    /// The content in hexadecimal; blanks are ignored.
    hex: Option<String>,
    /// The content as lines, `{n}` standing for the number of the line, from 1.
    line: Option<String>,
    /// How many lines, or how many times the text or the bytes.
    #[serde(default = "once")]
    repeat: usize,
}

/// A path: a string, or `{ hex = "…" }` where its bytes are not UTF-8.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum FixturePath {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Bytes { hex: String },
}

impl FixturePath {
    fn to_path(&self) -> PathBuf {
        match self {
            FixturePath::Text(text) => PathBuf::from(text),
            FixturePath::Bytes { hex } => OsString::from_vec(bytes(hex)).into(),
        }
    }
}

impl Fixture {
    /// The names of all declared repositories, sorted.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(fixture_path("repos"))
            .expect("fixtures/repos is part of the tree")
            .map(|entry| entry.expect("the folder can be listed").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Reads one declaration; fails the test if it cannot be read.
    #[track_caller]
    pub fn load(name: &str) -> Self {
        let path = fixture_path(&format!("repos/{name}.toml"));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => panic!(
                "no fixture repository `{name}`: {error}; there are {:?}",
                Fixture::names()
            ),
        };
        match toml::from_str(&text) {
            Ok(fixture) => fixture,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    /// Builds it in the folder `name` of the sandbox and checks the ids that it declares.
    #[track_caller]
    pub fn build(&self, sandbox: &Sandbox, name: &str) -> Repo {
        let repo = Repo::init(sandbox, sandbox.path(name), &self.object_format);
        for step in &self.step {
            take(&repo, step);
        }
        let ids: BTreeMap<String, String> = self
            .expect
            .keys()
            .map(|revision| (revision.clone(), id_of(&repo, revision)))
            .collect();
        assert_eq!(
            ids, self.expect,
            "fixture `{name}` came to other ids than it declares"
        );
        repo
    }
}

/// The id that a key of `expect` names.
#[track_caller]
pub fn id_of(repo: &Repo, revision: &str) -> String {
    match revision {
        "index" => repo.git(["write-tree"]),
        _ => repo.rev(revision),
    }
}

fn take(repo: &Repo, step: &Step) {
    match step {
        Step::Write(write) => {
            repo.write(write.path.to_path(), write.content());
        }
        Step::Delete(paths) => {
            for path in paths {
                repo.delete(path.to_path());
            }
        }
        Step::Rename { from, to } => {
            repo.rename(from.to_path(), to.to_path());
        }
        Step::Mode { path, mode } => {
            let bits = u32::from_str_radix(mode, 8).expect("`mode` is octal");
            repo.mode(path.to_path(), bits);
        }
        Step::Symlink { path, target } => {
            repo.symlink(path.to_path(), target);
        }
        Step::Commit(message) => drop(repo.commit(message)),
        Step::CommitStaged(message) => drop(repo.commit_staged(message)),
        Step::Stage(paths) => {
            repo.stage(paths.iter().map(FixturePath::to_path));
        }
        Step::Branch(name) => {
            repo.branch(name);
        }
        Step::Switch(name) => {
            repo.switch(name);
        }
        Step::Merge(name) => drop(repo.merge(name)),
        Step::Conflict(name) => {
            let merge = repo.try_git(["merge", "--quiet", "--no-commit", name]);
            assert_eq!(merge.code(), Some(1), "a conflict was expected\n{merge}");
        }
        Step::Config { key, value } => {
            repo.config(key, value);
        }
        Step::Ref { name, to } => drop(repo.git(["update-ref", name, to])),
        Step::SymbolicRef { name, to } => drop(repo.git(["symbolic-ref", name, to])),
        Step::Gitlink { path, commit } => {
            let entry = format!("160000,{commit},{path}");
            repo.git(["update-index", "--add", "--cacheinfo", &entry]);
        }
    }
}

impl Write {
    fn content(&self) -> Vec<u8> {
        match (&self.text, &self.hex, &self.line) {
            (Some(text), None, None) => text.repeat(self.repeat).into_bytes(),
            (None, Some(hex), None) => bytes(hex).repeat(self.repeat),
            (None, None, Some(line)) => (1..=self.repeat)
                .flat_map(|n| format!("{}\n", line.replace("{n}", &n.to_string())).into_bytes())
                .collect(),
            _ => panic!(
                "{:?} needs exactly one of `text`, `hex` and `line`",
                self.path
            ),
        }
    }
}

#[track_caller]
fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|char| !char.is_whitespace())
        .map(|char| u8::try_from(char.to_digit(16).expect("hexadecimal digits")).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2), "`{hex}` has half a byte");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn sha1() -> String {
    "sha1".to_owned()
}

fn once() -> usize {
    1
}
