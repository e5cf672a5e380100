//! What the reviewer is shown of each changed file and hunk: all of it, a summary, or nothing and why.

use bstr::BString;

use super::patch::overlap;
use super::present::{Presented, Presenter};
use super::reasons::describe;
use super::size::counted;
use super::view::ChangeView;
use crate::prompt::show_path;
use crate::target::{Content, FileChange, HunkRange, LeftOut, LeftOutReason, Part, Status};

/// How much of something is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Full,
    /// Its name and numbers.
    Summarised,
    /// Nothing.
    LeftOut(Omission),
}

impl Shown {
    /// A stable word: `full`, `summarised` or `left-out`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Shown::Full => "full",
            Shown::Summarised => "summarised",
            Shown::LeftOut(_) => "left-out",
        }
    }
}

/// Why a changed file or hunk is not shown at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Omission {
    /// The budget was used up.
    Budget,
    /// It bears a secret by its name: listed, never sent.
    SecretName,
    /// The strategy has no section for it.
    Strategy,
    /// Its content could not be read; what was said.
    Unreadable(String),
}

impl Omission {
    /// A stable word for JSON: `budget`, `secret-name`, `strategy` or `unreadable`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Omission::Budget => "budget",
            Omission::SecretName => "secret-name",
            Omission::Strategy => "strategy",
            Omission::Unreadable(_) => "unreadable",
        }
    }

    /// What was said, where something was said.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Omission::Unreadable(detail) => Some(detail),
            Omission::Budget | Omission::SecretName | Omission::Strategy => None,
        }
    }

    /// A fragment for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Omission::Budget => "no room in the budget".to_owned(),
            Omission::SecretName => "bears a secret by its name, never sent".to_owned(),
            Omission::Strategy => "no section of the strategy shows it".to_owned(),
            Omission::Unreadable(detail) => format!("could not be read: {detail}"),
        }
    }
}

/// One hunk of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HunkEntry {
    /// Its place, with three lines of context.
    pub range: HunkRange,
    /// How much of it is shown.
    pub shown: Shown,
}

/// The changed lines of a file (added and removed), by how they are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineTally {
    /// In full.
    pub full: u64,
    /// In a summary.
    pub summarised: u64,
    /// Not at all.
    pub left_out: u64,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The path, as in the change.
    pub path: BString,
    /// The old path of a rename.
    pub old_path: Option<BString>,
    /// Which part of the target.
    pub part: Part,
    /// What happened to it.
    pub status: Status,
    /// How much of it is shown: [`Shown::Full`] only when every hunk is.
    pub shown: Shown,
    /// Its hunks; empty for content that has none.
    pub hunks: Vec<HunkEntry>,
    /// Its changed lines.
    pub lines: LineTally,
}

/// Everything that belongs to the target, and how much of it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The changed files, in the order of the change.
    pub files: Vec<FileEntry>,
    /// Files that were left out before any strategy ran.
    pub outside: Vec<LeftOut>,
    /// How many more of those there are, without names.
    pub outside_more: usize,
    /// How many changed files the user's own filters took out.
    pub ignored: usize,
    /// Sections of the strategy that could not be made.
    pub failed_sections: Vec<FailedSection>,
}

/// A section that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedSection {
    /// Its heading.
    pub title: String,
    /// Why, on one line.
    pub reason: String,
}

impl Ledger {
    /// How many files are shown in full, summarised and left out; the files left out beforehand are not among them.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let mut counts = (0, 0, 0);
        for file in &self.files {
            match file.shown {
                Shown::Full => counts.0 += 1,
                Shown::Summarised => counts.1 += 1,
                Shown::LeftOut(_) => counts.2 += 1,
            }
        }
        counts
    }

    /// Whether something is not shown in full because the budget had no room for it, rather than by its kind.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.files.iter().any(|file| match &file.shown {
            Shown::Full => false,
            Shown::Summarised => !file.hunks.is_empty(),
            Shown::LeftOut(reason) => *reason == Omission::Budget,
        })
    }

    /// The first of the files that could not be read and what was said of it, where nothing of the change was read; `None`
    /// where lines were, or could have been if there were room for them. A binary file has none, and a secret is not read.
    #[must_use]
    pub fn nothing_read(&self) -> Option<String> {
        let is_read = |file: &FileEntry| {
            let is_kept_out = matches!(
                file.shown,
                Shown::LeftOut(Omission::Unreadable(_) | Omission::SecretName)
            );
            file.lines != LineTally::default() && !is_kept_out
        };
        if self.files.iter().any(is_read) {
            return None;
        }
        let inside = self.files.iter().filter_map(|file| match &file.shown {
            Shown::LeftOut(omission @ Omission::Unreadable(_)) => {
                Some((&file.path, omission.describe()))
            }
            Shown::Full | Shown::Summarised | Shown::LeftOut(_) => None,
        });
        let outside = self.outside.iter().filter_map(|file| match &file.reason {
            reason @ LeftOutReason::Unreadable(_) => Some((&file.path, describe(reason))),
            _ => None,
        });
        let (path, reason) = inside.chain(outside).next()?;
        Some(format!("`{}` {reason}", show_path(path)))
    }

    /// The sum over all files.
    #[must_use]
    pub fn lines(&self) -> LineTally {
        self.files
            .iter()
            .fold(LineTally::default(), |sum, file| LineTally {
                full: sum.full + file.lines.full,
                summarised: sum.summarised + file.lines.summarised,
                left_out: sum.left_out + file.lines.left_out,
            })
    }
}

