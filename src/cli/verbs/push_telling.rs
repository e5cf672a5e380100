//! What the pre-push hook says to people, on standard error.

use codex_review::hooks::{PushRecord, PushVerdict};
use codex_review::report::styled::Role;
use codex_review::review::{ExitStatus, Severity, Unjudged};

use crate::cli::ui::Ui;

use super::pre_push::SKIP_VARIABLE;

/// How the hook ends where nothing was judged, and says so.
pub(super) fn tell_unjudged(policy: Unjudged, ui: &Ui) -> ExitStatus {
    match policy {
        Unjudged::Pass => {
            ui.verdict(&[(
                Role::NotJudged,
                "warning: this push could not be judged; it goes on (`pre_push.unjudged` is pass)",
            )]);
            ExitStatus::Passed
        }
        Unjudged::Block => {
            ui.verdict(&[(
                Role::NotJudged,
                "push blocked: it could not be judged (`pre_push.unjudged` is block)",
            )]);
            tell_way_out(None, ui);
            ExitStatus::Findings
        }
    }
}

pub(super) fn tell_way_out(job_id: Option<&str>, ui: &Ui) {
    let details = job_id.map_or_else(String::new, |id| {
        format!("details: codex-review result {id}; ")
    });
    ui.verdict(&[(
        Role::Minor,
        &format!("{details}push anyway: {SKIP_VARIABLE}='why' git push"),
    )]);
}

/// One ref, and its findings.
pub(super) fn tell_record(record: &PushRecord, ui: &Ui) {
    let role = match record.verdict {
        PushVerdict::Passed => Role::Passed,
        PushVerdict::Held => Role::Findings,
        PushVerdict::NotJudged => Role::NotJudged,
        PushVerdict::NotReviewed | PushVerdict::Skipped => {
            ui.note(&format!(
                "{}: not reviewed: {}",
                record.remote_ref, record.why
            ));
            return;
        }
    };
    let word = match record.verdict {
        PushVerdict::Passed => "passed",
        PushVerdict::Held => "held",
        _ => "not judged",
    };
    let tell = |parts: &[(Role, &str)]| match record.verdict {
        // What passed is news that `--quiet` does without.
        PushVerdict::Passed => ui.spans(parts),
        _ => ui.verdict(parts),
    };
    tell(&[
        (Role::Plain, &format!("{}: ", record.remote_ref)),
        (role, word),
        (Role::Plain, &format!(": {}", record.why)),
    ]);
    for finding in &record.findings {
        let severity = finding
            .severity
            .parse::<Severity>()
            .map_or(Role::Plain, Role::Severity);
        tell(&[
            (severity, &format!("  {:<8}  ", finding.severity)),
            (Role::Place, &finding.place),
            (Role::Plain, &format!("  {}", finding.title)),
        ]);
    }
    let more = record.finding_count.saturating_sub(record.findings.len());
    if more > 0 {
        tell(&[(Role::Minor, &format!("  and {more} more"))]);
    }
}
