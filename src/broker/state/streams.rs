//! Which turns run, who waits for one to end: admission, by thread.
//!
//! A *slot* stands for a thread on which turns run or are about to. A thread has one slot however many turns are started
//! on it, because an engine runs a thread's turns one after the other. A slot ends when nothing is in flight on it and
//! no turn is open; an *orphan* (its client is gone) ends after a bounded grace at the latest. So slots cannot leak:
//! each is either held by a connected client, or has a deadline.
//!
//! A client that was refused stands in a queue, once. When a slot is free for the first in line, it is *offered* for a
//! bounded time, in which nobody else can take it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::ClientId;

/// Open turns that one slot remembers; an engine that announces more is believed about the newest.
const MAX_OPEN: usize = 64;

/// Clients that may stand in the queue; the broker takes no more clients than that.
const MAX_WAITING: usize = 1024;

#[derive(Debug)]
pub(super) struct Streams {
    limit: usize,
    slots: BTreeMap<String, Slot>,
    waiting: VecDeque<Waiting>,
    /// Threads whose orphaned slot has ended since they were last taken.
    freed_by_orphans: Vec<String>,
}

#[derive(Debug)]
struct Slot {
    /// `None` once the client is gone.
    client: Option<ClientId>,
    /// Starts that the engine has not answered yet.
    in_flight: u32,
    /// Turns that began and have not ended, oldest first.
    open: Vec<String>,
    /// Turns that ended while a start was in flight: its answer may name one of them.
    ended_early: Vec<String>,
    /// A start was answered without naming its turn; the next turn on this thread is that one.
    unnamed: bool,
    /// How long the turns may outlive their client.
    keep_for: Option<Duration>,
    /// When the slot ends without the engine's word.
    deadline: Option<Instant>,
    /// Turns whose interruption was asked for.
    interrupted: Vec<String>,
}

impl Slot {
    fn open(&mut self, turn: &str) {
        if self.open.iter().any(|open| open == turn) {
            return;
        }
        if self.open.len() == MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(turn.to_owned());
    }
}

#[derive(Debug)]
struct Waiting {
    client: ClientId,
    /// The place that the client was told last; 0 is an offer.
    told: usize,
    offer_ends: Option<Instant>,
}

/// Why a start has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// All slots are taken or promised; the client stands at this place, the first being 1.
    Busy { place: usize },
    /// Another client's turn runs on this very thread.
    ThreadInUse,
}

/// One running slot, for the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) thread: String,
    pub(super) turn: Option<String>,
    pub(super) client: Option<ClientId>,
}

