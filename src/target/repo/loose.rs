//! Objects read one after the other: out of packs, or where they are files of their own.
//!
//! gix maps each such file into memory. To map and to unmap is what threads of a process wait for each other with, and a
//! mapped page costs a fault: for small files a plain read is much cheaper. [`Objects`] reads them so, with one decoder for
//! all; whatever is neither in a pack nor an ordinary small file in the repository's own folder is gix's to find, or to explain.

use std::io::Read as _;
use std::path::PathBuf;

use gix::zlib::{Inflate, Status};

use super::objects;
use super::packs::{Decoder, Packs};
use super::worktree_file::open_no_follow;
use crate::target::ChangesError;

/// A larger file is mapped.
const MOST_COMPRESSED_BYTES: usize = 1 << 20;
/// What it may decode to, here.
const MOST_BYTES: u64 = 16 << 20;
/// Holds most files whole.
const FIRST_READ_BYTES: usize = 16 << 10;
/// Holds the kind and the size of any object.
const HEADER_BYTES: usize = 64;
/// Reads objects. One for each thread.
pub(super) struct Objects<'r> {
    repository: &'r gix::Repository,
    /// `None` where another object may stand in for any of them: then all are gix's.
    packed: Option<Decoder<'r>>,
    folder: PathBuf,
    /// Made for the first file.
    decoder: Option<Inflate>,
    compressed: Vec<u8>,
}

impl<'r> Objects<'r> {
    pub(super) fn new(repository: &'r gix::Repository, packs: &'r Packs) -> Self {
        let store = repository.objects.store_ref();
        let is_replaced = store.replacements().next().is_some();
        Objects {
            repository,
            packed: (!is_replaced).then(|| Decoder::new(packs)),
            folder: store.path().to_owned(),
            decoder: None,
            compressed: Vec::new(),
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
        if let Some(content) = self.packed.as_mut()?.read(id) {
            buffer.clear();
            buffer.extend_from_slice(&content);
            return Some(());
        }
        self.read_file(id, buffer)
    }

    /// `None` where the object is no file here, or none that is read here.
    fn read_file(&mut self, id: &gix::oid, buffer: &mut Vec<u8>) -> Option<()> {
        let length = self.read_compressed(id)?;
        let decoder = self.decoder.get_or_insert_default();
        decode(decoder, &self.compressed[..length], buffer)
    }

    /// Reads the object's file into `compressed` and says how long it is.
    fn read_compressed(&mut self, id: &gix::oid) -> Option<usize> {
        let name = id.to_hex().to_string();
        let path = self.folder.join(&name[..2]).join(&name[2..]);
        let mut file = open_no_follow(&path).ok()?;
        self.compressed.resize(FIRST_READ_BYTES, 0);
        let mut length = 0;
        loop {
            let count = file.read(&mut self.compressed[length..]).ok()?;
            length += count;
            // What has room left over is whole; if not, the decoder misses its end.
            if length < self.compressed.len() {
                return Some(length);
            }
            if length >= MOST_COMPRESSED_BYTES {
                return None;
            }
            self.compressed.resize(length * 4, 0);
        }
    }
}

/// Decodes an object's file; `None` where it is not as it should be, or large.
fn decode(decoder: &mut Inflate, compressed: &[u8], content: &mut Vec<u8>) -> Option<()> {
    decoder.reset();
    let mut beginning = [0; HEADER_BYTES];
    let (status, taken, given) = decoder.prefix(compressed, &mut beginning).ok()?;
    let (_, size, header) = gix::objs::decode::loose_header(&beginning[..given]).ok()?;
    if size > MOST_BYTES {
        return None;
    }
    let size = usize::try_from(size).ok()?;
    let beginning = &beginning[..given];
    match status {
        Status::StreamEnd => {
            content.clear();
            content.extend_from_slice(beginning.get(header..)?);
        }
        _ if given - header > size => return None,
        _ => {
            decoder
                .rest(&compressed[taken..], beginning, header, content, size)
                .ok()?;
        }
    }
    (content.len() == size).then_some(())
}

#[cfg(test)]
mod tests {
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
                objects.read_file(id, &mut buffer).is_some(),
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
            assert!(objects.read_file(&ids[1], &mut buffer).is_none());
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
