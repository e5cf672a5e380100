//! Commands with which a reviewer reads the change by itself.
//!
//! Each only reads, names objects by id wherever git has one, runs no program that the repository names (no pager, hook,
//! monitor, external diff, textconv or filter, and nothing is fetched into a partial clone), and is quoted so that any
//! file name is safe. Files that bear a secret by name are excluded from every command, and where the target is a part of
//! what its two sides differ in, no command shows the rest.

use bstr::{BString, ByteSlice as _};
use serde::Deserialize;

use super::shell::{is_plain, shell_quote};
use crate::context::budget::Room;
use crate::context::collector::{
    Claims, CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene,
};
use crate::context::registry::{CollectorInfo, OptionsError, parse_options};
use crate::prompt::show_path;
use crate::secrets::scan;
use crate::target::{Endpoint, FileChange, Mode, ObjectId, Part, ResolvedTarget, Side};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "commands",
    about: "read-only git commands with pinned ids, with which the reviewer reads the change by itself",
    rungs: &[Rung::Full],
    options: &["per_file"],
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// Up to this many changed files get a command each. Past that, only names that are hard to quote do.
    per_file: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { per_file: 20 }
    }
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let Options { per_file } = parse_options(options)?;
    Ok(Box::new(Commands { per_file }))
}

struct Commands {
    per_file: usize,
}

/// The key of the item that covers the change as a whole.
const WHOLE: usize = usize::MAX;

/// What every command begins with.
const GIT: &str = "git --no-pager --no-optional-locks -c core.fsmonitor= -c core.hooksPath=/dev/null \
                   -c protocol.allow=never";
/// What every diff is told. A submodule has settings of its own, so git is not to look into one.
const DIFF: &str =
    "diff --no-ext-diff --no-textconv --no-color --submodule=short --ignore-submodules=dirty -M";
/// The most paths that one command names; command lines have an end.
const MOST_PATHS: usize = 20;
/// The most commands that share the files of a part, where they have to be named; the rest is read file by file.
const MOST_COMMANDS: usize = 5;

impl Collector for Commands {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        if scene.changes.files().is_empty() {
            return Ok(Vec::new());
        }
        let whole = Item::apart(WHOLE);
        let files = self.listed(scene).into_iter().map(Item::of_file);
        Ok([whole].into_iter().chain(files).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        _rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let text = match item.key {
            WHOLE => whole(scene, !self.listed(scene).is_empty()),
            index => one_file(scene, &scene.changes.files()[index]),
        };
        let piece = PieceDraft::naming(scene.presenter, &text, Rung::Full, &item.files);
        Ok(piece.within(room))
    }
}

impl Commands {
    /// The files that get a command each.
    fn listed(&self, scene: &Scene<'_>) -> Vec<usize> {
        let files = scene.changes.files();
        let few = files.len() <= self.per_file;
        (0..files.len())
            .filter(|index| !scene.secret_names[*index])
            .filter(|index| few || is_unnameable(&files[*index]))
            .take(self.per_file)
            .collect()
    }
}

/// What every command begins with, where the protocols that the repository names are switched off too.
fn git(scene: &Scene<'_>) -> String {
    let names = &scene.changes.configured_programs().protocols;
    let off: String = names
        .iter()
        .map(|name| setting("protocol", name, "allow=never"))
        .collect();
    format!("{GIT}{off}")
}

/// `None` where a filter would run and cannot be switched off, as git cuts `-c` at the first equals sign.
fn without_filters(scene: &Scene<'_>) -> Option<String> {
    let names = &scene.changes.configured_programs().filters;
    if names.iter().any(|name| name.find_byteset(b"=\n").is_some()) {
        return None;
    }
    let off = names.iter().flat_map(|name| {
        ["clean=", "process=", "required=false"].map(|value| setting("filter", name, value))
    });
    Some(off.collect())
}

fn setting(section: &str, name: &BString, value: &str) -> String {
    let assignment = [section.as_bytes(), name, value.as_bytes()].join(&b'.');
    match name.iter().all(u8::is_ascii_alphanumeric) {
        true => format!(" -c {section}.{name}.{value}"),
        false => format!(" -c {}", shell_quote(&assignment)),
    }
}

