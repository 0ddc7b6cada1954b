//! `zapis book`: the appointment book from the terminal.

mod change;
mod feed;
mod show;

use anyhow::Context;
use chrono::{NaiveDate, NaiveDateTime};
use zapis_core::Clock;
use zapis_core::store::{Booking, Store, Visit};
use zapis_workers::book::{Asker, Book, Calendar, Found, Wish, WishFault, WishItem};
use zapis_workers::book::{close_of, open_of};
use zapis_workers::business::Business;
use zapis_workers::when;

use super::Failure;
use crate::cli::{BookCommand, Wished};
use crate::config::Loaded;
use crate::output;

/// How many other times are told when the wished one is taken.
const OTHERS: usize = 5;

/// `zapis book …`
pub(super) async fn book(loaded: &Loaded, command: BookCommand) -> Result<(), Failure> {
    let store = super::store(loaded).await?;
    let business = super::business(loaded, &store).await?;
    let clock = Clock::system();
    let desk = Desk {
        book: Book::new(store.clone(), clock.clone()),
        business,
        store,
        clock,
        public_url: loaded.config.server.public_url.clone(),
    };
    let result = desk.does(command).await;
    desk.store.close().await;
    result
}

/// What all of these commands need.
struct Desk {
    business: Business,
    store: Store,
    book: Book,
    clock: Clock,
    public_url: String,
}

/// Which visits are shown.
struct Only<'a> {
    person: Option<&'a str>,
    location: Option<&'a str>,
    /// Also those that were cancelled or missed.
    all: bool,
}

impl Desk {
    async fn does(&self, command: BookCommand) -> Result<(), Failure> {
        match command {
            BookCommand::Today {
                person,
                location,
                all,
                json,
            } => {
                let today = self.now().date();
                let only = Only {
                    person: person.as_deref(),
                    location: location.as_deref(),
                    all,
                };
                self.list(today, 1, &only, json).await
            }
            BookCommand::List {
                from,
                days,
                person,
                all,
                json,
            } => {
                let from = from.unwrap_or_else(|| self.now().date());
                let only = Only {
                    person: person.as_deref(),
                    location: None,
                    all,
                };
                self.list(from, days, &only, json).await
            }
            BookCommand::Waiting { json } => self.waiting(json).await,
            BookCommand::Free {
                wish,
                when,
                limit,
                json,
            } => self.free(&wish, when.as_deref(), limit, json).await,
            BookCommand::Import {
                file,
                person,
                dry_run,
                json,
            } => self.import(&file, person.as_deref(), dry_run, json).await,
            BookCommand::Feed(command) => self.feed(command).await,
            change => self.change(change).await,
        }
    }

    /// The firm's clock.
    fn now(&self) -> NaiveDateTime {
        self.business.local(self.clock.now()).naive_local()
    }

    async fn list(
        &self,
        from: NaiveDate,
        days: u32,
        only: &Only<'_>,
        json: bool,
    ) -> Result<(), Failure> {
        if let Some(person) = only.person {
            self.known(person, false)?;
        }
        if let Some(location) = only.location {
            self.known(location, true)?;
        }
        let zone = self.business.time_zone;
        let last = from + chrono::Days::new(u64::from(days) - 1);
        let (from, until) = (open_of(zone, from, 0), close_of(zone, last, 24 * 60));
        let mut bookings = self
            .store
            .bookings_between(from, until)
            .await
            .context("reading the book")?;
        let does = |booking: &Booking, person: &str| {
            let mut items = booking.visit.items.iter();
            items.any(|item| item.resource == person)
        };
        bookings.retain(|booking| {
            (only.all || booking.status.is_active())
                && only.person.is_none_or(|person| does(booking, person))
                && only.location.is_none_or(|id| booking.visit.location == id)
        });
        self.show(&bookings, json)
    }

