//! One argument that holds a whole command line, and free text that nobody may parse.
//!
//! Slash commands hand over everything that was typed behind them as one argument. [`expand`] splits it, and sets free
//! text apart with `--`, so that clap never looks into it:
//!
//! - For a verb that takes text, options that the verb knows are taken off the front. From the first word that is none
//!   of them, or behind `--` and one blank, the rest is text, byte for byte; without any option it is the whole argument.
//! - For a verb with subcommands, of which the first word names none that takes text, it is split into literal words: what
//!   stands there may be a value to be kept.
//! - For every other verb the whole argument is split into words.
//!
//! Words are split at blanks. A word in quotes holds blanks; a backslash takes the meaning from a blank, a quote or a
//! backslash behind it and is itself everywhere else (`src\lib.rs` stays whole). A quote that is never closed is a
//! character like any other: an apostrophe must not swallow what follows it. Of a literal word nothing is taken but the
//! quotes around the whole of it.
//!
//! However the arguments come, clap takes text that begins with a dash for text. So what may be an option is settled before it
//! looks: `-mspark` becomes `--model=spark`, and a word in the place of options that this verb does not know, but that is
//! nearly one of its own or one of another verb's, is refused. `--` before the text says that it is meant.
//!
//! Which options exist is read from the clap tree; there is no second list.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use codex_review::near_miss::nearest;

use super::command::whole_tree;
use super::usage::UsageError;

/// The id of the trailing argument of verbs that take text.
pub(super) const TEXT_ARGUMENT: &str = "text";

/// Splits the single argument behind the verb, if there is just one and it holds blanks, and settles what is an option.
/// `command` has been built.
pub(super) fn expand(argv: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, UsageError> {
    settle(split(argv, command)?, command)
}

fn split(argv: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, UsageError> {
    let Some((verb_at, verb)) = find_verb(&argv, command) else {
        return Ok(argv);
    };
    let [line] = &argv[verb_at + 1..] else {
        return Ok(argv);
    };
    let Some(line) = line.to_str() else {
        return Ok(argv);
    };
    if !line.is_empty() && !line.contains(char::is_whitespace) {
        return Ok(argv);
    }
    let mut expanded: Vec<OsString> = argv[..=verb_at].to_vec();
    // The first word may name a verb below that takes text: the rest is that one's line.
    let (word, rest) = next_word(line.trim_start());
    match verb.find_subcommand(&word).filter(|verb| takes_text(verb)) {
        Some(below) => {
            expanded.push(word.into());
            push_line(&mut expanded, rest.trim_start(), below)?;
        }
        None => push_line(&mut expanded, line, verb)?,
    }
    Ok(expanded)
}

fn takes_text(verb: &Command) -> bool {
    verb.get_arguments()
        .any(|arg| arg.get_id() == TEXT_ARGUMENT)
}

/// How many words the verb wants before its text.
fn words_before_text(verb: &Command) -> usize {
    verb.get_positionals()
        .filter(|arg| arg.get_id() != TEXT_ARGUMENT)
        .count()
}

/// Appends what `line` says to the verb.
fn push_line(expanded: &mut Vec<OsString>, line: &str, verb: &Command) -> Result<(), UsageError> {
    let (words, text) = if takes_text(verb) {
        take_options(line, verb)?
    } else if verb.has_subcommands() {
        (literal_words(line), None)
    } else {
        (split_words(line), None)
    };
    expanded.extend(words.into_iter().map(OsString::from));
    if let Some(text) = text {
        expanded.push("--".into());
        expanded.push(text.into());
    }
    Ok(())
}

/// The verb and its place, behind options that stand before it.
fn find_verb<'a>(argv: &[OsString], command: &'a Command) -> Option<(usize, &'a Command)> {
    let mut index = 1;
    while let Some(word) = argv.get(index) {
        let text = word.to_str()?;
        if !text.starts_with('-') {
            return command
                .find_subcommand(OsStr::new(text))
                .map(|verb| (index, verb));
        }
        index += match known_option(text, command) {
            Some(Takes::NextWord) => 2,
            Some(Takes::Nothing) => 1,
            None => return None,
        };
    }
    None
}

/// What stands before the text of a verb.
struct Front<'a> {
    verb: &'a Command,
    /// Where its options are.
    options: Vec<usize>,
    /// Where something else begins: the text, or the `--` before it.
    end: usize,
}

