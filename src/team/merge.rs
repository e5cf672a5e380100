//! Three-way merge of one file, by git.

use std::path::Path;

use bstr::ByteSlice as _;

use crate::target::Repository;
use crate::worktrees::Git;

use super::result::Entry;
use super::{Team, TeamError};

/// Merges what an agent made of `base` into the file at `own`, the user's. `None` where they meet, or are no text.
pub(super) fn merged(
    team: &Team,
    git: &Git,
    repository: &Repository,
    base: &Entry,
    own: &Entry,
    theirs: &Entry,
) -> Result<Option<Vec<u8>>, TeamError> {
    let room = tempfile::Builder::new()
        .prefix(crate::atomic_file::NEW_FILE_PREFIX)
        .tempdir_in(&team.folder)
        .map_err(TeamError::io("write", &team.folder))?;
    let plumbing = team.reading(repository);
    let put = |name: &str, entry: &Entry| -> Result<String, TeamError> {
        let content = git.run(
            &team.folder,
            &plumbing,
            &["cat-file", "blob", &entry.id],
            b"",
        )?;
        let path = room.path().join(name);
        std::fs::write(&path, content).map_err(TeamError::io("write", &path))?;
        Ok(path.to_string_lossy().into_owned())
    };
    let (own, base, theirs) = (put("own", own)?, put("base", base)?, put("theirs", theirs)?);
    let words = ["merge-file", "--stdout", "--quiet", &own, &base, &theirs];
    // Its exit status is the number of conflicts, or a failure such as for bytes that are no text.
    Ok(git.run(&team.folder, &plumbing, &words, b"").ok())
}

/// Line ends as the user's file has them: git stores text with LF where attributes or the configuration say so.
pub(super) fn with_line_ends_of(stored: &[u8], on_disk: &[u8], merged: Vec<u8>) -> Vec<u8> {
    let was_converted = stored != on_disk && on_disk.replace("\r\n", "\n") == stored;
    if was_converted {
        merged.replace("\n", "\r\n")
    } else {
        merged
    }
}

/// The content of a stored file.
pub(super) fn content(
    team: &Team,
    git: &Git,
    repository: &Repository,
    entry: &Entry,
) -> Result<Vec<u8>, TeamError> {
    let plumbing = team.reading(repository);
    Ok(git.run(
        &team.folder,
        &plumbing,
        &["cat-file", "blob", &entry.id],
        b"",
    )?)
}

/// Reads a file of the user's that is about to be replaced.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TeamError> {
    std::fs::read(path).map_err(TeamError::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_text_has_the_line_ends_that_the_file_had() {
        let merged = || b"a\nb\nc\n".to_vec();
        let check = |stored: &[u8], on_disk: &[u8], expected: &[u8]| {
            assert_eq!(with_line_ends_of(stored, on_disk, merged()), expected);
        };
        check(b"a\nb\n", b"a\nb\n", b"a\nb\nc\n");
        check(b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n");
        // Stored with them: they are in the merged text already, where they belong.
        check(b"a\r\nb\r\n", b"a\r\nb\r\n", b"a\nb\nc\n");
    }
}
