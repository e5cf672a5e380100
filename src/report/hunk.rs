//! Pieces of the change that a report carries, so that findings can be shown beside the lines they are about.
//!
//! Whoever makes the report has the whole change; the report keeps what lies around its findings ([`keep_beside`]), within
//! a bound. Nothing here reads a repository. Text that cannot be read as a patch gives no hunks, and is no error.

use std::ops::Range;

use crate::hunk_header::HunkHeader;
use crate::review::{Finding, LineRange};

/// Lines that are shown before and behind the lines of a finding.
const AROUND: usize = 8;

/// The most lines that are shown beside one finding.
const MAX_LINES: usize = 60;

/// The most hunks that are shown beside one finding.
const MAX_HUNKS: usize = 4;

/// What is shown of a file that a finding is about as a whole.
const WHOLE_FILE_LINES: usize = 24;

/// A run of lines of the change, as a patch shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The file in the new version, shown form: as findings name it.
    pub file: String,
    /// The number of the first old line, 1-based; git's number where the old side is empty.
    pub old_start: u32,
    /// The number of the first new line, 1-based; git's number where the new side is empty.
    pub new_start: u32,
    /// What git writes behind the place, such as the function's first line; empty without.
    pub heading: String,
    /// The lines. Secrets have been taken out by whoever made the hunk.
    pub lines: Vec<HunkLine>,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HunkLine {
    /// Which version has it.
    pub side: LineSide,
    /// Its text, without a sign and without the line end.
    pub text: String,
}

/// Which version has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineSide {
    /// Both: it was not changed.
    Both,
    /// The old one alone: it was removed.
    Old,
    /// The new one alone: it was added.
    New,
}

impl LineSide {
    /// The sign that a patch puts before such a line.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            LineSide::Both => ' ',
            LineSide::Old => '-',
            LineSide::New => '+',
        }
    }

    /// The side that this sign stands for; `None` for any other character.
    #[must_use]
    pub fn from_sign(sign: char) -> Option<LineSide> {
        [LineSide::Both, LineSide::Old, LineSide::New]
            .into_iter()
            .find(|side| side.sign() == sign)
    }
}

impl Hunk {
    /// The hunks of one file's patch.
    #[must_use]
    pub fn parse_patch(file: &str, patch: &str) -> Vec<Hunk> {
        let mut hunks: Vec<Hunk> = Vec::new();
        // How many old and new lines the hunk still wants: a removed line may look like a header.
        let mut wanted = (0, 0);
        for line in patch.split('\n') {
            if wanted == (0, 0) {
                if let Some((hunk, lines)) = parse_head(file, line) {
                    hunks.push(hunk);
                    wanted = lines;
                }
                continue;
            }
            let Some(hunk) = hunks.last_mut() else {
                continue;
            };
            let Some(side) = line.chars().next().and_then(LineSide::from_sign) else {
                // `\ No newline at end of file`, or a patch that was cut.
                continue;
            };
            if side != LineSide::New {
                wanted.0 = u32::saturating_sub(wanted.0, 1);
            }
            if side != LineSide::Old {
                wanted.1 = u32::saturating_sub(wanted.1, 1);
            }
            hunk.lines.push(HunkLine {
                side,
                text: line[1..].trim_end_matches('\r').to_owned(),
            });
        }
        hunks.retain(|hunk| !hunk.lines.is_empty());
        hunks
    }

    /// Every line with its number in the old and in the new version.
    pub fn numbered(&self) -> impl Iterator<Item = (Option<u32>, Option<u32>, &HunkLine)> {
        let (mut old, mut new) = (self.old_start, self.new_start);
        self.lines.iter().map(move |line| {
            let numbers = match line.side {
                LineSide::Both => (Some(old), Some(new)),
                LineSide::Old => (Some(old), None),
                LineSide::New => (None, Some(new)),
            };
            old = old.saturating_add(u32::from(numbers.0.is_some()));
            new = new.saturating_add(u32::from(numbers.1.is_some()));
            (numbers.0, numbers.1, line)
        })
    }

    /// About how many bytes it takes in a document.
    fn bytes(&self) -> usize {
        let lines: usize = self.lines.iter().map(|line| line.text.len() + 8).sum();
        self.file.len() + self.heading.len() + lines + 64
    }

