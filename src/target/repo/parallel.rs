//! Work on many items over several threads, each with a repository of its own; results in the order of the items.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The items that one thread takes, a few neighbours at a time.
pub(super) struct Share<'i, T> {
    items: &'i [T],
    next: &'i AtomicUsize,
    batch: usize,
    taken: std::ops::Range<usize>,
}

impl<'i, T> Iterator for Share<'i, T> {
    type Item = (usize, &'i T);

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken.is_empty() {
            let start = self.next.fetch_add(self.batch, Ordering::Relaxed);
            self.taken = start..self.items.len().min(start.saturating_add(self.batch));
        }
        let index = self.taken.next()?;
        Some((index, self.items.get(index)?))
    }
}

/// Calls `work` once on each thread with its share of the items, until all are taken. `work` gives a result for each item
/// that it was given, with the item's index. The calling thread works along.
pub(super) fn in_parallel<T: Sync, R: Send>(
    repository: &gix::Repository,
    items: &[T],
    batch: usize,
    threads: usize,
    work: impl Fn(&gix::Repository, Share<'_, T>) -> Vec<(usize, R)> + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let share = || Share {
        items,
        next: &next,
        batch,
        taken: 0..0,
    };
    let mut done = if threads < 2 {
        work(repository, share())
    } else {
        let sync = repository.clone().into_sync();
        std::thread::scope(|scope| {
            let handles: Vec<_> = (1..threads)
                .map(|_| scope.spawn(|| work(&sync.to_thread_local(), share())))
                .collect();
            let mut done = work(repository, share());
            for handle in handles {
                match handle.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        })
    };
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
