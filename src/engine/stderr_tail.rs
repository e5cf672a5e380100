//! The last lines that an engine wrote to stderr, without colours, within a bound.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Shared between the task that drains stderr and whoever words a failure.
#[derive(Debug, Clone, Default)]
pub struct StderrTail {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    whole: VecDeque<String>,
    partial: Vec<u8>,
}

impl StderrTail {
    /// Lines kept.
    pub const MAX_LINES: usize = 40;
    /// Bytes kept of each line.
    pub const MAX_LINE: usize = 1000;

    /// Takes in what was read.
    pub fn push(&self, bytes: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut lines.partial);
                lines.keep(&line);
            } else if lines.partial.len() < Self::MAX_LINE {
                lines.partial.push(byte);
            }
        }
    }

    /// The lines so far, oldest first, an unfinished one included.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<String> = lines.whole.iter().cloned().collect();
        let rest = plain(&lines.partial);
        if !rest.is_empty() {
            all.push(rest);
        }
        all
    }
}

impl Lines {
    fn keep(&mut self, line: &[u8]) {
        let text = plain(line);
        if text.is_empty() {
            return;
        }
        if self.whole.len() == StderrTail::MAX_LINES {
            self.whole.pop_front();
        }
        self.whole.push_back(text);
    }
}

/// A line as text without terminal escapes and other control characters.
pub(crate) fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            if c == '\t' || !c.is_control() {
                out.push(c);
            }
            continue;
        }
        match chars.next() {
            // CSI: parameters up to a final letter.
            Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            // OSC: up to BEL or ESC \.
            Some(']') => {
                while let Some(c) = chars.next() {
                    if c == '\u{7}' {
                        break;
                    }
                    if c == '\u{1b}' {
                        chars.next_if_eq(&'\\');
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_controls_go_and_text_stays() {
        assert_eq!(
            plain(b"\x1b[2m12:00\x1b[0m \x1b[31mERROR\x1b[0m no\r"),
            "12:00 ERROR no"
        );
        assert_eq!(plain(b"\x1b]0;title\x07a\x1b]8;;x\x1b\\b"), "ab");
        assert_eq!(plain("é\u{1b}".as_bytes()), "é");
        assert_eq!(plain(b"\x1b[12"), "");
    }

    #[test]
    fn a_flood_is_cut_to_its_last_lines() {
        let tail = StderrTail::default();
        for n in 0..1000 {
            tail.push(format!("line {n}\n").as_bytes());
        }
        tail.push(&vec![b'x'; 100_000]);
        let lines = tail.lines();
        assert_eq!(lines.len(), StderrTail::MAX_LINES + 1);
        assert_eq!(lines[StderrTail::MAX_LINES - 1], "line 999");
        assert_eq!(lines[StderrTail::MAX_LINES].len(), StderrTail::MAX_LINE);
    }
}
