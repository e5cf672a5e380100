//! Changed lines, read out of a patch without context.

use super::source::{ChangedText, Line};

/// The added and removed lines of one file's patch. A patch of another form yields what could be read.
pub(super) fn changed_text(patch: &[u8]) -> ChangedText {
    let mut text = ChangedText::default();
    let (mut old, mut new) = (0_u32, 0_u32);
    let (mut old_left, mut new_left) = (0_u32, 0_u32);
    for line in patch.split(|byte| *byte == b'\n') {
        // Inside a hunk the counts say what a line is: removed text may look like a header.
        match line.split_first() {
            Some((b'-', rest)) if old_left > 0 => {
                text.removed.push(shown(old, rest));
                old += 1;
                old_left -= 1;
            }
            Some((b'+', rest)) if new_left > 0 => {
                text.added.push(shown(new, rest));
                new += 1;
                new_left -= 1;
            }
            Some((b' ', _)) if old_left > 0 && new_left > 0 => {
                old += 1;
                new += 1;
                old_left -= 1;
                new_left -= 1;
            }
            Some((b'@', _)) if old_left == 0 && new_left == 0 => {
                if let Some(((old_start, old_count), (new_start, new_count))) = hunk(line) {
                    (old, old_left) = (old_start, old_count);
                    (new, new_left) = (new_start, new_count);
                }
            }
            _ => {}
        }
    }
    text
}

fn shown(number: u32, text: &[u8]) -> Line {
    Line {
        number,
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

/// `@@ -3,2 +4 @@ …`
fn hunk(line: &[u8]) -> Option<((u32, u32), (u32, u32))> {
    // The numbers are near the beginning; the heading behind them may be cut inside a character.
    let text = String::from_utf8_lossy(&line[..line.len().min(80)]);
    let mut words = text.strip_prefix("@@ ")?.split(' ');
    let old = range(words.next()?.strip_prefix('-')?)?;
    let new = range(words.next()?.strip_prefix('+')?)?;
    Some((old, new))
}

fn range(text: &str) -> Option<(u32, u32)> {
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

/// What an earlier change looks like after a later one on the same file: lines that the later one removed are gone,
/// and the others have the numbers that it gave them.
pub(super) fn through_later_change(earlier: ChangedText, later: ChangedText) -> ChangedText {
    let mut added = Vec::with_capacity(earlier.added.len() + later.added.len());
    let mut removed = later.removed.iter().map(|line| line.number).peekable();
    let mut came = later.added.iter().map(|line| line.number).peekable();
    let mut gone_before = 0_u32;
    let mut came_before = 0_u32;
    for mut line in earlier.added {
        while removed.peek().is_some_and(|number| *number < line.number) {
            removed.next();
            gone_before += 1;
        }
        if removed.peek() == Some(&line.number) {
            continue;
        }
        let kept = line.number - gone_before;
        while came
            .peek()
            .is_some_and(|number| *number <= kept + came_before)
        {
            came.next();
            came_before += 1;
        }
        line.number = kept + came_before;
        added.push(line);
    }
    added.extend(later.added);
    added.sort_by_key(|line| line.number);
    ChangedText {
        added,
        removed: earlier.removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(lines: &[Line]) -> Vec<(u32, &str)> {
        lines
            .iter()
            .map(|line| (line.number, line.text.as_str()))
            .collect()
    }

    #[test]
    fn lines_are_numbered_by_their_hunk() {
        let patch =
            b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -2 +2,2 @@ fn x()\n--- old\n+++ new\n+two\n\
            @@ -9,0 +11 @@\n+tail\n\\ No newline at end of file\n";
        let text = changed_text(patch);
        assert_eq!(
            numbers(&text.added),
            [(2, "++ new"), (3, "two"), (11, "tail")]
        );
        assert_eq!(numbers(&text.removed), [(2, "-- old")]);
    }

    #[test]
    fn a_broken_patch_yields_what_can_be_read() {
        for patch in [
            &b"@@ -1,9 +1,9 @@\n+a"[..],
            b"@@",
            b"@@ -x +y @@\n+a",
            b"+a\n-b",
            b"\xff",
        ] {
            assert!(changed_text(patch).added.len() <= 1);
        }
    }

    #[test]
    fn a_staged_line_is_seen_where_the_working_tree_has_it() {
        let line = |number, text: &str| Line {
            number,
            text: text.to_owned(),
        };
        let staged = ChangedText {
            added: vec![line(2, "kept"), line(5, "undone"), line(7, "low")],
            removed: Vec::new(),
        };
        // Two lines came on top, line 5 went.
        let unstaged = ChangedText {
            added: vec![line(1, "x"), line(2, "y")],
            removed: vec![line(5, "undone")],
        };
        let both = through_later_change(staged, unstaged);
        assert_eq!(
            numbers(&both.added),
            [(1, "x"), (2, "y"), (4, "kept"), (8, "low")]
        );
    }
}
