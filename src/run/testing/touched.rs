//! What the engine touched: the worktree after its turn, compared with the worktree before it.
//!
//! Both are read in process, by the worktree's own registration and index; what the turn wrote into the folder is content
//! and never configuration.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice as _};

use super::site::failed;
use crate::context::describe_left_out;
use crate::review::{NotJudged, NotJudgedReason};
use crate::suites::{FileState, Refusal, Refused, Touched};
use crate::target::{
    ChangeOptions, ChangeSet, IgnoreSource, LeftOut, ObjectId, Repository, Select, Side, Status,
    TargetSpec,
};

/// A larger file is no test that anybody wrote.
const MOST_FILE_BYTES: u64 = 256 * 1024;
/// The most bytes of changed files that are held from before the turn.
const MOST_HELD_BYTES: u64 = 64 << 20;
/// The most files that are named one by one as refused before they are looked at.
const MOST_NAMED: usize = 200;

/// A file that differs from the commit.
#[derive(Debug)]
struct Entry {
    new: Option<Side>,
    /// As the commit has it.
    committed: Option<Side>,
    moved_from: Option<BString>,
    content: Option<Vec<u8>>,
}

/// A worktree at one moment.
#[derive(Debug)]
pub(super) struct Picture {
    commit: ObjectId,
    entries: BTreeMap<BString, Entry>,
    left_out: Vec<LeftOut>,
    left_out_more: usize,
}

/// Looks at a worktree.
///
/// # Errors
///
/// It cannot be read, or its HEAD is not `commit`.
pub(super) fn picture(worktree: &Repository, commit: &ObjectId) -> Result<Picture, NotJudged> {
    if worktree.head().as_ref() != Some(commit) {
        return Err(NotJudged {
            reason: NotJudgedReason::TurnFailed,
            detail: "the worktree is not at its commit any more, so what was changed in it cannot be told"
                .to_owned(),
        });
    }
    let unreadable = |error: &dyn std::error::Error| failed("the worktree cannot be read", error);
    let target = worktree
        .resolve(&TargetSpec::of(Select::WorkingTree))
        .map_err(|error| unreadable(&error))?;
    let options = ChangeOptions {
        untracked_file_cap: MOST_FILE_BYTES,
        untracked_total_cap: MOST_HELD_BYTES,
        left_out_limit: MOST_NAMED,
        review_ignore: IgnoreSource::Nothing,
        ..ChangeOptions::default()
    };
    let changes = worktree
        .changes(&target, &options)
        .map_err(|error| unreadable(&error))?;
    let entries = entries(&changes);
    Ok(Picture {
        commit: commit.clone(),
        entries,
        left_out: changes.left_out,
        left_out_more: changes.left_out_more,
    })
}

fn entries(changes: &ChangeSet) -> BTreeMap<BString, Entry> {
    let mut entries: BTreeMap<BString, Entry> = BTreeMap::new();
    let mut held = 0;
    for (index, file) in changes.files.iter().enumerate() {
        let size = file.new.as_ref().and_then(|side| side.size).unwrap_or(0);
        // What cannot be read is a file without content, which is refused if it was touched.
        let content = if held + size > MOST_HELD_BYTES {
            None
        } else {
            changes.new_content(index, MOST_FILE_BYTES).ok().flatten()
        };
        held += content.as_ref().map_or(0, |content| content.len() as u64);
        let moved_from = match file.status {
            Status::Renamed { .. } => file.old_path.clone(),
            _ => None,
        };
        // A file that is staged and changed again has its old side from the one and its new side from the other.
        let earlier = entries.remove(&file.path);
        let committed = match &earlier {
            Some(earlier) => earlier.committed.clone(),
            None if moved_from.is_some() => None,
            None => file.old.clone(),
        };
        entries.insert(
            file.path.clone(),
            Entry {
                new: file.new.clone(),
                committed,
                moved_from: moved_from.or_else(|| earlier.and_then(|earlier| earlier.moved_from)),
                content,
            },
        );
    }
    entries
}

/// What differs between two pictures of one worktree: files to judge, and files that are refused unseen.
pub(super) fn touched(
    worktree: &Repository,
    before: &Picture,
    after: &Picture,
) -> (Vec<Touched>, Vec<Refused>) {
    let committed = |path: &BStr, side: &Option<Side>| -> Option<FileState> {
        let side = side.as_ref()?;
        let is_small = side.size.is_some_and(|size| size <= MOST_FILE_BYTES);
        let content = is_small
            .then(|| worktree.file_at(&before.commit, path).ok().flatten())
            .flatten();
        Some(FileState {
            mode: side.mode,
            content,
        })
    };
    let state = |entry: &Entry| -> Option<FileState> {
        Some(FileState {
            mode: entry.new.as_ref()?.mode,
            content: entry.content.clone(),
        })
    };
    let same = |one: &Option<Side>, other: &Option<Side>| match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.mode == other.mode && one.id == other.id,
        _ => false,
    };
    let mut found = Vec::new();
    let paths: std::collections::BTreeSet<&BString> =
        before.entries.keys().chain(after.entries.keys()).collect();
    for path in paths {
        let (old, new) = (before.entries.get(path), after.entries.get(path));
        let touched = match (old, new) {
            (Some(old), Some(new)) if same(&old.new, &new.new) => continue,
            (Some(old), Some(new)) => Touched {
                path: path.clone(),
                moved_from: None,
                before: state(old),
                after: state(new),
            },
            (None, Some(new)) => Touched {
                path: path.clone(),
                moved_from: new.moved_from.clone(),
                before: committed(path.as_bstr(), &new.committed),
                after: state(new),
            },
            (Some(old), None) => Touched {
                path: path.clone(),
                moved_from: None,
                before: state(old),
                after: committed(path.as_bstr(), &old.committed),
            },
            (None, None) => continue,
        };
        found.push(touched);
    }
    let known = |left_out: &LeftOut| {
        before
            .left_out
            .iter()
            .any(|other| other.path == left_out.path && other.size == left_out.size)
    };
    let mut refused: Vec<Refused> = after
        .left_out
        .iter()
        .filter(|left_out| !known(left_out))
        .map(|left_out| Refused {
            path: left_out.path.clone(),
            word: "added",
            why: Refusal::LeftOut(describe_left_out(&left_out.reason)),
        })
        .collect();
    if after.left_out_more > before.left_out_more {
        refused.push(Refused {
            path: "…".into(),
            word: "added",
            why: Refusal::LeftOut(format!(
                "{} more files that are not looked at",
                after.left_out_more - before.left_out_more
            )),
        });
    }
    (found, refused)
}
