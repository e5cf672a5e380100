//! The machine alone: each case is a few events at moments, and what came out.

use std::time::Duration;

use codex_review::review::{Severity, Verdict};
use codex_review::target::{HeadMove, ObjectId};
use codex_review::watch::{
    Action, Baseline, Event, Limits, Look, Notice, OpenFinding, Over, RoundEnd, RoundOutcome, Skip,
    Spending, Subject, Trigger, Watcher,
};
use proptest::prelude::*;

pub const LIMITS: Limits = Limits {
    quiet: Duration::from_secs(20),
    max_per_hour: 3,
    tokens_per_day: 1_000,
    most_files: 10,
};

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn id(digit: char) -> String {
    String::from(digit).repeat(40)
}

/// Where HEAD is when a watch begins.
pub fn base() -> Baseline {
    Baseline {
        head: Some(id('1')),
        branch: Some("main".to_owned()),
    }
}

/// A dirty tree on `main`, at commit `1…`.
pub fn tree(fingerprint: &str) -> Look {
    Look {
        fingerprint: fingerprint.to_owned(),
        is_clean: false,
        files: 1,
        head: Some(id('1')),
        branch: Some("main".to_owned()),
        moved: HeadMove::Not,
        in_progress: None,
    }
}

pub fn judged(tokens: u64, findings: &[&str]) -> RoundEnd {
    let findings = findings.iter().map(|title| OpenFinding {
        id: format!("v1:{title}"),
        severity: Severity::High,
        title: (*title).to_owned(),
        file: "a.rs".to_owned(),
        line: Some(3),
    });
    RoundEnd {
        job: Some("review-x".to_owned()),
        tokens: Some(tokens),
        outcome: RoundOutcome::Judged {
            verdict: Verdict::NeedsAttention,
            findings: findings.collect(),
            not_shown: 0,
        },
    }
}

/// A machine at a moment.
struct At {
    watcher: Watcher,
    now: u64,
}

impl At {
    fn new(trigger: Trigger) -> At {
        At {
            watcher: Watcher::new(trigger, LIMITS, Spending::default(), base(), seconds(0)),
            now: 0,
        }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.watcher.on(seconds(self.now), event)
    }

