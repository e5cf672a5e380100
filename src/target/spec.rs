//! What was asked for: a pure value, not yet looked up in any repository.

/// Which change is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// A dirty tree means the working tree, a clean one the branch against the detected default branch.
    Auto,
    /// Staged, unstaged and untracked, against HEAD.
    WorkingTree,
    /// The index against HEAD.
    Staged,
    /// HEAD against the detected default branch.
    Branch,
    /// HEAD against the merge base with this revision (`--base`).
    Base(String),
    /// One commit against its first parent, or the empty tree for a root commit (`--commit`).
    Commit(String),
    /// `A..B` or, with `merge_base`, `A...B` (`--range`). An empty side means HEAD.
    Range {
        /// The old side.
        from: String,
        /// The new side.
        to: String,
        /// Whether the old side is the merge base of both (three dots).
        merge_base: bool,
    },
}

/// What is to be reviewed, as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSpec {
    /// Which change.
    pub select: Select,
    /// Path globs relative to the repository root; one that begins with `!` takes paths out again. Empty means all.
    pub paths: Vec<String>,
}

/// The words that `--scope` takes.
pub const SCOPES: [&str; 4] = ["auto", "working-tree", "branch", "staged"];

/// What was typed, one field per flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecArguments {
    /// `--base REF`.
    pub base: Option<String>,
    /// `--scope WORD`.
    pub scope: Option<String>,
    /// `--commit REV`.
    pub commit: Option<String>,
    /// `--range A..B` or `A...B`.
    pub range: Option<String>,
    /// `--path GLOB`, any number.
    pub paths: Vec<String>,
}

/// Flags that make no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The word after `--scope` is none of [`SCOPES`].
    #[error("unknown scope `{0}` (expected auto, working-tree, branch or staged)")]
    UnknownScope(String),
    /// Two flags that each choose a target.
    #[error("`{first}` and `{second}` contradict each other")]
    Contradiction {
        /// One flag with its value.
        first: String,
        /// The other.
        second: String,
    },
    /// A flag that needs a revision has none.
    #[error("`{0}` needs a revision")]
    EmptyRevision(&'static str),
    /// `--range` without two dots.
    #[error("`{0}` is not a range (expected `A..B` or `A...B`)")]
    NotARange(String),
    /// A path glob that cannot be compiled.
    #[error("invalid path glob `{glob}`: {detail}")]
    BadGlob {
        /// As given.
        glob: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl SpecError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            SpecError::UnknownScope(_) => None,
            SpecError::Contradiction { .. } => {
                Some("give only one of `--base`, `--scope`, `--commit`, `--range`".into())
            }
            SpecError::EmptyRevision(_) => Some("name a branch, a tag or a commit".into()),
            SpecError::NotARange(text) if text.contains("..") => {
                Some("an empty side means HEAD: `origin/main..`".into())
            }
            SpecError::NotARange(text) => {
                Some(format!("to review one commit, use `--commit {text}`"))
            }
            SpecError::BadGlob { .. } => Some(
                "globs are relative to the repository root, such as `src/**` or `!*.lock`".into(),
            ),
        }
    }
}

impl TargetSpec {
    /// The tiers: see [`Select::Auto`].
    #[must_use]
    pub fn auto() -> Self {
        TargetSpec::of(Select::Auto)
    }

    /// This selection, all paths.
    #[must_use]
    pub fn of(select: Select) -> Self {
        TargetSpec {
            select,
            paths: Vec::new(),
        }
    }

    /// From what was typed to what was meant.
    ///
    /// `--base` goes together with `--scope auto` and `--scope branch`, which it makes precise; any other pair of
    /// choosing flags is a contradiction.
    ///
    /// # Errors
    /// An unknown scope, contradicting flags, an empty revision, a range without dots, or a bad glob.
    pub fn parse(arguments: &SpecArguments) -> Result<Self, SpecError> {
        let SpecArguments {
            base,
            scope,
            commit,
            range,
            paths,
        } = arguments;
        let scope = scope.as_deref().map(parse_scope).transpose()?;
        super::PathFilter::compile(paths)?;

        let mut choices: Vec<(String, Select)> = Vec::new();
        if let Some(base) = base {
            let select = Select::Base(revision(base, "--base")?);
            choices.push((format!("--base {base}"), select));
        }
        if let Some(commit) = commit {
            let select = Select::Commit(revision(commit, "--commit")?);
            choices.push((format!("--commit {commit}"), select));
        }
        if let Some(range) = range {
            choices.push((format!("--range {range}"), parse_range(range)?));
        }
        if let Some(scope) = scope {
            let refined = matches!(
                (&scope, choices.first()),
                (Select::Auto, Some(_)) | (Select::Branch, Some((_, Select::Base(_))))
            );
            if !refined {
                choices.push((format!("--scope {}", scope_word(&scope)), scope));
            }
        }
        if choices.len() > 1 {
            return Err(SpecError::Contradiction {
                first: choices.swap_remove(0).0,
                second: choices.swap_remove(0).0,
            });
        }
        let select = choices.pop().map_or(Select::Auto, |(_, select)| select);
        Ok(TargetSpec {
            select,
            paths: paths.clone(),
        })
    }
}