/// How much of one file a piece of text shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Its name and perhaps its numbers.
    Named,
    /// Some of its hunks, the others being counted in the text.
    Hunks {
        /// The hunks shown, as they were rendered.
        shown: Vec<HunkRange>,
        /// The hunks not shown, as they were rendered.
        hidden: Vec<HunkRange>,
        /// Changed lines in the hunks shown.
        changed_lines: u64,
    },
    /// All of its change.
    Full,
}

/// A ledger in the making: starts with nothing shown, and is told what is.
#[derive(Debug)]
pub(super) struct LedgerBuilder<'a> {
    files: &'a [FileChange],
    entries: Vec<Draft>,
}

#[derive(Debug, Clone)]
struct Draft {
    reason: Omission,
    named: bool,
    full: bool,
    hunks: Vec<bool>,
    full_lines: u64,
}

impl<'a> LedgerBuilder<'a> {
    pub(super) fn new(files: &'a [FileChange]) -> Self {
        let entries = files
            .iter()
            .map(|file| Draft {
                reason: Omission::Strategy,
                named: false,
                full: false,
                hunks: vec![false; hunks_of(file).len()],
                full_lines: 0,
            })
            .collect();
        LedgerBuilder { files, entries }
    }

    /// Why a file is not shown, should nothing show it. A graver reason stays.
    pub(super) fn omit(&mut self, file: usize, reason: Omission) {
        let current = &mut self.entries[file].reason;
        let weight = |reason: &Omission| match reason {
            Omission::Strategy => 0,
            Omission::Budget => 1,
            Omission::Unreadable(_) => 2,
            Omission::SecretName => 3,
        };
        if weight(&reason) > weight(current) {
            *current = reason;
        }
    }

    pub(super) fn record(&mut self, file: usize, coverage: &Coverage) {
        let change = &self.files[file];
        let draft = &mut self.entries[file];
        draft.named = true;
        match coverage {
            Coverage::Named => {}
            // All that can be shown of bytes is that they differ.
            Coverage::Full if change.content == Content::Binary => {}
            Coverage::Full => {
                draft.full = true;
            }
            Coverage::Hunks {
                shown,
                hidden,
                changed_lines,
            } => {
                for (index, hunk) in hunks_of(change).iter().enumerate() {
                    let meets = |other: &HunkRange| overlap(hunk, other);
                    // In doubt it is not shown: with other context lines one rendered hunk can touch two of ours.
                    draft.hunks[index] |= shown.iter().any(meets) && !hidden.iter().any(meets);
                }
                draft.full_lines = draft.full_lines.max(*changed_lines);
            }
        }
    }

    pub(super) fn finish(self, changes: &dyn ChangeView) -> Ledger {
        let files = self
            .files
            .iter()
            .zip(self.entries)
            .map(|(change, draft)| draft.finish(change))
            .collect();
        Ledger {
            files,
            outside: changes.left_out().to_vec(),
            outside_more: changes.left_out_more(),
            ignored: changes.ignored(),
            failed_sections: Vec::new(),
        }
    }
}

impl Draft {
    fn finish(self, change: &FileChange) -> FileEntry {
        // To name a file that nobody may see is not to summarise it.
        let named = self.named && self.reason != Omission::SecretName;
        let less = if named {
            Shown::Summarised
        } else {
            Shown::LeftOut(self.reason)
        };
        let (added, removed) = changed_lines(change);
        let total = added + removed;
        let full_lines = if self.full {
            total
        } else {
            self.full_lines.min(total)
        };
        let rest = total - full_lines;
        let hunks = hunks_of(change)
            .iter()
            .zip(&self.hunks)
            .map(|(range, shown)| HunkEntry {
                range: *range,
                shown: if self.full || *shown {
                    Shown::Full
                } else {
                    less.clone()
                },
            })
            .collect();
        FileEntry {
            path: change.path.clone(),
            old_path: change.old_path.clone(),
            part: change.part,
            status: change.status,
            lines: LineTally {
                full: full_lines,
                summarised: if named { rest } else { 0 },
                left_out: if named { 0 } else { rest },
            },
            shown: if self.full { Shown::Full } else { less },
            hunks,
        }
    }
}