fn whole(scene: &Scene<'_>, files_follow: bool) -> String {
    let target = scene.changes.target();
    let git = git(scene);
    let mut lines = Vec::new();
    for part in [Part::Committed, Part::Staged, Part::Unstaged] {
        if !scene.changes.files().iter().any(|file| file.part == part) {
            continue;
        }
        let Some(diff) = diff_of(scene, part) else {
            lines.push(format!("# {} changes: {NO_COMMAND}", part.as_str()));
            continue;
        };
        lines.push(format!("# all {} changes", part.as_str()));
        let Paths { arguments, more } = paths(scene, part);
        lines.extend(arguments.iter().map(|paths| format!("{diff}{paths}")));
        if more > 0 {
            let rest = match arguments.is_empty() {
                true => String::new(),
                false => format!("{more} more "),
            };
            lines.push(format!(
                "# ({rest}paths that are not named: read file by file)"
            ));
        }
        lines.push(format!("# one file with {} changes", part.as_str()));
        lines.push(format!("{diff} -- ':(top,literal)PATH'"));
    }
    if let Endpoint::Patched(_) = &target.new {
        lines.push("# no command shows a patch that is not applied".to_owned());
        if let Endpoint::Commit(old) = &target.old {
            lines.push("# a file as it is without the patch".to_owned());
            lines.push(format!("{git} cat-file blob '{old}:PATH'"));
        }
    }
    if let Endpoint::Commit(new) = &target.new {
        lines.push("# a file as it is in the new version".to_owned());
        lines.push(format!("{git} cat-file blob '{new}:PATH'"));
        if scene.claims == Claims::Shown && target.mode != Mode::Commit {
            lines.push("# the commits".to_owned());
            let range = match &target.old {
                Endpoint::Commit(old) => format!("{old}..{new}"),
                _ => new.to_string(),
            };
            lines.push(format!("{git} log --no-show-signature --no-color {range}"));
        }
    }
    let is_untracked = |file: &FileChange| file.part == Part::Untracked;
    if !scene.changes.is_partial() && scene.changes.files().iter().any(is_untracked) {
        lines.push("# the names of all untracked files".to_owned());
        lines.push(format!(
            "{git} ls-files --others --exclude-standard -- ':(top)'"
        ));
    }
    if files_follow {
        lines.push(
            "# single files, their names quoted for the shell; run `cat` from the root".to_owned(),
        );
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// Stands where git would run a program.
const NO_COMMAND: &str = "no command shows them without running a program that the settings name";

/// The diff of one part, without paths; `None` where it would run a program.
fn diff_of(scene: &Scene<'_>, part: Part) -> Option<String> {
    let target = scene.changes.target();
    let (old, new) = (revision(&target.old, target), revision(&target.new, target));
    let sides = match (part, old, new) {
        (Part::Committed, Some(old), Some(new)) => format!(" {old} {new}"),
        (Part::Staged, Some(old), _) => format!(" --cached {old}"),
        (Part::Staged, None, _) => " --cached".to_owned(),
        _ => String::new(),
    };
    // What is stored has been through the filters.
    let filters = match sides.is_empty() {
        true => without_filters(scene)?,
        false => String::new(),
    };
    Some(format!("{}{filters} {DIFF}{sides}", git(scene)))
}

fn revision<'a>(side: &'a Endpoint, target: &'a ResolvedTarget) -> Option<&'a str> {
    match side {
        Endpoint::Commit(id) => Some(id.as_hex()),
        Endpoint::EmptyTree => Some(empty_tree(target)),
        Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => None,
    }
}

/// git knows the empty tree by these ids without having it stored.
fn empty_tree(target: &ResolvedTarget) -> &'static str {
    let digits = match &target.new {
        Endpoint::Commit(id) => Some(id),
        _ => target.head.as_ref(),
    }
    .map_or(40, |id: &ObjectId| id.as_hex().len());
    match digits {
        64 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        _ => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    }
}

/// What keeps a whole diff to what may be read.
struct Paths {
    /// Of one command each.
    arguments: Vec<String>,
    /// How many files no command names.
    more: usize,
}

fn paths(scene: &Scene<'_>, part: Part) -> Paths {
    let files = scene.changes.files().iter().zip(scene.secret_names);
    let names = |file: &&FileChange| {
        let paths = file.old_path.iter().chain([&file.path]);
        paths.cloned().collect::<Vec<BString>>()
    };
    let tellable = |paths: &Vec<BString>| !paths.iter().any(holds_secret);
    if !scene.changes.is_partial() {
        // Everything, but for what has a secret name.
        let kept: Vec<BString> = files
            .filter(|(_, secret)| **secret)
            .flat_map(|(file, _)| names(&file))
            .collect();
        if kept.is_empty() {
            return Paths {
                arguments: vec![String::new()],
                more: 0,
            };
        }
        if kept.len() <= MOST_PATHS && tellable(&kept) {
            let kept: Vec<String> = kept
                .iter()
                .map(|path| pathspec("top,exclude,literal", path))
                .collect();
            return Paths {
                arguments: vec![format!(" -- ':(top)' {}", kept.join(" "))],
                more: 0,
            };
        }
        return Paths {
            arguments: Vec::new(),
            more: scene.changes.files().len(),
        };
    }
    let mut commands: Vec<Vec<BString>> = Vec::new();
    let mut more = 0;
    for (file, _) in files.filter(|(file, secret)| file.part == part && !**secret) {
        let paths = names(&file);
        let has_room = commands.len() < MOST_COMMANDS;
        let last = commands.last_mut();
        match last.filter(|last| last.len() + paths.len() <= MOST_PATHS) {
            _ if !tellable(&paths) => more += 1,
            Some(last) => last.extend(paths),
            None if has_room => commands.push(paths),
            None => more += 1,
        }
    }
    let argument = |paths: &Vec<BString>| {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| pathspec("top,literal", path))
            .collect();
        format!(" -- {}", paths.join(" "))
    };
    Paths {
        arguments: commands.iter().map(argument).collect(),
        more,
    }
}

