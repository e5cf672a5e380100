//! From a [`TargetSpec`](super::TargetSpec) to object ids: done once, before anything else runs.

use std::sync::Arc;

use super::given_patch::{AppliedPatch, GivenPatch};
use super::{ObjectId, TargetSpec};

/// What kind of target was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Staged, unstaged and untracked changes.
    WorkingTree,
    /// The index against HEAD.
    Staged,
    /// HEAD against the merge base with a base.
    Branch,
    /// One commit.
    Commit,
    /// A range of two revisions.
    Range,
    /// A patch that is not applied.
    Patch,
}

impl Mode {
    /// The word that JSON uses (`working-tree`, `staged`, `branch`, `commit`, `range`, `patch`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::WorkingTree => "working-tree",
            Mode::Staged => "staged",
            Mode::Branch => "branch",
            Mode::Commit => "commit",
            Mode::Range => "range",
            Mode::Patch => "patch",
        }
    }
}

/// One side of a comparison, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Nothing at all: the old side of a root commit or of an unborn branch.
    EmptyTree,
    /// A commit.
    Commit(ObjectId),
    /// The index as it was read.
    Index,
    /// The files in the working tree, untracked ones included.
    WorkTree,
    /// The other side with a patch, which is nowhere but in memory.
    Patched(Arc<PatchedSide>),
}

/// The new side of a patch that is not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchedSide {
    /// The patch as it was given.
    pub patch: GivenPatch,
    /// What it makes of the old side.
    pub applied: AppliedPatch,
}

/// The base that a branch is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChoice {
    /// The name, as given or detected, such as `origin/main`.
    pub name: String,
    /// The commit it pointed at.
    pub commit: ObjectId,
    /// The merge base with the new side: what is really compared.
    pub merge_base: ObjectId,
    /// The local or remote-tracking twin that was not taken, if there is one.
    pub twin: Option<Twin>,
}

impl BaseChoice {
    /// Which commit is really compared and how far behind the twin is, as a fragment for people.
    #[must_use]
    pub fn note(&self) -> String {
        let mut note = format!("compared with the merge base {}", self.merge_base.short());
        if self.merge_base != self.commit {
            note.push_str(&format!(", {} being at {}", self.name, self.commit.short()));
        }
        if let Some(twin) = &self.twin {
            note.push_str(&format!("; {}", twin.note()));
        }
        note
    }
}

/// The other of a local branch and its remote-tracking branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Its name.
    pub name: String,
    /// How many commits it lacks of the base that was taken.
    pub behind: u32,
}

impl Twin {
    /// Why it was not taken, such as `` `main` is 3 commits behind ``.
    #[must_use]
    pub fn note(&self) -> String {
        let Twin { name, behind } = self;
        match behind {
            0 => format!("`{name}` has the same commits"),
            1 => format!("`{name}` is 1 commit behind"),
            _ => format!("`{name}` is {behind} commits behind"),
        }
    }
}

/// What is under review, pinned to object ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedTarget {
    /// What was asked for.
    pub spec: TargetSpec,
    /// What it came to.
    pub mode: Mode,
    /// Whether the user chose the target, rather than the tiers.
    pub explicit: bool,
    /// For people, such as `working tree diff` or `branch diff against origin/main`.
    pub label: String,
    /// The old side.
    pub old: Endpoint,
    /// The new side.
    pub new: Endpoint,
    /// The base, for [`Mode::Branch`] (and a three-dot range).
    pub base: Option<BaseChoice>,
    /// The commit that HEAD pointed at; `None` on an unborn branch.
    pub head: Option<ObjectId>,
    /// The branch that HEAD names; `None` when detached.
    pub branch: Option<String>,
}

