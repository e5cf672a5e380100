//! From a change and its context to a request: the last step before a job owns the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::ByteSlice as _;
use serde_json::{Value, json};

use crate::context::{Context, Shown, describe_left_out, human_size};
use crate::prompt::{self, GateInput, Prompt, PromptInput};
use crate::report::{ContextInfo, KeptHunks, Report, TargetInfo};
use crate::review::{
    ChangedFile, ChangedLines, ExitStatus, FailOn, LineRange, OnEmpty, Outcome, exit_status,
};
use crate::target::{
    BaseChoice, ChangeSet, Content, Endpoint, FileChange, GitEnvironment, IgnoreSource, LeftOut,
    Mode, ObjectId, Part, ResolvedTarget,
};

use super::kind::{Ask, Kind};
use super::{
    CountedChange, EngineChoice, EngineOptions, NativeTarget, PinnedPatch, Question, ReviewHistory,
    ReviewTerms, ReviewedChange, RunRequest, Since, ThreadChoice, hunks, review_ignore,
};

/// A review that is ready to be asked for.
#[derive(Clone, Copy)]
pub struct ReviewPlan<'a> {
    /// The kind of review.
    pub kind: &'static Kind,
    /// The repository's root: the folder that the engine works in.
    pub root: &'a Path,
    /// What is under review.
    pub target: &'a ResolvedTarget,
    /// The change.
    pub changes: &'a ChangeSet,
    /// What the reviewer is shown; `None` when the engine resolves the target by itself (`--native`).
    pub context: Option<&'a Context>,
    /// What the user wants looked at, byte for byte.
    pub focus: Option<&'a str>,
    /// What the assistant said last; for the gate alone.
    pub last_message: Option<&'a str>,
    /// Who answers.
    pub options: &'a EngineOptions,
    /// The threshold.
    pub fail_on: FailOn,
    /// What an empty target means for the exit code.
    pub on_empty: OnEmpty,
    /// Where the reviews of this branch stand; `None` where nothing is remembered of them.
    pub history: Option<&'a ReviewHistory>,
    /// The earlier review that this one goes on from; `None` for a review of the whole change.
    pub since: Option<&'a Since>,
    /// What was degraded on the way here.
    pub notes: &'a [String],
    /// What exactly is judged, and which findings count.
    pub terms: &'a ReviewTerms,
    /// How long target and context took.
    pub took: Duration,
}

/// Why a request cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The protocol is JSON: a folder must have a name that JSON can hold.
    #[error("the folder `{}` has a name that is not UTF-8, which no engine can be told", .0.display())]
    RootNotUtf8(PathBuf),
    /// The engine's own reviewer knows no such target.
    #[error("the engine's own reviewer cannot review {0}")]
    NotNative(&'static str),
    /// There would be nothing to judge, and no answer to that is a pass; the first file and what was said of it.
    #[error("nothing of this change can be read: {0}")]
    NothingRead(String),
}

impl PrepareError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            PrepareError::RootNotUtf8(_) => "clone the repository to a folder with a UTF-8 name",
            PrepareError::NotNative(_) => "leave `--native` out, or name a branch or a commit",
            PrepareError::NothingRead(_) => {
                "check permissions; in a partial clone, fetch what is missing (`git fetch --refetch`)"
            }
        }
    }
}

