//! What can be wrong with a command line that clap cannot see.

/// The command line does not say something that can be done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    /// `--scope` names none of the scopes.
    #[error("unknown scope `{0}` (expected auto, working-tree, branch or staged)")]
    UnknownScope(String),
    /// `--range` is no range.
    #[error("`{0}` is not a range (expected `A..B` or `A...B`)")]
    NotARange(String),
    /// A revision is blank.
    #[error("`{option}` names no revision")]
    BlankRevision {
        /// The option.
        option: &'static str,
    },
    /// Two options contradict each other in what they select.
    #[error("`--base` compares with a revision, but `--scope {scope}` does not")]
    BaseWithScope {
        /// The scope.
        scope: String,
    },
    /// `--unjudged` is neither of its words.
    #[error("unknown policy `{0}` (expected pass or block)")]
    UnknownUnjudged(String),
    /// The engine's plain review takes no focus text.
    #[error("`--native` runs the engine's plain review, which takes no focus text")]
    FocusWithNative,
    /// A word before the text looks like an option that exists.
    #[error("unknown option `{given}`")]
    MistypedOption {
        /// What was typed.
        given: String,
        /// The option that was probably meant.
        nearest: String,
    },
    /// Arguments on standard input without their end mark.
    #[error("the arguments on standard input arrived cut: their last line is not `CODEX_END`")]
    CutArguments,
    /// `--request` names nothing that was stored.
    #[error("there is no stored request `{0}`")]
    UnknownRequest(String),
    /// `estimate` knows no such kind of run.
    #[error("unknown kind of run `{0}` (expected review, adversarial-review or task)")]
    UnknownKind(String),
    /// Typed arguments that the verb does not take; in clap's words.
    #[error("{}", .0.trim_end())]
    Typed(String),
    /// Text that is not Unicode cannot be sent.
    #[error("the text is not valid UTF-8")]
    NotUnicode,
    /// Text came both ways.
    #[error("text was given both as arguments and with `--prompt-file`")]
    TextTwice,
    /// A task without anything to do.
    #[error("no task was given")]
    NoText,
    /// The format exists neither here nor anywhere.
    #[error(transparent)]
    UnknownFormat(#[from] codex_review::report::UnknownFormat),
    /// A context has two formats.
    #[error("unknown format `{0}` (expected text or json)")]
    UnknownContextFormat(String),
    /// The threshold is none.
    #[error(transparent)]
    UnknownFailOn(#[from] codex_review::review::UnknownFailOn),
    /// The engine is none of ours.
    #[error("unknown engine `{0}` (expected codex or builtin)")]
    UnknownEngine(String),
}

impl UsageError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            UsageError::FocusWithNative => {
                "leave out `--native`, or use `/codex:adversarial-review` for a review with a focus"
            }
            UsageError::MistypedOption { nearest, .. } => {
                return Some(format!(
                    "did you mean `{nearest}`? Put `--` before text that begins with a dash"
                ));
            }
            UsageError::NotUnicode => "put the text into a file and give it with `--prompt-file`",
            UsageError::TextTwice => "give the text once",
            UsageError::NoText => {
                "put the task behind the options, into a file with `--prompt-file`, or on standard input"
            }
            UsageError::NotARange(_) => "an empty side means HEAD: `origin/main..`",
            UsageError::CutArguments | UsageError::UnknownRequest(_) => "type the command again",
            UsageError::BaseWithScope { .. } => "leave one of them out",
            UsageError::UnknownScope(_)
            | UsageError::BlankRevision { .. }
            | UsageError::UnknownFormat(_)
            | UsageError::UnknownContextFormat(_)
            | UsageError::UnknownFailOn(_)
            | UsageError::UnknownKind(_)
            | UsageError::UnknownUnjudged(_)
            | UsageError::Typed(_)
            | UsageError::UnknownEngine(_) => return None,
        };
        Some(hint.to_owned())
    }
}
