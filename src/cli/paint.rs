//! Which colours the roles of text have.

use anstyle::{AnsiColor, Style};

use codex_review::report::styled::Role;
use codex_review::review::Severity;

/// The style of a role. Only the sixteen colours that every terminal lets its user choose.
pub(crate) fn style(role: Role) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match role {
        Role::Plain => Style::new(),
        Role::Heading => Style::new().bold(),
        Role::Minor => Style::new().dimmed(),
        Role::Place => colour(AnsiColor::Cyan),
        Role::Passed => colour(AnsiColor::Green).bold(),
        Role::Findings => colour(AnsiColor::Red).bold(),
        Role::NotJudged => colour(AnsiColor::Magenta).bold(),
        Role::Severity(Severity::Critical) => colour(AnsiColor::Red).bold().invert(),
        Role::Severity(Severity::High) => colour(AnsiColor::Red).bold(),
        Role::Severity(Severity::Medium) => colour(AnsiColor::Yellow),
        Role::Severity(Severity::Low) => colour(AnsiColor::Blue),
    }
}

/// The word `error`.
pub(crate) fn error_label() -> Style {
    style(Role::Findings)
}

/// The word `warning`.
pub(crate) fn warning_label() -> Style {
    style(Role::Severity(Severity::Medium)).bold()
}

/// The words `caused by` and `hint`.
pub(crate) fn detail_label() -> Style {
    Style::new().bold()
}
