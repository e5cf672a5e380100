//! A strategy as it is written: `strategy.toml` and the prompt text beside it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Layer, SectionSpec, Strategy, When};
use crate::context::budget::Budget;
use crate::context::collector::Rung;
use crate::context::near_miss::nearest;
use crate::context::registry::{CollectorInfo, Registry};
use crate::target::Mode;

/// The file that makes a folder a strategy.
pub(super) const STRATEGY_FILE: &str = "strategy.toml";
/// The prompt text beside it, where the strategy names no other.
const GUIDANCE_FILE: &str = "guidance.md";
/// The most bytes that either file may have.
const MOST_BYTES: u64 = 256 * 1024;
/// A budget below this cannot even say what is not shown.
const LEAST_BUDGET_BYTES: u64 = 4 * 1024;
/// A budget above this is a slip: no model takes it.
const MOST_BUDGET_BYTES: u64 = 64 * 1024 * 1024;

/// What is wrong with a strategy.
#[derive(Debug, thiserror::Error)]
pub enum StrategyError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what a strategy is made of.
    #[error("`{path}` is {what}")]
    NotAFile {
        /// Which.
        path: PathBuf,
        /// Such as `larger than 262144 bytes`.
        what: String,
    },
    /// The file is no TOML, or has a field that is unknown or of the wrong type.
    #[error("strategy `{name}` cannot be read: {message}")]
    Syntax {
        /// The strategy, or its folder.
        name: String,
        /// What and where, on one line.
        message: String,
        /// The known field that was probably meant.
        suggestion: Option<String>,
    },
    /// A field has a value that makes no sense.
    #[error("strategy `{name}`: {message}")]
    Invalid {
        /// The strategy.
        name: String,
        /// Which field, and what it should be.
        message: String,
        /// The known word that was probably meant.
        suggestion: Option<String>,
    },
}

