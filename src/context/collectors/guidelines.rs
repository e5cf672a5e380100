//! The rules of the project, as they were before the change: a change cannot rewrite the rules that it is judged by.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice as _};
use serde::Deserialize;

use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::registry::{CollectorInfo, OptionsError, check_range, parse_options};
use crate::context::size::counted;
use crate::prompt::show_path;
use crate::target::FileChange;

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "guidelines",
    about: "AGENTS.md, CLAUDE.md and REVIEW.md of the folders above changed files, read from before the change",
    rungs: &[Rung::Full, Rung::Hunks, Rung::Name],
    options: &["names", "max_bytes"],
    make,
};

/// Files that hold a project's rules.
pub(in crate::context) const RULE_FILES: [&str; 3] = ["AGENTS.md", "CLAUDE.md", "REVIEW.md"];
/// The most folders that are looked into.
const MOST_FOLDERS: usize = 256;
const MOST_BYTES: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// The names of files that hold rules.
    names: Vec<String>,
    /// The most of one file.
    max_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            names: RULE_FILES.map(str::to_owned).to_vec(),
            max_bytes: 32 * 1024,
        }
    }
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let options: Options = parse_options(options)?;
    let is_name = |name: &String| {
        !name.is_empty() && name.len() <= 128 && !name.contains(['/', '\\', '\0']) && name != ".."
    };
    if options.names.is_empty() || options.names.len() > 16 || !options.names.iter().all(is_name) {
        return Err(OptionsError(
            "`names` must be 1 to 16 names of files, without folders".to_owned(),
        ));
    }
    check_range("max_bytes", options.max_bytes, 1..=MOST_BYTES)?;
    Ok(Box::new(Guidelines {
        options,
        found: OnceCell::new(),
    }))
}

struct Guidelines {
    options: Options,
    /// Read when items are listed, so that each file is read once.
    found: OnceCell<Vec<Entry>>,
}

enum Entry {
    /// A file of rules.
    Rules {
        /// `AGENTS.md, for the whole repository`, as a line.
        heading: String,
        /// Its text within the limit, or why it cannot be read.
        text: Result<Vec<u8>, String>,
        /// Bytes beyond the limit.
        cut_bytes: usize,
    },
    /// A line of our own.
    Note(String),
}

impl Guidelines {
    fn find(&self, scene: &Scene<'_>) -> Vec<Entry> {
        let files = scene.changes.files();
        let (folders, folders_more) = folders(files);
        let mut entries = Vec::new();
        for folder in &folders {
            for name in &self.options.names {
                let path = joined(folder.as_bstr(), name);
                match scene.changes.old_file(path.as_bstr()) {
                    Ok(None) => {}
                    Ok(Some(mut text)) => {
                        let whole = text.len();
                        cut_at_line(&mut text, self.options.max_bytes);
                        entries.push(Entry::Rules {
                            heading: heading(files, folder.as_bstr(), path.as_bstr()),
                            cut_bytes: whole - text.len(),
                            text: Ok(text),
                        });
                    }
                    Err(error) => entries.push(Entry::Rules {
                        heading: heading(files, folder.as_bstr(), path.as_bstr()),
                        text: Err(error.0),
                        cut_bytes: 0,
                    }),
                }
            }
        }
        for file in files.iter().filter(|file| file.old.is_none()) {
            let (_, name) = split(file.path.as_bstr());
            if self
                .options
                .names
                .iter()
                .any(|known| name == known.as_bytes())
            {
                entries.push(Entry::Note(format!(
                    "({} comes with this change and does not count yet)\n",
                    show_path(&file.path)
                )));
            }
        }
        if folders_more > 0 {
            let more = counted(folders_more as u64, "more folder");
            entries.push(Entry::Note(format!("({more} not looked into)\n")));
        }
        entries
    }
}

