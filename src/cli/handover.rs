//! What a host hands over: the typed arguments of a slash command, which no shell and no model may retell.
//!
//! Two words, each only right behind the verb, stand for a whole line that is read elsewhere:
//!
//! - `--arguments-stdin`: the line is on standard input, and behind it one line `CODEX_END`, by which it is known whole.
//! - `--request ID`: the line was stored by `estimate KIND`.
//!
//! [`take_up`] puts the line in their place, before clap looks. What else was given stands before the line's own
//! words, and its `--wait` or `--background` counts instead of theirs.

use std::ffi::OsString;

use clap::Command;

use codex_review::hooks::TypedArguments;

use super::arguments::{Line, find_verb};
use super::failure::Failure;
use super::text::read_bounded;
use super::usage::UsageError;
use super::verbs::workspace::state_root;

const FROM_STDIN: &str = "--arguments-stdin";
const REQUEST: &str = "--request";
/// The line that ends arguments on standard input.
const END: &str = "CODEX_END";
const ATTENDANCE: [&str; 2] = ["--wait", "--background"];

/// Replaces a stand-in word by the line that it stands for. `command` has been built.
pub(super) fn take_up(argv: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, Failure> {
    let Some((verb_at, verb)) = find_verb(&argv, command) else {
        return Ok(argv);
    };
    let behind = &argv[verb_at + 1..];
    let (line, given) = match behind.first().and_then(|word| word.to_str()) {
        Some(FROM_STDIN) => (typed_on_stdin()?, &behind[1..]),
        Some(REQUEST) => {
            let id = behind.get(1).and_then(|word| word.to_str());
            let id = id.ok_or(UsageError::NoRequestId)?;
            let typed = TypedArguments::below(state_root()?.path());
            (typed.stored(id, verb.get_name())?, &behind[2..])
        }
        _ => return Ok(argv),
    };
    let mut line = Line::read(&line, verb)?;
    if given.iter().any(|word| is_attendance(word.to_str())) {
        line.words.retain(|word| !is_attendance(Some(word)));
    }
    let mut taken: Vec<OsString> = argv[..=verb_at].to_vec();
    taken.extend_from_slice(given);
    taken.extend(line.into_words());
    Ok(taken)
}

/// The line on standard input.
pub(super) fn typed_on_stdin() -> Result<String, Failure> {
    let text = read_bounded(std::io::stdin().lock()).map_err(|source| Failure::ReadText {
        place: "standard input".to_owned(),
        source,
    })?;
    Ok(whole(&text).ok_or(UsageError::CutArguments)?.to_owned())
}

/// What stands before the end line; `None` when it is missing.
fn whole(text: &str) -> Option<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let before = text.strip_suffix(END)?;
    match before.strip_suffix('\n') {
        None if before.is_empty() => Some(""),
        other => other,
    }
}

fn is_attendance(word: Option<&str>) -> bool {
    word.is_some_and(|word| ATTENDANCE.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_whole_only_with_their_last_line() {
        assert_eq!(whole("a \"b\"\n c\nCODEX_END\n"), Some("a \"b\"\n c"));
        assert_eq!(whole("\nCODEX_END\n"), Some(""));
        assert_eq!(whole("CODEX_END"), Some(""));
        for cut in ["", "a\n", "a CODEX_END\n", "CODEX_END\nmore\n"] {
            assert_eq!(whole(cut), None, "{cut:?}");
        }
    }
}
