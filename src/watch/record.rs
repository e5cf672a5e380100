//! What others see of a watch: one small file for a working tree, in the repository's state folder.
//!
//! The watch is its only writer. A damaged file is as none: it costs what was spent in the last day its memory, never a
//! watch. What was told to Claude sessions is a file of its own, which hooks write.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::event::{Notice, OpenFinding, Skip, Trigger};
use super::limits::{Spending, Spent};
use super::notices::Eyes;
use crate::atomic_file::{self, Durability, Readers};
use crate::timestamp::Timestamp;

const FOLDER: &str = "watch";
const VERSION: u32 = 1;
const KEPT_SKIPS: usize = 10;
const KEPT_FINDINGS: usize = 50;
/// Longer text is cut where it is kept.
const MOST_CHARS: usize = 300;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The files of one working tree's watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchFiles {
    /// The folder of all watches; it has to be made before something is written.
    pub folder: PathBuf,
    /// The record.
    pub record: PathBuf,
    /// Held while a watch is started, so that two starts see each other.
    pub starting: PathBuf,
    /// What was told to Claude sessions.
    pub told: PathBuf,
}

impl WatchFiles {
    /// Those of the working tree with this root, a real path.
    #[must_use]
    pub fn of(state_folder: &Path, root: &Path) -> Self {
        let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
        let name: String = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let folder = state_folder.join(FOLDER);
        WatchFiles {
            record: folder.join(format!("{name}.json")),
            starting: folder.join(format!("{name}.lock")),
            told: folder.join(format!("{name}.told.json")),
            folder,
        }
    }
}

/// Something that was not reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSkip {
    /// When.
    pub at: Timestamp,
    /// Why, in a sentence.
    pub reason: String,
}

/// A watch, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRecord {
    /// Its job.
    pub job: String,
    /// The working tree.
    pub root: PathBuf,
    /// When it began.
    pub since: Timestamp,
    /// What makes it look.
    pub trigger: Trigger,
    /// How it sees changes.
    pub eyes: Eyes,
    /// What it does, in a word or two.
    pub doing: String,
    /// Reviews that were judged.
    pub reviews: u64,
    /// Tokens of all its reviews.
    pub tokens: u64,
    /// The token budget of 24 hours; 0 for none.
    pub budget: u64,
    /// The last verdict.
    pub verdict: Option<String>,
    /// The job of the last review.
    pub last_review: Option<String>,
    /// The findings that are open, gravest first.
    pub findings: Vec<OpenFinding>,
    /// How often something was not reviewed.
    pub skips: u64,
    /// The newest of these, oldest first.
    pub skipped: Vec<RecordedSkip>,
    /// The failure that it is getting over, if there is one.
    pub failing: Option<String>,
    /// Reviews of the last day by when they began, for the limits of the next watch.
    pub spent: Vec<(Timestamp, u64)>,
}

impl WatchRecord {
    /// Reads a record; `None` where there is none that can be read.
    #[must_use]
    pub fn load(files: &WatchFiles) -> Option<Self> {
        let bytes = std::fs::read(&files.record).ok()?;
        let stored: Stored = serde_json::from_slice(&bytes).ok()?;
        (stored.version <= VERSION).then(|| stored.into_record())?
    }

