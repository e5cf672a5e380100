//! Whether the user trusts what a repository configures: its `.codex-review.toml` and its folder `.codex-review/`.
//!
//! Trust is given to *content*: [`RepositoryContent`] is everything that counts, with a hash over names, modes and bytes.
//! The record of the user's word lies in the user's own state, never in the repository; [`trust_state`] compares the two,
//! so that one changed byte voids it. Nothing here follows a symbolic link or opens what is no regular file: content that
//! holds such a thing cannot be trusted, because the hash would not cover what the link leads to.
//!
//! Failure policy: whatever cannot be read or understood is not trusted, with the reason.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::layer::Trust;
use super::locations::{REPOSITORY_FILE, REPOSITORY_FOLDER};
use crate::atomic_file::{self, Durability, Readers};

/// The file of a repository's state folder that records the user's trust.
pub const TRUST_FILE: &str = "trust.json";

/// More files than this are no configuration.
const MOST_FILES: usize = 1_000;
/// More bytes than this, all files together, are no configuration.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Folders nested deeper than this are refused.
const DEEPEST: usize = 16;
/// A record is a few lines.
const MOST_RECORD_BYTES: u64 = 4 * 1024;

/// Why content cannot be trusted, or trust cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Something is there that is no regular file and no folder.
    #[error("`{}` is {what}, so what it leads to could change unseen", path.display())]
    Unfit {
        /// What.
        path: PathBuf,
        /// Such as `a symbolic link`.
        what: &'static str,
    },
    /// There is more than anybody could have looked at.
    #[error("`{}` holds more than {limit}", path.display())]
    TooMuch {
        /// The folder.
        path: PathBuf,
        /// Such as `1000 files`.
        limit: String,
    },
    /// Something could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The record could not be written or removed.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The record.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The record says something that cannot be understood.
    #[error("the record `{}` is damaged", path.display())]
    Damaged {
        /// The record.
        path: PathBuf,
    },
    /// The repository configures nothing.
    #[error(
        "there is nothing to trust: the repository has neither `{REPOSITORY_FILE}` nor `{REPOSITORY_FOLDER}/`"
    )]
    Nothing,
}

impl TrustError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            TrustError::Unfit { .. } => Some("put a regular file in its place"),
            TrustError::TooMuch { .. } => Some("keep only what configures reviews in there"),
            TrustError::Damaged { .. } => Some("`codex-review trust` writes a new one"),
            TrustError::Read { .. } | TrustError::Write { .. } => {
                Some("check the permissions of this path")
            }
            TrustError::Nothing => None,
        }
    }
}

/// One file that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentFile {
    /// Its path below the root of the repository.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Everything that a repository configures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryContent {
    /// The files, by path.
    pub files: Vec<ContentFile>,
    /// The SHA-256 over all of them, in lower-case hex.
    pub hash: String,
}

impl RepositoryContent {
    /// Reads what the repository at `root` configures.
    ///
    /// # Errors
    ///
    /// When something cannot be read, is no regular file, or is more than configuration can be.
    pub fn read(root: &Path) -> Result<Self, TrustError> {
        let mut reading = Reading {
            root,
            files: Vec::new(),
            bytes: 0,
            hash: Sha256::new(),
        };
        reading.hash.update(b"codex-review trust 1\n");
        for name in [REPOSITORY_FILE, REPOSITORY_FOLDER] {
            reading.add(Path::new(name), 0)?;
        }
        let mut hash = String::new();
        for byte in reading.hash.finalize() {
            write!(hash, "{byte:02x}").expect("a String takes any text");
        }
        Ok(RepositoryContent {
            files: reading.files,
            hash,
        })
    }

    /// Whether there is nothing to trust.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

struct Reading<'a> {
    root: &'a Path,
    files: Vec<ContentFile>,
    bytes: u64,
    hash: Sha256,
}

