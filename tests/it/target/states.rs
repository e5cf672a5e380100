//! Repository states, one claim each: the working tree, and the last commit where there are two.

use super::oracle::{check_range, check_working_tree, check_working_tree_with};
use super::sandbox::{Sandbox, lines};

macro_rules! working_trees {
    ($($name:ident => $build:expr;)*) => {
        $(#[test]
        fn $name() {
            let sandbox = Sandbox::new();
            let build: fn(&Sandbox) = $build;
            build(&sandbox);
            check_working_tree(&sandbox);
        })*
    };
}

macro_rules! commits {
    ($($name:ident => $before:expr, $after:expr;)*) => {
        $(#[test]
        fn $name() {
            let sandbox = Sandbox::new();
            let (before, after): (fn(&Sandbox), fn(&Sandbox)) = ($before, $after);
            before(&sandbox);
            sandbox.commit("before");
            after(&sandbox);
            // First as a change of the working tree, half of it staged; then as a commit.
            check_working_tree(&sandbox);
            sandbox.git(&["add", "-A"]);
            check_working_tree(&sandbox);
            sandbox.git(&["commit", "-q", "--allow-empty", "-m", "after"]);
            check_working_tree(&sandbox);
            check_range(&sandbox, "HEAD~1", "HEAD");
            check_range(&sandbox, "HEAD", "HEAD~1");
        })*
    };
}

