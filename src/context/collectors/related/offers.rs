//! What there is to show, and what each part is worth.

use std::collections::BTreeMap;

use super::likely;
use crate::context::collector::{CollectError, Scene};
use crate::context::collectors::excerpts::{Candidate, joined, rarity, without};
use crate::context::collectors::{callers, definitions, enclosing, tests};
use crate::context::surroundings::Index;
use crate::symbols::{Kind, LineRange};

/// What parts are worth, beside a definition that is meant. Tuned, as is [`FILE`], on the histories for tuning.
const USES: f64 = 0.2;
const TESTS: f64 = 0.2;
const AROUND: f64 = 0.2;
const LIKELY: f64 = 0.7;
/// What the larger size of a part is worth, beside the smaller one.
const MORE: f64 = 0.3;
/// What it is worth to show anything of a file that certainly belongs to the change.
const FILE: f64 = 8.0;
/// A file that is less likely to belong to the change is not looked through.
const LEAST_LIKELIHOOD: f64 = 0.015;
/// Of a file that is at least so likely to belong to the change, more than one part is offered: so many, each worth less
/// than the one before.
const LIKELY_ENOUGH: f64 = 0.2;
const MOST_PARTS: usize = 12;
const FADE: f64 = 0.85;

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
const MOST_LIKELY: usize = 200;

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
        add(&mut offers, found, Role::Defines, 1.0);
    }
    for found in callers::find(scene)? {
        evidence[found.file].uses += found.value;
        add(&mut offers, found, Role::Uses, USES);
    }
    for found in tests::find(scene)? {
        add(&mut offers, found, Role::Tests, TESTS);
    }
    for found in enclosing::find(scene)? {
        add(&mut offers, found, Role::Around, AROUND);
    }
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
    let changed = scene.changes.files().len();
    let mut likely: Vec<(f64, usize)> = evidence
        .iter()
        .enumerate()
        .filter(|(file, _)| index.files[*file].file.change.is_none())
        .map(|(file, evidence)| (evidence.likelihood(changed, index.files.len()), file))
        .collect();
    likely.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let faces = likely
        .iter()
        .take(MOST_LIKELY.min(limit))
        .take_while(|(likelihood, _)| *likelihood >= LEAST_LIKELIHOOD);
    let words: Vec<(&str, f64)> = facts
        .words()
        .map(|name| (name, rarity(facts, name, index.files.len())))
        .collect();
    for (likelihood, file) in faces {
        let most = match *likelihood >= LIKELY_ENOUGH {
            true => MOST_PARTS,
            false => 1,
        };
        let parts = telling(index, &words, *file, most);
        offers.extend(parts.into_iter().enumerate().map(|(rank, part)| Offer {
            file: *file,
            role: Role::Likely,
            lines: vec![part],
            worth: LIKELY * likelihood * FADE.powi(rank as i32),
        }));
    }
    let files = likely
        .into_iter()
        .map(|(likelihood, file)| (file, likelihood * FILE))
        .collect();
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

/// A longer signature is cut.
const MOST_SIGNATURE_LINES: u32 = 3;

/// The parts of a file that tell most of what the changed lines name, given with its rarity, the most telling first: of the definitions that name
/// most of it, each the signature and the line that names most; where nothing does, the first signature.
fn telling(index: &Index, words: &[(&str, f64)], file: usize, most: usize) -> Vec<LineRange> {
    let outline = &index.files[file].outline;
    let mut by_line: BTreeMap<u32, f64> = BTreeMap::new();
    for (name, rare) in words {
        for line in outline.references.lines_of(name) {
            *by_line.entry(*line).or_default() += rare;
        }
    }
    let is_named = |at: &usize| outline.definitions[*at].kind != Kind::Block;
    let mut by_definition: BTreeMap<Option<usize>, (f64, u32, f64)> = BTreeMap::new();
    for (line, worth) in by_line {
        let definition = outline.enclosing(line).filter(is_named);
        let (all, best_line, best) = by_definition
            .entry(definition)
            .or_insert((0.0, line, worth));
        *all += worth;
        if worth > *best {
            (*best_line, *best) = (line, worth);
        }
    }
    if by_definition.is_empty() {
        let first = (0..outline.definitions.len()).find(is_named);
        by_definition.extend(first.map(|at| {
            let line = outline.definitions[at].signature.first;
            (Some(at), (0.0, line, 0.0))
        }));
    }
    let mut ranked: Vec<(Option<usize>, (f64, u32, f64))> = by_definition.into_iter().collect();
    // What stands outside of any definition, such as imports, tells the least.
    ranked.sort_by(|(one_at, one), (other_at, other)| {
        let by_worth = other.0.total_cmp(&one.0).then(one_at.cmp(other_at));
        one_at.is_none().cmp(&other_at.is_none()).then(by_worth)
    });
    let parts = ranked.into_iter().flat_map(|(definition, (_, line, _))| {
        let signature = definition.map(|at| {
            let LineRange { first, last } = outline.definitions[at].signature;
            LineRange {
                first,
                last: last.min(first + MOST_SIGNATURE_LINES - 1),
            }
        });
        let line = LineRange {
            first: line,
            last: line,
        };
        signature.into_iter().chain([line])
    });
    parts.take(most).collect()
}
