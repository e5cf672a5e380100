//! One line that says how big a change is.

use std::collections::BTreeSet;

use super::ledger::changed_lines;
use super::size::counted;
use crate::target::{FileChange, Part};

/// Such as `3 files, +10 −2 (1 staged, 2 untracked)`.
///
/// Files are counted by path, once even when a file has both staged and unstaged changes; the parts are counted each by
/// itself. Committed changes need no word of their own.
#[must_use]
pub fn summary_line(files: &[FileChange]) -> String {
    let paths: BTreeSet<&[u8]> = files.iter().map(|file| file.path.as_slice()).collect();
    let (added, removed) = files
        .iter()
        .map(changed_lines)
        .fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
    let mut line = format!(
        "{}, +{added} \u{2212}{removed}",
        counted(paths.len() as u64, "file")
    );
    let parts: Vec<String> = [Part::Staged, Part::Unstaged, Part::Untracked]
        .into_iter()
        .filter_map(|part| {
            let count = files.iter().filter(|file| file.part == part).count();
            (count > 0).then(|| format!("{count} {}", part.as_str()))
        })
        .collect();
    if !parts.is_empty() {
        line.push_str(&format!(" ({})", parts.join(", ")));
    }
    line
}
