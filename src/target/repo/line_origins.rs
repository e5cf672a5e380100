//! Which commits lines come from: a blame that is bounded, and follows only the lines that are asked for.
//!
//! Lines are carried from a commit to that parent which has the same content, else through the differences to each
//! parent in order; what no parent has was written by the commit. Files are followed by path, not across renames.

use std::collections::{BTreeMap, HashMap};

use bstr::{BString, ByteSlice};

use super::commits::summary;
use super::edits::{between, looks_binary};
use super::{CommitSummary, Repository, gix_id, objects, own_id};
use crate::target::patch::Edit;
use crate::target::{ChangesError, ObjectId};

/// Contents above this are not followed.
const MOST_BYTES: u64 = 1024 * 1024;

/// Lines of one file whose origin is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineQuery {
    /// The file's path in the commit that the search begins at.
    pub path: BString,
    /// The content that the lines are counted in. It may be newer than the commit's own, as that of an index is.
    pub blob: ObjectId,
    /// The lines, 1-based.
    pub lines: Vec<u32>,
}

/// A commit, and which of the lines it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOrigin {
    /// The commit.
    pub commit: CommitSummary,
    /// Lines by the index of their query, in order.
    pub lines: Vec<(usize, Vec<u32>)>,
}

/// What is known about the lines that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineOrigins {
    /// The commits, newest first.
    pub origins: Vec<LineOrigin>,
    /// Lines that are older than the search went, or in contents that are not followed.
    pub unknown: u64,
}

/// Lines under way: each as it is counted at this place, and as it was asked for.
struct Carried {
    query: usize,
    blob: gix::ObjectId,
    lines: Vec<(u32, u32)>,
}

/// Where lines wait: the newest commit last.
type Waiting = BTreeMap<(i64, gix::ObjectId), Vec<Carried>>;

impl Repository {
    /// Which commits the lines come from, looking at `start` and its ancestors, at most `commits` of them.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] for an object that cannot be read.
    pub fn line_origins(
        &self,
        start: &ObjectId,
        queries: &[LineQuery],
        commits: usize,
    ) -> Result<LineOrigins, ChangesError> {
        let mut search = Search {
            repository: self,
            queries,
            waiting: Waiting::new(),
            contents: HashMap::new(),
            found: Vec::new(),
            unknown: 0,
        };
        search.begin(gix_id(start))?;
        for _ in 0..commits {
            let Some(((_, commit), carried)) = search.waiting.pop_last() else {
                break;
            };
            search.look_at(commit, carried)?;
        }
        search.finish()
    }
}

struct Search<'r> {
    repository: &'r Repository,
    queries: &'r [LineQuery],
    waiting: Waiting,
    /// Contents by id; `None` for one that is not followed. Emptied when it has grown.
    contents: HashMap<gix::ObjectId, Option<Vec<u8>>>,
    found: Vec<(gix::ObjectId, usize, Vec<u32>)>,
    unknown: u64,
}

