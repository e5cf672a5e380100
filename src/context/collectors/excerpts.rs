//! What collectors of supporting code share: candidates with a value, ranked by value for each token.

use std::cell::RefCell;
use std::collections::BTreeSet;

use bstr::{BStr, ByteSlice as _};
use serde::Deserialize;

use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::registry::{OptionsError, check_range, parse_options};
use crate::context::surroundings::folders;
use crate::context::touched::Facts;
use crate::symbols::LineRange;

/// Lines of one file that may be shown, in two sizes.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// In the index.
    pub(super) file: usize,
    /// Why it is shown, after the place.
    pub(super) title: String,
    /// With all of it.
    pub(super) full: Vec<LineRange>,
    /// With the least that still tells something.
    pub(super) outline: Vec<LineRange>,
    /// What it is worth, in no unit.
    pub(super) value: f64,
}

/// Finds candidates, in any order.
pub(super) type Find = fn(&Scene<'_>) -> Result<Vec<Candidate>, CollectError>;

/// What a heading and a line of code cost in about so many tokens; ranking needs no better.
const HEADING_TOKENS: f64 = 18.0;
const LINE_TOKENS: f64 = 11.0;
/// What is worth less than this part of the best is left alone: more context is not better.
const LEAST_PART: f64 = 0.02;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// The most pieces.
    limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { limit: 40 }
    }
}

pub(super) fn make(find: Find, options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let Options { limit } = parse_options(options)?;
    check_range("limit", limit, 1..=1_000)?;
    Ok(Box::new(Excerpts {
        find,
        limit,
        chosen: RefCell::new(Vec::new()),
    }))
}

struct Excerpts {
    find: Find,
    limit: usize,
    /// What the items stand for: filled when they are listed.
    chosen: RefCell<Vec<Candidate>>,
}

/// The key of the item that tells what was not looked at.
const PASSED_OVER: usize = usize::MAX;

/// What tells that not every source file was looked at.
pub(super) fn passed_over(scene: &Scene<'_>, room: Room) -> Result<Option<Piece>, CollectError> {
    let more = scene.surroundings.index()?.passed_over;
    let text = format!("(not looked at: {more} source files farther away or too large)\n");
    Ok(PieceDraft::naming(scene.presenter, &text, Rung::Full, &[]).within(room))
}

