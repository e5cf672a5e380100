//! Which hunks a change consists of, told apart by what they change and not by where they stand.
//!
//! A hunk's id is a hash of its file's path and of its removed and added lines, without their numbers, the lines around
//! them and the commits that made them: a rebase, an amended commit or an edit further up leaves it as it is. Of hunks
//! in one file that change the same lines in the same way, each has its own number.
//!
//! What belongs to a file as a whole (a mode, a rename, bytes, a submodule's commit) has an id of its own.

use std::collections::{BTreeSet, HashMap};

use bstr::ByteSlice as _;
use sha2::{Digest as _, Sha256};

use super::ledger::{Ledger, Omission, Shown};
use super::patch::{PatchHunk, PatchParts};
use super::view::ChangeView;
use crate::target::{Content, FileChange, Status};

/// A change of more hunks than this is not taken apart.
const MOST_HUNKS: usize = 20_000;
/// Enough of a hash that two hunks of one repository never meet, and short enough to be kept by the thousand.
const ID_BYTES: usize = 16;

/// The ids of a change, file by file as in its view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HunkIds {
    pub(super) files: Vec<FileIds>,
}

/// The ids of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FileIds {
    /// Of what belongs to the file as a whole, where something does.
    pub(super) whole: Option<String>,
    /// Of its hunks, in the order of the change.
    pub(super) hunks: Vec<HunkId>,
    /// The file could not be read: nobody knows what is in it, and so it is new each time.
    pub(super) unreadable: bool,
}

/// One hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HunkId {
    pub(super) id: String,
    pub(super) added: u32,
    pub(super) removed: u32,
}

impl HunkIds {
    /// Takes a change apart. `None` where it has too many hunks for that.
    #[must_use]
    pub fn of(changes: &dyn ChangeView) -> Option<HunkIds> {
        let count: usize = changes
            .files()
            .iter()
            .map(|file| match &file.content {
                Content::Text { hunks, .. } => hunks.len().max(1),
                Content::Binary | Content::Submodule => 1,
            })
            .sum();
        if count > MOST_HUNKS {
            return None;
        }
        let files = changes.files().iter().enumerate();
        Some(HunkIds {
            files: files
                .map(|(index, file)| ids_of(changes, index, file))
                .collect(),
        })
    }

    /// Every id.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(FileIds::all)
    }

    /// How many there are, files that could not be read counting as one.
    #[must_use]
    pub fn count(&self) -> usize {
        let unreadable = self.files.iter().filter(|file| file.unreadable).count();
        self.all().count() + unreadable
    }

    /// The ids of what a reviewer was shown, in full or in a summary from which it can be read. `ledger` is that of a
    /// context of the same view. What had no room or could not be read is not among them.
    #[must_use]
    pub fn shown(&self, ledger: &Ledger) -> Vec<String> {
        let mut shown = Vec::new();
        for (ids, entry) in self.files.iter().zip(&ledger.files) {
            if was_shown(&entry.shown) {
                shown.extend(ids.whole.clone());
            }
            for (hunk, entry) in ids.hunks.iter().zip(&entry.hunks) {
                if was_shown(&entry.shown) {
                    shown.push(hunk.id.clone());
                }
            }
        }
        shown
    }

    /// Those that are not `known`, by file and place: for each file whether the whole is new, and which hunks are.
    pub(super) fn fresh(&self, known: &BTreeSet<String>) -> Vec<Fresh> {
        let is_new = |id: &String| !known.contains(id);
        self.files
            .iter()
            .map(|file| Fresh {
                whole: file.unreadable || file.whole.as_ref().is_some_and(is_new),
                hunks: (0..file.hunks.len())
                    .filter(|at| is_new(&file.hunks[*at].id))
                    .collect(),
            })
            .collect()
    }
}

/// What is new in one file.
pub(super) struct Fresh {
    pub(super) whole: bool,
    pub(super) hunks: Vec<usize>,
}

impl FileIds {
    fn all(&self) -> impl Iterator<Item = &str> {
        let hunks = self.hunks.iter().map(|hunk| hunk.id.as_str());
        self.whole.as_deref().into_iter().chain(hunks)
    }
}

/// A file that bears a secret by its name is never shown, and need not be looked at each time for that.
fn was_shown(shown: &Shown) -> bool {
    match shown {
        Shown::Full | Shown::Summarised | Shown::LeftOut(Omission::SecretName) => true,
        Shown::LeftOut(Omission::Budget | Omission::Strategy | Omission::Unreadable(_)) => false,
    }
}

fn ids_of(changes: &dyn ChangeView, index: usize, file: &FileChange) -> FileIds {
    let mut ids = FileIds::default();
    let expected = match &file.content {
        Content::Text { hunks, .. } => hunks.len(),
        Content::Binary | Content::Submodule => 0,
    };
    if expected > 0 {
        let Ok(patch) = changes.patch(index, 3) else {
            ids.unreadable = true;
            return ids;
        };
        let parts = PatchParts::parse(&patch);
        if parts.hunks.len() == expected {
            ids.hunks = hunk_ids(file, &parts.hunks);
        } else {
            // Not what the change says of itself: taken as one piece.
            ids.whole = Some(finish(start(file, b"patch").chain_update(&*patch)));
        }
    }
    let modes = |side: &Option<crate::target::Side>| side.as_ref().map(|side| side.mode);
    let (old, new) = (modes(&file.old), modes(&file.new));
    let about_the_whole = file.old_path.is_some()
        || file.status == Status::TypeChanged
        || (old.is_some() && new.is_some() && old != new);
    if ids.whole.is_none() && (ids.hunks.is_empty() || about_the_whole) {
        let mut hash = start(file, b"whole");
        if let Some(path) = &file.old_path {
            hash.update(path.as_slice());
        }
        hash.update(format!("{} {old:?} {new:?}", file.status.letter()));
        if ids.hunks.is_empty() {
            for side in [&file.old, &file.new] {
                hash.update(side.as_ref().map_or("none", |side| side.id.as_hex()));
            }
        }
        ids.whole = Some(finish(hash));
    }
    ids
}

fn hunk_ids(file: &FileChange, hunks: &[PatchHunk<'_>]) -> Vec<HunkId> {
    let mut met: HashMap<String, u32> = HashMap::new();
    hunks
        .iter()
        .map(|hunk| {
            let mut hash = start(file, b"hunk");
            let changed = hunk
                .text
                .lines_with_terminator()
                .skip_while(|line| !line.starts_with(b"@@ "))
                .skip(1)
                .filter(|line| matches!(line[0], b'+' | b'-' | b'\\'));
            for line in changed {
                hash.update(line);
            }
            let id = finish(hash);
            let place = met.entry(id.clone()).or_insert(0);
            *place += 1;
            HunkId {
                id: if *place == 1 {
                    id
                } else {
                    format!("{id}-{place}")
                },
                added: hunk.added,
                removed: hunk.removed,
            }
        })
        .collect()
}

fn start(file: &FileChange, word: &[u8]) -> Sha256 {
    Sha256::new()
        .chain_update(word)
        .chain_update((file.path.len() as u64).to_le_bytes())
        .chain_update(file.path.as_slice())
}

fn finish(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .take(ID_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
