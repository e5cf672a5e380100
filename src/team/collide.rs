//! Files that several agents changed, and whether what they did there meets.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice as _};

use crate::target::Repository;
use crate::worktrees::Git;

use super::result::FileStat;
use super::{AgentResult, Team, TeamError};

/// A file that several agents changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The file.
    pub path: BString,
    /// The agents.
    pub agents: Vec<String>,
    /// What their changes are to one another.
    pub meeting: Meeting,
}

/// What changes to one file are to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// They are the same.
    Same,
    /// They are in different places: one can be applied after the other.
    Apart,
    /// Some lie on or beside another, or cannot be told apart by lines.
    Overlap,
}

impl Meeting {
    /// A word for tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Meeting::Same => "same",
            Meeting::Apart => "apart",
            Meeting::Overlap => "overlap",
        }
    }
}

/// Where a change is, between the lines of the old file: from behind this many lines to behind that many.
type Place = (u64, u64);

/// The files that several of `results` changed, in path order.
///
/// # Errors
///
/// git fails.
pub fn collisions(
    team: &Team,
    git: &Git,
    repository: &Repository,
    results: &[AgentResult],
) -> Result<Vec<Collision>, TeamError> {
    let mut by_path: BTreeMap<&BString, Vec<(&str, &FileStat)>> = BTreeMap::new();
    for result in results {
        for file in &result.files {
            by_path
                .entry(&file.path)
                .or_default()
                .push((&result.agent, file));
        }
    }
    let mut found = Vec::new();
    for (path, changes) in by_path {
        let [(_, first), others @ ..] = changes.as_slice() else {
            continue;
        };
        if others.is_empty() {
            continue;
        }
        let meeting = if others.iter().all(|(_, file)| file.new == first.new) {
            Meeting::Same
        } else {
            let files: Vec<&FileStat> = changes.iter().map(|(_, file)| *file).collect();
            meet(team, git, repository, &files)?
        };
        found.push(Collision {
            path: path.clone(),
            agents: changes.iter().map(|(name, _)| (*name).to_owned()).collect(),
            meeting,
        });
    }
    Ok(found)
}

fn meet(
    team: &Team,
    git: &Git,
    repository: &Repository,
    files: &[&FileStat],
) -> Result<Meeting, TeamError> {
    let mut all: Vec<Vec<Place>> = Vec::new();
    for file in files {
        let (Some(old), Some(new)) = (&file.old, &file.new) else {
            return Ok(Meeting::Overlap);
        };
        let is_comparable = old.is_regular() && new.is_regular() && files[0].old == file.old;
        if !is_comparable {
            return Ok(Meeting::Overlap);
        }
        let words = [
            "diff",
            "--unified=0",
            "--inter-hunk-context=0",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            &old.id,
            &new.id,
        ];
        let patch = git.run(&team.folder, &team.reading(repository), &words, b"")?;
        let places = places(&patch);
        let is_other_content = old.id != new.id;
        if is_other_content && places.is_empty() {
            return Ok(Meeting::Overlap);
        }
        all.push(places);
    }
    let apart = all.iter().enumerate().all(|(at, one)| {
        all[..at].iter().all(|other| {
            one.iter()
                .all(|one| !other.iter().any(|other| touch(*one, *other)))
        })
    });
    Ok(if apart {
        Meeting::Apart
    } else {
        Meeting::Overlap
    })
}

/// Changes that lie side by side count: git does not merge them either.
fn touch(one: Place, other: Place) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

/// The places of a patch without context.
fn places(patch: &[u8]) -> Vec<Place> {
    patch
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(b"@@ -")?;
            let range = rest.split(|&byte| byte == b' ').next()?.to_str().ok()?;
            let (start, count) = match range.split_once(',') {
                Some((start, count)) => (start.parse::<u64>().ok()?, count.parse::<u64>().ok()?),
                None => (range.parse::<u64>().ok()?, 1),
            };
            // Nothing removed: the number is that of the line before.
            Some(match count {
                0 => (start, start),
                count => (start.saturating_sub(1), start.saturating_sub(1) + count),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_hunks_alone() {
        let patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -3 +3 @@ fn x\n-a\n+b\n@@ -5,0 +6,2 @@\n+c\n+@@ -9,9 +9 @@\n@@ -8,2 +10,0 @@\n";
        assert_eq!(places(patch), [(2, 3), (5, 5), (7, 9)]);
        assert_eq!(places(b"Binary files differ\n"), []);
    }

    #[test]
    fn changes_side_by_side_meet_and_others_do_not() {
        for (one, other, expected) in [
            ((2, 3), (3, 4), true),
            ((2, 3), (4, 5), false),
            ((5, 5), (5, 5), true),
            ((5, 5), (4, 6), true),
            ((5, 5), (6, 7), false),
            ((0, 10), (3, 4), true),
        ] {
            assert_eq!(touch(one, other), expected, "{one:?} {other:?}");
            assert_eq!(touch(other, one), expected, "{other:?} {one:?}");
        }
    }
}
