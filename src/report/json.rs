//! The JSON document: the interface that scripts rely on, and the lossless form that a stored result is read back from.
//!
//! Member names are fixed; members are added, never renamed. `codex.status` is 0 for a change that was judged and 1
//! otherwise, whatever engine answered. `result` is null unless the change was judged; `result.findings` holds what is
//! shown, findings that point at nothing are kept apart in `rejectedFindings`, and those that a filter, the baseline or a
//! marker took out in `suppressedFindings`, each with what took it out.

mod earlier;
mod hunks;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::review::{
    ExitStatus, FailOn, Finding, Judgement, NotJudged, NotJudgedReason, Outcome, Verdict,
};

use super::finding_json::FindingDocument;
use super::identity_json::{IdentityDocument, NoiseDocument};
use super::model::{
    Cached, ContextInfo, EngineInfo, Report, SinceReview, TargetInfo, Timings, TokenUsage,
};
use super::{Hunk, uri, visible};
use earlier::{CachedDocument, SinceDocument};
use hunks::{HunkDocument, read_raw_paths};

/// The version of the document. A reader refuses a later one.
const VERSION: u32 = 1;

/// A document could not be read back as a report.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or not of this shape.
    #[error("not a review document")]
    Shape(#[source] serde_json::Error),
    /// Written by a later version of this program.
    #[error("review document of version {found}, but version {VERSION} is the latest known")]
    Version {
        /// Its version.
        found: u32,
    },
    /// A member holds a word that is not known.
    #[error("unknown word `{word}` in member `{member}`")]
    Word {
        /// The member.
        member: &'static str,
        /// The word.
        word: String,
    },
}

/// The report as one JSON document.
#[must_use]
pub fn render(report: &Report) -> Vec<u8> {
    let document = serde_json::to_string_pretty(&Document::from(report))
        .expect("strings, numbers and lists always serialise");
    let mut bytes = visible::json_document(&document).into_bytes();
    bytes.push(b'\n');
    bytes
}

