//! Compares what we say with what git says.

use bstr::{BString, ByteSlice};
use codex_review::target::{
    Abbreviation, ChangeOptions, ChangeSet, Content, FileChange, GivenPatch, LeftOutReason, Part,
    Repository, Select, Status, TargetSpec,
};

use super::sandbox::{DIFF, Sandbox};

pub(crate) fn spec(select: Select) -> TargetSpec {
    TargetSpec {
        select,
        paths: Vec::new(),
    }
}

/// Options that leave nothing out for its size.
pub(crate) fn generous() -> ChangeOptions {
    ChangeOptions {
        untracked_file_cap: 1 << 24,
        untracked_total_cap: 1 << 26,
        left_out_limit: 10_000,
        ..ChangeOptions::default()
    }
}

#[track_caller]
pub(crate) fn changes(
    repository: &Repository,
    select: Select,
    options: &ChangeOptions,
) -> ChangeSet {
    let target = repository.resolve(&spec(select)).unwrap();
    repository.changes(&target, options).unwrap()
}

/// The patches of one part, one after the other.
#[track_caller]
pub(crate) fn patches(set: &ChangeSet, wanted: impl Fn(&FileChange) -> bool) -> Vec<u8> {
    (0..set.files.len())
        .filter(|index| wanted(&set.files[*index]))
        .flat_map(|index| set.patch(index).unwrap())
        .collect()
}

#[track_caller]
pub(crate) fn assert_same(ours: &[u8], git: &[u8], what: &str) {
    if ours != git {
        panic!(
            "{what}\n--- ours\n{}\n--- git\n{}",
            ours.as_bstr(),
            git.as_bstr()
        );
    }
}

fn diff_arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["diff"];
    arguments.extend(DIFF);
    arguments.extend_from_slice(more);
    arguments
}

/// `added removed path` of one part, as `git diff --numstat -z` has them.
fn numstat(files: &[&FileChange]) -> Vec<(String, BString)> {
    files
        .iter()
        .map(|file| {
            let counts = match &file.content {
                Content::Text { added, removed, .. } => format!("{added} {removed}"),
                Content::Binary
                    if file.old.as_ref().map(|old| &old.id)
                        == file.new.as_ref().map(|new| &new.id) =>
                {
                    "0 0".to_owned()
                }
                Content::Binary => "- -".to_owned(),
                Content::Submodule => {
                    let id = |side: &Option<codex_review::target::Side>| {
                        side.as_ref().map(|side| side.id.clone())
                    };
                    if id(&file.old) == id(&file.new) {
                        // git does not count what makes a submodule dirty.
                        return ("0 0".to_owned(), file.path.clone());
                    }
                    let old = u32::from(file.old.is_some());
                    let new = u32::from(file.new.is_some());
                    format!("{new} {old}")
                }
            };
            (counts, file.path.clone())
        })
        .collect()
}

fn git_numstat(output: &[u8]) -> Vec<(String, BString)> {
    let mut fields = output.split_str("\0").filter(|field| !field.is_empty());
    let mut found = Vec::new();
    while let Some(field) = fields.next() {
        let parts: Vec<&[u8]> = field.splitn(3, |&byte| byte == b'\t').collect();
        let counts = format!("{} {}", parts[0].as_bstr(), parts[1].as_bstr());
        let path = if parts[2].is_empty() {
            fields.next();
            fields.next().unwrap().as_bstr().to_owned()
        } else {
            parts[2].as_bstr().to_owned()
        };
        found.push((counts, path));
    }
    found
}

/// What git prints, given back as a patch that is not applied: laid over `from` it must come to the very same change.
#[track_caller]
fn check_given(repository: &Repository, from: &str, git: &[u8], options: &ChangeOptions) {
    if git.is_empty() {
        return;
    }
    let patch = GivenPatch::parse(git).unwrap();
    let target = repository.resolve_patch(&patch, Some(from), &[]).unwrap();
    let given = repository.changes(&target, options).unwrap();
    assert_same(
        &patches(&given, |_| true),
        git,
        "the patch laid over its base",
    );
}

/// `git diff` between two commits, with short and with full ids, and the counts; and the diff as a patch to be laid over
/// the first.
#[track_caller]
pub(crate) fn check_range(sandbox: &Sandbox, from: &str, to: &str) {
    let select = || Select::Range {
        from: from.into(),
        to: to.into(),
        merge_base: false,
    };
    let repository = sandbox.open();
    let set = changes(&repository, select(), &generous());
    let git = sandbox.git(&diff_arguments(&[from, to]));
    assert_same(&patches(&set, |_| true), &git, &format!("{from}..{to}"));
    let full = ChangeOptions {
        abbreviation: Abbreviation::Full,
        ..generous()
    };
    let set = changes(&repository, select(), &full);
    let git = sandbox.git(&diff_arguments(&["--full-index", from, to]));
    assert_same(
        &patches(&set, |_| true),
        &git,
        &format!("{from}..{to} --full-index"),
    );
    check_given(&repository, from, &git, &full);
    let files: Vec<&FileChange> = set.files.iter().collect();
    assert_eq!(
        numstat(&files),
        git_numstat(&sandbox.git(&diff_arguments(&["--numstat", "-z", from, to])))
    );
    check_facts(&set);
}

