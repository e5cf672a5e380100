//! Many files over several threads.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};

use super::language::Language;
use super::outline::FileOutline;
use super::parse::Outliner;

/// How many files wait for each thread: what is read ahead is held in memory.
const WAITING_A_THREAD: usize = 4;
/// The most threads that are started.
const MOST_THREADS: usize = 16;

/// One file to outline.
#[derive(Debug)]
pub struct Source {
    /// The caller's own number for it.
    pub key: usize,
    /// Its language.
    pub language: Option<Language>,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Outlines files on `threads` threads (0 means one for each processor) and returns each outline with its key, in the
/// order of the sources: the same whatever the number of threads. The sources are drawn on the calling thread, a few
/// ahead of the work.
#[must_use]
pub fn outline_all(
    sources: impl Iterator<Item = Source>,
    threads: usize,
) -> Vec<(usize, FileOutline)> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let threads = threads.clamp(1, MOST_THREADS);
    if threads == 1 {
        let mut outliner = Outliner::new();
        return sources
            .map(|source| (source.key, outliner.outline(source.language, &source.bytes)))
            .collect();
    }
    let (work, waiting) = sync_channel::<(usize, Source)>(threads * WAITING_A_THREAD);
    let waiting = Arc::new(Mutex::new(waiting));
    let (done, outlines) = channel();
    let mut found = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (waiting, done) = (Arc::clone(&waiting), done.clone());
            scope.spawn(move || work_through(&waiting, &done));
        }
        drop((done, waiting));
        hand_out(sources, work);
        outlines
            .into_iter()
            .collect::<Vec<(usize, usize, FileOutline)>>()
    });
    found.sort_by_key(|(position, ..)| *position);
    found
        .into_iter()
        .map(|(_, key, outline)| (key, outline))
        .collect()
}

/// Takes the channel, so that its end tells the threads that nothing more comes.
fn hand_out(sources: impl Iterator<Item = Source>, work: SyncSender<(usize, Source)>) {
    for item in sources.enumerate() {
        // Only when every thread is gone; then the scope passes on why.
        if work.send(item).is_err() {
            return;
        }
    }
}

fn work_through(
    waiting: &Mutex<Receiver<(usize, Source)>>,
    done: &std::sync::mpsc::Sender<(usize, usize, FileOutline)>,
) {
    let mut outliner = Outliner::new();
    loop {
        let next = match waiting.lock() {
            Ok(waiting) => waiting.recv(),
            Err(_) => return,
        };
        let Ok((position, source)) = next else {
            return;
        };
        let outline = outliner.outline(source.language, &source.bytes);
        if done.send((position, source.key, outline)).is_err() {
            return;
        }
    }
}
