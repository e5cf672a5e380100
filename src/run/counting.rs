//! Which findings of a report count: the one place where the terms of a review are laid over what was found.
//!
//! It runs last, over everything that a report holds, whether an engine said it now, an earlier run was answered the same,
//! or it was carried over from an earlier review: who a finding is and what excuses it is judged anew each time, by the
//! terms of this review.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::report::Report;
use crate::review::{
    ChangedFile, Finding, OnEmpty, Outcome, PlacedMarker, Placement, SuppressFrom,
    SuppressedChange, Suppressions, apply_filter, exit_status, identify, read_markers, suppress,
};
use crate::target::{GitEnvironment, ObjectId};

use super::new_side::NewSide;
use super::{EngineChoice, PinnedPatch};

/// What counting needs of the change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CountedChange {
    /// The changed files of everything that is judged, also where only a part of it is asked about.
    pub files: Vec<ChangedFile>,
    /// The new content of changed files by path, where a commit or the index holds it.
    pub blobs: BTreeMap<String, ObjectId>,
    /// The patch that is judged, where one is: then its files are nowhere else.
    pub patch: Option<PinnedPatch>,
    /// What may excuse a finding.
    pub suppressions: Suppressions,
}

impl CountedChange {
    /// Gives every finding its fingerprint, marks those that do not count, says what was accepted in vain, and decides
    /// anew how the run exits. The report's identity and filter are those of its review.
    pub(super) fn apply(
        &self,
        report: &mut Report,
        root: &Path,
        environment: &GitEnvironment,
        engine: &EngineChoice,
        on_empty: OnEmpty,
    ) {
        let Outcome::Judged(judgement) = &mut report.outcome else {
            return;
        };
        let new_side = NewSide::open(root, environment, &report.identity, self);
        for finding in &mut judgement.findings {
            finding.exclusion = None;
        }
        identify(&mut judgement.findings, &mut |path| new_side.content(path));
        let paths: BTreeSet<&str> = self
            .files
            .iter()
            .flat_map(|file| [Some(file.path.as_str()), file.old_path.as_deref()])
            .flatten()
            .collect();
        let mut suppressions = self.suppressions.clone();
        let from = report.noise.from;
        let elsewhere = markers_elsewhere(&judgement.findings, &paths, &new_side, from);
        suppressions.markers.extend(elsewhere);
        let remarks = suppress(
            &mut judgement.findings,
            &suppressions,
            SuppressedChange {
                exists: &|path| new_side.exists(path),
                in_change: &|path| paths.contains(path),
                brings: &|path, lines| {
                    let adds =
                        |file: &ChangedFile| file.path == path && file.added.touches(lines, 0);
                    from == SuppressFrom::Base && self.files.iter().any(adds)
                },
                knows_rules: *engine == EngineChoice::Builtin,
            },
        );
        report.noise.remarks.extend(remarks);
        apply_filter(&mut judgement.findings, &self.files, report.noise.filter);
        report.exit = exit_status(&report.outcome, report.fail_on, on_empty);
    }
}

/// The markers of files that are not part of what is judged. Where the base has the word, only a file counts that is the
/// same there: it may be part of the change all the same, in another shard or outside the path filters.
fn markers_elsewhere(
    findings: &[Finding],
    changed: &BTreeSet<&str>,
    new_side: &NewSide<'_>,
    from: SuppressFrom,
) -> Vec<PlacedMarker> {
    let files: BTreeSet<&str> = findings
        .iter()
        .filter(|finding| finding.placement == Placement::OutsideChange)
        .map(|finding| finding.file.as_str())
        .filter(|file| !changed.contains(file))
        .collect();
    let placed = files.into_iter().flat_map(|file| {
        let mut content = new_side.content(file);
        if from == SuppressFrom::Base && new_side.base_content(file) != content {
            content = None;
        }
        let content = content.unwrap_or_default();
        let (markers, _) = read_markers(&content);
        markers.into_iter().map(|marker| PlacedMarker {
            file: file.to_owned(),
            marker,
        })
    });
    placed.collect()
}
