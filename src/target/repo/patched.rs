//! A patch that is not applied, as a target of this repository.

use std::cell::RefCell;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
use gix::zlib::{Inflate, Status};

use super::content::{Place, Reader};
use super::convert::blob_id;
use super::raw::{RawChange, RawSide, Source, canonical, is_submodule, is_tree};
use super::worktree::BIG_FILE_BYTES;
use super::worktree_file::{self, Opened};
use super::{Repository, gix_id, objects, own_id};
use crate::target::{
    AppliedFile, AppliedPatch, BaseFile, ChangesError, Endpoint, GivenPatch, Mode, NewContent,
    ObjectId, Part, PatchBase, PatchError, PatchedSide, PathFilter, ResolveError, ResolvedTarget,
    Select, TargetSpec,
};

/// What is said of every patch: the reviewer reads the same repository.
const NOT_APPLIED: &str =
    "the patch is not applied: the files of the repository are as they are without it";

impl Repository {
    /// The target that a patch is. It is laid over the commit `base` if that is given, else over HEAD, and where it does
    /// not fit that, over the working tree.
    ///
    /// # Errors
    ///
    /// The base cannot be found or read, the patch does not fit it, or a path glob cannot be compiled.
    pub fn resolve_patch(
        &self,
        patch: &GivenPatch,
        base: Option<&str>,
        paths: &[String],
    ) -> Result<ResolvedTarget, PatchError> {
        PathFilter::compile(paths).map_err(ResolveError::from)?;
        let select = base.map_or(Select::Auto, |base| Select::Base(base.to_owned()));
        let target = |old: Endpoint, applied: AppliedPatch, name: String| ResolvedTarget {
            spec: TargetSpec {
                select,
                paths: paths.to_vec(),
            },
            mode: Mode::Patch,
            explicit: true,
            label: format!("patch for {name}"),
            old,
            new: Endpoint::Patched(Arc::new(PatchedSide {
                patch: patch.clone(),
                applied,
            })),
            base: None,
            head: self.head(),
            branch: self.branch(),
        };
        if let Some(base) = base {
            let commit = own_id(&self.commit_id(base)?);
            let name = format!("{base} ({})", commit.short());
            let old = Endpoint::Commit(commit);
            let applied = self.apply(patch, &old).map_err(|error| error.on(&name))?;
            return Ok(target(old, applied, name));
        }
        let (old, name) = match self.head() {
            Some(head) => (
                Endpoint::Commit(head.clone()),
                format!("HEAD ({})", head.short()),
            ),
            None => (Endpoint::EmptyTree, "an empty repository".to_owned()),
        };
        let misfit = match self.apply(patch, &old).map_err(|error| error.on(&name)) {
            Ok(applied) => return Ok(target(old, applied, name)),
            Err(error @ PatchError::DoesNotApply { .. }) if !self.is_bare() => error,
            Err(error) => return Err(error),
        };
        match self.apply(patch, &Endpoint::WorkTree) {
            Ok(applied) => Ok(target(
                Endpoint::WorkTree,
                applied,
                "the working tree".to_owned(),
            )),
            Err(PatchError::DoesNotApply { .. }) => Err(misfit.nor_elsewhere()),
            Err(error) => Err(error),
        }
    }

    /// The same target again, of a base that is known.
    ///
    /// # Errors
    ///
    /// As [`Repository::resolve_patch`].
    pub fn repeat_patch(
        &self,
        patch: &GivenPatch,
        old: Endpoint,
        paths: &[String],
    ) -> Result<ResolvedTarget, PatchError> {
        let applied = self.apply(patch, &old)?;
        Ok(ResolvedTarget {
            spec: TargetSpec {
                select: Select::Auto,
                paths: paths.to_vec(),
            },
            mode: Mode::Patch,
            explicit: true,
            label: "patch".to_owned(),
            old,
            new: Endpoint::Patched(Arc::new(PatchedSide {
                patch: patch.clone(),
                applied,
            })),
            base: None,
            head: self.head(),
            branch: self.branch(),
        })
    }

