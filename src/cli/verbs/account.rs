//! Carries out `usage`: what Codex says of the account, beside our own account of this repository's runs.
//!
//! The two are different things: the account counts everything that it was used for, ours counts what was started here.
//! What is not known is said to be so; an account that does not tell its limits is no failure.

use std::collections::BTreeMap;
use std::time::Duration;

use codex_review::engine::login::{AuthState, read_auth};
use codex_review::engine::{AccountUsage, LimitWindow, Limits, read_account_usage};
use codex_review::jobs::{Account, Clock, Job, Spent, Timestamp};
use codex_review::report::{grouped, visible};
use codex_review::review::ExitStatus;
use codex_review::run::open_engine;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::workspace::Workspace;

/// How long the engine may take for each answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many jobs people are shown.
const SHOWN_JOBS: usize = 5;
/// How many characters wide a bar is.
const BAR: u32 = 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Both accounts at one moment.
struct Usage {
    /// Codex's word on the account, or why there is none.
    theirs: Result<(AuthState, AccountUsage), String>,
    own: Account,
    /// The jobs that are kept, the newest first.
    jobs: Vec<Job>,
    now: Timestamp,
}

pub(crate) fn run(
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let mut jobs = workspace.store.jobs()?;
    jobs.sort_by_key(|job| std::cmp::Reverse(job.created_at));
    let usage = Usage {
        theirs: ask(&workspace)?,
        own: workspace.store.account()?,
        jobs,
        now: Clock::system().now(),
    };
    match shape {
        Shape::Json => ui.json(&usage.document())?,
        Shape::People => ui.result(usage.page().as_bytes())?,
    }
    Ok(ExitStatus::Passed)
}

fn ask(workspace: &Workspace) -> Result<Result<(AuthState, AccountUsage), String>, Failure> {
    let surroundings = workspace.surroundings()?;
    let engine = workspace.codex();
    super::runtime()?.block_on(async {
        let access = workspace.codex_access();
        let opened = match open_engine(&engine, &access, PATIENCE, &surroundings).await {
            Ok(opened) => opened,
            Err(not_judged) => return Ok(Err(not_judged.detail)),
        };
        let caller = opened.connection.caller();
        let limits = Limits {
            rpc: PATIENCE,
            ..Limits::default()
        };
        let asked = async {
            let auth = read_auth(&caller, None, &limits).await?;
            Ok((auth, read_account_usage(&caller, &limits).await?))
        };
        let answered: Result<_, codex_review::engine::EngineError> = asked.await;
        opened.close().await;
        Ok(answered.map_err(|error| error.not_judged().detail))
    })
}

impl Usage {
    /// The first day of the last `days` days, today included.
    fn since(&self, days: u32) -> String {
        let back = DAY.saturating_mul(days.saturating_sub(1));
        let millis = u64::try_from(back.as_millis()).unwrap_or(u64::MAX);
        let then = self.now.unix_millis().saturating_sub(millis);
        Timestamp::from_unix_millis(then).to_string()[..10].to_owned()
    }

