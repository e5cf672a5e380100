//! What others do: the patches alone, or the patches and what a search or a map of the repository gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bstr::{BString, ByteSlice as _};
use codex_review::context::{ChangeView as _, Cost};
use codex_review::symbols::{Kind, LineRange};

use super::case::{Case, TreeFile};
use super::contexts::Shown;
use super::corpus::words;

/// The part of the budget that patches may use where something else follows: as in `focused`.
const DIFF_PERCENT: u64 = 60;
/// Lines around a match of `grep`.
const GREP_AROUND: usize = 2;
/// The most matches of one name.
const GREP_MATCHES: usize = 8;

/// A text that grows as long as it fits: patches, then excerpts, one heading a file.
struct Filling<'c> {
    patches: String,
    excerpts: Vec<(&'c TreeFile, BTreeSet<usize>)>,
    tokens: u64,
    budget: u64,
}

impl<'c> Filling<'c> {
    fn within(budget: u64) -> Self {
        Filling {
            patches: String::new(),
            excerpts: Vec::new(),
            tokens: 0,
            budget,
        }
    }

    fn push(&mut self, patch: &str) -> bool {
        let cost = Cost::of(patch).tokens;
        if self.tokens + cost > self.budget {
            return false;
        }
        self.tokens += cost;
        self.patches.push_str(patch);
        true
    }

    /// Lines of a file, as far as they are not there yet.
    fn show(&mut self, file: &'c TreeFile, first: usize, last: usize) -> bool {
        let known = self
            .excerpts
            .iter()
            .position(|(other, _)| other.path == file.path);
        let lines: Vec<usize> = (first..=last.min(file.text.lines.len()))
            .filter(|line| known.is_none_or(|at| !self.excerpts[at].1.contains(line)))
            .collect();
        if lines.is_empty() {
            return true;
        }
        // No line number of the file is dearer than its largest.
        let largest = file.text.lines.len();
        let frame = match known {
            Some(_) => mark(largest),
            None => format!("{}:{largest}-{largest}\n", file.path),
        };
        let code = lines.iter().map(|line| code(file, *line));
        let cost: u64 = code.map(|line| Cost::of(&line).tokens).sum();
        let cost = cost + Cost::of(&frame).tokens;
        if self.tokens + cost > self.budget {
            return false;
        }
        self.tokens += cost;
        match known {
            Some(at) => self.excerpts[at].1.extend(lines),
            None => self.excerpts.push((file, lines.into_iter().collect())),
        }
        true
    }

    fn text(&self) -> String {
        let mut text = self.patches.clone();
        for (file, lines) in &self.excerpts {
            let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
                continue;
            };
            text.push_str(&format!("{}:{first}-{last}\n", file.path));
            let mut next = *first;
            for line in lines {
                if *line != next {
                    text.push_str(&mark(*line));
                }
                text.push_str(&code(file, *line));
                next = line + 1;
            }
        }
        text
    }
}

/// Stands before lines that do not follow those above.
fn mark(line: usize) -> String {
    format!("@{line}\n")
}

fn code(file: &TreeFile, line: usize) -> String {
    format!("{}\n", file.text.lines[line - 1])
}

/// The patches, hunk by hunk, as far as `budget` reaches; what is left of `whole_budget` is for what follows.
fn diff<'c>(
    case: &'c Case<'_>,
    context_lines: u32,
    budget: u64,
    whole_budget: u64,
) -> (Filling<'c>, u64) {
    let mut filling = Filling::within(budget);
    let mut changed = 0;
    for index in 0..case.view.files().len() {
        let Ok(patch) = case.view.patch(index, context_lines) else {
            continue;
        };
        let patch = patch.to_str_lossy().into_owned();
        let mut hunks: Vec<String> = vec![String::new()];
        for line in patch.split_inclusive('\n') {
            if line.starts_with("@@ -") {
                hunks.push(String::new());
            }
            hunks
                .last_mut()
                .expect("there is always one")
                .push_str(line);
        }
        let header = hunks.remove(0);
        if !filling.push(&header) {
            continue;
        }
        for hunk in hunks {
            if filling.push(&hunk) {
                let lines = hunk.lines().skip(1);
                changed += lines.filter(|line| line.starts_with(['+', '-'])).count() as u64;
            }
        }
    }
    filling.budget = whole_budget;
    (filling, changed)
}

fn finish((filling, changed_lines): (Filling<'_>, u64)) -> Shown {
    Shown {
        text: filling.text(),
        changed_lines,
    }
}

fn with_room<'c>(case: &'c Case<'_>, budget: u64) -> (Filling<'c>, u64) {
    diff(case, 3, budget * DIFF_PERCENT / 100, budget)
}

