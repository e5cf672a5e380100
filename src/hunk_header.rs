//! The line that begins a hunk of a unified diff: `@@ -1,2 +3,4 @@ heading`.

use bstr::ByteSlice as _;

/// What such a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HunkHeader<'l> {
    /// The number of the first old line, 1-based, and how many there are; of none, the number of the line before.
    pub old: (u32, u32),
    /// The same of the new lines.
    pub new: (u32, u32),
    /// What stands behind, such as the first line of a function, with the line end if `line` had one; empty without.
    pub heading: &'l [u8],
}

impl<'l> HunkHeader<'l> {
    /// Reads a line; a count that is not given is one. `None` for any other line.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"@@ -")?;
        let (old, rest) = rest.split_once_str(" +")?;
        let (new, heading) = rest.split_once_str(" @@")?;
        Some(HunkHeader {
            old: span(old)?,
            new: span(new)?,
            heading: heading.strip_prefix(b" ").unwrap_or(heading),
        })
    }
}

fn span(text: &[u8]) -> Option<(u32, u32)> {
    let text = text.to_str().ok()?;
    match text.split_once(',') {
        Some((start, lines)) => Some((start.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_headings_are_read() {
        let check = |line: &'static str, old, new, heading: &str| {
            let heading = heading.as_bytes();
            let read = HunkHeader::parse(line.as_bytes());
            assert_eq!(read, Some(HunkHeader { old, new, heading }), "{line}");
        };
        check("@@ -1,2 +3,4 @@ fn x\n", (1, 2), (3, 4), "fn x\n");
        check("@@ -0,0 +1 @@", (0, 0), (1, 1), "");
        check("@@ -7 +8,0 @@\n", (7, 1), (8, 0), "\n");
        check("@@ -7 +8 @@ a @@ b", (7, 1), (8, 1), "a @@ b");
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "@@ -1 +2",
            "@@ -x +2 @@",
            "@@ -1,2,3 +2 @@",
            "-@@ -1 +2 @@",
            "@@@ -1 -1 +2 @@@",
            "@@ -1 +99999999999 @@",
        ] {
            assert_eq!(HunkHeader::parse(line.as_bytes()), None, "{line}");
        }
    }
}
