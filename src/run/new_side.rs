//! The new version of the files that findings point to, read when a review has answered.
//!
//! What a commit or the index holds is read by its id and cannot have moved; a file of the working tree is read as it is
//! now; of a patch that is not applied, it is what the patch makes of its base. What cannot be read is `None`: a finding then has a weaker fingerprint, which is no reason to fail a review.

use std::collections::BTreeMap;
use std::path::Path;

use crate::report::ReviewIdentity;
use crate::target::{Endpoint, GitEnvironment, ObjectId, Repository, WorktreeFile};

use super::{CountedChange, PinnedPatch};

/// A larger file is not read for its fingerprints.
const CONTENT_CAP: u64 = 4 << 20;

/// Reads the new side of one change.
pub(super) struct NewSide<'a> {
    blobs: &'a BTreeMap<String, ObjectId>,
    /// The files of a patch; `None` for one that is deleted or that the patch does not show.
    patched: BTreeMap<String, Option<Vec<u8>>>,
    base: Option<ObjectId>,
    /// The commit of the new side, for files that are not part of the change.
    commit: Option<ObjectId>,
    repository: Option<Repository>,
}

impl<'a> NewSide<'a> {
    pub(super) fn open(
        root: &Path,
        environment: &GitEnvironment,
        identity: &ReviewIdentity,
        counted: &'a CountedChange,
    ) -> NewSide<'a> {
        let commit = |hex: &Option<String>| hex.as_deref().and_then(ObjectId::from_hex);
        let repository = Repository::open(root, environment).ok();
        let base = commit(&identity.base);
        // What a patch does not touch is as its base has it.
        let commit = match &counted.patch {
            Some(_) => base.clone(),
            None => commit(&identity.head),
        };
        NewSide {
            blobs: &counted.blobs,
            patched: patched(repository.as_ref(), counted.patch.as_ref()),
            base,
            commit,
            repository,
        }
    }

    /// The content of a file of the new side, by its shown path.
    pub(super) fn content(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(content) = self.patched.get(path) {
            return content.clone();
        }
        let repository = self.repository.as_ref()?;
        let content = match (self.blobs.get(path), &self.commit) {
            (Some(blob), _) => repository.blob(blob).ok(),
            (None, Some(commit)) => repository.file_at(commit, path.into()).ok().flatten(),
            (None, None) => match repository
                .read_worktree_file(path.into(), CONTENT_CAP)
                .ok()?
            {
                WorktreeFile::Content(content) => Some(content),
                _ => None,
            },
        };
        content.filter(|content| content.len() as u64 <= CONTENT_CAP)
    }

    /// The content of a file of the old side; `None` where that is no commit.
    pub(super) fn base_content(&self, path: &str) -> Option<Vec<u8>> {
        let (base, repository) = (self.base.as_ref()?, self.repository.as_ref()?);
        repository.file_at(base, path.into()).ok().flatten()
    }

    /// Whether the new side has this file. Where that cannot be told, it has.
    pub(super) fn exists(&self, path: &str) -> bool {
        let Some(repository) = &self.repository else {
            return true;
        };
        if self.blobs.contains_key(path) || self.patched.contains_key(path) {
            return true;
        }
        match &self.commit {
            Some(commit) => repository
                .file_at(commit, path.into())
                .map_or(true, |found| found.is_some()),
            None => repository
                .read_worktree_file(path.into(), 0)
                .map_or(true, |found| found != WorktreeFile::Missing),
        }
    }
}

/// The files of a patch by their shown paths, as far as they are small enough.
fn patched(
    repository: Option<&Repository>,
    pinned: Option<&PinnedPatch>,
) -> BTreeMap<String, Option<Vec<u8>>> {
    let (Some(repository), Some(pinned)) = (repository, pinned) else {
        return BTreeMap::new();
    };
    // A working tree that has moved on since costs these fingerprints their code.
    let target = repository.repeat_patch(&pinned.patch, pinned.old.clone(), &[]);
    let Ok(Endpoint::Patched(side)) = target.map(|target| target.new) else {
        return BTreeMap::new();
    };
    let files = side.applied.files.iter().map(|file| {
        let content = file
            .new_bytes()
            .filter(|bytes| bytes.len() as u64 <= CONTENT_CAP);
        (file.path.to_string(), content.map(<[u8]>::to_vec))
    });
    files.collect()
}
