//! `plan-review`: review a plan before it is carried out.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use codex_review::config::Flag;

use super::arguments::first_word;
use super::options::{Attendance, EngineOptions, Isolation, ReportArgs, ReportRequest, WaitArgs};
use super::usage::UsageError;

/// Review a plan before it is carried out: against the code, read-only
///
/// The plan is a FILE, what comes on standard input (-), or the last one of this Claude session (--last, the default inside of
/// one). Text behind it says what to look at in particular; it is taken as it is.
#[derive(Debug, Args)]
pub(crate) struct PlanReviewArgs {
    /// The plan (not with --last), and what to look at in particular, behind all options
    #[arg(
        value_name = "FILE|- FOCUS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    text: Vec<OsString>,
    /// Take the plan that this Claude session presented last, or else the newest plan file of this project
    #[arg(long, help_heading = "Plan")]
    last: bool,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    report: ReportArgs,
}

/// Where the plan is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlanSource {
    /// In a file.
    File(PathBuf),
    /// On standard input.
    Stdin,
    /// The last one of this session or project.
    Last {
        /// Whether the user said so, rather than saying nothing.
        said: bool,
    },
}

/// A review of a plan, as it is meant.
#[derive(Debug)]
pub(crate) struct PlanReviewRequest {
    pub(crate) source: PlanSource,
    /// What to look at in particular.
    pub(crate) focus: Option<String>,
    /// How the engine is reached.
    pub(crate) isolation: Isolation,
    /// Whether the command waits.
    pub(crate) attendance: Attendance,
    /// How the result is shown.
    pub(crate) report: ReportRequest,
    /// The settings that were given as options.
    pub(crate) flags: Vec<Flag>,
}

impl PlanReviewArgs {
    pub(crate) fn into_request(self) -> Result<PlanReviewRequest, UsageError> {
        let (engine_flags, isolation) = self.engine.into_flags()?;
        let (report_flags, report) = self.report.into_flags()?;
        let (source, focus) = if self.last {
            (PlanSource::Last { said: true }, joined(self.text)?)
        } else {
            parted(self.text)?
        };
        Ok(PlanReviewRequest {
            source,
            focus,
            isolation,
            attendance: self.wait.attendance(),
            report,
            flags: engine_flags.into_iter().chain(report_flags).collect(),
        })
    }
}

/// Takes the plan's file off the front. What was typed as one argument is parted here: a file's name may be in quotes
/// there, and the rest is text, byte for byte.
fn parted(mut words: Vec<OsString>) -> Result<(PlanSource, Option<String>), UsageError> {
    if words.is_empty() {
        return Ok((PlanSource::Last { said: false }, None));
    }
    let first = words.remove(0);
    let (file, focus) = match first.to_str() {
        Some(line) if words.is_empty() && line.contains(char::is_whitespace) => {
            let (file, rest) = first_word(line);
            (OsString::from(file), text(rest.to_owned()))
        }
        _ => (first, joined(words)?),
    };
    let source = if file == "-" {
        PlanSource::Stdin
    } else {
        PlanSource::File(PathBuf::from(file))
    };
    Ok((source, focus))
}

/// Words are joined by single blanks, as everywhere.
fn joined(words: Vec<OsString>) -> Result<Option<String>, UsageError> {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| {
            word.into_string()
                .map_err(|_not_unicode| UsageError::FocusNotUnicode)
        })
        .collect::<Result<_, _>>()?;
    Ok(text(words.join(" ")))
}

fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], source: &str, focus: Option<&str>) {
        let words = words.iter().map(OsString::from).collect();
        let (found, said) = parted(words).unwrap();
        let expected = match source {
            "-" => PlanSource::Stdin,
            "" => PlanSource::Last { said: false },
            file => PlanSource::File(PathBuf::from(file)),
        };
        assert_eq!((found, said.as_deref()), (expected, focus));
    }

    #[test]
    fn the_first_word_is_the_plan_and_the_rest_is_text() {
        check(&[], "", None);
        check(&["plan.md"], "plan.md", None);
        check(&["-"], "-", None);
        check(&["-", "is it safe?"], "-", Some("is it safe?"));
        check(
            &["a plan.md", "look", "here"],
            "a plan.md",
            Some("look here"),
        );
        check(
            &["plan.md  it's \"a\"\n\\b "],
            "plan.md",
            Some("it's \"a\"\n\\b "),
        );
        check(&["\"a plan.md\" x"], "a plan.md", Some("x"));
        check(&["'a' 'b'"], "a", Some("'b'"));
        check(&["it's here"], "it's", Some("here"));
        check(&["plan.md \t "], "plan.md", None);
    }
}
