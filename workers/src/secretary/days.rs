//! Time to keep free, and the visits of a day.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use zapis_core::store::StoreError;

use super::words::{NOBODY, WHO_CLOSES};
use super::{Closed, Reply, Secretary};
use crate::book::{close_of, open_of};
use crate::business::Location;
use crate::notices::Words;
use crate::when::{self, DayPart, Reach, When};

/// The most pieces of time that one order closes, and the longest of them.
const PIECES: usize = 10;
const LONGEST: TimeDelta = TimeDelta::days(62);
/// The longest note on closed time, in characters.
const NOTE: usize = 120;

impl Secretary<'_> {
    pub(super) async fn close(&self, text: &str) -> Result<Reply, StoreError> {
        let (heard, _) = self.heard(text);
        if heard.people.is_empty() {
            return Ok(Reply::plain(WHO_CLOSES));
        }
        let mut spans = Vec::new();
        let today = When {
            days: Some(Reach::At(self.local().date())),
            ..When::default()
        };
        let said = if heard.when.any_of.is_empty() {
            vec![today]
        } else {
            heard.when.any_of.clone()
        };
        for when in &said {
            let Some((from, until)) = self.span(when, heard.when.length) else {
                continue;
            };
            let fits = until > from && until - from <= LONGEST && until > self.asked.now;
            spans.extend(fits.then_some((from, until)));
        }
        let close = |person: &String| {
            let person = person.clone();
            spans.iter().map(move |(from, until)| Closed {
                person: person.clone(),
                from: *from,
                until: *until,
            })
        };
        let all: Vec<Closed> = heard.people.iter().flat_map(close).take(PIECES).collect();
        if all.is_empty() {
            return Ok(Reply::plain(WHO_CLOSES));
        }
        let note: String = text.chars().take(NOTE).collect();
        self.ask_close(all, note).await
    }

    /// The time that words name: whole days where no hours were said.
    fn span(
        &self,
        when: &When,
        length: Option<when::Length>,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let zone = self.firm.business.time_zone;
        let (day, time) = when.start(self.local())?;
        let last = match when.days {
            Some(Reach::Between { until, .. }) => until,
            _ => day,
        };
        let minute = |time: NaiveTime| time.hour() * 60 + time.minute();
        let end = when.time.and_then(|reach| reach.end());
        let part = when.day_part().map(DayPart::hours);
        let (from, until) = match (time, end, part) {
            (Some(from), Some(until), _) => (minute(from), minute(until)),
            (Some(from), None, _) => {
                let open = matches!(when.time, Some(Reach::From(_) | Reach::After(_)));
                let begins = day.and_time(from);
                let ends = length.and_then(|length| length.after(begins));
                let until = ends
                    .filter(|ends| ends.date() == day)
                    .map(|ends| minute(ends.time()));
                let hour = minute(from) + 60;
                (
                    minute(from),
                    until.unwrap_or(if open { 24 * 60 } else { hour }),
                )
            }
            (None, Some(until), _) => (0, minute(until)),
            (None, None, Some((from, until))) => (from * 60, until * 60),
            (None, None, None) => (0, 24 * 60),
        };
        Some((
            open_of(zone, day, from),
            close_of(zone, last, until.min(24 * 60)),
        ))
    }

    /// The visits of a day: of today, when no other is named.
    pub(super) async fn day(&self, text: &str) -> Result<Reply, StoreError> {
        let now = self.local();
        let wish = when::read(text, now).wish;
        let named = wish.first().and_then(|when| when.start(now));
        let date = named.map_or(now.date(), |(date, _)| date);
        let furthest = now.date().checked_add_days(Days::new(366));
        let date = date.min(furthest.unwrap_or(date));
        let mut lists = Vec::new();
        for location in &self.firm.business.locations {
            let list = self.list(location, date).await?;
            lists.extend((!list.is_empty()).then_some(list));
        }
        Ok(Reply::plain(if lists.is_empty() {
            NOBODY.to_owned()
        } else {
            lists.join("\n\n")
        }))
    }

    async fn list(&self, location: &Location, date: NaiveDate) -> Result<String, StoreError> {
        let business = &self.firm.business;
        let zone = business.time_zone;
        let (from, until) = (open_of(zone, date, 0), close_of(zone, date, 24 * 60));
        let mut bookings = self.store.bookings_between(from, until).await?;
        bookings.retain(|booking| booking.visit.location == location.id);
        Ok(Words(business).list(location, date, &bookings, self.asked.now))
    }
}
