//! Who a finding is, from one review to the next: a fingerprint of the code that it points to.
//!
//! [`identify`] gives every finding one. It is made of the finding's class (its rule, or that a model judged), the code of
//! its lines in the shape of [`super::anchor`], and a number where that alone would not tell findings apart. Neither path
//! nor line number, title, body nor severity is in it, so it outlives lines that come and go above, renames, indentation
//! and other words for the same thing; it ends when the code itself changes. A finding about a whole file is known by its
//! path, one about the whole change by its class; of a model's finding the title's words are added, which are all there is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::anchor::{Anchor, FileLines};
use super::{Finding, FindingOrigin, LineRange};

/// The class of every finding of a model.
pub const REVIEW_CLASS: &str = "review";

/// The version of the way fingerprints are made. Another way is another version: the two never equal each other.
const VERSION: &str = "v1";

/// Who a finding is. Shown as `v1:` and 32 hex digits; findings that are alike in all of it (the same code in two files)
/// are twins, numbered `-2`, `-3` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    stem: [u8; 16],
    /// From 1.
    twin: u32,
}

impl Fingerprint {
    /// Its beginning, which is enough to name it among the findings of one review.
    #[must_use]
    pub fn short(self) -> String {
        const SHOWN: usize = VERSION.len() + 1 + 8;
        let mut text = self.to_string();
        text.truncate(SHOWN);
        text
    }

    /// Whether both are of the same code, class and number, in whatever file.
    #[must_use]
    pub fn is_twin_of(self, other: Fingerprint) -> bool {
        self.stem == other.stem
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}:")?;
        for byte in self.stem {
            write!(f, "{byte:02x}")?;
        }
        if self.twin > 1 {
            write!(f, "-{}", self.twin)?;
        }
        Ok(())
    }
}

/// The text is no fingerprint of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fingerprint (expected `{VERSION}:` and 32 hex digits)")]
pub struct NotAFingerprint(pub String);

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let body = text.strip_prefix(VERSION)?.strip_prefix(':')?;
            let (hex, twin) = match body.split_once('-') {
                Some((hex, twin)) => (hex, twin.parse().ok().filter(|twin| *twin > 1)?),
                None => (body, 1),
            };
            let well_formed = hex.len() == 32
                && hex
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let stem = well_formed.then(|| u128::from_str_radix(hex, 16).ok())??;
            Some(Fingerprint {
                stem: stem.to_be_bytes(),
                twin,
            })
        };
        parse().ok_or_else(|| NotAFingerprint(text.to_owned()))
    }
}

impl Finding {
    /// The rule that found it, or [`REVIEW_CLASS`].
    #[must_use]
    pub fn class(&self) -> &str {
        match &self.origin {
            FindingOrigin::Rule(rule) => rule,
            FindingOrigin::Model => REVIEW_CLASS,
        }
    }
}

/// Gives every finding its fingerprint. `content` is the new version of a file, asked for once each, or `None` where it
/// cannot be had: then the file's findings are known as those about the whole file are. Run it after the location check.
pub fn identify(findings: &mut [Finding], content: &mut dyn FnMut(&str) -> Option<Vec<u8>>) {
    let mut by_file: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        by_file.entry(finding.file.clone()).or_default().push(index);
    }
    for (file, indices) in by_file {
        let wants_lines = indices
            .iter()
            .any(|&index| lines_of(&findings[index]).is_some());
        let lines = (wants_lines && !file.is_empty())
            .then(|| content(&file))
            .flatten()
            .map(|content| FileLines::new(&content));
        let mut alike: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
        for index in indices {
            let digest = place_digest(&findings[index], lines.as_ref());
            alike.entry(digest).or_default().push(index);
        }
        for (digest, mut indices) in alike {
            indices.sort_by(|&left, &right| {
                let (left, right) = (&findings[left], &findings[right]);
                (right.severity.cmp(&left.severity)).then_with(|| left.title.cmp(&right.title))
            });
            for (rank, index) in indices.into_iter().enumerate() {
                findings[index].fingerprint = Some(Fingerprint {
                    stem: stem(&digest, rank),
                    twin: 1,
                });
            }
        }
    }
    number_twins(findings);
}

/// Numbers findings that are alike but for their file, in the order of files and lines. Needed again where findings of
/// several reviews come together.
pub fn number_twins(findings: &mut [Finding]) {
    let mut alike: BTreeMap<[u8; 16], Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if let Some(fingerprint) = finding.fingerprint {
            alike.entry(fingerprint.stem).or_default().push(index);
        }
    }
    for (stem, mut indices) in alike {
        indices.sort_by(|&left, &right| {
            let place = |finding: &Finding| (finding.file.clone(), finding.lines);
            place(&findings[left]).cmp(&place(&findings[right]))
        });
        for (twin, index) in (1..).zip(indices) {
            findings[index].fingerprint = Some(Fingerprint { stem, twin });
        }
    }
}

fn lines_of(finding: &Finding) -> Option<LineRange> {
    finding
        .lines
        .filter(|_| !finding.placement.is_rejected() && !finding.file.is_empty())
}

fn place_digest(finding: &Finding, lines: Option<&FileLines>) -> [u8; 32] {
    let anchor = lines_of(finding)
        .zip(lines)
        .and_then(|(range, lines)| lines.anchor(range));
    let mut hash = PartsHash::new(finding.class());
    match anchor {
        Some(Anchor {
            code,
            scope,
            occurrence,
        }) => {
            hash.part("code");
            hash.part(scope.unwrap_or_default());
            hash.part(&occurrence.to_string());
            for line in code {
                hash.part(line);
            }
        }
        None => {
            hash.part("file");
            hash.part(&finding.file);
            if finding.origin == FindingOrigin::Model {
                for word in telling_words(&finding.title) {
                    hash.part(&word);
                }
            }
        }
    }
    hash.finish()
}