/// Hunks and changed lines of each file agree with its patch.
#[track_caller]
fn check_facts(set: &ChangeSet) {
    for (index, file) in set.files.iter().enumerate() {
        let Content::Text {
            added,
            removed,
            hunks,
            added_lines,
            ..
        } = &file.content
        else {
            continue;
        };
        let patch = set.patch(index).unwrap();
        let headers = patch
            .lines()
            .filter(|line| line.starts_with(b"@@ "))
            .count();
        assert_eq!(headers, hunks.len(), "{}", file.path);
        let sum: u32 = added_lines.iter().map(|(start, end)| end - start + 1).sum();
        assert_eq!(sum, *added, "{}", file.path);
        if file.status != Status::TypeChanged {
            let old: u32 = hunks.iter().map(|hunk| hunk.old_lines).sum();
            let new: u32 = hunks.iter().map(|hunk| hunk.new_lines).sum();
            assert_eq!(
                i64::from(new) - i64::from(old),
                i64::from(*added) - i64::from(*removed),
                "{}",
                file.path
            );
        }
    }
}

/// Everything about the working tree: `git diff --cached`, `git diff`, `git status -uall`, and whether it is dirty.
#[track_caller]
pub(crate) fn check_working_tree(sandbox: &Sandbox) {
    check_working_tree_with(sandbox, &[]);
}

/// The same, with options for git that empty what is configured in the repository.
#[track_caller]
pub(crate) fn check_working_tree_with(sandbox: &Sandbox, cleared: &[&str]) {
    let git = |more: &[&str]| {
        let mut arguments = cleared.to_vec();
        arguments.extend_from_slice(more);
        sandbox.git(&arguments)
    };
    let repository = sandbox.open();
    let set = changes(&repository, Select::WorkingTree, &generous());

    let unmerged: Vec<&BString> = set
        .files
        .iter()
        .filter(|file| file.status == Status::Unmerged)
        .map(|file| &file.path)
        .collect();
    let without_unmerged = |output: Vec<u8>| -> Vec<u8> {
        output
            .lines_with_terminator()
            .filter(|line| !line.starts_with(b"* Unmerged path "))
            .flatten()
            .copied()
            .collect()
    };
    let staged = without_unmerged(git(&diff_arguments(&["--cached"])));
    assert_same(
        &patches(&set, |file| file.part == Part::Staged),
        &staged,
        "git diff --cached",
    );
    let mut excluded: Vec<String> = Vec::new();
    for path in &unmerged {
        excluded.push(format!(":(exclude,literal){path}"));
    }
    let mut arguments = vec!["--", "."];
    arguments.extend(excluded.iter().map(String::as_str));
    let unstaged = git(&diff_arguments(&arguments));
    let ours = patches(&set, |file| {
        file.part == Part::Unstaged && file.status != Status::Unmerged
    });
    assert_same(&ours, &unstaged, "git diff");
    for (index, file) in set
        .files
        .iter()
        .enumerate()
        .filter(|(_, file)| file.status == Status::Unmerged)
    {
        if file.old.is_some() || file.new.is_some() {
            let literal = format!(":(literal){}", file.path);
            let git = without_unmerged(git(&diff_arguments(&["HEAD", "--", &literal])));
            assert_same(
                &set.patch(index).unwrap(),
                &git,
                &format!("conflict in {}", file.path),
            );
        }
    }

    for (part, option) in [(Part::Staged, &["--cached"][..]), (Part::Unstaged, &[][..])] {
        let files: Vec<&FileChange> = set
            .files
            .iter()
            .filter(|file| file.part == part && file.status != Status::Unmerged)
            .collect();
        let mut arguments = vec!["--numstat", "-z"];
        arguments.extend_from_slice(option);
        arguments.extend(["--", "."]);
        arguments.extend(excluded.iter().map(String::as_str));
        assert_eq!(
            numstat(&files),
            git_numstat(&git(&diff_arguments(&arguments))),
            "--numstat {option:?}"
        );
    }
    check_facts(&set);

    let status = git(&["status", "--porcelain=v1", "-uall", "-z", "--no-renames"]);
    let mut untracked: Vec<BString> = status
        .split_str("\0")
        .filter_map(|line| line.strip_prefix(b"?? "))
        .map(|path| path.as_bstr().to_owned())
        .collect();
    untracked.sort();
    let mut ours: Vec<BString> = set
        .files
        .iter()
        .filter(|file| file.part == Part::Untracked)
        .map(|file| file.path.clone())
        .chain(
            set.left_out
                .iter()
                .filter(|file| !matches!(file.reason, LeftOutReason::NotRegular(_)))
                .map(|file| {
                    let mut path = file.path.clone();
                    if file.reason == LeftOutReason::NestedRepository {
                        path.push(b'/');
                    }
                    path
                }),
        )
        .collect();
    ours.sort();
    assert_eq!(ours, untracked, "untracked files");
    assert_eq!(
        repository.has_changes().unwrap(),
        !status.is_empty(),
        "dirty: {}",
        status.as_bstr()
    );
}
