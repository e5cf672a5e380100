//! One line per changed file.

use super::{NoOptions, file_line};
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::registry::{CollectorInfo, parse_options};

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "changed-files",
    about: "one line per changed file: what happened, lines added and removed, path, remarks",
    rungs: &[Rung::Full],
    options: &[],
    make: |options| {
        let NoOptions {} = parse_options(options)?;
        Ok(Box::new(ChangedFiles))
    },
};

struct ChangedFiles;

impl Collector for ChangedFiles {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        Ok((0..scene.changes.files().len())
            .map(Item::of_file)
            .collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        _rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let line = file_line(scene, item.key);
        let piece = PieceDraft::naming(scene.presenter, &line, Rung::Full, &item.files);
        Ok(piece.within(room))
    }
}
