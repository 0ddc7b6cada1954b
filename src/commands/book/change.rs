//! What changes the book.

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::store::{
    Block, Booked, Booking, BookingChange, Change, Changed, NewBooking, Status, Wanted,
};
use zapis_workers::book::import::{self, Outcome};
use zapis_workers::book::{Calendar, Wish, close_of, open_of};
use zapis_workers::business::day_hours;
use zapis_workers::understand::phone_number;

use super::Desk;
use crate::cli::BookCommand;
use crate::commands::{Failure, operator};
use crate::output::{self, Table};

/// What `block`, `unblock` and `hours` print.
#[derive(Debug, Serialize)]
struct Done {
    id: Option<Uuid>,
    /// Bookings that somebody must move now.
    bookings: Vec<Uuid>,
}

impl Desk {
    pub(super) async fn change(&self, command: BookCommand) -> Result<(), Failure> {
        match command {
            add @ BookCommand::Add { .. } => self.add(add).await,
            BookCommand::Move {
                id,
                at,
                person,
                json,
            } => self.shift(id, at, person, json).await,
            BookCommand::Cancel {
                id,
                by_customer,
                json,
            } => {
                let status = if by_customer {
                    Status::CancelledByCustomer
                } else {
                    Status::CancelledBySalon
                };
                self.set(id, Change::Status(status), "cancelled", json)
                    .await
            }
            BookCommand::Status { id, status, json } => {
                let status = status.status();
                self.set(id, Change::Status(status), status.name(), json)
                    .await
            }
            BookCommand::Block {
                resource,
                from,
                until,
                note,
                json,
            } => self.block(resource, from, until, note, json).await,
            BookCommand::Unblock { id, json } => self.unblock(id, json).await,
            hours @ BookCommand::Hours { .. } => self.hours(hours).await,
            // The others only look.
            _ => Ok(()),
        }
    }

    async fn add(&self, command: BookCommand) -> Result<(), Failure> {
        let BookCommand::Add {
            wish,
            at,
            name,
            phone,
            for_whom,
            notes,
            source,
            json,
        } = command
        else {
            return Ok(());
        };
        let phone = match phone {
            None => None,
            Some(text) => Some(phone_number(&text).ok_or_else(|| {
                Failure::Usage("--phone is no phone number: write \"+7 912 345-67-89\"".into())
            })?),
        };
        let visit = self.exactly(self.wish(&wish)?, at).await?;
        let request = NewBooking {
            wanted: Wanted::Visit(visit),
            cause: Uuid::new_v4(),
            who: operator(),
            conversation: None,
            name,
            phone,
            source,
            for_whom,
            notes,
        };
        match self.book.book(&request).await.context("booking")? {
            Booked::Booked(booking) | Booked::Already(booking) => {
                self.show_one("booked", &booking, json)
            }
            Booked::Taken | Booked::NoHold => Err(taken()),
        }
    }

    async fn shift(
        &self,
        id: Uuid,
        at: NaiveDateTime,
        person: Option<String>,
        json: bool,
    ) -> Result<(), Failure> {
        let booking = self.found(id).await?;
        let wish = Wish::to_move(&booking, person.as_deref());
        if let Some(fault) = wish.fault(&self.business, false) {
            return Err(Failure::Usage(self.words(&fault)));
        }
        let visit = self.exactly(wish, at).await?;
        self.changed(&booking, Change::Move(Wanted::Visit(visit)), "moved", json)
            .await
    }

    async fn set(&self, id: Uuid, to: Change, what: &str, json: bool) -> Result<(), Failure> {
        let booking = self.found(id).await?;
        self.changed(&booking, to, what, json).await
    }

    async fn changed(
        &self,
        booking: &Booking,
        to: Change,
        what: &str,
        json: bool,
    ) -> Result<(), Failure> {
        let change = BookingChange {
            booking: booking.id,
            version: booking.version,
            cause: Uuid::new_v4(),
            who: operator(),
            conversation: None,
            to,
        };
        match self.book.change(&change).await.context("changing it")? {
            Changed::Done(booking) => self.show_one(what, &booking, json),
            Changed::Stale(booking) => Err(Failure::Failed(anyhow::anyhow!(
                "the booking is {} or has changed meanwhile: look at it again",
                booking.status.name()
            ))),
            Changed::Taken | Changed::NoHold => Err(taken()),
            Changed::Unknown => Err(unknown(booking.id)),
        }
    }

    async fn found(&self, id: Uuid) -> Result<Booking, Failure> {
        let booking = self.store.booking(id).await.context("reading the book")?;
        booking.ok_or_else(|| unknown(id))
    }

    /// A moment of the firm's clock.
    fn moment(&self, at: NaiveDateTime) -> DateTime<Utc> {
        let minute = at.hour() * 60 + at.minute();
        open_of(self.business.time_zone, at.date(), minute)
    }

