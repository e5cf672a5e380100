//! Deciding again from saved reports: one against a commit and a threshold, or the shards of one change as a whole.
//!
//! Nothing is asked and no repository is read. What does not fit is never a pass: the outcome is then
//! [`NotJudgedReason::NoWhole`], whose detail names everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::report::{ContextInfo, Report, Standing, TokenUsage};
use crate::review::{
    FailOn, Finding, FindingOrigin, Judgement, NotJudged, NotJudgedReason, OnEmpty, Outcome,
    Placement, RemarkKind, Severity, Shard, Verdict, exit_status, identify, number_twins,
};

/// So many problems are named, and so many findings of an incomplete whole.
const MOST_NAMED: usize = 20;

/// Judges a saved report by a threshold, and where one is given, only if it is of this commit (all digits, or the first
/// seven or more).
#[must_use]
pub fn decide_again(
    mut report: Report,
    fail_on: FailOn,
    on_empty: OnEmpty,
    expected_head: Option<&str>,
) -> Report {
    let mut problems = Vec::new();
    if let Some(expected) = expected_head {
        match &report.identity.head {
            Some(head) if head.starts_with(&expected.to_ascii_lowercase()) => {}
            Some(head) => problems.push(format!(
                "it is of commit {head}, and {expected} was expected"
            )),
            None if report.identity.change.is_empty() => problems.push(
                "it does not say which commit it is of: an earlier version wrote it".to_owned(),
            ),
            None => problems.push(format!(
                "it is of {}, and commit {expected} was expected",
                report.target.label
            )),
        }
    }
    if let Some(shard) = report.identity.shard {
        problems.push(format!(
            "it is of shard {shard} alone: `codex-review merge` makes a whole of all shards"
        ));
    }
    report.fail_on = fail_on;
    if !problems.is_empty() {
        let detail = format!("the saved result does not count: {}", problems.join("; "));
        report.outcome = no_whole(detail);
    }
    report.exit = exit_status(&report.outcome, fail_on, on_empty);
    report
}

/// Makes one report of the reports of all shards. Each comes with a name for people, such as its file's.
///
/// Findings that several shards made are one: the gravest that counts. `fail_on` replaces the threshold that all have.
///
/// # Panics
///
/// Without any report.
#[must_use]
pub fn merge_reports(
    parts: &[(String, Report)],
    fail_on: Option<FailOn>,
    on_empty: OnEmpty,
) -> Report {
    let (_, first) = parts.first().expect("there is something to merge");
    let mut merged = first.clone();
    merged.job_id = None;
    merged.thread_id = None;
    merged.source_thread_id = None;
    merged.parse_error = None;
    merged.cached = None;
    merged.since = None;
    merged.is_inferred = parts.iter().any(|(_, report)| report.is_inferred);
    merged.identity.shard = None;
    if let Some(shard) = first.identity.shard {
        merged.target.label = first
            .target
            .label
            .strip_suffix(&shard_label(shard))
            .unwrap_or(&first.target.label)
            .to_owned();
    }
    merged.fail_on = fail_on.unwrap_or(first.fail_on);
    merged.raw_output = joined(parts, |report| report.raw_output.clone());
    merged.engine_stderr = joined(parts, |report| report.engine_stderr.clone());
    merged.reasoning = parts
        .iter()
        .flat_map(|(_, report)| report.reasoning.clone())
        .collect();
    merged.hunks = parts
        .iter()
        .flat_map(|(_, report)| report.hunks.clone())
        .collect();
    merged.hunks_cut = parts.iter().any(|(_, report)| report.hunks_cut);
    merged.raw_paths = parts
        .iter()
        .flat_map(|(_, report)| report.raw_paths.clone())
        .collect();
    merged.notes = distinct(parts.iter().flat_map(|(_, report)| report.notes.clone()));
    merged.timings.total = parts
        .iter()
        .map(|(_, part)| part.timings.total)
        .max()
        .unwrap_or_default();
    merged.timings.context = parts
        .iter()
        .filter_map(|(_, part)| part.timings.context)
        .max();
    merged.timings.turn = parts.iter().filter_map(|(_, part)| part.timings.turn).max();
    merged.usage = usage(parts);
    merged.context = context(parts);
    // A shard without files never asked its engine, so it does not know its version.
    if let Some((_, asked)) = parts
        .iter()
        .find(|(_, part)| part.outcome != Outcome::Empty)
    {
        merged.engine = asked.engine.clone();
    }

    let problems = problems(parts);
    merged.outcome = if problems.is_empty() {
        whole(parts)
    } else {
        merged.notes.extend(found_so_far(parts));
        no_whole(format!(
            "the parts make no whole: {}",
            first_of(&problems, "; ")
        ))
    };
    merge_remarks(&mut merged, parts);
    merged.exit = exit_status(&merged.outcome, merged.fail_on, on_empty);
    merged
}

/// What a target's label ends with when only a shard of it is judged.
#[must_use]
pub fn shard_label(shard: Shard) -> String {
    format!(", shard {} of {}", shard.index(), shard.count())
}