fn hunks_of(file: &FileChange) -> &[HunkRange] {
    match &file.content {
        Content::Text { hunks, .. } => hunks,
        Content::Binary | Content::Submodule => &[],
    }
}

/// Lines added and removed; none for bytes and submodules.
pub(super) fn changed_lines(file: &FileChange) -> (u64, u64) {
    match &file.content {
        Content::Text { added, removed, .. } => (u64::from(*added), u64::from(*removed)),
        Content::Binary | Content::Submodule => (0, 0),
    }
}

/// The ledger in the least words: states and reasons, counted. Its length is bounded whatever the ledger holds.
pub(super) fn counts_text(ledger: &Ledger) -> String {
    let (full, summarised, left_out) = ledger.counts();
    let lines = ledger.lines();
    let mut text = format!(
        "in full: {} ({} changed lines); summarised: {} ({}); left out: {} ({})\n",
        counted(full, "file"),
        lines.full,
        counted(summarised, "file"),
        lines.summarised,
        counted(left_out, "file"),
        lines.left_out,
    );
    let mut reasons = Tally::default();
    for file in &ledger.files {
        if let Shown::LeftOut(reason) = &file.shown {
            reasons.count(match reason {
                Omission::Budget => "no room in the budget",
                Omission::SecretName => "secret by name",
                Omission::Strategy => "no section shows it",
                Omission::Unreadable(_) => "unreadable",
            });
        }
    }
    reasons.push_line(&mut text, "left out, by reason");
    let mut outside = Tally::default();
    for left_out in &ledger.outside {
        outside.count(super::reasons::short(&left_out.reason));
    }
    outside.add("more", ledger.outside_more as u64);
    outside.add("excluded by filters", ledger.ignored as u64);
    outside.push_line(&mut text, "not part of the counts above");
    if !ledger.failed_sections.is_empty() {
        let failed = counted(ledger.failed_sections.len() as u64, "section");
        text.push_str(&format!("could not be made: {failed}\n"));
    }
    text
}

/// How often each of a few words was counted, in the order of their first appearance.
#[derive(Default)]
struct Tally(Vec<(&'static str, u64)>);

impl Tally {
    fn count(&mut self, word: &'static str) {
        self.add(word, 1);
    }

    fn add(&mut self, word: &'static str, more: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += more,
            None if more > 0 => self.0.push((word, more)),
            None => {}
        }
    }

    fn push_line(&self, text: &mut String, title: &str) {
        if self.0.is_empty() {
            return;
        }
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        text.push_str(title);
        text.push_str(": ");
        text.push_str(&parts.join(", "));
        text.push('\n');
    }
}

/// The lines on what is left out, one each, as many as `fits` says yes to; then how many more there are.
pub(super) fn details_text(
    ledger: &Ledger,
    presenter: &Presenter,
    mut fits: impl FnMut(&str) -> bool,
) -> Presented {
    let (full, _, _) = ledger.counts();
    let nothing_full = full == 0 && ledger.lines().full == 0;
    let failed = ledger.failed_sections.iter().map(|section| {
        let reason = one_line(&section.reason);
        format!("section {}  (could not be made: {reason})\n", section.title)
    });
    let files = ledger.files.iter().filter_map(|file| {
        let path = crate::prompt::show_path(&file.path);
        let part = match file.part {
            Part::Committed => String::new(),
            part => format!("{}, ", part.as_str()),
        };
        match &file.shown {
            Shown::Full => None,
            // Where everything is a summary, the counts have said so.
            Shown::Summarised if nothing_full => None,
            Shown::Summarised => {
                let shown = file
                    .hunks
                    .iter()
                    .filter(|hunk| hunk.shown == Shown::Full)
                    .count();
                let of = match file.hunks.len() {
                    0 => "not text".to_owned(),
                    all => format!("{shown} of {} shown", counted(all as u64, "hunk")),
                };
                Some(format!("{path}  ({part}{of})\n"))
            }
            Shown::LeftOut(reason) => Some(format!(
                "{path}  ({part}left out: {})\n",
                one_line(&reason.describe())
            )),
        }
    });
    let mut details = Presented::default();
    let mut more = 0;
    // The counts have said how many sections there are of these.
    for line in failed {
        details.text.push_str(&line);
        if !fits(&details.text) {
            details.text.truncate(details.text.len() - line.len());
            break;
        }
    }
    for line in files {
        if more == 0 {
            // A name can hold a secret too.
            let line = presenter.content(line.as_bytes());
            details.text.push_str(&line.text);
            if fits(&details.text) {
                details.redactions.extend(line.redactions);
                continue;
            }
            details.text.truncate(details.text.len() - line.text.len());
        }
        more += 1;
    }
    if more > 0 {
        let word = format!("({} like these)\n", counted(more, "more file"));
        details.text.push_str(&word);
    }
    details
}

fn one_line(text: &str) -> String {
    crate::prompt::visible(text.as_bytes())
        .text
        .replace(['\n', '\r', '\t'], " ")
}