fn stem(place: &[u8; 32], rank: usize) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(place);
    hash.update((rank as u64).to_be_bytes());
    let whole: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|at| whole[at])
}

/// The words of a title that say something, in no order.
fn telling_words(title: &str) -> Vec<String> {
    const SHORTEST: usize = 4;
    let mut words: Vec<String> = title
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| word.chars().count() >= SHORTEST)
        .map(str::to_lowercase)
        .collect();
    words.sort();
    words.dedup();
    words
}

/// A hash over parts, where no two lists of parts run together.
struct PartsHash(Sha256);

impl PartsHash {
    fn new(class: &str) -> Self {
        let mut hash = PartsHash(Sha256::new());
        hash.part(VERSION);
        hash.part(class);
        hash
    }

    fn part(&mut self, part: &str) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::review::{Placement, Severity};

    fn finding(file: &str, lines: Option<(u32, u32)>, title: &str) -> Finding {
        Finding {
            severity: Severity::High,
            title: title.to_owned(),
            body: String::new(),
            file: file.to_owned(),
            lines: lines.map(|(start, end)| LineRange::new(start, end)),
            confidence: None,
            recommendation: None,
            origin: FindingOrigin::Model,
            placement: Placement::OnChange,
            carried_from: None,
            fingerprint: None,
            exclusion: None,
        }
    }

    fn fingerprints(findings: &[Finding], content: &str) -> Vec<String> {
        let mut findings = findings.to_vec();
        identify(&mut findings, &mut |_| Some(content.as_bytes().to_vec()));
        let shown = findings.iter().map(|finding| finding.fingerprint.unwrap());
        shown.map(|fingerprint| fingerprint.to_string()).collect()
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_nothing_else_is_one() {
        let hex = "0123456789abcdef".repeat(2);
        for text in [format!("v1:{hex}"), format!("v1:{hex}-2")] {
            assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), text);
        }
        for text in [
            String::new(),
            hex.clone(),
            format!("v2:{hex}"),
            format!("v1:{hex}-1"),
            format!("v1:{hex}-"),
            format!("v1:+{}", &hex[1..]),
            format!("v1:{}", hex.to_uppercase()),
            format!("v1:{hex}0"),
        ] {
            assert_eq!(
                text.parse::<Fingerprint>(),
                Err(NotAFingerprint(text.clone()))
            );
        }
    }

    #[test]
    fn findings_on_the_same_code_stay_distinct() {
        let code = "let total = price * count + shipping;\n";
        let mut found = vec![
            finding("a.rs", Some((1, 1)), "Overflow"),
            finding("a.rs", Some((1, 1)), "Wrong unit"),
            finding("b.rs", Some((1, 1)), "Overflow"),
            finding("a.rs", None, "No test"),
            finding("", None, "No test"),
        ];
        found[1].origin = FindingOrigin::Rule("unit".to_owned());
        found.push(found[0].clone());
        let all = fingerprints(&found, code);
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:#?}");
        assert_eq!(
            all[2],
            format!("{}-2", all[0]),
            "the same code in two files"
        );
    }

    #[test]
    fn without_content_the_file_and_the_words_of_the_title_are_what_is_known() {
        let mut found = [finding("a.bin", Some((3, 3)), "The cache is never emptied")];
        identify(&mut found, &mut |_| None);
        let mut reworded = [finding("a.bin", None, "never emptied: the CACHE")];
        identify(&mut reworded, &mut |_| None);
        assert_eq!(found[0].fingerprint, reworded[0].fingerprint);
    }

    proptest! {
        /// Whatever stands in the file, lines that come and go above, indentation and another file name change nothing.
        #[test]
        fn shifting_indenting_and_renaming_never_change_a_fingerprint(
            above in proptest::collection::vec("new[a-z]{6}\\(\\);", 0..8),
            lines in proptest::collection::vec("[a-z]{1,9}( [a-z]{1,9})?;?", 1..12),
            at in any::<proptest::sample::Index>(),
            indent in "[ \t]{0,6}",
        ) {
            let at = at.index(lines.len());
            let place = |shift: usize| u32::try_from(at + shift + 1).unwrap();
            let before = lines.join("\n");
            // The new lines are at the indentation of the file, and longer than any line of it.
            let after: Vec<String> = above.iter().chain(&lines).map(|line| format!("{indent}{line}")).collect();
            let old = fingerprints(&[finding("a.rs", Some((place(0), place(0))), "x")], &before);
            let new = fingerprints(
                &[finding("src/b.rs", Some((place(above.len()), place(above.len()))), "other words")],
                &after.join("\n"),
            );
            prop_assert_eq!(old, new);
        }

        /// No two findings of one review have the same fingerprint, whatever they point at.
        #[test]
        fn fingerprints_of_one_review_are_distinct(
            places in proptest::collection::vec((0u32..3, 1u32..8, 0u32..3), 0..24),
        ) {
            let code = "a\nb\n{\na\n}\na\nb\n";
            let found: Vec<Finding> = places
                .iter()
                .map(|(file, start, more)| finding(&format!("{file}.rs"), Some((*start, start + more)), "t"))
                .collect();
            let all = fingerprints(&found, code);
            let distinct: std::collections::BTreeSet<_> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
        }

        #[test]
        fn any_text_that_parses_is_shown_as_it_was(text in "v1:[0-9a-f]{30,33}(-[0-9]{0,3})?") {
            if let Ok(fingerprint) = text.parse::<Fingerprint>() {
                prop_assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
            }
        }
    }
}
