//! Which lines differ between two contents: Myers' algorithm with git's indent heuristic.

use gix::diff::blob::sources::byte_lines;
use gix::diff::blob::{Algorithm, Diff, InternedInput};

use crate::target::patch::{Edit, count_lines};

/// How many bytes are looked at to tell text from binary.
const BINARY_PROBE_BYTES: usize = 8_000;

/// Whether a content is binary by itself: a NUL near its beginning.
pub(super) fn looks_binary(content: &[u8]) -> bool {
    content[..content.len().min(BINARY_PROBE_BYTES)].contains(&0)
}

/// The edits that lead from `old` to `new`, sorted and disjoint.
pub(super) fn between(old: &[u8], new: &[u8]) -> Vec<Edit> {
    if old.is_empty() || new.is_empty() {
        let (old_end, new_end) = (count_lines(old), count_lines(new));
        return if old_end == new_end {
            Vec::new()
        } else {
            vec![Edit {
                old_start: 0,
                old_end,
                new_start: 0,
                new_end,
            }]
        };
    }
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    diff.hunks()
        .map(|hunk| Edit {
            old_start: hunk.before.start,
            old_end: hunk.before.end,
            new_start: hunk.after.start,
            new_end: hunk.after.end,
        })
        .collect()
}
