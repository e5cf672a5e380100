//! What a context looks like.

use codex_review::context::{Budget, Claims, Omission, Shown, human_size, json};
use codex_review::prompt::{Brief, GateInput, PromptInput, briefed, gate, review_instructions};
use codex_review::target::{Content, LeftOut, LeftOutReason, Part, Status};

use super::made::{
    add, branch, built, built_with, built_within, commit, file, hunk, new_file, one_liner,
    working_tree,
};

fn mixed_working_tree() -> codex_review::context::HeldChanges {
    let mut changes = working_tree();
    add(
        &mut changes,
        file(
            Part::Staged,
            Status::Modified,
            b"src/lib.rs",
            &[
                hunk(
                    1,
                    1,
                    &[
                        " use std::fs;",
                        "-fn old() {}",
                        "+fn new() {}",
                        "+fn more() {}",
                    ],
                ),
                hunk(40, 41, &[" }", "+// end"]),
            ],
        ),
    );
    add(&mut changes, one_liner(Part::Unstaged, "src/lib.rs"));
    let (mut logo, _) = one_liner(Part::Staged, "logo.png");
    logo.content = Content::Binary;
    add(
        &mut changes,
        (
            logo,
            b"diff --git a/logo.png b/logo.png\nBinary files differ\n".to_vec(),
        ),
    );
    add(
        &mut changes,
        new_file(Part::Untracked, "notes/odd name.md", 2, "remember"),
    );
    changes.left_out.push(LeftOut {
        path: "data.csv".into(),
        size: Some(3_300_000),
        reason: LeftOutReason::TooLarge { cap: 24 * 1024 },
    });
    changes
}

fn large_branch() -> codex_review::context::HeldChanges {
    let mut changes = branch();
    for index in 0..4 {
        add(
            &mut changes,
            one_liner(Part::Committed, &format!("src/part{index}/mod.rs")),
        );
    }
    let (mut moved, patch) = file(
        Part::Committed,
        Status::Renamed { similarity: 100 },
        b"docs/new.md",
        &[],
    );
    moved.old_path = Some("old.md".into());
    add(&mut changes, (moved, patch));
    add(
        &mut changes,
        new_file(Part::Committed, "big.txt", 30_000, "a line of text"),
    );
    changes.commits.push(commit(
        'a',
        "A. Author",
        "parser: accept empty input",
        "It used to panic.\n\nSafe to merge.\n",
    ));
    changes
        .commits
        .push(commit('9', "B. Author", "parser: move the docs", ""));
    changes
}

#[test]
fn an_inline_context_reads_well() {
    let context = built(&mixed_working_tree(), "auto");
    assert_eq!(
        context.summary,
        "3 files, +6 \u{2212}2 (2 staged, 1 unstaged, 1 untracked)"
    );
    insta::assert_snapshot!("context_inline", context.text);
}

#[test]
fn a_self_collect_context_reads_well() {
    let context = built(&large_branch(), "auto");
    assert_eq!(context.strategy, "self-collect");
    insta::assert_snapshot!("context_self_collect", context.text);
}

#[test]
fn the_json_document_keeps_its_shape() {
    let changes = mixed_working_tree();
    let mut context = built(&changes, "auto");
    context.text = "TEXT".into();
    context.hash = "HASH".into();
    insta::assert_snapshot!("context_json", json::render(&context, &changes.target));
}

#[test]
fn the_prompts_read_well() {
    let input = PromptInput {
        context: "CONTEXT\n",
        focus: Some("Is `a\\b` safe? It's --base's fault."),
    };
    insta::assert_snapshot!("prompt_review", review_instructions(&input));
    insta::assert_snapshot!(
        "prompt_adversarial_review",
        briefed(Brief::Adversarial, &input).text
    );
    let input = GateInput {
        last_message: Some("All done, tests pass."),
        context: "CONTEXT\n",
    };
    insta::assert_snapshot!("prompt_gate", gate(&input).text);
}

#[test]
fn claims_can_be_left_out() {
    let changes = large_branch();
    let shown = built(&changes, "self-collect");
    assert!(shown.text.contains("A. Author") && shown.text.contains("Safe to merge."));
    assert!(shown.text.contains(" log "));
    let omitted = built_with(&changes, "self-collect", None, Claims::Omitted).unwrap();
    for claim in ["A. Author", "accept empty input", "Safe to merge", " log "] {
        assert!(!omitted.text.contains(claim), "{claim}");
    }
    assert!(omitted.text.contains(changes.commits[0].id.short()));
}

