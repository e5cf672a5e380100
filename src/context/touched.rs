//! What a change does to definitions, and which names its added lines use.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bstr::{BStr, ByteSlice as _};

use super::surroundings::Index;
use super::view::ChangeView;
use crate::symbols::{
    Definition, Family, FileOutline, Kind, Language, LineRange, MOST_SOURCE_BYTES, outline,
};
use crate::target::Content;

/// What happened to a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// It is gone, or has another name now.
    Removed,
    /// Its signature changed.
    Signature,
    /// Its signature is as it was.
    Body,
    /// It was not there before.
    New,
}

/// A definition that the change touches.
#[derive(Debug, Clone)]
pub(super) struct Touched {
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) how: How,
    /// The changed file, by its index in the change.
    pub(super) change: usize,
}

/// A changed file of the index.
#[derive(Debug)]
pub(super) struct ChangedFile {
    /// In the index.
    pub(super) file: usize,
    /// Lines of the new side that were added, or stand on both sides of a removal.
    pub(super) lines: BTreeSet<u32>,
    /// Lines of the new side that a patch with three lines of context shows.
    pub(super) shown: Vec<LineRange>,
}

/// A name on added lines.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) name: String,
    /// The files that use it, by their index.
    pub(super) users: Vec<usize>,
    /// On how many added lines it stands.
    pub(super) count: usize,
}

/// What collectors ask of a change.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) changed: Vec<ChangedFile>,
    /// Sorted, the gravest first; once for each name and file.
    pub(super) touched: Vec<Touched>,
    /// Names on added lines, sorted.
    pub(super) used: Vec<Used>,
    /// Words of removed lines that could be names, and are no names on added ones.
    removed: BTreeSet<String>,
    /// Where each name that is touched, used or removed stands.
    pub(super) occurrences: HashMap<String, Vec<(usize, Vec<u32>)>>,
}

impl Facts {
    /// The changed file that is this one of the index.
    pub(super) fn changed(&self, file: usize) -> Option<&ChangedFile> {
        self.changed.iter().find(|changed| changed.file == file)
    }

    /// Whether a patch shows this line of a file of the index.
    pub(super) fn is_shown(&self, file: usize, line: u32) -> bool {
        self.changed(file)
            .is_some_and(|changed| changed.shown.iter().any(|range| range.contains(line)))
    }

