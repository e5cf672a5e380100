//! The terms of a review: what exactly is judged, and what may excuse a finding by whose word.
//!
//! [`review_terms`] reads the baseline, the markers in changed files and `.codexreviewignore` from the side of the change that
//! may speak. When that is the base, whatever the change itself would have excused becomes a remark and excuses nothing: a
//! marker counts only where the base has the same marker on the same code. A baseline that cannot be read is an error; a
//! file that cannot be read for its markers merely has none.

use std::collections::BTreeMap;

use bstr::{BStr, ByteSlice as _};
use sha2::{Digest as _, Sha256};

use crate::baseline::{self, BASELINE_BYTES, BASELINE_FILE, BaselineError};
use crate::report::ReviewIdentity;
use crate::review::{
    AcceptedFinding, Day, FindingFilter, Marker, Noise, PlacedMarker, Remark, RemarkKind, Shard,
    SuppressFrom, Suppressions, partition, read_markers,
};
use crate::target::{
    ChangeSet, ChangesError, Content, Endpoint, IgnoreSource, ObjectId, PatchedSide,
    REVIEW_IGNORE_FILE, Repository, ResolvedTarget, ReviewIgnore, WorktreeFile,
};

/// A larger file is not searched for markers.
const MARKED_FILE_BYTES: u64 = 4 << 20;
/// A larger `.codexreviewignore` is not compared.
const IGNORE_BYTES: u64 = 1 << 20;
/// No more files that the change would have ignored are named one by one.
const MOST_IGNORED: usize = 50;

/// What exactly a review judges, and which findings count. By default every finding does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReviewTerms {
    /// What exactly is judged.
    pub identity: ReviewIdentity,
    /// What may excuse a finding.
    pub suppressions: Suppressions,
    /// Where findings count, and what is odd about what may excuse them.
    pub noise: Noise,
}

/// What the terms of a review are made from.
pub struct TermsInput<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// What is under review.
    pub target: &'a ResolvedTarget,
    /// The change, or the shard of it that is judged.
    pub changes: &'a ChangeSet,
    /// The [`change_hash`] of the whole change.
    pub change: String,
    /// The shard that `changes` is.
    pub shard: Option<Shard>,
    /// Which side says what is excused.
    pub from: SuppressFrom,
    /// Where findings count.
    pub filter: FindingFilter,
    /// The day on which acceptances may have ended.
    pub today: Day,
    /// Everything else that may change the findings, by name.
    pub configuration: &'a [(&'a str, String)],
}

/// Why a review has no terms.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// The baseline makes no sense.
    #[error("cannot use `{BASELINE_FILE}` of {side}")]
    Baseline {
        /// `the working tree`, or the commit.
        side: String,
        /// What is wrong.
        #[source]
        source: BaselineError,
    },
    /// The baseline is no file that is read.
    #[error("`{BASELINE_FILE}` is {what}, which is not read")]
    NotAFile {
        /// What it is.
        what: String,
    },
    /// The repository cannot be read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
}

impl TermsError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            TermsError::Baseline { source, .. } => Some(source.hint().to_owned()),
            TermsError::NotAFile { .. } => Some(format!(
                "make it a regular file of at most {BASELINE_BYTES} bytes"
            )),
            TermsError::Changes(error) => error.hint(),
        }
    }
}

/// Where `.codexreviewignore` is read from when this side says what is excused.
#[must_use]
pub fn review_ignore(target: &ResolvedTarget, from: SuppressFrom) -> IgnoreSource {
    match (from, &target.old) {
        (SuppressFrom::New, _) => IgnoreSource::WorkTree,
        (SuppressFrom::Base, Endpoint::Commit(commit)) => IgnoreSource::Commit(commit.clone()),
        (SuppressFrom::Base, _) => IgnoreSource::Nothing,
    }
}

