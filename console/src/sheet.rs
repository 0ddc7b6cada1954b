//! The sheet: who comes when to whom, on a day or in a week; time that is kept free; who waits for a time.

use axum::extract::{Extension, Query, State};
use axum::response::Html;
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::store::{Booking, Busy, BusyKind, Item, WaitEntry};
use zapis_workers::book::{Wish, open_of};
use zapis_workers::business::{Business, Location, Span};

use crate::Console;
use crate::door::Me;
use crate::hours::{self, Hours};
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::visits::is_cancelled;
use crate::words;

/// The hours that are shown where nothing lies outside of them, in minutes of the day.
const SHOWN: (u32, u32) = (9 * 60, 21 * 60);
/// How many who wait for a time are looked at, and how many are shown.
const WAITING: u32 = 1_000;
const WAITING_SHOWN: usize = 100;

/// Which day.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    day: Option<NaiveDate>,
    #[serde(default)]
    location: String,
}

/// Some days at one location, or at all of them.
struct Sheet<'a> {
    view: &'a View<'a>,
    firm: &'a Business,
    /// The location that the person is bound to.
    own: Option<&'a str>,
    location: String,
    first: NaiveDate,
    days: u64,
    bookings: Vec<Booking>,
    blocks: Vec<Busy>,
    hours: Hours<'a>,
}

/// From the beginning of a day to the end of the last of some, at the firm.
pub(crate) fn bounds(zone: Tz, first: NaiveDate, days: u64) -> (DateTime<Utc>, DateTime<Utc>) {
    let from = open_of(zone, first, 0);
    let next = first.checked_add_days(Days::new(days));
    let until = next.map_or(from + TimeDelta::days(1), |next| open_of(zone, next, 0));
    (from, until)
}

impl<'a> Sheet<'a> {
    async fn read(
        console: &Console,
        view: &'a View<'a>,
        me: &'a Me,
        wish: Asked,
        days: u64,
    ) -> Result<Self, Refusal> {
        let firm = view.firm.as_deref().ok_or(Refusal::Bad("visits-no-firm"))?;
        let today = view.now.with_timezone(&view.zone).date_naive();
        let day = wish.day.unwrap_or(today);
        // A week begins on Monday.
        let back = if days > 1 {
            day.weekday().num_days_from_monday()
        } else {
            0
        };
        let first = day.checked_sub_days(Days::new(back.into())).unwrap_or(day);
        let own = me.location();
        let store = console.store();
        let last = first.checked_add_days(Days::new(days - 1)).unwrap_or(first);
        let hours = Hours::new(firm, store.hours(first, last).await?);
        let mut sheet = Self {
            view,
            firm,
            own,
            location: own.map_or(wish.location, str::to_owned),
            first,
            days,
            bookings: Vec::new(),
            blocks: Vec::new(),
            hours,
        };
        let (from, until) = bounds(view.zone, first, days);
        let here = |at: &str| sheet.location.is_empty() || sheet.location == at;
        let mut bookings = store.bookings_between(from, until).await?;
        bookings.retain(|one| here(&one.visit.location) && !is_cancelled(one.status));
        let people = firm.staff.iter().filter(|one| here(&one.location));
        let people: Vec<&str> = people.map(|one| one.id.as_str()).collect();
        let mut blocks = store.busy(&people, from, until, view.now).await?;
        blocks.retain(|one| one.kind == BusyKind::Block);
        sheet.bookings = bookings;
        sheet.blocks = blocks;
        Ok(sheet)
    }

    fn people(&self) -> impl Iterator<Item = &zapis_workers::business::Employee> {
        let staff = self.firm.staff.iter();
        staff.filter(|one| self.location.is_empty() || one.location == self.location)
    }

    /// What both ways to show it need.
    fn frame(&self) -> Value {
        let language = self.view.language();
        let locations = self.firm.locations.iter().filter(|_| self.own.is_none());
        let locations = locations.map(|one| (one.id.clone(), one.name.in_language(language)));
        let step = i64::try_from(self.days).unwrap_or(1);
        let other = |days: i64| (self.first + TimeDelta::days(days)).to_string();
        let today = self.view.now.with_timezone(&self.view.zone).date_naive();
        let last = self.first + TimeDelta::days(step - 1);
        let is_now = (self.first..=last).contains(&today);
        context! {
            day => self.first.to_string(),
            before => other(-step),
            after => other(step),
            is_now,
            location => self.location.as_str(),
            locations => Value::from(Serde(locations.collect::<Vec<_>>())),
            count => self.bookings.len(),
        }
    }

    /// Where a moment lies in its day, in minutes, the day being cut at its ends.
    fn minute(&self, at: DateTime<Utc>) -> u32 {
        let local = at.with_timezone(&self.view.zone);
        match local.date_naive() {
            day if day < self.first => 0,
            day if day > self.first => 24 * 60,
            _ => local.hour() * 60 + local.minute(),
        }
    }

