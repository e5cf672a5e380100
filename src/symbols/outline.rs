//! What is known of one file.

use super::language::Language;

/// Lines of a file, 1-based, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRange {
    /// The first.
    pub first: u32,
    /// The last; never before the first.
    pub last: u32,
}

impl LineRange {
    /// How many lines.
    #[must_use]
    pub fn count(self) -> u32 {
        self.last - self.first + 1
    }

    /// Whether `line` is one of them.
    #[must_use]
    pub fn contains(self, line: u32) -> bool {
        (self.first..=self.last).contains(&line)
    }

    /// Whether both share a line.
    #[must_use]
    pub fn meets(self, other: LineRange) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// What sort of thing is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A function, method or constructor.
    Function,
    /// A class, struct, enum, trait, interface or alias.
    Type,
    /// A module or namespace.
    Module,
    /// A constant, static or top-level variable.
    Value,
    /// A macro.
    Macro,
    /// A block that holds definitions without being one: a Rust `impl`, or a block told by indentation.
    Block,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [
        Kind::Function,
        Kind::Type,
        Kind::Module,
        Kind::Value,
        Kind::Macro,
        Kind::Block,
    ];

    /// A word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Function => "function",
            Kind::Type => "type",
            Kind::Module => "module",
            Kind::Value => "value",
            Kind::Macro => "macro",
            Kind::Block => "block",
        }
    }
}

/// One definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its own name, without what it stands in.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// All its lines, attributes and decorators included where the grammar has them inside.
    pub lines: LineRange,
    /// The lines of its signature, which is where `lines` begin.
    pub signature: LineRange,
    /// The definition that it stands in, by index; always a smaller index than its own.
    pub container: Option<u32>,
}

/// How an outline was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By the language's grammar.
    Grammar,
    /// By indentation: there is no grammar for the file.
    NoGrammar,
    /// By indentation: the grammar gave up on the file.
    GaveUp,
    /// Not at all: the file is too large, or not text.
    Skipped,
}

/// The outline of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOutline {
    /// The language, where one is known.
    pub language: Option<Language>,
    /// How it was made.
    pub method: Method,
    /// The definitions, by where they begin; a container stands before what it contains.
    pub definitions: Vec<Definition>,
    /// The identifiers.
    pub references: References,
}

impl FileOutline {
    /// Nothing is known.
    pub(super) fn skipped(language: Option<Language>) -> Self {
        FileOutline {
            language,
            method: Method::Skipped,
            definitions: Vec::new(),
            references: References::default(),
        }
    }

    /// The smallest definition that has `line`, by index.
    #[must_use]
    pub fn enclosing(&self, line: u32) -> Option<usize> {
        let candidates = self.definitions.iter().enumerate();
        candidates
            .filter(|(_, definition)| definition.lines.contains(line))
            .min_by_key(|(index, definition)| (definition.lines.count(), std::cmp::Reverse(*index)))
            .map(|(index, _)| index)
    }

    /// The name of a definition with those of its containers, joined by dots: `Parser.next`.
    #[must_use]
    pub fn qualified_name(&self, index: usize) -> String {
        let mut names = vec![self.definitions[index].name.as_str()];
        let mut at = self.definitions[index].container;
        // The name is for people: three levels tell enough.
        while let Some(container) = at.filter(|_| names.len() < 3) {
            let container = &self.definitions[container as usize];
            names.push(&container.name);
            at = container.container;
        }
        names.reverse();
        names.join(".")
    }
}

/// Each identifier of a file with the lines on which it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// All names, one after the other, sorted.
    text: String,
    /// Where each name ends in `text`, and its lines in `lines`.
    ends: Vec<(u32, u32)>,
    lines: Vec<u32>,
}

impl References {
    /// From names and lines in any order; each line counts once for a name.
    pub(super) fn of(mut found: Vec<(&str, u32)>) -> Self {
        found.sort_unstable();
        found.dedup();
        let mut references = References::default();
        let mut rest = found.as_slice();
        while let Some((name, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| other == name).count();
            references.push(name, rest[..same].iter().map(|(_, line)| *line));
            rest = &rest[same..];
        }
        references
    }

    /// Appends a name, which must come after all others, with its lines in order.
    pub(super) fn push(&mut self, name: &str, lines: impl IntoIterator<Item = u32>) {
        self.text.push_str(name);
        self.lines.extend(lines);
        // A file is far smaller than four gigabytes; see `MOST_SOURCE_BYTES`.
        self.ends
            .push((self.text.len() as u32, self.lines.len() as u32));
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many lines there are, counted for each name.
    #[must_use]
    pub fn occurrences(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn at(&self, index: usize) -> (&str, &[u32]) {
        let (name_start, lines_start) = match index {
            0 => (0, 0),
            index => self.ends[index - 1],
        };
        let (name_end, lines_end) = self.ends[index];
        (
            &self.text[name_start as usize..name_end as usize],
            &self.lines[lines_start as usize..lines_end as usize],
        )
    }

    /// Every name with its lines, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u32])> {
        (0..self.len()).map(|index| self.at(index))
    }

    /// The lines on which `name` stands, sorted; empty when it does not.
    #[must_use]
    pub fn lines_of(&self, name: &str) -> &[u32] {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, lines) = self.at(middle);
            match found.cmp(name) {
                std::cmp::Ordering::Equal => return lines,
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_by_name() {
        let references = References::of(vec![("b", 3), ("a", 2), ("b", 1), ("b", 3), ("", 9)]);
        assert_eq!(references.lines_of("b"), [1, 3]);
        assert_eq!(references.lines_of("a"), [2]);
        assert_eq!(references.lines_of(""), [9]);
        assert!(references.lines_of("c").is_empty());
        let names: Vec<&str> = references.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["", "a", "b"]);
    }
}
