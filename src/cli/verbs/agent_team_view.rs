//! Carries out `agent-team list` and `diff`.

use codex_review::jobs::{Clock, Job, JobStatus, elapsed, elapsed_words};
use codex_review::report::styled::Role;
use codex_review::report::{grouped, visible};
use codex_review::review::ExitStatus;
use codex_review::team::{Agent, AgentResult, AgentState, Collision, Meeting, Team, collisions};
use serde_json::{Value, json};

use crate::cli::agent_team::{Named, Patches};
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::agent_team::{Desk, left_out_document, tell_left_out};

/// How one agent stands.
struct Standing<'t> {
    agent: &'t Agent,
    job: Option<Job>,
    /// What it did, or why that is not known.
    result: Result<AgentResult, String>,
}

impl Standing<'_> {
    fn word(&self) -> &'static str {
        match (&self.agent.state, &self.job) {
            (AgentState::Making | AgentState::Made { .. }, _) => "not started",
            (AgentState::Started { .. }, Some(job)) => job.status.as_str(),
            // Old jobs are let go; what it did is in its worktree.
            (AgentState::Started { .. }, None) => "ended",
        }
    }

    fn place(&self) -> Option<u32> {
        self.job.as_ref().and_then(|job| job.queue_place)
    }

    fn state(&self) -> String {
        match (&self.job, self.place()) {
            (Some(_), Some(place)) => format!("waiting (place {place})"),
            (Some(job), None) if job.status == JobStatus::Running => {
                format!("running ({})", job.phase.as_str())
            }
            _ => self.word().to_owned(),
        }
    }

    fn tokens(&self) -> Option<u64> {
        let tokens = self.job.as_ref()?.tokens?;
        Some(tokens.input + tokens.output)
    }
}

fn standings<'t>(desk: &Desk, team: &'t Team) -> Result<Vec<Standing<'t>>, Failure> {
    let environment = Surroundings::git_environment();
    team.agents
        .iter()
        .map(|agent| {
            Ok(Standing {
                agent,
                job: desk.job(agent)?,
                result: team
                    .result(&desk.git, &desk.repository, &environment, agent)
                    .map_err(|error| error.to_string()),
            })
        })
        .collect()
}

pub(super) fn list(desk: &Desk, named: &Named, ui: &Ui) -> Result<ExitStatus, Failure> {
    let names = desk.teams.names()?;
    let teams = match (&named.team, names.as_slice()) {
        (Some(name), _) => vec![desk.teams.team(Some(name))?],
        (None, []) => Vec::new(),
        (None, names) => names
            .iter()
            .map(|name| desk.teams.team(Some(name)))
            .collect::<Result<_, _>>()?,
    };
    if named.shape == Shape::Json {
        let documents: Vec<Value> = teams
            .iter()
            .map(|team| Ok(team_document(team, &standings(desk, team)?)))
            .collect::<Result<_, Failure>>()?;
        ui.json(&json!({"teams": documents}))?;
        return Ok(ExitStatus::Passed);
    }
    if teams.is_empty() {
        ui.result(format!("No team. `{} start N TASK` starts one.\n", desk.command()).as_bytes())?;
    }
    let now = Clock::system().now();
    for (at, team) in teams.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        ui.result(
            format!(
                "{gap}{} from {}: {}\n",
                team.name,
                team.base.short(),
                visible::line(&codex_review::run::first_line(&team.task))
            )
            .as_bytes(),
        )?;
        let standings = standings(desk, team)?;
        let rows: Vec<[String; 7]> = standings
            .iter()
            .map(|standing| {
                let (files, lines) = match &standing.result {
                    Ok(result) => {
                        let (added, removed) = result.lines();
                        (
                            result.files.len().to_string(),
                            format!("+{added} -{removed}"),
                        )
                    }
                    Err(_) => ("?".to_owned(), "?".to_owned()),
                };
                [
                    standing.agent.name.clone(),
                    standing.state(),
                    standing
                        .job
                        .as_ref()
                        .map_or_else(|| "-".to_owned(), |job| elapsed_words(elapsed(job, now))),
                    files,
                    lines,
                    standing.tokens().map_or_else(|| "-".to_owned(), grouped),
                    standing.agent.branch.clone(),
                ]
            })
            .collect();
        ui.table(
            &[
                "AGENT", "STATE", "ELAPSED", "FILES", "LINES", "TOKENS", "BRANCH",
            ],
            &[
                Role::Heading,
                Role::Plain,
                Role::Minor,
                Role::Plain,
                Role::Plain,
                Role::Minor,
                Role::Place,
            ],
            &rows,
        )?;
        for standing in &standings {
            if let Err(why) = &standing.result {
                ui.warning(&format!("{}: {why}", standing.agent.name));
            }
            let failed = standing
                .job
                .as_ref()
                .and_then(|job| job.error_message.as_deref());
            if let Some(reason) = failed {
                ui.warning(&format!("{}: {reason}", standing.agent.name));
            }
        }
    }
    Ok(ExitStatus::Passed)
}

