//! Carries out `agent-team start` and `attach`: makes the team, starts its jobs, and shows them in tmux.

use std::ffi::OsString;

use codex_review::engine::find_in_path;
use codex_review::jobs::{Clock, STATE_DIR_VARIABLE};
use codex_review::prompt::{AgentInput, agent};
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use codex_review::run::{
    AGENT, Access, EngineChoice, EngineOptions, Submission, ThreadChoice, first_line, submit,
    task_request,
};
use codex_review::team::{Start, Team, agent_names, team_name};
use serde_json::json;

use crate::cli::agent_team::{Following, StartRequest};
use crate::cli::failure::Failure;
use crate::cli::options::{Isolation, Shape};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::agent_team::{Desk, left_out_document, tell_left_out};
use super::effort;
use super::tmux::{self, Opened, Pane};
use super::workspace::{random, self_exe};

/// What is said where there is no tmux.
const NO_TMUX: &str =
    "tmux is not installed: the agents are jobs like any other, followed one by one";

pub(super) fn start(
    request: StartRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let names = agent_names(usize::from(request.count), &request.names)?;
    let name = team_name(&request.team)?;
    let task = request
        .task
        .read(&surroundings.cwd)?
        .ok_or(UsageError::NoText)?;
    let desk = Desk::open(surroundings, request.flags, ui)?;
    let options = engine_options(&desk, request.isolation);
    effort::check(&options, &desk.workspace, ui)?;
    let launcher = desk.workspace.launcher()?;
    let mut made = desk.teams.start(
        &desk.git,
        &desk.repository,
        &Surroundings::git_environment(),
        &Start {
            name: &name,
            agents: &names,
            task: &task,
            dirt: request.dirt,
            created_at: Clock::system().now().to_string(),
        },
    )?;
    let summary = first_line(&task);
    for at in 0..made.team.agents.len() {
        let agent = &made.team.agents[at];
        let text = agent_text(&made.team, &agent.name);
        let mut run = task_request(
            &AGENT,
            &agent.worktree,
            Some(&text),
            ThreadChoice::New,
            true,
            &options,
        )?;
        run.scratch = Some(made.team.scratch(agent));
        let submission = Submission {
            title: Some(format!("{}: {}", AGENT.title, agent.name)),
            summary: summary.clone(),
            session_id: desk.workspace.session.clone(),
            // They outlive the session that asked for them, as their worktrees do.
            background: true,
            random: random(),
        };
        let owned = submit(&desk.workspace.store, &run, submission)?;
        // Before it starts: a crash leaves no job that the team does not know.
        let id = owned.job().id.clone();
        made.team.set_job(at, id.as_str())?;
        owned.start(&launcher)?;
    }
    let team = &made.team;
    let (carried, left_out) = (&team.agents[0].carried, &made.left_out);
    match request.shape {
        Shape::Json => ui.json(&json!({
            "team": team.name,
            "base": team.base.as_hex(),
            "agents": team.agents.iter().map(|agent| json!({
                "name": agent.name,
                "jobId": agent.job(),
                "branch": agent.branch,
                "worktree": agent.worktree.to_string_lossy(),
            })).collect::<Vec<_>>(),
            "carried": carried.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "leftOut": left_out_document(left_out),
            "atOnce": at_once(&options),
        }))?,
        Shape::People => tell(&desk, team, carried.len(), at_once(&options), ui)?,
    }
    tell_left_out(left_out, "is not in the worktrees", ui);
    desk.workspace.tell_warnings();
    let team = made.release();
    match request.following {
        Following::None => Ok(ExitStatus::Passed),
        Following::Tmux => follow(&desk, &team, ui),
    }
}

pub(super) fn attach(desk: &Desk, team: Option<&str>, ui: &Ui) -> Result<ExitStatus, Failure> {
    let team = desk.teams.team(team)?;
    follow(desk, &team, ui)
}

