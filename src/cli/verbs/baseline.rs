//! Carries out `baseline`: reads, changes and writes the file of accepted findings.

use std::path::{Path, PathBuf};

use codex_review::atomic_file::{self, Durability, Readers};
use codex_review::baseline::{
    Acceptance, AcceptedFinding, BASELINE_BYTES, BASELINE_FILE, BaselineFile,
};
use codex_review::jobs::find_result;
use codex_review::report::styled::Role;
use codex_review::report::{self, Report};
use codex_review::review::{Day, ExitStatus, Finding, FindingOrigin, RemarkKind};
use codex_review::target::{Repository, WorktreeFile};
use serde_json::json;

use crate::cli::baseline::{AddRequest, BaselineRequest, ReportSource};
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::saved::read_report;
use super::workspace::{Workspace, today};

pub(crate) fn run(
    request: BaselineRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
    let baseline = Baseline::open(&repository)?;
    match request {
        BaselineRequest::List(shape) => list(&baseline, shape, ui)?,
        BaselineRequest::Add(request) => {
            let report = saved(&request.source, &workspace, surroundings)?;
            add(baseline, &request, &report, &repository, ui)?;
        }
        BaselineRequest::Remove(given) => {
            let mut baseline = baseline;
            let removed = given
                .iter()
                .map(|given| baseline.file.remove(given))
                .collect::<Result<Vec<_>, _>>()?;
            baseline.write()?;
            tell(ui, "removed", &removed)?;
        }
        BaselineRequest::Prune { unmatched } => {
            let unused: Vec<String> = match unmatched {
                None => Vec::new(),
                Some(source) => saved(&source, &workspace, surroundings)?
                    .noise
                    .remarks
                    .into_iter()
                    .filter(|remark| remark.kind == RemarkKind::Unmatched)
                    .map(|remark| remark.subject)
                    .collect(),
            };
            let mut baseline = baseline;
            let today = today();
            let removed = baseline.file.remove_all(|entry| {
                entry.expires.is_some_and(|last| last < today)
                    || unused.contains(&entry.fingerprint.to_string())
            });
            if removed.is_empty() {
                ui.result(b"nothing to take out\n")?;
            } else {
                baseline.write()?;
                tell(ui, "removed", &removed)?;
            }
        }
    }
    Ok(ExitStatus::Passed)
}

/// The file in the working tree.
struct Baseline {
    path: PathBuf,
    file: BaselineFile,
}

impl Baseline {
    fn open(repository: &Repository) -> Result<Baseline, Failure> {
        if repository.is_bare() {
            return Err(Failure::NoWorkingTree);
        }
        let path = repository.root().join(BASELINE_FILE);
        let refused = |what: &str| Failure::Write {
            path: path.clone(),
            source: std::io::Error::other(format!("it is {what}")),
        };
        let text = match repository.read_worktree_file(BASELINE_FILE.into(), BASELINE_BYTES)? {
            WorktreeFile::Content(text) => Some(text),
            WorktreeFile::Missing => None,
            WorktreeFile::TooLarge { .. } => return Err(refused("too large")),
            WorktreeFile::Symlink => return Err(refused("a symbolic link")),
            WorktreeFile::NotRegular(what) => return Err(refused(what)),
        };
        let file = BaselineFile::parse(text.as_deref())?;
        Ok(Baseline { path, file })
    }

    /// Replaces the file at once: whoever reads it sees the old text or the new one.
    fn write(&self) -> Result<(), Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let failed = |source| Failure::Write {
            path: self.path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let text = self.file.text();
        atomic_file::write(
            &self.path,
            text.as_bytes(),
            Durability::Derived,
            Readers::AsBefore,
        )
        .map_err(failed)
    }
}

/// The report of a job, or a saved one.
fn saved(
    source: &ReportSource,
    workspace: &Workspace,
    surroundings: &Surroundings,
) -> Result<Report, Failure> {
    let job = match source {
        ReportSource::File(file) => return read_report(&surroundings.cwd.join(file)),
        ReportSource::Job(job) => job,
    };
    let job = find_result(
        &workspace.store,
        job.as_deref(),
        workspace.session.as_deref(),
    )?;
    job.outcome
        .as_ref()
        .and_then(|outcome| report::json::parse(outcome.result.to_string().as_bytes()).ok())
        .ok_or(Failure::NoReport { id: job.id })
}