impl Collector for Excerpts {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let ranked = ranked((self.find)(scene)?, self.limit);
        let mut keys: Vec<usize> = (0..ranked.len()).collect();
        if !ranked.is_empty() && scene.surroundings.index()?.passed_over > 0 {
            keys.push(PASSED_OVER);
        }
        *self.chosen.borrow_mut() = ranked;
        Ok(keys.into_iter().map(Item::apart).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        if item.key == PASSED_OVER {
            return passed_over(scene, room);
        }
        let chosen = self.chosen.borrow();
        let Some(candidate) = chosen.get(item.key) else {
            return Ok(None);
        };
        for rung in rungs {
            let lines = match rung {
                Rung::Full => &candidate.full,
                Rung::Outline => &candidate.outline,
                Rung::Hunks | Rung::Name => continue,
            };
            let piece = scene.surroundings.excerpt(
                scene.presenter,
                candidate.file,
                lines,
                &candidate.title,
                *rung,
            )?;
            if let Some(piece) = piece.and_then(|draft| draft.within(room)) {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// By value for each token of the smaller size; ties by place, so that the order is one.
fn ranked(mut candidates: Vec<Candidate>, limit: usize) -> Vec<Candidate> {
    candidates.retain(|candidate| candidate.value > 0.0 && !candidate.outline.is_empty());
    let best = candidates
        .iter()
        .map(|candidate| candidate.value)
        .fold(0.0, f64::max);
    candidates.retain(|candidate| candidate.value >= best * LEAST_PART);
    let density = |candidate: &Candidate| {
        let lines: u32 = candidate.outline.iter().map(|range| range.count()).sum();
        candidate.value / (HEADING_TOKENS + LINE_TOKENS * f64::from(lines))
    };
    candidates.sort_by(|one, other| {
        density(other)
            .total_cmp(&density(one))
            .then_with(|| (one.file, &one.outline).cmp(&(other.file, &other.outline)))
    });
    candidates.truncate(limit);
    candidates
}

/// Sorted, and joined where they meet or leave out a single line.
pub(super) fn joined(mut ranges: Vec<LineRange>) -> Vec<LineRange> {
    ranges.sort_unstable();
    let mut out: Vec<LineRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(2) => {
                last.last = last.last.max(range.last);
            }
            _ => out.push(range),
        }
    }
    out
}

/// `range` without the lines of `others`.
pub(super) fn without(range: LineRange, others: &[LineRange]) -> Vec<LineRange> {
    let mut rest = vec![range];
    for other in others {
        rest = rest
            .into_iter()
            .flat_map(|range| {
                let before = (range.first < other.first).then(|| LineRange {
                    first: range.first,
                    last: range.last.min(other.first.saturating_sub(1)),
                });
                let after = (range.last > other.last).then(|| LineRange {
                    first: range.first.max(other.last.saturating_add(1)),
                    last: range.last,
                });
                before.into_iter().chain(after)
            })
            .collect();
    }
    rest
}

/// How near two files are, from 1 for the same one down.
pub(super) fn nearness(one: &BStr, other: &BStr) -> f64 {
    if one == other {
        return 1.0;
    }
    let (one, other) = (folders(one), folders(other));
    let common = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let steps = one.len() + other.len() - 2 * common;
    match steps {
        0 => 0.7,
        1 => 0.55,
        2 => 0.45,
        _ => 0.35,
    }
}

/// How near a file is to the nearest of the changed ones.
pub(super) fn nearest(scene: &Scene<'_>, path: &BStr) -> f64 {
    scene
        .changes
        .files()
        .iter()
        .map(|change| nearness(change.path.as_bstr(), path))
        .fold(0.0, f64::max)
}

/// How much a name tells: one that stands in every file tells little.
pub(super) fn rarity(facts: &Facts, name: &str, files: usize) -> f64 {
    let seen = facts.occurrences(name).len().max(1) as f64;
    (1.0 + files as f64 / seen).ln()
}

/// Whether a path is that of a test, by the conventions of its language.
pub(super) fn is_test_path(path: &BStr) -> bool {
    let lower = path.to_ascii_lowercase();
    let mut parts: Vec<&[u8]> = lower.split_str("/").collect();
    let name = parts.pop().unwrap_or_default();
    let folder = parts.iter().any(|part| {
        matches!(
            *part,
            b"test" | b"tests" | b"__tests__" | b"spec" | b"specs" | b"testing"
        )
    });
    let stem = match name.find_byte(b'.') {
        Some(dot) => &name[..dot],
        None => name,
    };
    folder
        || stem.starts_with(b"test_")
        || stem.ends_with(b"_test")
        || stem.ends_with(b"_tests")
        || stem.ends_with(b"_spec")
        || matches!(stem, b"test" | b"tests")
        || name.contains_str(".test.")
        || name.contains_str(".spec.")
        || (name.ends_with(b"test.java") || name.ends_with(b"tests.cs"))
}

/// The name of a file without what makes it a test, and without its ending: what it is about.
pub(super) fn subject(path: &BStr) -> Option<Vec<u8>> {
    let lower = path.to_ascii_lowercase();
    let parts: BTreeSet<usize> = lower.rfind_byte(b'/').into_iter().collect();
    let name = parts.first().map_or(&lower[..], |at| &lower[at + 1..]);
    let stem = name.split(|byte| *byte == b'.').next()?;
    let stem = ["test_", "spec_"]
        .iter()
        .find_map(|prefix| stem.strip_prefix(prefix.as_bytes()))
        .unwrap_or(stem);
    let stem = ["_tests", "_test", "_spec", "tests", "test"]
        .iter()
        .find_map(|suffix| stem.strip_suffix(suffix.as_bytes()))
        .unwrap_or(stem);
    let generic: [&[u8]; 7] = [b"", b"mod", b"lib", b"main", b"index", b"__init__", b"init"];
    (!generic.contains(&stem)).then(|| stem.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> LineRange {
        LineRange { first, last }
    }

    #[test]
    fn ranges_are_joined_and_cut() {
        assert_eq!(
            joined(vec![range(8, 9), range(1, 3), range(4, 5), range(12, 12)]),
            [range(1, 5), range(8, 9), range(12, 12)]
        );
        assert_eq!(
            without(range(1, 20), &[range(3, 5), range(18, 30)]),
            [range(1, 2), range(6, 17)]
        );
        assert_eq!(without(range(4, 5), &[range(1, 9)]), []);
    }

    #[test]
    fn tests_are_told_by_their_paths() {
        for path in [
            "tests/it/main.rs",
            "pkg/a_test.go",
            "src/a.test.tsx",
            "test_a.py",
            "a/FooTest.java",
            "spec/a_spec.rb",
        ] {
            assert!(is_test_path(path.into()), "{path}");
        }
        for path in [
            "src/testimony.rs",
            "contest/a.py",
            "latest.go",
            "src/attest.js",
        ] {
            assert!(!is_test_path(path.into()), "{path}");
        }
        assert_eq!(
            subject("a/test_job.py".into()).as_deref(),
            Some(&b"job"[..])
        );
        assert_eq!(
            subject("a/job_test.go".into()).as_deref(),
            Some(&b"job"[..])
        );
        assert_eq!(subject("src/job/mod.rs".into()), None);
    }
}