impl StrategyError {
    /// What the user can do, where it is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            StrategyError::Syntax { suggestion, .. }
            | StrategyError::Invalid { suggestion, .. } => suggestion
                .as_ref()
                .map(|word| format!("did you mean `{word}`?")),
            StrategyError::Read { .. } | StrategyError::NotAFile { .. } => None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrategyFile {
    name: String,
    description: String,
    rank: Option<u32>,
    guidance: Option<String>,
    #[serde(default)]
    when: Vec<WhenFile>,
    budget: BudgetFile,
    section: Vec<SectionFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenFile {
    max_files: Option<u64>,
    max_diff_bytes: Option<u64>,
    #[serde(default)]
    modes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetFile {
    bytes: u64,
    tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionFile {
    collector: String,
    title: String,
    share: Option<u8>,
    ladder: Option<Vec<String>>,
    #[serde(default)]
    options: toml::Table,
}

/// Reads the strategy in a folder.
///
/// # Errors
///
/// When a file cannot be read, is no regular file or too large, or says something that makes no sense.
pub fn load_strategy(
    dir: &Path,
    layer: Layer,
    registry: &Registry,
) -> Result<Strategy, StrategyError> {
    let source = read_text(&dir.join(STRATEGY_FILE))?;
    let folder = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    parse_strategy(&source, &folder, layer, registry, &|file| {
        let path = dir.join(file);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file == GUIDANCE_FILE => {
                Ok(String::new())
            }
            _ => read_text(&path),
        }
    })
}

fn read_text(path: &Path) -> Result<String, StrategyError> {
    let failed = |source| StrategyError::Read {
        path: path.to_owned(),
        source,
    };
    let unfit = |what: String| StrategyError::NotAFile {
        path: path.to_owned(),
        what,
    };
    // A link or a FIFO in a repository must not lead anywhere else, or hang.
    if !fs::symlink_metadata(path).map_err(failed)?.is_file() {
        return Err(unfit("not a regular file".to_owned()));
    }
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unfit(format!("larger than {MOST_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unfit("not UTF-8 text".to_owned()))
}

/// Reads a strategy from its text. `folder` is the name of its folder, which its own name must equal; `read` gives the
/// text of a file beside it.
///
/// # Errors
///
/// When the text says something that makes no sense, or `read` fails.
pub fn parse_strategy(
    source: &str,
    folder: &str,
    layer: Layer,
    registry: &Registry,
    read: &dyn Fn(&str) -> Result<String, StrategyError>,
) -> Result<Strategy, StrategyError> {
    let file: StrategyFile =
        toml::from_str(source).map_err(|error| syntax_error(source, folder, &error))?;
    let check = Check {
        name: &file.name,
        registry,
    };
    check.name(folder)?;
    let guidance = file.guidance.as_deref().unwrap_or(GUIDANCE_FILE);
    if guidance.is_empty() || guidance.contains(['/', '\\']) || guidance == ".." {
        return Err(check.invalid(
            "`guidance` must be the name of a file in the strategy's folder",
            None,
        ));
    }
    let when = file
        .when
        .iter()
        .map(|when| check.when(when))
        .collect::<Result<_, _>>()?;
    let budget = check.budget(&file.budget)?;
    let sections = check.sections(file.section.as_slice())?;
    Ok(Strategy {
        description: file.description.trim().to_owned(),
        layer,
        rank: file.rank,
        when,
        budget,
        sections,
        guidance: read(guidance)?.trim().to_owned(),
        name: file.name,
    })
}

fn syntax_error(source: &str, folder: &str, error: &toml::de::Error) -> StrategyError {
    let line = error.span().map(|span| {
        let before = source.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    });
    let message = error.message().replace('\n', " ");
    let place = line.map_or_else(String::new, |line| format!(" (line {line})"));
    StrategyError::Syntax {
        name: folder.to_owned(),
        suggestion: suggestion_in(&message),
        message: format!("{message}{place}"),
    }
}

/// serde names the unknown field and then every known one, each in backticks.
fn suggestion_in(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field ")?;
    let mut words = rest.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    nearest(unknown, words).map(str::to_owned)
}

struct Check<'a> {
    name: &'a str,
    registry: &'a Registry,
}

impl Check<'_> {
    fn invalid(&self, message: impl Into<String>, suggestion: Option<&str>) -> StrategyError {
        StrategyError::Invalid {
            name: self.name.to_owned(),
            message: message.into(),
            suggestion: suggestion.map(str::to_owned),
        }
    }

    fn name(&self, folder: &str) -> Result<(), StrategyError> {
        let name = self.name;
        let plain = name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if name.is_empty() || name.len() > 64 || !plain || name.starts_with('-') {
            return Err(self.invalid(
                "`name` must be lower-case letters, digits and hyphens, at most 64",
                None,
            ));
        }
        if name == "auto" {
            return Err(self.invalid(
                "`name` must not be `auto`, which chooses among strategies",
                None,
            ));
        }
        if name != folder {
            return Err(self.invalid(
                format!("`name` must equal its folder, which is `{folder}`"),
                None,
            ));
        }
        Ok(())
    }

    fn when(&self, file: &WhenFile) -> Result<When, StrategyError> {
        let modes = file
            .modes
            .iter()
            .map(|word| self.mode(word))
            .collect::<Result<_, _>>()?;
        Ok(When {
            max_files: file.max_files,
            max_diff_bytes: file.max_diff_bytes,
            modes,
        })
    }

    fn mode(&self, word: &str) -> Result<Mode, StrategyError> {
        const MODES: [Mode; 5] = [
            Mode::WorkingTree,
            Mode::Staged,
            Mode::Branch,
            Mode::Commit,
            Mode::Range,
        ];
        MODES
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| {
                let known = MODES.map(Mode::as_str);
                let message = format!("unknown mode `{word}` (expected {})", known.join(", "));
                self.invalid(message, nearest(word, known))
            })
    }

    fn budget(&self, file: &BudgetFile) -> Result<Budget, StrategyError> {
        if !(LEAST_BUDGET_BYTES..=MOST_BUDGET_BYTES).contains(&file.bytes) {
            return Err(self.invalid(
                format!(
                    "`budget.bytes` is {}, expected {LEAST_BUDGET_BYTES} to {MOST_BUDGET_BYTES}",
                    file.bytes
                ),
                None,
            ));
        }
        if file.tokens == Some(0) {
            return Err(self.invalid("`budget.tokens` must not be 0", None));
        }
        Ok(Budget {
            bytes: file.bytes,
            tokens: file.tokens,
        })
    }

    fn sections(&self, files: &[SectionFile]) -> Result<Vec<SectionSpec>, StrategyError> {
        if files.is_empty() || files.len() > 64 {
            return Err(self.invalid("a strategy needs 1 to 64 sections (`[[section]]`)", None));
        }
        let given: u32 = files
            .iter()
            .filter_map(|file| file.share)
            .map(u32::from)
            .sum();
        if given > 100 || files.iter().any(|file| file.share == Some(0)) {
            return Err(self.invalid(
                format!("the shares are percentages, none of them 0; they add up to {given}, at most 100 are there"),
                None,
            ));
        }
        // Sections without a share split evenly what the others leave.
        let open = files.iter().filter(|file| file.share.is_none()).count() as u32;
        let even = (100 - given).checked_div(open).unwrap_or(0) as u8;
        files.iter().map(|file| self.section(file, even)).collect()
    }

    fn section(&self, file: &SectionFile, even_share: u8) -> Result<SectionSpec, StrategyError> {
        let collector = file.collector.as_str();
        let Some(info) = self.registry.get(collector) else {
            let known = self.registry.iter().map(|info| info.name);
            let suggestion = nearest(collector, known);
            return Err(self.invalid(format!("there is no collector `{collector}`"), suggestion));
        };
        let title = file.title.trim();
        if title.is_empty()
            || title.len() > 80
            || title
                .chars()
                .any(|char| matches!(char, '"' | '<' | '>') || char.is_control())
        {
            return Err(self.invalid(
                format!("the title of `{collector}` must be 1 to 80 characters without quotes and angle brackets"),
                None,
            ));
        }
        if let Err(error) = (info.make)(&file.options) {
            let unknown = suggestion_in(&error.0);
            return Err(self.invalid(
                format!("options of `{collector}`: {error}"),
                unknown.as_deref(),
            ));
        }
        Ok(SectionSpec {
            collector: collector.to_owned(),
            title: title.to_owned(),
            share: file.share.unwrap_or(even_share),
            ladder: self.ladder(info, file.ladder.as_deref())?,
            options: file.options.clone(),
        })
    }

    fn ladder(
        &self,
        info: &CollectorInfo,
        words: Option<&[String]>,
    ) -> Result<Vec<Rung>, StrategyError> {
        let Some(words) = words else {
            return Ok(info.rungs.to_vec());
        };
        let known = || info.rungs.iter().map(|rung| rung.as_str());
        let mut ladder = Vec::new();
        for word in words {
            let Some(rung) = info.rungs.iter().find(|rung| rung.as_str() == word) else {
                let all: Vec<&str> = known().collect();
                let message = format!(
                    "`{}` has no rung `{word}` (it has {})",
                    info.name,
                    all.join(", ")
                );
                return Err(self.invalid(message, nearest(word, known())));
            };
            if ladder.last().is_some_and(|last| last >= rung) {
                return Err(self.invalid(
                    format!(
                        "the ladder of `{}` must go from the most to the least",
                        info.name
                    ),
                    None,
                ));
            }
            ladder.push(*rung);
        }
        if ladder.is_empty() {
            return Err(self.invalid(format!("the ladder of `{}` is empty", info.name), None));
        }
        Ok(ladder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "mine"
description = "All of it."
rank = 5

[[when]]
max_files = 3
modes = ["branch"]

[budget]
bytes = 8192
tokens = 2000

[[section]]
collector = "committed-diff"
title = "The change"
share = 60
ladder = ["full", "name"]
options = { context_lines = 10 }

[[section]]
collector = "commit-log"
title = "Commits"

[[section]]
collector = "stat"
title = "Numbers"
"#;

    fn parse(source: &str) -> Result<Strategy, StrategyError> {
        parse_strategy(source, "mine", Layer::User, &Registry::builtin(), &|_| {
            Ok(" Read it. \n".into())
        })
    }

    #[test]
    fn a_good_file_becomes_a_strategy() {
        let strategy = parse(GOOD).unwrap();
        assert_eq!(strategy.guidance, "Read it.");
        assert_eq!(strategy.when[0].modes, [Mode::Branch]);
        let shares: Vec<u8> = strategy
            .sections
            .iter()
            .map(|section| section.share)
            .collect();
        assert_eq!(shares, [60, 20, 20]);
        assert_eq!(strategy.sections[0].ladder, [Rung::Full, Rung::Name]);
        assert_eq!(
            strategy.sections[1].ladder,
            [Rung::Full, Rung::Outline, Rung::Name]
        );
    }

    #[track_caller]
    fn check(from: &str, to: &str, message: &str, hint: Option<&str>) {
        assert!(GOOD.contains(from), "`{from}` is in the good file");
        let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(message), "{text}");
        assert_eq!(error.hint().as_deref(), hint, "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_named_with_what_was_probably_meant() {
        check(
            "max_files",
            "max_file",
            "unknown field `max_file`",
            Some("did you mean `max_files`?"),
        );
        check(
            "share = 60",
            "shares = 60",
            "(line 17)",
            Some("did you mean `share`?"),
        );
        check(
            "committed-diff",
            "comitted-diff",
            "no collector",
            Some("did you mean `committed-diff`?"),
        );
        check(
            "context_lines",
            "context_line",
            "options of `committed-diff`",
            Some("did you mean `context_lines`?"),
        );
        check(
            "\"branch\"",
            "\"brnch\"",
            "unknown mode `brnch`",
            Some("did you mean `branch`?"),
        );
        check(
            "\"full\", \"name\"",
            "\"ful\"",
            "no rung `ful`",
            Some("did you mean `full`?"),
        );
        check(
            "\"full\", \"name\"",
            "\"name\", \"full\"",
            "from the most to the least",
            None,
        );
        check("share = 60", "share = 101", "at most 100", None);
        check("share = 60", "share = 0", "none of them 0", None);
        check("share = 60", "share = -1", "cannot be read", None);
        check("bytes = 8192", "bytes = 12", "`budget.bytes` is 12", None);
        check(
            "context_lines = 10",
            "context_lines = 9999",
            "at most 1000",
            None,
        );
        check(
            "name = \"mine\"",
            "name = \"other\"",
            "must equal its folder, which is `mine`",
            None,
        );
        check(
            "name = \"mine\"",
            "name = \"auto\"",
            "must not be `auto`",
            None,
        );
        check(
            "title = \"Commits\"",
            "title = \">>>\"",
            "without quotes and angle brackets",
            None,
        );
        check(
            "rank = 5",
            "guidance = \"../x\"",
            "file in the strategy's folder",
            None,
        );
        check("rank = 5", "rank = ", "(line 4)", None);
    }
}
