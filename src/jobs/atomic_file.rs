//! A file that is either the old or the new one, never half of each.

use std::io::{self, Write as _};
use std::path::Path;

/// Whether a write must survive a power cut before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It is flushed to the disk before it takes its name.
    Synced,
    /// The system writes it when it likes; what is lost can be derived again.
    Derived,
}

/// What a file that is being written is called until it takes its name.
pub(crate) const NEW_FILE_PREFIX: &str = ".new-";

/// Writes a file beside its place and renames it there. Mode 0600.
pub(crate) fn write(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let folder = path
        .parent()
        .expect("a path below a state folder has a parent");
    let mut file = tempfile::Builder::new()
        .prefix(NEW_FILE_PREFIX)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    if durability == Durability::Synced {
        file.as_file().sync_data()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
