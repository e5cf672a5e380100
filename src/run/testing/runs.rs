//! Runs the accepted tests on both sides of the change.
//!
//! Both sides are fresh worktrees, with the accepted tests put in and nothing else that the engine left: what it built or
//! planted beside them takes no part. Each command runs in its package's folder, by itself and within its limit.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice as _};

use super::order::TestOrder;
use super::placing;
use super::site::{Site, Use, failed};
use super::written::{PackageRuns, SideRun};
use crate::engine::find_in_path;
use crate::external::{Strays, Trial, TrialEnd, try_out};
use crate::jobs::{CancelToken, EventSink, JOB_ID_VARIABLE, JobEvent, Phase};
use crate::prompt::visible;
use crate::review::{NotJudged, NotJudgedReason};
use crate::suites::{CommandLine, Kept, Package, Policy, Program, SideEnd, judge};
use crate::target::ObjectId;
use crate::worktrees::Worktree;

/// How much of the end of a command's output is kept.
const MOST_OUTPUT_BYTES: usize = 64 * 1024;
/// How much of that is told.
const TOLD_BYTES: usize = 4 * 1024;
/// Where a command's own program is missing, shells and script runners say so by these.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// What a command is run with.
pub(super) struct Bench<'a> {
    /// The place of the run.
    pub(super) site: &'a Site,
    /// What was ordered.
    pub(super) order: &'a TestOrder,
    /// The packages of the order.
    pub(super) packages: &'a [Package],
    /// What was accepted.
    pub(super) policy: &'a Policy,
    /// The environment that a command gets a part of.
    pub(super) variables: &'a [(OsString, OsString)],
    /// `PATH`.
    pub(super) search_path: &'a OsString,
    /// The job, by which whoever finds a process of it knows whose it is.
    pub(super) job: &'a str,
    /// Asked for when the run is to end.
    pub(super) cancelled: &'a CancelToken,
}

