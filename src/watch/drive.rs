//! Feeds a [`Watcher`]: events, signs of change and the time in, orders out.

use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::event::{Action, Event, Over, Subject};
use super::machine::Watcher;
use crate::jobs::CancelToken;

/// The longest sleep: a timer that stood still while the machine slept is noticed after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What the caller is to carry out. Each `Look` and each `Review` is answered by one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Look at the tree, and at how HEAD stands to `base`.
    Look {
        /// The commit up to which everything was dealt with.
        base: Option<String>,
    },
    /// Review this.
    Review {
        /// What.
        subject: Subject,
        /// The most tokens that it may use.
        allowance: Option<u64>,
    },
}

/// Runs a watch to its end. `changed` is told of signs of change, any number of which count as one. `stop_round` is made
/// when the review that runs has to end; `told` is called after every step with what there was to do.
///
/// A caller that goes away (`inbox` is closed, or nobody takes orders) ends the watch.
pub async fn drive(
    watcher: &mut Watcher,
    inbox: &mut mpsc::Receiver<Event>,
    changed: &Notify,
    orders: &mpsc::Sender<Order>,
    (cancelled, stop_round): (&CancelToken, &CancelToken),
    clock: impl Fn() -> Duration,
    mut told: impl FnMut(&Watcher, &[Action]),
) -> Over {
    let mut event = Event::Tick;
    loop {
        let actions = watcher.on(clock(), event);
        told(watcher, &actions);
        for action in actions {
            let order = match action {
                Action::Look { base } => Order::Look { base },
                Action::Review { subject, allowance } => Order::Review { subject, allowance },
                Action::StopRound => {
                    stop_round.cancel();
                    continue;
                }
                Action::Say(_) => continue,
                Action::End(over) => return over,
            };
            if orders.send(order).await.is_err() {
                return Over::Asked;
            }
        }
        let sleep = watcher.next_wake().map_or(LONGEST_SLEEP, |wake| {
            wake.saturating_sub(clock()).min(LONGEST_SLEEP)
        });
        // A request to end is made once; after that the end is waited for.
        let asked = stop_round.is_cancelled();
        event = tokio::select! {
            () = cancelled.cancelled(), if !asked => Event::StopAsked,
            received = inbox.recv() => match received {
                Some(event) => event,
                None => return Over::Asked,
            },
            () = changed.notified() => Event::Changed,
            () = tokio::time::sleep(sleep) => Event::Tick,
        };
    }
}
