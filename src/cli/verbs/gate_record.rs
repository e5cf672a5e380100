//! Carries out `gate status`: what the gate remembers, shown.

use codex_review::hooks::GateMemory;
use codex_review::jobs::Timestamp;
use codex_review::report::counted;
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use codex_review::run::first_line;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::memory_file::{now_ms, recall};
use super::workspace::Workspace;

/// Carries out `gate status`.
pub(crate) fn status(
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let enabled = workspace.store.settings()?.stop_review_gate();
    let memory: GateMemory = recall(&workspace);
    let last_hour = memory.last_hour(now_ms());
    let newest_first = memory.records.iter().rev();
    match shape {
        Shape::Json => {
            let records: Vec<Value> = newest_first
                .map(|record| {
                    json!({
                        "at": shown_time(record.at_ms),
                        "what": record.gated.as_str(),
                        "sessionId": record.session_id,
                        "verdict": record.verdict,
                        "reason": record.reason,
                        "tokens": record.tokens,
                        "jobId": record.job_id,
                    })
                })
                .collect();
            ui.json(&json!({
                "enabled": enabled,
                "lastHour": {"asked": last_hour.asked, "tokens": last_hour.tokens},
                "records": records,
            }))?;
        }
        Shape::People => {
            let word = if enabled { "on" } else { "off" };
            ui.result(
                format!(
                    "Review gate: {word}\nLast hour: {}, {} tokens\n",
                    counted(last_hour.asked as usize, "question"),
                    last_hour.tokens
                )
                .as_bytes(),
            )?;
            let rows: Vec<[String; 5]> = newest_first
                .map(|record| {
                    [
                        shown_time(record.at_ms),
                        record.gated.as_str().to_owned(),
                        record.verdict.clone(),
                        record
                            .tokens
                            .map_or_else(|| "-".to_owned(), |tokens| tokens.to_string()),
                        first_line(&record.reason),
                    ]
                })
                .collect();
            if !rows.is_empty() {
                ui.table(
                    &["WHEN", "WHAT", "VERDICT", "TOKENS", "WHY"],
                    &[
                        Role::Minor,
                        Role::Plain,
                        Role::Heading,
                        Role::Plain,
                        Role::Plain,
                    ],
                    &rows,
                )?;
            }
        }
    }
    Ok(ExitStatus::Passed)
}

fn shown_time(at_ms: u64) -> String {
    Timestamp::from_unix_millis(at_ms).to_string()
}
