//! Outlines by the id of their content, in one file.
//!
//! The file is a line that names the format, then records: the length and the checksum of a record's bytes, its key, its
//! outline. Records are only ever appended, under a lock on the file; when it would grow past its cap it is written
//! anew, with what is in use, under another name that then takes its place. Readers take no lock: a record that is being
//! written fails its checksum, and the beginning up to there counts. The next writer cuts off what does not.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::encode::{decode, encode};
use super::language::Language;
use super::outline::FileOutline;
use crate::atomic_file::{self, Durability, Readers};

/// The cache's file, below the folder that is given.
const FILE: &str = "outlines";
/// The first line. The number changes with the record format and with what outlines hold.
const HEADER: &[u8] = b"codex-review outlines 1\n";
/// The most bytes of the file.
const MOST_BYTES: u64 = 96 * 1024 * 1024;
/// Length and checksum.
const RECORD_HEAD: usize = 4 + 8;
/// The most bytes of one record: an outline is at most a few times its source.
const MOST_RECORD_BYTES: usize = 8 * 1024 * 1024;

/// What an outline is kept by: the id of the content, and the language that it was read as.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(Vec<u8>);

impl CacheKey {
    /// Of content with this id, such as a blob's; at most 255 bytes of it count.
    #[must_use]
    pub fn of(id: &str, language: Option<Language>) -> Self {
        let id = &id.as_bytes()[..id.len().min(255)];
        let mut key = Vec::with_capacity(id.len() + 2);
        key.push(id.len() as u8);
        key.extend_from_slice(id);
        key.push(language.map_or(0, |language| language.index() as u8 + 1));
        CacheKey(key)
    }
}

/// Kept outlines, as the file had them when it was opened, and those that are new.
#[derive(Debug)]
pub struct OutlineCache {
    path: PathBuf,
    data: Vec<u8>,
    /// Where in `data` the outline of a key is.
    records: HashMap<CacheKey, Range<usize>>,
    fresh: Vec<u8>,
    most_bytes: u64,
}

impl OutlineCache {
    /// Reads the cache below `folder`, which need not exist. What cannot be read is as if it were not there.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        OutlineCache::open_within(folder, MOST_BYTES)
    }

    fn open_within(folder: &Path, most_bytes: u64) -> Self {
        let path = folder.join(FILE);
        let data = read_file(&path, most_bytes).unwrap_or_default();
        let mut records = HashMap::new();
        walk(&data, |key, outline| {
            records.insert(key, outline);
        });
        OutlineCache {
            path,
            data,
            records,
            fresh: Vec::new(),
            most_bytes,
        }
    }

    /// How many outlines were read from the file.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The outline of `key`, if it is kept and sound.
    #[must_use]
    pub fn get(&self, key: &CacheKey) -> Option<FileOutline> {
        decode(&self.data[self.records.get(key)?.clone()])
    }

    /// Keeps an outline; it reaches the file with [`OutlineCache::save`].
    pub fn insert(&mut self, key: &CacheKey, outline: &FileOutline) {
        let mut record = key.0.clone();
        record.extend(encode(outline));
        if record.len() <= MOST_RECORD_BYTES {
            self.fresh.extend(framed(&record));
        }
    }

    /// Writes what was inserted. `in_use` says which keys to keep should the file have to be written anew. Where another
    /// process writes just now, nothing is written: it will be parsed again.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be made or written.
    pub fn save(&mut self, in_use: &[CacheKey]) -> io::Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let fresh = std::mem::take(&mut self.fresh);
        if let Some(folder) = self.path.parent() {
            create_private_folder(folder)?;
        }
        let mut file =
            private(OpenOptions::new().read(true).write(true).create(true)).open(&self.path)?;
        if file.try_lock().is_err() {
            return Ok(());
        }
        // Another process may have written since; what it wrote counts as far as it is sound.
        let length = file.metadata()?.len();
        let sound = if length == self.data.len() as u64 {
            walk(&self.data, |_, _| {})
        } else {
            let data = read_open(&mut file, self.most_bytes)?;
            walk(&data, |_, _| {})
        };
        let needed = sound.max(HEADER.len()) as u64 + fresh.len() as u64;
        if needed > self.most_bytes {
            return self.rewrite(&fresh, in_use);
        }
        file.set_len(sound as u64)?;
        file.seek(SeekFrom::End(0))?;
        if sound == 0 {
            file.write_all(HEADER)?;
        }
        file.write_all(&fresh)
    }

    /// Writes the file anew: what is in use and what is new, as far as the cap allows.
    fn rewrite(&self, fresh: &[u8], in_use: &[CacheKey]) -> io::Result<()> {
        let mut data = HEADER.to_vec();
        let fresh = if (data.len() + fresh.len()) as u64 <= self.most_bytes {
            fresh
        } else {
            &[]
        };
        data.extend_from_slice(fresh);
        for key in in_use {
            if let Some(range) = self.records.get(key) {
                let record = [&key.0, &self.data[range.clone()]].concat();
                let record = framed(&record);
                if (data.len() + record.len()) as u64 <= self.most_bytes {
                    data.extend(record);
                }
            }
        }
        atomic_file::write(&self.path, &data, Durability::Derived, Readers::Owner)
    }
}

