//! Who last changed the lines that the change touches, and why; and which files usually change with them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;
use serde::Deserialize;

use super::commit_log::{self, Words};
use crate::context::budget::Room;
use crate::context::collector::{
    Claims, CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene,
};
use crate::context::registry::{CollectorInfo, OptionsError, check_range, parse_options};
use crate::context::size::counted;
use crate::context::view::ChangedLineOrigins;
use crate::prompt::show_path;
use crate::target::LineOrigin;

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "history",
    about: "the commits that last changed the lines under review, and the files that usually change together with these",
    rungs: &[Rung::Full, Rung::Outline, Rung::Name],
    options: &["commits", "partners", "authors", "messages"],
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// How many commits are looked at, for lines and for partners each.
    commits: usize,
    /// The most files that are named as partners.
    partners: usize,
    /// Whether author names are given.
    authors: bool,
    /// Whether messages are given.
    messages: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            commits: 500,
            partners: 8,
            authors: true,
            messages: true,
        }
    }
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let options: Options = parse_options(options)?;
    check_range("commits", options.commits, 1..=10_000)?;
    check_range("partners", options.partners, 0..=100)?;
    Ok(Box::new(History {
        options,
        found: OnceCell::new(),
    }))
}

/// The most commits that are listed: those that wrote the most of the lines.
const MOST_ORIGINS: usize = 50;
/// The most places of lines that are named for a commit.
const PLACES: usize = 8;
/// A file that changed together with these only once may have done so by chance.
const LEAST_TOGETHER: usize = 2;

struct History {
    options: Options,
    /// Read when items are listed, so that it is read once.
    found: OnceCell<Found>,
}

struct Found {
    lines: ChangedLineOrigins,
    partners: Vec<Partner>,
    /// Lines of our own, such as on what is older than the search went.
    notes: Vec<String>,
}

/// A file that is not part of the change and usually changes with it.
struct Partner {
    path: BString,
    together: usize,
    of: usize,
}

enum Entry {
    Origin(usize),
    Partner(usize),
    Note(usize),
}

impl Found {
    fn entries(&self) -> Vec<Entry> {
        let origins = (0..self.lines.origins.origins.len()).map(Entry::Origin);
        let partners = (0..self.partners.len()).map(Entry::Partner);
        let notes = (0..self.notes.len()).map(Entry::Note);
        origins.chain(partners).chain(notes).collect()
    }
}

fn line_count(origin: &LineOrigin) -> usize {
    origin.lines.iter().map(|(_, lines)| lines.len()).sum()
}

impl History {
    fn find(&self, scene: &Scene<'_>) -> Result<Found, CollectError> {
        let mut lines = scene.changes.changed_line_origins(self.options.commits)?;
        let mut notes = Vec::new();
        let origins = &mut lines.origins.origins;
        origins.sort_by(|a, b| {
            line_count(b)
                .cmp(&line_count(a))
                .then_with(|| b.commit.author_seconds.cmp(&a.commit.author_seconds))
                .then_with(|| a.commit.id.cmp(&b.commit.id))
        });
        if origins.len() > MOST_ORIGINS {
            let more = counted((origins.len() - MOST_ORIGINS) as u64, "more commit");
            notes.push(format!("({more} wrote fewer of the lines)\n"));
            origins.truncate(MOST_ORIGINS);
        }
        if lines.origins.unknown > 0 {
            let older = counted(lines.origins.unknown, "line");
            notes.push(format!("({older} older than the history looked at)\n"));
        }
        if lines.files_more > 0 {
            let more = counted(lines.files_more as u64, "more file");
            notes.push(format!("({more} not followed)\n"));
        }
        Ok(Found {
            lines,
            partners: self.partners(scene)?,
            notes,
        })
    }

    fn partners(&self, scene: &Scene<'_>) -> Result<Vec<Partner>, CollectError> {
        if self.options.partners == 0 {
            return Ok(Vec::new());
        }
        let files = scene.changes.files();
        let changed: BTreeSet<&BString> = files
            .iter()
            .flat_map(|file| [Some(&file.path), file.old_path.as_ref()])
            .flatten()
            .collect();
        let mut together: BTreeMap<BString, usize> = BTreeMap::new();
        let mut of = 0;
        for touched in scene.changes.touched_files(self.options.commits)? {
            if !touched.paths.iter().any(|path| changed.contains(path)) {
                continue;
            }
            of += 1;
            for path in touched.paths {
                if !changed.contains(&path) {
                    *together.entry(path).or_default() += 1;
                }
            }
        }
        let mut partners: Vec<Partner> = together
            .into_iter()
            .filter(|(_, together)| *together >= LEAST_TOGETHER)
            .map(|(path, together)| Partner { path, together, of })
            .collect();
        partners.sort_by(|a, b| {
            b.together
                .cmp(&a.together)
                .then_with(|| a.path.cmp(&b.path))
        });
        partners.truncate(self.options.partners);
        Ok(partners)
    }

    fn words(&self, scene: &Scene<'_>) -> Words {
        let claims = scene.claims == Claims::Shown;
        Words {
            authors: claims && self.options.authors,
            messages: claims && self.options.messages,
        }
    }
}

impl Collector for History {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let found = match self.found.get() {
            Some(found) => found,
            None => {
                let found = self.find(scene)?;
                self.found.get_or_init(|| found)
            }
        };
        Ok((0..found.entries().len()).map(Item::apart).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let found = self
            .found
            .get()
            .expect("items are listed before one is rendered");
        let entry = &found.entries()[item.key];
        Ok(rungs.iter().find_map(|rung| {
            let text = match entry {
                Entry::Origin(at) => {
                    let origin = &found.lines.origins.origins[*at];
                    let words = commit_log::commit_text(&origin.commit, *rung, self.words(scene));
                    format!("{words}{}", places(scene, &found.lines, origin, *rung))
                }
                Entry::Partner(at) => partner_text(&found.partners[*at]),
                Entry::Note(at) => found.notes[*at].clone(),
            };
            let piece =
                PieceDraft::showing(scene.presenter.content(text.as_bytes()), *rung, Vec::new());
            piece.within(room)
        }))
    }
}

fn partner_text(partner: &Partner) -> String {
    format!(
        "{}  changed in {} of {} that touched files of this change, and is not part of it\n",
        show_path(&partner.path),
        partner.together,
        counted(partner.of as u64, "earlier commit"),
    )
}

/// `    wrote old lines 3-9, 14 of src/a.rs`, one line for each file.
fn places(
    scene: &Scene<'_>,
    lines: &ChangedLineOrigins,
    origin: &LineOrigin,
    rung: Rung,
) -> String {
    let mut text = String::new();
    for (query, numbers) in &origin.lines {
        let file = &scene.changes.files()[lines.files[*query]];
        let path = show_path(file.old_path.as_ref().unwrap_or(&file.path));
        let what = match rung {
            Rung::Name => counted(numbers.len() as u64, "old line"),
            _ => format!("old lines {}", ranges(numbers)),
        };
        text.push_str(&format!("    wrote {what} of {path}\n"));
    }
    text
}

/// `3-9, 14`: the first places, then an ellipsis.
fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.saturating_add(1) >= *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let more = ranges.len() > PLACES;
    let mut shown: Vec<String> = ranges
        .into_iter()
        .take(PLACES)
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    if more {
        shown.push("\u{2026}".to_owned());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_lines_are_one_place() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        let many: Vec<u32> = (0..20).map(|number| number * 2).collect();
        assert!(ranges(&many).ends_with("14, \u{2026}"), "{}", ranges(&many));
    }
}
