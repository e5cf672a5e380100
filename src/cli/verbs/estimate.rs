//! Carries out `estimate`: how big a review would be, and whether to wait for it.

use std::time::SystemTime;

use codex_review::hooks::TypedArguments;
use codex_review::jobs::{resume_candidate, resume_candidate_document};
use codex_review::review::ExitStatus;
use codex_review::target::{Part, Select, TargetSpec, Totals};
use serde_json::{Value, json};

use crate::cli::estimate::{EstimateRequest, TypedError, TypedKind, TypedSource, TypedWhat};
use crate::cli::failure::Failure;
use crate::cli::handover;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::review::{Resolved, resolve};
use super::workspace::{Workspace, random};

/// A change of up to so many files and lines is usually reviewed while one waits.
const WAIT_FILES: usize = 5;
const WAIT_LINES: u64 = 400;

pub(crate) fn run(
    request: EstimateRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match request {
        EstimateRequest::Target { target, shape } => of_target(&target, shape, surroundings, ui),
        EstimateRequest::Typed { kind, source } => of_typed(kind, source, surroundings, ui),
    }
}

/// Takes up what was typed behind a slash command, stores it, and says how to run it.
fn of_typed(
    kind: TypedKind,
    source: TypedSource,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let store = TypedArguments::below(workspace.state_root.path());
    let line = match (source, workspace.session.as_deref()) {
        (TypedSource::Stdin, _) => Some(handover::typed_on_stdin()?),
        (TypedSource::Session, Some(session)) => store.take(session, kind.verb())?,
        (TypedSource::Session, None) => None,
    };
    let Some(line) = line else {
        ui.json(&json!({"arguments": "missing"}))?;
        return Ok(ExitStatus::Passed);
    };
    let typed = match kind.read(&line) {
        Ok(typed) => typed,
        Err(TypedError::Usage(error)) => return Err(error.into()),
        Err(TypedError::Clap(error)) => return Ok(ui.clap(&error)),
    };
    let mut document = match &typed.what {
        TypedWhat::Review(spec) => {
            let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
            Size::of(&resolve(&workspace, &repository, spec)?).document()
        }
        TypedWhat::Task { thread, empty } => {
            let session = workspace.session.as_deref();
            let candidate = resume_candidate(&workspace.store, session)?;
            let candidate = resume_candidate_document(candidate.as_ref(), session);
            json!({"empty": empty, "thread": thread, "candidate": candidate["candidate"]})
        }
    };
    let id = store.store(kind.verb(), &line, random(), SystemTime::now())?;
    document["arguments"] = json!("taken");
    document["asked"] = json!(typed.asked);
    document["command"] = json!(format!("codex-review {} --request {id}", kind.verb()));
    ui.json(&document)?;
    Ok(ExitStatus::Passed)
}

fn of_target(
    target: &TargetSpec,
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
    let resolved = resolve(&workspace, &repository, target)?;
    let size = Size::of(&resolved);
    let command = format!(
        "codex-review review --{}{}",
        size.recommended(),
        target_flags(&target.select)
    );
    match shape {
        Shape::Json => {
            let mut document = size.document();
            document["command"] = json!(command);
            ui.json(&document)?;
        }
        Shape::People => {
            let Size {
                totals,
                untracked,
                left_out,
                ..
            } = &size;
            let label = &resolved.target.label;
            let text = if resolved.changes.is_empty() {
                format!("Nothing to review: the {label} is empty.\n")
            } else {
                format!(
                    "{label}: {} files ({untracked} untracked, {left_out} left out), +{} -{}\nRecommended: {command}\n",
                    totals.files, totals.added, totals.removed
                )
            };
            ui.result(text.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}

/// How big a change is.
struct Size<'a> {
    resolved: &'a Resolved,
    totals: Totals,
    untracked: usize,
    left_out: usize,
}

impl Size<'_> {
    fn of(resolved: &Resolved) -> Size<'_> {
        Size {
            totals: resolved.changes.totals(None),
            untracked: resolved.changes.totals(Some(Part::Untracked)).files,
            left_out: resolved.changes.left_out.len() + resolved.changes.left_out_more,
            resolved,
        }
    }

    fn recommended(&self) -> &'static str {
        let lines = self.totals.added + self.totals.removed;
        if self.totals.files <= WAIT_FILES && lines <= WAIT_LINES {
            "wait"
        } else {
            "background"
        }
    }

    fn document(&self) -> Value {
        let target = &self.resolved.target;
        json!({
            "target": {
                "mode": target.mode.as_str(),
                "label": target.label,
                "baseRef": target.base.as_ref().map(|base| &base.name),
                "explicit": target.explicit,
            },
            "empty": self.resolved.changes.is_empty(),
            "files": self.totals.files,
            "addedLines": self.totals.added,
            "removedLines": self.totals.removed,
            "binaryFiles": self.totals.binary,
            "untracked": self.untracked,
            "leftOut": self.left_out,
            "recommended": self.recommended(),
        })
    }
}

/// The flags that select the same target again. Path filters are left to whoever typed them.
fn target_flags(select: &Select) -> String {
    use codex_review::context::shell_quote;
    let quoted = |flag: &str, value: &str| format!(" {flag} {}", shell_quote(value.as_bytes()));
    match select {
        Select::Auto => String::new(),
        Select::WorkingTree => " --scope working-tree".to_owned(),
        Select::Staged => " --scope staged".to_owned(),
        Select::Branch => " --scope branch".to_owned(),
        Select::Base(base) => quoted("--base", base),
        Select::Commit(commit) => quoted("--commit", commit),
        Select::Range {
            from,
            to,
            merge_base,
        } => {
            let dots = if *merge_base { "..." } else { ".." };
            quoted("--range", &format!("{from}{dots}{to}"))
        }
    }
}