commits! {
    an_edit => |s| s.write("a.rs", lines(40)), |s| s.write("a.rs", lines(40).replace("number 20", "twenty"));
    two_edits_far_apart => |s| s.write("a", format!("fn head() {{\n{}", lines(60))),
        |s| s.write("a", format!("fn head() {{\n{}", lines(60).replace("number 5 ", "five ").replace("number 50", "fifty")));
    edits_at_both_ends => |s| s.write("a", lines(30)), |s| s.write("a", format!("first\n{}last\n", lines(30)));
    an_addition => |s| s.write("a", "a\n"), |s| s.write("dir/b", lines(3));
    an_empty_file_added => |s| s.write("a", "a\n"), |s| s.write("b", "");
    an_empty_file_filled => |s| s.write("a", ""), |s| s.write("a", "now\n");
    a_file_emptied => |s| s.write("a", lines(3)), |s| s.write("a", "");
    a_deletion => |s| { s.write("a", lines(3)); s.write("b", "b\n"); }, |s| s.remove("a");
    everything_deleted => |s| { s.write("a", lines(3)); s.write("d/b", ""); }, |s| { s.remove("a"); s.remove("d/b"); };
    newline_at_the_end_removed => |s| s.write("a", "one\ntwo\n"), |s| s.write("a", "one\ntwo");
    newline_at_the_end_added => |s| s.write("a", "one\ntwo"), |s| s.write("a", "one\ntwo\n");
    no_newline_on_both_sides => |s| s.write("a", "one\ntwo"), |s| s.write("a", "one\n2");
    no_newline_in_the_context => |s| s.write("a", "one\ntwo\nthree"), |s| s.write("a", "1\ntwo\nthree");
    only_a_newline => |s| s.write("a", "\n"), |s| s.write("a", "");
    carriage_returns_added => |s| s.write("a", "one\ntwo\nthree\n"), |s| s.write("a", "one\r\ntwo\r\nthree\r\n");
    one_carriage_return => |s| s.write("a", "one\r\ntwo\r\n"), |s| s.write("a", "one\r\ntwo\n");
    executable => |s| s.write("a", "a\n"), |s| s.chmod("a", 0o755);
    executable_and_edited => |s| s.write("a", lines(9)), |s| { s.write("a", lines(10)); s.chmod("a", 0o755); };
    no_longer_executable => |s| { s.write("a", "a\n"); s.chmod("a", 0o755); }, |s| s.chmod("a", 0o644);
    executable_added => |s| s.write("x", "x\n"), |s| { s.write("a", "a\n"); s.chmod("a", 0o755); };
    renamed => |s| s.write("old", lines(20)), |s| { s.remove("old"); s.write("dir/new", lines(20)); };
    renamed_and_edited => |s| s.write("old.txt", lines(20)), |s| { s.remove("old.txt"); s.write("new.txt", lines(22)); };
    renamed_and_executable => |s| s.write("old", lines(20)), |s| { s.remove("old"); s.write("new", lines(20)); s.chmod("new", 0o755); };
    renamed_with_quotes => |s| s.write("old name", lines(20)), |s| { s.remove("old name"); s.write("new\tname", lines(21)); };
    renamed_empty_file => |s| s.write("old", ""), |s| { s.remove("old"); s.write("new", ""); };
    too_different_to_be_renamed => |s| s.write("old", lines(20)), |s| { s.remove("old"); s.write("new", "nothing alike\n"); };
    many_candidates_for_a_rename => |s| for n in 0..6 { s.write(format!("d{n}/f"), lines(10 + n)); },
        |s| for n in 0..6 { s.remove(format!("d{n}/f")); s.write(format!("e{n}/g"), lines(12 + n)); };
    same_names_moved => |s| for n in 0..5 { s.write(format!("a/{n}.txt"), lines(20 + n)); },
        |s| for n in 0..5 { s.remove(format!("a/{n}.txt")); s.write(format!("b/{n}.txt"), format!("{}more\n", lines(20 + n))); };
    binary_renamed_and_edited => |s| s.write("old", [b"\0".as_slice(), lines(30).as_bytes()].concat()),
        |s| { s.remove("old"); s.write("new", [b"\0".as_slice(), lines(31).as_bytes()].concat()); };
    carriage_returns_in_a_rename => |s| s.write("old", lines(20)), |s| { s.remove("old"); s.write("new", lines(20).replace('\n', "\r\n")); };
    binary_edited => |s| s.write("a", b"\0\x01\x02"), |s| s.write("a", b"\0\x03");
    binary_added_and_deleted => |s| s.write("a", b"\0a"), |s| { s.remove("a"); s.write("b", b"\0bbbbbbbbbbbbbb"); };
    text_to_binary => |s| s.write("a", "text\n"), |s| s.write("a", b"te\0xt\n");
    a_nul_after_the_probe => |s| s.write("a", "text\n"), |s| s.write("a", [vec![b'x'; 8000], vec![0, b'\n']].concat());
    symlink_added => |s| s.write("a", "a\n"), |s| s.symlink("a", "link");
    symlink_retargeted => |s| s.symlink("one", "link"), |s| { s.remove("link"); s.symlink("two", "link"); };
    symlink_to_file => |s| s.symlink("one", "link"), |s| { s.remove("link"); s.write("link", "text\n"); };
    file_to_symlink => |s| s.write("a", lines(3)), |s| { s.remove("a"); s.symlink("somewhere", "a"); };
    empty_file_to_symlink => |s| s.write("a", ""), |s| { s.remove("a"); s.symlink("x", "a"); };
    binary_to_symlink => |s| s.write("a", b"\0\0"), |s| { s.remove("a"); s.symlink("x", "a"); };
    symlink_renamed => |s| s.symlink("target", "one"), |s| { s.remove("one"); s.symlink("target", "two"); };
    dangling_and_circular_links => |s| { s.symlink("nowhere", "a"); s.symlink("b", "b"); }, |s| s.write("x", "x\n");
    file_to_directory => |s| s.write("a", "file\n"), |s| { s.remove("a"); s.write("a/b", "in it\n"); };
    directory_to_file => |s| s.write("a/b", "in it\n"), |s| { s.remove("a/b"); std::fs::remove_dir(s.path("a")).unwrap(); s.write("a", "file\n"); };
    names_around_a_directory => |s| { s.write("a.c", "1\n"); s.write("a/b", "1\n"); s.write("a0", "1\n"); },
        |s| { s.write("a.c", "2\n"); s.write("a/b", "2\n"); s.write("a0", "2\n"); s.write("a-b", "2\n"); };
    names_with_blanks => |s| s.write("a b/c d", "1\n"), |s| s.write("a b/c d", "2\n");
    names_that_need_quotes => |s| { s.write("tab\there", "1\n"); s.write("q\"uote\\", "1\n"); s.write("new\nline", "1\n"); },
        |s| { s.write("tab\there", "2\n"); s.write("q\"uote\\", "2\n"); s.write("new\nline", "2\n"); s.write("bell\x07 x", "2\n"); };
    names_that_are_no_utf8 => |s| s.write(b"\xff\xfe", "1\n"), |s| { s.write(b"\xff\xfe", "2\n"); s.write("gr\u{fc}n", "2\n"); };
    names_like_options_and_globs => |s| { s.write("-x", "1\n"); s.write("[a]*?", "1\n"); s.write("!b", "1\n"); },
        |s| { s.write("-x", "2\n"); s.write("[a]*?", "2\n"); s.write("!b", "2\n"); s.write(":c", "2\n"); };
    a_binary_with_a_quoted_name => |s| s.write("a b\t", b"\0"), |s| s.write("a b\t", b"\0\0");
    headings_of_all_kinds => |s| s.write("a", format!("_under\n{}$dollar {}\n{}1digit\n{}", lines(12), "x".repeat(100), lines(12), lines(12))),
        |s| s.write("a", format!("_under\n{}$dollar {}\n{}1digit\n{}", lines(12).replace("number 9", "nine"), "x".repeat(100),
            lines(12).replace("number 8", "eight"), lines(12).replace("number 10", "ten")));
    headings_in_odd_encodings => |s| s.write("a", [b"caf\xe9 { \n".as_slice(), lines(20).replace("line", " line").as_bytes()].concat()),
        |s| s.write("a", [b"caf\xe9 { \n".as_slice(), lines(20).replace("line", " line").replace("number 15", "15").as_bytes()].concat());
    long_headings_in_utf8 => |s| s.write("a", format!("{}\n{}", "\u{e4}".repeat(3).to_string() + &"f\u{e4}".repeat(40), lines(20).replace("line", " line"))),
        |s| s.write("a", format!("{}\n{}", "\u{e4}".repeat(3).to_string() + &"f\u{e4}".repeat(40), lines(20).replace("line", " line").replace("number 15", "15")));
    a_heading_cut_inside_a_letter => |s| s.write("a", format!("f{}\n{}", "\u{e4}".repeat(60), lines(20).replace("line", " line"))),
        |s| s.write("a", format!("f{}\n{}", "\u{e4}".repeat(60), lines(20).replace("line", " line").replace("number 15", "15")));
    repeated_lines_slide => |s| s.write("a.c", "a() {\n\n  x;\n}\n\nb() {\n\n  x;\n}\n"),
        |s| s.write("a.c", "a() {\n\n  x;\n}\n\nc() {\n\n  x;\n}\n\nb() {\n\n  x;\n}\n");
}