/// A hash over every file of a change: its path, its part, and both sides by mode and content.
#[must_use]
pub fn change_hash(changes: &ChangeSet) -> String {
    let mut entries: Vec<Vec<Vec<u8>>> = Vec::new();
    for file in &changes.files {
        let side = |side: &Option<crate::target::Side>| match side {
            Some(side) => format!("{:o} {}", side.mode, side.id).into_bytes(),
            None => Vec::new(),
        };
        let mut entry = vec![
            file.path.to_vec(),
            file.part.as_str().into(),
            side(&file.old),
            side(&file.new),
        ];
        if let Content::Text { hunks, .. } = &file.content
            && changes.is_narrowed()
        {
            entry.push(format!("{hunks:?}").into_bytes());
        }
        entries.push(entry);
    }
    for left_out in &changes.left_out {
        let size = left_out.size.map_or(String::new(), |size| size.to_string());
        entries.push(vec![
            left_out.path.to_vec(),
            b"left out".to_vec(),
            size.into_bytes(),
        ]);
    }
    entries.sort();
    hash(entries.iter().map(|entry| hash(entry.iter())))
}

/// The paths of one shard of a change. Files are weighed by their changed lines.
#[must_use]
pub fn shard_paths(changes: &ChangeSet, shard: Shard) -> std::collections::BTreeSet<Vec<u8>> {
    let weighed = changes.files.iter().map(|file| {
        let lines = match &file.content {
            Content::Text { added, removed, .. } => u64::from(*added) + u64::from(*removed),
            Content::Binary | Content::Submodule => 0,
        };
        (file.path.as_slice(), lines + 1)
    });
    let left_out = changes
        .left_out
        .iter()
        .map(|left_out| (left_out.path.as_slice(), 1));
    partition(weighed.chain(left_out), shard.count())
        .into_iter()
        .filter(|(_, index)| *index == shard.index())
        .map(|(path, _)| path.to_vec())
        .collect()
}

/// Reads the terms of a review.
///
/// # Errors
///
/// The baseline that counts makes no sense, or the repository cannot be read.
pub fn review_terms(input: &TermsInput<'_>) -> Result<ReviewTerms, TermsError> {
    let mut remarks = Vec::new();
    let accepted = accepted(input, &mut remarks)?;
    let markers = markers(input, &mut remarks);
    if input.from == SuppressFrom::Base {
        ignore_attempts(input, &mut remarks);
    }
    remarks.sort();
    let commit = |endpoint: &Endpoint| match endpoint {
        Endpoint::Commit(id) => Some(id.as_hex().to_owned()),
        Endpoint::EmptyTree | Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => None,
    };
    Ok(ReviewTerms {
        identity: ReviewIdentity {
            base: commit(&input.target.old),
            head: commit(&input.target.new),
            change: input.change.clone(),
            configuration: configuration_hash(input, &accepted),
            shard: input.shard,
        },
        suppressions: Suppressions {
            accepted,
            markers,
            today: Some(input.today),
        },
        noise: Noise {
            filter: input.filter,
            from: input.from,
            remarks,
        },
    })
}

fn configuration_hash(input: &TermsInput<'_>, accepted: &[AcceptedFinding]) -> String {
    let own = [
        ("program", env!("CARGO_PKG_VERSION").to_owned()),
        ("filter", input.filter.as_str().to_owned()),
        ("suppressFrom", input.from.as_str().to_owned()),
        (
            "baseline",
            hash(accepted.iter().map(|entry| format!("{entry:?}"))),
        ),
        ("paths", format!("{:?}", input.target.spec.paths)),
    ];
    hash(
        own.iter()
            .chain(input.configuration)
            .flat_map(|(name, value)| [(*name).to_owned(), value.clone()]),
    )
}

