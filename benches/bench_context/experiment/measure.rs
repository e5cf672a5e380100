//! From a text to numbers.

use std::collections::{BTreeSet, HashSet};

use bstr::BString;
use codex_review::context::Cost;

use super::case::Case;
use super::contexts::Shown;

/// What one context of one case was worth; `None` where the case does not ask.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// Of the hidden files, how many are shown.
    pub file_recall: Option<f64>,
    /// Of the files shown besides the change, how many are hidden ones.
    pub precision: Option<f64>,
    /// Of the hidden definitions that changed, how many are shown.
    pub symbol_recall: Option<f64>,
    /// Of the names on added lines that are defined elsewhere, how many have a definition shown.
    pub definition_recall: Option<f64>,
    /// Of the changed lines, how many are shown.
    pub coverage: Option<f64>,
}

/// Measures a text. A file counts as shown if a piece is headed by its path and lines; a definition if the line that
/// begins it stands in the text.
pub fn measure(case: &Case<'_>, shown: &Shown, budget: u64) -> Scores {
    let tokens = Cost::of(&shown.text).tokens;
    assert!(tokens <= budget, "{tokens} tokens of {budget}");
    let files = files(case, &shown.text);
    let lines: HashSet<&str> = shown
        .text
        .lines()
        .map(|line| line.strip_prefix(['+', '-', ' ']).unwrap_or(line).trim())
        .collect();
    let hit = case.hidden.intersection(&files).count() as f64;
    let part = |part: f64, of: usize| (of > 0).then(|| part / of as f64);
    let symbols = case
        .hidden_symbols
        .iter()
        .filter(|line| lines.contains(line.as_str()))
        .count();
    let definitions = case
        .definitions
        .iter()
        .filter(|lines_of| lines_of.iter().any(|line| lines.contains(line.as_str())))
        .count();
    Scores {
        file_recall: part(hit, case.hidden.len()),
        precision: part(hit, files.len()),
        symbol_recall: part(symbols as f64, case.hidden_symbols.len()),
        definition_recall: part(definitions as f64, case.definitions.len()),
        coverage: part(
            shown.changed_lines.min(case.changed_lines) as f64,
            case.changed_lines as usize,
        ),
    }
}

/// The files of which the text shows a piece, but for those under review.
fn files(case: &Case<'_>, text: &str) -> BTreeSet<BString> {
    let known: HashSet<&[u8]> = case
        .tree
        .iter()
        .filter(|file| !case.is_visible(&file.path))
        .map(|file| file.path.as_slice())
        .collect();
    text.lines()
        .filter_map(|line| {
            let (path, rest) = line.split_once(':')?;
            let lines = rest.split(' ').next()?;
            let (first, last) = lines.split_once('-')?;
            let is_place = first.parse::<u32>().is_ok() && last.parse::<u32>().is_ok();
            (is_place && known.contains(path.as_bytes())).then(|| BString::from(path))
        })
        .collect()
}
