//! The code around a change: an index of the snapshot's files, made at the first question and shared by collectors.
//!
//! Files that bear a secret by their name are never read. Where a snapshot has more files than are indexed, those
//! nearest to the change are, by a rule that does not depend on the machine; what was passed over is counted.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bstr::{BStr, ByteSlice as _};

use super::collector::{CollectError, PieceDraft, Rung};
use super::present::Presenter;
use super::touched::{Facts, facts};
use super::view::{ChangeView, SnapshotFile, ViewError};
use crate::prompt::{show_path, visible};
use crate::secrets::{Redaction, is_secret_name};
use crate::symbols::{
    CacheKey, Definition, FileOutline, Kind, Language, LineRange, MOST_SOURCE_BYTES, OutlineCache,
    Source, outline_all,
};
use crate::target::Content;

/// The most files that are indexed.
const MOST_FILES: usize = 8_000;
/// The most time for parsing. Sources that are made to exhaust a parser could take longer; no others come near.
const MOST_TIME: Duration = Duration::from_secs(60);
/// A line of code is shown up to so many characters.
const LONGEST_LINE: usize = 300;

/// The code around a change.
pub struct Surroundings<'a> {
    changes: &'a dyn ChangeView,
    index: OnceCell<Result<Index, ViewError>>,
    facts: OnceCell<Facts>,
    presented: RefCell<HashMap<usize, Rc<PresentedFile>>>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// A file of the index.
pub(super) struct IndexedFile {
    pub(super) file: SnapshotFile,
    pub(super) outline: FileOutline,
}

/// A definition by its place: the file's and its own index.
pub(super) type Place = (usize, usize);

/// What is known of the snapshot.
pub(super) struct Index {
    /// By path.
    pub(super) files: Vec<IndexedFile>,
    by_name: HashMap<String, Vec<Place>>,
    /// How many source files of the snapshot are not indexed.
    pub(super) passed_over: usize,
}

impl Index {
    /// The definitions of a name, in the order of files and lines.
    pub(super) fn definitions(&self, name: &str) -> &[Place] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn definition(&self, (file, definition): Place) -> &Definition {
        &self.files[file].outline.definitions[definition]
    }

    /// The files in which each of `names` stands, with the lines.
    pub(super) fn occurrences(
        &self,
        names: &BTreeSet<String>,
    ) -> HashMap<String, Vec<(usize, Vec<u32>)>> {
        let mut found: HashMap<String, Vec<(usize, Vec<u32>)>> = HashMap::new();
        if names.is_empty() {
            return found;
        }
        let wanted: std::collections::HashSet<&str> = names.iter().map(String::as_str).collect();
        for (number, file) in self.files.iter().enumerate() {
            for (name, lines) in file.outline.references.iter() {
                if wanted.contains(name) {
                    found
                        .entry(name.to_owned())
                        .or_default()
                        .push((number, lines.to_vec()));
                }
            }
        }
        found
    }
}

/// A file as it may be shown, line by line.
pub(super) struct PresentedFile {
    pub(super) lines: Vec<String>,
    /// By line: how many characters or bytes are written out; empty where none is.
    pub(super) escaped: Vec<usize>,
    pub(super) redactions: Vec<Redaction>,
}

impl<'a> Surroundings<'a> {
    /// Of a change; reads nothing yet.
    pub(super) fn new(changes: &'a dyn ChangeView) -> Self {
        Surroundings {
            changes,
            index: OnceCell::new(),
            facts: OnceCell::new(),
            presented: RefCell::new(HashMap::new()),
        }
    }

    /// The index.
    pub(super) fn index(&self) -> Result<&Index, CollectError> {
        self.index
            .get_or_init(|| build(self.changes))
            .as_ref()
            .map_err(|error| error.clone().into())
    }

    /// What the change does to definitions, and which names it uses.
    pub(super) fn facts(&self) -> Result<&Facts, CollectError> {
        let index = self.index()?;
        Ok(self.facts.get_or_init(|| facts(self.changes, index)))
    }

    /// Forgets how files were presented: a new context counts its secrets anew.
    pub(super) fn begin_context(&self) {
        self.presented.borrow_mut().clear();
    }

    /// A file of the index, as it may be shown.
    pub(super) fn presented(
        &self,
        presenter: &Presenter,
        file: usize,
    ) -> Result<Rc<PresentedFile>, CollectError> {
        if let Some(known) = self.presented.borrow().get(&file) {
            return Ok(Rc::clone(known));
        }
        let source = &self.index()?.files[file].file;
        let cap = MOST_SOURCE_BYTES as u64;
        let bytes = self.changes.content(source, cap)?.unwrap_or_default();
        // The file is redacted whole, so that no excerpt can cut a secret in two; redacting keeps lines.
        let shown = presenter.content(&bytes);
        let escaped = match shown.escaped {
            0 => Vec::new(),
            _ => bytes
                .split(|byte| *byte == b'\n')
                .map(|line| visible(line).escaped)
                .collect(),
        };
        let presented = Rc::new(PresentedFile {
            lines: shown.text.split('\n').map(clipped).collect(),
            escaped,
            redactions: shown.redactions,
        });
        self.presented
            .borrow_mut()
            .insert(file, Rc::clone(&presented));
        Ok(presented)
    }

