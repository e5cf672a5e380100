//! Claims about given patches over files in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::error::Because;
use super::*;
use crate::target::{ChangesError, ObjectId};

/// Files in memory; whoever asks is remembered.
#[derive(Default)]
struct Held {
    files: BTreeMap<&'static str, &'static str>,
    asked: RefCell<Vec<BString>>,
}

impl PatchBase for Held {
    fn file(&self, path: &BStr) -> Result<Option<BaseFile>, ChangesError> {
        self.asked.borrow_mut().push(path.to_owned());
        let content = self.files.get(path.to_string().as_str());
        Ok(content.map(|content| BaseFile {
            mode: 0o100_644,
            id: ObjectId::from_hex(&"5".repeat(40)).unwrap(),
            content: Some(Arc::from(content.as_bytes())),
        }))
    }

    /// Here nothing is deflated.
    fn inflate(&self, deflated: &[u8], size: usize) -> Option<Vec<u8>> {
        (deflated.len() == size).then(|| deflated.to_vec())
    }

    fn id(&self, _content: &[u8]) -> Option<ObjectId> {
        None
    }
}

fn held(files: &[(&'static str, &'static str)]) -> Held {
    Held {
        files: files.iter().copied().collect(),
        ..Held::default()
    }
}

/// A line of encoded bytes.
fn line_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let mut line = String::from(char::from(b'A' + bytes.len() as u8 - 1));
    for group in bytes.chunks(4) {
        let mut padded = [0; 4];
        padded[..group.len()].copy_from_slice(group);
        let value = u32::from_be_bytes(padded);
        line.extend(
            (0..5)
                .rev()
                .map(|place| char::from(DIGITS[(value / 85_u32.pow(place) % 85) as usize])),
        );
    }
    line
}

/// What becomes of the files, one line each.
fn applied(base: &Held, patch: &str) -> Result<Vec<String>, PatchError> {
    let applied = GivenPatch::parse(patch.as_bytes())?.apply(base)?;
    let shown = applied.files.iter().map(|file| {
        let new = match &file.new {
            None => "gone".to_owned(),
            Some((mode, NewContent::Bytes(bytes))) => {
                format!("{mode:o} {:?}", String::from_utf8_lossy(bytes))
            }
            Some((mode, NewContent::OfBase(_))) => format!("{mode:o} same"),
            Some((mode, NewContent::Unseen(id))) => format!("{mode:o} {id:?}"),
            Some((mode, NewContent::Commit(id))) => format!("{mode:o} {id}"),
        };
        match &file.old {
            Some((old, _)) if *old != file.path => format!("{old} -> {}: {new}", file.path),
            Some(_) => format!("{}: {new}", file.path),
            None => format!("+{}: {new}", file.path),
        }
    });
    Ok(shown.chain(applied.notes.iter().cloned()).collect())
}

#[track_caller]
fn check(base: &Held, patch: &str, expected: &[&str]) {
    assert_eq!(applied(base, patch).unwrap(), expected);
}

#[track_caller]
fn refused(base: &Held, patch: &str, message: &str) {
    let error = applied(base, patch).unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    assert!(error.hint().is_some(), "{error}");
}

const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

#[test]
fn plain_diffs_find_their_file_by_either_name_with_and_without_a_folder_before_it() {
    for (old, new) in [
        ("a/x", "b/x"),
        ("x", "x"),
        ("x.orig\t2026-01-01", "x\t2026-01-02"),
        ("x", "x.new"),
        ("old/x", "new/x"),
    ] {
        let patch = format!("Index: x\n--- {old}\n+++ {new}\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n");
        check(
            &held(&[("x", "1\n2\n")]),
            &patch,
            &["x: 100644 \"one\\n2\\n\""],
        );
    }
    let created = "--- /dev/null\n+++ b/n/y\n@@ -0,0 +1 @@\n+y\n\\ No newline at end of file\n";
    check(&held(&[]), created, &["+n/y: 100644 \"y\""]);
    let by_time = "--- y\t1970-01-01\n+++ y\t2026-01-01\n@@ -0,0 +1 @@\n+y\n";
    check(&held(&[]), by_time, &["+y: 100644 \"y\\n\""]);
    let deleted = "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n";
    check(&held(&[("x", "1\n")]), deleted, &["x: gone"]);
}

