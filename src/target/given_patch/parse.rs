//! From bytes to sections and hunks.

use bstr::ByteSlice as _;

use super::header;
use super::names;
use super::{
    Body, Hunk, HunkLine, LineKind, MOST_FILES, MOST_HUNKS, MOST_PATCH_BYTES, PatchError, Section,
    SectionNames, check_name,
};

/// The lines of a patch, one after the other.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// Where the next line begins.
    at: usize,
    /// The next line's number, from 1.
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end.
    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        let line = self.peek_whole()?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The next line with its end.
    fn peek_whole(&self) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let end = rest.find_byte(b'\n').map_or(rest.len(), |end| end + 1);
        Some(&rest[..end])
    }

    /// Takes the next line, without its end.
    pub(super) fn take(&mut self) -> Option<&'a [u8]> {
        let line = self.peek()?;
        self.at += self.peek_whole().map_or(0, <[u8]>::len);
        self.number += 1;
        Some(line)
    }

    /// The number of the next line, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    fn malformed(&self, problem: &'static str) -> PatchError {
        PatchError::Malformed {
            line: self.number,
            problem,
        }
    }
}

pub(super) fn sections(text: &[u8]) -> Result<Vec<Section>, PatchError> {
    if text.len() as u64 > MOST_PATCH_BYTES {
        return Err(PatchError::TooLarge("8 MiB"));
    }
    let mut lines = Lines {
        text,
        at: 0,
        number: 1,
    };
    let mut sections: Vec<Section> = Vec::new();
    let mut hunks_left = MOST_HUNKS;
    while let Some(line) = lines.peek() {
        let mut section = if line.starts_with(b"diff --git ") {
            header::read(&mut lines)?
        } else if line.starts_with(b"diff --cc ") || line.starts_with(b"diff --combined ") {
            return Err(lines.malformed("the diff of a merge, which stands between three versions"));
        } else if line.starts_with(b"--- ") && begins_plain(&lines) {
            plain(&mut lines)?
        } else if parse_ranges(line).is_some() {
            return Err(lines.malformed("a hunk without a file"));
        } else {
            // A mail, a log message, what another program says beside a diff.
            lines.take();
            continue;
        };
        if sections.len() == MOST_FILES {
            return Err(PatchError::TooLarge("3000 files"));
        }
        if section.body == Body::Nothing {
            let mut hunks = Vec::new();
            while lines.peek().is_some_and(|line| line.starts_with(b"@@ -")) {
                hunks_left = hunks_left
                    .checked_sub(1)
                    .ok_or(PatchError::TooLarge("20000 hunks"))?;
                hunks.push(hunk(&mut lines)?);
            }
            if !hunks.is_empty() {
                section.body = Body::Hunks(hunks);
            } else if matches!(section.names, SectionNames::Plain { .. }) {
                return Err(lines.malformed("a file without a hunk"));
            }
        }
        sections.push(section);
    }
    if sections.is_empty() {
        return Err(PatchError::Nothing);
    }
    Ok(sections)
}

/// Whether the next lines are the two names and the first hunk of a plain diff.
fn begins_plain(lines: &Lines<'_>) -> bool {
    let mut ahead = Lines { ..*lines };
    ahead.take();
    let names = ahead.take().is_some_and(|line| line.starts_with(b"+++ "));
    names && ahead.peek().is_some_and(|line| line.starts_with(b"@@ -"))
}

fn plain(lines: &mut Lines<'_>) -> Result<Section, PatchError> {
    let line = lines.number();
    let mut side = |sign: &[u8]| {
        let text = lines.take().and_then(|line| line.strip_prefix(sign));
        names::side(text.unwrap_or_default())
            .map_err(|problem| PatchError::Malformed { line, problem })
    };
    let (old, new) = (side(b"--- ")?, side(b"+++ ")?);
    if old.is_none() && new.is_none() {
        let problem = "a diff between nothing and nothing";
        return Err(PatchError::Malformed { line, problem });
    }
    for name in [&old, &new].into_iter().flatten() {
        check_name(name.as_bstr(), line)?;
    }
    Ok(Section {
        line,
        creates: old.is_none(),
        deletes: new.is_none(),
        names: SectionNames::Plain { old, new },
        source: None,
        old_mode: None,
        new_mode: None,
        similarity: None,
        old_id: None,
        new_id: None,
        body: Body::Nothing,
    })
}

