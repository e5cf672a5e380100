//! A folder of small documents, each in a file of its own that says by itself whether it is whole.
//!
//! A file is one line (`codex-review-cache 1 <name> <milliseconds> <sha256 of the rest>`) and a JSON document. The name
//! and the checksum are in it, so that a file that was cut, edited or put in another's place is a miss.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::CacheError;
use super::key::hex;
use crate::atomic_file::{self, Durability, NEW_FILE_PREFIX, Readers};
use crate::jobs::{Timestamp, ensure_private};

const MAGIC: &str = "codex-review-cache";
const VERSION: &str = "1";
/// No header is longer.
const HEADER_BYTES: u64 = 256;
/// A half-made file this old belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// How much a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many entries; the oldest go first.
    pub entries: usize,
    /// How old an entry may become.
    pub age: Duration,
    /// How many bytes one entry may have.
    pub bytes: usize,
}

/// One store.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    folder: PathBuf,
    bounds: Bounds,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) at: Timestamp,
    pub(super) document: Value,
}

struct Header {
    at: Timestamp,
    name: String,
    checksum: String,
}

impl Entries {
    pub(super) fn new(folder: PathBuf, bounds: Bounds) -> Self {
        Entries { folder, bounds }
    }

    /// The whole entry of this name, if there is one that is not too old.
    pub(super) fn find(&self, name: &str, now: Timestamp) -> Option<Found> {
        let most = HEADER_BYTES + self.bounds.bytes as u64;
        let content = read_regular(&self.folder.join(name), most)?;
        let line_end = content.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = content.split_at(line_end);
        let body = &rest[1..];
        let header = parse_header(line)?;
        let whole = header.name == name && header.checksum == hex(&Sha256::digest(body));
        if !whole || now.since(header.at) > self.bounds.age {
            return None;
        }
        Some(Found {
            at: header.at,
            document: serde_json::from_slice(body).ok()?,
        })
    }

    /// Puts an entry in the place of an older one, and takes out what is past the bounds.
    pub(super) fn store(
        &self,
        name: &str,
        document: &Value,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let body = serde_json::to_vec(document).expect("JSON values serialise");
        if body.len() > self.bounds.bytes {
            return Err(CacheError::TooLarge {
                size: body.len(),
                most: self.bounds.bytes,
            });
        }
        ensure_private(&self.folder)?;
        let checksum = hex(&Sha256::digest(&body));
        let mut content = format!(
            "{MAGIC} {VERSION} {name} {} {checksum}\n",
            now.unix_millis()
        )
        .into_bytes();
        content.extend(body);
        let path = self.folder.join(name);
        atomic_file::write(&path, &content, Durability::Derived, Readers::Owner)
            .map_err(|source| CacheError::Write { path, source })?;
        self.prune(now);
        Ok(())
    }

    /// Takes out what is broken, too old, or past the number. What cannot be looked at or deleted stays for the next
    /// time.
    fn prune(&self, now: Timestamp) {
        let mut kept: Vec<(Timestamp, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(NEW_FILE_PREFIX.as_bytes())
            {
                if is_abandoned(&path, now) {
                    drop(std::fs::remove_file(&path));
                }
                continue;
            }
            let header = read_head(&path).and_then(|head| {
                let line = head.split(|byte| *byte == b'\n').next()?;
                parse_header(line)
            });
            match header {
                Some(header) if now.since(header.at) <= self.bounds.age => {
                    kept.push((header.at, path));
                }
                _ => drop(std::fs::remove_file(&path)),
            }
        }
        kept.sort_by(|left, right| right.cmp(left));
        for (_, path) in kept.into_iter().skip(self.bounds.entries) {
            drop(std::fs::remove_file(path));
        }
    }
}

fn parse_header(line: &[u8]) -> Option<Header> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    if words.next()? != MAGIC || words.next()? != VERSION {
        return None;
    }
    let name = words.next()?.to_owned();
    let at = Timestamp::from_unix_millis(words.next()?.parse().ok()?);
    let checksum = words.next()?.to_owned();
    words
        .next()
        .is_none()
        .then_some(Header { at, name, checksum })
}

/// A file's content, if it is a regular file of at most `most` bytes.
fn read_regular(path: &Path, most: u64) -> Option<Vec<u8>> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    if !meta.is_file() || meta.len() > most {
        return None;
    }
    let mut content = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(most)
        .read_to_end(&mut content)
        .ok()?;
    Some(content)
}

