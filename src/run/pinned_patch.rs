//! A patch that is judged, as a worker takes it along: the text, and what it was laid over.
//!
//! The files that it makes are not stored: a worker lays it over its base again, which for a commit gives the same. Where
//! the base is a working tree that has moved on meanwhile, it may not fit any more; that costs fingerprints, not findings.

use serde::{Deserialize, Serialize};

use crate::target::{Endpoint, GivenPatch, ObjectId};

/// A patch and its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedPatch {
    /// The patch.
    pub patch: GivenPatch,
    /// A commit, the working tree, or nothing.
    pub old: Endpoint,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredPatch {
    /// A commit's id, or one of the two words.
    base: String,
    patch: String,
}

const WORK_TREE: &str = "worktree";
const NOTHING: &str = "nothing";

impl From<&PinnedPatch> for StoredPatch {
    fn from(pinned: &PinnedPatch) -> Self {
        StoredPatch {
            base: match &pinned.old {
                Endpoint::Commit(id) => id.as_hex().to_owned(),
                Endpoint::WorkTree | Endpoint::Index => WORK_TREE.to_owned(),
                Endpoint::EmptyTree | Endpoint::Patched(_) => NOTHING.to_owned(),
            },
            patch: pinned.patch.to_wire(),
        }
    }
}

impl StoredPatch {
    /// `None` where it cannot be read, which costs fingerprints.
    pub(super) fn into_pinned(self) -> Option<PinnedPatch> {
        let old = match self.base.as_str() {
            WORK_TREE => Endpoint::WorkTree,
            NOTHING => Endpoint::EmptyTree,
            id => Endpoint::Commit(ObjectId::from_hex(id)?),
        };
        Some(PinnedPatch {
            patch: GivenPatch::from_wire(&self.patch).ok()?,
            old,
        })
    }
}
