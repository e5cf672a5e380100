//! The location check: does the file of a finding exist, are the lines in it, were they changed?
//!
//! [`check_locations`] is pure. It never fails: a finding that points at nothing is [`Placement::Rejected`] and counted
//! in the [`LocationSummary`]. How a reviewer spells a path is the business of [`super::spelling`].

use std::collections::BTreeMap;

use super::spelling::{self, Spelling};
use super::{Finding, LineRange};

/// How many unchanged lines beside a change count as part of it: as many as a patch shows.
pub const SHOWN_CONTEXT_LINES: u32 = 3;

/// What the location check said about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// The check has not run, or the finding names no file.
    Unchecked,
    /// The lines were changed (or lie within the shown context of a change), or the finding is about a changed file. Where
    /// the whole repository is the [`Scope`], also any of its other files.
    OnChange,
    /// The file is part of the change and the lines exist, but they were not changed.
    OffChange,
    /// The lines or the path as given do not exist; the finding was moved to what they most likely mean.
    Relocated {
        /// The file as the reviewer gave it.
        from_file: String,
        /// The lines as the reviewer gave them.
        from_lines: Option<LineRange>,
    },
    /// The file exists and is not part of the change.
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

    /// A stable word for JSON and logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Placement::Unchecked => "unchecked",
            Placement::OnChange => "on-change",
            Placement::OffChange => "off-change",
            Placement::Relocated { .. } => "relocated",
            Placement::OutsideChange => "outside-change",
            Placement::Rejected => "rejected",
        }
    }
}

/// A file of the change, as far as the location check needs it. One path may occur more than once (staged and unstaged
/// parts of the same file): their lines are taken together.
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
    /// Of those, the lines that were added or rewritten.
    pub added: ChangedLines,
}

/// Ranges of changed lines in the new version. A pure deletion is the line it happened after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedLines(pub Vec<LineRange>);

impl ChangedLines {
    /// Whether `lines` lie on a changed range or within `context` lines of one.
    #[must_use]
    pub fn touches(&self, lines: LineRange, context: u32) -> bool {
        self.0.iter().any(|range| range.distance(lines) <= context)
    }

    /// The changed range nearest to `lines`; the earlier of two equally near ones. `None` without ranges.
    #[must_use]
    pub fn nearest(&self, lines: LineRange) -> Option<LineRange> {
        self.0
            .iter()
            .copied()
            .min_by_key(|range| (range.distance(lines), range.start()))
    }
}

/// Where findings belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// On the change; other files are beside it.
    #[default]
    Change,
    /// Anywhere in the repository: the files are those of a plan, which speaks of all others.
    Repository,
}

/// What findings are checked against.
pub struct ReviewedTree<'a> {
    /// Every spelling of the repository root, such as the one that was opened and the one with links resolved. An
    /// absolute path below any of them is made relative.
    pub roots: &'a [&'a str],
    /// The files of the change.
    pub files: &'a [ChangedFile],
    /// Says how many lines a file outside the change has, or `None` when there is none. It is asked for relative paths
    /// without `..` only.
    pub line_count: &'a dyn Fn(&str) -> Option<u32>,
    /// Where findings belong.
    pub scope: Scope,
}

/// How many findings the check put where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LocationSummary {
    /// On changed lines.
    pub on_change: usize,
    /// In a changed file, on lines that were not changed.
    pub off_change: usize,
    /// Moved.
    pub relocated: usize,
    /// In a file that is not part of the change.
    pub outside_change: usize,
    /// Pointing at nothing.
    pub rejected: usize,
    /// About no file, or not checked.
    pub unchecked: usize,
}

impl LocationSummary {
    /// Counts findings by their placement.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let mut summary = LocationSummary::default();
        for finding in findings {
            let count = match finding.placement {
                Placement::Unchecked => &mut summary.unchecked,
                Placement::OnChange => &mut summary.on_change,
                Placement::OffChange => &mut summary.off_change,
                Placement::Relocated { .. } => &mut summary.relocated,
                Placement::OutsideChange => &mut summary.outside_change,
                Placement::Rejected => &mut summary.rejected,
            };
            *count += 1;
        }
        summary
    }

    /// All findings together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.on_change
            + self.off_change
            + self.relocated
            + self.outside_change
            + self.rejected
            + self.unchecked
    }
}

