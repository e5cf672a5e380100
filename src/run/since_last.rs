//! A review that goes on from the last one: what is new since, and what of the old findings still stands.
//!
//! Reviews follow each other in a line: the same kind, engine, focus and paths, of the same branch (or its working tree)
//! against the same base. After each judged review its hunks, by content, and its open findings, with hashes of the lines
//! they point to, are remembered. The next one asks about hunks that nobody has seen; an old finding whose lines are
//! still there is carried over, one whose lines are gone is closed. Commit ids play no part, so a rebase, an amended
//! commit or a forced push changes nothing by itself.
//!
//! Failure policy: what is not known is new, and a finding that cannot be looked at stays open.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cache::{LastReviews, ReviewKey};
use crate::context::{ChangeView, Context, HunkIds, SelectedChanges};
use crate::jobs::Timestamp;
use crate::report::{self, ClosedFinding, Report, SinceReview};
use crate::review::{
    Finding, FindingOrigin, Judgement, LineRange, OnEmpty, Outcome, Placement, Verdict, exit_status,
};
use crate::target::{Endpoint, FileChange, Mode, ObjectId, Repository, WorktreeFile};

use super::kind::{Ask, Kind};
use super::open_code::{Anchor, FileNow};
use super::{EngineChoice, ReviewedChange, RunRequest, Surroundings};

/// A larger file is not looked into.
const MOST_FILE_BYTES: u64 = 8 << 20;
/// In how many changed files a finding is looked for whose own file is gone.
const MOST_FILES_SEARCHED: usize = 200;

/// The change of one review in its line of reviews.
#[derive(Debug, Clone)]
pub struct ReviewHistory {
    key: ReviewKey,
    ids: HunkIds,
    beside: Option<HunkIds>,
}

/// What the next review is to know of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// The line of reviews.
    pub key: ReviewKey,
    /// The ids of the hunks that count as reviewed with it.
    pub hunks: Vec<String>,
    /// Whether findings that were carried over stand in the working tree, and not in the new side of the change.
    pub beside: bool,
}

/// The last review, seen from the change as it is now.
#[derive(Debug, Clone)]
pub struct Since {
    pub(super) info: SinceReview,
    known: BTreeSet<String>,
    open: Vec<Finding>,
    /// The files with what is new in them.
    pub(super) asked: Vec<FileChange>,
    asked_ids: HunkIds,
}

impl ReviewHistory {
    /// Places a change in its line. `None` for single commits, ranges and patches, which follow nothing, and for a change of too
    /// many hunks.
    #[must_use]
    pub fn of(
        kind: &Kind,
        engine: &EngineChoice,
        focus: Option<&str>,
        changes: &dyn ChangeView,
    ) -> Option<ReviewHistory> {
        let target = changes.target();
        if matches!(target.mode, Mode::Commit | Mode::Range | Mode::Patch) || kind.ask == Ask::Text
        {
            return None;
        }
        let base = target.base.as_ref().map_or("", |base| &base.name);
        ReviewHistory::in_line(
            &[
                ("kind", kind.name),
                ("mode", target.mode.as_str()),
                ("base", base),
                ("focus", focus.unwrap_or("")),
            ],
            engine,
            changes,
        )
    }

    /// Places a change in the line of a watch, which follows a branch: what it saw before a commit it has seen after it.
    /// `uncommitted` is the change of the working tree where `changes` are commits: what was seen of it stays seen, and
    /// findings in it stay open. `None` for a change of too many hunks.
    #[must_use]
    pub fn of_watch(
        kind: &Kind,
        engine: &EngineChoice,
        changes: &dyn ChangeView,
        uncommitted: Option<&dyn ChangeView>,
    ) -> Option<ReviewHistory> {
        let history = ReviewHistory::in_line(&[("kind", kind.name)], engine, changes)?;
        Some(ReviewHistory {
            beside: uncommitted.and_then(HunkIds::of),
            ..history
        })
    }

