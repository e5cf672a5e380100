//! A strategy as it is written: `strategy.toml` and the prompt text beside it.

use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::{Layer, SectionSpec, Strategy, When};
use crate::context::budget::Budget;
use crate::context::collector::Rung;
use crate::context::registry::{CollectorInfo, Registry};
use crate::near_miss::nearest;
use crate::target::{Mode, PathFilter};

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
    /// The file is no TOML, or a field is unknown, of the wrong type, or says something that makes no sense.
    #[error("strategy `{name}`{}: {message}", place(path.as_deref(), *line))]
    Faulty {
        /// The strategy, or its folder.
        name: String,
        /// The file, where it is one.
        path: Option<PathBuf>,
        /// The line, 1-based, where one is at fault.
        line: Option<usize>,
        /// Which field, and what it should be; on one line.
        message: String,
        /// The known word that was probably meant.
        suggestion: Option<String>,
    },
}

/// `, line 3 of `/x/strategy.toml``, as far as it is known.
fn place(path: Option<&Path>, line: Option<usize>) -> String {
    match (path, line) {
        (Some(path), Some(line)) => format!(", line {line} of `{}`", path.display()),
        (Some(path), None) => format!(", in `{}`", path.display()),
        (None, Some(line)) => format!(", line {line}"),
        (None, None) => String::new(),
    }
}

