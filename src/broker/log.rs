//! The broker's own lines in `broker.log`: what became of its engine, whom it turned away, and why it ended.
//!
//! Lines are few and the file has a bound: a log that has grown to [`MOST_BYTES`] becomes `broker.log.old`, in place of the
//! one before, and a new one is begun. A broker that panics says so on stderr, which its starter points at the same file.
//!
//! Failure policy: a log that cannot be written costs its lines, and nobody else anything.

use std::fmt;
use std::fs::File;
use std::io::Write as _;

use super::folder::SessionDir;
use crate::timestamp::Clock;

/// What a log may grow to.
const MOST_BYTES: u64 = 256 << 10;

/// An open log.
pub(super) struct Log {
    dir: SessionDir,
    clock: Clock,
    /// `None` where it cannot be opened.
    file: Option<File>,
    /// Bytes in it.
    bytes: u64,
    most_bytes: u64,
}

impl Log {
    /// Goes on with the log that the starter has begun, or begins one.
    pub(super) fn open(dir: &SessionDir, clock: Clock) -> Self {
        let file = dir.append_log().ok();
        let bytes = file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .map_or(0, |metadata| metadata.len());
        Log {
            dir: dir.clone(),
            clock,
            file,
            bytes,
            most_bytes: MOST_BYTES,
        }
    }

    /// Adds a line, with the time before it.
    pub(super) fn line(&mut self, text: impl fmt::Display) {
        if self.bytes >= self.most_bytes {
            self.file = self.dir.new_log().ok();
            self.bytes = 0;
        }
        let Some(file) = &mut self.file else { return };
        // What a peer said may hold line ends.
        let text = text.to_string().replace(['\n', '\r'], " ");
        let line = format!("[{}] {text}\n", self.clock.now());
        if file.write_all(line.as_bytes()).is_ok() {
            self.bytes += line.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    fn log(folder: &std::path::Path) -> (SessionDir, Log) {
        let dir = SessionDir::of(folder, "key");
        dir.prepare().unwrap();
        let clock = Clock::new(|| Timestamp::from_unix_millis(1_000));
        let log = Log::open(&dir, clock);
        (dir, log)
    }

    #[test]
    fn a_line_has_its_time_and_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, mut log) = log(folder.path());
        log.line("the engine ended: said\nthis");
        let text = std::fs::read_to_string(dir.log_file()).unwrap();
        assert_eq!(
            text,
            "[1970-01-01T00:00:01.000Z] the engine ended: said this\n"
        );
    }

    #[test]
    fn what_the_starter_began_is_kept_and_a_full_log_gives_way_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, first) = log(folder.path());
        drop(first);
        std::fs::write(dir.log_file(), "from stderr\n").unwrap();
        let mut log = Log::open(&dir, Clock::system());
        log.most_bytes = 40;
        for number in 0..2 {
            log.line(number);
        }
        let new = std::fs::read_to_string(dir.log_file()).unwrap();
        assert!(new.ends_with("] 1\n") && new.lines().count() == 1, "{new}");
        let old = std::fs::read_to_string(dir.old_log_file()).unwrap();
        assert!(old.starts_with("from stderr\n"), "{old}");
    }
}
