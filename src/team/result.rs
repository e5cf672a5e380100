//! What an agent did: its worktree as a tree, compared with the tree that it was handed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice as _};

use crate::target::{GitEnvironment, LeftOut, LeftOutReason, ObjectId, OnDisk, Repository};
use crate::worktrees::{CarryLimits, Git, Plumbing, Worktree, WorktreeError};

use super::TeamError;
use super::manifest::{Agent, Team};

/// The mode of a submodule's entry.
const GITLINK: u32 = 0o160_000;

/// What an agent did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentResult {
    /// The agent.
    pub agent: String,
    /// The files that differ from what it was handed, in path order.
    pub files: Vec<FileStat>,
    /// What is in its worktree and not compared, with the reason.
    pub left_out: Vec<LeftOut>,
    pub(super) baseline: ObjectId,
    pub(super) tree: ObjectId,
}

/// One file that an agent changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Its path.
    pub path: BString,
    /// Lines added; `None` for bytes that are no text.
    pub added: Option<u64>,
    /// Lines removed; `None` likewise.
    pub removed: Option<u64>,
    pub(super) old: Option<Entry>,
    pub(super) new: Option<Entry>,
}

/// What a tree says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mode: u32,
    pub(super) id: String,
}

impl Entry {
    pub(super) fn is_regular(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    pub(super) fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

impl FileStat {
    /// `A`, `D`, `M`, or `T` for another type of thing.
    #[must_use]
    pub fn letter(&self) -> char {
        match (&self.old, &self.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            (Some(old), Some(new)) if old.mode & 0o170_000 == new.mode & 0o170_000 => 'M',
            _ => 'T',
        }
    }
}

impl AgentResult {
    /// Lines added and removed, over all files.
    #[must_use]
    pub fn lines(&self) -> (u64, u64) {
        let sum = |side: fn(&FileStat) -> Option<u64>| self.files.iter().filter_map(side).sum();
        (sum(|file| file.added), sum(|file| file.removed))
    }
}

impl Team {
    /// What an agent did up to now. Reads its worktree, and writes to the team's own folder alone.
    ///
    /// # Errors
    ///
    /// Its worktree is gone or was never whole, or git fails.
    pub fn result(
        &self,
        git: &Git,
        repository: &Repository,
        environment: &GitEnvironment,
        agent: &Agent,
    ) -> Result<AgentResult, TeamError> {
        let Some(baseline) = agent.baseline().cloned() else {
            return Err(TeamError::Unfinished(self.name.clone()));
        };
        let worktree = Worktree::open(git, repository, &agent.worktree)?
            .ok_or_else(|| TeamError::NoWorktree(agent.name.clone()))?;
        let here = worktree.repository(environment)?;
        let uncommitted = here.uncommitted()?;
        let mut left_out = uncommitted.left_out.clone();
        let mut paths: BTreeSet<BString> = agent.carried.iter().cloned().collect();
        paths.extend(uncommitted.unmerged.iter().cloned());
        let limits = CarryLimits::default();
        for path in uncommitted.paths() {
            let is_new = uncommitted.untracked.binary_search(&path).is_ok();
            match here.on_disk(path.as_ref())? {
                OnDisk::File { size, .. } if is_new && size > limits.untracked_file_bytes => {
                    left_out.push(LeftOut {
                        path,
                        size: Some(size),
                        reason: LeftOutReason::TooLarge {
                            cap: limits.untracked_file_bytes,
                        },
                    });
                }
                _ => drop(paths.insert(path)),
            }
        }
        let plumbing = worktree.plumbing();
        if let Some(head) = here.head().filter(|head| *head != self.base) {
            let words = [
                "diff-tree",
                "-r",
                "-z",
                "--raw",
                "--no-abbrev",
                "--no-renames",
                self.base.as_hex(),
                head.as_hex(),
            ];
            let listed = git.run(&self.folder, &plumbing, &words, b"")?;
            for file in parse(&listed, b"") {
                let sides = [&file.old, &file.new];
                if sides
                    .into_iter()
                    .flatten()
                    .any(|entry| entry.mode == GITLINK)
                {
                    left_out.push(LeftOut {
                        path: file.path,
                        size: None,
                        reason: LeftOutReason::NestedRepository,
                    });
                } else {
                    paths.insert(file.path);
                }
            }
        }
        let paths: Vec<BString> = paths.into_iter().collect();
        let tree = snapshot(self, &plumbing, git, &here, &paths)?;
        let mut result = AgentResult {
            agent: agent.name.clone(),
            files: Vec::new(),
            left_out,
            baseline,
            tree,
        };
        result.files = self.compare(git, repository, &result.baseline, &result.tree)?;
        Ok(result)
    }

    /// The patch of what an agent did, as git prints it.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn patch(
        &self,
        git: &Git,
        repository: &Repository,
        result: &AgentResult,
    ) -> Result<Vec<u8>, TeamError> {
        let words = [
            "diff-tree",
            "-r",
            "-p",
            "-M",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            result.baseline.as_hex(),
            result.tree.as_hex(),
        ];
        Ok(git.run(&self.folder, &self.reading(repository), &words, b"")?)
    }

    /// What git works on where no working tree matters: the team's objects and the repository's.
    pub(super) fn reading(&self, repository: &Repository) -> Plumbing {
        Plumbing {
            git_dir: repository.common_dir(),
            objects: Some(self.object_folders(repository)),
            ..Plumbing::default()
        }
    }

    fn object_folders(&self, repository: &Repository) -> (PathBuf, PathBuf) {
        (self.objects(), repository.common_dir().join("objects"))
    }

    /// The files that differ between two trees, in path order.
    pub(super) fn compare(
        &self,
        git: &Git,
        repository: &Repository,
        old: &ObjectId,
        new: &ObjectId,
    ) -> Result<Vec<FileStat>, TeamError> {
        let mut words = vec!["diff-tree", "-r", "-z", "--no-renames", "--raw"];
        words.extend([old.as_hex(), new.as_hex()]);
        let plumbing = self.reading(repository);
        let raw = git.run(&self.folder, &plumbing, &words, b"")?;
        words[4] = "--numstat";
        words.extend(["--no-ext-diff", "--no-textconv"]);
        let counts = git.run(&self.folder, &plumbing, &words, b"")?;
        Ok(parse(&raw, &counts))
    }
}

/// The worktree that `plumbing` works on, as a tree: the team's base with the state of `paths` on disk. `here` is the same
/// worktree, to look at.
pub(super) fn snapshot(
    team: &Team,
    plumbing: &Plumbing,
    git: &Git,
    here: &Repository,
    paths: &[BString],
) -> Result<ObjectId, TeamError> {
    tree_with(team, plumbing, git, here, team.base.as_hex(), paths)
}

/// `tree` with the state of `paths` on disk.
pub(super) fn tree_with(
    team: &Team,
    plumbing: &Plumbing,
    git: &Git,
    here: &Repository,
    tree: &str,
    paths: &[BString],
) -> Result<ObjectId, TeamError> {
    let room = tempfile::Builder::new()
        .prefix(crate::atomic_file::NEW_FILE_PREFIX)
        .tempdir_in(&team.folder)
        .map_err(TeamError::io("write", &team.folder))?;
    let plumbing = Plumbing {
        index: Some(room.path().join("index")),
        objects: Some(team.object_folders(here)),
        ..plumbing.clone()
    };
    let run = |words: &[&str], input: &[u8]| git.run(&team.folder, &plumbing, words, input);
    run(&["read-tree", tree], b"")?;
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    let nothing = "0".repeat(team.base.as_hex().len());
    for path in paths {
        if is_there(here, path.as_ref())? {
            present.extend_from_slice(path);
            present.push(0);
        } else {
            gone.extend_from_slice(format!("0 {nothing}\t").as_bytes());
            gone.extend_from_slice(path);
            gone.push(0);
        }
    }
    if !gone.is_empty() {
        run(&["update-index", "-z", "--index-info"], &gone)?;
    }
    if !present.is_empty() {
        let words = [
            "update-index",
            "-z",
            "--add",
            "--remove",
            "--replace",
            "--stdin",
        ];
        run(&words, &present)?;
    }
    let written = run(&["write-tree", "--missing-ok"], b"")?;
    let id = written.trim().to_str().ok().and_then(ObjectId::from_hex);
    id.ok_or_else(|| {
        TeamError::Worktree(WorktreeError::Git {
            what: "write-tree".to_owned(),
            said: "it named no tree".to_owned(),
        })
    })
}

/// Whether a file or link is at a path, with nothing but real folders above it.
fn is_there(here: &Repository, path: &BStr) -> Result<bool, TeamError> {
    if !folders_are_real(here.root(), path) {
        return Ok(false);
    }
    Ok(matches!(
        here.on_disk(path)?,
        OnDisk::File { .. } | OnDisk::Symlink(_)
    ))
}

/// Whether every folder above a path is one, or missing with all below it: no link and no file.
pub(super) fn folders_are_real(root: &Path, path: &BStr) -> bool {
    let Ok(relative) = path.to_path() else {
        return false;
    };
    let mut folder = root.to_owned();
    for part in relative.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match std::fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return false,
            Err(_) => return true,
        }
    }
    true
}

