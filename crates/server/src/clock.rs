//! The clock. Everything that needs the time is given one, so that tests can turn it.

use chrono::{DateTime, Datelike, Timelike, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time: the system's, or one that a test sets. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is set.
    pub fn fixed(ms: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(ms))))
    }

    /// Milliseconds since the epoch.
    #[expect(clippy::disallowed_methods, reason = "the one place that may ask the system")]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Some(fixed) => fixed.load(Ordering::Relaxed),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Seconds since the epoch.
    pub fn now_secs(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Sets a fixed clock. Has no effect on the system's.
    pub fn set(&self, ms: i64) {
        if let Some(fixed) = &self.0 {
            fixed.store(ms, Ordering::Relaxed);
        }
    }
}

/// A moment as people read it, in UTC: `2026-11-22 23:54:56`.
pub fn readable_time(ms: i64) -> String {
    let time = utc(ms);
    format!("{} {:02}:{:02}:{:02}", date_of(time), time.hour(), time.minute(), time.second())
}

/// A moment as programs read it, in UTC: `2026-11-22T23:54:56Z`.
pub fn iso_time(ms: i64) -> String {
    readable_time(ms).replace(' ', "T") + "Z"
}

/// A moment as part of a file's name, in UTC: `20261122-235456`.
pub fn file_name_time(ms: i64) -> String {
    readable_time(ms).replace(['-', ':'], "").replace(' ', "-")
}

/// A day since 1970 as a date: `2026-11-22`.
pub fn date(day: i64) -> String {
    date_of(utc(day.saturating_mul(86_400_000)))
}

fn date_of(time: DateTime<Utc>) -> String {
    format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day())
}

/// What lies more than two hundred thousand years away is shown as the farthest moment that there is.
fn utc(ms: i64) -> DateTime<Utc> {
    let farthest = if ms < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_millis(ms).unwrap_or(farthest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let cases = [
            (0, "1970-01-01 00:00:00"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_795_391_696_999, "2026-11-22 23:54:56"),
            (4_107_542_399_000, "2100-02-28 23:59:59"),
            (4_107_542_400_000, "2100-03-01 00:00:00"),
            (-1000, "1969-12-31 23:59:59"),
            (253_402_300_800_000, "10000-01-01 00:00:00"),
            (i64::MAX, "262142-12-31 23:59:59"),
        ];
        for (ms, want) in cases {
            assert_eq!(readable_time(ms), want);
        }
        for (day, wanted) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (11_017, "2000-03-01"), (20_782, "2026-11-25"), (-1, "1969-12-31")]
        {
            assert_eq!(date(day), wanted);
        }
        assert_eq!(file_name_time(1_795_391_696_999), "20261122-235456");
    }

    #[test]
    fn a_fixed_clock_is_shared() {
        let clock = Clock::fixed(5);
        let same = clock.clone();
        same.set(7);
        assert_eq!(clock.now_ms(), 7);
        assert!(Clock::system().now_ms() > 1_700_000_000_000);
    }
}
