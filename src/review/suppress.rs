//! What people have accepted: the entries of a baseline and the markers in code, laid over findings.
//!
//! [`suppress`] is pure. It deletes nothing: a finding that is excused carries an [`Exclusion`] with the reason, and
//! whatever was accepted and excuses nothing is told in a [`Remark`]. Each entry of a baseline excuses at most one finding;
//! it follows its code to another file only where the file that it was accepted in is gone.

use std::collections::BTreeSet;

use super::{Day, Exclusion, Finding, FindingFilter, Fingerprint, LineRange, Marker, Severity};

/// An entry of a baseline: one finding that somebody accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedFinding {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Why it was accepted.
    pub reason: String,
    /// Who accepted it.
    pub author: String,
    /// The last day on which it counts; `None` for ever.
    pub expires: Option<Day>,
    /// How grave it was: a graver finding of the same code is not excused. `None` excuses any.
    pub severity: Option<Severity>,
    /// The file it was in; `None` for a finding about the whole change.
    pub file: Option<String>,
    /// The rule that found it; `None` for a model's.
    pub rule: Option<String>,
    /// What it was called, for people.
    pub title: Option<String>,
}

/// A marker in a file of the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedMarker {
    /// The file, in shown form.
    pub file: String,
    /// The marker.
    pub marker: Marker,
}

/// Everything that may excuse a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppressions {
    /// The baseline.
    pub accepted: Vec<AcceptedFinding>,
    /// The markers of the changed files.
    pub markers: Vec<PlacedMarker>,
    /// The day on which expiry is judged; `None` judges none as expired.
    pub today: Option<Day>,
}

/// Which side of the change says what is excused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SuppressFrom {
    /// The old one: a change cannot excuse itself.
    Base,
    /// The new one, as it lies in the working tree.
    #[default]
    New,
}

impl SuppressFrom {
    /// Every word that is understood.
    pub const WORDS: [&'static str; 2] = ["base", "new"];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SuppressFrom::Base => "base",
            SuppressFrom::New => "new",
        }
    }

    /// The side of this name; `None` for another word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [SuppressFrom::Base, SuppressFrom::New]
            .into_iter()
            .find(|from| from.as_str() == word)
    }
}

/// What is odd about something that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemarkKind {
    /// The change tried to excuse something by itself.
    Attempted,
    /// An entry has run out.
    Expired,
    /// The finding is graver than what was accepted.
    Graver,
    /// It excuses nothing that was found.
    Unmatched,
    /// A marker gives no reason.
    WithoutReason,
}

impl RemarkKind {
    /// Every kind.
    pub const ALL: [RemarkKind; 5] = [
        RemarkKind::Attempted,
        RemarkKind::Expired,
        RemarkKind::Graver,
        RemarkKind::Unmatched,
        RemarkKind::WithoutReason,
    ];

    /// A stable word for JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RemarkKind::Attempted => "attempted",
            RemarkKind::Expired => "expired",
            RemarkKind::Graver => "graver",
            RemarkKind::Unmatched => "unmatched",
            RemarkKind::WithoutReason => "without-reason",
        }
    }
}

/// Something to know about what was accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What is odd.
    pub kind: RemarkKind,
    /// What it is about: a fingerprint, `src/a.rs:12`, or a file.
    pub subject: String,
    /// One sentence for people, without the subject.
    pub text: String,
}

/// How a report was kept quiet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noise {
    /// Where findings count.
    pub filter: FindingFilter,
    /// Which side said what is excused.
    pub from: SuppressFrom,
    /// What is odd about it.
    pub remarks: Vec<Remark>,
}

