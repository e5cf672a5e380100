//! The patches of one part of the target.

use serde::Deserialize;

use super::{file_line, one_line};
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::ledger::Coverage;
use crate::context::patch::PatchParts;
use crate::context::registry::{CollectorInfo, Factory, OptionsError, check_range, parse_options};
use crate::context::size::counted;
use crate::context::view::ChangeView;
use crate::prompt::visible;
use crate::secrets::PatchKeys;
use crate::target::{Content, FileChange, HunkRange, Part, Side};

pub(super) const COMMITTED: CollectorInfo = info(
    "committed-diff",
    "the patches between two commits: of a branch, a range or one commit; or those of a patch that is not applied",
    |options| make(Part::Committed, options),
);
pub(super) const STAGED: CollectorInfo = info(
    "staged-diff",
    "the patches between HEAD and the index",
    |options| make(Part::Staged, options),
);
pub(super) const UNSTAGED: CollectorInfo = info(
    "unstaged-diff",
    "the patches between the index and the working tree",
    |options| make(Part::Unstaged, options),
);
pub(super) const UNTRACKED: CollectorInfo = info(
    "untracked",
    "untracked text files, as patches that add them",
    |options| make(Part::Untracked, options),
);

const fn info(name: &'static str, about: &'static str, make: Factory) -> CollectorInfo {
    CollectorInfo {
        name,
        about,
        rungs: &Rung::ALL,
        options: &["context_lines"],
        make,
    }
}

/// The most places of hunks that are named; the others are counted.
const PLACES: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// Unchanged lines around each hunk.
    context_lines: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { context_lines: 3 }
    }
}

fn make(part: Part, options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let Options { context_lines } = parse_options(options)?;
    check_range("context_lines", context_lines, 0..=1_000)?;
    Ok(Box::new(Diff {
        part,
        context_lines,
    }))
}

struct Diff {
    part: Part,
    context_lines: u32,
}

impl Diff {
    /// A patch that is not applied stands where it would be once it is committed: every strategy has that section.
    fn shows(&self, part: Part) -> bool {
        part == self.part || (part == Part::Patched && self.part == Part::Committed)
    }
}

