//! Carries out `strategies explain`: what a strategy makes of a change, and why, spending nothing.

use codex_review::config::Flag;
use codex_review::context::{Context, Fate, SectionAccount, human_size};
use codex_review::report::styled::Role;
use codex_review::target::{ResolvedTarget, TargetSpec};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::review::{build_context, resolve_as_reviewed};
use super::workspace::Workspace;

pub(super) fn run(
    target: &TargetSpec,
    flags: Vec<Flag>,
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<(), Failure> {
    let (mut workspace, repository) = Workspace::open_repository(surroundings, flags.clone(), ui)?;
    let resolved = resolve_as_reviewed(&mut workspace, &repository, target, flags, ui)?;
    if resolved.changes.is_empty() && shape == Shape::People {
        ui.note(&format!(
            "nothing to review: the {} is empty",
            resolved.target.label
        ));
        return Ok(());
    }
    let context = build_context(&workspace, &repository, &resolved)?;
    match shape {
        Shape::Json => ui.json(&document(&context, &resolved.target))?,
        Shape::People => print(&context, &resolved.target, ui)?,
    }
    Ok(())
}

fn print(context: &Context, target: &ResolvedTarget, ui: &Ui) -> Result<(), Failure> {
    ui.note(&format!("{}: {}", target.label, context.summary));
    for considered in &context.considered {
        let verdict = if considered.taken {
            "takes"
        } else {
            "passes over"
        };
        ui.note(&format!(
            "{verdict} {}: {}",
            considered.strategy, considered.reason
        ));
    }
    let rows: Vec<[String; 6]> = context.accounts.iter().map(row).collect();
    ui.table(
        &[
            "SECTION",
            "COLLECTOR",
            "SHARE",
            "BYTES",
            "TOKENS",
            "WHAT BECAME OF IT",
        ],
        &[
            Role::Heading,
            Role::Minor,
            Role::Minor,
            Role::Plain,
            Role::Plain,
            Role::Plain,
        ],
        &rows,
    )?;
    let tokens = context
        .budget
        .tokens
        .map(|tokens| format!(" and {tokens} tokens"))
        .unwrap_or_default();
    ui.note(&format!(
        "{} in all, at most {} tokens (about {}), of {}{tokens}",
        human_size(context.bytes),
        context.token_bound,
        context.token_estimate,
        human_size(context.budget.bytes),
    ));
    let (full, summarised, left_out) = context.ledger.counts();
    let lines = context.ledger.lines();
    ui.note(&format!(
        "files in full {full}, summarised {summarised}, left out {left_out}; changed lines {}, {} and {}",
        lines.full, lines.summarised, lines.left_out
    ));
    Ok(())
}

fn row(section: &SectionAccount) -> [String; 6] {
    [
        section.title.clone(),
        section.collector.clone(),
        format!("{} %", section.share),
        section.cost.bytes.to_string(),
        section.cost.tokens.to_string(),
        fate(section),
    ]
}

fn fate(section: &SectionAccount) -> String {
    match &section.fate {
        Fate::Empty => "left out: nothing to show".to_owned(),
        Fate::NoRoom => "left out: no room even for its heading".to_owned(),
        Fate::Failed(reason) => format!("could not be made: {reason}"),
        Fate::Shown => {
            let mut parts: Vec<String> = section
                .shown
                .iter()
                .map(|(rung, count)| format!("{count} {}", rung.as_str()))
                .collect();
            if section.missing > 0 {
                parts.push(format!("{} not shown", section.missing));
            }
            parts.join(", ")
        }
    }
}

fn document(context: &Context, target: &ResolvedTarget) -> Value {
    let (full, summarised, left_out) = context.ledger.counts();
    let lines = context.ledger.lines();
    json!({
        "target": {"mode": target.mode.as_str(), "label": target.label},
        "summary": context.summary,
        "strategy": context.strategy,
        "reason": context.reason,
        "considered": context.considered.iter().map(|considered| json!({
            "strategy": considered.strategy,
            "taken": considered.taken,
            "reason": considered.reason,
        })).collect::<Vec<_>>(),
        "bytes": context.bytes,
        "tokens": {"atMost": context.token_bound, "estimate": context.token_estimate},
        "budget": {"bytes": context.budget.bytes, "tokens": context.budget.tokens},
        "hash": format!("sha256:{}", context.hash),
        "sections": context.accounts.iter().map(section).collect::<Vec<_>>(),
        "files": {"full": full, "summarised": summarised, "leftOut": left_out},
        "lines": {"full": lines.full, "summarised": lines.summarised, "leftOut": lines.left_out},
    })
}

fn section(section: &SectionAccount) -> Value {
    let reason = match &section.fate {
        Fate::Failed(reason) => Some(reason),
        Fate::Shown | Fate::Empty | Fate::NoRoom => None,
    };
    json!({
        "title": section.title,
        "collector": section.collector,
        "sharePercent": section.share,
        "outcome": section.fate.as_str(),
        "reason": reason,
        "bytes": section.cost.bytes,
        "tokens": section.cost.tokens,
        "shown": section.shown.iter().map(|(rung, count)| (rung.as_str(), *count))
            .collect::<std::collections::BTreeMap<_, _>>(),
        "missing": section.missing,
    })
}