impl ReviewPlan<'_> {
    /// The report as it stands before the engine is asked.
    #[must_use]
    pub fn draft(&self) -> Report {
        let outcome = self.since.map_or(Outcome::Empty, Since::carried);
        let exit = if self.changes.is_empty() || self.since.is_some() {
            exit_status(&outcome, self.fail_on, self.on_empty)
        } else {
            ExitStatus::Passed
        };
        let blank = self.options.unanswered(
            self.kind,
            self.root,
            target_info(self.target),
            self.fail_on,
            self.took,
        );
        Report {
            branch: self.target.branch.clone(),
            identity: self.terms.identity.clone(),
            noise: self.terms.noise.clone(),
            context: self.context.map(context_info),
            outcome,
            exit,
            raw_paths: hunks::raw_paths(self.changes),
            since: self.since.map(|since| since.info.clone()),
            notes: self.notes.to_vec(),
            ..blank
        }
    }

    /// The request.
    ///
    /// # Errors
    ///
    /// The root has no UTF-8 name, `--native` does not fit the target, or nothing of the change could be read.
    pub fn request(&self) -> Result<RunRequest, PrepareError> {
        let roots = roots(self.root)?;
        if let Some(unread) = self
            .context
            .and_then(|context| context.ledger.nothing_read())
        {
            return Err(PrepareError::NothingRead(unread));
        }
        let question = match self.context {
            None if self.terms.identity.shard.is_some() => {
                return Err(PrepareError::NotNative("a shard"));
            }
            None => Question::NativeReview(native_target(self.target)?),
            Some(context) => self.question(context),
        };
        // Text that somebody else reads has no findings to be shown beside their lines.
        let taken = match self.kind.ask {
            Ask::Text => KeptHunks::default(),
            Ask::Reviewer | Ask::Structured(_) => hunks::hunks(self.changes),
        };
        Ok(RunRequest {
            thread_name: Some(format!("{}: {}", self.kind.title, self.target.label)),
            cache: self.options.cache,
            change: Some(ReviewedChange {
                draft: Report {
                    hunks: taken.hunks,
                    hunks_cut: taken.is_cut,
                    ..self.draft()
                },
                files: match self.since {
                    None => changed_files(&self.changes.files, &self.changes.left_out),
                    Some(since) => changed_files(&since.asked, &[]),
                },
                counted: self.counted(),
                roots,
                pinned: self.pinned(),
                digest: change_digest(self.root, self.changes),
                trail: self
                    .history
                    .map(|history| history.trail(self.context, self.since)),
                on_empty: self.on_empty,
            }),
            ..self.options.request(self.kind, self.root, question)
        })
    }

    /// What decides which findings of the whole change count.
    fn counted(&self) -> CountedChange {
        CountedChange {
            files: changed_files(&self.changes.files, &self.changes.left_out),
            blobs: blobs(self.changes),
            patch: self.patch(),
            suppressions: self.terms.suppressions.clone(),
        }
    }

    /// The report where nothing needs to be asked: nothing is under review, or nothing is new since an earlier review,
    /// whose findings stand as far as they count.
    #[must_use]
    pub fn unasked(&self, environment: &GitEnvironment) -> Report {
        let mut report = self.draft();
        let engine = &self.options.engine;
        self.counted()
            .apply(&mut report, self.root, environment, engine, self.on_empty);
        if !report.shown_findings().is_empty() {
            hunks::keep_beside_findings(&hunks::hunks(self.changes), &mut report);
        }
        report
    }

    /// The change in the shape that the builtin engine resolves again.
    fn pinned(&self) -> Value {
        let target = self.target;
        let commit = |endpoint: &Endpoint| match endpoint {
            Endpoint::Commit(id) => Value::from(id.as_hex()),
            Endpoint::EmptyTree | Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => {
                Value::Null
            }
        };
        let mode = match target.mode {
            Mode::WorkingTree => "working-tree",
            Mode::Staged => "staged",
            Mode::Branch | Mode::Commit | Mode::Range => "commits",
            Mode::Patch => "patch",
        };
        let mut pinned = json!({
            "mode": mode,
            "old": commit(&target.old),
            "new": commit(&target.new),
            "paths": target.spec.paths,
        });
        // Another engine has no use for it, and it can be long.
        if let Some(patch) = self
            .patch()
            .filter(|_| self.options.engine == EngineChoice::Builtin)
        {
            pinned["patch"] = Value::from(patch.patch.to_wire());
            pinned["onWorkTree"] = Value::from(patch.old == Endpoint::WorkTree);
        }
        match review_ignore(target, self.terms.noise.from) {
            IgnoreSource::WorkTree => {}
            IgnoreSource::Nothing => pinned["reviewIgnore"] = Value::from("none"),
            IgnoreSource::Commit(id) => pinned["reviewIgnore"] = Value::from(id.as_hex()),
        }
        if self.terms.identity.shard.is_some() || self.changes.is_narrowed() {
            let files = changed_files(&self.changes.files, &self.changes.left_out).into_iter();
            pinned["only"] = files.map(|file| Value::from(file.path)).collect();
        }
        pinned
    }

    /// The patch that is under review, if one is.
    fn patch(&self) -> Option<PinnedPatch> {
        match &self.target.new {
            Endpoint::Patched(side) => Some(PinnedPatch {
                patch: side.patch.clone(),
                old: self.target.old.clone(),
            }),
            _ => None,
        }
    }

    fn question(&self, context: &Context) -> Question {
        let input = PromptInput {
            context: &context.text,
            focus: self.focus,
        };
        let turn = |prompt: Prompt| Question::Turn {
            text: prompt.text,
            output_schema: prompt.output_schema,
        };
        match self.kind.ask {
            Ask::Reviewer => Question::Review {
                instructions: prompt::review_instructions(&input),
            },
            Ask::Structured(brief) => turn(prompt::briefed(brief, &input)),
            Ask::Text => turn(prompt::gate(&GateInput {
                last_message: self.last_message,
                context: &context.text,
            })),
        }
    }
}

