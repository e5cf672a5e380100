//! One commit, split into what is shown and what is hidden.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice as _};
use codex_review::checks::Examination;
use codex_review::context::{
    ChangeView, ChangedLineOrigins, RepositoryChanges, SnapshotFile, ViewError,
};
use codex_review::secrets::is_secret_name;
use codex_review::symbols::{Kind, Language, LineRange};
use codex_review::target::{
    ChangeOptions, ChangeSet, CommitLog, ConfiguredPrograms, Content, Endpoint, FileChange,
    IgnoreSource, LeftOut, ObjectId, Repository, ResolvedTarget, Select, Status, TargetSpec,
    TouchedFiles,
};

use super::corpus::{Corpus, Text};

/// A commit that changes more source files than this is no single thought.
const MOST_FILES: usize = 30;
/// How far back commits are looked for.
const MOST_COMMITS: usize = 5_000;
/// A longer file is not looked at.
const MOST_BYTES: u64 = 256 * 1024;
/// A name with more definitions than this says nothing about which one would help.
const MOST_MEANINGS: usize = 3;
/// A shorter line stands in too many places to be told apart.
const SHORTEST_SIGNATURE: usize = 10;

/// A commit and its only parent.
pub struct Commit {
    id: ObjectId,
    parent: ObjectId,
}

/// A file of the tree under review.
pub struct TreeFile {
    pub path: BString,
    pub text: Rc<Text>,
}

/// A line of a file, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub path: BString,
    pub line: String,
}

/// One experiment.
pub struct Case<'r> {
    pub view: Partial<'r>,
    /// The source files of the tree: visible files as they are after the commit, hidden ones as before.
    pub tree: Vec<TreeFile>,
    pub hidden: BTreeSet<BString>,
    /// For each hidden definition that changed, the line that begins it.
    pub hidden_symbols: Vec<Place>,
    /// For each name on added lines that is defined elsewhere in the tree: the lines that begin its definitions.
    pub definitions: Vec<Vec<Place>>,
    /// The same definitions by file, each from its first line to its last.
    pub asked: BTreeMap<BString, Vec<LineRange>>,
    /// Names on added lines, sorted.
    pub used: BTreeSet<String>,
    /// Changed lines of the visible files.
    pub changed_lines: u64,
}

