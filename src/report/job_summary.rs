//! The report as a job summary of GitHub Actions: Markdown that fits.
//!
//! GitHub refuses a summary of more than 1 MiB whole. The parts of the report are added one by one, the gravest finding
//! first, and what no longer fits is left out as a whole and counted: nothing is cut in the middle, where an open code
//! fence would swallow the rest.

use crate::review::Outcome;

use super::{Report, markdown, phrases};

/// GitHub's bound on the summary of one step.
pub const MAX_JOB_SUMMARY_BYTES: usize = 1024 * 1024;

/// Room for the line that says what was left out.
const NOTE_BYTES: usize = 200;

/// The report in at most `max_bytes` of Markdown. Empty if not even the outcome fits.
#[must_use]
pub fn job_summary(report: &Report, max_bytes: usize) -> Vec<u8> {
    let part = |write: &dyn Fn(&mut String) -> std::fmt::Result| {
        let mut text = String::new();
        write(&mut text).expect("a string takes all text");
        text
    };
    let head = part(&|out| markdown::write_head(out, report));
    let outcome = format!(
        "**codex-review: {}**\n",
        phrases::standing_word(report.standing())
    );
    let mut summary = Summary {
        text: String::new(),
        room: max_bytes.saturating_sub(NOTE_BYTES),
    };
    if !summary.add(&head) && !summary.add(&outcome) {
        return Vec::new();
    }
    let tail = part(&|out| markdown::write_tail(out, report));
    // The end is short as a rule, and holds what a reader must not miss.
    let has_tail = summary.reserve(tail.len());
    let mut findings_left_out = 0;
    let mut parts_left_out = !has_tail;
    match &report.outcome {
        Outcome::Judged(judgement) => {
            parts_left_out |= !summary.add(&part(&|out| markdown::quoted(out, &judgement.summary)));
            let findings = report.shown_findings();
            if !findings.is_empty() {
                summary.add("\n## Findings\n");
            }
            for (index, finding) in findings.iter().enumerate() {
                let text = part(&|out| markdown::write_finding(out, index + 1, finding));
                if findings_left_out > 0 || !summary.add(&text) {
                    findings_left_out += 1;
                }
            }
            let steps = part(&|out| markdown::write_list(out, "Next steps", &judgement.next_steps));
            parts_left_out |= !summary.add(&steps);
        }
        Outcome::NotJudged(not_judged) => {
            let text = part(&|out| markdown::write_not_judged(out, report, not_judged));
            parts_left_out |= !summary.add(&text);
        }
        Outcome::Empty => {}
    }
    if has_tail {
        summary.text.push_str(&tail);
    }
    if findings_left_out > 0 {
        summary.text.push_str(&format!(
            "\n**{} not in this summary**, which has no room for more.\n",
            phrases::counted(findings_left_out, "finding")
        ));
    } else if parts_left_out {
        summary.text.push_str(
            "\nParts of the report are not in this summary, which has no room for them.\n",
        );
    }
    summary.text.into_bytes()
}

struct Summary {
    text: String,
    room: usize,
}

impl Summary {
    /// Adds a part if it fits, and says whether it did.
    fn add(&mut self, part: &str) -> bool {
        let fits = self.reserve(part.len());
        if fits {
            self.text.push_str(part);
        }
        fits
    }

    fn reserve(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }
}