impl Reading<'_> {
    /// Takes in a file, or everything below a folder in the order of names; what is not there is nothing.
    fn add(&mut self, relative: &Path, depth: usize) -> Result<(), TrustError> {
        let path = self.root.join(relative);
        let failed = |source| TrustError::Read {
            path: path.clone(),
            source,
        };
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if metadata.is_file() {
            return self.add_file(relative, &metadata);
        }
        if !metadata.is_dir() {
            let what = if metadata.is_symlink() {
                "a symbolic link"
            } else {
                "no regular file"
            };
            return Err(TrustError::Unfit { path, what });
        }
        if depth >= DEEPEST {
            let limit = format!("{DEEPEST} folders within each other");
            return Err(TrustError::TooMuch { path, limit });
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
            if names.len() > MOST_FILES {
                return Err(self.too_many());
            }
        }
        names.sort();
        for name in names {
            self.add(&relative.join(name), depth + 1)?;
        }
        Ok(())
    }

    fn add_file(&mut self, relative: &Path, metadata: &fs::Metadata) -> Result<(), TrustError> {
        let path = self.root.join(relative);
        let failed = |source| TrustError::Read {
            path: path.clone(),
            source,
        };
        if self.files.len() >= MOST_FILES {
            return Err(self.too_many());
        }
        let left = MOST_BYTES - self.bytes;
        let mut content = Vec::new();
        fs::File::open(&path)
            .map_err(failed)?
            .take(left + 1)
            .read_to_end(&mut content)
            .map_err(failed)?;
        let bytes = content.len() as u64;
        if bytes > left {
            return Err(TrustError::TooMuch {
                path: self.root.join(REPOSITORY_FOLDER),
                limit: format!("{MOST_BYTES} bytes"),
            });
        }
        self.bytes += bytes;
        // Lengths before contents, so that no two trees write the same stream.
        let name = relative.as_os_str().as_encoded_bytes();
        self.hash.update((name.len() as u64).to_be_bytes());
        self.hash.update(name);
        self.hash.update([u8::from(is_executable(metadata))]);
        self.hash.update(bytes.to_be_bytes());
        self.hash.update(&content);
        self.files.push(ContentFile {
            path: relative.to_owned(),
            bytes,
        });
        Ok(())
    }

    fn too_many(&self) -> TrustError {
        TrustError::TooMuch {
            path: self.root.join(REPOSITORY_FOLDER),
            limit: format!("{MOST_FILES} files"),
        }
    }
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    false
}

/// What the user said about a repository, against what it holds now.
#[derive(Debug)]
pub enum TrustState {
    /// It configures nothing.
    Nothing,
    /// The user has not said anything.
    Untrusted,
    /// The user trusts exactly this content.
    Trusted {
        /// When the user said so.
        since: String,
    },
    /// The user trusted other content: that word is void.
    Changed {
        /// When the user said so.
        since: String,
    },
    /// The content or the record is such that nothing can be trusted.
    Unfit(TrustError),
}

impl TrustState {
    /// What it means for settings.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match self {
            TrustState::Trusted { .. } => Trust::Trusted,
            TrustState::Nothing
            | TrustState::Untrusted
            | TrustState::Changed { .. }
            | TrustState::Unfit(_) => Trust::Untrusted,
        }
    }

    /// A stable word: `nothing`, `untrusted`, `trusted`, `changed` or `unfit`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            TrustState::Nothing => "nothing",
            TrustState::Untrusted => "untrusted",
            TrustState::Trusted { .. } => "trusted",
            TrustState::Changed { .. } => "changed",
            TrustState::Unfit(_) => "unfit",
        }
    }
}

/// Whether the user trusts the repository at `root`, by the record at `record`. Without a record the repository's content
/// is not even read.
#[must_use]
pub fn trust_state(root: &Path, record: &Path) -> TrustState {
    let is_there = |name: &str| fs::symlink_metadata(root.join(name)).is_ok();
    if ![REPOSITORY_FILE, REPOSITORY_FOLDER]
        .into_iter()
        .any(is_there)
    {
        return TrustState::Nothing;
    }
    let recorded = match load(record) {
        Ok(Some(recorded)) => recorded,
        Ok(None) => return TrustState::Untrusted,
        Err(error) => return TrustState::Unfit(error),
    };
    match RepositoryContent::read(root) {
        Ok(content) if content.is_empty() => TrustState::Nothing,
        Ok(content) if content.hash == recorded.sha256 => TrustState::Trusted {
            since: recorded.trusted_at,
        },
        Ok(_) => TrustState::Changed {
            since: recorded.trusted_at,
        },
        Err(error) => TrustState::Unfit(error),
    }
}

/// Records that the user trusts `content`, at the time `now`. The record's folder must exist and be the user's own.
///
/// # Errors
///
/// There is nothing to trust, or the record cannot be written.
pub fn record_trust(
    content: &RepositoryContent,
    record: &Path,
    now: &str,
) -> Result<(), TrustError> {
    if content.is_empty() {
        return Err(TrustError::Nothing);
    }
    let failed = |source| TrustError::Write {
        path: record.to_owned(),
        source,
    };
    let wire = RecordV1 {
        version: 1,
        sha256: content.hash.clone(),
        trusted_at: now.to_owned(),
    };
    let mut text = serde_json::to_string_pretty(&wire).expect("plain structs serialise");
    text.push('\n');
    let bytes = text.as_bytes();
    atomic_file::write(record, bytes, Durability::Synced, Readers::Owner).map_err(failed)
}