impl Collector for Guidelines {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let found = self.found.get_or_init(|| self.find(scene));
        Ok((0..found.len()).map(Item::apart).collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let found = self
            .found
            .get()
            .expect("items are listed before one is rendered");
        let (heading, text, cut_bytes) = match &found[item.key] {
            Entry::Note(note) => {
                let piece = PieceDraft::naming(scene.presenter, note, Rung::Full, &[]);
                return Ok(piece.within(room));
            }
            Entry::Rules {
                heading,
                text,
                cut_bytes,
            } => (heading, text.as_ref(), *cut_bytes),
        };
        let text = text.map_err(|error| CollectError(error.clone()))?;
        // Indented, so that no line of it can look like the next heading.
        let lines: Vec<&[u8]> = text.lines().collect();
        let rendered = |count: usize, rung: Rung| {
            let mut bytes = heading.clone().into_bytes();
            for line in &lines[..count] {
                if !line.is_empty() {
                    bytes.extend(b"  ");
                    bytes.extend(*line);
                }
                bytes.push(b'\n');
            }
            let mut missing = Vec::new();
            if count < lines.len() {
                missing.push(counted((lines.len() - count) as u64, "more line"));
            }
            if cut_bytes > 0 {
                missing.push(counted(cut_bytes as u64, "byte beyond the limit"));
            }
            if !missing.is_empty() {
                bytes.extend(format!("  [{} not shown]\n", missing.join(" and ")).bytes());
            }
            PieceDraft::showing(scene.presenter.content(&bytes), rung, Vec::new())
        };
        for rung in rungs {
            let piece = match rung {
                Rung::Full => Some(rendered(lines.len(), *rung)),
                Rung::Hunks => {
                    // The longest beginning that fits; longer ones cost more.
                    let (mut fits, mut too_long) = (0, lines.len());
                    while fits + 1 < too_long {
                        let middle = fits + (too_long - fits) / 2;
                        if rendered(middle, *rung).within(room).is_some() {
                            fits = middle;
                        } else {
                            too_long = middle;
                        }
                    }
                    (fits > 0).then(|| rendered(fits, *rung))
                }
                Rung::Outline | Rung::Name => {
                    Some(PieceDraft::naming(scene.presenter, heading, *rung, &[]))
                }
            };
            if let Some(piece) = piece.and_then(|draft| draft.within(room)) {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// Every folder above a changed file, the root first and near ones before deep ones; and how many more there are.
fn folders(files: &[FileChange]) -> (Vec<BString>, usize) {
    let paths = files
        .iter()
        .flat_map(|file| [Some(&file.path), file.old_path.as_ref()])
        .flatten();
    let mut folders = folders_above(paths.map(|path| path.as_bstr()));
    let more = folders.len().saturating_sub(MOST_FOLDERS);
    folders.truncate(MOST_FOLDERS);
    (folders, more)
}

/// Every folder above these paths, the root first and near ones before deep ones.
pub(in crate::context) fn folders_above<'a>(paths: impl Iterator<Item = &'a BStr>) -> Vec<BString> {
    let mut folders: BTreeSet<(usize, BString)> = BTreeSet::new();
    for path in paths {
        let mut folder = split(path).0;
        loop {
            let depth = match folder.is_empty() {
                true => 0,
                false => folder.split_str("/").count(),
            };
            if !folders.insert((depth, folder.to_owned())) || folder.is_empty() {
                break;
            }
            folder = split(folder).0;
        }
    }
    folders.into_iter().map(|(_, folder)| folder).collect()
}

/// The folder of a path, empty for the root, and the name behind it.
fn split(path: &BStr) -> (&BStr, &[u8]) {
    match path.rfind_byte(b'/') {
        Some(at) => (path[..at].as_bstr(), &path[at + 1..]),
        None => (b"".as_bstr(), path),
    }
}

fn joined(folder: &BStr, name: &str) -> BString {
    let mut path = folder.to_owned();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend(name.bytes());
    path
}

fn heading(files: &[FileChange], folder: &BStr, path: &BStr) -> String {
    let scope = if folder.is_empty() {
        "the whole repository".to_owned()
    } else {
        show_path(&joined(folder, ""))
    };
    let edited = files.iter().any(|file| {
        file.old.is_some() && file.old_path.as_ref().unwrap_or(&file.path).as_bstr() == path
    });
    let edited = match edited {
        true => " (this change edits it: shown as it was before)",
        false => "",
    };
    format!("{}, for {scope}{edited}:\n", show_path(path))
}

/// Cuts a text behind the last line end within `most` bytes; a single longer line is cut as it is.
pub(in crate::context) fn cut_at_line(text: &mut Vec<u8>, most: usize) {
    if text.len() > most {
        let end = text[..most].rfind_byte(b'\n').map_or(most, |at| at + 1);
        text.truncate(end);
    }
}