/// Every spelling of the repository's root that a reviewer may put before a path.
///
/// # Errors
///
/// It has no UTF-8 name.
pub(super) fn roots(root: &Path) -> Result<Vec<String>, PrepareError> {
    let given = root
        .to_str()
        .ok_or_else(|| PrepareError::RootNotUtf8(root.to_owned()))?;
    let mut roots = vec![given.to_owned()];
    if let Ok(real) = root.canonicalize()
        && real != root
    {
        roots.push(real.to_string_lossy().into_owned());
    }
    Ok(roots)
}

/// The request of a task: the user's text, and perhaps a thread to continue.
///
/// # Errors
///
/// The root has no UTF-8 name.
pub fn task_request(
    kind: &'static Kind,
    root: &Path,
    text: Option<&str>,
    thread: ThreadChoice,
    write: bool,
    options: &EngineOptions,
) -> Result<RunRequest, PrepareError> {
    if root.to_str().is_none() {
        return Err(PrepareError::RootNotUtf8(root.to_owned()));
    }
    let prompt = prompt::task(text);
    let question = Question::Turn {
        text: prompt.text,
        output_schema: prompt.output_schema,
    };
    Ok(RunRequest {
        thread,
        thread_name: text.map(|text| format!("{}: {}", kind.title, first_line(text))),
        write,
        ..options.request(kind, root, question)
    })
}

