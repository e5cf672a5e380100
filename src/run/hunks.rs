//! What a run takes along of its change, so that its report can show findings beside their lines.
//!
//! The worker reads no repository: while it runs, the working tree may change. So the hunks are taken when the request is
//! made, without secrets and within bounds, and the report keeps those around its findings. A file whose patch cannot be
//! read, or that comes behind the bound, is left out: its findings are shown without their lines, and the report knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::{Hunk, KeptHunks, Report, keep_beside};
use crate::secrets::{PatchKeys, Redactor};
use crate::target::{ChangeSet, Content};

/// What is taken of one file's patch, in bytes.
const MAX_FILE_BYTES: usize = 128 * 1024;

/// What is taken of all patches, in bytes.
const MAX_BYTES: usize = 512 * 1024;

/// What a report keeps around its findings, in bytes.
const MAX_REPORT_BYTES: usize = 128 * 1024;

/// A longer line is cut, in characters.
const MAX_LINE_CHARS: usize = 400;

/// The hunks of a change, in its order. A file that is staged and edited since comes with its later part first: the
/// lines of findings are those of the working tree.
pub(super) fn hunks(changes: &ChangeSet) -> KeptHunks {
    let mut redactor = Redactor::new();
    let mut room = MAX_BYTES;
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut is_cut = false;
    for (index, file) in changes.files.iter().enumerate() {
        if !matches!(file.content, Content::Text { .. }) {
            continue;
        }
        if room == 0 {
            is_cut = true;
            break;
        }
        let Ok(patch) = changes.patch(index) else {
            is_cut = true;
            continue;
        };
        let taken = first_lines(&patch, MAX_FILE_BYTES.min(room));
        is_cut |= taken.len() < patch.len();
        room -= taken.len();
        let keys = PatchKeys::of(
            taken,
            || match &file.old {
                None => Some(Vec::new()),
                Some(_) => changes.old_content(index, PatchKeys::MOST_BYTES).ok()?,
            },
            || match &file.new {
                None => Some(Vec::new()),
                Some(_) => changes.new_content(index, PatchKeys::MOST_BYTES).ok()?,
            },
            String::from_utf8_lossy,
        );
        let shown = String::from_utf8_lossy(taken);
        let shown = redactor.redact_patch(&shown, &keys).text;
        let path = file.path.to_string();
        let mut of_file = Hunk::parse_patch(&path, &shown);
        for line in of_file.iter_mut().flat_map(|hunk| &mut hunk.lines) {
            shorten(&mut line.text);
        }
        let place = match seen.insert(path.clone()) {
            // Looked for only where there is one: a change may have a hundred thousand files.
            false => hunks.iter().position(|hunk| hunk.file == path),
            true => None,
        };
        let place = place.unwrap_or(hunks.len());
        hunks.splice(place..place, of_file);
    }
    KeptHunks { hunks, is_cut }
}

/// Cuts a line that is longer than anybody reads beside a finding.
pub(super) fn shorten(line: &mut String) {
    if let Some((end, _)) = line.char_indices().nth(MAX_LINE_CHARS) {
        line.truncate(end);
        line.push('…');
    }
}

/// Leaves of a change's hunks those that its report keeps.
pub(super) fn keep_beside_findings(taken: &KeptHunks, report: &mut Report) {
    let kept = keep_beside(&taken.hunks, &report.shown_findings(), MAX_REPORT_BYTES);
    report.hunks = kept.hunks;
    report.hunks_cut = taken.is_cut || kept.is_cut;
}

/// As many whole lines of `patch` as fit into `max_bytes`.
fn first_lines(patch: &[u8], max_bytes: usize) -> &[u8] {
    if patch.len() <= max_bytes {
        return patch;
    }
    let end = patch[..max_bytes]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    &patch[..end]
}

/// The bytes of the changed paths that are no UTF-8, by their shown form. Two that are shown alike are not told apart,
/// so neither is in it.
pub(super) fn raw_paths(changes: &ChangeSet) -> BTreeMap<String, Vec<u8>> {
    let mut paths: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut ambiguous = BTreeSet::new();
    let left_out = changes.left_out.iter().map(|left_out| &left_out.path);
    for path in changes.files.iter().map(|file| &file.path).chain(left_out) {
        if std::str::from_utf8(path).is_ok() {
            continue;
        }
        let bytes: &[u8] = path;
        let earlier = paths.insert(path.to_string(), bytes.to_owned());
        if earlier.is_some_and(|earlier| earlier != bytes) {
            ambiguous.insert(path.to_string());
        }
    }
    paths.retain(|shown, _| !ambiguous.contains(shown));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_cut_between_lines() {
        assert_eq!(first_lines(b"ab\ncd\n", 6), b"ab\ncd\n");
        assert_eq!(first_lines(b"ab\ncd\n", 5), b"ab\n");
        assert_eq!(first_lines(b"ab\ncd\n", 2), b"");
    }
}