impl Search<'_> {
    /// Brings lines of a content that is newer than the start (an index) to the start itself.
    fn begin(&mut self, start: gix::ObjectId) -> Result<(), ChangesError> {
        for (query, asked) in self.queries.iter().enumerate() {
            let carried = Carried {
                query,
                blob: gix_id(&asked.blob),
                lines: asked.lines.iter().map(|line| (*line, *line)).collect(),
            };
            match self.blob_in(start, query)? {
                Some(blob) if blob == carried.blob => self.put(start, carried)?,
                Some(blob) => {
                    // What the start does not have was never committed.
                    self.carry(start, blob, carried)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        commit: gix::ObjectId,
        carried: Vec<Carried>,
    ) -> Result<(), ChangesError> {
        let parents = self.parents(commit)?;
        'files: for mut carried in carried {
            if self.content(carried.blob)?.is_none() {
                self.unknown += carried.lines.len() as u64;
                continue;
            }
            let mut blobs = Vec::new();
            for parent in &parents {
                if let Some(blob) = self.blob_in(*parent, carried.query)? {
                    if blob == carried.blob {
                        self.put(*parent, carried)?;
                        continue 'files;
                    }
                    blobs.push((*parent, blob));
                }
            }
            for (parent, blob) in blobs {
                carried = self.carry(parent, blob, carried)?;
                if carried.lines.is_empty() {
                    continue 'files;
                }
            }
            let lines = carried.lines.iter().map(|(_, asked)| *asked).collect();
            self.found.push((commit, carried.query, lines));
        }
        Ok(())
    }

    /// The parents that are there: a shallow clone ends where it ends.
    fn parents(&self, commit: gix::ObjectId) -> Result<Vec<gix::ObjectId>, ChangesError> {
        let found = self.commit(commit)?;
        Ok(found
            .parent_ids()
            .map(|id| id.detach())
            .filter(|id| gix::objs::Exists::exists(&self.repository.gix.objects, id))
            .collect())
    }

    fn commit(&self, id: gix::ObjectId) -> Result<gix::Commit<'_>, ChangesError> {
        self.repository
            .gix
            .find_commit(id)
            .map_err(|source| ChangesError::Repository {
                what: format!("commit {id}"),
                source: Box::new(source),
            })
    }

    /// Lets lines wait at a commit.
    fn put(&mut self, commit: gix::ObjectId, carried: Carried) -> Result<(), ChangesError> {
        if carried.lines.is_empty() {
            return Ok(());
        }
        let seconds = self.commit(commit)?.time().map_or(0, |time| time.seconds);
        let waiting = self.waiting.entry((seconds, commit)).or_default();
        // Two children may hand the same file on: one comparison does for both.
        let same = waiting
            .iter_mut()
            .find(|other| other.query == carried.query && other.blob == carried.blob);
        match same {
            Some(other) => other.lines.extend(carried.lines),
            None => waiting.push(carried),
        }
        Ok(())
    }

    /// Hands on the lines that a parent's content has; the others are returned.
    fn carry(
        &mut self,
        parent: gix::ObjectId,
        blob: gix::ObjectId,
        carried: Carried,
    ) -> Result<Carried, ChangesError> {
        let Some(new) = self.content(carried.blob)?.map(<[u8]>::to_vec) else {
            return Ok(carried);
        };
        let Some(old) = self.content(blob)? else {
            return Ok(carried);
        };
        let edits = between(old, &new).edits;
        let mut kept = Vec::new();
        let mut written = Vec::new();
        for (line, asked) in carried.lines {
            match old_line(&edits, line) {
                Some(old_line) => kept.push((old_line, asked)),
                None => written.push((line, asked)),
            }
        }
        let query = carried.query;
        self.put(
            parent,
            Carried {
                query,
                blob,
                lines: kept,
            },
        )?;
        Ok(Carried {
            query,
            blob: carried.blob,
            lines: written,
        })
    }

    /// The id of a query's file in a commit.
    fn blob_in(
        &self,
        commit: gix::ObjectId,
        query: usize,
    ) -> Result<Option<gix::ObjectId>, ChangesError> {
        let repository = &self.repository.gix;
        let tree = objects::tree_of(repository, &commit)?;
        let failed = |source: gix::Error| ChangesError::Repository {
            what: format!("tree {tree}"),
            source: Box::new(source),
        };
        let path = self.queries[query].path.split_str("/").map(BString::from);
        let entry = repository
            .find_tree(tree)
            .map_err(failed)?
            .lookup_entry(path)
            .map_err(failed)?;
        Ok(entry
            .filter(|entry| entry.mode().is_blob())
            .map(|entry| entry.object_id()))
    }

    /// A content; `None` for one that is binary or too large to be followed.
    fn content(&mut self, blob: gix::ObjectId) -> Result<Option<&[u8]>, ChangesError> {
        const KEPT: usize = 64;
        if self.contents.len() > KEPT && !self.contents.contains_key(&blob) {
            self.contents.clear();
        }
        if !self.contents.contains_key(&blob) {
            let repository = &self.repository.gix;
            let is_small = objects::size(repository, &blob).is_some_and(|size| size <= MOST_BYTES);
            let content = if is_small {
                objects::read_blob(repository, &blob)?.filter(|content| !looks_binary(content))
            } else {
                None
            };
            self.contents.insert(blob, content);
        }
        Ok(self.contents[&blob].as_deref())
    }

    fn finish(mut self) -> Result<LineOrigins, ChangesError> {
        let waiting = self.waiting.values().flatten();
        self.unknown += waiting
            .map(|carried| carried.lines.len() as u64)
            .sum::<u64>();
        let mut origins: Vec<LineOrigin> = Vec::new();
        for (commit, query, mut lines) in std::mem::take(&mut self.found) {
            lines.sort_unstable();
            let id = own_id(&commit);
            match origins.iter_mut().find(|known| known.commit.id == id) {
                Some(known) => match known.lines.iter_mut().find(|(known, _)| *known == query) {
                    Some((_, more)) => {
                        more.extend(lines);
                        more.sort_unstable();
                    }
                    None => known.lines.push((query, lines)),
                },
                None => {
                    let failed = |source: gix::Error| ChangesError::Repository {
                        what: format!("commit {commit}"),
                        source: Box::new(source),
                    };
                    let commit = self.commit(commit)?;
                    origins.push(LineOrigin {
                        commit: summary(&commit).map_err(failed)?,
                        lines: vec![(query, lines)],
                    });
                }
            }
        }
        Ok(LineOrigins {
            origins,
            unknown: self.unknown,
        })
    }
}

/// The line of the old content that a line (1-based) of the new one is, or `None` for one that is new.
fn old_line(edits: &[Edit], line: u32) -> Option<u32> {
    let index = line.checked_sub(1)?;
    let before = edits.partition_point(|edit| edit.new_end <= index);
    if edits
        .get(before)
        .is_some_and(|edit| edit.new_start <= index)
    {
        return None;
    }
    let old = match before.checked_sub(1) {
        Some(last) => edits[last].old_end + (index - edits[last].new_end),
        None => index,
    };
    Some(old + 1)
}