    fn in_line(
        line: &[(&str, &str)],
        engine: &EngineChoice,
        changes: &dyn ChangeView,
    ) -> Option<ReviewHistory> {
        let target = changes.target();
        let paths = json!(target.spec.paths).to_string();
        let mut parts = vec![
            ("engine", engine.name().as_bytes()),
            ("branch", target.branch.as_deref().unwrap_or("").as_bytes()),
            ("paths", paths.as_bytes()),
        ];
        parts.extend(line.iter().map(|(name, value)| (*name, value.as_bytes())));
        Some(ReviewHistory {
            key: ReviewKey::of(&parts),
            ids: HunkIds::of(changes)?,
            beside: None,
        })
    }

    /// Looks the last review up, and its findings over. `None` without one.
    #[must_use]
    pub fn since(
        &self,
        state_folder: &Path,
        now: Timestamp,
        repository: &Repository,
        changes: &dyn ChangeView,
    ) -> Option<Since> {
        let last = LastReviews::below(state_folder).find(&self.key, now)?;
        let document = Remembered::read(&last.document)?;
        let (known, fresh): (Vec<&str>, Vec<&str>) =
            self.ids.all().partition(|id| document.hunks.contains(*id));
        let tree = NewTree {
            repository,
            new: match self.beside {
                Some(_) => &Endpoint::WorkTree,
                None => &changes.target().new,
            },
        };
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for (mut finding, anchor) in document.findings {
            match still_open(&finding, &anchor, &tree, changes.files()) {
                Some((file, lines)) => {
                    finding.file = file;
                    finding.lines = lines;
                    finding
                        .carried_from
                        .get_or_insert_with(|| document.job.clone());
                    open.push(finding);
                }
                None => closed.push(ClosedFinding {
                    title: finding.title,
                    file: finding.file,
                }),
            }
        }
        Some(Since {
            info: SinceReview {
                job: document.job,
                at: last.at.to_string(),
                new_hunks: fresh.len() + (self.ids.count() - self.ids.all().count()),
                known_hunks: known.len(),
                closed,
            },
            known: document.hunks,
            open,
            asked: Vec::new(),
            asked_ids: HunkIds::default(),
        })
    }

    /// What to remember once this review is judged: what was known before and is still part of the change, and what the
    /// reviewer is shown now.
    pub(super) fn trail(&self, context: Option<&Context>, since: Option<&Since>) -> Trail {
        let asked = since.map_or(&self.ids, |since| &since.asked_ids);
        let mut hunks: BTreeSet<String> = match context {
            Some(context) => asked.shown(&context.ledger).into_iter().collect(),
            None => asked.all().map(str::to_owned).collect(),
        };
        if let Some(since) = since {
            let beside = self.beside.iter().flat_map(HunkIds::all);
            let known = self.ids.all().chain(beside);
            let known = known.filter(|id| since.known.contains(*id));
            hunks.extend(known.map(str::to_owned));
        }
        Trail {
            key: self.key.clone(),
            hunks: hunks.into_iter().collect(),
            beside: self.beside.is_some(),
        }
    }

    /// The part of the change that is new since.
    #[must_use]
    pub fn select<'a>(
        &self,
        changes: &'a dyn ChangeView,
        since: &mut Since,
    ) -> SelectedChanges<'a> {
        let info = &since.info;
        let note = format!(
            "only what is new since an earlier review is shown: {} of {} hunks; the others were reviewed then",
            info.new_hunks,
            info.new_hunks + info.known_hunks
        );
        let selected = SelectedChanges::new(changes, &self.ids, &since.known, note);
        since.asked = selected.files().to_vec();
        since.asked_ids = selected.ids().clone();
        selected
    }
}

impl Since {
    /// Whether there is nothing to ask about.
    #[must_use]
    pub fn nothing_new(&self) -> bool {
        self.info.new_hunks == 0
    }

    /// What holds without asking anybody: the findings that are still open.
    pub(super) fn carried(&self) -> Outcome {
        let verdict = if self.open.is_empty() {
            Verdict::Approve
        } else {
            Verdict::NeedsAttention
        };
        Outcome::Judged(Judgement {
            verdict,
            summary: format!("Nothing is new since job {}.", self.info.job),
            findings: self.open.clone(),
            next_steps: Vec::new(),
        })
    }

