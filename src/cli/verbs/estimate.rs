//! Carries out `estimate`: how big a review would be, and whether to wait for it.

use clap::FromArgMatches as _;
use codex_review::jobs::{resume_candidate, resume_candidate_document};
use codex_review::review::{ExitStatus, SuppressFrom};
use codex_review::run::{DIFF_REVIEW, Kind, REVIEW};
use codex_review::target::{Part, Repository, Select, TargetSpec};
use serde_json::{Value, json};

use crate::cli::arguments;
use crate::cli::command::{Cli, Verb, branch_of, whole_tree};
use crate::cli::diff_review::{DiffChoice, PatchSource};
use crate::cli::estimate::{EstimateRequest, TypedSource};
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::plan_review::PlanSource;
use crate::cli::surroundings::Surroundings;
use crate::cli::test::TestRequest;
use crate::cli::text::TextSource;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::diff_choice;
use super::review::{Resolved, read_change_for, resolve_for};
use super::workspace::Workspace;
use super::{plan_source, typed_store};

/// A change of up to so many files and lines is usually reviewed while one waits.
const WAIT_FILES: usize = 5;
const WAIT_LINES: u64 = 400;

pub(crate) fn run(
    request: EstimateRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let Some(typed) = request.typed else {
        let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
        let estimate = Estimate::of(&REVIEW, &request.target, &workspace, &repository)?;
        return estimate.print(request.shape, ui);
    };
    let mut workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let text = match typed.source {
        TypedSource::Text(text) => Some(text),
        TypedSource::Session => {
            let session = workspace.session.as_deref().unwrap_or_default();
            typed_store::take(&workspace, session, typed.kind.name)
        }
    };
    let Some(text) = text else {
        return Ok(typed_store::say_missing(ui));
    };
    let meant = understand(typed.kind, &text)?;
    let mut document = match meant {
        Meant::Review {
            target,
            diff,
            asked,
        } => {
            let repository = workspace.take_repository(surroundings)?;
            let estimate = match diff {
                Some(diff) => {
                    Estimate::of_diff(diff, &target, surroundings, &workspace, &repository)?
                }
                None => Estimate::of(typed.kind, &target, &workspace, &repository)?,
            };
            let mut document = estimate.document();
            document["asked"] = json!(asked);
            document
        }
        // What is applied is there already: there is nothing to choose.
        Meant::Apply => json!({"empty": false, "asked": "wait"}),
        Meant::Plan { source, asked } => {
            if source == PlanSource::Stdin {
                return Err(UsageError::NoStdin.into());
            }
            let repository = workspace.take_repository(surroundings)?;
            let session = workspace.session.as_deref();
            let found = plan_source::find(&source, surroundings, &repository, session)?;
            json!({
                "plan": found.label,
                "lines": found.plan.line_count(),
                "asked": asked,
                "recommended": "wait",
            })
        }
        Meant::Task { thread, empty } => {
            let session = workspace.session.as_deref();
            let candidate = resume_candidate(&workspace.store, session)?;
            let candidate = resume_candidate_document(candidate.as_ref(), session);
            json!({"empty": empty, "thread": thread, "candidate": candidate["candidate"]})
        }
    };
    let id = typed_store::store_request(&workspace, &text)?;
    document["arguments"] = json!("stored");
    document["command"] = json!(format!("codex-review {} --request {id}", typed.kind.name));
    ui.json(&document)?;
    Ok(ExitStatus::Passed)
}

/// What typed arguments come to, as far as it decides how to go on.
enum Meant {
    Review {
        target: TargetSpec,
        /// For a review of exactly one diff.
        diff: Option<DiffChoice>,
        /// `wait` or `background`, where the user said so.
        asked: Option<&'static str>,
    },
    /// Tests that a job wrote go into the working tree.
    Apply,
    Plan {
        source: PlanSource,
        /// As for a review.
        asked: Option<&'static str>,
    },
    Task {
        /// `resume` or `fresh`, where the user said so.
        thread: Option<&'static str>,
        /// Whether nothing is to be done.
        empty: bool,
    },
}

