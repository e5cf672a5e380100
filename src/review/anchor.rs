//! The code that a finding points to, in a form that outlives edits around it.
//!
//! Lines are compared without indentation, with blanks evened out and without markers of ours; blank lines do not count.
//! An anchor is the code of the finding's own lines. Where that is too short to tell one place from another (`return
//! err`), the line that encloses it is part of the anchor. Equal anchors in one file are numbered from the top.

use std::collections::HashMap;

use super::LineRange;
use super::marker::bare;

/// Code with fewer letters and digits than this says too little about its place.
const TELLING_CHARS: usize = 14;

/// A file's lines of code, prepared for any number of findings.
#[derive(Debug)]
pub(super) struct FileLines {
    lines: Vec<Line>,
    /// Each line's text as a number; equal texts have equal numbers.
    ids: Vec<u32>,
}

#[derive(Debug)]
struct Line {
    number: u32,
    indent: usize,
    text: String,
    /// The line that encloses this one, by its place in `lines`.
    scope: Option<usize>,
}

/// The code of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Anchor<'a> {
    /// Its lines.
    pub(super) code: Vec<&'a str>,
    /// The enclosing line, where the code alone says too little.
    pub(super) scope: Option<&'a str>,
    /// How many equal anchors stand above it.
    pub(super) occurrence: usize,
}

impl FileLines {
    pub(super) fn new(content: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content);
        let mut lines: Vec<Line> = Vec::new();
        let mut ids = Vec::new();
        let mut known: HashMap<String, u32> = HashMap::new();
        // Lines that may still enclose what follows, each indented more than the one before.
        let mut open: Vec<usize> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let text = bare(line);
            if text.is_empty() {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let trivial = is_trivial(&text);
            // A brace on a line of its own neither encloses nor ends anything here.
            while !trivial && open.last().is_some_and(|&at| lines[at].indent >= indent) {
                open.pop();
            }
            let encloses = |&&at: &&usize| lines[at].indent < indent;
            let scope = open.iter().rev().find(encloses).copied();
            if !trivial {
                open.push(lines.len());
            }
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            ids.push(*known.entry(text.clone()).or_insert(next));
            lines.push(Line {
                number: u32::try_from(index + 1).unwrap_or(u32::MAX),
                indent,
                text,
                scope,
            });
        }
        FileLines { lines, ids }
    }

    /// The anchor of these lines; `None` in a file without code.
    pub(super) fn anchor(&self, range: LineRange) -> Option<Anchor<'_>> {
        let (first, end) = self.code_of(range)?;
        let code: Vec<&str> = self.lines[first..end]
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        let telling: usize = code
            .iter()
            .map(|line| line.chars().filter(|char| char.is_alphanumeric()).count())
            .sum();
        let above = self.matches_above(first, end);
        let (scope, occurrence) = if telling >= TELLING_CHARS {
            (None, above.len())
        } else {
            let scope = self.scope(first);
            let alike = above.iter().filter(|&&at| self.scope(at) == scope).count();
            (scope, alike)
        };
        Some(Anchor {
            code,
            scope,
            occurrence,
        })
    }

    fn scope(&self, at: usize) -> Option<&str> {
        self.lines[at]
            .scope
            .map(|scope| self.lines[scope].text.as_str())
    }

    /// Where the code of a range is in `lines`: without lines of mere punctuation at its ends; the nearest line of code
    /// when the range holds none.
    fn code_of(&self, range: LineRange) -> Option<(usize, usize)> {
        let mut first = self
            .lines
            .partition_point(|line| line.number < range.start());
        let mut end = self
            .lines
            .partition_point(|line| line.number <= range.end());
        if first == end {
            let nearest = first.min(self.lines.len().checked_sub(1)?);
            return Some((nearest, nearest + 1));
        }
        if self.lines[first..end]
            .iter()
            .all(|line| is_trivial(&line.text))
        {
            return Some((first, end));
        }
        while is_trivial(&self.lines[first].text) {
            first += 1;
        }
        while is_trivial(&self.lines[end - 1].text) {
            end -= 1;
        }
        Some((first, end))
    }

    /// Where the same lines begin above `first`, found in one pass (Knuth, Morris and Pratt).
    fn matches_above(&self, first: usize, end: usize) -> Vec<usize> {
        let wanted = &self.ids[first..end];
        let mut back = vec![0; wanted.len()];
        let mut length = 0;
        for at in 1..wanted.len() {
            while length > 0 && wanted[at] != wanted[length] {
                length = back[length - 1];
            }
            length += usize::from(wanted[at] == wanted[length]);
            back[at] = length;
        }
        let mut found = Vec::new();
        let mut length = 0;
        // A match that begins above `first` ends before the anchor's own last line.
        for (at, id) in self.ids[..end - 1].iter().enumerate() {
            while length > 0 && (length == wanted.len() || *id != wanted[length]) {
                length = back[length - 1];
            }
            length += usize::from(*id == wanted[length]);
            if length == wanted.len() {
                found.push(at + 1 - wanted.len());
            }
        }
        found
    }
}

/// Whether a line is punctuation alone, such as a closing brace.
fn is_trivial(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(text: &str, start: u32, end: u32) -> Option<(Vec<String>, Option<String>, usize)> {
        let lines = FileLines::new(text.as_bytes());
        let anchor = lines.anchor(LineRange::new(start, end))?;
        Some((
            anchor.code.iter().map(|line| (*line).to_owned()).collect(),
            anchor.scope.map(str::to_owned),
            anchor.occurrence,
        ))
    }

    const FILE: &str = "fn one() {\n    fail();\n\n    fail();\n}\nfn two()\n{\n\tfail();\n    // codex-review: ignore x -- y\n}\n";

    #[test]
    fn short_code_is_told_apart_by_what_encloses_it_and_then_by_its_number() {
        let at = |line, scope: &str, nth| {
            assert_eq!(
                anchor(FILE, line, line),
                Some((vec!["fail();".to_owned()], Some(scope.to_owned()), nth)),
                "line {line}"
            );
        };
        at(2, "fn one() {", 0);
        at(4, "fn one() {", 1);
        at(8, "fn two()", 0);
        // Blank lines and braces at the ends of a range do not count.
        assert_eq!(anchor(FILE, 3, 5), anchor(FILE, 4, 4));
        // A marker's own line stands for the code below it.
        assert_eq!(anchor(FILE, 9, 9), Some((vec!["}".to_owned()], None, 1)));
    }

    #[test]
    fn overlapping_matches_and_odd_files_are_counted_right() {
        assert_eq!(anchor("a\na\na\na\n", 3, 4).unwrap().2, 2);
        assert_eq!(anchor("a\nb\na\nb\na\n", 3, 5).unwrap().2, 1);
        assert_eq!(anchor("", 1, 1), None);
        assert_eq!(anchor("\n\n", 1, 2), None);
        assert_eq!(anchor("x\n", 9, 12).unwrap().0, ["x"]);
    }
}
