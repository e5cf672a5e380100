//! A file that is either the old or the new one, never half of each.
//!
//! Everything that this program replaces whole is written here: records, memories, settings, reports. The new text goes
//! into a file beside the place, which then takes the name. Whoever reads sees one of the two; what a crash leaves behind
//! is a file whose name begins with [`NEW_FILE_PREFIX`] in folders of the program's own, and says whose it is elsewhere.

use std::io::{self, Write as _};
use std::path::Path;

/// Whether a write must survive a power cut before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is flushed to the disk before it takes its name.
    Synced,
    /// The system writes it when it likes; what is lost can be made again.
    Derived,
}

/// Who may read the new file. On Windows files take the permissions of their folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// The user alone: state of the program's own.
    Owner,
    /// Whoever the process's mask lets read new files.
    Mask,
    /// Whoever may read the file that is there; for a new one as [`Readers::Mask`].
    AsBefore,
}

/// What a file in a folder of the program's own is called until it takes its name.
pub const NEW_FILE_PREFIX: &str = ".new-";
/// The same in folders that people look into.
const PREFIX_AMONG_OTHERS: &str = ".codex-review-";

/// Replaces the file at `path`, or makes it. A symbolic link there is replaced, not followed. The folder has to be there.
///
/// # Errors
///
/// The folder cannot be written, or the disk is full; what was there is as it was.
pub fn write(
    path: &Path,
    bytes: &[u8],
    durability: Durability,
    readers: Readers,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(match readers {
        Readers::Owner => NEW_FILE_PREFIX,
        Readers::Mask | Readers::AsBefore => PREFIX_AMONG_OTHERS,
    });
    imp::let_read(&mut builder, readers);
    let mut file = builder.tempfile_in(folder)?;
    if readers == Readers::AsBefore {
        match std::fs::metadata(path) {
            Ok(before) => file.as_file().set_permissions(before.permissions())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    file.write_all(bytes)?;
    if durability == Durability::Synced {
        file.as_file().sync_data()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
mod imp {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::Readers;

    pub(super) fn let_read(builder: &mut tempfile::Builder<'_, '_>, readers: Readers) {
        match readers {
            Readers::Owner => {}
            Readers::Mask | Readers::AsBefore => {
                builder.permissions(Permissions::from_mode(0o666));
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use super::Readers;

    pub(super) fn let_read(_builder: &mut tempfile::Builder<'_, '_>, _readers: Readers) {}
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_has_the_readers_that_it_is_to_have_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let put = |text: &str, readers| {
            write(&path, text.as_bytes(), Durability::Derived, readers).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            mode()
        };
        assert_eq!(put("1", Readers::Owner), 0o600);
        // The mask is the process's own business; it leaves the owner in.
        assert_eq!(put("2", Readers::Mask) & 0o600, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(put("3", Readers::AsBefore), 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_what_it_led_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("link"), folder.path().join("other"));
        std::fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        write(&path, b"ours", Durability::Synced, Readers::Owner).unwrap();
        assert!(!path.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "theirs");
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        write(&path, b"x", Durability::Derived, Readers::Owner).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
