//! Finds the plan that is meant: in a file, on standard input, or in what Claude Code keeps.
//!
//! Another project's plan is never taken: a session's plan counts where the session works here, and a plan file where a
//! session that works here was given it. Which folder a session works in is read from its transcript, entry by entry.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use codex_review::hooks::TRANSCRIPT_PATH_VARIABLE;
use codex_review::plan::{MAX_PLAN_BYTES, Plan, PlanError, SessionPlans, read_transcript};
use codex_review::secrets::is_secret_name;
use codex_review::target::Repository;

use crate::cli::failure::Failure;
use crate::cli::plan_review::PlanSource;
use crate::cli::surroundings::Surroundings;
use crate::cli::usage::UsageError;

use super::transfer::{allowed, claude_home};

/// The plan of somebody who gave it none.
const NAMELESS: &str = "plan.md";
/// What a transcript may have at most: as much as `transfer` takes.
const MAX_TRANSCRIPT_BYTES: u64 = 256 << 20;
/// So many transcripts of a project are read for its plan files, the newest first.
const MOST_TRANSCRIPTS: usize = 40;
/// So much of them together.
const MAX_TRANSCRIPTS_BYTES: u64 = 512 << 20;
/// So many projects are looked at.
const MOST_PROJECTS: usize = 2_000;

/// A plan that was found.
#[derive(Debug)]
pub(crate) struct FoundPlan {
    pub(crate) plan: Plan,
    /// What people call it.
    pub(crate) label: String,
    /// Its path below the repository's root, where it has one.
    pub(crate) inside: Option<String>,
}

impl FoundPlan {
    /// The path by which findings name it: its own, or one that no file of the repository has.
    pub(crate) fn name(&self, exists: &dyn Fn(&str) -> bool) -> String {
        if let Some(inside) = &self.inside {
            return inside.clone();
        }
        let own = Some(self.label.clone()).filter(|label| !label.contains(['/', '\\']));
        let others = (1..).map(|number| match number {
            1 => NAMELESS.to_owned(),
            number => format!("plan-{number}.md"),
        });
        own.into_iter()
            .chain(others)
            .find(|name| !exists(name))
            .expect("a repository has finitely many files")
    }
}

/// Finds and reads the plan. `session` is the Claude session that asks, if one does.
pub(crate) fn find(
    source: &PlanSource,
    surroundings: &Surroundings,
    repository: &Repository,
    session: Option<&str>,
) -> Result<FoundPlan, Failure> {
    match source {
        PlanSource::File(path) => from_file(path, surroundings, repository.root()),
        PlanSource::Stdin => {
            let bytes =
                read_bounded(std::io::stdin().lock()).map_err(|source| Failure::ReadText {
                    place: "standard input".to_owned(),
                    source,
                })?;
            found(bytes, NAMELESS.to_owned(), "standard input")
        }
        PlanSource::Last { said: false } if session.is_none() => Err(UsageError::NoPlan.into()),
        PlanSource::Last { .. } => last(&Project::of(repository), session),
    }
}

fn from_file(path: &Path, surroundings: &Surroundings, root: &Path) -> Result<FoundPlan, Failure> {
    let full = surroundings.cwd.join(path);
    let shown = path.display().to_string();
    // A link is judged by what it leads to as well.
    if is_secret_name(file_name(&full)) || is_secret_name(file_name(&real(&full))) {
        return Err(UsageError::PlanNotAFile {
            path: path.to_owned(),
            kind: "a secret by its name",
        }
        .into());
    }
    let bytes = read_file(&full).map_err(|error| match error {
        ReadError::Missing => UsageError::NoSuchPlan {
            path: path.to_owned(),
        }
        .into(),
        ReadError::NotAFile(kind) => Failure::from(UsageError::PlanNotAFile {
            path: path.to_owned(),
            kind,
        }),
        ReadError::Io(source) => Failure::ReadText {
            place: format!("`{shown}`"),
            source,
        },
    })?;
    let full = real(&full);
    let below = full.strip_prefix(real(root)).ok();
    let inside = below
        .and_then(Path::to_str)
        .map(|below| below.replace('\\', "/"));
    let label = match &inside {
        Some(inside) => inside.clone(),
        None => file_name(&full),
    };
    Ok(FoundPlan {
        inside,
        ..found(bytes, label, &format!("`{shown}`"))?
    })
}

