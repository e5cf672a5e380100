//! What a change set keeps to render patches later: ids, line numbers, and the contents of small working tree files.

use std::cell::RefCell;

use bstr::BStr;

use super::compare::Shown;
use super::content::{Place, Reader};
use super::objects::Abbreviator;
use super::own_id;
use super::raw::RawSide;
use crate::target::patch::{Body, Edit, PatchSide, render};
use crate::target::quote::push_quoted;
use crate::target::{Abbreviation, ChangesError, FileChange, Status};

/// One file's sides and edits.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) old: Option<RawSide>,
    pub(super) new: Option<RawSide>,
    pub(super) shown: Shown,
    pub(super) edits: Vec<Edit>,
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
        let old_path = file.old_path.as_ref().unwrap_or(&file.path);
        let (old_text, new_text) = if detail.shown == Shown::Text && !detail.edits.is_empty() {
            let mut reader = self.reader();
            (
                self.text(&mut reader, detail.old.as_ref(), old_path.as_ref())?,
                self.text(&mut reader, detail.new.as_ref(), file.path.as_ref())?,
            )
        } else {
            (Vec::new(), Vec::new())
        };
        let old = detail
            .old
            .as_ref()
            .map(|side| self.patch_side(side, old_path.as_ref()));
        let new = detail
            .new
            .as_ref()
            .map(|side| self.patch_side(side, file.path.as_ref()));
        let null_id = self.id(&self.repository.object_hash().null());
        if file.status == Status::TypeChanged {
            let removed: Vec<Edit> = detail
                .edits
                .iter()
                .map(|edit| Edit {
                    new_start: 0,
                    new_end: 0,
                    ..*edit
                })
                .collect();
            let added: Vec<Edit> = detail
                .edits
                .iter()
                .map(|edit| Edit {
                    old_start: 0,
                    old_end: 0,
                    ..*edit
                })
                .collect();
            let body = |old, new, edits| match detail.shown {
                Shown::Binary => Body::Binary,
                _ => Body::Text {
                    old,
                    new,
                    edits,
                    context: context_lines,
                },
            };
            let has_lines = |edits: &[Edit]| {
                edits
                    .iter()
                    .any(|edit| edit.old_end > edit.old_start || edit.new_end > edit.new_start)
            };
            let keep = |edits: Vec<Edit>| if has_lines(&edits) { edits } else { Vec::new() };
            let (removed, added) = (keep(removed), keep(added));
            render(
                &mut out,
                old.as_ref(),
                None,
                None,
                &null_id,
                &body(&old_text, b"", &removed),
            );
            render(
                &mut out,
                None,
                new.as_ref(),
                None,
                &null_id,
                &body(b"", &new_text, &added),
            );
            return Ok(out);
        }
        let similarity = match file.status {
            Status::Renamed { similarity } => Some(similarity),
            _ => None,
        };
        let body = match detail.shown {
            Shown::Same => Body::Same,
            Shown::Binary => Body::Binary,
            Shown::Text => Body::Text {
                old: &old_text,
                new: &new_text,
                edits: &detail.edits,
                context: context_lines,
            },
        };
        render(
            &mut out,
            old.as_ref(),
            new.as_ref(),
            similarity,
            &null_id,
            &body,
        );
        Ok(out)
    }

    /// The new content of one file.
    pub(in crate::target) fn new_content(
        &self,
        file: &FileChange,
        index: usize,
        cap: u64,
    ) -> Result<Option<Vec<u8>>, ChangesError> {
        let Some(side) = self.details[index].new.as_ref() else {
            return Ok(None);
        };
        let Some(size) = file.new.as_ref().and_then(|side| side.size) else {
            return Ok(None);
        };
        if size > cap {
            return Ok(None);
        }
        let mut reader = self.reader();
        Ok(reader
            .read(side, file.path.as_ref())?
            .map(std::borrow::Cow::into_owned))
    }

    fn text(
        &self,
        reader: &mut Reader<'_>,
        side: Option<&RawSide>,
        path: &BStr,
    ) -> Result<Vec<u8>, ChangesError> {
        let content = side
            .map(|side| reader.read(side, path))
            .transpose()?
            .flatten();
        Ok(content
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default())
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
                .get_or_insert_with(|| Abbreviator::new(&self.repository))
                .abbreviate(id),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.repository, &self.place)
    }
}