    fn document(&self) -> Value {
        let account = match &self.theirs {
            Err(why) => json!({"available": false, "detail": why}),
            Ok((auth, usage)) => json!({
                "available": true,
                "detail": auth.detail,
                "authMethod": auth.auth_method,
                "provider": auth.provider,
                "plan": usage.plan,
                "windows": usage.windows.iter().map(|window| json!({
                    "limit": window.limit,
                    "usedPercent": window.used_percent,
                    "windowMinutes": window.window_minutes,
                    "resetsAt": window.resets_at.map(|at| moment(at).to_string()),
                })).collect::<Vec<_>>(),
                "credits": usage.credits,
                "limitReached": usage.reached,
                "lifetimeTokens": usage.lifetime_tokens,
                "days": usage.days.iter().map(|day| json!({"day": day.day, "tokens": day.tokens})).collect::<Vec<_>>(),
                "unknown": usage.unknown,
            }),
        };
        let kinds = |kinds: BTreeMap<&str, Spent>| -> Value {
            kinds
                .into_iter()
                .map(|(kind, spent)| (kind.to_owned(), spent_document(&spent)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let days: serde_json::Map<String, Value> = self
            .own
            .days
            .iter()
            .map(|(day, of_day)| {
                let of_day = of_day.iter().map(|(kind, spent)| (kind.as_str(), *spent));
                (day.clone(), kinds(of_day.collect()))
            })
            .collect();
        let jobs: Vec<Value> = self
            .jobs
            .iter()
            .map(|job| {
                json!({
                    "id": job.id.as_str(),
                    "kind": job.kind,
                    "createdAt": job.created_at.to_string(),
                    "tokens": job.tokens.map(|tokens| json!({
                        "input": tokens.input,
                        "cachedInput": tokens.cached_input,
                        "output": tokens.output,
                    })),
                })
            })
            .collect();
        json!({
            "account": account,
            "own": {
                "today": kinds(self.own.by_kind(Some(&self.since(1)))),
                "week": kinds(self.own.by_kind(Some(&self.since(7)))),
                "all": kinds(self.own.by_kind(None)),
                "days": days,
                "jobs": jobs,
            },
        })
    }

    fn page(&self) -> String {
        let mut page = "# Usage\n\nAccount\n".to_owned();
        match &self.theirs {
            Err(why) => page.push_str(&format!("  unknown: {}\n", visible::line(why))),
            Ok((auth, usage)) => {
                page.push_str(&format!("  {}\n", visible::line(&auth.detail)));
                let names: Vec<String> = usage.windows.iter().map(window_name).collect();
                let width = names
                    .iter()
                    .map(|name| name.chars().count())
                    .max()
                    .unwrap_or(0);
                for (window, name) in usage.windows.iter().zip(&names) {
                    page.push_str(&format!(
                        "  {name:<width$}  {} {:>3} % used{}\n",
                        bar(window.used_percent),
                        window.used_percent,
                        self.reset(window)
                    ));
                }
                if let Some(reached) = &usage.reached {
                    page.push_str(&format!("  limit reached: {}\n", visible::line(reached)));
                }
                if let Some(credits) = &usage.credits {
                    page.push_str(&format!("  credits: {}\n", visible::line(credits)));
                }
                if let Some(tokens) = usage.lifetime_tokens {
                    page.push_str(&format!(
                        "  tokens in its whole life: {}\n",
                        grouped(tokens)
                    ));
                }
                for unknown in &usage.unknown {
                    page.push_str(&format!("  unknown: {}\n", visible::line(unknown)));
                }
            }
        }
        page.push_str("\nThis repository's runs (UTC days)\n");
        page.push_str(&self.table());
        if !self.jobs.is_empty() {
            page.push_str("\nNewest jobs\n");
            let width = self
                .jobs
                .iter()
                .take(SHOWN_JOBS)
                .map(|job| job.id.as_str().len())
                .max();
            let width = width.unwrap_or(0);
            for job in self.jobs.iter().take(SHOWN_JOBS) {
                let tokens = job.tokens.map_or_else(
                    || "tokens unknown".to_owned(),
                    |tokens| {
                        format!(
                            "{} in, {} cached, {} out",
                            grouped(tokens.input),
                            grouped(tokens.cached_input),
                            grouped(tokens.output)
                        )
                    },
                );
                page.push_str(&format!("  {:<width$}  {tokens}\n", job.id.as_str()));
            }
        }
        page
    }

    fn reset(&self, window: &LimitWindow) -> String {
        let Some(at) = window.resets_at else {
            return String::new();
        };
        let at = moment(at);
        format!(", new in {}", span(at.since(self.now)))
    }

    /// The own account: one row a kind, with what it used today, in a week and in all.
    fn table(&self) -> String {
        let today = self.since(1);
        let week = self.since(7);
        let all = self.own.by_kind(None);
        if all.is_empty() {
            return "  none yet\n".to_owned();
        }
        let mut rows = vec![
            [
                "kind", "runs", "input", "cached", "output", "today", "7 days",
            ]
            .map(str::to_owned),
        ];
        let (of_today, of_week) = (
            self.own.by_kind(Some(&today)),
            self.own.by_kind(Some(&week)),
        );
        let mut total = Spent::default();
        for (kind, spent) in &all {
            total.add(*spent);
            let recent = |kinds: &BTreeMap<&str, Spent>| {
                grouped(
                    kinds
                        .get(kind)
                        .map_or(0, |spent| spent.tokens.input + spent.tokens.output),
                )
            };
            rows.push(row(kind, spent, recent(&of_today), recent(&of_week)));
        }
        if all.len() > 1 {
            let sum = |kinds: &BTreeMap<&str, Spent>| {
                grouped(
                    kinds
                        .values()
                        .map(|spent| spent.tokens.input + spent.tokens.output)
                        .sum(),
                )
            };
            rows.push(row("all", &total, sum(&of_today), sum(&of_week)));
        }
        let mut page = aligned(&rows);
        if total.counted < total.jobs {
            page.push_str(&format!(
                "  {} of {} runs have no count: their engine did not say, or they made no turn\n",
                total.jobs - total.counted,
                total.jobs
            ));
        }
        page
    }
}

fn row(kind: &str, spent: &Spent, today: String, week: String) -> [String; 7] {
    [
        visible::line(kind).into_owned(),
        grouped(spent.jobs),
        grouped(spent.tokens.input),
        grouped(spent.tokens.cached_input),
        grouped(spent.tokens.output),
        today,
        week,
    ]
}

/// Columns with the first to the left and numbers to the right.
fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        text.push_str(&format!("  {:<width$}", row[0], width = width(0)));
        for (column, cell) in row.iter().enumerate().skip(1) {
            text.push_str(&format!("  {cell:>width$}", width = width(column)));
        }
        text.push('\n');
    }
    text
}

fn spent_document(spent: &Spent) -> Value {
    json!({
        "jobs": spent.jobs,
        "counted": spent.counted,
        "input": spent.tokens.input,
        "cachedInput": spent.tokens.cached_input,
        "output": spent.tokens.output,
    })
}

fn window_name(window: &LimitWindow) -> String {
    let length = match window.window_minutes {
        None => "limit".to_owned(),
        Some(minutes) => span(Duration::from_secs(minutes.saturating_mul(60))),
    };
    match &window.limit {
        None => length,
        Some(limit) => format!("{} {length}", visible::line(limit)),
    }
}

fn bar(percent: u32) -> String {
    let filled = (percent.min(100) * BAR).div_ceil(100);
    let full = "█".repeat(filled as usize);
    let empty = "░".repeat((BAR - filled) as usize);
    full + &empty
}

fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds.saturating_mul(1000))
}

/// The two largest units of a span: `2 d 4 h`, `5 h`, `less than a minute`.
fn span(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    let units = [
        (minutes / 1440, "d"),
        (minutes / 60 % 24, "h"),
        (minutes % 60, "min"),
    ];
    let Some(first) = units.iter().position(|(count, _)| *count > 0) else {
        return "less than a minute".to_owned();
    };
    units[first..]
        .iter()
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_bars_are_short() {
        let minutes = |count: u64| span(Duration::from_secs(count * 60));
        assert_eq!(minutes(0), "less than a minute");
        assert_eq!(minutes(300), "5 h");
        assert_eq!(minutes(10_080), "7 d");
        assert_eq!(minutes(1_501), "1 d 1 h");
        assert_eq!(minutes(125), "2 h 5 min");
        assert_eq!(bar(0), "░".repeat(20));
        assert_eq!(bar(1).chars().filter(|c| *c == '█').count(), 1);
        assert_eq!(bar(250), "█".repeat(20));
    }
}