/// Checks every finding against the change: normalises its file and lines and sets its [`Placement`].
///
/// A finding without a file is about the change as a whole and stays [`Placement::Unchecked`]. Lines that end after the
/// file does are cut to it; lines that begin after its end move to the nearest changed ones. Running the check again on
/// its own result changes nothing, except that what was relocated is then found where it was moved to.
pub fn check_locations(findings: &mut [Finding], tree: &ReviewedTree<'_>) -> LocationSummary {
    let changed = ChangedPaths::new(tree.files);
    for finding in findings.iter_mut() {
        place(finding, tree, &changed);
    }
    LocationSummary::of(findings)
}

fn place(finding: &mut Finding, tree: &ReviewedTree<'_>, changed: &ChangedPaths<'_>) {
    let spellings = spelling::spellings(&finding.file, tree.roots);
    let given = finding.file.clone();
    let given_lines = finding.lines;
    if spelling::names_the_whole_change(&given, tree.roots) {
        finding.file.clear();
        finding.lines = None;
        finding.placement = Placement::Unchecked;
        return;
    }
    for Spelling { path, lines } in &spellings {
        let lines = given_lines.or(*lines);
        if let Some(file) = changed.by_path.get(path.as_str()) {
            finding.file.clone_from(path);
            settle(finding, file, lines, None, &given);
            return;
        }
        if let Some(new_path) = changed.by_old_path.get(path.as_str()) {
            let file = &changed.by_path[new_path];
            finding.file = (*new_path).to_owned();
            settle(finding, file, lines, Some(given_lines), &given);
            return;
        }
        if let Some(line_count) = (tree.line_count)(path) {
            finding.file.clone_from(path);
            finding.lines = lines;
            let found = match tree.scope {
                Scope::Change => Placement::OutsideChange,
                Scope::Repository => Placement::OnChange,
            };
            finding.placement = match lines {
                Some(lines) if lines.start() > line_count => Placement::Rejected,
                Some(lines) => {
                    finding.lines = Some(lines.cut(line_count));
                    found
                }
                None => found,
            };
            return;
        }
    }

    let tail = match spellings.is_empty() {
        true => spelling::tail(&given).map(|path| Spelling { path, lines: None }),
        false => None,
    };
    let alike = spellings.iter().chain(&tail).find_map(|spelling| {
        let path = changed.alike(&spelling.path)?;
        Some((path, given_lines.or(spelling.lines)))
    });
    let Some((path, lines)) = alike else {
        finding.placement = Placement::Rejected;
        return;
    };
    finding.file = path.to_owned();
    let file = &changed.by_path[path];
    settle(finding, file, lines, Some(given_lines), &given);
}

/// Decides about the lines of a finding whose file is known to be part of the change. `moved` carries the lines as they
/// were given when the path had to be replaced.
fn settle(
    finding: &mut Finding,
    file: &FileLines,
    lines: Option<LineRange>,
    moved: Option<Option<LineRange>>,
    given: &str,
) {
    let relocated = |from_lines| Placement::Relocated {
        from_file: given.to_owned(),
        from_lines,
    };
    let Some(lines) = lines else {
        finding.lines = None;
        finding.placement = moved.map_or(Placement::OnChange, relocated);
        return;
    };
    let Some(line_count) = file.line_count else {
        // Deleted or binary: there are no lines in the new version, so the finding is about the file.
        finding.lines = None;
        finding.placement = relocated(Some(lines));
        return;
    };
    if lines.start() > line_count {
        finding.lines = file.changed.nearest(lines);
        finding.placement = relocated(Some(lines));
        return;
    }
    let lines = lines.cut(line_count);
    finding.lines = Some(lines);
    finding.placement = match moved {
        Some(from_lines) => relocated(from_lines),
        None if file.changed.touches(lines, SHOWN_CONTEXT_LINES) => Placement::OnChange,
        None => Placement::OffChange,
    };
}

/// The lines of one path of the change, from all the parts in which it occurs.
#[derive(Debug, Default)]
struct FileLines {
    line_count: Option<u32>,
    changed: ChangedLines,
}

