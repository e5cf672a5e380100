//! Which files differ between two trees, or between a tree and the index.

use std::cmp::Ordering;
use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode};
use gix::index::extension::Tree as CachedTree;

use super::object_reader::Objects;
use super::packs::Packs;
use super::parallel::in_parallel;
use super::raw::{RawChange, RawSide, canonical, is_tree};
use crate::target::{ChangesError, Part};

/// Below this many folders one thread does all.
const FOLDERS_FOR_THREADS: usize = 16;
/// How many folders a thread takes at once.
const BATCH: usize = 4;

/// What differs between two trees, in path order. `None` is the empty tree; 0 threads asks the system for how many.
pub(super) fn between_trees(
    repository: &gix::Repository,
    packs: &Packs,
    part: Part,
    old: Option<gix::ObjectId>,
    new: Option<gix::ObjectId>,
    threads: usize,
) -> Result<Vec<RawChange>, ChangesError> {
    if old == new {
        return Ok(Vec::new());
    }
    let whole = Folder {
        prefix: BString::default(),
        old,
        new,
    };
    let mut found = vec![Difference::Folder(whole)];
    // One level at a time, until there is enough to share or nothing left.
    loop {
        let folders = folders(&found);
        if folders.is_empty() {
            break;
        }
        let (reach, threads) = match folders.len() {
            FOLDERS_FOR_THREADS.. => (Reach::Whole, super::threads(threads)),
            _ => (Reach::OneLevel, 1),
        };
        let inside = in_parallel(repository, &folders, BATCH, threads, |repository, share| {
            let mut objects = Objects::new(repository, packs);
            share
                .map(|(index, folder)| (index, inside(&mut objects, part, folder, reach)))
                .collect()
        });
        found = put_in_place(found, inside)?;
    }
    Ok(changes(found))
}

/// A folder whose two trees differ, and have not been looked into.
#[derive(Debug, Clone)]
struct Folder {
    /// With a slash at its end; empty for the root.
    prefix: BString,
    old: Option<gix::ObjectId>,
    new: Option<gix::ObjectId>,
}

#[derive(Debug)]
enum Difference {
    Change(RawChange),
    Folder(Folder),
}

/// How deep a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Folders below are left as such.
    OneLevel,
    Whole,
}

fn folders(found: &[Difference]) -> Vec<Folder> {
    found
        .iter()
        .filter_map(|difference| match difference {
            Difference::Change(_) => None,
            Difference::Folder(folder) => Some(folder.clone()),
        })
        .collect()
}

fn changes(found: Vec<Difference>) -> Vec<RawChange> {
    found
        .into_iter()
        .filter_map(|difference| match difference {
            Difference::Change(change) => Some(change),
            Difference::Folder(_) => None,
        })
        .collect()
}

fn inside(
    objects: &mut Objects<'_>,
    part: Part,
    folder: &Folder,
    reach: Reach,
) -> Result<Vec<Difference>, ChangesError> {
    let mut found = Vec::new();
    Walk {
        objects,
        part,
        prefix: folder.prefix.clone(),
        reach,
        out: &mut found,
    }
    .trees(folder.old, folder.new)?;
    Ok(found)
}

/// Replaces each folder by what was found inside of it.
fn put_in_place(
    found: Vec<Difference>,
    inside: Vec<Result<Vec<Difference>, ChangesError>>,
) -> Result<Vec<Difference>, ChangesError> {
    let mut inside = inside.into_iter();
    let mut all = Vec::with_capacity(found.len());
    for difference in found {
        match difference {
            Difference::Change(_) => all.push(difference),
            Difference::Folder(_) => all.extend(inside.next().transpose()?.into_iter().flatten()),
        }
    }
    Ok(all)
}

/// What differs between a tree and the index, in path order. Subtrees that the index knows to be unchanged are
/// not looked into. Files in conflict are left alone, and those that were only announced (`git add -N`) do not count.
pub(super) fn tree_and_index(
    repository: &gix::Repository,
    packs: &Packs,
    tree: Option<gix::ObjectId>,
    index: &gix::index::State,
) -> Result<Vec<RawChange>, ChangesError> {
    let mut found = Vec::new();
    let walk = Walk {
        objects: &mut Objects::new(repository, packs),
        part: Part::Staged,
        prefix: BString::default(),
        reach: Reach::Whole,
        out: &mut found,
    };
    IndexWalk { walk, index }.level(tree, 0..index.entries().len(), index.tree())?;
    Ok(changes(found))
}

