//! Numbers: lines added and removed, per file or per folder.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice as _};
use serde::Deserialize;

use super::numbers;
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::ledger::changed_lines;
use crate::context::registry::{CollectorInfo, OptionsError, check_range, parse_options};
use crate::context::size::counted;
use crate::prompt::show_path;

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "stat",
    about: "lines added and removed: the total, then one line per file or per folder",
    rungs: &[Rung::Full],
    options: &["by", "depth"],
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    by: By,
    /// How many leading folders make a group, with `by = "folder"`.
    depth: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    File,
    Folder,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            by: By::File,
            depth: 2,
        }
    }
}

fn make(options: &toml::Table) -> Result<Box<dyn Collector>, OptionsError> {
    let Options { by, depth } = parse_options(options)?;
    check_range("depth", depth, 1..=16)?;
    Ok(Box::new(Stat { by, depth }))
}

struct Stat {
    by: By,
    depth: usize,
}

/// The key of the item that holds the total.
const TOTAL: usize = usize::MAX;

impl Collector for Stat {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let files = scene.changes.files();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let item = |key, files| Item { key, files };
        let mut items = vec![item(TOTAL, Vec::new())];
        match self.by {
            By::File => items.extend((0..files.len()).map(|index| item(index, vec![index]))),
            By::Folder => {
                let mut folders: BTreeMap<BString, Vec<usize>> = BTreeMap::new();
                for (index, file) in files.iter().enumerate() {
                    let folder = folder(file.path.as_bstr(), self.depth);
                    folders.entry(folder).or_default().push(index);
                }
                // The key of a folder is its first file: from that its name can be told again.
                items.extend(folders.into_values().map(|files| item(files[0], files)));
            }
        }
        Ok(items)
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        _rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let files = scene.changes.files();
        let piece = if item.key == TOTAL {
            let all: Vec<usize> = (0..files.len()).collect();
            PieceDraft::naming(
                scene.presenter,
                &format!("{}  in all\n", sum(scene, &all)),
                Rung::Full,
                &[],
            )
        } else {
            let path = files[item.key].path.as_bstr();
            match self.by {
                By::File => {
                    let line = format!("{}  {}\n", numbers(&files[item.key]), show_path(path));
                    PieceDraft::naming(scene.presenter, &line, Rung::Full, &item.files)
                }
                // A file that is only part of a sum has not been named.
                By::Folder => {
                    let name = show_path(&folder(path, self.depth));
                    let line = format!("{}  {name}\n", sum(scene, &item.files));
                    PieceDraft::naming(scene.presenter, &line, Rung::Full, &[])
                }
            }
        };
        Ok(piece.within(room))
    }
}

fn sum(scene: &Scene<'_>, indices: &[usize]) -> String {
    let files = scene.changes.files();
    let (added, removed) = indices
        .iter()
        .map(|index| changed_lines(&files[*index]))
        .fold((0, 0), |sum, lines| (sum.0 + lines.0, sum.1 + lines.1));
    let changes = counted(indices.len() as u64, "change");
    format!("+{added} -{removed}  {changes}")
}

/// The first `depth` folders of a path with a slash behind, or `./` for a file at the root.
fn folder(path: &BStr, depth: usize) -> BString {
    let Some(last) = path.rfind_byte(b'/') else {
        return BString::from("./");
    };
    let folders = &path[..last];
    let end = folders
        .find_iter(b"/")
        .nth(depth - 1)
        .unwrap_or(folders.len());
    let mut name = BString::from(&folders[..end]);
    name.push(b'/');
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, depth: usize, expected: &str) {
        assert_eq!(folder(path.into(), depth), expected);
    }

    #[test]
    fn a_folder_is_the_first_parts_of_a_path() {
        check("README.md", 2, "./");
        check("src/lib.rs", 2, "src/");
        check("src/context/mod.rs", 2, "src/context/");
        check("src/context/collectors/stat.rs", 2, "src/context/");
        check("src/context/collectors/stat.rs", 1, "src/");
    }
}
