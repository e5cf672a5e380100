//! Over generated changes: no budget is exceeded, and no file, hunk or line is unaccounted for.
//!
//! `PROPTEST_CASES=10000 cargo test --test it context::properties` tries that many.

use codex_review::context::{Budget, Claims, Context, ContextError, HeldChanges, Presenter, Shown};
use codex_review::target::{Content, Part, Status, TouchedFiles};
use proptest::prelude::*;

use super::made::{Hunk, branch, built_with, commit, file, id, working_tree};

fn line() -> impl Strategy<Value = Vec<u8>> {
    let marker = prop_oneof![Just(b'+'), Just(b'-'), Just(b' ')];
    let body = prop_oneof![
        4 => "[a-zA-Z_(){};= 0-9]{0,60}".prop_map(String::into_bytes),
        1 => "[+@ -]{0,5}@@ -1,2 \\+3,4 @@|--- a/x|\\+\\+\\+ b/x|diff --git a/x b/x".prop_map(String::into_bytes),
        1 => "<<<(end|data) [0-9a-f]{24}>>>|```|\\{\\{id\\}\\}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != b'\n').collect::<Vec<u8>>()),
    ];
    (marker, body).prop_map(|(marker, body)| [vec![marker], body].concat())
}

fn hunks() -> impl Strategy<Value = Vec<Hunk>> {
    let hunk = (1_u32..30, proptest::collection::vec(line(), 1..12));
    proptest::collection::vec(hunk, 0..6).prop_map(|hunks| {
        let (mut old, mut new) = (1, 1);
        hunks
            .into_iter()
            .map(|(gap, lines)| {
                old += gap;
                new += gap;
                let start = (old, new);
                old += lines.iter().filter(|line| line[0] != b'+').count() as u32;
                new += lines.iter().filter(|line| line[0] != b'-').count() as u32;
                (start.0, start.1, lines)
            })
            .collect()
    })
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "(src/|docs/|a/b/c/)?[a-z]{1,12}\\.(rs|md|txt)".prop_map(String::into_bytes),
        1 => Just(b".env".to_vec()),
        1 => proptest::collection::vec(1_u8..=255, 1..20),
    ]
}

fn changes() -> impl Strategy<Value = HeldChanges> {
    let part = prop_oneof![
        Just(Part::Committed),
        Just(Part::Staged),
        Just(Part::Unstaged),
        Just(Part::Untracked)
    ];
    let kind = 0_u8..12;
    let one = (part, path(), hunks(), kind);
    let files = proptest::collection::vec(one, 0..14);
    let commits = proptest::collection::vec(("\\PC{0,20}", "\\PC{0,60}", "[ -~\n]{0,200}"), 0..4);
    (files, commits).prop_map(|(files, commits)| {
        let committed = files
            .first()
            .is_none_or(|(part, ..)| *part == Part::Committed);
        let mut changes = if committed { branch() } else { working_tree() };
        for (part, path, hunks, kind) in files {
            let (mut change, patch) = file(part, Status::Modified, &path, &hunks);
            let mut patch = Ok(patch);
            match kind {
                0 => change.content = Content::Binary,
                1 => patch = Err(codex_review::context::ViewError("gone".into())),
                2 => change.old_path = Some("before\nit.rs".into()),
                3 => change.notes.push("compared raw".into()),
                _ => {}
            }
            changes.files.push(change);
            changes.patches.push(patch);
        }
        surround(&mut changes);
        remember(&mut changes);
        for (author, subject, body) in commits {
            changes.commits.push(commit('7', &author, &subject, &body));
        }
        changes
    })
}

/// Gives each change an old and a new content that hold its lines, and files around it that name them.
fn surround(changes: &mut HeldChanges) {
    for (index, file) in changes.files.iter().enumerate() {
        let Ok(patch) = &changes.patches[index] else {
            continue;
        };
        let side = |skipped: u8| -> Vec<u8> {
            let lines = patch.split(|byte| *byte == b'\n').skip(3);
            let kept = lines.filter(|line| line.first().is_some_and(|first| *first != skipped));
            let mut text = b"fn outer() {\n    inner();\n".to_vec();
            for line in kept {
                text.extend(&line[1..]);
                text.push(b'\n');
            }
            text
        };
        changes.old_contents.insert(index, side(b'+'));
        changes.snapshot.insert(file.path.clone(), side(b'-'));
        let words: Vec<u8> = side(b'-')
            .into_iter()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    byte
                } else {
                    b' '
                }
            })
            .collect();
        for word in words
            .split(|byte| *byte == b' ')
            .filter(|word| word.len() > 2)
            .take(6)
        {
            let text = [
                b"fn ",
                word,
                b"(a: u8) {\n    outer();\n}\n#[test]\nfn test_it() { ",
                word,
                b"(1); }\n",
            ]
            .concat();
            let path = [b"src/", word, b".rs"].concat();
            changes.snapshot.entry(path.into()).or_insert(text);
        }
    }
}

