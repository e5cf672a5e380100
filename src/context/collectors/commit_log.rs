//! The commits of the target, with their authors' claims or without.

use std::cell::OnceCell;

use serde::Deserialize;

use crate::context::budget::Room;
use crate::context::collector::{
    Claims, CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene,
};
use crate::context::registry::{CollectorInfo, OptionsError, check_range, parse_options};
use crate::context::size::counted;
use crate::target::{CommitLog, CommitSummary};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "commit-log",
    about: "the commits of the target, newest first: id, author and message, which are claims and not facts",
    rungs: &[Rung::Full, Rung::Outline, Rung::Name],
    options: &["limit", "authors", "messages"],
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// The most commits.
    limit: usize,
    /// Whether author names are given.
    authors: bool,
    /// Whether messages are given.
    messages: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limit: 50,
            authors: true,
            messages: true,
        }
    }
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let options: Options = parse_options(options)?;
    check_range("limit", options.limit, 1..=1_000)?;
    Ok(Box::new(Log {
        options,
        log: OnceCell::new(),
    }))
}

struct Log {
    options: Options,
    /// Read when items are listed, so that it is read once.
    log: OnceCell<CommitLog>,
}

/// The most bytes of a message; what comes after them is counted.
const MOST_MESSAGE_BYTES: usize = 8 * 1024;

/// The key of the item that says that there are more.
const MORE: usize = usize::MAX;

impl Collector for Log {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let log = scene.changes.commits(self.options.limit)?;
        let log = self.log.get_or_init(|| log);
        let more = log.has_more.then_some(MORE);
        let keys = (0..log.commits.len()).chain(more);
        Ok(keys.map(Item::apart).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let log = self
            .log
            .get()
            .expect("items are listed before one is rendered");
        if item.key == MORE {
            let text = format!("(only the newest {} are listed)\n", log.commits.len());
            let piece = PieceDraft::naming(scene.presenter, &text, Rung::Full, &[]);
            return Ok(piece.within(room));
        }
        let commit = &log.commits[item.key];
        let claims = scene.claims == Claims::Shown;
        let authors = claims && self.options.authors;
        let messages = claims && self.options.messages;
        let words = Words { authors, messages };
        Ok(rungs.iter().find_map(|rung| {
            let text = commit_text(commit, *rung, words);
            let piece =
                PieceDraft::showing(scene.presenter.content(text.as_bytes()), *rung, Vec::new());
            piece.within(room)
        }))
    }
}

/// Which claims of a commit are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) authors: bool,
    pub(super) messages: bool,
}

/// A commit on a rung: its id, and as much of its claims as is told.
pub(super) fn commit_text(commit: &CommitSummary, rung: Rung, words: Words) -> String {
    match rung {
        Rung::Full if words.messages => full(commit, words.authors),
        Rung::Outline if words.messages => outline(commit, words.authors),
        _ => name(commit, words.authors),
    }
}

fn name(commit: &CommitSummary, authors: bool) -> String {
    let id = commit.id.short();
    if authors {
        format!("{id} by {}\n", line(&commit.author))
    } else {
        format!("{id}\n")
    }
}

fn outline(commit: &CommitSummary, authors: bool) -> String {
    let mut text = name(commit, authors);
    text.pop();
    text.push_str(": ");
    text.push_str(&line(&commit.subject));
    text.push('\n');
    text
}

/// The body is indented, so that no line of it can look like the next commit.
fn full(commit: &CommitSummary, authors: bool) -> String {
    let mut text = outline(commit, authors);
    let body = commit.body.trim_end();
    let shown = clipped(body);
    for body_line in shown.lines() {
        if !body_line.is_empty() {
            text.push_str("    ");
            text.push_str(body_line);
        }
        text.push('\n');
    }
    if shown.len() < body.len() {
        let more = counted((body.len() - shown.len()) as u64, "more byte");
        text.push_str(&format!("    [{more} of this message not shown]\n"));
    }
    text
}

fn clipped(text: &str) -> &str {
    let mut end = text.len().min(MOST_MESSAGE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn line(text: &str) -> String {
    clipped(text).replace(['\n', '\r'], " ")
}