    /// Lines of a file under a heading that names them; `ranges` are sorted and disjoint.
    pub(super) fn excerpt(
        &self,
        presenter: &Presenter,
        file: usize,
        ranges: &[LineRange],
        title: &str,
        rung: Rung,
    ) -> Result<Option<PieceDraft>, CollectError> {
        let presented = self.presented(presenter, file)?;
        let path = show_path(&self.index()?.files[file].file.path);
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            return Ok(None);
        };
        let heading = format!("{path}:{}-{}  {title}\n", first.first, last.last);
        let mut content = presenter.content(heading.as_bytes());
        let mut text = std::mem::take(&mut content.text);
        let mut after: Option<u32> = None;
        for range in ranges {
            if let Some(after) = after.filter(|after| *after < range.first) {
                text.push_str(&format!("\u{22ee} {}-{}\n", after, range.first - 1));
            }
            after = Some(range.last + 1);
            for line in range.first..=range.last {
                // A file that ends sooner than its outline says has moved meanwhile: what is there is shown.
                let Some(shown) = presented.lines.get(line as usize - 1) else {
                    break;
                };
                text.push_str(shown);
                text.push('\n');
                content.escaped += presented.escaped.get(line as usize - 1).unwrap_or(&0);
            }
            let here = presented
                .redactions
                .iter()
                .filter(|redaction| range.contains(redaction.line));
            content.redactions.extend(here.cloned());
        }
        content.text = text;
        Ok(Some(PieceDraft::showing(content, rung, Vec::new())))
    }
}

fn clipped(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}\u{2026}", &line[..end]),
        None => line.trim_end_matches('\r').to_owned(),
    }
}

/// Which files are indexed: sources, and whatever is changed and text.
fn chosen(changes: &dyn ChangeView) -> Result<(Vec<SnapshotFile>, usize), ViewError> {
    let is_text = |index: usize| {
        let change = changes.files().get(index);
        change.is_some_and(|change| matches!(change.content, Content::Text { .. }))
    };
    let mut files: Vec<SnapshotFile> = changes
        .snapshot()?
        .into_iter()
        .filter(|file| Language::of_path(&file.path).is_some() || file.change.is_some_and(is_text))
        .filter(|file| !is_secret_name(&file.path))
        .collect();
    let passed_over = files.len().saturating_sub(MOST_FILES);
    if passed_over > 0 {
        let changed: BTreeSet<Vec<&[u8]>> = changes
            .files()
            .iter()
            .map(|change| folders(change.path.as_bstr()))
            .collect();
        let distance = |file: &SnapshotFile| {
            let own = folders(file.path.as_bstr());
            let shared = changed.iter().map(|other| {
                let common = own.iter().zip(other).take_while(|(a, b)| a == b).count();
                own.len() + other.len() - 2 * common
            });
            (file.change.is_none(), shared.min())
        };
        files.sort_by_cached_key(|file| (distance(file), file.path.clone()));
        files.truncate(MOST_FILES);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((files, passed_over))
}

/// The folders of a path.
pub(super) fn folders(path: &BStr) -> Vec<&[u8]> {
    let mut parts: Vec<&[u8]> = path.split_str("/").collect();
    parts.pop();
    parts
}

fn build(changes: &dyn ChangeView) -> Result<Index, ViewError> {
    let (files, mut passed_over) = chosen(changes)?;
    let mut cache = changes.outline_folder().map(OutlineCache::open);
    let keys: Vec<CacheKey> = files
        .iter()
        .map(|file| CacheKey::of(file.id.as_hex(), Language::of_path(&file.path)))
        .collect();
    let mut outlines: Vec<Option<FileOutline>> =
        keys.iter().map(|key| cache.as_ref()?.get(key)).collect();
    let began = Instant::now();
    let missing: Vec<usize> = (0..files.len())
        .filter(|index| outlines[*index].is_none())
        .collect();
    let sources = missing
        .iter()
        .take_while(|_| began.elapsed() < MOST_TIME)
        .filter_map(|index| {
            // What cannot be read, or is too large, has no outline; it costs that file alone.
            let file = &files[*index];
            let bytes = changes.content(file, MOST_SOURCE_BYTES as u64).ok()??;
            Some(Source {
                key: *index,
                language: Language::of_path(&file.path),
                bytes,
            })
        });
    // One file is parsed sooner than a thread is started.
    let threads = usize::from(missing.len() < 4);
    for (index, outline) in outline_all(sources, threads) {
        if let Some(cache) = &mut cache {
            cache.insert(&keys[index], &outline);
        }
        outlines[index] = Some(outline);
    }
    if let Some(cache) = &mut cache {
        // Where they cannot be kept, parsing again next time is all that it costs.
        cache.save(&keys).ok();
    }
    let mut by_name: HashMap<String, Vec<Place>> = HashMap::new();
    let mut indexed = Vec::with_capacity(files.len());
    for (file, outline) in files.into_iter().zip(outlines) {
        let Some(outline) = outline else {
            passed_over += 1;
            continue;
        };
        for (number, definition) in outline.definitions.iter().enumerate() {
            if definition.kind != Kind::Block {
                let place = (indexed.len(), number);
                match by_name.get_mut(&definition.name) {
                    Some(places) => places.push(place),
                    None => {
                        by_name.insert(definition.name.clone(), vec![place]);
                    }
                }
            }
        }
        indexed.push(IndexedFile { file, outline });
    }
    Ok(Index {
        files: indexed,
        by_name,
        passed_over,
    })
}
