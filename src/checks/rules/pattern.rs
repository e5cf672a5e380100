//! Rules that are patterns for single lines.

use regex::{Regex, RegexBuilder};

use super::super::examine::{Note, Sink};
use super::super::language::Language;
use super::super::view::{AddedLine, FileView};

/// Which shape of a line a pattern is tried on.
#[derive(Debug, Clone, Copy)]
pub(super) enum On {
    /// Without comments.
    Code,
    /// Without comments and without the insides of strings.
    Bare,
}

/// One pattern and where it applies. Built with [`case`].
#[derive(Debug)]
pub(super) struct Case {
    languages: &'static [Language],
    on: On,
    pattern: Regex,
    unless: Option<Regex>,
    what: &'static str,
}

/// A pattern for the lines of `languages` (none: of every language but prose). `what` fills the title's place.
pub(super) fn case(
    languages: &'static [Language],
    on: On,
    pattern: &str,
    what: &'static str,
) -> Case {
    Case {
        languages,
        on,
        pattern: compile(pattern),
        unless: None,
        what,
    }
}

impl Case {
    /// Lines that this pattern (tried on the line as it stands) matches are left alone.
    pub(super) fn unless(mut self, pattern: &str) -> Self {
        self.unless = Some(compile(pattern));
        self
    }
}

/// Compiles a constant pattern. `\w` and `\b` are ASCII: names in code are, and the automata stay small.
pub(super) fn compile(pattern: &str) -> Regex {
    let ascii = pattern
        .replace(r"\w", "[0-9A-Za-z_]")
        .replace(r"\b", r"(?-u:\b)");
    RegexBuilder::new(&ascii)
        .build()
        .expect("a test compiles every constant pattern")
}

/// The patterns of one rule.
#[derive(Debug)]
pub(in super::super) struct Patterns {
    cases: Vec<Case>,
    /// From `what` to a title.
    title: fn(&str) -> String,
    /// Changes the note for the file at hand; `None` leaves the line alone.
    adjust: fn(&FileView<'_>, &AddedLine, Note) -> Option<Note>,
}

impl Patterns {
    pub(super) fn new(title: fn(&str) -> String, cases: Vec<Case>) -> Self {
        Patterns {
            cases,
            title,
            adjust: |_, _, note| Some(note),
        }
    }

    pub(super) fn adjusted(
        mut self,
        adjust: fn(&FileView<'_>, &AddedLine, Note) -> Option<Note>,
    ) -> Self {
        self.adjust = adjust;
        self
    }

    /// At most one finding a line.
    pub(in super::super) fn look_at(&self, view: &FileView<'_>, sink: &mut Sink) {
        let applies = |case: &&Case| {
            if case.languages.is_empty() {
                view.language != Language::Prose
            } else {
                case.languages.contains(&view.language)
            }
        };
        let cases: Vec<&Case> = self.cases.iter().filter(applies).collect();
        if cases.is_empty() {
            return;
        }
        for line in &view.added {
            let hit = cases.iter().find(|case| {
                let text = match case.on {
                    On::Code => &line.code,
                    On::Bare => &line.bare,
                };
                case.pattern.is_match(text)
                    && !case
                        .unless
                        .as_ref()
                        .is_some_and(|unless| unless.is_match(&line.raw))
            });
            if let Some(case) = hit {
                let note = Note::titled((self.title)(case.what));
                if let Some(note) = (self.adjust)(view, line, note) {
                    sink.line(line.number, note);
                }
            }
        }
    }
}
