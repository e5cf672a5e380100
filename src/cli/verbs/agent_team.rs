//! Carries out `agent-team`: opens the team that is meant, and applies, stops and clears away.

use std::time::Duration;

use codex_review::jobs::{CancelLimits, Job, JobId, JobsError, cancel, reconcile, request_cancel};
use codex_review::report::visible;
use codex_review::review::ExitStatus;
use codex_review::target::{LeftOut, LeftOutReason, Repository};
use codex_review::team::{Agent, ApplyEnd, Team, TeamError, TeamFolder, Unapplied};
use codex_review::worktrees::Git;
use serde_json::{Value, json};

use crate::cli::agent_team::{AgentTeamRequest, Named};
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::agent_team_start as start;
use super::agent_team_view as view;
use super::workspace::Workspace;

/// How long cleaning waits for others: a big tree may be checked out.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every verb of a team needs.
pub(super) struct Desk {
    pub(super) workspace: Workspace,
    pub(super) repository: Repository,
    pub(super) teams: TeamFolder,
    pub(super) git: Git,
}

impl Desk {
    pub(super) fn open(
        surroundings: &Surroundings,
        flags: Vec<codex_review::config::Flag>,
        ui: &Ui,
    ) -> Result<Desk, Failure> {
        let (workspace, repository) = Workspace::open_repository(surroundings, flags, ui)?;
        Ok(Desk {
            teams: TeamFolder::open(workspace.store.folder())?,
            git: Git::new(std::env::vars_os()),
            workspace,
            repository,
        })
    }

    /// An agent's job; `None` where it was never started, or its record is not kept any more.
    pub(super) fn job(&self, agent: &Agent) -> Result<Option<Job>, Failure> {
        let Some(id) = agent.job().and_then(|id| JobId::parse(id).ok()) else {
            return Ok(None);
        };
        let store = &self.workspace.store;
        if !store.files(&id).events.exists() {
            return Ok(None);
        }
        Ok(Some(reconcile(store, store.load(&id)?)))
    }

    /// The agents that still work, with their jobs.
    fn at_work<'t>(&self, team: &'t Team) -> Result<Vec<(&'t Agent, Job)>, Failure> {
        let mut working = Vec::new();
        for agent in &team.agents {
            if let Some(job) = self.job(agent)?.filter(|job| !job.is_ended()) {
                working.push((agent, job));
            }
        }
        Ok(working)
    }

    /// The command that shows something of a team, as the reader can type it.
    pub(super) fn command(&self) -> &'static str {
        match self.workspace.surface() {
            codex_review::jobs::Surface::ClaudeCode => "/codex:agent-team",
            codex_review::jobs::Surface::Shell => "codex-review agent-team",
        }
    }
}

pub(crate) fn run(
    request: AgentTeamRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    if let AgentTeamRequest::Start(request) = request {
        return start::start(*request, surroundings, ui);
    }
    let desk = Desk::open(surroundings, Vec::new(), ui)?;
    let status = match request {
        AgentTeamRequest::Start(_) => unreachable!("it was carried out above"),
        AgentTeamRequest::List(named) => view::list(&desk, &named, ui),
        AgentTeamRequest::Diff { patches, named } => view::diff(&desk, &patches, &named, ui),
        AgentTeamRequest::Attach(team) => start::attach(&desk, team.as_deref(), ui),
        AgentTeamRequest::Apply { agent, named } => apply(&desk, &agent, &named, ui),
        AgentTeamRequest::Stop(named) => stop(&desk, &named, ui),
        AgentTeamRequest::Clean { unapplied, named } => clean(&desk, unapplied, &named, ui),
    }?;
    Ok(status)
}

