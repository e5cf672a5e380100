//! What a run that writes tests needs to know besides its question, and how it is made from a change.

use std::path::PathBuf;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice as _};
use serde::{Deserialize, Serialize};

use crate::context::{ChangeView, Context, SnapshotFile};
use crate::prompt::{self, PackageText, TestsInput, show_path};
use crate::suites::{Found, MOST_MARKER_BYTES, Package, ProjectFiles, find_packages};
use crate::target::{Endpoint, Mode, ObjectId, ResolvedTarget};

use super::super::kind::TEST;
use super::super::prepare::PrepareError;
use super::super::{EngineOptions, Question, RunRequest};

/// Whether the new tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunTests {
    /// They are only written.
    No,
    /// On the change and on its base: the project's own code runs.
    OnBothSides,
}

/// What a run that writes tests needs to know besides its question.
#[derive(Debug, Clone, PartialEq)]
pub struct TestOrder {
    /// The commit that the worktree begins with.
    pub commit: ObjectId,
    /// Whether the user's uncommitted work belongs to the change.
    pub is_uncommitted: bool,
    /// The base of the change; `None` where there is nothing before it.
    pub base: Option<ObjectId>,
    /// The packages to write tests for.
    pub packages: Vec<OrderedPackage>,
    /// Whether they are run.
    pub run: RunTests,
    /// How long one test command may take.
    pub test_limit: Duration,
    /// `working-tree`, `branch`, …
    pub mode: String,
    /// The target's label.
    pub label: String,
    /// What is to be known of the way here, such as changed files without a test command.
    pub notes: Vec<String>,
}

/// A package as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedPackage {
    root: String,
    runner: String,
    marker: String,
    changed: Vec<String>,
}

impl OrderedPackage {
    fn of(package: &Package) -> Option<Self> {
        let text = |path: &BString| path.to_str().ok().map(str::to_owned);
        Some(OrderedPackage {
            root: text(&package.root)?,
            runner: package.runner.name.to_owned(),
            marker: text(&package.marker)?,
            changed: package
                .changed
                .iter()
                .map(|path| path.to_str_lossy().into_owned())
                .collect(),
        })
    }

    fn package(&self) -> Option<Package> {
        Package::named(
            self.root.as_str().into(),
            &self.runner,
            self.marker.as_str().into(),
            self.changed
                .iter()
                .map(|path| path.as_str().into())
                .collect(),
        )
    }
}

impl TestOrder {
    /// The packages; one whose runner this version does not know is left out.
    pub(super) fn packages(&self) -> Vec<Package> {
        self.packages
            .iter()
            .filter_map(OrderedPackage::package)
            .collect()
    }
}

/// Why no tests can be written for a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTests {
    /// The change is empty.
    #[error("there is nothing to test: the {label} holds no change")]
    EmptyChange {
        /// The target.
        label: String,
    },
    /// No changed file belongs to a package whose tests can be run.
    #[error("no test command is known for `{first}`{}", if *more > 0 { format!(" and {more} more") } else { String::new() })]
    NoCommand {
        /// A changed file.
        first: String,
        /// How many others.
        more: usize,
    },
    /// What is staged is no state that a worktree can be in by itself.
    #[error("tests cannot be written for what is staged alone")]
    Staged,
    /// Without a commit there is nothing that a worktree could begin with.
    #[error("tests cannot be written before there is a commit")]
    NoCommit,
    /// A bare repository has no package on disk, and its worktrees are its user's own.
    #[error("this is a bare repository: there is no working tree that tests could go to")]
    Bare,
}

impl NoTests {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            NoTests::EmptyChange { .. } => {
                Some("name a change with `--base`, `--commit` or `--range`")
            }
            NoTests::NoCommand { .. } => Some(
                "a package is told by its marker, such as Cargo.toml, package.json with a script `test`, go.mod, pyproject.toml, pom.xml or a Makefile with a target `test`; docs/test.md has the table",
            ),
            NoTests::Staged => Some("take the whole working tree: `--scope working-tree`"),
            NoTests::NoCommit => Some("commit something first"),
            NoTests::Bare => Some("run it in a clone with a working tree"),
        }
    }
}

/// A change that tests are to be written for.
#[derive(Clone, Copy)]
pub struct TestPlan<'a> {
    /// The repository's root.
    pub root: &'a std::path::Path,
    /// What is to be tested.
    pub target: &'a ResolvedTarget,
    /// Its change.
    pub changes: &'a dyn ChangeView,
    /// What the writer is shown of it.
    pub context: &'a Context,
    /// What the user wants tested, byte for byte.
    pub focus: Option<&'a str>,
    /// Who answers.
    pub options: &'a EngineOptions,
    /// Whether they are run.
    pub run: RunTests,
    /// How long one test command may take.
    pub test_limit: Duration,
}

