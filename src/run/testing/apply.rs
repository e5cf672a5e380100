//! Brings accepted tests into the user's working tree: all of them or none.
//!
//! Every file is looked at first. Then all are written beside their places, and then put there one after the other; what
//! fails takes back what was put. Each file is whole at every moment; a machine that stops between two of them leaves the
//! first ones.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::placing::{self, PlaceError, Prepared};
use crate::suites::{Accepted, AppliedTo, Insertion};

/// What became of the tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Files that were written, by path.
    pub written: Vec<String>,
    /// Files that hold the tests already.
    pub already: Vec<String>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The job has no tests.
    #[error("the job holds no accepted tests")]
    NoTests,
    /// Files do not fit.
    #[error("`{path}` does not fit: {why}{}", if *more > 0 { format!(" (and {more} more)") } else { String::new() })]
    Conflict {
        /// The first of them.
        path: String,
        /// Why.
        why: &'static str,
        /// How many others.
        more: usize,
    },
    /// A file has no place, or cannot be written.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// What is stored of an accepted file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredFile {
    path: String,
    before: Option<String>,
    after: String,
    insertions: Vec<StoredInsertion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredInsertion {
    after_line: u32,
    text: String,
}

/// The accepted tests in the stored result of a run.
///
/// # Errors
///
/// [`ApplyError::NoTests`] where it holds none.
pub fn read_written(result: &Value) -> Result<Vec<Accepted>, ApplyError> {
    let files: Vec<StoredFile> =
        serde_json::from_value(result["files"].clone()).map_err(|_| ApplyError::NoTests)?;
    if files.is_empty() {
        return Err(ApplyError::NoTests);
    }
    Ok(files
        .into_iter()
        .map(|file| Accepted {
            path: file.path,
            before: file.before,
            after: file.after,
            insertions: file
                .insertions
                .into_iter()
                .map(|insertion| Insertion {
                    behind: insertion.after_line,
                    text: insertion.text,
                })
                .collect(),
        })
        .collect())
}

/// One file to write, with what is there now.
struct Change {
    path: PathBuf,
    text: String,
    now: Option<Vec<u8>>,
}

/// Puts accepted tests into the tree at `root`.
///
/// # Errors
///
/// A file does not fit or cannot be written; then nothing is changed.
pub fn apply(root: &Path, files: &[Accepted]) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    let mut changes = Vec::new();
    let mut conflicts = Vec::new();
    for file in files {
        let path = placing::place(root, &file.path)?;
        let now = placing::read(&path)?;
        match file.apply_to(now.as_deref()) {
            AppliedTo::Content(text) => {
                applied.written.push(file.path.clone());
                changes.push(Change { path, text, now });
            }
            AppliedTo::Already => applied.already.push(file.path.clone()),
            AppliedTo::Conflict(why) => conflicts.push((file.path.clone(), why)),
        }
    }
    if let Some((path, why)) = conflicts.first() {
        return Err(ApplyError::Conflict {
            path: path.clone(),
            why,
            more: conflicts.len() - 1,
        });
    }
    let mut folders = Vec::new();
    put_all(changes, &mut folders).inspect_err(|_| {
        // Only those that are empty go.
        for folder in folders.iter().rev() {
            drop(std::fs::remove_dir(folder));
        }
    })?;
    Ok(applied)
}

fn put_all(changes: Vec<Change>, folders: &mut Vec<PathBuf>) -> Result<(), ApplyError> {
    let mut prepared: Vec<(Prepared, Option<Vec<u8>>)> = Vec::new();
    for change in changes {
        let one = placing::prepare(&change.path, &change.text, folders)?;
        prepared.push((one, change.now));
    }
    let mut put: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    for (one, now) in prepared {
        let path = one.path.clone();
        // What was looked at is what is replaced.
        let done = placing::read(&path).and_then(|found| {
            if found == now {
                one.put(now.is_none())
            } else {
                let changed = std::io::Error::other("it changed meanwhile");
                Err(PlaceError::io("write", &path)(changed))
            }
        });
        if let Err(error) = done {
            take_back(put);
            return Err(error.into());
        }
        put.push((path, now));
    }
    Ok(())
}

/// Makes every file what it was.
fn take_back(put: Vec<(PathBuf, Option<Vec<u8>>)>) {
    for (path, before) in put.into_iter().rev() {
        // What fails here fails beside an error that is told already.
        match before {
            None => drop(std::fs::remove_file(&path)),
            Some(content) => drop(std::fs::write(&path, content)),
        }
    }
}

/// The member `applied` of the JSON document of `test`.
#[must_use]
pub fn applied_json(applied: &Applied) -> Value {
    json!({"written": applied.written, "already": applied.already})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn new_file(path: &str, text: &str) -> Value {
        json!({"path": path, "before": null, "after": "-", "insertions": [{"afterLine": 0, "text": text}]})
    }

    #[test]
    fn all_tests_go_in_or_none_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let result =
            json!({"files": [new_file("tests/a.rs", "a\n"), new_file("tests/b.rs", "b\n")]});
        let files = read_written(&result).unwrap();
        fs::create_dir(root.join("tests")).unwrap();
        fs::write(root.join("tests/b.rs"), "other\n").unwrap();
        let error = apply(root, &files).unwrap_err();
        assert!(
            matches!(&error, ApplyError::Conflict { path, more: 0, .. } if path == "tests/b.rs"),
            "{error}"
        );
        assert!(!root.join("tests/a.rs").exists());
        fs::remove_file(root.join("tests/b.rs")).unwrap();
        let applied = apply(root, &files).unwrap();
        assert_eq!(applied.written, ["tests/a.rs", "tests/b.rs"]);
        assert_eq!(fs::read(root.join("tests/a.rs")).unwrap(), b"a\n");
        assert_eq!(fs::read_dir(root.join("tests")).unwrap().count(), 2);
    }

    #[test]
    fn a_failure_takes_back_what_was_put() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        // A file in the place of a folder shows when the second file is looked at, or when it is written.
        let result =
            json!({"files": [new_file("new/a.rs", "a\n"), new_file("new/a.rs/b.rs", "b\n")]});
        let files = read_written(&result).unwrap();
        apply(root, &files).unwrap_err();
        assert!(!root.join("new").exists());
    }

    #[test]
    fn a_result_without_tests_says_so() {
        for result in [
            json!({}),
            json!({"files": []}),
            json!({"files": 3}),
            Value::Null,
        ] {
            assert!(
                matches!(read_written(&result), Err(ApplyError::NoTests)),
                "{result}"
            );
        }
    }
}