/// What [`suppress`] asks about the change.
#[derive(Clone, Copy)]
pub struct SuppressedChange<'a> {
    /// Whether the new version has this file.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// Whether the file, by its new or its old name, is part of what was looked at: only there is told what excuses nothing.
    pub in_change: &'a dyn Fn(&str) -> bool,
    /// Whether the change brings any of these lines, where it has no say in what is excused: a marker of the base does not
    /// speak for lines that came after it.
    pub brings: &'a dyn Fn(&str, LineRange) -> bool,
    /// Whether the engine that judged knows rules. Where it does not, nothing is said about markers and entries of rules.
    pub knows_rules: bool,
}

/// Marks every finding that is excused, and says what was accepted in vain. Findings need their fingerprints first.
pub fn suppress(
    findings: &mut [Finding],
    suppressions: &Suppressions,
    change: SuppressedChange<'_>,
) -> Vec<Remark> {
    let mut remarks = Vec::new();
    apply_markers(findings, suppressions, change, &mut remarks);
    apply_baseline(findings, suppressions, change, &mut remarks);
    remarks.sort();
    remarks.dedup();
    remarks
}

fn apply_markers(
    findings: &mut [Finding],
    suppressions: &Suppressions,
    change: SuppressedChange<'_>,
    remarks: &mut Vec<Remark>,
) {
    for PlacedMarker { file, marker } in &suppressions.markers {
        for excused in &marker.excused {
            let mut matched = false;
            for finding in findings.iter_mut() {
                let here = finding.file == *file
                    && !finding.placement.is_rejected()
                    && finding
                        .lines
                        .is_some_and(|lines| covers(marker, lines, file, change.brings));
                if here && excused.names(finding.class(), finding.fingerprint) {
                    matched = true;
                    finding.exclusion.get_or_insert_with(|| Exclusion::Marker {
                        line: marker.line,
                        reason: marker.reason.clone(),
                    });
                }
            }
            let known = change.knows_rules || !excused.is_rule();
            if !matched && known && (change.in_change)(file) {
                remarks.push(Remark {
                    kind: RemarkKind::Unmatched,
                    subject: format!("{file}:{}", marker.line),
                    text: format!("the marker for `{}` excuses nothing", excused.as_text()),
                });
            }
        }
    }
}

/// Whether a marker is about these lines: they begin with it or with the line that it covers, and do not go on to lines
/// that it cannot speak for.
fn covers(
    marker: &Marker,
    lines: LineRange,
    file: &str,
    brings: &dyn Fn(&str, LineRange) -> bool,
) -> bool {
    let begins = (marker.line..=marker.covers).contains(&lines.start());
    let beyond = LineRange::new(marker.covers.saturating_add(1), lines.end());
    begins && (lines.end() <= marker.covers || !brings(file, beyond))
}

fn apply_baseline(
    findings: &mut [Finding],
    suppressions: &Suppressions,
    change: SuppressedChange<'_>,
    remarks: &mut Vec<Remark>,
) {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut graver: BTreeSet<usize> = BTreeSet::new();
    // The same finding first; then its twin in the same file; then its code in another file, where its own is gone.
    for nearness in [Nearness::Same, Nearness::SameFile, Nearness::Moved] {
        for (at, entry) in suppressions.accepted.iter().enumerate() {
            if used.contains(&at) {
                continue;
            }
            let found = findings.iter().enumerate().find(|(index, finding)| {
                !taken.contains(index) && nearness.holds(entry, finding, change.exists)
            });
            let Some((index, finding)) = found else {
                continue;
            };
            let subject = entry.fingerprint.to_string();
            if let (Some(last), Some(today)) = (entry.expires, suppressions.today)
                && last < today
            {
                used.insert(at);
                taken.insert(index);
                remarks.push(Remark {
                    kind: RemarkKind::Expired,
                    subject,
                    text: format!(
                        "its acceptance by {} ended on {last} ({})",
                        entry.author, entry.reason
                    ),
                });
                continue;
            }
            if let Some(accepted) = entry.severity
                && finding.severity > accepted
            {
                if graver.insert(at) {
                    remarks.push(Remark {
                        kind: RemarkKind::Graver,
                        subject,
                        text: format!(
                            "it was accepted as {accepted} and is now {}",
                            finding.severity
                        ),
                    });
                }
                continue;
            }
            used.insert(at);
            taken.insert(index);
            // A marker nearer to the code has said so already.
            findings[index]
                .exclusion
                .get_or_insert_with(|| Exclusion::Baseline {
                    reason: entry.reason.clone(),
                    author: entry.author.clone(),
                });
        }
    }
    for (at, entry) in suppressions.accepted.iter().enumerate() {
        let looked_at = entry
            .file
            .as_deref()
            .is_none_or(|file| (change.in_change)(file));
        let known = change.knows_rules || entry.rule.is_none();
        if !used.contains(&at) && !graver.contains(&at) && looked_at && known {
            let place = entry.file.as_deref().unwrap_or("the whole change");
            let title = entry.title.as_deref().unwrap_or("a finding");
            remarks.push(Remark {
                kind: RemarkKind::Unmatched,
                subject: entry.fingerprint.to_string(),
                text: format!("nothing was found that it accepts ({title}, in {place})"),
            });
        }
    }
}

