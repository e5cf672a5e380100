//! A file that was accepted: additions to one version of it, which fit other versions or do not.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::additions::Additions;

/// Whole lines that are put in at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insertion {
    /// Behind this line, 1-based; 0 for the beginning of the file.
    pub behind: u32,
    /// The lines, each with its end.
    pub text: String,
}

/// Additions to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The file, from the repository root.
    pub path: String,
    /// A hash of the version that was added to; `None` for a new file.
    pub before: Option<String>,
    /// A hash of the version that came of it.
    pub after: String,
    /// What was added, in order of place.
    pub insertions: Vec<Insertion>,
}

/// What the additions make of another version of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppliedTo {
    /// This content.
    Content(String),
    /// They are in it already.
    Already,
    /// They do not fit: why, as a fragment.
    Conflict(&'static str),
}

impl Accepted {
    pub(super) fn new(
        path: String,
        before: Option<&str>,
        after: &str,
        additions: &Additions<'_>,
    ) -> Self {
        let insertions = additions
            .runs
            .iter()
            .map(|run| Insertion {
                behind: u32::try_from(run.behind).unwrap_or(u32::MAX),
                text: additions.after[run.first..run.first + run.count]
                    .iter()
                    .flat_map(|line| [line, "\n"])
                    .collect(),
            })
            .collect();
        Accepted {
            path,
            before: before.map(|text| hash(text.as_bytes())),
            after: hash(ended(after).as_bytes()),
            insertions,
        }
    }

    /// How many lines are added.
    #[must_use]
    pub fn added_lines(&self) -> usize {
        self.insertions
            .iter()
            .map(|insertion| insertion.text.lines().count())
            .sum()
    }

    /// What the additions make of this version; `None` is no file.
    #[must_use]
    pub fn apply_to(&self, current: Option<&[u8]>) -> AppliedTo {
        match (&self.before, current) {
            (None, None) => AppliedTo::Content(self.put_into("")),
            (_, Some(current)) if hash(current) == self.after => AppliedTo::Already,
            (None, Some(_)) => AppliedTo::Conflict("another file is there"),
            (Some(_), None) => AppliedTo::Conflict("it is gone"),
            (Some(before), Some(current)) => match std::str::from_utf8(current) {
                Ok(text) if hash(current) == *before => AppliedTo::Content(self.put_into(text)),
                _ => AppliedTo::Conflict("it has changed since the tests were written"),
            },
        }
    }

    fn put_into(&self, text: &str) -> String {
        let text = ended(text);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut whole = String::with_capacity(text.len());
        let mut at = 0;
        for insertion in &self.insertions {
            let behind = (insertion.behind as usize).clamp(at, lines.len());
            whole.extend(lines[at..behind].iter().copied());
            whole.push_str(&insertion.text);
            at = behind;
        }
        whole.extend(lines[at..].iter().copied());
        whole
    }
}

/// The text with its last line ended.
pub(super) fn ended(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_empty() || text.ends_with('\n') {
        text.into()
    } else {
        format!("{text}\n").into()
    }
}

fn hash(content: &[u8]) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        write!(digits, "{byte:02x}").expect("a String takes any text");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(before: Option<&str>, after: &str) -> Accepted {
        let additions = Additions::between(before.unwrap_or_default(), after).unwrap();
        Accepted::new("t".to_owned(), before, after, &additions)
    }

    #[test]
    fn additions_make_the_same_text_again() {
        for (before, after) in [
            (None, "a\nb\n"),
            (Some("a\nb\n"), "x\na\ny\nb\nz\n"),
            (Some("a"), "a\nb\n"),
            (Some("a\r\nb\r\n"), "a\r\nx\r\nb\r\n"),
            (Some("a\n"), "a\nb"),
        ] {
            let one = accepted(before, after);
            let applied = one.apply_to(before.map(str::as_bytes));
            assert_eq!(applied, AppliedTo::Content(ended(after).into_owned()));
        }
    }

    #[test]
    fn additions_that_do_not_fit_say_why() {
        let new = accepted(None, "a\n");
        assert_eq!(new.apply_to(Some(b"a\n")), AppliedTo::Already);
        assert_eq!(
            new.apply_to(Some(b"b\n")),
            AppliedTo::Conflict("another file is there")
        );
        let more = accepted(Some("a\n"), "a\nb\n");
        assert_eq!(more.apply_to(None), AppliedTo::Conflict("it is gone"));
        assert_eq!(more.apply_to(Some(b"a\nb\n")), AppliedTo::Already);
        assert!(matches!(
            more.apply_to(Some(b"c\n")),
            AppliedTo::Conflict(_)
        ));
    }
}
