//! Files that belong to the target and are not part of the change that strategies see.

use super::{NoOptions, one_line};
use crate::context::budget::Room;
use crate::context::collector::{CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
use crate::context::reasons::describe;
use crate::context::registry::{CollectorInfo, parse_options};
use crate::context::size::{counted, human_size};
use crate::prompt::show_path;

pub(super) const INFO: CollectorInfo = CollectorInfo {
    name: "left-out",
    about: "files that belong to the target and are not shown, each with its size and the reason",
    rungs: &[Rung::Full],
    options: &[],
    make: |options| {
        let NoOptions {} = parse_options(options)?;
        Ok(Box::new(LeftOutFiles))
    },
};

struct LeftOutFiles;

/// The key of the item that counts what is not named.
const MORE: usize = usize::MAX;

impl Collector for LeftOutFiles {
    fn items(&self, scene: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        let more = scene.changes.left_out_more() > 0 || scene.changes.ignored() > 0;
        let first = more.then_some(MORE);
        Ok(first
            .into_iter()
            .chain(0..scene.changes.left_out().len())
            .map(Item::apart)
            .collect())
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        item: &Item,
        _rungs: &[Rung],
        room: Room,
    ) -> Result<Option<Piece>, CollectError> {
        let text = if item.key == MORE {
            counts(scene.changes.left_out_more(), scene.changes.ignored())
        } else {
            let left_out = &scene.changes.left_out()[item.key];
            let size = left_out.size.map(|size| format!("{}, ", human_size(size)));
            let size = size.unwrap_or_default();
            let reason = one_line(&describe(&left_out.reason));
            format!("{}  ({size}{reason})\n", show_path(&left_out.path))
        };
        let piece = PieceDraft::naming(scene.presenter, &text, Rung::Full, &[]);
        Ok(piece.within(room))
    }
}

fn counts(more: usize, ignored: usize) -> String {
    let mut parts = Vec::new();
    if more > 0 {
        let files = counted(more as u64, "more file");
        parts.push(format!("{files} left out without being named"));
    }
    if ignored > 0 {
        let files = counted(ignored as u64, "changed file");
        parts.push(format!("{files} excluded by filters"));
    }
    format!("{}\n", parts.join("; "))
}
