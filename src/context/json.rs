//! A context as JSON, for `codex-review context --format json`.
//!
//! Version 1. Fields are added, never changed or taken away within a version. Paths are given as text (`path`, quoted
//! as in the context where they are unusual).

use serde::Serialize;

use super::build::Context;
use super::ledger::{FileEntry, Shown};
use super::reasons;
use crate::prompt::show_path;
use crate::target::{BaseChoice, HunkRange, LeftOut, ResolvedTarget};

/// The document, pretty-printed, with a line feed at the end.
#[must_use]
pub fn render(context: &Context, target: &ResolvedTarget) -> String {
    let document = document(context, target);
    let mut text = serde_json::to_string_pretty(&document).expect("plain structs serialise");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    target: Target<'a>,
    strategy: &'a str,
    reason: &'a str,
    summary: &'a str,
    bytes: u64,
    tokens: Tokens,
    budget: Budget,
    hash: String,
    ledger: LedgerDocument<'a>,
    sections: Vec<Section<'a>>,
    redactions: Vec<Redaction<'a>>,
    escaped: usize,
    text: &'a str,
}

#[derive(Serialize)]
struct Target<'a> {
    mode: &'static str,
    label: &'a str,
    explicit: bool,
    base: Option<&'a str>,
    /// Which commit is really compared, and how far behind the base's twin is.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_note: Option<String>,
    branch: Option<&'a str>,
    head: Option<&'a str>,
}

#[derive(Serialize)]
struct Tokens {
    estimate: u64,
    at_most: u64,
}

#[derive(Serialize)]
struct Budget {
    bytes: u64,
    tokens: Option<u64>,
}

#[derive(Serialize)]
struct LedgerDocument<'a> {
    full: u64,
    summarised: u64,
    left_out: u64,
    lines: Lines,
    files: Vec<File<'a>>,
    outside: Vec<Outside>,
    outside_more: usize,
    ignored: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_sections: Vec<FailedSection<'a>>,
}

#[derive(Serialize)]
struct FailedSection<'a> {
    title: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Lines {
    full: u64,
    summarised: u64,
    left_out: u64,
}

#[derive(Serialize)]
struct File<'a> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_path: Option<String>,
    part: &'static str,
    status: String,
    shown: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    lines: Lines,
    hunks: Vec<Hunk>,
}

#[derive(Serialize)]
struct Hunk {
    old_start: u32,
    old_lines: u32,
    new_start: u32,
    new_lines: u32,
    shown: &'static str,
}

#[derive(Serialize)]
struct Outside {
    path: String,
    size: Option<u64>,
    reason: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Section<'a> {
    title: &'a str,
    collector: &'a str,
    bytes: u64,
    items: usize,
    missing: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
}

#[derive(Serialize)]
struct Redaction<'a> {
    rule: &'a str,
    ordinal: usize,
}

fn document<'a>(context: &'a Context, target: &'a ResolvedTarget) -> Document<'a> {
    Document {
        version: 1,
        target: Target {
            mode: target.mode.as_str(),
            label: &target.label,
            explicit: target.explicit,
            base: target.base.as_ref().map(|base| base.name.as_str()),
            base_note: target.base.as_ref().map(BaseChoice::note),
            branch: target.branch.as_deref(),
            head: target.head.as_ref().map(|id| id.as_hex()),
        },
        strategy: &context.strategy,
        reason: &context.reason,
        summary: &context.summary,
        bytes: context.bytes,
        tokens: Tokens {
            estimate: context.token_estimate,
            at_most: context.token_bound,
        },
        budget: Budget {
            bytes: context.budget.bytes,
            tokens: context.budget.tokens,
        },
        hash: format!("sha256:{}", context.hash),
        ledger: ledger(context),
        sections: context
            .sections
            .iter()
            .map(|section| Section {
                title: &section.title,
                collector: &section.collector,
                bytes: section.bytes,
                items: section.items,
                missing: section.missing,
                failure: section.failure.as_deref(),
            })
            .collect(),
        redactions: context
            .redactions
            .iter()
            .map(|redaction| Redaction {
                rule: redaction.rule,
                ordinal: redaction.ordinal,
            })
            .collect(),
        escaped: context.escaped,
        text: &context.text,
    }
}

fn ledger(context: &Context) -> LedgerDocument<'_> {
    let (full, summarised, left_out) = context.ledger.counts();
    LedgerDocument {
        full,
        summarised,
        left_out,
        lines: lines(context.ledger.lines()),
        files: context.ledger.files.iter().map(file).collect(),
        outside: context.ledger.outside.iter().map(outside).collect(),
        outside_more: context.ledger.outside_more,
        ignored: context.ledger.ignored,
        failed_sections: context
            .ledger
            .failed_sections
            .iter()
            .map(|section| FailedSection {
                title: &section.title,
                reason: &section.reason,
            })
            .collect(),
    }
}

fn lines(tally: super::ledger::LineTally) -> Lines {
    Lines {
        full: tally.full,
        summarised: tally.summarised,
        left_out: tally.left_out,
    }
}

fn file(entry: &FileEntry) -> File<'_> {
    let (reason, detail) = match &entry.shown {
        Shown::LeftOut(omission) => (Some(omission.as_str()), omission.detail()),
        Shown::Full | Shown::Summarised => (None, None),
    };
    File {
        path: show_path(&entry.path),
        old_path: entry.old_path.as_ref().map(|path| show_path(path)),
        part: entry.part.as_str(),
        status: entry.status.letter().to_string(),
        shown: entry.shown.as_str(),
        reason,
        detail,
        lines: lines(entry.lines),
        hunks: entry
            .hunks
            .iter()
            .map(|hunk| {
                let HunkRange {
                    old_start,
                    old_lines,
                    new_start,
                    new_lines,
                } = hunk.range;
                Hunk {
                    old_start,
                    old_lines,
                    new_start,
                    new_lines,
                    shown: hunk.shown.as_str(),
                }
            })
            .collect(),
    }
}

fn outside(left_out: &LeftOut) -> Outside {
    Outside {
        path: show_path(&left_out.path),
        size: left_out.size,
        reason: reasons::word(&left_out.reason),
        detail: reasons::describe(&left_out.reason),
    }
}