    /// What people should know of it, one sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let SinceReview {
            job,
            at,
            new_hunks,
            known_hunks,
            closed,
        } = &self.info;
        let all = new_hunks + known_hunks;
        let head = format!(
            "{new_hunks} of {all} hunks are new since job {job} ({at}), and only they are reviewed; open findings carried over: {}, closed: {}",
            self.open.len(),
            closed.len()
        );
        let gone = closed.iter().map(|closed| match closed.file.as_str() {
            "" => format!("closed, its code is gone: {}", closed.title),
            file => format!("closed, its code is gone: {} ({file})", closed.title),
        });
        [head].into_iter().chain(gone).collect()
    }
}

/// Puts open findings of the last review beside those of this one. One that was found again is not carried.
pub(super) fn carry_over(
    report: &mut Report,
    carried: Vec<Finding>,
    engine: &EngineChoice,
    on_empty: OnEmpty,
) {
    let Outcome::Judged(judgement) = &mut report.outcome else {
        return;
    };
    if report.since.is_some() && *engine == EngineChoice::Builtin {
        // The rules look at the whole change each time; what stands outside of the new part was reported before.
        judgement.findings.retain(|finding| {
            !matches!(
                finding.placement,
                Placement::OffChange | Placement::OutsideChange
            )
        });
    }
    let found = judgement.findings.len();
    for old in carried {
        let again = judgement.findings[..found]
            .iter()
            .any(|new| is_same(new, &old));
        if !again {
            judgement.findings.push(old);
        }
    }
    if judgement.findings.len() > found {
        judgement.verdict = Verdict::NeedsAttention;
    } else if found == 0 && *engine == EngineChoice::Builtin {
        judgement.verdict = Verdict::Approve;
    }
    report.exit = exit_status(&report.outcome, report.fail_on, on_empty);
}

fn is_same(new: &Finding, old: &Finding) -> bool {
    let same_lines = match (new.lines, old.lines) {
        (Some(new), Some(old)) => new.distance(old) == 0,
        (None, None) => true,
        _ => false,
    };
    let same_matter = match (&new.origin, &old.origin) {
        (FindingOrigin::Rule(new), FindingOrigin::Rule(old)) => new == old,
        _ => alike(&new.title, &old.title),
    };
    new.file == old.file && same_lines && same_matter
}

/// Whether two titles have at least half of their words in common.
fn alike(left: &str, right: &str) -> bool {
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|char: char| !char.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let (left, right) = (words(left), words(right));
    let common = left.intersection(&right).count();
    common * 2 >= left.union(&right).count()
}

/// Remembers a judged review for the next one. Whether that works matters to nobody: the next one is then a full one.
pub(super) fn remember(
    request: &RunRequest,
    change: &ReviewedChange,
    report: &Report,
    surroundings: &Surroundings,
    job: &str,
    at: Timestamp,
) {
    let (Some(trail), Outcome::Judged(judgement)) = (&change.trail, &report.outcome) else {
        return;
    };
    let Ok(repository) = Repository::open(&request.cwd, &surroundings.git) else {
        return;
    };
    let new = endpoint(&change.pinned);
    let tree = NewTree {
        repository: &repository,
        new: &new,
    };
    let beside = NewTree {
        repository: &repository,
        new: &Endpoint::WorkTree,
    };
    // What is excused today may count tomorrow, so it is remembered as well.
    let remembered = report
        .shown_findings()
        .into_iter()
        .chain(report.excluded_findings());
    let findings: Vec<Finding> = remembered
        .map(|finding| Finding {
            exclusion: None,
            ..finding.clone()
        })
        .collect();
    let anchors: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let stands_in = match trail.beside && finding.carried_from.is_some() {
                true => &beside,
                false => &tree,
            };
            let content = stands_in.content(&finding.file);
            Anchor::of(&content, finding.lines).to_json()
        })
        .collect();
    let mut kept = change.draft.clone();
    kept.outcome = Outcome::Judged(Judgement {
        verdict: judgement.verdict,
        summary: String::new(),
        findings,
        next_steps: Vec::new(),
    });
    let kept: Value =
        serde_json::from_slice(&report::json::render(&kept)).expect("a rendered report is JSON");
    let document = json!({
        "job": job,
        "hunks": trail.hunks,
        "report": kept,
        "anchors": anchors,
    });
    drop(LastReviews::below(&surroundings.state_folder).store(&trail.key, at, &document));
}

