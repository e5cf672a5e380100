//! A change that is read from a repository.

use std::borrow::Cow;

use super::view::{ChangeView, ViewError};
use crate::target::{
    ChangeSet, CommitLog, Endpoint, FileChange, LeftOut, Repository, ResolvedTarget,
};

/// A change set, its target and the repository that both come from.
#[derive(Debug, Clone, Copy)]
pub struct RepositoryChanges<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// What is under review.
    pub target: &'a ResolvedTarget,
    /// Its change.
    pub changes: &'a ChangeSet,
}

impl ChangeView for RepositoryChanges<'_> {
    fn target(&self) -> &ResolvedTarget {
        self.target
    }

    fn files(&self) -> &[FileChange] {
        &self.changes.files
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.changes.left_out
    }

    fn left_out_more(&self) -> usize {
        self.changes.left_out_more
    }

    fn ignored(&self) -> usize {
        self.changes.ignored
    }

    fn notes(&self) -> &[String] {
        &self.changes.notes
    }

    fn patch(&self, index: usize, context_lines: u32) -> Result<Cow<'_, [u8]>, ViewError> {
        self.changes
            .patch_with(index, context_lines)
            .map(Cow::Owned)
            .map_err(|error| ViewError::of(&error))
    }

    fn commits(&self, limit: usize) -> Result<CommitLog, ViewError> {
        let Endpoint::Commit(new) = &self.target.new else {
            return Ok(CommitLog::default());
        };
        let old = match &self.target.old {
            Endpoint::Commit(old) => Some(old),
            _ => None,
        };
        self.repository
            .commits(old, new, limit)
            .map_err(|error| ViewError::of(&error))
    }
}
