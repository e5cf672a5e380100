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

/// What leads from one content to another.
pub(super) struct Edits {
    /// Sorted and disjoint.
    pub(super) edits: Vec<Edit>,
    pub(super) old_count: u32,
    pub(super) new_count: u32,
}

/// Compares two contents line by line.
pub(super) fn between(old: &[u8], new: &[u8]) -> Edits {
    if old.is_empty() || new.is_empty() {
        let (old_count, new_count) = (count_lines(old), count_lines(new));
        let whole = Edit {
            old_start: 0,
            old_end: old_count,
            new_start: 0,
            new_end: new_count,
        };
        let edits = if old_count == new_count {
            Vec::new()
        } else {
            vec![whole]
        };
        return Edits {
            edits,
            old_count,
            new_count,
        };
    }
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let edits = diff
        .hunks()
        .map(|hunk| Edit {
            old_start: hunk.before.start,
            old_end: hunk.before.end,
            new_start: hunk.after.start,
            new_end: hunk.after.end,
        })
        .collect();
    let count = |tokens: &[_]| u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    Edits {
        edits,
        old_count: count(&input.before),
        new_count: count(&input.after),
    }
}
