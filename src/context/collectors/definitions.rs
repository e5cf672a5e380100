//! The definitions of what the added lines name.

use bstr::ByteSlice as _;

use super::excerpts::{self, Candidate, nearness, rarity};
use crate::context::collector::{CollectError, Rung, Scene};
use crate::context::registry::CollectorInfo;
use crate::context::surroundings::{Index, Place};
use crate::symbols::{Kind, LineRange};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "definitions",
    about: "the definitions of what the added lines name, the rarest and nearest first",
    rungs: &[Rung::Full, Rung::Outline],
    options: &["limit"],
    make: |options| excerpts::make(find, options),
};

/// A name with more definitions than this tells nothing about which is meant.
const MOST_MEANINGS: usize = 12;
/// A definition is shown whole up to this many lines.
const MOST_LINES: u32 = 24;

pub(super) fn find(scene: &Scene<'_>) -> Result<Vec<Candidate>, CollectError> {
    let index = scene.surroundings.index()?;
    let facts = scene.surroundings.facts()?;
    let mut found: std::collections::BTreeMap<Place, f64> = std::collections::BTreeMap::new();
    for used in &facts.used {
        let places: Vec<(Place, f64)> = index
            .definitions(&used.name)
            .iter()
            .filter_map(|place| Some((*place, likelihood(index, *place, &used.users)?)))
            .collect();
        if places.is_empty() || places.len() > MOST_MEANINGS {
            continue;
        }
        let all: f64 = places.iter().map(|(_, likely)| likely).sum();
        let weight =
            rarity(facts, &used.name, index.files.len()) * (1.0 + (used.count as f64).ln());
        for (place, likely) in places {
            // What the patches show already, and what `enclosing` shows, needs no second time.
            let definition = index.definition(place);
            if !facts.is_shown(place.0, definition.signature.last) {
                *found.entry(place).or_default() += weight * likely * (likely / all);
            }
        }
    }
    Ok(found
        .into_iter()
        .map(|(place, value)| candidate(index, place, value))
        .collect())
}

/// How likely a user of the name means this definition; `None` for one in a language that it cannot name.
fn likelihood(index: &Index, place: Place, users: &[usize]) -> Option<f64> {
    let file = &index.files[place.0];
    let definition = index.definition(place);
    let family = file.outline.language?.family();
    let path = file.file.path.as_bstr();
    let stem = excerpts::subject(path);
    let best = users
        .iter()
        .map(|user| &index.files[*user])
        .filter(|user| {
            user.outline
                .language
                .is_some_and(|other| other.family() == family)
        })
        .map(|user| {
            let near = nearness(user.file.path.as_bstr(), path);
            let names = |word: &str| !user.outline.references.lines_of(word).is_empty();
            let by_file = stem
                .as_ref()
                .is_some_and(|stem| stem.to_str().is_ok_and(names));
            let near = if by_file { near.max(0.8) } else { near };
            // A method is likelier meant where its type is named.
            let container = definition
                .container
                .map(|container| &file.outline.definitions[container as usize]);
            let inside = match container {
                Some(container) if container.kind == Kind::Module => 1.0,
                Some(container) if names(&container.name) => 1.3,
                Some(_) if user.file.path == file.file.path => 0.9,
                Some(_) => 0.5,
                None => 1.0,
            };
            near * inside
        })
        .fold(None, |best: Option<f64>, one| {
            Some(best.map_or(one, |best| best.max(one)))
        })?;
    let kind = match definition.kind {
        Kind::Function | Kind::Type | Kind::Macro => 1.0,
        Kind::Value => 0.7,
        Kind::Module => 0.2,
        Kind::Block => return None,
    };
    let is_test = |file: usize| excerpts::is_test_path(index.files[file].file.path.as_bstr());
    // What tests define is meant by tests.
    let test = match is_test(place.0) && !users.iter().any(|user| is_test(*user)) {
        true => 0.4,
        false => 1.0,
    };
    Some(best * kind * test)
}

fn candidate(index: &Index, place: Place, value: f64) -> Candidate {
    let file = &index.files[place.0];
    let definition = index.definition(place);
    let LineRange { first, last } = definition.lines;
    let is_short = definition.lines.count() <= MOST_LINES;
    let full = match definition.kind {
        _ if is_short => definition.lines,
        // The fields of a type tell what it is; the body of a long function tells too much.
        Kind::Type => LineRange {
            first,
            last: last.min(first + MOST_LINES - 1),
        },
        _ => definition.signature,
    };
    let name = file.outline.qualified_name(place.1);
    Candidate {
        file: place.0,
        title: format!("used by the change: {} {name}", definition.kind.as_str()),
        full: vec![full],
        outline: vec![definition.signature],
        value,
    }
}
