//! Line ends, encodings and the `diff` attribute.

use super::oracle::{check_range, check_working_tree};
use super::sandbox::{Sandbox, lines};

macro_rules! attributes {
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

attributes! {
    autocrlf_makes_dos_lines_no_change => |s| {
        s.git(&["config", "core.autocrlf", "true"]);
        s.write("a", "one\r\ntwo\r\n"); s.write("b", "one\r\n"); s.commit("one");
        s.write("a", "one\r\n2\r\n"); s.write("b", "one\n");
    };
    autocrlf_leaves_dos_lines_that_are_stored => |s| {
        s.write("a", "one\r\ntwo\r\n"); s.commit("one");
        s.git(&["config", "core.autocrlf", "true"]);
        s.write("a", "one\r\n2\r\n");
    };
    autocrlf_input => |s| {
        s.git(&["config", "core.autocrlf", "input"]);
        s.write("a", "one\ntwo\n"); s.commit("one"); s.write("a", "one\r\n2\r\n");
    };
    text_attribute => |s| {
        s.write(".gitattributes", "* text=auto\n*.bat eol=crlf\n*.bin -text\n");
        s.write("a.bat", "one\r\ntwo\r\n"); s.write("b.bin", "x\r\n"); s.write("c", "one\n"); s.commit("one");
        s.write("a.bat", "one\r\n2\r\n"); s.write("b.bin", "y\r\n"); s.write("c", "one\r\ntwo\r\n");
    };
    attributes_in_subdirectories => |s| {
        s.write("d/.gitattributes", "*.txt -diff\n"); s.write("d/a.txt", "1\n"); s.write("a.txt", "1\n"); s.commit("one");
        s.write("d/a.txt", "2\n"); s.write("a.txt", "2\n"); s.write("d/e/x.txt", "2\n"); s.git(&["add", "d/e"]);
    };
    attributes_for_this_clone_alone => |s| {
        s.write("a.dat", "1\n"); s.write("b", b"\0\n"); s.commit("one");
        s.write(".git/info/attributes", "*.dat binary\nb diff\n");
        s.write("a.dat", "2\n"); s.write("b", b"\0\0\n");
    };
    attributes_file_deleted_from_the_working_tree => |s| {
        s.write(".gitattributes", "*.dat binary\n"); s.write("a.dat", "1\n"); s.commit("one");
        s.remove(".gitattributes"); s.write("a.dat", "2\n");
    };
    macros => |s| {
        s.write(".gitattributes", "[attr]mine -diff\n*.x mine\n"); s.write("a.x", "1\n"); s.commit("one");
        s.write("a.x", "2\n");
    };
    ident => |s| {
        s.write(".gitattributes", "*.c ident\n"); s.write("a.c", "$Id$\nx\n"); s.commit("one");
        s.write("a.c", "$Id: 0123456789 $\ny\n");
    };
    another_encoding => |s| {
        s.write(".gitattributes", "*.u working-tree-encoding=UTF-16LE\n");
        let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        s.write("a.u", utf16("one\ntwo\n")); s.commit("one"); s.write("a.u", utf16("one\n2\n"));
    };
    a_named_driver_without_settings => |s| {
        s.write(".gitattributes", "*.md diff=markdown2\n"); s.write("a.md", lines(20)); s.commit("one");
        s.write("a.md", lines(20).replace("number 15", "15"));
    };
    links_are_no_files => |s| {
        s.write(".gitattributes", "*.c binary\n"); s.symlink("one", "a.c"); s.write("b.c", "1\n"); s.symlink("one", "c.c"); s.commit("one");
        s.remove("a.c"); s.symlink("two", "a.c"); s.remove("b.c"); s.symlink("one", "b.c"); s.remove("c.c"); s.write("c.c", "1\n");
        s.symlink("new", "d.c"); s.git(&["add", "d.c"]);
    };
    text_forced_in_a_rename => |s| {
        s.write(".gitattributes", "*.bin diff\n"); s.write("a.bin", format!("\0{}", lines(20))); s.commit("one");
        s.remove("a.bin"); s.write("b.bin", format!("\0{}", lines(21))); s.git(&["add", "-A"]);
    };
}

#[test]
fn attributes_hold_between_commits_too() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitattributes", "*.dat -diff\n");
    sandbox.write("a.dat", "1\n");
    sandbox.commit("one");
    sandbox.write("a.dat", "2\n");
    sandbox.commit("two");
    check_range(&sandbox, "HEAD~1", "HEAD");
    // Taken from the working tree, as git does.
    sandbox.write(".gitattributes", "");
    check_range(&sandbox, "HEAD~1", "HEAD");
    sandbox.remove(".gitattributes");
    check_range(&sandbox, "HEAD~1", "HEAD");
}

#[test]
fn attributes_in_a_bare_repository() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitattributes", "*.dat -diff\n");
    sandbox.write("a.dat", "1\n");
    sandbox.commit("one");
    sandbox.write("a.dat", "2\n");
    sandbox.commit("two");
    sandbox.git_in(
        sandbox.outside(),
        &["clone", "-q", "--bare", "repo", "bare.git"],
    );
    let bare = sandbox.outside().join("bare.git");
    let repository = codex_review::target::Repository::open(&bare, &sandbox.environment()).unwrap();
    let select = codex_review::target::Select::Commit("HEAD".into());
    let set = super::oracle::changes(&repository, select, &super::oracle::generous());
    let git = sandbox.git_in(&bare, &["diff", "-M", "HEAD~1", "HEAD"]);
    super::oracle::assert_same(&super::oracle::patches(&set, |_| true), &git, "bare");
}

#[test]
fn settings_of_the_user_hold_where_the_repository_is_silent() {
    let sandbox = Sandbox::new();
    sandbox.git(&["config", "core.autocrlf", "true"]);
    sandbox.write("a", "one\r\n");
    sandbox.commit("one");
    sandbox.git(&["config", "--unset", "core.autocrlf"]);
    let global = sandbox.outside().join("global");
    std::fs::write(
        &global,
        "[core]\n\tautocrlf = true\n\texcludesFile = ~/ignored\n",
    )
    .unwrap();
    std::fs::write(sandbox.outside().join("ignored"), "*.tmp\n").unwrap();
    sandbox.write("x.tmp", "x\n");
    sandbox.write("a", "one\r\n");
    let mut environment = sandbox.environment();
    assert!(
        codex_review::target::Repository::open(sandbox.root(), &environment)
            .unwrap()
            .has_changes()
            .unwrap()
    );
    environment.config_global = Some(global);
    assert!(
        !codex_review::target::Repository::open(sandbox.root(), &environment)
            .unwrap()
            .has_changes()
            .unwrap()
    );
    sandbox.git(&["config", "core.autocrlf", "false"]);
    assert!(
        codex_review::target::Repository::open(sandbox.root(), &environment)
            .unwrap()
            .has_changes()
            .unwrap()
    );
}
