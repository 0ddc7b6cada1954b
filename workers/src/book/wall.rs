//! Wall clocks: where a minute of a date lies in time, on days with a clock change too.

use chrono::{
    DateTime, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// A day has so many minutes on the clock.
const DAY: u32 = 24 * 60;
/// Clock changes end at a quarter of an hour, and skip no more than a day.
const QUARTER: TimeDelta = TimeDelta::minutes(15);
const QUARTERS: usize = 96;

/// The time that a clock shows at a minute of a date; minute 1440 is the next midnight.
fn shown(date: NaiveDate, minute: u32) -> Option<NaiveDateTime> {
    let date = date.checked_add_days(Days::new((minute / DAY).into()))?;
    let minute = minute % DAY;
    Some(date.and_time(NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)?))
}

/// When a visit begins that is agreed for a minute of a date. Nothing for a minute that the clock
/// skips; of one that comes twice, the first.
pub fn start_of(zone: Tz, date: NaiveDate, minute: u32) -> Option<DateTime<Utc>> {
    let local = zone.from_local_datetime(&shown(date, minute)?).earliest()?;
    Some(local.to_utc())
}

/// When a door opens that opens at a minute of a date: where the clock skips it, right after.
pub fn open_of(zone: Tz, date: NaiveDate, minute: u32) -> DateTime<Utc> {
    edge(zone, date, minute, MappedLocalTime::earliest)
}

/// When a door closes that closes at a minute of a date: of one that comes twice, the second.
pub fn close_of(zone: Tz, date: NaiveDate, minute: u32) -> DateTime<Utc> {
    edge(zone, date, minute, MappedLocalTime::latest)
}

fn edge(
    zone: Tz,
    date: NaiveDate,
    minute: u32,
    of: impl Fn(MappedLocalTime<DateTime<Tz>>) -> Option<DateTime<Tz>>,
) -> DateTime<Utc> {
    let Some(mut at) = shown(date, minute) else {
        return DateTime::<Utc>::MAX_UTC;
    };
    for _ in 0..QUARTERS {
        if let Some(found) = of(zone.from_local_datetime(&at)) {
            return found.to_utc();
        }
        at += QUARTER;
    }
    at.and_utc()
}

/// The clock on the wall on one date.
pub(super) struct Wall {
    zone: Tz,
    date: NaiveDate,
    /// When the date begins, where the clock is not changed on it: then all else follows.
    even: Option<DateTime<Utc>>,
}

impl Wall {
    pub(super) fn of(zone: Tz, date: NaiveDate) -> Self {
        let midnight = open_of(zone, date, 0);
        let whole = close_of(zone, date, DAY) - midnight == TimeDelta::minutes(DAY.into());
        let shown = start_of(zone, date, 0) == Some(midnight);
        Self {
            zone,
            date,
            even: (whole && shown).then_some(midnight),
        }
    }

    fn minute(&self, minute: u32) -> Option<DateTime<Utc>> {
        Some(self.even? + TimeDelta::minutes(minute.into()))
    }

    /// As [`start_of`].
    pub(super) fn start(&self, minute: u32) -> Option<DateTime<Utc>> {
        self.minute(minute)
            .or_else(|| start_of(self.zone, self.date, minute))
    }

    /// As [`open_of`].
    pub(super) fn open(&self, minute: u32) -> DateTime<Utc> {
        self.minute(minute)
            .unwrap_or_else(|| open_of(self.zone, self.date, minute))
    }

    /// As [`close_of`].
    pub(super) fn close(&self, minute: u32) -> DateTime<Utc> {
        self.minute(minute)
            .unwrap_or_else(|| close_of(self.zone, self.date, minute))
    }
}
