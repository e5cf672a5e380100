//! `config`: the settings, where they come from, and how to change them.

use clap::{Args, Subcommand, ValueEnum};

use super::options::{JsonArgs, Shape};

/// Show and change settings, and see where each comes from
///
/// Without a subcommand it lists them.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    verb: Option<ConfigVerb>,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Show every setting, its value and where that comes from
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Print the value of one setting
    Get {
        /// Its name, such as broker.max_streams
        #[arg(value_name = "KEY")]
        key: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Give a setting a value, in the user's file or the repository's; everything else in the file stays as it is
    Set {
        /// Its name, such as broker.max_streams
        #[arg(value_name = "KEY")]
        key: String,
        /// Its new value
        #[arg(value_name = "VALUE", allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Take the value of a setting away, so that the next weaker source counts
    Unset {
        /// Its name, such as broker.max_streams
        #[arg(value_name = "KEY")]
        key: String,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Open a configuration file in $VISUAL or $EDITOR; what is not valid is not taken
    Edit {
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Print where the configuration files are looked for
    Path {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Show the model, effort and provider that Codex itself is set to, or change them through Codex
    Codex {
        #[command(subcommand)]
        verb: Option<CodexVerb>,
        #[command(flatten)]
        json: JsonArgs,
    },
}

#[derive(Debug, Subcommand)]
enum CodexVerb {
    /// Change one of Codex's own settings in its own configuration, by its app server
    Set {
        /// model, effort or provider
        #[arg(value_name = "KEY")]
        key: CodexKey,
        /// Its new value
        #[arg(value_name = "VALUE")]
        value: String,
    },
    /// Take one of Codex's own settings away
    Unset {
        /// model, effort or provider
        #[arg(value_name = "KEY")]
        key: CodexKey,
    },
}

/// What of Codex's own configuration can be seen and changed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodexKey {
    Model,
    Effort,
    Provider,
}

#[derive(Debug, Args)]
struct ScopeArgs {
    /// Whose file: the user's own, or the repository's, which everybody who clones it gets
    #[arg(long, value_enum, default_value_t = Scope::User, value_name = "SCOPE")]
    scope: Scope,
}

/// Whose configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    User,
    Repo,
}

/// What is asked about the settings.
#[derive(Debug)]
pub(crate) enum ConfigRequest {
    List(Shape),
    Get {
        key: String,
        shape: Shape,
    },
    /// `value` is `None` to take it away.
    Change {
        key: String,
        value: Option<String>,
        scope: Scope,
        shape: Shape,
    },
    Edit(Scope),
    Path(Shape),
    /// `change` is `None` to look only.
    Codex {
        change: Option<CodexChange>,
        shape: Shape,
    },
}

/// A change of Codex's own configuration; `value` is `None` to take it away.
#[derive(Debug)]
pub(crate) struct CodexChange {
    pub(crate) key: CodexKey,
    pub(crate) value: Option<String>,
}

impl ConfigArgs {
    pub(crate) fn into_request(self) -> ConfigRequest {
        let Some(verb) = self.verb else {
            return ConfigRequest::List(Shape::People);
        };
        match verb {
            ConfigVerb::List { json } => ConfigRequest::List(json.shape()),
            ConfigVerb::Get { key, json } => ConfigRequest::Get {
                key,
                shape: json.shape(),
            },
            ConfigVerb::Set {
                key,
                value,
                scope,
                json,
            } => ConfigRequest::Change {
                key,
                value: Some(value),
                scope: scope.scope,
                shape: json.shape(),
            },
            ConfigVerb::Unset { key, scope, json } => ConfigRequest::Change {
                key,
                value: None,
                scope: scope.scope,
                shape: json.shape(),
            },
            ConfigVerb::Edit { scope } => ConfigRequest::Edit(scope.scope),
            ConfigVerb::Path { json } => ConfigRequest::Path(json.shape()),
            ConfigVerb::Codex { verb, json } => ConfigRequest::Codex {
                change: verb.map(|verb| match verb {
                    CodexVerb::Set { key, value } => CodexChange {
                        key,
                        value: Some(value),
                    },
                    CodexVerb::Unset { key } => CodexChange { key, value: None },
                }),
                shape: json.shape(),
            },
        }
    }
}