working_trees! {
    nothing_at_all => |_| {};
    an_unborn_branch_with_untracked_files => |s| { s.write("a", "a\n"); s.write("d/b", "b\n"); };
    an_unborn_branch_with_staged_files => |s| { s.write("a", "a\n"); s.git(&["add", "a"]); s.write("a", "b\n"); };
    staged_and_then_edited => |s| {
        s.write("a", lines(10)); s.commit("one");
        s.write("a", lines(11)); s.git(&["add", "a"]);
        s.write("a", lines(12));
    };
    staged_and_then_deleted => |s| {
        s.write("a", "1\n"); s.commit("one");
        s.write("a", "2\n"); s.write("b", "b\n"); s.git(&["add", "-A"]);
        s.remove("a"); s.remove("b");
    };
    staged_and_then_put_back => |s| {
        s.write("a", "1\n"); s.commit("one");
        s.write("a", "2\n"); s.git(&["add", "-A"]); s.write("a", "1\n");
    };
    removed_from_the_index_alone => |s| {
        s.write("a", "1\n"); s.write("b", "1\n"); s.commit("one");
        s.git(&["rm", "-q", "--cached", "a"]);
    };
    announced_files => |s| {
        s.write("a", "a\n"); s.commit("one");
        s.write("new", "content\n"); s.write("empty", ""); s.write("gone", "x\n");
        s.git(&["add", "-N", "new", "empty", "gone"]);
        s.remove("gone");
    };
    announced_file_in_the_place_of_a_deleted_one => |s| {
        s.write("old", lines(20)); s.commit("one");
        s.write("new", lines(20)); s.git(&["add", "-N", "new"]); s.remove("old");
    };
    changed_at_the_same_size_at_once => |s| {
        s.write("a", "aaaa\n"); s.commit("one");
        s.write("a", "bbbb\n"); s.git(&["add", "a"]);
        s.write("a", "cccc\n");
    };
    touched_only => |s| {
        s.write("a", "a\n"); s.commit("one");
        let file = std::fs::File::options().write(true).open(s.path("a")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    };
    assumed_unchanged => |s| {
        s.write("a", "a\n"); s.write("b", "b\n"); s.commit("one");
        s.git(&["update-index", "--assume-unchanged", "a"]);
        s.write("a", "changed\n"); s.write("b", "changed\n");
    };
    skipped_by_hand => |s| {
        s.write("a", "a\n"); s.write("b", "b\n"); s.write("c", "c\n"); s.commit("one");
        s.git(&["update-index", "--skip-worktree", "a", "b"]);
        s.write("a", "changed\n"); s.remove("b"); s.write("c", "changed\n");
    };
    a_directory_in_the_place_of_a_file => |s| {
        s.write("a", "a\n"); s.commit("one"); s.remove("a"); s.write("a/x/y", "y\n");
    };
    a_file_in_the_place_of_a_directory => |s| {
        s.write("a/b", "b\n"); s.write("a/c/d", "d\n"); s.commit("one");
        std::fs::remove_dir_all(s.path("a")).unwrap(); s.write("a", "file\n");
    };
    a_link_in_the_place_of_a_directory => |s| {
        s.write("a/b", "b\n"); s.write("c/b", "b\n"); s.commit("one");
        std::fs::remove_dir_all(s.path("a")).unwrap(); s.symlink("c", "a");
    };
    mode_bits_without_file_mode => |s| {
        s.write("a", "a\n"); s.commit("one"); s.git(&["config", "core.fileMode", "false"]);
        s.chmod("a", 0o755); s.write("b", "b\n"); s.chmod("b", 0o755); s.git(&["add", "b"]);
    };
    a_link_kept_as_a_file => |s| {
        s.symlink("target", "link"); s.commit("one"); s.git(&["config", "core.symlinks", "false"]);
        s.remove("link"); s.write("link", "target");
    };
    a_split_index => |s| {
        s.git(&["config", "core.splitIndex", "true"]);
        for n in 0..30 { s.write(format!("f{n}"), lines(n)); }
        s.commit("one"); s.git(&["update-index", "--split-index"]);
        s.write("f3", "3\n"); s.git(&["add", "f3"]); s.write("f4", "4\n"); s.git(&["rm", "-q", "f5"]);
    };
    an_index_of_version_four => |s| {
        for n in 0..30 { s.write(format!("dir/f{n}"), lines(n)); }
        s.commit("one"); s.git(&["update-index", "--index-version", "4"]);
        s.write("dir/f3", "3\n"); s.git(&["add", "."]); s.write("dir/f4", "4\n");
    };
    an_index_without_hash => |s| {
        s.git(&["config", "index.skipHash", "true"]);
        s.write("a", "1\n"); s.commit("one"); s.write("a", "2\n"); s.git(&["add", "a"]); s.write("a", "3\n");
    };
    an_untracked_cache => |s| {
        s.write("a", "1\n"); s.commit("one"); s.git(&["update-index", "--untracked-cache"]);
        s.write("d/new", "n\n"); s.try_git(&["status"]); s.write("d/newer", "n\n");
    };
    a_sparse_checkout => |s| {
        for d in ["one", "two", "three"] { s.write(format!("{d}/f"), lines(3)); s.write(format!("{d}/sub/g"), "g\n"); }
        s.write("top", "t\n"); s.commit("one");
        s.git(&["sparse-checkout", "set", "one"]);
        s.write("one/f", "changed\n"); s.write("two/stray", "x\n");
    };
    a_sparse_file_that_is_there_all_the_same => |s| {
        for d in ["one", "two"] { s.write(format!("{d}/f"), lines(3)); }
        s.commit("one"); s.git(&["sparse-checkout", "set", "one"]);
        s.write("two/f", "changed\n");
    };
    a_sparse_index => |s| {
        for d in ["one", "two", "three"] { s.write(format!("{d}/f"), lines(3)); s.write(format!("{d}/sub/g"), "g\n"); }
        s.write("top", "t\n"); s.commit("one");
        s.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "one"]);
        s.write("one/f", "changed\n"); s.git(&["add", "one/f"]); s.write("top", "u\n"); s.write("new", "n\n");
    };
    a_sparse_index_on_another_commit => |s| {
        for d in ["one", "two"] { s.write(format!("{d}/sub/g"), "g\n"); }
        s.commit("one"); s.write("two/sub/g", "h\n"); s.write("two/k", "k\n"); s.commit("two");
        s.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "one"]);
        s.git(&["reset", "-q", "--soft", "HEAD~1"]);
    };
    a_nested_repository => |s| {
        s.write("a", "a\n"); s.commit("one");
        s.git(&["init", "-q", "nested"]); s.write("nested/x", "x\n");
        s.git(&["init", "-q", "deep/er/nested"]); s.write("deep/y", "y\n");
        s.write("odd/.git/readme", "no repository\n"); s.write("odd/z", "z\n");
    };
    a_conflict => |s| {
        s.write("a", lines(20)); s.write("gone", lines(5)); s.commit("base");
        s.git(&["checkout", "-q", "-b", "side"]);
        s.write("a", lines(20).replace("number 10", "side")); s.write("gone", lines(6)); s.write("both", "side\n"); s.commit("side");
        s.git(&["checkout", "-q", "main"]);
        s.write("a", lines(20).replace("number 10", "main")); s.remove("gone"); s.write("both", "main\n"); s.commit("main");
        s.try_git(&["merge", "side"]);
        s.write("other", "o\n");
    };
    a_conflict_half_resolved => |s| {
        s.write("a", lines(20)); s.write("b", lines(20)); s.commit("base");
        s.git(&["checkout", "-q", "-b", "side"]);
        s.write("a", lines(20).replace("number 10", "side")); s.write("b", lines(20).replace("number 10", "side")); s.commit("side");
        s.git(&["checkout", "-q", "main"]);
        s.write("a", lines(20).replace("number 10", "main")); s.write("b", lines(20).replace("number 10", "main")); s.commit("main");
        s.try_git(&["merge", "side"]);
        s.write("a", lines(20)); s.git(&["add", "a"]); s.remove("b");
    };
    a_detached_head => |s| {
        s.write("a", "1\n"); s.commit("one"); s.git(&["checkout", "-q", "--detach"]); s.write("a", "2\n");
    };
    many_directories => |s| {
        for n in 0..60 { s.write(format!("d{}/e{}/f{n}", n % 7, n % 3), lines(n)); }
        s.commit("one");
        for n in (0..60).step_by(5) { s.write(format!("d{}/e{}/f{n}", n % 7, n % 3), lines(n + 1)); }
        for n in 0..9 { s.write(format!("d{n}/new/{n}"), "n\n"); }
        s.git(&["add", "d0", "d1"]);
    };
    packed_objects => |s| {
        for n in 0..40 { s.write(format!("f{n}"), lines(n)); }
        s.commit("one"); s.git(&["repack", "-adq"]); s.git(&["pack-refs", "--all"]);
        s.write("f3", "3\n"); s.write("f4", "4\n"); s.git(&["add", "f4"]);
    };
    special_files_are_not_opened => |s| {
        s.write("a", "a\n"); s.commit("one");
        assert!(std::process::Command::new("mkfifo").arg(s.path("fifo")).status().unwrap().success());
        drop(std::os::unix::net::UnixListener::bind(s.path("socket")).unwrap());
    };
}

