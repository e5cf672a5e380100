//! What differs from run to run is replaced before text is compared, by stand-ins of the same width.

use regex::Regex;

use super::Sandbox;

/// Text with everything that differs from run to run replaced: the sandbox's root, times, durations, process ids, job
/// ids and UUIDs. Object ids stay: fixtures make them the same each time. All but durations keep their width, so that
/// tables stay tables.
pub fn redact(sandbox: &Sandbox, text: &str) -> String {
    let root = sandbox.root().display().to_string();
    let mut text = text.replace(&root, &padded("/sandbox", root.len()));
    for (pattern, stand_in) in [
        (
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            zeros as fn(&str) -> String,
        ),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", zeros),
        (
            r"\b(?:review|task|gate)-[0-9a-z]{6,12}-[0-9a-z]{4,12}\b",
            job_id,
        ),
        (r"\bpid:? \d+", |found| digits_to(found, '9')),
        (r"\b\d+(\.\d+)? ?(ms|s)\b", |_| "[time]".to_owned()),
    ] {
        let regex = Regex::new(pattern).expect("the pattern is fixed");
        text = regex
            .replace_all(&text, |found: &regex::Captures<'_>| stand_in(&found[0]))
            .into_owned();
    }
    text
}

/// Snapshot settings for this tree: no source expression, no module in the file name's way.
pub fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:_<width$}")
}

/// Every digit and hexadecimal letter becomes 0; `T` and `Z` of a time stay.
fn zeros(found: &str) -> String {
    found
        .chars()
        .map(|char| if char.is_ascii_hexdigit() { '0' } else { char })
        .collect()
}

fn job_id(found: &str) -> String {
    let (kind, rest) = found.split_once('-').expect("the pattern has a dash");
    let rest: String = rest
        .chars()
        .map(|char| if char == '-' { '-' } else { 'x' })
        .collect();
    format!("{kind}-{rest}")
}

fn digits_to(found: &str, stand_in: char) -> String {
    found
        .chars()
        .map(|char| {
            if char.is_ascii_digit() {
                stand_in
            } else {
                char
            }
        })
        .collect()
}
