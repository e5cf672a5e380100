//! A hunk as a table: line numbers of both versions, signs, and what changed inside a line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

use crate::review::LineRange;

use super::super::hunk::{Hunk, LineSide};
use super::super::visible;
use super::escape::{line, push_escaped};

/// Lines that are less alike than this are not compared word by word: two different lines, not one that was changed.
const ALIKE: f32 = 0.5;

/// Longer lines are not compared word by word, in bytes.
const MAX_COMPARED_BYTES: usize = 600;

/// Writes a hunk; lines of the new version within `about` are marked.
pub(super) fn write_hunk(
    out: &mut String,
    hunk: &Hunk,
    about: Option<LineRange>,
) -> std::fmt::Result {
    let place = format!("{}:{}", visible::path(&hunk.file), hunk.new_start.max(1));
    writeln!(
        out,
        "<figure class=\"hunk\">\n<figcaption><code>{}</code> <span>{}</span></figcaption>",
        line(&place),
        line(&hunk.heading)
    )?;
    writeln!(
        out,
        "<div class=\"scroll\" tabindex=\"0\"><table aria-label=\"changed lines\"><tbody>"
    )?;
    let changed = changed_words(hunk);
    for (position, (old, new, hunk_line)) in hunk.numbered().enumerate() {
        let kind = match hunk_line.side {
            LineSide::Both => "ctx",
            LineSide::Old => "del",
            LineSide::New => "add",
        };
        let is_meant = about
            .zip(new)
            .is_some_and(|(about, new)| (about.start()..=about.end()).contains(&new));
        let mark = if is_meant { " hit" } else { "" };
        let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
        write!(
            out,
            "<tr class=\"{kind}{mark}\"><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"s\">{}</td><td class=\"c\">",
            number(old),
            number(new),
            hunk_line.side.sign(),
        )?;
        match changed.get(&position) {
            Some(pieces) => {
                for (is_changed, piece) in pieces {
                    let piece = visible::lines(piece);
                    if *is_changed {
                        out.push_str("<mark>");
                    }
                    push_escaped(out, &piece);
                    if *is_changed {
                        out.push_str("</mark>");
                    }
                }
            }
            None => push_escaped(out, &visible::lines(&hunk_line.text)),
        }
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</tbody></table></div>\n</figure>")
}

/// The pieces of a line, each with whether it changed.
type Pieces = Vec<(bool, String)>;

/// The lines that were changed, rather than removed or added, by their position: in a run of removed lines that a run
/// of added ones follows, the first goes with the first, and so on.
fn changed_words(hunk: &Hunk) -> BTreeMap<usize, Pieces> {
    let mut words = BTreeMap::new();
    let side = |position: usize| hunk.lines.get(position).map(|line| line.side);
    let mut position = 0;
    while position < hunk.lines.len() {
        let run = |from: usize, wanted: LineSide| {
            (from..)
                .take_while(|&position| side(position) == Some(wanted))
                .count()
        };
        let removed = run(position, LineSide::Old);
        let added = run(position + removed, LineSide::New);
        for pair in 0..removed.min(added) {
            let (old_at, new_at) = (position + pair, position + removed + pair);
            if let Some((old, new)) = compared(&hunk.lines[old_at].text, &hunk.lines[new_at].text) {
                words.insert(old_at, old);
                words.insert(new_at, new);
            }
        }
        position += (removed + added).max(1);
    }
    words
}

/// Both lines in pieces; `None` if they have too little in common.
fn compared(old: &str, new: &str) -> Option<(Pieces, Pieces)> {
    if old.len().max(new.len()) > MAX_COMPARED_BYTES {
        return None;
    }
    let (old_words, new_words) = (words(old), words(new));
    let diff = TextDiff::from_slices(&old_words, &new_words);
    if diff.ratio() < ALIKE {
        return None;
    }
    let (mut old, mut new) = (Pieces::new(), Pieces::new());
    for change in diff.iter_all_changes() {
        if change.tag() != ChangeTag::Insert {
            push_piece(&mut old, change.tag() == ChangeTag::Delete, change.value());
        }
        if change.tag() != ChangeTag::Delete {
            push_piece(&mut new, change.tag() == ChangeTag::Insert, change.value());
        }
    }
    Some((old, new))
}

fn push_piece(pieces: &mut Pieces, is_changed: bool, text: &str) {
    match pieces.last_mut() {
        Some((last, piece)) if *last == is_changed => piece.push_str(text),
        _ => pieces.push((is_changed, text.to_owned())),
    }
}

/// A line of code in words, runs of blanks, and single other characters.
fn words(line: &str) -> Vec<&str> {
    let kind = |character: char| match character {
        letter if letter.is_alphanumeric() || letter == '_' => 'w',
        blank if blank.is_whitespace() => 'b',
        other => other,
    };
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = if matches!(kind(first), 'w' | 'b') {
            rest.find(|character| kind(character) != kind(first))
                .unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(patch: &str, about: Option<(u32, u32)>) -> Vec<String> {
        let hunks = Hunk::parse_patch("a.rs", patch);
        let mut out = String::new();
        let about = about.map(|(start, end)| LineRange::new(start, end));
        write_hunk(&mut out, &hunks[0], about).unwrap();
        out.lines()
            .filter(|line| line.starts_with("<tr"))
            .map(|line| line.replace("<td class=\"n\">", "|").replace("</td>", ""))
            .collect()
    }

    #[test]
    fn lines_are_numbered_marked_and_compared_word_by_word() {
        assert_eq!(
            shown(
                "@@ -1,3 +1,3 @@\n a\n-if x < 3 {\n+if x < 4 {\n \tb\n",
                Some((2, 2))
            ),
            [
                "<tr class=\"ctx\">|1|1<td class=\"s\"> <td class=\"c\">a</tr>",
                "<tr class=\"del\">|2|<td class=\"s\">-<td class=\"c\">if x &lt; <mark>3</mark> {</tr>",
                "<tr class=\"add hit\">||2<td class=\"s\">+<td class=\"c\">if x &lt; <mark>4</mark> {</tr>",
                "<tr class=\"ctx\">|3|3<td class=\"s\"> <td class=\"c\">\tb</tr>",
            ]
        );
    }

    #[test]
    fn lines_with_little_in_common_are_not_compared() {
        for patch in [
            "@@ -1 +1 @@\n-return early;\n+let total = sum(items)\n".to_owned(),
            format!("@@ -1 +1 @@\n-{0}a\n+{0}b\n", "x ".repeat(400)),
        ] {
            assert!(!shown(&patch, None).concat().contains("<mark>"), "{patch}");
        }
    }

    #[test]
    fn code_is_text() {
        let rows = shown(
            "@@ -0,0 +1 @@\n+</td><script>alert(1)</script>\u{202e}\n",
            None,
        )
        .concat();
        assert!(
            rows.contains("&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}"),
            "{rows}"
        );
    }
}