/// Reads a hunk; as many lines belong to it as its first line says.
fn hunk(lines: &mut Lines<'_>) -> Result<Hunk, PatchError> {
    let line = lines.number();
    let ranges = parse_ranges(lines.peek().unwrap_or_default());
    let [old_start, old_lines, _, new_lines] =
        ranges.ok_or_else(|| lines.malformed("the numbers of a hunk make no sense"))?;
    lines.take();
    let mut hunk = Hunk {
        line,
        old_start,
        old_lines,
        lines: Vec::new(),
    };
    let (mut old_left, mut new_left) = (old_lines, new_lines);
    let (mut old_ended, mut new_ended) = (false, false);
    while old_left > 0 || new_left > 0 {
        let Some(whole) = lines.peek_whole() else {
            return Err(lines.malformed("the hunk is cut: it has fewer lines than it says"));
        };
        let (kind, skipped) = match whole[0] {
            b' ' => (LineKind::Context, 1),
            b'-' => (LineKind::Removed, 1),
            b'+' => (LineKind::Added, 1),
            // Some programs take the blank off the end of an empty line.
            b'\n' | b'\r' => (LineKind::Context, 0),
            b'\\' => {
                end_without_newline(&mut hunk, lines, &mut old_ended, &mut new_ended)?;
                continue;
            }
            _ => return Err(lines.malformed("this is no line of a hunk, and the hunk goes on")),
        };
        let (on_old, on_new) = (kind != LineKind::Added, kind != LineKind::Removed);
        if (on_old && old_ended) || (on_new && new_ended) {
            return Err(lines.malformed("the file goes on behind its end"));
        }
        let enough = "the hunk has more lines than it says";
        if on_old {
            old_left = old_left
                .checked_sub(1)
                .ok_or_else(|| lines.malformed(enough))?;
        }
        if on_new {
            new_left = new_left
                .checked_sub(1)
                .ok_or_else(|| lines.malformed(enough))?;
        }
        hunk.lines.push(HunkLine {
            kind,
            start: offset(lines.at + skipped),
            end: offset(lines.at + whole.len()),
        });
        lines.take();
    }
    if lines.peek().is_some_and(|line| line.starts_with(b"\\")) {
        end_without_newline(&mut hunk, lines, &mut old_ended, &mut new_ended)?;
    }
    if hunk.lines.is_empty() {
        return Err(lines.malformed("the hunk has no lines"));
    }
    Ok(hunk)
}

/// `\ No newline at end of file`: the line above it has no end.
fn end_without_newline(
    hunk: &mut Hunk,
    lines: &mut Lines<'_>,
    old_ended: &mut bool,
    new_ended: &mut bool,
) -> Result<(), PatchError> {
    let Some(last) = hunk.lines.last_mut() else {
        return Err(lines.malformed("the end of a file before its first line"));
    };
    let text = &lines.text[last.range()];
    let Some(text) = text.strip_suffix(b"\n") else {
        return Err(lines.malformed("the end of a file twice"));
    };
    last.end = last.start + offset(text.len());
    *old_ended |= last.kind != LineKind::Added;
    *new_ended |= last.kind != LineKind::Removed;
    lines.take();
    Ok(())
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a patch is smaller than four GiB")
}

/// The four numbers of `@@ -1,2 +3,4 @@`; a count that is not there is one.
fn parse_ranges(line: &[u8]) -> Option<[u32; 4]> {
    let rest = line.strip_prefix(b"@@ -")?;
    let (old, rest) = rest.split_once_str(" +")?;
    let (new, _) = rest.split_once_str(" @@")?;
    let (old, new) = (parse_span(old)?, parse_span(new)?);
    Some([old.0, old.1, new.0, new.1])
}

fn parse_span(text: &[u8]) -> Option<(u32, u32)> {
    let number = |text: &[u8]| -> Option<u32> {
        let is_plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        text.to_str().ok().filter(|_| is_plain)?.parse().ok()
    };
    let (start, lines) = match text.split_once_str(",") {
        Some((start, lines)) => (number(start)?, number(lines)?),
        None => (number(text)?, 1),
    };
    start.checked_add(lines)?;
    // Only an empty side has a line before the first one.
    (start > 0 || lines == 0).then_some((start, lines))
}