/// Reads `--raw -z` and `--numstat -z`.
fn parse(raw: &[u8], counts: &[u8]) -> Vec<FileStat> {
    let mut files = Vec::new();
    let mut fields = raw.split(|&byte| byte == 0);
    while let (Some(facts), Some(path)) = (fields.next(), fields.next()) {
        let facts = facts.to_str_lossy();
        let mut words = facts.trim_start_matches(':').split(' ');
        let mut mode = || u32::from_str_radix(words.next().unwrap_or("0"), 8).unwrap_or(0);
        let (old_mode, new_mode) = (mode(), mode());
        let mut id = || words.next().unwrap_or_default().to_owned();
        let (old_id, new_id) = (id(), id());
        let entry = |mode, id| (mode != 0).then_some(Entry { mode, id });
        files.push(FileStat {
            path: BString::from(path),
            added: None,
            removed: None,
            old: entry(old_mode, old_id),
            new: entry(new_mode, new_id),
        });
    }
    for line in counts.split(|&byte| byte == 0) {
        let mut fields = line.splitn(3, |&byte| byte == b'\t');
        let (Some(added), Some(removed), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let number = |text: &[u8]| text.to_str().ok().and_then(|text| text.parse().ok());
        if let Ok(at) = files.binary_search_by(|file| file.path.as_bytes().cmp(path)) {
            files[at].added = number(added);
            files[at].removed = number(removed);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_lists_is_read_whatever_the_names_hold() {
        let raw = b":100644 100755 aaa bbb M\0a b\n\tc\0:000000 120000 000 ccc A\0d\xff\0:100644 000000 ddd 000 D\0e\0";
        let counts = b"3\t1\ta b\n\tc\0-\t-\td\xff\x000\t7\te\0";
        let files = parse(raw, counts);
        let shown: Vec<_> = files
            .iter()
            .map(|file| {
                (
                    file.letter(),
                    file.path.as_bytes(),
                    file.added,
                    file.removed,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ('M', &b"a b\n\tc"[..], Some(3), Some(1)),
                ('A', b"d\xff", None, None),
                ('D', b"e", Some(0), Some(7)),
            ]
        );
        assert!(files[0].new.as_ref().unwrap().is_executable());
        assert_eq!(parse(b"", b""), []);
    }
}
