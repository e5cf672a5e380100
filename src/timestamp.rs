//! Points in time as milliseconds, the ISO text that interfaces use, and the clock that a store is given.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last moment whose year has four digits; later values are held there.
const LAST_MILLIS: u64 = 253_402_300_799_999;

/// A wall-clock moment in milliseconds since 1970, UTC. For records and display; waits use monotonic time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `millis` milliseconds after 1970.
    #[must_use]
    pub fn from_unix_millis(millis: u64) -> Self {
        Timestamp(millis.min(LAST_MILLIS))
    }

    /// The moment of a system clock reading; a reading before 1970 becomes 1970.
    #[must_use]
    pub fn from_system(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_millis(u64::try_from(since.as_millis()).unwrap_or(LAST_MILLIS))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when the clock was set back in between.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved by `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(LAST_MILLIS);
        Self::from_unix_millis(self.0.saturating_add(millis))
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fff]Z`, the one form that [`fmt::Display`] writes. `None` for anything else.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('Z')?;
        let (date, time) = rest.split_once('T')?;
        let mut date = date.split('-');
        let (year, month, day) = (date.next()?, date.next()?, date.next()?);
        let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut clock = clock.split(':');
        let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next()?);
        if date.next().is_some() || clock.next().is_some() {
            return None;
        }
        let year = digits(year, 4)?;
        let (month, day) = (digits(month, 2)?, digits(day, 2)?);
        let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
        if !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        if fraction.is_empty()
            || fraction.len() > 9
            || !fraction.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let millis: u64 = format!("{fraction:0<3}")[..3].parse().ok()?;
        let days = days_from_civil(year, month, day)?;
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Self::from_unix_millis(seconds * 1_000 + millis))
    }
}

fn digits(text: &str, width: usize) -> Option<u64> {
    (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Days since 1970 of a civil date (Gregorian, proleptic). `None` before 1970.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let era = year / 400;
    let year_of_era = year - era * 400;
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// The civil date of a day count since 1970.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        let (year, month, day) = civil_from_days(seconds / 86_400);
        let of_day = seconds % 86_400;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            of_day / 3_600,
            of_day % 3_600 / 60,
            of_day % 60,
            self.0 % 1_000
        )
    }
}

/// Where a store takes the time from, so that tests can hold it still or set it back.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `read` each time.
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock(Arc::new(read))
    }

    /// The system's wall clock.
    #[must_use]
    pub fn system() -> Self {
        Clock::new(|| Timestamp::from_system(SystemTime::now()))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: u64, text: &str) {
        let stamp = Timestamp::from_unix_millis(millis);
        assert_eq!(stamp.to_string(), text);
        assert_eq!(Timestamp::parse_iso(text), Some(stamp));
    }

    #[test]
    fn iso_text_goes_both_ways() {
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400_123, "2000-02-29T00:00:00.123Z");
        check(1_785_499_199_999, "2026-07-31T11:59:59.999Z");
        check(u64::MAX, "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn other_text_is_refused_without_a_panic() {
        for text in [
            "",
            "Z",
            "2026-07-31",
            "2026-13-01T00:00:00Z",
            "2026-07-31T24:00:00Z",
            "2026-07-31T00:00:00.é1Z",
            "0000-01-01T00:00:00Z",
            "+026-07-31T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_iso(text), None, "accepted {text:?}");
        }
    }

    #[test]
    fn a_clock_set_back_gives_zero_and_not_a_wrap() {
        let late = Timestamp::from_unix_millis(500);
        assert_eq!(Timestamp::from_unix_millis(100).since(late), Duration::ZERO);
    }
}
