//! Which files differ between two trees, or between a tree and the index.

use std::cmp::Ordering;
use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode};
use gix::index::extension::Tree as CachedTree;

use super::objects::read;
use super::raw::{RawChange, RawSide, canonical, is_tree};
use crate::target::{ChangesError, Part};

/// Appends what differs between two trees, in path order. `None` is the empty tree.
pub(super) fn between_trees(
    repository: &gix::Repository,
    part: Part,
    old: Option<gix::ObjectId>,
    new: Option<gix::ObjectId>,
    out: &mut Vec<RawChange>,
) -> Result<(), ChangesError> {
    if old == new {
        return Ok(());
    }
    Walk {
        repository,
        part,
        prefix: BString::default(),
        out,
    }
    .trees(old, new)
}

/// Appends what differs between a tree and the index, in path order. Subtrees that the index knows to be unchanged are
/// not looked into. Files in conflict are left alone, and those that were only announced (`git add -N`) do not count.
pub(super) fn tree_and_index(
    repository: &gix::Repository,
    tree: Option<gix::ObjectId>,
    index: &gix::index::State,
    out: &mut Vec<RawChange>,
) -> Result<(), ChangesError> {
    let walk = Walk {
        repository,
        part: Part::Staged,
        prefix: BString::default(),
        out,
    };
    IndexWalk { walk, index }.level(tree, 0..index.entries().len(), index.tree())
}

/// Trees nested deeper than this are refused: they are made to exhaust the stack, not to hold files.
const DEEPEST: usize = 512;

/// An entry of a tree, detached from the tree's buffer where that is needed.
struct TreeEntry<'t> {
    name: &'t BStr,
    mode: u32,
    id: gix::ObjectId,
}

impl TreeEntry<'_> {
    fn is_tree(&self) -> bool {
        is_tree(self.mode)
    }
}

fn entries<'t>(
    buffer: &'t [u8],
    kind: gix::hash::Kind,
    what: &gix::oid,
) -> Result<Vec<TreeEntry<'t>>, ChangesError> {
    gix::objs::TreeRefIter::from_bytes(buffer, kind)
        .map(|entry| {
            let entry = entry.map_err(|error| ChangesError::Repository {
                what: format!("tree {what}"),
                source: Box::new(error),
            })?;
            Ok(TreeEntry {
                name: entry.filename,
                mode: canonical(u32::from(entry.mode.value())),
                id: entry.oid.to_owned(),
            })
        })
        .collect()
}

fn load_tree(
    repository: &gix::Repository,
    id: Option<gix::ObjectId>,
    buffer: &mut Vec<u8>,
) -> Result<(), ChangesError> {
    match id {
        // The empty tree is known without being stored.
        Some(id) if id == gix::ObjectId::empty_tree(id.kind()) => buffer.clear(),
        Some(id) => {
            read(repository, &id, buffer)?;
        }
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

struct Walk<'w> {
    repository: &'w gix::Repository,
    part: Part,
    /// The directory that is looked at, with a slash at its end.
    prefix: BString,
    out: &'w mut Vec<RawChange>,
}

impl Walk<'_> {
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
        self.out.push(RawChange::new(self.part, path, old, new));
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
        load_tree(self.repository, old, &mut old_buffer)?;
        load_tree(self.repository, new, &mut new_buffer)?;
        let kind = self.repository.object_hash();
        let null = kind.null();
        let old_entries = entries(&old_buffer, kind, old.as_ref().unwrap_or(&null))?;
        let new_entries = entries(&new_buffer, kind, new.as_ref().unwrap_or(&null))?;
        let (mut olds, mut news) = (old_entries.iter().peekable(), new_entries.iter().peekable());
        loop {
            let next = match (olds.peek(), news.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => order(old.name, old.is_tree(), new.name, new.is_tree()),
            };
            let old = (next != Ordering::Greater).then(|| olds.next()).flatten();
            let new = (next != Ordering::Less).then(|| news.next()).flatten();
            self.entry(old, new)?;
        }
    }

    /// Compares two entries of the same name, both directories or both not; or takes the one that is there.
    fn entry(
        &mut self,
        old: Option<&TreeEntry<'_>>,
        new: Option<&TreeEntry<'_>>,
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
            let (old, new) = (old.map(|entry| entry.id), new.map(|entry| entry.id));
            self.inside(any.name, |walk| walk.trees(old, new))
        } else {
            let side = |entry: Option<&TreeEntry<'_>>| {
                entry.map(|entry| RawSide::stored(entry.mode, entry.id))
            };
            self.push(any.name, side(old), side(new));
            Ok(())
        }
    }
}

struct IndexWalk<'w> {
    walk: Walk<'w>,
    index: &'w gix::index::State,
}

/// What the index has under one name of a directory.
struct IndexChild<'i> {
    name: &'i BStr,
    is_tree: bool,
    range: Range<usize>,
}

impl<'w> IndexWalk<'w> {
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
        load_tree(self.walk.repository, tree, &mut buffer)?;
        let kind = self.walk.repository.object_hash();
        let null = kind.null();
        let tree_entries = entries(&buffer, kind, tree.as_ref().unwrap_or(&null))?;
        let mut trees = tree_entries.iter().peekable();
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
            let old = (next != Ordering::Greater).then(|| trees.next()).flatten();
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
        old: Option<&TreeEntry<'_>>,
        child: &IndexChild<'_>,
        cached: Option<&CachedTree>,
    ) -> Result<(), ChangesError> {
        let entry = &self.index.entries()[child.range.start];
        if child.is_tree {
            let old_tree = old.map(|old| old.id);
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
        let old = old.map(|old| RawSide::stored(old.mode, old.id));
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