impl Bench<'_> {
    /// Runs everything. `change` is the worktree that is as the change was before the engine began.
    ///
    /// # Errors
    ///
    /// A side cannot be made, or the run was cancelled.
    pub(super) async fn run(
        &self,
        change: &Worktree,
        sink: &mut dyn EventSink,
    ) -> Result<Vec<PackageRuns>, NotJudged> {
        sink.emit(JobEvent::Phase {
            phase: Phase::Verifying,
        });
        for kept in &self.policy.kept {
            put(change.root(), kept, &kept.after)?;
        }
        let base = match &self.order.base {
            None => None,
            Some(commit) => Some((self.site.worktree(Use::Base, commit)?, commit)),
        };
        let mut runs = Vec::new();
        for (index, package) in self.packages.iter().enumerate() {
            let of_package = |kept: &&Kept| kept.package == index;
            let kept: Vec<&Kept> = self.policy.kept.iter().filter(of_package).collect();
            if kept.is_empty() {
                continue;
            }
            let on_change = self
                .side("change", change.root(), package, &kept, sink)
                .await?;
            let on_base = match &base {
                None => None,
                Some((worktree, commit)) => Some(
                    self.base_side(worktree, commit, package, &kept, sink)
                        .await?,
                ),
            };
            let judgement = judge(&on_change.end, on_base.as_ref().map(|side| &side.end));
            runs.push(PackageRuns {
                package: index,
                sides: std::iter::once(on_change).chain(on_base).collect(),
                judgement,
            });
        }
        Ok(runs)
    }

    /// Runs the tests on the base. Files that were there, and all that a command runs besides the new files, are run
    /// without the new tests first: where that fails, a failure with the new tests says nothing about those.
    async fn base_side(
        &self,
        worktree: &Worktree,
        commit: &ObjectId,
        package: &Package,
        kept: &[&Kept],
        sink: &mut dyn EventSink,
    ) -> Result<SideRun, NotJudged> {
        let content = |kept: &Kept| {
            let path = BStr::new(kept.accepted.path.as_str());
            self.site.repository().file_at(commit, path).ok().flatten()
        };
        let root = worktree.root();
        let marker = self
            .site
            .repository()
            .file_at(commit, BStr::new(&package.marker_path()));
        if !matches!(marker, Ok(Some(_))) {
            return Ok(SideRun::not_run(
                "base",
                "the package is not there".to_owned(),
            ));
        }
        let mut extended: Vec<&Kept> = Vec::new();
        for one in kept {
            if let Some(text) = one.without_tests_on_base(content(one).as_deref()) {
                put(root, one, &text)?;
                extended.push(one);
            }
        }
        let is_wide = package.runs_more_than(kept);
        if is_wide || !extended.is_empty() {
            let files = if is_wide { kept } else { &extended };
            let without = self
                .side("base without the new tests", root, package, files, sink)
                .await?;
            let why = match without.end {
                SideEnd::Passed => None,
                SideEnd::Failed | SideEnd::NotBuilt => {
                    Some("it fails even without the new tests".to_owned())
                }
                SideEnd::NotRun(why) => Some(format!("without the new tests, {why}")),
            };
            if let Some(why) = why {
                return Ok(SideRun::not_run("base", why));
            }
        }
        for one in kept {
            match one.on_base(content(one).as_deref()) {
                Some(text) => put(root, one, &text)?,
                None => {
                    let why = "the tests have no place there";
                    return Ok(SideRun::not_run("base", why.to_owned()));
                }
            }
        }
        self.side("base", root, package, kept, sink).await
    }

    async fn side(
        &self,
        name: &'static str,
        root: &Path,
        package: &Package,
        kept: &[&Kept],
        sink: &mut dyn EventSink,
    ) -> Result<SideRun, NotJudged> {
        let folder = match package.root.to_path() {
            Ok(relative) => root.join(relative),
            Err(_) => {
                return Ok(SideRun::not_run(
                    name,
                    "its folder has no usable name".to_owned(),
                ));
            }
        };
        if !folder.is_dir() {
            return Ok(SideRun::not_run(
                name,
                "the package is not there".to_owned(),
            ));
        }
        if let Some(build) = package.build_command(kept) {
            let built = self.command(name, &folder, &build, package, sink).await?;
            match built.end {
                SideEnd::Passed => {}
                SideEnd::Failed | SideEnd::NotBuilt => {
                    return Ok(SideRun {
                        end: SideEnd::NotBuilt,
                        ..built
                    });
                }
                SideEnd::NotRun(_) => return Ok(built),
            }
        }
        let run = package.run_command(kept);
        self.command(name, &folder, &run, package, sink).await
    }

    async fn command(
        &self,
        name: &'static str,
        folder: &Path,
        line: &CommandLine,
        package: &Package,
        sink: &mut dyn EventSink,
    ) -> Result<SideRun, NotJudged> {
        let shown = line.shown();
        let Some(program) = self.program(line.program, folder) else {
            let wanted = match line.program {
                Program::OnPath(name) | Program::Wrapper(_, name) => name,
            };
            return Ok(SideRun {
                command: shown,
                ..SideRun::not_run(name, format!("there is no `{wanted}` on PATH"))
            });
        };
        sink.emit(JobEvent::CommandStarted {
            command: format!("on the {name}: {shown}"),
        });
        let trial = Trial {
            program,
            arguments: line.arguments.clone(),
            folder: folder.to_owned(),
            environment: self.environment(),
            time_limit: self.order.test_limit,
            most_bytes: MOST_OUTPUT_BYTES,
            strays: Strays::End {
                mark: {
                    let mut mark = OsString::from("TMPDIR=");
                    mark.push(self.site.scratch());
                    mark
                },
            },
        };
        let tried = match try_out(&trial, self.cancelled.cancelled()).await {
            Ok(tried) => tried,
            Err(error) => {
                return Ok(SideRun {
                    command: shown,
                    ..SideRun::not_run(name, format!("it cannot be started: {error}"))
                });
            }
        };
        let exit = match tried.end {
            TrialEnd::Exit(code) => Some(code),
            TrialEnd::Killed(_) | TrialEnd::TimedOut | TrialEnd::Cancelled => None,
        };
        sink.emit(JobEvent::CommandFinished {
            command: format!("on the {name}: {shown}"),
            exit_code: exit,
        });
        let said = String::from_utf8_lossy(&tried.said).into_owned();
        let (codes, words) = package.runner.not_loaded;
        let end = match tried.end {
            TrialEnd::Cancelled => {
                return Err(NotJudged {
                    reason: NotJudgedReason::Cancelled,
                    detail: "the run was cancelled while the tests ran".to_owned(),
                });
            }
            TrialEnd::TimedOut => SideEnd::NotRun(format!(
                "`{shown}` took longer than {} s and was ended",
                self.order.test_limit.as_secs()
            )),
            TrialEnd::Exit(0) => SideEnd::Passed,
            TrialEnd::Exit(code) if NO_PROGRAM.contains(&code) => {
                SideEnd::NotRun(format!("`{shown}` found no program (exit code {code})"))
            }
            TrialEnd::Exit(code) if package.runner.nothing_ran.contains(&code) => {
                SideEnd::NotRun(format!("`{shown}` ran no test (exit code {code})"))
            }
            TrialEnd::Exit(_)
                if package
                    .runner
                    .not_there
                    .iter()
                    .any(|word| said.contains(word)) =>
            {
                SideEnd::NotRun(format!("`{shown}` lacks something that is not installed"))
            }
            TrialEnd::Exit(code)
                if codes.contains(&code) || words.iter().any(|word| said.contains(word)) =>
            {
                SideEnd::NotBuilt
            }
            // Nothing that a test does: memory ran out, or somebody ended it.
            TrialEnd::Killed(None | Some(9)) => {
                SideEnd::NotRun(format!("`{shown}` was killed from outside"))
            }
            TrialEnd::Exit(_) | TrialEnd::Killed(_) => SideEnd::Failed,
        };
        Ok(SideRun {
            side: name,
            command: shown,
            end,
            exit,
            tail: tail(&tried.said),
            took: tried.took,
        })
    }

    fn program(&self, program: Program, folder: &Path) -> Option<PathBuf> {
        match program {
            Program::OnPath(name) => find_in_path(name, self.search_path),
            Program::Wrapper(own, name) => {
                let own = folder.join(own);
                // A link may lead out of the worktree.
                let is_file = std::fs::symlink_metadata(&own).is_ok_and(|meta| meta.is_file());
                if is_file {
                    Some(own)
                } else {
                    find_in_path(name, self.search_path)
                }
            }
        }
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment = self.variables.to_vec();
        let scratch: OsString = self.site.scratch().into();
        for name in ["TMPDIR", "TMP", "TEMP"] {
            environment.push((name.into(), scratch.clone()));
        }
        environment.push(("CI".into(), "true".into()));
        // Stale bytecode of one side must not be taken for the other's.
        environment.push(("PYTHONDONTWRITEBYTECODE".into(), "1".into()));
        environment.push((JOB_ID_VARIABLE.into(), self.job.into()));
        environment
    }
}

fn put(root: &Path, kept: &Kept, text: &str) -> Result<(), NotJudged> {
    placing::write(root, &kept.accepted.path, text)
        .map_err(|error| failed("the tests cannot be put into a worktree", &error))
}

/// The end of an output, whole lines, with every character visible.
fn tail(said: &[u8]) -> String {
    let from = said.len().saturating_sub(TOLD_BYTES);
    let mut end = &said[from..];
    if from > 0
        && let Some(line) = end.find_byte(b'\n')
    {
        end = &end[line + 1..];
    }
    visible(end).text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_whole_visible_lines() {
        assert_eq!(tail(b"a\x1b[1mb\n"), "a<U+001B>[1mb\n");
        let long = "0123456789\n".repeat(1_000);
        let tail = tail(long.as_bytes());
        assert!(tail.starts_with("0123456789\n") && tail.len() <= TOLD_BYTES);
    }
}