/// Trees nested deeper than this are refused: they are made to exhaust the stack, not to hold files.
const DEEPEST: usize = 512;

/// An entry of a tree.
#[derive(Clone, Copy)]
struct TreeEntry<'t> {
    name: &'t BStr,
    mode: u32,
    id: &'t gix::oid,
}

impl TreeEntry<'_> {
    fn is_tree(&self) -> bool {
        is_tree(self.mode)
    }
}

/// Reads a tree's entries one by one: most of them are only compared, and never kept.
struct Entries<'t> {
    /// From the next entry on.
    rest: &'t [u8],
    /// The next entry with its length.
    next: Option<(TreeEntry<'t>, usize)>,
    kind: gix::hash::Kind,
    /// The tree, for an error.
    tree: gix::ObjectId,
}

impl<'t> Entries<'t> {
    fn of(
        buffer: &'t [u8],
        kind: gix::hash::Kind,
        tree: Option<gix::ObjectId>,
    ) -> Result<Self, ChangesError> {
        let mut entries = Entries {
            rest: buffer,
            next: None,
            kind,
            tree: tree.unwrap_or(kind.null()),
        };
        entries.skip(0)?;
        Ok(entries)
    }

    fn peek(&self) -> Option<TreeEntry<'t>> {
        self.next.map(|(entry, _)| entry)
    }

    /// The next entry, which is then no longer the next one.
    fn take(&mut self) -> Result<Option<TreeEntry<'t>>, ChangesError> {
        let Some((entry, length)) = self.next else {
            return Ok(None);
        };
        self.skip(length)?;
        Ok(Some(entry))
    }

    /// Goes on behind so many bytes, which are whole entries.
    fn skip(&mut self, length: usize) -> Result<(), ChangesError> {
        self.rest = &self.rest[length..];
        let mut following = gix::objs::TreeRefIter::from_bytes(self.rest, self.kind);
        let entry = following.next().transpose();
        let entry = entry.map_err(|error| ChangesError::Repository {
            what: format!("tree {}", self.tree),
            source: Box::new(error),
        })?;
        self.next = entry.map(|entry| {
            let entry = TreeEntry {
                name: entry.filename,
                mode: canonical(u32::from(entry.mode.value())),
                id: entry.oid,
            };
            (entry, following.offset_to_next_entry(self.rest))
        });
        Ok(())
    }
}

/// Bytes of the entries that two trees both go on with. The same bytes are the same entries, so that most of a large
/// folder needs no closer look.
fn common_entries(one: &[u8], other: &[u8], id_bytes: usize) -> usize {
    const STEP: usize = 64;
    let steps = one.chunks_exact(STEP).zip(other.chunks_exact(STEP));
    let near = steps.take_while(|(one, other)| one == other).count() * STEP;
    let common = near
        + one[near..]
            .iter()
            .zip(&other[near..])
            .take_while(|(one, other)| one == other)
            .count();
    let mut end = 0;
    // A mode and a name, a NUL, an id.
    while let Some(name) = one[end..common].find_byte(0) {
        let next = end + name + 1 + id_bytes;
        if next > common {
            break;
        }
        end = next;
    }
    end
}

fn load_tree(
    objects: &mut Objects<'_>,
    id: Option<gix::ObjectId>,
    buffer: &mut Vec<u8>,
) -> Result<(), ChangesError> {
    match id {
        // The empty tree is known without being stored.
        Some(id) if id == gix::ObjectId::empty_tree(id.kind()) => buffer.clear(),
        Some(id) => objects.read(&id, buffer)?,
        None => buffer.clear(),
    }
    Ok(())
}

/// git's order of names in a tree: directories as if their name ended in a slash.
fn order(one: &BStr, one_is_tree: bool, other: &BStr, other_is_tree: bool) -> Ordering {
    let common = one.len().min(other.len());
    one[..common].cmp(&other[..common]).then_with(|| {
        let next = |name: &BStr, is_tree: bool| match name.get(common) {
            Some(&byte) => byte,
            None if is_tree => b'/',
            None => 0,
        };
        next(one, one_is_tree).cmp(&next(other, other_is_tree))
    })
}

fn tree_id(entry: TreeEntry<'_>) -> gix::ObjectId {
    entry.id.to_owned()
}

struct Walk<'w, 'r> {
    objects: &'w mut Objects<'r>,
    part: Part,
    /// The directory that is looked at, with a slash at its end.
    prefix: BString,
    reach: Reach,
    out: &'w mut Vec<Difference>,
}

