//! Objects that are files of their own.
//!
//! gix maps each such file into memory. To map and to unmap is what threads of a process wait for each other with, and a
//! mapped page costs a fault: for small files a plain read is much cheaper. [`LooseFiles`] reads them so, with one decoder
//! for all; whatever is not an ordinary small file in the repository's own folder is gix's to find, or to explain.

use std::io::Read as _;
use std::path::PathBuf;

use gix::zlib::{Inflate, Status};

use super::worktree_file::open_no_follow;

/// A larger file is mapped.
pub(super) const MOST_COMPRESSED_BYTES: usize = 1 << 20;
/// What it may decode to, here.
const MOST_BYTES: u64 = 16 << 20;
/// Holds most files whole.
const FIRST_READ_BYTES: usize = 16 << 10;
/// Holds the kind and the size of any object.
const HEADER_BYTES: usize = 64;

/// Reads objects. One for each thread.
pub(super) struct LooseFiles {
    folder: PathBuf,
    /// Made for the first file.
    decoder: Option<Inflate>,
    compressed: Vec<u8>,
}

impl LooseFiles {
    pub(super) fn new(repository: &gix::Repository) -> Self {
        LooseFiles {
            folder: repository.objects.store_ref().path().to_owned(),
            decoder: None,
            compressed: Vec::new(),
        }
    }

    /// Reads an object into `buffer`; `None` where it is no file here, or none that is read here.
    pub(super) fn read(&mut self, id: &gix::oid, buffer: &mut Vec<u8>) -> Option<()> {
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
