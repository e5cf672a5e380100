//! The code that a finding of an earlier review pointed to, kept as hashes of its lines, and where that code is now.
//!
//! Lines are compared without indentation and with blanks evened out; blank lines do not count. A short stretch must be
//! there as it was; of a longer one most lines must still stand together, since an edit within it is reviewed anyway.

use std::ops::Range;

use serde_json::{Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::since_last::line_hash;
use crate::review::LineRange;

/// The most lines of a finding that are kept.
const MOST_LINES: usize = 40;
/// From this many lines on, not all of them need to be left.
const LONG: usize = 4;
/// Less than this many characters say too little to be looked for in other files.
const TELLING_CHARS: usize = 20;

/// A file of the new version.
pub(super) enum FileNow {
    Content(Vec<u8>),
    Gone,
    /// It is there, or may be, and cannot be looked at.
    Unknown,
}

/// The lines of one finding. Without lines it is about its file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Anchor {
    lines: Vec<String>,
    telling: bool,
}

impl Anchor {
    /// The lines that a finding points to.
    pub(super) fn of(content: &FileNow, range: Option<LineRange>) -> Anchor {
        let (FileNow::Content(content), Some(range)) = (content, range) else {
            return Anchor::default();
        };
        let text = String::from_utf8_lossy(content);
        let lines: Vec<String> = numbered(&text)
            .filter(|(number, _)| (range.start()..=range.end()).contains(number))
            .map(|(_, line)| line)
            .take(MOST_LINES)
            .collect();
        Anchor {
            telling: lines.iter().map(String::len).sum::<usize>() >= TELLING_CHARS,
            lines: lines.iter().map(|line| line_hash(line)).collect(),
        }
    }

    /// Whether the code says enough to be known again in another file.
    pub(super) fn is_telling(&self) -> bool {
        self.telling
    }

    /// Where the code is in a file, nearest to where it was. `None` when it is gone, `Some(None)` for the file as a whole.
    pub(super) fn find(&self, content: &[u8], was: Option<LineRange>) -> Option<Option<LineRange>> {
        if self.lines.is_empty() {
            return Some(None);
        }
        let text = String::from_utf8_lossy(content);
        let (numbers, lines): (Vec<u32>, Vec<String>) = numbered(&text)
            .map(|(number, line)| (number, line_hash(&line)))
            .unzip();
        let place =
            |range: Range<usize>| LineRange::new(numbers[range.start], numbers[range.end - 1]);
        let old = was.map_or(1, LineRange::start);
        let exact = lines
            .windows(self.lines.len())
            .enumerate()
            .filter(|(_, window)| *window == self.lines)
            .map(|(at, _)| place(at..at + self.lines.len()))
            .min_by_key(|range| range.start().abs_diff(old));
        exact
            .or_else(|| self.most_of_it(&lines).map(place))
            .map(Some)
    }

    /// Where at least three quarters of a longer stretch still stand together.
    fn most_of_it(&self, lines: &[String]) -> Option<Range<usize>> {
        if self.lines.len() < LONG {
            return None;
        }
        let (mut left, mut span) = (0, None::<Range<usize>>);
        for op in capture_diff_slices(Algorithm::Myers, lines, &self.lines) {
            if let DiffOp::Equal { old_index, len, .. } = op {
                left += len;
                let start = span.map_or(old_index, |span| span.start);
                span = Some(start..old_index + len);
            }
        }
        span.filter(|span| left * 4 >= self.lines.len() * 3 && span.len() <= self.lines.len() * 2)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"lines": self.lines, "telling": self.telling})
    }

    /// Reads what [`Anchor::to_json`] wrote; anything else is an anchor without lines.
    pub(super) fn from_json(json: &Value) -> Anchor {
        let lines = json["lines"].as_array().into_iter().flatten();
        Anchor {
            lines: lines
                .filter_map(|line| line.as_str().map(str::to_owned))
                .collect(),
            telling: json["telling"] == true,
        }
    }
}

/// The lines that are not blank, in one shape, with their numbers.
fn numbered(text: &str) -> impl Iterator<Item = (u32, String)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (!words.is_empty()).then(|| (number, words.join(" ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "fn a() {\n    one();\n\n    two();\n    three();\n    four();\n}\n";

    #[track_caller]
    fn check(range: (u32, u32), now: &str, expected: Option<(u32, u32)>) {
        let range = LineRange::new(range.0, range.1);
        let anchor = Anchor::of(&FileNow::Content(FILE.into()), Some(range));
        assert_eq!(Anchor::from_json(&anchor.to_json()), anchor);
        let found = anchor.find(now.as_bytes(), Some(range));
        let expected = expected.map(|(start, end)| Some(LineRange::new(start, end)));
        assert_eq!(found, expected, "{now}");
    }

    #[test]
    fn code_is_found_where_it_moved_and_gone_when_it_was_edited() {
        check((4, 4), FILE, Some((4, 4)));
        check((4, 4), &format!("// new\n\n{FILE}"), Some((6, 6)));
        check((4, 4), &FILE.replace("    two", "\t\ttwo"), Some((4, 4)));
        check((4, 4), &FILE.replace("two", "zwei"), None);
        check((4, 4), "", None);
        // Of two equal places the nearer one.
        check((4, 4), &format!("{FILE}{}", "two();\n"), Some((4, 4)));
    }

    #[test]
    fn a_long_stretch_survives_a_small_edit_and_not_a_big_one() {
        check((2, 6), &FILE.replace("four", "five"), Some((2, 5)));
        check(
            (2, 6),
            &FILE.replace("four", "five").replace("two", "zwei"),
            None,
        );
        check(
            (1, 7),
            &FILE.replace("two();", "two();\n    more();"),
            Some((1, 8)),
        );
    }

    #[test]
    fn without_lines_the_file_is_what_counts() {
        let anchor = Anchor::of(&FileNow::Unknown, Some(LineRange::new(1, 1)));
        assert_eq!(anchor.find(b"whatever", None), Some(None));
        assert!(!anchor.is_telling());
    }
}
