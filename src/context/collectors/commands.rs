//! Commands with which a reviewer reads the change by itself.
//!
//! Each only reads, names objects by id wherever git has one, runs no program that the repository names (no pager,
//! monitor, external diff or textconv), and is quoted so that any file name is safe. Files that bear a secret by name
//! are excluded from every command.

use serde::Deserialize;

use super::shell::{is_plain, shell_quote};
use crate::context::budget::Room;
use crate::context::collector::{
    Claims, CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene,
};
use crate::context::registry::{CollectorInfo, OptionsError, parse_options};
use crate::prompt::show_path;
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
const GIT: &str = "git --no-pager --no-optional-locks -c core.fsmonitor=";
/// What every diff is told.
const DIFF: &str = "diff --no-ext-diff --no-textconv --no-color -M";
/// The most files that one command excludes by name; command lines have an end.
const MOST_EXCLUDED: usize = 20;

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
            index => one_file(scene.changes.target(), &scene.changes.files()[index]),
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
            .filter(|index| few || is_hard_to_quote(&files[*index]))
            .take(self.per_file)
            .collect()
    }
}

fn whole(scene: &Scene<'_>, files_follow: bool) -> String {
    let target = scene.changes.target();
    let secret: Vec<&FileChange> = scene
        .changes
        .files()
        .iter()
        .zip(scene.secret_names)
        .filter_map(|(file, secret)| secret.then_some(file))
        .collect();
    let mut lines = Vec::new();
    for part in [Part::Committed, Part::Staged, Part::Unstaged] {
        if !scene.changes.files().iter().any(|file| file.part == part) {
            continue;
        }
        let diff = diff_of(target, part);
        lines.push(format!("# all {} changes", part.as_str()));
        match excluded(&secret) {
            Some(paths) => lines.push(format!("{diff}{paths}")),
            None => {
                lines.push("# (too many files bear secrets by name: read file by file)".to_owned())
            }
        }
        lines.push(format!("# one file with {} changes", part.as_str()));
        lines.push(format!("{diff} -- ':(top,literal)PATH'"));
    }
    if let Endpoint::Patched(_) = &target.new {
        lines.push("# no command shows a patch that is not applied".to_owned());
        if let Endpoint::Commit(old) = &target.old {
            lines.push("# a file as it is without the patch".to_owned());
            lines.push(format!("{GIT} cat-file blob '{old}:PATH'"));
        }
    }
    if let Endpoint::Commit(new) = &target.new {
        lines.push("# a file as it is in the new version".to_owned());
        lines.push(format!("{GIT} cat-file blob '{new}:PATH'"));
        if scene.claims == Claims::Shown && target.mode != Mode::Commit {
            lines.push("# the commits".to_owned());
            let range = match &target.old {
                Endpoint::Commit(old) => format!("{old}..{new}"),
                _ => new.to_string(),
            };
            lines.push(format!("{GIT} log --no-show-signature --no-color {range}"));
        }
    }
    if scene
        .changes
        .files()
        .iter()
        .any(|file| file.part == Part::Untracked)
    {
        lines.push("# the names of all untracked files".to_owned());
        lines.push(format!(
            "{GIT} ls-files --others --exclude-standard -- ':(top)'"
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

/// The diff of one part, without paths.
fn diff_of(target: &ResolvedTarget, part: Part) -> String {
    match part {
        Part::Committed => match (revision(&target.old, target), revision(&target.new, target)) {
            (Some(old), Some(new)) => format!("{GIT} {DIFF} {old} {new}"),
            _ => format!("{GIT} {DIFF}"),
        },
        Part::Staged => match revision(&target.old, target) {
            Some(old) => format!("{GIT} {DIFF} --cached {old}"),
            None => format!("{GIT} {DIFF} --cached"),
        },
        Part::Unstaged | Part::Untracked | Part::Patched => format!("{GIT} {DIFF}"),
    }
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

/// The paths that keep secrets out of a whole diff: empty without secrets, `None` when there are too many.
fn excluded(secret: &[&FileChange]) -> Option<String> {
    if secret.is_empty() {
        return Some(String::new());
    }
    let paths: Vec<String> = secret
        .iter()
        .flat_map(|file| file.old_path.iter().chain([&file.path]))
        .map(|path| pathspec("top,exclude,literal", path))
        .collect();
    (paths.len() <= MOST_EXCLUDED).then(|| format!(" -- ':(top)' {}", paths.join(" ")))
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

/// The command that shows one changed file.
fn one_file(target: &ResolvedTarget, file: &FileChange) -> String {
    let stored = matches!(file.part, Part::Committed | Part::Staged);
    if stored && is_hard_to_quote(file) && file.content != crate::target::Content::Submodule {
        // No name at all is the safest name.
        let command = match (&file.old, &file.new) {
            (Some(Side { id: old, .. }), Some(Side { id: new, .. })) => {
                format!("{GIT} {DIFF} {old} {new}")
            }
            (Some(only), None) | (None, Some(only)) => format!("{GIT} cat-file blob {}", only.id),
            (None, None) => diff_of(target, file.part),
        };
        return format!("{command}  # {}\n", show_path(&file.path));
    }
    if file.part == Part::Patched {
        let before = file
            .old
            .as_ref()
            .filter(|_| matches!(target.old, Endpoint::Commit(_)));
        let command = before.map_or_else(
            || "# only in the patch".to_owned(),
            |side| format!("{GIT} cat-file blob {}  # without the patch", side.id),
        );
        return format!("{command}: {}\n", show_path(&file.path));
    }
    if file.part == Part::Untracked {
        // From the root of the repository: git has no command that shows a file that it does not know.
        return format!("cat -- {}\n", shell_quote(&file.path));
    }
    let paths: Vec<String> = file
        .old_path
        .iter()
        .chain([&file.path])
        .map(|path| pathspec("top,literal", path))
        .collect();
    format!("{} -- {}\n", diff_of(target, file.part), paths.join(" "))
}
