//! Carries out `setup`: is everything there, what to do next, and the switches of the gates.

use std::process::Stdio;
use std::time::Duration;

use codex_review::config::EngineChoice as EngineSetting;
use codex_review::engine::login::{AuthState, read_auth};
use codex_review::engine::{EngineIdentity, Limits, absolute_path, find_in_path};
use codex_review::review::ExitStatus;
use codex_review::run::{self, Access, EngineChoice, open_engine};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::setup::{GateSwitch, SetupRequest};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::status::session_runtime;
use super::workspace::Workspace;

/// How long a program may take to say its version, and the engine to answer each question.
const PATIENCE: Duration = Duration::from_secs(15);

/// The npm package that holds the Codex CLI.
const PACKAGE: &str = "@openai/codex";

/// Whether a program can be used, and what it says of itself.
struct Available {
    available: bool,
    detail: String,
}

/// Everything that was looked at.
struct Checkup {
    npm: Available,
    codex: Available,
    auth: Result<AuthState, String>,
    gate: bool,
    plan_review: bool,
    actions: Vec<String>,
    runtime: Value,
    builtin: bool,
}

pub(crate) fn run(
    request: SetupRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let mut actions = switch_gate(&workspace, request.gate)?;
    actions.extend(switch_plan_review(&workspace, request.plan_review)?);
    let checkup = check(&workspace, actions)?;
    match request.shape {
        Shape::Json => ui.json(&checkup.document())?,
        Shape::People => ui.result(checkup.page(&workspace).as_bytes())?,
    }
    Ok(ExitStatus::Passed)
}

fn switch_gate(workspace: &Workspace, switch: GateSwitch) -> Result<Vec<String>, Failure> {
    let on = match switch {
        GateSwitch::Leave => return Ok(Vec::new()),
        GateSwitch::On => true,
        GateSwitch::Off => false,
    };
    workspace
        .store
        .update_settings(|settings| settings.set_stop_review_gate(on))?;
    let word = if on { "Enabled" } else { "Disabled" };
    Ok(vec![format!(
        "{word} the stop-time review gate for {}.",
        workspace.store.workspace_root().display()
    )])
}

fn switch_plan_review(
    workspace: &Workspace,
    switch: GateSwitch,
) -> Result<Option<String>, Failure> {
    let on = match switch {
        GateSwitch::Leave => return Ok(None),
        GateSwitch::On => true,
        GateSwitch::Off => false,
    };
    workspace
        .store
        .update_settings(|settings| settings.set_plan_review(on))?;
    let word = if on { "Enabled" } else { "Disabled" };
    Ok(Some(format!(
        "{word} the review of presented plans for {}.",
        workspace.store.workspace_root().display()
    )))
}

fn check(workspace: &Workspace, actions: Vec<String>) -> Result<Checkup, Failure> {
    let surroundings = workspace.surroundings()?;
    let codex = workspace.codex();
    let runtime = super::runtime()?;
    let (npm, codex, auth) = runtime.block_on(async {
        let (npm, (codex, auth)) =
            tokio::join!(npm(&surroundings), ask_codex(&surroundings, &codex));
        (npm, codex, auth)
    });
    Ok(Checkup {
        npm,
        codex,
        auth,
        gate: workspace.store.settings()?.stop_review_gate(),
        plan_review: super::plan_gate::is_on(workspace)?,
        actions,
        runtime: session_runtime(workspace),
        builtin: workspace.settings().engine == EngineSetting::Builtin,
    })
}

async fn npm(surroundings: &run::Surroundings) -> Available {
    let Some(program) = find_in_path("npm", &surroundings.search_path) else {
        return Available {
            available: false,
            detail: "not found on PATH".to_owned(),
        };
    };
    let mut command = tokio::process::Command::new(&program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if let Some(path) = absolute_path(&surroundings.search_path) {
        command.env("PATH", path);
    }
    let version = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => None,
    };
    match version.filter(|version| !version.is_empty()) {
        Some(version) => Available {
            available: true,
            detail: version,
        },
        None => Available {
            available: false,
            detail: format!("`{}` does not say its version", program.display()),
        },
    }
}

