//! What the pre-push hook remembers of a repository: each ref that it saw, and what became of it.
//!
//! The memory is the log that `hook status` shows, and it answers the same question a second time: the same base, head
//! and policy. A damaged file is an empty memory: it costs a review, never a verdict.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

const KEPT_RECORDS: usize = 300;
/// Findings that are kept of one ref.
pub const KEPT_FINDINGS: usize = 10;

/// What became of one ref.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushVerdict {
    /// Reviewed, without findings at or above the threshold.
    Passed,
    /// Reviewed, with such findings.
    Held,
    /// It could not be judged.
    #[default]
    NotJudged,
    /// There was nothing to review.
    NotReviewed,
    /// The user skipped the review.
    Skipped,
}

impl PushVerdict {
    /// A stable word for JSON and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PushVerdict::Passed => "passed",
            PushVerdict::Held => "held",
            PushVerdict::NotJudged => "not-judged",
            PushVerdict::NotReviewed => "not-reviewed",
            PushVerdict::Skipped => "skipped",
        }
    }
}

/// What was asked: a review of the same change under the same policy has the same answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct PushQuestion {
    /// The old side; empty for the empty tree.
    pub base: String,
    /// The new side.
    pub head: String,
    /// Engine, model, effort, strategy and threshold, as one line.
    pub policy: String,
}

/// A finding, short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushFinding {
    /// The word of its severity.
    pub severity: String,
    /// `file:line`, or the file alone.
    pub place: String,
    /// Its title.
    pub title: String,
}

/// One ref of one push.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PushRecord {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The remote's name; never an address, which may hold a password.
    pub remote: Option<String>,
    /// Where the ref goes.
    pub remote_ref: String,
    /// What was asked; all empty where nothing was.
    pub question: PushQuestion,
    /// What became of it.
    pub verdict: PushVerdict,
    /// Why, in a sentence.
    pub why: String,
    /// The gravest findings, at most [`KEPT_FINDINGS`].
    pub findings: Vec<PushFinding>,
    /// How many findings there were.
    pub finding_count: usize,
    /// The job that reviewed it.
    pub job_id: Option<String>,
}

/// What the hook remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushMemory {
    /// Oldest first.
    pub records: Vec<PushRecord>,
}

impl PushMemory {
    /// Reads a stored memory; anything unreadable is an empty one.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("plain fields always serialise")
    }

    /// The answers that it holds.
    #[must_use]
    pub fn answers(self) -> PushAnswers {
        let mut answers = PushAnswers::default();
        for record in self.records {
            answers.learn(record);
        }
        answers
    }

    /// Notes what became of refs, forgetting the oldest past the bound.
    pub fn note(&mut self, records: impl IntoIterator<Item = PushRecord>) {
        self.records.extend(records);
        let surplus = self.records.len().saturating_sub(KEPT_RECORDS);
        self.records.drain(..surplus);
    }
}

/// The answers that one push has: those that are remembered, and those that it got itself. Each is found at once, however
/// many refs the push has.
#[derive(Debug, Clone, Default)]
pub struct PushAnswers {
    judged: HashMap<PushQuestion, PushRecord>,
    asked: HashMap<PushQuestion, PushRecord>,
}

impl PushAnswers {
    /// The newest judgement of a question; `None` when there was none.
    #[must_use]
    pub fn recall(&self, question: &PushQuestion) -> Option<&PushRecord> {
        self.judged.get(question)
    }

    /// What this push got as its first answer to a question, whatever it was; `None` when it was not asked.
    #[must_use]
    pub fn asked_just_now(&self, question: &PushQuestion) -> Option<&PushRecord> {
        self.asked.get(question)
    }

    /// Notes what became of a ref of this push. Where nothing was asked there is nothing to note.
    pub fn note(&mut self, record: &PushRecord) {
        if record.question.head.is_empty() {
            return;
        }
        if !self.asked.contains_key(&record.question) {
            self.asked.insert(record.question.clone(), record.clone());
        }
        self.learn(record.clone());
    }

    fn learn(&mut self, record: PushRecord) {
        if matches!(record.verdict, PushVerdict::Passed | PushVerdict::Held) {
            self.judged.insert(record.question.clone(), record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(head: &str, policy: &str, verdict: PushVerdict) -> PushRecord {
        PushRecord {
            question: PushQuestion {
                base: "b".into(),
                head: head.into(),
                policy: policy.into(),
            },
            verdict,
            ..PushRecord::default()
        }
    }

    #[test]
    fn only_a_judgement_of_the_very_same_question_is_recalled() {
        let mut memory = PushMemory::default();
        memory.note([
            record("h", "p", PushVerdict::Passed),
            record("h", "p", PushVerdict::NotJudged),
            record("h", "p", PushVerdict::Skipped),
            record("i", "p", PushVerdict::NotJudged),
        ]);
        let mut answers = memory.answers();
        let recall = |head: &str, policy: &str| {
            answers
                .recall(&record(head, policy, PushVerdict::Passed).question)
                .map(|record| record.verdict)
        };
        assert_eq!(recall("h", "p"), Some(PushVerdict::Passed));
        assert_eq!(recall("h", "stricter"), None);
        assert_eq!(recall("i", "p"), None);

        // Within one push the first answer counts, judged or not.
        let unjudged = record("i", "p", PushVerdict::NotJudged);
        assert!(answers.asked_just_now(&unjudged.question).is_none());
        answers.note(&unjudged);
        assert_eq!(answers.asked_just_now(&unjudged.question), Some(&unjudged));
        assert!(answers.recall(&unjudged.question).is_none());
        answers.note(&PushRecord::default());
        assert!(answers.asked_just_now(&PushQuestion::default()).is_none());
    }

    #[test]
    fn memory_is_bounded_survives_the_disk_and_damage_empties_it() {
        let mut memory = PushMemory::default();
        memory.note((0..1000).map(|n| record(&n.to_string(), "p", PushVerdict::Held)));
        assert_eq!(memory.records.len(), KEPT_RECORDS);
        assert_eq!(memory.records.last().unwrap().question.head, "999");
        assert_eq!(PushMemory::from_json(&memory.to_json()), memory);
        for damage in [
            &b"{"[..],
            b"",
            b"[]",
            b"{\"records\":[{\"verdict\":\"maybe\"}]}",
        ] {
            assert_eq!(PushMemory::from_json(damage), PushMemory::default());
        }
    }
}
