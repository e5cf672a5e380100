//! Private keys in patches. A hunk may show the middle of a key whose markers lie outside of it, and the heading behind
//! its `@@` may be a line of one: only the whole contents tell.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bstr::ByteSlice as _;

use super::block::{self, PRIVATE_KEY};
use super::placeholder::placeholder;
use super::redact::{Redacted, Redaction, Redactor, key_digest, key_lines};
use crate::hunk_header::HunkHeader;

/// Where private keys stand in the two contents that a patch compares.
#[derive(Debug, Clone, Default)]
pub struct PatchKeys {
    old: Side,
    new: Side,
}

#[derive(Debug, Clone)]
enum Side {
    /// By line, 1-based; few or none.
    Known {
        lines: BTreeMap<u32, KeyLine>,
        /// The lines of keys as a heading shows them, to their numbers.
        headings: BTreeMap<String, u32>,
    },
    /// Nobody could read it.
    Unknown,
}

impl Default for Side {
    fn default() -> Self {
        Side::Known {
            lines: BTreeMap::new(),
            headings: BTreeMap::new(),
        }
    }
}

/// The part of a line that belongs to a key.
#[derive(Debug, Clone)]
struct KeyLine {
    range: Range<usize>,
    /// Of the key as a whole.
    digest: [u8; 32],
}

/// Fewer letters of material than this, in the longest line of a hunk, are not worth reading the contents for.
const LEAST_LINE: usize = 8;
/// A line of so many letters and digits, and of nothing else, is taken for a key's where nobody can look.
const LONG_LINE: usize = 60;
/// A heading is never longer, in bytes.
const HEADING_BYTES: usize = 80;

impl PatchKeys {
    /// Larger contents than this, in bytes, are not searched: what looks like a key in their hunks is taken for one.
    pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

    /// Of `patch`, a file's patch or any hunk of it. The contents are only asked for where it has lines that could be a
    /// key's. `old` and `new` answer `None` for one that cannot be had, and an empty one where there is none; `shown` is
    /// how the patch's bytes become the text that [`Redactor::redact_patch`] gets.
    pub fn of(
        patch: &[u8],
        old: impl FnOnce() -> Option<Vec<u8>>,
        new: impl FnOnce() -> Option<Vec<u8>>,
        shown: impl Fn(&[u8]) -> Cow<'_, str>,
    ) -> PatchKeys {
        if !may_show_key(patch) {
            return PatchKeys::default();
        }
        let side = |content: Option<Vec<u8>>| match content {
            None => Side::Unknown,
            Some(content) if !content.contains_str("PRIVATE KEY") => Side::default(),
            Some(content) => Side::of(&shown(&content)),
        };
        PatchKeys {
            old: side(old()),
            new: side(new()),
        }
    }

    fn is_empty(&self) -> bool {
        [&self.old, &self.new]
            .iter()
            .all(|side| matches!(side, Side::Known { lines, .. } if lines.is_empty()))
    }
}

/// Whether a line of a patch, or the heading of a hunk, could be a line of a key.
fn may_show_key(patch: &[u8]) -> bool {
    patch.lines().any(|line| {
        let heading = HunkHeader::parse(line).map(|header| header.heading);
        if heading.is_some_and(|heading| heading.contains_str("-----BEGIN")) {
            return true;
        }
        let line = String::from_utf8_lossy(heading.unwrap_or(line));
        block::material_of(&line).is_some_and(|letters| letters >= LEAST_LINE)
    })
}

impl Side {
    fn of(text: &str) -> Side {
        let mut lines = BTreeMap::new();
        let mut headings = BTreeMap::new();
        let mut number = 1;
        let mut counted = 0;
        for found in block::find(text) {
            number += line_ends(&text[counted..found.start]);
            counted = found.start;
            let digest = key_digest(&text[found.clone()]);
            for (offset, range) in (0..).zip(key_lines(text, &found)) {
                let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
                let line = &text[start..];
                let line = &line[..line.find('\n').unwrap_or(line.len())];
                headings.insert(heading_of(line).to_owned(), number + offset);
                let range = range.start - start..range.end - start;
                lines.insert(number + offset, KeyLine { range, digest });
            }
        }
        Side::Known { lines, headings }
    }

    fn line(&self, number: u32) -> Option<&KeyLine> {
        match self {
            Side::Known { lines, .. } => lines.get(&number),
            Side::Unknown => None,
        }
    }

    /// The line that a heading, which may be cut, comes from.
    fn of_heading(&self, heading: &str) -> Option<&KeyLine> {
        let Side::Known { lines, headings } = self else {
            return None;
        };
        let (whole, number) = headings.range(heading.to_owned()..).next()?;
        // A heading is cut at its bound, or before a letter that it would cut.
        let may_be_cut = heading.len() + 4 > HEADING_BYTES;
        let is_it = whole == heading || may_be_cut && whole.starts_with(heading);
        is_it.then(|| lines.get(number)).flatten()
    }
}

