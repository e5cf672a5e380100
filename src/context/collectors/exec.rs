//! Items from a program of the strategy's: one JSON request in, one JSON answer out.
//!
//! The protocol is documented in `docs/strategies.md`. What a program says is content like any other: it is made visible,
//! redacted and put into an envelope, and it never counts as showing a changed line, so that the ledger cannot be lied to.
//! Whatever goes wrong costs the program's own section.

use std::cell::OnceCell;
use std::path::{Component, Path};
use std::time::Duration;

use bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};

use super::one_line;
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::program::{Program, ProgramCall};
use crate::context::registry::{CollectorInfo, OptionsError, check_range, parse_options};
use crate::target::{Content, Endpoint, FileChange};

/// The collector's name, by which strategies are searched for programs.
pub(in crate::context) const EXEC: &str = "exec";

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: EXEC,
    about: "what a program of the strategy's answers: one JSON request on stdin, one JSON answer on stdout",
    rungs: &[Rung::Full, Rung::Outline, Rung::Name],
    options: &[
        "command",
        "input",
        "environment",
        "timeout_seconds",
        "max_bytes",
    ],
    make,
};

/// The protocol's version, in the request and in the answer.
const VERSION: u32 = 1;
/// The most files that a request names; the others are counted.
const MOST_FILES: usize = 5_000;
/// The most items of an answer.
const MOST_ITEMS: usize = 500;
const MOST_SECONDS: u64 = 60;
const MOST_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The program and its arguments.
    command: Vec<String>,
    /// Handed to the program as it is.
    #[serde(default)]
    input: toml::Table,
    /// Environment variables that the program gets besides the fixed ones.
    #[serde(default)]
    environment: Vec<String>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u64,
    #[serde(default = "default_bytes")]
    max_bytes: usize,
}

fn default_timeout() -> u64 {
    10
}

fn default_bytes() -> usize {
    256 * 1024
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let options: Options = parse_options(options)?;
    let wrong = |message: String| Err(OptionsError(message));
    if options.command.is_empty() || options.command.len() > 64 {
        return wrong("`command` must be a program and up to 63 arguments".to_owned());
    }
    program(&options.command[0], Some(Path::new("/"))).map_err(OptionsError)?;
    check_range("timeout_seconds", options.timeout_seconds, 1..=MOST_SECONDS)?;
    check_range("max_bytes", options.max_bytes, 1..=MOST_BYTES)?;
    let is_name =
        |name: &String| !name.is_empty() && name.len() <= 128 && !name.contains(['=', '\0']);
    if options.environment.len() > 64 || !options.environment.iter().all(is_name) {
        return wrong("`environment` must be at most 64 names of variables".to_owned());
    }
    Ok(Box::new(Exec {
        options,
        answer: OnceCell::new(),
    }))
}

/// What a command's first word means: a bare name is searched for, `./name` is a file of the strategy's folder (which the
/// user's trust covers), an absolute path is itself. Other paths would depend on where the reviewer stands.
///
/// # Errors
///
/// A sentence on what is wrong with the word.
pub(in crate::context) fn program(word: &str, folder: Option<&Path>) -> Result<Program, String> {
    if word.is_empty() || word.contains('\0') {
        return Err("`command` begins with an empty word".to_owned());
    }
    let path = Path::new(word);
    if path.is_absolute() {
        return Ok(Program::File(path.to_owned()));
    }
    if let Some(below) = word.strip_prefix("./") {
        let is_plain = Path::new(below)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || below.is_empty() {
            return Err(format!("`{word}` leaves the strategy's folder"));
        }
        let folder = folder
            .ok_or_else(|| "a strategy without a folder has no programs of its own".to_owned())?;
        return Ok(Program::File(folder.join(below)));
    }
    if word.contains(['/', '\\']) {
        return Err(format!(
            "`{word}` is neither a name to be found on PATH, nor `./` and a file of the strategy's folder, nor an absolute path"
        ));
    }
    Ok(Program::OnSearchPath(word.to_owned()))
}