/// `git diff`.
pub fn plain_diff(case: &Case<'_>, budget: u64) -> Shown {
    finish(diff(case, 3, budget, budget))
}

/// `git diff -U10`.
pub fn wide_diff(case: &Case<'_>, budget: u64) -> Shown {
    finish(diff(case, 10, budget, budget))
}

/// The patches, then the changed files as they are.
pub fn whole_files(case: &Case<'_>, budget: u64) -> Shown {
    let (mut filling, changed) = with_room(case, budget);
    for file in case.tree.iter().filter(|file| case.is_visible(&file.path)) {
        for first in (1..=file.text.lines.len()).step_by(40) {
            let last = (first + 39).min(file.text.lines.len());
            if !filling.show(file, first, last) {
                break;
            }
        }
    }
    finish((filling, changed))
}

/// The patches, then the lines that a search for each name on added lines finds, the rarest name first.
pub fn grep(case: &Case<'_>, budget: u64) -> Shown {
    let (mut filling, changed) = with_room(case, budget);
    let mut matches: BTreeMap<&str, Vec<(usize, u32)>> = BTreeMap::new();
    for (number, file) in case.tree.iter().enumerate() {
        let shown = case.shown_lines(&file.path);
        for (name, lines) in file.text.outline.references.iter() {
            if let Some(name) = case.used.get(name) {
                let lines = lines
                    .iter()
                    .filter(|line| !shown.iter().any(|range| range.contains(**line)));
                matches
                    .entry(name)
                    .or_default()
                    .extend(lines.map(|line| (number, *line)));
            }
        }
    }
    let mut by_rarity: Vec<_> = matches.into_iter().collect();
    by_rarity.sort_by_key(|(name, places)| (places.len(), *name));
    let mut seen = BTreeSet::new();
    for (_, places) in by_rarity {
        for (number, line) in places.into_iter().take(GREP_MATCHES) {
            if !seen.insert((number, line / 4)) {
                continue;
            }
            let file = &case.tree[number];
            let line = line as usize;
            let first = line.saturating_sub(GREP_AROUND).max(1);
            let last = (line + GREP_AROUND).min(file.text.lines.len());
            if first <= last {
                filling.show(file, first, last);
            }
        }
    }
    finish((filling, changed))
}

/// The patches, then the chunks of 24 lines that BM25 ranks best for the words of the changed lines.
pub fn bm25(case: &Case<'_>, budget: u64) -> Shown {
    bm25_among(case, budget, |_| true)
}

/// The same, without chunks of the changed files.
pub fn bm25_elsewhere(case: &Case<'_>, budget: u64) -> Shown {
    bm25_among(case, budget, |file| !case.is_visible(&file.path))
}

fn bm25_among(case: &Case<'_>, budget: u64, wanted: impl Fn(&TreeFile) -> bool) -> Shown {
    const K1: f64 = 1.2;
    const B: f64 = 0.75;
    let (mut filling, changed) = with_room(case, budget);
    let query = query(case);
    let chunks: Vec<_> = case
        .tree
        .iter()
        .filter(|file| wanted(file))
        .flat_map(|file| file.text.chunks.iter().map(move |chunk| (file, chunk)))
        .collect();
    let count = chunks.len().max(1) as f64;
    let mean = chunks.iter().map(|(_, chunk)| chunk.length).sum::<f64>() / count;
    let mut frequency: HashMap<&str, f64> = HashMap::new();
    for (_, chunk) in &chunks {
        for word in query.iter().filter(|word| chunk.words.contains_key(*word)) {
            *frequency.entry(word).or_default() += 1.0;
        }
    }
    let mut scored: Vec<(f64, usize)> = chunks
        .iter()
        .enumerate()
        .map(|(number, (_, chunk))| {
            let score = query
                .iter()
                .filter_map(|word| {
                    let times = chunk.words.get(word)?;
                    let seen = frequency[word.as_str()];
                    let rare = (1.0 + (count - seen + 0.5) / (seen + 0.5)).ln();
                    let norm = K1 * (1.0 - B + B * chunk.length / mean);
                    Some(rare * times * (K1 + 1.0) / (times + norm))
                })
                .sum();
            (score, number)
        })
        .collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let mut misses = 0;
    for (score, number) in scored {
        let (file, chunk) = chunks[number];
        let lines = LineRange {
            first: chunk.first as u32,
            last: chunk.last as u32,
        };
        let is_shown = case
            .shown_lines(&file.path)
            .iter()
            .any(|range| range.first <= lines.first && lines.last <= range.last);
        if score <= 0.0 || misses > 8 {
            break;
        }
        if !is_shown && !filling.show(file, chunk.first, chunk.last) {
            misses += 1;
        }
    }
    finish((filling, changed))
}

