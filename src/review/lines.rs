//! Ranges of lines.

/// Lines of a file, 1-based, both ends included, `start <= end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRange {
    start: u32,
    end: u32,
}

impl LineRange {
    /// A range from `start` to `end`. Zero becomes one, and swapped ends are put in order: reviewers write both.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        let (start, end) = (start.max(1), end.max(1));
        LineRange {
            start: start.min(end),
            end: start.max(end),
        }
    }

    /// The first line, 1-based.
    #[must_use]
    pub fn start(self) -> u32 {
        self.start
    }

    /// The last line, included.
    #[must_use]
    pub fn end(self) -> u32 {
        self.end
    }

    /// How many lines to walk from the one range to the other; 0 when they share a line.
    #[must_use]
    pub fn distance(self, other: LineRange) -> u32 {
        let gap_below = other.start.saturating_sub(self.end);
        let gap_above = self.start.saturating_sub(other.end);
        gap_below.max(gap_above)
    }

    /// The part that lies in a file of `line_count` lines; the last line when there is none.
    #[must_use]
    pub fn cut(self, line_count: u32) -> LineRange {
        LineRange::new(self.start.min(line_count), self.end.min(line_count))
    }
}
