//! Why something could not be stored.

use std::path::PathBuf;

use crate::jobs::StateDirError;

/// Something could not be stored. Reading has no errors.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The store's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] StateDirError),
    /// The entry is larger than the store takes.
    #[error("an entry of {size} bytes is more than the {most} that are kept")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The bound in bytes.
        most: usize,
    },
    /// The entry's file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
