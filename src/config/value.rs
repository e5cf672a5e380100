//! One value, checked against its key.

use std::fmt;
use std::path::PathBuf;

use super::Provenance;
use super::key::{Key, Kind, Unit};

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Switch(bool),
    /// Text, or one of the words that the key declares.
    Text(String),
    /// A number in the key's unit.
    Number(u64),
}

impl Value {
    /// Reads what somebody typed. Switches take `true`, `false`, `yes`, `no`, `on`, `off`, `1` and `0`; bytes take a
    /// `KiB` or `MiB` behind the number.
    pub fn parse(key: &Key, text: &str) -> Result<Value, InvalidValue> {
        let text = text.trim();
        let invalid = || InvalidValue {
            key: *key,
            given: text.to_owned(),
        };
        match key.kind {
            Kind::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Switch(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Switch(false)),
                _ => Err(invalid()),
            },
            Kind::Text if text.is_empty() => Err(invalid()),
            Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Word(words) => {
                let word = text.to_ascii_lowercase();
                if words.contains(&word.as_str()) {
                    Ok(Value::Text(word))
                } else {
                    Err(invalid())
                }
            }
            Kind::Number { min, max, unit } => {
                let number = match unit {
                    Unit::Bytes => parse_bytes(text),
                    Unit::Count | Unit::Seconds | Unit::Minutes => text.parse().ok(),
                };
                number
                    .filter(|number| (min..=max).contains(number))
                    .map(Value::Number)
                    .ok_or_else(invalid)
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Switch(value) => value.fmt(f),
            Value::Text(value) => value.fmt(f),
            Value::Number(value) => value.fmt(f),
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, factor) = if let Some(digits) = lower.strip_suffix("kib") {
        (digits, 1024)
    } else if let Some(digits) = lower.strip_suffix("mib") {
        (digits, 1024 * 1024)
    } else {
        (lower.as_str(), 1)
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// A value that its key does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{}` does not take `{given}`", key.name)]
pub struct InvalidValue {
    /// The key.
    pub key: Key,
    /// What was given.
    pub given: String,
}

impl InvalidValue {
    /// What the key takes.
    #[must_use]
    pub fn expected(&self) -> String {
        match self.key.kind {
            Kind::Switch => "true or false".to_owned(),
            Kind::Text => "a text that is not blank".to_owned(),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Number { min, max, unit } => {
                let unit = match unit {
                    Unit::Count => "",
                    Unit::Seconds => " of seconds",
                    Unit::Minutes => " of minutes",
                    Unit::Bytes => " of bytes (or KiB, MiB)",
                };
                format!("a whole number{unit} from {min} to {max}")
            }
        }
    }
}

fn place(provenance: &Provenance) -> String {
    match provenance {
        Provenance::Default | Provenance::DefaultInCi => "the defaults".to_owned(),
        Provenance::UserFile(path) | Provenance::RepositoryFile(path) => {
            format!("configuration file `{}`", path.display())
        }
        Provenance::Environment(name) => format!("environment variable `{name}`"),
        Provenance::Flag(flag) => format!("option `{flag}`"),
    }
}

/// Settings could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file is there and cannot be read.
    #[error("cannot read configuration file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than any configuration is.
    #[error("configuration file `{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A file is no TOML.
    #[error("line {line} of `{}` is not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, 1-based.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// No setting is called so.
    #[error("unknown setting `{name}`")]
    UnknownKey {
        /// The name.
        name: String,
        /// The setting that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A value is not one that its key takes.
    #[error(transparent)]
    Invalid(InvalidValue),
    /// Something in a layer is wrong.
    #[error("in {}", place(provenance))]
    In {
        /// The layer.
        provenance: Provenance,
        /// What is wrong.
        #[source]
        source: Box<ConfigError>,
    },
    /// The file is valid, but written in a way that a setting cannot be changed in without touching more than it.
    #[error("cannot change `{key}` in `{}` without rewriting more than that", path.display())]
    CannotEdit {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: &'static str,
    },
    /// A file could not be written; the old one is as it was.
    #[error("cannot write configuration file `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An environment variable is not Unicode.
    #[error("environment variable `{name}` is not valid UTF-8")]
    NotUnicode {
        /// The variable.
        name: String,
    },
}

impl ConfigError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::UnknownKey {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            ConfigError::UnknownKey { nearest: None, .. } => {
                Some("`codex-review config list` shows every setting".to_owned())
            }
            ConfigError::Invalid(invalid) => Some(format!(
                "`{}` takes {}",
                invalid.key.name,
                invalid.expected()
            )),
            ConfigError::In { source, .. } => source.hint(),
            ConfigError::Read { .. } => {
                Some("make the file readable, or move it out of the way".to_owned())
            }
            ConfigError::CannotEdit { .. } => {
                Some("`codex-review config edit` opens the file".to_owned())
            }
            ConfigError::Write { .. } => Some(
                "nothing was changed; is the folder writable, and the disk not full?".to_owned(),
            ),
            ConfigError::TooLarge { .. }
            | ConfigError::Syntax { .. }
            | ConfigError::NotUnicode { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::find_key;

    #[track_caller]
    fn check(name: &str, text: &str, expected: Option<Value>) {
        assert_eq!(
            Value::parse(find_key(name).unwrap(), text).ok(),
            expected,
            "{name} = {text}"
        );
    }

    #[test]
    fn values_are_checked_against_their_key() {
        check(
            "context.include_authors",
            " Off ",
            Some(Value::Switch(false)),
        );
        check("context.include_authors", "maybe", None);
        check("model", "gpt-5.4", Some(Value::Text("gpt-5.4".to_owned())));
        check("model", " ", None);
        check("engine", "BUILTIN", Some(Value::Text("builtin".to_owned())));
        check("engine", "other", None);
        check("broker.max_streams", "1", Some(Value::Number(1)));
        check("broker.max_streams", "0", None);
        check("broker.max_streams", "65", None);
        check("broker.max_streams", "4.5", None);
        check("broker.max_streams", "-1", None);
        check("broker.max_streams", "99999999999999999999", None);
        check(
            "context.untracked_file_bytes",
            "24KiB",
            Some(Value::Number(24 * 1024)),
        );
        check(
            "context.untracked_file_bytes",
            "1 MiB",
            Some(Value::Number(1024 * 1024)),
        );
        check(
            "context.untracked_file_bytes",
            "99999999999999999999MiB",
            None,
        );
        check(
            "context.untracked_file_bytes",
            "18446744073709551615KiB",
            None,
        );
    }

    #[test]
    fn the_hint_says_what_the_key_takes() {
        let key = find_key("limits.rpc_seconds").unwrap();
        let error = ConfigError::In {
            provenance: Provenance::Environment(key.variable()),
            source: Box::new(ConfigError::Invalid(Value::parse(key, "soon").unwrap_err())),
        };
        assert_eq!(
            error.to_string(),
            "in environment variable `CODEX_REVIEW_LIMITS_RPC_SECONDS`"
        );
        assert_eq!(
            error.hint().unwrap(),
            "`limits.rpc_seconds` takes a whole number of seconds from 1 to 3600"
        );
    }
}
