//! Submodules in the working tree: the commit they are at, and whether files in them differ from it.

use std::collections::HashMap;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use gix::index::entry::Mode;

use super::worktree::Wanted;
use super::{ConfiguredPrograms, Repository, open};

/// Submodules inside submodules are followed so far.
const DEEPEST: u32 = 4;

/// Where a submodule's working tree is.
pub(super) struct Head {
    pub(super) commit: gix::ObjectId,
    /// Whether tracked files differ; new files do not count.
    pub(super) is_dirty: bool,
}

/// The state of the submodule at `path`; `None` if no repository with a commit is there.
pub(super) fn head(path: &Path, depth: u32, looks_for_dirt: impl FnOnce() -> bool) -> Option<Head> {
    let dot_git = path.join(".git");
    if depth >= DEEPEST || !dot_git.exists() {
        return None;
    }
    let gix = open::open_at(&dot_git, true).ok()?;
    let commit = gix.head_id().ok()?.detach();
    let index_path = gix.index_path();
    let repository = Repository::new(gix, index_path, ConfiguredPrograms::default());
    let wanted = Wanted {
        untracked: false,
        only_whether: true,
        threads: 1,
        depth: depth + 1,
    };
    let is_dirty = looks_for_dirt()
        && repository
            .take_status(wanted)
            .is_ok_and(|status| status.is_dirty());
    Some(Head { commit, is_dirty })
}

/// What `.gitmodules` or the configuration asks not to be told about.
#[derive(Debug, Default)]
pub(super) struct Ignored(HashMap<BString, What>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Dirt,
    All,
}

impl Ignored {
    /// Reads the settings if the index has any submodule.
    pub(super) fn read(repository: &gix::Repository, index: &gix::index::State) -> Self {
        if !index
            .entries()
            .iter()
            .any(|entry| entry.mode == Mode::COMMIT)
        {
            return Ignored::default();
        }
        let Ok(Some(modules)) = repository.modules() else {
            return Ignored::default();
        };
        let config = repository.config_snapshot();
        let mut ignored = HashMap::new();
        for name in modules.names() {
            let Ok(path) = modules.path(name) else {
                continue;
            };
            let configured = config.string(format!("submodule.{name}.ignore").as_str());
            let declared = modules
                .config()
                .string(format!("submodule.{name}.ignore").as_str());
            let what = match configured
                .or(declared)
                .as_ref()
                .map(|value| value.as_bytes())
            {
                Some(b"all") => What::All,
                Some(b"dirty") => What::Dirt,
                _ => continue,
            };
            ignored.insert(path, what);
        }
        Ignored(ignored)
    }

    /// Whether changed files in the submodule at `path` are of no interest.
    pub(super) fn dirt(&self, path: &BStr) -> bool {
        self.0.contains_key(path)
    }

    /// Whether no change of the submodule at `path` is of interest.
    pub(super) fn all(&self, path: &BStr) -> bool {
        self.0.get(path) == Some(&What::All)
    }
}