/// Reads typed arguments as the verb will.
fn understand(kind: &'static Kind, typed: &str) -> Result<Meant, Failure> {
    let mut argv: Vec<std::ffi::OsString> = vec!["codex-review".into(), kind.name.into()];
    let mut command = branch_of(&argv).unwrap_or_else(whole_tree);
    if !typed.trim().is_empty() {
        argv.push(typed.into());
    }
    let argv = arguments::expand(argv, &command)?;
    let options: Vec<&str> = argv
        .iter()
        .filter_map(|word| word.to_str())
        .take_while(|word| *word != "--")
        .collect();
    let said = |flags: &[(&str, &'static str)]| {
        let found = flags.iter().find(|(flag, _)| {
            options
                .iter()
                .any(|option| option == flag || option.starts_with(&format!("{flag}=")))
        });
        found.map(|(_, word)| *word)
    };
    let asked = said(&[("--background", "background"), ("--wait", "wait")]);
    let thread = said(&[
        ("--fresh", "fresh"),
        ("--resume", "resume"),
        ("--resume-last", "resume"),
    ]);
    let parsed = command
        .try_get_matches_from_mut(argv)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches))
        .map_err(|error| {
            let rendered = error.render().to_string();
            // Whoever prints it says that it is an error.
            let said = rendered.strip_prefix("error: ").unwrap_or(&rendered);
            UsageError::Typed(said.trim_end().to_owned())
        })?;
    Ok(match parsed.verb {
        Verb::Review(args) => Meant::Review {
            target: args.into_request()?.target,
            diff: None,
            asked,
        },
        Verb::AdversarialReview(args) => Meant::Review {
            target: args.into_request()?.target,
            diff: None,
            asked,
        },
        Verb::Test(args) => match args.into_request()? {
            TestRequest::Write(request) => Meant::Review {
                target: request.target,
                diff: None,
                asked,
            },
            TestRequest::Apply { .. } => Meant::Apply,
        },
        Verb::Optimize(args) => Meant::Review {
            target: args.into_request()?.target,
            diff: None,
            asked,
        },
        Verb::DiffReview(args) => {
            let request = args.into_request()?;
            Meant::Review {
                target: request.target,
                diff: request.diff,
                asked,
            }
        }
        Verb::PlanReview(args) => Meant::Plan {
            source: args.into_request()?.source,
            asked,
        },
        Verb::Task(args) => {
            // A terminal, so that a missing text is not looked for on standard input.
            let empty = match args.into_request(true) {
                Ok(request) => request.prompt == TextSource::None && thread != Some("resume"),
                Err(UsageError::NoText) => true,
                Err(error) => return Err(error.into()),
            };
            Meant::Task { thread, empty }
        }
        _ => unreachable!("the verb is the kind's own"),
    })
}

/// How big a review would be.
struct Estimate {
    resolved: Resolved,
    select: Select,
}

impl Estimate {
    /// Of a diff, as far as words in front choose something of it.
    fn of_diff(
        diff: DiffChoice,
        spec: &TargetSpec,
        surroundings: &Surroundings,
        workspace: &Workspace,
        repository: &Repository,
    ) -> Result<Estimate, Failure> {
        let target = match &diff.patch {
            Some(PatchSource::Stdin) => return Err(UsageError::NoStdin.into()),
            Some(source) => {
                let patch = diff_choice::read_patch(source, &surroundings.cwd)?;
                diff_choice::resolve_patch(repository, &patch, spec)?
            }
            None => repository.resolve(spec)?,
        };
        let mut resolved = read_change_for(
            &DIFF_REVIEW,
            workspace,
            repository,
            target,
            SuppressFrom::New,
        )?;
        diff_choice::take_chosen(diff.words, &mut resolved)?;
        Ok(Estimate {
            resolved,
            select: spec.select.clone(),
        })
    }

    fn of(
        kind: &Kind,
        target: &TargetSpec,
        workspace: &Workspace,
        repository: &Repository,
    ) -> Result<Estimate, Failure> {
        let resolved = resolve_for(kind, workspace, repository, target)?;
        Ok(Estimate {
            resolved,
            select: target.select.clone(),
        })
    }

    fn recommended(&self) -> &'static str {
        let totals = self.resolved.changes.totals(None);
        let wait = totals.files <= WAIT_FILES && totals.added + totals.removed <= WAIT_LINES;
        if wait { "wait" } else { "background" }
    }

    fn command(&self) -> String {
        format!(
            "codex-review review --{}{}",
            self.recommended(),
            target_flags(&self.select)
        )
    }

    fn left_out(&self) -> usize {
        self.resolved.changes.left_out.len() + self.resolved.changes.left_out_more
    }

    fn document(&self) -> Value {
        let Resolved { target, changes } = &self.resolved;
        let totals = changes.totals(None);
        json!({
            "target": {
                "mode": target.mode.as_str(),
                "label": target.label,
                "baseRef": target.base.as_ref().map(|base| &base.name),
                "explicit": target.explicit,
            },
            "empty": changes.is_empty(),
            "files": totals.files,
            "addedLines": totals.added,
            "removedLines": totals.removed,
            "binaryFiles": totals.binary,
            "untracked": changes.totals(Some(Part::Untracked)).files,
            "leftOut": self.left_out(),
            "recommended": self.recommended(),
            "command": self.command(),
        })
    }

    fn print(&self, shape: Shape, ui: &Ui) -> Result<ExitStatus, Failure> {
        let Resolved { target, changes } = &self.resolved;
        let totals = changes.totals(None);
        match shape {
            Shape::Json => ui.json(&self.document())?,
            Shape::People if changes.is_empty() => {
                ui.result(
                    format!("Nothing to review: the {} is empty.\n", target.label).as_bytes(),
                )?;
            }
            Shape::People => ui.result(
                format!(
                    "{}: {} files ({} untracked, {} left out), +{} -{}\nRecommended: {}\n",
                    target.label,
                    totals.files,
                    changes.totals(Some(Part::Untracked)).files,
                    self.left_out(),
                    totals.added,
                    totals.removed,
                    self.command()
                )
                .as_bytes(),
            )?,
        }
        Ok(ExitStatus::Passed)
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