/// One engine serves all agents, so that its places bound how many work at once; also in CI, where reviews bring their own.
fn engine_options(desk: &Desk, isolation: Isolation) -> EngineOptions {
    let mut options = desk.workspace.engine_options(isolation);
    let is_codex = matches!(options.engine, EngineChoice::Codex(_));
    if is_codex && isolation == Isolation::Default && options.access == Access::Isolated {
        let broker = &desk.workspace.settings().broker;
        options.access = Access::Shared {
            max_streams: broker.max_streams,
            idle_timeout_ms: u64::try_from(broker.idle.as_millis()).unwrap_or(u64::MAX),
        };
    }
    options
}

/// How many agents may work at once, as far as it is known.
fn at_once(options: &EngineOptions) -> Option<usize> {
    match options.access {
        Access::Shared { max_streams, .. } => Some(max_streams),
        Access::Endpoint(_) | Access::Isolated => None,
    }
}

fn agent_text(team: &Team, name: &str) -> String {
    let names: Vec<&str> = team
        .agents
        .iter()
        .map(|agent| agent.name.as_str())
        .collect();
    agent(&AgentInput {
        name,
        team: &names,
        task: &team.task,
    })
}

fn tell(
    desk: &Desk,
    team: &Team,
    carried: usize,
    at_once: Option<usize>,
    ui: &Ui,
) -> Result<(), Failure> {
    let rows: Vec<[String; 3]> = team
        .agents
        .iter()
        .map(|agent| {
            [
                agent.name.clone(),
                agent.job().unwrap_or_default().to_owned(),
                agent.branch.clone(),
            ]
        })
        .collect();
    ui.table(
        &["AGENT", "JOB", "BRANCH"],
        &[Role::Heading, Role::Plain, Role::Place],
        &rows,
    )?;
    let mut text = String::new();
    if carried > 0 {
        text.push_str(&format!(
            "Each begins with your uncommitted work ({carried} file{}), which stays where it is.\n",
            if carried == 1 { "" } else { "s" }
        ));
    }
    if let Some(most) = at_once.filter(|&most| most < rows.len()) {
        text.push_str(&format!(
            "At most {most} work at once; the others wait for their turn.\n"
        ));
    }
    text.push_str(&format!(
        "`{} list` shows how they stand; then `diff`, `apply AGENT`, `clean`.\n",
        desk.command()
    ));
    ui.result(text.as_bytes())?;
    Ok(())
}

/// Opens a pane for each agent, or says how to follow without.
fn follow(desk: &Desk, team: &Team, ui: &Ui) -> Result<ExitStatus, Failure> {
    let program = find_in_path("tmux", &Surroundings::variable("PATH").unwrap_or_default());
    let own = self_exe()?;
    let panes: Vec<Pane> = team
        .agents
        .iter()
        .filter_map(|agent| {
            let words: [OsString; 6] = [
                own.clone().into(),
                "-C".into(),
                desk.repository.root().into(),
                "logs".into(),
                "--follow".into(),
                agent.job()?.into(),
            ];
            Some(Pane {
                title: agent.name.clone(),
                command: words.to_vec(),
            })
        })
        .collect();
    let by_hand = || -> String {
        let jobs = team.agents.iter().filter_map(|agent| {
            agent
                .job()
                .map(|job| format!("  codex-review logs --follow {job}  # {}\n", agent.name))
        });
        jobs.collect()
    };
    let Some(program) = program else {
        ui.warning(NO_TMUX);
        ui.result(by_hand().as_bytes())?;
        return Ok(ExitStatus::Passed);
    };
    let name = format!("codex-{}", team.name);
    let environment = [(STATE_DIR_VARIABLE, desk.workspace.state_root.path())];
    match tmux::open(&program, &name, &panes, &environment) {
        Ok(Opened::Window) => ui.note(&format!("the agents are in the tmux window `{name}`")),
        Ok(Opened::Session) if Surroundings::stdin_is_terminal() => {
            tmux::attach(&program, &name)?;
        }
        Ok(Opened::Session) => {
            ui.result(format!("tmux attach-session -t {name}\n").as_bytes())?;
        }
        // The agents work all the same.
        Err(fault) => {
            ui.warning(&format!("tmux shows no panes: {fault}"));
            ui.result(by_hand().as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}
