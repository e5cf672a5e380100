//! Changes one setting in the text of a configuration file, and keeps every other byte.
//!
//! The parser says where things are; the text around them is never written anew, because people keep comments, order,
//! line ends and alignment in these files. The result is read again before it is returned: it says what it should, and
//! nothing else changed.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

use toml_edit::{Document, Item, TableLike};

use super::layer::{FileText, read};
use super::{ConfigError, Key, Provenance, Value};

/// What to do with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Give it this value.
    Set(Value),
    /// Take its value away.
    Unset,
}

/// A file's text with one setting changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// The setting is as asked already.
    Unchanged,
    /// The new text of the whole file.
    Changed(String),
}

/// Changes `key` in the file `file`. An empty text is a file that is not there yet.
///
/// # Errors
///
/// The file is not a valid configuration as it is: it is not guessed what a broken file means.
pub fn edit(file: &FileText, key: &'static Key, edit: &Edit) -> Result<Edited, ConfigError> {
    let provenance = Provenance::UserFile(file.path.clone());
    let before = read(file, &provenance)?;
    let present = before.iter().find(|(other, _)| other.name == key.name);
    match (edit, present) {
        (Edit::Set(value), Some((_, now))) if now == value => return Ok(Edited::Unchanged),
        (Edit::Unset, None) => return Ok(Edited::Unchanged),
        _ => {}
    }
    let document = Document::parse(file.text.as_str()).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        ConfigError::Syntax {
            path: file.path.clone(),
            line: super::layer::line_of(&file.text, offset),
            message: error.message().to_owned(),
        }
    })?;
    let place = Place {
        text: &file.text,
        key,
    };
    let text = match edit {
        Edit::Set(value) => place.set(document.as_table(), value),
        Edit::Unset => place.unset(document.as_table()),
    };
    let text = text.ok_or_else(|| ConfigError::CannotEdit {
        path: file.path.clone(),
        key: key.name,
    })?;
    verify(&file.path, &text, key, edit, before)?;
    Ok(Edited::Changed(text))
}