impl Case<'_> {
    /// The lines of a visible file that its patches show.
    pub fn shown_lines(&self, path: &BString) -> Vec<LineRange> {
        let Some(file) = self.view.files.iter().find(|file| file.path == *path) else {
            return Vec::new();
        };
        match &file.content {
            Content::Text { hunks, .. } => hunks
                .iter()
                .filter(|hunk| hunk.new_lines > 0)
                .map(|hunk| LineRange {
                    first: hunk.new_start,
                    last: hunk.new_start + hunk.new_lines - 1,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    pub fn is_visible(&self, path: &BString) -> bool {
        self.view.files.iter().any(|file| file.path == *path)
    }
}

/// The commits with one parent that may make a case, newest first.
pub fn cases(repository: &Repository, most: usize) -> Vec<Commit> {
    let Some(head) = repository.head() else {
        return Vec::new();
    };
    let log = repository
        .commits(None, &head, MOST_COMMITS)
        .unwrap_or_else(|error| panic!("the history cannot be read: {error}"));
    let mut found = Vec::new();
    for commit in log.commits {
        if found.len() >= most {
            break;
        }
        let Some((target, changes)) = changes_of(repository, &commit.id) else {
            continue;
        };
        let Endpoint::Commit(parent) = target.old else {
            continue;
        };
        if split(&commit.id, &changes).is_some() {
            found.push(Commit {
                id: commit.id,
                parent,
            });
        }
    }
    found
}

fn changes_of(repository: &Repository, id: &ObjectId) -> Option<(ResolvedTarget, ChangeSet)> {
    let select = Select::Commit(id.as_hex().to_owned());
    let target = repository.resolve(&TargetSpec::of(select)).ok()?;
    let options = ChangeOptions {
        review_ignore: IgnoreSource::Nothing,
        ..ChangeOptions::default()
    };
    let changes = repository.changes(&target, &options).ok()?;
    Some((target, changes))
}

/// The visible files by index, and the hidden ones; `None` for a commit that makes no case.
fn split(id: &ObjectId, changes: &ChangeSet) -> Option<(Vec<usize>, Vec<usize>)> {
    let mut sources: Vec<usize> = (0..changes.files.len())
        .filter(|index| {
            let file = &changes.files[*index];
            Language::of_path(&file.path).is_some()
                && matches!(file.content, Content::Text { .. })
                && !is_secret_name(&file.path)
        })
        .collect();
    if !(2..=MOST_FILES).contains(&sources.len()) {
        return None;
    }
    // In an order that has nothing to do with the files, and is the same each time.
    sources.sort_by_key(|index| hash(id, &changes.files[*index].path));
    let half = sources.len().div_ceil(2);
    let hidden: Vec<usize> = sources
        .split_off(half)
        .into_iter()
        .filter(|index| changes.files[*index].status == Status::Modified)
        .collect();
    sources.sort_unstable();
    let adds = sources.iter().any(
        |index| matches!(changes.files[*index].content, Content::Text { added, .. } if added > 0),
    );
    (!hidden.is_empty() && adds).then_some((sources, hidden))
}

fn hash(id: &ObjectId, path: &BString) -> u64 {
    let bytes = id.as_hex().bytes().chain(path.iter().copied());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The part of a commit that is under review.
pub struct Partial<'r> {
    repository: &'r Repository,
    target: ResolvedTarget,
    changes: ChangeSet,
    files: Vec<FileChange>,
    /// For each of `files`, its index in `changes`.
    indices: Vec<usize>,
    snapshot: Vec<SnapshotFile>,
    outlines: PathBuf,
}

impl Partial<'_> {
    fn whole(&self) -> RepositoryChanges<'_> {
        RepositoryChanges {
            repository: self.repository,
            target: &self.target,
            changes: &self.changes,
        }
    }
}

impl ChangeView for Partial<'_> {
    fn target(&self) -> &ResolvedTarget {
        &self.target
    }

    fn files(&self) -> &[FileChange] {
        &self.files
    }

    fn left_out(&self) -> &[LeftOut] {
        &[]
    }

    fn left_out_more(&self) -> usize {
        0
    }

    fn ignored(&self) -> usize {
        0
    }

    fn is_partial(&self) -> bool {
        true
    }

    fn configured_programs(&self) -> &ConfiguredPrograms {
        self.repository.configured_programs()
    }

    fn notes(&self) -> &[String] {
        &[]
    }

    fn patch(&self, index: usize, context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError> {
        self.changes
            .patch_with(self.indices[index], context_lines)
            .map(Cow::Owned)
            .map_err(|error| ViewError::of(&error))
    }

    /// None: a commit's message often names what is hidden.
    fn commits(&self, _limit: usize) -> Result<CommitLog, ViewError> {
        Ok(CommitLog::default())
    }

    fn old_file(&self, path: &BStr) -> Result<Option<Vec<u8>>, ViewError> {
        self.whole().old_file(path)
    }

    /// None: its messages may name what is hidden, and no method is told of it.
    fn changed_line_origins(&self, _commits: usize) -> Result<ChangedLineOrigins, ViewError> {
        Ok(ChangedLineOrigins::default())
    }

    /// What lies before the commit. A baseline has the same.
    fn touched_files(&self, commits: usize) -> Result<Vec<TouchedFiles>, ViewError> {
        self.whole().touched_files(commits)
    }

    fn examination(&self) -> Examination {
        Examination::default()
    }

    fn snapshot(&self) -> Result<Vec<SnapshotFile>, ViewError> {
        Ok(self.snapshot.clone())
    }

    fn content(&self, file: &SnapshotFile, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.repository
            .blob_within(&file.id, cap)
            .map_err(|error| ViewError::of(&error))
    }

    fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.whole().old_content(self.indices[index], cap)
    }

    fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        self.whole().new_content(self.indices[index], cap)
    }

    fn outline_folder(&self) -> Option<&Path> {
        Some(&self.outlines)
    }
}

