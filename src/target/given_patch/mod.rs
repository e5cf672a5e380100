//! A patch that somebody gives and that is not applied: what it says, and what files would be with it.
//!
//! ```text
//! bytes --GivenPatch::parse--> GivenPatch --apply(base)--> AppliedPatch (each file before and after)
//! ```
//!
//! git's diffs and plain unified ones are read, alone, in a row (a mailed series) and with text around them. Names are
//! bytes. Nothing is written anywhere: the result is held in memory. What does not fit the base is one error that names the
//! file and the hunk; whatever is malformed, hostile or too large is an error as well, never a panic.
//!
//! What git writes encoded, because it takes a file for binary, is decoded. Where a patch says no more than that bytes
//! differ, such a file is known by its name and, where the patch has it, by its id.

mod apply;
mod compose;
mod encoded;
mod error;
mod header;
mod names;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bstr::{BStr, BString};

use encoded::Encoded;

pub use compose::{AppliedFile, AppliedPatch, BaseFile, NewContent, PatchBase};
pub use error::{Misfit, PatchError};

/// What a patch begins with on the wire whose bytes follow as hex digits.
const HEX_MARK: char = '\0';

/// A larger patch is refused.
pub const MOST_PATCH_BYTES: u64 = 8 << 20;
/// A patch of more files is refused.
const MOST_FILES: usize = 3_000;
/// A patch of more hunks is refused.
const MOST_HUNKS: usize = 20_000;

/// A patch, parsed. It has at least one file.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenPatch {
    text: Arc<[u8]>,
    sections: Vec<Section>,
}

/// What a patch says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    /// The line of the patch on which it begins, from 1.
    line: usize,
    names: SectionNames,
    /// The name on a `rename from` or `copy from` line.
    source: Option<Source>,
    creates: bool,
    deletes: bool,
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    similarity: Option<u8>,
    /// Hex digits of the `index` line, all or the first ones.
    old_id: Option<String>,
    new_id: Option<String>,
    body: Body,
}

/// What a section is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SectionNames {
    /// A diff of git's: the names from the repository's root; `None` is `/dev/null`.
    Git {
        old: Option<BString>,
        new: Option<BString>,
    },
    /// A plain one: the names as they stand; which part of them counts is seen from the base.
    Plain {
        old: Option<BString>,
        new: Option<BString>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Renamed,
    Copied,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    /// Nothing but the header: a mode, a rename, an empty file.
    Nothing,
    /// Bytes that the patch has not got.
    Binary,
    Encoded(Encoded),
    Hunks(Vec<Hunk>),
}

/// One hunk. Its lines are checked to be as many as its first line says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk {
    /// The line of the patch on which it begins, from 1.
    line: usize,
    old_start: u32,
    old_lines: u32,
    lines: Vec<HunkLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Context,
    Removed,
    Added,
}

/// One line of a hunk: where its text is in the patch, without the sign, with its end unless the file has none there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HunkLine {
    kind: LineKind,
    start: u32,
    end: u32,
}

impl HunkLine {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl fmt::Debug for GivenPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenPatch")
            .field("bytes", &self.text.len())
            .field("files", &self.sections.len())
            .finish()
    }
}

impl GivenPatch {
    /// Reads a patch.
    ///
    /// # Errors
    ///
    /// There is no diff in it, it is malformed or cut, names what no patch may touch, or is too large.
    pub fn parse(text: impl Into<Arc<[u8]>>) -> Result<GivenPatch, PatchError> {
        let text = text.into();
        let sections = parse::sections(&text)?;
        Ok(GivenPatch { text, sections })
    }

    /// The patch as it was given.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The patch as a string that [`GivenPatch::from_wire`] reads again: itself where it is UTF-8.
    #[must_use]
    pub fn to_wire(&self) -> String {
        match std::str::from_utf8(&self.text) {
            Ok(text) if !text.starts_with(HEX_MARK) => text.to_owned(),
            _ => {
                let digits = self.text.iter().map(|byte| format!("{byte:02x}"));
                std::iter::once(HEX_MARK.to_string())
                    .chain(digits)
                    .collect()
            }
        }
    }

    /// Reads what [`GivenPatch::to_wire`] wrote.
    ///
    /// # Errors
    ///
    /// As [`GivenPatch::parse`].
    pub fn from_wire(text: &str) -> Result<GivenPatch, PatchError> {
        let Some(digits) = text.strip_prefix(HEX_MARK) else {
            return GivenPatch::parse(text.as_bytes());
        };
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
        GivenPatch::parse(bytes.ok_or(PatchError::Nothing)?)
    }

    /// What the files of `base` are with it.
    ///
    /// # Errors
    ///
    /// A part of it does not fit the base, or the base cannot be read.
    pub fn apply(&self, base: &dyn PatchBase) -> Result<AppliedPatch, PatchError> {
        compose::compose(self, base)
    }

    fn line_text(&self, line: HunkLine) -> &[u8] {
        &self.text[line.range()]
    }
}

/// Whether no patch may name this: a path that leaves the repository or reaches into its administration.
fn check_name(name: &BStr, line: usize) -> Result<(), PatchError> {
    let problem = if name.is_empty() {
        "empty"
    } else if name.contains(&0) {
        "a name with a NUL byte"
    } else if name.len() > 4096 {
        "longer than any path"
    } else if name.starts_with(b"/") {
        "an absolute path"
    } else if name.split(|&byte| byte == b'/').any(is_dots) {
        "a path with `.`, `..` or nothing between two slashes"
    } else if name.split(|&byte| byte == b'/').any(is_administration) {
        "inside `.git`"
    } else {
        return Ok(());
    };
    Err(PatchError::Name {
        name: name.to_owned(),
        line,
        problem,
    })
}

fn is_dots(part: &[u8]) -> bool {
    matches!(part, b"" | b"." | b"..")
}

/// `.git`, also as file systems that ignore case or shorten names would find it.
fn is_administration(part: &[u8]) -> bool {
    part.eq_ignore_ascii_case(b".git") || part.eq_ignore_ascii_case(b"git~1")
}
