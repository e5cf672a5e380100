//! What a review of exactly one diff is about: a patch that is not applied, and chosen files and hunks.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bstr::BString;
use codex_review::config::{Provenance, find_key};
use codex_review::near_miss::nearest;
use codex_review::review::FindingFilter;
use codex_review::target::{
    ChangeSet, Content, GivenPatch, HunkRange, MOST_PATCH_BYTES, Repository, ResolvedTarget,
    Select, TargetSpec,
};

use crate::cli::diff_review::PatchSource;
use crate::cli::failure::Failure;
use crate::cli::usage::UsageError;

use super::review::Resolved;
use super::workspace::Workspace;

/// The strategy of a diff that is small enough to be chosen by hand.
const STRATEGY: &str = "focused";

/// Reads a patch; files are looked up from `cwd`.
pub(crate) fn read_patch(source: &PatchSource, cwd: &Path) -> Result<GivenPatch, Failure> {
    let (place, text) = match source {
        PatchSource::Stdin => ("standard input".to_owned(), bounded(io::stdin().lock())),
        PatchSource::File(path) => {
            let path = cwd.join(path);
            let text = File::open(&path).and_then(bounded);
            (format!("`{}`", path.display()), text)
        }
    };
    let text = text.map_err(|source| Failure::ReadPatch { place, source })?;
    Ok(GivenPatch::parse(text)?)
}

/// One byte more than a patch may have, so that the parser refuses it.
fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(MOST_PATCH_BYTES + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// The target that a patch is.
pub(crate) fn resolve_patch(
    repository: &Repository,
    patch: &GivenPatch,
    spec: &TargetSpec,
) -> Result<ResolvedTarget, Failure> {
    let base = match &spec.select {
        Select::Base(base) => Some(base.as_str()),
        _ => None,
    };
    Ok(repository.resolve_patch(patch, base, &spec.paths)?)
}

/// What holds for such a review unless the user says otherwise: code around the diff is shown, and findings count within
/// the diff alone.
pub(crate) fn set_defaults(workspace: &mut Workspace) {
    let is_default = |workspace: &Workspace, name: &str| {
        let key = find_key(name).ok();
        let found = key.and_then(|key| workspace.resolved.get(key));
        found.is_none_or(|(_, provenance)| *provenance == Provenance::Default)
    };
    if is_default(workspace, "strategy") {
        workspace.resolved.settings.strategy = STRATEGY.to_owned();
    }
    if is_default(workspace, "filter") {
        workspace.resolved.settings.filter = FindingFilter::Diff;
    }
}

/// A file of the change, or lines of its new version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chosen {
    path: BString,
    lines: Option<(u32, u32)>,
}

/// Takes the words in front that choose something off what was typed, and leaves of the change what they choose. The rest
/// is returned, byte for byte.
pub(crate) fn take_chosen(
    words: Option<String>,
    resolved: &mut Resolved,
) -> Result<Option<String>, UsageError> {
    let Some(words) = words else {
        return Ok(None);
    };
    let (chosen, focus) = split(&words, &resolved.changes)?;
    if !chosen.is_empty() {
        narrow(&mut resolved.changes, &chosen)?;
        let names: Vec<String> = chosen.iter().map(Chosen::shown).collect();
        let shown = match names.as_slice() {
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => String::new(),
        };
        resolved.target.label.push_str(&format!(", only {shown}"));
        let note = "only a part of the change was chosen: the rest is not under review";
        resolved.changes.notes.push(note.to_owned());
    }
    Ok(focus)
}

impl Chosen {
    fn shown(&self) -> String {
        match self.lines {
            None => self.path.to_string(),
            Some((first, last)) if first == last => format!("{}:{first}", self.path),
            Some((first, last)) => format!("{}:{first}-{last}", self.path),
        }
    }
}

fn split(words: &str, changes: &ChangeSet) -> Result<(Vec<Chosen>, Option<String>), UsageError> {
    let blanks = names_with_blanks(changes);
    let mut chosen = Vec::new();
    let mut rest = words.trim_start();
    loop {
        let Word {
            word,
            quoted,
            after,
        } = first_word(rest, &blanks);
        if word == "--" {
            rest = after.trim_start();
            break;
        }
        let found = meant(word, changes);
        if found.is_empty() {
            let next = after.split_whitespace().next();
            let changed = changes.files.iter().map(|file| file.path.to_string());
            let changed: Vec<String> = changed.collect();
            let bare = word.rsplit_once(':').map_or(word, |(path, _)| path);
            let nearest = nearest(bare, changed.iter().map(String::as_str));
            let is_meant = match quoted {
                // A sentence in quotes ends like a file at times.
                true => nearest.is_some(),
                false => looks_like_a_file(word),
            };
            let alone = after.trim().is_empty() && is_meant;
            if alone || (next == Some("--") && !word.is_empty()) {
                return Err(UsageError::NotInChange {
                    given: word.to_owned(),
                    nearest: nearest.map(str::to_owned),
                });
            }
            break;
        }
        chosen.extend(found);
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
    }
    let focus = (!rest.trim().is_empty()).then(|| rest.to_owned());
    Ok((chosen, focus))
}

