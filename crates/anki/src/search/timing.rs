//! Which day it is. Anki's day begins at an hour of the user's choice, in the time zone of the device; a server takes the one that a
//! device last noted.

const DAY: i64 = 86_400;
/// Config `rollover` where it is not set.
const DEFAULT_ROLLOVER: i64 = 4;

/// What the collection says about its days.
#[derive(Debug, Clone, Copy, Default)]
pub struct DayRules {
    /// `col.crt`, seconds.
    pub created: i64,
    /// Config `rollover`, the hour at which a day begins.
    pub rollover: Option<i64>,
    /// Config `creationOffset`: minutes west of UTC when the collection was made. Without it, the older rules hold.
    pub creation_offset: Option<i64>,
    /// Config `localOffset`: minutes west of UTC now.
    pub local_offset: Option<i64>,
    /// Config `schedVer`.
    pub scheduler: i64,
}

/// One moment, in days of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Seconds since the epoch.
    pub now: i64,
    /// The number of today, counted from the day on which the collection was made.
    pub today: i64,
    /// When tomorrow begins, in seconds since the epoch.
    pub next_day: i64,
}

impl DayRules {
    pub fn at(&self, now: i64) -> Timing {
        // By scheduler 1, a day begins at the time of day at which the collection was made.
        if self.scheduler < 2 {
            let today = (now - self.created).div_euclid(DAY);
            return Timing { now, today, next_day: self.created + (today + 1) * DAY };
        }
        let rollover = self.rollover.map_or(DEFAULT_ROLLOVER, |hour| hour.clamp(0, 23)) * 3600;
        let west_now = self.local_offset.or(self.creation_offset).unwrap_or(0) * 60;
        let local_date = |at: i64, west: i64| (at - west).div_euclid(DAY);
        let begins = local_date(now, west_now) * DAY + rollover + west_now;
        let has_begun = begins <= now;
        let next_day = if has_begun { begins + DAY } else { begins };
        let days = match self.creation_offset {
            Some(west) => local_date(now, west_now) - local_date(self.created, west * 60) - i64::from(!has_begun),
            None => {
                let first = local_date(self.created, west_now) * DAY + rollover + west_now;
                (now - first).div_euclid(DAY)
            }
        };
        Timing { now, today: days.max(0), next_day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_the_hour_of_rollover() {
        // Made at 2020-01-01 04:00 in a zone one hour east of UTC.
        let created = 1_577_847_600;
        let rules = DayRules { created, rollover: Some(4), creation_offset: Some(-60), local_offset: Some(-60), scheduler: 2 };
        for (after, today) in [(0, 0), (DAY - 1, 0), (DAY, 1), (10 * DAY + 5, 10)] {
            let timing = rules.at(created + after);
            assert_eq!((timing.today, timing.next_day), (today, created + (today + 1) * DAY), "{after}");
        }
        // Having moved nine hours to the east, the next day begins earlier.
        let moved = DayRules { local_offset: Some(-600), ..rules };
        assert_eq!(moved.at(created + DAY - 9 * 3600).today, 1);
        assert_eq!(moved.at(created + DAY - 9 * 3600 - 1).today, 0);
        let old = DayRules { creation_offset: None, ..rules };
        assert_eq!(old.at(created + 3 * DAY).today, 3);
        let oldest = DayRules { scheduler: 1, ..rules };
        assert_eq!(oldest.at(created + 3 * DAY - 1), Timing { now: created + 3 * DAY - 1, today: 2, next_day: created + 3 * DAY });
    }
}
