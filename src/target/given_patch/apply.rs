//! The hunks of one file, laid over its content.
//!
//! A hunk applies where its context and removed lines stand, byte for byte. First its own line is tried (moved as far as
//! the hunk above it was), then the other places, nearest first. What has no context above must stand at the beginning and
//! what has none below at the end, except on its own line: a patch without context applies there and nowhere else.

use std::collections::HashMap;

use super::error::Because;
use super::{Hunk, HunkLine, LineKind};

/// A content with hunks applied, and how far each was moved to fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) content: Vec<u8>,
    /// The hunk's number, from 1, and by how many lines; only those that were moved.
    pub(super) moved: Vec<(usize, i64)>,
}

/// The hunk that does not apply, by its index, and why.
pub(super) type Refused = (usize, Because);

/// Applies all hunks. `text` gives a hunk line's bytes; `comparisons` is how many lines may still be compared in search
/// of hunks that do not stand on their own line.
pub(super) fn apply<'a>(
    content: &'a [u8],
    hunks: &[Hunk],
    text: &dyn Fn(HunkLine) -> &'a [u8],
    comparisons: &mut usize,
) -> Result<Applied, Refused> {
    let lines = split(content);
    let mut out = Vec::with_capacity(content.len());
    let mut moved = Vec::new();
    let mut places: Option<HashMap<&[u8], Vec<usize>>> = None;
    let mut cursor = 0;
    let mut drift: i64 = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let side = |other: LineKind| -> Vec<&[u8]> {
            let lines = hunk.lines.iter().filter(|line| line.kind != other);
            lines.map(|line| text(*line)).collect()
        };
        let before = side(LineKind::Added);
        let own = i64::from(hunk.old_start) - i64::from(hunk.old_lines > 0);
        let expected = own + drift;
        let at = match usize::try_from(expected) {
            Ok(at) if at >= cursor && stands_at(&lines, &before, at) => at,
            _ => {
                let places = places.get_or_insert_with(|| index_of(&lines));
                let search = Search {
                    lines: &lines,
                    before: &before,
                    hunk,
                    cursor,
                    expected,
                };
                search
                    .nearest(places, comparisons)
                    .map_err(|because| {
                        let after = side(LineKind::Removed);
                        search.why(because, &after)
                    })
                    .map_err(|because| (index, because))?
            }
        };
        drift = i64::try_from(at).unwrap_or(i64::MAX) - own;
        if drift != 0 {
            moved.push((index + 1, drift));
        }
        lines[cursor..at].iter().for_each(|line| out.extend(*line));
        for line in &hunk.lines {
            if line.kind != LineKind::Removed {
                out.extend(text(*line));
            }
        }
        cursor = at + before.len();
    }
    lines[cursor..].iter().for_each(|line| out.extend(*line));
    Ok(Applied {
        content: out,
        moved,
    })
}

fn split(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

fn stands_at(lines: &[&[u8]], wanted: &[&[u8]], at: usize) -> bool {
    let there = at
        .checked_add(wanted.len())
        .and_then(|end| lines.get(at..end));
    there.is_some_and(|there| there == wanted)
}

fn index_of<'a>(lines: &[&'a [u8]]) -> HashMap<&'a [u8], Vec<usize>> {
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        places.entry(line).or_default().push(at);
    }
    places
}

/// Where else a hunk could stand.
struct Search<'s> {
    lines: &'s [&'s [u8]],
    before: &'s [&'s [u8]],
    hunk: &'s Hunk,
    cursor: usize,
    expected: i64,
}

impl Search<'_> {
    fn nearest(
        &self,
        places: &HashMap<&[u8], Vec<usize>>,
        comparisons: &mut usize,
    ) -> Result<usize, Because> {
        let is_context =
            |line: Option<&HunkLine>| line.is_some_and(|line| line.kind == LineKind::Context);
        let has_above = is_context(self.hunk.lines.first());
        let has_below = is_context(self.hunk.lines.last());
        if !has_above && !has_below {
            return Err(Because::OtherLines);
        }
        // The line of the hunk that stands in the fewest places leads to the candidates.
        let nowhere = Vec::new();
        let rarest = self
            .before
            .iter()
            .map(|line| places.get(line).unwrap_or(&nowhere))
            .enumerate()
            .min_by_key(|(_, places)| places.len());
        let (offset, found) = rarest.ok_or(Because::OtherLines)?;
        // Looking through the candidates costs as well, also where the first of them fits.
        *comparisons = comparisons
            .checked_sub(found.len())
            .ok_or(Because::TooManyPlaces)?;
        let distance = |at: usize| (i64::try_from(at).unwrap_or(i64::MAX) - self.expected).abs();
        let mut candidates: Vec<usize> = found
            .iter()
            .filter_map(|place| place.checked_sub(offset))
            .filter(|at| *at >= self.cursor)
            .filter(|at| has_above || self.hunk.old_start > 1 || *at == 0)
            .filter(|at| has_below || at + self.before.len() == self.lines.len())
            .collect();
        candidates.sort_by_key(|at| (distance(*at), *at));
        for at in candidates {
            let same = self.lines[at..].iter().zip(self.before);
            let same = same.take_while(|(line, wanted)| line == wanted).count();
            if same == self.before.len() {
                return Ok(at);
            }
            *comparisons = comparisons
                .checked_sub(same + 1)
                .ok_or(Because::TooManyPlaces)?;
        }
        Err(Because::OtherLines)
    }

    /// What can be told of why the hunk stands nowhere.
    fn why(&self, because: Because, after: &[&[u8]]) -> Because {
        let Ok(at) = usize::try_from(self.expected) else {
            return because;
        };
        let bare = |lines: &[&[u8]]| -> Vec<Vec<u8>> {
            let ends: &[u8] = b"\r\n";
            lines
                .iter()
                .map(|line| {
                    let end = line.iter().rposition(|byte| !ends.contains(byte));
                    line[..end.map_or(0, |end| end + 1)].to_vec()
                })
                .collect()
        };
        let end = at.saturating_add(self.before.len()).min(self.lines.len());
        let there = self.lines.get(at..end).unwrap_or_default();
        if at < self.cursor {
            Because::Overlaps
        } else if !after.is_empty() && stands_at(self.lines, after, at) {
            Because::IsThere
        } else if bare(there) == bare(self.before) {
            Because::LineEnds
        } else {
            because
        }
    }
}
