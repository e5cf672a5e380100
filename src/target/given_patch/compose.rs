//! The whole patch, laid over its base: what each file was and what it would be.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice as _};

use super::encoded::{Encoded, Method, apply_delta};
use super::error::Because;
use super::{
    Body, GivenPatch, Misfit, PatchError, Section, SectionNames, Source, apply, check_name, names,
};
use crate::target::{ChangesError, ObjectId};

/// A larger file is not patched.
const MOST_FILE_BYTES: usize = 16 << 20;
/// All patched files together.
const MOST_BYTES: usize = 64 << 20;
/// So many lines are compared in search of hunks that do not stand on their own line.
const MOST_COMPARISONS: usize = 20_000_000;
/// No more hunks that were moved are told of.
const MOST_MOVED: usize = 5;

const SUBMODULE: u32 = 0o160_000;
const SUBMODULE_TEXT: &[u8] = b"Subproject commit ";

/// What a patch is laid over: the files of a commit, or of the working tree.
pub trait PatchBase {
    /// What stands at a path; `None` where there is no file, link or submodule.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    fn file(&self, path: &BStr) -> Result<Option<BaseFile>, ChangesError>;

    /// Inflates what zlib deflated; `None` unless that are exactly `size` bytes.
    fn inflate(&self, deflated: &[u8], size: usize) -> Option<Vec<u8>>;

    /// The id that a file with this content has; `None` where ids are not known.
    fn id(&self, content: &[u8]) -> Option<ObjectId>;
}

/// A file of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFile {
    /// git's file mode.
    pub mode: u32,
    /// The id of its content; of a submodule, its commit.
    pub id: ObjectId,
    /// Its content as git stores it; `None` for a submodule and for one that is too large to be held.
    pub content: Option<Arc<[u8]>>,
}

/// What a file would contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewContent {
    /// This.
    Bytes(Arc<[u8]>),
    /// The same as this file of the base has.
    OfBase(BaseFile),
    /// Bytes that the patch has not got, or too many of; the hex digits of their id, as far as the patch has them.
    Unseen(Option<String>),
    /// A submodule's commit.
    Commit(ObjectId),
}

/// One file with and without the patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedFile {
    /// Its path with the patch; of a file that is deleted, without it.
    pub path: BString,
    /// Its path and itself without the patch; `None` for a new file.
    pub old: Option<(BString, BaseFile)>,
    /// Its mode and content with the patch; `None` for a file that is deleted.
    pub new: Option<(u32, NewContent)>,
    /// For a rename, in percent, as the patch says.
    pub similarity: Option<u8>,
}

/// A patch laid over its base.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AppliedPatch {
    /// The files that it changes, by path.
    pub files: Vec<AppliedFile>,
    /// What there is to know, such as a hunk that was found on another line.
    pub notes: Vec<String>,
}

impl AppliedPatch {
    /// What the patch makes of this path; `None` where it does not touch it. A file that it renames away is not found.
    #[must_use]
    pub fn file(&self, path: &BStr) -> Option<&AppliedFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl AppliedFile {
    /// The content with the patch; `None` for a file that is deleted, a submodule, and bytes that the patch does not show.
    #[must_use]
    pub fn new_bytes(&self) -> Option<&[u8]> {
        match &self.new.as_ref()?.1 {
            NewContent::Bytes(content) => Some(content),
            NewContent::OfBase(file) => file.content.as_deref(),
            NewContent::Unseen(_) | NewContent::Commit(_) => None,
        }
    }
}

impl std::fmt::Debug for AppliedPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppliedPatch")
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// A file as it is after some sections.
#[derive(Debug, Clone)]
struct State {
    mode: u32,
    content: NewContent,
    /// The path of the base that it comes from, unless it is new.
    origin: Option<BString>,
    similarity: Option<u8>,
}

struct Composer<'p> {
    patch: &'p GivenPatch,
    base: &'p dyn PatchBase,
    /// What the patch touched: as it is now, and as it was.
    now: BTreeMap<BString, Option<State>>,
    was: HashMap<BString, Option<BaseFile>>,
    /// Files that gave way to a new one and whose rename or deletion is still to come.
    vacated: HashMap<BString, State>,
    /// By path, the last section that takes it away.
    taken_by: HashMap<BString, usize>,
    bytes: usize,
    comparisons: usize,
    moved: usize,
    notes: Vec<String>,
}

