//! Carries out `setup`: is everything there, what to do next, and the switches of the gates.

use std::process::Stdio;
use std::time::Duration;

use codex_review::config::EngineChoice as EngineSetting;
use codex_review::engine::login::{AuthState, read_auth};
use codex_review::engine::{
    EngineError, EngineIdentity, IdentityError, Limits, absolute_path, find_in_path, unavailable,
};
use codex_review::review::ExitStatus;
use codex_review::run::{self, Access, EngineChoice, open_engine};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::setup::{GateSwitch, SetupRequest};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::status::session_runtime;
use super::workspace::{ENDPOINT_VARIABLE, Workspace, given_endpoint};

/// How long a program may take to say its version, and the engine to answer each question.
const PATIENCE: Duration = Duration::from_secs(15);

/// The npm package that holds the Codex CLI.
const PACKAGE: &str = "@openai/codex";

/// Whether a program can be used, and what it says of itself.
struct Available {
    available: bool,
    detail: String,
}

/// Why Codex cannot be used, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// There is no program to start.
    Absent,
    /// The program is there, and its app server does not answer.
    Broken,
    /// The environment names an engine that does not answer.
    Unreachable,
}

/// What Codex says.
struct Codex {
    /// `None` where it answers.
    trouble: Option<Trouble>,
    detail: String,
    /// Its login, or why that is not known.
    auth: Result<AuthState, String>,
}

/// Everything that was looked at.
struct Checkup {
    npm: Available,
    codex: Codex,
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
    let (npm, codex) = runtime
        .block_on(async { tokio::join!(npm(&surroundings), ask_codex(&surroundings, &codex)) });
    let mut shared = session_runtime(workspace);
    if codex.trouble == Some(Trouble::Unreachable) {
        shared["label"] = "given engine, which does not answer".into();
        shared["detail"] = codex.detail.as_str().into();
    }
    Ok(Checkup {
        npm,
        codex,
        gate: workspace.store.settings()?.stop_review_gate(),
        plan_review: super::plan_gate::is_on(workspace)?,
        actions,
        runtime: shared,
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

/// Asks the engine that runs would use: the one that the environment names, or a child of our own.
async fn ask_codex(surroundings: &run::Surroundings, codex: &EngineChoice) -> Codex {
    let not_asked = |trouble, detail: String| Codex {
        trouble: Some(trouble),
        auth: Err(format!("not asked: {detail}")),
        detail,
    };
    let command = match surroundings.engine_command(codex) {
        Ok(command) => command,
        Err(missing) => return not_asked(Trouble::Absent, missing.detail),
    };
    let identity = match EngineIdentity::probe(&command, &surroundings.codex_home, PATIENCE).await {
        Ok(identity) => identity,
        Err(error @ IdentityError::NotRunnable { .. }) => {
            return not_asked(Trouble::Absent, unavailable(&error).detail);
        }
        Err(error) => return not_asked(Trouble::Broken, unavailable(&error).detail),
    };
    let version = if identity.has_version() {
        format!("codex {}", identity.version)
    } else {
        format!("codex of an unknown version ({})", identity.version)
    };
    let (access, trouble, who) = match given_endpoint() {
        Some(endpoint) => (
            Access::Endpoint(endpoint),
            Trouble::Unreachable,
            format!("the engine that {ENDPOINT_VARIABLE} names"),
        ),
        None => (
            Access::Isolated,
            Trouble::Broken,
            "its app server".to_owned(),
        ),
    };
    let mut opened = match open_engine(codex, &access, PATIENCE, surroundings).await {
        Ok(opened) => opened,
        Err(not_judged) => {
            return not_asked(
                trouble,
                format!(
                    "{version} is installed, but {who} does not answer: {}",
                    not_judged.detail
                ),
            );
        }
    };
    let limits = Limits {
        rpc: PATIENCE,
        ..Limits::default()
    };
    let auth = match read_auth(&opened.connection.caller(), None, &limits).await {
        // How the process ended says more than that its pipe closed.
        Err(EngineError::Lost { during, .. }) => Err(EngineError::Lost {
            during,
            source: opened.connection.loss().await,
        }),
        auth => auth,
    };
    opened.close().await;
    Codex {
        trouble: None,
        detail: format!("{version}; {who} answers"),
        auth: auth.map_err(|error| error.not_judged().detail),
    }
}

impl Checkup {
    fn logged_in(&self) -> bool {
        self.codex.auth.as_ref().is_ok_and(|auth| auth.logged_in)
    }

    fn ready(&self) -> bool {
        let may_run = self.codex.auth.as_ref().is_ok_and(AuthState::may_run);
        self.builtin || (self.codex.trouble.is_none() && may_run)
    }

    fn next_steps(&self) -> Vec<String> {
        let mut steps = self.repairs();
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

    /// What to do about Codex, if anything.
    fn repairs(&self) -> Vec<String> {
        let again = "Try again: codex-review setup".to_owned();
        let update =
            format!("If that does not help, update Codex: npm install -g {PACKAGE}@latest");
        let meanwhile = "Until then: codex-review review --engine builtin".to_owned();
        match (self.codex.trouble, &self.codex.auth) {
            (Some(Trouble::Absent), _) => {
                let npm =
                    (!self.npm.available).then(|| "Install Node.js, which brings npm.".to_owned());
                let codex = format!("Install the Codex CLI: npm install -g {PACKAGE}");
                npm.into_iter().chain([codex, meanwhile]).collect()
            }
            (Some(Trouble::Unreachable), _) => vec![
                format!(
                    "Unset {ENDPOINT_VARIABLE}, which lets runs start an engine, or let it name a broker that runs."
                ),
                meanwhile,
            ],
            (Some(Trouble::Broken), _) | (None, Err(_)) => vec![again, update, meanwhile],
            (None, Ok(auth)) if auth.logged_in => Vec::new(),
            (None, Ok(auth)) if auth.may_run() => {
                vec!["If a run finds no login: codex login".to_owned()]
            }
            // It did not say that there is no login: it failed to answer.
            (None, Ok(auth)) if auth.source.is_none() => vec![again, update],
            (None, Ok(_)) => vec!["Log in: codex login".to_owned()],
        }
    }

    fn document(&self) -> Value {
        let auth = match &self.codex.auth {
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
            "codex": {"available": self.codex.trouble.is_none(), "detail": self.codex.detail},
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
        let login = match &self.codex.auth {
            Ok(auth) => auth.detail.clone(),
            Err(detail) => detail.clone(),
        };
        let runtime = self.runtime["label"].as_str().unwrap_or_default();
        let rows = [
            (
                mark(self.codex.trouble.is_none()),
                "Codex",
                self.codex.detail.clone(),
            ),
            (mark(self.logged_in()), "Login", login),
            (mark(self.npm.available), "npm", self.npm.detail.clone()),
            (
                mark(self.codex.trouble != Some(Trouble::Unreachable)),
                "Engine",
                runtime.to_owned(),
            ),
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
