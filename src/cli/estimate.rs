//! `estimate`: how big a review would be, and whether to wait for it.

use clap::Args;

use codex_review::run::{Kind, find_kind};
use codex_review::target::TargetSpec;

use super::options::{JsonArgs, Shape, TargetArgs};
use super::usage::UsageError;

/// Say how big a review would be and whether to wait for it
#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    /// The kind of run that the arguments are for: such as review, optimize or task
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Take up what this Claude session typed, as its hook kept it
    #[arg(long, requires = "kind", hide = true)]
    session_arguments: bool,
    /// What was typed, whole
    #[arg(
        long,
        requires = "kind",
        value_name = "TEXT",
        allow_hyphen_values = true,
        hide = true
    )]
    arguments: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    json: JsonArgs,
}

/// What was typed behind a slash command, and for which kind of run.
#[derive(Debug)]
pub(crate) struct TypedFor {
    pub(crate) kind: &'static Kind,
    pub(crate) source: TypedSource,
}

/// Where what was typed comes from.
#[derive(Debug)]
pub(crate) enum TypedSource {
    /// The hook kept it for the session.
    Session,
    /// It is this.
    Text(String),
}

/// An estimate, as it is asked for.
#[derive(Debug)]
pub(crate) struct EstimateRequest {
    /// What was typed behind a slash command, to be stored; `None` estimates the target of the options.
    pub(crate) typed: Option<TypedFor>,
    pub(crate) target: TargetSpec,
    pub(crate) shape: Shape,
}

impl EstimateArgs {
    pub(crate) fn into_request(self) -> Result<EstimateRequest, UsageError> {
        let typed = match self.kind {
            None => None,
            Some(kind) => Some(TypedFor {
                kind: find_kind(&kind)
                    .filter(|kind| kind.is_asked_for())
                    .ok_or(UsageError::UnknownKind(kind))?,
                source: match (self.arguments, self.session_arguments) {
                    (Some(text), _) => TypedSource::Text(text),
                    (None, true) => TypedSource::Session,
                    (None, false) => TypedSource::Text(String::new()),
                },
            }),
        };
        Ok(EstimateRequest {
            typed,
            target: self.target.into_spec()?,
            shape: self.json.shape(),
        })
    }
}
