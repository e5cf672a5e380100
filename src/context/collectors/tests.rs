//! Tests that touch what the change touches, by the names that they use and by what they are called.

use std::collections::BTreeMap;

use bstr::ByteSlice as _;

use super::callers::{Use, candidate, collect, is_test_place};
use super::excerpts::{self, Candidate, is_test_path, nearest, subject};
use crate::context::collector::{CollectError, Rung, Scene};
use crate::context::registry::CollectorInfo;
use crate::context::touched::How;
use crate::symbols::Kind;

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "tests",
    about: "tests that name what the change touches, or are called after the changed files",
    rungs: &[Rung::Full, Rung::Outline],
    options: &["limit"],
    make: |options| excerpts::make(find, options),
};

/// A test is shown whole up to this many lines.
const MOST_LINES: u32 = 24;
/// What a test gains by being called after a changed file.
const SAME_SUBJECT: f64 = 2.0;

pub(super) fn find(scene: &Scene<'_>) -> Result<Vec<Candidate>, CollectError> {
    let index = scene.surroundings.index()?;
    let facts = scene.surroundings.facts()?;
    let mut users: BTreeMap<(usize, Option<usize>), Use> = BTreeMap::new();
    for touched in &facts.touched {
        let weight = match touched.how {
            How::Removed | How::Signature => 2.0,
            How::Body => 1.5,
            How::New => 1.0,
        };
        collect(index, facts, touched, weight, &mut users, is_test_place);
    }
    let subjects: Vec<Vec<u8>> = scene
        .changes
        .files()
        .iter()
        .filter_map(|change| subject(change.path.as_bstr()))
        .collect();
    let is_named_after = |path: &bstr::BStr| {
        is_test_path(path) && subject(path).is_some_and(|own| subjects.contains(&own))
    };
    // A test file called after a changed one is worth naming, whatever it names itself.
    for (number, file) in index.files.iter().enumerate() {
        if file.file.change.is_none()
            && is_named_after(file.file.path.as_bstr())
            && !users.keys().any(|(known, _)| *known == number)
            && let Some(first) = file
                .outline
                .definitions
                .iter()
                .position(|definition| definition.kind == Kind::Function)
        {
            let found = users.entry((number, Some(first))).or_default();
            found.value = SAME_SUBJECT;
            found
                .lines
                .push(file.outline.definitions[first].lines.first);
            found.names.push("(called after a changed file)".to_owned());
        }
    }
    Ok(users
        .into_iter()
        .map(|((number, definition), mut found)| {
            let file = &index.files[number];
            let path = file.file.path.as_bstr();
            if is_named_after(path) {
                found.value *= SAME_SUBJECT;
            }
            let near = nearest(scene, path).max(0.5);
            let mut candidate = candidate(index, number, definition, found, near, "tests");
            if let Some(own) = definition.map(|number| file.outline.definitions[number].lines)
                && own.count() <= MOST_LINES
            {
                candidate.full = vec![own];
            }
            candidate
        })
        .collect())
}
