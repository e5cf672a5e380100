//! Inline markers: `codex-review: ignore <rule or fingerprint> -- reason`, in whatever comment syntax a file has.
//!
//! A marker excuses findings on its own line, or on the next line of code when its own line holds nothing else. It must
//! give a reason. What merely looks like one (a placeholder in prose, another verb) is no marker and is left alone.

use super::{Fingerprint, REVIEW_CLASS};

/// What a marker begins with.
const LEAD: &str = "codex-review:";
/// The one verb that markers know.
const VERB: &str = "ignore";
/// How comments begin, longest first: what stands before a marker and belongs to it.
const OPENERS: [&str; 14] = [
    "<!--", "{{!--", "<%#", "{/*", "{#", "/*", "//", "(*", ";;", "--", "#", "%", ";", "*",
];
/// How comments end, longest first: what stands behind a reason and does not belong to it.
const CLOSERS: [&str; 7] = ["--}}", "-->", "*/}", "*/", "%>", "#}", "*)"];
/// A longer line is no place where anybody would put a marker.
const LONGEST_LINE: usize = 16 * 1024;

/// What a marker names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excused {
    /// Findings of a rule of the builtin engine, or with [`REVIEW_CLASS`] every finding of a model.
    Class(String),
    /// One finding.
    Fingerprint(Fingerprint),
}

/// A marker in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The line that it stands on, 1-based.
    pub line: u32,
    /// The line of code that it is about, 1-based: its own, or the next one that holds code.
    pub covers: u32,
    /// That line without comments of ours and with blanks evened out.
    pub covered_code: String,
    /// What it excuses; at least one.
    pub excused: Vec<Excused>,
    /// Why.
    pub reason: String,
}

/// A marker that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerWithoutReason {
    /// Its line, 1-based.
    pub line: u32,
}

/// Every marker of a file, in order, and those that give no reason.
#[must_use]
pub fn read_markers(content: &[u8]) -> (Vec<Marker>, Vec<MarkerWithoutReason>) {
    let (mut markers, mut without_reason) = (Vec::new(), Vec::new());
    if !contains(content, LEAD.as_bytes()) {
        return (markers, without_reason);
    }
    let text = String::from_utf8_lossy(content);
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((code, body)) = split(line) else {
            continue;
        };
        let number = line_number(index);
        let Some(names) = names_of(body) else {
            continue;
        };
        let Some(reason) = reason_of(body) else {
            without_reason.push(MarkerWithoutReason { line: number });
            continue;
        };
        let covered = if code.trim().is_empty() {
            (index + 1..lines.len()).find(|&below| !bare(lines[below]).is_empty())
        } else {
            Some(index)
        };
        let covered = covered.unwrap_or(index);
        markers.push(Marker {
            line: number,
            covers: line_number(covered),
            covered_code: bare(lines[covered]),
            excused: names,
            reason,
        });
    }
    (markers, without_reason)
}

/// A line without its marker (and the comment that holds it), its blanks evened out.
pub(super) fn bare(line: &str) -> String {
    let code = split(line)
        .filter(|(_, body)| names_of(body).is_some())
        .map_or(line, |(code, _)| code);
    let mut evened = String::with_capacity(code.len());
    for word in code.split_whitespace() {
        if !evened.is_empty() {
            evened.push(' ');
        }
        evened.push_str(word);
    }
    evened
}

/// The code before a marker and what follows its lead.
fn split(line: &str) -> Option<(&str, &str)> {
    if line.len() > LONGEST_LINE {
        return None;
    }
    let at = line.find(LEAD)?;
    let body = line[at + LEAD.len()..].trim_start();
    let body = body.strip_prefix(VERB)?;
    if !body.starts_with(char::is_whitespace) {
        return None;
    }
    let mut code = line[..at].trim_end();
    if let Some(without) = OPENERS.iter().find_map(|opener| code.strip_suffix(opener)) {
        code = without.trim_end();
    }
    Some((code, body))
}

/// What stands between the verb and `--`; `None` when that is no list of names.
fn names_of(body: &str) -> Option<Vec<Excused>> {
    let names = body.split(" --").next().unwrap_or_default();
    let names = without_closer(names);
    let names: Option<Vec<Excused>> = names
        .split([',', ' ', '\t'])
        .filter(|name| !name.is_empty())
        .map(excused)
        .collect();
    names.filter(|names| !names.is_empty())
}

