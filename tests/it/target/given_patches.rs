//! Patches that are given and not applied: they come to what `git apply` makes of them.

use bstr::BString;
use codex_review::target::{
    AppliedFile, ChangeOptions, Content, Endpoint, GivenPatch, NewContent, Part, PatchError, Status,
};

use super::oracle::{generous, patches};
use super::random::Random;
use super::sandbox::{Sandbox, lines};

fn applied(target: &codex_review::target::ResolvedTarget) -> &[AppliedFile] {
    match &target.new {
        Endpoint::Patched(side) => &side.applied.files,
        other => panic!("{other:?}"),
    }
}

/// Lines that repeat, so that hunks have more than one place to go.
fn random_lines(random: &mut Random, count: usize) -> Vec<String> {
    let line = |random: &mut Random| match random.below(2) {
        0 => format!("line {}\n", random.below(1_000)),
        _ => format!("    {}\n", random.pick(&["}", "else", "return;", ""])),
    };
    (0..count).map(|_| line(random)).collect()
}

fn edited(random: &mut Random, lines: &[String], edits: usize) -> Vec<String> {
    let mut lines = lines.to_vec();
    for _ in 0..edits {
        let at = random.below(lines.len());
        match random.below(3) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, format!("new {}\n", random.below(1_000))),
            _ => lines[at] = format!("other {}\n", random.below(1_000)),
        }
    }
    lines
}

/// A patch laid over files that have moved on: git and we agree on whether it fits, and on what comes of it.
#[test]
fn a_patch_over_another_base_comes_to_what_git_makes_of_it() {
    let mut random = Random::new(7);
    let sandbox = Sandbox::new();
    let (mut fits, mut fits_not) = (0, 0);
    for _ in 0..40 {
        let count = 20 + random.below(60);
        let start = random_lines(&mut random, count);
        sandbox.write("a", start.concat());
        sandbox.commit("start");
        let edits = 1 + random.below(3);
        sandbox.write("a", edited(&mut random, &start, edits).concat());
        let patch = sandbox.git(&["diff"]);
        let moved = edited(&mut random, &start, 2).concat();
        sandbox.write("a", &moved);
        sandbox.commit("moved");
        if patch.is_empty() {
            continue;
        }
        let parsed = GivenPatch::parse(patch.clone()).unwrap();
        let ours = sandbox.open().resolve_patch(&parsed, Some("HEAD"), &[]);
        let file = sandbox.outside().join("x.patch");
        std::fs::write(&file, &patch).unwrap();
        sandbox.try_git(&["apply", file.to_str().unwrap()]);
        let git = std::fs::read_to_string(sandbox.path("a")).unwrap();
        match ours {
            Ok(target) => {
                fits += 1;
                let file = applied(&target).first().and_then(AppliedFile::new_bytes);
                let ours = String::from_utf8_lossy(file.unwrap_or(moved.as_bytes()));
                assert_eq!(ours, git, "{}", String::from_utf8_lossy(&patch));
            }
            Err(PatchError::DoesNotApply { .. }) => {
                fits_not += 1;
                assert_eq!(
                    git,
                    moved,
                    "git applies {}",
                    String::from_utf8_lossy(&patch)
                );
            }
            Err(other) => panic!("{other}"),
        }
        sandbox.git(&["checkout", "-q", "--", "a"]);
    }
    assert!(fits > 5 && fits_not > 5, "{fits} fit, {fits_not} do not");
}

#[test]
fn without_a_base_head_is_tried_and_then_the_working_tree() {
    let sandbox = Sandbox::new();
    sandbox.write("a", lines(10));
    sandbox.write("b", lines(3));
    sandbox.commit("start");
    let dirty = lines(10).replace("number 5", "five");
    let patched = dirty.replace("number 6", "six");
    sandbox.write("a", &patched);
    let for_both = sandbox.git(&["diff"]);
    sandbox.write("a", &dirty);
    sandbox.git(&["add", "a"]);
    sandbox.write("a", &patched);
    let for_dirty = sandbox.git(&["diff"]);
    sandbox.write("a", &dirty);
    let before = sandbox.git(&["status", "--porcelain", "-z"]);
    let repository = sandbox.open();

    let patch = GivenPatch::parse(for_both).unwrap();
    let on_head = repository.resolve_patch(&patch, None, &[]).unwrap();
    assert!(
        on_head.label.starts_with("patch for HEAD ("),
        "{}",
        on_head.label
    );
    assert!(matches!(on_head.old, Endpoint::Commit(_)));

    let patch = GivenPatch::parse(for_dirty).unwrap();
    let on_tree = repository.resolve_patch(&patch, None, &[]).unwrap();
    assert_eq!(on_tree.label, "patch for the working tree");
    assert_eq!(on_tree.old, Endpoint::WorkTree);
    let changes = repository.changes(&on_tree, &generous()).unwrap();
    let [file] = changes.files.as_slice() else {
        panic!("{:?}", changes.files);
    };
    assert_eq!((file.part, file.status), (Part::Patched, Status::Modified));
    assert_eq!(
        changes.new_content(0, 1 << 20).unwrap().unwrap(),
        patched.as_bytes()
    );
    let text = String::from_utf8(patches(&changes, |_| true)).unwrap();
    assert!(
        text.contains("-line number 6") && !text.contains("-line number 5"),
        "{text}"
    );
    assert!(repository.resolve_patch(&patch, Some("HEAD"), &[]).is_err());

    let nowhere = GivenPatch::parse(&b"--- a/a\n+++ b/a\n@@ -2,2 +2,2 @@\n nonsense\n-x\n+y\n"[..]);
    let error = repository
        .resolve_patch(&nowhere.unwrap(), None, &[])
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("hunk 1 of `a` does not apply, tried on HEAD (")
            && error.ends_with("and on the working tree (line 3 of the patch)"),
        "{error}"
    );
    let unknown = repository
        .resolve_patch(&patch, Some("nope"), &[])
        .unwrap_err();
    assert!(matches!(unknown, PatchError::Base(_)), "{unknown}");
    assert_eq!(sandbox.git(&["status", "--porcelain", "-z"]), before);
}