impl StrategyError {
    /// What the user can do, where it is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            StrategyError::Faulty { suggestion, .. } => suggestion
                .as_ref()
                .map(|word| format!("did you mean `{word}`?")),
            StrategyError::Read { .. } | StrategyError::NotAFile { .. } => None,
        }
    }

    /// The same, in this file.
    fn in_file(self, file: &Path) -> Self {
        match self {
            StrategyError::Faulty {
                name,
                path: None,
                line,
                message,
                suggestion,
            } => StrategyError::Faulty {
                name,
                path: Some(file.to_owned()),
                line,
                message,
                suggestion,
            },
            other => other,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrategyFile {
    name: Spanned<String>,
    description: String,
    rank: Option<u32>,
    guidance: Option<Spanned<String>>,
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
    modes: Vec<Spanned<String>>,
    paths: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetFile {
    bytes: Spanned<u64>,
    tokens: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionFile {
    collector: Spanned<String>,
    title: Spanned<String>,
    share: Option<Spanned<u8>>,
    ladder: Option<Spanned<Vec<String>>>,
    options: Option<Spanned<toml::Table>>,
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
    let file = dir.join(STRATEGY_FILE);
    let source = read_text(&file)?;
    let folder = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let parsed = parse_strategy(&source, &folder, layer, registry, &|file| {
        let path = dir.join(file);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file == GUIDANCE_FILE => {
                Ok(String::new())
            }
            _ => read_text(&path),
        }
    });
    let mut strategy = parsed.map_err(|error| error.in_file(&file))?;
    strategy.folder = Some(dir.to_owned());
    Ok(strategy)
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
        name: file.name.get_ref(),
        source,
        registry,
    };
    check.name(&file.name, folder)?;
    let guidance = file
        .guidance
        .as_ref()
        .map_or(GUIDANCE_FILE, |guidance| guidance.get_ref());
    if guidance.is_empty() || guidance.contains(['/', '\\']) || guidance == ".." {
        return Err(check.invalid(
            file.guidance.as_ref().map(Spanned::span),
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
        folder: None,
        rank: file.rank,
        when,
        budget,
        sections,
        guidance: read(guidance)?.trim().to_owned(),
        name: file.name.into_inner(),
    })
}

fn syntax_error(source: &str, folder: &str, error: &toml::de::Error) -> StrategyError {
    let message = error.message().replace('\n', " ");
    StrategyError::Faulty {
        name: folder.to_owned(),
        path: None,
        line: error.span().map(|span| line_of(source, span.start)),
        suggestion: suggestion_in(&message),
        message,
    }
}

/// The 1-based line of a byte offset.
fn line_of(source: &str, offset: usize) -> usize {
    let before = source.get(..offset).unwrap_or_default();
    before.matches('\n').count() + 1
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
    source: &'a str,
    registry: &'a Registry,
}

impl Check<'_> {
    fn invalid(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        suggestion: Option<&str>,
    ) -> StrategyError {
        StrategyError::Faulty {
            name: self.name.to_owned(),
            path: None,
            line: span.map(|span| line_of(self.source, span.start)),
            message: message.into(),
            suggestion: suggestion.map(str::to_owned),
        }
    }

    fn name(&self, name: &Spanned<String>, folder: &str) -> Result<(), StrategyError> {
        let fault = name_fault(name.get_ref()).map(str::to_owned).or_else(|| {
            (name.get_ref() != folder)
                .then(|| format!("`name` must equal its folder, which is `{folder}`"))
        });
        match fault {
            Some(fault) => Err(self.invalid(Some(name.span()), fault, None)),
            None => Ok(()),
        }
    }

    fn when(&self, file: &WhenFile) -> Result<When, StrategyError> {
        let modes = file
            .modes
            .iter()
            .map(|word| self.mode(word))
            .collect::<Result<_, _>>()?;
        let paths = match &file.paths {
            None => Vec::new(),
            Some(paths) => {
                if let Err(error) = PathFilter::compile(paths.get_ref()) {
                    return Err(self.invalid(Some(paths.span()), error.to_string(), None));
                }
                paths.get_ref().clone()
            }
        };
        Ok(When {
            max_files: file.max_files,
            paths,
            max_diff_bytes: file.max_diff_bytes,
            modes,
        })
    }

    fn mode(&self, word: &Spanned<String>) -> Result<Mode, StrategyError> {
        const MODES: [Mode; 6] = [
            Mode::WorkingTree,
            Mode::Staged,
            Mode::Branch,
            Mode::Commit,
            Mode::Range,
            Mode::Patch,
        ];
        MODES
            .into_iter()
            .find(|mode| mode.as_str() == word.get_ref())
            .ok_or_else(|| {
                let known = MODES.map(Mode::as_str);
                let message = format!(
                    "unknown mode `{}` (expected {})",
                    word.get_ref(),
                    known.join(", ")
                );
                self.invalid(Some(word.span()), message, nearest(word.get_ref(), known))
            })
    }

    fn budget(&self, file: &BudgetFile) -> Result<Budget, StrategyError> {
        let bytes = *file.bytes.get_ref();
        if !(LEAST_BUDGET_BYTES..=MOST_BUDGET_BYTES).contains(&bytes) {
            return Err(self.invalid(
                Some(file.bytes.span()),
                format!(
                    "`budget.bytes` is {bytes}, expected {LEAST_BUDGET_BYTES} to {MOST_BUDGET_BYTES}"
                ),
                None,
            ));
        }
        if let Some(tokens) = file.tokens.as_ref().filter(|tokens| *tokens.get_ref() == 0) {
            let message = "`budget.tokens` must not be 0";
            return Err(self.invalid(Some(tokens.span()), message, None));
        }
        Ok(Budget {
            bytes,
            tokens: file.tokens.as_ref().map(|tokens| *tokens.get_ref()),
        })
    }

    fn sections(&self, files: &[SectionFile]) -> Result<Vec<SectionSpec>, StrategyError> {
        if files.is_empty() || files.len() > 64 {
            let message = "a strategy needs 1 to 64 sections (`[[section]]`)";
            return Err(self.invalid(None, message, None));
        }
        let shares = || files.iter().filter_map(|file| file.share.as_ref());
        let given: u32 = shares().map(|share| u32::from(*share.get_ref())).sum();
        let zero = shares().find(|share| *share.get_ref() == 0);
        if let Some(share) = zero.or_else(|| shares().next_back().filter(|_| given > 100)) {
            return Err(self.invalid(
                Some(share.span()),
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
        let collector = file.collector.get_ref().as_str();
        let at = Some(file.collector.span());
        let Some(info) = self.registry.get(collector) else {
            let known = self.registry.iter().map(|info| info.name);
            let suggestion = nearest(collector, known);
            let message = format!("there is no collector `{collector}`");
            return Err(self.invalid(at, message, suggestion));
        };
        let title = file.title.get_ref().trim();
        if title.is_empty()
            || title.len() > 80
            || title
                .chars()
                .any(|char| matches!(char, '"' | '<' | '>') || char.is_control())
        {
            return Err(self.invalid(
                Some(file.title.span()),
                format!("the title of `{collector}` must be 1 to 80 characters without quotes and angle brackets"),
                None,
            ));
        }
        let (options, options_at) = match &file.options {
            Some(options) => (options.get_ref().clone(), Some(options.span())),
            None => (toml::Table::new(), at),
        };
        if let Err(error) = (info.make)(&options) {
            let unknown = suggestion_in(&error.0);
            return Err(self.invalid(
                options_at,
                format!("options of `{collector}`: {error}"),
                unknown.as_deref(),
            ));
        }
        Ok(SectionSpec {
            collector: collector.to_owned(),
            title: title.to_owned(),
            share: file
                .share
                .as_ref()
                .map_or(even_share, |share| *share.get_ref()),
            ladder: self.ladder(info, file.ladder.as_ref())?,
            options,
        })
    }

    fn ladder(
        &self,
        info: &CollectorInfo,
        words: Option<&Spanned<Vec<String>>>,
    ) -> Result<Vec<Rung>, StrategyError> {
        let Some(words) = words else {
            return Ok(info.rungs.to_vec());
        };
        let at = || Some(words.span());
        let known = || info.rungs.iter().map(|rung| rung.as_str());
        let mut ladder = Vec::new();
        for word in words.get_ref() {
            let Some(rung) = info.rungs.iter().find(|rung| rung.as_str() == word) else {
                let all: Vec<&str> = known().collect();
                let message = format!(
                    "`{}` has no rung `{word}` (it has {})",
                    info.name,
                    all.join(", ")
                );
                return Err(self.invalid(at(), message, nearest(word, known())));
            };
            if ladder.last().is_some_and(|last| last >= rung) {
                return Err(self.invalid(
                    at(),
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
            let message = format!("the ladder of `{}` is empty", info.name);
            return Err(self.invalid(at(), message, None));
        }
        Ok(ladder)
    }
}

/// What is wrong with a strategy's name, if anything is.
#[must_use]
pub fn name_fault(name: &str) -> Option<&'static str> {
    let is_plain = name
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if name.is_empty() || name.len() > 64 || !is_plain || name.starts_with('-') {
        Some("`name` must be lower-case letters, digits and hyphens, at most 64")
    } else if name == "auto" {
        Some("`name` must not be `auto`, which chooses among strategies")
    } else {
        None
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
            "line 17: ",
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
        check("share = 60", "share = -1", "line 17: ", None);
        check("bytes = 8192", "bytes = 12", "line 11: ", None);
        check(
            "\"branch\"",
            "\"brnch\"",
            "line 8: ",
            Some("did you mean `branch`?"),
        );
        check("max_files = 3", "paths = [\"[\"]", "line 7: ", None);
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
        check("rank = 5", "rank = ", "line 4: ", None);
    }
}
