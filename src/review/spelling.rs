//! How reviewers spell paths: absolute, with diff prefixes, quoted, with backslashes, escapes or line numbers.
//!
//! [`spellings`] lists what a text can mean, the most literal reading first. It looks at no file system; whoever asks
//! tries the readings in order. It never yields an absolute path or one that leaves the root.

use super::LineRange;

/// Longer texts are no path that anybody wrote down.
const MAX_PATH_BYTES: usize = 4096;

/// One reading of what a reviewer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelling {
    /// A path relative to the root, without dots.
    pub(super) path: String,
    /// Line numbers that were written as part of the path.
    pub(super) lines: Option<LineRange>,
}

/// Whether `file` names no file at all: blank, `.`, or the root itself.
pub(super) fn names_the_whole_change(file: &str, roots: &[&str]) -> bool {
    let file = file.trim();
    file.len() <= MAX_PATH_BYTES
        && (file.is_empty()
            || file.split('/').all(|part| matches!(part, "" | ".")) && !file.starts_with('/')
            || roots
                .iter()
                .any(|root| below_root(file, root).is_some_and(str::is_empty)))
}

/// Every reading of `file`, the most literal first. Empty when it names the whole change or nothing below
/// the root.
pub(super) fn spellings(file: &str, roots: &[&str]) -> Vec<Spelling> {
    if names_the_whole_change(file, roots) || file.len() > MAX_PATH_BYTES || file.contains('\0') {
        return Vec::new();
    }
    let mut readings = vec![(file.to_owned(), None)];
    // Each step adds readings behind those that need fewer steps.
    widen(&mut readings, |text| {
        let bare = text.trim();
        (bare != text).then(|| (bare.to_owned(), None))
    });
    widen(&mut readings, |text| {
        unquoted(text).map(|text| (text, None))
    });
    widen(&mut readings, |text| {
        text.strip_prefix("file://")
            .map(|text| (text.to_owned(), None))
    });
    widen(&mut readings, |text| {
        text.contains('\\').then(|| (text.replace('\\', "/"), None))
    });
    widen(&mut readings, |text| {
        percent_decoded(text).map(|text| (text, None))
    });
    widen(&mut readings, without_line_numbers);
    widen(&mut readings, |text| {
        let below = roots.iter().find_map(|root| below_root(text, root))?;
        Some((below.to_owned(), None))
    });
    widen(&mut readings, |text| {
        // git's own prefixes, and those of `diff.mnemonicPrefix`.
        let (prefix, rest) = text.split_once('/')?;
        let known = matches!(prefix, "a" | "b" | "i" | "w" | "c" | "o");
        known.then(|| (rest.to_owned(), None))
    });

    let mut spellings: Vec<Spelling> = Vec::new();
    for (text, lines) in &readings {
        let Some(path) = relative(text) else { continue };
        if !spellings.iter().any(|known| known.path == path) {
            spellings.push(Spelling {
                path,
                lines: *lines,
            });
        }
    }
    spellings
}

/// The path components of a text that has no relative reading, such as an absolute path on another machine: its end may
/// still say which changed file is meant. Never a path to look up.
pub(super) fn tail(file: &str) -> Option<String> {
    if file.len() > MAX_PATH_BYTES {
        return None;
    }
    let tail = file
        .trim()
        .split(['/', '\\'])
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect::<Vec<_>>()
        .join("/");
    (!tail.is_empty()).then_some(tail)
}

type Reading = (String, Option<LineRange>);

fn widen(readings: &mut Vec<Reading>, step: impl Fn(&str) -> Option<Reading>) {
    let more: Vec<Reading> = readings
        .iter()
        .filter_map(|(text, lines)| {
            let (text, found) = step(text)?;
            Some((text, found.or(*lines)))
        })
        .collect();
    readings.extend(more);
}

/// The part of `path` below `root`, on component borders; empty for the root itself.
fn below_root<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let root = root.trim_end_matches('/');
    if root.is_empty() {
        return None;
    }
    // macOS shows `/tmp` and `/var` under `/private`, and programs resolve it or not as they please.
    [Some(path), path.strip_prefix("/private")]
        .into_iter()
        .flatten()
        .find_map(|path| {
            let rest = path
                .strip_prefix(root.strip_prefix("/private").unwrap_or(root))
                .or_else(|| path.strip_prefix(root))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
        })
}

/// `path` with its dots resolved, or `None` when it is absolute, leaves the root or names nothing.
fn relative(path: &str) -> Option<String> {
    let has_drive = path.as_bytes().get(1) == Some(&b':')
        && path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    if path.starts_with('/') || has_drive {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn unquoted(text: &str) -> Option<String> {
    let inside = [('`', '`'), ('"', '"'), ('\'', '\''), ('<', '>')]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))?;
    Some(inside.trim().to_owned())
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut decoded = false;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| {
            let high = char::from(two[0]).to_digit(16)?;
            let low = char::from(two[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        });
        match digits {
            Some(value) if byte == b'%' && value != 0 => {
                bytes.push(value);
                rest = &tail[2..];
                decoded = true;
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    if decoded {
        String::from_utf8(bytes).ok()
    } else {
        None
    }
}

/// Takes `:12`, `:12-14`, `:12:5`, `#L12` and `#L12-L14` off the end.
fn without_line_numbers(text: &str) -> Option<Reading> {
    if let Some((path, anchor)) = text.rsplit_once("#L") {
        let (start, end) = match anchor.split_once('-') {
            Some((start, end)) => (start, end.strip_prefix('L').unwrap_or(end)),
            None => (anchor, anchor),
        };
        let lines = LineRange::new(start.parse().ok()?, end.parse().ok()?);
        return Some((path.to_owned(), Some(lines)));
    }
    let (path, last) = text.rsplit_once(':')?;
    if let Some((start, end)) = last.split_once('-') {
        let lines = LineRange::new(start.parse().ok()?, end.parse().ok()?);
        return Some((path.to_owned(), Some(lines)));
    }
    let last: u32 = last.parse().ok()?;
    // `path:line:column`
    let with_column = path
        .rsplit_once(':')
        .and_then(|(path, line)| Some((path, line.parse::<u32>().ok()?)));
    let (path, line) = with_column.unwrap_or((path, last));
    Some((path.to_owned(), Some(LineRange::new(line, line))))
}
