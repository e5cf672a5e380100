//! What the change uses and what is likely to matter with it, from everything that is known of the code around it, packed
//! by worth for each token.
//!
//! Offers are lines of one file with a worth, made of definitions that the added lines name, of users and tests of what the
//! change touches, of the definitions around the changed lines, and of those parts of each file that are most like the changed
//! lines: of a likely one several. A file is worth something by itself: as much as it is likely that the change is not
//! complete without it. The dearest worth for a token is taken first, and as long as there is room a file that may belong to
//! the change is shown by a line at least. Each file has one heading, however many of its lines are shown, and the likeliest
//! stands first.

mod likely;
mod offers;
mod packing;

use std::cell::RefCell;

use serde::Deserialize;

use self::offers::Offers;
use self::packing::Packed;
use super::excerpts;
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::registry::{CollectorInfo, OptionsError, parse_options};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "related",
    about: "definitions of what the added lines name, users, tests and files that are likely to belong to the change, by worth for each token",
    rungs: &[Rung::Full, Rung::Hunks],
    options: &["limit", "commits"],
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// The most definitions, users, tests and surroundings that are considered, and the most files that are looked through
    /// beside them.
    limit: usize,
    /// How many earlier commits are asked for what changed together; 0 for none.
    commits: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limit: 400,
            commits: 200,
        }
    }
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let options: Options = parse_options(options)?;
    if !(1..=2_000).contains(&options.limit) {
        return Err(OptionsError(format!(
            "`limit` is {}, expected 1 to 2000",
            options.limit
        )));
    }
    if options.commits > 10_000 {
        return Err(OptionsError(format!(
            "`commits` is {}, at most 10000 are allowed",
            options.commits
        )));
    }
    Ok(Box::new(Related {
        options,
        offers: RefCell::default(),
        packed: RefCell::default(),
    }))
}

struct Related {
    options: Options,
    /// Filled when items are listed.
    offers: RefCell<Offers>,
    /// What was packed last, and into what room: the packer asks again when there may be more of it.
    packed: RefCell<Option<(Room, Packed)>>,
}

/// The key of the item that is all excerpts: they share headings, so that none can be rendered alone.
const EXCERPTS: usize = 0;
/// The key of the item that tells what was not looked at.
const PASSED_OVER: usize = 1;

impl Collector for Related {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let offers = offers::find(scene, self.options.limit, self.options.commits)?;
        let mut keys = Vec::new();
        if !offers.is_empty() {
            keys.push(EXCERPTS);
            if scene.surroundings.index()?.passed_over > 0 {
                keys.push(PASSED_OVER);
            }
        }
        *self.offers.borrow_mut() = offers;
        *self.packed.borrow_mut() = None;
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
            return excerpts::passed_over(scene, room);
        }
        let Packed { content, is_all } = self.packed(scene, room)?;
        let rung = match is_all && rungs.contains(&Rung::Full) {
            true => Rung::Full,
            false => Rung::Hunks,
        };
        if content.text.is_empty() || !rungs.contains(&rung) {
            return Ok(None);
        }
        Ok(PieceDraft::showing(content, rung, Vec::new()).within(room))
    }
}

impl Related {
    fn packed(&self, scene: &Scene<'_>, room: Room) -> Result<Packed, CollectError> {
        let known = self.packed.borrow().clone();
        if let Some((_, packed)) = known.filter(|(known, _)| *known == room) {
            return Ok(packed);
        }
        let packed = packing::pack(scene, &self.offers.borrow(), room)?;
        *self.packed.borrow_mut() = Some((room, packed.clone()));
        Ok(packed)
    }
}
