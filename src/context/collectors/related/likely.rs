//! How likely it is that a file belongs to a change that does not touch it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bstr::{BString, ByteSlice as _};

use crate::context::collector::Scene;
use crate::context::collectors::excerpts::{nearest, rarity};
use crate::context::surroundings::Index;
use crate::context::touched::Facts;
use crate::symbols::Kind;

/// What speaks for a file. All but the last have no upper end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    /// It names what the changed lines name, by rarity.
    pub(super) alike: f64,
    /// It is one of few that name it.
    pub(super) rare: f64,
    /// It uses what the change touches.
    pub(super) uses: f64,
    /// It defines what the changed files name, or names what they define.
    pub(super) coupled: f64,
    /// It changed with the changed files before.
    pub(super) together: f64,
    /// How near it lies, up to 1.
    pub(super) near: f64,
}

/// A logistic regression over the histories that `benches/bench_context/releases/packages.tsv` has for tuning.
const CONSTANT: f64 = -4.54;
const ALIKE: f64 = 0.26;
const RARE: f64 = 0.63;
const USES: f64 = 0.24;
const COUPLED: f64 = 0.39;
const TOGETHER: f64 = 1.18;
const NEAR: f64 = 1.95;
/// For how large the change is, as a part of all files: of a large one, more is missing.
const LARGE: f64 = 0.44;

impl Evidence {
    /// From 0 to 1, for a change of so many of so many files.
    pub(super) fn likelihood(&self, changed: usize, files: usize) -> f64 {
        let large = (1.0 + changed as f64).ln() - (1.0 + files as f64).ln();
        let sum = CONSTANT
            + ALIKE * self.alike.ln_1p()
            + RARE * self.rare.ln_1p()
            + USES * self.uses.ln_1p()
            + COUPLED * self.coupled.ln_1p()
            + TOGETHER * self.together.ln_1p()
            + NEAR * self.near
            + LARGE * large;
        1.0 / (1.0 + (-sum).exp())
    }
}

/// How the names of a file and how often they stand in it are weighed against its length: as BM25 does, but a long file is
/// likelier to belong to a change than a short one, so its length counts little.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.2;
/// A name that stands in more files than this is not rare.
const MOST_SHARERS: usize = 3;

/// Fills in which files name what the changed lines name.
fn names(index: &Index, facts: &Facts, evidence: &mut [Evidence]) {
    let files = index.files.len();
    let length = |file: usize| index.files[file].outline.references.occurrences() as f64;
    let mean = (0..files).map(length).sum::<f64>() / files.max(1) as f64;
    let is_other = |file: usize| index.files[file].file.change.is_none();
    for name in facts.words() {
        let rare = rarity(facts, name, files);
        let places = facts.occurrences(name);
        let sharers = places.iter().filter(|(file, _)| is_other(*file)).count();
        for (file, lines) in places {
            let times = lines.len() as f64;
            let norm = SATURATION * (1.0 - LENGTH + LENGTH * length(*file) / mean.max(1.0));
            evidence[*file].alike += rare * times * (SATURATION + 1.0) / (times + norm);
            if sharers <= MOST_SHARERS && is_other(*file) {
                evidence[*file].rare += 1.0 / sharers as f64;
            }
        }
    }
}

/// A name with more definitions than this couples nobody.
const MOST_MEANINGS: usize = 3;
/// A shorter name stands in too many places.
const SHORTEST_NAME: usize = 3;

/// Fills in which files name what the changed files define, and define what they name.
fn coupling(index: &Index, facts: &Facts, evidence: &mut [Evidence]) {
    let mut own: HashMap<&str, f64> = HashMap::new();
    for changed in &facts.changed {
        let outline = &index.files[changed.file].outline;
        for (name, _) in outline.references.iter() {
            let places = index.definitions(name);
            if name.len() >= SHORTEST_NAME && places.len() <= MOST_MEANINGS {
                for (file, _) in places {
                    evidence[*file].coupled += 1.0 / places.len() as f64;
                }
            }
        }
        for definition in &outline.definitions {
            let meanings = index.definitions(&definition.name).len();
            let is_telling = definition.kind != Kind::Block
                && definition.name.len() >= SHORTEST_NAME
                && meanings <= MOST_MEANINGS;
            if is_telling {
                own.insert(&definition.name, 1.0 / meanings as f64);
            }
        }
    }
    for (file, evidence) in index.files.iter().zip(evidence) {
        let names = file.outline.references.iter();
        evidence.coupled += names.filter_map(|(name, _)| own.get(name)).sum::<f64>();
    }
}

/// Each commit counts half as much as one that is so many newer.
const HALF_LIFE: f64 = 60.0;

/// How often each file was touched by earlier commits that touch changed files: a commit counts by the part of it that those
/// are, and newer ones count more. A history that cannot be read says nothing.
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
    let mut times: BTreeMap<BString, f64> = BTreeMap::new();
    let earlier = scene.changes.touched_files(commits).unwrap_or_default();
    for (age, touched) in earlier.into_iter().enumerate() {
        let own = touched.paths.iter().filter(|path| changed.contains(path));
        let part = own.count() as f64 / touched.paths.len().max(1) as f64;
        if part > 0.0 {
            let weight = part * 0.5_f64.powf(age as f64 / HALF_LIFE);
            for path in touched.paths {
                *times.entry(path).or_default() += weight;
            }
        }
    }
    times
}

/// The evidence for each file of the index, but for what offers tell of it.
pub(super) fn evidence(
    scene: &Scene<'_>,
    index: &Index,
    facts: &Facts,
    commits: usize,
) -> Vec<Evidence> {
    let together = together(scene, commits);
    let mut evidence: Vec<Evidence> = index
        .files
        .iter()
        .map(|file| Evidence {
            together: together.get(&file.file.path).copied().unwrap_or(0.0),
            // Of what is under review nobody asks, and it can be as much as all.
            near: match file.file.change {
                Some(_) => 0.0,
                None => nearest(scene, file.file.path.as_bstr()),
            },
            ..Evidence::default()
        })
        .collect();
    names(index, facts, &mut evidence);
    coupling(index, facts, &mut evidence);
    evidence
}