/// The new text holds what was asked for, and everything else as before.
fn verify(
    path: &std::path::Path,
    text: &str,
    key: &'static Key,
    edit: &Edit,
    mut expected: Vec<(&'static Key, Value)>,
) -> Result<(), ConfigError> {
    expected.retain(|(other, _)| other.name != key.name);
    if let Edit::Set(value) = edit {
        expected.push((key, value.clone()));
    }
    let file = FileText {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let by_name = |(key, _): &(&'static Key, Value)| key.name;
    expected.sort_by_key(by_name);
    let after = read(&file, &Provenance::UserFile(path.to_owned())).map(|mut after| {
        after.sort_by_key(by_name);
        after
    });
    match after {
        Ok(after) if after == expected => Ok(()),
        _ => Err(ConfigError::CannotEdit {
            path: PathBuf::from(path),
            key: key.name,
        }),
    }
}

/// One key, and the text that it is looked for in.
struct Place<'a> {
    text: &'a str,
    key: &'static Key,
}

impl Place<'_> {
    /// The key's table and its name within: `gate` and `max_blocks`; no table for a key of the root.
    fn names(&self) -> (Option<&'static str>, &'static str) {
        match self.key.name.split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.key.name),
        }
    }

    fn set(&self, root: &dyn TableLike, value: &Value) -> Option<String> {
        let (table, name) = self.names();
        let value = literal(value);
        let Some(table_name) = table else {
            return match root.get(name) {
                Some(item) => Some(self.splice(value_span(item)?, &value)),
                None => Some(self.insert_into_root(root, &format!("{name} = {value}"))),
            };
        };
        let Some(item) = root.get(table_name) else {
            return Some(self.append_table(table_name, &format!("{name} = {value}")));
        };
        let inner = item.as_table_like()?;
        if let Some(present) = inner.get(name) {
            return Some(self.splice(value_span(present)?, &value));
        }
        match item {
            Item::Value(toml_edit::Value::InlineTable(inline)) => {
                let line = format!("{name} = {value}");
                match last_value(inline) {
                    Some(end) => Some(self.splice(end..end, &format!(", {line}"))),
                    None => Some(self.splice(inline.span()?, &format!("{{ {line} }}"))),
                }
            }
            Item::Table(table) if table.is_dotted() => {
                let end = last_value(table)?;
                Some(self.insert_line_after(end, &format!("{table_name}.{name} = {value}")))
            }
            Item::Table(table) => {
                let end = last_value(table).or_else(|| self.header_end(table))?;
                Some(self.insert_line_after(end, &format!("{name} = {value}")))
            }
            _ => None,
        }
    }

    fn unset(&self, root: &dyn TableLike) -> Option<String> {
        let (table, name) = self.names();
        let Some(table_name) = table else {
            let (key, item) = root.get_key_value(name)?;
            return Some(self.remove_lines(key.span()?.start..value_span(item)?.end));
        };
        let item = root.get(table_name)?;
        let inner = item.as_table_like()?;
        let (key, present) = inner.get_key_value(name)?;
        let whole = key.span()?.start..value_span(present)?.end;
        if item.is_inline_table() {
            return Some(self.remove_from_inline(inner, whole));
        }
        Some(self.remove_lines(whole))
    }

    /// The text with this range replaced.
    fn splice(&self, range: Range<usize>, new: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + new.len());
        text.push_str(&self.text[..range.start]);
        text.push_str(new);
        text.push_str(&self.text[range.end..]);
        text
    }

    fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// The end of the line that holds this offset, before its line end.
    fn line_end(&self, offset: usize) -> usize {
        let end = self.text[offset..]
            .find('\n')
            .map_or(self.text.len(), |at| offset + at);
        match self.text[..end].strip_suffix('\r') {
            Some(_) if end < self.text.len() && end > offset => end - 1,
            _ => end,
        }
    }

    /// The start of the line that holds this offset.
    fn line_start(&self, offset: usize) -> usize {
        self.text[..offset]
            .rfind('\n')
            .map_or(self.first(), |at| at + 1)
    }

    /// Where the text begins: a byte-order mark stays in front.
    fn first(&self) -> usize {
        if self.text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        }
    }

    fn insert_line_after(&self, offset: usize, line: &str) -> String {
        let end = self.line_end(offset);
        self.splice(end..end, &format!("{}{line}", self.newline()))
    }

    /// Behind the root's last value, else above the first table and what is written about it.
    fn insert_into_root(&self, root: &dyn TableLike, line: &str) -> String {
        if let Some(end) = last_root_value(root) {
            return self.insert_line_after(end, line);
        }
        let newline = self.newline();
        let Some(header) = first_header(root) else {
            let mut new = String::new();
            if !self.text.is_empty() && !self.text.ends_with('\n') && self.first() < self.text.len()
            {
                new.push_str(newline);
            }
            let _infallible = write!(new, "{line}{newline}");
            return self.splice(self.text.len()..self.text.len(), &new);
        };
        let mut start = self.line_start(header);
        while start > self.first() {
            let above = self.line_start(start - 1);
            if !self.text[above..start].trim_start().starts_with('#') {
                break;
            }
            start = above;
        }
        self.splice(start..start, &format!("{line}{newline}{newline}"))
    }

    fn append_table(&self, table: &str, line: &str) -> String {
        let newline = self.newline();
        let mut new = String::new();
        if self.text.len() > self.first() {
            if !self.text.ends_with('\n') {
                new.push_str(newline);
            }
            new.push_str(newline);
        }
        let _infallible = write!(new, "[{table}]{newline}{line}{newline}");
        self.splice(self.text.len()..self.text.len(), &new)
    }

    /// The end of a table's `[header]`.
    fn header_end(&self, table: &toml_edit::Table) -> Option<usize> {
        let start = table.span()?.start;
        Some(start + self.text[start..].find(']')?)
    }

    /// Removes the lines that a key and its value fill, with the comment behind them.
    fn remove_lines(&self, range: Range<usize>) -> String {
        let start = self.line_start(range.start);
        let end = self.text[range.end..]
            .find('\n')
            .map_or(self.text.len(), |at| range.end + at + 1);
        self.splice(start..end, "")
    }

    /// Removes one entry of an inline table, and the comma that parted it from its neighbour.
    fn remove_from_inline(&self, table: &dyn TableLike, whole: Range<usize>) -> String {
        let spans = table.iter().filter_map(|(name, item)| {
            let (key, _) = table.get_key_value(name)?;
            Some(key.span()?.start..value_span(item)?.end)
        });
        let (mut before, mut after) = (None, None);
        for span in spans {
            if span.end <= whole.start {
                before = before.max(Some(span.end));
            } else if span.start >= whole.end {
                after = Some(after.map_or(span.start, |now: usize| now.min(span.start)));
            }
        }
        match (before, after) {
            (_, Some(next)) => self.splice(whole.start..next, ""),
            (Some(end), None) => self.splice(end..whole.end, ""),
            (None, None) => self.splice(whole, ""),
        }
    }
}

