//! A file's patch text in its parts: a header, then hunks.

use bstr::ByteSlice as _;

use crate::hunk_header::HunkHeader;
use crate::target::HunkRange;

/// The parts of one file's patch, in order and without gaps: joined, they are the patch again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PatchParts<'a> {
    /// Everything before the first hunk.
    pub(super) header: &'a [u8],
    /// The hunks.
    pub(super) hunks: Vec<PatchHunk<'a>>,
}

/// One hunk. Lines between two hunks (a type change is a deletion and a creation, with two headers) go with the later
/// one, lines after the last hunk with the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PatchHunk<'a> {
    pub(super) text: &'a [u8],
    pub(super) range: HunkRange,
    /// Lines that begin with `+`.
    pub(super) added: u32,
    /// Lines that begin with `-`.
    pub(super) removed: u32,
}

impl<'a> PatchParts<'a> {
    /// Splits a patch. Text without any hunk (a rename, a binary file, anything unknown) is all header.
    pub(super) fn parse(patch: &'a [u8]) -> Self {
        let mut starts: Vec<(usize, HunkRange, u32, u32)> = Vec::new();
        // Where the lines that belong to no hunk yet begin.
        let mut loose_start = 0;
        let mut in_hunk = false;
        let mut offset = 0;
        for line in patch.lines_with_terminator() {
            let body = in_hunk && matches!(line[0], b' ' | b'+' | b'-' | b'\\');
            if body {
                let (_, _, added, removed) = starts.last_mut().expect("a body follows a hunk line");
                match line[0] {
                    b'+' => *added = added.saturating_add(1),
                    b'-' => *removed = removed.saturating_add(1),
                    _ => {}
                }
            } else if let Some(range) = hunk_range(line) {
                let start = if in_hunk || starts.is_empty() {
                    offset
                } else {
                    loose_start
                };
                starts.push((start, range, 0, 0));
                in_hunk = true;
            } else if in_hunk {
                in_hunk = false;
                loose_start = offset;
            }
            offset += line.len();
        }
        let header_end = starts.first().map_or(patch.len(), |(start, ..)| *start);
        let ends = starts
            .iter()
            .skip(1)
            .map(|(start, ..)| *start)
            .chain([patch.len()]);
        let hunks = starts
            .iter()
            .zip(ends)
            .map(|(&(start, range, added, removed), end)| PatchHunk {
                text: &patch[start..end],
                range,
                added,
                removed,
            })
            .collect();
        PatchParts {
            header: &patch[..header_end],
            hunks,
        }
    }
}

fn hunk_range(line: &[u8]) -> Option<HunkRange> {
    let HunkHeader { old, new, .. } = HunkHeader::parse(line)?;
    Some(HunkRange {
        old_start: old.0,
        old_lines: old.1,
        new_start: new.0,
        new_lines: new.1,
    })
}

/// Whether two hunks of the same file, cut with different numbers of context lines, share a changed line or touch.
pub(super) fn overlap(a: &HunkRange, b: &HunkRange) -> bool {
    spans_meet((a.old_start, a.old_lines), (b.old_start, b.old_lines))
        || spans_meet((a.new_start, a.new_lines), (b.new_start, b.new_lines))
}

fn spans_meet(a: (u32, u32), b: (u32, u32)) -> bool {
    // An empty side names the line before it; as a place it counts as that one line.
    let last = |(start, lines): (u32, u32)| start.saturating_add(lines.max(1) - 1);
    a.0 <= last(b) && b.0 <= last(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE_CHANGE: &[u8] = b"diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n\
diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+target\n\\ No newline at end of file\n";

    #[track_caller]
    fn check(patch: &[u8], header: &str, hunks: &[(&str, u32, u32)]) {
        let parts = PatchParts::parse(patch);
        let mut joined = parts.header.to_vec();
        parts.hunks.iter().for_each(|hunk| joined.extend(hunk.text));
        assert_eq!(joined.as_bstr(), patch.as_bstr(), "nothing is lost");
        assert_eq!(parts.header.as_bstr(), header);
        let found: Vec<_> = parts
            .hunks
            .iter()
            .map(|hunk| (hunk.text.to_str().unwrap(), hunk.added, hunk.removed))
            .collect();
        assert_eq!(found, hunks);
    }

    #[test]
    fn a_patch_is_split_at_its_hunk_lines() {
        check(
            b"h1\nh2\n@@ -1,2 +1,2 @@ fn a\n x\n-@@ -9 +9 @@\n+--- y\n@@ -8 +8,2 @@\n-z\n+z\n+w\n",
            "h1\nh2\n",
            &[
                ("@@ -1,2 +1,2 @@ fn a\n x\n-@@ -9 +9 @@\n+--- y\n", 1, 1),
                ("@@ -8 +8,2 @@\n-z\n+z\n+w\n", 2, 1),
            ],
        );
    }

    #[test]
    fn text_without_hunks_is_all_header() {
        check(b"", "", &[]);
        check(
            b"Binary files a/x and b/x differ\n",
            "Binary files a/x and b/x differ\n",
            &[],
        );
        check(
            b"@@ nonsense @@\n@@ -1,x +2 @@\n",
            "@@ nonsense @@\n@@ -1,x +2 @@\n",
            &[],
        );
    }

    #[test]
    fn a_second_header_goes_with_the_second_hunk() {
        let parts = PatchParts::parse(TYPE_CHANGE);
        assert_eq!(parts.hunks.len(), 2);
        assert!(parts.hunks[1].text.starts_with(b"diff --git"));
        assert_eq!((parts.hunks[0].removed, parts.hunks[0].added), (1, 0));
        assert_eq!((parts.hunks[1].removed, parts.hunks[1].added), (0, 1));
    }

    #[test]
    fn hunks_that_share_a_line_on_either_side_overlap() {
        let hunk = |old_start, old_lines, new_start, new_lines| HunkRange {
            old_start,
            old_lines,
            new_start,
            new_lines,
        };
        assert!(overlap(&hunk(1, 7, 1, 8), &hunk(4, 1, 4, 2)));
        assert!(overlap(&hunk(0, 0, 1, 3), &hunk(0, 0, 1, 3)));
        assert!(!overlap(&hunk(1, 7, 1, 8), &hunk(20, 3, 21, 3)));
    }
}
