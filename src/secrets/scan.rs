//! From text to hits: keywords pick the places, patterns look at them.

use std::ops::Range;

use super::rule::{RULES, Rule};
use super::{block, placeholder};

/// A credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The rule that found it.
    pub rule_id: &'static str,
    /// The bytes of the secret itself, at character boundaries.
    pub range: Range<usize>,
    /// The line where it begins, 1-based.
    pub line: u32,
}

/// Bytes of a line that a pattern is shown at once.
const WINDOW: usize = 64 * 1024;
/// Bytes before a keyword that belong to its window, on a line that is longer than a window.
const LEAD: usize = 512;
/// Longer than any match: a keyword in the last bytes of a cut window opens the next one.
const OVERLAP: usize = 8 * 1024;

/// Lists the credentials of a text, in order, without overlaps. Values that only stand in for a secret and our own
/// placeholders are no hits.
#[must_use]
pub fn scan(text: &str) -> Vec<Hit> {
    let mut found: Vec<(Range<usize>, usize)> = block::find(text)
        .into_iter()
        .map(|range| (range, usize::MAX))
        .collect();
    find_lines(text, &mut found);
    if found.is_empty() {
        return Vec::new();
    }
    let taken = placeholder::existing(text);
    found.retain(|(range, _)| !overlaps_any(range, &taken));
    number(text, merge(found))
}

fn find_lines(text: &str, found: &mut Vec<(Range<usize>, usize)>) {
    let set = &*RULES;
    let bytes = text.as_bytes();
    let mut searched = vec![0; set.rules.len()];
    let mut line = 0..0;
    set.keywords.find(bytes, |keyword, index| {
        if keyword.start < searched[index] {
            return;
        }
        if !(line.start <= keyword.start && keyword.end <= line.end) {
            line = window(bytes, keyword.start);
        }
        for hit in secrets_in(&set.rules[index], &bytes[line.clone()]) {
            found.push((
                outward(text, line.start + hit.start..line.start + hit.end),
                index,
            ));
        }
        let cut = line.end < bytes.len() && bytes[line.end] != b'\n';
        searched[index] = if cut {
            (line.end - OVERLAP).max(keyword.end)
        } else {
            line.end
        };
    });
}

/// The line around a keyword, or the part of a very long line that begins shortly before it.
fn window(bytes: &[u8], keyword: usize) -> Range<usize> {
    let floor = keyword.saturating_sub(LEAD);
    let start = bytes[floor..keyword]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(floor, |at| floor + at + 1);
    let ceiling = bytes.len().min(start + WINDOW);
    let end = bytes[keyword..ceiling]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(ceiling, |at| keyword + at);
    start..end
}

fn secrets_in(rule: &Rule, line: &[u8]) -> Vec<Range<usize>> {
    let mut hits = Vec::new();
    for captures in rule.regex().captures_iter(line) {
        let secret = captures
            .iter()
            .skip(1)
            .flatten()
            .next()
            .or_else(|| captures.get(0))
            .expect("group 0 is the whole match");
        let value = secret.as_bytes();
        let harmless = placeholder::is_stand_in(value)
            || placeholder::entropy(value) < rule.text.entropy
            || (rule.text.generic && placeholder::is_ordinary(value))
            || rule.allows(value);
        if !harmless {
            hits.push(secret.range());
        }
    }
    hits
}

/// Moves both ends to character boundaries: patterns match bytes.
fn outward(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end;
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

fn overlaps_any(range: &Range<usize>, sorted: &[Range<usize>]) -> bool {
    let at = sorted.partition_point(|other| other.end <= range.start);
    sorted.get(at).is_some_and(|other| other.start < range.end)
}

/// Joins overlapping hits under the rule that comes first in the file.
fn merge(mut found: Vec<(Range<usize>, usize)>) -> Vec<(Range<usize>, usize)> {
    found.sort_by_key(|(range, index)| (range.start, *index));
    let mut merged: Vec<(Range<usize>, usize)> = Vec::with_capacity(found.len());
    for (range, index) in found {
        match merged.last_mut() {
            Some((last, owner)) if range.start < last.end => {
                last.end = last.end.max(range.end);
                // A block swallows what lies inside it.
                if *owner != usize::MAX {
                    *owner = if index == usize::MAX {
                        index
                    } else {
                        (*owner).min(index)
                    };
                }
            }
            _ => merged.push((range, index)),
        }
    }
    merged
}

fn number(text: &str, found: Vec<(Range<usize>, usize)>) -> Vec<Hit> {
    let mut line = 1_u32;
    let mut counted = 0;
    found
        .into_iter()
        .map(|(range, index)| {
            let passed = text.as_bytes()[counted..range.start]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            line = line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
            counted = range.start;
            let rule_id = RULES
                .rules
                .get(index)
                .map_or(block::PRIVATE_KEY.id, |rule| rule.text.id);
            Hit {
                rule_id,
                range,
                line,
            }
        })
        .collect()
}