fn no_whole(detail: String) -> Outcome {
    Outcome::NotJudged(NotJudged {
        reason: NotJudgedReason::NoWhole,
        detail,
    })
}

/// Everything that keeps the parts from being one change, judged in full and by one standard.
fn problems(parts: &[(String, Report)]) -> Vec<String> {
    let mut problems = Vec::new();
    let (first_name, first) = &parts[0];
    for (name, report) in &parts[1..] {
        for (what, differs) in [
            ("kind of review", report.kind != first.kind),
            ("base", report.identity.base != first.identity.base),
            ("head", report.identity.head != first.identity.head),
            ("change", report.identity.change != first.identity.change),
            (
                "configuration",
                report.identity.configuration != first.identity.configuration,
            ),
            ("engine", !same_engine(report, parts)),
        ] {
            if differs {
                problems.push(format!("`{name}` has another {what} than `{first_name}`"));
            }
        }
    }
    let mut by_shard: BTreeMap<u32, &str> = BTreeMap::new();
    let count = first.identity.shard.map_or(1, Shard::count);
    for (name, report) in parts {
        if report.identity.change.is_empty() || report.identity.configuration.is_empty() {
            problems.push(format!(
                "`{name}` does not say what it is of: an earlier version wrote it"
            ));
        }
        let index = match report.identity.shard {
            Some(shard) if shard.count() == count => shard.index(),
            Some(shard) => {
                problems.push(format!("`{name}` is shard {shard}, not one of {count}"));
                continue;
            }
            None if first.identity.shard.is_none() => 1,
            None => {
                problems.push(format!("`{name}` is no shard"));
                continue;
            }
        };
        if let Some(earlier) = by_shard.insert(index, name) {
            problems.push(format!(
                "shard {index} of {count} is there twice: `{earlier}` and `{name}`"
            ));
        }
        if let Outcome::NotJudged(not_judged) = &report.outcome {
            problems.push(format!(
                "shard {index} of {count} could not be judged: {}",
                not_judged.detail
            ));
        }
    }
    let missing: Vec<String> = (1..=count)
        .filter(|index| !by_shard.contains_key(index))
        .map(|index| index.to_string())
        .collect();
    if !missing.is_empty() {
        let plural = if missing.len() == 1 {
            "shard"
        } else {
            "shards"
        };
        let verb = if missing.len() == 1 { "is" } else { "are" };
        problems.push(format!(
            "{plural} {} of {count} {verb} missing",
            first_of(&missing, ", ")
        ));
    }
    problems
}

/// Engines are compared with the first part that asked one.
fn same_engine(report: &Report, parts: &[(String, Report)]) -> bool {
    let asked = parts
        .iter()
        .find(|(_, part)| part.outcome != Outcome::Empty);
    let (engine, other) = (
        &report.engine,
        asked.map_or(&parts[0].1.engine, |(_, part)| &part.engine),
    );
    let same_choice = engine.name == other.name && engine.effort == other.effort;
    match report.outcome {
        Outcome::Empty => same_choice,
        _ => same_choice && engine.version == other.version && engine.model == other.model,
    }
}

fn first_of(texts: &[String], separator: &str) -> String {
    let mut text = texts[..texts.len().min(MOST_NAMED)].join(separator);
    if texts.len() > MOST_NAMED {
        text.push_str(&format!("{separator}and {} more", texts.len() - MOST_NAMED));
    }
    text
}

/// The judgement of all parts, none of which could not be judged.
fn whole(parts: &[(String, Report)]) -> Outcome {
    let judged: Vec<(&Report, &Judgement)> = parts
        .iter()
        .filter_map(|(_, report)| match &report.outcome {
            Outcome::Judged(judgement) => Some((report, judgement)),
            Outcome::NotJudged(_) | Outcome::Empty => None,
        })
        .collect();
    if judged.is_empty() {
        return Outcome::Empty;
    }
    let held = judged
        .iter()
        .any(|(_, judgement)| judgement.verdict == Verdict::NeedsAttention);
    let mut findings: Vec<Finding> = Vec::new();
    for (report, judgement) in &judged {
        if judgement.holds_without_finding() {
            findings.push(held_without_finding(report));
        }
        for finding in &judgement.findings {
            add(&mut findings, finding);
        }
    }
    number_twins(&mut findings);
    Outcome::Judged(Judgement {
        verdict: if held {
            Verdict::NeedsAttention
        } else {
            Verdict::Approve
        },
        summary: summary(&judged),
        findings,
        next_steps: distinct(
            judged
                .iter()
                .flat_map(|(_, judgement)| judgement.next_steps.clone()),
        ),
    })
}

