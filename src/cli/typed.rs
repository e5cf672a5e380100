//! Arguments that travel beside the command line, so that no shell and no model touches them.
//!
//! - `VERB … --arguments-stdin` reads what was typed from standard input. Its last line must be [`END`]: without it the
//!   text arrived cut, and is refused.
//! - `VERB … --request ID` takes what was typed from a request that `estimate` stored.
//! - `VERB --session-arguments` takes what this Claude session typed from where its hook kept it. `estimate` has a flag of
//!   that name of its own.
//!
//! Either way the text then stands behind the verb as its single argument, which [`super::arguments`] splits.

use std::ffi::{OsStr, OsString};
use std::io::Read;

use clap::Command;

use super::arguments;
use super::failure::Failure;
use super::surroundings::Surroundings;
use super::usage::UsageError;
use super::verbs::typed_store;

/// Reads the arguments from standard input.
const STDIN_FLAG: &str = "--arguments-stdin";
/// Names a stored request.
const REQUEST_FLAG: &str = "--request";
/// Takes what the session typed.
const SESSION_FLAG: &str = "--session-arguments";
/// The last line of arguments that arrived whole.
const END: &str = "CODEX_END";
/// More is no command that anybody typed.
const MAX_BYTES: u64 = 4 << 20;
/// The verb that stores what was typed, instead of doing it.
const ESTIMATE: &str = "estimate";
/// Hands the text to that verb, whole.
const ESTIMATE_FLAG: &str = "--arguments";
/// Flags that say whether to wait: a later one wins over what was typed.
const ATTENDANCE: [&str; 2] = ["--wait", "--background"];

/// The arguments as clap is to read them.
pub(super) enum Expanded {
    /// They are all there.
    Whole(Vec<OsString>),
    /// The session's hook kept nothing: the client did not hand over what was typed.
    Missing,
}

/// Puts typed arguments into their place, and splits what stands as a single one.
pub(super) fn expand(argv: Vec<OsString>, command: &Command) -> Result<Expanded, Failure> {
    let is_estimate = argv.get(1).is_some_and(|verb| verb == ESTIMATE);
    if !is_estimate && let Some(at) = flag_before_text(&argv, SESSION_FLAG) {
        let verb = argv[1].to_str().unwrap_or_default();
        let typed = typed_store::take_typed(&Surroundings::of_process(None)?, verb)?;
        return match typed {
            Some(text) => with_text(argv, at, 1, &text, command).map(Expanded::Whole),
            None => Ok(Expanded::Missing),
        };
    }
    expand_given(argv, command).map(Expanded::Whole)
}

fn expand_given(argv: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, Failure> {
    if let Some(at) = flag_before_text(&argv, STDIN_FLAG) {
        let text = read(std::io::stdin()).map_err(|source| Failure::ReadText {
            place: "standard input".to_owned(),
            source,
        })?;
        let text = whole(&text)?.to_owned();
        return with_text(argv, at, 1, &text, command);
    }
    if let Some(at) = flag_before_text(&argv, REQUEST_FLAG) {
        let id = argv
            .get(at + 1)
            .and_then(|id| id.to_str())
            .unwrap_or_default()
            .to_owned();
        let text = typed_store::load_request(&Surroundings::of_process(None)?, &id)?;
        return with_text(argv, at, 2, &text, command);
    }
    Ok(arguments::expand(argv, command)?)
}

/// Where a flag stands, if it stands among the options: the text of a task may hold the same word.
fn flag_before_text(argv: &[OsString], flag: &str) -> Option<usize> {
    let options = argv.iter().enumerate().skip(2);
    for (at, word) in options {
        if word == flag {
            return Some(at);
        }
        let is_option = word
            .to_str()
            .is_some_and(|word| word.starts_with('-') && word != "--");
        let is_kind = at == 2 && argv[1] == ESTIMATE;
        if !is_option && !is_kind {
            return None;
        }
    }
    None
}

fn read(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// The text without its end mark.
fn whole(text: &str) -> Result<&str, UsageError> {
    let body = text.trim_end_matches(['\n', '\r']);
    let body = body.strip_suffix(END).ok_or(UsageError::CutArguments)?;
    match body.strip_suffix('\n') {
        Some(typed) => Ok(typed),
        None if body.is_empty() => Ok(body),
        None => Err(UsageError::CutArguments),
    }
}

fn with_text(
    mut argv: Vec<OsString>,
    flag_at: usize,
    flag_words: usize,
    text: &str,
    command: &Command,
) -> Result<Vec<OsString>, Failure> {
    let end = (flag_at + flag_words).min(argv.len());
    argv.drain(flag_at..end);
    if argv.get(1).is_some_and(|verb| verb == ESTIMATE) {
        argv.push(ESTIMATE_FLAG.into());
        argv.push(text.into());
        return Ok(argv);
    }
    let extras: Vec<OsString> = argv.drain(2..).collect();
    if !text.trim().is_empty() {
        argv.push(text.into());
    }
    let mut typed = arguments::expand(argv, command)?;
    if extras
        .iter()
        .any(|extra| ATTENDANCE.iter().any(|flag| extra == flag))
    {
        let text_at = typed
            .iter()
            .position(|word| word == "--")
            .unwrap_or(typed.len());
        let text = typed.split_off(text_at);
        typed.retain(|word| !ATTENDANCE.iter().any(|flag| word == OsStr::new(flag)));
        typed.extend(text);
    }
    typed.splice(2..2, extras);
    Ok(typed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command::Cli;
    use clap::CommandFactory as _;

    #[track_caller]
    fn check(argv: &[&str], text: &str, expected: &[&str]) {
        let mut command = Cli::command();
        command.build();
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        let at = flag_before_text(&argv, STDIN_FLAG).expect("the flag is among the options");
        let words = with_text(argv, at, 1, text, &command).unwrap();
        let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, expected, "for {text:?}");
    }

    #[test]
    fn what_was_typed_stands_behind_the_verb() {
        check(&["c", "status", STDIN_FLAG], "", &["c", "status"]);
        check(
            &["c", "status", STDIN_FLAG],
            "review-x --all",
            &["c", "status", "review-x", "--all"],
        );
        let hostile = "it's $(touch x) `y`; --base z";
        check(
            &["c", "task", STDIN_FLAG, "--background"],
            &format!("--wait --write {hostile}"),
            &["c", "task", "--background", "--write", "--", hostile],
        );
        check(
            &["c", "estimate", "review", "--json", STDIN_FLAG],
            "--base main x",
            &[
                "c",
                "estimate",
                "review",
                "--json",
                "--arguments",
                "--base main x",
            ],
        );
    }

    #[test]
    fn the_same_word_inside_a_text_is_text() {
        let argv = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            flag_before_text(&argv(&["c", "task", "say", STDIN_FLAG]), STDIN_FLAG),
            None
        );
        assert_eq!(
            flag_before_text(&argv(&["c", "task", "--", STDIN_FLAG]), STDIN_FLAG),
            None
        );
    }

    #[test]
    fn arguments_that_arrived_cut_are_refused() {
        assert_eq!(whole("a\nb\nCODEX_END\n"), Ok("a\nb"));
        assert_eq!(whole("\nCODEX_END\n"), Ok(""));
        assert_eq!(whole("CODEX_END"), Ok(""));
        for cut in ["", "a\n", "a CODEX_END\n", "CODEX_END\nmore\n"] {
            assert_eq!(whole(cut), Err(UsageError::CutArguments), "{cut:?}");
        }
    }
}