fn pathspec(magic: &str, path: &[u8]) -> String {
    let mut spec = format!(":({magic})").into_bytes();
    spec.extend_from_slice(path);
    shell_quote(&spec)
}

fn is_hard_to_quote(file: &FileChange) -> bool {
    let hard = |path: &[u8]| !std::str::from_utf8(path).is_ok_and(is_plain);
    hard(&file.path) || file.old_path.as_ref().is_some_and(|path| hard(path))
}

/// Whether a name holds a credential, so that it must not be sent.
fn holds_secret(path: &BString) -> bool {
    !scan(&show_path(path)).is_empty()
}

/// Whether a command had better do without the names of a file.
fn is_unnameable(file: &FileChange) -> bool {
    let mut paths = file.old_path.iter().chain([&file.path]);
    is_hard_to_quote(file) || paths.any(holds_secret)
}

/// The command that shows one changed file.
fn one_file(scene: &Scene<'_>, file: &FileChange) -> String {
    let target = scene.changes.target();
    let git = git(scene);
    let shown = show_path(&file.path);
    let diff = diff_of(scene, file.part);
    let stored = matches!(file.part, Part::Committed | Part::Staged);
    if stored && is_unnameable(file) && file.content != crate::target::Content::Submodule {
        // No name at all is the safest name.
        let command = match (&file.old, &file.new) {
            (Some(Side { id: old, .. }), Some(Side { id: new, .. })) => {
                format!("{git} {DIFF} {old} {new}")
            }
            (Some(only), None) | (None, Some(only)) => format!("{git} cat-file blob {}", only.id),
            (None, None) => format!("# {NO_COMMAND}"),
        };
        return format!("{command}  # {shown}\n");
    }
    if file.part == Part::Patched {
        let before = file
            .old
            .as_ref()
            .filter(|_| matches!(target.old, Endpoint::Commit(_)));
        let command = before.map_or_else(
            || "# only in the patch".to_owned(),
            |side| format!("{git} cat-file blob {}  # without the patch", side.id),
        );
        return format!("{command}: {shown}\n");
    }
    let mut paths = file.old_path.iter().chain([&file.path]);
    if paths.clone().any(holds_secret) {
        return format!("# a name with a secret in it, not to be given to a command: {shown}\n");
    }
    if file.part == Part::Untracked {
        // From the root of the repository: git has no command that shows a file that it does not know.
        return format!("cat -- {}\n", shell_quote(&file.path));
    }
    let Some(diff) = diff else {
        return format!("# {NO_COMMAND}: {shown}\n");
    };
    let paths: Vec<String> = paths
        .by_ref()
        .map(|path| pathspec("top,literal", path))
        .collect();
    format!("{diff} -- {}\n", paths.join(" "))
}
