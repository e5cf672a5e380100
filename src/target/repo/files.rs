//! Single files, from a commit or from the working tree.

use bstr::{BStr, BString, ByteSlice};

use super::worktree_file::{self, Opened};
use super::{Repository, WorktreeFile, gix_id, objects};
use crate::target::{ChangesError, ObjectId};

impl Repository {
    /// The content of a blob.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn blob(&self, id: &ObjectId) -> Result<Vec<u8>, ChangesError> {
        objects::read_blob(&self.gix, &gix_id(id))?.ok_or_else(|| too_large(&gix_id(id)))
    }

    /// The content of a file in a commit's tree; `None` if it has no file of this name.
    ///
    /// # Errors
    /// [`ChangesError::MissingObject`] or [`ChangesError::Repository`].
    pub fn file_at(&self, commit: &ObjectId, path: &BStr) -> Result<Option<Vec<u8>>, ChangesError> {
        let tree = objects::tree_of(&self.gix, &gix_id(commit))?;
        let failed = |source: gix::Error| ChangesError::Repository {
            what: format!("tree {tree}"),
            source: Box::new(source),
        };
        let tree = self.gix.find_tree(tree).map_err(failed)?;
        let entry = tree
            .lookup_entry(path.split_str("/").map(BString::from))
            .map_err(failed)?;
        match entry {
            Some(entry) if entry.mode().is_blob() => {
                let id = entry.object_id();
                objects::read_blob(&self.gix, &id)?
                    .map(Some)
                    .ok_or_else(|| too_large(&id))
            }
            _ => Ok(None),
        }
    }

    /// A regular file of the working tree, up to `cap` bytes. Links are not followed, nothing special is opened.
    ///
    /// # Errors
    /// [`ChangesError::Io`] if it is there and cannot be read.
    pub fn read_worktree_file(&self, path: &BStr, cap: u64) -> Result<WorktreeFile, ChangesError> {
        let on_disk = match path.to_path() {
            Ok(path)
                if path.is_relative()
                    && !path.components().any(|part| part.as_os_str() == "..") =>
            {
                self.root().join(path)
            }
            _ => return Ok(WorktreeFile::Missing),
        };
        let failed = |source| ChangesError::Io {
            path: on_disk.clone(),
            source,
        };
        Ok(match worktree_file::open(&on_disk).map_err(failed)? {
            Opened::Regular(file, size) => {
                match worktree_file::read_within(file, size, cap).map_err(failed)? {
                    Some(content) => WorktreeFile::Content(content),
                    None => WorktreeFile::TooLarge { size },
                }
            }
            Opened::Symlink => WorktreeFile::Symlink,
            Opened::NotRegular(word) => WorktreeFile::NotRegular(word),
            Opened::Missing => WorktreeFile::Missing,
        })
    }
}

fn too_large(id: &gix::oid) -> ChangesError {
    ChangesError::Repository {
        what: format!("object {id}"),
        source: "it is too large to be read".into(),
    }
}
