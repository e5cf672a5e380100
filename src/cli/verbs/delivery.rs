//! Where reports go: standard output, files, and the summary of a step of GitHub Actions.
//!
//! Whether the files can be written is tried before the review begins ([`Delivery::prepare`]): a review costs. A stream of
//! events is written as it happens, everything else at the end. One file that fails does not keep the others from being
//! written.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_review::report::{self, Format, MAX_JOB_SUMMARY_BYTES, Report, text_document};

use crate::cli::failure::Failure;
use crate::cli::outputs::FileOutput;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::output_file;
use super::stream::{Stream, is_stream};

/// A report on a terminal is laid out for this many columns.
pub(crate) const WIDTH: usize = 100;

/// Where GitHub Actions wants the summary of a step.
const STEP_SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Where one report goes.
pub(crate) struct Delivery<'a> {
    ui: &'a Ui,
    printed: Option<&'static Format>,
    files: Vec<FileOutput>,
    stream: Option<Stream>,
    step_summary: Option<PathBuf>,
}

impl<'a> Delivery<'a> {
    /// Tries what can be tried before there is a report. `printed` goes to standard output.
    pub(crate) fn prepare(
        ui: &'a Ui,
        surroundings: &Surroundings,
        printed: Option<&'static Format>,
        files: Vec<FileOutput>,
        heartbeat: Duration,
    ) -> Result<Delivery<'a>, Failure> {
        let mut files = files;
        let mut taken: Vec<PathBuf> = Vec::new();
        for file in &mut files {
            let given = std::mem::take(&mut file.path);
            file.path = surroundings.cwd.join(&given);
            output_file::check(&file.path, &given)?;
            let real = output_file::real_path(&file.path);
            if taken.contains(&real) {
                return Err(UsageError::WrittenTwice(given).into());
            }
            taken.push(real);
        }
        let (streams, files): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| is_stream(file.format));
        let on_stdout = printed.is_some_and(is_stream);
        let stream = (on_stdout || !streams.is_empty())
            .then(|| Stream::open(on_stdout.then_some(*ui), streams, heartbeat))
            .transpose()?;
        let wants_summary = printed
            .into_iter()
            .chain(files.iter().map(|file| file.format))
            .any(|format| format.name == "github");
        let step_summary = Surroundings::variable(STEP_SUMMARY_VARIABLE)
            .filter(|path| wants_summary && !path.is_empty())
            .map(PathBuf::from);
        Ok(Delivery {
            ui,
            printed,
            files,
            stream,
            step_summary,
        })
    }

    /// Who wants to be told of events, if anybody does.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_mut()
    }

    /// Writes the report everywhere. Everything is tried; the first failure is returned.
    pub(crate) fn report(mut self, report: &Report) -> Result<(), Failure> {
        let mut failures = Vec::new();
        for file in &self.files {
            let written = output_file::write(&file.path, &file.format.render(report));
            failures.extend(written.err().map(|source| Failure::WriteReport {
                path: file.path.clone(),
                format: file.format.name,
                job_id: report.job_id.clone(),
                source,
            }));
        }
        if let Some(path) = &self.step_summary
            && let Err(error) = append_summary(path, report)
        {
            self.ui.warning(&format!(
                "the job summary cannot be written to `{}`: {error}",
                path.display()
            ));
        }
        if let Some(stream) = self.stream.take() {
            let jsonl = Format::find("jsonl").expect("the format is registered");
            failures.extend(stream.finish(&jsonl.render(report)).err());
        }
        let printed = match self.printed {
            Some(format) if is_stream(format) => Ok(()),
            Some(format) if format.name == "text" => {
                self.ui.document(&text_document(report, WIDTH))
            }
            Some(format) => self.ui.result(&format.render(report)),
            None => Ok(()),
        };
        failures.extend(printed.err().map(Failure::from));
        failures.into_iter().next().map_or(Ok(()), Err)
    }
}

/// Adds to what the step has there already, within the bound of the whole.
fn append_summary(path: &Path, report: &Report) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(path)?;
    let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let room = MAX_JOB_SUMMARY_BYTES.saturating_sub(used);
    file.write_all(&report::job_summary(report, room))
}
