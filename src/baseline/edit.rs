//! Changes to the file that keep its comments and its order.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::wire::{VERSION, read};
use super::{AcceptedFinding, BaselineError};
use crate::review::Day;

const FINDINGS: &str = "finding";
const HEADING: &str = "# Findings that were accepted: they do not count in reviews. `codex-review baseline` keeps this file; edits by hand are\n# welcome. In CI the version of the merge base holds.\n";

/// A baseline that is being changed. Its text is that of the file but for what was changed.
#[derive(Debug, Clone)]
pub struct BaselineFile {
    document: DocumentMut,
    entries: Vec<AcceptedFinding>,
}

/// What became of a finding that was to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is a new entry.
    Added,
    /// It was there and has other words now.
    Changed,
}

impl BaselineFile {
    /// Reads a file; `None` is one that does not exist yet.
    ///
    /// # Errors
    ///
    /// As for [`read`].
    pub fn parse(text: Option<&[u8]>) -> Result<Self, BaselineError> {
        let text = text.unwrap_or_default();
        let entries = read(text)?;
        let text = std::str::from_utf8(text).map_err(|error| BaselineError::Shape(error.into()))?;
        let mut document: DocumentMut = text
            .parse()
            .map_err(|error: toml_edit::TomlError| BaselineError::Shape(error.into()))?;
        if document.is_empty() {
            document.insert("version", value(VERSION));
            if let Some(mut key) = document.key_mut("version") {
                let before = format!("{text}{HEADING}");
                key.leaf_decor_mut().set_prefix(before);
            }
            document.set_trailing("");
        }
        Ok(BaselineFile { document, entries })
    }

    /// What was accepted, in the file's order.
    #[must_use]
    pub fn entries(&self) -> &[AcceptedFinding] {
        &self.entries
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Accepts a finding, today. One that was accepted already in the same file gets the new words.
    pub fn accept(&mut self, entry: AcceptedFinding, today: Day) -> Acceptance {
        let same = |other: &AcceptedFinding| {
            other.fingerprint == entry.fingerprint && other.file == entry.file
        };
        let at = self.entries.iter().position(same);
        let table = table_of(&entry, today);
        let tables = self.tables();
        match at {
            Some(at) => {
                let old = tables.get_mut(at).expect("entries and tables are in step");
                let decor = old.decor().clone();
                *old = table;
                *old.decor_mut() = decor;
                self.entries[at] = entry;
                Acceptance::Changed
            }
            None => {
                tables.push(table);
                self.entries.push(entry);
                Acceptance::Added
            }
        }
    }

    /// Takes an entry out, by its fingerprint or by a beginning of it that fits no other.
    ///
    /// # Errors
    ///
    /// Nothing or more than one entry fits.
    pub fn remove(&mut self, given: &str) -> Result<AcceptedFinding, BaselineError> {
        let fits = |exact: bool| -> Vec<usize> {
            let shown = self
                .entries
                .iter()
                .map(|entry| entry.fingerprint.to_string());
            shown
                .enumerate()
                .filter(|(_, shown)| match exact {
                    true => shown == given,
                    false => is_beginning(given, shown),
                })
                .map(|(at, _)| at)
                .collect()
        };
        let mut found = fits(true);
        if found.is_empty() {
            found = fits(false);
        }
        match found.as_slice() {
            [] => Err(BaselineError::NoEntry {
                given: given.to_owned(),
            }),
            [at] => Ok(self.remove_at(*at)),
            several => Err(BaselineError::Ambiguous {
                given: given.to_owned(),
                count: several.len(),
            }),
        }
    }

    /// Takes out every entry that `goes` says, and returns them.
    pub fn remove_all(&mut self, goes: impl Fn(&AcceptedFinding) -> bool) -> Vec<AcceptedFinding> {
        let mut removed = Vec::new();
        for at in (0..self.entries.len()).rev() {
            if goes(&self.entries[at]) {
                removed.push(self.remove_at(at));
            }
        }
        removed.reverse();
        removed
    }

    fn remove_at(&mut self, at: usize) -> AcceptedFinding {
        self.tables().remove(at);
        self.entries.remove(at)
    }

    fn tables(&mut self) -> &mut ArrayOfTables {
        let item = self
            .document
            .entry(FINDINGS)
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if item.as_array_of_tables().is_none() {
            // Entries that somebody wrote as inline tables become tables of their own.
            let inline = std::mem::take(item);
            *item = Item::ArrayOfTables(inline.into_array_of_tables().unwrap_or_default());
        }
        item.as_array_of_tables_mut()
            .expect("it was just made one where it was none")
    }
}

/// Whether `given` is a beginning of a shown fingerprint, with or without its version, that says enough to be meant.
fn is_beginning(given: &str, shown: &str) -> bool {
    const FEWEST_DIGITS: usize = 6;
    let bare = |text: &str| {
        text.split_once(':')
            .map_or(text.to_owned(), |(_, hex)| hex.to_owned())
    };
    let (given, shown) = (bare(given), bare(shown));
    given.len() >= FEWEST_DIGITS && shown.starts_with(&given)
}

fn table_of(entry: &AcceptedFinding, today: Day) -> Table {
    let mut table = Table::new();
    table.insert("fingerprint", value(entry.fingerprint.to_string()));
    table.insert("reason", value(&entry.reason));
    table.insert("author", value(&entry.author));
    table.insert("added", value(today.to_string()));
    if let Some(expires) = entry.expires {
        table.insert("expires", value(expires.to_string()));
    }
    if let Some(severity) = entry.severity {
        table.insert("severity", value(severity.as_str()));
    }
    for (member, text) in [
        ("file", &entry.file),
        ("rule", &entry.rule),
        ("title", &entry.title),
    ] {
        if let Some(text) = text {
            table.insert(member, value(text));
        }
    }
    table.decor_mut().set_prefix("\n");
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Severity;

    fn entry(digit: char, file: &str) -> AcceptedFinding {
        AcceptedFinding {
            fingerprint: format!("v1:{}", digit.to_string().repeat(32))
                .parse()
                .unwrap(),
            reason: "it is \"fixed\"\nlater".to_owned(),
            author: "Ann".to_owned(),
            expires: "2027-01-31".parse().ok(),
            severity: Some(Severity::High),
            file: Some(file.to_owned()),
            rule: Some("eval-call".to_owned()),
            title: None,
        }
    }

    fn today() -> Day {
        "2026-11-24".parse().unwrap()
    }

    #[test]
    fn what_is_accepted_reads_back_and_comments_stay() {
        let mut file = BaselineFile::parse(None).unwrap();
        assert_eq!(file.accept(entry('a', "a.rs"), today()), Acceptance::Added);
        let text = file
            .text()
            .replace("[[finding]]", "# about a\n[[finding]] # here");
        let mut file = BaselineFile::parse(Some(text.as_bytes())).unwrap();
        assert_eq!(file.entries(), [entry('a', "a.rs")]);
        file.accept(entry('b', "b.rs"), today());
        let mut changed = entry('a', "a.rs");
        changed.expires = None;
        assert_eq!(file.accept(changed.clone(), today()), Acceptance::Changed);
        let text = file.text();
        assert!(text.contains("# about a\n[[finding]] # here"), "{text}");
        assert!(text.starts_with("# Findings that were accepted"), "{text}");
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            [changed, entry('b', "b.rs")]
        );
    }