/// Adds a finding unless the same is there; of the same, one that counts stays, and the graver one.
fn add(findings: &mut Vec<Finding>, finding: &Finding) {
    let same = findings.iter_mut().find(|other| {
        other.file == finding.file
            && other
                .fingerprint
                .zip(finding.fingerprint)
                .is_some_and(|(one, other)| one.is_twin_of(other))
    });
    match same {
        Some(other) => {
            if (finding.counts(), finding.severity) > (other.counts(), other.severity) {
                *other = finding.clone();
            }
        }
        None => findings.push(finding.clone()),
    }
}

/// A part that is held without a finding must not be outvoted by small findings of other parts: it becomes a finding.
fn held_without_finding(report: &Report) -> Finding {
    let part = report
        .identity
        .shard
        .map_or_else(|| "the change".to_owned(), |shard| format!("shard {shard}"));
    let mut finding = [Finding {
        severity: Severity::High,
        title: format!("The reviewer holds {part} and names no finding that counts"),
        body: String::new(),
        file: String::new(),
        lines: None,
        confidence: None,
        recommendation: None,
        origin: FindingOrigin::Model,
        placement: Placement::Unchecked,
        carried_from: None,
        fingerprint: None,
        exclusion: None,
    }];
    identify(&mut finding, &mut |_| None);
    let [finding] = finding;
    finding
}

fn summary(judged: &[(&Report, &Judgement)]) -> String {
    if let [(_, only)] = judged {
        return only.summary.clone();
    }
    let lines: Vec<String> = judged
        .iter()
        .filter(|(_, judgement)| !judgement.summary.trim().is_empty())
        .map(|(report, judgement)| match report.identity.shard {
            Some(shard) => format!("Shard {shard}: {}", judgement.summary.trim()),
            None => judgement.summary.trim().to_owned(),
        })
        .collect();
    lines.join("\n\n")
}

/// What the parts that were judged have found, so that it is not lost with the whole.
fn found_so_far(parts: &[(String, Report)]) -> Vec<String> {
    let found: Vec<String> = parts
        .iter()
        .filter(|(_, report)| report.standing() == Standing::Findings)
        .flat_map(|(name, report)| {
            report.shown_findings().into_iter().map(move |finding| {
                let line = finding
                    .lines
                    .map_or(String::new(), |lines| format!(":{}", lines.start()));
                format!(
                    "found by `{name}` all the same: {} {}{line}: {}",
                    finding.severity, finding.file, finding.title
                )
            })
        })
        .collect();
    let more = found.len().saturating_sub(MOST_NAMED);
    let mut shown: Vec<String> = found.into_iter().take(MOST_NAMED).collect();
    if more > 0 {
        shown.push(format!("and {more} more findings"));
    }
    shown
}

/// Every remark once. An acceptance that one part had no use for and another one used was of use.
fn merge_remarks(merged: &mut Report, parts: &[(String, Report)]) {
    let used: BTreeSet<String> = parts
        .iter()
        .flat_map(|(_, report)| report.excluded_findings())
        .filter_map(|finding| Some(finding.fingerprint?.to_string()))
        .collect();
    let mut remarks: Vec<_> = parts
        .iter()
        .flat_map(|(_, report)| report.noise.remarks.clone())
        .filter(|remark| remark.kind != RemarkKind::Unmatched || !used.contains(&remark.subject))
        .collect();
    remarks.sort();
    remarks.dedup();
    merged.noise.remarks = remarks;
}

fn joined(parts: &[(String, Report)], text: impl Fn(&Report) -> String) -> String {
    let texts: Vec<String> = parts
        .iter()
        .map(|(_, report)| text(report))
        .filter(|text| !text.trim().is_empty())
        .collect();
    texts.join("\n")
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

fn usage(parts: &[(String, Report)]) -> Option<TokenUsage> {
    let used = parts.iter().filter_map(|(_, report)| report.usage);
    used.reduce(|sum, part| TokenUsage {
        input: sum.input.saturating_add(part.input),
        cached_input: sum.cached_input.saturating_add(part.cached_input),
        output: sum.output.saturating_add(part.output),
        reasoning_output: sum.reasoning_output.saturating_add(part.reasoning_output),
    })
}

fn context(parts: &[(String, Report)]) -> Option<ContextInfo> {
    let shown: Vec<&ContextInfo> = parts
        .iter()
        .filter_map(|(_, report)| report.context.as_ref())
        .collect();
    let [first, ..] = shown.as_slice() else {
        return None;
    };
    let mut hash = Sha256::new();
    for context in &shown {
        hash.update(context.hash.as_bytes());
        hash.update(b"\n");
    }
    let summaries: Vec<&str> = shown
        .iter()
        .map(|context| context.summary.as_str())
        .collect();
    Some(ContextInfo {
        strategy: first.strategy.clone(),
        reason: format!("{} parts", shown.len()),
        summary: summaries.join(" + "),
        bytes: shown.iter().map(|context| context.bytes).sum(),
        tokens: shown.iter().map(|context| context.tokens).sum(),
        hash: hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        redactions: shown.iter().map(|context| context.redactions).sum(),
        left_out: distinct(shown.iter().flat_map(|context| context.left_out.clone())),
    })
}