/// What stands before the text, for a verb that takes one.
fn front<'a>(argv: &[OsString], command: &'a Command) -> Option<Front<'a>> {
    let (mut verb_at, mut verb) = find_verb(argv, command)?;
    let below = argv.get(verb_at + 1);
    if let Some(below) = below.and_then(|word| verb.find_subcommand(word)) {
        (verb_at, verb) = (verb_at + 1, below);
    }
    if !takes_text(verb) {
        return None;
    }
    let mut wanted = words_before_text(verb);
    let mut options = Vec::new();
    let mut end = verb_at + 1;
    while let Some(word) = argv.get(end).and_then(|word| word.to_str()) {
        match known_option(word, verb) {
            Some(takes) => {
                options.push(end);
                end += match takes {
                    Takes::NextWord => 2,
                    Takes::Nothing => 1,
                };
            }
            None if wanted > 0 && !word.starts_with("--") => {
                wanted -= 1;
                end += 1;
            }
            None => break,
        }
    }
    Some(Front { verb, options, end })
}

/// Sets options apart from values that are attached to them, and refuses what is probably no text.
fn settle(mut argv: Vec<OsString>, command: &Command) -> Result<Vec<OsString>, UsageError> {
    let Some(Front { verb, options, end }) = front(&argv, command) else {
        return Ok(argv);
    };
    if let Some(word) = argv.get(end).and_then(|word| word.to_str()) {
        refuse_slip(word, verb)?;
    }
    for at in options.into_iter().rev() {
        let detached = argv[at].to_str().and_then(|word| detached(word, verb));
        if let Some(words) = detached {
            argv.splice(at..=at, words.into_iter().map(OsString::from));
        }
    }
    Ok(argv)
}

/// `-mVALUE` and `-m=VALUE` as `--model=VALUE`, with the letters before it as a word of their own: clap looks into words
/// of one dash letter by letter, and takes one that holds other letters too for the beginning of a text.
fn detached(word: &str, verb: &Command) -> Option<Vec<String>> {
    let shorts = word.strip_prefix('-').filter(|_| !word.starts_with("--"))?;
    let (at, letter, arg) = shorts.char_indices().find_map(|(at, letter)| {
        let arg = find_short(letter, verb).filter(|arg| takes_value(arg))?;
        Some((at, letter, arg))
    })?;
    let attached = &shorts[at + letter.len_utf8()..];
    if attached.is_empty() {
        return None;
    }
    let value = attached.strip_prefix('=').unwrap_or(attached);
    let option = format!("--{}={value}", arg.get_long()?);
    let before = (at > 0).then(|| format!("-{}", &shorts[..at]));
    Some(before.into_iter().chain([option]).collect())
}

/// Options that stand behind the beginning of the text, and so belong to it, where they may have been meant otherwise.
/// Nothing behind `--` and nothing inside a quoted argument counts.
pub(super) fn options_in_text(argv: &[OsString], command: &Command) -> Vec<String> {
    let Some(Front { verb, end, .. }) = front(argv, command) else {
        return Vec::new();
    };
    if argv.get(end).is_some_and(|word| word == "--") {
        return Vec::new();
    }
    argv.iter()
        .skip(end + 1)
        .filter_map(|word| word.to_str())
        .filter(|word| word.starts_with("--") && known_option(word, verb).is_some())
        .map(str::to_owned)
        .collect()
}

/// What a known option takes behind its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    NextWord,
}

/// What `word` takes if `command` knows it as an option.
fn known_option(word: &str, command: &Command) -> Option<Takes> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, has_value) = match long.split_once('=') {
            Some((name, _)) => (name, true),
            None => (long, false),
        };
        let arg = command.get_arguments().find(|arg| is_called(arg, name))?;
        return match (takes_value(arg), has_value) {
            (true, false) => Some(Takes::NextWord),
            (false, true) if !arg.get_action().takes_values() => None,
            _ => Some(Takes::Nothing),
        };
    }
    let shorts = word.strip_prefix('-').filter(|shorts| !shorts.is_empty())?;
    let mut letters = shorts.chars();
    while let Some(letter) = letters.next() {
        let arg = find_short(letter, command)?;
        if takes_value(arg) {
            let value_is_attached = !letters.as_str().is_empty();
            return Some(if value_is_attached {
                Takes::Nothing
            } else {
                Takes::NextWord
            });
        }
    }
    Some(Takes::Nothing)
}

