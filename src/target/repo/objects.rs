//! Objects by id, and how ids are abbreviated.

use std::collections::HashMap;
use std::sync::Arc;

use gix::odb::pack;
use gix::prelude::FindExt;

use super::own_id;
use super::packs::{Pack, Packs};
use crate::target::ChangesError;

/// Reads an object into `buffer`.
pub(super) fn read<'b>(
    repository: &gix::Repository,
    id: &gix::oid,
    buffer: &'b mut Vec<u8>,
) -> Result<gix::objs::Data<'b>, ChangesError> {
    let found = gix::objs::Find::try_find(&repository.objects, id, buffer).map_err(|error| {
        ChangesError::Repository {
            what: format!("object {id}"),
            source: Box::new(error),
        }
    })?;
    found.ok_or_else(|| ChangesError::MissingObject { id: own_id(id) })
}

/// The content of a blob; `None` if it is larger than what is ever decoded.
pub(super) fn read_blob(
    repository: &gix::Repository,
    id: &gix::oid,
) -> Result<Option<Vec<u8>>, ChangesError> {
    let mut buffer = Vec::new();
    let found = gix::objs::Find::try_find(&repository.objects, id, &mut buffer)
        .map(|found| found.is_some());
    match found {
        Ok(true) => Ok(Some(buffer)),
        Ok(false) => Err(ChangesError::MissingObject { id: own_id(id) }),
        Err(error) if error.is_resource_exhausted() => Ok(None),
        Err(error) => Err(ChangesError::Repository {
            what: format!("object {id}"),
            source: Box::new(error),
        }),
    }
}

/// The size of an object without its content; `None` if it is missing.
pub(super) fn size(repository: &gix::Repository, id: &gix::oid) -> Option<u64> {
    repository
        .try_find_header(id.to_owned())
        .ok()
        .flatten()
        .map(|header| header.size())
}

/// The tree of a commit.
pub(super) fn tree_of(
    repository: &gix::Repository,
    commit: &gix::oid,
) -> Result<gix::ObjectId, ChangesError> {
    let mut buffer = Vec::new();
    if !gix::objs::Exists::exists(&repository.objects, commit) {
        return Err(ChangesError::MissingObject { id: own_id(commit) });
    }
    let commit_object = repository
        .objects
        .find_commit(commit, &mut buffer)
        .map_err(|error| ChangesError::Repository {
            what: format!("commit {commit}"),
            source: Box::new(error),
        })?;
    Ok(commit_object.tree())
}

/// The fewest digits that git prints.
const FEWEST_DIGITS: usize = 7;

/// Abbreviates ids as git does by default: so many digits as the number of packed objects suggests, more where
/// another object begins alike. Ids of objects that are not stored are abbreviated by the same rule.
pub(super) struct Abbreviator {
    digits: usize,
    packs: Arc<Packs>,
    /// By first byte: the ids of all loose objects, sorted.
    loose: HashMap<u8, Vec<gix::ObjectId>>,
    kind: gix::hash::Kind,
}

impl Abbreviator {
    pub(super) fn new(repository: &gix::Repository, packs: Arc<Packs>) -> Self {
        let count = |pack: &Pack| u64::from(pack.index().num_objects());
        let objects: u64 = packs.all().iter().map(count).sum();
        let bits = (u64::BITS - objects.leading_zeros()) as usize;
        Abbreviator {
            digits: bits.div_ceil(2).max(FEWEST_DIGITS),
            packs,
            loose: HashMap::new(),
            kind: repository.object_hash(),
        }
    }

    /// The id's unique beginning.
    pub(super) fn abbreviate(&mut self, id: &gix::oid) -> String {
        let hex = id.to_hex().to_string();
        let digits = self
            .digits
            .max(self.longest_common_beginning(id) + 1)
            .min(hex.len());
        hex[..digits].to_owned()
    }

    /// The most leading digits that any other object shares with `id`.
    fn longest_common_beginning(&mut self, id: &gix::oid) -> usize {
        let first = id.as_bytes()[0];
        if !self.loose.contains_key(&first) {
            let listed = self.list_loose(first);
            self.loose.insert(first, listed);
        }
        let loose = &self.loose[&first];
        let at = loose.partition_point(|other| other.as_ref() < id);
        let after = at + usize::from(loose.get(at).is_some_and(|other| other.as_ref() == id));
        let mut longest = [at.checked_sub(1), Some(after)]
            .into_iter()
            .flatten()
            .filter_map(|index| loose.get(index))
            .map(|other| common_digits(id, other))
            .max()
            .unwrap_or(0);
        for pack in self.packs.all().iter().map(Pack::index) {
            let count = pack.num_objects();
            let at = lower_bound(pack, id);
            let after = at + u32::from(at < count && pack.oid_at_index(at) == id);
            for index in [at.checked_sub(1), Some(after)]
                .into_iter()
                .flatten()
                .filter(|index| *index < count)
            {
                longest = longest.max(common_digits(id, pack.oid_at_index(index)));
            }
        }
        longest
    }

    fn list_loose(&self, first: u8) -> Vec<gix::ObjectId> {
        let prefix = format!("{first:02x}");
        let folders = self.packs.folders().iter();
        let mut ids: Vec<gix::ObjectId> = folders
            .filter_map(|dir| std::fs::read_dir(dir.join(&prefix)).ok())
            .flatten()
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let rest = entry.file_name().into_string().ok()?;
                gix::ObjectId::from_hex(format!("{prefix}{rest}").as_bytes()).ok()
            })
            .filter(|id| id.kind() == self.kind)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// The first index in the pack whose id is not below `id`.
fn lower_bound(pack: &pack::index::File<gix::odb::pack::MMap>, id: &gix::oid) -> u32 {
    let (mut low, mut high) = (0, pack.num_objects());
    while low < high {
        let middle = low + (high - low) / 2;
        if pack.oid_at_index(middle) < id {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn common_digits(one: &gix::oid, other: &gix::oid) -> usize {
    let mut digits = 0;
    for (one, other) in one.as_bytes().iter().zip(other.as_bytes()) {
        if one == other {
            digits += 2;
            continue;
        }
        return digits + usize::from(one >> 4 == other >> 4);
    }
    digits
}