fn parse_scope(word: &str) -> Result<Select, SpecError> {
    match word {
        "auto" => Ok(Select::Auto),
        "working-tree" => Ok(Select::WorkingTree),
        "branch" => Ok(Select::Branch),
        "staged" => Ok(Select::Staged),
        other => Err(SpecError::UnknownScope(other.to_owned())),
    }
}

fn scope_word(select: &Select) -> &'static str {
    match select {
        Select::WorkingTree => "working-tree",
        Select::Branch => "branch",
        Select::Staged => "staged",
        _ => "auto",
    }
}

fn revision(text: &str, flag: &'static str) -> Result<String, SpecError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SpecError::EmptyRevision(flag));
    }
    Ok(text.to_owned())
}

fn parse_range(text: &str) -> Result<Select, SpecError> {
    let trimmed = text.trim();
    let (from, to, merge_base) = if let Some((from, to)) = trimmed.split_once("...") {
        (from, to, true)
    } else if let Some((from, to)) = trimmed.split_once("..") {
        (from, to, false)
    } else {
        return Err(SpecError::NotARange(text.to_owned()));
    };
    if (from.is_empty() && to.is_empty()) || to.starts_with('.') || to.contains("..") {
        return Err(SpecError::NotARange(text.to_owned()));
    }
    Ok(Select::Range {
        from: from.to_owned(),
        to: to.to_owned(),
        merge_base,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(base: &str, scope: &str, commit: &str, range: &str) -> SpecArguments {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SpecArguments {
            base: some(base),
            scope: some(scope),
            commit: some(commit),
            range: some(range),
            paths: Vec::new(),
        }
    }

    #[track_caller]
    fn check(arguments: &SpecArguments, expected: &Select) {
        assert_eq!(
            TargetSpec::parse(arguments)
                .map(|spec| spec.select)
                .as_ref(),
            Ok(expected)
        );
    }

    #[test]
    fn each_flag_selects_its_target() {
        check(&arguments("", "", "", ""), &Select::Auto);
        check(&arguments("main", "", "", ""), &Select::Base("main".into()));
        check(&arguments("", "working-tree", "", ""), &Select::WorkingTree);
        check(&arguments("", "staged", "", ""), &Select::Staged);
        check(&arguments("", "branch", "", ""), &Select::Branch);
        check(
            &arguments("", "", "HEAD~1", ""),
            &Select::Commit("HEAD~1".into()),
        );
        let range = |from: &str, to: &str, merge_base| Select::Range {
            from: from.into(),
            to: to.into(),
            merge_base,
        };
        check(&arguments("", "", "", "a..b"), &range("a", "b", false));
        check(&arguments("", "", "", "a...b"), &range("a", "b", true));
        check(&arguments("", "", "", "..b"), &range("", "b", false));
        check(&arguments("", "", "", "a.."), &range("a", "", false));
    }

    #[test]
    fn a_base_refines_the_scopes_that_it_fits() {
        check(
            &arguments("main", "auto", "", ""),
            &Select::Base("main".into()),
        );
        check(
            &arguments("main", "branch", "", ""),
            &Select::Base("main".into()),
        );
    }

    #[test]
    fn an_unknown_scope_is_named_with_the_allowed_ones() {
        let error = TargetSpec::parse(&arguments("", "tree", "", ""))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`tree`"), "{error}");
        for scope in SCOPES {
            assert!(error.contains(scope), "{error}");
        }
    }

    #[test]
    fn contradictions_name_both_flags() {
        let error = TargetSpec::parse(&arguments("main", "staged", "", "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`--base main` and `--scope staged` contradict each other"
        );
        assert!(error.hint().is_some());
        assert!(TargetSpec::parse(&arguments("main", "", "HEAD", "")).is_err());
        assert!(TargetSpec::parse(&arguments("", "branch", "HEAD", "")).is_err());
    }

    #[test]
    fn ranges_without_two_sides_are_refused() {
        for text in ["main", "..", "...", "a....b", "a..b..c", ""] {
            assert!(
                TargetSpec::parse(&arguments("", "", "", text)).is_err() || text.is_empty(),
                "{text}"
            );
        }
        assert_eq!(
            TargetSpec::parse(&SpecArguments {
                base: Some(" ".into()),
                ..SpecArguments::default()
            }),
            Err(SpecError::EmptyRevision("--base"))
        );
    }
}