    async fn block(
        &self,
        resource: String,
        from: NaiveDateTime,
        until: NaiveDateTime,
        note: String,
        json: bool,
    ) -> Result<(), Failure> {
        self.known(&resource, false)?;
        let (from, until) = (self.moment(from), self.moment(until));
        if until <= from || until - from > TimeDelta::days(366) {
            return Err(Failure::Usage(
                "--until must come after --from, and within a year of it".into(),
            ));
        }
        let block = Block {
            resource,
            from,
            until,
            note,
            cause: Uuid::new_v4(),
        };
        let id = self.store.block(&block, self.clock.now()).await;
        let id = id.context("blocking the time")?;
        self.concerned("blocked", Some(id), &block.resource, from, until, json)
            .await
    }

    async fn unblock(&self, id: Uuid, json: bool) -> Result<(), Failure> {
        let found = self.store.unblock(id).await.context("opening the time")?;
        if !found {
            return Err(Failure::Failed(anyhow::anyhow!("there is no block {id}")));
        }
        if json {
            let bookings = Vec::new();
            return Ok(output::json(&Done {
                id: Some(id),
                bookings,
            })?);
        }
        output::line("open again");
        Ok(())
    }

    async fn hours(&self, command: BookCommand) -> Result<(), Failure> {
        let BookCommand::Hours {
            resource,
            day,
            hours,
            json,
        } = command
        else {
            return Ok(());
        };
        self.known(&resource, true)?;
        let spans = match hours.as_str() {
            "as-usual" => None,
            text => Some(day_hours(text).ok_or_else(|| {
                Failure::Usage(format!(
                    "`{text}` is not working time: write \"10:00-14:00, 15:00-20:00\", closed or as-usual"
                ))
            })?),
        };
        let spans: Option<Vec<(u32, u32)>> =
            spans.map(|spans| spans.iter().map(|span| (span.from, span.until)).collect());
        let (who, now) = (operator(), self.clock.now());
        let set = self
            .store
            .set_hours(&resource, day, spans.as_deref(), &who, now);
        set.await.context("setting the working time")?;
        let zone = self.business.time_zone;
        let (from, until) = (open_of(zone, day, 0), close_of(zone, day, 24 * 60));
        self.concerned("set", None, &resource, from, until, json)
            .await
    }

    /// Tells which visits lie in time whose working hours have changed.
    async fn concerned(
        &self,
        what: &str,
        id: Option<Uuid>,
        resource: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        json: bool,
    ) -> Result<(), Failure> {
        let bookings = self.store.visits_at(resource, from, until).await;
        let bookings = bookings.context("reading the book")?;
        if json {
            return Ok(output::json(&Done { id, bookings })?);
        }
        let id = id.map_or_else(String::new, |id| format!("  {id}"));
        output::line(format!("{what}{id}"));
        for booking in &bookings {
            output::line(format!(
                "look at this visit, it is booked in that time: {booking}"
            ));
        }
        Ok(())
    }

    pub(super) async fn import(
        &self,
        file: &Path,
        person: Option<&str>,
        dry_run: bool,
        json: bool,
    ) -> Result<(), Failure> {
        let bad = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
        let extension = file.extension().and_then(std::ffi::OsStr::to_str);
        let rows = match (extension, person) {
            (Some("csv"), _) => import::table(&text),
            (Some("ics"), Some(person)) => import::calendar(&text, self.business.time_zone, person),
            (Some("ics"), None) => {
                return Err(bad("whose calendar is it? add --person ID".into()));
            }
            _ => return Err(bad("only .csv and .ics can be read".into())),
        };
        let rows = rows.map_err(|error| bad(error.to_string()))?;
        let who = operator();
        let done = self.book.import(&self.business, &rows, &who, dry_run);
        let lines = done.await.context("writing into the book")?;
        if json {
            output::json(&lines)?;
        } else {
            let mut table = Table::new(&["line", "outcome", "why"]);
            for line in &lines {
                let outcome = match line.outcome {
                    Outcome::Booked if dry_run => "would be booked",
                    Outcome::Booked => "booked",
                    Outcome::Already => "already there",
                    Outcome::Refused => "not booked",
                };
                let why = line.why.clone().unwrap_or_default();
                table.row([line.line.to_string(), outcome.to_owned(), why]);
            }
            table.print();
        }
        if lines.iter().any(|line| line.outcome == Outcome::Refused) {
            return Err(Failure::Told);
        }
        Ok(())
    }
}

fn taken() -> Failure {
    Failure::Failed(anyhow::anyhow!(
        "somebody else has just taken this time: ask `zapis book free` again"
    ))
}

fn unknown(id: Uuid) -> Failure {
    Failure::Failed(anyhow::anyhow!("there is no booking {id}"))
}