fn find_short(letter: char, command: &Command) -> Option<&Arg> {
    command.get_arguments().find(|arg| {
        arg.get_short_and_visible_aliases()
            .is_some_and(|all| all.contains(&letter))
    })
}

fn is_called(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name)
        || arg
            .get_all_aliases()
            .is_some_and(|aliases| aliases.contains(&name))
}

/// Whether a value follows as a word of its own.
fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set() && !arg.is_positional()
}

/// Takes the verb's options off the front of `line`, and the words that it wants before its text; the rest is text.
fn take_options(line: &str, verb: &Command) -> Result<(Vec<String>, Option<String>), UsageError> {
    let mut wanted = words_before_text(verb);
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    loop {
        if rest.is_empty() {
            return Ok((words, None));
        }
        let (word, after) = next_word(rest);
        if word == "--" && rest.starts_with("--") {
            let mut behind = after.chars();
            behind.next();
            let text = Some(behind.as_str()).filter(|text| !text.trim().is_empty());
            return Ok((words, text.map(str::to_owned)));
        }
        // An option that is quoted is meant as text.
        let takes = if rest.starts_with('-') {
            known_option(&word, verb)
        } else {
            None
        };
        let Some(takes) = takes else {
            if rest.starts_with("--") {
                refuse_slip(&word, verb)?;
            }
            if wanted > 0 {
                wanted -= 1;
                words.push(word);
                rest = after.trim_start();
                continue;
            }
            let text = if words.is_empty() { line } else { rest };
            return Ok((words, Some(text.to_owned())));
        };
        words.push(word);
        rest = after.trim_start();
        if takes == Takes::NextWord && !rest.is_empty() {
            let (value, after) = next_word(rest);
            words.push(value);
            rest = after.trim_start();
        }
    }
}

/// A word in the place of options that is one of a sibling's, or nearly one of this verb's, is a slip and not the
/// beginning of a text.
fn refuse_slip(word: &str, verb: &Command) -> Result<(), UsageError> {
    let Some(long) = word.strip_prefix("--") else {
        return Ok(());
    };
    if long.is_empty() || long.contains(char::is_whitespace) {
        return Ok(());
    }
    let name = long.split_once('=').map_or(long, |(name, _)| name);
    let is_own = verb.get_arguments().any(|arg| is_called(arg, name));
    if !is_own && let Some(other) = sibling_with(word) {
        return Err(UsageError::OptionOfAnother {
            given: format!("--{name}"),
            other,
        });
    }
    let known = verb
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(Arg::get_long);
    match nearest(name.trim_start_matches('-'), known) {
        Some(nearest) => Err(UsageError::MistypedOption {
            given: format!("--{name}"),
            nearest: format!("--{nearest}"),
        }),
        None => Ok(()),
    }
}

/// The verbs that are taken for one another; what the others call an option may well begin a text.
const SIBLINGS: [&str; 3] = ["review", "adversarial-review", "task"];

/// The first sibling that shows this option, as it is typed.
fn sibling_with(word: &str) -> Option<String> {
    let name = word.trim_start_matches('-');
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    let tree = whole_tree();
    let has_it = |verb: &&Command| {
        verb.get_arguments()
            .any(|arg| !arg.is_hide_set() && is_called(arg, name))
            && known_option(word, verb).is_some()
    };
    let mut siblings = SIBLINGS
        .iter()
        .filter_map(|name| tree.find_subcommand(name));
    let sibling = siblings.find(has_it)?;
    Some(format!("codex-review {}", sibling.get_name()))
}

fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = next_word(rest);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// The words of a line, each as it was typed; one in quotes as a whole is what stands between them.
fn literal_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = literal_word(rest);
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// The first word of `text`, which begins with no blank, as it was typed.
fn literal_word(text: &str) -> (&str, &str) {
    quoted_word(text).unwrap_or_else(|| {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        text.split_at(end)
    })
}

