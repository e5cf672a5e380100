//! Untracked files, within caps: regular text files alone, and an account of the others.

use std::sync::Arc;

use bstr::ByteSlice;

use super::Repository;
use super::collect::Selection;
use super::content::Reader;
use super::convert::blob_id;
use super::listing::Kind;
use super::raw::{RawChange, RawSide, Source};
use super::worktree::Untracked;
use super::worktree_file::{self, Opened};
use crate::target::{ChangeOptions, ChangesError, LeftOut, LeftOutReason, Part};

impl Repository {
    /// Reads untracked files as additions, in path order.
    pub(super) fn read_untracked(
        &self,
        untracked: &[Untracked],
        options: &ChangeOptions,
        selection: &mut Selection,
        reader: &mut Reader<'_>,
    ) -> Result<Vec<RawChange>, ChangesError> {
        let mut sum = 0;
        let mut changes = Vec::new();
        for file in untracked {
            if !selection.takes(file.path.as_ref()) {
                continue;
            }
            let read = self.read_one_untracked(file, options, sum)?;
            match read {
                Ok((content, is_executable)) => {
                    let size = content.len() as u64;
                    let mode = if is_executable { 0o100_755 } else { 0o100_644 };
                    let converter = reader.converter()?;
                    if converter
                        .diff_attribute(file.path.as_ref(), mode)
                        .is_binary(&content)
                    {
                        selection.leave_out(LeftOut {
                            path: file.path.clone(),
                            size: Some(size),
                            reason: LeftOutReason::Binary,
                        });
                        continue;
                    }
                    sum += size;
                    let (content, notes) = converter.stored_form(file.path.as_ref(), content);
                    let side = RawSide {
                        mode,
                        id: blob_id(&self.gix, &content)?,
                        source: Source::Kept(Arc::from(content)),
                    };
                    let mut change =
                        RawChange::new(Part::Untracked, file.path.clone(), None, Some(side));
                    change.notes = notes;
                    changes.push(change);
                }
                Err((size, reason)) => {
                    selection.leave_out(LeftOut {
                        path: file.path.clone(),
                        size,
                        reason,
                    });
                }
            }
        }
        Ok(changes)
    }

    /// The content of an untracked file and whether it is executable, or the reason not to show it.
    #[allow(
        clippy::type_complexity,
        reason = "the inner result is taken apart at once by its only caller"
    )]
    fn read_one_untracked(
        &self,
        file: &Untracked,
        options: &ChangeOptions,
        sum: u64,
    ) -> Result<Result<(Vec<u8>, bool), (Option<u64>, LeftOutReason)>, ChangesError> {
        let path = match file.path.to_path() {
            Ok(path) => self.root().join(path),
            Err(error) => return Ok(Err((None, LeftOutReason::Unreadable(error.to_string())))),
        };
        if file.kind == Kind::Symlink {
            return Ok(Err((None, LeftOutReason::Symlink)));
        }
        if let Kind::Special(word) = file.kind {
            return Ok(Err((None, LeftOutReason::NotRegular(word))));
        }
        if (options.secret_name)(file.path.as_ref()) {
            let size = std::fs::symlink_metadata(&path)
                .ok()
                .map(|found| found.len());
            return Ok(Err((size, LeftOutReason::SecretName)));
        }
        let cap = options.untracked_file_cap;
        let unreadable =
            |error: std::io::Error| Ok(Err((None, LeftOutReason::Unreadable(error.to_string()))));
        let (file, size) = match worktree_file::open(&path) {
            Ok(Opened::Regular(file, size)) => (file, size),
            Ok(Opened::Symlink) => return Ok(Err((None, LeftOutReason::Symlink))),
            Ok(Opened::NotRegular(word)) => {
                return Ok(Err((None, LeftOutReason::NotRegular(word))));
            }
            Ok(Opened::Missing) => return unreadable(std::io::ErrorKind::NotFound.into()),
            Err(error) => return unreadable(error),
        };
        if size > cap {
            return Ok(Err((Some(size), LeftOutReason::TooLarge { cap })));
        }
        let total = options.untracked_total_cap;
        if sum.saturating_add(size) > total {
            return Ok(Err((Some(size), LeftOutReason::SumReached { cap: total })));
        }
        let is_executable = worktree_file::is_executable(&file);
        match worktree_file::read_within(file, size, cap.min(total - sum)) {
            Ok(Some(content)) => Ok(Ok((content, is_executable))),
            Ok(None) => Ok(Err((Some(size), LeftOutReason::TooLarge { cap }))),
            Err(error) => unreadable(error),
        }
    }
}
