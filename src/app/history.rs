//! The year behind `zapis demo --history`: a journal with its figures, and a book that goes on for two weeks.

use anyhow::Context;
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::ids;
use zapis_core::store::{
    Booked, Booking, BookingChange, Change, Changed, Followed, Item, NewBooking, Status, Store,
    Visit, Wanted,
};
use zapis_sandbox::year::{GROUP, MASTERS, PlantedVisit, Year};
use zapis_workers::book::{open_of, working};
use zapis_workers::business::{Business, Employee, Service};
use zapis_workers::desk::Desks;
use zapis_workers::kpi::Follower;

/// How many customers' stories: some four visits a day.
const STORIES: u32 = 5_000;
const SEED: u64 = 2;
/// A visit whose day is full or free for its person comes within so many days.
const WITHIN: u64 = 7;

/// Writes it down, before anybody looks at the book: nothing of it is news.
pub(super) async fn write(
    store: &Store,
    firm: &Business,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let first = firm.local(now).date_naive() - Days::new(365);
    let mut year = Year::new(SEED, STORIES, open_of(firm.time_zone, first, 0));
    year.write(store, now).await?;
    let planted = year.take_planted();
    let book = Book { store, firm, now };
    for one in &planted {
        // In her second messenger she is the same.
        let guest = one.conversation.peer().trim_end_matches("-2");
        for visit in one.visits.iter().filter(|one| one.made_at <= now) {
            book.enter(guest, visit).await?;
        }
    }
    // The journal has it already, and nobody is at the other end who could be reminded.
    let told = Followed {
        upto: store.last_booking_position().await?,
        ..Followed::default()
    };
    store.follow(&told).await?;
    let follower = Follower {
        store: store.clone(),
        desks: Desks::new([GROUP.parse()?]),
        clock: Clock::fixed(now),
    };
    follower.catch_up().await?;
    Ok(())
}

struct Book<'a> {
    store: &'a Store,
    firm: &'a Business,
    now: DateTime<Utc>,
}

impl Book<'_> {
    /// Enters a visit with all that became of it by now.
    async fn enter(&self, guest: &str, visit: &PlantedVisit) -> anyhow::Result<()> {
        let cause = ids::derive(&["a year of a demo", guest, &visit.made_at.to_rfc3339()]);
        let Some(mut booking) = self.book(cause, guest, visit).await? else {
            return Ok(());
        };
        let starts_at = booking.visit.starts_at();
        let confirmed_at = starts_at - TimeDelta::hours(20);
        let came_at = starts_at + TimeDelta::minutes(5);
        let came = |came| {
            if came {
                Status::Arrived
            } else {
                Status::NoShow
            }
        };
        let off = visit.gone_at.filter(|_| visit.is_cancelled());
        let steps = [
            off.map(|at| (at, Status::CancelledByCustomer)),
            visit.confirmed.then_some((confirmed_at, Status::Confirmed)),
            visit.came.map(|here| (came_at, came(here))),
        ];
        for (at, status) in steps
            .into_iter()
            .flatten()
            .filter(|(at, _)| *at <= self.now)
        {
            let change = BookingChange {
                booking: booking.id,
                version: booking.version,
                cause: ids::of(cause, status.name(), 0),
                who: "Ирина".to_owned(),
                conversation: None,
                to: Change::Status(status),
            };
            if let Changed::Done(changed) = self.store.change_booking(&change, at).await? {
                booking = changed;
            }
        }
        Ok(())
    }

    /// Books it as soon as its person has time from its day on.
    async fn book(
        &self,
        cause: Uuid,
        guest: &str,
        visit: &PlantedVisit,
    ) -> anyhow::Result<Option<Booking>> {
        let (person, ..) = MASTERS
            .iter()
            .find(|(_, service, _)| *service == visit.service)
            .context("a service of nobody")?;
        let person = self.firm.employee(person).context("nobody")?;
        let service = self.firm.service(visit.service).context("no service")?;
        let day = self.firm.local(visit.starts_at).date_naive();
        for date in (0..WITHIN).map(|days| day + Days::new(days)) {
            for starts_at in self.starts(person, service, date) {
                let request = request(cause, guest, visit_at(person, service, starts_at));
                let booked = self.store.book(&request, visit.made_at).await?;
                if let Booked::Booked(booking) = booked {
                    return Ok(Some(booking));
                }
            }
        }
        Ok(None)
    }

    /// When a visit could begin on a day: on the hour, first at another one for each day.
    fn starts(&self, person: &Employee, service: &Service, date: NaiveDate) -> Vec<DateTime<Utc>> {
        let mut starts = Vec::new();
        for span in working(self.firm, person, date, None, None) {
            let hours = (span.from..span.until).step_by(60);
            let fits = hours.filter(|from| from + service.book_minutes <= span.until);
            starts.extend(fits.map(|minute| open_of(self.firm.time_zone, date, minute)));
        }
        let first = date.day() as usize;
        let first = first.checked_rem(starts.len()).unwrap_or(0);
        starts.rotate_left(first);
        starts
    }
}

fn visit_at(person: &Employee, service: &Service, starts_at: DateTime<Utc>) -> Visit {
    Visit {
        location: person.location.clone(),
        items: vec![Item {
            service: service.id.clone(),
            resource: person.id.clone(),
            needs: Vec::new(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(service.book_minutes.into()),
            buffer: service.buffer,
            price: String::new(),
        }],
    }
}

fn request(cause: Uuid, guest: &str, visit: Visit) -> NewBooking {
    NewBooking {
        wanted: Wanted::Visit(visit),
        cause,
        who: "customer".to_owned(),
        conversation: None,
        name: format!("Гостья {guest}"),
        phone: Some(format!("+7921{guest:0>7}")),
        source: "telegram".to_owned(),
        for_whom: None,
        notes: None,
    }
}
