//! What there is to show, and what each part is worth.

use std::collections::BTreeMap;

use super::likely;
use crate::context::collector::{CollectError, Scene};
use crate::context::collectors::excerpts::{Candidate, joined, rarity, without};
use crate::context::collectors::{callers, definitions, enclosing, tests};
use crate::context::surroundings::Index;
use crate::context::touched::Facts;
use crate::symbols::{Kind, LineRange};

/// What parts are worth, beside a definition that is meant. Tuned, as is [`FILE`], on the histories for tuning.
const USES: f64 = 0.2;
const TESTS: f64 = 0.2;
const AROUND: f64 = 0.2;
const LIKELY: f64 = 0.5;
/// What the larger size of a part is worth, beside the smaller one.
const MORE: f64 = 0.3;
/// What it is worth to show anything of a file that certainly belongs to the change.
const FILE: f64 = 8.0;
/// The face of a file is only looked for where it is at least so likely to belong to the change.
const LEAST_LIKELIHOOD: f64 = 0.05;

/// Why a file is shown, for its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It defines what the added lines name.
    Defines,
    /// It uses what the change touches.
    Uses,
    /// It tests what the change touches.
    Tests,
    /// It is around the changed lines.
    Around,
    /// It is likely to belong to the change.
    Likely,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Role::Defines => "defines",
            Role::Uses => "uses",
            Role::Tests => "tests",
            Role::Around => "around",
            Role::Likely => "alike",
        }
    }
}

/// Lines of one file.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    /// In the index.
    pub(super) file: usize,
    pub(super) role: Role,
    /// Sorted and disjoint.
    pub(super) lines: Vec<LineRange>,
    /// In names: a definition that is certainly meant is worth about 1.
    pub(super) worth: f64,
}

/// All offers.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) offers: Vec<Offer>,
    /// By file of the index: what it is worth that anything of it is shown.
    pub(super) files: BTreeMap<usize, f64>,
}

impl Offers {
    pub(super) fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }
}

/// So many files are looked through for the part that is most like the changed lines.
const MOST_LIKELY: usize = 40;

pub(super) fn find(
    scene: &Scene<'_>,
    limit: usize,
    commits: usize,
) -> Result<Offers, CollectError> {
    let index = scene.surroundings.index()?;
    let facts = scene.surroundings.facts()?;
    let mut evidence = likely::evidence(scene, index, facts, commits);
    let mut offers = Vec::new();
    for found in definitions::find(scene)? {
        evidence[found.file].defines += found.value;
        add(&mut offers, found, Role::Defines, 1.0);
    }
    for found in callers::find(scene)? {
        evidence[found.file].uses += found.value;
        add(&mut offers, found, Role::Uses, USES);
    }
    for found in tests::find(scene)? {
        evidence[found.file].tests += found.value;
        add(&mut offers, found, Role::Tests, TESTS);
    }
    for found in enclosing::find(scene)? {
        add(&mut offers, found, Role::Around, AROUND);
    }
    let mut likely: Vec<(f64, usize)> = evidence
        .iter()
        .enumerate()
        .filter(|(file, _)| index.files[*file].file.change.is_none())
        .map(|(file, evidence)| (evidence.likelihood(), file))
        .collect();
    likely.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let files: BTreeMap<usize, f64> = likely
        .iter()
        .map(|(likelihood, file)| (*file, likelihood * FILE))
        .collect();
    let faces = likely
        .into_iter()
        .take(MOST_LIKELY)
        .take_while(|(likelihood, _)| *likelihood >= LEAST_LIKELIHOOD);
    offers.extend(faces.filter_map(|(likelihood, file)| {
        Some(Offer {
            file,
            role: Role::Likely,
            lines: most_alike(index, facts, file)?,
            worth: LIKELY * likelihood,
        })
    }));
    for offer in &mut offers {
        if let Some(changed) = facts.changed(offer.file) {
            offer.lines = joined(
                offer
                    .lines
                    .iter()
                    .flat_map(|range| without(*range, &changed.shown))
                    .collect(),
            );
        }
    }
    offers.retain(|offer| offer.worth > 0.0 && !offer.lines.is_empty());
    offers.sort_by(|one, other| {
        other
            .worth
            .total_cmp(&one.worth)
            .then_with(|| (one.file, &one.lines).cmp(&(other.file, &other.lines)))
    });
    offers.truncate(limit);
    Ok(Offers { offers, files })
}

/// A candidate in its smaller size, and what is more in its larger one. The value of a candidate has no upper end: of two
/// names one may be ten times as rare, yet is not ten times as much worth knowing.
fn add(offers: &mut Vec<Offer>, candidate: Candidate, role: Role, part: f64) {
    let worth = part * candidate.value.max(0.0).sqrt();
    let offer = |lines, worth| Offer {
        file: candidate.file,
        role,
        lines,
        worth,
    };
    if candidate.full != candidate.outline {
        offers.push(offer(candidate.full, worth * MORE));
    }
    offers.push(offer(candidate.outline, worth));
}

/// The signature of the definition that names most of what the changed lines name, and its line that names most; where
/// nothing does, the first definition's signature.
fn most_alike(index: &Index, facts: &Facts, file: usize) -> Option<Vec<LineRange>> {
    let outline = &index.files[file].outline;
    let mut by_line: BTreeMap<u32, f64> = BTreeMap::new();
    for name in facts.words() {
        let lines = outline.references.lines_of(name);
        let rare = rarity(facts, name, index.files.len());
        for line in lines {
            *by_line.entry(*line).or_default() += rare;
        }
    }
    let mut by_definition: BTreeMap<usize, f64> = BTreeMap::new();
    for (line, worth) in &by_line {
        if let Some(definition) = outline.enclosing(*line) {
            *by_definition.entry(definition).or_default() += worth;
        }
    }
    let best = |one: &(usize, f64), other: &(usize, f64)| {
        one.1.total_cmp(&other.1).then(other.0.cmp(&one.0))
    };
    let definition = by_definition
        .into_iter()
        .filter(|(at, _)| outline.definitions[*at].kind != Kind::Block)
        .max_by(best);
    let Some((at, _)) = definition else {
        let first = outline
            .definitions
            .iter()
            .find(|definition| definition.kind != Kind::Block)?;
        return Some(vec![first.signature]);
    };
    let definition = &outline.definitions[at];
    let line = by_line
        .range(definition.lines.first..=definition.lines.last)
        .map(|(line, worth)| (*line as usize, *worth))
        .max_by(best);
    let line = line.map(|(line, _)| LineRange {
        first: line as u32,
        last: line as u32,
    });
    Some(joined(
        [definition.signature].into_iter().chain(line).collect(),
    ))
}
