//! From sections with shares to pieces that fit: who is shown how much.
//!
//! Three passes over all items, in order. First each takes its lowest rung, so that as much as possible is at least
//! named. Then each climbs as high as its section's share allows. Then each climbs again, into whatever room nobody
//! used. Costs are added up piece by piece; pieces are whole lines, so the whole never costs more than their sum.

use super::budget::{Cost, Room};
use super::collector::{CollectError, Collector, Item, Piece, Rung, Scene};
use super::ledger::Omission;
use super::strategy::SectionSpec;
use crate::prompt::Envelope;

/// One section with its items and what was chosen of them.
pub(super) struct PackedSection<'a> {
    pub(super) spec: &'a SectionSpec,
    pub(super) items: Vec<PackedItem>,
    /// Why the section has no items at all, where its collector failed.
    pub(super) failure: Option<String>,
    /// Whether there was room for its heading: without it nothing of it is shown.
    pub(super) has_frame: bool,
    /// What its frame and its pieces cost.
    pub(super) cost: Cost,
}

/// An item, and how it is shown.
pub(super) struct PackedItem {
    item: Item,
    pub(super) piece: Option<Piece>,
    /// Why it cannot be shown, whatever the room.
    failure: Option<String>,
}

impl PackedItem {
    /// The files that it is about, and why they are not shown, should nothing else show them.
    pub(super) fn omissions(&self) -> impl Iterator<Item = (usize, Omission)> {
        let reason = match (&self.piece, &self.failure) {
            (_, Some(failure)) => Some(Omission::Unreadable(failure.clone())),
            (None, None) => Some(Omission::Budget),
            (Some(_), None) => None,
        };
        self.item
            .files
            .iter()
            .filter_map(move |file| Some((*file, reason.clone()?)))
    }
}

impl PackedSection<'_> {
    /// How many items are not shown at all.
    pub(super) fn missing(&self) -> usize {
        self.items
            .iter()
            .filter(|item| item.piece.is_none())
            .count()
    }

    /// The text between the section's envelope lines; `None` for a section that has nothing to say.
    pub(super) fn text(&self) -> Option<String> {
        if let Some(failure) = self.failure.as_ref().filter(|_| self.has_frame) {
            return Some(failed(failure));
        }
        if self.items.is_empty() || !self.has_frame {
            return None;
        }
        let pieces = self.items.iter().filter_map(|item| item.piece.as_ref());
        let length: usize = pieces.clone().map(|piece| piece.text.len()).sum();
        let mut text = String::with_capacity(length + 64);
        for piece in pieces {
            text.push_str(&piece.text);
        }
        if self.missing() > 0 {
            text.push_str(&footer(self.missing()));
        }
        Some(text)
    }
}

fn footer(missing: usize) -> String {
    format!("({missing} more not shown here)\n")
}

/// What a section costs before it shows anything.
pub(super) fn frame_cost(title: &str) -> Cost {
    let envelope = Envelope::around([]);
    let mut frame = "\n".to_owned();
    envelope.wrap_into(&mut frame, title, &footer(usize::MAX));
    Cost::of(&frame.replace(envelope.id(), &dearest_id()))
}

/// No id costs more tokens than one in which letters and digits alternate: each is a piece of its own.
pub(super) fn dearest_id() -> String {
    "1a".repeat(Envelope::ID_DIGITS / 2)
}

