//! From two contents to the facts about a change: text or binary, which lines, how many.

use std::borrow::Cow;
use std::sync::Arc;

use super::content::{Place, Reader};
use super::edits;
use super::kept::Kept;
use super::parallel::in_parallel;
use super::raw::{RawChange, RawSide, Source, is_submodule};
use crate::target::patch::{Edit, count_lines, hunk_ranges};
use crate::target::{ChangesError, Content};

/// How a change is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Same,
    Binary,
    Text,
    /// A change of type: each side by itself.
    Sides {
        old_is_binary: bool,
        new_is_binary: bool,
    },
}

/// The facts about one change.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) content: Content,
    pub(super) shown: Shown,
    pub(super) edits: Vec<Edit>,
    pub(super) old_size: Option<u64>,
    pub(super) new_size: Option<u64>,
    /// The old and the new content out of the object database, kept for whoever renders the patch.
    pub(super) kept: [Option<Arc<[u8]>>; 2],
}

/// git's default for lines of context.
const CONTEXT_LINES: u32 = 3;

/// The content to keep: that of an object, while there is room. To read an object costs more than all else that a patch
/// costs.
fn keep(kept: &Kept, side: Option<&RawSide>, content: &[u8]) -> Option<Arc<[u8]>> {
    let is_object = matches!(side.map(|side| &side.source), Some(Source::Object));
    (is_object && kept.take(content.len() as u64)).then(|| Arc::from(content))
}

/// Compares one change.
fn compare(
    reader: &mut Reader<'_>,
    change: &RawChange,
    kept: &Kept,
) -> Result<Facts, ChangesError> {
    let old_path = change.old_path.as_ref().unwrap_or(&change.path).clone();
    let sizes = |reader: &Reader<'_>| {
        let size = |side: &Option<RawSide>, path: &bstr::BString| {
            let side = side.as_ref().filter(|side| !is_submodule(side.mode))?;
            reader.size(side, path.as_ref())
        };
        (
            size(&change.old, &old_path),
            size(&change.new, &change.path),
        )
    };
    if let (Some(old), Some(new)) = (&change.old, &change.new)
        && old.id == new.id
        && old.source_is_same(new)
        && !change.changes_type()
    {
        let (old_size, new_size) = sizes(reader);
        let content = if is_submodule(new.mode) {
            Content::Submodule
        } else {
            // Whether it is text needs no look at what did not change.
            Content::Text {
                added: 0,
                removed: 0,
                hunks: Vec::new(),
                added_lines: Vec::new(),
                new_line_count: 0,
            }
        };
        return Ok(Facts {
            content,
            shown: Shown::Same,
            edits: Vec::new(),
            old_size,
            new_size,
            kept: [None, None],
        });
    }

    let mode = |side: Option<&RawSide>| side.map(|side| side.mode);
    let (old_mode, new_mode) = (mode(change.old.as_ref()), mode(change.new.as_ref()));
    let converter = reader.converter()?;
    let new_attribute = converter.diff_attribute(
        change.path.as_ref(),
        new_mode.or(old_mode).unwrap_or_default(),
    );
    let old_attribute = match (old_mode, &change.old_path) {
        (Some(mode), Some(path)) => converter.diff_attribute(path.as_ref(), mode),
        (Some(mode), None) if new_mode != Some(mode) => {
            converter.diff_attribute(change.path.as_ref(), mode)
        }
        _ => new_attribute,
    };
    let read = |reader: &mut Reader<'_>, side| match side {
        Some(side) => reader.read(side, change.path.as_ref()),
        None => Ok(Some(Cow::Borrowed(&b""[..]))),
    };
    let old = read(reader, change.old.as_ref())?;
    let new = read(reader, change.new.as_ref())?;
    let (old_size, new_size) = match (&old, &new) {
        (Some(old), Some(new)) => {
            let size = |side: &Option<RawSide>, content: &[u8]| {
                side.as_ref()
                    .filter(|side| !is_submodule(side.mode))
                    .map(|_| content.len() as u64)
            };
            (size(&change.old, old), size(&change.new, new))
        }
        _ => sizes(reader),
    };
    let binary = |edits| Facts {
        content: Content::Binary,
        shown: Shown::Binary,
        edits,
        old_size,
        new_size,
        kept: [None, None],
    };
    if let (Some(Source::Unseen), Some(old)) = (change.new.as_ref().map(|new| &new.source), &old) {
        let is_text = !old.is_empty() && !old_attribute.is_binary(old);
        // Where the repository itself says that it is binary, it is left out as in any other review.
        if change.old.is_some() && is_text && !new_attribute.is_binary(b"") {
            return Err(ChangesError::NotInPatch {
                path: change.path.clone(),
            });
        }
    }
    let (Some(old), Some(new)) = (old, new) else {
        let mut facts = binary(Vec::new());
        if change.changes_type() {
            facts.shown = Shown::Sides {
                old_is_binary: true,
                new_is_binary: true,
            };
        }
        return Ok(facts);
    };
    let old_is_binary = change.old.is_some() && old_attribute.is_binary(&old);
    let new_is_binary = change.new.is_some() && new_attribute.is_binary(&new);
    if change.changes_type() {
        let edits = vec![Edit {
            old_start: 0,
            old_end: count_lines(&old),
            new_start: 0,
            new_end: count_lines(&new),
        }];
        let content = if old_is_binary || new_is_binary {
            Content::Binary
        } else {
            text_facts(&edits, count_lines(&old), count_lines(&new), true)
        };
        let shown = Shown::Sides {
            old_is_binary,
            new_is_binary,
        };
        return Ok(Facts {
            content,
            shown,
            edits,
            old_size,
            new_size,
            kept: [None, None],
        });
    }
    if old_is_binary || new_is_binary {
        return Ok(binary(Vec::new()));
    }

    let edits::Edits {
        edits,
        old_count,
        new_count,
    } = edits::between(&old, &new);
    let both_submodules = [&change.old, &change.new]
        .into_iter()
        .flatten()
        .all(|side| is_submodule(side.mode));
    let content = if both_submodules {
        Content::Submodule
    } else {
        text_facts(&edits, old_count, new_count, false)
    };
    Ok(Facts {
        content,
        shown: Shown::Text,
        edits,
        old_size,
        new_size,
        kept: [
            keep(kept, change.old.as_ref(), &old),
            keep(kept, change.new.as_ref(), &new),
        ],
    })
}

