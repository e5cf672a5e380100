//! The content of one side, wherever it is.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use super::convert::{Converter, blob_id, submodule_text};
use super::object_reader::Objects;
use super::objects;
use super::packs::Packs;
use super::raw::{RawSide, Source};
use super::worktree::BIG_FILE_BYTES;
use super::worktree_file::{self, Opened};
use crate::target::ChangesError;

/// Reads contents. One for each thread.
pub(super) struct Reader<'r> {
    repository: &'r gix::Repository,
    objects: Objects<'r>,
    place: &'r Place,
    converter: Option<Converter<'r>>,
}

/// Where contents and attributes are looked up.
#[derive(Clone)]
pub(super) struct Place {
    /// The root of the working tree.
    pub(super) root: PathBuf,
    pub(super) packs: Arc<Packs>,
    /// Stands in for attribute files that are not in the working tree.
    pub(super) index: Arc<gix::index::File>,
    /// Names of filters that have a program.
    pub(super) filters: Vec<BString>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(repository: &'r gix::Repository, place: &'r Place) -> Self {
        Reader {
            repository,
            objects: Objects::new(repository, &place.packs),
            place,
            converter: None,
        }
    }

    /// Attributes and conversion. Made when first asked for: most patches need neither.
    pub(super) fn converter(&mut self) -> Result<&mut Converter<'r>, ChangesError> {
        match &mut self.converter {
            Some(converter) => Ok(converter),
            empty => {
                let Place { index, filters, .. } = self.place;
                Ok(empty.insert(Converter::new(self.repository, index, filters)?))
            }
        }
    }

    /// Bytes of content, without reading it where that is possible.
    pub(super) fn size(&self, side: &RawSide, path: &BStr) -> Option<u64> {
        match &side.source {
            Source::Object => objects::size(self.repository, &side.id),
            Source::Kept(content) => Some(content.len() as u64),
            Source::OnDisk | Source::TooLarge => {
                std::fs::symlink_metadata(self.place.root.join(path.to_path().ok()?))
                    .ok()
                    .map(|found| found.len())
            }
            Source::Unseen => None,
            Source::Commit { dirty } => Some(submodule_text(&side.id, *dirty).len() as u64),
        }
    }

    /// The content as git stores it; `None` if it is too large to be held.
    pub(super) fn read<'s>(
        &mut self,
        side: &'s RawSide,
        path: &BStr,
    ) -> Result<Option<Cow<'s, [u8]>>, ChangesError> {
        match &side.source {
            Source::Object => {
                let content = self.objects.read_blob(&side.id)?;
                Ok(content.map(Cow::Owned))
            }
            Source::Kept(content) => Ok(Some(Cow::Borrowed(content))),
            Source::OnDisk => self
                .read_again(side, path)
                .map(|content| Some(Cow::Owned(content))),
            Source::TooLarge | Source::Unseen => Ok(None),
            Source::Commit { dirty } => Ok(Some(Cow::Owned(submodule_text(&side.id, *dirty)))),
        }
    }

    /// Reads a file of the working tree once more, which must not have changed since.
    fn read_again(&mut self, side: &RawSide, path: &BStr) -> Result<Vec<u8>, ChangesError> {
        let moved = || ChangesError::Moved {
            path: path.to_owned(),
        };
        let on_disk = self.place.root.join(path.to_path().map_err(|_| moved())?);
        let failed = |source| ChangesError::Io {
            path: on_disk.clone(),
            source,
        };
        let content = if side.mode == 0o120_000 {
            match worktree_file::open(&on_disk).map_err(failed)? {
                Opened::Symlink => worktree_file::read_link(&on_disk).map_err(failed)?,
                _ => return Err(moved()),
            }
        } else {
            let Opened::Regular(file, size) = worktree_file::open(&on_disk).map_err(failed)? else {
                return Err(moved());
            };
            let content = worktree_file::read_within(file, size, BIG_FILE_BYTES).map_err(failed)?;
            let content = content.ok_or_else(moved)?;
            self.converter()?.stored_form(path, content).0
        };
        if blob_id(self.repository, &content)? != side.id {
            return Err(moved());
        }
        Ok(content)
    }
}