/// A value as TOML writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Switch(switch) => switch.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => toml_edit::Value::from(text.as_str()).to_string(),
    }
}

fn value_span(item: &Item) -> Option<Range<usize>> {
    item.as_value()?.span()
}

/// Where the last value of a table ends, in the order of the text.
fn last_value(table: &dyn TableLike) -> Option<usize> {
    table
        .iter()
        .filter_map(|(_, item)| Some(value_span(item)?.end))
        .max()
}

/// Where the last value of the root ends, dotted ones included.
fn last_root_value(root: &dyn TableLike) -> Option<usize> {
    root.iter()
        .filter_map(|(_, item)| match item {
            Item::Value(value) => Some(value.span()?.end),
            Item::Table(table) if table.is_dotted() => last_value(table),
            _ => None,
        })
        .max()
}

/// Where the first `[table]` begins.
fn first_header(root: &dyn TableLike) -> Option<usize> {
    root.iter()
        .filter_map(|(_, item)| match item {
            Item::Table(table) if !table.is_dotted() => Some(table.span()?.start),
            _ => None,
        })
        .min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{KEYS, Kind, find_key};

    fn file(text: &str) -> FileText {
        FileText {
            path: PathBuf::from("/u/config.toml"),
            text: text.to_owned(),
        }
    }

    fn parse(key: &str, value: &str) -> (&'static Key, Value) {
        let key = find_key(key).unwrap();
        (key, Value::parse(key, value).unwrap())
    }

    #[track_caller]
    fn set(before: &str, key: &str, value: &str, after: &str) {
        let (key, value) = parse(key, value);
        match edit(&file(before), key, &Edit::Set(value)).unwrap() {
            Edited::Changed(text) => assert_eq!(text, after),
            Edited::Unchanged => assert_eq!(before, after),
        }
    }

    #[track_caller]
    fn unset(before: &str, key: &str, after: &str) {
        match edit(&file(before), find_key(key).unwrap(), &Edit::Unset).unwrap() {
            Edited::Changed(text) => assert_eq!(text, after),
            Edited::Unchanged => assert_eq!(before, after),
        }
    }

    #[test]
    fn a_value_changes_in_place() {
        set("model = 'a'", "model", "b", "model = \"b\"");
        set(
            "# top\nmodel  =  'a'   # mine\n\n[gate] # g\nmax_blocks=3 # three\n",
            "gate.max_blocks",
            "5",
            "# top\nmodel  =  'a'   # mine\n\n[gate] # g\nmax_blocks=5 # three\n",
        );
        set(
            "gate = { max_blocks = 3 , fail_closed=true }\n",
            "gate.max_blocks",
            "4",
            "gate = { max_blocks = 4 , fail_closed=true }\n",
        );
        set(
            "gate.max_blocks = 3\r\n",
            "gate.max_blocks",
            "4",
            "gate.max_blocks = 4\r\n",
        );
        set("model = 'a'\n", "model", "a", "model = 'a'\n");
        set(
            "model = '''\na'''  # long\n",
            "model",
            "b",
            "model = \"b\"  # long\n",
        );
    }

    #[test]
    fn a_new_value_goes_where_its_like_are() {
        set("", "model", "a", "model = \"a\"\n");
        set("", "gate.max_blocks", "1", "[gate]\nmax_blocks = 1\n");
        set(
            "# only words",
            "model",
            "a",
            "# only words\nmodel = \"a\"\n",
        );
        set(
            "model = 'a' # m\n\n# about the gate\n[gate]\nmax_blocks = 1",
            "effort",
            "low",
            "model = 'a' # m\neffort = \"low\"\n\n# about the gate\n[gate]\nmax_blocks = 1",
        );
        set(
            "# file\n\n# about the gate\n[gate]\nmax_blocks = 1\n",
            "effort",
            "low",
            "# file\n\neffort = \"low\"\n\n# about the gate\n[gate]\nmax_blocks = 1\n",
        );
        set(
            "[gate]\r\nmax_blocks = 1\r\n\r\n[broker]\r\nmax_streams = 2\r\n",
            "gate.fail_closed",
            "no",
            "[gate]\r\nmax_blocks = 1\r\nfail_closed = false\r\n\r\n[broker]\r\nmax_streams = 2\r\n",
        );
        set(
            "[gate] # empty\n\n# tail",
            "gate.max_blocks",
            "2",
            "[gate] # empty\nmax_blocks = 2\n\n# tail",
        );
        set(
            "gate = {}\n",
            "gate.max_blocks",
            "2",
            "gate = { max_blocks = 2 }\n",
        );
        set(
            "gate = { max_blocks = 2 }\n",
            "gate.fail_closed",
            "true",
            "gate = { max_blocks = 2, fail_closed = true }\n",
        );
        set(
            "gate.max_blocks = 2 # x\nmodel = 'm'\n",
            "gate.fail_closed",
            "true",
            "gate.max_blocks = 2 # x\ngate.fail_closed = true\nmodel = 'm'\n",
        );
        set(
            "\u{feff}[gate]\nmax_blocks = 2",
            "model",
            "m",
            "\u{feff}model = \"m\"\n\n[gate]\nmax_blocks = 2",
        );
    }

    #[test]
    fn a_value_goes_and_leaves_the_rest() {
        unset(
            "# a\nmodel = 'x' # b\n# c\neffort = 'low'\n",
            "model",
            "# a\n# c\neffort = 'low'\n",
        );
        unset(
            "[gate]\r\nmax_blocks = 1\r\n# end",
            "gate.max_blocks",
            "[gate]\r\n# end",
        );
        unset(
            "gate = { max_blocks = 1, fail_closed = true }",
            "gate.max_blocks",
            "gate = { fail_closed = true }",
        );
        unset(
            "gate = { max_blocks = 1, fail_closed = true }",
            "gate.fail_closed",
            "gate = { max_blocks = 1 }",
        );
        unset("gate.max_blocks = 1", "gate.max_blocks", "");
        unset("model = 'x'\n", "effort", "model = 'x'\n");
    }

    #[test]
    fn text_that_needs_quoting_is_quoted() {
        for hostile in [
            "it's",
            "a\"b",
            "c\\d",
            "tab\there",
            "é→",
            "[gate]",
            "'''\"\"\"",
        ] {
            let (key, value) = parse("model", hostile);
            let Edited::Changed(text) = edit(&file(""), key, &Edit::Set(value.clone())).unwrap()
            else {
                panic!("{hostile:?} is new");
            };
            let settings = read(&file(&text), &Provenance::Default).unwrap();
            assert_eq!(settings[0].1, value, "{text}");
        }
    }

    #[test]
    fn a_broken_file_is_not_touched() {
        let key = find_key("model").unwrap();
        for broken in [
            "model = ",
            "modle = 'x'",
            "gate = 3",
            "model = 'a'\nmodel = 'b'",
        ] {
            edit(&file(broken), key, &Edit::Unset).unwrap_err();
        }
    }

    /// A value that its key takes.
    fn any_value(key: &'static Key) -> BoxedStrategy<String> {
        match key.kind {
            Kind::Switch => prop_oneof![Just("true"), Just("false")]
                .prop_map(str::to_owned)
                .boxed(),
            Kind::Text => "[ -~é→]{0,12}x".boxed(),
            Kind::Word(words) => prop::sample::select(words).prop_map(str::to_owned).boxed(),
            Kind::Number { min, max, .. } => (min..=max).prop_map(|n| n.to_string()).boxed(),
        }
    }

    fn any_setting() -> impl Strategy<Value = (&'static Key, Value)> {
        prop::sample::select(KEYS).prop_flat_map(|key| {
            let key: &'static Key = find_key(key.name).expect("it was taken from the list");
            any_value(key)
                .prop_map(move |text| (key, Value::parse(key, &text).expect("made for this key")))
        })
    }

    /// A configuration file as people write them: any subset of the settings, as tables, inline tables or dotted keys,
    /// with comments, blank lines, odd blanks, either line end, with and without a last one.
    fn any_file() -> impl Strategy<Value = String> {
        (
            prop::collection::vec((any_setting(), 0..4_usize, 0..3_usize), 0..12),
            prop::sample::select(vec!["\n", "\r\n"]),
            prop::bool::ANY,
            prop::bool::ANY,
            prop::collection::vec(0..3_usize, 8),
        )
            .prop_map(|(settings, newline, bom, last, shapes)| {
                let mut by_table: std::collections::BTreeMap<&str, Vec<String>> =
                    Default::default();
                let mut seen = std::collections::BTreeSet::new();
                for ((key, value), comment, blanks) in settings {
                    if !seen.insert(key.name) {
                        continue;
                    }
                    let (table, name) = key.name.split_once('.').unwrap_or(("", key.name));
                    let space = " ".repeat(blanks);
                    let comment = ["", " # why", "\t# [x] = 'y'", "   "][comment];
                    by_table
                        .entry(table)
                        .or_default()
                        .push(format!("{name}{space}={space}{}{comment}", literal(&value)));
                }
                let (mut root, mut tables) = (Vec::new(), Vec::new());
                for (at, (table, entries)) in by_table.into_iter().enumerate() {
                    match (table, shapes[at % shapes.len()]) {
                        ("", _) => root.extend(entries),
                        (_, 0) => {
                            root.extend(entries.iter().map(|entry| format!("{table}.{entry}")));
                        }
                        (_, 1) => {
                            let entries: Vec<_> = entries
                                .iter()
                                .map(|entry| {
                                    entry.split(['#', '\t']).next().unwrap().trim().to_owned()
                                })
                                .collect();
                            root.push(format!("{table} = {{ {} }}", entries.join(" , ")));
                        }
                        _ => {
                            tables.push(String::new());
                            tables.push(format!("# about {table}"));
                            tables.push(format!("[{table}] # head"));
                            tables.extend(entries);
                        }
                    }
                }
                let mut text = root
                    .into_iter()
                    .chain(tables)
                    .collect::<Vec<_>>()
                    .join(newline);
                if last && !text.is_empty() {
                    text.push_str(newline);
                }
                if bom {
                    text.insert(0, '\u{feff}');
                }
                text
            })
            // A `#` or a tab within a text would have been cut by the inline shape: not a file that reads.
            .prop_filter("reads", |text| {
                read(&file(text), &Provenance::Default).is_ok()
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn every_other_byte_stays(text in any_file(), (key, value) in any_setting()) {
            let before = file(&text);
            if let Edited::Changed(set) = edit(&before, key, &Edit::Set(value)).unwrap() {
                // What is there is what was there, with one piece replaced.
                let front = common(text.bytes(), set.bytes());
                let back = common(text[front..].bytes().rev(), set[front..].bytes().rev());
                let removed = &text[front..text.len() - back];
                // Only the old value itself may have gone, and an empty inline table has room for a blank less.
                let old = read(&before, &Provenance::Default).unwrap();
                let old = old.iter().find(|(other, _)| other.name == key.name);
                let old = old.map_or_else(String::new, |(_, value)| literal(value));
                prop_assert!(old.contains(removed), "{removed:?} of {old:?}");
                // And what was added can be taken away again.
                if let Edited::Changed(unset) = edit(&file(&set), key, &Edit::Unset).unwrap() {
                    prop_assert!(read(&file(&unset), &Provenance::Default).unwrap().iter().all(|(other, _)| other.name != key.name));
                }
            }
        }
    }

    fn common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
        a.zip(b).take_while(|(a, b)| a == b).count()
    }
}