#[derive(Clone, Copy)]
enum Nearness {
    Same,
    SameFile,
    Moved,
}

impl Nearness {
    fn holds(
        self,
        entry: &AcceptedFinding,
        finding: &Finding,
        exists: &dyn Fn(&str) -> bool,
    ) -> bool {
        let Some(fingerprint) = finding.fingerprint else {
            return false;
        };
        if finding.placement.is_rejected() || !fingerprint.is_twin_of(entry.fingerprint) {
            return false;
        }
        let same_file = entry.file.as_deref().unwrap_or_default() == finding.file;
        match self {
            Nearness::Same => same_file && fingerprint == entry.fingerprint,
            Nearness::SameFile => same_file,
            Nearness::Moved => {
                !finding.file.is_empty() && entry.file.as_deref().is_some_and(|file| !exists(file))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{FindingOrigin, LineRange, Placement, identify};

    const CODE: &str = "let total = price * count + shipping;\n";

    fn finding(file: &str, severity: Severity) -> Finding {
        Finding {
            severity,
            title: "Overflow".to_owned(),
            body: String::new(),
            file: file.to_owned(),
            lines: Some(LineRange::new(1, 1)),
            confidence: None,
            recommendation: None,
            origin: FindingOrigin::Model,
            placement: Placement::OnChange,
            carried_from: None,
            fingerprint: None,
            exclusion: None,
        }
    }

    fn identified(findings: &[Finding]) -> Vec<Finding> {
        let mut findings = findings.to_vec();
        identify(&mut findings, &mut |_| Some(CODE.as_bytes().to_vec()));
        findings
    }

    fn accepted(finding: &Finding) -> AcceptedFinding {
        AcceptedFinding {
            fingerprint: finding.fingerprint.unwrap(),
            reason: "known".to_owned(),
            author: "Ann".to_owned(),
            expires: None,
            severity: Some(finding.severity),
            file: Some(finding.file.clone()),
            rule: None,
            title: None,
        }
    }

    /// Which findings count after `entries` were laid over them, and the kinds of remarks. Only files in `there` exist.
    fn laid_over(
        mut findings: Vec<Finding>,
        entries: Vec<AcceptedFinding>,
        there: &[&str],
    ) -> (Vec<bool>, Vec<RemarkKind>) {
        let suppressions = Suppressions {
            accepted: entries,
            ..Suppressions::default()
        };
        let remarks = suppress(
            &mut findings,
            &suppressions,
            SuppressedChange {
                exists: &|file| there.contains(&file),
                in_change: &|_| true,
                brings: &|_, _| false,
                knows_rules: true,
            },
        );
        (
            findings.iter().map(Finding::counts).collect(),
            remarks.into_iter().map(|remark| remark.kind).collect(),
        )
    }

    #[test]
    fn an_acceptance_stays_with_its_file_while_that_is_there() {
        let both = identified(&[
            finding("a.rs", Severity::High),
            finding("b.rs", Severity::High),
        ]);
        let in_b = accepted(&both[1]);
        let there = ["a.rs", "b.rs"];
        assert_eq!(
            laid_over(both.clone(), vec![in_b.clone()], &there),
            (vec![true, false], vec![])
        );
        // Alone, the finding in b.rs is no twin any more and is the same finding all the same.
        let alone = identified(&[finding("b.rs", Severity::High)]);
        assert_eq!(
            laid_over(alone, vec![in_b.clone()], &there),
            (vec![false], vec![])
        );
        let only_a = identified(&[finding("a.rs", Severity::High)]);
        assert_eq!(
            laid_over(only_a.clone(), vec![in_b.clone()], &there),
            (vec![true], vec![RemarkKind::Unmatched])
        );
        // b.rs is gone: its code has moved.
        assert_eq!(
            laid_over(only_a, vec![in_b], &["a.rs"]),
            (vec![false], vec![])
        );
    }

    #[test]
    fn one_acceptance_excuses_one_finding() {
        let moved = identified(&[
            finding("x.rs", Severity::High),
            finding("y.rs", Severity::High),
        ]);
        let mut entry = accepted(&moved[0]);
        entry.file = Some("gone.rs".to_owned());
        assert_eq!(
            laid_over(moved, vec![entry], &["x.rs", "y.rs"]),
            (vec![false, true], vec![])
        );
    }

    #[test]
    fn an_acceptance_covers_no_graver_finding() {
        let low = identified(&[finding("a.rs", Severity::Low)]);
        let critical = identified(&[finding("a.rs", Severity::Critical)]);
        let entry = accepted(&low[0]);
        assert_eq!(
            laid_over(critical.clone(), vec![entry.clone()], &["a.rs"]),
            (vec![true], vec![RemarkKind::Graver])
        );
        let any = AcceptedFinding {
            severity: None,
            ..entry
        };
        assert_eq!(laid_over(critical, vec![any], &["a.rs"]).0, [false]);
    }

    #[test]
    fn a_marker_speaks_for_what_begins_at_it_and_not_for_lines_that_came_after_it() {
        let text = b"// codex-review: ignore review -- known\nfn one() {\n    two();\n}\n";
        let markers = crate::review::read_markers(text).0;
        let check = |start: u32, end: u32, brought: Option<u32>, expected: bool| {
            let mut findings = [finding("a.rs", Severity::High)];
            findings[0].lines = Some(LineRange::new(start, end));
            let suppressions = Suppressions {
                markers: vec![PlacedMarker {
                    file: "a.rs".to_owned(),
                    marker: markers[0].clone(),
                }],
                ..Suppressions::default()
            };
            let change = SuppressedChange {
                exists: &|_| true,
                in_change: &|_| true,
                brings: &|_, lines| {
                    brought.is_some_and(|line| lines.distance(LineRange::new(line, line)) == 0)
                },
                knows_rules: false,
            };
            let remarks = suppress(&mut findings, &suppressions, change);
            assert_eq!(!findings[0].counts(), expected, "{start}-{end} {brought:?}");
            assert_eq!(remarks.is_empty(), expected);
        };
        check(2, 2, None, true);
        check(1, 2, None, true);
        check(2, 4, None, true);
        check(3, 3, None, false);
        check(2, 4, Some(3), false);
        // The covered line itself was compared with the base.
        check(2, 2, Some(2), true);
    }

    #[test]
    fn what_points_at_nothing_is_neither_excused_nor_counted() {
        let mut rejected = identified(&[finding("a.rs", Severity::Low)]);
        let entry = accepted(&rejected[0]);
        rejected[0].placement = Placement::Rejected;
        assert_eq!(
            laid_over(rejected, vec![entry], &["a.rs"]),
            (vec![false], vec![RemarkKind::Unmatched])
        );
    }
}
