//! Which paths of a change are looked at: globs that the user gave, and `.codexreviewignore`.

use std::path::Path;

use bstr::{BStr, ByteSlice};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::SpecError;

/// The file at the repository root that takes paths out of reviews; gitignore syntax.
pub const REVIEW_IGNORE_FILE: &str = ".codexreviewignore";

/// Compiled `--path` globs. A path passes if it matches one glob (or there is none to match) and no glob with `!`.
///
/// A glob without a slash matches the file name at any depth; one that names a directory matches all below it.
#[derive(Debug, Clone)]
pub struct PathFilter {
    wanted: Option<GlobSet>,
    unwanted: GlobSet,
}

impl PathFilter {
    /// Compiles globs; those that begin with `!` take paths out again.
    ///
    /// # Errors
    /// [`SpecError::BadGlob`] names the first glob that cannot be compiled.
    pub fn compile(globs: &[String]) -> Result<Self, SpecError> {
        let mut wanted = Vec::new();
        let mut unwanted = Vec::new();
        for glob in globs {
            match glob.strip_prefix('!') {
                Some(rest) => unwanted.push((glob, rest)),
                None => wanted.push((glob, glob.as_str())),
            }
        }
        let has_wanted = !wanted.is_empty();
        Ok(PathFilter {
            wanted: has_wanted.then(|| build(&wanted)).transpose()?,
            unwanted: build(&unwanted)?,
        })
    }

    /// Whether `path` is looked at.
    #[must_use]
    pub fn passes(&self, path: &BStr) -> bool {
        let path = as_path(path);
        self.wanted
            .as_ref()
            .is_none_or(|globs| globs.is_match(&path))
            && !self.unwanted.is_match(&path)
    }
}

fn build(globs: &[(&String, &str)]) -> Result<GlobSet, SpecError> {
    let mut set = GlobSetBuilder::new();
    for (typed, glob) in globs {
        let bad = |error: &globset::Error| SpecError::BadGlob {
            glob: (*typed).clone(),
            detail: error.kind().to_string(),
        };
        let trimmed = glob.trim_start_matches("./").trim_start_matches('/');
        let directory = trimmed.trim_end_matches('/');
        if directory.is_empty() {
            return Err(SpecError::BadGlob {
                glob: (*typed).clone(),
                detail: "it is empty".into(),
            });
        }
        let anchored = glob.starts_with('/') || glob.starts_with("./") || directory.contains('/');
        let root = if anchored {
            directory.to_owned()
        } else {
            format!("**/{directory}")
        };
        for pattern in [root.clone(), format!("{root}/**")] {
            let glob = GlobBuilder::new(&pattern)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| bad(&error))?;
            set.add(glob);
        }
    }
    set.build().map_err(|error| SpecError::BadGlob {
        glob: globs
            .first()
            .map(|(typed, _)| (*typed).clone())
            .unwrap_or_default(),
        detail: error.kind().to_string(),
    })
}

/// `.codexreviewignore`, compiled. Lines that cannot be compiled are kept as notes, the others hold.
#[derive(Debug, Clone)]
pub struct ReviewIgnore {
    rules: Gitignore,
    /// One sentence for each line that was not understood.
    pub notes: Vec<String>,
}

impl ReviewIgnore {
    /// No rules.
    #[must_use]
    pub fn none() -> Self {
        ReviewIgnore {
            rules: Gitignore::empty(),
            notes: Vec::new(),
        }
    }

    /// Compiles the file's text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut builder = GitignoreBuilder::new("");
        let mut notes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.to_str_lossy();
            if let Err(error) = builder.add_line(None, &line) {
                notes.push(format!("{REVIEW_IGNORE_FILE}:{}: {error}", index + 1));
            }
        }
        match builder.build() {
            Ok(rules) => ReviewIgnore { rules, notes },
            Err(error) => {
                notes.push(format!("{REVIEW_IGNORE_FILE}: {error}"));
                ReviewIgnore {
                    rules: Gitignore::empty(),
                    notes,
                }
            }
        }
    }

    /// Whether the rules take `path` (a file) out, itself or by one of its parent directories.
    #[must_use]
    pub fn takes_out(&self, path: &BStr) -> bool {
        !self.rules.is_empty()
            && self
                .rules
                .matched_path_or_any_parents(as_path(path), false)
                .is_ignore()
    }
}

fn as_path(path: &BStr) -> std::borrow::Cow<'_, Path> {
    path.to_path().map_or_else(
        |_| std::borrow::Cow::Owned(path.to_str_lossy().into_owned().into()),
        std::borrow::Cow::Borrowed,
    )
}

/// The path glob that fits this one path and no other.
#[must_use]
pub fn literal_glob(path: &str) -> String {
    // Anchored, so that it fits in no other folder; and what begins with a slash cannot begin with `!`.
    // A backslash is the one character with a meaning that `escape` leaves as it is.
    format!("/{}", globset::escape(&path.replace('\\', "\\\\")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(globs: &[&str], path: &str, expected: bool) {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let filter = PathFilter::compile(&globs).unwrap();
        assert_eq!(filter.passes(path.into()), expected, "{globs:?} on {path}");
    }

    #[test]
    fn globs_take_in_and_out() {
        check(&[], "a/b", true);
        check(&["src/**"], "src/a/b.rs", true);
        check(&["src"], "src/a/b.rs", true);
        check(&["src/"], "src/a/b.rs", true);
        check(&["src/a"], "x/src/a", false);
        check(&["*.rs"], "deep/down/x.rs", true);
        check(&["src/*.rs"], "src/deep/x.rs", false);
        check(&["!*.lock"], "Cargo.lock", false);
        check(&["!*.lock"], "Cargo.toml", true);
        check(&["src/**", "!src/gen/**"], "src/gen/x", false);
        check(&["./src"], "src/x", true);
        check(&["/Cargo.toml"], "sub/Cargo.toml", false);
    }

    #[test]
    fn a_literal_glob_fits_its_own_path() {
        for path in ["a/b", "!a", "[a]{b}*?.rs", "back\\slash\\*", "a b", "日本"] {
            check(&[&literal_glob(path)], path, true);
            check(&[&literal_glob(path)], &format!("in/{path}"), false);
        }
    }

    #[test]
    fn bad_globs_are_named() {
        let error = PathFilter::compile(&["a[".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("`a[`"), "{error}");
        assert!(PathFilter::compile(&["!".to_owned()]).is_err());
    }

    #[test]
    fn review_ignore_follows_gitignore_syntax() {
        let rules = ReviewIgnore::parse(b"# comment\n/vendor/\n*.min.js\n!keep.min.js\n");
        assert!(rules.takes_out("vendor/a/b.c".into()));
        assert!(!rules.takes_out("src/vendor/a".into()));
        assert!(rules.takes_out("a/x.min.js".into()));
        assert!(!rules.takes_out("a/keep.min.js".into()));
        assert!(!ReviewIgnore::none().takes_out("a".into()));
    }
}
