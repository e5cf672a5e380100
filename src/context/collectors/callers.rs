//! Where what the change touches is used: changed signatures first.

use std::collections::BTreeMap;

use bstr::ByteSlice as _;

use super::excerpts::{self, Candidate, is_test_path, joined, nearest, rarity};
use crate::context::collector::{CollectError, Rung, Scene};
use crate::context::registry::CollectorInfo;
use crate::context::surroundings::{Index, IndexedFile};
use crate::context::touched::{Facts, How, Touched};
use crate::symbols::LineRange;

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "callers",
    about: "the places that use what the change touches, changed and removed signatures first",
    rungs: &[Rung::Full, Rung::Outline],
    options: &["limit"],
    make: |options| excerpts::make(find, options),
};

/// The most places of one caller that are shown.
const MOST_PLACES: usize = 3;
/// Lines before and after a place.
const AROUND: u32 = 2;
/// A name with more definitions than this says little about who uses which.
const MOST_MEANINGS: usize = 12;

/// The users of one name in one definition.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) value: f64,
    pub(super) lines: Vec<u32>,
    pub(super) names: Vec<String>,
}

pub(super) fn find(scene: &Scene<'_>) -> Result<Vec<Candidate>, CollectError> {
    let index = scene.surroundings.index()?;
    let facts = scene.surroundings.facts()?;
    let mut users: BTreeMap<(usize, Option<usize>), Use> = BTreeMap::new();
    for touched in &facts.touched {
        let weight = match touched.how {
            How::Removed | How::Signature => 3.0,
            How::Body => 1.0,
            How::New => 0.5,
        };
        collect(index, facts, touched, weight, &mut users, |file, line| {
            !is_test_place(file, line)
        });
    }
    Ok(users
        .into_iter()
        .map(|((file, definition), found)| {
            let near = nearest(scene, index.files[file].file.path.as_bstr());
            candidate(index, file, definition, found, near, "uses")
        })
        .collect())
}

/// Adds the places that use what is touched, by the definition that they stand in; only those that `wanted` accepts.
pub(super) fn collect(
    index: &Index,
    facts: &Facts,
    touched: &Touched,
    weight: f64,
    users: &mut BTreeMap<(usize, Option<usize>), Use>,
    wanted: impl Fn(&IndexedFile, u32) -> bool,
) {
    let meanings = index.definitions(&touched.name).len().max(1);
    if meanings > MOST_MEANINGS || touched.name.len() < 3 {
        return;
    }
    let rare = rarity(facts, &touched.name, index.files.len());
    let value = weight * rare / (meanings as f64).sqrt();
    for (number, lines) in facts.occurrences(&touched.name) {
        let file = &index.files[*number];
        if file.outline.language.map(|language| language.family()) != Some(touched.family) {
            continue;
        }
        let mut counted = None;
        for line in lines {
            let defines = index.definitions(&touched.name).iter().any(|place| {
                place.0 == *number && index.definition(*place).signature.contains(*line)
            });
            if defines || facts.is_shown(*number, *line) || !wanted(file, *line) {
                continue;
            }
            let definition = file.outline.enclosing(*line);
            let found = users.entry((*number, definition)).or_default();
            // Each name counts once for each user, and for lines outside of any definition (imports) little.
            if counted != Some(definition) {
                found.value += if definition.is_some() {
                    value
                } else {
                    value * 0.2
                };
                counted = Some(definition);
            }
            found.lines.push(*line);
            if !found.names.contains(&touched.name) {
                found.names.push(touched.name.clone());
            }
        }
    }
}

pub(super) fn candidate(
    index: &Index,
    file: usize,
    definition: Option<usize>,
    found: Use,
    near: f64,
    verb: &str,
) -> Candidate {
    let outline = &index.files[file].outline;
    let mut lines = found.lines;
    lines.sort_unstable();
    lines.dedup();
    let more = lines.len().saturating_sub(MOST_PLACES);
    lines.truncate(MOST_PLACES);
    let own = definition.map(|number| outline.definitions[number].lines);
    let clamp = |line: u32, around: u32| {
        let own = own.unwrap_or(LineRange {
            first: line,
            last: line,
        });
        LineRange {
            first: line.saturating_sub(around).max(own.first).max(1),
            last: line.saturating_add(around).min(own.last),
        }
    };
    let signature = definition.map(|number| LineRange {
        last: outline.definitions[number].signature.first,
        ..outline.definitions[number].signature
    });
    let with = |around: u32, places: usize| {
        let places = lines.iter().take(places).map(|line| clamp(*line, around));
        joined(signature.into_iter().chain(places).collect())
    };
    let name = definition.map_or_else(
        || "outside of any definition".to_owned(),
        |number| outline.qualified_name(number),
    );
    let mut names = found.names;
    let others = names.len().saturating_sub(3);
    names.truncate(3);
    let mut title = format!("{name} {verb} {}", names.join(", "));
    if others > 0 {
        title.push_str(&format!(" and {others} more"));
    }
    if more > 0 {
        title.push_str(&format!(" ({more} more places)"));
    }
    Candidate {
        file,
        title,
        full: with(AROUND, MOST_PLACES),
        outline: with(0, 1),
        value: found.value * near,
    }
}

/// Whether a line belongs to a test: by its file, or by a module or function that is called so.
pub(super) fn is_test_place(file: &IndexedFile, line: u32) -> bool {
    if is_test_path(file.file.path.as_bstr()) {
        return true;
    }
    let outline = &file.outline;
    let mut at = outline.enclosing(line);
    while let Some(number) = at {
        let definition = &outline.definitions[number];
        let name = definition.name.as_str();
        if matches!(name, "test" | "tests") || name.starts_with("test_") {
            return true;
        }
        at = definition.container.map(|container| container as usize);
    }
    false
}
