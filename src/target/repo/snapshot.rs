//! What a change set keeps to render patches later: ids, line numbers, and contents while there is room for them.

use std::cell::RefCell;
use std::sync::Arc;

use bstr::BStr;

use super::compare::Shown;
use super::content::{Place, Reader};
use super::objects::Abbreviator;
use super::own_id;
use super::raw::RawSide;
use crate::hunk_header::HunkHeader;
use crate::target::patch::{Body, Edit, PatchSide, count_lines, render};
use crate::target::quote::push_quoted;
use crate::target::{Abbreviation, ChangesError, FileChange, HunkRange, Side, Status};

/// One file's sides and edits.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) old: Option<RawSide>,
    pub(super) new: Option<RawSide>,
    pub(super) shown: Shown,
    pub(super) edits: Vec<Edit>,
    /// The hunks that are shown, where some are not.
    pub(super) chosen: Option<Vec<HunkRange>>,
}

/// What a [`ChangeSet`](crate::target::ChangeSet) keeps.
pub(in crate::target) struct Snapshot {
    pub(super) repository: gix::Repository,
    pub(super) place: Place,
    pub(super) abbreviation: Abbreviation,
    pub(super) abbreviator: RefCell<Option<Abbreviator>>,
    pub(super) details: Vec<Detail>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("details", &self.details.len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Drops the details whose flag says so; there is a flag for each.
    pub(in crate::target) fn retain(&mut self, kept: &[bool]) {
        let mut flags = kept.iter();
        self.details
            .retain(|_| *flags.next().expect("there is a flag for each detail"));
    }

    /// Shows only these hunks of a file from now on, and says how many lines they add and remove.
    pub(in crate::target) fn narrow(&mut self, index: usize, hunks: &[HunkRange]) -> (u32, u32) {
        let detail = &mut self.details[index];
        detail.chosen = Some(hunks.to_vec());
        let shown = detail
            .edits
            .iter()
            .filter(|edit| hunks.iter().any(|hunk| holds(hunk, edit)));
        shown.fold((0, 0), |(added, removed), edit| {
            (
                added + (edit.new_end - edit.new_start),
                removed + (edit.old_end - edit.old_start),
            )
        })
    }

    /// The patch of one file.
    pub(in crate::target) fn render(
        &self,
        file: &FileChange,
        index: usize,
        context_lines: u32,
    ) -> Result<Vec<u8>, ChangesError> {
        let detail = &self.details[index];
        let mut out = Vec::new();
        if file.status == Status::Unmerged && detail.old.is_none() && detail.new.is_none() {
            out.extend_from_slice(b"* Unmerged path ");
            push_quoted(&mut out, "", file.path.as_ref());
            out.push(b'\n');
            return Ok(out);
        }
        let old_path = file.old_path.as_ref().unwrap_or(&file.path).as_ref();
        let new_path = file.path.as_ref();
        let mut reader = self.reader();
        let mut text = |side: Option<&RawSide>, path, wanted: bool| match side.filter(|_| wanted) {
            Some(side) => Ok(reader.read(side, path)?.unwrap_or_default().into_owned()),
            None => Ok::<_, ChangesError>(Vec::new()),
        };
        let old = detail
            .old
            .as_ref()
            .map(|side| self.patch_side(side, old_path));
        let new = detail
            .new
            .as_ref()
            .map(|side| self.patch_side(side, new_path));
        let (old, new) = (old.as_ref(), new.as_ref());
        let null_id = self.id(&self.repository.object_hash().null());
        let similarity = match file.status {
            Status::Renamed { similarity } => Some(similarity),
            _ => None,
        };
        match detail.shown {
            Shown::Same => render(&mut out, old, new, similarity, &null_id, &Body::Same),
            Shown::Binary => render(&mut out, old, new, similarity, &null_id, &Body::Binary),
            Shown::Text => {
                let old_text = text(detail.old.as_ref(), old_path, !detail.edits.is_empty())?;
                let new_text = text(detail.new.as_ref(), new_path, !detail.edits.is_empty())?;
                let body = Body::Text {
                    old: &old_text,
                    new: &new_text,
                    edits: &detail.edits,
                    context: context_lines,
                };
                render(&mut out, old, new, similarity, &null_id, &body);
                if let Some(chosen) = &detail.chosen {
                    out = only(&out, chosen);
                }
            }
            Shown::Sides {
                old_is_binary,
                new_is_binary,
            } => {
                let removed = text(detail.old.as_ref(), old_path, !old_is_binary)?;
                let edits = whole(count_lines(&removed), 0);
                let body = one_side(old_is_binary, &removed, b"", &edits);
                render(&mut out, old, None, None, &null_id, &body);
                let added = text(detail.new.as_ref(), new_path, !new_is_binary)?;
                let edits = whole(0, count_lines(&added));
                let body = one_side(new_is_binary, b"", &added, &edits);
                render(&mut out, None, new, None, &null_id, &body);
            }
        }
        Ok(out)
    }

    /// The new content of one file.
    pub(in crate::target) fn new_content(
        &self,
        file: &FileChange,
        index: usize,
        cap: u64,
    ) -> Result<Option<Vec<u8>>, ChangesError> {
        let side = self.details[index].new.as_ref();
        self.content(side, file.new.as_ref(), file.path.as_ref(), cap)
    }

    /// The old content of one file.
    pub(in crate::target) fn old_content(
        &self,
        file: &FileChange,
        index: usize,
        cap: u64,
    ) -> Result<Option<Vec<u8>>, ChangesError> {
        let side = self.details[index].old.as_ref();
        let path = file.old_path.as_ref().unwrap_or(&file.path);
        self.content(side, file.old.as_ref(), path.as_ref(), cap)
    }

    fn content(
        &self,
        side: Option<&RawSide>,
        known: Option<&Side>,
        path: &BStr,
        cap: u64,
    ) -> Result<Option<Vec<u8>>, ChangesError> {
        let (Some(side), Some(size)) = (side, known.and_then(|side| side.size)) else {
            return Ok(None);
        };
        if size > cap {
            return Ok(None);
        }
        let content = self.reader().read(side, path)?;
        Ok(content.map(std::borrow::Cow::into_owned))
    }

    fn patch_side<'a>(&self, side: &RawSide, path: &'a BStr) -> PatchSide<'a> {
        PatchSide {
            path,
            mode: side.mode,
            id: self.id(&side.id),
        }
    }

    fn id(&self, id: &gix::oid) -> String {
        match self.abbreviation {
            Abbreviation::Full => own_id(id).to_string(),
            Abbreviation::Short => self
                .abbreviator
                .borrow_mut()
                .get_or_insert_with(|| {
                    Abbreviator::new(&self.repository, Arc::clone(&self.place.packs))
                })
                .abbreviate(id),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.repository, &self.place)
    }
}

