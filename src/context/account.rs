//! How a context came about: which strategies were considered, and what became of each section of the one that was taken.

use super::budget::Cost;
use super::collector::Rung;
use super::pack::PackedSection;

/// A strategy that `auto` looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// Its name.
    pub strategy: String,
    /// Whether it made the context.
    pub taken: bool,
    /// Why, or why not, as a fragment for people.
    pub reason: String,
}

/// One section of a strategy, whether it is shown or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionAccount {
    /// Its heading.
    pub title: String,
    /// The collector that makes it.
    pub collector: String,
    /// The percentage of the budget that it may use before the others have had theirs.
    pub share: u8,
    /// What became of it.
    pub fate: Fate,
    /// What it takes of the budget, its heading included; nothing where it is not shown.
    pub cost: Cost,
    /// How many items are shown on each rung of its ladder, from the most to the least.
    pub shown: Vec<(Rung, usize)>,
    /// Items that are not shown.
    pub missing: usize,
}

/// What became of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is there, with all or some of its items.
    Shown,
    /// There was nothing to show.
    Empty,
    /// The budget had no room even for its heading.
    NoRoom,
    /// It could not be made; why.
    Failed(String),
}

impl Fate {
    /// A stable word: `shown`, `empty`, `no-room` or `failed`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Fate::Shown => "shown",
            Fate::Empty => "empty",
            Fate::NoRoom => "no-room",
            Fate::Failed(_) => "failed",
        }
    }
}

impl SectionAccount {
    pub(super) fn of(section: &PackedSection<'_>) -> Self {
        let fate = match &section.failure {
            Some(failure) => Fate::Failed(failure.clone()),
            None if section.items.is_empty() => Fate::Empty,
            None if section.has_frame => Fate::Shown,
            None => Fate::NoRoom,
        };
        let pieces = || section.items.iter().filter_map(|item| item.piece.as_ref());
        SectionAccount {
            title: section.spec.title.clone(),
            collector: section.spec.collector.clone(),
            share: section.spec.share,
            cost: section.cost,
            shown: Rung::ALL
                .into_iter()
                .map(|rung| (rung, pieces().filter(|piece| piece.rung == rung).count()))
                .filter(|(_, count)| *count > 0)
                .collect(),
            missing: section.missing(),
            fate,
        }
    }
}