/// What [`remember`] put down.
struct Remembered {
    job: String,
    hunks: BTreeSet<String>,
    findings: Vec<(Finding, Anchor)>,
}

impl Remembered {
    fn read(document: &Value) -> Option<Remembered> {
        let hunks = document.get("hunks")?.as_array()?;
        let report = report::json::parse(document.get("report")?.to_string().as_bytes()).ok()?;
        let Outcome::Judged(judgement) = report.outcome else {
            return None;
        };
        let anchors = document.get("anchors")?.as_array()?;
        if anchors.len() != judgement.findings.len() {
            return None;
        }
        let anchors = anchors.iter().map(Anchor::from_json);
        Some(Remembered {
            job: document.get("job")?.as_str()?.to_owned(),
            hunks: hunks
                .iter()
                .filter_map(|id| id.as_str().map(str::to_owned))
                .collect(),
            findings: judgement.findings.into_iter().zip(anchors).collect(),
        })
    }
}

/// The new side of a change, file by file.
struct NewTree<'a> {
    repository: &'a Repository,
    new: &'a Endpoint,
}

impl NewTree<'_> {
    /// A file by its shown name. The index is looked at through the working tree.
    fn content(&self, shown: &str) -> FileNow {
        if shown.is_empty() || shown.contains(char::REPLACEMENT_CHARACTER) {
            return FileNow::Unknown;
        }
        let path = bstr::BStr::new(shown);
        match self.new {
            Endpoint::Commit(commit) => match self.repository.file_at(commit, path) {
                Ok(Some(content)) => FileNow::Content(content),
                Ok(None) => FileNow::Gone,
                Err(_) => FileNow::Unknown,
            },
            Endpoint::EmptyTree => FileNow::Gone,
            Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => {
                match self.repository.read_worktree_file(path, MOST_FILE_BYTES) {
                    Ok(WorktreeFile::Content(content)) => FileNow::Content(content),
                    Ok(WorktreeFile::Missing) => FileNow::Gone,
                    Ok(_) | Err(_) => FileNow::Unknown,
                }
            }
        }
    }
}

fn endpoint(pinned: &Value) -> Endpoint {
    let commit = pinned["new"].as_str().and_then(ObjectId::from_hex);
    commit.map_or(Endpoint::WorkTree, Endpoint::Commit)
}

/// Where a finding of the last review stands now; `None` when its code is gone.
fn still_open(
    finding: &Finding,
    anchor: &Anchor,
    tree: &NewTree<'_>,
    files: &[FileChange],
) -> Option<(String, Option<LineRange>)> {
    if finding.file.is_empty() {
        return Some((String::new(), None));
    }
    let place = |file: &str, content: &[u8]| {
        let lines = anchor.find(content, finding.lines)?;
        Some((file.to_owned(), lines))
    };
    match tree.content(&finding.file) {
        FileNow::Unknown => Some((finding.file.clone(), finding.lines)),
        FileNow::Content(content) => place(&finding.file, &content),
        FileNow::Gone => {
            if !anchor.is_telling() {
                return None;
            }
            files.iter().take(MOST_FILES_SEARCHED).find_map(|file| {
                let name = file.path.to_string();
                match tree.content(&name) {
                    FileNow::Content(content) => place(&name, &content),
                    FileNow::Gone | FileNow::Unknown => None,
                }
            })
        }
    }
}

/// The hash of one line in an anchor.
pub(super) fn line_hash(line: &str) -> String {
    let digest = Sha256::digest(line);
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_say_the_same_are_alike_and_others_are_not() {
        assert!(alike("Off by one in the loop", "off by one in loop"));
        assert!(!alike("Off by one in the loop", "Password in plain text"));
        assert!(alike("", ""));
    }
}