/// Takes the user's trust back. Returns whether there was any.
///
/// # Errors
///
/// The record cannot be removed.
pub fn revoke_trust(record: &Path) -> Result<bool, TrustError> {
    match fs::remove_file(record) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TrustError::Write {
            path: record.to_owned(),
            source,
        }),
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordV1 {
    version: u32,
    sha256: String,
    trusted_at: String,
}

fn load(record: &Path) -> Result<Option<RecordV1>, TrustError> {
    let file = match fs::File::open(record) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(TrustError::Read {
                path: record.to_owned(),
                source,
            });
        }
    };
    let mut bytes = Vec::new();
    file.take(MOST_RECORD_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|source| TrustError::Read {
            path: record.to_owned(),
            source,
        })?;
    serde_json::from_slice(&bytes)
        .ok()
        .filter(|record: &RecordV1| record.version == 1)
        .map(Some)
        .ok_or_else(|| TrustError::Damaged {
            path: record.to_owned(),
        })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Place {
        _folder: tempfile::TempDir,
        root: PathBuf,
        record: PathBuf,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository");
        fs::create_dir_all(root.join(".codex-review/strategies/mine")).unwrap();
        fs::write(root.join(".codex-review.toml"), "model = 'm'\n").unwrap();
        fs::write(
            root.join(".codex-review/strategies/mine/run.sh"),
            "#!/bin/sh\n",
        )
        .unwrap();
        Place {
            record: folder.path().join(TRUST_FILE),
            root,
            _folder: folder,
        }
    }

    impl Place {
        fn state(&self) -> &'static str {
            trust_state(&self.root, &self.record).as_str()
        }

        fn trust(&self) {
            let content = RepositoryContent::read(&self.root).unwrap();
            record_trust(&content, &self.record, "2026-01-01T00:00:00Z").unwrap();
            assert_eq!(self.state(), "trusted");
        }
    }

    /// Each change voids the trust, and undoing it brings it back.
    #[track_caller]
    fn check(change: impl Fn(&Path)) {
        let place = place();
        place.trust();
        change(&place.root);
        assert_eq!(place.state(), "changed");
    }

    #[test]
    fn any_change_to_what_counts_voids_the_trust() {
        check(|root| fs::write(root.join(".codex-review.toml"), "model = 'n'\n").unwrap());
        check(|root| fs::remove_file(root.join(".codex-review.toml")).unwrap());
        check(|root| fs::write(root.join(".codex-review/new"), "").unwrap());
        check(|root| {
            let script = root.join(".codex-review/strategies/mine/run.sh");
            fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
        });
        check(|root| {
            let strategies = root.join(".codex-review/strategies");
            fs::rename(strategies.join("mine"), strategies.join("other")).unwrap();
        });
    }

    #[test]
    fn trust_belongs_to_the_content_and_not_to_the_moment() {
        let place = place();
        assert_eq!(place.state(), "untrusted");
        place.trust();
        let file = place.root.join(".codex-review.toml");
        let before = fs::read(&file).unwrap();
        fs::write(&file, "engine = 'builtin'\n").unwrap();
        assert_eq!(place.state(), "changed");
        fs::write(&file, before).unwrap();
        assert_eq!(place.state(), "trusted");
        assert!(revoke_trust(&place.record).unwrap());
        assert!(!revoke_trust(&place.record).unwrap());
        assert_eq!(place.state(), "untrusted");
    }

    #[test]
    fn what_a_link_leads_to_is_never_trusted() {
        let place = place();
        place.trust();
        symlink("/etc/hostname", place.root.join(".codex-review/link")).unwrap();
        assert_eq!(place.state(), "unfit");
        let error = RepositoryContent::read(&place.root).unwrap_err();
        assert!(error.to_string().contains("is a symbolic link"), "{error}");
    }

    #[test]
    fn a_damaged_record_trusts_nothing_and_nothing_needs_no_trust() {
        let place = place();
        fs::write(&place.record, "{\"version\":2}").unwrap();
        assert_eq!(place.state(), "unfit");
        fs::remove_dir_all(place.root.join(".codex-review")).unwrap();
        fs::remove_file(place.root.join(".codex-review.toml")).unwrap();
        assert_eq!(place.state(), "nothing");
        let content = RepositoryContent::read(&place.root).unwrap();
        assert!(matches!(
            record_trust(&content, &place.record, "now"),
            Err(TrustError::Nothing)
        ));
    }

    #[test]
    fn more_than_configuration_can_be_is_refused() {
        let place = place();
        let big = fs::File::create(place.root.join(".codex-review/big")).unwrap();
        big.set_len(MOST_BYTES + 1).unwrap();
        assert!(matches!(
            RepositoryContent::read(&place.root),
            Err(TrustError::TooMuch { .. })
        ));
    }
}