struct Exec {
    options: Options,
    /// Asked for when items are listed, so that the program runs once.
    answer: OnceCell<Vec<AnsweredItem>>,
}

impl Exec {
    fn ask(&self, scene: &Scene<'_>) -> Result<Vec<AnsweredItem>, CollectError> {
        let programs = scene
            .programs
            .ok_or_else(|| CollectError("no programs are started here".to_owned()))?;
        let (word, arguments) = self
            .options
            .command
            .split_first()
            .expect("a command has a first word");
        let mut input = serde_json::to_vec(&request(scene, &self.options.input))
            .map_err(|error| CollectError(format!("`input` is not JSON: {error}")))?;
        input.push(b'\n');
        let output = programs.run(&ProgramCall {
            program: program(word, scene.strategy_folder).map_err(CollectError)?,
            arguments: arguments.to_vec(),
            input,
            environment: self.options.environment.clone(),
            time_limit: Duration::from_secs(self.options.timeout_seconds),
            most_bytes: self.options.max_bytes,
        })?;
        understand(&output)
    }
}

impl Collector for Exec {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let answered = match self.answer.get() {
            Some(answered) => answered,
            None => {
                let answered = self.ask(scene)?;
                self.answer.get_or_init(|| answered)
            }
        };
        Ok((0..answered.len()).map(Item::apart).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let answered = self
            .answer
            .get()
            .expect("items are listed before one is rendered");
        let item = &answered[item.key];
        Ok(rungs.iter().find_map(|rung| {
            let text = match rung {
                Rung::Full | Rung::Hunks => Some(item.text.as_str()),
                Rung::Outline => item.outline.as_deref(),
                Rung::Name => item.name.as_deref(),
            }?;
            // What is far too long is not even made presentable.
            if text.len() as u64 > room.bytes().saturating_mul(4).saturating_add(4096) {
                return None;
            }
            let mut shown = scene.presenter.content(text.as_bytes());
            if !shown.text.ends_with('\n') {
                shown.text.push('\n');
            }
            let piece = PieceDraft::showing(shown, *rung, Vec::new());
            piece.within(room)
        }))
    }
}

/// Reads an answer, trusting nothing in it.
fn understand(output: &[u8]) -> Result<Vec<AnsweredItem>, CollectError> {
    let wrong = |what: String| CollectError(format!("the program's answer {what}"));
    if output.trim().is_empty() {
        return Err(wrong("is empty".to_owned()));
    }
    let answer: Answer = serde_json::from_slice(output)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if answer.version != VERSION {
        let version = answer.version;
        return Err(wrong(format!("has version {version}, expected {VERSION}")));
    }
    if let Some(error) = answer.error {
        return Err(CollectError(format!(
            "the program says: {}",
            one_line(&error)
        )));
    }
    if answer.items.len() > MOST_ITEMS {
        let count = answer.items.len();
        return Err(wrong(format!(
            "has {count} items, at most {MOST_ITEMS} are allowed"
        )));
    }
    if answer.items.iter().any(|item| item.text.trim().is_empty()) {
        return Err(wrong("has an item without text".to_owned()));
    }
    Ok(answer.items)
}

#[derive(Debug, Deserialize)]
struct Answer {
    version: u32,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    items: Vec<AnsweredItem>,
}

#[derive(Debug, Deserialize)]
struct AnsweredItem {
    text: String,
    #[serde(default)]
    outline: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    version: u32,
    target: TargetOf<'a>,
    files: Vec<FileOf<'a>>,
    /// Changed files that are not named.
    files_more: usize,
    input: &'a toml::Table,
}

#[derive(Debug, Serialize)]
struct TargetOf<'a> {
    mode: &'static str,
    label: &'a str,
    branch: Option<&'a str>,
    /// A commit's id, `empty`, `index` or `worktree`.
    old: &'a str,
    new: &'a str,
}

#[derive(Debug, Serialize)]
struct FileOf<'a> {
    /// Lossy where the name is not UTF-8; then `path_bytes` is there.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<&'a [u8]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_path: Option<String>,
    part: &'static str,
    status: char,
    added: u32,
    removed: u32,
    /// Whether it bears a secret by its name: its content is not to be shown.
    secret: bool,
    hunks: Vec<[u32; 4]>,
}

