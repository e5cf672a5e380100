//! Runs every rule over a change and gathers what they find, within bounds.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::review::{Finding, FindingOrigin, LineRange, Placement, Severity};

use super::rules::{Check, RULES, Rule};
use super::source::ChangeSource;
use super::view::FileView;

/// More findings of one rule in one file become a number in the last one.
const PER_RULE_AND_FILE: usize = 10;
/// More findings than this are counted, the least grave ones first.
const IN_ALL: usize = 500;

/// What the checks came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examination {
    /// What was found, gravest first, then by file and line.
    pub findings: Vec<Finding>,
    /// Findings beyond the bound on their number.
    pub beyond_bound: usize,
    /// How many files were looked at.
    pub files: usize,
    /// How many new lines were looked at.
    pub lines: usize,
    /// What belongs to the change and was not looked at, one sentence each.
    pub not_seen: Vec<String>,
}

/// Somebody asked to stop before the examination was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the examination was stopped")]
pub struct Stopped;

/// How far an examination is, told before each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files that are done.
    pub done: usize,
    /// Files in all.
    pub total: usize,
}

/// Runs every rule over the change. `on_progress` is asked before each file and may stop the examination.
///
/// # Errors
///
/// [`Stopped`] when `on_progress` said so.
pub fn examine(
    source: &dyn ChangeSource,
    on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Examination, Stopped> {
    let files = source.files();
    let mut sinks: Vec<Sink> = RULES.iter().map(|rule| Sink::new(rule)).collect();
    let mut examination = Examination::default();
    for (index, file) in files.iter().enumerate() {
        let progress = Progress {
            done: index,
            total: files.len(),
        };
        if on_progress(progress).is_break() {
            return Err(Stopped);
        }
        let view = FileView::new(file, source.lines(index), source.new_content(index));
        examination.files += 1;
        examination.lines += view.every_added.len();
        for sink in &mut sinks {
            sink.look_at(source, index, &view);
        }
    }
    for sink in &mut sinks {
        sink.close();
    }
    examination.not_seen = source.not_seen();
    let mut found: Vec<(usize, Finding)> = sinks.into_iter().flat_map(|sink| sink.found).collect();
    found.sort_by(|(left_file, left), (right_file, right)| {
        let line = |finding: &Finding| finding.lines.map_or(0, LineRange::start);
        (right.severity.cmp(&left.severity))
            .then(left_file.cmp(right_file))
            .then(line(left).cmp(&line(right)))
    });
    examination.beyond_bound = found.len().saturating_sub(IN_ALL);
    found.truncate(IN_ALL);
    examination.findings = found.into_iter().map(|(_, finding)| finding).collect();
    Ok(examination)
}

/// What one rule has found so far.
pub(super) struct Sink {
    rule: &'static Rule,
    file_index: usize,
    path: String,
    in_file: usize,
    /// Tests by name across the change, for rules that compare what went with what came.
    pub(super) tally: BTreeMap<String, Tally>,
    found: Vec<(usize, Finding)>,
}

/// Where a name went, and whether it came back.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) removed_from: Option<(usize, String)>,
    pub(super) added: bool,
}

/// What one finding says beyond its rule.
#[derive(Debug, Default)]
pub(super) struct Note {
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) confidence: Option<f64>,
}

impl Note {
    pub(super) fn titled(title: impl Into<String>) -> Self {
        Note {
            title: Some(title.into()),
            ..Note::default()
        }
    }
}

impl Sink {
    fn new(rule: &'static Rule) -> Self {
        Sink {
            rule,
            file_index: 0,
            path: String::new(),
            in_file: 0,
            tally: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    fn look_at(&mut self, source: &dyn ChangeSource, index: usize, view: &FileView<'_>) {
        self.enter(index, &view.path);
        match self.rule.check {
            Check::Patterns(patterns) => patterns.look_at(view, self),
            Check::File(check) => check(view, self),
            Check::Change { file, .. } => file(source, view, self),
        }
        self.leave();
    }

    fn close(&mut self) {
        if let Check::Change { end: Some(end), .. } = self.rule.check {
            end(self);
        }
    }

    /// Moves to a file: what is found from now on is found there.
    pub(super) fn enter(&mut self, index: usize, path: &str) {
        self.file_index = index;
        path.clone_into(&mut self.path);
        self.in_file = 0;
    }

    pub(super) fn leave(&mut self) {
        let more = self.in_file.saturating_sub(PER_RULE_AND_FILE);
        if more > 0 {
            let (_, last) = self.found.last_mut().expect("some were found in this file");
            last.body.push_str(&format!(
                "\n\nThe same was found {more} more times in this file."
            ));
        }
    }

    pub(super) fn file_index(&self) -> usize {
        self.file_index
    }

    /// A finding on one line.
    pub(super) fn line(&mut self, number: u32, note: Note) {
        self.push(Some(LineRange::new(number, number)), note);
    }

    /// A finding on several lines.
    pub(super) fn lines(&mut self, start: u32, end: u32, note: Note) {
        self.push(Some(LineRange::new(start, end)), note);
    }

    /// A finding on the whole file.
    pub(super) fn whole_file(&mut self, note: Note) {
        self.push(None, note);
    }

    fn push(&mut self, lines: Option<LineRange>, note: Note) {
        self.in_file += 1;
        if self.in_file > PER_RULE_AND_FILE {
            return;
        }
        let rule = self.rule;
        let finding = Finding {
            severity: note.severity.unwrap_or(rule.severity),
            title: note.title.unwrap_or_else(|| rule.title.to_owned()),
            body: match note.body {
                Some(first) => format!("{first} {}", rule.why),
                None => rule.why.to_owned(),
            },
            file: self.path.clone(),
            lines,
            confidence: Some(note.confidence.unwrap_or(rule.confidence)),
            recommendation: Some(rule.advice.to_owned()),
            origin: FindingOrigin::Rule(rule.id.to_owned()),
            placement: Placement::Unchecked,
            fingerprint: None,
            exclusion: None,
            carried_from: None,
        };
        self.found.push((self.file_index, finding));
    }
}
