//! When to write about a visit. Pure: the same booking, plan and moment give the same times.

use chrono::{DateTime, Days, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use zapis_core::store::Status;

use super::Reason;
use super::zones;
use crate::book::open_of;
use crate::business::{Business, ReminderPlan, Span, Step, When};
use zapis_core::store::{Booking, Visit};

/// How long what is written after a visit helps.
const THANKS: TimeDelta = TimeDelta::hours(48);
const MISSED: TimeDelta = TimeDelta::days(7);
const RETURN: TimeDelta = TimeDelta::days(14);
/// When nobody wants to be written to.
const NIGHT: Span = Span {
    from: 21 * 60,
    until: 9 * 60,
};
/// Clock changes move quiet hours by less.
const CHANGE: u32 = 4 * 60;
const DAY: u32 = 24 * 60;
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// What the firm says about the messages of a visit.
#[derive(Debug, Clone)]
pub struct Terms {
    /// When each step is sent.
    pub plan: ReminderPlan,
    /// After how many days customers come again.
    pub return_days: Option<u32>,
    /// The zone of the firm's clock.
    pub zone: Tz,
    /// When nobody is written to.
    pub quiet: Option<Quiet>,
}

/// Hours in which nobody is written to, on a clock.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    /// The hours.
    pub span: Span,
    /// Whose clock shows them.
    pub zone: Tz,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    Due {
        /// When.
        due: DateTime<Utc>,
        /// Not from then on.
        until: DateTime<Utc>,
    },
    /// It is not.
    Skip(Reason),
}

impl Terms {
    /// What the firm says about a visit: what its first service says, or what holds for all.
    pub fn of(business: &Business, booking: &Booking) -> Self {
        let services = || {
            booking
                .visit
                .items
                .iter()
                .filter_map(|item| business.service(&item.service))
        };
        let own = services()
            .next()
            .and_then(|service| service.reminders.as_ref());
        Self {
            plan: own.unwrap_or(&business.reminders.plan).clone(),
            return_days: services().find_map(|service| service.return_days),
            zone: business.time_zone,
            quiet: Quiet::of(business, booking.phone.as_deref()),
        }
    }

    /// What becomes of each step of a visit that is so far, as seen from `now`. With `announce`, what has
    /// become of the visit is among them, at once: `Booked`, or `Cancelled`.
    pub fn fates(
        &self,
        visit: &Visit,
        status: Status,
        announce: bool,
        now: DateTime<Utc>,
    ) -> Vec<(Step, Fate)> {
        if status == Status::CancelledBySalon {
            let fate = announce.then(|| self.cancelled(visit, now)).flatten();
            return fate
                .map(|fate| (Step::Cancelled, fate))
                .into_iter()
                .collect();
        }
        let mut fates = self.before(visit, status, announce, now);
        for step in [Step::Thanks, Step::Missed, Step::Return] {
            let wanted = match step {
                Step::Missed => status == Status::NoShow,
                _ => status.is_active(),
            };
            let nominal = self.nominal(step, visit).filter(|_| wanted);
            if let Some(nominal) = nominal {
                fates.push((step, self.after(step, nominal, visit, now)));
            }
        }
        fates
    }

    /// Better told in the night than in front of a closed door.
    fn cancelled(&self, visit: &Visit, now: DateTime<Utc>) -> Option<Fate> {
        let until = visit.starts_at();
        let wanted = self.plan.steps.contains_key(&Step::Cancelled) && now < until;
        let due = self.allowed(now, now, until).unwrap_or(now);
        wanted.then_some(Fate::Due { due, until })
    }

    /// The steps before the visit, each in time before the next one.
    fn before(
        &self,
        visit: &Visit,
        status: Status,
        announce: bool,
        now: DateTime<Utc>,
    ) -> Vec<(Step, Fate)> {
        if !matches!(status, Status::Booked | Status::Confirmed | Status::Late) {
            return Vec::new();
        }
        let start = visit.starts_at();
        let steps = [Step::DayBefore, Step::Morning, Step::Soon];
        let mut steps: Vec<_> = steps
            .into_iter()
            .filter_map(|step| Some((step, self.nominal(step, visit)?)))
            .collect();
        if announce && self.plan.steps.contains_key(&Step::Booked) {
            steps.push((Step::Booked, now));
        }
        steps.sort_by_key(|(step, nominal)| (*nominal, *step));
        // A step that is put off gives way to one that can be sent at its own time.
        let loud = |at: &DateTime<Utc>| !self.quiet.is_some_and(|quiet| quiet.holds(*at));
        let nominals: Vec<_> = steps.iter().map(|(_, at)| *at).collect();
        let mut floor = now;
        let mut fates: Vec<(Step, Fate)> = Vec::new();
        for (n, (step, nominal)) in steps.into_iter().enumerate() {
            let next = nominals[n + 1..].iter().find(|at| loud(at));
            let ceiling = next.map_or(start, |next| (*next).min(start));
            let fate = if nominal < now {
                Fate::Skip(Reason::Past)
            } else if nominal >= start {
                Fate::Skip(Reason::NoTime)
            } else {
                match self.allowed(nominal, floor, ceiling.max(nominal + MINUTE).min(start)) {
                    Some(due) => {
                        floor = due + MINUTE;
                        Fate::Due { due, until: start }
                    }
                    None => Fate::Skip(Reason::Quiet),
                }
            };
            fates.push((step, fate));
        }
        let mut end = start;
        for (_, fate) in fates.iter_mut().rev() {
            if let Fate::Due { due, until } = fate {
                (*until, end) = (end, *due);
            }
        }
        fates
    }

