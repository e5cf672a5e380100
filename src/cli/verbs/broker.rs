//! Carries out `broker` and `engine`.

use std::path::PathBuf;
use std::time::Duration;

use codex_review::broker::{
    BrokerView, FoundBroker, StopOutcome, serve_process, status_all, stop_all,
    workspaces_with_brokers,
};
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use serde_json::{Value, json};

use crate::cli::broker::{BrokerRequest, Brokers, Busy};
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::workspace::{Workspace, state_root};

/// A broker that does not answer within this time is shown as such.
const ANSWER: Duration = Duration::from_secs(3);

pub(crate) fn run(
    request: BrokerRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match request {
        BrokerRequest::Serve { state_dir, rest } => {
            let mut arguments = vec!["--state-dir".into(), state_dir.into()];
            arguments.extend(rest);
            serve_process(arguments)?;
            Ok(ExitStatus::Passed)
        }
        BrokerRequest::Status { brokers, shape } => {
            let folders = folders(brokers, surroundings, ui)?;
            show(&folders, shape, ui)
        }
        BrokerRequest::Stop {
            brokers,
            busy,
            shape,
        } => {
            let folders = folders(brokers, surroundings, ui)?;
            stop(&folders, busy == Busy::Force, shape, ui)
        }
    }
}

fn folders(
    brokers: Brokers,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<Vec<PathBuf>, Failure> {
    Ok(match brokers {
        Brokers::Here => {
            let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
            vec![workspace.store.folder().to_owned()]
        }
        Brokers::All => workspaces_with_brokers(state_root()?.path()),
    })
}

fn show(folders: &[PathBuf], shape: Shape, ui: &Ui) -> Result<ExitStatus, Failure> {
    let runtime = super::runtime()?;
    let mut views: Vec<BrokerView> = Vec::new();
    for folder in folders {
        views.extend(runtime.block_on(status_all(folder, ANSWER)));
    }
    match shape {
        Shape::Json => {
            let all: Vec<Value> = views.iter().map(document).collect();
            ui.json(&json!({ "brokers": all }))?;
        }
        Shape::People if views.is_empty() => ui.result(b"No shared engine runs.\n")?,
        Shape::People => {
            let rows: Vec<[String; 5]> = views.iter().map(row).collect();
            ui.table(
                &["PID", "ENGINE", "TURNS", "CLIENTS", "ENDPOINT"],
                &[
                    Role::Heading,
                    Role::Plain,
                    Role::Plain,
                    Role::Plain,
                    Role::Place,
                ],
                &rows,
            )?;
        }
    }
    Ok(ExitStatus::Passed)
}

fn row(view: &BrokerView) -> [String; 5] {
    let (engine, turns, clients) = match &view.status {
        Ok(status) => (
            format!("codex {}", status.engine_version),
            format!("{} of {}", status.running, status.limit),
            status.clients.to_string(),
        ),
        Err(error) => (error.to_string(), "?".to_owned(), "?".to_owned()),
    };
    [
        pid(&view.broker),
        engine,
        turns,
        clients,
        place(&view.broker),
    ]
}

fn pid(broker: &FoundBroker) -> String {
    let pid = broker.record.as_ref().map(|record| record.pid.to_string());
    pid.unwrap_or_else(|| "?".to_owned())
}

/// Where it listens; its folder, where nothing says that.
fn place(broker: &FoundBroker) -> String {
    match &broker.record {
        Some(record) => record.endpoint.to_string(),
        None => broker.folder.display().to_string(),
    }
}

fn document(view: &BrokerView) -> Value {
    let record = view.broker.record.as_ref();
    json!({
        "pid": record.map(|record| record.pid),
        "endpoint": record.map(|record| record.endpoint.to_string()),
        "logFile": record.map(|record| record.log_file.to_string_lossy()),
        "status": view.status.as_ref().ok().map(|status| status.to_value()),
        "error": view.status.as_ref().err().map(ToString::to_string),
    })
}

fn stop(folders: &[PathBuf], force: bool, shape: Shape, ui: &Ui) -> Result<ExitStatus, Failure> {
    let runtime = super::runtime()?;
    let mut outcomes = Vec::new();
    for folder in folders {
        outcomes.extend(runtime.block_on(stop_all(folder, force, ANSWER)));
    }
    let mut exit = ExitStatus::Passed;
    let mut documents = Vec::new();
    let mut lines = Vec::new();
    for (broker, outcome) in &outcomes {
        let name = match &broker.record {
            Some(record) => record.pid.to_string(),
            None => format!("of `{}`", broker.folder.display()),
        };
        let (word, line) = match outcome {
            StopOutcome::Stopped => ("stopped", format!("Ended the shared engine {name}.")),
            StopOutcome::Killed => (
                "killed",
                format!("Killed the shared engine {name}, which did not answer."),
            ),
            StopOutcome::Busy { running } => {
                exit = ExitStatus::Incomplete;
                (
                    "busy",
                    format!(
                        "The shared engine {name} runs {running} turns; `--force` ends it all the same."
                    ),
                )
            }
            StopOutcome::Failed(error) => {
                exit = ExitStatus::Incomplete;
                (
                    "failed",
                    format!("The shared engine {name} could not be ended: {error}."),
                )
            }
        };
        let error = match outcome {
            StopOutcome::Failed(error) => Some(error.to_string()),
            _ => None,
        };
        let record = broker.record.as_ref();
        documents.push(json!({
            "pid": record.map(|record| record.pid),
            "endpoint": record.map(|record| record.endpoint.to_string()),
            "outcome": word,
            "error": error,
        }));
        lines.push(line);
    }
    match shape {
        Shape::Json => ui.json(&json!({ "brokers": documents }))?,
        Shape::People if lines.is_empty() => ui.result(b"No shared engine runs.\n")?,
        Shape::People => ui.result(format!("{}\n", lines.join("\n")).as_bytes())?,
    }
    Ok(exit)
}
