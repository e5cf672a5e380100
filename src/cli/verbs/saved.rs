//! Saved results: JSON reports in files, as `--format json` prints them or as `result --json` wraps them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use codex_review::report::{self, Report};
use serde_json::Value;

use crate::cli::failure::Failure;

/// A larger file is no report.
const MOST_BYTES: u64 = 256 << 20;
/// How deep folders are looked into: download steps make one for each artifact.
const DEPTH: usize = 4;
/// More files than this are no shards of one change.
const MOST_FILES: usize = 2000;

/// Reads one saved report; `-` is standard input.
pub(crate) fn read_report(path: &Path) -> Result<Report, Failure> {
    let failed = |source| Failure::ReadResult {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let file = open_regular(path).map_err(failed)?;
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    let not_a_result = |source| Failure::NotAResult {
        path: path.to_owned(),
        source,
    };
    match report::json::parse(&bytes) {
        Ok(report) => Ok(report),
        // `result --json` wraps the report in its job.
        Err(error) => match serde_json::from_slice::<Value>(&bytes) {
            Ok(mut document) if !document["storedJob"]["result"].is_null() => {
                let stored = document["storedJob"]["result"].take().to_string();
                report::json::parse(stored.as_bytes()).map_err(not_a_result)
            }
            _ => Err(not_a_result(error)),
        },
    }
}

/// Opens a file whose kind was looked at first: a FIFO would never end.
fn open_regular(path: &Path) -> std::io::Result<std::fs::File> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    std::fs::File::open(path)
}

/// The files that are meant: each that is named, and every `.json` file below each folder, in the order of their names.
pub(crate) fn list_results(given: &[PathBuf], cwd: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        let path = cwd.join(path);
        let metadata = std::fs::metadata(&path).map_err(|source| Failure::ReadResult {
            path: path.clone(),
            source,
        })?;
        if metadata.is_dir() {
            let before = files.len();
            list_folder(&path, DEPTH, &mut files)?;
            if files.len() == before {
                return Err(Failure::NoResults { path });
            }
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn list_folder(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |source| Failure::ReadResult {
        path: folder.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.path(), entry.file_type().map_err(failed)?));
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    for (path, kind) in entries {
        if kind.is_dir() && depth > 0 {
            list_folder(&path, depth - 1, files)?;
        } else if kind.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(failed(std::io::Error::other("it holds too many files")));
        }
    }
    Ok(())
}