    fn after(&self, step: Step, nominal: DateTime<Utc>, visit: &Visit, now: DateTime<Utc>) -> Fate {
        let until = nominal
            + match step {
                Step::Return => RETURN,
                Step::Missed => MISSED,
                _ => THANKS,
            };
        if nominal < now {
            return Fate::Skip(Reason::Past);
        }
        match self.allowed(nominal, visit.ends_at().max(now), until) {
            Some(due) => Fate::Due { due, until },
            None => Fate::Skip(Reason::Quiet),
        }
    }

    /// When a step would be sent were there no quiet hours; nothing for one that is switched off.
    fn nominal(&self, step: Step, visit: &Visit) -> Option<DateTime<Utc>> {
        let when = *self.plan.steps.get(&step)?;
        let (start, end) = (visit.starts_at(), visit.ends_at());
        let day = start.with_timezone(&self.zone).date_naive();
        Some(match when {
            When::Shift(minutes) if minutes < 0 => start + TimeDelta::minutes(minutes),
            When::Shift(minutes) => end + TimeDelta::minutes(minutes),
            When::Clock(days, minute) => {
                let more = match step {
                    Step::Return => self.return_days?.into(),
                    _ => 0,
                };
                let days = days + more;
                let shift = Days::new(days.unsigned_abs());
                let day = if days < 0 {
                    day.checked_sub_days(shift)?
                } else {
                    day.checked_add_days(shift)?
                };
                open_of(self.zone, day, minute)
            }
        })
    }

    /// The moment itself or, in quiet hours, the last minute before them that is not before `floor`, or
    /// the first one after them that is before `ceiling`.
    fn allowed(
        &self,
        at: DateTime<Utc>,
        floor: DateTime<Utc>,
        ceiling: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let quiet = self.quiet.filter(|quiet| quiet.holds(at));
        let Some(quiet) = quiet else {
            let at = at.max(floor);
            let fits = at < ceiling && !self.quiet.is_some_and(|quiet| quiet.holds(at));
            return fits.then_some(at);
        };
        let earlier = quiet.earlier(at).filter(|earlier| *earlier >= floor);
        let later = || {
            quiet
                .later(at)
                .filter(|later| (floor..ceiling).contains(later))
        };
        earlier.or_else(later)
    }
}

impl Quiet {
    /// The firm's quiet hours on the clock of the customer, where her phone (E.164) tells it; else on the firm's.
    pub fn of(business: &Business, phone: Option<&str>) -> Option<Self> {
        business
            .quiet_hours
            .map(|_| Self::or_night(business, phone))
    }

    /// The same, and the night where the firm has set none.
    pub fn or_night(business: &Business, phone: Option<&str>) -> Self {
        let zone = phone.and_then(zones::of_phone);
        Self {
            span: business.quiet_hours.unwrap_or(NIGHT),
            zone: zone.unwrap_or(business.time_zone),
        }
    }

    fn minute(self, at: DateTime<Utc>) -> u32 {
        let local = at.with_timezone(&self.zone);
        local.hour() * 60 + local.minute()
    }

    /// Whether nobody is written to then.
    pub fn holds(self, at: DateTime<Utc>) -> bool {
        self.span.holds(self.minute(at))
    }

    /// The last minute before these hours.
    fn earlier(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let back = (self.minute(at) + DAY - self.span.from) % DAY + 1;
        let near = at - TimeDelta::minutes(back.into());
        self.loud(near, -1)
    }

    /// The first minute after these hours, for a moment in them.
    pub fn later(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let forth = (self.span.until + DAY - self.minute(at)) % DAY;
        let near = at + TimeDelta::minutes(forth.into());
        self.loud(near, 1)
    }

    /// When they begin next, for a moment that is not in them; within a day.
    pub(super) fn next(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let forth = (self.span.from + DAY - self.minute(at)) % DAY;
        let near = at - TimeDelta::seconds(at.timestamp() % 60) + TimeDelta::minutes(forth.into());
        // Where a clock change moved them, the first minute that is quiet. A clock that was put back shows their
        // end once more.
        let ahead = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local() - at.naive_utc();
        let moved = ahead(at) != ahead(near);
        let before = if moved { CHANGE.max(forth) } else { CHANGE };
        let around = (-i64::from(before)..i64::from(CHANGE)).map(|n| near + TimeDelta::minutes(n));
        let mut around = around.filter(|minute| *minute > at && self.holds(*minute));
        around.next()
    }

    /// The nearest minute in a direction that is not quiet: a clock change may have moved them.
    fn loud(self, near: DateTime<Utc>, direction: i64) -> Option<DateTime<Utc>> {
        let minutes = (0..i64::from(CHANGE)).map(|n| near + TimeDelta::minutes(n * direction));
        let mut minutes = minutes.filter(|at| !self.holds(*at));
        minutes.next()
    }
}