#[test]
fn a_mailed_series_is_laid_one_over_the_other() {
    let mail = |number: u32, body: &str| {
        format!(
            "From 0123 Mon Sep 17 00:00:00 2001\nSubject: [PATCH {number}/2] x\n\nText.\n---\n x | 2 +-\n\n{body}-- \n2.47.3\n\n"
        )
    };
    let first = mail(
        1,
        "diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\nindex 12345..6789a 100644\n\
         --- a/x\n+++ b/y\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n",
    );
    let second = mail(
        2,
        "diff --git a/y b/y\nold mode 100644\nnew mode 100755\n--- a/y\n+++ b/y\n@@ -1,2 +1,2 @@\n one\n-2\n+two\n",
    );
    check(
        &held(&[("x", "1\n2\n")]),
        &(first + &second),
        &["x -> y: 100755 \"one\\ntwo\\n\""],
    );
}

#[test]
fn a_file_may_give_way_before_it_is_said_where_it_goes() {
    let patch = "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+new\n\
                 diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n";
    check(
        &held(&[("x", "1\n")]),
        patch,
        &["x: 100644 \"new\\n\"", "x -> y: 100644 same"],
    );
}

#[test]
fn copies_modes_types_and_bytes_are_understood() {
    let base = held(&[("x", "1\n"), ("b.png", "\0")]);
    let copy = "diff --git a/x b/y\nsimilarity index 100%\ncopy from x\ncopy to y\n";
    check(&base, copy, &["+y: 100644 same"]);
    let mode = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n";
    check(&base, mode, &["x: 100755 same"]);
    let link = "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n\
                diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+t\n\
                \\ No newline at end of file\n";
    check(&base, link, &["x: 120000 \"t\""]);
    let binary = "diff --git a/b.png b/b.png\nindex 5555555..7c4530c 100644\nBinary files a/b.png and b/b.png differ\n";
    check(&base, binary, &["b.png: 100644 Some(\"7c4530c\")"]);
    // "\0new", deflated by nobody.
    let encoded = "diff --git a/b.png b/b.png\nindex 5555555..7c4530c 100644\nGIT binary patch\nliteral 4\nD0B&V>\n\n\
                   literal 0\nHcmV\n\ndiff --git a/x b/x\nold mode 100644\nnew mode 100755\n";
    check(
        &base,
        encoded,
        &["b.png: 100644 \"\\0new\"", "x: 100755 same"],
    );
    for (damage, message) in [
        ("literal 5", "the encoded bytes cannot be decoded"),
        ("literal x", "encoded bytes without their size"),
        ("literal 99999999999", "Some"),
        ("delta 4", "the encoded bytes cannot be decoded"),
    ] {
        let damaged = encoded.replace("literal 4", damage);
        match message {
            // Larger than what is held: known by its name.
            "Some" => assert!(
                applied(&base, &damaged).unwrap()[0].contains("Some"),
                "{damage}"
            ),
            message => refused(&base, &damaged, message),
        }
    }
    refused(
        &base,
        &encoded.replace("D0B&V>", "D0B V>"),
        "no line of encoded bytes",
    );
    refused(
        &base,
        &encoded[..encoded.find("\n\nliteral 0").unwrap()],
        "are cut",
    );
    // git goes on with the header below its two names.
    for (below, expected) in [
        (
            "GIT binary patch\nliteral 4\nD0B&V>\n\n",
            "b.png: 100644 \"\\0new\"",
        ),
        (
            "Files a/b.png and b/b.png differ\n",
            "b.png: 100644 Some(\"7c4530c\")",
        ),
    ] {
        let patch = format!(
            "diff --git a/b.png b/b.png\nindex 5555555..7c4530c 100644\n--- a/b.png\n+++ b/b.png\n{below}"
        );
        check(&base, &patch, &[expected]);
    }
    // A delta can make a file of nothing: no old bytes, four new ones, which are its own.
    let new = "diff --git a/n b/n\nnew file mode 100644\nindex 0000000..7c4530c\nGIT binary patch\ndelta 7\n@DELTA\n\n";
    check(
        &base,
        &new.replace("@DELTA", &line_of(b"\x00\x04\x04\0new")),
        &["+n: 100644 \"\\0new\""],
    );
    // What follows the encoded bytes without a header of git's counts as well.
    let plain = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+one\n";
    for before in [binary, &encoded[..encoded.find("diff --git a/x").unwrap()]] {
        let both = applied(&base, &format!("{before}{plain}")).unwrap();
        assert!(
            both.iter()
                .any(|file| file.starts_with("x: ") && file.contains("one")),
            "{both:?}"
        );
    }
    let other = binary.replace("5555555", "4444444");
    refused(&base, &other, "`b.png` is not the binary file");
    let empty = "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n";
    check(&base, empty, &["+e: 100644 \"\""]);
}