/// Why a target could not be resolved. Always fatal: a lost target is never replaced by another one.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No such branch, tag, commit or expression.
    #[error("unknown revision `{spec}`")]
    UnknownRevision {
        /// As given.
        spec: String,
        /// Names that look alike, nearest first.
        candidates: Vec<String>,
    },
    /// An abbreviated id that fits several objects.
    #[error("ambiguous revision `{spec}`")]
    AmbiguousRevision {
        /// As given.
        spec: String,
        /// The ids that it fits, as far as they are known, each with its kind.
        candidates: Vec<String>,
    },
    /// The revision exists and is no commit.
    #[error("`{spec}` is a {kind}, not a commit")]
    NotACommit {
        /// As given.
        spec: String,
        /// `tree` or `blob`.
        kind: String,
    },
    /// HEAD names a branch without commits, and the target needs one.
    #[error("branch `{branch}` has no commits yet")]
    Unborn {
        /// The branch.
        branch: String,
    },
    /// The target needs files, and the repository has none.
    #[error("this is a bare repository: it has no working tree to review")]
    Bare,
    /// No remote HEAD, and neither main, master nor trunk, local or remote.
    #[error("no default branch was found to compare with")]
    NoDefaultBranch,
    /// The histories share nothing.
    #[error("`{old}` and `{new}` have no commit in common")]
    NoMergeBase {
        /// The base.
        old: String,
        /// The new side.
        new: String,
    },
    /// The histories may share something that this clone does not have.
    #[error("no common commit of `{old}` and `{new}` is in this shallow clone")]
    ShallowHidesBase {
        /// The base.
        old: String,
        /// The new side.
        new: String,
        /// The command line that fetches what is missing.
        fetch: String,
    },
    /// A branch or commit is not here, and a shallow clone was not given everything.
    #[error("`{spec}` is not in this shallow clone")]
    ShallowHidesRevision {
        /// As given.
        spec: String,
        /// The command line that fetches it.
        fetch: String,
        /// Names that look alike, in case it was mistyped.
        candidates: Vec<String>,
    },
    /// The path filter cannot be compiled.
    #[error(transparent)]
    Spec(#[from] super::SpecError),
    /// The working tree or the index could not be read.
    #[error("could not look for changes")]
    Status(#[source] Box<super::ChangesError>),
    /// The repository could not be read.
    #[error("could not read {what}")]
    Repository {
        /// What was read.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ResolveError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ResolveError::UnknownRevision { candidates, .. } if !candidates.is_empty() => {
                Some(format!("did you mean {}?", quoted_list(candidates)))
            }
            ResolveError::UnknownRevision { .. } => {
                Some("`git branch --all` lists what is there; a remote branch may need `git fetch` first".into())
            }
            ResolveError::AmbiguousRevision { candidates, .. } if !candidates.is_empty() => {
                Some(format!("give more digits; it could be {}", quoted_list(candidates)))
            }
            ResolveError::AmbiguousRevision { .. } => Some("give more digits".into()),
            ResolveError::NotACommit { .. } => Some("name a branch, a tag or a commit".into()),
            ResolveError::Unborn { .. } => {
                Some("commit something first, or review the working tree with `--scope working-tree`".into())
            }
            ResolveError::Bare => Some("use `--base`, `--commit` or `--range`".into()),
            ResolveError::NoDefaultBranch => Some("name the base with `--base <ref>`".into()),
            ResolveError::NoMergeBase { .. } => {
                Some("compare the two trees directly with `--range A..B`".into())
            }
            ResolveError::ShallowHidesBase { fetch, .. } => Some(fetch_hint(fetch)),
            ResolveError::ShallowHidesRevision { fetch, candidates, .. } => {
                let mut hint = fetch_hint(fetch);
                if !candidates.is_empty() {
                    hint.push_str(&format!("; or did you mean {}?", quoted_list(candidates)));
                }
                Some(hint)
            }
            ResolveError::Spec(error) => error.hint(),
            ResolveError::Status(error) => error.hint(),
            ResolveError::Repository { .. } => Some("`git fsck` checks the repository".into()),
        }
    }
}

fn fetch_hint(line: &str) -> String {
    format!(
        "run `{line}` first, or check out the whole history (`fetch-depth: 0` on GitHub, `GIT_DEPTH: 0` on GitLab)"
    )
}

fn quoted_list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