/// Reads what a case needs; `None` for one that turns out to ask nothing.
pub fn open<'r>(
    repository: &'r Repository,
    commit: &Commit,
    corpus: &mut Corpus,
) -> Option<Case<'r>> {
    let (target, changes) = changes_of(repository, &commit.id)?;
    let (visible, hidden) = split(&commit.id, &changes)?;
    let mut tree: BTreeMap<BString, ObjectId> = repository
        .files_at(&commit.parent)
        .ok()?
        .into_iter()
        .filter(|file| Language::of_path(&file.path).is_some() && !is_secret_name(&file.path))
        .map(|file| (file.path, file.id))
        .collect();
    let mut files = Vec::new();
    for index in &visible {
        let file = changes.files[*index].clone();
        if let Some(old) = &file.old_path {
            tree.remove(old);
        }
        match &file.new {
            Some(side) => tree.insert(file.path.clone(), side.id.clone()),
            None => tree.remove(&file.path),
        };
        files.push(file);
    }
    let snapshot: Vec<SnapshotFile> = tree
        .into_iter()
        .map(|(path, id)| SnapshotFile {
            change: files.iter().position(|file| file.path == path),
            path,
            id,
        })
        .collect();
    let hidden_lines = hidden_lines(&changes, &hidden);
    let view = Partial {
        repository,
        target,
        changes,
        files,
        indices: visible,
        snapshot,
        outlines: corpus.outlines().to_owned(),
    };
    let tree: Vec<TreeFile> = view
        .snapshot
        .iter()
        .filter_map(|file| {
            let read = || view.content(file, MOST_BYTES).ok()?;
            let text = corpus.text(&file.path, &file.id, read)?;
            Some(TreeFile {
                path: file.path.clone(),
                text,
            })
        })
        .collect();
    let Definitions {
        used,
        wanted,
        asked,
    } = definitions(&view, &tree);
    let changed_lines = view.files.iter().map(changed_lines).sum();
    Some(Case {
        hidden_symbols: hidden_symbols(&tree, &hidden_lines),
        hidden: hidden_lines.into_keys().collect(),
        view,
        tree,
        definitions: wanted,
        asked,
        used,
        changed_lines,
    })
}

fn changed_lines(file: &FileChange) -> u64 {
    match &file.content {
        Content::Text { added, removed, .. } => u64::from(*added) + u64::from(*removed),
        _ => 0,
    }
}

/// For each hidden file the old lines that the commit changes, or stands between.
fn hidden_lines(changes: &ChangeSet, hidden: &[usize]) -> BTreeMap<BString, Vec<LineRange>> {
    hidden
        .iter()
        .map(|index| {
            let patch = changes.patch_with(*index, 0).unwrap_or_default();
            let ranges = patch.lines().filter_map(|line| {
                let old = line
                    .to_str()
                    .ok()?
                    .strip_prefix("@@ -")?
                    .split(' ')
                    .next()?;
                let (start, count) = old.split_once(',').unwrap_or((old, "1"));
                let (start, count): (u32, u32) = (start.parse().ok()?, count.parse().ok()?);
                Some(LineRange {
                    first: start,
                    last: start + count.max(1) - 1,
                })
            });
            (changes.files[*index].path.clone(), ranges.collect())
        })
        .collect()
}