#[test]
fn hunks_are_found_where_their_lines_have_moved_to_and_that_is_said() {
    let patch =
        "--- a/x\n+++ b/x\n@@ -2,3 +2,3 @@\n 2\n-3\n+three\n 4\n@@ -7,2 +7,3 @@\n 7\n+seven\n 8\n";
    let moved = "0\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    check(
        &held(&[("x", moved)]),
        patch,
        &[
            "x: 100644 \"0\\n0\\n1\\n2\\nthree\\n4\\n5\\n6\\n7\\nseven\\n8\\n9\\n\"",
            "hunk 1 of `x` was found 2 lines further down than it says",
            "hunk 2 of `x` was found 2 lines further down than it says",
        ],
    );
    // Without context a hunk stands on its line or nowhere.
    let bare = "--- a/x\n+++ b/x\n@@ -3 +3 @@\n-3\n+three\n";
    check(
        &held(&[("x", LINES)]),
        bare,
        &["x: 100644 \"1\\n2\\nthree\\n4\\n5\\n6\\n7\\n8\\n9\\n\""],
    );
    refused(&held(&[("x", moved)]), bare, "hunk 1 of `x` does not apply");
}

#[test]
fn what_does_not_apply_names_file_hunk_and_line_and_says_why() {
    let base = held(&[("x", LINES)]);
    let hunk = |lines: &str| format!("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n 1\n-2\n+2\n{lines}");
    let because = |base: &Held, patch: &str| match applied(base, patch).unwrap_err() {
        PatchError::DoesNotApply {
            misfit: Misfit::Hunk { hunk, because, .. },
            line,
            ..
        } => (hunk, line, because),
        other => panic!("{other}"),
    };
    let other = hunk("@@ -5,2 +5,2 @@\n 5\n-six\n+VI\n");
    assert_eq!(because(&base, &other), (2, 7, Because::OtherLines));
    let done = "--- a/x\n+++ b/x\n@@ -4,3 +4,3 @@\n 4\n-old\n+5\n 6\n";
    assert_eq!(because(&base, done), (1, 3, Because::IsThere));
    let ends = "--- a/x\n+++ b/x\n@@ -4,2 +4,2 @@\n 4\r\n-5\r\n+five\r\n";
    assert_eq!(because(&base, ends).2, Because::LineEnds);
    let overlap = hunk("@@ -2,2 +2,2 @@\n 2\n-3\n+three\n");
    assert_eq!(because(&base, &overlap), (2, 7, Because::Overlaps));
    refused(
        &base,
        "--- a/z\n+++ b/z\n@@ -1 +1 @@\n-1\n+2\n",
        "`z` is not there",
    );
    let created =
        "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+1\n";
    refused(&base, created, "`x` is there already");
    let left = "--- a/x\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n";
    refused(&base, left, "leaves lines of it");
}

