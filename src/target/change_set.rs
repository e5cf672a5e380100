//! The change as a whole: what was asked of it, and its files with patches that are rendered when asked for.

use std::path::PathBuf;

use bstr::{BStr, BString};

use super::repo::Snapshot;
use super::{Content, FileChange, HunkRange, LeftOut, ObjectId, Part};

/// How ids on `index` lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Abbreviation {
    /// As git does it by default: as short as the number of objects allows, longer where needed to be unique.
    #[default]
    Short,
    /// All digits (`--full-index`).
    Full,
}

/// Where `.codexreviewignore` is read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IgnoreSource {
    /// The working tree (for a bare repository: nowhere).
    #[default]
    WorkTree,
    /// The tree of this commit, so that a change cannot excuse itself.
    Commit(ObjectId),
    /// Nothing is ignored.
    Nothing,
}

/// What to collect of a change.
#[derive(Debug, Clone)]
pub struct ChangeOptions {
    /// Untracked files above this many bytes are left out.
    pub untracked_file_cap: u64,
    /// The most bytes of all untracked files together; those that no longer fit are left out, in path order.
    pub untracked_total_cap: u64,
    /// The most entries in [`ChangeSet::left_out`]; the rest is counted.
    pub left_out_limit: usize,
    /// Where `.codexreviewignore` is read from.
    pub review_ignore: IgnoreSource,
    /// Whether files that path filters or `.codexreviewignore` take out are named in [`ChangeSet::left_out`]. They
    /// are always counted.
    pub list_ignored: bool,
    /// How ids on `index` lines are written.
    pub abbreviation: Abbreviation,
    /// Says whether an untracked file bears a secret by its name; such files are named and never opened.
    pub secret_name: fn(&BStr) -> bool,
    /// How many threads read files and compare; 0 means one for each processor, at most eight.
    pub threads: usize,
}

impl Default for ChangeOptions {
    fn default() -> Self {
        ChangeOptions {
            untracked_file_cap: 24 * 1024,
            untracked_total_cap: 256 * 1024,
            left_out_limit: 200,
            review_ignore: IgnoreSource::WorkTree,
            list_ignored: false,
            abbreviation: Abbreviation::Short,
            secret_name: |_| false,
            threads: 0,
        }
    }
}

/// A change: its files in git's order (committed; or staged, unstaged, untracked), and what is not shown.
#[derive(Debug)]
pub struct ChangeSet {
    /// The changed files. A file can be there twice in a working tree: staged and unstaged.
    pub files: Vec<FileChange>,
    /// Files that belong to the change and are not shown, at most [`ChangeOptions::left_out_limit`].
    pub left_out: Vec<LeftOut>,
    /// How many more were left out than [`ChangeSet::left_out`] names.
    pub left_out_more: usize,
    /// How many changed files path filters or `.codexreviewignore` took out.
    pub ignored: usize,
    /// Things to know about the change as a whole, such as a line of `.codexreviewignore` that was not understood.
    pub notes: Vec<String>,
    pub(super) is_narrowed: bool,
    /// Whether files of it were dropped.
    pub(super) is_reduced: bool,
    pub(super) snapshot: Snapshot,
}

/// Sums over a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries in [`ChangeSet::files`].
    pub files: usize,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Files that are summarised as binary.
    pub binary: usize,
}