fn line_ends(text: &str) -> u32 {
    let count = text.bytes().filter(|byte| *byte == b'\n').count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn heading_of(line: &str) -> &str {
    let mut end = line.len().min(HEADING_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line[..end].trim_end()
}

/// What is taken out of a line: a range, and the key that it belongs to.
type Cut = (Range<usize>, [u8; 32]);

/// Walks a patch and says for each of its lines what belongs to a key.
struct Walk<'a> {
    keys: &'a PatchKeys,
    /// The next old and new line, and how many of either the hunk still has.
    old: (u32, u32),
    new: (u32, u32),
}

impl Walk<'_> {
    /// `None` where the line is not a key's; `guess` says whether it looks like one.
    fn cut(&mut self, line: &str, guess: bool) -> Option<Cut> {
        let PatchKeys { old, new } = self.keys;
        if self.old.1 == 0 && self.new.1 == 0 {
            let header = HunkHeader::parse(line.as_bytes())?;
            (self.old, self.new) = (header.old, header.new);
            return self.heading_cut(line, line.len() - header.heading.len());
        }
        let (key, is_known) = match line.as_bytes().first() {
            Some(b'-') => (old.line(step(&mut self.old)), old.is_known()),
            Some(b'+') => (new.line(step(&mut self.new)), new.is_known()),
            Some(b'\\') => return None,
            _ => {
                let (old_line, new_line) = (step(&mut self.old), step(&mut self.new));
                let key = new.line(new_line).or_else(|| old.line(old_line));
                (key, old.is_known() || new.is_known())
            }
        };
        let content = line.strip_suffix('\r').unwrap_or(line);
        match key {
            Some(key) => {
                let range = key.range.start + 1..key.range.end + 1;
                // Where the text is not what was searched, more is taken rather than less.
                let range = match content.get(range.clone()) {
                    Some(_) => range,
                    None => block::prefix(content)..content.len(),
                };
                Some((range, key.digest))
            }
            None if guess && !is_known => {
                let range = block::prefix(content)..content.len();
                Some((range.clone(), key_digest(&content[range])))
            }
            None => None,
        }
    }

    fn heading_cut(&self, line: &str, start: usize) -> Option<Cut> {
        let heading = line[start..].trim_end();
        let end = start + heading.len();
        if heading.is_empty() {
            return None;
        }
        if let Some(key) = self.keys.old.of_heading(heading) {
            let range = start + key.range.start..end.min(start + key.range.end);
            return (range.start < range.end).then_some((range, key.digest));
        }
        let guess = !self.keys.old.is_known() && is_long(heading);
        guess.then(|| (start..end, key_digest(heading)))
    }
}

impl Side {
    fn is_known(&self) -> bool {
        matches!(self, Side::Known { .. })
    }
}

fn step(side: &mut (u32, u32)) -> u32 {
    let line = side.0;
    side.0 = side.0.saturating_add(1);
    side.1 = side.1.saturating_sub(1);
    line
}

/// Letters and digits of base64 alone, quotes and joins around them aside.
fn is_bare(line: &str) -> bool {
    let content = line[block::prefix(line)..].trim_end();
    !content.contains([' ', '\t']) && block::material_of(line).is_some_and(|letters| letters > 0)
}