#[test]
fn more_entries_than_one_thread_walks() {
    let sandbox = Sandbox::new();
    for n in 0..2_000 {
        sandbox.write(format!("d{}/f{n}", n % 40), format!("{n}\n"));
    }
    sandbox.commit("one");
    for n in (0..2_000).step_by(17) {
        sandbox.write(format!("d{}/f{n}", n % 40), format!("changed {n}\n"));
        sandbox.write(format!("d{}/new{n}", n % 40), format!("new {n}\n"));
    }
    sandbox.git(&["add", "d1", "d2", "d3"]);
    check_working_tree(&sandbox);
}

#[test]
fn repositories_with_sha256() {
    let sandbox = Sandbox::with(&["init", "-q", "-b", "main", "--object-format=sha256", "repo"]);
    sandbox.write("a", lines(20));
    sandbox.write("b", lines(30));
    sandbox.commit("one");
    sandbox.write("a", lines(21));
    sandbox.remove("b");
    sandbox.write("c", lines(31));
    check_working_tree(&sandbox);
    sandbox.commit("two");
    check_range(&sandbox, "HEAD~1", "HEAD");
    assert_eq!(sandbox.open().head().unwrap().as_hex().len(), 64);
}

#[test]
fn submodules_are_shown_by_their_commits() {
    let sandbox = Sandbox::new();
    sandbox.git_in(sandbox.outside(), &["init", "-q", "-b", "main", "lib"]);
    let lib = sandbox.outside().join("lib");
    std::fs::write(lib.join("x"), "1\n").unwrap();
    sandbox.git_in(&lib, &["add", "."]);
    sandbox.git_in(&lib, &["commit", "-q", "-m", "one"]);
    sandbox.write("a", "a\n");
    sandbox.commit("zero");
    sandbox.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        "../lib",
        "sub",
    ]);
    check_working_tree(&sandbox);
    sandbox.commit("one");
    check_working_tree(&sandbox);
    check_range(&sandbox, "HEAD~1", "HEAD");

    sandbox.write("sub/new", "untracked in it\n");
    let repository = sandbox.open();
    assert!(
        !repository.has_changes().unwrap(),
        "new files in a submodule are not ours"
    );
    std::fs::remove_file(sandbox.path("sub/new")).unwrap();

    sandbox.write("sub/x", "dirty\n");
    check_working_tree(&sandbox);
    sandbox.git_in(&sandbox.path("sub"), &["commit", "-qam", "two"]);
    check_working_tree(&sandbox);
    sandbox.write("sub/x", "dirty again\n");
    check_working_tree(&sandbox);
    sandbox.git(&["add", "sub"]);
    check_working_tree(&sandbox);
    sandbox.git(&["config", "submodule.sub.ignore", "dirty"]);
    check_working_tree(&sandbox);
    sandbox.git(&["commit", "-qm", "two"]);
    check_range(&sandbox, "HEAD~1", "HEAD");

    sandbox.git(&["config", "--unset", "submodule.sub.ignore"]);
    sandbox.git(&["submodule", "--quiet", "deinit", "-f", "sub"]);
    check_working_tree(&sandbox);
    std::fs::remove_dir(sandbox.path("sub")).unwrap();
    check_working_tree(&sandbox);
    sandbox.write("sub", "a file in its place\n");
    check_working_tree(&sandbox);
    sandbox.commit("three");
    check_range(&sandbox, "HEAD~1", "HEAD");
}

