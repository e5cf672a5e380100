//! From layers of text to one value per key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::key::{KEYS, Key, Kind, RepositoryScope, find_key};
use super::locations::Variables;
use super::settings::{Resolved, Settings};
use super::value::InvalidValue;
use super::{ConfigError, Provenance, Value};

/// Configuration is small; a larger file is something else.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A configuration file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// Reads a configuration file; `None` when there is none. Only regular files are opened, and a symbolic link counts as
/// what it points at.
pub fn load_file(path: &Path) -> Result<Option<FileText>, ConfigError> {
    let read_error = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    // A FIFO would block on opening: ask first.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(read_error(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            )));
        }
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(read_error(error)),
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read_error)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        });
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| read_error(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    Ok(Some(FileText {
        path: path.to_owned(),
        text,
    }))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A setting that a command-line flag gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The setting's name.
    pub key: &'static str,
    /// The flag, such as `--model`.
    pub flag: &'static str,
    /// What was typed behind it.
    pub value: String,
}

/// Whether the user trusts the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Its file may tune.
    #[default]
    Untrusted,
    /// Its file may set everything but what belongs to the machine.
    Trusted,
}

/// Everything that settings are made from, weakest first.
#[derive(Default)]
pub struct Layers<'a> {
    /// The user's file.
    pub user: Option<FileText>,
    /// The repository's file. In CI the caller gives the text of the merge base, so that a change cannot tune its own
    /// review.
    pub repository: Option<FileText>,
    /// Whether the user trusts the repository.
    pub trust: Trust,
    /// Looks up an environment variable; `None` means an empty environment.
    pub variable: Option<&'a Variables<'a>>,
    /// The flags, in the order typed; of two for one key the later wins.
    pub flags: Vec<Flag>,
    /// Whether a CI system runs us, which some defaults depend on.
    pub in_ci: bool,
}

/// A value in a repository's file that did not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The setting.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Whether trusting the repository would make it count.
    pub would_count_if_trusted: bool,
}

/// Resolves every setting.
pub fn resolve(layers: &Layers<'_>) -> Result<Resolved, ConfigError> {
    let mut values: BTreeMap<&'static str, (Value, Provenance)> = BTreeMap::new();
    let mut ignored = Vec::new();
    for key in KEYS {
        if let Some(default) = key.default_where(layers.in_ci) {
            let value = Value::parse(key, default)
                .expect("a test proves that every default is a value of its key");
            let provenance = if layers.in_ci && key.default_in_ci.is_some() {
                Provenance::DefaultInCi
            } else {
                Provenance::Default
            };
            values.insert(key.name, (value, provenance));
        }
    }
    if let Some(file) = &layers.user {
        let provenance = Provenance::UserFile(file.path.clone());
        for (key, value) in read(file, &provenance)? {
            values.insert(key.name, (value, provenance.clone()));
        }
    }
    if let Some(file) = &layers.repository {
        let provenance = Provenance::RepositoryFile(file.path.clone());
        for (key, value) in read(file, &provenance)? {
            let counts = match key.repository {
                RepositoryScope::Allowed => true,
                RepositoryScope::Trusted => layers.trust == Trust::Trusted,
                RepositoryScope::Stricter => {
                    let held = values.get(key.name).map(|(held, _)| held);
                    layers.trust == Trust::Trusted || is_as_strict(key, &value, held)
                }
                RepositoryScope::Never => false,
            };
            if counts {
                values.insert(key.name, (value, provenance.clone()));
            } else {
                ignored.push(Ignored {
                    key: key.name,
                    path: file.path.clone(),
                    would_count_if_trusted: key.repository != RepositoryScope::Never,
                });
            }
        }
    }
    if let Some(variable) = layers.variable {
        for key in KEYS {
            let name = key.variable();
            // An empty variable is one that is not set: that is how shells take a value away.
            let Some(text) = variable(&name).filter(|text| !text.is_empty()) else {
                continue;
            };
            let Ok(text) = text.into_string() else {
                return Err(ConfigError::NotUnicode { name });
            };
            let provenance = Provenance::Environment(name);
            let value = checked(key, &text, &provenance)?;
            values.insert(key.name, (value, provenance));
        }
    }
    for flag in &layers.flags {
        let key = find_key(flag.key)?;
        let provenance = Provenance::Flag(flag.flag.to_owned());
        let value = checked(key, &flag.value, &provenance)?;
        values.insert(key.name, (value, provenance));
    }
    Ok(Resolved {
        settings: Settings::from_values(&values),
        values,
        ignored,
    })
}

/// Whether a value is no laxer than what held before it. Words of such a key stand in order, laxest first.
fn is_as_strict(key: &Key, value: &Value, held: Option<&Value>) -> bool {
    let place = |value: &Value| match (key.kind, value) {
        (Kind::Word(words), Value::Text(text)) => words
            .iter()
            .position(|word| word == text)
            .map(|at| at as u64),
        (_, Value::Number(number)) => Some(*number),
        _ => None,
    };
    match (place(value), held.and_then(place)) {
        (Some(value), Some(held)) => value >= held,
        _ => false,
    }
}