/// An earlier commit that touched the changed files and some of those around them.
fn remember(changes: &mut HeldChanges) {
    let around = changes.snapshot.keys().take(6).cloned();
    let own = changes.files.iter().map(|file| file.path.clone());
    let paths = own.take(2).chain(around).collect();
    changes.touched.push(TouchedFiles {
        commit: id('7'),
        paths,
    });
}

fn changed(change: &codex_review::target::FileChange) -> u64 {
    match &change.content {
        Content::Text { added, removed, .. } => u64::from(*added) + u64::from(*removed),
        _ => 0,
    }
}

fn check_ledger(changes: &HeldChanges, context: &Context) -> Result<(), TestCaseError> {
    prop_assert_eq!(context.ledger.files.len(), changes.files.len());
    for (index, (entry, change)) in context.ledger.files.iter().zip(&changes.files).enumerate() {
        prop_assert_eq!(&entry.path, &change.path);
        let lines = entry.lines;
        prop_assert_eq!(
            lines.full + lines.summarised + lines.left_out,
            changed(change)
        );
        let hunks = match &change.content {
            Content::Text { hunks, .. } => hunks.clone(),
            _ => Vec::new(),
        };
        prop_assert_eq!(
            entry
                .hunks
                .iter()
                .map(|hunk| hunk.range)
                .collect::<Vec<_>>(),
            hunks
        );
        match &entry.shown {
            Shown::Full => {
                prop_assert!(entry.hunks.iter().all(|hunk| hunk.shown == Shown::Full));
                prop_assert_eq!(lines.full, changed(change));
                // What is said to be there in full is there.
                let patch = changes.patches[index].clone().unwrap();
                let shown = Presenter::new().content(&patch);
                if shown.redactions.is_empty() {
                    prop_assert!(context.text.contains(&shown.text), "{}", shown.text);
                }
            }
            Shown::Summarised => prop_assert_eq!(lines.left_out, 0),
            Shown::LeftOut(_) => prop_assert_eq!((lines.full, lines.summarised), (0, 0)),
        }
    }
    Ok(())
}

fn check_frame(context: &Context) -> Result<(), TestCaseError> {
    let id = &context.text.split("<<<data ").nth(1).unwrap()[..24];
    let opened = context.text.matches(&format!("<<<data {id} \"")).count();
    let closed = context.text.matches(&format!("\n<<<end {id}>>>\n")).count();
    prop_assert_eq!(
        (opened, closed),
        (context.sections.len() + 2, context.sections.len() + 2)
    );
    Ok(())
}

proptest! {
    #[test]
    fn a_context_keeps_its_budget_and_accounts_for_everything(
        changes in changes(),
        strategy in prop_oneof![
            Just("auto"), Just("inline"), Just("self-collect"), Just("history"), Just("security"),
            Just("focused"), Just("deep"),
        ],
        bytes in prop_oneof![3_500_u64..6_000, 3_500_u64..40_000],
        tokens in proptest::option::of(1_000_u64..8_000),
        omit in any::<bool>(),
    ) {
        let claims = if omit { Claims::Omitted } else { Claims::Shown };
        let budget = Budget { bytes, tokens };
        match built_with(&changes, strategy, Some(budget), claims) {
            Err(ContextError::BudgetTooSmall { needed, .. }) => {
                prop_assert!(needed > bytes || tokens.is_some_and(|tokens| needed > tokens));
            }
            Err(error) => prop_assert!(false, "{}", error),
            Ok(context) => {
                prop_assert!(context.text.len() as u64 <= bytes);
                prop_assert_eq!(context.bytes, context.text.len() as u64);
                prop_assert!(tokens.is_none_or(|tokens| context.token_bound <= tokens));
                check_ledger(&changes, &context)?;
                check_frame(&context)?;
                prop_assert_eq!(&context, &built_with(&changes, strategy, Some(budget), claims).unwrap());
            }
        }
    }
}