#[test]
fn linked_worktrees_have_their_own_index_and_share_their_home() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.commit("one");
    sandbox.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
    let linked = sandbox.outside().join("linked");
    std::fs::write(linked.join("a"), "2\n").unwrap();
    std::fs::write(linked.join("b"), "new\n").unwrap();
    sandbox.git_in(&linked, &["add", "b"]);
    let repository =
        codex_review::target::Repository::open(&linked, &sandbox.environment()).unwrap();
    assert_eq!(repository.branch().as_deref(), Some("side"));
    assert_eq!(repository.root(), linked);
    assert_eq!(repository.main_worktree(), sandbox.root());
    assert_eq!(sandbox.open().main_worktree(), sandbox.root());
    let set = super::oracle::changes(
        &repository,
        codex_review::target::Select::WorkingTree,
        &super::oracle::generous(),
    );
    let git = [
        sandbox.git_in(&linked, &["diff", "--cached", "-M"]),
        sandbox.git_in(&linked, &["diff", "-M"]),
    ]
    .concat();
    super::oracle::assert_same(
        &super::oracle::patches(&set, |_| true),
        &git,
        "linked worktree",
    );
    check_working_tree(&sandbox);
}

#[test]
fn settings_of_the_repository_do_not_change_the_patch() {
    let sandbox = Sandbox::new();
    sandbox.write("a b", lines(30));
    sandbox.write("old", lines(30));
    sandbox.commit("one");
    sandbox.write("a b", lines(30).replace("number 10", "ten"));
    sandbox.write("a b\t", "x\n");
    sandbox.remove("old");
    sandbox.write("new", lines(31));
    sandbox.git(&["add", "-A"]);
    let plain = sandbox.git(&["diff", "--cached", "-M"]);
    for (key, value) in [
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.context", "9"),
        ("diff.algorithm", "histogram"),
        ("diff.renames", "false"),
        ("diff.indentHeuristic", "false"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.interHunkContext", "20"),
        ("diff.orderFile", "/dev/null"),
        ("core.quotePath", "false"),
        ("core.abbrev", "20"),
        ("color.ui", "always"),
        ("status.showUntrackedFiles", "no"),
        ("diff.renameLimit", "1"),
    ] {
        sandbox.git(&["config", key, value]);
    }
    let repository = sandbox.open();
    let set = super::oracle::changes(
        &repository,
        codex_review::target::Select::Staged,
        &super::oracle::generous(),
    );
    super::oracle::assert_same(
        &super::oracle::patches(&set, |_| true),
        &plain,
        "cleared configuration",
    );
    sandbox.write("untracked", "u\n");
    assert!(sandbox.open().has_changes().unwrap());
}

#[test]
fn filters_are_not_run_and_said_to_be_missing() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitattributes", "*.big filter=lfs diff=lfs -text\n");
    sandbox.write("a.big", "pointer\n");
    sandbox.commit("one");
    sandbox.git(&["config", "filter.lfs.clean", "false"]);
    sandbox.git(&["config", "filter.lfs.required", "true"]);
    sandbox.write("a.big", "the content itself\n");
    check_working_tree_with(
        &sandbox,
        &["-c", "filter.lfs.clean=", "-c", "filter.lfs.required=false"],
    );
    let repository = sandbox.open();
    let set = super::oracle::changes(
        &repository,
        codex_review::target::Select::WorkingTree,
        &super::oracle::generous(),
    );
    assert_eq!(
        set.files[0].notes,
        ["compared raw: its filter \"lfs\" was not run"]
    );
}