#[test]
fn a_patch_that_does_not_fit_is_cut_between_hunks_and_says_where_the_others_are() {
    let mut changes = branch();
    let hunks: Vec<_> = (0..40)
        .map(|index| {
            let line = format!("+{} {}", index, "x".repeat(100));
            hunk(
                index * 10 + 1,
                index * 10 + 1,
                &[" before", &line, " after"],
            )
        })
        .collect();
    add(
        &mut changes,
        file(Part::Committed, Status::Modified, b"a.rs", &hunks),
    );
    let budget = Budget {
        bytes: 8_000,
        tokens: None,
    };
    let context = built_within(&changes, "inline", Some(budget)).unwrap();
    let entry = &context.ledger.files[0];
    assert_eq!(entry.shown, Shown::Summarised);
    let full = entry
        .hunks
        .iter()
        .filter(|hunk| hunk.shown == Shown::Full)
        .count();
    assert!(full > 5 && full < 40, "{full}");
    assert_eq!(
        (entry.lines.full, entry.lines.summarised),
        (full as u64, 40 - full as u64)
    );
    let word = format!(
        "[{} more hunks of this file not shown, +{} -0, new lines",
        40 - full,
        40 - full
    );
    assert!(context.text.contains(&word), "{}", context.text);
    assert!(
        context
            .text
            .contains(&format!("a.rs  ({full} of 40 hunks shown)")),
        "{}",
        context.text
    );
}

#[test]
fn a_file_that_cannot_be_read_costs_itself_alone() {
    let mut changes = branch();
    add(&mut changes, one_liner(Part::Committed, "good.rs"));
    let (gone, _) = one_liner(Part::Committed, "gone.rs");
    changes.files.push(gone);
    changes.patches.push(Err(codex_review::context::ViewError(
        "object is missing".into(),
    )));
    let context = built(&changes, "inline");
    assert_eq!(context.ledger.files[0].shown, Shown::Full);
    // Its name and numbers are known all the same.
    assert_eq!(context.ledger.files[1].shown, Shown::Summarised);
    let strategy = built(&changes, "self-collect");
    assert_eq!(strategy.ledger.counts(), (0, 2, 0));
}

#[test]
fn everything_that_is_not_text_is_summarised_or_shown_as_what_it_is() {
    let context = built(&mixed_working_tree(), "auto");
    let shown: Vec<_> = context
        .ledger
        .files
        .iter()
        .map(|file| file.shown.as_str())
        .collect();
    assert_eq!(shown, ["full", "full", "summarised", "full"]);
    assert!(!context.ledger.is_cut());
}

#[test]
fn a_part_without_a_section_is_left_out_by_the_strategy() {
    // Committed changes never have a status; here the part is one that the strategy below does not show.
    let registry = codex_review::context::Registry::builtin();
    let source = "name = \"only\"\ndescription = \"\"\nbudget = { bytes = 9000 }\n\
                  [[section]]\ncollector = \"staged-diff\"\ntitle = \"Staged\"\n";
    let sandbox = crate::support::Sandbox::new();
    let dir = sandbox.path("strategies/only");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("strategy.toml"), source).unwrap();
    let layers = codex_review::context::Layers {
        user: Some(sandbox.path("strategies")),
        ..Default::default()
    };
    let catalog = codex_review::context::Catalog::load(&layers, &registry);
    let changes = mixed_working_tree();
    let choice = codex_review::context::StrategyChoice::Named("only".into());
    let input = codex_review::context::ContextInput {
        changes: &changes,
        strategy: &choice,
        catalog: &catalog,
        budget: None,
        claims: Claims::Shown,
    };
    let context = codex_review::context::build(&input, &registry).unwrap();
    assert_eq!(
        context.ledger.files[1].shown,
        Shown::LeftOut(Omission::Strategy)
    );
    assert!(
        context
            .text
            .contains("src/lib.rs  (unstaged, left out: no section of the strategy shows it)")
    );
}

#[test]
fn two_thousand_untracked_files_used_to_make_40_megabytes_and_stay_within_the_budget() {
    let mut changes = working_tree();
    let line = "x".repeat(79);
    for index in 0..2_000 {
        let path = format!("generated/output-{index:04}.txt");
        add(&mut changes, new_file(Part::Untracked, &path, 256, &line));
    }
    for (strategy, most) in [
        ("auto", 64 * 1024),
        ("self-collect", 64 * 1024),
        ("inline", 320 * 1024),
    ] {
        let context = built(&changes, strategy);
        assert!(context.bytes <= most, "{}", human_size(context.bytes));
        assert_eq!(context.bytes, context.text.len() as u64);
        let (full, summarised, left_out) = context.ledger.counts();
        assert_eq!(full + summarised + left_out, 2_000);
        let lines = context.ledger.lines();
        assert_eq!(lines.full + lines.summarised + lines.left_out, 2_000 * 256);
        assert!(context.text.contains("left out: "), "{}", context.text);
    }
}
