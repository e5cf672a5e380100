//! Carries out `demo`: the whole pipeline on a small repository with real defects.

use std::path::Path;
use std::time::Instant;

use codex_review::context::human_size;
use codex_review::jobs::StateRoot;
use codex_review::report::{Format, text_document};
use codex_review::review::{ExitStatus, FailOn, OnEmpty, Outcome};
use codex_review::run::{REVIEW, ReviewPlan, ReviewTerms};
use codex_review::target::{NewFile, TargetSpec, create_repository};

use crate::cli::demo::DemoRequest;
use crate::cli::failure::Failure;
use crate::cli::options::{Attendance, Isolation};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::attend::{Attended, Telling, attend};
use super::delivery::WIDTH;
use super::review::{build_context, report_of, resolve};
use super::workspace::Workspace;

macro_rules! demo_file {
    ($state:literal, $name:literal) => {
        NewFile {
            name: $name,
            content: include_str!(concat!("../../../fixtures/demo/", $state, "/", $name)),
        }
    };
}

/// What is committed.
const BASE: [NewFile<'static>; 4] = [
    demo_file!("base", "README.md"),
    demo_file!("base", "charge.py"),
    demo_file!("base", "charge.test.js"),
    demo_file!("base", "settings.toml"),
];

/// What somebody did to it since.
const CHANGE: [NewFile<'static>; 4] = [
    demo_file!("change", "charge.py"),
    demo_file!("change", "charge.test.js"),
    demo_file!("change", "settings.toml"),
    demo_file!("change", "release.sh"),
];

/// A file that bears a secret by its name: it is listed, and never sent.
const SECRET: NewFile<'static> = NewFile {
    name: ".env",
    content: "GATEWAY_KEY=not-a-real-key\n",
};

pub(crate) fn run(request: DemoRequest, ui: &Ui) -> Result<ExitStatus, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("codex-review-demo-")
        .tempdir()
        .map_err(|source| Failure::Write {
            path: std::env::temp_dir(),
            source,
        })?
        .keep();
    let root = folder.join("shop");
    create_repository(&root, &BASE, "Charge cards through the gateway\n")?;
    for file in CHANGE.iter().chain([&SECRET]) {
        write(&root.join(file.name), file.content)?;
    }
    let surroundings = Surroundings { cwd: root.clone() };
    let state_root = StateRoot::at(folder.join("state"));
    let (workspace, repository) =
        Workspace::open_repository_at(&surroundings, request.flags, state_root, ui)?;

    let began = Instant::now();
    let resolved = resolve(&workspace, &repository, &TargetSpec::auto())?;
    let context = build_context(&workspace, &repository, &resolved)?;
    let context_file = folder.join("context.md");
    write(&context_file, &context.text)?;
    let options = workspace.engine_options(Isolation::Isolated);
    let plan = ReviewPlan {
        kind: &REVIEW,
        root: &workspace.root,
        target: &resolved.target,
        changes: &resolved.changes,
        context: Some(&context),
        focus: None,
        last_message: None,
        options: &options,
        fail_on: FailOn::Never,
        on_empty: OnEmpty::Pass,
        history: None,
        since: None,
        notes: &resolved.changes.notes,
        terms: &ReviewTerms::default(),
        took: began.elapsed(),
    };
    let rows = [
        (
            "Target",
            format!("{}: {}", resolved.target.label, context.summary),
        ),
        (
            "Strategy",
            format!("{}: {}", context.strategy, context.reason),
        ),
        (
            "Context",
            format!(
                "{}, about {} tokens",
                human_size(context.bytes),
                context.token_estimate
            ),
        ),
        ("Engine", options.engine.name().to_owned()),
    ];
    ui.result(table(&rows).as_bytes())?;
    let summary = format!("{}: {}", resolved.target.label, context.summary);
    let attended = attend(
        &workspace,
        ui,
        &plan.request()?,
        summary,
        Attendance::Foreground,
        Telling::Progress,
    )?;
    let (Attended::Ended(job) | Attended::Queued(job) | Attended::Left(job)) = attended;
    let report = report_of(&job, &plan);
    ui.result(b"\n")?;
    ui.document(&text_document(&report, WIDTH))?;
    let page = folder.join("report.html");
    let html = Format::find("html").expect("the format is registered");
    write(&page, html.render(&report))?;
    let rows = [
        ("Report page", shown(&page)),
        ("Repository", shown(&root)),
        ("What was sent", shown(&context_file)),
        ("Job log", shown(&workspace.store.files(&job.id).log)),
        ("Job record", shown(&workspace.store.files(&job.id).record)),
    ];
    ui.result(format!("\nWhere everything is\n{}\nNext: run `codex-review review` in a repository of yours.\n", table(&rows)).as_bytes())?;
    Ok(match report.outcome {
        Outcome::NotJudged(_) => report.exit,
        Outcome::Judged(_) | Outcome::Empty => ExitStatus::Passed,
    })
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    std::fs::write(path, content).map_err(|source| Failure::Write {
        path: path.to_owned(),
        source,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn table(rows: &[(&str, String)]) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    rows.iter()
        .map(|(name, value)| format!("{name:<width$}  {value}\n"))
        .collect()
}
