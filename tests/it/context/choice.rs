//! What `auto` chooses, and what it says.

use codex_review::context::{Budget, ContextError};
use codex_review::target::Part;

use super::made::{add, branch, built, built_within, new_file, one_liner, working_tree};

#[track_caller]
fn check(files: &[(&str, usize)], strategy: &str, reason: &str) {
    let mut changes = branch();
    for (path, lines) in files {
        add(
            &mut changes,
            new_file(Part::Committed, path, *lines, "0123456789abcdef"),
        );
    }
    let context = built(&changes, "auto");
    assert_eq!(
        (context.strategy.as_str(), context.reason.as_str()),
        (strategy, reason)
    );
}

#[test]
fn a_change_of_two_files_is_sent_whole() {
    check(
        &[("a.rs", 10), ("b.rs", 2_000)],
        "inline",
        "2 files (at most 2) and 35.4 KiB of diff (at most 256.0 KiB)",
    );
}

#[test]
fn two_files_that_are_too_large_are_summarised() {
    check(
        &[("a.rs", 15_000)],
        "self-collect",
        "it fits any change; not `inline`: 1 file (at most 2) with more than 256.0 KiB of diff, and \
         1 file (at most 20) with more than 16.0 KiB of diff",
    );
}

#[test]
fn three_one_line_files_used_to_be_too_large_and_are_sent_whole() {
    let mut changes = working_tree();
    for path in ["a.rs", "b.rs", "c.rs"] {
        add(&mut changes, one_liner(Part::Unstaged, path));
    }
    let context = built(&changes, "auto");
    assert_eq!(context.strategy, "inline");
    assert_eq!(context.text.matches("+let x = 2;").count(), 3);
    assert_eq!(
        context.reason,
        "3 files (at most 20) and 261 bytes of diff (at most 16.0 KiB)"
    );
}

#[test]
fn many_files_or_much_diff_are_summarised() {
    let names: Vec<String> = (0..21).map(|index| format!("f{index}.rs")).collect();
    let many: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    check(
        &many,
        "self-collect",
        "it fits any change; not `inline`: 21 files (at most 2), and 21 files (at most 20)",
    );
    check(
        &[("a.rs", 400), ("b.rs", 400), ("c.rs", 400)],
        "self-collect",
        "it fits any change; not `inline`: 3 files (at most 2), and 3 files (at most 20) with more \
         than 16.0 KiB of diff",
    );
}

#[test]
fn a_budget_that_would_cut_the_change_makes_auto_summarise_it() {
    let mut changes = branch();
    add(
        &mut changes,
        new_file(Part::Committed, "a.rs", 1_000, "0123456789abcdef"),
    );
    let budget = Budget {
        bytes: 12_000,
        tokens: None,
    };
    let context = built_within(&changes, "auto", Some(budget)).unwrap();
    assert_eq!(context.strategy, "self-collect");
    assert!(
        context
            .reason
            .ends_with("not `inline`: its budget would cut the change"),
        "{}",
        context.reason
    );
}

#[test]
fn a_strategy_asked_for_by_name_is_taken_even_where_it_cuts() {
    let mut changes = branch();
    add(
        &mut changes,
        new_file(Part::Committed, "a.rs", 100_000, "0123456789abcdef"),
    );
    let context = built(&changes, "inline");
    assert_eq!(
        (&*context.strategy, &*context.reason),
        ("inline", "asked for by name")
    );
    assert!(context.ledger.is_cut());
}

#[test]
fn an_unknown_strategy_is_an_error_with_the_nearest_name() {
    let error = built_within(&working_tree(), "inlin", None).unwrap_err();
    assert_eq!(error.to_string(), "there is no strategy `inlin`");
    assert_eq!(error.hint().as_deref(), Some("did you mean `inline`?"));
}

#[test]
fn a_budget_without_room_for_the_frame_is_an_error_that_says_how_much_is_needed() {
    let mut changes = working_tree();
    add(&mut changes, one_liner(Part::Staged, "a.rs"));
    let tiny = |bytes| Budget {
        bytes,
        tokens: None,
    };
    let error = built_within(&changes, "self-collect", Some(tiny(100))).unwrap_err();
    let ContextError::BudgetTooSmall { needed, .. } = error else {
        panic!("{error}");
    };
    let context = built_within(&changes, "self-collect", Some(tiny(needed))).unwrap();
    assert!(context.bytes <= needed);
    assert_eq!(context.ledger.counts(), (0, 0, 1));
}
