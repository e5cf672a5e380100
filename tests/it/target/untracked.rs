//! Untracked files: caps, kinds, and the account of what is left out.

use bstr::ByteSlice;
use codex_review::target::{
    Abbreviation, ChangeOptions, IgnoreSource, LeftOutReason, ObjectId, Part, Select, TargetSpec,
};

use super::oracle::{assert_same, changes, generous, patches, spec};
use super::sandbox::{Sandbox, git_command, lines};

fn left_out(
    sandbox: &Sandbox,
    options: &ChangeOptions,
) -> Vec<(String, Option<u64>, LeftOutReason)> {
    changes(&sandbox.open(), Select::WorkingTree, options)
        .left_out
        .into_iter()
        .map(|file| (file.path.to_string(), file.size, file.reason))
        .collect()
}

#[test]
fn an_untracked_file_is_shown_as_git_shows_it() {
    let sandbox = Sandbox::new();
    sandbox.write("a b/c", lines(3));
    sandbox.write("empty", "");
    sandbox.write("exe", "no newline");
    sandbox.chmod("exe", 0o755);
    let options = ChangeOptions {
        abbreviation: Abbreviation::Full,
        ..generous()
    };
    let set = changes(&sandbox.open(), Select::WorkingTree, &options);
    let mut git = Vec::new();
    for path in ["a b/c", "empty", "exe"] {
        let output = git_command(sandbox.root(), sandbox.outside())
            .args([
                "diff",
                "--no-index",
                "--full-index",
                "--",
                "/dev/null",
                path,
            ])
            .output()
            .unwrap();
        git.extend(output.stdout);
    }
    assert_same(
        &patches(&set, |file| file.part == Part::Untracked),
        &git,
        "untracked",
    );
}

#[test]
fn large_files_are_named_with_size_and_cap() {
    let sandbox = Sandbox::new();
    sandbox.write("small", "x".repeat(24 * 1024));
    sandbox.write("large", "x".repeat(24 * 1024 + 1));
    let found = left_out(&sandbox, &ChangeOptions::default());
    assert_eq!(
        found,
        [(
            "large".into(),
            Some(24 * 1024 + 1),
            LeftOutReason::TooLarge { cap: 24 * 1024 }
        )]
    );
}

#[test]
fn the_sum_is_capped_and_the_account_is_bounded() {
    let sandbox = Sandbox::new();
    for number in 0..40 {
        sandbox.write(format!("f{number:02}"), "x".repeat(20_000));
    }
    let options = ChangeOptions {
        left_out_limit: 5,
        ..ChangeOptions::default()
    };
    let set = changes(&sandbox.open(), Select::WorkingTree, &options);
    let sum: u64 = set
        .files
        .iter()
        .filter_map(|file| file.new.as_ref()?.size)
        .sum();
    assert!(sum <= options.untracked_total_cap);
    assert_eq!(set.left_out.len(), 5);
    assert_eq!(set.files.len() + set.left_out.len() + set.left_out_more, 40);
    assert_eq!(
        set.left_out[0].reason,
        LeftOutReason::SumReached {
            cap: options.untracked_total_cap
        }
    );
    assert_eq!(set.left_out[0].size, Some(20_000));
}

#[test]
fn nothing_but_regular_text_files_is_opened() {
    let sandbox = Sandbox::new();
    let secret = sandbox.outside().join("secret");
    std::fs::write(&secret, "outside\n").unwrap();
    sandbox.symlink(secret.to_str().unwrap(), "link");
    sandbox.symlink("/dev/zero", "zero");
    sandbox.write("binary", b"\0");
    sandbox.write(".env", "KEY=1\n");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(sandbox.path("fifo"))
            .status()
            .unwrap()
            .success()
    );
    let options = ChangeOptions {
        secret_name: |path| path == ".env",
        ..ChangeOptions::default()
    };
    let set = changes(&sandbox.open(), Select::WorkingTree, &options);
    assert!(set.files.is_empty(), "{:?}", set.files);
    let found = left_out(&sandbox, &options);
    assert_eq!(
        found,
        [
            (".env".into(), Some(6), LeftOutReason::SecretName),
            ("binary".into(), Some(1), LeftOutReason::Binary),
            ("fifo".into(), None, LeftOutReason::NotRegular("FIFO")),
            ("link".into(), None, LeftOutReason::Symlink),
            ("zero".into(), None, LeftOutReason::Symlink),
        ]
    );
}

