//! Which boards there are, and when. Pure.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use zapis_core::board::{Board, Mark};
use zapis_core::message::Button;
use zapis_core::store::{Booking, BookingEvent, Status};

use super::news::{News, is_cancelled};
use super::words::{self, Words};
use crate::book::open_of;
use crate::business::Business;

/// The day's visits, shown in the morning.
const DAY: &str = "day";
/// The next day's, shown the evening before.
const NEXT_DAY: &str = "next-day";
/// After so long nobody marks who came.
const MARKED_WITHIN: TimeDelta = TimeDelta::hours(16);

/// The boards of a firm at a moment.
pub(super) struct Boards<'a> {
    pub(super) business: &'a Business,
    pub(super) now: DateTime<Utc>,
}

impl Boards<'_> {
    /// The lists of a day: which, at which minute of today, and the visits of which date.
    pub(super) fn lists(&self) -> Vec<(&'static str, u32, NaiveDate)> {
        let rules = &self.business.booking;
        let today = self.business.local(self.now).date_naive();
        let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
        let list = |key, minute: Option<u32>, date| minute.map(|minute| (key, minute, date));
        [
            list(DAY, rules.day_list, today),
            list(NEXT_DAY, rules.next_day_list, tomorrow),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// When a list is shown next.
    pub(super) fn next_list(&self) -> Option<DateTime<Utc>> {
        let today = self.business.local(self.now).date_naive();
        let at = |date, minute| open_of(self.business.time_zone, date, minute);
        let lists = self.lists();
        let both = [today, today.checked_add_days(Days::new(1))?];
        both.into_iter()
            .flat_map(|date| lists.iter().map(move |(_, minute, _)| (date, *minute)))
            .map(|(date, minute)| at(date, minute))
            .filter(|at| *at > self.now)
            .min()
    }

    /// The lists with the visits of a date that are shown by now.
    pub(super) fn lists_of(&self, date: NaiveDate) -> Vec<(&'static str, NaiveDate)> {
        let today = self.business.local(self.now).date_naive();
        let shown = |minute| open_of(self.business.time_zone, today, minute) <= self.now;
        let lists = self.lists().into_iter();
        lists
            .filter(|(_, minute, of)| *of == date && shown(*minute))
            .map(|(key, _, of)| (key, of))
            .collect()
    }

    /// What begins for a booking after a moment: a call to make, a visit to mark.
    pub(super) fn begun(&self, booking: &Booking, from: DateTime<Utc>) -> Vec<Board> {
        let starts = booking.visit.starts_at();
        let within = |at: DateTime<Utc>| at > from && at <= self.now;
        let mut boards = Vec::new();
        if within(starts) && booking.status.is_active() {
            boards.push(self.attendance(booking, &[]));
        }
        if self.call_from(booking).is_some_and(within) && self.needs_call(booking) {
            boards.push(self.call(booking, &[]));
        }
        boards
    }

    /// What is shown of a booking that has changed; shown `anew` where its time is another and has come.
    pub(super) fn of_visit(
        &self,
        news: &News,
        booking: &Booking,
        events: &[BookingEvent],
        anew: bool,
    ) -> Vec<Board> {
        let starts = booking.visit.starts_at();
        let before = news
            .before
            .as_ref()
            .map_or(starts, |one| one.visit.starts_at());
        let earliest = before.min(starts);
        let ahead = TimeDelta::hours(self.business.booking.call_hours.into());
        let mut boards = Vec::new();
        if earliest - ahead <= self.now {
            let due = self.call_from(booking).is_some_and(|at| at <= self.now);
            boards.push(Board {
                only_rewrites: !(anew && due && self.needs_call(booking)),
                ..self.call(booking, events)
            });
        }
        if earliest <= self.now {
            let due = starts <= self.now && starts + MARKED_WITHIN > self.now;
            boards.push(Board {
                only_rewrites: !(anew && due && booking.status.is_active()),
                ..self.attendance(booking, events)
            });
        }
        boards
    }

    /// From when on the staff should call.
    fn call_from(&self, booking: &Booking) -> Option<DateTime<Utc>> {
        let hours = self.business.booking.call_hours;
        (hours > 0).then(|| booking.visit.starts_at() - TimeDelta::hours(hours.into()))
    }

    /// Whoever booked on the day itself is not asked again.
    fn needs_call(&self, booking: &Booking) -> bool {
        let day = |at| self.business.local(at).date_naive();
        let starts = booking.visit.starts_at();
        booking.status == Status::Booked
            && starts > self.now
            && day(booking.created_at) < day(starts)
    }

    fn call(&self, booking: &Booking, events: &[BookingEvent]) -> Board {
        let words = Words(self.business);
        let buttons = if self.needs_call(booking) {
            vec![Mark::Called.button(words::CALLED, booking.id)]
        } else {
            Vec::new()
        };
        let foot = if buttons.is_empty() {
            words.state(booking, events)
        } else {
            String::new()
        };
        Board {
            key: format!("call:{}", booking.id),
            text: words.call(booking, &foot),
            buttons,
            only_rewrites: false,
        }
    }

    fn attendance(&self, booking: &Booking, events: &[BookingEvent]) -> Board {
        let words = Words(self.business);
        let foot = match booking.status {
            Status::Booked | Status::Confirmed => String::new(),
            _ => words.state(booking, events),
        };
        Board {
            key: format!("came:{}", booking.id),
            text: words.attendance(booking, &foot),
            buttons: self.marks(booking),
            only_rewrites: false,
        }
    }

    /// What can be marked; a mistake can be put right.
    fn marks(&self, booking: &Booking) -> Vec<Button> {
        if is_cancelled(booking.status) || booking.visit.starts_at() > self.now {
            return Vec::new();
        }
        let all = [
            (Mark::Arrived, words::ARRIVED),
            (Mark::Late, words::LATE),
            (Mark::NoShow, words::NO_SHOW),
        ];
        let open = |mark: Mark| match booking.status {
            Status::Arrived => mark == Mark::NoShow,
            Status::NoShow => mark == Mark::Arrived,
            status => mark.status() != status,
        };
        all.into_iter()
            .filter(|(mark, _)| open(*mark))
            .map(|(mark, title)| mark.button(title, booking.id))
            .collect()
    }
}
