//! Who owns which thread.
//!
//! A client owns a thread that it started, resumed, forked, reviews on or runs a turn on; the last of these wins, except
//! that a thread with a running turn keeps its owner (the state machine asks [`super::streams`] first). A thread that an
//! owned thread's agent starts belongs to the same client. Both are bounded: an engine that announces more sub-agent
//! threads than the bound is believed no further.

use std::collections::HashMap;

use super::ClientId;

/// Sub-agent threads that are learnt from the engine's word alone, over all clients.
const MAX_LEARNT: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Threads {
    owners: HashMap<String, Entry>,
    learnt: usize,
}

#[derive(Debug)]
struct Entry {
    owner: ClientId,
    learnt: bool,
}

impl Threads {
    pub(super) fn owner(&self, thread: &str) -> Option<ClientId> {
        self.owners.get(thread).map(|entry| entry.owner)
    }

    /// Gives a thread to a client, whoever had it before.
    pub(super) fn claim(&mut self, thread: &str, owner: ClientId) {
        self.forget(thread);
        let entry = Entry {
            owner,
            learnt: false,
        };
        self.owners.insert(thread.to_owned(), entry);
    }

    /// Gives a sub-agent's thread to its parent's owner. A thread that has an owner already keeps it.
    pub(super) fn learn_child(&mut self, parent: &str, child: &str) {
        let Some(owner) = self.owner(parent) else {
            return;
        };
        if self.learnt < MAX_LEARNT && !self.owners.contains_key(child) {
            let entry = Entry {
                owner,
                learnt: true,
            };
            self.owners.insert(child.to_owned(), entry);
            self.learnt += 1;
        }
    }

    pub(super) fn forget(&mut self, thread: &str) {
        if self.owners.remove(thread).is_some_and(|entry| entry.learnt) {
            self.learnt -= 1;
        }
    }

    /// Forgets all threads of a client and returns those that it opened itself, in a stable order.
    pub(super) fn forget_client(&mut self, client: ClientId) -> Vec<String> {
        let gone: Vec<(String, Entry)> = self
            .owners
            .extract_if(|_, entry| entry.owner == client)
            .collect();
        self.learnt -= gone.iter().filter(|(_, entry)| entry.learnt).count();
        let mut opened: Vec<String> = gone
            .into_iter()
            .filter(|(_, entry)| !entry.learnt)
            .map(|(thread, _)| thread)
            .collect();
        opened.sort_unstable();
        opened
    }

    /// Forgets everything: the engine that knew these threads is gone. Returns each owner once, in order.
    pub(super) fn clear(&mut self) -> Vec<(ClientId, Vec<String>)> {
        let mut by_owner: std::collections::BTreeMap<ClientId, Vec<String>> =
            std::collections::BTreeMap::new();
        for (thread, entry) in self.owners.drain() {
            let threads = by_owner.entry(entry.owner).or_default();
            if !entry.learnt {
                threads.push(thread);
            }
        }
        self.learnt = 0;
        for threads in by_owner.values_mut() {
            threads.sort_unstable();
        }
        by_owner.into_iter().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = ClientId(1);
    const B: ClientId = ClientId(2);

    #[test]
    fn a_sub_agents_thread_belongs_to_its_parents_owner() {
        let mut threads = Threads::default();
        threads.learn_child("stranger", "x");
        assert_eq!(threads.owner("x"), None);
        threads.claim("t", A);
        threads.learn_child("t", "child");
        threads.learn_child("child", "grandchild");
        assert_eq!(threads.owner("grandchild"), Some(A));
        threads.claim("other", B);
        threads.learn_child("t", "other");
        assert_eq!(threads.owner("other"), Some(B));
        assert_eq!(threads.forget_client(A), ["t"]);
        assert_eq!(threads.len(), 1);
        assert_eq!(threads.learnt, 0);
    }

    #[test]
    fn an_engine_cannot_announce_threads_without_bound() {
        let mut threads = Threads::default();
        threads.claim("t", A);
        for n in 0..2 * MAX_LEARNT {
            threads.learn_child("t", &format!("c{n}"));
        }
        assert_eq!(threads.len(), MAX_LEARNT + 1);
    }
}
