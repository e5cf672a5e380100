//! The choice: the most worth for each token first, as long as it fits.

use std::collections::{BTreeMap, BTreeSet};

use super::offers::{Offer, Offers, Role};
use crate::context::budget::{Cost, Room};
use crate::context::collector::{CollectError, Scene};
use crate::context::present::Presented;
use crate::prompt::show_path;

/// What a line of code, a heading and the mark of a gap cost in about so many tokens; the order needs no better.
const LINE_TOKENS: f64 = 11.0;
const HEADING_TOKENS: f64 = 18.0;
const MARK_TOKENS: f64 = 2.0;

/// A file is only begun for what is worth at least so much, in names; of what is likely to belong, about three in a hundred.
const LEAST_WORTH: f64 = 0.25;
/// After so many offers in a row that do not fit, the rest is not tried.
const MOST_MISSES: usize = 24;

/// What was chosen.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) content: Presented,
    /// Whether nothing was left out for want of room.
    pub(super) is_all: bool,
}

/// The lines of one file that are shown.
#[derive(Default)]
struct Shown {
    lines: BTreeSet<u32>,
    roles: BTreeSet<Role>,
}

/// An offer that is neither taken nor passed over, with its worth for a token.
struct Open<'o> {
    offer: &'o Offer,
    ratio: f64,
}

/// Fills `room`.
pub(super) fn pack(scene: &Scene<'_>, offers: &Offers, room: Room) -> Result<Packed, CollectError> {
    let mut left = room;
    let mut order: Vec<usize> = Vec::new();
    let mut shown: BTreeMap<usize, Shown> = BTreeMap::new();
    let mut open: Vec<Open<'_>> = offers
        .offers
        .iter()
        .map(|offer| Open {
            offer,
            ratio: ratio(offer, offers, None),
        })
        .collect();
    let (mut misses, mut is_all) = (0, true);
    while let Some(at) = best(&open) {
        let offer = open.remove(at).offer;
        let known = shown.get(&offer.file);
        if worth(offer, offers, known) < LEAST_WORTH && known.is_none() {
            continue;
        }
        let new: Vec<u32> = new_lines(offer, known).collect();
        if new.is_empty() {
            continue;
        }
        match cost(scene, offer, known, &new)?.and_then(|cost| left.without(cost)) {
            Some(rest) => (left, misses) = (rest, 0),
            None => {
                (misses, is_all) = (misses + 1, false);
                if misses > MOST_MISSES {
                    break;
                }
                continue;
            }
        }
        if known.is_none() {
            order.push(offer.file);
        }
        let known = shown.entry(offer.file).or_default();
        known.lines.extend(new);
        known.roles.insert(offer.role);
        for other in open
            .iter_mut()
            .filter(|other| other.offer.file == offer.file)
        {
            other.ratio = ratio(other.offer, offers, Some(known));
        }
    }
    // The likeliest first; what is under review, which is no question of likelihood, before them.
    let likelihood = |file: &usize| offers.files.get(file).copied().unwrap_or(f64::INFINITY);
    order.sort_by(|one, other| likelihood(other).total_cmp(&likelihood(one)));
    let mut content = Presented::default();
    for file in order {
        block(scene, file, &shown[&file], &mut content)?;
    }
    Ok(Packed { content, is_all })
}

/// The first piece of a file is worth as much as the file is, too.
fn worth(offer: &Offer, offers: &Offers, known: Option<&Shown>) -> f64 {
    match known {
        Some(_) => offer.worth,
        None => offer.worth + offers.files.get(&offer.file).copied().unwrap_or(0.0),
    }
}

fn ratio(offer: &Offer, offers: &Offers, known: Option<&Shown>) -> f64 {
    let heading = match known {
        Some(_) => MARK_TOKENS,
        None => HEADING_TOKENS,
    };
    let lines = new_lines(offer, known).count() as f64;
    worth(offer, offers, known) / (heading + LINE_TOKENS * lines)
}

/// The one with the most worth for a token; the first of equals.
fn best(open: &[Open<'_>]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (at, one) in open.iter().enumerate() {
        if best.is_none_or(|known| one.ratio > open[known].ratio) {
            best = Some(at);
        }
    }
    best
}

fn new_lines<'o>(offer: &'o Offer, known: Option<&'o Shown>) -> impl Iterator<Item = u32> + 'o {
    let lines = offer
        .lines
        .iter()
        .flat_map(|range| range.first..=range.last);
    lines.filter(move |line| known.is_none_or(|known| !known.lines.contains(line)))
}

/// No less than what the lines add to the whole; `None` where a file has no such lines any more.
fn cost(
    scene: &Scene<'_>,
    offer: &Offer,
    known: Option<&Shown>,
    new: &[u32],
) -> Result<Option<Cost>, CollectError> {
    let presented = scene.surroundings.presented(scene.presenter, offer.file)?;
    let mut cost = Cost::default();
    for line in new {
        let Some(text) = presented.lines.get(*line as usize - 1) else {
            return Ok(None);
        };
        cost += Cost::of(&format!("{text}\n"));
    }
    // Each range may need a mark, and the heading may name another role. No line has a larger number than the last.
    for range in &offer.lines {
        cost += Cost::of(&mark(range.last));
    }
    let path = shown_path(scene, offer.file)?.text;
    let largest = presented.lines.len() as u32;
    let before = known.map_or(Cost::default(), |known| {
        Cost::of(&heading(&path, largest, largest, &known.roles))
    });
    let mut roles = known.map_or_else(BTreeSet::new, |known| known.roles.clone());
    roles.insert(offer.role);
    let after = Cost::of(&heading(&path, largest, largest, &roles));
    cost += Cost {
        bytes: after.bytes.saturating_sub(before.bytes),
        tokens: after.tokens.saturating_sub(before.tokens),
    };
    Ok(Some(cost))
}

fn shown_path(scene: &Scene<'_>, file: usize) -> Result<Presented, CollectError> {
    let path = show_path(&scene.surroundings.index()?.files[file].file.path);
    Ok(scene.presenter.content(path.as_bytes()))
}

fn heading(path: &str, first: u32, last: u32, roles: &BTreeSet<Role>) -> String {
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    format!("{path}:{first}-{last}  ({})\n", roles.join(", "))
}

/// Stands before lines that do not follow those above.
fn mark(line: u32) -> String {
    format!("@{line}\n")
}

fn block(
    scene: &Scene<'_>,
    file: usize,
    shown: &Shown,
    content: &mut Presented,
) -> Result<(), CollectError> {
    let (Some(first), Some(last)) = (shown.lines.first(), shown.lines.last()) else {
        return Ok(());
    };
    let presented = scene.surroundings.presented(scene.presenter, file)?;
    let path = shown_path(scene, file)?;
    content
        .text
        .push_str(&heading(&path.text, *first, *last, &shown.roles));
    content.redactions.extend(path.redactions);
    let mut next = *first;
    for line in &shown.lines {
        let at = *line as usize - 1;
        if *line != next {
            content.text.push_str(&mark(*line));
        }
        next = line + 1;
        content.text.push_str(&presented.lines[at]);
        content.text.push('\n');
        content.escaped += presented.escaped.get(at).unwrap_or(&0);
        let here = presented
            .redactions
            .iter()
            .filter(|redaction| redaction.line == *line);
        content.redactions.extend(here.cloned());
    }
    Ok(())
}
