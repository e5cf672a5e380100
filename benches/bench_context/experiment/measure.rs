//! From a text to numbers.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bstr::{BString, ByteSlice as _};
use codex_review::context::Cost;

use super::case::{Case, Place};
use super::contexts::Shown;

/// What one context of one case was worth; `None` where the case does not ask.
#[derive(Clone, Debug)]
pub struct Scores {
    /// Of the hidden files, how many are shown.
    pub file_recall: Option<f64>,
    /// Of the hidden definitions that changed, how many are shown.
    pub symbol_recall: Option<f64>,
    /// Of the names on added lines that are defined elsewhere, how many have a definition shown.
    pub definition_recall: Option<f64>,
    /// Of the changed lines, how many are shown.
    pub coverage: Option<f64>,
    /// Of the tokens besides the patches, how many are spent on hidden files.
    pub strict_token_precision: Option<f64>,
    /// Of the tokens besides the patches, how many are spent on hidden files or on definitions of what the added lines use.
    pub token_precision: Option<f64>,
    /// The files shown besides the change, in the order of the text.
    pub files: Vec<ShownFile>,
}

/// A file that is shown and not under review.
#[derive(Clone, Copy, Debug)]
pub struct ShownFile {
    pub is_hidden: bool,
    /// It is hidden, or holds a definition that definition recall asks for.
    pub is_relevant: bool,
}

impl Scores {
    /// Of the first files shown besides the change, how many are hidden ones.
    pub fn strict_precision(&self, first: usize) -> Option<f64> {
        self.precision_of(first, |file| file.is_hidden)
    }

    /// Of the first files shown besides the change, how many are hidden ones or define what the added lines use.
    pub fn precision(&self, first: usize) -> Option<f64> {
        self.precision_of(first, |file| file.is_relevant)
    }

    fn precision_of(&self, first: usize, is_hit: fn(&ShownFile) -> bool) -> Option<f64> {
        let files = &self.files[..first.min(self.files.len())];
        let hits = files.iter().filter(|file| is_hit(file)).count();
        part(hits as u64, files.len() as u64)
    }
}

fn part(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// Measures a text. A file counts as shown if a piece is headed by its path and lines; a definition if the line that
/// begins it stands below such a heading of its own file, or in its patch.
pub fn measure(case: &Case<'_>, shown: &Shown, budget: u64) -> Scores {
    let tokens = Cost::of(&shown.text).tokens;
    assert!(tokens <= budget, "{tokens} tokens of {budget}");
    let text = Text::read(case, &shown.text);
    let hit = text.files.iter().filter(|path| case.hidden.contains(*path));
    let symbols = case.hidden_symbols.iter().filter(|at| text.has(at)).count();
    let definitions = case
        .definitions
        .iter()
        .filter(|places| places.iter().any(|at| text.has(at)))
        .count();
    let spent = Spent::of(case, &text);
    Scores {
        file_recall: part(hit.count() as u64, case.hidden.len() as u64),
        symbol_recall: part(symbols as u64, case.hidden_symbols.len() as u64),
        definition_recall: part(definitions as u64, case.definitions.len() as u64),
        coverage: part(
            shown.changed_lines.min(case.changed_lines),
            case.changed_lines,
        ),
        strict_token_precision: part(spent.hidden, spent.all),
        token_precision: part(spent.relevant, spent.all),
        files: text
            .files
            .iter()
            .map(|path| {
                let is_hidden = case.hidden.contains(path);
                ShownFile {
                    is_hidden,
                    is_relevant: is_hidden || case.asked.contains_key(path),
                }
            })
            .collect(),
    }
}

/// What a text spends besides its patches, in tokens: on headings, on marks of gaps and on code.
#[derive(Default)]
struct Spent {
    all: u64,
    /// On hidden files.
    hidden: u64,
    /// On hidden files, and on definitions that are asked for.
    relevant: u64,
}

impl Spent {
    fn of(case: &Case<'_>, text: &Text<'_>) -> Self {
        let mut shown: BTreeMap<&[u8], BTreeSet<u32>> = BTreeMap::new();
        for excerpt in &text.excerpts {
            let lines = excerpt.lines.iter().filter_map(|line| line.number);
            shown.entry(excerpt.path).or_default().extend(lines);
        }
        let mut spent = Spent::default();
        for excerpt in &text.excerpts {
            let is_hidden = case.hidden.contains(excerpt.path.as_bstr());
            // A definition is shown with its first line; what else is shown of one that does not begin here is not it.
            let definitions = case.asked.get(excerpt.path.as_bstr()).into_iter().flatten();
            let definitions: Vec<_> = definitions
                .filter(|lines| shown[excerpt.path].contains(&lines.first))
                .collect();
            let is_asked = |line: u32| definitions.iter().any(|lines| lines.contains(line));
            let mut any_asked = false;
            for line in &excerpt.lines {
                // A mark belongs to the line that follows.
                let is_relevant = is_hidden || is_asked(line.number.unwrap_or(line.next));
                any_asked |= is_relevant;
                spent.add(line.text, is_hidden, is_relevant);
            }
            spent.add(excerpt.heading, is_hidden, any_asked || is_hidden);
        }
        spent
    }

    fn add(&mut self, text: &str, is_hidden: bool, is_relevant: bool) {
        let tokens = Cost::of(&format!("{text}\n")).tokens;
        self.all += tokens;
        self.hidden += if is_hidden { tokens } else { 0 };
        self.relevant += if is_relevant { tokens } else { 0 };
    }
}

/// A text as it is judged.
struct Text<'t> {
    /// The files of which it shows a piece, but for those under review, in their order.
    files: Vec<BString>,
    lines: HashSet<(&'t [u8], &'t str)>,
    excerpts: Vec<Excerpt<'t>>,
}