#[test]
fn a_patch_can_be_applied_and_leads_to_the_same_tree() {
    let sandbox = Sandbox::new();
    sandbox.write("a b", lines(40));
    sandbox.write("old\tname", lines(20));
    sandbox.write("no newline", "one\ntwo");
    sandbox.write("gone", lines(3));
    sandbox.symlink("somewhere", "link");
    sandbox.commit("one");
    sandbox.write(
        "a b",
        lines(40)
            .replace("number 3 ", "three ")
            .replace("number 33", "33"),
    );
    sandbox.remove("old\tname");
    sandbox.write("dir/n\u{e4}me", lines(21));
    sandbox.write("no newline", "one\ntwo\n");
    sandbox.remove("gone");
    sandbox.remove("link");
    sandbox.write("link", "now a file");
    sandbox.chmod("a b", 0o755);
    sandbox.commit("two");
    let select = codex_review::target::Select::Commit("HEAD".into());
    let set = super::oracle::changes(&sandbox.open(), select, &super::oracle::generous());
    let patch = sandbox.outside().join("patch");
    std::fs::write(&patch, super::oracle::patches(&set, |_| true)).unwrap();
    let wanted = sandbox.git_line(&["rev-parse", "HEAD^{tree}"]);
    sandbox.git(&["checkout", "-q", "HEAD~1"]);
    sandbox.git(&["apply", "--index", patch.to_str().unwrap()]);
    assert_eq!(sandbox.git_line(&["write-tree"]), wanted);
}

