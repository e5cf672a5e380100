//! One file's change as the text of a patch, byte for byte as git prints it.

use bstr::{BStr, ByteSlice};

use super::HunkRange;
use super::quote::push_quoted;

/// A run of lines that differ, as 0-based half-open ranges. A change is a list of them, sorted and disjoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) old_start: u32,
    pub(super) old_end: u32,
    pub(super) new_start: u32,
    pub(super) new_end: u32,
}

/// One side as the header names it.
#[derive(Debug, Clone)]
pub(super) struct PatchSide<'a> {
    pub(super) path: &'a BStr,
    pub(super) mode: u32,
    /// As it is to be printed on the `index` line, which is left out if both sides have the same.
    pub(super) id: String,
}

/// What follows the header.
pub(super) enum Body<'a> {
    /// Nothing: the contents are the same.
    Same,
    /// One line that says so.
    Binary,
    /// Hunks.
    Text {
        old: &'a [u8],
        new: &'a [u8],
        edits: &'a [Edit],
        context: u32,
    },
}

/// Appends the patch of one file. At least one side is there; a change of type is two calls.
///
/// `null_id` is what the `index` line says for a side that is not there.
pub(super) fn render(
    out: &mut Vec<u8>,
    old: Option<&PatchSide<'_>>,
    new: Option<&PatchSide<'_>>,
    similarity: Option<u8>,
    null_id: &str,
    body: &Body<'_>,
) {
    let Some(any) = new.or(old) else { return };
    let old_path = old.map_or(any.path, |side| side.path);
    let new_path = any.path;

    out.extend_from_slice(b"diff --git ");
    push_quoted(out, "a/", old_path);
    out.push(b' ');
    push_quoted(out, "b/", new_path);
    out.push(b'\n');
    match (old, new) {
        (None, Some(new)) => push_line(out, &format!("new file mode {:06o}", new.mode)),
        (Some(old), None) => push_line(out, &format!("deleted file mode {:06o}", old.mode)),
        (Some(old), Some(new)) if old.mode != new.mode => {
            push_line(out, &format!("old mode {:06o}", old.mode));
            push_line(out, &format!("new mode {:06o}", new.mode));
        }
        _ => {}
    }
    if let Some(similarity) = similarity {
        push_line(out, &format!("similarity index {similarity}%"));
        out.extend_from_slice(b"rename from ");
        push_quoted(out, "", old_path);
        out.extend_from_slice(b"\nrename to ");
        push_quoted(out, "", new_path);
        out.push(b'\n');
    }
    let changed = match (old, new) {
        (Some(old), Some(new)) => old.id != new.id,
        _ => true,
    };
    if changed {
        let old_id = old.map_or(null_id, |side| side.id.as_str());
        let new_id = new.map_or(null_id, |side| side.id.as_str());
        let mode = match (old, new) {
            (Some(old), Some(new)) if old.mode == new.mode => format!(" {:06o}", old.mode),
            _ => String::new(),
        };
        push_line(out, &format!("index {old_id}..{new_id}{mode}"));
    }
    match body {
        Body::Same => {}
        Body::Binary => {
            out.extend_from_slice(b"Binary files ");
            push_name(out, old.is_some(), "a/", old_path);
            out.extend_from_slice(b" and ");
            push_name(out, new.is_some(), "b/", new_path);
            out.extend_from_slice(b" differ\n");
        }
        Body::Text { edits: [], .. } => {}
        Body::Text {
            old: old_text,
            new: new_text,
            edits,
            context,
        } => {
            out.extend_from_slice(b"--- ");
            push_label(out, old.is_some(), "a/", old_path);
            out.extend_from_slice(b"+++ ");
            push_label(out, new.is_some(), "b/", new_path);
            push_hunks(out, old_text, new_text, edits, *context);
        }
    }
}

