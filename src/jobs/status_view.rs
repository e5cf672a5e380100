//! Jobs as Markdown: the tables of `status`, one job's page, a result's page, a cancel's answer.
//!
//! Titles and summaries come from users and models: they are made one line, and cannot break out of a table cell.

use std::fmt::Write as _;

use serde_json::Value;

use super::documents::{elapsed, elapsed_words};
use super::human_log::one_line;
use super::{Cancelled, Job, JobStatus, JobView, StatusSnapshot, Timestamp};

const MAX_SUMMARY_CHARS: usize = 80;
const MAX_SESSION_CHARS: usize = 8;

/// Whose commands the reader can type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Slash commands.
    ClaudeCode,
    /// The program itself.
    Shell,
}

impl Surface {
    fn command(self, verb: &str, rest: &str) -> String {
        let command = match self {
            Surface::ClaudeCode => format!("/codex:{verb} {rest}"),
            Surface::Shell => format!("codex-review {verb} {rest}"),
        };
        command.trim_end().to_owned()
    }
}

/// The page of `status`.
#[must_use]
pub fn render_status(snapshot: &StatusSnapshot, surface: Surface) -> String {
    let mut page = String::from("# Codex jobs\n");
    for warning in &snapshot.warnings {
        push(&mut page, format_args!("\n> Warning: {warning}\n"));
    }
    let gate = if snapshot.settings.stop_review_gate() {
        "on"
    } else {
        "off"
    };
    push(
        &mut page,
        format_args!(
            "\nRepository: `{}`. Review gate: {gate}.\n",
            snapshot.workspace_root.display()
        ),
    );
    if snapshot.running.is_empty() && snapshot.recent.is_empty() {
        push(
            &mut page,
            format_args!(
                "\nNo jobs yet. Start one with `{}`.\n",
                surface.command("review", "--background")
            ),
        );
        return page;
    }
    if !snapshot.running.is_empty() {
        page.push_str("\n## Running\n\n");
        table(&mut page, &snapshot.running, snapshot.at, surface);
        for view in &snapshot.running {
            if !view.preview.is_empty() {
                push(&mut page, format_args!("\n`{}`:\n\n", view.job.id));
                for line in &view.preview {
                    push(&mut page, format_args!("- {}\n", cell(line, 200)));
                }
            }
        }
    }
    if !snapshot.recent.is_empty() {
        page.push_str("\n## Finished\n\n");
        table(&mut page, &snapshot.recent, snapshot.at, surface);
        if snapshot.more_finished > 0 {
            push(
                &mut page,
                format_args!(
                    "\n{} more: `{}`.\n",
                    snapshot.more_finished,
                    surface.command("status", "--all")
                ),
            );
        }
    }
    if let Some(next) = next_command(snapshot, surface) {
        push(&mut page, format_args!("\nNext: `{next}`\n"));
    }
    page
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text)
        .expect("writing to a string never fails");
}

fn next_command(snapshot: &StatusSnapshot, surface: Surface) -> Option<String> {
    // Nobody waits for a watch or a gate.
    let awaited = |view: &&JobView| !view.job.ephemeral;
    if let Some(running) = snapshot.running.iter().find(awaited) {
        return Some(surface.command("status", &format!("{} --wait", running.job.id)));
    }
    snapshot
        .latest_finished
        .as_ref()
        .map(|view| surface.command("result", view.job.id.as_str()))
}

fn table(page: &mut String, views: &[JobView], now: Timestamp, surface: Surface) {
    page.push_str("| Job | Kind | Status | Phase | Elapsed | Session | Summary | Actions |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for view in views {
        let job = &view.job;
        push(
            page,
            format_args!(
                "| `{}` | {} | {} | {} | {} | {} | {} | {} |\n",
                job.id,
                cell(&job.kind_label, MAX_SUMMARY_CHARS),
                status_words(job),
                phase_words(job),
                elapsed_words(elapsed(job, now)),
                session_words(view),
                cell(summary(job), MAX_SUMMARY_CHARS),
                actions(job, surface),
            ),
        );
    }
}

fn status_words(job: &Job) -> String {
    if !job.is_ended() && job.cancel_requested {
        return "cancelling".to_owned();
    }
    job.status.as_str().to_owned()
}

fn phase_words(job: &Job) -> String {
    match job.queue_place {
        Some(place) => format!("{} (place {place})", cell(job.phase.as_str(), 24)),
        None => cell(job.phase.as_str(), 24),
    }
}

fn session_words(view: &JobView) -> String {
    if view.is_own {
        return "this".to_owned();
    }
    view.job
        .session_id
        .as_deref()
        .map_or_else(|| "-".to_owned(), |id| cell(id, MAX_SESSION_CHARS))
}

fn summary(job: &Job) -> &str {
    match (&job.error_message, job.status) {
        (Some(reason), JobStatus::Failed) => reason,
        _ if job.summary.trim().is_empty() => &job.title,
        _ => &job.summary,
    }
}

