//! What a user typed behind a slash command, kept byte for byte until the command takes it up.
//!
//! Two kinds of small files in one private folder: a *slot* for each session and kind of command, written by the hook that
//! sees the typed text and taken once by the estimate; and a *request*, which that estimate stores and whose id whoever
//! runs the command carries instead of the text. Nothing here looks into the text. Old requests go when new ones come.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

/// The longest text that is kept.
pub const MAX_ARGUMENT_BYTES: usize = 4 * 1024 * 1024;
/// A request that nobody has run for so long is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
const KEPT_FILES: usize = 200;
const MAX_ID_BYTES: usize = 64;

/// Why typed arguments cannot be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentsError {
    /// Longer than [`MAX_ARGUMENT_BYTES`].
    #[error("the arguments are longer than {MAX_ARGUMENT_BYTES} bytes")]
    TooLong,
    /// No such request, or one of another command.
    #[error("there is no stored request `{id}` of `{kind}`")]
    Unknown {
        /// What was asked for.
        id: String,
        /// The command that it was to be of.
        kind: String,
    },
    /// The folder or a file in it.
    #[error("cannot use `{path}`", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The folder of kept arguments.
#[derive(Debug, Clone)]
pub struct TypedArguments {
    folder: PathBuf,
}

impl TypedArguments {
    /// The arguments kept below a state root.
    #[must_use]
    pub fn below(state_root: &Path) -> Self {
        TypedArguments {
            folder: state_root.join("arguments"),
        }
    }

    /// Keeps what a session typed behind the command `kind`, instead of what it typed before.
    ///
    /// # Errors
    ///
    /// The text is too long, or the folder cannot be written.
    pub fn put(&self, session: &str, kind: &str, text: &str) -> Result<(), ArgumentsError> {
        self.write(&slot(session, kind), text)
    }

    /// Takes what a session typed behind the command `kind`; `None` when there is nothing, or it was taken already.
    ///
    /// # Errors
    ///
    /// The file cannot be read or removed: text that may be of an earlier command is not handed out.
    pub fn take(&self, session: &str, kind: &str) -> Result<Option<String>, ArgumentsError> {
        let path = self.folder.join(slot(session, kind));
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        std::fs::remove_file(&path).map_err(|source| ArgumentsError::Io { path, source })?;
        Ok(Some(text))
    }

    /// Stores a request and returns its id. `random` makes the id one that nobody can guess.
    ///
    /// # Errors
    ///
    /// The text is too long, or the folder cannot be written.
    pub fn store(
        &self,
        kind: &str,
        text: &str,
        random: u64,
        now: SystemTime,
    ) -> Result<String, ArgumentsError> {
        self.forget_old(now);
        let id = format!("request-{random:016x}");
        self.write(&id, &format!("{kind}\n{text}"))?;
        Ok(id)
    }

    /// The text of a stored request. It stays: a command may be run again.
    ///
    /// # Errors
    ///
    /// There is none by that id, it is of another command, or it cannot be read.
    pub fn stored(&self, id: &str, kind: &str) -> Result<String, ArgumentsError> {
        let unknown = || ArgumentsError::Unknown {
            id: id.chars().take(MAX_ID_BYTES).collect(),
            kind: kind.to_owned(),
        };
        // An id names a file: it may hold nothing that a path gives a meaning.
        let is_id = id.len() <= MAX_ID_BYTES
            && id.starts_with("request-")
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_id {
            return Err(unknown());
        }
        let text = read(&self.folder.join(id))?.ok_or_else(unknown)?;
        match text.split_once('\n') {
            Some((stored_kind, text)) if stored_kind == kind => Ok(text.to_owned()),
            _ => Err(unknown()),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), ArgumentsError> {
        if text.len() > MAX_ARGUMENT_BYTES {
            return Err(ArgumentsError::TooLong);
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ArgumentsError::Io { path, source }
        };
        std::fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        // A temporary file is its owner's alone, and stays so when it is renamed.
        let mut file =
            tempfile::NamedTempFile::new_in(&self.folder).map_err(failed(&self.folder))?;
        let path = self.folder.join(name);
        file.write_all(text.as_bytes()).map_err(failed(&path))?;
        file.persist(&path)
            .map_err(|error| failed(&path)(error.error))?;
        Ok(())
    }

    /// Removes what is older than its time, and the oldest above the bound. Best effort: what stays costs only space.
    fn forget_old(&self, now: SystemTime) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let mut files: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        for (at, (written, path)) in files.iter().enumerate() {
            let age = now.duration_since(*written).unwrap_or_default();
            if at + 1 >= KEPT_FILES || age > KEPT_FOR {
                // Another session may be faster.
                drop(std::fs::remove_file(path));
            }
        }
    }
}

/// The name of a slot: neither a session's id nor a kind is trusted to be a file name.
fn slot(session: &str, kind: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(session);
    digest.update([0]);
    digest.update(kind);
    let hex: String = digest
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("typed-{hex}")
}

fn read(path: &Path) -> Result<Option<String>, ArgumentsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ArgumentsError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_is_taken_once_and_by_its_own_session_and_command() {
        let folder = tempfile::tempdir().unwrap();
        let typed = TypedArguments::below(folder.path());
        let text = " it's \"q\" $(x) `y`; a != b\\\r\n\u{a0}```";
        typed.put("s", "review", text).unwrap();
        assert_eq!(typed.take("s", "task").unwrap(), None);
        assert_eq!(typed.take("other", "review").unwrap(), None);
        assert_eq!(typed.take("s", "review").unwrap().as_deref(), Some(text));
        assert_eq!(typed.take("s", "review").unwrap(), None);
    }

    #[test]
    fn a_request_is_found_by_its_id_and_its_kind_and_by_no_path() {
        let folder = tempfile::tempdir().unwrap();
        let typed = TypedArguments::below(folder.path());
        let id = typed.store("task", "a\nb", 7, SystemTime::now()).unwrap();
        assert_eq!(typed.stored(&id, "task").unwrap(), "a\nb");
        for (id, kind) in [
            (id.as_str(), "review"),
            ("request-../x", "task"),
            ("", "task"),
        ] {
            assert!(typed.stored(id, kind).is_err(), "{id} {kind}");
        }
    }

    #[test]
    fn requests_do_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        let typed = TypedArguments::below(folder.path());
        for n in 0..300 {
            typed.store("task", "x", n, SystemTime::now()).unwrap();
        }
        let kept = std::fs::read_dir(folder.path().join("arguments")).unwrap();
        assert_eq!(kept.count(), KEPT_FILES);
        let later = SystemTime::now() + 2 * KEPT_FOR;
        let id = typed.store("task", "x", 1000, later).unwrap();
        assert!(typed.stored(&id, "task").is_ok());
        let kept = std::fs::read_dir(folder.path().join("arguments")).unwrap();
        assert_eq!(kept.count(), 1);
    }
}