/// The change, by path.
struct ChangedPaths<'a> {
    by_path: BTreeMap<&'a str, FileLines>,
    by_old_path: BTreeMap<&'a str, &'a str>,
}

impl<'a> ChangedPaths<'a> {
    fn new(files: &'a [ChangedFile]) -> Self {
        let mut by_path: BTreeMap<&str, FileLines> = BTreeMap::new();
        let mut by_old_path = BTreeMap::new();
        for file in files {
            let lines = by_path.entry(file.path.as_str()).or_default();
            lines.line_count = lines.line_count.max(file.line_count);
            lines.changed.0.extend_from_slice(&file.changed.0);
            if let Some(old_path) = &file.old_path {
                by_old_path.insert(old_path.as_str(), file.path.as_str());
            }
        }
        ChangedPaths {
            by_path,
            by_old_path,
        }
    }

    /// The one changed path that `path` can only mean: it ends with `path`, `path` ends with it, or both have the same
    /// file name. `None` when there is none, or more than one.
    fn alike(&self, path: &str) -> Option<&'a str> {
        let shorter = self.only(|changed| is_tail(path, changed));
        if shorter.is_some() {
            return shorter;
        }
        // Of several changed paths that `path` ends with, the longest says the most.
        let longer = self
            .by_path
            .keys()
            .copied()
            .filter(|changed| is_tail(changed, path))
            .max_by_key(|changed| changed.len());
        longer.or_else(|| {
            let name = file_name(path);
            self.only(|changed| file_name(changed) == name)
        })
    }

    fn only(&self, matches: impl Fn(&str) -> bool) -> Option<&'a str> {
        let mut found = self.by_path.keys().copied().filter(|path| matches(path));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