fn framed(record: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(RECORD_HEAD + record.len());
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(record).to_le_bytes());
    out.extend_from_slice(record);
    out
}

/// Calls `found` with each sound record's key and where its outline is; returns how many bytes from the start are sound,
/// 0 for a file of another format.
fn walk(data: &[u8], mut found: impl FnMut(CacheKey, Range<usize>)) -> usize {
    if !data.starts_with(HEADER) {
        return 0;
    }
    let mut at = HEADER.len();
    while let Some(head) = data.get(at..at + RECORD_HEAD) {
        let length = u32::from_le_bytes(head[..4].try_into().expect("four bytes")) as usize;
        let sum = u64::from_le_bytes(head[4..].try_into().expect("eight bytes"));
        let start = at + RECORD_HEAD;
        let Some(record) = data
            .get(start..start.saturating_add(length))
            .filter(|record| length <= MOST_RECORD_BYTES && checksum(record) == sum)
        else {
            break;
        };
        let key_length = record.first().map_or(0, |length| usize::from(*length) + 2);
        if let Some(key) = record.get(..key_length).filter(|key| !key.is_empty()) {
            found(CacheKey(key.to_vec()), start + key_length..start + length);
        }
        at = start + length;
    }
    at
}

/// Tells accidental damage; it is no defence against intent, which the folder's permissions are for. Eight bytes at a
/// time: it runs over the whole file at each start.
fn checksum(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut chunks = bytes.chunks_exact(8);
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        sum = (sum ^ word).wrapping_mul(PRIME).rotate_left(23);
    }
    for byte in chunks.remainder() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    sum ^ bytes.len() as u64
}

/// A regular file that is within the cap; a link is not followed.
fn read_file(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(Vec::new());
    }
    read_open(&mut File::open(path)?, most_bytes)
}

fn read_open(file: &mut File, most_bytes: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    if length > most_bytes {
        return Ok(Vec::new());
    }
    let mut data = Vec::with_capacity(length as usize);
    file.take(most_bytes).read_to_end(&mut data)?;
    Ok(data)
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::super::parse::outline;
    use super::*;

    fn key(number: usize) -> CacheKey {
        CacheKey::of(&format!("{number:040x}"), Some(Language::Rust))
    }

    fn sample(number: usize) -> FileOutline {
        let source = format!("fn f{number}() {{ g{number}(); }}\n");
        outline(Some(Language::Rust), source.as_bytes())
    }

    fn fill(folder: &Path, numbers: Range<usize>, most_bytes: u64) {
        let mut cache = OutlineCache::open_within(folder, most_bytes);
        for number in numbers.clone() {
            cache.insert(&key(number), &sample(number));
        }
        let in_use: Vec<CacheKey> = numbers.map(key).collect();
        cache.save(&in_use).unwrap();
    }

    #[test]
    fn what_was_saved_is_there_again_and_more_can_be_added() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deeper/down");
        fill(&folder, 0..3, MOST_BYTES);
        fill(&folder, 3..5, MOST_BYTES);
        let cache = OutlineCache::open(&folder);
        assert_eq!(cache.len(), 5);
        for number in 0..5 {
            assert_eq!(cache.get(&key(number)), Some(sample(number)));
        }
        assert_eq!(cache.get(&CacheKey::of(&format!("{:040x}", 1), None)), None);
    }

    #[test]
    fn any_flipped_byte_costs_no_more_than_what_follows_it_and_is_repaired() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), 0..4, MOST_BYTES);
        let path = folder.path().join(FILE);
        let sound = fs::read(&path).unwrap();
        for at in (0..sound.len()).step_by(3) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x41;
            fs::write(&path, &damaged).unwrap();
            let cache = OutlineCache::open(folder.path());
            assert!(cache.len() < 4, "damage at {at} was not seen");
            for number in 0..4 {
                let got = cache.get(&key(number));
                assert!(
                    got.is_none() || got == Some(sample(number)),
                    "damage at {at}"
                );
            }
            fill(folder.path(), 0..4, MOST_BYTES);
            assert_eq!(OutlineCache::open(folder.path()).len(), 4, "after {at}");
        }
    }

    #[test]
    fn it_never_grows_past_its_cap_and_keeps_what_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let most = 2_000;
        for start in (0..200).step_by(5) {
            fill(folder.path(), start..start + 5, most);
            let length = fs::metadata(folder.path().join(FILE)).unwrap().len();
            assert!(length <= most, "{length}");
            assert!(
                OutlineCache::open_within(folder.path(), most)
                    .get(&key(start))
                    .is_some()
            );
        }
    }

    #[test]
    fn a_file_of_another_format_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, b"something else entirely").unwrap();
        assert!(OutlineCache::open(folder.path()).is_empty());
        fill(folder.path(), 0..1, MOST_BYTES);
        assert_eq!(OutlineCache::open(folder.path()).len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("symbols");
        fill(&folder, 0..1, MOST_BYTES);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(FILE)), 0o600);
    }
}