    /// The positions of the lines that a finding at `wanted` is about: those with such a new number, and removed ones
    /// between them. Empty if the hunk does not reach there.
    fn positions(&self, wanted: LineRange) -> Range<usize> {
        let mut new = self.new_start;
        let mut found: Option<Range<usize>> = None;
        for (position, line) in self.lines.iter().enumerate() {
            let at = if line.side == LineSide::Old {
                // A removed line stands where the next new one is, and after the last one.
                new
            } else {
                new = new.saturating_add(1);
                new - 1
            };
            if (wanted.start()..=wanted.end()).contains(&at) {
                match &mut found {
                    Some(range) => range.end = position + 1,
                    None => found = Some(position..position + 1),
                }
            }
        }
        // Everything was removed, behind the line that the finding names.
        if found.is_none() && self.lines.iter().all(|line| line.side == LineSide::Old) {
            let near = wanted.start() <= self.new_start.saturating_add(1)
                && wanted.end() >= self.new_start;
            return if near { 0..self.lines.len() } else { 0..0 };
        }
        found.unwrap_or(0..0)
    }

    fn cut(&self, range: Range<usize>) -> Hunk {
        let before = &self.lines[..range.start];
        let count = |other: LineSide| {
            let lines = before.iter().filter(|line| line.side != other).count();
            u32::try_from(lines).unwrap_or(u32::MAX)
        };
        Hunk {
            file: self.file.clone(),
            old_start: self.old_start.saturating_add(count(LineSide::New)),
            new_start: self.new_start.saturating_add(count(LineSide::Old)),
            heading: self.heading.clone(),
            lines: self.lines[range].to_vec(),
        }
    }
}

/// The hunk that a line begins, with the counts of its old and new lines.
fn parse_head(file: &str, line: &str) -> Option<(Hunk, (u32, u32))> {
    let HunkHeader { old, new, heading } = HunkHeader::parse(line.as_bytes())?;
    let hunk = Hunk {
        file: file.to_owned(),
        old_start: old.0,
        new_start: new.0,
        heading: String::from_utf8_lossy(heading).trim().to_owned(),
        lines: Vec::new(),
    };
    Some((hunk, (old.1, new.1)))
}

/// Hunks that were taken within a bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptHunks {
    /// What there was room for.
    pub hunks: Vec<Hunk>,
    /// Whether there was more.
    pub is_cut: bool,
}

/// The parts of `hunks` that lie around the findings, in the order of `hunks`, until `max_bytes` of them are kept. What
/// does not fit is dropped: the findings stand without it.
#[must_use]
pub fn keep_beside(hunks: &[Hunk], findings: &[&Finding], max_bytes: usize) -> KeptHunks {
    let mut kept = KeptHunks::default();
    let mut room = max_bytes;
    for hunk in hunks {
        let mut ranges: Vec<Range<usize>> = findings
            .iter()
            .filter(|finding| finding.file == hunk.file)
            .filter_map(|finding| window(hunk, finding))
            .collect();
        ranges.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        for range in merged {
            let part = hunk.cut(range);
            match room.checked_sub(part.bytes()) {
                Some(left) => {
                    room = left;
                    kept.hunks.push(part);
                }
                None => kept.is_cut = true,
            }
        }
    }
    kept
}

/// What is shown beside one finding.
pub(super) fn beside(hunks: &[Hunk], finding: &Finding) -> Vec<Hunk> {
    let most = if finding.lines.is_some() {
        MAX_HUNKS
    } else {
        1
    };
    let mut shown: Vec<Hunk> = hunks
        .iter()
        .filter(|hunk| hunk.file == finding.file)
        .filter_map(|hunk| Some(hunk.cut(window(hunk, finding)?)))
        .take(most)
        .collect();
    let mut room = MAX_LINES;
    shown.retain_mut(|hunk| {
        hunk.lines.truncate(room);
        room -= hunk.lines.len();
        !hunk.lines.is_empty()
    });
    shown
}