fn read_head(path: &Path) -> Option<Vec<u8>> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    if !meta.is_file() {
        return None;
    }
    let mut head = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(HEADER_BYTES)
        .read_to_end(&mut head)
        .ok()?;
    Some(head)
}

fn is_abandoned(path: &Path, now: Timestamp) -> bool {
    std::fs::symlink_metadata(path)
        .and_then(|meta| meta.modified())
        .is_ok_and(|modified| now.since(Timestamp::from_system(modified)) > ABANDONED)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        entries: 3,
        age: Duration::from_secs(100),
        bytes: 1_000,
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000)
    }

    fn entries() -> (tempfile::TempDir, Entries) {
        let temp = tempfile::tempdir().unwrap();
        let entries = Entries::new(temp.path().join("cache/answers"), BOUNDS);
        (temp, entries)
    }

    #[test]
    fn what_was_stored_is_found_until_it_is_too_old() {
        let (_temp, entries) = entries();
        assert_eq!(entries.find("a", at(0)), None);
        entries.store("a", &json!({"x": "é\n"}), at(1_000)).unwrap();
        let found = entries.find("a", at(1_100)).unwrap();
        assert_eq!((found.at, &found.document["x"]), (at(1_000), &json!("é\n")));
        assert_eq!(entries.find("a", at(1_101)), None);
        assert!(entries.find("a", at(5)).is_some(), "a clock was set back");
        entries.store("a", &json!(2), at(1_001)).unwrap();
        assert_eq!(entries.find("a", at(1_001)).unwrap().document, json!(2));
    }

    #[test]
    fn any_damage_is_a_miss_and_the_next_store_mends_it() {
        let (_temp, entries) = entries();
        entries
            .store("a", &json!({"verdict": "approve"}), at(1))
            .unwrap();
        let path = entries.folder.join("a");
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(entries.find("a", at(1)), None, "cut at {cut}");
        }
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            let found = entries.find("a", at(1));
            // The time is not part of the checksum: a wrong one is only a wrong age.
            let same = found.is_none_or(|found| found.document == json!({"verdict": "approve"}));
            assert!(same, "flipped at {place}");
        }
        std::fs::write(entries.folder.join("b"), &whole).unwrap();
        assert_eq!(entries.find("b", at(1)), None, "another entry's file");
        std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
        assert_eq!(entries.find("a", at(1)), None);
        entries.store("a", &json!(1), at(2)).unwrap();
        assert!(entries.find("a", at(2)).is_some());
        assert!(!entries.folder.join("b").exists() || entries.find("b", at(2)).is_none());
    }

    #[test]
    fn the_store_stays_within_its_bounds() {
        let (_temp, entries) = entries();
        for number in 0..6 {
            entries
                .store(&format!("n{number}"), &json!(number), at(number))
                .unwrap();
        }
        let left: Vec<bool> = (0..6)
            .map(|number| entries.find(&format!("n{number}"), at(6)).is_some())
            .collect();
        assert_eq!(left, [false, false, false, true, true, true]);
        let error = entries
            .store("big", &json!("x".repeat(2_000)), at(7))
            .unwrap_err();
        assert!(
            matches!(error, CacheError::TooLarge { most: 1_000, .. }),
            "{error}"
        );
        entries.store("late", &json!(1), at(1_000)).unwrap();
        assert_eq!(
            std::fs::read_dir(&entries.folder).unwrap().count(),
            1,
            "the old are gone"
        );
    }

    #[test]
    fn writers_at_once_leave_whole_entries() {
        let (_temp, entries) = entries();
        std::thread::scope(|scope| {
            for writer in 0..4_u64 {
                let entries = &entries;
                scope.spawn(move || {
                    for round in 0..50 {
                        entries
                            .store("same", &json!([writer, round]), at(1))
                            .unwrap();
                        let found = entries.find("same", at(1)).expect("never half of one");
                        assert!(found.document.is_array());
                    }
                });
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folder_are_private_and_links_are_not_followed() {
        use std::os::unix::fs::PermissionsExt as _;
        let (temp, entries) = entries();
        entries.store("a", &json!(1), at(1)).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&entries.folder), 0o700);
        assert_eq!(mode(&entries.folder.join("a")), 0o600);
        let elsewhere = temp.path().join("elsewhere");
        std::fs::rename(entries.folder.join("a"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, entries.folder.join("a")).unwrap();
        assert_eq!(entries.find("a", at(1)), None);
    }
}
