//! The collector: code that offers pieces of context, each in several sizes.
//!
//! A collector first lists its items, cheaply, and then renders one item at a time into the room that it is given. The
//! packer (see [`build`](super::build)) decides which items get how much room; the collector never sees the budget.

use std::fmt;
use std::path::Path;

use super::budget::{Cost, Room};
use super::ledger::Coverage;
use super::present::{Presented, Presenter};
use super::program::Programs;
use super::surroundings::Surroundings;
use super::view::{ChangeView, ViewError};
use crate::secrets::Redaction;

/// How much of an item is rendered, from all of it to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// All of it.
    Full,
    /// Those whole hunks that fit, and the others counted.
    Hunks,
    /// Its name, its numbers and the places that changed.
    Outline,
    /// Its name and its numbers.
    Name,
}

impl Rung {
    /// Every rung, from the most to the least.
    pub const ALL: [Rung; 4] = [Rung::Full, Rung::Hunks, Rung::Outline, Rung::Name];

    /// The word that a strategy file uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Rung::Full => "full",
            Rung::Hunks => "hunks",
            Rung::Outline => "outline",
            Rung::Name => "name",
        }
    }
}

/// Whether what people claim about a change (author names, commit messages) is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Claims {
    /// Shown, as data like all else.
    #[default]
    Shown,
    /// Left out, so that no claim can sway the reviewer.
    Omitted,
}

/// What collectors look at.
pub struct Scene<'a> {
    /// The change.
    pub changes: &'a dyn ChangeView,
    /// Makes bytes presentable.
    pub presenter: &'a Presenter,
    /// Whether claims are shown.
    pub claims: Claims,
    /// By file index: whether the file bears a secret by its name and may only be named.
    pub secret_names: &'a [bool],
    /// The code around the change.
    pub surroundings: &'a Surroundings<'a>,
    /// What starts programs; `None` where none are started.
    pub programs: Option<&'a dyn Programs>,
    /// The strategy's folder; `None` for one that is compiled in.
    pub strategy_folder: Option<&'a Path>,
}

impl fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene")
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// One thing that a collector can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The collector's own number for it.
    pub key: usize,
    /// The changed files that showing it accounts for, by index.
    pub files: Vec<usize>,
}

impl Item {
    /// One that accounts for no changed file.
    #[must_use]
    pub fn apart(key: usize) -> Item {
        Item {
            key,
            files: Vec::new(),
        }
    }

    /// The one that stands for a changed file, by its index.
    #[must_use]
    pub fn of_file(index: usize) -> Item {
        Item {
            key: index,
            files: vec![index],
        }
    }
}

/// An item as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text: whole lines, ready to be sent.
    pub text: String,
    /// What the text costs.
    pub cost: Cost,
    /// How much of the item it shows.
    pub rung: Rung,
    /// How much of which file it shows.
    pub coverage: Vec<(usize, Coverage)>,
    /// The secrets that were taken out.
    pub redactions: Vec<Redaction>,
    /// How many characters or bytes are written out because they do not show.
    pub escaped: usize,
}

/// A piece whose cost is not known yet: counting tokens is only worth it for what may fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceDraft {
    text: String,
    rung: Rung,
    coverage: Vec<(usize, Coverage)>,
    redactions: Vec<Redaction>,
    escaped: usize,
}

impl PieceDraft {
    /// Text of our own making, such as a list of names, which shows `files` by name. A name can hold a secret too.
    #[must_use]
    pub fn naming(presenter: &Presenter, text: &str, rung: Rung, files: &[usize]) -> Self {
        let coverage = files.iter().map(|file| (*file, Coverage::Named)).collect();
        PieceDraft::showing(presenter.content(text.as_bytes()), rung, coverage)
    }

    /// Presented content.
    #[must_use]
    pub fn showing(content: Presented, rung: Rung, coverage: Vec<(usize, Coverage)>) -> Self {
        PieceDraft {
            text: content.text,
            rung,
            coverage,
            redactions: content.redactions,
            escaped: content.escaped,
        }
    }

    /// The piece, where it fits into `room`.
    #[must_use]
    pub fn within(self, room: Room) -> Option<Piece> {
        Some(Piece {
            cost: room.price(&self.text)?,
            text: self.text,
            rung: self.rung,
            coverage: self.coverage,
            redactions: self.redactions,
            escaped: self.escaped,
        })
    }
}

/// Offers pieces of context.
pub trait Collector {
    /// What there is to show, in order. Cheap: renders nothing.
    ///
    /// # Errors
    ///
    /// When nothing can be said at all. That costs this collector's section alone.
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError>;

    /// The best of `rungs` (given from the most to the least) of `item` that fits into `room`; `None` when none does.
    ///
    /// # Errors
    ///
    /// When the item cannot be read. That costs this item alone.
    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError>;
}

/// A collector could not do its work: a sentence for the context's own text and its ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CollectError(pub String);

impl From<ViewError> for CollectError {
    fn from(error: ViewError) -> Self {
        CollectError(error.0)
    }
}
