//! The append-only event log of one job: its one writer, and readers that follow it.
//!
//! A line counts once its line end is there. A torn last line (a crash, a full disk) is passed over by readers and cut
//! off, or fenced off by a line end, by the writer. What is no event is skipped and counted, never fatal.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::event_wire::{MAX_LINE_BYTES, decode_line};
use super::lock::private;
use super::{JobId, StampedEvent, stored_file};

const READ_CHUNK: usize = 64 * 1024;

/// Writes to a log. Only the holder of the job's lock makes one.
#[derive(Debug)]
pub(crate) struct EventAppender {
    file: File,
    /// Where the last whole line ends.
    length: u64,
    /// Half a line may stand after `length`.
    torn: bool,
}

impl EventAppender {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = private().create(true).append(true).read(true).open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut torn = false;
        if length > 0 {
            file.seek(SeekFrom::Start(length - 1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            torn = last != *b"\n";
        }
        Ok(EventAppender { file, length, torn })
    }

    /// Where the last whole line ends, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends one line (with its line end). After an error the log is as it was, or its end is fenced off by the next
    /// append.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            self.length = self.file.seek(SeekFrom::End(0))?;
            self.torn = false;
        }
        match self.file.write_all(line) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = self.file.set_len(self.length).is_err();
                Err(error)
            }
        }
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reads a log from an offset, as far as whole lines go, again and again.
#[derive(Debug)]
pub struct EventReader {
    file: File,
    offset: u64,
    skipped: u64,
}

impl EventReader {
    pub(crate) fn open(path: &Path, offset: u64) -> io::Result<Self> {
        Ok(EventReader {
            file: stored_file::open(path)?,
            offset,
            skipped: 0,
        })
    }

    /// Where the next line begins, in bytes: a later reader can go on from here.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many lines were no events.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Hands out every whole line that is there and was not read before. Holds at most one line in memory.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read_available(&mut self, mut take: impl FnMut(StampedEvent)) -> io::Result<()> {
        // Half a line is read again next time: the writer may have cut it off and written another.
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut line = Vec::new();
        let mut chunk = vec![0; READ_CHUNK];
        let mut dropping = false;
        let mut pending = 0u64;
        loop {
            let count = match self.file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut rest = &chunk[..count];
            while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
                let part = &rest[..at];
                rest = &rest[at + 1..];
                self.offset += pending + at as u64 + 1;
                pending = 0;
                if dropping || line.len() + part.len() > MAX_LINE_BYTES {
                    self.skipped += 1;
                } else {
                    line.extend_from_slice(part);
                    match decode_line(&line) {
                        Some(event) => take(event),
                        None if line.is_empty() => {}
                        None => self.skipped += 1,
                    }
                }
                dropping = false;
                line.clear();
            }
            pending += rest.len() as u64;
            if dropping || line.len() + rest.len() > MAX_LINE_BYTES {
                dropping = true;
                line.clear();
            } else {
                line.extend_from_slice(rest);
            }
        }
    }
}

/// The suffix of event logs, from which the jobs of a folder are known.
pub(crate) const EVENTS_SUFFIX: &str = ".events.jsonl";
/// How the name of a record ends.
pub(crate) const RECORD_SUFFIX: &str = ".json";

/// The id in the name of an event log, or in that of a record, which is all that an older tool's job has.
pub(crate) fn id_of_file_name(name: &std::ffi::OsStr) -> Option<JobId> {
    let name = name.to_str()?;
    // An id holds no dot, so a request's or an end file's name is none.
    let id = name
        .strip_suffix(EVENTS_SUFFIX)
        .or_else(|| name.strip_suffix(RECORD_SUFFIX))?;
    JobId::parse(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::event_wire::encode_line;
    use crate::jobs::{JobEvent, Timestamp};

    fn warning(text: &str) -> Vec<u8> {
        encode_line(&StampedEvent {
            at: Timestamp::from_unix_millis(0),
            event: JobEvent::Warning { text: text.into() },
        })
    }

    fn texts(reader: &mut EventReader) -> Vec<String> {
        let mut seen = Vec::new();
        reader
            .read_available(|stamped| {
                if let JobEvent::Warning { text } = stamped.event {
                    seen.push(text);
                }
            })
            .unwrap();
        seen
    }

    #[test]
    fn a_reader_follows_and_waits_for_whole_lines() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        let mut appender = EventAppender::open(&path).unwrap();
        appender.append(&warning("one")).unwrap();
        let mut reader = EventReader::open(&path, 0).unwrap();
        assert_eq!(texts(&mut reader), ["one"]);
        let line = warning("two");
        let (first, second) = line.split_at(10);
        let mut raw = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        raw.write_all(first).unwrap();
        assert!(texts(&mut reader).is_empty());
        raw.write_all(second).unwrap();
        assert_eq!(texts(&mut reader), ["two"]);
        assert_eq!(reader.offset(), appender.length() + line.len() as u64);
    }

    #[test]
    fn a_torn_tail_is_fenced_off_by_the_next_writer() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        let mut bytes = warning("one");
        bytes.extend_from_slice(b"{\"v\":1,\"at\":\"19");
        std::fs::write(&path, bytes).unwrap();
        EventAppender::open(&path)
            .unwrap()
            .append(&warning("two"))
            .unwrap();
        let mut reader = EventReader::open(&path, 0).unwrap();
        assert_eq!(texts(&mut reader), ["one", "two"]);
        assert_eq!(reader.skipped(), 1);
    }

    #[test]
    fn an_endless_line_is_skipped_without_holding_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        let mut bytes = vec![b'x'; MAX_LINE_BYTES + READ_CHUNK];
        bytes.push(b'\n');
        bytes.extend_from_slice(&warning("after"));
        std::fs::write(&path, bytes).unwrap();
        let mut reader = EventReader::open(&path, 0).unwrap();
        assert_eq!(texts(&mut reader), ["after"]);
        assert_eq!(reader.skipped(), 1);
    }
}