    /// A change, and the look that follows it once it has settled.
    #[track_caller]
    fn settle(&mut self) -> Option<String> {
        assert_eq!(self.on(Event::Changed), [], "a change alone orders nothing");
        self.now += LIMITS.quiet.as_secs() - 1;
        assert_eq!(self.on(Event::Tick), [], "it has not settled");
        self.now += 1;
        match self.on(Event::Tick).as_slice() {
            [Action::Look { base }] => base.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A change that is looked at, and what comes of it.
    #[track_caller]
    fn see(&mut self, look: Look) -> Vec<Action> {
        self.settle();
        self.on(Event::Looked(look))
    }

    /// A change of the tree that is reviewed.
    #[track_caller]
    fn review(&mut self, fingerprint: &str, end: RoundEnd) -> Vec<Action> {
        let actions = self.see(tree(fingerprint));
        assert_eq!(
            subject(&actions),
            Some(&Subject::WorkingTree),
            "{actions:?}"
        );
        self.on(Event::RoundEnded(end))
    }
}

fn subject(actions: &[Action]) -> Option<&Subject> {
    actions.iter().find_map(|action| match action {
        Action::Review { subject, .. } => Some(subject),
        _ => None,
    })
}

fn skip(actions: &[Action]) -> Option<&Skip> {
    actions.iter().find_map(|action| match action {
        Action::Say(Notice::Skipped(skip)) => Some(skip),
        _ => None,
    })
}

#[test]
fn the_same_tree_is_reviewed_once_and_new_findings_are_told_once() {
    let mut at = At::new(Trigger::EveryChange);
    let new = |actions: &[Action]| match actions {
        [Action::Say(Notice::Reviewed { new, open, .. })] => (new.len(), open.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(new(&at.review("a", judged(1, &["One"]))), (1, 1));
    assert_eq!(new(&at.review("b", judged(1, &["One", "Two"]))), (1, 2));
    let actions = at.see(tree("b"));
    assert_eq!(skip(&actions), Some(&Skip::Unchanged));
    assert_eq!(subject(&actions), None);
    let again = at.see(tree("b"));
    assert_eq!(
        again,
        [],
        "a reason is told once as long as nothing else happens"
    );
    assert_eq!(at.watcher.next_wake(), None, "an idle watch never wakes up");
}

#[test]
fn a_tree_that_changes_while_it_is_looked_at_has_not_settled() {
    let mut at = At::new(Trigger::EveryChange);
    at.settle();
    at.on(Event::Changed);
    assert_eq!(at.on(Event::Looked(tree("half"))), []);
    at.now += LIMITS.quiet.as_secs();
    assert!(matches!(
        at.on(Event::Tick).as_slice(),
        [Action::Look { .. }]
    ));
}

#[test]
fn edits_during_a_review_are_the_next_review() {
    let mut at = At::new(Trigger::EveryChange);
    at.see(tree("a"));
    at.now += 5;
    assert_eq!(at.on(Event::Changed), []);
    at.now += 100;
    assert_eq!(at.on(Event::Tick), [], "one review at a time");
    let actions = at.on(Event::RoundEnded(judged(1, &[])));
    assert!(
        matches!(actions.last(), Some(Action::Look { .. })),
        "{actions:?}"
    );
    assert_eq!(
        subject(&at.on(Event::Looked(tree("b")))),
        Some(&Subject::WorkingTree)
    );
}

#[test]
fn the_hour_and_the_day_have_their_limits_and_say_so() {
    let mut at = At::new(Trigger::EveryChange);
    for tree in ["a", "b", "c"] {
        at.review(tree, judged(10, &[]));
    }
    let actions = at.see(tree("d"));
    assert!(matches!(
        skip(&actions),
        Some(Skip::HourlyLimit { limit: 3, .. })
    ));
    let again_at = at.watcher.next_wake().unwrap();
    assert_eq!(
        again_at,
        seconds(20 + 3_600),
        "when the first has left the hour"
    );
    at.on(Event::Changed);
    at.now = again_at.as_secs() - 1;
    assert_eq!(
        at.on(Event::Tick),
        [],
        "further edits cost no look meanwhile"
    );
    at.now += 1;
    assert!(matches!(
        at.on(Event::Tick).as_slice(),
        [Action::Look { .. }]
    ));
    let actions = at.on(Event::Looked(tree("e")));
    let allowance = actions.iter().find_map(|action| match action {
        Action::Review { allowance, .. } => Some(*allowance),
        _ => None,
    });
    assert_eq!(allowance, Some(Some(970)));
    at.on(Event::RoundEnded(judged(970, &[])));
    at.now += 7_200;
    let actions = at.see(tree("f"));
    assert!(
        matches!(
            skip(&actions),
            Some(Skip::TokenBudget {
                spent: 1_000,
                budget: 1_000,
                ..
            })
        ),
        "{actions:?}"
    );
}

#[test]
fn a_change_that_needs_more_than_is_left_waits_and_one_that_never_fits_is_named() {
    let over = |needed| RoundEnd {
        job: None,
        tokens: None,
        outcome: RoundOutcome::OverBudget { needed },
    };
    let mut at = At::new(Trigger::EveryChange);
    at.review("a", judged(900, &[]));
    let actions = at.review("b", over(500));
    assert!(matches!(
        skip(&actions),
        Some(Skip::TokenBudget { spent: 900, .. })
    ));
    assert_eq!(at.watcher.next_wake(), Some(seconds(20 + 24 * 3_600)));

    let mut at = At::new(Trigger::EveryChange);
    let actions = at.review("b", over(5_000));
    assert!(matches!(
        skip(&actions),
        Some(Skip::TooManyTokens { needed: 5_000, .. })
    ));
    assert_eq!(at.watcher.next_wake(), None);
    assert_eq!(
        at.watcher.spending().entries().count(),
        0,
        "nobody was asked"
    );

    let mut at = At::new(Trigger::EveryChange);
    let spent = RoundEnd {
        job: None,
        tokens: Some(1_200),
        outcome: RoundOutcome::BudgetSpent,
    };
    at.review("c", spent);
    assert_eq!(at.watcher.spending().tokens_of_day(seconds(at.now)), 1_200);
    assert_eq!(
        at.watcher.next_wake(),
        None,
        "it is not tried again before it changes"
    );
}

#[test]
fn a_checkout_of_hundreds_of_files_is_named_and_not_reviewed() {
    let mut at = At::new(Trigger::EveryChange);
    let actions = at.see(Look {
        files: 812,
        ..tree("big")
    });
    let expected = Skip::TooManyFiles {
        files: 812,
        limit: 10,
    };
    assert_eq!(actions, [Action::Say(Notice::Skipped(expected))]);
}

/// A commit with what was committed before it, as the look after it sees it.
fn after(moved: HeadMove) -> Look {
    Look {
        head: Some(id('2')),
        moved,
        ..tree("after")
    }
}

#[track_caller]
fn check_move(moved: HeadMove, branch: &str, expected: Result<Option<char>, &Skip>) {
    let mut at = At::new(Trigger::EveryChange);
    at.review("before", judged(1, &[]));
    let actions = at.see(Look {
        branch: Some(branch.to_owned()),
        ..after(moved.clone())
    });
    match expected {
        Ok(from) => {
            let expected = Subject::Commits {
                from: from.map(id),
                to: id('2'),
            };
            assert_eq!(subject(&actions), Some(&expected), "{moved:?}");
            // What is not committed comes right behind it.
            let actions = at.on(Event::RoundEnded(judged(1, &[])));
            let look = Action::Look {
                base: Some(id('2')),
            };
            assert_eq!(actions.last(), Some(&look), "{moved:?}");
        }
        Err(expected) => {
            assert_eq!(skip(&actions), Some(expected), "{moved:?}");
            assert_eq!(subject(&actions), Some(&Subject::WorkingTree), "{moved:?}");
        }
    }
}

#[test]
fn own_commits_are_reviewed_and_what_came_in_another_way_is_not() {
    check_move(HeadMove::Forward, "main", Ok(Some('1')));
    let fork = ObjectId::from_hex(&id('0'));
    check_move(HeadMove::Amended { fork }, "main", Ok(Some('0')));
    check_move(HeadMove::Amended { fork: None }, "main", Ok(None));
    check_move(HeadMove::Merge, "main", Err(&Skip::Merged));
    check_move(HeadMove::Elsewhere, "main", Err(&Skip::HistoryMoved));
    let to = Some("other".to_owned());
    check_move(
        HeadMove::Forward,
        "other",
        Err(&Skip::BranchSwitched { to }),
    );
}

#[test]
fn on_commit_alone_the_tree_does_not_count() {
    let mut at = At::new(Trigger::OnCommit);
    assert_eq!(at.watcher.next_wake(), None);
    assert_eq!(at.settle(), Some(id('1')));
    assert_eq!(at.on(Event::Looked(tree(""))), [], "no commit");
    let actions = at.see(after(HeadMove::Forward));
    assert!(matches!(subject(&actions), Some(Subject::Commits { .. })));
    at.on(Event::RoundEnded(judged(1, &[])));
    assert_eq!(at.watcher.next_wake(), None);
}

#[test]
fn an_operation_of_git_is_waited_for() {
    let mut at = At::new(Trigger::EveryChange);
    let rebasing = || Look {
        in_progress: Some("rebase"),
        ..tree("half")
    };
    let actions = at.see(rebasing());
    assert_eq!(skip(&actions), Some(&Skip::InProgress("rebase")));
    for _ in 0..50 {
        at.now = at.watcher.next_wake().unwrap().as_secs();
        assert!(matches!(
            at.on(Event::Tick).as_slice(),
            [Action::Look { .. }]
        ));
        assert_eq!(at.on(Event::Looked(rebasing())), [], "it is told once");
    }
    at.now = at.watcher.next_wake().unwrap().as_secs();
    at.on(Event::Tick);
    assert!(subject(&at.on(Event::Looked(tree("done")))).is_some());
}

#[test]
fn an_outage_is_tried_again_ever_less_often_and_counts_each_time() {
    let mut at = At::new(Trigger::EveryChange);
    let failed = || {
        Event::RoundEnded(RoundEnd {
            job: None,
            tokens: None,
            outcome: RoundOutcome::Failed {
                reason: "the engine is gone".to_owned(),
            },
        })
    };
    at.see(tree("a"));
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let actions = at.on(failed());
        let Some(Action::Say(Notice::Failing { again_in, .. })) = actions.first() else {
            panic!("{actions:?}");
        };
        pauses.push(again_in.as_secs());
        // The limit of the hour holds for tries, too.
        while subject(&at.on(Event::Tick)).is_none() {
            at.now = at.watcher.next_wake().unwrap().as_secs();
            at.on(Event::Tick);
            if subject(&at.on(Event::Looked(tree("a")))).is_some() {
                break;
            }
        }
        let in_hour = at.watcher.spending().reviews_of_hour(seconds(at.now));
        assert!(in_hour <= 3, "{in_hour} tries in an hour");
    }
    assert_eq!(pauses[..4], [30, 60, 120, 240]);
    assert_eq!(pauses.last(), Some(&1_800));
    at.on(Event::RoundEnded(judged(1, &[])));
    at.see(tree("b"));
    let actions = at.on(failed());
    assert!(
        matches!(
            actions.first(),
            Some(Action::Say(Notice::Failing { again_in, .. })) if again_in.as_secs() == 30
        ),
        "a success makes up for the failures before it"
    );
}

#[test]
fn the_end_waits_for_a_review_but_not_for_ever() {
    let mut at = At::new(Trigger::EveryChange);
    assert_eq!(at.on(Event::StopAsked), [Action::End(Over::Asked)]);
    assert_eq!(at.on(Event::WorktreeGone), [], "it is over once");

    let mut at = At::new(Trigger::EveryChange);
    at.see(tree("a"));
    assert_eq!(at.on(Event::WorktreeGone), [Action::StopRound]);
    assert_eq!(
        at.on(Event::RoundEnded(judged(7, &[]))),
        [Action::End(Over::WorktreeGone)]
    );
    assert_eq!(at.watcher.spending().tokens_of_day(seconds(at.now)), 7);

    let mut at = At::new(Trigger::EveryChange);
    at.see(tree("a"));
    at.on(Event::StopAsked);
    at.now = at.watcher.next_wake().unwrap().as_secs();
    assert_eq!(at.on(Event::Tick), [Action::End(Over::Asked)]);
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Edit,
    Clock(i64),
    Look(u8, u8),
    Round(u8, u64),
    Fails,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..5_000_u64).prop_map(Step::Wait),
        Just(Step::Edit),
        (-5_000..5_000_i64).prop_map(Step::Clock),
        (0..4_u8, 0..6_u8).prop_map(|(tree, kind)| Step::Look(tree, kind)),
        (0..6_u8, 0..600_u64).prop_map(|(kind, tokens)| Step::Round(kind, tokens)),
        Just(Step::Fails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens, in whatever order, also answers that nobody asked for and a clock that goes back: one order is
    /// out at a time, the limits hold, and no tree is reviewed twice in a row.
    #[test]
    fn no_order_of_events_breaks_a_limit(steps in prop::collection::vec(step(), 1..300)) {
        let mut watcher = Watcher::new(Trigger::EveryChange, LIMITS, Spending::default(), base(), seconds(0));
        let (mut now, mut clock) = (0_u64, 0_i64);
        let mut out = 0_usize;
        let mut looked = None;
        let mut dealt_with: Option<u8> = None;
        for step in steps {
            let event = match &step {
                Step::Wait(time) => { now += time; Event::Tick }
                Step::Edit => Event::Changed,
                Step::Clock(shift) => { clock = *shift; Event::Tick }
                Step::Look(tree, kind) => {
                    // An answer that nobody asked for is none.
                    if watcher.doing() == "looking" {
                        looked = Some(*tree);
                    }
                    Event::Looked(Look {
                        files: if *kind == 4 { 11 } else { 1 },
                        in_progress: (*kind == 5).then_some("merge"),
                        ..super::decisions::tree(&tree.to_string())
                    })
                }
                Step::Round(kind, tokens) => Event::RoundEnded(match kind {
                    0 => RoundEnd { job: None, tokens: None, outcome: RoundOutcome::Empty },
                    1 => RoundEnd { job: None, tokens: Some(*tokens), outcome: RoundOutcome::BudgetSpent },
                    2 => RoundEnd { job: None, tokens: None, outcome: RoundOutcome::Cancelled },
                    _ => judged(*tokens, &["One"]),
                }),
                Step::Fails => Event::LookFailed { reason: "no".to_owned() },
            };
            let moment = seconds(now.saturating_add_signed(clock));
            let answers = match &event {
                Event::Looked(_) | Event::LookFailed { .. } => "looking",
                Event::RoundEnded(_) => "reviewing",
                _ => "nothing",
            };
            let before = watcher.doing();
            let actions = watcher.on(moment, event);
            if before == answers {
                out -= 1;
            }
            match &step {
                // Cut short by what was left of the day, it is tried again when the day has room for it.
                Step::Round(1, tokens) if before == "reviewing" && *tokens < LIMITS.tokens_per_day => dealt_with = None,
                Step::Round(..) if before == "reviewing" => dealt_with = looked,
                // Too many files: that tree was dealt with, too.
                Step::Look(_, 4) if before == "looking" => dealt_with = None,
                _ => {}
            }
            for action in &actions {
                match action {
                    Action::Look { .. } => out += 1,
                    Action::Review { allowance, .. } => {
                        out += 1;
                        prop_assert!(dealt_with.is_none() || dealt_with != looked, "reviewed twice: {looked:?}");
                        prop_assert!(allowance.is_some_and(|left| left > 0 && left <= LIMITS.tokens_per_day));
                    }
                    _ => {}
                }
            }
            prop_assert!(out <= 1, "{out} orders are out");
            let spending = watcher.spending();
            prop_assert!(spending.reviews_of_hour(watcher.now()) <= 3);
            if let Some(wake) = watcher.next_wake() {
                prop_assert!(wake <= watcher.now() + seconds(25 * 3_600), "it wakes up in a day at the latest");
            }
        }
    }
}