fn excused(name: &str) -> Option<Excused> {
    if let Ok(fingerprint) = name.parse() {
        return Some(Excused::Fingerprint(fingerprint));
    }
    let plausible = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.starts_with(|first: char| first.is_ascii_lowercase());
    plausible.then(|| Excused::Class(name.to_owned()))
}

fn reason_of(body: &str) -> Option<String> {
    let (_, reason) = body.split_once(" --")?;
    let reason = without_closer(reason.trim_start_matches('-'));
    (!reason.is_empty()).then(|| reason.to_owned())
}

fn without_closer(text: &str) -> &str {
    let text = text.trim();
    CLOSERS
        .iter()
        .find_map(|closer| text.strip_suffix(closer))
        .map_or(text, str::trim_end)
}

fn line_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    bstr::ByteSlice::contains_str(content, wanted)
}

impl Excused {
    /// Whether a finding with this class and fingerprint is meant. Twins of one fingerprint are one here: the line tells
    /// them apart.
    #[must_use]
    pub fn names(&self, class: &str, fingerprint: Option<Fingerprint>) -> bool {
        match self {
            Excused::Class(name) => name == class,
            Excused::Fingerprint(named) => {
                fingerprint.is_some_and(|fingerprint| fingerprint.is_twin_of(*named))
            }
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_text(&self) -> String {
        match self {
            Excused::Class(name) => name.clone(),
            Excused::Fingerprint(fingerprint) => fingerprint.to_string(),
        }
    }

    /// Whether it can only be about a rule of the builtin engine.
    #[must_use]
    pub fn is_rule(&self) -> bool {
        matches!(self, Excused::Class(name) if name != REVIEW_CLASS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(u32, u32, &str, &str)]) {
        let (markers, _) = read_markers(text.as_bytes());
        let found: Vec<_> = markers
            .iter()
            .map(|marker| {
                let names: Vec<String> = marker.excused.iter().map(Excused::as_text).collect();
                (
                    marker.line,
                    marker.covers,
                    names.join(","),
                    marker.reason.clone(),
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, covers, names, reason)| {
                (*line, *covers, (*names).to_owned(), (*reason).to_owned())
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn markers_are_read_in_every_comment_syntax() {
        for (line, code) in [
            (
                "a(); // codex-review: ignore eval-call -- fixed input",
                "a();",
            ),
            ("a() # codex-review: ignore eval-call -- fixed input", "a()"),
            ("/* codex-review: ignore eval-call -- fixed input */", ""),
            ("<!-- codex-review: ignore eval-call -- fixed input -->", ""),
            (
                "SELECT 1 -- codex-review: ignore eval-call -- fixed input",
                "SELECT 1",
            ),
            ("{/* codex-review: ignore eval-call -- fixed input */}", ""),
            ("x-- ; codex-review: ignore eval-call -- fixed input", "x--"),
            (
                "(* codex-review:  ignore  eval-call  --  fixed input *)",
                "",
            ),
        ] {
            assert_eq!(bare(line), code, "{line}");
            check(line, &[(1, 1, "eval-call", "fixed input")]);
        }
    }

    #[test]
    fn a_marker_alone_on_its_line_is_about_the_next_line_of_code() {
        check(
            "one\n  // codex-review: ignore review -- known\n\n  # codex-review: ignore x -- y\n  two\n",
            &[(2, 5, "review", "known"), (4, 5, "x", "y")],
        );
    }

    #[test]
    fn several_names_and_fingerprints_are_understood() {
        let fingerprint = format!("v1:{}", "0a".repeat(16));
        check(
            &format!("x // codex-review: ignore a-b, {fingerprint}-2 -- both"),
            &[(1, 1, &format!("a-b,{fingerprint}-2"), "both")],
        );
    }

    #[test]
    fn prose_and_other_verbs_are_no_markers_and_a_missing_reason_is_told() {
        for line in [
            "`codex-review: ignore <rule> -- reason`",
            "codex-review: ignored eval -- reason",
            "codex-review: ignore",
            "run codex-review: it ignores nothing",
        ] {
            check(line, &[]);
            assert_eq!(read_markers(line.as_bytes()).1, [], "{line}");
            assert_eq!(
                bare(line),
                line.split_whitespace().collect::<Vec<_>>().join(" ")
            );
        }
        for line in [
            "x // codex-review: ignore eval-call",
            "codex-review: ignore a -- */",
        ] {
            let (markers, without_reason) = read_markers(line.as_bytes());
            assert_eq!(markers, []);
            assert_eq!(without_reason, [MarkerWithoutReason { line: 1 }]);
        }
    }
}