    #[test]
    fn entries_go_by_an_unambiguous_beginning_or_by_what_holds_for_them() {
        let mut file = BaselineFile::parse(None).unwrap();
        for (digit, name) in [('a', "a.rs"), ('a', "b.rs"), ('b', "c.rs")] {
            file.accept(entry(digit, name), today());
        }
        assert!(matches!(
            file.remove("v1:aaaaaa"),
            Err(BaselineError::Ambiguous { count: 2, .. })
        ));
        assert!(matches!(
            file.remove("bbb"),
            Err(BaselineError::NoEntry { .. })
        ));
        assert_eq!(file.remove("bbbbbb").unwrap(), entry('b', "c.rs"));
        let removed = file.remove_all(|entry| entry.file.as_deref() == Some("b.rs"));
        assert_eq!(removed, [entry('a', "b.rs")]);
        assert_eq!(read(file.text().as_bytes()).unwrap(), [entry('a', "a.rs")]);
    }

    #[test]
    fn inline_entries_are_understood_and_kept() {
        let hex = "c".repeat(32);
        let text = format!(
            "version = 1\nfinding = [{{fingerprint = \"v1:{hex}\", reason = \"r\", author = \"a\", expires = 2027-01-31}}]\n"
        );
        let mut file = BaselineFile::parse(Some(text.as_bytes())).unwrap();
        assert_eq!(file.entries()[0].expires, "2027-01-31".parse().ok());
        file.accept(entry('d', "d.rs"), today());
        assert_eq!(
            read(file.text().as_bytes()).unwrap().len(),
            2,
            "{}",
            file.text()
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let hex = "c".repeat(32);
        let check = |text: &str, expected: &str| {
            let error = read(text.as_bytes()).unwrap_err();
            let mut shown = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                shown = format!("{shown}: {source}");
            }
            assert!(shown.contains(expected), "{shown}");
        };
        let entry = |more: &str| {
            format!("version = 1\n[[finding]]\nfingerprint = \"v1:{hex}\"\nauthor = \"a\"\n{more}")
        };
        check("version = 2\nnew = true\n", "version 2");
        check("version = 0\n", "version 0");
        check("findings = []\n", "cannot be read");
        check(&entry(""), "reason");
        check(
            &entry("reason = ' '\n"),
            "entry 1 of the baseline has an empty `reason`",
        );
        check(
            &entry("reason = 'r'\nexpires = 'soon'\n"),
            "`soon` is no day",
        );
        check(
            &entry("reason = 'r'\nseverity = 'grave'\n"),
            "unknown severity `grave`",
        );
        check(&entry("reason = 'r'\nexpire = '2027-01-31'\n"), "expire");
        check(
            &entry("reason = 'r'\n").replace(&hex, "zz"),
            "is no fingerprint",
        );
        let twice = entry("reason = 'r'\n");
        check(
            &format!("{twice}{}", twice.trim_start_matches("version = 1\n")),
            "twice",
        );
        assert_eq!(read(b" \n").unwrap(), []);
    }
}