fn checked(key: &Key, text: &str, provenance: &Provenance) -> Result<Value, ConfigError> {
    Value::parse(key, text).map_err(|invalid| ConfigError::In {
        provenance: provenance.clone(),
        source: Box::new(ConfigError::Invalid(invalid)),
    })
}

/// Whether a file reads as configuration: every key is known, every value is one that its key takes.
pub fn check_file(file: &FileText) -> Result<(), ConfigError> {
    read(file, &Provenance::UserFile(file.path.clone())).map(|_| ())
}

/// The settings of a file, flattened to dotted names.
pub(super) fn read(
    file: &FileText,
    provenance: &Provenance,
) -> Result<Vec<(&'static Key, Value)>, ConfigError> {
    let table: toml::Table = file.text.parse().map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        ConfigError::Syntax {
            path: file.path.clone(),
            line: line_of(&file.text, offset),
            message: error.message().to_owned(),
        }
    })?;
    let mut settings = Vec::new();
    flatten(&table, "", &mut settings).map_err(|source| ConfigError::In {
        provenance: provenance.clone(),
        source: Box::new(source),
    })?;
    Ok(settings)
}

fn flatten(
    table: &toml::Table,
    prefix: &str,
    settings: &mut Vec<(&'static Key, Value)>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        let is_section = KEYS.iter().any(|key| {
            key.name
                .strip_prefix(&name)
                .is_some_and(|rest| rest.starts_with('.'))
        });
        if let (toml::Value::Table(inner), true) = (value, is_section) {
            flatten(inner, &format!("{name}."), settings)?;
            continue;
        }
        let key = find_key(&name)?;
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(switch) => switch.to_string(),
            other => {
                return Err(ConfigError::Invalid(InvalidValue {
                    key: *key,
                    given: format!("{} value", other.type_str()),
                }));
            }
        };
        let value = Value::parse(key, &text).map_err(ConfigError::Invalid)?;
        settings.push((key, value));
    }
    Ok(())
}