/// The inside of the quotes that `text` begins with, if a blank or nothing stands behind the next such quote.
fn quoted_word(text: &str) -> Option<(&str, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))?;
    let (inside, after) = text[1..].split_once(quote)?;
    let ends = after.chars().next().is_none_or(char::is_whitespace);
    ends.then_some((inside, after))
}

/// The first literal word of a line, and what follows it behind blanks.
pub(super) fn first_word(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let (word, after) = literal_word(line);
    (word, after.trim_start())
}

/// The first word of `text`, which begins with no blank, and what follows it.
fn next_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        match character {
            blank if blank.is_whitespace() => break,
            quote @ ('"' | '\'') => match quoted(after, quote) {
                Some((inside, behind)) => {
                    word.push_str(&inside);
                    rest = behind;
                    continue;
                }
                None => word.push(quote),
            },
            '\\' => match after.chars().next() {
                Some(next @ ('"' | '\'' | '\\' | ' ' | '\t')) => {
                    word.push(next);
                    rest = &after[next.len_utf8()..];
                    continue;
                }
                _ => word.push('\\'),
            },
            other => word.push(other),
        }
        rest = after;
    }
    (word, rest)
}

/// The inside of a quoted stretch and what follows its closing quote; `None` when it is never closed.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => match characters.clone().next() {
                Some((_, next @ ('"' | '\\'))) => {
                    inside.push(next);
                    characters.next();
                }
                _ => inside.push('\\'),
            },
            other if other == quote => return Some((inside, &text[index + other.len_utf8()..])),
            other => inside.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::command::Cli;

    fn expanded(argv: &[&str]) -> Result<Vec<String>, UsageError> {
        let mut command = Cli::command();
        command.build();
        let argv = ["codex-review"]
            .iter()
            .chain(argv)
            .map(OsString::from)
            .collect();
        let expanded = expand(argv, &command)?;
        Ok(expanded[1..]
            .iter()
            .map(|word| word.to_str().unwrap().to_owned())
            .collect())
    }

    /// What the one argument behind a verb becomes.
    #[track_caller]
    fn check(verb: &str, line: &str, expected: &[&str]) {
        let words = expanded(&[verb, line]).unwrap();
        assert_eq!(words[1..], *expected, "{verb} {line:?}");
    }

    #[test]
    fn options_are_taken_off_the_front_and_the_rest_is_text_byte_for_byte() {
        check(
            "adversarial-review",
            r"--base main it's broken \d+ --not-a-flag",
            &["--base", "main", "--", r"it's broken \d+ --not-a-flag"],
        );
        check(
            "review",
            "--wait --base origin/main",
            &["--wait", "--base", "origin/main"],
        );
        check("review", " --background ", &["--background"]);
        check("task", "fix the bug", &["--", "fix the bug"]);
        check(
            "agent-team",
            "start 3 --names a,b it's --json \\d",
            &["start", "3", "--names", "a,b", "--", "it's --json \\d"],
        );
        check("agent-team", "diff a b", &["diff", "a", "b"]);
        check(
            "task",
            "fix --write nothing",
            &["--", "fix --write nothing"],
        );
        check(
            "task",
            "--write fix\n\tthis  ",
            &["--write", "--", "fix\n\tthis  "],
        );
        let code = "    def f(): pass\n    return\n";
        check("task", code, &["--", code]);
        check("task", &format!("-- {code}"), &["--", code]);
        let behind_option = format!("--write --\n{code}");
        check("task", &behind_option, &["--write", "--", code]);
        check("task", " -- ", &[]);
        check(
            "task",
            "-m spark  --effort=high do",
            &["-m", "spark", "--effort=high", "--", "do"],
        );
        check("task", "-mspark do it", &["--model=spark", "--", "do it"]);
        check("task", "--resume go on", &["--resume", "--", "go on"]);
        check(
            "task",
            "--resume=task-1 go on",
            &["--resume=task-1", "--", "go on"],
        );
        check(
            "task",
            "-- --write is what I mean",
            &["--", "--write is what I mean"],
        );
        check("task", "--write --", &["--write"]);
        check(
            "task",
            r#""--write" quoted is text"#,
            &["--", r#""--write" quoted is text"#],
        );
        check(
            "task",
            "- a list\n- of things",
            &["--", "- a list\n- of things"],
        );
        check(
            "task",
            "--no-verify is used here",
            &["--", "--no-verify is used here"],
        );
        check("task", "-z unknown letters", &["--", "-z unknown letters"]);
        check(
            "task",
            r"C:\temp \\ $(x) `y` ; 'z",
            &["--", r"C:\temp \\ $(x) `y` ; 'z"],
        );
        check("task", "日本語 の テスト", &["--", "日本語 の テスト"]);
        check("adversarial-review", "", &[]);
        check("adversarial-review", " \n ", &[]);
    }

    #[test]
    fn values_of_options_may_be_quoted_and_an_apostrophe_swallows_nothing() {
        check(
            "review",
            r#"--base "a b" focus"#,
            &["--base", "a b", "--", "focus"],
        );
        check(
            "review",
            "--base='a b' focus",
            &["--base=a b", "--", "focus"],
        );
        check(
            "review",
            "--base it's focus --wait",
            &["--base", "it's", "--", "focus --wait"],
        );
        check(
            "review",
            r"--path src\lib.rs x",
            &["--path", r"src\lib.rs", "--", "x"],
        );
        check("review", r"--path a\ b x", &["--path", "a b", "--", "x"]);
        check("review", "--wait --base", &["--wait", "--base"]);
    }

    #[test]
    fn verbs_without_text_get_words() {
        check("status", "task-1 --json", &["task-1", "--json"]);
        check("status", r#"  "task-1"	--wait "#, &["task-1", "--wait"]);
        check("cancel", "", &[]);
        check("result", r"it's a\b", &["it's", r"a\b"]);
        check(
            "setup",
            "--enable-review-gate --json",
            &["--enable-review-gate", "--json"],
        );
    }

    /// A value that is kept must not come out of its reading as another one.
    #[test]
    fn verbs_with_subcommands_get_words_as_they_were_typed() {
        check("config", "get model", &["get", "model"]);
        check("config", " list --json ", &["list", "--json"]);
        check(
            "config",
            r#"set model "a  b\" --scope repo"#,
            &["set", "model", r"a  b\", "--scope", "repo"],
        );
        for kept in [
            r"C:\temp\",
            r#"a'b'c"d"#,
            "\"",
            "'",
            "\"a",
            "'a'b",
            "it's",
            "--scope='repo'",
        ] {
            let line = format!("set model {kept}");
            check("config", &line, &["set", "model", kept]);
        }
        check("config", "set model 'it' s", &["set", "model", "it", "s"]);
        check("config", "set model ''", &["set", "model", ""]);
        check(
            "config",
            "codex set effort low",
            &["codex", "set", "effort", "low"],
        );
        check("config", "", &[]);
    }

    #[test]
    fn only_a_single_argument_behind_the_verb_is_split() {
        for argv in [
            &["task", "fix", "the bug --write"] as &[&str],
            &["task", "--write", "fix the bug"],
            &["task", "fix"],
            &["status", "task-1"],
            &["nonsense", "a b"],
            &["--nonsense", "task", "a b"],
            &["--help"],
            &[],
        ] {
            assert_eq!(expanded(argv).unwrap(), argv);
        }
    }

    /// clap took the whole word for the beginning of the text.
    #[test]
    fn a_value_that_is_attached_to_a_short_option_is_set_apart_from_it() {
        for (argv, meant) in [
            (
                &["task", "-mspark", "go"] as &[&str],
                &["task", "--model=spark", "go"] as &[&str],
            ),
            (
                &["task", "--write", "-m=spark", "-Cdir", "go"],
                &["task", "--write", "--model=spark", "--cwd=dir", "go"],
            ),
            (
                &["task", "-qmspark", "go"],
                &["task", "-q", "--model=spark", "go"],
            ),
            (
                &["agent-team", "start", "2", "-m-x", "go"],
                &["agent-team", "start", "2", "--model=-x", "go"],
            ),
            (&["review", "-mspark"], &["review", "--model=spark"]),
            (
                &["task", "-qmspark go"],
                &["task", "-q", "--model=spark", "--", "go"],
            ),
            (&["task", "-m", "-Cx", "go"], &["task", "-m", "-Cx", "go"]),
            (&["task", "--", "-mspark"], &["task", "--", "-mspark"]),
            (&["task", "go", "-mspark"], &["task", "go", "-mspark"]),
            (&["task", "-zmspark", "go"], &["task", "-zmspark", "go"]),
            (&["status", "-Cdir"], &["status", "-Cdir"]),
        ] {
            assert_eq!(expanded(argv).unwrap(), meant, "{argv:?}");
        }
    }

    #[test]
    fn options_before_the_verb_do_not_count_as_its_arguments() {
        assert_eq!(
            expanded(&["-C", "some dir", "--quiet", "task", "--write go on"]).unwrap(),
            [
                "-C", "some dir", "--quiet", "task", "--write", "--", "go on"
            ]
        );
        assert_eq!(
            expanded(&["--cwd=x", "status", "a b"]).unwrap(),
            ["--cwd=x", "status", "a", "b"]
        );
    }

    #[test]
    fn options_behind_the_text_are_noticed_where_they_may_be_a_mistake() {
        let mut command = Cli::command();
        command.build();
        for (argv, expected) in [
            (
                &["review", "look", "here", "--json"] as &[&str],
                &["--json"] as &[&str],
            ),
            (
                &["review", "--base", "main", "look", "--wait", "--nope"],
                &["--wait"],
            ),
            (&["review", "--json", "look"], &[]),
            (&["review", "--", "look", "--json"], &[]),
            (&["review", "look at --json"], &[]),
            (&["status", "job", "--json"], &[]),
            (&["--help"], &[]),
            (
                &["agent-team", "start", "2", "fix", "--names", "a,b"],
                &["--names"],
            ),
            (
                &["agent-team", "start", "--names", "a", "1", "fix", "it"],
                &[],
            ),
            (&["agent-team", "list", "--json"], &[]),
        ] {
            let argv: Vec<OsString> = ["codex-review"]
                .iter()
                .chain(argv)
                .map(OsString::from)
                .collect();
            assert_eq!(options_in_text(&argv, &command), expected, "{argv:?}");
        }
    }

    #[test]
    fn a_slip_in_an_option_is_refused_and_not_sent_as_text() {
        for (line, given, meant) in [
            ("--bse main", "--bse", "--base"),
            ("--wait --efort=high x", "--efort", "--effort"),
            ("--background=yes x", "--background", "--background"),
        ] {
            let words: Vec<&str> = ["review"].into_iter().chain(line.split(' ')).collect();
            for argv in [&["review", line], words.as_slice()] {
                let error = expanded(argv).unwrap_err();
                assert_eq!(
                    error,
                    UsageError::MistypedOption {
                        given: given.to_owned(),
                        nearest: meant.to_owned(),
                    }
                );
            }
        }
    }

    #[test]
    fn an_option_of_another_verb_is_refused_and_not_sent_as_text() {
        for (argv, given, other) in [
            (
                &["task", "--base main look"] as &[&str],
                "--base",
                "codex-review review",
            ),
            (
                &["task", "--write", "--fail-on=high", "look"],
                "--fail-on",
                "codex-review review",
            ),
            (&["review", "--write"], "--write", "codex-review task"),
        ] {
            let error = expanded(argv).unwrap_err();
            let meant = UsageError::OptionOfAnother {
                given: given.to_owned(),
                other: other.to_owned(),
            };
            assert_eq!(error, meant, "{argv:?}");
        }
        for argv in [
            &["task", "--", "--base", "main"] as &[&str],
            &["task", "go", "--base", "main"],
            &["task", "--force", "push", "broke", "main"],
            &["task", "--version", "is", "wrong"],
            &["task", "--json", "--base main is gone"],
            &["task", "--state-root", "of", "workers"],
            &["task", "--", "-- --base is text"],
        ] {
            assert_eq!(expanded(argv).unwrap(), argv);
        }
        check("task", "-- --base is text", &["--", "--base is text"]);
        check("task", "\"--base\" is text", &["--", "\"--base\" is text"]);
    }
}
