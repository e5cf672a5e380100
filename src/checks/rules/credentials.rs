//! Secrets in new lines, and files that are secrets by their name.

use super::super::examine::{Note, Sink};
use super::super::view::FileView;
use super::{Check, Rule};
use crate::review::Severity;
use crate::secrets;
use crate::target::Status;

/// `private-key`
pub(super) static PRIVATE_KEY: Rule = Rule {
    id: "private-key",
    severity: Severity::Critical,
    confidence: 0.95,
    title: "Private key added to the repository",
    why: "Whoever can read the repository, or any copy of it, can act as the owner of this key. Deleting it later \
          does not help: it stays in the history.",
    advice: "Treat the key as leaked: revoke and replace it, remove it from the history before this is pushed, and \
             load it from a secret store instead.",
    check: Check::File(|view, sink| scan(view, sink, true)),
};

/// `credential`
pub(super) static CREDENTIAL: Rule = Rule {
    id: "credential",
    severity: Severity::High,
    confidence: 0.9,
    title: "Credential in new code",
    why: "A credential in a repository is known to everybody who can read it or any copy of it. Deleting it later \
          does not help: it stays in the history.",
    advice: "Treat it as leaked: revoke and replace it, and read the new one from the environment or a secret store.",
    check: Check::File(|view, sink| scan(view, sink, false)),
};

/// `env-file-added`
pub(super) static SECRET_FILE: Rule = Rule {
    id: "env-file-added",
    severity: Severity::High,
    confidence: 0.85,
    title: "File that usually holds secrets was added",
    why: "Files of this name hold passwords, keys or tokens on nearly every machine. Once committed, what they hold \
          stays in the history for everybody to read.",
    advice: "Take the file out of the commit, list its name in .gitignore, and share an example without values \
             instead.",
    check: Check::File(secret_file),
};

fn scan(view: &FileView<'_>, sink: &mut Sink, keys: bool) {
    if view.every_added.is_empty() {
        return;
    }
    let mut text = String::new();
    let mut starts = Vec::with_capacity(view.every_added.len());
    let mut previous = None;
    for line in &view.every_added {
        // A gap between added lines is a line that no key block goes across.
        if previous.is_some_and(|previous: u32| line.number != previous.saturating_add(1)) {
            text.push_str("\u{b7}\n");
            starts.push(line.number);
        }
        previous = Some(line.number);
        text.push_str(&line.text);
        text.push('\n');
        starts.push(line.number);
    }
    let is_key = |hit: &secrets::Hit| hit.rule_id == "private-key";
    for hit in secrets::scan(&text)
        .iter()
        .filter(|hit| is_key(hit) == keys)
    {
        let line = |index: usize| starts.get(index).or(starts.last()).copied().unwrap_or(1);
        let first = hit.line as usize - 1;
        let span = text[hit.range.clone()].matches('\n').count();
        let note = if keys {
            Note::default()
        } else {
            note_of(hit.rule_id, view.is_test)
        };
        sink.lines(line(first), line(first + span), note);
    }
}

fn note_of(rule_id: &str, is_test: bool) -> Note {
    let infos = secrets::rule_infos();
    let description = infos
        .iter()
        .find(|info| info.id == rule_id)
        .map_or(rule_id, |info| info.description);
    // Nothing but a name or a place points at these; in a test they are often made up.
    let vague = [
        "generic-secret",
        "generic-password",
        "env-secret",
        "url-credentials",
        "jwt",
    ]
    .contains(&rule_id);
    let mut note = Note::titled(format!("Credential in new code: {description}"));
    if vague {
        note.confidence = Some(if is_test { 0.4 } else { 0.65 });
        note.severity = is_test.then_some(Severity::Medium);
    }
    note
}

fn secret_file(view: &FileView<'_>, sink: &mut Sink) {
    let arrives = matches!(view.file.status, Status::Added | Status::Renamed { .. });
    if !arrives || !secrets::is_secret_name(&view.file.path) {
        return;
    }
    let name = view.path.rsplit('/').next().unwrap_or(&view.path);
    sink.whole_file(Note {
        confidence: view.is_test.then_some(0.5),
        severity: view.is_test.then_some(Severity::Medium),
        ..Note::titled(format!(
            "`{name}` was added: files of this name usually hold secrets"
        ))
    });
}
