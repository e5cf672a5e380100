//! Which findings count, by where they are (`--filter`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{ChangedFile, ChangedLines, Exclusion, Finding, LineRange, SHOWN_CONTEXT_LINES};

/// Which findings count. One that is about the change as a whole always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FindingFilter {
    /// Those on added lines, and those about a changed file as a whole.
    Added,
    /// Those within the hunks of the diff, and those about a changed file as a whole.
    Diff,
    /// Those anywhere in changed files.
    File,
    /// All.
    #[default]
    None,
}

impl FindingFilter {
    /// Every word that is understood, strictest first.
    pub const WORDS: [&'static str; 4] = ["added", "diff", "file", "none"];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FindingFilter::Added => "added",
            FindingFilter::Diff => "diff",
            FindingFilter::File => "file",
            FindingFilter::None => "none",
        }
    }
}

impl fmt::Display for FindingFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word names no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown filter `{0}` (expected added, diff, file or none)")]
pub struct UnknownFilter(pub String);

impl FromStr for FindingFilter {
    type Err = UnknownFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            FindingFilter::Added,
            FindingFilter::Diff,
            FindingFilter::File,
            FindingFilter::None,
        ]
        .into_iter()
        .find(|filter| filter.as_str() == text)
        .ok_or_else(|| UnknownFilter(text.to_owned()))
    }
}

/// Marks what the filter takes out. Findings that point at nothing or are excused already stay as they are.
pub fn apply_filter(findings: &mut [Finding], files: &[ChangedFile], filter: FindingFilter) {
    if filter == FindingFilter::None {
        return;
    }
    let mut places: BTreeMap<&str, Vec<&ChangedFile>> = BTreeMap::new();
    for file in files {
        places.entry(&file.path).or_default().push(file);
    }
    for finding in findings {
        if finding.file.is_empty() || finding.placement.is_rejected() || finding.exclusion.is_some()
        {
            continue;
        }
        let counts = match (places.get(finding.file.as_str()), finding.lines) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(files), Some(lines)) => files.iter().any(|file| holds(filter, file, lines)),
        };
        if !counts {
            finding.exclusion = Some(Exclusion::Filter(filter));
        }
    }
}

fn holds(filter: FindingFilter, file: &ChangedFile, lines: LineRange) -> bool {
    let touches = |changed: &ChangedLines, context| changed.touches(lines, context);
    match filter {
        FindingFilter::Added => touches(&file.added, 0),
        FindingFilter::Diff => touches(&file.changed, SHOWN_CONTEXT_LINES),
        FindingFilter::File | FindingFilter::None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{FindingOrigin, Placement, Severity};

    #[track_caller]
    fn check(file: &str, lines: Option<(u32, u32)>, counted_by: &[&str]) {
        let range = |start, end| LineRange::new(start, end);
        let files = [ChangedFile {
            path: "a.rs".to_owned(),
            old_path: None,
            line_count: Some(100),
            // Lines were added at 10 to 12, and only removed at 50.
            changed: ChangedLines(vec![range(10, 12), range(50, 50)]),
            added: ChangedLines(vec![range(10, 12)]),
        }];
        let counts = |filter: &&str| {
            let mut findings = [Finding {
                severity: Severity::High,
                title: String::new(),
                body: String::new(),
                file: file.to_owned(),
                lines: lines.map(|(start, end)| range(start, end)),
                confidence: None,
                recommendation: None,
                origin: FindingOrigin::Model,
                placement: Placement::OnChange,
                carried_from: None,
                fingerprint: None,
                exclusion: None,
            }];
            let filter: FindingFilter = filter.parse().unwrap();
            apply_filter(&mut findings, &files, filter);
            let [finding] = findings;
            match finding.exclusion {
                None => true,
                other => {
                    assert_eq!(other, Some(Exclusion::Filter(filter)));
                    false
                }
            }
        };
        let counted: Vec<&str> = FindingFilter::WORDS.into_iter().filter(counts).collect();
        assert_eq!(counted, counted_by, "{file} {lines:?}");
    }

    #[test]
    fn each_filter_counts_what_lies_where_it_looks() {
        check("a.rs", Some((11, 11)), &["added", "diff", "file", "none"]);
        check("a.rs", Some((5, 10)), &["added", "diff", "file", "none"]);
        check("a.rs", Some((15, 15)), &["diff", "file", "none"]);
        check("a.rs", Some((50, 50)), &["diff", "file", "none"]);
        check("a.rs", Some((30, 30)), &["file", "none"]);
        check("a.rs", None, &["added", "diff", "file", "none"]);
        check("b.rs", Some((11, 11)), &["none"]);
        check("b.rs", None, &["none"]);
        check("", None, &["added", "diff", "file", "none"]);
    }

    #[test]
    fn another_word_is_no_filter() {
        let error = "adde".parse::<FindingFilter>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown filter `adde` (expected added, diff, file or none)"
        );
    }
}