/// The 1-based line of a byte offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::review::{FailOn, Severity};

    fn file(path: &str, text: &str) -> Option<FileText> {
        Some(FileText {
            path: PathBuf::from(path),
            text: text.to_owned(),
        })
    }

    fn repository_only(text: &str, trust: Trust) -> Result<Resolved, ConfigError> {
        resolve(&Layers {
            repository: file("/r/.codex-review.toml", text),
            trust,
            ..Layers::default()
        })
    }

    #[test]
    fn findings_fail_a_run_by_default_in_ci_alone() {
        let shown = |in_ci, user| {
            let resolved = resolve(&Layers {
                user,
                in_ci,
                ..Layers::default()
            });
            let resolved = resolved.unwrap();
            let (value, from) = resolved.get(find_key("fail_on").unwrap()).unwrap();
            assert_eq!(value.to_string(), resolved.settings.fail_on.to_string());
            format!("{value} from {from}")
        };
        assert_eq!(shown(false, None), "none from default");
        assert_eq!(shown(true, None), "high from default in CI");
        let low = file("/u", "fail_on = 'low'");
        assert_eq!(shown(true, low), "low from /u");
    }

    #[test]
    fn each_layer_overrides_the_one_below_and_is_named() {
        let variable = |name: &str| match name {
            "CODEX_REVIEW_STRATEGY" => Some(OsString::from("inline")),
            "CODEX_REVIEW_EFFORT" => Some(OsString::from("low")),
            "CODEX_REVIEW_FORMAT" => Some(OsString::new()),
            _ => None,
        };
        let resolved = resolve(&Layers {
            user: file(
                "/u",
                "model = 'u'\neffort = 'u'\nstrategy = 'u'\nfail_on = 'low'",
            ),
            repository: file("/r", "effort = 'r'\nstrategy = 'r'\nfail_on = 'medium'"),
            trust: Trust::Untrusted,
            variable: Some(&variable),
            flags: vec![Flag {
                key: "effort",
                flag: "--effort",
                value: "high".to_owned(),
            }],
            in_ci: true,
        })
        .unwrap();
        let shown = |name: &str| {
            let (value, provenance) = resolved.get(find_key(name).unwrap()).unwrap();
            format!("{value} from {provenance}")
        };
        assert_eq!(shown("model"), "u from /u");
        assert_eq!(shown("fail_on"), "medium from /r");
        assert_eq!(shown("strategy"), "inline from $CODEX_REVIEW_STRATEGY");
        assert_eq!(shown("effort"), "high from --effort");
        assert_eq!(shown("format"), "text from default");
        assert!(resolved.get(find_key("codex_bin").unwrap()).is_none());
        assert_eq!(resolved.settings.fail_on, FailOn::AtLeast(Severity::Medium));
    }

    #[test]
    fn a_repository_cannot_run_programs_or_weaken_the_gate() {
        let text = "model = 'm'\ncodex_bin = './evil'\nengine = 'builtin'\n[gate]\nfail_closed = false\nmax_blocks = 0\n[jobs]\nretention = 1";
        let resolved = repository_only(text, Trust::Untrusted).unwrap();
        assert_eq!(resolved.settings.model.as_deref(), Some("m"));
        assert_eq!(resolved.settings.codex_bin, None);
        assert!(resolved.settings.gate.fail_closed);
        assert_eq!(resolved.settings.gate.max_blocks, 3);
        let ignored: Vec<_> = resolved
            .ignored
            .iter()
            .map(|ignored| (ignored.key, ignored.would_count_if_trusted))
            .collect();
        assert_eq!(
            ignored,
            [
                ("codex_bin", false),
                ("engine", true),
                ("gate.fail_closed", true),
                ("gate.max_blocks", true),
                ("jobs.retention", false),
            ]
        );

        let trusted = repository_only(text, Trust::Trusted).unwrap();
        assert!(!trusted.settings.gate.fail_closed);
        assert_eq!(trusted.settings.codex_bin, None);
        assert_eq!(trusted.settings.jobs.retention, 50);
    }

    #[test]
    fn a_repository_makes_the_push_gate_stricter_but_not_laxer() {
        let read = |text: &str, trust| {
            let resolved = repository_only(text, trust).unwrap();
            let push = resolved.settings.pre_push;
            let ignored: Vec<_> = resolved.ignored.iter().map(|one| one.key).collect();
            (
                push.fail_on.as_str(),
                push.timeout.as_secs(),
                push.unjudged.as_str(),
                ignored,
            )
        };
        let strict = "[pre_push]\nfail_on = 'low'\ntimeout_seconds = 300\nunjudged = 'block'";
        assert_eq!(
            read(strict, Trust::Untrusted),
            ("low", 300, "block", vec![])
        );
        let lax = "[pre_push]\nfail_on = 'none'\ntimeout_seconds = 5\nunjudged = 'pass'";
        assert_eq!(
            read(lax, Trust::Untrusted),
            (
                "high",
                120,
                "pass",
                vec!["pre_push.fail_on", "pre_push.timeout_seconds"]
            )
        );
        assert_eq!(read(lax, Trust::Trusted), ("none", 5, "pass", vec![]));
    }

    #[track_caller]
    fn check_error(text: &str, message: &str, hint: Option<&str>) {
        let error = repository_only(text, Trust::Untrusted).unwrap_err();
        let mut shown = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        assert_eq!(shown, message);
        assert_eq!(error.hint().as_deref(), hint);
    }

    #[test]
    fn mistakes_name_the_file_the_key_and_what_would_be_right() {
        check_error(
            "modle = 'x'",
            "in configuration file `/r/.codex-review.toml`: unknown setting `modle`",
            Some("did you mean `model`?"),
        );
        check_error(
            "[gate]\nmax_block = 1",
            "in configuration file `/r/.codex-review.toml`: unknown setting `gate.max_block`",
            Some("did you mean `gate.max_blocks`?"),
        );
        check_error(
            "[broker]\nmax_streams = 0",
            "in configuration file `/r/.codex-review.toml`: setting `broker.max_streams` does not take `0`",
            Some("`broker.max_streams` takes a whole number from 1 to 64"),
        );
        check_error(
            "gate = 3",
            "in configuration file `/r/.codex-review.toml`: unknown setting `gate`",
            Some("`codex-review config list` shows every setting"),
        );
        check_error(
            "[model]\nname = 'x'",
            "in configuration file `/r/.codex-review.toml`: setting `model` does not take `table value`",
            Some("`model` takes a text that is not blank"),
        );
        let error = repository_only("\n\nmodel = ", Trust::Untrusted).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("line 3 of `/r/.codex-review.toml` is not TOML: ")
        );
    }

    #[test]
    fn a_wrong_value_in_the_environment_or_a_flag_is_named() {
        let variable =
            |name: &str| (name == "CODEX_REVIEW_FAIL_ON").then(|| OsString::from("severe"));
        let error = resolve(&Layers {
            variable: Some(&variable),
            ..Layers::default()
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "in environment variable `CODEX_REVIEW_FAIL_ON`"
        );
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(
            cause.to_string(),
            "setting `fail_on` does not take `severe`"
        );
    }

    #[test]
    fn files_are_read_only_when_they_are_regular_and_small() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(load_file(&path).unwrap(), None);
        assert_eq!(load_file(&path.join("below")).unwrap(), None);
        std::fs::write(&path, "model = 'x'").unwrap();
        assert_eq!(load_file(&path).unwrap().unwrap().text, "model = 'x'");
        assert_eq!(load_file(&path.join("below")).unwrap(), None);
        assert!(matches!(
            load_file(folder.path()),
            Err(ConfigError::Read { .. })
        ));
        std::fs::write(&path, vec![b'#'; MAX_FILE_BYTES as usize + 1]).unwrap();
        assert!(matches!(
            load_file(&path),
            Err(ConfigError::TooLarge { .. })
        ));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(matches!(load_file(&path), Err(ConfigError::Read { .. })));
    }
}