/// A hash over parts, where no two lists of parts run together.
fn hash(parts: impl Iterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.as_ref().len() as u64).to_be_bytes());
        hash.update(part.as_ref());
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn accepted(
    input: &TermsInput<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<AcceptedFinding>, TermsError> {
    let read = |text: Option<Vec<u8>>, side: &str| {
        baseline::read(&text.unwrap_or_default()).map_err(|source| TermsError::Baseline {
            side: side.to_owned(),
            source,
        })
    };
    if input.from == SuppressFrom::New {
        return read(new_baseline(input)?, "the working tree");
    }
    let base = match &input.target.old {
        Endpoint::Commit(commit) => {
            let text = input.repository.file_at(commit, BASELINE_FILE.into())?;
            read(text, commit.short())?
        }
        _ => Vec::new(),
    };
    let attempted = |subject: String, text: String| Remark {
        kind: RemarkKind::Attempted,
        subject,
        text,
    };
    // What the change says does not count, so that it cannot be read is no error either.
    match new_baseline(input).and_then(|text| read(text, "the change")) {
        Ok(new) => {
            let brought = new.into_iter().filter(|entry| !base.contains(entry));
            remarks.extend(brought.map(|entry| {
                let verb = match base.iter().any(|old| old.fingerprint == entry.fingerprint) {
                    true => "changes",
                    false => "adds",
                };
                attempted(
                    entry.fingerprint.to_string(),
                    format!(
                        "the change {verb} its entry in the baseline ({}, by {})",
                        entry.reason, entry.author
                    ),
                )
            }));
        }
        Err(error) => remarks.push(attempted(
            BASELINE_FILE.to_owned(),
            format!("the change breaks the baseline: {error}"),
        )),
    }
    Ok(base)
}

/// The baseline of the new side: that of its commit in a bare repository or where a change is judged by its base, else
/// that of the working tree, which a patch does not change.
fn new_baseline(input: &TermsInput<'_>) -> Result<Option<Vec<u8>>, TermsError> {
    let bare = input.repository.is_bare();
    if let Endpoint::Commit(commit) = &input.target.new
        && (bare || input.from == SuppressFrom::Base)
    {
        return Ok(input.repository.file_at(commit, BASELINE_FILE.into())?);
    }
    if let Endpoint::Patched(side) = &input.target.new
        && (bare || input.from == SuppressFrom::Base)
    {
        return Ok(patched(input, side, BASELINE_FILE.into())?);
    }
    if bare {
        return Ok(None);
    }
    let not_a_file = |what: &str| TermsError::NotAFile {
        what: what.to_owned(),
    };
    match input
        .repository
        .read_worktree_file(BASELINE_FILE.into(), BASELINE_BYTES)?
    {
        WorktreeFile::Content(content) => Ok(Some(content)),
        WorktreeFile::Missing => Ok(None),
        WorktreeFile::TooLarge { .. } => Err(not_a_file("too large")),
        WorktreeFile::Symlink => Err(not_a_file("a symbolic link")),
        WorktreeFile::NotRegular(what) => Err(not_a_file(what)),
    }
}

/// A file as a patch would leave it.
fn patched(
    input: &TermsInput<'_>,
    side: &PatchedSide,
    path: &BStr,
) -> Result<Option<Vec<u8>>, ChangesError> {
    match (side.applied.file(path), &input.target.old) {
        (Some(file), _) => Ok(file.new_bytes().map(<[u8]>::to_vec)),
        (None, Endpoint::Commit(commit)) => input.repository.file_at(commit, path),
        (None, _) => Ok(None),
    }
}

fn markers(input: &TermsInput<'_>, remarks: &mut Vec<Remark>) -> Vec<PlacedMarker> {
    let mut placed = Vec::new();
    for (path, versions) in marked_files(input.changes) {
        let content = input
            .changes
            .new_content(versions.new, MARKED_FILE_BYTES)
            .ok()
            .flatten()
            .unwrap_or_default();
        let (markers, without_reason) = read_markers(&content);
        let file = path.to_str_lossy().into_owned();
        remarks.extend(without_reason.into_iter().map(|marker| Remark {
            kind: RemarkKind::WithoutReason,
            subject: format!("{file}:{}", marker.line),
            text: "the marker gives no reason, so it does not count".to_owned(),
        }));
        if markers.is_empty() {
            continue;
        }
        let mut known = match input.from {
            SuppressFrom::New => None,
            SuppressFrom::Base => Some(base_markers(input, versions.old.as_ref())),
        };
        for marker in markers {
            if let Some(known) = &mut known {
                let same = |old: &Marker| {
                    old.excused == marker.excused && old.covered_code == marker.covered_code
                };
                match known.iter().position(same) {
                    Some(at) => drop(known.swap_remove(at)),
                    None => {
                        remarks.push(Remark {
                            kind: RemarkKind::Attempted,
                            subject: format!("{file}:{}", marker.line),
                            text: format!(
                                "the base has no such marker on this code ({})",
                                marker.reason
                            ),
                        });
                        continue;
                    }
                }
            }
            placed.push(PlacedMarker {
                file: file.clone(),
                marker,
            });
        }
    }
    placed
}

struct Versions {
    /// Where the newest content is, in the change's files.
    new: usize,
    /// The blob of the old side.
    old: Option<ObjectId>,
}

/// Each text file of the change once: what is staged and edited since has its old side from the one, its new from the other.
fn marked_files(changes: &ChangeSet) -> BTreeMap<&BStr, Versions> {
    let mut files: BTreeMap<&BStr, Versions> = BTreeMap::new();
    for (index, file) in changes.files.iter().enumerate() {
        if !matches!(file.content, Content::Text { .. }) || file.new.is_none() {
            continue;
        }
        let old = file.old.as_ref().map(|side| side.id.clone());
        files
            .entry(file.path.as_ref())
            .and_modify(|versions| versions.new = index)
            .or_insert(Versions { new: index, old });
    }
    files
}

fn base_markers(input: &TermsInput<'_>, old: Option<&ObjectId>) -> Vec<Marker> {
    old.and_then(|id| input.repository.blob(id).ok())
        .map(|content| read_markers(&content).0)
        .unwrap_or_default()
}

/// What the change's own `.codexreviewignore` would have taken out.
fn ignore_attempts(input: &TermsInput<'_>, remarks: &mut Vec<Remark>) {
    let path: &BStr = REVIEW_IGNORE_FILE.into();
    let text = match &input.target.new {
        Endpoint::Commit(commit) => input.repository.file_at(commit, path).ok().flatten(),
        Endpoint::Patched(side) => patched(input, side, path).ok().flatten(),
        _ if input.repository.is_bare() => None,
        _ => match input.repository.read_worktree_file(path, IGNORE_BYTES) {
            Ok(WorktreeFile::Content(content)) => Some(content),
            _ => None,
        },
    };
    let base = match &input.target.old {
        Endpoint::Commit(commit) => input.repository.file_at(commit, path).ok().flatten(),
        _ => None,
    };
    let Some(text) = text.filter(|text| Some(text) != base.as_ref()) else {
        return;
    };
    let rules = ReviewIgnore::parse(&text);
    let taken: Vec<String> = input
        .changes
        .files
        .iter()
        .filter(|file| rules.takes_out(file.path.as_ref()))
        .map(|file| file.path.to_string())
        .collect();
    for path in taken.iter().take(MOST_IGNORED) {
        remarks.push(Remark {
            kind: RemarkKind::Attempted,
            subject: path.clone(),
            text: format!("the change's own `{REVIEW_IGNORE_FILE}` would have taken it out"),
        });
    }
    if taken.len() > MOST_IGNORED {
        remarks.push(Remark {
            kind: RemarkKind::Attempted,
            subject: REVIEW_IGNORE_FILE.to_owned(),
            text: format!(
                "it would have taken out {} more files",
                taken.len() - MOST_IGNORED
            ),
        });
    }
}