pub(super) fn compose(
    patch: &GivenPatch,
    base: &dyn PatchBase,
) -> Result<AppliedPatch, PatchError> {
    let mut composer = Composer {
        patch,
        base,
        now: BTreeMap::new(),
        was: HashMap::new(),
        vacated: HashMap::new(),
        taken_by: HashMap::new(),
        bytes: 0,
        comparisons: MOST_COMPARISONS,
        moved: 0,
        notes: Vec::new(),
    };
    for (index, section) in patch.sections.iter().enumerate() {
        if let SectionNames::Git { old: Some(old), .. } = &section.names
            && (section.deletes || section.source == Some(Source::Renamed))
        {
            composer.taken_by.insert(old.clone(), index);
        }
    }
    for (index, section) in patch.sections.iter().enumerate() {
        composer.lay(index, section)?;
    }
    if composer.moved > MOST_MOVED {
        let more = composer.moved - MOST_MOVED;
        composer
            .notes
            .push(format!("and {more} more hunks on other lines"));
    }
    Ok(composer.finish())
}

impl Composer<'_> {
    fn lay(&mut self, index: usize, section: &Section) -> Result<(), PatchError> {
        let (old, new) = self.resolve(section)?;
        let does_not = |misfit| PatchError::DoesNotApply {
            misfit,
            line: section.line,
            base: String::new(),
            elsewhere: false,
        };
        if let Some(new) = &new
            && old.as_ref() != Some(new)
            && let Some(there) = self.state(new)?
        {
            // A diff may say that the old file goes away only after it has said what takes its place.
            if self.taken_by.get(new).is_none_or(|later| *later <= index) {
                return Err(does_not(Misfit::Exists(new.clone())));
            }
            self.vacated.insert(new.clone(), there);
        }
        let before = match &old {
            None => None,
            Some(old) => {
                let is_taken = section.deletes || section.source == Some(Source::Renamed);
                let vacated = self.vacated.get(old).cloned();
                let state = match vacated {
                    Some(state) if is_taken || section.source.is_some() => {
                        if is_taken {
                            self.vacated.remove(old);
                        }
                        Some(state)
                    }
                    _ => {
                        let state = self.state(old)?;
                        if is_taken && state.is_some() {
                            self.now.insert(old.clone(), None);
                        }
                        state
                    }
                };
                let missing = || does_not(Misfit::Missing(old.clone()));
                Some(state.ok_or_else(missing)?)
            }
        };
        let path = new.as_ref().or(old.as_ref()).cloned().unwrap_or_default();
        let content = self.content_after(section, &path, before.as_ref())?;
        let Some(new) = new else {
            // Whatever the hunks leave of a file that is deleted would be lost without a word.
            return match content {
                NewContent::Bytes(left) if !left.is_empty() => match section.body {
                    Body::Hunks(_) => Err(does_not(Misfit::Leaves(path))),
                    Body::Nothing | Body::Binary | Body::Encoded(_) => Ok(()),
                },
                _ => Ok(()),
            };
        };
        let mode = section
            .new_mode
            .or(before.as_ref().map(|state| state.mode))
            .unwrap_or(0o100_644);
        let is_copy = section.source == Some(Source::Copied);
        let state = State {
            mode,
            content,
            origin: before
                .as_ref()
                .and_then(|state| state.origin.clone())
                .filter(|_| !is_copy),
            similarity: section
                .similarity
                .or(before.as_ref().and_then(|state| state.similarity)),
        };
        self.now.insert(new, Some(state));
        Ok(())
    }

    /// The names that a section means.
    fn resolve(
        &mut self,
        section: &Section,
    ) -> Result<(Option<BString>, Option<BString>), PatchError> {
        let (old, new) = match &section.names {
            SectionNames::Git { old, new } => return Ok((old.clone(), new.clone())),
            SectionNames::Plain { old, new } => (old.as_ref(), new.as_ref()),
        };
        let mut candidates: Vec<BString> = Vec::new();
        if let (Some(old), Some(new)) = (old, new) {
            let (old, new) = names::without_prefixes(old.as_bstr(), new.as_bstr());
            candidates.extend([new.to_owned(), old.to_owned()]);
        }
        for name in [new, old].into_iter().flatten() {
            candidates.push(names::without_prefix(name.as_bstr()).to_owned());
            candidates.push(name.clone());
            // `diff -r old new` puts one folder before all names.
            if let Some((_, rest)) = name.split_once_str("/") {
                candidates.push(rest.into());
            }
        }
        candidates.retain(|name| check_name(name.as_bstr(), section.line).is_ok());
        for name in &candidates {
            if self.state(name)?.is_some() {
                let (has_old, has_new) = (old.is_some(), new.is_some());
                return Ok((has_old.then(|| name.clone()), has_new.then(|| name.clone())));
            }
        }
        let first = candidates.into_iter().next().unwrap_or_default();
        let begins_empty = match &section.body {
            Body::Hunks(hunks) => matches!(hunks.as_slice(), [only] if only.old_start == 0),
            Body::Nothing | Body::Binary | Body::Encoded(_) => false,
        };
        // Where nothing is, a plain diff of an empty old side makes the file.
        if new.is_some() && begins_empty {
            return Ok((None, Some(first)));
        }
        Ok((old.map(|_| first.clone()), new.map(|_| first)))
    }

    fn state(&mut self, path: &BString) -> Result<Option<State>, PatchError> {
        if let Some(now) = self.now.get(path) {
            return Ok(now.clone());
        }
        let file = match self.was.get(path) {
            Some(known) => known.clone(),
            None => {
                let found = self.base.file(path.as_bstr())?;
                let size = found.as_ref().and_then(|file| file.content.as_ref());
                self.hold(size.map_or(0, |content| content.len()))?;
                self.was.insert(path.clone(), found.clone());
                found
            }
        };
        Ok(file.map(|file| State {
            mode: file.mode,
            content: NewContent::OfBase(file),
            origin: Some(path.clone()),
            similarity: None,
        }))
    }

    fn hold(&mut self, bytes: usize) -> Result<(), PatchError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES {
            return Err(PatchError::TooLarge("64 MiB in the files that it changes"));
        }
        Ok(())
    }

    fn content_after(
        &mut self,
        section: &Section,
        path: &BString,
        before: Option<&State>,
    ) -> Result<NewContent, PatchError> {
        let does_not = |misfit, line| PatchError::DoesNotApply {
            misfit,
            line,
            base: String::new(),
            elsewhere: false,
        };
        let hunks = match &section.body {
            Body::Nothing => {
                let empty = || NewContent::Bytes(Arc::from(&b""[..]));
                return Ok(before.map_or_else(empty, |state| state.content.clone()));
            }
            Body::Binary | Body::Encoded(_) => {
                if let (Some(NewContent::OfBase(file)), Some(given)) =
                    (before.map(|state| &state.content), &section.old_id)
                    && !file.id.as_hex().starts_with(given.as_str())
                {
                    let misfit = Misfit::OtherBytes(path.clone());
                    return Err(does_not(misfit, section.line));
                }
                if let Body::Encoded(encoded) = &section.body
                    && let Some(content) = self.decoded(encoded, before)?
                {
                    self.check_id(section, encoded, &content)?;
                    return Ok(NewContent::Bytes(content));
                }
                let known = section.new_id.clone();
                return Ok(NewContent::Unseen(
                    known.filter(|id| id.bytes().any(|digit| digit != b'0')),
                ));
            }
            Body::Hunks(hunks) => hunks,
        };
        let no_lines = || does_not(Misfit::NoLines(path.clone()), section.line);
        let lines: Arc<[u8]> = match before.map(|state| &state.content) {
            None => Arc::from(&b""[..]),
            Some(NewContent::Bytes(content)) => Arc::clone(content),
            Some(NewContent::OfBase(file)) if file.mode == SUBMODULE => {
                commit_text(&file.id).into()
            }
            Some(NewContent::OfBase(file)) => file.content.clone().ok_or_else(no_lines)?,
            Some(NewContent::Commit(id)) => commit_text(id).into(),
            Some(NewContent::Unseen(_)) => return Err(no_lines()),
        };
        if lines.len() > MOST_FILE_BYTES {
            return Err(no_lines());
        }
        let patch = self.patch;
        let text = |line| patch.line_text(line);
        let applied = apply::apply(&lines, hunks, &text, &mut self.comparisons);
        let applied = applied.map_err(|(hunk, because): (usize, Because)| {
            let path = path.clone();
            let misfit = Misfit::Hunk {
                path,
                hunk: hunk + 1,
                because,
            };
            does_not(misfit, hunks[hunk].line)
        })?;
        for (hunk, by) in applied.moved {
            self.moved += 1;
            if self.moved <= MOST_MOVED {
                let (lines, way) = (by.unsigned_abs(), if by < 0 { "up" } else { "down" });
                self.notes.push(format!(
                    "hunk {hunk} of `{path}` was found {lines} lines further {way} than it says"
                ));
            }
        }
        self.hold(applied.content.len())?;
        let mode = section.new_mode.or(before.map(|state| state.mode));
        if mode == Some(SUBMODULE) && !section.deletes {
            let id = applied
                .content
                .strip_prefix(SUBMODULE_TEXT)
                .and_then(|rest| rest.get(..rest.len().checked_sub(1)?)?.to_str().ok())
                .and_then(ObjectId::from_hex);
            return id.map(NewContent::Commit).ok_or(PatchError::Malformed {
                line: section.line,
                problem: "a submodule without its commit",
            });
        }
        Ok(NewContent::Bytes(applied.content.into()))
    }

    /// git takes the file that the `index` line names where it has that, and does not look at the encoded bytes then.
    fn check_id(
        &self,
        section: &Section,
        encoded: &Encoded,
        content: &[u8],
    ) -> Result<(), PatchError> {
        let (Some(named), Some(id)) = (&section.new_id, self.base.id(content)) else {
            return Ok(());
        };
        if section.deletes || id.as_hex().starts_with(named.as_str()) {
            return Ok(());
        }
        Err(PatchError::Malformed {
            line: encoded.line,
            problem: "the encoded bytes are not those that the patch names",
        })
    }

    /// What encoded bytes make of a file; `None` where that is too large, or made from bytes that are not here.
    fn decoded(
        &mut self,
        encoded: &Encoded,
        before: Option<&State>,
    ) -> Result<Option<Arc<[u8]>>, PatchError> {
        let malformed = || PatchError::Malformed {
            line: encoded.line,
            problem: "the encoded bytes cannot be decoded",
        };
        if encoded.size > MOST_FILE_BYTES {
            return Ok(None);
        }
        let inflated = self.base.inflate(&encoded.deflated, encoded.size);
        let inflated = inflated.ok_or_else(malformed)?;
        let content = match encoded.method {
            Method::Literal => inflated,
            Method::Delta => {
                let old: &[u8] = match before.map(|state| &state.content) {
                    None => b"",
                    Some(NewContent::Bytes(content)) => content,
                    Some(NewContent::OfBase(file)) => match &file.content {
                        Some(content) => content,
                        None => return Ok(None),
                    },
                    Some(NewContent::Unseen(_) | NewContent::Commit(_)) => return Ok(None),
                };
                apply_delta(&inflated, old, MOST_FILE_BYTES).ok_or_else(malformed)?
            }
        };
        self.hold(content.len())?;
        Ok(Some(content.into()))
    }

    fn finish(mut self) -> AppliedPatch {
        let mut files: Vec<AppliedFile> = Vec::new();
        // A rename takes its old file along, unless something new stands in that place.
        let renamed: HashMap<BString, BString> = self
            .now
            .iter()
            .filter_map(|(path, state)| Some((state.as_ref()?.origin.clone()?, path)))
            .filter(|(origin, path)| origin != *path)
            // Over a file that was there it is a change of that file.
            .filter(|(_, path)| self.was.get(*path).cloned().flatten().is_none())
            .map(|(origin, path)| (origin, path.clone()))
            .collect();
        for (path, state) in std::mem::take(&mut self.now) {
            let was = self.was.get(&path).cloned().flatten();
            let Some(state) = state else {
                if let Some(file) = was
                    && !renamed.contains_key(&path)
                {
                    files.push(AppliedFile {
                        old: Some((path.clone(), file)),
                        path,
                        new: None,
                        similarity: None,
                    });
                }
                continue;
            };
            let old = match &state.origin {
                // Of two files that come from one, the first has the rename.
                Some(origin) if *origin != path && renamed.get(origin) == Some(&path) => {
                    let file = self.was.get(origin).cloned().flatten();
                    file.map(|file| (origin.clone(), file))
                }
                _ => was.map(|file| (path.clone(), file)),
            };
            let is_rename = old.as_ref().is_some_and(|(name, _)| *name != path);
            if !is_rename && is_same(old.as_ref().map(|(_, file)| file), &state) {
                continue;
            }
            files.push(AppliedFile {
                path,
                old,
                similarity: is_rename.then_some(state.similarity.unwrap_or(0)),
                new: Some((state.mode, state.content)),
            });
        }
        AppliedPatch {
            files,
            notes: self.notes,
        }
    }
}

fn is_same(old: Option<&BaseFile>, state: &State) -> bool {
    let Some(old) = old.filter(|old| old.mode == state.mode) else {
        return false;
    };
    match &state.content {
        NewContent::Bytes(content) => old.content.as_ref() == Some(content),
        NewContent::OfBase(file) => file == old,
        NewContent::Commit(id) => *id == old.id,
        NewContent::Unseen(_) => false,
    }
}

fn commit_text(id: &ObjectId) -> Vec<u8> {
    let mut text = SUBMODULE_TEXT.to_vec();
    text.extend(id.as_hex().bytes());
    text.push(b'\n');
    text
}
