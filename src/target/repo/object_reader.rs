//! Objects read one after the other, each where it is cheapest: out of a pack, or from a file of its own.
//!
//! What neither of the two reads is gix's to find, or to explain.

use super::loose::LooseFiles;
use super::objects;
use super::packs::{Decoder, Packs};
use crate::target::ChangesError;

/// Reads objects. One for each thread.
pub(super) struct Objects<'r> {
    repository: &'r gix::Repository,
    packed: Decoder<'r>,
    loose: LooseFiles,
    /// Another object may stand in for any of them: then all are gix's.
    is_replaced: bool,
}

impl<'r> Objects<'r> {
    pub(super) fn new(repository: &'r gix::Repository, packs: &'r Packs) -> Self {
        let mut replacements = repository.objects.store_ref().replacements();
        Objects {
            repository,
            packed: Decoder::new(packs),
            loose: LooseFiles::new(repository),
            is_replaced: replacements.next().is_some(),
        }
    }

    pub(super) fn repository(&self) -> &'r gix::Repository {
        self.repository
    }

    /// Reads an object into `buffer`.
    pub(super) fn read(&mut self, id: &gix::oid, buffer: &mut Vec<u8>) -> Result<(), ChangesError> {
        if self.read_here(id, buffer).is_some() {
            return Ok(());
        }
        objects::read(self.repository, id, buffer).map(|_| ())
    }

    /// The content of a blob; `None` if it is larger than what is ever decoded.
    pub(super) fn read_blob(&mut self, id: &gix::oid) -> Result<Option<Vec<u8>>, ChangesError> {
        let mut buffer = Vec::new();
        if self.read_here(id, &mut buffer).is_some() {
            return Ok(Some(buffer));
        }
        objects::read_blob(self.repository, id)
    }

    /// `None` where it takes gix to read the object.
    fn read_here(&mut self, id: &gix::oid, buffer: &mut Vec<u8>) -> Option<()> {
        if self.is_replaced {
            return None;
        }
        if let Some(content) = self.packed.read(id) {
            buffer.clear();
            buffer.extend_from_slice(&content);
            return Some(());
        }
        self.loose.read(id, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::loose::MOST_COMPRESSED_BYTES;
    use super::*;

    /// A repository with one loose object of each size, and their ids.
    fn repository(sizes: &[usize]) -> (tempfile::TempDir, gix::Repository, Vec<gix::ObjectId>) {
        let folder = tempfile::tempdir().unwrap();
        let repository = gix::init(folder.path()).unwrap();
        let ids = sizes
            .iter()
            .map(|size| repository.write_blob(content(*size)).unwrap().detach())
            .collect();
        (folder, repository, ids)
    }

    /// Hard to compress.
    fn content(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(size)
        .collect()
    }

    #[test]
    fn objects_of_any_size_are_what_gix_reads() {
        let sizes = [0, 1, 40, 50, 60, 100, 16_000, 17_000, 70_000, 3 << 20];
        let (_folder, repository, ids) = repository(&sizes);
        let packs = Packs::new(&repository);
        let mut objects = Objects::new(&repository, &packs);
        for (id, size) in ids.iter().zip(sizes) {
            let mut buffer = b"what was there before".to_vec();
            let is_small = size < MOST_COMPRESSED_BYTES;
            assert_eq!(
                objects.loose.read(id, &mut buffer).is_some(),
                is_small,
                "{size}"
            );
            objects.read(id, &mut buffer).unwrap();
            assert_eq!(buffer, content(size), "{size}");
            assert_eq!(
                objects.read_blob(id).unwrap(),
                Some(content(size)),
                "{size}"
            );
        }
    }

    #[test]
    fn what_is_damaged_or_no_file_is_left_to_gix() {
        let (folder, repository, ids) = repository(&[100, 200]);
        let file = |id: &gix::ObjectId| {
            let hex = id.to_string();
            folder
                .path()
                .join(".git/objects")
                .join(&hex[..2])
                .join(&hex[2..])
        };
        let cut = std::fs::read(file(&ids[0])).unwrap();
        std::fs::remove_file(file(&ids[0])).unwrap();
        std::fs::write(file(&ids[0]), &cut[..cut.len() / 2]).unwrap();
        let packs = Packs::new(&repository);
        let mut objects = Objects::new(&repository, &packs);
        assert!(objects.read_blob(&ids[0]).is_err());
        assert_eq!(objects.read_blob(&ids[1]).unwrap(), Some(content(200)));
        #[cfg(unix)]
        {
            std::fs::rename(file(&ids[1]), folder.path().join("elsewhere")).unwrap();
            std::os::unix::fs::symlink(folder.path().join("elsewhere"), file(&ids[1])).unwrap();
            let mut buffer = Vec::new();
            assert!(objects.loose.read(&ids[1], &mut buffer).is_none());
            objects.read(&ids[1], &mut buffer).unwrap();
            assert_eq!(buffer, content(200));
        }
        let missing = gix::ObjectId::from_hex(&[b'1'; 40]).unwrap();
        assert!(matches!(
            objects.read_blob(&missing),
            Err(ChangesError::MissingObject { .. })
        ));
    }
}
