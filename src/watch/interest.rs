//! Which names matter to a watch: not the temporary files of editors, and of git's own folder hardly anything.

use std::path::{Component, Path};

/// Globs that keep the temporary files of editors out of what is reviewed: Vim's swap files and its probe `4913`, backups,
/// Emacs' locks and autosaves, JetBrains' and KDE's copies, and what GNOME writes before it renames.
pub const EDITOR_NOISE: [&str; 10] = [
    "!*.swp",
    "!*.swo",
    "!*.swx",
    "!4913",
    "!*~",
    "!.#*",
    "!#*#",
    "!*___jb_tmp___",
    "!*___jb_old___",
    "!.goutputstream-*",
];

/// Whether a file's name is one of [`EDITOR_NOISE`].
#[must_use]
pub fn is_editor_noise(name: &str) -> bool {
    let is_autosave = name.len() > 1 && name.starts_with('#') && name.ends_with('#');
    name == "4913"
        || is_autosave
        || name.starts_with(".#")
        || name.starts_with(".goutputstream-")
        || [".swp", ".swo", ".swx", "~", "___jb_tmp___", "___jb_old___"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// Whether a path below a git folder tells of a new commit, another branch, or the beginning or end of an operation.
#[must_use]
pub fn is_telling_git_path(below: &Path) -> bool {
    const TELLING: [&str; 10] = [
        "HEAD",
        "packed-refs",
        "refs",
        "rebase-merge",
        "rebase-apply",
        "MERGE_HEAD",
        "CHERRY_PICK_HEAD",
        "REVERT_HEAD",
        "BISECT_LOG",
        "sequencer",
    ];
    if below
        .extension()
        .is_some_and(|extension| extension == "lock")
    {
        return false;
    }
    match below.components().next() {
        Some(Component::Normal(first)) => TELLING.iter().any(|name| first == *name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::PathFilter;

    #[test]
    fn the_names_and_the_globs_mean_the_same() {
        let globs: Vec<String> = EDITOR_NOISE.iter().map(|glob| (*glob).to_owned()).collect();
        let filter = PathFilter::compile(&globs).unwrap();
        let noise = [
            ".a.rs.swp",
            "a.swo",
            ".a.rs.swx",
            "4913",
            "a.rs~",
            ".#a.rs",
            "#a.rs#",
            "a.rs___jb_tmp___",
            "a.rs___jb_old___",
            ".goutputstream-X7ABC1",
        ];
        let work = [
            "a.rs", "4913.txt", "swp", "#a", "a#", "#", ".a", "~a", "a.swpx",
        ];
        for (names, expected) in [(noise.as_slice(), true), (work.as_slice(), false)] {
            for name in names {
                assert_eq!(is_editor_noise(name), expected, "{name}");
                let path = format!("deep/{name}");
                assert_eq!(filter.passes(path.as_str().into()), !expected, "{name}");
            }
        }
    }

    #[test]
    fn of_gits_own_folder_only_what_moves_head_or_an_operation_matters() {
        for telling in [
            "HEAD",
            "refs/heads/main",
            "refs/heads/feature/x",
            "packed-refs",
            "rebase-merge",
            "MERGE_HEAD",
        ] {
            assert!(is_telling_git_path(Path::new(telling)), "{telling}");
        }
        for noise in [
            "index",
            "index.lock",
            "HEAD.lock",
            "refs/heads/main.lock",
            "objects/ab/cdef",
            "logs/HEAD",
            "FETCH_HEAD",
            "COMMIT_EDITMSG",
            "",
        ] {
            assert!(!is_telling_git_path(Path::new(noise)), "{noise}");
        }
    }
}