fn found(bytes: Vec<u8>, label: String, place: &str) -> Result<FoundPlan, Failure> {
    let plan = Plan::from_bytes(bytes).map_err(|error| UsageError::NotAPlan {
        place: place.to_owned(),
        error,
    })?;
    Ok(FoundPlan {
        plan,
        label,
        inside: None,
    })
}

/// The plan that the session presented last, or else the newest plan file of the project.
fn last(project: &Project, session: Option<&str>) -> Result<FoundPlan, Failure> {
    let projects = claude_home().join("projects");
    let transcript = session.and_then(|session| own_transcript(&projects, session));
    if let Some(transcript) = transcript
        && let Some(presented) = plans_of(&transcript).presented
        && presented
            .cwd
            .as_deref()
            .is_some_and(|cwd| project.is_near(cwd))
    {
        let label = presented
            .file
            .as_deref()
            .map_or_else(|| NAMELESS.to_owned(), file_name);
        return found(presented.text.into_bytes(), label, "the session");
    }
    let file = newest_file(&projects, project).ok_or(UsageError::NoLastPlan)?;
    let bytes = read_file(&file).map_err(|error| match error {
        ReadError::Missing | ReadError::NotAFile(_) => Failure::from(UsageError::NoLastPlan),
        ReadError::Io(source) => Failure::ReadText {
            place: format!("`{}`", file.display()),
            source,
        },
    })?;
    found(bytes, file_name(&file), &format!("`{}`", file.display()))
}

/// The transcript of the session that asks: the one that its hook named, else the one of its id.
fn own_transcript(projects: &Path, session: &str) -> Option<PathBuf> {
    let named = Surroundings::variable(TRANSCRIPT_PATH_VARIABLE)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    if let Some(named) = named {
        return allowed(&named).ok();
    }
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if session.is_empty() || !session.bytes().all(plausible) {
        return None;
    }
    let name = format!("{session}.jsonl");
    let folders = std::fs::read_dir(projects).ok()?;
    let mut paths = folders
        .take(MOST_PROJECTS)
        .flatten()
        .map(|folder| folder.path().join(&name));
    let found = paths.find(|path| path.is_file())?;
    allowed(&found).ok()
}

/// Of the plan files that sessions of this project were given, the one that was written last.
fn newest_file(projects: &Path, project: &Project) -> Option<PathBuf> {
    let plans = claude_home().join("plans").canonicalize().ok()?;
    // By when it was written: a file that many transcripts name counts once.
    let mut files: BTreeMap<PathBuf, SystemTime> = BTreeMap::new();
    for transcript in transcripts(projects, project) {
        for (file, cwd) in plans_of(&transcript).files {
            if !project.has(&cwd) {
                continue;
            }
            // What a transcript names is believed only where plan files are.
            let Ok(real) = file.canonicalize() else {
                continue;
            };
            let meta = std::fs::symlink_metadata(&real);
            if real.parent() == Some(&plans)
                && real.extension().is_some_and(|extension| extension == "md")
                && let Ok(modified) = meta.and_then(|meta| meta.modified())
            {
                files.insert(real, modified);
            }
        }
    }
    let newest = files.into_iter().max_by_key(|(_, modified)| *modified);
    newest.map(|(file, _)| file)
}

