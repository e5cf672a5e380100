//! From a text to numbers.

use std::collections::{BTreeSet, HashSet};

use bstr::{BString, ByteSlice as _};
use codex_review::context::Cost;

use super::case::{Case, Place};
use super::contexts::Shown;

/// What one context of one case was worth; `None` where the case does not ask.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// Of the hidden files, how many are shown.
    pub file_recall: Option<f64>,
    /// Of the files shown besides the change, how many are hidden ones.
    pub strict_precision: Option<f64>,
    /// Of the files shown besides the change, how many are hidden ones or define what the added lines use.
    pub precision: Option<f64>,
    /// Of the hidden definitions that changed, how many are shown.
    pub symbol_recall: Option<f64>,
    /// Of the names on added lines that are defined elsewhere, how many have a definition shown.
    pub definition_recall: Option<f64>,
    /// Of the changed lines, how many are shown.
    pub coverage: Option<f64>,
}

/// Measures a text. A file counts as shown if a piece is headed by its path and lines; a definition if the line that
/// begins it stands below such a heading of its own file, or in its patch.
pub fn measure(case: &Case<'_>, shown: &Shown, budget: u64) -> Scores {
    let tokens = Cost::of(&shown.text).tokens;
    assert!(tokens <= budget, "{tokens} tokens of {budget}");
    let text = Text::read(case, &shown.text);
    let hit = case.hidden.intersection(&text.files).count();
    let defining: BTreeSet<&BString> = case
        .definitions
        .iter()
        .flatten()
        .map(|at| &at.path)
        .collect();
    let relevant = text
        .files
        .iter()
        .filter(|path| case.hidden.contains(*path) || defining.contains(path));
    let part = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    let symbols = case.hidden_symbols.iter().filter(|at| text.has(at)).count();
    let definitions = case
        .definitions
        .iter()
        .filter(|places| places.iter().any(|at| text.has(at)))
        .count();
    Scores {
        file_recall: part(hit, case.hidden.len()),
        strict_precision: part(hit, text.files.len()),
        precision: part(relevant.count(), text.files.len()),
        symbol_recall: part(symbols, case.hidden_symbols.len()),
        definition_recall: part(definitions, case.definitions.len()),
        coverage: part(
            shown.changed_lines.min(case.changed_lines) as usize,
            case.changed_lines as usize,
        ),
    }
}

/// A text as it is judged.
struct Text<'t> {
    /// The files of which it shows a piece, but for those under review.
    files: BTreeSet<BString>,
    lines: HashSet<(&'t [u8], &'t str)>,
}

impl<'t> Text<'t> {
    fn read(case: &Case<'_>, text: &'t str) -> Self {
        let known: HashSet<&[u8]> = case.tree.iter().map(|file| file.path.as_slice()).collect();
        let mut read = Text {
            files: BTreeSet::new(),
            lines: HashSet::new(),
        };
        let mut at: &[u8] = b"";
        let mut is_patch = false;
        for line in text.lines() {
            if let Some(path) = heading(line).filter(|path| known.contains(path.as_bytes())) {
                (at, is_patch) = (path.as_bytes(), false);
                if !case.is_visible(&BString::from(path)) {
                    read.files.insert(BString::from(path));
                }
            } else if line.starts_with("diff --git ") {
                (at, is_patch) = (b"", true);
            } else if let Some(path) = line.strip_prefix("+++ b/").filter(|_| is_patch) {
                at = path.trim_end_matches('\t').as_bytes();
            } else {
                let line = match is_patch {
                    true => line.strip_prefix(['+', ' ']).unwrap_or(""),
                    false => line,
                };
                read.lines.insert((at, line.trim()));
            }
        }
        read
    }

    fn has(&self, place: &Place) -> bool {
        self.lines
            .contains(&(place.path.as_bytes(), place.line.as_str()))
    }
}

/// The path of a line such as `src/a.rs:3-9`, whatever follows.
fn heading(line: &str) -> Option<&str> {
    let (path, rest) = line.split_once(':')?;
    let (first, last) = rest.split(' ').next()?.split_once('-')?;
    (first.parse::<u32>().is_ok() && last.parse::<u32>().is_ok()).then_some(path)
}
