//! Calls that wait for their answer.

use std::collections::BTreeMap;

use super::RequestId;

/// Open calls by the id they were sent under, each with whatever the caller needs to finish it.
#[derive(Debug)]
pub struct Pending<T> {
    next_id: i64,
    open: BTreeMap<RequestId, T>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending {
            next_id: 1,
            open: BTreeMap::new(),
        }
    }
}

impl<T> Pending<T> {
    /// Opens a call and returns the fresh id to send it under.
    pub fn open(&mut self, waiter: T) -> RequestId {
        let id = RequestId::Number(self.next_id);
        self.next_id += 1;
        self.open.insert(id.clone(), waiter);
        id
    }

    /// Ends the call that an answer belongs to; `None` for an answer that nobody waits for.
    pub fn close(&mut self, id: &RequestId) -> Option<T> {
        self.open.remove(id)
    }

    /// Ends every call, oldest first: for a connection that is lost.
    pub fn drain(&mut self) -> impl Iterator<Item = (RequestId, T)> + use<T> {
        std::mem::take(&mut self.open).into_iter()
    }

    /// Open calls, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestId, &T)> {
        self.open.iter()
    }

    /// How many calls are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no call is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
