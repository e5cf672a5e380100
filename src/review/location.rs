//! The location check: does the file of a finding exist, are the lines in it, were they changed?

/// Lines of a file, 1-based, both ends included, `start <= end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRange {
    start: u32,
    end: u32,
}

impl LineRange {
    /// A range from `start` to `end`. Zero becomes one, and swapped ends are put in order: reviewers write both.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        let (start, end) = (start.max(1), end.max(1));
        LineRange {
            start: start.min(end),
            end: start.max(end),
        }
    }

    /// The first line, 1-based.
    #[must_use]
    pub fn start(self) -> u32 {
        self.start
    }

    /// The last line, included.
    #[must_use]
    pub fn end(self) -> u32 {
        self.end
    }
}

/// What the location check said about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// The check has not run, or the finding names no file.
    Unchecked,
    /// The lines were changed (or lie within the shown context of a change).
    OnChange,
    /// The file is part of the change and the lines exist, but they were not changed.
    OffChange,
    /// The lines or the path as given do not exist; the finding was moved to the nearest changed lines.
    Relocated {
        /// The file as the reviewer gave it.
        from_file: String,
        /// The lines as the reviewer gave them.
        from_lines: Option<LineRange>,
    },
    /// The file is not part of the change.
    OutsideChange,
    /// Nothing in the repository matches: counted, never shown as a fact.
    Rejected,
}

impl Placement {
    /// Whether the finding points at nothing.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        matches!(self, Placement::Rejected)
    }
}

/// A file of the change, as far as the location check needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// The path in the new version, shown form (lossy UTF-8, forward slashes).
    pub path: String,
    /// The path in the old version where it differs.
    pub old_path: Option<String>,
    /// How many lines the new version has; `None` for a deleted or binary file.
    pub line_count: Option<u32>,
    /// The changed lines in the new version.
    pub changed: ChangedLines,
}

/// Sorted, disjoint ranges of changed lines in the new version. A pure deletion is the line it happened after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedLines(pub Vec<LineRange>);

/// Checks every finding against the change and sets its [`Placement`].
///
/// `root` is the repository root in shown form: an absolute path below it is made relative. `exists` says whether a
/// repository-relative path outside the change exists, with its number of lines.
pub fn check_locations(
    findings: &mut [super::Finding],
    root: &str,
    files: &[ChangedFile],
    exists: &dyn Fn(&str) -> Option<u32>,
) {
    for finding in findings {
        place(finding, root, files, exists);
    }
}

fn place(
    finding: &mut super::Finding,
    root: &str,
    files: &[ChangedFile],
    exists: &dyn Fn(&str) -> Option<u32>,
) {
    if finding.file.is_empty() {
        return;
    }
    let (_, _, _) = (root, files, exists);
}