/// The edit that removes or adds all lines; none for an empty content.
fn whole(old_end: u32, new_end: u32) -> Vec<Edit> {
    let edit = Edit {
        old_start: 0,
        old_end,
        new_start: 0,
        new_end,
    };
    (old_end + new_end > 0)
        .then_some(edit)
        .into_iter()
        .collect()
}

fn one_side<'a>(is_binary: bool, old: &'a [u8], new: &'a [u8], edits: &'a [Edit]) -> Body<'a> {
    if is_binary {
        Body::Binary
    } else {
        Body::Text {
            old,
            new,
            edits,
            context: 0,
        }
    }
}

/// The first and the line behind the last of one side of a hunk, from 0.
fn span(start: u32, lines: u32) -> (u32, u32) {
    // An empty side names the line before it.
    let first = if lines == 0 {
        start
    } else {
        start.saturating_sub(1)
    };
    (first, first.saturating_add(lines))
}

fn holds(hunk: &HunkRange, edit: &Edit) -> bool {
    let (old, new) = (
        span(hunk.old_start, hunk.old_lines),
        span(hunk.new_start, hunk.new_lines),
    );
    old.0 <= edit.old_start
        && edit.old_end <= old.1
        && new.0 <= edit.new_start
        && edit.new_end <= new.1
}

/// A patch with those of its hunks that share a line with a chosen one: with more lines around them two hunks can be one.
fn only(patch: &[u8], chosen: &[HunkRange]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut is_shown = true;
    for line in patch.split_inclusive(|byte| *byte == b'\n') {
        // No line inside of a hunk begins like that.
        if let Some(header) = HunkHeader::parse(line) {
            is_shown = chosen.iter().any(|hunk| {
                let meets =
                    |a: (u32, u32), b: (u32, u32)| a.0 < b.1.max(b.0 + 1) && b.0 < a.1.max(a.0 + 1);
                let shown = |(start, lines)| span(start, lines);
                let old = (span(hunk.old_start, hunk.old_lines), shown(header.old));
                let new = (span(hunk.new_start, hunk.new_lines), shown(header.new));
                meets(old.0, old.1) && meets(new.0, new.1)
            });
        }
        if is_shown {
            out.extend_from_slice(line);
        }
    }
    out
}