/// The words of the changed lines.
fn query(case: &Case<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for index in 0..case.view.files().len() {
        if let Ok(patch) = case.view.patch(index, 0) {
            for line in patch.lines() {
                let is_header = line.starts_with(b"+++") || line.starts_with(b"---");
                if (line.starts_with(b"+") || line.starts_with(b"-")) && !is_header {
                    found.extend(words(&line[1..].to_str_lossy()));
                }
            }
        }
    }
    found
}

/// The patches, then a map of the repository: signatures of definitions, ranked by PageRank over who names what, with
/// the changed files as the start.
pub fn page_rank(case: &Case<'_>, budget: u64) -> Shown {
    const DAMPING: f64 = 0.85;
    const ROUNDS: usize = 30;
    let (mut filling, changed) = with_room(case, budget);
    let mut definers: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for (number, file) in case.tree.iter().enumerate() {
        for (index, definition) in file.text.outline.definitions.iter().enumerate() {
            if definition.kind != Kind::Block && definition.name.len() > 2 {
                definers
                    .entry(&definition.name)
                    .or_default()
                    .push((number, index));
            }
        }
    }
    // From a file to a definition elsewhere that it names.
    let mut edges: Vec<Vec<((usize, usize), f64)>> = vec![Vec::new(); case.tree.len()];
    for (number, file) in case.tree.iter().enumerate() {
        for (name, lines) in file.text.outline.references.iter() {
            let Some(places) = definers.get(name) else {
                continue;
            };
            let asked = if case.used.contains(name) { 10.0 } else { 1.0 };
            let weight = asked * (lines.len() as f64).sqrt() / places.len() as f64;
            for place in places.iter().filter(|place| place.0 != number) {
                edges[number].push((*place, weight));
            }
        }
    }
    let count = case.tree.len().max(1) as f64;
    let visible = case
        .tree
        .iter()
        .filter(|file| case.is_visible(&file.path))
        .count()
        .max(1) as f64;
    let start: Vec<f64> = case
        .tree
        .iter()
        .map(|file| {
            if case.is_visible(&file.path) {
                1.0 / visible
            } else {
                0.0
            }
        })
        .collect();
    let totals: Vec<f64> = edges
        .iter()
        .map(|edges| edges.iter().map(|(_, weight)| weight).sum())
        .collect();
    let mut ranks = vec![1.0 / count; case.tree.len()];
    for _ in 0..ROUNDS {
        let mut next: Vec<f64> = start.iter().map(|start| start * (1.0 - DAMPING)).collect();
        for (number, edges) in edges.iter().enumerate() {
            if totals[number] > 0.0 {
                for ((file, _), weight) in edges {
                    next[*file] += DAMPING * ranks[number] * weight / totals[number];
                }
            } else {
                for (file, start) in start.iter().enumerate() {
                    next[file] += DAMPING * ranks[number] * start;
                }
            }
        }
        ranks = next;
    }
    let mut worth: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (number, edges) in edges.iter().enumerate() {
        for (place, weight) in edges {
            *worth.entry(*place).or_default() += ranks[number] * weight / totals[number].max(1e-9);
        }
    }
    let mut ranked: Vec<_> = worth.into_iter().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let mut misses = 0;
    for ((number, index), _) in ranked {
        let file = &case.tree[number];
        let lines = file.text.outline.definitions[index].signature;
        let last = (lines.last as usize).min(file.text.lines.len());
        let shown = case.shown_lines(&file.path);
        if misses > 8 {
            break;
        }
        if !shown.iter().any(|range| range.contains(lines.last))
            && !filling.show(file, lines.first as usize, last)
        {
            misses += 1;
        }
    }
    finish((filling, changed))
}

/// The patches, then the beginnings of the files that earlier commits changed most often together with these.
pub fn partners(case: &Case<'_>, budget: u64) -> Shown {
    const COMMITS: usize = 500;
    const LINES: usize = 12;
    let (mut filling, changed) = with_room(case, budget);
    let mut together: BTreeMap<&BString, usize> = BTreeMap::new();
    let earlier = case.view.touched_files(COMMITS).unwrap_or_default();
    for commit in &earlier {
        if commit.paths.iter().any(|path| case.is_visible(path)) {
            for path in &commit.paths {
                *together.entry(path).or_default() += 1;
            }
        }
    }
    let mut ranked: Vec<(&TreeFile, usize)> = case
        .tree
        .iter()
        .filter(|file| !case.is_visible(&file.path))
        .filter_map(|file| Some((file, *together.get(&file.path)?)))
        .collect();
    ranked.sort_by_key(|(file, times)| (std::cmp::Reverse(*times), &file.path));
    for (file, _) in ranked {
        if !filling.show(file, 1, LINES) {
            break;
        }
    }
    finish((filling, changed))
}
