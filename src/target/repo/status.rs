//! One look at HEAD, index and working tree, kept so that what is reviewed does not move.

use std::sync::Arc;

use bstr::BString;

use super::raw::RawChange;
use super::worktree::{self, Found, Wanted};
use super::{Repository, submodule, tree_diff};
use crate::target::ChangesError;

/// What was seen.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) index: Arc<gix::index::File>,
    pub(super) staged: Vec<RawChange>,
    pub(super) found: Found,
}

impl Status {
    pub(super) fn is_dirty(&self) -> bool {
        !self.staged.is_empty() || self.found.is_dirty()
    }
}

impl Repository {
    /// Reads the index without checking its hash (git does not either) and without ever writing it.
    pub(super) fn read_index(&self) -> Result<gix::index::File, ChangesError> {
        gix::index::File::at_or_default(
            &self.index_path,
            self.gix.object_hash(),
            true,
            gix::index::decode::Options::default(),
        )
        .map_err(|error| ChangesError::Repository {
            what: "the index".into(),
            source: Box::new(error),
        })
    }

    /// The tree of HEAD; `None` on an unborn branch.
    pub(super) fn head_tree(&self) -> Result<Option<gix::ObjectId>, ChangesError> {
        let failed = |source: gix::Error| ChangesError::Repository {
            what: "HEAD".into(),
            source: Box::new(source),
        };
        let head = self.gix.head().map_err(failed)?;
        if head.is_unborn() {
            return Ok(None);
        }
        let commit = head.into_peeled_id().map_err(failed)?;
        super::objects::tree_of(&self.gix, &commit).map(Some)
    }

    /// What is staged.
    pub(super) fn staged(
        &self,
        index: &gix::index::File,
        head_tree: Option<gix::ObjectId>,
    ) -> Result<Vec<RawChange>, ChangesError> {
        let mut staged = tree_diff::tree_and_index(&self.gix, &self.packs, head_tree, index)?;
        let ignored = submodule::Ignored::read(&self.gix, index);
        staged.retain(|change| !ignored.all(change.path.as_ref()));
        Ok(staged)
    }

    /// Looks at HEAD, index and working tree.
    pub(super) fn take_status(&self, wanted: Wanted) -> Result<Status, ChangesError> {
        let index = self.read_index()?;
        let head_tree = self.head_tree()?;
        let staged = self.staged(&index, head_tree)?;
        let found = match self.gix.workdir() {
            Some(_) if wanted.only_whether && !staged.is_empty() => Found::default(),
            Some(root) => worktree::walk(
                &self.gix,
                root,
                &index,
                &self.programs.filters,
                head_tree,
                wanted,
            )?,
            None => Found::default(),
        };
        Ok(Status {
            index: Arc::new(index),
            staged,
            found,
        })
    }

    /// The names of filters that have a program.
    pub(super) fn filters(&self) -> &[BString] {
        &self.programs.filters
    }
}
