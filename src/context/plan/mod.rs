//! What the reviewer of a plan is shown: the plan, numbered; the project's rules; an outline of each file that it names.
//!
//! A plan is no change, so no strategy chooses here and there is no ledger of hunks. What holds for every context holds
//! all the same: the same inputs give the same bytes, what supports the plan keeps to a budget and whatever did not fit is
//! named, and text of others is visible, without known secrets and inside an envelope that it cannot leave.
//!
//! Failure policy: the plan is there; what is wrong with the repository or one of its files costs that part, and is told.

mod named;
mod outlines;

use bstr::{BString, ByteSlice as _};
use sha2::{Digest as _, Sha256};

use super::collectors::{RULE_FILES, cut_at_line, folders_above};
use super::present::{Presented, Presenter};
use super::size::counted;
use super::tokens::estimate;
use super::view::{ChangeView, SnapshotFile, ViewError};
use crate::plan::Plan;
use crate::prompt::{Envelope, fill, show_path};
use named::Named;
use outlines::outlines;

const PREFACE: &str = include_str!("preface.md");

/// The most of all rules together, in bytes.
const RULES_BYTES: usize = 24 * 1024;
/// The most of one file of rules.
const RULES_FILE_BYTES: usize = 16 * 1024;
/// The most folders that rules are looked for in.
const RULES_FOLDERS: usize = 64;
/// Names that are written out before the rest is counted.
const MOST_LISTED: usize = 40;

/// What the context of a plan is built from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// How findings name it.
    pub name: &'a str,
    /// The repository's root, as a plan may spell it before the names of files.
    pub root: &'a str,
    /// The repository as it is now: the working tree.
    pub tree: &'a dyn ChangeView,
}

/// What the reviewer of a plan is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanContext {
    /// Exactly what is sent.
    pub text: String,
    /// A realistic number of tokens.
    pub token_estimate: u64,
    /// The SHA-256 of the text, in lower-case hex.
    pub hash: String,
    /// Such as `42 lines, 3 files named`.
    pub summary: String,
    /// How many secrets were taken out.
    pub redactions: u32,
    /// What did not fit or could not be read, one line each.
    pub left_out: Vec<String>,
    /// The plan as it is shown, line by line.
    pub lines: Vec<String>,
}

/// Builds the context of a plan.
#[must_use]
pub fn build_plan(input: &PlanInput<'_>) -> PlanContext {
    let mut sheet = Sheet::default();
    let shown = sheet.take(sheet.presenter.content(input.plan.text().as_bytes()));
    let lines: Vec<String> = shown.lines().map(str::to_owned).collect();
    let numbered: String = lines
        .iter()
        .enumerate()
        .map(|(at, line)| format!("{:>4} {line}\n", at + 1))
        .collect();
    let files = input.tree.snapshot().unwrap_or_else(|error| {
        sheet
            .left_out
            .push(format!("the repository's files: {error}"));
        Vec::new()
    });
    let named = Named::find(input.plan.text(), input.root, &files);
    let named_files: Vec<&SnapshotFile> = named.files.iter().map(|&at| &files[at]).collect();
    let rules = sheet.rules(input.tree, &named_files);
    let outlined = outlines(input.tree, &named_files, &sheet.presenter);
    sheet.redactions += outlined.redactions;
    sheet.left_out.extend(outlined.left_out);
    let missing = sheet.presenter.content(listed(&named.missing).as_bytes());
    let missing = sheet.take(missing);
    let not_shown = sheet.presenter.content(listed(&sheet.left_out).as_bytes());
    let not_shown = sheet.take(not_shown);

    let parts = [
        ("Plan", numbered),
        ("Rules of the project", rules),
        ("Files that the plan names", outlined.text),
        ("Named in the plan, and not in the repository", missing),
        ("Not shown", not_shown),
    ];
    let parts: Vec<(&str, String)> = parts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let envelope = Envelope::around(parts.iter().map(|(_, text)| text.as_str()));
    let name = sheet
        .presenter
        .content(show_path(input.name.as_bytes()).as_bytes());
    let name = sheet.take(name);
    let filled = fill(PREFACE, &[("id", envelope.id()), ("name", &name)]);
    let mut text = filled.expect("a test builds the context of a plan");
    for (title, part) in &parts {
        text.push('\n');
        envelope.wrap_into(&mut text, title, part);
    }
    PlanContext {
        token_estimate: estimate(&text),
        hash: hex_digest(&text),
        summary: format!(
            "{}, {} named",
            counted(lines.len() as u64, "line"),
            counted(named_files.len() as u64, "file")
        ),
        redactions: u32::try_from(sheet.redactions).unwrap_or(u32::MAX),
        left_out: sheet.left_out,
        text,
        lines,
    }
}

/// What is collected on the way.
#[derive(Default)]
struct Sheet {
    presenter: Presenter,
    redactions: usize,
    left_out: Vec<String>,
}

impl Sheet {
    fn take(&mut self, presented: Presented) -> String {
        self.redactions += presented.redactions.len();
        presented.text
    }

    /// The rules for the named files, as they are committed: what is being worked on does not count yet.
    fn rules(&mut self, tree: &dyn ChangeView, named: &[&SnapshotFile]) -> String {
        // The rules of the root count for every plan, whether or not it names a file.
        let root = [b"".as_bstr()].into_iter();
        let paths = root.chain(named.iter().map(|file| file.path.as_bstr()));
        let mut text = String::new();
        for folder in folders_above(paths).into_iter().take(RULES_FOLDERS) {
            for name in RULE_FILES {
                let mut path = folder.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend(name.bytes());
                let shown = show_path(&path);
                match self.rules_of(tree, &path) {
                    Ok(None) => {}
                    Ok(Some(rules)) if text.len() + rules.len() > RULES_BYTES => {
                        self.left_out
                            .push(format!("{shown}: there was no room for it"));
                    }
                    Ok(Some(rules)) => text.push_str(&format!("{shown}:\n{rules}")),
                    Err(error) => self.left_out.push(format!("{shown}: {error}")),
                }
            }
        }
        text
    }

    fn rules_of(
        &mut self,
        tree: &dyn ChangeView,
        path: &BString,
    ) -> Result<Option<String>, ViewError> {
        let Some(mut bytes) = tree.old_file(path.as_bstr())? else {
            return Ok(None);
        };
        let whole = bytes.len();
        cut_at_line(&mut bytes, RULES_FILE_BYTES);
        let cut = whole - bytes.len();
        let shown = self.presenter.content(&bytes);
        // Indented, so that no line of it can look like the next heading.
        let mut text: String = self
            .take(shown)
            .lines()
            .map(|line| format!("  {line}\n"))
            .collect();
        if cut > 0 {
            text.push_str(&format!(
                "  [{} not shown]\n",
                counted(cut as u64, "more byte")
            ));
        }
        Ok(Some(text))
    }
}

/// One line each, the last of many being their number.
fn listed(lines: &[String]) -> String {
    let mut text: String = lines
        .iter()
        .take(MOST_LISTED)
        .map(|line| format!("{line}\n"))
        .collect();
    let more = lines.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    text
}

fn hex_digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