    /// Who works here, by id, name and role; then those who have visits and are not in the firm's file any more.
    fn everybody(&self) -> Vec<(&str, &str, &str)> {
        let language = self.view.language();
        let named = self.people().map(|one| {
            let role = one.role.in_language(language);
            (one.id.as_str(), one.name.in_language(language), role)
        });
        let mut all: Vec<_> = named.collect();
        for (_, item) in self.items() {
            if all.iter().all(|(id, ..)| *id != item.resource) {
                all.push((&item.resource, &item.resource, ""));
            }
        }
        all
    }

    /// Every service of every visit.
    fn items(&self) -> impl Iterator<Item = (&Booking, &Item)> {
        self.bookings.iter().flat_map(|booking| {
            let items = booking.visit.items.iter();
            items.map(move |item| (booking, item))
        })
    }

    fn columns(&self) -> Vec<Value> {
        let column = |(id, name, role): (&str, &str, &str)| {
            let visits = self.items().filter(|(_, item)| item.resource == id);
            let blocks = self.blocks.iter().filter(|block| block.resource == id);
            let employee = self.people().find(|one| one.id == id);
            let works = employee.map(|one| self.hours.of(one, self.first));
            context! {
                // Nothing can be dragged to who does not work here.
                person => if employee.is_some() { id } else { "" },
                name,
                role,
                works => works.as_deref().map(hours::text),
                off => works.as_deref().map(hours::off),
                form => employee.map(|one| self.hours.form_of(one, self.first)),
                visits => visits.map(|(booking, item)| self.card(booking, item, works.as_deref())).collect::<Vec<_>>(),
                blocks => blocks.map(|block| self.block(block)).collect::<Vec<_>>(),
            }
        };
        self.everybody().into_iter().map(column).collect()
    }

    /// The locations that are looked at, with when they are open.
    fn locations_here(&self) -> Vec<Value> {
        let all = self.firm.locations.iter();
        let here = all.filter(|one| self.location.is_empty() || one.id == self.location);
        let place = |one: &Location| {
            context! {
                name => one.name.in_language(self.view.language()),
                form => self.hours.form_of_location(one, self.first),
            }
        };
        here.map(place).collect()
    }

    /// Somebody's working time, visits and closed times on a day of the week.
    fn cell(&self, person: &str, day: NaiveDate) -> Value {
        let zone = self.view.zone;
        let visits = self.items().filter(|(_, item)| {
            let begins = item.starts_at.with_timezone(&zone).date_naive();
            item.resource == person && begins == day
        });
        let visits = visits.map(|(booking, item)| {
            context! {
                from => item.starts_at.with_timezone(&zone).format("%H:%M").to_string(),
                service => self.service(&item.service),
                name => booking.name.as_str(),
                status => booking.status.name(),
            }
        });
        let (from, until) = bounds(zone, day, 1);
        let blocks = self
            .blocks
            .iter()
            .filter(|block| block.resource == person && block.from < until && from < block.until);
        let blocks = blocks.map(|block| {
            let clock = |at: DateTime<Utc>| at.with_timezone(&zone).format("%H:%M").to_string();
            context! {
                from => clock(block.from.max(from)),
                // The day ends at 24:00, not at the 00:00 of the next one.
                until => if block.until < until { clock(block.until) } else { "24:00".to_owned() },
                note => block.note.as_deref(),
            }
        });
        let employee = self.people().find(|one| one.id == person);
        context! {
            works => employee.map(|one| hours::text(&self.hours.of(one, day))),
            visits => visits.collect::<Vec<_>>(),
            blocks => blocks.collect::<Vec<_>>(),
        }
    }

    fn block(&self, block: &Busy) -> Value {
        let day = |at: DateTime<Utc>| at.with_timezone(&self.view.zone).date_naive();
        let within = day(block.from) == self.first && day(block.until) == self.first;
        let told = |at: DateTime<Utc>| {
            let clock = || {
                at.with_timezone(&self.view.zone)
                    .format("%H:%M")
                    .to_string()
            };
            if within { clock() } else { self.view.at(at) }
        };
        context! {
            id => block.id.to_string(),
            note => block.note.as_deref(),
            from => told(block.from),
            until => told(block.until),
            starts => self.minute(block.from),
            ends => self.minute(block.until),
        }
    }

    fn service(&self, id: &str) -> String {
        let service = self.firm.service(id);
        let name = service.map(|one| one.name.in_language(self.view.language()));
        name.unwrap_or(id).to_owned()
    }