#[test]
fn path_filters_and_review_ignore_take_files_out_of_all_parts() {
    let sandbox = Sandbox::new();
    for name in ["src/a.rs", "src/gen/b.rs", "docs/c.md", "vendor/d.rs"] {
        sandbox.write(name, "1\n");
    }
    sandbox.write(".codexreviewignore", "vendor/\n");
    sandbox.commit("one");
    for name in [
        "src/a.rs",
        "src/gen/b.rs",
        "docs/c.md",
        "vendor/d.rs",
        "vendor/new.rs",
        "src/new.rs",
    ] {
        sandbox.write(name, "2\n");
    }
    let repository = sandbox.open();
    let names = |paths: &[&str], options: &ChangeOptions| -> (Vec<String>, usize) {
        let spec = TargetSpec {
            select: Select::WorkingTree,
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let target = repository.resolve(&spec).unwrap();
        let set = repository.changes(&target, options).unwrap();
        (
            set.files.iter().map(|file| file.path.to_string()).collect(),
            set.ignored,
        )
    };
    let default = ChangeOptions::default();
    assert_eq!(
        names(&[], &default),
        (
            vec![
                "docs/c.md".into(),
                "src/a.rs".into(),
                "src/gen/b.rs".into(),
                "src/new.rs".into()
            ],
            2
        )
    );
    assert_eq!(
        names(&["src", "!src/gen"], &default).0,
        ["src/a.rs", "src/new.rs"]
    );
    assert_eq!(
        names(&["!*.md"], &default).0,
        ["src/a.rs", "src/gen/b.rs", "src/new.rs"]
    );
    let all = ChangeOptions {
        review_ignore: IgnoreSource::Nothing,
        ..ChangeOptions::default()
    };
    assert_eq!(names(&[], &all).1, 0);
    // A change cannot excuse itself where the rules are read from a commit.
    sandbox.write(".codexreviewignore", "*\n");
    let head: ObjectId = repository.head().unwrap();
    let pinned = ChangeOptions {
        review_ignore: IgnoreSource::Commit(head),
        ..ChangeOptions::default()
    };
    assert!(names(&[], &pinned).0.contains(&"src/a.rs".to_owned()));
    assert!(names(&[], &default).0.is_empty());
    let listed = ChangeOptions {
        list_ignored: true,
        ..ChangeOptions::default()
    };
    let target = repository.resolve(&spec(Select::WorkingTree)).unwrap();
    let set = repository.changes(&target, &listed).unwrap();
    assert!(
        set.left_out
            .iter()
            .all(|file| file.reason == LeftOutReason::Ignored)
    );
    assert_eq!(set.left_out.len(), set.ignored);
}

#[test]
fn what_is_reviewed_does_not_move() {
    let sandbox = Sandbox::new();
    sandbox.write("a", lines(10));
    sandbox.commit("one");
    sandbox.write("a", lines(11));
    let repository = sandbox.open();
    let target = repository.resolve(&spec(Select::Auto)).unwrap();
    let set = repository.changes(&target, &generous()).unwrap();
    let before = set.patch(0).unwrap();
    sandbox.write("a", "something else\n");
    sandbox.write("new", "new\n");
    assert_same(&set.patch(0).unwrap(), &before, "rendered again");
    let again = repository.changes(&target, &generous()).unwrap();
    assert_eq!(again.files.len(), 1);
    assert_same(&again.patch(0).unwrap(), &before, "collected again");
}

#[test]
fn contents_too_many_to_be_kept_are_read_again_and_checked() {
    let sandbox = Sandbox::new();
    // Together more than is kept.
    for number in 0..4 {
        sandbox.write(format!("f{number}"), "0\n");
    }
    sandbox.commit("one");
    for number in 0..4 {
        sandbox.write(
            format!("f{number}"),
            format!("{number}\n").repeat(2 * 1024 * 1024),
        );
    }
    let repository = sandbox.open();
    let set = changes(&repository, Select::WorkingTree, &generous());
    assert_eq!(set.files.len(), 4);
    for index in 0..4 {
        assert!(set.patch(index).unwrap().len() > 4 * 1024 * 1024);
    }
    for number in 0..4 {
        sandbox.write(format!("f{number}"), "moved\n");
    }
    let moved = (0..4).filter(|index| set.patch(*index).is_err()).count();
    assert!(moved >= 1, "the last ones were read again");
    let error = (0..4).find_map(|index| set.patch(index).err()).unwrap();
    assert!(
        error
            .to_string()
            .contains("changed while it was being reviewed"),
        "{error}"
    );
    assert!(error.hint().is_some());
}

#[test]
fn files_of_the_working_tree_are_read_within_a_cap() {
    use codex_review::target::WorktreeFile;
    let sandbox = Sandbox::new();
    sandbox.write("a", "12345");
    sandbox.symlink("a", "link");
    sandbox.write("d/x", "x");
    let repository = sandbox.open();
    let read = |path: &str, cap| {
        repository
            .read_worktree_file(path.as_bytes().as_bstr(), cap)
            .unwrap()
    };
    assert_eq!(read("a", 5), WorktreeFile::Content(b"12345".to_vec()));
    assert_eq!(read("a", 4), WorktreeFile::TooLarge { size: 5 });
    assert_eq!(read("link", 5), WorktreeFile::Symlink);
    assert_eq!(read("d", 5), WorktreeFile::NotRegular("directory"));
    assert_eq!(read("nothing", 5), WorktreeFile::Missing);
    assert_eq!(read("a/x", 5), WorktreeFile::Missing);
    assert_eq!(read("../repo/a", 5), WorktreeFile::Missing);
}

#[test]
fn unreadable_files_are_named() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    if std::fs::metadata(sandbox.path("a")).unwrap().uid() == 0 {
        // Root reads everything: nothing is unreadable.
        return;
    }
    sandbox.chmod("a", 0o000);
    let found = left_out(&sandbox, &ChangeOptions::default());
    assert!(
        matches!(found.as_slice(), [(path, _, LeftOutReason::Unreadable(_))] if path == "a"),
        "{found:?}"
    );
}
