//! Carries out `gate FILE` and `merge`: decisions from saved results, offline.

use std::path::Path;

use codex_review::report::{self, Report, Standing, visible};
use codex_review::review::{ExitStatus, Outcome};
use codex_review::run::{decide_again, merge_reports};

use crate::cli::failure::Failure;
use crate::cli::gate::DecideRequest;
use crate::cli::merge::MergeRequest;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::delivery::Delivery;
use super::saved::{list_results, read_report};

pub(crate) fn gate(
    request: &DecideRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let path = if request.file == Path::new("-") {
        request.file.clone()
    } else {
        surroundings.cwd.join(&request.file)
    };
    let report = decide_again(
        read_report(&path)?,
        request.fail_on,
        request.on_empty,
        request.expected_head.as_deref(),
    );
    match request.shape {
        Shape::Json => ui.result(&report::json::render(&report))?,
        Shape::People => ui.result(decision(&report).as_bytes())?,
    }
    Ok(report.exit)
}

/// The decision in a line or two, and what it rests on.
fn decision(report: &Report) -> String {
    let of = match &report.identity.head {
        Some(head) => format!("{} at {}", report.target.label, &head[..head.len().min(12)]),
        None => report.target.label.clone(),
    };
    let came_to = match (&report.outcome, report.standing()) {
        (Outcome::NotJudged(not_judged), _) => not_judged.detail.clone(),
        (Outcome::Empty, _) => "there was nothing to review".to_owned(),
        (Outcome::Judged(_), Standing::Findings) => {
            let shown = report.shown_findings();
            let gravest = shown.first().map_or(String::new(), |finding| {
                format!(", the gravest {}", finding.severity)
            });
            format!("{} findings that count{gravest}", shown.len())
        }
        (Outcome::Judged(_), _) => "no finding counts".to_owned(),
    };
    let word = match report.exit {
        ExitStatus::Passed => "passed",
        ExitStatus::Findings => "failed",
        ExitStatus::Empty => "empty",
        _ => "incomplete",
    };
    let excluded = match report.excluded_findings().len() {
        0 => String::new(),
        count => format!("; {count} more do not count"),
    };
    format!(
        "{word}: {} of {}: {}{excluded} (fail-on {}, exit {})\n",
        visible::line(&report.kind),
        visible::line(&of),
        visible::line(&came_to),
        report.fail_on,
        report.exit.code(),
    )
}

pub(crate) fn merge(
    request: MergeRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let heartbeat = surroundings.settings(Vec::new())?.settings.heartbeat;
    let delivery = Delivery::prepare(ui, surroundings, request.printed, request.files, heartbeat)?;
    let files = list_results(&request.results, &surroundings.cwd)?;
    let parts = files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&surroundings.cwd).unwrap_or(path);
            Ok((name.display().to_string(), read_report(path)?))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let merged = merge_reports(&parts, request.fail_on, request.on_empty);
    delivery.report(&merged)?;
    Ok(merged.exit)
}