impl Walk<'_, '_> {
    fn inside<T>(&mut self, name: &BStr, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.prefix.len();
        self.prefix.extend_from_slice(name);
        self.prefix.push(b'/');
        let result = look(self);
        self.prefix.truncate(length);
        result
    }

    fn push(&mut self, name: &BStr, old: Option<RawSide>, new: Option<RawSide>) {
        let mut path = self.prefix.clone();
        path.extend_from_slice(name);
        let change = RawChange::new(self.part, path, old, new);
        self.out.push(Difference::Change(change));
    }

    fn check_depth(&self) -> Result<(), ChangesError> {
        if self.prefix.iter().filter(|&&byte| byte == b'/').count() > DEEPEST {
            return Err(ChangesError::Repository {
                what: "a tree".into(),
                source: format!("its directories are nested deeper than {DEEPEST} levels").into(),
            });
        }
        Ok(())
    }

    fn trees(
        &mut self,
        old: Option<gix::ObjectId>,
        new: Option<gix::ObjectId>,
    ) -> Result<(), ChangesError> {
        self.check_depth()?;
        let (mut old_buffer, mut new_buffer) = (Vec::new(), Vec::new());
        load_tree(self.objects, old, &mut old_buffer)?;
        load_tree(self.objects, new, &mut new_buffer)?;
        let kind = self.objects.repository().object_hash();
        let mut olds = Entries::of(&old_buffer, kind, old)?;
        let mut news = Entries::of(&new_buffer, kind, new)?;
        loop {
            let common = common_entries(olds.rest, news.rest, kind.len_in_bytes());
            if common > 0 {
                olds.skip(common)?;
                news.skip(common)?;
            }
            let next = match (olds.peek(), news.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => order(old.name, old.is_tree(), new.name, new.is_tree()),
            };
            let old = match next {
                Ordering::Greater => None,
                _ => olds.take()?,
            };
            let new = match next {
                Ordering::Less => None,
                _ => news.take()?,
            };
            self.entry(old, new)?;
        }
    }

    /// Compares two entries of the same name, both directories or both not; or takes the one that is there.
    fn entry(
        &mut self,
        old: Option<TreeEntry<'_>>,
        new: Option<TreeEntry<'_>>,
    ) -> Result<(), ChangesError> {
        if let (Some(old), Some(new)) = (old, new)
            && old.id == new.id
            && old.mode == new.mode
        {
            return Ok(());
        }
        let Some(any) = new.or(old) else {
            return Ok(());
        };
        if any.is_tree() {
            let (old, new) = (old.map(tree_id), new.map(tree_id));
            self.inside(any.name, |walk| match walk.reach {
                Reach::Whole => walk.trees(old, new),
                Reach::OneLevel => {
                    let prefix = walk.prefix.clone();
                    let folder = Folder { prefix, old, new };
                    walk.out.push(Difference::Folder(folder));
                    Ok(())
                }
            })
        } else {
            let side = |entry: Option<TreeEntry<'_>>| {
                entry.map(|entry| RawSide::stored(entry.mode, entry.id.to_owned()))
            };
            self.push(any.name, side(old), side(new));
            Ok(())
        }
    }
}

struct IndexWalk<'w, 'r> {
    walk: Walk<'w, 'r>,
    index: &'w gix::index::State,
}

/// What the index has under one name of a directory.
struct IndexChild<'i> {
    name: &'i BStr,
    is_tree: bool,
    range: Range<usize>,
}

