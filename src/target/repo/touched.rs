//! Which files earlier commits touched together.

use bstr::BString;

use super::tree_diff::between_trees;
use super::{Repository, gix_id, objects, own_id};
use crate::target::{ChangesError, ObjectId, Part};

/// A commit, and the files that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedFiles {
    /// The commit.
    pub commit: ObjectId,
    /// The paths that it added, changed or removed, in git's order.
    pub paths: Vec<BString>,
}

impl Repository {
    /// The files that commits changed, from `start` on and newest first, over at most `commits` commits. Left out are
    /// merges, first commits, and what changed more than `most_paths` files: such commits say nothing about which files
    /// belong together. History that a shallow clone does not have ends the walk.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] for an object that cannot be read.
    pub fn touched_files(
        &self,
        start: &ObjectId,
        commits: usize,
        most_paths: usize,
    ) -> Result<Vec<TouchedFiles>, ChangesError> {
        let failed = |source: gix::Error| ChangesError::Repository {
            what: format!("the history of {start}"),
            source: Box::new(source),
        };
        let order = gix::revision::walk::Sorting::ByCommitTime(
            gix::traverse::commit::simple::CommitTimeOrder::NewestFirst,
        );
        let walk = self
            .gix
            .rev_walk([gix_id(start)])
            .sorting(order)
            .all()
            .map_err(failed)?;
        let mut touched = Vec::new();
        for found in walk.take(commits) {
            let found = found.map_err(failed)?;
            let mut parents = found.parent_ids();
            let (Some(parent), None) = (parents.next(), parents.next()) else {
                continue;
            };
            let tree = objects::tree_of(&self.gix, &found.id)?;
            let parent_tree = match objects::tree_of(&self.gix, &parent) {
                Ok(tree) => tree,
                // A shallow clone ends here.
                Err(ChangesError::MissingObject { .. }) => continue,
                Err(error) => return Err(error),
            };
            let changes = between_trees(
                &self.gix,
                &self.packs,
                Part::Committed,
                Some(parent_tree),
                Some(tree),
                1,
            )?;
            if changes.len() <= most_paths {
                touched.push(TouchedFiles {
                    commit: own_id(&found.id),
                    paths: changes.into_iter().map(|change| change.path).collect(),
                });
            }
        }
        Ok(touched)
    }
}