/// The newest transcripts of sessions that began in the project, as far as the names of their folders tell: Claude
/// Code writes a path there with a dash for whatever is no letter or digit, so others may be among them.
fn transcripts(projects: &Path, project: &Project) -> Vec<PathBuf> {
    let dashed = |path: &PathBuf| -> String {
        let text = path.to_string_lossy();
        let dash = |character: char| match character {
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        };
        text.chars().map(dash).collect()
    };
    let own: Vec<String> = project.roots.iter().map(dashed).collect();
    let is_ours = |name: &str| {
        let rests = own.iter().filter_map(|own| name.strip_prefix(own.as_str()));
        rests
            .into_iter()
            .any(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let Ok(folders) = std::fs::read_dir(projects) else {
        return Vec::new();
    };
    let mut found: Vec<(SystemTime, PathBuf, u64)> = folders
        .flatten()
        .filter(|folder| folder.file_name().to_str().is_some_and(is_ours))
        .take(MOST_PROJECTS)
        .filter_map(|folder| std::fs::read_dir(folder.path()).ok())
        .flat_map(|files| files.flatten())
        .filter(|file| {
            let path = file.path();
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .filter_map(|file| {
            let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((meta.modified().ok()?, file.path(), meta.len()))
        })
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    let mut bytes = 0;
    found
        .into_iter()
        .take(MOST_TRANSCRIPTS)
        .take_while(|(_, _, size)| {
            bytes += size;
            bytes <= MAX_TRANSCRIPTS_BYTES
        })
        .map(|(_, path, _)| path)
        .collect()
}

/// What a transcript says of plans. One that cannot be read says nothing.
fn plans_of(transcript: &Path) -> SessionPlans {
    let Ok(file) = File::open(transcript) else {
        return SessionPlans::default();
    };
    read_transcript(BufReader::new(file.take(MAX_TRANSCRIPT_BYTES))).unwrap_or_default()
}

/// The folders of a repository: the working tree that the command runs in, and the main one.
struct Project {
    roots: Vec<PathBuf>,
}

impl Project {
    fn of(repository: &Repository) -> Project {
        let mut roots = vec![real(repository.root())];
        let main = real(&repository.main_worktree());
        if !roots.contains(&main) {
            roots.push(main);
        }
        Project { roots }
    }

    /// Whether a session that works in `cwd` works in it.
    fn has(&self, cwd: &Path) -> bool {
        let cwd = real(cwd);
        self.roots.iter().any(|root| cwd.starts_with(root))
    }

    /// As [`Project::has`], or in a folder around it.
    fn is_near(&self, cwd: &Path) -> bool {
        let around = real(cwd);
        self.has(cwd) || self.roots.iter().any(|root| root.starts_with(&around))
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || NAMELESS.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Why a file cannot be read as a plan.
enum ReadError {
    Missing,
    NotAFile(&'static str),
    Io(std::io::Error),
}

/// Reads a regular file, one byte more than a plan may have at most. Nothing else is opened: a FIFO could be waited for
/// without end.
fn read_file(path: &Path) -> Result<Vec<u8>, ReadError> {
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ReadError::Missing,
        _ => ReadError::Io(error),
    })?;
    if meta.is_dir() {
        return Err(ReadError::NotAFile("a folder"));
    }
    if !meta.is_file() {
        return Err(ReadError::NotAFile("no regular file"));
    }
    File::open(path)
        .and_then(read_bounded)
        .map_err(ReadError::Io)
}

fn read_bounded(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_PLAN_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The plan that a session presents to its hook.
pub(crate) fn presented(text: &str, file: Option<&Path>) -> Result<FoundPlan, PlanError> {
    Ok(FoundPlan {
        plan: Plan::from_bytes(text.as_bytes().to_vec())?,
        label: file.map_or_else(|| NAMELESS.to_owned(), file_name),
        inside: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(label: &str, inside: Option<&str>, taken: &[&str], expected: &str) {
        let plan = FoundPlan {
            plan: Plan::from_bytes(b"x".to_vec()).unwrap(),
            label: label.to_owned(),
            inside: inside.map(str::to_owned),
        };
        let name = plan.name(&|name: &str| taken.contains(&name));
        assert_eq!(name, expected);
    }

    #[test]
    fn a_plan_is_called_by_its_name_unless_a_file_of_the_repository_is() {
        check("otter.md", None, &[], "otter.md");
        check("docs/p.md", Some("docs/p.md"), &["docs/p.md"], "docs/p.md");
        check("README.md", None, &["README.md"], "plan.md");
        check("a/b", None, &["plan.md", "plan-2.md"], "plan-3.md");
    }
}
