//! The function or type around each hunk, as far as the patches do not show it.

use super::excerpts::{self, Candidate, joined, without};
use crate::context::collector::{CollectError, Rung, Scene};
use crate::context::registry::CollectorInfo;
use crate::context::surroundings::IndexedFile;
use crate::context::touched::ChangedFile;
use crate::symbols::{LineRange, Method};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "enclosing",
    about: "the functions and types around the changed lines, without the lines that patches show",
    rungs: &[Rung::Full, Rung::Outline],
    options: &["limit"],
    make: |options| excerpts::make(find, options),
};

/// A longer definition is shown by its signature and the lines that matter.
const MOST_LINES: u32 = 80;
/// So many of them.
const MOST_RELEVANT: usize = 16;
/// A block told by indentation is shown whole up to this many lines.
const MOST_BLOCK_LINES: u32 = 40;

pub(super) fn find(scene: &Scene<'_>) -> Result<Vec<Candidate>, CollectError> {
    let index = scene.surroundings.index()?;
    let facts = scene.surroundings.facts()?;
    let mut found = Vec::new();
    for changed in &facts.changed {
        let file = &index.files[changed.file];
        let mut around: Vec<(usize, usize)> = Vec::new();
        for line in &changed.lines {
            let Some(definition) = file.outline.enclosing(*line) else {
                continue;
            };
            match around.iter_mut().find(|(known, _)| *known == definition) {
                Some((_, count)) => *count += 1,
                None => around.push((definition, 1)),
            }
        }
        for (definition, count) in around {
            found.extend(candidate(changed, file, definition, count));
        }
    }
    Ok(found)
}

fn candidate(
    changed: &ChangedFile,
    file: &IndexedFile,
    number: usize,
    changed_lines: usize,
) -> Option<Candidate> {
    let outline = &file.outline;
    let definition = &outline.definitions[number];
    let by_grammar = outline.method == Method::Grammar;
    if !by_grammar && definition.lines.count() > MOST_BLOCK_LINES {
        return None;
    }
    let mut signatures = vec![definition.signature];
    if let Some(container) = definition.container {
        let signature = outline.definitions[container as usize].signature;
        signatures.push(LineRange {
            last: signature.first,
            ..signature
        });
    }
    let hidden = |ranges: Vec<LineRange>| -> Vec<LineRange> {
        let rest = ranges
            .into_iter()
            .flat_map(|range| without(range, &changed.shown));
        joined(rest.collect())
    };
    let full = if definition.lines.count() <= MOST_LINES {
        let mut ranges = signatures.clone();
        ranges.push(definition.lines);
        hidden(ranges)
    } else {
        let mut ranges = signatures.clone();
        ranges.extend(relevant(changed, file, definition.lines));
        hidden(ranges)
    };
    let outline_lines = hidden(signatures);
    let outline_lines = match outline_lines.is_empty() {
        true => full.clone(),
        false => outline_lines,
    };
    let name = outline.qualified_name(number);
    let kind = definition.kind.as_str();
    let by = if by_grammar { "" } else { ", by indentation" };
    Some(Candidate {
        file: changed.file,
        title: format!("around the change: {kind} {name}{by}"),
        full,
        outline: outline_lines,
        value: 1.0 + (changed_lines as f64).ln_1p(),
    })
}

/// Lines of a long definition that name what the changed lines name.
fn relevant(changed: &ChangedFile, file: &IndexedFile, within: LineRange) -> Vec<LineRange> {
    let mut weights: std::collections::BTreeMap<u32, usize> = std::collections::BTreeMap::new();
    for (_, lines) in file.outline.references.iter() {
        // A name that stands everywhere tells nothing.
        if lines.len() <= 12 && lines.iter().any(|line| changed.lines.contains(line)) {
            for line in lines.iter().filter(|line| within.contains(**line)) {
                *weights.entry(*line).or_default() += 1;
            }
        }
    }
    let mut lines: Vec<(usize, u32)> = weights
        .into_iter()
        .map(|(line, weight)| (weight, line))
        .collect();
    lines.sort_by_key(|(weight, line)| (std::cmp::Reverse(*weight), *line));
    lines
        .into_iter()
        .take(MOST_RELEVANT)
        .map(|(_, line)| LineRange {
            first: line,
            last: line,
        })
        .collect()
}
