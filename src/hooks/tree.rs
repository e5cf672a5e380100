//! The tree at one moment, as a fingerprint that costs no engine.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::target::{ChangeSet, LeftOut, ResolvedTarget};

use super::TreeState;

/// More changed paths than this are not kept one by one: the whole change counts then.
const KEPT_PATHS: usize = 2_000;

/// HEAD and every changed or untracked path with the id of its content. What was left out has no such id (it is too large
/// to be read, say): `stamp` says what there is to tell one content of it from the next, such as size and time.
#[must_use]
pub fn tree_state(
    target: &ResolvedTarget,
    changes: &ChangeSet,
    stamp: impl Fn(&LeftOut) -> String,
) -> TreeState {
    let head = target.head.as_ref().map(|id| id.as_hex().to_owned());
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for file in &changes.files {
        let id = file.new.as_ref().map_or("gone", |side| side.id.as_hex());
        let mode = file.new.as_ref().map_or(0, |side| side.mode);
        let state = paths.entry(file.path.to_string()).or_default();
        state.push_str(&format!("{} {mode:o} {id};", file.part.as_str()));
    }
    for left_out in &changes.left_out {
        let state = paths.entry(left_out.path.to_string()).or_default();
        state.push_str(&format!("left out {};", stamp(left_out)));
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
    let too_many = paths.len() > KEPT_PATHS;
    if too_many {
        paths.clear();
    }
    TreeState {
        fingerprint,
        head,
        paths,
        too_many,
    }
}

impl TreeState {
    /// Whether nothing differs from HEAD.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.paths.is_empty() && !self.too_many
    }

    /// The paths that differ from HEAD and whose content is not what it was; `None` when paths were not kept one by one.
    #[must_use]
    pub fn paths_since(&self, start: &TreeState) -> Option<Vec<String>> {
        if self.too_many {
            return None;
        }
        let changed = self
            .paths
            .iter()
            .filter(|(path, state)| start.paths.get(*path) != Some(state))
            .map(|(path, _)| path.clone())
            .collect();
        Some(changed)
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
            too_many: false,
        }
    }

    #[test]
    fn only_what_differs_belongs_to_the_turn() {
        let start = state(&[("a", "1"), ("b", "1")]);
        let now = state(&[("a", "1"), ("b", "2"), ("c", "1")]);
        assert_eq!(
            now.paths_since(&start),
            Some(vec!["b".to_owned(), "c".to_owned()])
        );
        assert_eq!(now.paths_since(&now), Some(Vec::new()));
        // What was taken back does not differ from HEAD.
        assert_eq!(state(&[]).paths_since(&start), Some(Vec::new()));
        let many = TreeState {
            too_many: true,
            ..state(&[])
        };
        assert_eq!(many.paths_since(&start), None);
        assert!(!many.is_clean() && state(&[]).is_clean());
    }
}