impl Streams {
    pub(super) fn new(limit: usize) -> Self {
        Streams {
            limit: limit.max(1),
            slots: BTreeMap::new(),
            waiting: VecDeque::new(),
            freed_by_orphans: Vec::new(),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn running(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.waiting.len()
    }

    fn free(&self) -> usize {
        self.limit.saturating_sub(self.slots.len())
    }

    /// The client whose turns run on a thread. `Some(None)` when they run for nobody any more.
    pub(super) fn holder(&self, thread: &str) -> Option<Option<ClientId>> {
        self.slots.get(thread).map(|slot| slot.client)
    }

    /// Takes a slot for a start on `thread`, or says why not.
    pub(super) fn admit(&mut self, client: ClientId, thread: &str) -> Result<(), Refusal> {
        if let Some(slot) = self.slots.get_mut(thread) {
            if slot.client != Some(client) {
                return Err(Refusal::ThreadInUse);
            }
            slot.in_flight += 1;
            return Ok(());
        }
        let free = self.free();
        let place_in_line = self.waiting.iter().position(|w| w.client == client);
        let ahead = place_in_line.unwrap_or(self.waiting.len());
        if ahead < free {
            if let Some(at) = place_in_line {
                self.waiting.remove(at);
            }
            self.slots.insert(
                thread.to_owned(),
                Slot {
                    client: Some(client),
                    in_flight: 1,
                    open: Vec::new(),
                    ended_early: Vec::new(),
                    unnamed: false,
                    keep_for: None,
                    deadline: None,
                    interrupted: Vec::new(),
                },
            );
            return Ok(());
        }
        let place = ahead - free + 1;
        if place_in_line.is_none() && self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(Waiting {
                client,
                told: place,
                offer_ends: None,
            });
        }
        Err(Refusal::Busy { place })
    }

    /// The engine took a start. A review may run on a thread of its own, to which the slot then moves.
    pub(super) fn started(&mut self, thread: &str, turn: Option<&str>, runs_on: Option<&str>) {
        let Some(mut slot) = self.slots.remove(thread) else {
            return;
        };
        slot.in_flight = slot.in_flight.saturating_sub(1);
        match turn {
            Some(turn) => {
                let ended = slot.ended_early.iter().any(|ended| ended == turn);
                if !ended {
                    slot.open(turn);
                }
            }
            None => slot.unnamed |= slot.open.is_empty() && slot.ended_early.is_empty(),
        }
        if slot.in_flight == 0 {
            slot.ended_early.clear();
        }
        let mut home = runs_on.unwrap_or(thread);
        if slot.in_flight > 0 || self.slots.contains_key(home) {
            home = thread;
        }
        self.put_back(home.to_owned(), slot);
    }

    /// The engine refused a start, or nobody waits for its answer any more.
    pub(super) fn not_started(&mut self, thread: &str) {
        self.change(thread, |slot| {
            slot.in_flight = slot.in_flight.saturating_sub(1);
            if slot.in_flight == 0 {
                slot.ended_early.clear();
            }
        });
    }

    /// A turn began. Turns of threads without a slot (a sub-agent's) are none of this module's business.
    pub(super) fn turn_began(&mut self, thread: &str, turn: &str) {
        self.change(thread, |slot| {
            slot.unnamed = false;
            slot.open(turn);
        });
    }

    /// A turn ended, and with it every turn that began before it on the same thread.
    pub(super) fn turn_ended(&mut self, thread: &str, turn: Option<&str>) {
        self.change(thread, |slot| {
            slot.unnamed = false;
            match slot.open.iter().position(|open| Some(&**open) == turn) {
                Some(at) => drop(slot.open.drain(..=at)),
                None if slot.in_flight == 0 => slot.open.clear(),
                None => {}
            }
            if let Some(turn) = turn.filter(|_| slot.in_flight > 0) {
                slot.ended_early.push(turn.to_owned());
                if slot.ended_early.len() > MAX_OPEN {
                    slot.ended_early.remove(0);
                }
            }
        });
    }

    /// The engine says that nothing runs on a thread. A start in flight says otherwise and counts more, and so does one
    /// whose turn has not begun yet.
    pub(super) fn thread_idle(&mut self, thread: &str) {
        self.change(thread, |slot| {
            if slot.in_flight == 0 {
                slot.open.clear();
            }
        });
    }

    /// A compaction ended; an older engine gives it no turn.
    pub(super) fn compacted(&mut self, thread: &str) {
        self.change(thread, |slot| slot.unnamed = false);
    }

    /// The thread is no more.
    pub(super) fn thread_closed(&mut self, thread: &str) {
        self.slots.remove(thread);
    }

    fn change(&mut self, thread: &str, change: impl FnOnce(&mut Slot)) {
        if let Some(mut slot) = self.slots.remove(thread) {
            change(&mut slot);
            self.put_back(thread.to_owned(), slot);
        }
    }

    /// Keeps a slot unless nothing runs on it any more.
    fn put_back(&mut self, thread: String, slot: Slot) {
        if slot.in_flight > 0 || !slot.open.is_empty() || slot.unnamed {
            self.slots.insert(thread, slot);
        } else if slot.client.is_none() {
            self.freed_by_orphans.push(thread);
        }
    }

    /// Threads on which nothing runs any more, and nobody was left when it ended. Each is returned once.
    pub(super) fn take_freed_by_orphans(&mut self) -> Vec<String> {
        std::mem::take(&mut self.freed_by_orphans)
    }

    /// Lets the turns of a thread outlive their client for a while. False if the client runs none there.
    pub(super) fn hand_over(&mut self, client: ClientId, thread: &str, keep_for: Duration) -> bool {
        match self.slots.get_mut(thread) {
            Some(slot) if slot.client == Some(client) => {
                slot.keep_for = Some(keep_for);
                true
            }
            _ => false,
        }
    }

    /// Gives turns that were handed over to a new client. False if there are none, or they have a client.
    pub(super) fn adopt(&mut self, client: ClientId, thread: &str) -> bool {
        match self.slots.get_mut(thread) {
            Some(slot) if slot.client.is_none() && slot.keep_for.is_some() => {
                slot.client = Some(client);
                slot.keep_for = None;
                slot.deadline = None;
                true
            }
            _ => false,
        }
    }

    /// A client is gone: it leaves the queue, and its slots become orphans that end after `grace`, or after the time
    /// that they were handed over for.
    pub(super) fn client_left(&mut self, client: ClientId, now: Instant, grace: Duration) {
        self.waiting.retain(|waiting| waiting.client != client);
        for slot in self.slots.values_mut() {
            if slot.client == Some(client) {
                slot.client = None;
                slot.deadline = Some(now + slot.keep_for.unwrap_or(grace));
            }
        }
    }

    /// Turns that run for nobody and whose interruption is due, as (thread, turn). Each is returned once.
    pub(super) fn take_due_interrupts(&mut self) -> Vec<(String, String)> {
        let mut due = Vec::new();
        for (thread, slot) in &mut self.slots {
            if slot.client.is_some() || slot.keep_for.is_some() {
                continue;
            }
            for turn in &slot.open {
                if !slot.interrupted.contains(turn) {
                    slot.interrupted.push(turn.clone());
                    due.push((thread.clone(), turn.clone()));
                }
            }
        }
        due
    }

    /// Ends what has outlived its grace. A handed-over slot first gets `grace` more, in which it is interrupted. Returns
    /// whether the engine failed to end a turn that it was told to interrupt.
    pub(super) fn expire(&mut self, now: Instant, grace: Duration) -> bool {
        let mut disobeyed = false;
        self.slots.retain(|_, slot| {
            if slot.deadline.is_none_or(|deadline| now < deadline) {
                return true;
            }
            if slot.keep_for.take().is_some() {
                slot.deadline = Some(now + grace);
                return true;
            }
            disobeyed = true;
            false
        });
        self.waiting
            .retain(|waiting| waiting.offer_ends.is_none_or(|end| now < end));
        disobeyed
    }

    /// Updates the queue and returns who has to be told which place; place 0 is an offer, good for `reserve`.
    pub(super) fn take_new_places(
        &mut self,
        now: Instant,
        reserve: Duration,
    ) -> Vec<(ClientId, usize)> {
        let free = self.free();
        let mut news = Vec::new();
        for (at, waiting) in self.waiting.iter_mut().enumerate() {
            let place = if at < free { 0 } else { at - free + 1 };
            if place == 0 && waiting.offer_ends.is_none() {
                waiting.offer_ends = Some(now + reserve);
            }
            if place != 0 {
                waiting.offer_ends = None;
            }
            if waiting.told != place {
                waiting.told = place;
                news.push((waiting.client, place));
            }
        }
        news
    }

    /// The engine is gone, and every turn with it.
    pub(super) fn clear(&mut self) -> Vec<Running> {
        let running = self.list();
        self.slots.clear();
        self.freed_by_orphans.clear();
        running
    }

    pub(super) fn list(&self) -> Vec<Running> {
        self.slots
            .iter()
            .map(|(thread, slot)| Running {
                thread: thread.clone(),
                turn: slot.open.last().cloned(),
                client: slot.client,
            })
            .collect()
    }

    /// When [`Streams::expire`] has something to do next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let slots = self.slots.values().filter_map(|slot| slot.deadline);
        let offers = self.waiting.iter().filter_map(|waiting| waiting.offer_ends);
        slots.chain(offers).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(1);
    const B: ClientId = ClientId(2);
    const C: ClientId = ClientId(3);
    const GRACE: Duration = Duration::from_secs(10);

    #[test]
    fn the_first_in_line_gets_the_slot_and_newcomers_wait() {
        let now = Instant::now();
        let mut streams = Streams::new(1);
        assert_eq!(streams.admit(A, "a"), Ok(()));
        assert_eq!(streams.admit(B, "b"), Err(Refusal::Busy { place: 1 }));
        assert_eq!(streams.admit(C, "c"), Err(Refusal::Busy { place: 2 }));
        assert_eq!(streams.admit(B, "b"), Err(Refusal::Busy { place: 1 }));
        assert!(streams.take_new_places(now, GRACE).is_empty());
        streams.started("a", Some("1"), None);
        streams.turn_ended("a", Some("1"));
        assert_eq!(streams.take_new_places(now, GRACE), [(B, 0), (C, 1)]);
        assert_eq!(streams.admit(C, "c"), Err(Refusal::Busy { place: 1 }));
        assert_eq!(streams.admit(B, "b"), Ok(()));
        assert_eq!(streams.take_new_places(now, GRACE), []);
    }

    #[test]
    fn an_offer_that_nobody_takes_goes_to_the_next() {
        let now = Instant::now();
        let mut streams = Streams::new(1);
        streams.admit(A, "a").unwrap();
        streams.admit(B, "b").unwrap_err();
        streams.admit(C, "c").unwrap_err();
        streams.not_started("a");
        assert_eq!(streams.take_new_places(now, GRACE), [(B, 0), (C, 1)]);
        assert_eq!(streams.next_deadline(), Some(now + GRACE));
        assert!(!streams.expire(now + GRACE, GRACE));
        assert_eq!(streams.take_new_places(now + GRACE, GRACE), [(C, 0)]);
    }

    #[test]
    fn a_turn_that_ends_before_its_start_is_answered_leaves_no_slot() {
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.turn_began("t", "1");
        streams.turn_ended("t", Some("1"));
        assert_eq!(streams.running(), 1, "the start is still in flight");
        streams.started("t", Some("1"), None);
        assert_eq!(streams.running(), 0);
    }

    #[test]
    fn a_late_end_of_an_old_turn_does_not_end_the_new_one() {
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.started("t", Some("1"), None);
        streams.admit(A, "t").unwrap();
        streams.turn_ended("t", Some("1"));
        streams.started("t", Some("2"), None);
        assert_eq!(streams.running(), 1);
        streams.turn_ended("t", Some("2"));
        assert_eq!(streams.running(), 0);
    }

    #[test]
    fn the_end_of_a_turn_ends_those_before_it() {
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.started("t", Some("1"), None);
        streams.admit(A, "t").unwrap();
        streams.started("t", Some("2"), None);
        streams.turn_ended("t", Some("2"));
        assert_eq!(streams.running(), 0);
    }

    #[test]
    fn a_start_whose_answer_names_no_turn_holds_its_slot_until_the_turn_ends() {
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.started("t", None, None);
        assert_eq!(streams.running(), 1);
        streams.turn_began("t", "1");
        streams.turn_ended("t", Some("1"));
        assert_eq!(streams.running(), 0);
    }

    #[test]
    fn a_detached_review_moves_its_slot_to_its_own_thread() {
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.started("t", Some("1"), Some("review"));
        streams.turn_ended("t", Some("1"));
        assert_eq!(streams.running(), 1);
        streams.turn_ended("review", Some("1"));
        assert_eq!(streams.running(), 0);
    }

    #[test]
    fn an_orphan_is_interrupted_once_and_ends_after_its_grace() {
        let now = Instant::now();
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.client_left(A, now, GRACE);
        assert!(streams.take_due_interrupts().is_empty(), "no turn is known");
        streams.started("t", Some("1"), None);
        assert_eq!(streams.take_due_interrupts(), [("t".into(), "1".into())]);
        assert!(streams.take_due_interrupts().is_empty());
        assert!(!streams.expire(now, GRACE));
        assert!(streams.expire(now + GRACE, GRACE));
        assert_eq!(streams.running(), 0);
    }

    #[test]
    fn a_handed_over_turn_waits_for_its_next_client_but_not_for_ever() {
        let now = Instant::now();
        let keep = Duration::from_secs(60);
        let mut streams = Streams::new(1);
        streams.admit(A, "t").unwrap();
        streams.started("t", Some("1"), None);
        assert!(!streams.adopt(B, "t"), "it has a client");
        assert!(!streams.hand_over(B, "t", keep), "it is another's");
        assert!(streams.hand_over(A, "t", keep));
        streams.client_left(A, now, GRACE);
        assert!(streams.take_due_interrupts().is_empty());
        assert!(streams.adopt(B, "t"));
        assert_eq!(streams.next_deadline(), None);
        assert!(streams.hand_over(B, "t", keep));
        streams.client_left(B, now, GRACE);
        assert!(!streams.expire(now + keep, GRACE));
        assert_eq!(streams.take_due_interrupts().len(), 1);
        assert!(streams.expire(now + keep + GRACE, GRACE));
        assert_eq!(streams.running(), 0);
    }
}
