//! `estimate`: how big a review would be, and whether to wait for it.

use clap::{Args, CommandFactory as _, FromArgMatches as _, ValueEnum};

use codex_review::target::TargetSpec;

use super::arguments::Line;
use super::command::{Cli, Verb};
use super::options::{JsonArgs, Shape, TargetArgs};
use super::task::Continuation;
use super::text::TextSource;
use super::usage::UsageError;

/// Say how big a review would be and whether to wait for it
#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    /// The command whose typed arguments are taken up and stored as a request
    #[arg(value_name = "KIND", requires = "typed")]
    kind: Option<TypedKind>,
    /// Take what this Claude session typed behind the slash command
    #[arg(long, group = "typed", requires = "kind")]
    session_arguments: bool,
    /// Take the arguments from standard input, ended by a line CODEX_END
    #[arg(long, group = "typed", requires = "kind")]
    arguments_stdin: bool,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    json: JsonArgs,
}

/// A command that takes free text, and so has its arguments stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypedKind {
    Review,
    AdversarialReview,
    Task,
}

/// Where typed arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypedSource {
    /// Kept for the session by the hook.
    Session,
    /// On standard input.
    Stdin,
}

/// An estimate, as it is asked for.
#[derive(Debug)]
pub(crate) enum EstimateRequest {
    /// Of a target.
    Target { target: TargetSpec, shape: Shape },
    /// Of what was typed behind a slash command. Its answer is always JSON: it is read by a model.
    Typed {
        kind: TypedKind,
        source: TypedSource,
    },
}

impl EstimateArgs {
    pub(crate) fn into_request(self) -> Result<EstimateRequest, UsageError> {
        Ok(match self.kind {
            Some(kind) => EstimateRequest::Typed {
                kind,
                source: if self.arguments_stdin {
                    TypedSource::Stdin
                } else {
                    TypedSource::Session
                },
            },
            None => EstimateRequest::Target {
                target: self.target.into_spec()?,
                shape: self.json.shape(),
            },
        })
    }
}

/// What a typed line asks for.
#[derive(Debug)]
pub(crate) struct Typed {
    /// `wait` or `background`, where the user chose.
    pub(crate) asked: Option<&'static str>,
    pub(crate) what: TypedWhat,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum TypedWhat {
    /// A review of this target.
    Review(TargetSpec),
    /// A task; the thread where the user chose, and whether there is anything to do.
    Task {
        thread: Option<&'static str>,
        empty: bool,
    },
}

impl TypedKind {
    /// The kind of a slash command, by its name without the plugin's.
    pub(crate) fn of_command(name: &str) -> Option<TypedKind> {
        match name {
            "review" => Some(TypedKind::Review),
            "adversarial-review" => Some(TypedKind::AdversarialReview),
            "rescue" => Some(TypedKind::Task),
            _ => None,
        }
    }

    /// The verb that carries it out.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            TypedKind::Review => "review",
            TypedKind::AdversarialReview => "adversarial-review",
            TypedKind::Task => "task",
        }
    }

    /// Reads a typed line as the verb itself will. The error of clap is boxed because it is large and rare.
    pub(crate) fn read(self, line: &str) -> Result<Typed, TypedError> {
        let mut command = Cli::command();
        command.build();
        let verb = command
            .find_subcommand(self.verb())
            .expect("each kind names a verb");
        let line = Line::read(line, verb)?;
        let chose = |option: &str| line.words.iter().any(|word| word == option);
        let asked = match (chose("--wait"), chose("--background")) {
            (true, _) => Some("wait"),
            (_, true) => Some("background"),
            _ => None,
        };
        let argv = ["codex-review".into(), self.verb().into()];
        let matches = command.try_get_matches_from(argv.into_iter().chain(line.into_words()));
        let cli = matches
            .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches))
            .map_err(Box::new)?;
        let what = match cli.verb {
            Verb::Review(args) => TypedWhat::Review(args.into_request()?.target),
            Verb::AdversarialReview(args) => TypedWhat::Review(args.into_request()?.target),
            Verb::Task(args) => {
                let fresh = args.is_fresh();
                // There is no standard input behind a stored line.
                let (resumes, empty) = match args.into_request(true) {
                    Err(UsageError::NoText) => (false, true),
                    Err(error) => return Err(error.into()),
                    Ok(request) => {
                        let resumes = request.continuation != Continuation::Fresh;
                        (resumes, request.prompt == TextSource::None && !resumes)
                    }
                };
                let thread = match (resumes, fresh) {
                    (true, _) => Some("resume"),
                    (false, true) => Some("fresh"),
                    (false, false) => None,
                };
                TypedWhat::Task { thread, empty }
            }
            _ => unreachable!("the verb was given"),
        };
        Ok(Typed { asked, what })
    }
}

/// Why a typed line cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TypedError {
    /// As the verb itself would say.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// As clap would say.
    #[error(transparent)]
    Clap(#[from] Box<clap::Error>),
}