/// The word that a text begins with.
struct Word<'t> {
    /// Without quotes.
    word: &'t str,
    quoted: bool,
    /// The rest of the text.
    after: &'t str,
}

/// What can be chosen of the change and is more than one word, the longest first.
fn names_with_blanks(changes: &ChangeSet) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for file in &changes.files {
        let path = file.path.to_string();
        let folders = path
            .match_indices('/')
            .map(|(at, _)| path[..=at].to_owned());
        names.extend(folders);
        names.push(path);
    }
    names.retain(|name| name.contains(char::is_whitespace));
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.dedup();
    names
}

/// Takes the first word off: one in quotes, a name that holds blanks, or what stands before the first blank.
fn first_word<'t>(text: &'t str, names: &[String]) -> Word<'t> {
    let is_end = |rest: &str| rest.chars().next().is_none_or(char::is_whitespace);
    if let Some(quote) = text
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))
        && let Some((word, after)) = text[1..].split_once(quote)
        && is_end(after)
        && word.contains(char::is_whitespace)
    {
        return Word {
            word,
            quoted: true,
            after,
        };
    }
    let plain = |end: usize| Word {
        word: &text[..end],
        quoted: false,
        after: &text[end..],
    };
    for name in names {
        let Some(rest) = text.strip_prefix(name.as_str()) else {
            continue;
        };
        let lines = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let has_lines = rest[..lines]
            .strip_prefix(':')
            .is_some_and(|lines| parse_lines(lines).is_some());
        if is_end(rest) {
            return plain(name.len());
        } else if has_lines {
            return plain(name.len() + lines);
        }
    }
    plain(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// What a word chooses; nothing if it names nothing of the change.
fn meant(word: &str, changes: &ChangeSet) -> Vec<Chosen> {
    let is_changed = |path: &str| changes.files.iter().any(|file| file.path == path);
    let whole = |path: &BString| Chosen {
        path: path.clone(),
        lines: None,
    };
    if is_changed(word) {
        return vec![whole(&word.into())];
    }
    if let Some((path, lines)) = word.rsplit_once(':')
        && is_changed(path)
        && let Some(lines) = parse_lines(lines)
    {
        return vec![Chosen {
            path: path.into(),
            lines: Some(lines),
        }];
    }
    if word.len() > 1 && word.ends_with('/') {
        let below = |path: &&BString| path.starts_with(word.as_bytes());
        let files = changes.files.iter().map(|file| &file.path);
        return files.filter(below).map(whole).collect();
    }
    Vec::new()
}

fn parse_lines(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>()
            .ok()
            .filter(|line| is_plain && *line > 0)
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last).then_some((first, last))
}

/// A word alone that has a folder, an ending or lines was meant as a file.
fn looks_like_a_file(word: &str) -> bool {
    let bare = word
        .rsplit_once(':')
        .filter(|(_, lines)| parse_lines(lines).is_some());
    let name = bare.map_or(word, |(path, _)| path);
    let ending = name.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty()
            && !ending.is_empty()
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    name.contains('/') || ending || bare.is_some()
}

/// Leaves of the change what was chosen.
fn narrow(changes: &mut ChangeSet, chosen: &[Chosen]) -> Result<(), UsageError> {
    for choice in chosen {
        let Some((first, last)) = choice.lines else {
            continue;
        };
        let hunks = changes
            .files
            .iter()
            .filter(|file| file.path == choice.path)
            .flat_map(|file| match &file.content {
                Content::Text { hunks, .. } => hunks.as_slice(),
                Content::Binary | Content::Submodule => &[],
            });
        let places: Vec<(u32, u32)> = hunks.map(place).collect();
        if !places
            .iter()
            .any(|place| place.0 <= last && place.1 >= first)
        {
            let places = places.iter().map(|(first, last)| format!("{first}-{last}"));
            return Err(UsageError::NoHunk {
                given: choice.shown(),
                hunks: places.take(8).collect(),
            });
        }
    }
    changes.choose(|path, hunk| {
        chosen.iter().any(|choice| {
            let lines = choice.lines.is_none_or(|(first, last)| {
                let place = place(hunk);
                place.0 <= last && place.1 >= first
            });
            choice.path == path && lines
        })
    });
    Ok(())
}

/// The lines of the new version that a hunk shows; where it leaves none, the line above it.
fn place(hunk: &HunkRange) -> (u32, u32) {
    let last = hunk.new_start.saturating_add(hunk.new_lines.max(1) - 1);
    (hunk.new_start, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_one_or_a_range() {
        assert_eq!(parse_lines("3"), Some((3, 3)));
        assert_eq!(parse_lines("3-9"), Some((3, 9)));
        for bad in [
            "",
            "0",
            "9-3",
            "+3",
            "3-",
            "-3",
            "a",
            "3-4-5",
            "99999999999",
        ] {
            assert_eq!(parse_lines(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_meant_as_a_file_is_told_from_a_word() {
        for file in ["src/a", "a.rs", "a:3", "src/a.rs:3-9"] {
            assert!(looks_like_a_file(file), "{file}");
        }
        for word in ["security", "races?", "ok.", "'", "--", "$ARGUMENTS"] {
            assert!(!looks_like_a_file(word), "{word}");
        }
    }
}