/// Fills `room`, which the returned sections together never exceed.
pub(super) fn pack<'a>(
    sections: &'a [SectionSpec],
    collectors: &[Box<dyn Collector>],
    scene: &Scene<'_>,
    room: Room,
) -> Vec<PackedSection<'a>> {
    let mut left = room;
    let mut packed: Vec<PackedSection<'a>> = Vec::with_capacity(sections.len());
    for (spec, collector) in sections.iter().zip(collectors) {
        let section = list(spec, collector.as_ref(), scene);
        if section.items.is_empty() && section.failure.is_none() {
            packed.push(section);
            continue;
        }
        let failure = section
            .failure
            .as_deref()
            .map(|text| Cost::of(&failed(text)));
        let frame = frame_cost(&spec.title) + failure.unwrap_or_default();
        // Where not even a heading fits, its items count as left out.
        if let Some(rest) = left.without(frame) {
            left = rest;
            packed.push(PackedSection {
                has_frame: true,
                cost: frame,
                ..section
            });
        } else {
            packed.push(section);
        }
    }
    let shares = left;
    let mut used = vec![Cost::default(); packed.len()];
    for pass in [Pass::Lowest, Pass::Share, Pass::Rest] {
        for (index, section) in packed.iter_mut().enumerate() {
            if !section.has_frame {
                continue;
            }
            let collector = collectors[index].as_ref();
            let share = shares.percent(section.spec.share);
            let ladder = section.spec.ladder.as_slice();
            for item in &mut section.items {
                let current = item
                    .piece
                    .as_ref()
                    .map_or(Cost::default(), |piece| piece.cost);
                let allowed = match pass {
                    Pass::Lowest | Pass::Share => share.less(used[index]).min(left),
                    Pass::Rest => left,
                };
                let allowed = allowed.plus(current);
                let rungs = match pass {
                    Pass::Lowest => &ladder[ladder.len() - 1..],
                    Pass::Share | Pass::Rest => better_than(ladder, item.piece.as_ref()),
                };
                if rungs.is_empty() || item.failure.is_some() {
                    continue;
                }
                match collector.render(scene, &item.item, rungs, allowed) {
                    Ok(Some(piece)) if is_whole_lines(&piece) && allowed.fits(piece.cost) => {
                        left = left.plus(current).less(piece.cost);
                        used[index] = Cost {
                            bytes: used[index].bytes - current.bytes + piece.cost.bytes,
                            tokens: used[index].tokens - current.tokens + piece.cost.tokens,
                        };
                        item.piece = Some(piece);
                    }
                    // A piece that does not fit, or ends amid a line, is a collector's fault; it costs that piece alone.
                    Ok(_) => {}
                    Err(CollectError(failure)) => item.failure = Some(failure),
                }
            }
        }
    }
    for (section, used) in packed.iter_mut().zip(used) {
        section.cost += used;
    }
    packed
}

/// As a [`Piece`] promises: its cost can only be added to others at line ends.
fn is_whole_lines(piece: &Piece) -> bool {
    piece.text.is_empty() || piece.text.ends_with('\n')
}

fn failed(failure: &str) -> String {
    format!("(this section could not be made: {failure})\n")
}

#[derive(Clone, Copy)]
enum Pass {
    Lowest,
    Share,
    Rest,
}

fn list<'a>(
    spec: &'a SectionSpec,
    collector: &dyn Collector,
    scene: &Scene<'_>,
) -> PackedSection<'a> {
    let (items, failure) = match collector.items(scene) {
        Ok(items) => (items, None),
        Err(CollectError(failure)) => (Vec::new(), Some(shortened(&failure))),
    };
    PackedSection {
        spec,
        items: items
            .into_iter()
            .map(|item| PackedItem {
                item,
                piece: None,
                failure: None,
            })
            .collect(),
        failure,
        has_frame: false,
        cost: Cost::default(),
    }
}

/// A failure is one line of the context, and a short one.
fn shortened(failure: &str) -> String {
    let visible = crate::prompt::visible(failure.as_bytes())
        .text
        .replace('\n', " ");
    visible.chars().take(200).collect()
}

/// The rungs above the one that is shown already; a cut patch may become a longer cut one.
fn better_than<'a>(ladder: &'a [Rung], piece: Option<&Piece>) -> &'a [Rung] {
    let Some(piece) = piece else {
        return ladder;
    };
    let end = ladder
        .iter()
        .position(|rung| *rung == piece.rung)
        .map_or(ladder.len(), |at| {
            at + usize::from(piece.rung == Rung::Hunks)
        });
    &ladder[..end]
}