fn actions(job: &Job, surface: Surface) -> String {
    let id = job.id.as_str();
    match job.status {
        JobStatus::Queued | JobStatus::Running => format!("`{}`", surface.command("cancel", id)),
        JobStatus::Completed | JobStatus::Failed => {
            format!("`{}`", surface.command("result", id))
        }
        JobStatus::Cancelled => "-".to_owned(),
    }
}

/// Text for a table cell: one line, no pipe, no code mark, not too long.
fn cell(text: &str, max_chars: usize) -> String {
    let line = one_line(text);
    let cut: String = line.chars().take(max_chars).collect();
    let dots = if cut.len() < line.len() { "…" } else { "" };
    format!("{cut}{dots}")
        .replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('`', "'")
        .replace('<', "&lt;")
}

/// The page of one job.
#[must_use]
pub fn render_job(view: &JobView, now: Timestamp, surface: Surface) -> String {
    let job = &view.job;
    let mut page = String::new();
    push(&mut page, format_args!("# Job `{}`\n\n", job.id));
    let mut fact = |name: &str, text: String| {
        push(&mut page, format_args!("- {name}: {text}\n"));
    };
    fact("Title", cell(&job.title, 200));
    fact("Kind", cell(&job.kind_label, 80));
    fact("Status", status_words(job));
    fact("Phase", phase_words(job));
    fact("Elapsed", elapsed_words(elapsed(job, now)));
    if !job.summary.trim().is_empty() {
        fact("Summary", cell(&job.summary, 400));
    }
    if let Some(reason) = &job.error_message {
        fact("Reason", cell(reason, 400));
    }
    if let Some(thread) = &job.thread_id {
        fact("Thread", format!("`{}`", cell(thread, 80)));
    }
    if job.unwritten_events > 0 {
        fact("Events lost", job.unwritten_events.to_string());
    }
    fact("Log", format!("`{}`", view.log_file.display()));
    if !view.preview.is_empty() {
        page.push_str("\nLast lines:\n\n");
        for line in &view.preview {
            push(&mut page, format_args!("- {}\n", cell(line, 200)));
        }
    }
    let id = job.id.as_str();
    let next = if job.is_ended() {
        surface.command("result", id)
    } else {
        surface.command("status", &format!("{id} --wait"))
    };
    push(&mut page, format_args!("\nNext: `{next}`\n"));
    page
}

/// The result for people; of an older tool's job without one, the answer in its result document.
fn readable_result(job: &Job) -> &str {
    let Some(outcome) = &job.outcome else {
        return "";
    };
    // Where there is a reason for having none, it says more than what came before it.
    let result = match &job.error_message {
        Some(_) => &Value::Null,
        None => &outcome.result,
    };
    [
        Some(outcome.rendered.as_str()),
        result["rawOutput"].as_str(),
        result["codex"]["stdout"].as_str(),
        result.as_str(),
    ]
    .into_iter()
    .flatten()
    .find(|text| !text.trim().is_empty())
    .unwrap_or("")
}

/// What `result` prints: the stored result as it is, or why there is none.
#[must_use]
pub fn render_result(job: &Job, surface: Surface) -> String {
    let rendered = readable_result(job);
    let mut page = String::new();
    if rendered.is_empty() {
        push(
            &mut page,
            format_args!("Job `{}` {}", job.id, job.status.as_str()),
        );
        match &job.error_message {
            Some(reason) => push(&mut page, format_args!(": {}.\n", one_line(reason))),
            None if job.outcome.is_none() => push(
                &mut page,
                format_args!("; only its summary is left: {}\n", one_line(summary(job))),
            ),
            None => page.push_str(" without a result.\n"),
        }
    } else {
        page.push_str(rendered);
        if !rendered.ends_with('\n') {
            page.push('\n');
        }
    }
    if let Some(thread) = &job.thread_id
        && !job.ephemeral
    {
        push(
            &mut page,
            format_args!(
                "\nThread: `{}` (`codex resume {}` goes on with it; `{}` shows the job)\n",
                cell(thread, 80),
                cell(thread, 80),
                surface.command("status", job.id.as_str())
            ),
        );
    }
    page
}

/// What `cancel` prints.
#[must_use]
pub fn render_cancelled(cancelled: &Cancelled) -> String {
    let job = &cancelled.job;
    match job.status {
        JobStatus::Cancelled => format!("Cancelled job `{}`.\n", job.id),
        JobStatus::Completed | JobStatus::Failed => format!(
            "Job `{}` {} before it could be cancelled; its result is kept.\n",
            job.id,
            job.status.as_str()
        ),
        JobStatus::Queued | JobStatus::Running => format!(
            "Asked job `{}` to stop; its worker has not ended yet and could not be ended from here.\n",
            job.id
        ),
    }
}