impl Collector for Diff {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let files = scene.changes.files().iter().enumerate();
        Ok(files
            .filter(|(index, file)| self.shows(file.part) && !scene.secret_names[*index])
            .map(|(index, _)| Item::of_file(index))
            .collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let index = item.key;
        let file = &scene.changes.files()[index];
        // Rendering a patch is the costly part: not for one that cannot fit.
        let full = rungs.contains(&Rung::Full) && least_patch_bytes(file) <= room.bytes();
        let hunks = rungs.contains(&Rung::Hunks)
            && (hunk_count(file) > 1 || !rungs.contains(&Rung::Full))
            && LEAST_HUNK_BYTES <= room.bytes();
        if full || hunks {
            let patch = scene.changes.patch(index, self.context_lines)?;
            let piece = fit_patch(scene, index, &patch, (full, hunks), room);
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(rungs.iter().find_map(|rung| {
            let text = match rung {
                Rung::Full | Rung::Hunks => return None,
                Rung::Outline => outline(scene, index),
                Rung::Name => file_line(scene, index),
            };
            let piece = PieceDraft::naming(scene.presenter, &text, *rung, &item.files);
            piece.within(room)
        }))
    }
}

/// A header and one hunk are never shorter.
const LEAST_HUNK_BYTES: u64 = 64;

fn hunk_count(file: &FileChange) -> usize {
    match &file.content {
        Content::Text { hunks, .. } => hunks.len(),
        Content::Binary | Content::Submodule => 0,
    }
}

/// No patch of this file is shorter: each changed line has a marker and, but for the last one of each side, a line end;
/// and what one side is longer than the other must show.
pub(in crate::context) fn least_patch_bytes(file: &FileChange) -> u64 {
    let Content::Text { added, removed, .. } = &file.content else {
        return 0;
    };
    let lines = (u64::from(*added) + u64::from(*removed)) * 2;
    let lines = lines.saturating_sub(2);
    let size = |side: &Option<Side>| side.as_ref().map_or(Some(0), |side| side.size);
    match (size(&file.old), size(&file.new)) {
        (Some(old), Some(new)) => lines.max(new.abs_diff(old)),
        _ => lines,
    }
}

/// As much of a patch as fits: all of it, or its first hunks and a word on the others. `(full, hunks)` says which of
/// both is allowed.
fn fit_patch(
    scene: &Scene<'_>,
    index: usize,
    patch: &[u8],
    (full, hunks): (bool, bool),
    room: Room,
) -> Option<Piece> {
    let parts = PatchParts::parse(patch);
    let keys = keys_of(scene.changes, index, patch);
    let mut sent = scene.presenter.content(parts.header);
    for note in scene.changes.files()[index].notes.iter().rev() {
        sent.text
            .insert_str(0, &format!("note: {}\n", one_line(note)));
    }
    let mut left = room.less(room.price(&sent.text)?);
    // The longest beginning that fits together with the word on what is missing.
    let mut best: Option<Cut> = None;
    let mut all_fit = true;
    for (before, hunk) in parts.hunks.iter().enumerate() {
        if hunk.text.len() as u64 > most_raw_bytes(room) {
            all_fit = false;
            break;
        }
        let shown = scene.presenter.hunks(hunk.text, &keys);
        let Some(cost) = left.price(&shown.text) else {
            all_fit = false;
            break;
        };
        left = left.less(cost);
        sent.text.push_str(&shown.text);
        sent.redactions.extend(shown.redactions);
        sent.escaped += shown.escaped;
        let rest = &parts.hunks[before + 1..];
        // The word on the rest is only needed once something does not fit; it is cheap beside presenting a hunk.
        let word = hidden_word(rest);
        if left.price(&word).is_some() {
            best = Some(Cut {
                hunks: before + 1,
                length: sent.text.len(),
                redactions: sent.redactions.len(),
                escaped: sent.escaped,
                word,
            });
        }
    }
    if all_fit {
        end_line(&mut sent.text);
        // A ladder may begin below `full`: all the hunks are all there is.
        let rung = if full { Rung::Full } else { Rung::Hunks };
        return PieceDraft::showing(sent, rung, vec![(index, Coverage::Full)]).within(room);
    }
    let cut = best.filter(|_| hunks)?;
    sent.text.truncate(cut.length);
    sent.redactions.truncate(cut.redactions);
    sent.escaped = cut.escaped;
    end_line(&mut sent.text);
    sent.text.push_str(&cut.word);
    let (shown, hidden) = parts.hunks.split_at(cut.hunks);
    let coverage = Coverage::Hunks {
        changed_lines: shown
            .iter()
            .map(|hunk| u64::from(hunk.added) + u64::from(hunk.removed))
            .sum(),
        shown: shown.iter().map(|hunk| hunk.range).collect(),
        hidden: hidden.iter().map(|hunk| hunk.range).collect(),
    };
    let piece = PieceDraft::showing(sent, Rung::Hunks, vec![(index, coverage)]);
    piece.within(room)
}

/// The private keys of a file's two contents, as its hunks will be shown.
fn keys_of(changes: &dyn ChangeView, index: usize, patch: &[u8]) -> PatchKeys {
    let file = &changes.files()[index];
    let old = || match &file.old {
        None => Some(Vec::new()),
        Some(_) => changes.old_content(index, PatchKeys::MOST_BYTES).ok()?,
    };
    let new = || match &file.new {
        None => Some(Vec::new()),
        Some(_) => changes.new_content(index, PatchKeys::MOST_BYTES).ok()?,
    };
    PatchKeys::of(patch, old, new, |bytes| visible(bytes).text)
}

/// Text longer than this is not even tried: redacting shortens a text, but never that much.
fn most_raw_bytes(room: Room) -> u64 {
    room.bytes().saturating_mul(4).saturating_add(4096)
}

/// Where a patch is cut.
struct Cut {
    hunks: usize,
    length: usize,
    redactions: usize,
    escaped: usize,
    word: String,
}

/// Git ends every patch with a line feed; a hand-made one may not.
fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// The word on hunks that are not shown: how many, how much, and where.
fn hidden_word(hidden: &[crate::context::patch::PatchHunk<'_>]) -> String {
    if hidden.is_empty() {
        return String::new();
    }
    let (added, removed) = hidden.iter().fold((0, 0), |sum, hunk| {
        (
            sum.0 + u64::from(hunk.added),
            sum.1 + u64::from(hunk.removed),
        )
    });
    let count = counted(hidden.len() as u64, "more hunk");
    let places = new_lines(hidden.iter().map(|hunk| hunk.range));
    format!("[{count} of this file not shown, +{added} -{removed}, {places}]\n")
}

/// `new lines 3-9, 40-44`: the first places, then an ellipsis.
fn new_lines(mut hunks: impl Iterator<Item = HunkRange>) -> String {
    let mut places: Vec<String> = hunks
        .by_ref()
        .take(PLACES)
        .map(|hunk| match hunk.new_lines {
            0 => format!("after {}", hunk.new_start),
            1 => hunk.new_start.to_string(),
            lines => format!(
                "{}-{}",
                hunk.new_start,
                hunk.new_start.saturating_add(lines - 1)
            ),
        })
        .collect();
    if hunks.next().is_some() {
        places.push("\u{2026}".to_owned());
    }
    format!("new lines {}", places.join(", "))
}

fn outline(scene: &Scene<'_>, index: usize) -> String {
    let mut text = file_line(scene, index);
    if let Content::Text { hunks, .. } = &scene.changes.files()[index].content
        && !hunks.is_empty()
    {
        text.pop();
        text.push_str("  ");
        text.push_str(&new_lines(hunks.iter().copied()));
        text.push('\n');
    }
    text
}