    /// A service of a visit, and whether it lies outside of when its person works.
    fn card(&self, booking: &Booking, item: &Item, works: Option<&[Span]>) -> Value {
        let zone = &self.view.zone;
        let begins = booking.visit.starts_at().with_timezone(zone);
        let (starts, ends) = (self.minute(item.starts_at), self.minute(item.ends_at));
        let clashes = |block: &Busy| {
            let over = block.from < item.ends_at && item.starts_at < block.until;
            block.resource == item.resource && over
        };
        context! {
            id => booking.id.to_string(),
            // The whole visit is moved, not one service of it.
            at => begins.format("%Y-%m-%dT%H:%M").to_string(),
            from => item.starts_at.with_timezone(zone).format("%H:%M").to_string(),
            until => item.ends_at.with_timezone(zone).format("%H:%M").to_string(),
            starts,
            ends,
            outside => works.is_some_and(|works| !hours::is_working(works, starts, ends)),
            version => booking.version,
            // One service, and still to come about: anything else is moved by its form, or not at all.
            moves => booking.visit.items.len() == 1 && booking.status.is_active(),
            blocked => self.blocks.iter().any(clashes),
            service => self.service(&item.service),
            name => booking.name.as_str(),
            phone => booking.phone.as_deref().map(|phone| self.view.phone(phone)),
            notes => booking.notes.as_deref(),
            status => booking.status.name(),
            chat => booking.conversation.as_ref().map(link),
            key => Uuid::new_v4().to_string(),
        }
    }

    /// The hours that hold everything.
    fn shown(&self) -> (u32, u32) {
        let items = self.items();
        let spans = items.map(|(_, item)| (self.minute(item.starts_at), self.minute(item.ends_at)));
        let works = self.people().flat_map(|one| self.hours.of(one, self.first));
        let works = works.map(|span| (span.from, span.until));
        let (opens, closes) = spans
            .chain(works)
            .fold(SHOWN, |(opens, closes), (from, until)| {
                (opens.min(from), closes.max(until))
            });
        (opens / 60 * 60, closes.div_ceil(60) * 60)
    }

    /// Somebody who waits for a time, if it is one that is seen here.
    fn waiting(&self, entry: &WaitEntry) -> Option<Value> {
        let wish = Wish::of(entry)?;
        let elsewhere = |own: &str| wish.location.as_deref().is_some_and(|at| at != own);
        if self.own.is_some_and(elsewhere) {
            return None;
        }
        let services = wish.items.iter().map(|item| self.service(&item.service));
        Some(context! {
            link => link(&entry.conversation),
            services => services.collect::<Vec<_>>().join(" + "),
            said => entry.said.as_str(),
            for_whom => entry.for_whom.as_deref(),
            since => self.view.ago(entry.created_at),
            offered => entry.offer.as_ref().map(|offer| self.view.at(offer.visit.starts_at())),
        })
    }
}

/// `GET /console/visits`
pub(crate) async fn day(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let sheet = Sheet::read(&console, &view, &me, wish, 1).await?;
    let language = view.language();
    let services = sheet.firm.services.iter();
    let services = services.map(|one| (one.id.as_str(), one.name.in_language(language)));
    let staff = sheet.firm.staff.iter();
    let staff = staff.filter(|one| sheet.own.is_none_or(|own| one.location == own));
    let staff = staff.map(|one| (one.id.as_str(), one.name.in_language(language)));
    let waiting = console.store().waiting(WAITING).await?;
    let waiting = waiting.iter().filter_map(|entry| sheet.waiting(entry));
    let waiting = waiting.take(WAITING_SHOWN);
    let (opens, closes) = sheet.shown();
    let what = context! {
        day_words => words::day(language, sheet.first),
        columns => sheet.columns(),
        locations_here => sheet.locations_here(),
        opens,
        closes,
        services => Value::from(Serde(services.collect::<Vec<_>>())),
        staff => Value::from(Serde(staff.collect::<Vec<_>>())),
        waiting => waiting.collect::<Vec<_>>(),
        key => Uuid::new_v4().to_string(),
        block_key => Uuid::new_v4().to_string(),
        ..sheet.frame()
    };
    view.page("visits.html", "visits", what).await
}

/// `GET /console/visits/week`
pub(crate) async fn week(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let sheet = Sheet::read(&console, &view, &me, wish, 7).await?;
    let days: Vec<NaiveDate> = sheet.first.iter_days().take(7).collect();
    let rows = sheet.everybody().into_iter().map(|(id, name, _)| {
        let cells = days.iter().map(|day| sheet.cell(id, *day));
        context! { name, cells => cells.collect::<Vec<_>>() }
    });
    let heads = days.iter().map(|day| {
        context! { day => day.to_string(), words => words::day(view.language(), *day) }
    });
    let what = context! {
        rows => rows.collect::<Vec<_>>(),
        heads => heads.collect::<Vec<_>>(),
        ..sheet.frame()
    };
    view.page("week.html", "visits", what).await
}