fn apply(desk: &Desk, name: &str, named: &Named, ui: &Ui) -> Result<ExitStatus, Failure> {
    let mut team = desk.teams.team(named.team.as_deref())?;
    let agent = team.agent(name)?;
    let job = desk.job(agent)?;
    if job.as_ref().is_some_and(|job| !job.is_ended()) {
        return Err(TeamError::StillWorking(vec![name.to_owned()]).into());
    }
    let environment = Surroundings::git_environment();
    let end = team.apply(&desk.teams, &desk.git, &desk.repository, &environment, name)?;
    if named.shape == Shape::Json {
        ui.json(&apply_document(name, &end))?;
    }
    let status = match &end {
        ApplyEnd::Applied(_) => ExitStatus::Passed,
        ApplyEnd::Conflicts(_) => ExitStatus::Incomplete,
    };
    if named.shape == Shape::Json {
        return Ok(status);
    }
    let text = match &end {
        ApplyEnd::Applied(applied) => {
            let mut text = String::new();
            for path in &applied.written {
                let note = if applied.merged.contains(path) {
                    "  (merged with your changes)"
                } else {
                    ""
                };
                text.push_str(&format!("  {}{note}\n", visible::path(&path.to_string())));
            }
            let there = match applied.already.len() {
                0 => String::new(),
                count => format!("; {count} were there already"),
            };
            match applied.written.len() {
                0 if applied.already.is_empty() => format!("`{name}` changed nothing.\n"),
                0 => format!("Everything that `{name}` did is in your working tree already.\n"),
                count => format!(
                    "Applied `{name}`: {count} file{} of your working tree{there}. Nothing was staged.\n{text}",
                    if count == 1 { "" } else { "s" },
                ),
            }
        }
        ApplyEnd::Conflicts(conflicts) => {
            let mut text = format!("Nothing was changed: `{name}` cannot be applied.\n");
            for conflict in conflicts {
                text.push_str(&format!(
                    "  {}  {}\n",
                    visible::path(&conflict.path.to_string()),
                    conflict.reason.as_str()
                ));
            }
            text.push_str(&format!(
                "`{} diff {name}` shows its patch; set your changes aside (commit or stash) and apply it again.\n",
                desk.command()
            ));
            text
        }
    };
    ui.result(text.as_bytes())?;
    if let ApplyEnd::Applied(applied) = &end {
        tell_left_out(&applied.left_out, "was not brought over", ui);
    }
    Ok(status)
}

fn apply_document(name: &str, end: &ApplyEnd) -> Value {
    let paths = |paths: &[bstr::BString]| -> Vec<String> {
        paths.iter().map(ToString::to_string).collect()
    };
    match end {
        ApplyEnd::Applied(applied) => json!({
            "agent": name,
            "applied": true,
            "written": paths(&applied.written),
            "merged": paths(&applied.merged),
            "already": paths(&applied.already),
            "leftOut": left_out_document(&applied.left_out),
            "conflicts": [],
        }),
        ApplyEnd::Conflicts(conflicts) => json!({
            "agent": name,
            "applied": false,
            "written": [],
            "merged": [],
            "already": [],
            "leftOut": [],
            "conflicts": conflicts.iter().map(|conflict| json!({
                "path": conflict.path.to_string(),
                "reason": conflict.reason.as_str(),
            })).collect::<Vec<_>>(),
        }),
    }
}

fn stop(desk: &Desk, named: &Named, ui: &Ui) -> Result<ExitStatus, Failure> {
    // A start under way would go on to start agents behind us.
    desk.teams.check_idle()?;
    let team = desk.teams.team(named.team.as_deref())?;
    let stopped = end_all(desk, &team)?;
    match named.shape {
        Shape::Json => ui.json(&json!({
            "team": team.name,
            "stopped": stopped.iter().map(|(name, job)| json!({
                "agent": name, "jobId": job.id.as_str(), "status": job.status.as_str(),
            })).collect::<Vec<_>>(),
        }))?,
        Shape::People if stopped.is_empty() => ui.result(b"No agent is at work.\n")?,
        Shape::People => {
            let mut text = String::new();
            for (name, job) in &stopped {
                text.push_str(&format!("{name}: {}\n", job.status.as_str()));
            }
            text.push_str(&format!(
                "What they did is kept: `{command} diff` shows it, `{command} clean` removes it.\n",
                command = desk.command()
            ));
            ui.result(text.as_bytes())?;
        }
    }
    Ok(if stopped.iter().all(|(_, job)| job.is_ended()) {
        ExitStatus::Passed
    } else {
        ExitStatus::Incomplete
    })
}

