//! All files of a commit or of the index, and single contents within a cap.

use bstr::BString;

use super::{Repository, gix_id, objects, own_id, tree_diff};
use crate::target::{ChangesError, ObjectId, Part};

/// A regular file as the repository stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its path, relative to the repository root.
    pub path: BString,
    /// Its blob.
    pub id: ObjectId,
}

impl Repository {
    /// The regular files of a commit, by path; links and submodules are none.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn files_at(&self, commit: &ObjectId) -> Result<Vec<StoredFile>, ChangesError> {
        let tree = objects::tree_of(&self.gix, &gix_id(commit))?;
        let found =
            tree_diff::between_trees(&self.gix, &self.packs, Part::Committed, None, Some(tree), 0)?;
        let files = found.into_iter().filter_map(|change| {
            let side = change.new?;
            is_regular(side.mode).then(|| StoredFile {
                path: change.path,
                id: own_id(&side.id),
            })
        });
        Ok(sorted(files.collect()))
    }

    /// The regular files of the index, by path; those in conflict are left out.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] if the index cannot be read.
    pub fn files_in_index(&self) -> Result<Vec<StoredFile>, ChangesError> {
        let index = self.read_index()?;
        let files = index
            .entries()
            .iter()
            .filter(|entry| entry.stage_raw() == 0 && is_regular(entry.mode.bits()))
            .map(|entry| StoredFile {
                path: entry.path(&index).to_owned(),
                id: own_id(&entry.id),
            });
        Ok(sorted(files.collect()))
    }

    /// The content of a blob; `None` if it has more than `cap` bytes.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn blob_within(&self, id: &ObjectId, cap: u64) -> Result<Option<Vec<u8>>, ChangesError> {
        match objects::size(&self.gix, &gix_id(id)) {
            Some(size) if size > cap => Ok(None),
            _ => objects::read_blob(&self.gix, &gix_id(id)),
        }
    }
}

fn is_regular(mode: u32) -> bool {
    mode & 0o170_000 == 0o100_000
}

fn sorted(mut files: Vec<StoredFile>) -> Vec<StoredFile> {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}
