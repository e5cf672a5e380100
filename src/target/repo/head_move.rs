//! How HEAD has moved, and what git is in the middle of: for whoever follows a branch while it is worked on.

use super::{Repository, gix_id, own_id};
use crate::target::ObjectId;

/// How HEAD stands to a commit that it was at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadMove {
    /// It is still there.
    Not,
    /// It went on by commits.
    Forward,
    /// It went on, and the newest commit is a merge.
    Merge,
    /// The commit was replaced by another one on the same parent.
    Amended {
        /// That parent; `None` for a first commit.
        fork: Option<ObjectId>,
    },
    /// Anything else: a rebase, a reset, another branch, or a commit that is gone.
    Elsewhere,
}

impl Repository {
    /// How HEAD stands to `from`.
    #[must_use]
    pub fn head_move(&self, from: &ObjectId) -> HeadMove {
        self.try_head_move(from).unwrap_or(HeadMove::Elsewhere)
    }

    fn try_head_move(&self, from: &ObjectId) -> Option<HeadMove> {
        let from = gix_id(from);
        let head = self.gix.head().ok()?.into_peeled_id().ok()?.detach();
        if head == from {
            return Some(HeadMove::Not);
        }
        let parents = |id: gix::ObjectId| -> Option<Vec<gix::ObjectId>> {
            let commit = self.gix.find_commit(id).ok()?;
            Some(commit.parent_ids().map(gix::Id::detach).collect())
        };
        let (before, now) = (parents(from)?, parents(head)?);
        let bases = self.gix.merge_bases_many(from, &[head]).ok()?;
        if bases.iter().any(|base| base.detach() == from) {
            return Some(if now.len() > 1 {
                HeadMove::Merge
            } else {
                HeadMove::Forward
            });
        }
        let is_amended = before == now && now.len() < 2;
        Some(if is_amended {
            HeadMove::Amended {
                fork: now.first().map(|id| own_id(id)),
            }
        } else {
            HeadMove::Elsewhere
        })
    }

    /// The operation that is half done, in a word; `None` when there is none.
    #[must_use]
    pub fn operation_in_progress(&self) -> Option<&'static str> {
        use gix::state::InProgress;
        self.gix.state().map(|state| match state {
            InProgress::ApplyMailbox | InProgress::ApplyMailboxRebase => "series of patches",
            InProgress::Bisect => "bisection",
            InProgress::CherryPick | InProgress::CherryPickSequence => "cherry-pick",
            InProgress::Merge => "merge",
            InProgress::Rebase | InProgress::RebaseInteractive => "rebase",
            InProgress::Revert | InProgress::RevertSequence => "revert",
        })
    }
}