    fn apply(&self, patch: &GivenPatch, old: &Endpoint) -> Result<AppliedPatch, PatchError> {
        let mut applied = match old {
            Endpoint::Commit(commit) => {
                let tree = objects::tree_of(&self.gix, &gix_id(commit))?;
                patch.apply(&TreeBase {
                    repository: self,
                    tree: Some(tree),
                })
            }
            Endpoint::WorkTree | Endpoint::Index => {
                let place = Place {
                    root: self.root().to_owned(),
                    packs: Arc::clone(&self.packs),
                    index: Arc::new(self.read_index()?),
                    filters: self.filters().to_vec(),
                };
                patch.apply(&WorktreeBase {
                    repository: self,
                    place: &place,
                    reader: RefCell::new(Reader::new(&self.gix, &place)),
                })
            }
            Endpoint::EmptyTree | Endpoint::Patched(_) => patch.apply(&TreeBase {
                repository: self,
                tree: None,
            }),
        }?;
        applied.notes.insert(0, NOT_APPLIED.to_owned());
        let unseen = applied.files.iter().filter(|file| match &file.new {
            Some((_, NewContent::Unseen(digits))) => {
                let id = self.padded(digits.as_deref().unwrap_or_default());
                objects::size(&self.gix, &id).is_none()
            }
            _ => false,
        });
        let unseen = unseen.count();
        if unseen > 0 {
            applied.notes.insert(
                1,
                format!(
                    "the patch has not got the new content of {unseen} of its files: it was NOT reviewed"
                ),
            );
        }
        Ok(applied)
    }

    /// The files of a patch as changes that are not compared yet.
    pub(super) fn patched(&self, applied: &AppliedPatch) -> Result<Vec<RawChange>, ChangesError> {
        applied.files.iter().map(|file| self.raw(file)).collect()
    }

    fn raw(&self, file: &AppliedFile) -> Result<RawChange, ChangesError> {
        let old = file.old.as_ref().map(|(_, base)| {
            let source = match &base.content {
                Some(content) => Source::Kept(Arc::clone(content)),
                None if is_submodule(base.mode) => Source::Commit { dirty: false },
                None => Source::TooLarge,
            };
            RawSide {
                mode: base.mode,
                id: gix_id(&base.id),
                source,
            }
        });
        let new = match &file.new {
            None => None,
            Some((mode, content)) => Some(self.new_side(*mode, content)?),
        };
        let mut change = RawChange::new(Part::Patched, file.path.clone(), old, new);
        let renamed_from = file.old.as_ref().map(|(path, _)| path);
        if let Some(old_path) = renamed_from.filter(|old_path| **old_path != file.path) {
            change.old_path = Some(old_path.clone());
            change.similarity = file.similarity.or(Some(0));
        }
        Ok(change)
    }

    fn new_side(&self, mode: u32, content: &NewContent) -> Result<RawSide, ChangesError> {
        let (id, source) = match content {
            NewContent::Bytes(bytes) => {
                (blob_id(&self.gix, bytes)?, Source::Kept(Arc::clone(bytes)))
            }
            NewContent::OfBase(base) => (
                gix_id(&base.id),
                match &base.content {
                    Some(content) => Source::Kept(Arc::clone(content)),
                    None if is_submodule(base.mode) => Source::Commit { dirty: false },
                    None => Source::TooLarge,
                },
            ),
            NewContent::Commit(id) => (gix_id(id), Source::Commit { dirty: false }),
            NewContent::Unseen(digits) => {
                let id = self.padded(digits.as_deref().unwrap_or_default());
                // With its whole id the content may be here after all.
                let source = match objects::size(&self.gix, &id) {
                    Some(size) if size <= BIG_FILE_BYTES => Source::Object,
                    _ => Source::Unseen,
                };
                (id, source)
            }
        };
        Ok(RawSide { mode, id, source })
    }

    /// An id of which only the first digits are known.
    fn padded(&self, digits: &str) -> gix::ObjectId {
        let null = self.gix.object_hash().null();
        let length = null.to_hex().to_string().len();
        let id = format!("{digits:0<length$}");
        gix::ObjectId::from_hex(id.as_bytes()).unwrap_or(null)
    }
}

/// The files of a tree.
struct TreeBase<'r> {
    repository: &'r Repository,
    /// `None` has no files.
    tree: Option<gix::ObjectId>,
}

