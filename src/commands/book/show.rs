//! How the book looks: tables for people, JSON for programs.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::message::ConversationId;
use zapis_core::store::{Booking, Item, Visit, WaitEntry};
use zapis_workers::book::{Found, Wish};

use super::Desk;
use crate::commands::Failure;
use crate::output::{self, Table};

/// The most who wait that are shown.
const WAITING: u32 = 1_000;

/// A booking as JSON.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: Uuid,
    version: i64,
    status: &'static str,
    #[serde(flatten)]
    visit: ShownVisit<'a>,
    name: &'a str,
    phone: Option<&'a str>,
    conversation: Option<&'a str>,
    source: &'a str,
    for_whom: Option<&'a str>,
    notes: Option<&'a str>,
    created_at: String,
}

/// A visit as JSON.
#[derive(Debug, Serialize)]
struct ShownVisit<'a> {
    location: &'a str,
    starts_at: String,
    ends_at: String,
    items: Vec<ShownItem<'a>>,
}

/// A service of a visit as JSON.
#[derive(Debug, Serialize)]
struct ShownItem<'a> {
    service: &'a str,
    person: &'a str,
    needs: &'a [String],
    starts_at: String,
    ends_at: String,
    price: &'a str,
}

/// Somebody who waits, as JSON.
#[derive(Debug, Serialize)]
struct ShownWaiting<'a> {
    id: Uuid,
    conversation: &'a str,
    name: Option<String>,
    services: Vec<String>,
    said: &'a str,
    since: String,
    until: String,
    offered: Option<ShownVisit<'a>>,
    offered_until: Option<String>,
}

/// What `free` prints.
#[derive(Debug, Serialize)]
struct ShownSlot<'a> {
    exact: bool,
    #[serde(flatten)]
    visit: ShownVisit<'a>,
}

impl Desk {
    pub(super) fn time(&self, at: DateTime<Utc>) -> String {
        self.business.local(at).to_rfc3339()
    }

