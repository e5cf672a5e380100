//! The only place that prints.
//!
//! The result goes to standard output, alone. Everything else (progress, warnings, errors) goes to standard error.
//! Colours are used on a terminal only, unless `--color` or `NO_COLOR` says otherwise. A reader that closes standard
//! output early is no error: the rest is dropped and the exit code stays what it was. What cannot be written to standard
//! error is dropped as well: there is nowhere else to say so.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use codex_review::report::styled::{Document, Role};
use codex_review::report::visible;
use codex_review::review::ExitStatus;

use super::failure::Failure;
use super::options::Color;
use super::paint;
use super::progress::Progress;

/// Prints for one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    color: ColorChoice,
    quiet: bool,
}

impl Ui {
    /// As the options say.
    pub(crate) fn new(color: Color, quiet: bool) -> Ui {
        let color = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Ui { color, quiet }
    }

    /// Before the options are known.
    pub(crate) fn plain() -> Ui {
        Ui::new(Color::Auto, false)
    }

    /// The result, byte for byte.
    pub(crate) fn result(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        tolerate_closed(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Text that somebody else wrote: byte for byte for a program, with everything visible for a person.
    pub(crate) fn foreign(&self, bytes: &[u8]) -> io::Result<()> {
        if io::stdout().is_terminal() {
            self.result(visible::lines(&String::from_utf8_lossy(bytes)).as_bytes())
        } else {
            self.result(bytes)
        }
    }

    /// The result as one JSON document.
    pub(crate) fn json(&self, document: &impl Serialize) -> io::Result<()> {
        let document = serde_json::to_string_pretty(document)?;
        self.result(format!("{}\n", visible::json_document(&document)).as_bytes())
    }

    /// The result, in colours where they are wanted.
    pub(crate) fn document(&self, document: &Document) -> io::Result<()> {
        let mut text = String::new();
        for line in document.lines() {
            for span in line {
                push_styled(&mut text, span.role, &span.text);
            }
            text.push('\n');
        }
        self.styled_result(&text)
    }

    /// The result as aligned columns with a heading. Cells are shown, not sent to the terminal as they are.
    pub(crate) fn table<const COLUMNS: usize>(
        &self,
        heading: &[&str; COLUMNS],
        roles: &[Role; COLUMNS],
        rows: &[[String; COLUMNS]],
    ) -> io::Result<()> {
        let shown: Vec<[String; COLUMNS]> = rows
            .iter()
            .map(|row| row.clone().map(|cell| visible::line(&cell).into_owned()))
            .collect();
        let mut widths = heading.map(str::len);
        for row in &shown {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        let heading = heading.map(str::to_owned);
        let lines = std::iter::once((&heading, &[Role::Minor; COLUMNS]))
            .chain(shown.iter().map(|row| (row, roles)));
        for (row, roles) in lines {
            for (column, cell) in row.iter().enumerate() {
                push_styled(&mut text, roles[column], cell);
                if column + 1 < COLUMNS {
                    let gap = widths[column] - cell.chars().count() + 2;
                    text.extend(std::iter::repeat_n(' ', gap));
                }
            }
            text.push('\n');
        }
        self.styled_result(&text)
    }

    fn styled_result(&self, text: &str) -> io::Result<()> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.color);
        tolerate_closed(
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush()),
        )
    }

    /// A display of what a run is doing.
    pub(crate) fn progress(&self) -> Progress {
        if self.quiet {
            return Progress::silent();
        }
        let stderr = AutoStream::choice(&io::stderr());
        if io::stderr().is_terminal()
            && stderr != ColorChoice::Never
            && self.color != ColorChoice::Never
        {
            Progress::live()
        } else {
            Progress::lines()
        }
    }

    /// Something that people should know.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.write_to_stderr(&format!("[codex] {}\n", visible::line(text)));
        }
    }

    /// A note in several roles, for hooks.
    pub(crate) fn spans(&self, parts: &[(Role, &str)]) {
        if !self.quiet {
            self.verdict(parts);
        }
    }

    /// What a hook says to people, whatever `--quiet` says: its standard output belongs to its host.
    pub(crate) fn verdict(&self, parts: &[(Role, &str)]) {
        let mut text = "[codex] ".to_owned();
        for (role, part) in parts {
            // What makes text safe to show drops the blanks around it.
            let start = part.len() - part.trim_start().len();
            let end = part.trim_end().len().max(start);
            text.push_str(&part[..start]);
            push_styled(&mut text, *role, &visible::line(&part[start..end]));
            text.push_str(&part[end..]);
        }
        text.push('\n');
        self.write_to_stderr(&text);
    }

    /// Something that is probably not as it was meant.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            let label = paint::warning_label();
            self.write_to_stderr(&format!(
                "{label}warning:{label:#} {}\n",
                visible::line(text)
            ));
        }
    }

    /// Why the command could not do its work. Returns how the process ends.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitStatus {
        let (status, hint) = failure.judge();
        self.write_to_stderr(&rendered(failure, hint.as_deref()));
        status
    }

    /// What clap has to say: help and the version on standard output, mistakes on standard error.
    pub(crate) fn clap(&self, error: &clap::Error) -> ExitStatus {
        let text = error.render().ansi().to_string();
        if error.use_stderr() {
            self.write_to_stderr(&text);
            return ExitStatus::Usage;
        }
        match self.styled_result(&text) {
            Ok(()) => ExitStatus::Passed,
            Err(error) => self.failure(&error.into()),
        }
    }

    fn write_to_stderr(&self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        drop(
            stderr
                .write_all(text.as_bytes())
                .and_then(|()| stderr.flush()),
        );
    }
}

/// `error:`, each `caused by:`, and `hint:`.
fn rendered(failure: &Failure, hint: Option<&str>) -> String {
    let mut text = String::new();
    let mut push = |label: &str, style: anstyle::Style, message: &str| {
        writeln!(text, "{style}{label}:{style:#} {}", visible::lines(message))
            .expect("a string takes all text");
    };
    push("error", paint::error_label(), &failure.to_string());
    let mut cause = failure.source();
    while let Some(error) = cause {
        push("caused by", paint::detail_label(), &error.to_string());
        cause = error.source();
    }
    if let Some(hint) = hint {
        push("hint", paint::detail_label(), hint);
    }
    text
}

fn push_styled(text: &mut String, role: Role, piece: &str) {
    let style = paint::style(role);
    write!(text, "{style}{piece}{style:#}").expect("a string takes all text");
}

fn tolerate_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::usage::UsageError;

    #[test]
    fn an_error_shows_its_causes_and_its_hint_without_terminal_controls() {
        let failure = Failure::ReadText {
            place: "`a\x1b[2Jb`".to_owned(),
            source: io::Error::other("it is gone"),
        };
        let text =
            anstream::adapter::strip_str(&rendered(&failure, Some("look again"))).to_string();
        assert_eq!(
            text,
            "error: cannot read the text from `a\\u{1b}[2Jb`\ncaused by: it is gone\nhint: look again\n"
        );
    }

    #[test]
    fn a_usage_error_exits_with_two_and_points_to_what_would_work() {
        let (status, hint) = Failure::from(UsageError::FocusWithNative).judge();
        assert_eq!(status.code(), 2);
        assert!(hint.unwrap().contains("/codex:adversarial-review"));
    }

    #[test]
    fn a_closed_output_is_no_error() {
        assert!(tolerate_closed(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(tolerate_closed(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