fn team_document(team: &Team, standings: &[Standing<'_>]) -> Value {
    let now = Clock::system().now();
    let agents: Vec<Value> = standings
        .iter()
        .map(|standing| {
            let job = standing.job.as_ref();
            let lines = standing.result.as_ref().ok().map(AgentResult::lines);
            json!({
                "name": standing.agent.name,
                "jobId": standing.agent.job(),
                "status": standing.word(),
                "phase": job.map(|job| job.phase.as_str().to_owned()),
                "queuePlace": standing.place(),
                "elapsedMs": job.map(|job| u64::try_from(elapsed(job, now).as_millis()).unwrap_or(u64::MAX)),
                "filesChanged": standing.result.as_ref().ok().map(|result| result.files.len()),
                "linesAdded": lines.map(|(added, _)| added),
                "linesRemoved": lines.map(|(_, removed)| removed),
                "tokens": job.and_then(|job| job.tokens).map(|tokens| json!({
                    "input": tokens.input, "cachedInput": tokens.cached_input, "output": tokens.output,
                })),
                "branch": standing.agent.branch,
                "worktree": standing.agent.worktree.to_string_lossy(),
                "error": standing.result.as_ref().err().or(job.and_then(|job| job.error_message.as_ref())),
            })
        })
        .collect();
    json!({
        "name": team.name,
        "task": team.task,
        "base": team.base.as_hex(),
        "createdAt": team.created_at,
        "agents": agents,
    })
}

pub(super) fn diff(
    desk: &Desk,
    patches: &Patches,
    named: &Named,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let team = desk.teams.team(named.team.as_deref())?;
    if let Patches::Of(names) = patches {
        for name in names {
            team.agent(name)?;
        }
    }
    let environment = Surroundings::git_environment();
    let mut results = Vec::new();
    for agent in &team.agents {
        results.push(team.result(&desk.git, &desk.repository, &environment, agent)?);
    }
    let collisions = collisions(&team, &desk.git, &desk.repository, &results)?;
    let shows = |result: &AgentResult| match patches {
        Patches::None => false,
        Patches::All => true,
        Patches::Of(names) => names.contains(&result.agent),
    };
    let patch = |result: &AgentResult| team.patch(&desk.git, &desk.repository, result);
    if named.shape == Shape::Json {
        let mut agents = Vec::new();
        for result in &results {
            let mut document = result_document(result, &collisions);
            if shows(result) {
                document["patch"] = json!(String::from_utf8_lossy(&patch(result)?));
            }
            agents.push(document);
        }
        ui.json(&json!({
            "team": team.name,
            "agents": agents,
            "collisions": collisions.iter().map(|collision| json!({
                "path": collision.path.to_string(),
                "agents": collision.agents,
                "meeting": collision.meeting.as_str(),
            })).collect::<Vec<_>>(),
        }))?;
        return Ok(ExitStatus::Passed);
    }
    for result in &results {
        ui.result(stat(result, &collisions).as_bytes())?;
        tell_left_out(&result.left_out, "is not compared", ui);
    }
    ui.result(collision_words(&collisions).as_bytes())?;
    for result in results.iter().filter(|result| shows(result)) {
        ui.result(format!("\n# {}\n\n", result.agent).as_bytes())?;
        ui.foreign(&patch(result)?)?;
    }
    Ok(ExitStatus::Passed)
}

fn meeting_of(collisions: &[Collision], result: &AgentResult, at: usize) -> Option<Meeting> {
    let path = &result.files[at].path;
    let found = collisions.iter().find(|collision| collision.path == *path);
    found.map(|collision| collision.meeting)
}

fn result_document(result: &AgentResult, collisions: &[Collision]) -> Value {
    let (added, removed) = result.lines();
    json!({
        "name": result.agent,
        "linesAdded": added,
        "linesRemoved": removed,
        "files": result.files.iter().enumerate().map(|(at, file)| json!({
            "path": file.path.to_string(),
            "status": file.letter().to_string(),
            "linesAdded": file.added,
            "linesRemoved": file.removed,
            "collides": meeting_of(collisions, result, at).map(Meeting::as_str),
        })).collect::<Vec<_>>(),
        "leftOut": left_out_document(&result.left_out),
    })
}

fn stat(result: &AgentResult, collisions: &[Collision]) -> String {
    let (added, removed) = result.lines();
    let count = result.files.len();
    let plural = if count == 1 { "" } else { "s" };
    let mut text = format!(
        "{}: {count} file{plural}, +{added} -{removed}\n",
        result.agent
    );
    let shown: Vec<String> = result
        .files
        .iter()
        .map(|file| visible::path(&file.path.to_string()).into_owned())
        .collect();
    let width = shown
        .iter()
        .map(|path| path.chars().count())
        .max()
        .unwrap_or(0);
    for (at, (file, path)) in result.files.iter().zip(&shown).enumerate() {
        let lines = match (file.added, file.removed) {
            (Some(added), Some(removed)) => format!("+{added} -{removed}"),
            _ => "binary".to_owned(),
        };
        let mark = match meeting_of(collisions, result, at) {
            None => String::new(),
            Some(meeting) => format!("  ! {}", mark(meeting)),
        };
        let line = format!("  {} {path:<width$}  {lines}{mark}", file.letter());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn mark(meeting: Meeting) -> &'static str {
    match meeting {
        Meeting::Same => "same change",
        Meeting::Apart => "collides, in other places",
        Meeting::Overlap => "collides, hunks overlap",
    }
}

fn collision_words(collisions: &[Collision]) -> String {
    if collisions.is_empty() {
        return "No file was changed by two agents.\n".to_owned();
    }
    let mut text = String::new();
    for collision in collisions {
        text.push_str(&format!(
            "! {}: {} ({})\n",
            visible::path(&collision.path.to_string()),
            collision.agents.join(", "),
            mark(collision.meeting)
        ));
    }
    text
}
