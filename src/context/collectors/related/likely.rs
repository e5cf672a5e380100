//! How likely it is that a file belongs to a change that does not touch it.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BString, ByteSlice as _};

use crate::context::collector::Scene;
use crate::context::collectors::excerpts::{is_test_path, nearest, rarity, subject};
use crate::context::surroundings::Index;
use crate::context::touched::Facts;

/// What speaks for a file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    /// It uses what the change touches.
    pub(super) uses: f64,
    /// It tests what the change touches.
    pub(super) tests: f64,
    /// It defines what the added lines name.
    pub(super) defines: f64,
    /// It names what the changed lines name, by rarity and measured by its length; the best file has 1.
    pub(super) alike: f64,
    /// It changed with the changed files before, as a part of their commits.
    pub(super) together: f64,
    /// A test that is called after a changed file, or the file that a changed test is called after.
    pub(super) namesake: f64,
    /// How near it lies, up to 1.
    pub(super) near: f64,
}

/// A logistic regression over the histories that `benches/bench_context/releases/packages.tsv` has for tuning.
const CONSTANT: f64 = -7.36;
const USES: f64 = 0.48;
const TESTS: f64 = 0.08;
const DEFINES: f64 = 0.71;
const ALIKE: f64 = 1.47;
const TOGETHER: f64 = 4.27;
const NAMESAKE: f64 = 1.57;
const NEAR: f64 = 4.85;

impl Evidence {
    /// From 0 to 1.
    pub(super) fn likelihood(&self) -> f64 {
        let sum = CONSTANT
            + USES * self.uses.ln_1p()
            + TESTS * self.tests.ln_1p()
            + DEFINES * self.defines.ln_1p()
            + ALIKE * self.alike
            + TOGETHER * self.together
            + NAMESAKE * self.namesake
            + NEAR * self.near;
        1.0 / (1.0 + (-sum).exp())
    }
}

/// How the names of a file and how often they stand in it are weighed against its length: as BM25 does.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;

/// For each file of the index how much it names what the changed lines name; the best has 1.
fn alike(index: &Index, facts: &Facts) -> Vec<f64> {
    let files = index.files.len();
    let mut scores = vec![0.0; files];
    let length = |file: usize| index.files[file].outline.references.occurrences() as f64;
    let mean = (0..files).map(length).sum::<f64>() / files.max(1) as f64;
    for name in facts.words() {
        let rare = rarity(facts, name, files);
        for (file, lines) in facts.occurrences(name) {
            let times = lines.len() as f64;
            let norm = SATURATION * (1.0 - LENGTH + LENGTH * length(*file) / mean.max(1.0));
            scores[*file] += rare * times * (SATURATION + 1.0) / (times + norm);
        }
    }
    let best = index
        .files
        .iter()
        .zip(&scores)
        .filter(|(file, _)| file.file.change.is_none())
        .map(|(_, score)| *score)
        .fold(0.0, f64::max);
    if best > 0.0 {
        scores.iter_mut().for_each(|score| *score /= best);
    }
    scores
}

/// Each commit counts half as much as one that is so many newer.
const HALF_LIFE: f64 = 60.0;
/// Changed together once in few commits says little: so much is added to what a part is of.
const DOUBT: f64 = 1.0;

/// Of the earlier commits that touch a changed file, the part that touches each other file too, newer ones counting more.
/// A history that cannot be read says nothing.
fn together(scene: &Scene<'_>, commits: usize) -> BTreeMap<BString, f64> {
    if commits == 0 {
        return BTreeMap::new();
    }
    let changed: BTreeSet<&BString> = scene
        .changes
        .files()
        .iter()
        .flat_map(|file| [Some(&file.path), file.old_path.as_ref()])
        .flatten()
        .collect();
    let mut parts: BTreeMap<BString, f64> = BTreeMap::new();
    let mut all = DOUBT;
    let earlier = scene.changes.touched_files(commits).unwrap_or_default();
    for (age, touched) in earlier.into_iter().enumerate() {
        if !touched.paths.iter().any(|path| changed.contains(path)) {
            continue;
        }
        let weight = 0.5_f64.powf(age as f64 / HALF_LIFE);
        all += weight;
        for path in touched.paths {
            if !changed.contains(&path) {
                *parts.entry(path).or_default() += weight;
            }
        }
    }
    parts.values_mut().for_each(|part| *part /= all);
    parts
}

/// The evidence for each file of the index, but for what offers tell of it.
pub(super) fn evidence(
    scene: &Scene<'_>,
    index: &Index,
    facts: &Facts,
    commits: usize,
) -> Vec<Evidence> {
    let alike = alike(index, facts);
    let together = together(scene, commits);
    let changed: Vec<(bool, Vec<u8>)> = scene
        .changes
        .files()
        .iter()
        .filter_map(|file| {
            let path = file.path.as_bstr();
            Some((is_test_path(path), subject(path)?))
        })
        .collect();
    index
        .files
        .iter()
        .zip(alike)
        .map(|(file, alike)| {
            if file.file.change.is_some() {
                return Evidence::default();
            }
            let path = file.file.path.as_bstr();
            let is_test = is_test_path(path);
            let is_namesake = subject(path).is_some_and(|own| {
                changed
                    .iter()
                    .any(|(other_is_test, other)| is_test != *other_is_test && own == *other)
            });
            Evidence {
                alike,
                together: together.get(&file.file.path).copied().unwrap_or(0.0),
                namesake: f64::from(u8::from(is_namesake)),
                near: nearest(scene, path),
                ..Evidence::default()
            }
        })
        .collect()
}