impl<'w> IndexWalk<'w, '_> {
    /// Compares one directory: its tree, the index entries in it, and what the index remembers of its tree.
    fn level(
        &mut self,
        tree: Option<gix::ObjectId>,
        range: Range<usize>,
        cached: Option<&CachedTree>,
    ) -> Result<(), ChangesError> {
        if let (Some(tree), Some(cached)) = (tree, cached)
            && cached.num_entries.is_some()
            && cached.id == tree
        {
            return Ok(());
        }
        self.walk.check_depth()?;
        let mut buffer = Vec::new();
        load_tree(self.walk.objects, tree, &mut buffer)?;
        let kind = self.walk.objects.repository().object_hash();
        let mut trees = Entries::of(&buffer, kind, tree)?;
        let mut position = range.start;
        let mut child = self.child_at(position, range.end);
        loop {
            let next = match (trees.peek(), &child) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(tree), Some(child)) => {
                    order(tree.name, tree.is_tree(), child.name, child.is_tree)
                }
            };
            let old = match next {
                Ordering::Greater => None,
                _ => trees.take()?,
            };
            let Some(found) = child.take_if(|_| next != Ordering::Less) else {
                self.walk.entry(old, None)?;
                continue;
            };
            self.child(old, &found, cached)?;
            position = found.range.end;
            child = self.child_at(position, range.end);
        }
    }

    fn child_at(&self, position: usize, end: usize) -> Option<IndexChild<'w>> {
        let entries = self.index.entries();
        let entry = entries.get(position).filter(|_| position < end)?;
        let path = entry.path(self.index);
        let prefix_length = self.walk.prefix.len();
        let rest = &path[prefix_length..];
        let Some(slash) = rest.find_byte(b'/') else {
            let same = entries[position..end]
                .iter()
                .take_while(|other| other.path(self.index) == path)
                .count();
            return Some(IndexChild {
                name: rest,
                is_tree: false,
                range: position..position + same,
            });
        };
        let directory = &path[..=prefix_length + slash];
        let count = entries[position..end]
            .partition_point(|other| other.path(self.index).starts_with(directory));
        Some(IndexChild {
            name: &rest[..slash],
            is_tree: true,
            range: position..position + count,
        })
    }

    fn child(
        &mut self,
        old: Option<TreeEntry<'_>>,
        child: &IndexChild<'_>,
        cached: Option<&CachedTree>,
    ) -> Result<(), ChangesError> {
        let entry = &self.index.entries()[child.range.start];
        if child.is_tree {
            let old_tree = old.map(tree_id);
            if entry.mode == Mode::DIR {
                // A sparse index keeps a whole directory as one entry.
                if old_tree != Some(entry.id) {
                    let new_tree = Some(entry.id);
                    return self
                        .walk
                        .inside(child.name, |walk| walk.trees(old_tree, new_tree));
                }
                return Ok(());
            }
            let cached = cached.and_then(|cached| {
                cached
                    .children
                    .iter()
                    .find(|known| known.name.as_slice() == child.name.as_bytes())
            });
            let length = self.walk.prefix.len();
            self.walk.prefix.extend_from_slice(child.name);
            self.walk.prefix.push(b'/');
            let result = self.level(old_tree, child.range.clone(), cached);
            self.walk.prefix.truncate(length);
            return result;
        }
        if entry.stage_raw() != 0 {
            return Ok(());
        }
        let new = (!entry.flags.contains(Flags::INTENT_TO_ADD))
            .then(|| RawSide::stored(entry.mode.bits(), entry.id));
        let old = old.map(|old| RawSide::stored(old.mode, old.id.to_owned()));
        let same = match (&old, &new) {
            (Some(old), Some(new)) => old.id == new.id && old.mode == new.mode,
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.walk.push(child.name, old, new);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_two_trees_begin_with_are_passed_over_whole() {
        let entry = |name: &str, id: u8| {
            let mut entry = format!("100644 {name}\0").into_bytes();
            entry.extend([id; 20]);
            entry
        };
        let tree = |entries: &[(&str, u8)]| -> Vec<u8> {
            entries
                .iter()
                .flat_map(|(name, id)| entry(name, *id))
                .collect()
        };
        let many: Vec<(String, u8)> = (0..40).map(|n| (format!("file{n:02}"), n)).collect();
        let many: Vec<(&str, u8)> = many.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        let mut edited = many.clone();
        edited[25].1 = 99;
        let whole = tree(&many);
        // An id may hold NULs, and may be what another entry looks like.
        for (one, other, expected) in [
            (&many[..], &many[..], whole.len()),
            (&many, &edited, tree(&many[..25]).len()),
            (&many, &many[..7], tree(&many[..7]).len()),
            (&many, &[], 0),
            (
                &[("a", 0), ("b", 1)],
                &[("a", 0), ("c", 1)],
                entry("a", 0).len(),
            ),
            (&[("a", 0)], &[("a", 1)], 0),
        ] {
            assert_eq!(common_entries(&tree(one), &tree(other), 20), expected);
            assert_eq!(common_entries(&tree(other), &tree(one), 20), expected);
        }
        // Cut off amid an entry.
        assert_eq!(
            common_entries(&whole, &whole[..whole.len() - 1], 20),
            whole.len() - entry("file39", 0).len()
        );
    }
}