impl PatchBase for TreeBase<'_> {
    fn file(&self, path: &BStr) -> Result<Option<BaseFile>, ChangesError> {
        let Some(tree) = self.tree else {
            return Ok(None);
        };
        let gix = &self.repository.gix;
        let failed = |source: gix::Error| ChangesError::Repository {
            what: format!("tree {tree}"),
            source: Box::new(source),
        };
        let entry = gix
            .find_tree(tree)
            .map_err(failed)?
            .lookup_entry(path.split_str("/").map(BString::from))
            .map_err(failed)?;
        let Some(entry) = entry else { return Ok(None) };
        let mode = u32::from(entry.mode().value());
        if is_tree(mode) {
            return Ok(None);
        }
        let (mode, id) = (canonical(mode), entry.object_id());
        let content = match objects::size(gix, &id) {
            _ if is_submodule(mode) => None,
            Some(size) if size > BIG_FILE_BYTES => None,
            _ => objects::read_blob(gix, &id)?.map(Arc::from),
        };
        Ok(Some(BaseFile {
            mode,
            id: own_id(&id),
            content,
        }))
    }

    fn inflate(&self, deflated: &[u8], size: usize) -> Option<Vec<u8>> {
        inflate(deflated, size)
    }

    fn id(&self, content: &[u8]) -> Option<ObjectId> {
        blob_id(&self.repository.gix, content)
            .ok()
            .map(|id| own_id(&id))
    }
}

/// The files of the working tree, as git would store them.
struct WorktreeBase<'r> {
    repository: &'r Repository,
    place: &'r Place,
    reader: RefCell<Reader<'r>>,
}

impl PatchBase for WorktreeBase<'_> {
    fn file(&self, path: &BStr) -> Result<Option<BaseFile>, ChangesError> {
        let gix = &self.repository.gix;
        let Ok(relative) = path.to_path() else {
            return Ok(None);
        };
        let mut folder = self.place.root.clone();
        for part in relative
            .parent()
            .into_iter()
            .flat_map(|parent| parent.components())
        {
            folder.push(part);
            // Behind a link nothing belongs to the repository.
            let is_folder = std::fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
            if !is_folder {
                return Ok(None);
            }
        }
        let on_disk = self.place.root.join(relative);
        let failed = |source| ChangesError::Io {
            path: on_disk.clone(),
            source,
        };
        let stored = self.place.index.entry_by_path(path);
        let stored_mode = stored.map(|entry| entry.mode.bits());
        let (mode, content) = match worktree_file::open(&on_disk).map_err(failed)? {
            Opened::Regular(file, size) => {
                let mode = match stored_mode {
                    Some(mode @ (0o100_644 | 0o100_755)) if !cfg!(unix) => mode,
                    _ if worktree_file::is_executable(&file) => 0o100_755,
                    _ => 0o100_644,
                };
                let content =
                    worktree_file::read_within(file, size, BIG_FILE_BYTES).map_err(failed)?;
                let content = match content {
                    Some(content) => {
                        let mut reader = self.reader.borrow_mut();
                        Some(reader.converter()?.stored_form(path, content).0)
                    }
                    None => None,
                };
                (mode, content)
            }
            Opened::Symlink => {
                let target = worktree_file::read_link(&on_disk).map_err(failed)?;
                (0o120_000, Some(target))
            }
            Opened::NotRegular(_) | Opened::Missing => {
                let submodule = stored.filter(|entry| is_submodule(entry.mode.bits()));
                return Ok(submodule.map(|entry| BaseFile {
                    mode: entry.mode.bits(),
                    id: own_id(&entry.id),
                    content: None,
                }));
            }
        };
        let id = match &content {
            Some(content) => own_id(&blob_id(gix, content)?),
            None => null_id(gix),
        };
        Ok(Some(BaseFile {
            mode,
            id,
            content: content.map(Arc::from),
        }))
    }

    fn inflate(&self, deflated: &[u8], size: usize) -> Option<Vec<u8>> {
        inflate(deflated, size)
    }

    fn id(&self, content: &[u8]) -> Option<ObjectId> {
        blob_id(&self.repository.gix, content)
            .ok()
            .map(|id| own_id(&id))
    }
}

fn inflate(deflated: &[u8], size: usize) -> Option<Vec<u8>> {
    // One more, so that it shows when there are more than said.
    let mut inflated = vec![0; size + 1];
    let (status, _, written) = Inflate::default().once(deflated, &mut inflated).ok()?;
    inflated.truncate(written);
    (status == Status::StreamEnd && written == size).then_some(inflated)
}

fn null_id(gix: &gix::Repository) -> ObjectId {
    own_id(&gix.object_hash().null())
}