/// The beginning of a text on one line, for titles.
#[must_use]
pub fn first_line(text: &str) -> String {
    const CHARS: usize = 72;
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let mut short: String = line.chars().take(CHARS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

fn target_info(target: &ResolvedTarget) -> TargetInfo {
    TargetInfo {
        mode: target.mode.as_str().to_owned(),
        label: target.label.clone(),
        explicit: target.explicit,
        base_ref: target.base.as_ref().map(|base| base.name.clone()),
        base_note: target.base.as_ref().map(BaseChoice::note),
    }
}

fn context_info(context: &Context) -> ContextInfo {
    let outside = context.ledger.outside.iter().map(|left_out| {
        let size = left_out.size.map(|size| format!(" ({})", human_size(size)));
        format!(
            "{}{}: {}",
            left_out.path,
            size.unwrap_or_default(),
            describe_left_out(&left_out.reason)
        )
    });
    let inside = context
        .ledger
        .files
        .iter()
        .filter_map(|file| match &file.shown {
            Shown::LeftOut(reason) => Some(format!("{}: {}", file.path, reason.describe())),
            Shown::Full | Shown::Summarised => None,
        });
    ContextInfo {
        strategy: context.strategy.clone(),
        reason: context.reason.clone(),
        summary: context.summary.clone(),
        bytes: context.bytes,
        tokens: context.token_estimate,
        hash: context.hash.clone(),
        redactions: u32::try_from(context.redactions.len()).unwrap_or(u32::MAX),
        left_out: outside.chain(inside).collect(),
    }
}

fn native_target(target: &ResolvedTarget) -> Result<NativeTarget, PrepareError> {
    if !target.spec.paths.is_empty() {
        return Err(PrepareError::NotNative("a choice of paths"));
    }
    match (target.mode, &target.base, &target.new) {
        (Mode::WorkingTree, _, _) => Ok(NativeTarget::UncommittedChanges),
        (Mode::Branch, Some(base), _) => Ok(NativeTarget::BaseBranch {
            branch: base.name.clone(),
        }),
        (Mode::Commit, _, Endpoint::Commit(id)) => Ok(NativeTarget::Commit {
            sha: id.as_hex().to_owned(),
        }),
        (Mode::Staged, _, _) => Err(PrepareError::NotNative("the index alone")),
        (Mode::Patch, _, _) => Err(PrepareError::NotNative("a patch that is not applied")),
        _ => Err(PrepareError::NotNative("a range")),
    }
}

/// A hash of what is under review, whatever a context shows of it: each file's ids, and of files that are only named
/// their size and the time of their last change. `None` where some are not even named.
fn change_digest(root: &Path, changes: &ChangeSet) -> Option<String> {
    use sha2::{Digest as _, Sha256};
    if changes.left_out_more > 0 {
        return None;
    }
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for file in &changes.files {
        part(file.part.as_str().as_bytes());
        part(&file.path);
        for side in [&file.old, &file.new] {
            let side = side
                .as_ref()
                .map(|side| format!("{:o} {}", side.mode, side.id));
            part(side.unwrap_or_default().as_bytes());
        }
    }
    for left_out in &changes.left_out {
        let changed = left_out.path.to_path().ok().and_then(|path| {
            let meta = std::fs::symlink_metadata(root.join(path)).ok()?;
            meta.modified()
                .ok()?
                .duration_since(std::time::UNIX_EPOCH)
                .ok()
        });
        part(&left_out.path);
        part(format!("{:?} {changed:?} {:?}", left_out.size, left_out.reason).as_bytes());
    }
    let digest = hash.finalize();
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The changed files for the location check. A file that is both staged and edited since counts once: its lines are
/// those of the working tree, and a place that either part touched counts as changed.
fn changed_files(files: &[FileChange], left_out: &[LeftOut]) -> Vec<ChangedFile> {
    let mut changed: Vec<ChangedFile> = Vec::with_capacity(files.len());
    let mut by_path = std::collections::HashMap::new();
    for file in files {
        let path = file.path.to_string();
        let (line_count, ranges, added) = match &file.content {
            Content::Text {
                new_line_count,
                added_lines,
                ..
            } if file.new.is_some() => (
                Some(*new_line_count),
                changed_ranges(&file.content),
                line_ranges(added_lines).collect(),
            ),
            _ => (None, Vec::new(), Vec::new()),
        };
        match by_path.get(&path) {
            Some(&at) => {
                let earlier: &mut ChangedFile = &mut changed[at];
                earlier.line_count = line_count;
                earlier.changed = merged(std::mem::take(&mut earlier.changed.0), ranges);
                earlier.added = merged(std::mem::take(&mut earlier.added.0), added);
            }
            None => {
                by_path.insert(path.clone(), changed.len());
                changed.push(ChangedFile {
                    path,
                    old_path: file.old_path.as_ref().map(ToString::to_string),
                    line_count,
                    changed: ChangedLines(ranges),
                    added: ChangedLines(added),
                });
            }
        }
    }
    // A file that is named without its content belongs to the change all the same.
    for left_out in left_out {
        let path = left_out.path.to_string();
        if !by_path.contains_key(&path) {
            changed.push(ChangedFile {
                path,
                old_path: None,
                line_count: None,
                changed: ChangedLines::default(),
                added: ChangedLines::default(),
            });
        }
    }
    changed
}

/// Where the new content of each changed file is, as long as that is no file of the working tree.
fn blobs(changes: &ChangeSet) -> BTreeMap<String, ObjectId> {
    let mut blobs = BTreeMap::new();
    for file in &changes.files {
        let path = file.path.to_string();
        match (file.part, &file.new) {
            (Part::Committed | Part::Staged, Some(new)) => {
                blobs.insert(path, new.id.clone());
            }
            (Part::Unstaged | Part::Untracked | Part::Patched, _) | (_, None) => {
                blobs.remove(&path);
            }
        }
    }
    blobs
}

fn line_ranges(pairs: &[(u32, u32)]) -> impl Iterator<Item = LineRange> + '_ {
    pairs.iter().map(|&(start, end)| LineRange::new(start, end))
}

/// Added lines, and for a hunk that only removes the line after which it did.
fn changed_ranges(content: &Content) -> Vec<LineRange> {
    let Content::Text {
        hunks, added_lines, ..
    } = content
    else {
        return Vec::new();
    };
    let added = line_ranges(added_lines);
    let removed = hunks.iter().filter_map(|hunk| {
        let hunk_end = hunk.new_start + hunk.new_lines.saturating_sub(1);
        let adds = added_lines
            .iter()
            .any(|&(start, end)| start <= hunk_end && end >= hunk.new_start);
        (!adds).then(|| {
            let middle = hunk.new_start + hunk.new_lines / 2;
            LineRange::new(middle, middle)
        })
    });
    merged(added.collect(), removed.collect()).0
}

fn merged(mut ranges: Vec<LineRange>, more: Vec<LineRange>) -> ChangedLines {
    ranges.extend(more);
    ranges.sort();
    let mut disjoint: Vec<LineRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match disjoint.last_mut() {
            Some(last) if range.start() <= last.end().saturating_add(1) => {
                *last = LineRange::new(last.start(), last.end().max(range.end()));
            }
            _ => disjoint.push(range),
        }
    }
    ChangedLines(disjoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_sorted_and_disjoint() {
        let range = LineRange::new;
        assert_eq!(
            merged(
                vec![range(5, 6), range(1, 2)],
                vec![range(3, 3), range(6, 9), range(20, 20)]
            ),
            ChangedLines(vec![range(1, 3), range(5, 9), range(20, 20)]),
        );
    }

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(first_line("\n  fix the   build\nnow"), "fix the   build");
        assert_eq!(first_line(&"x".repeat(100)).chars().count(), 73);
        assert_eq!(first_line(""), "");
    }
}