fn push_line(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn push_name(out: &mut Vec<u8>, there: bool, prefix: &str, path: &BStr) {
    if there {
        push_quoted(out, prefix, path);
    } else {
        out.extend_from_slice(b"/dev/null");
    }
}

/// A name on a `---` or `+++` line: a TAB ends it where a blank could be taken for its end.
fn push_label(out: &mut Vec<u8>, there: bool, prefix: &str, path: &BStr) {
    push_name(out, there, prefix, path);
    if there && path.contains(&b' ') {
        out.push(b'\t');
    }
    out.push(b'\n');
}

/// Where each line begins, and the end of the text as the last element.
pub(super) struct LineStarts(Vec<u32>);

impl LineStarts {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(
            text.find_iter(b"\n")
                .map(|index| u32::try_from(index + 1).unwrap_or(u32::MAX)),
        );
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if starts.last() != Some(&end) {
            starts.push(end);
        }
        LineStarts(starts)
    }

    /// How many lines there are; a last line without a newline counts.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    fn line<'t>(&self, text: &'t [u8], index: u32) -> &'t [u8] {
        let index = index as usize;
        &text[self.0[index] as usize..self.0[index + 1] as usize]
    }
}

/// How many lines a text has; a last line without a newline counts.
pub(super) fn count_lines(text: &[u8]) -> u32 {
    let newlines = text.find_iter(b"\n").count();
    let open = usize::from(text.last().is_some_and(|&last| last != b'\n'));
    u32::try_from(newlines + open).unwrap_or(u32::MAX)
}

/// Edits that share one hunk, with its place.
struct Hunk<'e> {
    edits: &'e [Edit],
    /// 0-based half-open ranges, context included.
    old: (u32, u32),
    new: (u32, u32),
}

impl Hunk<'_> {
    fn range(&self) -> HunkRange {
        let start = |(start, end): (u32, u32)| if start == end { start } else { start + 1 };
        HunkRange {
            old_start: start(self.old),
            old_lines: self.old.1 - self.old.0,
            new_start: start(self.new),
            new_lines: self.new.1 - self.new.0,
        }
    }
}

/// Groups edits: two share a hunk when their contexts touch.
fn group(
    edits: &[Edit],
    context: u32,
    old_count: u32,
    new_count: u32,
) -> impl Iterator<Item = Hunk<'_>> {
    let mut rest = edits;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let joined = rest
            .windows(2)
            .take_while(|pair| pair[1].old_start - pair[0].old_end <= context.saturating_mul(2))
            .count();
        let (edits, later) = rest.split_at(joined + 1);
        rest = later;
        let last = edits[joined];
        Some(Hunk {
            edits,
            old: (
                first.old_start.saturating_sub(context),
                last.old_end.saturating_add(context).min(old_count),
            ),
            new: (
                first.new_start.saturating_sub(context),
                last.new_end.saturating_add(context).min(new_count),
            ),
        })
    })
}

/// The places of the hunks that `edits` make with this much context.
pub(super) fn hunk_ranges(
    edits: &[Edit],
    context: u32,
    old_count: u32,
    new_count: u32,
) -> Vec<HunkRange> {
    group(edits, context, old_count, new_count)
        .map(|hunk| hunk.range())
        .collect()
}

fn push_hunks(out: &mut Vec<u8>, old: &[u8], new: &[u8], edits: &[Edit], context: u32) {
    let old_lines = LineStarts::of(old);
    let new_lines = LineStarts::of(new);
    let mut heading: Vec<u8> = Vec::new();
    let mut searched_from = 0;
    for hunk in group(edits, context, old_lines.count(), new_lines.count()) {
        if let Some(found) = (searched_from..hunk.old.0)
            .rev()
            .map(|index| old_lines.line(old, index))
            .find(|line| is_heading(line))
        {
            heading = heading_text(found).to_vec();
        }
        searched_from = hunk.old.0;

        let range = hunk.range();
        out.extend_from_slice(b"@@ -");
        push_range(out, range.old_start, range.old_lines);
        out.extend_from_slice(b" +");
        push_range(out, range.new_start, range.new_lines);
        out.extend_from_slice(b" @@");
        if !heading.is_empty() {
            out.push(b' ');
            out.extend_from_slice(valid_prefix(&heading));
        }
        out.push(b'\n');

        let mut at = hunk.old.0;
        for edit in hunk.edits {
            push_lines(out, b' ', &old_lines, old, at..edit.old_start);
            push_lines(out, b'-', &old_lines, old, edit.old_start..edit.old_end);
            push_lines(out, b'+', &new_lines, new, edit.new_start..edit.new_end);
            at = edit.old_end;
        }
        push_lines(out, b' ', &old_lines, old, at..hunk.old.1);
    }
}