    /// The names on changed lines, each once.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let used = self.used.iter().map(|used| used.name.as_str());
        used.chain(self.removed.iter().map(String::as_str))
    }

    /// Where a name stands.
    pub(super) fn occurrences(&self, name: &str) -> &[(usize, Vec<u32>)] {
        self.occurrences.get(name).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn facts(changes: &dyn ChangeView, index: &Index) -> Facts {
    let mut changed = Vec::new();
    let mut touched: BTreeMap<(Family, String, usize), How> = BTreeMap::new();
    let mut used: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut removed: BTreeSet<String> = BTreeSet::new();
    for (file, indexed) in index.files.iter().enumerate() {
        let Some(change) = indexed.file.change else {
            continue;
        };
        // A file that is staged and changed again is two changes of one path.
        let parts = changes.files().iter().enumerate();
        let mut lines = Lines::default();
        for (part, _) in parts.filter(|(_, other)| other.path == indexed.file.path) {
            if let Ok(patch) = changes.patch(part, 0) {
                lines.read(&patch);
            }
        }
        let shown = match &changes.files()[change].content {
            Content::Text { hunks, .. } => hunks
                .iter()
                .filter(|hunk| hunk.new_lines > 0)
                .map(|hunk| LineRange {
                    first: hunk.new_start,
                    last: hunk.new_start.saturating_add(hunk.new_lines - 1),
                })
                .collect(),
            Content::Binary | Content::Submodule => Vec::new(),
        };
        for (name, at) in indexed.outline.references.iter() {
            let count = at.iter().filter(|line| lines.added.contains(line)).count();
            if count > 0 {
                used.entry(name.to_owned()).or_default().insert(file, count);
            }
        }
        if let Some(language) = Language::of_path(&indexed.file.path) {
            let path = indexed.file.path.as_bstr();
            let old = old_outline(changes, path);
            for (name, how) in compare(&indexed.outline, old.as_ref(), &lines) {
                note(&mut touched, (language.family(), name, change), how);
            }
        }
        removed.append(&mut lines.removed_words);
        lines.added.extend(&lines.around);
        changed.push(ChangedFile {
            file,
            lines: lines.added,
            shown,
        });
    }
    for (change, file) in changes.files().iter().enumerate() {
        // A file that is gone, or has another name now.
        if let (None, Some(language)) = (&file.new, Language::of_path(&file.path))
            && !crate::secrets::is_secret_name(&file.path)
            && let Some((old, _)) = old_outline(changes, file.path.as_bstr())
        {
            for definition in old.definitions.iter().filter(|one| is_named(one)) {
                let key = (language.family(), definition.name.clone(), change);
                note(&mut touched, key, How::Removed);
            }
        }
    }
    let mut touched: Vec<Touched> = touched
        .into_iter()
        .map(|((family, name, change), how)| Touched {
            name,
            family,
            how,
            change,
        })
        .collect();
    touched.sort_by(|one, other| {
        (one.how, &one.name, one.change).cmp(&(other.how, &other.name, other.change))
    });
    removed.retain(|word| !used.contains_key(word));
    let names: BTreeSet<String> = touched
        .iter()
        .map(|one| one.name.clone())
        .chain(used.keys().cloned())
        .chain(removed.iter().cloned())
        .collect();
    let used = used
        .into_iter()
        .map(|(name, files)| Used {
            name,
            count: files.values().sum(),
            users: files.into_keys().collect(),
        })
        .collect();
    Facts {
        changed,
        touched,
        used,
        removed,
        occurrences: index.occurrences(&names),
    }
}

fn note(
    touched: &mut BTreeMap<(Family, String, usize), How>,
    key: (Family, String, usize),
    how: How,
) {
    let known = touched.entry(key).or_insert(how);
    *known = (*known).min(how);
}

fn is_named(definition: &Definition) -> bool {
    definition.kind != Kind::Block && !definition.name.is_empty()
}

/// The outline and the content of a changed path before the change: of its first part.
fn old_outline(changes: &dyn ChangeView, path: &BStr) -> Option<(FileOutline, Vec<u8>)> {
    let files = changes.files();
    let first = files.iter().position(|other| other.path == path)?;
    let change = &files[first];
    let old_path = change.old_path.as_ref().unwrap_or(&change.path);
    let bytes = changes
        .old_content(first, MOST_SOURCE_BYTES as u64)
        .ok()??;
    let outline = outline(Language::of_path(old_path), &bytes);
    Some((outline, bytes))
}

/// The changed lines of both sides of a patch.
#[derive(Debug, Default)]
struct Lines {
    added: BTreeSet<u32>,
    /// New lines next to a removal.
    around: BTreeSet<u32>,
    removed: BTreeSet<u32>,
    /// On removed lines.
    removed_words: BTreeSet<String>,
}

/// So many words of removed lines are kept of a file.
const MOST_REMOVED_WORDS: usize = 5_000;

impl Lines {
    fn read(&mut self, patch: &[u8]) {
        for hunk in super::patch::PatchParts::parse(patch).hunks {
            let range = hunk.range;
            // An empty side names the line before it.
            let mut old = range.old_start + u32::from(range.old_lines == 0);
            let mut new = range.new_start + u32::from(range.new_lines == 0);
            for line in hunk.text.lines_with_terminator() {
                match line[0] {
                    b'+' => {
                        self.added.insert(new);
                        new = new.saturating_add(1);
                    }
                    b'-' => {
                        self.removed.insert(old);
                        self.keep_words(&line[1..]);
                        self.around.extend([new.saturating_sub(1).max(1), new]);
                        old = old.saturating_add(1);
                    }
                    b' ' => {
                        old = old.saturating_add(1);
                        new = new.saturating_add(1);
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Lines {
    fn keep_words(&mut self, line: &[u8]) {
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        for word in line.split(|byte| !is_inside(*byte)) {
            let begins = word.first().is_some_and(|first| !first.is_ascii_digit());
            if self.removed_words.len() < MOST_REMOVED_WORDS
                && begins
                && word.len() > 2
                && let Ok(word) = word.to_str()
            {
                self.removed_words.insert(word.to_owned());
            }
        }
    }
}

/// The names of definitions that differ, and how.
fn compare(
    new: &FileOutline,
    old: Option<&(FileOutline, Vec<u8>)>,
    lines: &Lines,
) -> Vec<(String, How)> {
    let mut found = Vec::new();
    let mut known: HashMap<String, Vec<&Definition>> = HashMap::new();
    if let Some((old, _)) = old {
        for (index, definition) in old.definitions.iter().enumerate() {
            known
                .entry(old.qualified_name(index))
                .or_default()
                .push(definition);
        }
    }
    let mut there = BTreeSet::new();
    for (index, definition) in new.definitions.iter().enumerate() {
        let name = new.qualified_name(index);
        let before = known.get(&name);
        there.insert(name);
        if !is_named(definition) {
            continue;
        }
        let own = definition.lines;
        let is_touched = lines.added.range(own.first..=own.last).next().is_some()
            // Both sides of a removal: it was inside.
            || lines
                .around
                .range(own.first..=own.last)
                .any(|line| lines.around.contains(&(line + 1)) && own.contains(line + 1));
        if !is_touched {
            continue;
        }
        let how = match before {
            None => How::New,
            Some(_) if is_signature_touched(definition, lines) => How::Signature,
            // What is only touched in something inside it is told by that.
            Some(_) if has_touched_part(new, index, lines) => continue,
            Some(_) => How::Body,
        };
        found.push((definition.name.clone(), how));
    }
    if let Some((old, _)) = old {
        for (index, definition) in old.definitions.iter().enumerate() {
            let gone = !there.contains(&old.qualified_name(index));
            if gone && is_named(definition) && lines.removed.contains(&definition.signature.last) {
                found.push((definition.name.clone(), How::Removed));
            }
        }
    }
    found
}

fn is_signature_touched(definition: &Definition, lines: &Lines) -> bool {
    let LineRange { first, last } = definition.signature;
    lines.added.range(first..=last).next().is_some()
}

/// Whether every touched line of a definition is inside a smaller one.
fn has_touched_part(outline: &FileOutline, index: usize, lines: &Lines) -> bool {
    let own = outline.definitions[index].lines;
    let mut touched = lines.added.range(own.first..=own.last).peekable();
    touched.peek().is_some()
        && touched.all(|line| outline.enclosing(*line).is_some_and(|inner| inner != index))
}
