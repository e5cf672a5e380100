//! Turns pairs of a deletion and an addition into renames.

use super::content::Reader;
use super::raw::{RawChange, RawSide};
use crate::target::rename::{self, Candidate, Contents, FULL, Fingerprint, Which};

/// Finds renames among the changes of one part and puts each in the place of its addition.
pub(super) fn detect(reader: &mut Reader<'_>, changes: Vec<RawChange>) -> Vec<RawChange> {
    let pick = |wanted: fn(&RawChange) -> bool| -> Vec<usize> {
        changes
            .iter()
            .enumerate()
            .filter(|(_, change)| !change.is_unmerged && wanted(change))
            .map(|(index, _)| index)
            .collect()
    };
    let deleted = pick(|change| change.old.is_some() && change.new.is_none());
    let added = pick(|change| change.old.is_none() && change.new.is_some());
    if deleted.is_empty() || added.is_empty() {
        return changes;
    }
    let pairs = {
        let candidates = |indices: &[usize]| -> Vec<Candidate<'_, gix::ObjectId>> {
            indices
                .iter()
                .filter_map(|&index| {
                    let change = &changes[index];
                    let side = change.new.as_ref().or(change.old.as_ref())?;
                    Some(Candidate {
                        path: change.path.as_ref(),
                        mode: side.mode,
                        id: side.id,
                    })
                })
                .collect()
        };
        let mut contents = FileContents {
            reader,
            changes: &changes,
            deleted: &deleted,
            added: &added,
            sizes: [vec![None; deleted.len()], vec![None; added.len()]],
        };
        rename::pair(&candidates(&deleted), &candidates(&added), &mut contents)
    };

    let mut changes: Vec<Option<RawChange>> = changes.into_iter().map(Some).collect();
    for pair in pairs {
        let Some(source) = changes[deleted[pair.deleted]].take() else {
            continue;
        };
        let Some(target) = &mut changes[added[pair.added]] else {
            continue;
        };
        target.old = source.old;
        target.old_path = Some(source.path);
        target.similarity = Some(u8::try_from(pair.score * 100 / FULL).unwrap_or(100));
        target.notes.splice(0..0, source.notes);
    }
    changes.into_iter().flatten().collect()
}

struct FileContents<'c, 'r> {
    reader: &'c mut Reader<'r>,
    changes: &'c [RawChange],
    deleted: &'c [usize],
    added: &'c [usize],
    /// Known sizes of deleted and of added files.
    sizes: [Vec<Option<Option<u64>>>; 2],
}

impl<'c> FileContents<'c, '_> {
    fn side(&self, which: Which, index: usize) -> Option<(&'c RawSide, &'c RawChange)> {
        let change = match which {
            Which::Deleted => &self.changes[self.deleted[index]],
            Which::Added => &self.changes[self.added[index]],
        };
        let side = match which {
            Which::Deleted => change.old.as_ref(),
            Which::Added => change.new.as_ref(),
        };
        side.map(|side| (side, change))
    }
}

impl Contents for FileContents<'_, '_> {
    fn size(&mut self, which: Which, index: usize) -> Option<u64> {
        let list = usize::from(which == Which::Added);
        if let Some(known) = self.sizes[list][index] {
            return known;
        }
        let (side, change) = self.side(which, index)?;
        let size = self.reader.size(side, change.path.as_ref());
        self.sizes[list][index] = Some(size);
        size
    }

    fn fingerprint(&mut self, which: Which, index: usize) -> Option<Fingerprint> {
        let (side, change) = self.side(which, index)?;
        let attribute = self
            .reader
            .converter()
            .ok()?
            .diff_attribute(change.path.as_ref(), side.mode);
        let content = self
            .reader
            .read(side, change.path.as_ref())
            .ok()
            .flatten()?;
        Some(Fingerprint::of(&content, !attribute.is_binary(&content)))
    }
}