#[test]
fn no_patch_reaches_through_a_link_or_out_of_the_repository() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "a\n");
    sandbox.commit("start");
    std::fs::write(sandbox.outside().join("secret"), "secret\n").unwrap();
    sandbox.symlink("..", "up");
    for patch in [
        "diff --git a/up/secret b/stolen\nsimilarity index 100%\nrename from up/secret\nrename to stolen\n",
        "--- a/up/secret\n+++ b/up/secret\n@@ -1 +1 @@\n-secret\n+mine\n",
    ] {
        let patch = GivenPatch::parse(patch.as_bytes()).unwrap();
        let error = sandbox.open().resolve_patch(&patch, None, &[]).unwrap_err();
        assert!(error.to_string().contains("is not there"), "{error}");
    }
    assert!(
        GivenPatch::parse(&b"--- a/../secret\n+++ b/../secret\n@@ -1 +1 @@\n-s\n+t\n"[..]).is_err()
    );
}

#[test]
fn chosen_hunks_are_the_change_and_the_rest_is_not() {
    let sandbox = Sandbox::new();
    sandbox.write("a", lines(60));
    sandbox.write("b", "b\n");
    sandbox.commit("start");
    let new = lines(60)
        .replace("number 5 ", "five ")
        .replace("number 50 ", "fifty ");
    sandbox.write("a", format!("first\n{new}"));
    sandbox.write("b", "c\n");
    sandbox.commit("next");
    let repository = sandbox.open();
    let target = repository
        .resolve(&super::oracle::spec(codex_review::target::Select::Commit(
            "HEAD".into(),
        )))
        .unwrap();
    let mut changes = repository
        .changes(&target, &ChangeOptions::default())
        .unwrap();
    let whole = patches(&changes, |_| true);
    assert!(!changes.is_narrowed());
    changes.choose(|path, hunk| path == "a" && hunk.new_start > 40);
    assert!(changes.is_narrowed());
    let [file] = changes.files.as_slice() else {
        panic!("{:?}", changes.files);
    };
    let codex_review::target::Content::Text {
        added,
        removed,
        hunks,
        added_lines,
        ..
    } = &file.content
    else {
        panic!("{file:?}");
    };
    assert_eq!(
        (*added, *removed, hunks.len(), added_lines.as_slice()),
        (1, 1, 1, &[(51, 51)][..])
    );
    for context in [0, 3, 20] {
        let text = String::from_utf8(changes.patch_with(0, context).unwrap()).unwrap();
        assert!(
            text.contains("+line fifty") && !text.contains("+line five"),
            "{text}"
        );
        assert_eq!(text.matches("\n@@ ").count(), 1, "{text}");
    }
    // What is shown of it is a part of the whole, byte for byte.
    let text = changes.patch(0).unwrap();
    let hunk = &text[text.windows(4).position(|at| at == b"\n@@ ").unwrap()..];
    assert!(whole.windows(hunk.len()).any(|at| at == hunk));
}

#[test]
fn bytes_that_a_patch_does_not_show_are_named_and_taken_from_the_repository_where_it_has_them() {
    let sandbox = Sandbox::new();
    sandbox.write("b", b"\0one");
    sandbox.commit("start");
    sandbox.write("b", b"\0two");
    let (short, full) = (
        sandbox.git(&["diff"]),
        sandbox.git(&["diff", "--full-index"]),
    );
    sandbox.git(&["add", "b"]);
    let new_id = sandbox.git_line(&["rev-parse", ":b"]);
    sandbox.git(&["reset", "-q", "--hard"]);
    let repository = sandbox.open();
    for (text, known) in [(short, false), (full, true)] {
        let patch = GivenPatch::parse(text).unwrap();
        let target = repository.resolve_patch(&patch, None, &[]).unwrap();
        let file = &applied(&target)[0];
        let Some((0o100_644, NewContent::Unseen(Some(digits)))) = &file.new else {
            panic!("{file:?}");
        };
        assert!(new_id.starts_with(digits.as_str()));
        let changes = repository.changes(&target, &generous()).unwrap();
        assert_eq!(changes.files[0].content, Content::Binary);
        assert_eq!(changes.new_content(0, 99).unwrap().is_some(), known);
        assert_eq!(file.path, BString::from("b"));
    }
}

