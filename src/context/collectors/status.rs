//! The working tree's status, as `git status --porcelain` writes it.

use super::NoOptions;
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::registry::{CollectorInfo, parse_options};
use crate::prompt::show_path;
use crate::target::{FileChange, Part, Status};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "status",
    about: "one line per file of the working tree, as `git status --porcelain` writes it",
    rungs: &[Rung::Full],
    options: &[],
    make: |options| {
        let NoOptions {} = parse_options(options)?;
        Ok(Box::new(StatusLines))
    },
};

struct StatusLines;

impl Collector for StatusLines {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let files = scene.changes.files();
        let mut order: Vec<usize> = (0..files.len())
            .filter(|index| !matches!(files[*index].part, Part::Committed | Part::Patched))
            .collect();
        // By path, so that what is staged and what is not of one file share a line; untracked files come last.
        order.sort_by_key(|index| {
            let file = &files[*index];
            (file.part == Part::Untracked, &file.path, file.part)
        });
        let mut items: Vec<Item> = Vec::new();
        for index in order {
            match items.last_mut() {
                Some(item) if files[item.key].path == files[index].path => item.files.push(index),
                _ => items.push(Item::of_file(index)),
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
        let same_path: Vec<&FileChange> = item.files.iter().map(|index| &files[*index]).collect();
        let piece = PieceDraft::naming(scene.presenter, &line(&same_path), Rung::Full, &item.files);
        Ok(piece.within(room))
    }
}

fn line(same_path: &[&FileChange]) -> String {
    let letter = |part: Part| {
        same_path
            .iter()
            .find(|file| file.part == part)
            .map_or(' ', |file| file.status.letter())
    };
    let letters = if same_path.iter().any(|file| file.status == Status::Unmerged) {
        "UU".to_owned()
    } else if same_path.iter().any(|file| file.part == Part::Untracked) {
        "??".to_owned()
    } else {
        format!("{}{}", letter(Part::Staged), letter(Part::Unstaged))
    };
    let path = show_path(&same_path[0].path);
    match same_path.iter().find_map(|file| file.old_path.as_ref()) {
        Some(old) => format!("{letters} {} -> {path}\n", show_path(old)),
        None => format!("{letters} {path}\n"),
    }
}