fn add(
    mut baseline: Baseline,
    request: &AddRequest,
    report: &Report,
    repository: &Repository,
    ui: &Ui,
) -> Result<(), Failure> {
    let author = request
        .author
        .clone()
        .or_else(|| repository.user_name())
        .ok_or(UsageError::NoAuthor)?;
    let found: Vec<&Finding> = report
        .shown_findings()
        .into_iter()
        .chain(report.excluded_findings())
        .collect();
    let chosen: Vec<&Finding> = if request.fingerprints.is_empty() {
        report.shown_findings()
    } else {
        request
            .fingerprints
            .iter()
            .map(|given| choose(given, &found))
            .collect::<Result<_, _>>()?
    };
    let today = today();
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for finding in chosen {
        let Some(fingerprint) = finding.fingerprint else {
            return Err(Failure::NoFingerprint {
                title: finding.title.clone(),
            });
        };
        let entry = AcceptedFinding {
            fingerprint,
            reason: request.reason.clone(),
            author: author.clone(),
            expires: request.expires,
            severity: Some(finding.severity),
            file: (!finding.file.is_empty()).then(|| finding.file.clone()),
            rule: match &finding.origin {
                FindingOrigin::Rule(rule) => Some(rule.clone()),
                FindingOrigin::Model => None,
            },
            title: Some(finding.title.clone()),
        };
        match baseline.file.accept(entry.clone(), today) {
            Acceptance::Added => added.push(entry),
            Acceptance::Changed => changed.push(entry),
        }
    }
    if added.is_empty() && changed.is_empty() {
        ui.result(b"nothing to accept: no finding counts\n")?;
        return Ok(());
    }
    baseline.write()?;
    tell(ui, "accepted", &added)?;
    tell(ui, "accepted anew", &changed)?;
    ui.note(&format!(
        "commit `{BASELINE_FILE}`: in CI, it counts once it is part of the base"
    ));
    Ok(())
}

/// The one finding that is meant.
fn choose<'a>(given: &str, found: &[&'a Finding]) -> Result<&'a Finding, Failure> {
    const FEWEST_DIGITS: usize = 6;
    let shown = |finding: &Finding| {
        let shown = finding
            .fingerprint
            .map(|fingerprint| fingerprint.to_string());
        shown.unwrap_or_default()
    };
    if let Some(exact) = found.iter().find(|finding| shown(finding) == given) {
        return Ok(exact);
    }
    let digits = given.split_once(':').map_or(given, |(_, digits)| digits);
    let fits: Vec<&&Finding> = found
        .iter()
        .filter(|finding| {
            let shown = shown(finding);
            let own = shown.split_once(':').map_or("", |(_, digits)| digits);
            digits.len() >= FEWEST_DIGITS && own.starts_with(digits)
        })
        .collect();
    match fits.as_slice() {
        [one] => Ok(one),
        several => Err(Failure::WhichFinding {
            given: given.to_owned(),
            fits: several.len(),
        }),
    }
}

fn tell(ui: &Ui, verb: &str, entries: &[AcceptedFinding]) -> Result<(), Failure> {
    let lines: String = entries
        .iter()
        .map(|entry| {
            let title = entry.title.as_deref().unwrap_or_default();
            let place = entry.file.as_deref().unwrap_or("the whole change");
            let line = format!("{verb} {}  {place}  {title}", entry.fingerprint);
            format!("{}\n", report::visible::line(line.trim_end()))
        })
        .collect();
    ui.result(lines.as_bytes())?;
    Ok(())
}

fn list(baseline: &Baseline, shape: Shape, ui: &Ui) -> Result<(), Failure> {
    let entries = baseline.file.entries();
    let today = today();
    let has_expired = |last: Option<Day>| last.is_some_and(|last| last < today);
    match shape {
        Shape::Json => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| {
                    json!({
                        "fingerprint": entry.fingerprint.to_string(),
                        "reason": entry.reason,
                        "author": entry.author,
                        "expires": entry.expires.map(|day| day.to_string()),
                        "expired": has_expired(entry.expires),
                        "severity": entry.severity.map(|severity| severity.as_str()),
                        "file": entry.file,
                        "rule": entry.rule,
                        "title": entry.title,
                    })
                })
                .collect();
            ui.json(&json!({ "file": BASELINE_FILE, "findings": entries }))?;
        }
        Shape::People if entries.is_empty() => {
            ui.result(
                b"nothing is accepted; `codex-review baseline add` accepts findings of a review\n",
            )?;
        }
        Shape::People => {
            let rows: Vec<[String; 6]> = entries
                .iter()
                .map(|entry| {
                    let expires = match entry.expires {
                        Some(last) if last < today => format!("{last} (over)"),
                        Some(last) => last.to_string(),
                        None => "never".to_owned(),
                    };
                    [
                        entry.fingerprint.to_string(),
                        entry.file.clone().unwrap_or_default(),
                        entry.title.clone().unwrap_or_default(),
                        expires,
                        entry.author.clone(),
                        entry.reason.clone(),
                    ]
                })
                .collect();
            let heading = [
                "FINGERPRINT",
                "FILE",
                "TITLE",
                "EXPIRES",
                "AUTHOR",
                "REASON",
            ];
            let roles = [
                Role::Minor,
                Role::Place,
                Role::Plain,
                Role::Plain,
                Role::Plain,
                Role::Plain,
            ];
            ui.table(&heading, &roles, &rows)?;
        }
    }
    Ok(())
}