fn is_long(line: &str) -> bool {
    let has = |class: fn(&u8) -> bool| line.as_bytes().iter().any(class);
    is_bare(line)
        && block::material_of(line).is_some_and(|letters| letters >= LONG_LINE)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// The lines, by index, that stand in a run of base64 with a long line in it.
fn looks_like_key(lines: &[&str]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < lines.len() {
        let run = lines[at..].iter().take_while(|line| is_bare(line)).count();
        if lines[at..at + run].iter().any(|line| is_long(line)) {
            found.extend(at..at + run);
        }
        at += run.max(1);
    }
    found
}

impl Redactor {
    /// Like [`Redactor::redact`], for a file's patch or any whole hunks of it: what `keys` knows to be inside a private
    /// key is taken out too, where the patch shows no marker of it.
    pub fn redact_patch(&mut self, patch: &str, keys: &PatchKeys) -> Redacted {
        if keys.is_empty() {
            return self.redact(patch);
        }
        let lines: Vec<&str> = patch.split('\n').collect();
        let is_known = keys.old.is_known() && keys.new.is_known();
        let guesses = match is_known {
            true => BTreeSet::new(),
            false => looks_like_key(&lines),
        };
        let mut walk = Walk {
            keys,
            old: (0, 0),
            new: (0, 0),
        };
        let mut text = String::with_capacity(patch.len());
        let mut found: Vec<Redaction> = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let cut = walk.cut(line, guesses.contains(&index));
            let Some((range, digest)) = cut.filter(|(range, _)| !range.is_empty()) else {
                text.push_str(line);
                continue;
            };
            let ordinal = self.ordinal(digest);
            text.push_str(&line[..range.start]);
            text.push_str(&placeholder(PRIVATE_KEY.id, ordinal));
            text.push_str(&line[range.end..]);
            if found.iter().all(|known| known.ordinal != ordinal) {
                found.push(Redaction {
                    rule: PRIVATE_KEY.id,
                    ordinal,
                    line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                });
            }
        }
        let mut redacted = self.redact(&text);
        redacted.found.extend(found);
        redacted.found.sort_by_key(|redaction| redaction.line);
        redacted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of twelve lines of material, with a line before and behind it.
    fn file(changed: &str) -> String {
        let label = ["PRIVATE", "KEY"].join(" ");
        let mut text = format!("name: x\n-----BEGIN {label}-----\n");
        for line in 0..12 {
            let first = if line == 6 { changed } else { "M" };
            text.push_str(&format!("{first}{}\n", material(line)));
        }
        text + &format!("-----END {label}-----\nend: y\n")
    }

    fn material(line: usize) -> String {
        format!("{line:02}{}", "aB3dE5fG7hJ9kL1mNoPq".repeat(3))
    }

    fn hunk() -> String {
        let at = |line| format!("M{}", material(line));
        format!(
            "@@ -8,3 +8,3 @@ {}\n {}\n-{}\n+Z{}\n {}\n",
            at(4),
            at(5),
            at(6),
            material(6),
            at(7)
        )
    }

    fn redacted(patch: &str, old: Option<String>, new: Option<String>) -> Redacted {
        let keys = PatchKeys::of(
            patch.as_bytes(),
            || old.map(String::into_bytes),
            || new.map(String::into_bytes),
            String::from_utf8_lossy,
        );
        Redactor::new().redact_patch(patch, &keys)
    }

    fn mark(number: usize) -> String {
        placeholder(PRIVATE_KEY.id, number)
    }

    #[test]
    fn a_hunk_in_the_middle_of_a_key_shows_none_of_it() {
        let shown = redacted(&hunk(), Some(file("M")), Some(file("Z")));
        let (old, new) = (mark(1), mark(2));
        assert_eq!(
            shown.text,
            format!("@@ -8,3 +8,3 @@ {old}\n {new}\n-{old}\n+{new}\n {new}\n")
        );
        let lines: Vec<u32> = shown.found.iter().map(|redaction| redaction.line).collect();
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn a_heading_is_taken_out_where_the_hunk_has_nothing_of_the_key() {
        let patch = format!("@@ -16 +16 @@ M{}\n-end: y\n+end: z\n", material(11));
        let shown = redacted(&patch, Some(file("M")), Some(file("M")));
        assert_eq!(
            shown.text,
            format!("@@ -16 +16 @@ {}\n-end: y\n+end: z\n", mark(1))
        );
    }

    #[test]
    fn what_looks_like_a_key_is_taken_for_one_where_nobody_can_look() {
        let shown = redacted(&hunk(), None, None);
        assert!(!shown.text.contains(&material(6)), "{}", shown.text);
        assert!(!shown.text.contains(&material(5)), "{}", shown.text);
        let source = "@@ -1,3 +1,3 @@ fn continue_here()\n return something;\n-    continue;\n+    breakfast\n";
        assert_eq!(redacted(source, None, None).text, source);
    }

    #[test]
    fn base64_that_is_no_key_stays() {
        let shown = redacted(&hunk(), Some(String::new()), Some("PRIVATE KEY".into()));
        assert_eq!(shown.text, hunk());
        assert_eq!(shown.found, []);
    }

    #[test]
    fn contents_are_only_read_for_lines_that_could_be_a_keys() {
        let patch = b"@@ -1,2 +1,2 @@ fn main()\n let x = f(1);\n-    }\n+    };\n";
        let unread = || panic!("read");
        let keys = PatchKeys::of(patch, unread, unread, |_| "".into());
        assert!(keys.is_empty());
    }

    #[test]
    fn a_key_on_one_line_keeps_what_stands_around_it() {
        let whole = file("M");
        let key: Vec<&str> = whole.lines().skip(1).take(14).collect();
        let line = format!("KEY = \"{}\" # here", key.join("\\n"));
        let text = format!("{line}\nx\n");
        let heading: String = line.chars().take(80).collect();
        let patch = format!("@@ -2 +2 @@ {heading}\n-x\n+y\n");
        let shown = redacted(&patch, Some(text.clone()), Some(text));
        assert_eq!(
            shown.text,
            format!("@@ -2 +2 @@ KEY = \"{}\n-x\n+y\n", mark(1))
        );
    }
}