/// Reads a report back. Findings come in the document's order, suppressed and rejected ones last.
pub fn parse(bytes: &[u8]) -> Result<Report, ParseError> {
    let document: Document = serde_json::from_slice(bytes).map_err(ParseError::Shape)?;
    document.try_into()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    review: String,
    outcome: String,
    exit_code: u8,
    fail_on: String,
    job_id: Option<String>,
    target: TargetDocument,
    #[serde(default)]
    identity: IdentityDocument,
    #[serde(default)]
    suppression: NoiseDocument,
    thread_id: Option<String>,
    source_thread_id: Option<String>,
    engine: EngineDocument,
    codex: CodexDocument,
    context: ContextDocument,
    result: Option<ResultDocument>,
    not_judged: Option<NotJudgedDocument>,
    rejected_findings: Vec<FindingDocument>,
    #[serde(default)]
    suppressed_findings: Vec<FindingDocument>,
    locations: LocationsDocument,
    /// Not in documents of earlier versions, as little as `raw_paths`.
    #[serde(default)]
    hunks: Vec<HunkDocument>,
    /// Whether there was no room for some of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hunks_cut: bool,
    /// Paths that are no UTF-8, as URI references, by their shown form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    raw_paths: BTreeMap<String, String>,
    raw_output: String,
    parse_error: Option<String>,
    reasoning_summary: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    cached: Option<CachedDocument>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    since: Option<SinceDocument>,
    notes: Vec<String>,
    timings: TimingsDocument,
    usage: Option<UsageDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetDocument {
    mode: String,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_note: Option<String>,
    explicit: bool,
}

#[derive(Serialize, Deserialize)]
struct EngineDocument {
    name: String,
    version: Option<String>,
    model: Option<String>,
    effort: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CodexDocument {
    status: u8,
    stderr: String,
    stdout: String,
    reasoning: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextDocument {
    repo_root: String,
    branch: Option<String>,
    summary: Option<String>,
    shown: Option<ShownDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShownDocument {
    strategy: String,
    reason: String,
    bytes: u64,
    tokens: u64,
    hash: String,
    redactions: u32,
    left_out: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ResultDocument {
    verdict: String,
    summary: String,
    findings: Vec<FindingDocument>,
    next_steps: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct NotJudgedDocument {
    reason: String,
    detail: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocationsDocument {
    on_change: usize,
    off_change: usize,
    relocated: usize,
    outside_change: usize,
    rejected: usize,
    unchecked: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimingsDocument {
    total_ms: u64,
    context_ms: Option<u64>,
    turn_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageDocument {
    input_tokens: u64,
    cached_input_tokens: u64,
    output_tokens: u64,
    reasoning_output_tokens: u64,
}

impl From<&Report> for Document {
    fn from(report: &Report) -> Self {
        let (result, not_judged) = match &report.outcome {
            Outcome::Judged(judgement) => {
                let result = ResultDocument {
                    verdict: judgement.verdict.as_str().to_owned(),
                    summary: judgement.summary.clone(),
                    findings: report
                        .shown_findings()
                        .into_iter()
                        .map(FindingDocument::from)
                        .collect(),
                    next_steps: judgement.next_steps.clone(),
                };
                (Some(result), None)
            }
            Outcome::NotJudged(not_judged) => {
                let not_judged = NotJudgedDocument {
                    reason: not_judged.reason.as_str().to_owned(),
                    detail: not_judged.detail.clone(),
                };
                (None, Some(not_judged))
            }
            Outcome::Empty => (None, None),
        };
        let locations = report.locations();
        Document {
            version: VERSION,
            review: report.kind.clone(),
            outcome: report.standing().as_str().to_owned(),
            exit_code: report.exit.code(),
            fail_on: report.fail_on.as_str().to_owned(),
            job_id: report.job_id.clone(),
            target: TargetDocument::from(&report.target),
            identity: IdentityDocument::from(&report.identity),
            suppression: NoiseDocument::from(&report.noise),
            thread_id: report.thread_id.clone(),
            source_thread_id: report.source_thread_id.clone(),
            engine: EngineDocument {
                name: report.engine.name.clone(),
                version: report.engine.version.clone(),
                model: report.engine.model.clone(),
                effort: report.engine.effort.clone(),
            },
            codex: CodexDocument {
                status: u8::from(not_judged.is_some()),
                stderr: report.engine_stderr.clone(),
                stdout: report.raw_output.clone(),
                reasoning: report.reasoning.clone(),
            },
            context: ContextDocument {
                repo_root: report.repository_root.clone(),
                branch: report.branch.clone(),
                summary: report
                    .context
                    .as_ref()
                    .map(|context| context.summary.clone()),
                shown: report.context.as_ref().map(ShownDocument::from),
            },
            result,
            not_judged,
            rejected_findings: report
                .rejected_findings()
                .into_iter()
                .map(FindingDocument::from)
                .collect(),
            suppressed_findings: report
                .excluded_findings()
                .into_iter()
                .map(FindingDocument::from)
                .collect(),
            locations: LocationsDocument {
                on_change: locations.on_change,
                off_change: locations.off_change,
                relocated: locations.relocated,
                outside_change: locations.outside_change,
                rejected: locations.rejected,
                unchecked: locations.unchecked,
            },
            hunks: report.hunks.iter().map(HunkDocument::from).collect(),
            hunks_cut: report.hunks_cut,
            raw_paths: report
                .raw_paths
                .iter()
                .map(|(shown, path)| (shown.clone(), uri::from_path(path)))
                .collect(),
            raw_output: report.raw_output.clone(),
            parse_error: report.parse_error.clone(),
            reasoning_summary: report.reasoning.clone(),
            cached: report.cached.as_ref().map(CachedDocument::from),
            since: report.since.as_ref().map(SinceDocument::from),
            notes: report.notes.clone(),
            timings: TimingsDocument {
                total_ms: millis(report.timings.total),
                context_ms: report.timings.context.map(millis),
                turn_ms: report.timings.turn.map(millis),
            },
            usage: report.usage.map(|usage| UsageDocument {
                input_tokens: usage.input,
                cached_input_tokens: usage.cached_input,
                output_tokens: usage.output,
                reasoning_output_tokens: usage.reasoning_output,
            }),
        }
    }
}

impl From<&TargetInfo> for TargetDocument {
    fn from(target: &TargetInfo) -> Self {
        TargetDocument {
            mode: target.mode.clone(),
            label: target.label.clone(),
            base_ref: target.base_ref.clone(),
            base_note: target.base_note.clone(),
            explicit: target.explicit,
        }
    }
}

impl From<&ContextInfo> for ShownDocument {
    fn from(context: &ContextInfo) -> Self {
        ShownDocument {
            strategy: context.strategy.clone(),
            reason: context.reason.clone(),
            bytes: context.bytes,
            tokens: context.tokens,
            hash: context.hash.clone(),
            redactions: context.redactions,
            left_out: context.left_out.clone(),
        }
    }
}

impl TryFrom<Document> for Report {
    type Error = ParseError;

    fn try_from(document: Document) -> Result<Self, ParseError> {
        if document.version > VERSION {
            return Err(ParseError::Version {
                found: document.version,
            });
        }
        let apart = document
            .suppressed_findings
            .into_iter()
            .chain(document.rejected_findings)
            .map(Finding::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let outcome = match (document.result, document.not_judged) {
            (Some(result), None) => {
                let mut findings = result
                    .findings
                    .into_iter()
                    .map(Finding::try_from)
                    .collect::<Result<Vec<_>, _>>()?;
                findings.extend(apart);
                Outcome::Judged(Judgement {
                    verdict: one_of(
                        "verdict",
                        &result.verdict,
                        [Verdict::Approve, Verdict::NeedsAttention],
                        |verdict| verdict.as_str(),
                    )?,
                    summary: result.summary,
                    findings,
                    next_steps: result.next_steps,
                })
            }
            (_, Some(not_judged)) => Outcome::NotJudged(NotJudged {
                reason: one_of(
                    "reason",
                    &not_judged.reason,
                    NotJudgedReason::ALL,
                    |reason| reason.as_str(),
                )?,
                detail: not_judged.detail,
            }),
            // A document that merely lacks its result is not an empty target: it must say so.
            (None, None) if document.outcome == "empty" => Outcome::Empty,
            (None, None) => {
                return Err(ParseError::Word {
                    member: "outcome",
                    word: document.outcome,
                });
            }
        };
        Ok(Report {
            kind: document.review,
            job_id: document.job_id,
            repository_root: document.context.repo_root,
            branch: document.context.branch,
            target: document.target.into(),
            identity: document.identity.try_into()?,
            noise: document.suppression.try_into()?,
            engine: EngineInfo {
                name: document.engine.name,
                version: document.engine.version,
                model: document.engine.model,
                effort: document.engine.effort,
            },
            context: document
                .context
                .shown
                .map(|shown| shown.into_info(document.context.summary.unwrap_or_default())),
            outcome,
            fail_on: document
                .fail_on
                .parse::<FailOn>()
                .map_err(|unknown| ParseError::Word {
                    member: "failOn",
                    word: unknown.0,
                })?,
            exit: ExitStatus::from_code(document.exit_code).ok_or_else(|| ParseError::Word {
                member: "exitCode",
                word: document.exit_code.to_string(),
            })?,
            raw_output: document.raw_output,
            parse_error: document.parse_error,
            engine_stderr: document.codex.stderr,
            reasoning: document.reasoning_summary,
            thread_id: document.thread_id,
            source_thread_id: document.source_thread_id,
            cached: document.cached.map(Cached::from),
            since: document.since.map(SinceReview::from),
            is_inferred: false,
            hunks: document
                .hunks
                .into_iter()
                .map(Hunk::try_from)
                .collect::<Result<_, _>>()?,
            hunks_cut: document.hunks_cut,
            raw_paths: read_raw_paths(document.raw_paths)?,
            notes: document.notes,
            timings: Timings {
                total: Duration::from_millis(document.timings.total_ms),
                context: document.timings.context_ms.map(Duration::from_millis),
                turn: document.timings.turn_ms.map(Duration::from_millis),
            },
            usage: document.usage.map(|usage| TokenUsage {
                input: usage.input_tokens,
                cached_input: usage.cached_input_tokens,
                output: usage.output_tokens,
                reasoning_output: usage.reasoning_output_tokens,
            }),
        })
    }
}

impl From<TargetDocument> for TargetInfo {
    fn from(target: TargetDocument) -> Self {
        TargetInfo {
            mode: target.mode,
            label: target.label,
            explicit: target.explicit,
            base_ref: target.base_ref,
            base_note: target.base_note,
        }
    }
}

impl ShownDocument {
    fn into_info(self, summary: String) -> ContextInfo {
        ContextInfo {
            strategy: self.strategy,
            reason: self.reason,
            summary,
            bytes: self.bytes,
            tokens: self.tokens,
            hash: self.hash,
            redactions: self.redactions,
            left_out: self.left_out,
        }
    }
}

pub(super) fn one_of<T>(
    member: &'static str,
    word: &str,
    values: impl IntoIterator<Item = T>,
    as_str: impl Fn(&T) -> &'static str,
) -> Result<T, ParseError> {
    values
        .into_iter()
        .find(|value| as_str(value) == word)
        .ok_or_else(|| ParseError::Word {
            member,
            word: word.to_owned(),
        })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