/// Whether `whole` ends with the path components of `tail`.
fn is_tail(tail: &str, whole: &str) -> bool {
    whole
        .strip_suffix(tail)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{FindingOrigin, Severity};

    fn range(start: u32, end: u32) -> LineRange {
        LineRange::new(start, end)
    }

    fn finding(file: &str, lines: Option<(u32, u32)>) -> Finding {
        Finding {
            severity: Severity::High,
            title: "t".to_owned(),
            body: String::new(),
            file: file.to_owned(),
            lines: lines.map(|(start, end)| range(start, end)),
            confidence: None,
            recommendation: None,
            origin: FindingOrigin::Model,
            placement: Placement::Unchecked,
            fingerprint: None,
            exclusion: None,
            carried_from: None,
        }
    }

    fn changed(path: &str, line_count: Option<u32>, ranges: &[(u32, u32)]) -> ChangedFile {
        ChangedFile {
            path: path.to_owned(),
            old_path: None,
            line_count,
            changed: ChangedLines(
                ranges
                    .iter()
                    .map(|&(start, end)| range(start, end))
                    .collect(),
            ),
            added: ChangedLines::default(),
        }
    }

    fn files() -> Vec<ChangedFile> {
        let mut renamed = changed("src/new_name.rs", Some(50), &[(10, 12)]);
        renamed.old_path = Some("src/old_name.rs".to_owned());
        vec![
            changed("src/lib.rs", Some(100), &[(20, 30), (60, 60)]),
            changed("src/a b.rs", Some(10), &[(1, 10)]),
            changed("web/mod.rs", Some(10), &[(1, 1)]),
            changed("core/mod.rs", Some(10), &[(1, 1)]),
            changed("gone.rs", None, &[]),
            changed("mode_only.sh", Some(5), &[]),
            // One path, staged and unstaged.
            changed("twice.rs", Some(40), &[(1, 1)]),
            changed("twice.rs", Some(44), &[(40, 44)]),
            renamed,
        ]
    }

    fn outside(path: &str) -> Option<u32> {
        assert!(
            !path.starts_with('/') && !path.split('/').any(|part| part == ".."),
            "asked for `{path}`"
        );
        match path {
            "README.md" => Some(7),
            "b/odd.rs" => Some(3),
            _ => None,
        }
    }

    /// `expected` is what the finding says afterwards: file, lines, placement.
    #[track_caller]
    fn check(file: &str, lines: Option<(u32, u32)>, expected: (&str, Option<(u32, u32)>, &str)) {
        let mut findings = [finding(file, lines)];
        let files = files();
        let tree = ReviewedTree {
            roots: &["/tmp/repo", "/home/me/link"],
            files: &files,
            line_count: &outside,
            scope: Scope::Change,
        };
        let summary = check_locations(&mut findings, &tree);
        assert_eq!(summary.total(), 1);
        let [found] = &findings;
        assert_eq!(
            (
                found.file.as_str(),
                found.lines.map(|lines| (lines.start(), lines.end())),
                found.placement.as_str()
            ),
            expected,
            "for {file:?} {lines:?}"
        );
        if let Placement::Relocated {
            from_file,
            from_lines,
        } = &found.placement
        {
            assert_eq!(from_file, file);
            if lines.is_some() {
                assert_eq!(from_lines.map(|lines| (lines.start(), lines.end())), lines);
            }
        }
    }

    #[test]
    fn lines_decide_between_on_and_off_the_change() {
        let on = "on-change";
        check(
            "src/lib.rs",
            Some((25, 25)),
            ("src/lib.rs", Some((25, 25)), on),
        );
        check(
            "src/lib.rs",
            Some((10, 20)),
            ("src/lib.rs", Some((10, 20)), on),
        );
        check(
            "src/lib.rs",
            Some((1, 100)),
            ("src/lib.rs", Some((1, 100)), on),
        );
        // Within the three lines that a patch shows beside the change.
        check(
            "src/lib.rs",
            Some((33, 33)),
            ("src/lib.rs", Some((33, 33)), on),
        );
        check(
            "src/lib.rs",
            Some((17, 17)),
            ("src/lib.rs", Some((17, 17)), on),
        );
        let off = "off-change";
        check(
            "src/lib.rs",
            Some((34, 34)),
            ("src/lib.rs", Some((34, 34)), off),
        );
        check(
            "src/lib.rs",
            Some((16, 16)),
            ("src/lib.rs", Some((16, 16)), off),
        );
        check("src/lib.rs", None, ("src/lib.rs", None, on));
        check(
            "mode_only.sh",
            Some((1, 1)),
            ("mode_only.sh", Some((1, 1)), off),
        );
        check("twice.rs", Some((42, 42)), ("twice.rs", Some((42, 42)), on));
        check("twice.rs", Some((1, 1)), ("twice.rs", Some((1, 1)), on));
    }

    #[test]
    fn lines_past_the_end_are_cut_or_moved_to_the_nearest_change() {
        check(
            "src/lib.rs",
            Some((60, 400)),
            ("src/lib.rs", Some((60, 100)), "on-change"),
        );
        check(
            "src/lib.rs",
            Some((90, 400)),
            ("src/lib.rs", Some((90, 100)), "off-change"),
        );
        check(
            "src/lib.rs",
            Some((101, 101)),
            ("src/lib.rs", Some((60, 60)), "relocated"),
        );
        check(
            "src/lib.rs",
            Some((u32::MAX, u32::MAX)),
            ("src/lib.rs", Some((60, 60)), "relocated"),
        );
        check(
            "mode_only.sh",
            Some((6, 6)),
            ("mode_only.sh", None, "relocated"),
        );
        // A deleted file has no lines left: the finding is about the file.
        check("gone.rs", Some((3, 4)), ("gone.rs", None, "relocated"));
        check("gone.rs", None, ("gone.rs", None, "on-change"));
    }

    #[test]
    fn paths_are_understood_however_they_are_spelled() {
        for file in [
            "src/lib.rs",
            "./src/lib.rs",
            "/tmp/repo/src/lib.rs",
            "/private/tmp/repo/src/lib.rs",
            "/home/me/link/src/lib.rs",
            "file:///tmp/repo/src/lib.rs",
            "a/src/lib.rs",
            "b/src/lib.rs",
            "src\\lib.rs",
            ".\\src\\lib.rs",
            "`src/lib.rs`",
            "\"src/lib.rs\"",
            "  src/lib.rs\n",
            "src//lib.rs",
            "src/./lib.rs",
            "src/x/../lib.rs",
            "src%2Flib.rs",
            "src/lib.rs:25",
            "src/lib.rs:25:9",
            "src/lib.rs#L25-L26",
        ] {
            check(
                file,
                Some((25, 25)),
                ("src/lib.rs", Some((25, 25)), "on-change"),
            );
        }
        check(
            "src/a%20b.rs",
            Some((1, 1)),
            ("src/a b.rs", Some((1, 1)), "on-change"),
        );
        check(
            "src/lib.rs:25-26",
            None,
            ("src/lib.rs", Some((25, 26)), "on-change"),
        );
        check(
            "src/lib.rs#L40",
            None,
            ("src/lib.rs", Some((40, 40)), "off-change"),
        );
        // What is there literally wins over any reading of it.
        check(
            "b/odd.rs",
            Some((1, 1)),
            ("b/odd.rs", Some((1, 1)), "outside-change"),
        );
    }

    #[test]
    fn paths_that_can_only_mean_one_file_are_relocated() {
        check(
            "src/old_name.rs",
            Some((11, 11)),
            ("src/new_name.rs", Some((11, 11)), "relocated"),
        );
        check(
            "lib.rs",
            Some((25, 25)),
            ("src/lib.rs", Some((25, 25)), "relocated"),
        );
        check(
            "/workspace/x/src/lib.rs",
            Some((25, 25)),
            ("src/lib.rs", Some((25, 25)), "relocated"),
        );
        check("crates/a/lib.rs", None, ("src/lib.rs", None, "relocated"));
        check(
            "../repo/src/lib.rs",
            Some((25, 25)),
            ("src/lib.rs", Some((25, 25)), "relocated"),
        );
        check(
            "x/web/mod.rs",
            Some((1, 1)),
            ("web/mod.rs", Some((1, 1)), "relocated"),
        );
        check(
            "lib.rs",
            Some((999, 999)),
            ("src/lib.rs", Some((60, 60)), "relocated"),
        );
    }

    #[test]
    fn what_points_at_nothing_is_rejected() {
        // Two files are called so.
        check("mod.rs", Some((1, 1)), ("mod.rs", Some((1, 1)), "rejected"));
        check(
            "src/nowhere.rs",
            Some((1, 1)),
            ("src/nowhere.rs", Some((1, 1)), "rejected"),
        );
        check(
            "/etc/passwd",
            Some((1, 1)),
            ("/etc/passwd", Some((1, 1)), "rejected"),
        );
        check(
            "../../etc/passwd",
            None,
            ("../../etc/passwd", None, "rejected"),
        );
        check(
            "README.md",
            Some((8, 9)),
            ("README.md", Some((8, 9)), "rejected"),
        );
        // Exists below the root, but that is not what an absolute path means.
        check("/README.md", None, ("/README.md", None, "rejected"));
        check("src", None, ("src", None, "rejected"));
        let long = "x/".repeat(5000);
        check(&long, None, (&long, None, "rejected"));
    }

    #[test]
    fn files_outside_the_change_are_marked_so() {
        check(
            "README.md",
            Some((7, 7)),
            ("README.md", Some((7, 7)), "outside-change"),
        );
        check(
            "README.md",
            Some((6, 99)),
            ("README.md", Some((6, 7)), "outside-change"),
        );
        check(
            "/tmp/repo/README.md",
            None,
            ("README.md", None, "outside-change"),
        );
    }

    #[test]
    fn a_finding_about_the_whole_change_stays_unchecked() {
        for file in ["", "  ", ".", "./", "/tmp/repo", "/tmp/repo/"] {
            check(file, Some((1, 1)), ("", None, "unchecked"));
        }
    }

    #[test]
    fn the_summary_counts_every_finding_once() {
        let mut findings = [
            finding("src/lib.rs", Some((25, 25))),
            finding("src/lib.rs", Some((1, 1))),
            finding("lib.rs", Some((1, 1))),
            finding("README.md", None),
            finding("nowhere", None),
            finding("", None),
        ];
        let files = files();
        let tree = ReviewedTree {
            roots: &["/tmp/repo"],
            files: &files,
            line_count: &outside,
            scope: Scope::Change,
        };
        assert_eq!(
            check_locations(&mut findings, &tree),
            LocationSummary {
                on_change: 1,
                off_change: 1,
                relocated: 1,
                outside_change: 1,
                rejected: 1,
                unchecked: 1,
            }
        );
    }
}