/// The lines of a hunk that are shown for a finding in its file; `None` if it points elsewhere.
fn window(hunk: &Hunk, finding: &Finding) -> Option<Range<usize>> {
    let Some(lines) = finding.lines else {
        return Some(0..hunk.lines.len().min(WHOLE_FILE_LINES));
    };
    let about = hunk.positions(lines);
    if about.is_empty() {
        return None;
    }
    let start = about.start.saturating_sub(AROUND);
    let end = (about.end + AROUND).min(hunk.lines.len());
    Some(start..end.min(start + MAX_LINES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{FindingOrigin, Placement, Severity};

    const PATCH: &str = "diff --git a/a.rs b/a.rs\n--- a/a.rs\n+++ b/a.rs\n@@ -1,3 +1,4 @@ fn a()\n one\n-two\n+2\n+2b\n three\n@@ -20,2 +21 @@\n-@@ -1 +1 @@\n twenty\n\\ No newline at end of file\n";

    fn finding(lines: Option<(u32, u32)>) -> Finding {
        Finding {
            severity: Severity::High,
            title: "t".to_owned(),
            body: String::new(),
            file: "a.rs".to_owned(),
            lines: lines.map(|(start, end)| LineRange::new(start, end)),
            confidence: None,
            recommendation: None,
            origin: FindingOrigin::Model,
            placement: Placement::OnChange,
            fingerprint: None,
            exclusion: None,
            carried_from: None,
        }
    }

    fn shown(hunks: &[Hunk]) -> Vec<String> {
        hunks
            .iter()
            .map(|hunk| {
                let lines: Vec<String> = hunk
                    .numbered()
                    .map(|(old, new, line)| {
                        let number = |n: Option<u32>| n.map_or("_".to_owned(), |n| n.to_string());
                        format!("{}{}{}", number(old), line.side.sign(), number(new))
                    })
                    .collect();
                lines.join(" ")
            })
            .collect()
    }

    #[test]
    fn a_patch_becomes_numbered_lines_whatever_they_look_like() {
        let hunks = Hunk::parse_patch("a.rs", PATCH);
        assert_eq!(shown(&hunks), ["1 1 2-_ _+2 _+3 3 4", "20-_ 21 21"]);
        assert_eq!(hunks[0].heading, "fn a()");
        assert_eq!(hunks[1].lines[0].text, "@@ -1 +1 @@");
        assert_eq!(Hunk::parse_patch("a", "@@ -1 +1 @@\nwhatever"), []);
        assert_eq!(Hunk::parse_patch("a", "Binary files differ"), []);
    }

    #[test]
    fn a_finding_is_shown_beside_its_own_lines() {
        let hunks = Hunk::parse_patch("a.rs", PATCH);
        assert_eq!(
            shown(&beside(&hunks, &finding(Some((3, 3))))),
            ["1 1 2-_ _+2 _+3 3 4"]
        );
        assert_eq!(
            shown(&beside(&hunks, &finding(Some((21, 21))))),
            ["20-_ 21 21"]
        );
        assert_eq!(beside(&hunks, &finding(Some((10, 12)))), []);
        assert_eq!(beside(&hunks, &finding(None)).len(), 1);
        let removed = Hunk::parse_patch("a.rs", "@@ -5,2 +4,0 @@\n-five\n-six\n");
        assert_eq!(beside(&removed, &finding(Some((4, 4)))).len(), 1);
        assert_eq!(beside(&removed, &finding(Some((5, 5)))).len(), 1);
        assert_eq!(beside(&removed, &finding(Some((9, 9)))), []);
    }

    #[test]
    fn what_is_kept_lies_around_findings_shows_the_same_and_is_bounded() {
        let added: String = (1..=500).map(|n| format!("+line {n}\n")).collect();
        let hunks = Hunk::parse_patch("a.rs", &format!("@@ -0,0 +1,500 @@\n{added}"));
        let (first, second) = (finding(Some((100, 102))), finding(Some((110, 110))));
        let kept = keep_beside(&hunks, &[&first, &second], 1 << 20);
        assert!(!kept.is_cut);
        let kept = kept.hunks;
        assert_eq!(kept.len(), 1, "windows that meet are one");
        assert_eq!((kept[0].new_start, kept[0].lines.len()), (92, 27));
        for finding in [&first, &second] {
            assert_eq!(beside(&kept, finding), beside(&hunks, finding));
        }
        let long = finding(Some((1, 500)));
        assert_eq!(beside(&hunks, &long)[0].lines.len(), MAX_LINES);
        let cut = keep_beside(&hunks, &[&first], 100);
        assert_eq!((cut.hunks, cut.is_cut), (vec![], true));
    }
}
