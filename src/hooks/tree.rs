//! The tree at one moment, as a fingerprint that costs no engine.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::target::{ChangeSet, ResolvedTarget};

use super::TreeState;

/// More changed paths than this are not kept one by one: the whole change counts then.
const KEPT_PATHS: usize = 2_000;

/// HEAD and every changed or untracked path with the id of its content.
#[must_use]
pub fn tree_state(target: &ResolvedTarget, changes: &ChangeSet) -> TreeState {
    let head = target.head.as_ref().map(|id| id.as_hex().to_owned());
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for file in &changes.files {
        let id = file.new.as_ref().map_or("gone", |side| side.id.as_hex());
        let mode = file.new.as_ref().map_or(0, |side| side.mode);
        let state = paths.entry(file.path.to_string()).or_default();
        state.push_str(&format!("{} {mode:o} {id};", file.part.as_str()));
    }
    for left_out in &changes.left_out {
        let size = left_out.size.unwrap_or_default();
        paths.insert(left_out.path.to_string(), format!("left out {size}"));
    }
    let mut digest = Sha256::new();
    digest.update(head.as_deref().unwrap_or("unborn"));
    for (path, state) in &paths {
        digest.update(path.as_bytes());
        digest.update([0]);
        digest.update(state.as_bytes());
        digest.update([0]);
    }
    digest.update(changes.left_out_more.to_le_bytes());
    let fingerprint = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if paths.len() > KEPT_PATHS {
        paths.clear();
    }
    TreeState {
        fingerprint,
        head,
        paths,
    }
}

impl TreeState {
    /// The paths whose content is not what it was; empty when it is not known one by one, or when nothing differs.
    #[must_use]
    pub fn paths_since(&self, start: &TreeState) -> Vec<String> {
        self.paths
            .iter()
            .filter(|(path, state)| start.paths.get(*path) != Some(state))
            .map(|(path, _)| path.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(paths: &[(&str, &str)]) -> TreeState {
        let paths = paths
            .iter()
            .map(|(path, id)| ((*path).to_owned(), (*id).to_owned()));
        TreeState {
            fingerprint: String::new(),
            head: None,
            paths: paths.collect(),
        }
    }

    #[test]
    fn only_what_differs_belongs_to_the_turn() {
        let start = state(&[("a", "1"), ("b", "1")]);
        let now = state(&[("a", "1"), ("b", "2"), ("c", "1")]);
        assert_eq!(now.paths_since(&start), ["b", "c"]);
        assert!(now.paths_since(&now).is_empty());
    }
}