impl TestPlan<'_> {
    /// Looks for the packages of a change, before a context is built of it.
    ///
    /// # Errors
    ///
    /// There is nothing that tests could be written for.
    pub fn find(target: &ResolvedTarget, changes: &dyn ChangeView) -> Result<Found, NoTests> {
        if target.mode == Mode::Staged {
            return Err(NoTests::Staged);
        }
        if changes.files().is_empty() {
            return Err(NoTests::EmptyChange {
                label: target.label.clone(),
            });
        }
        if commit(target).is_none() {
            return Err(NoTests::NoCommit);
        }
        let files = Snapshot::of(changes);
        let mut paths: Vec<&BStr> = changes
            .files()
            .iter()
            .map(|file| file.path.as_bstr())
            .collect();
        paths.dedup();
        let found = find_packages(&files, paths);
        if found.packages.is_empty() {
            return Err(NoTests::NoCommand {
                first: show_path(&found.without[0]),
                more: found.without.len() - 1,
            });
        }
        Ok(found)
    }

    /// The request.
    ///
    /// # Errors
    ///
    /// The root has no UTF-8 name.
    pub fn request(&self, found: &Found) -> Result<RunRequest, PrepareError> {
        if self.root.to_str().is_none() {
            return Err(PrepareError::RootNotUtf8(self.root.to_owned()));
        }
        let mut notes: Vec<String> = self.changes.notes().to_vec();
        if let [first, more @ ..] = found.without.as_slice() {
            notes.push(format!(
                "no test command is known for {} of the changed files, such as `{}`",
                more.len() + 1,
                show_path(first)
            ));
        }
        if found.more > 0 {
            notes.push(format!(
                "{} more packages are touched than tests are written for",
                found.more
            ));
        }
        let packages: Vec<PackageText> = found.packages.iter().map(package_text).collect();
        let prompt = prompt::write_tests(&TestsInput {
            context: &self.context.text,
            focus: self.focus,
            packages: &packages,
        });
        let question = Question::Turn {
            text: prompt.text,
            output_schema: prompt.output_schema,
        };
        Ok(RunRequest {
            write: true,
            tests: Some(TestOrder {
                commit: commit(self.target).expect("looked at when the packages were found"),
                is_uncommitted: self.target.new == Endpoint::WorkTree,
                base: base(self.target),
                packages: found
                    .packages
                    .iter()
                    .filter_map(OrderedPackage::of)
                    .collect(),
                run: self.run,
                test_limit: self.test_limit,
                mode: self.target.mode.as_str().to_owned(),
                label: self.target.label.clone(),
                notes,
            }),
            ..self.options.request(&TEST, self.root, question)
        })
    }
}

/// What the model is told of a package.
fn package_text(package: &Package) -> PackageText {
    let root = match package.root.as_slice() {
        b"" => ".".to_owned(),
        root => show_path(root),
    };
    PackageText {
        root,
        runner: package.runner.name.to_owned(),
        reason: package.reason(),
        command: package.run_command(&[]).shown(),
        tests: package
            .runner
            .tests
            .iter()
            .map(|&glob| glob.to_owned())
            .collect(),
        in_source: package.runner.in_source,
    }
}

fn commit(target: &ResolvedTarget) -> Option<ObjectId> {
    match &target.new {
        Endpoint::Commit(commit) => Some(commit.clone()),
        Endpoint::WorkTree | Endpoint::Index => target.head.clone(),
        Endpoint::EmptyTree | Endpoint::Patched(_) => None,
    }
}

fn base(target: &ResolvedTarget) -> Option<ObjectId> {
    match &target.old {
        Endpoint::Commit(commit) => Some(commit.clone()),
        Endpoint::WorkTree | Endpoint::Index | Endpoint::EmptyTree | Endpoint::Patched(_) => None,
    }
}

/// The new side of a change, by path.
struct Snapshot<'v> {
    view: &'v dyn ChangeView,
    files: std::collections::HashMap<BString, SnapshotFile>,
}

impl<'v> Snapshot<'v> {
    fn of(view: &'v dyn ChangeView) -> Self {
        // Without a list of files no package is found, which is told as such.
        let files = view.snapshot().unwrap_or_default();
        Snapshot {
            view,
            files: files
                .into_iter()
                .map(|file| (file.path.clone(), file))
                .collect(),
        }
    }
}

impl ProjectFiles for Snapshot<'_> {
    fn has(&self, path: &BStr) -> bool {
        self.files.contains_key(path)
    }

    fn read(&self, path: &BStr) -> Option<Vec<u8>> {
        let file = self.files.get(path)?;
        self.view.content(file, MOST_MARKER_BYTES).ok().flatten()
    }
}

/// An order as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::run) struct StoredOrder {
    commit: String,
    is_uncommitted: bool,
    base: Option<String>,
    packages: Vec<OrderedPackage>,
    run: RunTests,
    test_limit_ms: u64,
    mode: String,
    label: String,
    notes: Vec<String>,
}

impl From<&TestOrder> for StoredOrder {
    fn from(order: &TestOrder) -> Self {
        StoredOrder {
            commit: order.commit.as_hex().to_owned(),
            is_uncommitted: order.is_uncommitted,
            base: order.base.as_ref().map(|base| base.as_hex().to_owned()),
            packages: order.packages.clone(),
            run: order.run,
            test_limit_ms: u64::try_from(order.test_limit.as_millis()).unwrap_or(u64::MAX),
            mode: order.mode.clone(),
            label: order.label.clone(),
            notes: order.notes.clone(),
        }
    }
}

impl StoredOrder {
    /// The order; `None` where what is stored names no commit.
    pub(in crate::run) fn order(self) -> Option<TestOrder> {
        Some(TestOrder {
            commit: ObjectId::from_hex(&self.commit)?,
            is_uncommitted: self.is_uncommitted,
            base: match self.base {
                Some(base) => Some(ObjectId::from_hex(&base)?),
                None => None,
            },
            packages: self.packages,
            run: self.run,
            test_limit: Duration::from_millis(self.test_limit_ms),
            mode: self.mode,
            label: self.label,
            notes: self.notes,
        })
    }
}

/// Where the worktrees of all runs that write tests are, below the repository's state folder.
pub(super) fn sites(state_folder: &std::path::Path) -> PathBuf {
    state_folder.join("tests")
}