#[test]
fn hostile_and_broken_patches_are_one_error() {
    let base = held(&[("x", "1\n2\n")]);
    for (patch, message) in [
        ("", "no diff"),
        ("hello\nworld\n", "no diff"),
        ("@@ -1 +1 @@\n-1\n+2\n", "a hunk without a file"),
        ("diff --git a/x b/x\n--- a/x\n", "without its `+++`"),
        ("diff --git a/x b/y\n", "cannot be told apart"),
        ("diff --git a/x b/x\nrename from x\n", "one name alone"),
        ("diff --git a/x b/x\nnew mode 104644\n", "file mode"),
        ("diff --cc x\nindex 1,2..3\n", "the diff of a merge"),
        ("--- a/x\n+++ b/x\n@@ -1,99999999 +1 @@\n-1\n+2\n", "is cut"),
        (
            "--- a/x\n+++ b/x\n@@ -1,4294967295 +1 @@\n-1\n+2\n",
            "numbers",
        ),
        ("--- a/x\n+++ b/x\n@@ -1,-2 +1 @@\n-1\n+2\n", "numbers"),
        ("--- a/x\n+++ b/x\n@@ -+1 +1 @@\n-1\n+2\n", "numbers"),
        ("--- a/x\n+++ b/x\n@@ -0 +1 @@\n-1\n+2\n", "numbers"),
        (
            "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n-2\n+2\n",
            "more lines than it says",
        ),
        (
            "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-1\nnonsense\n",
            "no line of a hunk",
        ),
        ("--- a/x\n+++ b/x\n@@ -1,0 +1,0 @@\n", "has no lines"),
        (
            "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n 1\n\\ No newline at end of file\n-2\n+3\n",
            "behind its end",
        ),
        (
            "--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+1\n",
            "nothing and nothing",
        ),
        (
            "--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-1\n+2\n",
            "`.`, `..`",
        ),
        (
            "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-1\n+2\n",
            "an absolute path",
        ),
        (
            "diff --git a/.git/config b/.git/config\nold mode 100644\nnew mode 100755\n",
            "inside `.git`",
        ),
        (
            "--- a/sub/.GIT/hooks/x\n+++ b/sub/.GIT/hooks/x\n@@ -0,0 +1 @@\n+1\n",
            "inside `.git`",
        ),
        (
            "diff --git \"a/x\\000\" \"b/x\\000\"\nold mode 100644\nnew mode 100755\n",
            "NUL",
        ),
        (
            "diff --git a/x b/x\nrename from x\nrename to /tmp/y\n",
            "an absolute path",
        ),
        (
            "diff --git a/a//b b/a//b\nold mode 100644\nnew mode 100755\n",
            "nothing between",
        ),
    ] {
        refused(&base, patch, message);
    }
    let files: String = (0..=MOST_FILES)
        .map(|at| format!("diff --git a/{at} b/{at}\nnew file mode 100644\n"))
        .collect();
    refused(&base, &files, "more than 3000 files");
    let hunks = "@@ -1 +1 @@\n-1\n+2\n".repeat(MOST_HUNKS + 1);
    refused(
        &base,
        &format!("--- a/x\n+++ b/x\n{hunks}"),
        "more than 20000 hunks",
    );
    let large = vec![b'x'; usize::try_from(MOST_PATCH_BYTES).unwrap() + 1];
    assert!(matches!(
        GivenPatch::parse(large),
        Err(PatchError::TooLarge(_))
    ));
}

#[test]
fn a_search_for_places_ends() {
    let content: &'static str = "x\n".repeat(200_000).leak();
    let base = held(&[("x", content)]);
    let context = " x\n".repeat(20_000);
    let patch = format!("--- a/x\n+++ b/x\n@@ -1,20001 +1,20001 @@\n{context}-y\n+z\n");
    let began = std::time::Instant::now();
    let error = applied(&base, &patch).unwrap_err();
    assert!(error.to_string().contains("hunk 1"), "{error}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

proptest::proptest! {
    /// Whatever is fed to it, the parser ends with a patch or an error, and a patch that it read applies or does not.
    #[test]
    fn no_input_makes_it_panic(pieces in proptest::collection::vec(0_usize..16, 0..40)) {
        const PIECES: [&str; 16] = [
            "diff --git a/x b/x\n", "--- a/x\n", "+++ b/x\n", "@@ -1 +1 @@\n", "@@ -1,2 +1,3 @@ f\n", " 1\n", "-1\n",
            "+2\n", "\\ No newline at end of file\n", "rename from x\n", "rename to y\n", "new file mode 100644\n",
            "Binary files a/x and b/x differ\n", "\n", "deleted file mode 100644\n", "+++ /dev/null\n",
        ];
        let text: String = pieces.iter().map(|at| PIECES[*at]).collect();
        if let Ok(patch) = GivenPatch::parse(text.as_bytes()) {
            patch.apply(&held(&[("x", "1\n2\n3\n")])).ok();
        }
    }
}