async fn ask_codex(
    surroundings: &run::Surroundings,
    codex: &EngineChoice,
) -> (Available, Result<AuthState, String>) {
    let missing = |detail: String| {
        let why = format!("not asked: {detail}");
        (
            Available {
                available: false,
                detail,
            },
            Err(why),
        )
    };
    let command = match surroundings.engine_command(codex) {
        Ok(command) => command,
        Err(missing_engine) => return missing(missing_engine.detail),
    };
    let identity = match EngineIdentity::probe(&command, &surroundings.codex_home, PATIENCE).await {
        Ok(identity) => identity,
        Err(error) => return missing(error.to_string()),
    };
    let opened = open_engine(codex, &Access::Isolated, PATIENCE, surroundings).await;
    let opened = match opened {
        Ok(opened) => opened,
        Err(not_judged) => {
            return missing(format!(
                "codex {} is installed, but its app server does not answer: {}",
                identity.version, not_judged.detail
            ));
        }
    };
    let limits = Limits {
        rpc: PATIENCE,
        ..Limits::default()
    };
    let auth = read_auth(&opened.connection.caller(), None, &limits)
        .await
        .map_err(|error| error.not_judged().detail);
    opened.close().await;
    let detail = format!("codex {}; its app server answers", identity.version);
    (
        Available {
            available: true,
            detail,
        },
        auth,
    )
}

impl Checkup {
    fn logged_in(&self) -> bool {
        self.auth.as_ref().is_ok_and(|auth| auth.logged_in)
    }

    fn ready(&self) -> bool {
        self.builtin || (self.codex.available && self.logged_in())
    }

    fn next_steps(&self) -> Vec<String> {
        let mut steps = Vec::new();
        if !self.codex.available {
            if !self.npm.available {
                steps.push("Install Node.js, which brings npm.".to_owned());
            }
            steps.push(format!("Install the Codex CLI: npm install -g {PACKAGE}"));
            steps.push("Until then: codex-review review --engine builtin".to_owned());
        } else if !self.logged_in() {
            steps.push("Log in: codex login".to_owned());
        }
        if self.ready() {
            steps.push("Review your work: codex-review review".to_owned());
            if !self.gate {
                steps.push(
                    "Optional, a review before each turn ends: codex-review setup --enable-review-gate"
                        .to_owned(),
                );
            }
        }
        steps
    }

    fn document(&self) -> Value {
        let auth = match &self.auth {
            Ok(auth) => json!({
                "available": true,
                "loggedIn": auth.logged_in,
                "detail": auth.detail,
                "source": auth.source,
                "authMethod": auth.auth_method,
                "verified": auth.verified,
                "requiresOpenaiAuth": auth.requires_openai_auth,
                "provider": auth.provider,
            }),
            Err(detail) => json!({
                "available": false,
                "loggedIn": false,
                "detail": detail,
                "source": null,
                "authMethod": null,
                "verified": null,
                "requiresOpenaiAuth": null,
                "provider": null,
            }),
        };
        json!({
            "ready": self.ready(),
            "npm": {"available": self.npm.available, "detail": self.npm.detail},
            "codex": {"available": self.codex.available, "detail": self.codex.detail},
            "auth": auth,
            "sessionRuntime": self.runtime,
            "reviewGateEnabled": self.gate,
            "planReviewEnabled": self.plan_review,
            "actionsTaken": self.actions,
            "nextSteps": self.next_steps(),
        })
    }

    fn page(&self, workspace: &Workspace) -> String {
        let mark = |good: bool| if good { "ok" } else { "--" };
        let login = match &self.auth {
            Ok(auth) => auth.detail.clone(),
            Err(detail) => detail.clone(),
        };
        let runtime = self.runtime["label"].as_str().unwrap_or_default();
        let rows = [
            (
                mark(self.codex.available),
                "Codex",
                self.codex.detail.clone(),
            ),
            (mark(self.logged_in()), "Login", login),
            (mark(self.npm.available), "npm", self.npm.detail.clone()),
            (mark(true), "Engine", runtime.to_owned()),
            (
                mark(true),
                "State",
                workspace.store.folder().display().to_string(),
            ),
            (
                mark(true),
                "Review gate",
                if self.gate { "on" } else { "off" }.to_owned(),
            ),
            (
                mark(true),
                "Plan review",
                if self.plan_review { "on" } else { "off" }.to_owned(),
            ),
        ];
        let mut page = if self.ready() {
            "# Codex is ready\n\n".to_owned()
        } else {
            "# Codex is not ready yet\n\n".to_owned()
        };
        for (mark, name, detail) in rows {
            page.push_str(&format!("- [{mark}] {name}: {detail}\n"));
        }
        for (title, lines) in [("Done", &self.actions), ("Next", &self.next_steps())] {
            if !lines.is_empty() {
                page.push_str(&format!("\n{title}:\n"));
                for line in lines {
                    page.push_str(&format!("- {line}\n"));
                }
            }
        }
        page
    }
}