/// What git writes encoded, because somebody calls a file binary, comes to what git makes of it.
#[test]
fn encoded_bytes_are_what_git_decodes_whole_and_as_deltas() {
    let mut random = Random::new(11);
    let sandbox = Sandbox::new();
    sandbox.write("gone.bin", "gone\n");
    let (mut literals, mut deltas) = (0, 0);
    for round in 0..12 {
        let count = 1 + random.below(4_000);
        let mut start = random_lines(&mut random, count).concat().into_bytes();
        if round % 3 == 0 {
            start.extend((0..random.below(70_000)).map(|at| (at % 251) as u8));
        }
        sandbox.write("a.bin", &start);
        sandbox.commit("start");
        let mut edited = start;
        for _ in 0..random.below(4) {
            let at = random.below(edited.len());
            edited.insert(at, b'!');
        }
        edited.extend(b"end");
        sandbox.write("a.bin", &edited);
        sandbox.write(format!("new{round}.bin"), format!("a\0b{round}"));
        sandbox.git(&["add", "--intent-to-add", "."]);
        sandbox.write(".git/info/attributes", "*.bin -diff\n");
        let patch = sandbox.git(&["diff", "--binary"]);
        // It is read without them: what the content is decides then.
        std::fs::remove_file(sandbox.path(".git/info/attributes")).unwrap();
        let text = String::from_utf8_lossy(&patch).into_owned();
        literals += text.matches("\nliteral ").count();
        deltas += text.matches("\ndelta ").count();
        let parsed = GivenPatch::parse(patch).unwrap();
        let target = sandbox
            .open()
            .resolve_patch(&parsed, Some("HEAD"), &[])
            .unwrap();
        let [changed, new] = applied(&target) else {
            panic!("{text}");
        };
        assert_eq!(changed.new_bytes(), Some(edited.as_slice()), "{text}");
        assert_eq!(
            new.new_bytes(),
            Some(format!("a\0b{round}").as_bytes()),
            "{text}"
        );
        let changes = sandbox.open().changes(&target, &generous()).unwrap();
        let is_text = changes
            .files
            .iter()
            .map(|file| matches!(file.content, Content::Text { .. }));
        assert_eq!(
            is_text.collect::<Vec<_>>(),
            [!edited[..edited.len().min(8_000)].contains(&0), false]
        );
        sandbox.commit("edited");
    }
    assert!(literals > 12 && deltas > 6, "{literals} and {deltas}");
}

/// git takes an object that the `index` line names where it has it, and not what is encoded.
#[test]
fn encoded_bytes_that_are_not_those_that_the_patch_names_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a.bin", "\0one");
    sandbox.write("other", "\0other");
    sandbox.commit("start");
    let other = sandbox.git_line(&["rev-parse", ":other"]);
    sandbox.write("a.bin", "\0two");
    let patch = sandbox.git(&["diff", "--binary"]);
    sandbox.git(&["add", "a.bin"]);
    let new = sandbox.git_line(&["rev-parse", ":a.bin"]);
    sandbox.git(&["reset", "-q", "--hard"]);
    let honest = String::from_utf8(patch).unwrap();
    let resolved = |text: &str| {
        let patch = GivenPatch::parse(text.as_bytes().to_vec()).unwrap();
        sandbox.open().resolve_patch(&patch, None, &[])
    };
    let target = resolved(&honest).unwrap();
    assert_eq!(applied(&target)[0].new_bytes(), Some(&b"\0two"[..]));
    let error = resolved(&honest.replace(&new, &other)).unwrap_err();
    assert!(
        error.to_string().contains("not those that the patch names"),
        "{error}"
    );
}

#[test]
fn a_text_that_a_patch_names_and_does_not_show_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", lines(3));
    sandbox.write("b.bin", "\0old");
    sandbox.commit("start");
    sandbox.write("a.txt", lines(4));
    sandbox.write("b.bin", "\0new");
    let attributes = ".git/info/attributes";
    sandbox.write(attributes, "a.txt -diff\n");
    let patch = GivenPatch::parse(sandbox.git(&["diff"])).unwrap();
    let changes = |paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let repository = sandbox.open();
        let target = repository.resolve_patch(&patch, None, &paths).unwrap();
        repository.changes(&target, &generous()).map(|changes| {
            let files = changes.files.iter();
            files
                .map(|file| (file.path.to_string(), file.content == Content::Binary))
                .collect::<Vec<_>>()
        })
    };
    let both = vec![("a.txt".to_owned(), true), ("b.bin".to_owned(), true)];
    // The repository itself says that it is not to be shown.
    assert_eq!(changes(&[]).unwrap(), both);
    std::fs::remove_file(sandbox.path(attributes)).unwrap();
    let refused = changes(&[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`a.txt` is text, and the patch has not got its new content"
    );
    assert!(
        refused.hint().unwrap().contains("'!a.txt'"),
        "{:?}",
        refused.hint()
    );
    assert_eq!(changes(&["!a.txt"]).unwrap(), both[1..]);
}