fn request<'a>(scene: &'a Scene<'_>, input: &'a toml::Table) -> Request<'a> {
    let target = scene.changes.target();
    let files = scene.changes.files();
    Request {
        version: VERSION,
        target: TargetOf {
            mode: target.mode.as_str(),
            label: &target.label,
            branch: target.branch.as_deref(),
            old: endpoint(&target.old),
            new: endpoint(&target.new),
        },
        files: files
            .iter()
            .zip(scene.secret_names)
            .take(MOST_FILES)
            .map(|(file, secret)| file_of(file, *secret))
            .collect(),
        files_more: files.len().saturating_sub(MOST_FILES),
        input,
    }
}

fn endpoint(side: &Endpoint) -> &str {
    match side {
        Endpoint::EmptyTree => "empty",
        Endpoint::Commit(id) => id.as_hex(),
        Endpoint::Index => "index",
        Endpoint::WorkTree => "worktree",
        Endpoint::Patched(_) => "patch",
    }
}

fn file_of(file: &FileChange, secret: bool) -> FileOf<'_> {
    let (added, removed, hunks) = match &file.content {
        Content::Text {
            added,
            removed,
            hunks,
            ..
        } => (*added, *removed, hunks.as_slice()),
        Content::Binary | Content::Submodule => (0, 0, [].as_slice()),
    };
    FileOf {
        path: file.path.to_str_lossy().into_owned(),
        path_bytes: file.path.to_str().is_err().then_some(file.path.as_slice()),
        old_path: file
            .old_path
            .as_ref()
            .map(|path| path.to_str_lossy().into_owned()),
        part: file.part.as_str(),
        status: file.status.letter(),
        added,
        removed,
        secret,
        hunks: hunks
            .iter()
            .map(|hunk| {
                [
                    hunk.old_start,
                    hunk.old_lines,
                    hunk.new_start,
                    hunk.new_lines,
                ]
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Result<Program, &str>) {
        let found = program(word, Some(Path::new("/strategies/mine")));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{word}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_program_is_a_name_or_a_file_of_the_strategy_or_an_absolute_path() {
        check("python3", Ok(Program::OnSearchPath("python3".to_owned())));
        let own = |path: &str| Program::File(Path::new("/strategies/mine").join(path));
        check("./collect.py", Ok(own("collect.py")));
        check("./bin/collect", Ok(own("bin/collect")));
        check("/usr/bin/env", Ok(Program::File("/usr/bin/env".into())));
        check("./../other/run", Err("leaves the strategy's folder"));
        check("../run", Err("is neither"));
        check("tools/run", Err("is neither"));
        check("", Err("empty word"));
        assert!(program("./x", None).is_err());
    }

    #[track_caller]
    fn check_answer(output: &str, expected: &str) {
        let error = understand(output.as_bytes()).unwrap_err();
        assert!(error.0.contains(expected), "{error}");
    }

    #[test]
    fn an_answer_that_is_none_says_what_is_wrong_with_it() {
        check_answer(" \n", "is empty");
        check_answer("no", "cannot be read");
        check_answer("{\"version\":1}{\"version\":1}", "cannot be read");
        check_answer("{\"version\":2,\"items\":[]}", "has version 2");
        check_answer("{\"version\":1,\"items\":[{\"text\":3}]}", "cannot be read");
        check_answer(
            "{\"version\":1,\"items\":[{\"text\":\" \"}]}",
            "without text",
        );
        check_answer(
            "{\"version\":1,\"error\":\"no\\nindex\"}",
            "the program says: no index",
        );
        let many = vec!["{\"text\":\"x\"}"; MOST_ITEMS + 1].join(",");
        check_answer(
            &format!("{{\"version\":1,\"items\":[{many}]}}"),
            "has 501 items",
        );
        assert!(understand(b"{\"version\":1}").unwrap().is_empty());
    }
}