fn push_range(out: &mut Vec<u8>, start: u32, lines: u32) {
    let text = if lines == 1 {
        start.to_string()
    } else {
        format!("{start},{lines}")
    };
    out.extend_from_slice(text.as_bytes());
}

fn push_lines(
    out: &mut Vec<u8>,
    sign: u8,
    lines: &LineStarts,
    text: &[u8],
    range: std::ops::Range<u32>,
) {
    for index in range {
        let line = lines.line(text, index);
        out.push(sign);
        out.extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

fn is_heading(line: &[u8]) -> bool {
    line.first()
        .is_some_and(|&first| first.is_ascii_alphabetic() || first == b'_' || first == b'$')
}

/// git keeps this many bytes of a heading.
const HEADING_BYTES: usize = 80;

fn heading_text(line: &[u8]) -> &[u8] {
    let mut text = &line[..line.len().min(HEADING_BYTES)];
    while let Some((&last, rest)) = text.split_last() {
        if !matches!(last, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) {
            break;
        }
        text = rest;
    }
    text
}

/// Up to the first byte that is not UTF-8 (git also stops at U+FFFE and U+FFFF).
fn valid_prefix(text: &[u8]) -> &[u8] {
    let valid = match std::str::from_utf8(text) {
        Ok(valid) => valid,
        Err(error) => {
            std::str::from_utf8(&text[..error.valid_up_to()]).expect("checked up to this byte")
        }
    };
    let end = valid.find(['\u{fffe}', '\u{ffff}']).unwrap_or(valid.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(old: (u32, u32), new: (u32, u32)) -> Edit {
        Edit {
            old_start: old.0,
            old_end: old.1,
            new_start: new.0,
            new_end: new.1,
        }
    }

    #[test]
    fn edits_share_a_hunk_when_their_contexts_touch() {
        let near = [edit((0, 1), (0, 1)), edit((7, 8), (7, 8))];
        assert_eq!(hunk_ranges(&near, 3, 20, 20).len(), 1);
        let far = [edit((0, 1), (0, 1)), edit((8, 9), (8, 9))];
        assert_eq!(hunk_ranges(&far, 3, 20, 20).len(), 2);
        assert_eq!(hunk_ranges(&near, 0, 20, 20).len(), 2);
    }

    #[test]
    fn an_empty_side_starts_at_zero_and_one_line_has_no_count() {
        let mut out = Vec::new();
        push_hunks(&mut out, b"", b"a\n", &[edit((0, 0), (0, 1))], 3);
        assert_eq!(out, b"@@ -0,0 +1 @@\n+a\n");
    }

    #[test]
    fn a_missing_newline_is_said_on_its_side() {
        let mut out = Vec::new();
        push_hunks(&mut out, b"a", b"a\n", &[edit((0, 1), (0, 1))], 3);
        assert_eq!(out, b"@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    }

    #[test]
    fn headings_are_trimmed_and_stay_until_another_is_found() {
        let old = b"fn one() {  \n 1\n 2\n 3\n 4\n 5\n 6\n 7\n 8\n 9\n";
        let new = b"fn one() {  \n 1\n 2\n 3\n 4\n x\n 6\n 7\n 8\n y\n";
        let mut out = Vec::new();
        push_hunks(
            &mut out,
            old,
            new,
            &[edit((5, 6), (5, 6)), edit((9, 10), (9, 10))],
            1,
        );
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("@@ fn one() {\n").count(), 2, "{text}");
    }

    #[test]
    fn headings_end_before_bytes_that_are_no_utf8() {
        assert_eq!(valid_prefix(b"ab\xffc"), b"ab");
        assert_eq!(valid_prefix("ä\u{ffff}x".as_bytes()), "ä".as_bytes());
    }
}