/// What stands below one heading.
struct Excerpt<'t> {
    path: &'t [u8],
    heading: &'t str,
    lines: Vec<Line<'t>>,
}

/// A line of code, or the mark of a gap.
struct Line<'t> {
    /// None for a mark.
    number: Option<u32>,
    /// The number of the line of code that follows.
    next: u32,
    text: &'t str,
}

impl<'t> Text<'t> {
    fn read(case: &Case<'_>, text: &'t str) -> Self {
        let known: HashSet<&[u8]> = case.tree.iter().map(|file| file.path.as_slice()).collect();
        let mut read = Text {
            files: Vec::new(),
            lines: HashSet::new(),
            excerpts: Vec::new(),
        };
        let mut at: &[u8] = b"";
        let mut is_patch = false;
        // The number of the next line of an excerpt, and of its last: what follows that is no code.
        let (mut next, mut last) = (1, 0);
        for line in text.lines() {
            if let Some(found) = Heading::of(line).filter(|found| known.contains(found.path)) {
                (at, is_patch) = (found.path, false);
                (next, last) = (found.first, found.last);
                let is_first = !read.files.iter().any(|path| path == at);
                if is_first && !case.is_visible(&BString::from(at)) {
                    read.files.push(BString::from(at));
                }
                read.excerpts.push(Excerpt {
                    path: at,
                    heading: line,
                    lines: Vec::new(),
                });
            } else if line.starts_with("diff --git ") {
                (at, is_patch) = (b"", true);
            } else if let Some(path) = line.strip_prefix("+++ b/").filter(|_| is_patch) {
                at = path.trim_end_matches('\t').as_bytes();
            } else if is_patch {
                let line = line.strip_prefix(['+', ' ']).unwrap_or("");
                read.lines.insert((at, line.trim()));
            } else {
                read.lines.insert((at, line.trim()));
                let gap = gap(line).filter(|after| next <= *after && *after <= last);
                let number = gap.is_none().then_some(next);
                next = gap.unwrap_or(next + 1);
                if let Some(excerpt) = read.excerpts.last_mut().filter(|_| next <= last + 1) {
                    excerpt.lines.push(Line {
                        number,
                        next,
                        text: line,
                    });
                }
            }
        }
        read
    }

    fn has(&self, place: &Place) -> bool {
        self.lines
            .contains(&(place.path.as_bytes(), place.line.as_str()))
    }
}

/// A line such as `src/a.rs:3-9`, whatever follows.
struct Heading<'t> {
    path: &'t [u8],
    first: u32,
    last: u32,
}

impl<'t> Heading<'t> {
    fn of(line: &'t str) -> Option<Self> {
        let (path, rest) = line.split_once(':')?;
        let (first, last) = rest.split(' ').next()?.split_once('-')?;
        Some(Heading {
            path: path.as_bytes(),
            first: first.parse().ok()?,
            last: last.parse().ok()?,
        })
    }
}

/// The line that follows a gap: after `@12` line 12, after `⋮ 4-11` too.
fn gap(line: &str) -> Option<u32> {
    match line.strip_prefix('@') {
        Some(next) => next.parse().ok(),
        None => {
            let (_, last) = line.strip_prefix("\u{22ee} ")?.split_once('-')?;
            Some(last.parse::<u32>().ok()? + 1)
        }
    }
}
