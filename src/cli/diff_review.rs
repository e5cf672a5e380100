//! `diff-review`: review exactly this diff.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use codex_review::config::Flag;
use codex_review::report::Format;
use codex_review::run::DIFF_REVIEW;

use super::outputs::FileOutput;
use super::review::{CommonArgs, Context, ReviewRequest};
use super::usage::UsageError;

/// Review exactly this diff: a patch that is not applied, or some files or hunks of a change
///
/// Words in front that name a changed file (FILE), lines of one (FILE:LINES, FILE:10 or FILE:10-40, counted in the new version)
/// or a folder of changed files (FOLDER/) choose what is reviewed; a name may hold blanks, or stand in quotes. From the first other
/// word on, or behind a `--` of its own, the text says what to look at in particular; it is taken as it is.
#[derive(Debug, Args)]
pub(crate) struct DiffReviewArgs {
    /// What to review of the change, and what to look at in particular, behind all options
    #[arg(
        value_name = "FILE[:LINES] FOCUS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    text: Vec<OsString>,
    /// Review this patch, which is not applied, or the one on standard input (-): against --base, or else against HEAD and
    /// then the working tree
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Target",
        conflicts_with_all = ["scope", "commit", "range", "since_last", "shard"]
    )]
    patch: Option<PathBuf>,
    /// Write the report to this file as well: in the format of --format, or as the file's name says, or as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Where a patch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PatchSource {
    /// From a file.
    File(PathBuf),
    /// From standard input.
    Stdin,
}

/// What a review of exactly one diff says beyond its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiffChoice {
    /// The patch; `None` reviews the change of the target.
    pub(crate) patch: Option<PatchSource>,
    /// Which words were typed: those in front may choose files and hunks.
    pub(crate) words: Option<String>,
}

impl DiffReviewArgs {
    pub(crate) fn into_request(self) -> Result<ReviewRequest, UsageError> {
        let mut request = self
            .common
            .into_request(&DIFF_REVIEW, Context::Ours, self.text)?;
        let patch = self.patch.map(|file| match file == Path::new("-") {
            true => PatchSource::Stdin,
            false => PatchSource::File(file),
        });
        let words = request.focus.take_words();
        if patch == Some(PatchSource::Stdin) && request.focus.is_stdin() {
            return Err(UsageError::StdinTwice);
        }
        if let Some(path) = self.out {
            let format = format_of(&request.flags, &path)?;
            request.report.files.push(FileOutput { format, path });
        }
        request.diff = Some(DiffChoice { patch, words });
        Ok(request)
    }
}

/// The format that a file's report has.
fn format_of(flags: &[Flag], path: &Path) -> Result<&'static Format, UsageError> {
    let said = flags.iter().find(|flag| flag.key == "format");
    let extension = path.extension().and_then(|extension| extension.to_str());
    let name = match (said, extension) {
        (Some(said), _) => said.value.as_str(),
        (None, Some(known @ ("json" | "jsonl" | "sarif" | "html"))) => known,
        (None, Some("txt")) => "text",
        (None, _) => "markdown",
    };
    Ok(Format::find(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_the_file_is_said_or_seen_from_its_name() {
        let format = |flags: &[Flag], path: &str| format_of(flags, Path::new(path)).unwrap().name;
        let said = [Flag {
            key: "format",
            flag: "--format",
            value: "sarif".to_owned(),
        }];
        assert_eq!(format(&said, "a.json"), "sarif");
        assert_eq!(format(&[], "a.json"), "json");
        assert_eq!(format(&[], "a.txt"), "text");
        assert_eq!(format(&[], "a.patch"), "markdown");
        assert_eq!(format(&[], "report"), "markdown");
    }
}
