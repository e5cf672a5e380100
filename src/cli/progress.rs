//! What a run is doing, on standard error: one live line on a terminal, `[codex] ` lines elsewhere, or nothing.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use codex_review::report::visible;

/// How often the live line moves.
const TICK: Duration = Duration::from_millis(120);

/// Longer lines say nothing more.
const MAX_LINE_CHARACTERS: usize = 200;

/// A display of one run. Dropping it takes the live line away.
#[derive(Debug)]
pub(crate) struct Progress {
    display: Display,
    phase: String,
    last_command: String,
}

#[derive(Debug)]
enum Display {
    Silent,
    Lines,
    Live(ProgressBar),
}

impl Progress {
    /// Shows nothing.
    pub(crate) fn silent() -> Progress {
        Progress::on(Display::Silent)
    }

    /// Writes a line for every change.
    pub(crate) fn lines() -> Progress {
        Progress::on(Display::Lines)
    }

    /// Keeps one line up to date: phase, time, last command.
    pub(crate) fn live() -> Progress {
        let bar = ProgressBar::new_spinner().with_style(
            ProgressStyle::with_template("{spinner} [codex] {prefix} {elapsed} {wide_msg}")
                .expect("the template is a constant that a test uses"),
        );
        bar.enable_steady_tick(TICK);
        Progress::on(Display::Live(bar))
    }

    fn on(display: Display) -> Progress {
        Progress {
            display,
            phase: String::new(),
            last_command: String::new(),
        }
    }

    /// The run is now in this phase.
    pub(crate) fn phase(&mut self, phase: &str) {
        if self.phase == phase {
            return;
        }
        phase.clone_into(&mut self.phase);
        match &self.display {
            Display::Silent => {}
            Display::Lines => write_line(phase),
            Display::Live(bar) => bar.set_prefix(shown(phase)),
        }
    }

    /// The engine runs this command.
    pub(crate) fn command(&mut self, command: &str) {
        if self.last_command == command {
            return;
        }
        command.clone_into(&mut self.last_command);
        match &self.display {
            Display::Silent => {}
            Display::Lines => write_line(&format!("runs {command}")),
            Display::Live(bar) => bar.set_message(shown(command)),
        }
    }

    /// Something worth a line that stays.
    pub(crate) fn message(&self, text: &str) {
        match &self.display {
            Display::Silent => {}
            Display::Lines => write_line(text),
            Display::Live(bar) => bar.suspend(|| write_line(text)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Display::Live(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}

fn write_line(text: &str) {
    let line = format!("[codex] {}\n", shown(text));
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}

/// One short line that moves nothing on the terminal.
fn shown(text: &str) -> String {
    let line = visible::line(text);
    match line.char_indices().nth(MAX_LINE_CHARACTERS) {
        None => line.into_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_and_move_nothing() {
        assert_eq!(shown("git diff\n\x1b[2J"), r"git diff \u{1b}[2J");
        assert_eq!(
            shown(&"ä".repeat(500)).chars().count(),
            MAX_LINE_CHARACTERS + 1
        );
    }

    #[test]
    fn the_live_line_has_a_valid_template() {
        drop(Progress::live());
    }
}