    fn shown<'a>(&self, booking: &'a Booking) -> Shown<'a> {
        Shown {
            id: booking.id,
            version: booking.version,
            status: booking.status.name(),
            visit: self.shown_visit(&booking.visit),
            name: &booking.name,
            phone: booking.phone.as_deref(),
            conversation: booking.conversation.as_ref().map(ConversationId::as_str),
            source: &booking.source,
            for_whom: booking.for_whom.as_deref(),
            notes: booking.notes.as_deref(),
            created_at: self.time(booking.created_at),
        }
    }

    fn shown_visit<'a>(&self, visit: &'a Visit) -> ShownVisit<'a> {
        let item = |item: &'a Item| ShownItem {
            service: &item.service,
            person: &item.resource,
            needs: &item.needs,
            starts_at: self.time(item.starts_at),
            ends_at: self.time(item.ends_at),
            price: &item.price,
        };
        ShownVisit {
            location: &visit.location,
            starts_at: self.time(visit.starts_at()),
            ends_at: self.time(visit.ends_at()),
            items: visit.items.iter().map(item).collect(),
        }
    }

    /// Day and time, services and people of a visit.
    fn cells(&self, visit: &Visit) -> [String; 3] {
        let starts = self.business.local(visit.starts_at());
        let ends = self.business.local(visit.ends_at());
        let time = format!(
            "{}–{}",
            starts.format("%Y-%m-%d %H:%M"),
            ends.format("%H:%M")
        );
        let language = self.business.language;
        let service = |item: &Item| match self.business.service(&item.service) {
            Some(service) => service.name.in_language(language).to_owned(),
            None => item.service.clone(),
        };
        let person = |item: &Item| match self.business.employee(&item.resource) {
            Some(employee) => employee.name.in_language(language).to_owned(),
            None => item.resource.clone(),
        };
        let joined = |names: Vec<String>| names.join(" + ");
        [
            time,
            joined(visit.items.iter().map(service).collect()),
            joined(visit.items.iter().map(person).collect()),
        ]
    }

    /// A visit in one line.
    pub(super) fn line(&self, visit: &Visit) -> String {
        self.cells(visit).join("  ")
    }

    /// Prints bookings.
    pub(super) fn show(&self, bookings: &[Booking], json: bool) -> Result<(), Failure> {
        if json {
            let shown: Vec<_> = bookings.iter().map(|one| self.shown(one)).collect();
            return Ok(output::json(&shown)?);
        }
        if bookings.is_empty() {
            output::line("Nobody is booked.");
            return Ok(());
        }
        let mut table = Table::new(&[
            "time", "service", "person", "customer", "phone", "status", "id",
        ]);
        for booking in bookings {
            let [time, service, person] = self.cells(&booking.visit);
            let customer = match &booking.for_whom {
                Some(whom) => format!("{} ({whom})", booking.name),
                None => booking.name.clone(),
            };
            table.row([
                time,
                service,
                person,
                customer,
                booking.phone.clone().unwrap_or_default(),
                booking.status.name().to_owned(),
                booking.id.to_string(),
            ]);
        }
        table.print();
        Ok(())
    }

    /// Prints one booking after what was done with it.
    pub(super) fn show_one(
        &self,
        what: &str,
        booking: &Booking,
        json: bool,
    ) -> Result<(), Failure> {
        if json {
            return Ok(output::json(&self.shown(booking))?);
        }
        output::line(format!(
            "{what}: {}  {}",
            self.line(&booking.visit),
            booking.id
        ));
        Ok(())
    }

    /// Prints who waits.
    pub(super) async fn waiting(&self, json: bool) -> Result<(), Failure> {
        let entries = self
            .store
            .waiting(WAITING)
            .await
            .context("reading the waiting list")?;
        let mut names = Vec::new();
        for entry in &entries {
            let known = self.store.known(&entry.conversation).await;
            names.push(known.context("reading who waits")?.name);
        }
        let services = |entry: &WaitEntry| -> Vec<String> {
            let items = Wish::of(entry).map(|wish| wish.items).unwrap_or_default();
            items.into_iter().map(|item| item.service).collect()
        };
        let rows = entries.iter().zip(names);
        if json {
            let shown = rows.map(|(entry, name)| ShownWaiting {
                id: entry.id,
                conversation: entry.conversation.as_str(),
                name,
                services: services(entry),
                said: &entry.said,
                since: self.time(entry.created_at),
                until: self.time(entry.until),
                offered: entry
                    .offer
                    .as_ref()
                    .map(|offer| self.shown_visit(&offer.visit)),
                offered_until: entry.offer.as_ref().map(|offer| self.time(offer.until)),
            });
            return Ok(output::json(&shown.collect::<Vec<_>>())?);
        }
        if entries.is_empty() {
            output::line("Nobody waits.");
            return Ok(());
        }
        let mut table = Table::new(&["since", "customer", "service", "when", "offered"]);
        for (entry, name) in rows {
            let since = self.business.local(entry.created_at);
            let offered = entry.offer.as_ref();
            let offered = offered.map(|offer| self.cells(&offer.visit)[0].clone());
            table.row([
                since.format("%Y-%m-%d %H:%M").to_string(),
                name.unwrap_or_else(|| entry.conversation.as_str().to_owned()),
                services(entry).join(" + "),
                entry.said.clone(),
                offered.unwrap_or_default(),
            ]);
        }
        table.print();
        Ok(())
    }

    /// Prints free times.
    pub(super) fn show_free(&self, found: &Found, json: bool) -> Result<(), Failure> {
        if json {
            let slot = |visit| ShownSlot {
                exact: found.exact,
                visit: self.shown_visit(visit),
            };
            let slots: Vec<_> = found.visits.iter().map(slot).collect();
            return Ok(output::json(&slots)?);
        }
        if found.visits.is_empty() {
            output::line("Nothing is free.");
            return Ok(());
        }
        if !found.exact {
            output::line("Nothing is free then. The nearest:");
        }
        let mut table = Table::new(&["time", "service", "person"]);
        for visit in &found.visits {
            table.row(self.cells(visit));
        }
        table.print();
        Ok(())
    }
}