impl ChangeSet {
    /// Whether there is nothing to review: no file is changed and none was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.left_out.is_empty()
    }

    /// Drops every file, shown or left out, whose path is not kept. What [`ChangeSet::left_out_more`] counts stays.
    pub fn retain(&mut self, mut keep: impl FnMut(&BStr) -> bool) {
        let kept: Vec<bool> = self
            .files
            .iter()
            .map(|file| keep(file.path.as_ref()))
            .collect();
        self.is_reduced |= kept.contains(&false);
        let mut flags = kept.iter();
        self.files
            .retain(|_| *flags.next().expect("there is a flag for each file"));
        self.snapshot.retain(&kept);
        self.left_out
            .retain(|left_out| keep(left_out.path.as_ref()));
    }

    /// Leaves of the change the hunks that are chosen. A file without hunks is asked about as one hunk that is all of it.
    /// Files of which nothing is left are dropped, and so is what was left out.
    pub fn choose(&mut self, chosen: impl Fn(&BStr, &HunkRange) -> bool) {
        const WHOLE: HunkRange = HunkRange {
            old_start: 1,
            old_lines: u32::MAX,
            new_start: 1,
            new_lines: u32::MAX,
        };
        self.is_narrowed = true;
        let mut kept = Vec::with_capacity(self.files.len());
        for (index, file) in self.files.iter_mut().enumerate() {
            let path: &BStr = file.path.as_ref();
            let Content::Text {
                added,
                removed,
                hunks,
                added_lines,
                ..
            } = &mut file.content
            else {
                kept.push(chosen(path, &WHOLE));
                continue;
            };
            if hunks.is_empty() {
                kept.push(chosen(path, &WHOLE));
                continue;
            }
            let before = hunks.len();
            hunks.retain(|hunk| chosen(path, hunk));
            kept.push(!hunks.is_empty());
            if hunks.len() < before {
                (*added, *removed) = self.snapshot.narrow(index, hunks);
                added_lines.retain(|(start, end)| {
                    let shows = |hunk: &HunkRange| {
                        *start >= hunk.new_start
                            && *end < hunk.new_start.saturating_add(hunk.new_lines)
                    };
                    hunks.iter().any(shows)
                });
            }
        }
        let mut flags = kept.iter();
        self.files
            .retain(|_| *flags.next().expect("there is a flag for each file"));
        self.snapshot.retain(&kept);
        self.left_out.clear();
        self.left_out_more = 0;
    }

    /// Whether [`ChangeSet::choose`] was asked: the same files may then be another change.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        self.is_narrowed
    }

    /// Whether the two sides differ in more than [`ChangeSet::files`] and what was left out tell: filters took files out,
    /// or only some of them or of their hunks were chosen.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.is_narrowed || self.is_reduced || self.ignored > 0
    }

    /// Sums over all files, or over those of one part.
    #[must_use]
    pub fn totals(&self, part: Option<Part>) -> Totals {
        let mut totals = Totals::default();
        for file in self
            .files
            .iter()
            .filter(|file| part.is_none_or(|part| part == file.part))
        {
            totals.files += 1;
            match &file.content {
                Content::Text { added, removed, .. } => {
                    totals.added += u64::from(*added);
                    totals.removed += u64::from(*removed);
                }
                Content::Binary => totals.binary += 1,
                Content::Submodule => {}
            }
        }
        totals
    }

    /// The patch of one file, byte for byte as git prints it. Rendered anew at each call; nothing is kept.
    ///
    /// # Errors
    /// [`ChangesError::Moved`] if a file of the working tree is no longer what it was when the change was read;
    /// [`ChangesError::Repository`] for an object that is missing.
    ///
    /// # Panics
    /// If `index` is not below `files.len()`.
    pub fn patch(&self, index: usize) -> Result<Vec<u8>, ChangesError> {
        self.patch_with(index, 3)
    }

    /// Like [`ChangeSet::patch`], with this many lines of context (`-U`).
    ///
    /// # Errors
    /// As for [`ChangeSet::patch`].
    ///
    /// # Panics
    /// If `index` is not below `files.len()`.
    pub fn patch_with(&self, index: usize, context_lines: u32) -> Result<Vec<u8>, ChangesError> {
        self.snapshot
            .render(&self.files[index], index, context_lines)
    }

    /// The new content of one file as git would store it; `None` for a deletion, a submodule, or content above `cap`.
    ///
    /// # Errors
    /// As for [`ChangeSet::patch`].
    ///
    /// # Panics
    /// If `index` is not below `files.len()`.
    pub fn new_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ChangesError> {
        self.snapshot.new_content(&self.files[index], index, cap)
    }

    /// The old content of one file; `None` for an addition, a submodule, or content above `cap`.
    ///
    /// # Errors
    /// As for [`ChangeSet::patch`].
    ///
    /// # Panics
    /// If `index` is not below `files.len()`.
    pub fn old_content(&self, index: usize, cap: u64) -> Result<Option<Vec<u8>>, ChangesError> {
        self.snapshot.old_content(&self.files[index], index, cap)
    }
}

/// Why a change could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// A file of the working tree changed after the change was read.
    #[error("`{path}` changed while it was being reviewed")]
    Moved {
        /// The file.
        path: BString,
    },
    /// A patch says that a text differs, and not how.
    #[error("`{path}` is text, and the patch has not got its new content")]
    NotInPatch {
        /// The file.
        path: BString,
    },
    /// The path filter cannot be compiled.
    #[error(transparent)]
    Spec(#[from] super::SpecError),
    /// A file or directory could not be read.
    #[error("could not read `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An object is not in the repository.
    #[error("object {id} is missing from the repository")]
    MissingObject {
        /// The id.
        id: ObjectId,
    },
    /// The repository could not be read.
    #[error("could not read {what}")]
    Repository {
        /// What was read.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ChangesError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ChangesError::Moved { .. } => Some("run the review again".into()),
            ChangesError::NotInPatch { path } => Some(format!(
                "make the patch with `git diff --binary` (up to 16 MiB a file) or `--text`, or leave the file out: `--path '!{path}'`"
            )),
            ChangesError::Spec(error) => error.hint(),
            ChangesError::Io { .. } => Some("check the permissions of this path".into()),
            ChangesError::MissingObject { .. } => {
                Some("in a partial or shallow clone, fetch it first (`git fetch --refetch` or `git fetch --unshallow`)".into())
            }
            ChangesError::Repository { .. } => Some("`git fsck` checks the repository".into()),
        }
    }
}
