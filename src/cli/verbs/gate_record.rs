//! What the gate remembers, on disk, and how it is shown.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_review::hooks::GateMemory;
use codex_review::jobs::Timestamp;
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use codex_review::run::first_line;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::gate::now_ms;
use super::workspace::Workspace;

/// What the gate remembers, in the repository's state folder.
const MEMORY_FILE: &str = "gate.json";
/// How long to wait for another session that writes it.
const MEMORY_WAIT: Duration = Duration::from_secs(2);

/// Carries out `gate status`.
pub(crate) fn status(
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let enabled = workspace.store.settings()?.stop_review_gate();
    let memory = MemoryFile::of(&workspace).read();
    let last_hour = memory.last_hour(now_ms());
    let newest_first = memory.records.iter().rev();
    match shape {
        Shape::Json => {
            let records: Vec<Value> = newest_first
                .map(|record| {
                    json!({
                        "at": shown_time(record.at_ms),
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
                    counted(last_hour.asked, "question"),
                    last_hour.tokens
                )
                .as_bytes(),
            )?;
            let rows: Vec<[String; 4]> = newest_first
                .map(|record| {
                    [
                        shown_time(record.at_ms),
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
                    &["WHEN", "VERDICT", "TOKENS", "WHY"],
                    &[Role::Minor, Role::Heading, Role::Plain, Role::Plain],
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

fn counted(count: u32, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The gate's memory on disk. Reading never fails: damage is an empty memory.
pub(crate) struct MemoryFile {
    path: PathBuf,
}

impl MemoryFile {
    pub(crate) fn of(workspace: &Workspace) -> MemoryFile {
        MemoryFile {
            path: workspace.store.folder().join(MEMORY_FILE),
        }
    }

    pub(crate) fn read(&self) -> GateMemory {
        std::fs::read(&self.path)
            .map(|text| GateMemory::from_json(&text))
            .unwrap_or_default()
    }

    /// Reads, changes and replaces the file under its lock.
    pub(crate) fn update(&self, change: impl FnOnce(&mut GateMemory)) -> Result<(), Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::Write { path, source }
        };
        let lock_path = self.path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
        let began = Instant::now();
        // A lock that is never freed costs a moment; what another session noted meanwhile may then be lost.
        while lock.try_lock().is_err() && began.elapsed() < MEMORY_WAIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut memory = self.read();
        change(&mut memory);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed(folder))?;
        file.write_all(&memory.to_json())
            .map_err(failed(&self.path))?;
        file.persist(&self.path)
            .map_err(|error| failed(&self.path)(error.error))?;
        Ok(())
    }
}