    async fn free(
        &self,
        wished: &Wished,
        words: Option<&str>,
        limit: usize,
        json: bool,
    ) -> Result<(), Failure> {
        let mut wish = self.wish(wished)?;
        if let Some(words) = words {
            wish.when = when::read(words, self.now()).wish;
            if wish.when.is_empty() {
                return Err(Failure::Usage(format!(
                    "`{words}` says nothing about time: write \"завтра после 17\" or 2026-12-01"
                )));
            }
        }
        let found = self.find(&wish, limit).await?;
        self.show_free(&found, json)
    }

    async fn find(&self, wish: &Wish, limit: usize) -> Result<Found, Failure> {
        let found = self.book.find(&self.business, wish, Asker::Staff, limit);
        Ok(found.await.context("reading the book")?)
    }

    /// The one visit at exactly this time, or the nearest ones as a complaint.
    async fn exactly(&self, wish: Wish, at: NaiveDateTime) -> Result<Visit, Failure> {
        if at <= self.now() {
            return Err(Failure::Usage("that time is over".into()));
        }
        let found = self.find(&wish.at(at), OTHERS).await?;
        let mut visits = found.visits.iter();
        match visits.next() {
            Some(visit) if found.exact => Ok(visit.clone()),
            _ => {
                output::complain("error: nobody who does this is free then; the nearest times:");
                for visit in &found.visits {
                    output::complain(format!("  {}", self.line(visit)));
                }
                Err(Failure::Told)
            }
        }
    }

    /// What was asked for, with ids that there are.
    fn wish(&self, wished: &Wished) -> Result<Wish, Failure> {
        let people = &wished.person;
        if people.len() > 1 && people.len() != wished.services.len() {
            return Err(Failure::Usage(
                "give --person once for all services, or once for each of them".into(),
            ));
        }
        let items = wished.services.iter().enumerate();
        let items = items.map(|(n, service)| WishItem {
            service: service.clone(),
            person: people.get(n).or(people.first()).cloned(),
        });
        let wish = Wish {
            items: items.collect(),
            together: wished.together,
            ..Wish::default()
        };
        match wish.fault(&self.business, false) {
            None => Ok(wish),
            Some(fault) => Err(Failure::Usage(self.words(&fault))),
        }
    }

    fn words(&self, fault: &WishFault) -> String {
        let services = || self.business.services.iter().map(|one| one.id.as_str());
        let list = |ids: Vec<&str>| ids.join(", ");
        match fault {
            WishFault::NoService => "name a service".to_owned(),
            WishFault::UnknownService(id) => {
                format!(
                    "there is no service `{id}`: use one of {}",
                    list(services().collect())
                )
            }
            WishFault::UnknownPerson(id) => {
                let people = self.business.staff.iter().map(|one| one.id.as_str());
                format!(
                    "there is no person `{id}`: use one of {}",
                    list(people.collect())
                )
            }
            WishFault::NotDoneBy { service, person } => {
                let staff = self.business.staff.iter();
                let able = staff.filter(|one| one.services.contains(service));
                let able = able.map(|one| one.id.as_str());
                format!(
                    "{person} does not do {service}; who does: {}",
                    list(able.collect())
                )
            }
            WishFault::NotOnline(id) => format!("{id} is booked by the staff only"),
        }
    }

    /// Refuses an id that is nobody's: of people, of rooms, and of locations where these count too.
    fn known(&self, id: &str, locations: bool) -> Result<(), Failure> {
        let people = self.business.staff.iter().map(|one| one.id.as_str());
        let rooms = self.business.resources.iter().map(|one| one.id.as_str());
        let places = self.business.locations.iter().filter(|_| locations);
        let mut all = people.chain(rooms).chain(places.map(|one| one.id.as_str()));
        if all.clone().any(|known| known == id) {
            return Ok(());
        }
        let first = all.next().unwrap_or_default().to_owned();
        let list = all.fold(first, |list, id| format!("{list}, {id}"));
        Err(Failure::Usage(format!(
            "there is no `{id}`: use one of {list}"
        )))
    }
}
