//! Hours of edits on a paused clock, through the driver: an editor, a slow reviewer, storms of file events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_review::jobs::CancelToken;
use codex_review::watch::{
    Action, Event, Limits, Notice, Order, Over, Skip, Spending, Trigger, Watcher, drive,
};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::decisions::{base, judged, seconds, tree};

const HOUR: Duration = Duration::from_secs(3_600);
/// How long the reviewer of these hours takes.
const REVIEW: Duration = Duration::from_secs(45);

/// The working tree: how often it was edited, and when last.
#[derive(Debug, Default)]
struct Tree {
    version: u64,
    edited: Duration,
}

/// One review, as the reviewer saw it.
#[derive(Debug, Clone, PartialEq)]
struct Review {
    began: Duration,
    version: u64,
    since_edit: Duration,
}

/// What became of the hours.
struct Story {
    reviews: Vec<Review>,
    skips: Vec<Skip>,
    steps: usize,
    last_version: u64,
    over: Over,
}

/// Lets somebody edit at these moments (seconds), each time with so many file events, and watches until `end`.
async fn live(limits: Limits, edits: &[(u64, usize)], tokens: u64, end: Duration) -> Story {
    let start = Instant::now();
    let clock = move || start.elapsed();
    let tree_now = Arc::new(Mutex::new(Tree::default()));
    let reviews = Arc::new(Mutex::new(Vec::new()));
    let changed = Arc::new(Notify::new());
    let (events, mut inbox) = mpsc::channel(8);
    let (orders, mut to_do) = mpsc::channel(2);

    let reviewer = {
        let (tree_now, reviews) = (Arc::clone(&tree_now), Arc::clone(&reviews));
        async move {
            while let Some(order) = to_do.recv().await {
                let version = tree_now.lock().unwrap().version;
                let event = match order {
                    Order::Look { .. } => {
                        sleep(Duration::from_millis(80)).await;
                        Event::Looked(tree(&version.to_string()))
                    }
                    Order::Review { .. } => {
                        let edited = tree_now.lock().unwrap().edited;
                        reviews.lock().unwrap().push(Review {
                            began: clock(),
                            version,
                            since_edit: clock().saturating_sub(edited),
                        });
                        sleep(REVIEW).await;
                        Event::RoundEnded(judged(tokens, &["One"]))
                    }
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
        }
    };
    let editor = {
        let (tree_now, changed) = (Arc::clone(&tree_now), Arc::clone(&changed));
        let edits = edits.to_vec();
        async move {
            for (at, storm) in edits {
                sleep(seconds(at).saturating_sub(clock())).await;
                {
                    let mut tree = tree_now.lock().unwrap();
                    tree.version += 1;
                    tree.edited = clock();
                }
                for _ in 0..storm {
                    changed.notify_one();
                }
            }
        }
    };
    let (cancelled, stop_round) = (CancelToken::new(), CancelToken::new());
    let stop = {
        let cancelled = cancelled.clone();
        async move {
            sleep(end).await;
            cancelled.cancel();
        }
    };
    let (reviewer, editor, stop) = (
        tokio::spawn(reviewer),
        tokio::spawn(editor),
        tokio::spawn(stop),
    );
    let mut watcher = Watcher::new(
        Trigger::EveryChange,
        limits,
        Spending::default(),
        base(),
        clock(),
    );
    let (mut skips, mut steps) = (Vec::new(), 0);
    let over = drive(
        &mut watcher,
        &mut inbox,
        &changed,
        &orders,
        (&cancelled, &stop_round),
        clock,
        |_, actions| {
            steps += 1;
            skips.extend(actions.iter().filter_map(|action| match action {
                Action::Say(Notice::Skipped(skip)) => Some(skip.clone()),
                _ => None,
            }));
        },
    )
    .await;
    drop((orders, inbox));
    stop.await.unwrap();
    editor.abort();
    reviewer.await.unwrap();
    let reviews = reviews.lock().unwrap().clone();
    let last_version = tree_now.lock().unwrap().version;
    Story {
        reviews,
        skips,
        steps,
        last_version,
        over,
    }
}

#[track_caller]
fn check_limits(story: &Story, limits: &Limits) {
    for review in &story.reviews {
        assert!(
            review.since_edit >= limits.quiet,
            "the tree had not settled: {review:?}"
        );
        let in_hour = story
            .reviews
            .iter()
            .filter(|other| other.began >= review.began && other.began < review.began + HOUR)
            .count();
        assert!(
            in_hour <= usize::try_from(limits.max_per_hour).unwrap(),
            "{in_hour} reviews in the hour after {review:?}"
        );
    }
    let versions: BTreeSet<u64> = story.reviews.iter().map(|review| review.version).collect();
    assert_eq!(
        versions.len(),
        story.reviews.len(),
        "a tree was reviewed twice: {:?}",
        story.reviews
    );
    assert!(
        story
            .reviews
            .windows(2)
            .all(|pair| pair[1].began >= pair[0].began + REVIEW),
        "two reviews at once: {:?}",
        story.reviews
    );
}

/// An hour of work: bursts of typing, pauses of every length, a checkout that touches ten thousand files at once.
fn hour_of_work() -> Vec<(u64, usize)> {
    let mut edits = Vec::new();
    let mut at = 3;
    for burst in 0..28_u64 {
        for step in 0..(3 + burst % 5) {
            // Never longer than the quiet time within a burst.
            at += 1 + (burst * 7 + step * 5) % 17;
            edits.push((at, 1 + usize::try_from(step).unwrap() * 40));
        }
        if burst % 6 == 5 {
            edits.push((at + 1, 10_000));
            at += 1;
        }
        at += 22 + (burst * 13) % 120;
    }
    assert!(
        edits.len() > 100 && at > 3_000,
        "it is an hour of work: {at}"
    );
    edits
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_edits_keeps_to_the_count_and_the_rest_is_reviewed_when_there_is_room() {
    let limits = Limits {
        quiet: seconds(20),
        max_per_hour: 6,
        tokens_per_day: 0,
        most_files: 300,
    };
    let edits = hour_of_work();
    let story = live(limits, &edits, 30_000, HOUR * 3).await;
    check_limits(&story, &limits);
    assert_eq!(story.over, Over::Asked);
    let in_first = story.reviews.iter().filter(|review| review.began < HOUR);
    assert_eq!(in_first.count(), 6, "{:?}", story.reviews);
    assert!(
        story
            .skips
            .iter()
            .any(|skip| matches!(skip, Skip::HourlyLimit { limit: 6, .. })),
        "{:?}",
        story.skips
    );
    let last = story.reviews.last().unwrap();
    assert_eq!(
        last.version, story.last_version,
        "what the limit held back is reviewed later"
    );
    // The storms are ten thousands of events; what is done about them is not.
    assert!(story.steps < 2_000, "{} steps", story.steps);
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_edits_keeps_to_the_tokens_of_a_day() {
    let limits = Limits {
        quiet: seconds(20),
        max_per_hour: 500,
        tokens_per_day: 150_000,
        most_files: 300,
    };
    let edits = hour_of_work();
    let story = live(limits, &edits, 30_000, HOUR * 26).await;
    check_limits(&story, &limits);
    for review in &story.reviews {
        let in_day = story
            .reviews
            .iter()
            .filter(|other| other.began >= review.began && other.began < review.began + HOUR * 24);
        assert!(in_day.count() <= 5, "{:?}", story.reviews);
    }
    let in_first = story.reviews.iter().filter(|review| review.began < HOUR);
    assert_eq!(in_first.count(), 5);
    assert!(
        story
            .skips
            .iter()
            .any(|skip| matches!(skip, Skip::TokenBudget { spent: 150_000, .. })),
        "{:?}",
        story.skips
    );
    let last = story.reviews.last().unwrap();
    assert_eq!(last.version, story.last_version);
    assert!(last.began > HOUR * 24, "a day later: {last:?}");
}

#[tokio::test(start_paused = true)]
async fn work_without_a_pause_is_never_interrupted_and_without_work_nothing_happens() {
    let limits = Limits {
        quiet: seconds(20),
        max_per_hour: 12,
        tokens_per_day: 1_000_000,
        most_files: 300,
    };
    let edits: Vec<(u64, usize)> = (0..200).map(|step| (step * 18, 3)).collect();
    let story = live(limits, &edits, 1, HOUR * 10).await;
    check_limits(&story, &limits);
    let versions: Vec<u64> = story.reviews.iter().map(|review| review.version).collect();
    assert_eq!(versions, [200], "one review, after the last of the edits");
    // Nine idle hours are heartbeats alone.
    assert!(story.steps < 1_500, "{} steps", story.steps);
}
