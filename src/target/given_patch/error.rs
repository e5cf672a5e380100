//! Why a given patch cannot be reviewed.

use bstr::BString;

use crate::target::{ChangesError, ResolveError};

/// Why a given patch cannot be reviewed.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// There is no diff in it.
    #[error("there is no diff in the patch")]
    Nothing,
    /// It has too many bytes, files or hunks, or makes too much of them.
    #[error("the patch has more than {0}")]
    TooLarge(&'static str),
    /// The patch contradicts itself or is cut.
    #[error("line {line} of the patch: {problem}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// It names what no patch may touch.
    #[error("line {line} of the patch names `{name}`, which is {problem}")]
    Name {
        /// As given.
        name: BString,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of it does not fit the base.
    #[error("{misfit}{where_} (line {line} of the patch)", where_ = nowhere(.base, *.elsewhere))]
    DoesNotApply {
        /// What does not fit.
        misfit: Misfit,
        /// The line of the patch, from 1.
        line: usize,
        /// What it was tried on, for people; empty before that is known.
        base: String,
        /// Whether the whole was tried on the working tree as well, in vain.
        elsewhere: bool,
    },
    /// The commit that it is for cannot be found.
    #[error(transparent)]
    Base(#[from] ResolveError),
    /// The base cannot be read.
    #[error(transparent)]
    Read(#[from] ChangesError),
}

/// What of a patch does not fit its base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The lines around or under a hunk are others.
    #[error("hunk {hunk} of `{path}` does not apply")]
    Hunk {
        /// The file.
        path: BString,
        /// The hunk's number in its file, from 1.
        hunk: usize,
        /// What is known of why.
        because: Because,
    },
    /// The file is not there.
    #[error("`{0}` is not there to be changed")]
    Missing(BString),
    /// The file is there already.
    #[error("`{0}` is there already and would be created")]
    Exists(BString),
    /// The file is larger than what is held in memory, or no file of lines.
    #[error("`{0}` has no lines that a hunk could apply to")]
    NoLines(BString),
    /// A deletion that would leave lines.
    #[error("the patch deletes `{0}` and leaves lines of it")]
    Leaves(BString),
    /// Another content than the one that the patch was made from.
    #[error("`{0}` is not the binary file that the patch was made from")]
    OtherBytes(BString),
}

/// Why a hunk does not apply, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Other lines.
    OtherLines,
    /// The lines are those that the hunk makes.
    IsThere,
    /// The lines are the same up to how they end.
    LineEnds,
    /// It stands before or inside the hunk above it.
    Overlaps,
    /// It fits so many places nearly that not all were tried.
    TooManyPlaces,
}

impl PatchError {
    /// The error with what the patch was tried on.
    pub(in crate::target) fn on(self, name: &str) -> PatchError {
        match self {
            PatchError::DoesNotApply {
                misfit,
                line,
                elsewhere,
                ..
            } => PatchError::DoesNotApply {
                misfit,
                line,
                base: name.to_owned(),
                elsewhere,
            },
            other => other,
        }
    }

    /// The error of one base, where the patch does not fit the working tree either.
    pub(in crate::target) fn nor_elsewhere(mut self) -> PatchError {
        if let PatchError::DoesNotApply { elsewhere, .. } = &mut self {
            *elsewhere = true;
        }
        self
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            PatchError::Nothing => {
                "a patch is what `git diff`, `git format-patch` or `diff -u` print"
            }
            PatchError::TooLarge(_) => "split it, and review the parts",
            PatchError::Malformed { .. } => {
                "the patch may be cut or edited by hand: make it anew, for example with `git diff`"
            }
            PatchError::Name { .. } => "names are relative to the root of the repository",
            PatchError::DoesNotApply { misfit, .. } => return Some(misfit.hint().to_owned()),
            PatchError::Base(error) => return error.hint(),
            PatchError::Read(error) => return error.hint(),
        };
        Some(hint.to_owned())
    }
}

impl Misfit {
    fn hint(&self) -> &'static str {
        match self {
            Misfit::Hunk { because, .. } => match because {
                Because::IsThere => {
                    "this part is applied already: review it where it is, without `--patch`, or name the commit before it with `--base`"
                }
                Because::LineEnds => {
                    "the lines differ only in how they end (LF or CRLF): make the patch anew without converting it"
                }
                Because::Overlaps => "hunks of one file must stand in order and apart",
                Because::OtherLines | Because::TooManyPlaces => {
                    "name the commit that the patch was made for with `--base REF`"
                }
            },
            Misfit::Exists(_) => {
                "it may be applied already; name the commit that it was made for with `--base REF`"
            }
            Misfit::Missing(_) | Misfit::NoLines(_) | Misfit::Leaves(_) | Misfit::OtherBytes(_) => {
                "name the commit that the patch was made for with `--base REF`"
            }
        }
    }
}

fn nowhere(base: &str, elsewhere: bool) -> String {
    match (base.is_empty(), elsewhere) {
        (true, _) => String::new(),
        (false, false) => format!(", tried on {base}"),
        (false, true) => format!(", tried on {base} and on the working tree"),
    }
}