/// Asks every agent that works to end, and then waits for each.
fn end_all(desk: &Desk, team: &Team) -> Result<Vec<(String, Job)>, Failure> {
    let store = &desk.workspace.store;
    let session = desk.workspace.session.as_deref();
    let working = desk.at_work(team)?;
    for (_, job) in &working {
        request_cancel(store, &job.id, session)?;
    }
    let mut ended = Vec::new();
    for (agent, job) in working {
        let job = match cancel(store, &job.id, session, &CancelLimits::default()) {
            Ok(cancelled) => cancelled.job,
            // Its own end came first.
            Err(JobsError::AlreadyEnded { .. }) => store.load(&job.id)?,
            Err(error) => return Err(error.into()),
        };
        ended.push((agent.name.clone(), job));
    }
    Ok(ended)
}

fn clean(desk: &Desk, unapplied: Unapplied, named: &Named, ui: &Ui) -> Result<ExitStatus, Failure> {
    if matches!(desk.teams.check_idle(), Err(TeamError::Busy)) {
        ui.note("waiting for an `agent-team` command, or for git that one left behind, to end");
        desk.teams.wait_until_idle(PATIENCE)?;
    }
    let team = desk.teams.team(named.team.as_deref())?;
    if unapplied == Unapplied::GiveUp {
        end_all(desk, &team)?;
    }
    // Also behind the end of all: a job may neither obey nor be killed.
    let working = desk.at_work(&team)?;
    if !working.is_empty() {
        let names = working.iter().map(|(agent, _)| agent.name.clone());
        return Err(TeamError::StillWorking(names.collect()).into());
    }
    let environment = Surroundings::git_environment();
    let cleaned = team.clean(
        &desk.teams,
        &desk.git,
        &desk.repository,
        &environment,
        unapplied,
    )?;
    match named.shape {
        Shape::Json => ui.json(&json!({
            "team": team.name,
            "worktrees": cleaned.worktrees,
            "branches": cleaned.branches,
            "leftAlone": cleaned.left_alone.iter().map(|left| json!({
                "what": left.what, "reason": left.reason,
            })).collect::<Vec<_>>(),
        }))?,
        Shape::People => {
            let mut text = format!(
                "Removed the team `{}`: worktrees {}, branches {}.\n",
                team.name,
                cleaned.worktrees.len(),
                cleaned.branches.len()
            );
            for left in &cleaned.left_alone {
                text.push_str(&format!(
                    "Left alone: {} ({})\n",
                    visible::path(&left.what),
                    left.reason
                ));
            }
            ui.result(text.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}

/// Names what is not there, a few by name.
pub(super) fn tell_left_out(left_out: &[LeftOut], fate: &str, ui: &Ui) {
    const SHOWN: usize = 5;
    for file in left_out.iter().take(SHOWN) {
        ui.warning(&format!(
            "`{}` {fate}: {}",
            visible::path(&file.path.to_string()),
            reason_words(&file.reason)
        ));
    }
    if left_out.len() > SHOWN {
        ui.warning(&format!("{} more {fate}", left_out.len() - SHOWN));
    }
}

pub(super) fn left_out_document(left_out: &[LeftOut]) -> Value {
    left_out
        .iter()
        .map(|file| {
            json!({
                "path": file.path.to_string(),
                "size": file.size,
                "reason": reason_words(&file.reason),
            })
        })
        .collect()
}

fn reason_words(reason: &LeftOutReason) -> String {
    let mebibytes = |bytes: &u64| bytes >> 20;
    match reason {
        LeftOutReason::TooLarge { cap } => format!("it has more than {} MiB", mebibytes(cap)),
        LeftOutReason::SumReached { cap } => {
            format!("untracked files have more than {} MiB", mebibytes(cap))
        }
        LeftOutReason::NestedRepository => "it is a repository of its own".to_owned(),
        LeftOutReason::NotRegular(what) => format!("it is a {what}"),
        LeftOutReason::Symlink => "it is a link".to_owned(),
        LeftOutReason::Unreadable(why) => format!("it cannot be read: {why}"),
        LeftOutReason::Binary | LeftOutReason::Ignored | LeftOutReason::SecretName => {
            "it is not looked at".to_owned()
        }
    }
}