fn text_facts(edits: &[Edit], old_count: u32, new_count: u32, changes_type: bool) -> Content {
    let hunks = if changes_type {
        let removed = Edit {
            old_start: 0,
            old_end: old_count,
            new_start: 0,
            new_end: 0,
        };
        let added = Edit {
            old_start: 0,
            old_end: 0,
            new_start: 0,
            new_end: new_count,
        };
        [removed, added]
            .iter()
            .filter(|edit| edit.old_end + edit.new_end > 0)
            .flat_map(|edit| {
                hunk_ranges(
                    std::slice::from_ref(edit),
                    CONTEXT_LINES,
                    edit.old_end,
                    edit.new_end,
                )
            })
            .collect()
    } else {
        hunk_ranges(edits, CONTEXT_LINES, old_count, new_count)
    };
    Content::Text {
        added: edits.iter().map(|edit| edit.new_end - edit.new_start).sum(),
        removed: edits.iter().map(|edit| edit.old_end - edit.old_start).sum(),
        hunks,
        added_lines: edits
            .iter()
            .filter(|edit| edit.new_end > edit.new_start)
            .map(|edit| (edit.new_start + 1, edit.new_end))
            .collect(),
        new_line_count: new_count,
    }
}

/// Below this many changes one thread does all.
const CHANGES_FOR_THREADS: usize = 24;
/// How many changes a thread takes at once: neighbours share a directory, whose attribute files are then read once.
const BATCH: usize = 8;

/// Compares all changes over several threads (0 asks the system); results are in the order of the changes.
pub(super) fn compare_all(
    repository: &gix::Repository,
    place: &Place,
    changes: &[RawChange],
    threads: usize,
) -> Vec<Result<Facts, ChangesError>> {
    let threads = match changes.len() {
        0..CHANGES_FOR_THREADS => 1,
        _ => super::threads(threads),
    };
    let kept = Kept::default();
    in_parallel(repository, changes, BATCH, threads, |repository, share| {
        let mut reader = Reader::new(repository, place);
        share
            .map(|(index, change)| (index, compare(&mut reader, change, &kept)))
            .collect()
    })
}