/// The line that begins a definition.
fn signature(file: &TreeFile, first: u32, last: u32) -> Option<Place> {
    (first..=last)
        .filter_map(|line| file.text.lines.get(line as usize - 1))
        .map(|line| line.trim())
        // Attributes and decorators name no one.
        .find(|line| !line.starts_with(['@', '#']) || line.starts_with("#define"))
        .filter(|line| line.len() >= SHORTEST_SIGNATURE)
        .map(|line| Place {
            path: file.path.clone(),
            line: line.to_owned(),
        })
}

fn hidden_symbols(tree: &[TreeFile], hidden: &BTreeMap<BString, Vec<LineRange>>) -> Vec<Place> {
    let mut found = BTreeSet::new();
    for (path, ranges) in hidden {
        let Some(file) = tree.iter().find(|file| file.path == *path) else {
            continue;
        };
        let outline = &file.text.outline;
        for range in ranges {
            let definition = outline.enclosing(range.first);
            let definition = definition.map(|index| &outline.definitions[index]);
            if let Some(definition) = definition.filter(|one| one.kind != Kind::Block) {
                let lines = definition.signature;
                found.extend(signature(file, lines.first, lines.last));
            }
        }
    }
    found.into_iter().collect()
}

/// What definition recall asks for.
struct Definitions {
    used: BTreeSet<String>,
    wanted: Vec<Vec<Place>>,
    asked: BTreeMap<BString, Vec<LineRange>>,
}

fn definitions(view: &Partial<'_>, tree: &[TreeFile]) -> Definitions {
    let mut used: BTreeMap<String, BTreeSet<Language>> = BTreeMap::new();
    for change in &view.files {
        let Content::Text { added_lines, .. } = &change.content else {
            continue;
        };
        let Some(file) = tree.iter().find(|file| file.path == change.path) else {
            continue;
        };
        for (name, lines) in file.text.outline.references.iter() {
            let is_added = |line: &u32| {
                added_lines
                    .iter()
                    .any(|(first, last)| (first..=last).contains(&line))
            };
            if lines.iter().any(is_added) {
                used.entry(name.to_owned())
                    .or_default()
                    .extend(file.text.outline.language);
            }
        }
    }
    let mut places: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for (number, file) in tree.iter().enumerate() {
        for (index, definition) in file.text.outline.definitions.iter().enumerate() {
            if used.contains_key(&definition.name) && definition.kind != Kind::Block {
                places
                    .entry(&definition.name)
                    .or_default()
                    .push((number, index));
            }
        }
    }
    let mut wanted = Vec::new();
    let mut asked: BTreeMap<BString, Vec<LineRange>> = BTreeMap::new();
    for (name, places) in places {
        let families: Vec<_> = used[name]
            .iter()
            .map(|language| language.family())
            .collect();
        let places: Vec<_> = places
            .into_iter()
            .filter(|(file, _)| {
                let language = tree[*file].text.outline.language;
                language.is_some_and(|language| families.contains(&language.family()))
            })
            .collect();
        if places.is_empty() || places.len() > MOST_MEANINGS {
            continue;
        }
        let mut signatures = Vec::new();
        let mut ranges = Vec::new();
        let mut is_new = false;
        for (file, index) in places {
            let file = &tree[file];
            let lines = file.text.outline.definitions[index].signature;
            let change = view.files.iter().find(|change| change.path == file.path);
            // What the change itself defines asks nothing of the context.
            is_new |= change.is_some_and(|change| match &change.content {
                Content::Text { added_lines, .. } => added_lines
                    .iter()
                    .any(|(first, last)| *first <= lines.last && lines.first <= *last),
                _ => false,
            });
            if let Some(signature) = signature(file, lines.first, lines.last) {
                signatures.push(signature);
                ranges.push((&file.path, file.text.outline.definitions[index].lines));
            }
        }
        if !is_new && !signatures.is_empty() {
            wanted.push(signatures);
            for (path, lines) in ranges {
                asked.entry(path.clone()).or_default().push(lines);
            }
        }
    }
    Definitions {
        used: used.into_keys().collect(),
        wanted,
        asked,
    }
}