    /// Replaces the file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self, files: &WatchFiles) -> io::Result<()> {
        let bytes = serde_json::to_vec(&Stored::from(self))?;
        atomic_file::write(&files.record, &bytes, Durability::Derived, Readers::Owner)
    }

    /// Takes in what people are told.
    pub fn note(&mut self, at: Timestamp, notice: &Notice) {
        match notice {
            Notice::Skipped(skip) => {
                self.skips += 1;
                self.skipped.push(RecordedSkip {
                    at,
                    reason: cut(&skip.to_string()),
                });
                let surplus = self.skipped.len().saturating_sub(KEPT_SKIPS);
                self.skipped.drain(..surplus);
                if matches!(skip, Skip::NothingNew | Skip::Unchanged) {
                    self.failing = None;
                }
            }
            Notice::Began(_) => {}
            Notice::Reviewed {
                job,
                verdict,
                tokens,
                open,
                new: _,
            } => {
                self.reviews += 1;
                self.tokens = self.tokens.saturating_add(*tokens);
                self.verdict = Some(verdict.as_str().to_owned());
                self.last_review.clone_from(job);
                self.failing = None;
                self.keep(open);
            }
            Notice::Open(open) => self.keep(open),
            Notice::Failing { reason, .. } => self.failing = Some(cut(reason)),
        }
    }

    fn keep(&mut self, open: &[OpenFinding]) {
        self.findings = open
            .iter()
            .take(KEPT_FINDINGS)
            .map(|finding| OpenFinding {
                title: cut(&finding.title),
                ..finding.clone()
            })
            .collect();
    }

    /// Takes in what was spent. `now` is the same moment on both clocks.
    pub fn note_spending(&mut self, spending: &Spending, now: Duration, wall: Timestamp) {
        self.spent = spending
            .entries()
            .map(|entry| {
                let ago = u64::try_from(now.saturating_sub(entry.at).as_millis());
                let at = wall.unix_millis().saturating_sub(ago.unwrap_or(u64::MAX));
                (Timestamp::from_unix_millis(at), entry.tokens)
            })
            .collect();
    }

    /// Tokens of the 24 hours before `now`, other watches of this tree included.
    #[must_use]
    pub fn tokens_of_day(&self, now: Timestamp) -> u64 {
        let recent = self.spent.iter().filter(|(at, _)| now.since(*at) < DAY);
        recent.fold(0, |sum, (_, tokens)| sum.saturating_add(*tokens))
    }

    /// What was spent, on the clock of a watch that begins now. What lies in the future was spent just now: a clock that
    /// was set back must not make room.
    #[must_use]
    pub fn spending(&self, now: Duration, wall: Timestamp) -> Spending {
        Spending::restored(self.spent.iter().map(|(at, tokens)| Spent {
            at: now.saturating_sub(wall.since(*at)),
            tokens: *tokens,
        }))
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    job: String,
    root: PathBuf,
    since: String,
    trigger: String,
    polls: bool,
    doing: String,
    reviews: u64,
    tokens: u64,
    budget: u64,
    verdict: Option<String>,
    last_review: Option<String>,
    findings: Vec<StoredFinding>,
    skips: u64,
    skipped: Vec<(String, String)>,
    failing: Option<String>,
    spent: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredFinding {
    id: String,
    severity: String,
    title: String,
    file: String,
    line: Option<u32>,
}

impl From<&WatchRecord> for Stored {
    fn from(record: &WatchRecord) -> Self {
        Stored {
            version: VERSION,
            job: record.job.clone(),
            root: record.root.clone(),
            since: record.since.to_string(),
            trigger: record.trigger.as_str().to_owned(),
            polls: record.eyes == Eyes::Polling,
            doing: record.doing.clone(),
            reviews: record.reviews,
            tokens: record.tokens,
            budget: record.budget,
            verdict: record.verdict.clone(),
            last_review: record.last_review.clone(),
            findings: record.findings.iter().map(StoredFinding::from).collect(),
            skips: record.skips,
            skipped: record
                .skipped
                .iter()
                .map(|skip| (skip.at.to_string(), skip.reason.clone()))
                .collect(),
            failing: record.failing.clone(),
            spent: record
                .spent
                .iter()
                .map(|(at, tokens)| (at.unix_millis(), *tokens))
                .collect(),
        }
    }
}

impl Stored {
    fn into_record(self) -> Option<WatchRecord> {
        Some(WatchRecord {
            job: self.job,
            root: self.root,
            since: Timestamp::parse_iso(&self.since)?,
            trigger: Trigger::parse(&self.trigger)?,
            eyes: if self.polls {
                Eyes::Polling
            } else {
                Eyes::Events
            },
            doing: self.doing,
            reviews: self.reviews,
            tokens: self.tokens,
            budget: self.budget,
            verdict: self.verdict,
            last_review: self.last_review,
            findings: self
                .findings
                .into_iter()
                .filter_map(StoredFinding::into_finding)
                .collect(),
            skips: self.skips,
            skipped: self
                .skipped
                .into_iter()
                .filter_map(|(at, reason)| {
                    Some(RecordedSkip {
                        at: Timestamp::parse_iso(&at)?,
                        reason,
                    })
                })
                .collect(),
            failing: self.failing,
            spent: self
                .spent
                .into_iter()
                .map(|(at, tokens)| (Timestamp::from_unix_millis(at), tokens))
                .collect(),
        })
    }
}

impl From<&OpenFinding> for StoredFinding {
    fn from(finding: &OpenFinding) -> Self {
        StoredFinding {
            id: finding.id.clone(),
            severity: finding.severity.as_str().to_owned(),
            title: finding.title.clone(),
            file: finding.file.clone(),
            line: finding.line,
        }
    }
}

impl StoredFinding {
    fn into_finding(self) -> Option<OpenFinding> {
        Some(OpenFinding {
            severity: self.severity.parse().ok()?,
            id: self.id,
            title: self.title,
            file: self.file,
            line: self.line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{Severity, Verdict};

    fn record() -> WatchRecord {
        WatchRecord {
            job: "review-a".into(),
            root: "/w".into(),
            since: Timestamp::from_unix_millis(1_000),
            trigger: Trigger::EveryChange,
            eyes: Eyes::Events,
            doing: "watching".into(),
            reviews: 0,
            tokens: 0,
            budget: 100,
            verdict: None,
            last_review: None,
            findings: Vec::new(),
            skips: 0,
            skipped: Vec::new(),
            failing: None,
            spent: Vec::new(),
        }
    }

    #[test]
    fn a_record_is_bounded_and_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let files = WatchFiles::of(folder.path(), Path::new("/w"));
        std::fs::create_dir(&files.folder).unwrap();
        assert_eq!(WatchRecord::load(&files), None);
        let mut record = record();
        let finding = |number: usize| OpenFinding {
            id: format!("v1:{number}"),
            severity: Severity::High,
            title: "x".repeat(5_000),
            file: "a.rs".into(),
            line: Some(3),
        };
        for number in 0..1_000 {
            let notice = Notice::Skipped(Skip::Unclear {
                reason: "é".repeat(number),
            });
            record.note(Timestamp::from_unix_millis(5), &notice);
        }
        let findings: Vec<OpenFinding> = (0..1_000).map(finding).collect();
        let reviewed = Notice::Reviewed {
            job: Some("review-b".into()),
            verdict: Verdict::NeedsAttention,
            tokens: 7,
            open: findings.clone(),
            new: findings,
        };
        record.note(Timestamp::from_unix_millis(6), &reviewed);
        record.save(&files).unwrap();
        let read = WatchRecord::load(&files).unwrap();
        assert_eq!(read, record);
        assert_eq!((read.skips, read.skipped.len()), (1_000, KEPT_SKIPS));
        assert_eq!(read.findings.len(), KEPT_FINDINGS);
        assert!(std::fs::metadata(&files.record).unwrap().len() < 40_000);
        std::fs::write(&files.record, "{\"version\":1").unwrap();
        assert_eq!(WatchRecord::load(&files), None, "damage is as no record");
    }

    #[test]
    fn what_was_spent_counts_for_the_next_watch_and_a_clock_set_back_makes_no_room() {
        let hour = Duration::from_secs(3_600);
        let mut spending = Spending::default();
        spending.begin(hour * 30);
        spending.end(Some(40));
        let wall = Timestamp::from_unix_millis(1_000_000_000);
        let mut record = record();
        record.note_spending(&spending, hour * 31, wall);
        assert_eq!(record.tokens_of_day(wall), 40);
        assert_eq!(record.tokens_of_day(wall.plus(hour * 24)), 0);
        // Another watch, on a clock of its own, two hours later.
        let now = hour * 100;
        let later = record.spending(now, wall.plus(hour * 2));
        let at: Vec<Duration> = later.entries().map(|entry| entry.at).collect();
        assert_eq!(at, [now - hour * 3]);
        let set_back = record.spending(now, Timestamp::from_unix_millis(5));
        let at: Vec<Duration> = set_back.entries().map(|entry| entry.at).collect();
        assert_eq!(at, [now]);
    }
}