#[test]
fn context_lines_can_be_chosen() {
    let sandbox = Sandbox::new();
    sandbox.write("a", lines(40));
    sandbox.commit("one");
    sandbox.write(
        "a",
        lines(40)
            .replace("number 10", "ten")
            .replace("number 18", "eighteen"),
    );
    let set = super::oracle::changes(
        &sandbox.open(),
        codex_review::target::Select::WorkingTree,
        &super::oracle::generous(),
    );
    for context in [0_u32, 1, 3, 4, 10, 100] {
        let option = format!("-U{context}");
        let git = sandbox.git(&["diff", "-M", &option]);
        super::oracle::assert_same(&set.patch_with(0, context).unwrap(), &git, &option);
    }
}

#[test]
fn ids_grow_with_the_repository_and_stay_unique() {
    // Enough loose objects that some share their first seven digits is out of reach; packs suggest the length.
    let sandbox = Sandbox::new();
    let mut stream = String::from("feature done\n");
    for n in 0..17_000 {
        let content = format!("blob {n}");
        stream.push_str(&format!("blob\ndata {}\n{content}\n", content.len()));
    }
    stream.push_str("done\n");
    let input = sandbox.outside().join("stream");
    std::fs::write(&input, stream).unwrap();
    let status = super::sandbox::git_command(sandbox.root(), sandbox.outside())
        .args(["fast-import", "--quiet"])
        .stdin(std::fs::File::open(&input).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    sandbox.write("a", "1\n");
    sandbox.commit("one");
    sandbox.write("a", "2\n");
    check_working_tree(&sandbox);
    let set = super::oracle::changes(
        &sandbox.open(),
        codex_review::target::Select::WorkingTree,
        &super::oracle::generous(),
    );
    let patch = String::from_utf8(set.patch(0).unwrap()).unwrap();
    let index_line = patch
        .lines()
        .find(|line| line.starts_with("index "))
        .unwrap();
    assert_eq!(
        index_line.split_once("..").unwrap().0.len(),
        "index ".len() + 8,
        "{index_line}"
    );
}

#[test]
fn a_missing_object_is_named_and_the_rest_is_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1\n");
    sandbox.write("b", "1 1\n");
    sandbox.commit("one");
    sandbox.write("a", "2\n");
    sandbox.write("b", "2 2\n");
    let id = sandbox.git_line(&["rev-parse", "HEAD:a"]);
    sandbox.remove(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    let set = super::oracle::changes(
        &sandbox.open(),
        codex_review::target::Select::WorkingTree,
        &super::oracle::generous(),
    );
    assert_eq!(
        set.files
            .iter()
            .map(|file| file.path.to_string())
            .collect::<Vec<_>>(),
        ["b"]
    );
    let [left_out] = set.left_out.as_slice() else {
        panic!("{:?}", set.left_out)
    };
    assert_eq!(left_out.path, "a");
    let codex_review::target::LeftOutReason::Unreadable(reason) = &left_out.reason else {
        panic!("{left_out:?}")
    };
    assert!(reason.contains(&id), "{reason}");
}

#[test]
fn contents_beyond_the_bound_are_summarised() {
    let sandbox = Sandbox::new();
    let large = |byte: u8| [vec![byte; 65 * 1024 * 1024], b"\n".to_vec()].concat();
    sandbox.write("a", large(b'a'));
    sandbox.write("b", "b\n");
    sandbox.commit("one");
    sandbox.write("a", large(b'b'));
    let set = super::oracle::changes(
        &sandbox.open(),
        codex_review::target::Select::WorkingTree,
        &super::oracle::generous(),
    );
    assert_eq!(set.files[0].content, codex_review::target::Content::Binary);
    assert_eq!(set.files[0].notes, ["not shown: larger than 64 MiB"]);
    assert!(
        set.patch(0)
            .unwrap()
            .ends_with(b"Binary files a/a and b/a differ\n")
    );
    sandbox.commit("two");
    let select = codex_review::target::Select::Commit("HEAD".into());
    let set = super::oracle::changes(&sandbox.open(), select, &super::oracle::generous());
    assert_eq!(set.files[0].content, codex_review::target::Content::Binary);
    assert_eq!(
        set.files[0].new.as_ref().unwrap().size,
        Some(65 * 1024 * 1024 + 1)
    );
}

#[test]
fn trees_nested_without_end_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("f", "f\n");
    sandbox.commit("one");
    let mut tree = sandbox.git_line(&["rev-parse", "HEAD^{tree}"]);
    let git_dir = sandbox.path(".git");
    for _ in 0..600 {
        // One entry `d` that holds the tree before.
        let mut content = b"40000 d\0".to_vec();
        content.extend(
            (0..20).map(|byte| u8::from_str_radix(&tree[byte * 2..byte * 2 + 2], 16).unwrap()),
        );
        let file = git_dir.join("tree");
        std::fs::write(&file, content).unwrap();
        tree = sandbox.git_line(&[
            "hash-object",
            "-w",
            "-t",
            "tree",
            "--literally",
            file.to_str().unwrap(),
        ]);
    }
    let commit = sandbox.git_line(&["commit-tree", "-m", "deep", "-p", "HEAD", &tree]);
    let repository = sandbox.open();
    let target = repository
        .resolve(&super::oracle::spec(codex_review::target::Select::Commit(
            commit,
        )))
        .unwrap();
    let error = repository
        .changes(&target, &super::oracle::generous())
        .unwrap_err();
    assert!(error.to_string().contains("tree"), "{error}");
}
